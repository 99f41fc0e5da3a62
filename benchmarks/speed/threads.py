"""The threads that a contestant of ours may use."""

import os
from concurrent.futures import Executor, ThreadPoolExecutor


def executor() -> Executor | None:
    """Return an executor for as many threads as Numba is told; None for one thread."""
    count = int(os.environ.get("NUMBA_NUM_THREADS", "1"))
    return ThreadPoolExecutor(count) if count > 1 else None
