"""What decides the last bits of a result, besides the program and its data."""

import os
import platform

import numba
import numpy as np
import scipy
from llvmlite.binding import get_host_cpu_name


def environment() -> dict[str, str]:
    """Return the versions, the processor and the threads of the linear algebra.

    Sums are rounded in the order in which a library takes them, which depends on the
    instructions of the processor and on the number of threads that share the work.
    """
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
        "processor": get_host_cpu_name(),
        "threads": str(threads()),
    }


def threads() -> int:
    """Return how many threads the linear algebra may use."""
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(variable, "").isdigit():
            return int(os.environ[variable])
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
