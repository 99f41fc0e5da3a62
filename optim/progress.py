"""Progress of a run on stderr, as a callback of `fit`."""

import sys

from optim.fit import Info

INTERVAL = 10.0  # seconds between two lines where there is no terminal


class Progress:
    """Show step, metrics and time: a bar on a terminal with tqdm, else lines.

    Use one for each run: `fit(..., callbacks=[Progress("classifier")])`.
    """

    def __init__(self, label: str = "fit"):
        self.label = label
        self._bar = None
        self._shown = 0.0

    def __call__(self, info: Info) -> None:
        if info.step == 1:
            self._bar = _bar(self.label, info.steps)
        metrics = " ".join(
            f"{name}={value:.4g}" for name, value in info.metrics.items()
        )
        if self._bar is not None:
            self._bar.set_postfix_str(metrics, refresh=False)
            self._bar.update()
            if info.step == info.steps:
                self._bar.close()
        elif info.elapsed - self._shown >= INTERVAL or info.step == info.steps:
            self._shown = info.elapsed
            line = f"{self.label}: step {info.step}/{info.steps} {metrics}"
            sys.stderr.write(f"{line} {info.elapsed:.0f} s\n")


def _bar(label: str, steps: int):
    """Return a tqdm bar, or None if stderr is not a terminal or tqdm is missing."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=steps, desc=label, file=sys.stderr)
