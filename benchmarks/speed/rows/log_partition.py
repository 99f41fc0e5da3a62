"""The exact log Z of restricted Boltzmann machines with up to 2^20 hidden states:

    Z = sum_h exp(b.h) prod_i (1 + exp(a_i + (W h)_i)).

All count through the hidden states, and sum the visible ones in closed form.
"""

import numpy as np

from benchmarks.speed.peers import log_partition as peers
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.threads import executor
from samplers.exact import log_partition
from samplers.machine import Machine

VISIBLE, HIDDEN, MORE_HIDDEN = 64, 18, 20


def problem(size, rng: np.random.Generator) -> Problem:
    """Draw parameters with which units are neither free nor frozen."""
    visible, hidden = size
    return {
        "W": rng.normal(size=size) / visible**0.5,
        "a": rng.normal(size=visible),
        "b": rng.normal(size=hidden),
    }


def ours(problem: Problem) -> Run:
    """Call log_partition, its threads by an executor."""
    machine, threads = Machine(**problem), executor()

    def run(repetitions):
        for _ in range(repetitions):
            log_Z = log_partition(machine, executor=threads)
        return {"log Z": log_Z}

    return run


def work(size, result) -> Work:
    """Count an addition for each field of each state, and one for each term.

    What a softplus costs is not counted: no number of operations is the least.
    """
    visible, hidden = size
    return Work(flops=2 * visible * 2**hidden, bytes=0)


ROW = Row(
    title="exact log Z of a binary machine",
    dtype="float64",
    cases={f"{VISIBLE}x{n}": (VISIBLE, n) for n in (HIDDEN, MORE_HIDDEN)},
    scaled={f"{SCALE * VISIBLE}x{HIDDEN}": (SCALE * VISIBLE, HIDDEN)},
    problem=problem,
    ours=ours,
    peers={
        "NumPy": Peer(
            peers.numpy, "numpy", "chunks of 1024 states, log1p(exp) in place"
        ),
        "PyTorch": Peer(peers.pytorch, "torch", "chunks of 1024 states, softplus"),
    },
    tolerance={"log Z": 1e-12},
    work=work,
)
