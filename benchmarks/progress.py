"""What is running, and for how long: lines on stderr."""

import sys
import threading
import time
from typing import TextIO


class Progress:
    """Tell on a stream that something runs, while the `with` block runs.

    On a terminal one line counts the seconds; elsewhere a new line comes every
    `interval` seconds, so that a log stays short.
    """

    def __init__(
        self,
        label: str,
        *,
        budget: float | None = None,
        stream: TextIO | None = None,
        interval: float = 10.0,
    ):
        self.stream = sys.stderr if stream is None else stream
        self.terminal = self.stream.isatty()
        self.interval = 0.5 if self.terminal else interval
        self.label = label
        self.budget = "" if budget is None else f" of about {budget:.0f}"
        self.finished = threading.Event()

    def __enter__(self) -> "Progress":
        self.start = time.perf_counter()
        self.thread = threading.Thread(target=self.count, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self.finished.set()
        self.thread.join()
        verb = "done in" if kind is None else "stopped after"
        self.say(f"{self.label}: {verb} {self.seconds:.1f} s", last=True)

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.perf_counter() - self.start

    def count(self) -> None:
        """Say the elapsed time at every interval until the block ends."""
        while not self.finished.wait(self.interval):
            self.say(f"{self.label}: {self.seconds:.0f}{self.budget} s")

    def say(self, text: str, last: bool = False) -> None:
        """Print a line, over the former one when the stream is a terminal."""
        if self.terminal:
            text = f"\r\033[K{text}"
        self.stream.write(text if self.terminal and not last else f"{text}\n")
        self.stream.flush()
