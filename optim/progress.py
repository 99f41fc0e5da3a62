"""Progress of a run on stderr, as a callback of `fit`."""

import sys

from optim.run import Info

INTERVAL = 10.0  # seconds between two lines where there is no terminal


class Progress:
    """Show step, metrics and time: a bar on a terminal with tqdm, else lines.

    For `fit(..., callbacks=[Progress("classifier")])`, which also closes it.
    """

    def __init__(self, label: str = "fit"):
        self.label = label
        self._bar = None
        self._last: Info | None = None
        self._shown = 0.0

    def __call__(self, info: Info) -> None:
        if self._last is None:
            self._bar = _bar(self.label, info)
        self._last = info
        if self._bar is not None:
            self._bar.set_postfix_str(_metrics(info), refresh=False)
            self._bar.update()
        elif info.elapsed - self._shown >= INTERVAL:
            self._write_line(info)

    def close(self) -> None:
        """Show the last step, if it is not shown yet, and be ready for another run."""
        if self._bar is not None:
            self._bar.close()
        elif self._last is not None and self._last.elapsed > self._shown:
            self._write_line(self._last)
        self._bar, self._last, self._shown = None, None, 0.0

    def _write_line(self, info: Info) -> None:
        self._shown = info.elapsed
        line = f"{self.label}: step {info.step}/{info.steps} {_metrics(info)}"
        sys.stderr.write(f"{line} {info.elapsed:.0f} s\n")


def _metrics(info: Info) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in info.metrics.items())


def _bar(label: str, info: Info):
    """Return a tqdm bar, or None if stderr is not a terminal or tqdm is missing."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    done = info.step - 1
    return tqdm(total=info.steps, initial=done, desc=label, file=sys.stderr)
