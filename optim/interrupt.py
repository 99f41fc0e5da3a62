"""Ctrl-C that waits for the end of a step.

Python raises KeyboardInterrupt between any two lines, also between two arrays of one
update, and would leave half of a model one step ahead of the other.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Within the block, let the first Ctrl-C set an event instead of raising.

    A second one raises KeyboardInterrupt at once. Signals reach the main thread only:
    in another one, or where the program has a handler of its own, nothing changes and
    the event stays unset.
    """
    asked = threading.Event()

    def handle(signum, frame):
        if asked.is_set():
            signal.default_int_handler(signum, frame)
        asked.set()

    ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, handle)
    try:
        yield asked
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
