"""Unadjusted Langevin dynamics on a mixture of eight Gaussians, in the plane.

A repetition goes on from the states of the last one. No two libraries draw the same
noise, but the chains have the same law: the mean of the last states is compared, and
that of their square distance from the nearest mean. Most of the time goes into
exponentials and normal numbers, of which the floor knows nothing.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.speed.peers import langevin as peers
from benchmarks.speed.peers.langevin import STEP_SIZE, STEPS
from benchmarks.speed.peers.mixture import LEAN, RADIUS, SD, judged, ring
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.threads import executor
from samplers.chains import Chains
from samplers.langevin import Langevin
from samplers.mixture import mixture_target


@dataclass(frozen=True)
class Size:
    """Chains, and the components of the mixture."""

    chains: int
    components: int


FIRST = Size(chains=1000, components=8)
# Of the difference of two means of n chains: along an axis the variance is RADIUS^2 / 2
# and a little, and a square distance has at most that of a squared normal.
MEAN_ERROR = (2 * (RADIUS**2 / 2 + 2 * SD**2) / FIRST.chains) ** 0.5
SPREAD_ERROR = 2 / FIRST.chains**0.5
TOLERANCE = {
    "mean x": 6 * MEAN_ERROR / (RADIUS * LEAN / 2),
    "spread": 6 * SPREAD_ERROR,
}


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Return a ring of Gaussians, and chains that start where it has its mass."""
    weights, means = ring(size.components)
    labels = rng.choice(len(means), size.chains, p=weights / weights.sum())
    noise = rng.standard_normal((size.chains, 2), np.float32)
    state = means[labels] + np.float32(SD) * noise
    return {"weights": weights, "means": means, "state": state}


def ours(problem: Problem) -> Run:
    """Run Chains of Langevin, its threads by an executor."""
    means, threads = problem["means"], executor()
    sds = np.full(len(means), SD)
    target = mixture_target(problem["weights"], means, sds, dtype=np.float32)
    sampler = Langevin(target, STEP_SIZE)

    def run(repetitions):
        chains = Chains(sampler, state=problem["state"], rng=1, thin=STEPS)
        draws = chains.run(repetitions, executor=threads)
        return judged(draws[:, -1], means)

    return run


def work(size: Size, result) -> Work:
    """Count products and sums: for all logits, for the mean of m_k, and for the step.

    What an exponential or a normal number costs is not counted: no number of operations
    is the least.
    """
    return Work(8 * (size.components + 1) * size.chains * STEPS, bytes=0)


ROW = Row(
    title=f"Langevin, mixture of {FIRST.components} Gaussians in 2-D, {FIRST.chains} "
    f"chains, {STEPS} steps",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x chains": replace(FIRST, chains=SCALE * FIRST.chains),
        f"{SCALE}x components": replace(FIRST, components=SCALE * FIRST.components),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.pytorch, "torch", "addmm, softmax, all noise at once"),
        "JAX": Peer(peers.jax, "jax", "jitted scan over the steps, all noise at once"),
        "JAX as written": Peer(peers.jax_as_written, "jax", "jitted scan, x in rows"),
    },
    tolerance=TOLERANCE,
    work=work,
)
