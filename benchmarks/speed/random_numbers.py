"""Filling an array with random numbers: the work of the rows uniforms and normals.

A repetition fills the buffer once more, with other numbers: ours take the next step of
the address, NumPy's generator goes on. The numbers of the two cannot be the same, so
the last buffer is judged by the shares that lie below some marks: the standard error of
the difference of two shares of n numbers is at most sqrt(1 / (2 n)).
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.speed.peers import random_numbers as peers
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from samplers.philox import PROPOSAL, draw_key, normals, uniforms

LEAST, MOST = 4096, 65536
STANDARD_ERRORS = 6


@dataclass(frozen=True)
class Size:
    """A law, by its name in NumPy's Generator, how many numbers, and their dtype."""

    law: str
    numbers: int
    dtype: str


def row(law: str, dtype: str = "float32") -> Row:
    """Return the row of a law, "random" or "standard_normal"."""
    return Row(
        title=f"one number of Generator.{law}, filling an array",
        dtype=dtype,
        cases={f"{n:,} numbers": Size(law, n, dtype) for n in (LEAST, MOST)},
        scaled={f"{SCALE}x numbers": Size(law, SCALE * LEAST, dtype)},
        problem=problem,
        ours=ours,
        peers={"NumPy": Peer(peers.numpy, "numpy", f"Generator.{law} with out=")},
        # Of the smallest buffer, and relative to the largest share, 0.9 or more.
        tolerance={"shares": STANDARD_ERRORS * (2 * LEAST) ** -0.5 / 0.9},
        work=lambda size, result: Work(0, np.dtype(dtype).itemsize * size.numbers),
        units=lambda size: size.numbers,
        threaded=False,
    )


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Return the buffer to fill."""
    return {"law": np.array(size.law), "buffer": np.zeros(size.numbers, size.dtype)}


def ours(problem: Problem) -> Run:
    """Fill the buffer by a kernel of samplers.philox."""
    law, out = str(problem["law"]), problem["buffer"]
    fill = {"random": uniforms, "standard_normal": normals}[law]
    key = draw_key(0)

    def run(repetitions):
        for step in range(repetitions):
            fill(key, 0, step, PROPOSAL, out)
        return peers.judged(law, out)

    return run
