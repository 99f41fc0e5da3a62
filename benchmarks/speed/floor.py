"""The floor: a time that no program can beat on the machine at hand.

Arithmetic takes at least flops / (rate of a large matrix product), moving data at least
bytes / bandwidth, and the two can overlap: the larger one is the floor. Both rates are
measured beside the work. Data are copied in pieces as large as what one pass of the
work moves, so that what fits in a cache is held to the speed of that cache; a copy has
one thread, and with n of them the bandwidth is at most n times as high.
"""

import numpy as np

from benchmarks.speed.contestant import Contestant
from benchmarks.speed.row import Problem, Run, Work

ROWS = 2048
# A copy of fewer bytes takes little longer than its call.
LEAST_BYTES = 2**18
# The best of several short trials: one of them, at least, is not disturbed.
TRIAL, TRIALS = 0.01, 10


def product(problem: Problem) -> Run:
    """Multiply two square matrices: 2 ROWS^3 operations."""
    rng = np.random.default_rng(0)
    A, B = rng.random((2, ROWS, ROWS)).astype(str(problem["dtype"]))
    out = np.empty_like(A)

    def run(repetitions):
        for _ in range(repetitions):
            np.matmul(A, B, out=out)
        return {}

    return run


def copying(problem: Problem) -> Run:
    """Copy one array to another: half of the bytes are read and half are written."""
    source = np.ones(int(problem["bytes"]) // 2, np.uint8)
    target = np.empty_like(source)

    def run(repetitions):
        for _ in range(repetitions):
            np.copyto(target, source)
        return {}

    return run


def flops_rate(worker: Contestant, dtype: str) -> float:
    """Return operations per second; the worker runs `product`."""
    return rate(worker, {"dtype": np.array(dtype)}, 2 * ROWS**3)


def bandwidth(worker: Contestant, size: float) -> float:
    """Return bytes per second among `size` bytes; the worker runs `copying`."""
    size = max(size, LEAST_BYTES)
    return rate(worker, {"bytes": np.array(size)}, size)


def rate(worker: Contestant, problem: Problem, amount: float) -> float:
    """Return how much is done in a second, at best, if a repetition does `amount`."""
    worker.prepare(problem)
    repetitions = worker.repetitions_in(TRIAL)
    seconds = min(worker.repeat(repetitions).seconds for _ in range(TRIALS))
    return amount * repetitions / seconds


def floor(work: Work, flops_rate: float, bandwidth: float) -> float:
    """Return the seconds below which the work cannot be done."""
    return max(work.flops / flops_rate, work.bytes / bandwidth)
