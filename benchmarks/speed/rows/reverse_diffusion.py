"""The reverse chain of a diffusion, from N(0, I) to a mixture of eight Gaussians.

The denoiser is exact, the mean of x_0 given x_t, so that there is no network: a step
costs what a step of the row langevin does, and coefficients of its own. Each repetition
is a whole chain, from the given x_T. The mean of x_0 is compared, and that of its
square distance from the nearest of the means of the mixture. Ours takes one thread: to
share out a millisecond would take longer.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.speed.peers import diffusion as peers
from benchmarks.speed.peers.mixture import SD, judged, ring
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.rows import langevin
from samplers.chains import Chains
from samplers.mixture_denoiser import mixture_denoiser
from samplers.reverse import Reverse
from samplers.schedules import cosine

COMPONENTS = 8


@dataclass(frozen=True)
class Size:
    """Points, and the steps of the chain."""

    points: int
    steps: int


FIRST = Size(points=1000, steps=100)


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw x_T, and write for the peers the numbers of each t = 1, ..., T.

    x_s = a x0hat + b x_t + c xi, s = t - 1, is drawn from q(x_s | x_t, x_0 = x0hat).
    """
    weights, means = ring(COMPONENTS)
    abar = cosine(size.steps).abar
    before, abar = abar[:-1], abar[1:]
    alpha = abar / before
    numbers = {
        "signal": np.sqrt(abar),
        "variance": abar * SD**2 + 1 - abar,
        "a": np.sqrt(before) * (1 - alpha) / (1 - abar),
        "b": np.sqrt(alpha) * (1 - before) / (1 - abar),
        "c": np.sqrt((1 - alpha) * (1 - before) / (1 - abar)),
    }
    return {
        "weights": weights,
        "means": means,
        "state": rng.standard_normal((size.points, 2), np.float32),
        **{name: array.astype(np.float32) for name, array in numbers.items()},
    }


def ours(problem: Problem) -> Run:
    """Run Chains of Reverse, in one thread."""
    means, steps = problem["means"], len(problem["a"])
    schedule, sds = cosine(steps), np.full(len(means), SD)
    denoiser = mixture_denoiser(
        problem["weights"], means, sds, schedule, dtype=np.float32
    )
    sampler = Reverse(denoiser, schedule)

    def run(repetitions):
        for rng in range(repetitions):
            chains = Chains(sampler, state=problem["state"], rng=rng, thin=steps)
            draws = chains.run(1)
        return judged(draws[:, 0], means)

    return run


def work(size: Size, result) -> Work:
    """Count what is counted for as many steps of the row langevin."""
    return Work(8 * (COMPONENTS + 1) * size.points * size.steps, bytes=0)


ROW = Row(
    title=f"reverse diffusion, exact denoiser of {COMPONENTS} Gaussians in 2-D, "
    f"{FIRST.points} points, {FIRST.steps} steps",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x points": replace(FIRST, points=SCALE * FIRST.points),
        f"{SCALE}x steps": replace(FIRST, steps=SCALE * FIRST.steps),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(
            peers.reverse_pytorch, "torch", "addmm, softmax, all noise at once"
        ),
        "JAX": Peer(
            peers.reverse_jax, "jax", "jitted scan over the steps, all noise at once"
        ),
    },
    # There are as many points as chains there, and of the same law, but for its steps.
    tolerance=langevin.TOLERANCE,
    work=work,
)
