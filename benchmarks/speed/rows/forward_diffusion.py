"""The forward chain of a diffusion, q(x_t | x_(t-1)), on points as large as images.

A unit of the work is one number of one step: a normal number, two products and a sum.
A repetition is half of a schedule, where about half of x_0 is left: how much of it is
compared, and the variance of the rest. Nearly all of the time is that of the normal
numbers, which the row normals tells alone. In the first case each step of all points is
0.8 MB and stays in a cache; "10,000 points" is 31 MB, for a few steps of many.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.speed.peers import diffusion as peers
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.threads import executor
from samplers.chains import Chains
from samplers.forward import Forward
from samplers.schedules import Schedule, cosine


@dataclass(frozen=True)
class Size:
    """Points, their coordinates, and the steps of the chain."""

    points: int
    dimension: int
    steps: int

    @property
    def numbers(self) -> int:
        """Return how many numbers of x_1, x_2... a repetition makes."""
        return self.points * self.dimension * self.steps


FIRST = Size(points=250, dimension=784, steps=100)
MANY_POINTS = Size(points=10_000, dimension=784, steps=20)
# Of the differences of two signals and of two variances of noise; both are about 1/2.
SIGNAL_ERROR = (1 / (FIRST.points * FIRST.dimension)) ** 0.5
NOISE_ERROR = (1 / (FIRST.points * FIRST.dimension)) ** 0.5


def schedule(steps: int) -> Schedule:
    """Return a schedule that is half over after so many steps."""
    return cosine(2 * steps)


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw points, and write the coefficients of each step for the peers."""
    times = slice(1, size.steps + 1)
    whole = schedule(size.steps)
    return {
        "state": rng.standard_normal((size.points, size.dimension), np.float32),
        "keep": np.sqrt(whole.alpha[times]).astype(np.float32),
        "spread": np.sqrt(whole.beta[times]).astype(np.float32),
    }


def ours(problem: Problem) -> Run:
    """Run Chains of Forward, its threads by an executor."""
    x_0, steps, threads = problem["state"], len(problem["keep"]), executor()
    sampler = Forward(schedule(steps), x_0.shape[1], dtype=np.float32)

    def run(repetitions):
        for rng in range(repetitions):
            chains = Chains(sampler, state=x_0, rng=rng, thin=steps)
            draws = chains.run(1, executor=threads)
        return peers.judged_forward(x_0, draws[:, 0])

    return run


def work(size: Size, result) -> Work:
    """Count two products and a sum for each number; x_0 is read and x_T written once.

    What a normal number costs is not counted: no number of operations is the least.
    """
    return Work(3 * size.numbers, bytes=2 * 4 * size.points * size.dimension)


ROW = Row(
    title=f"one number of the chain q(x_t | x_(t-1)), {FIRST.points} points of "
    f"{FIRST.dimension}, {FIRST.steps} steps",
    dtype="float32",
    cases={"1x": FIRST, f"{MANY_POINTS.points:,} points": MANY_POINTS},
    scaled={
        f"{SCALE}x points": replace(FIRST, points=SCALE * FIRST.points),
        f"{SCALE}x steps": replace(FIRST, steps=SCALE * FIRST.steps),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.forward_pytorch, "torch", "normal_, mul_ and add_"),
        "JAX": Peer(peers.forward_jax, "jax", "jitted scan over the steps"),
    },
    tolerance={"signal": 6 * SIGNAL_ERROR / 0.7, "noise": 6 * NOISE_ERROR / 0.5},
    work=work,
    units=lambda size: size.numbers,
)
