"""How far a loop has come, on stderr: a bar on a terminal with tqdm, else lines."""

import sys
from typing import Any

INTERVAL = 10.0  # seconds between two lines where there is no terminal


class Meter:
    """Show that `done` of `total` rounds are done.

    label : what runs
    unit : what is counted, in one word
    done : the rounds that were done before this run
    """

    def __init__(self, label: str, unit: str, total: int, done: int = 0):
        self.label, self.unit, self.total = label, unit, total
        self._bar = _bar(label, total, done)
        self._done = done
        self._seconds = self._shown = 0.0
        self._text = ""

    def show(self, done: int, seconds: float, text: str = "") -> None:
        """Tell the count, the seconds since the start and a few words more."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(done - self._done)
        self._done, self._seconds, self._text = done, seconds, text
        if self._bar is None and seconds - self._shown >= INTERVAL:
            self._write_line()

    def close(self) -> None:
        """Show the last count, if it is not shown yet."""
        if self._bar is not None:
            self._bar.close()
        elif self._seconds > self._shown:
            self._write_line()

    def _write_line(self) -> None:
        self._shown = self._seconds
        words = [f"{self.label}: {self.unit} {self._done}/{self.total}", self._text]
        words.append(f"{self._seconds:.0f} s")
        sys.stderr.write(" ".join(filter(None, words)) + "\n")


def _bar(label: str, total: int, done: int) -> Any:
    """Return a tqdm bar, or None if stderr is not a terminal or tqdm is missing."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=total, initial=done, desc=label, file=sys.stderr)
