"""Unadjusted Langevin dynamics in the energy of a network of two hidden layers.

A repetition goes on from the states of the last one. The score at the first states is
compared to a few roundings; of the chains, which draw other noise in each library, the
mean square of the last states.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from benchmarks.speed.peers import langevin_network as peers
from benchmarks.speed.peers.langevin_network import PRIOR_SD, STEP_SIZE, STEPS
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.threads import executor
from models.initializers import glorot
from models.mlp import MLP, Dense
from models.network_target import network_target
from samplers.chains import Chains
from samplers.langevin import Langevin


@dataclass(frozen=True)
class Size:
    """Chains, and the units of each of the two hidden layers."""

    chains: int
    width: int


FIRST = Size(chains=256, width=128)
# Of the difference of two means over n chains, relative to them, where x is Gaussian.
STANDARD_ERROR = (2 / FIRST.chains) ** 0.5


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw a network, and the states from its Gaussian factor alone."""
    sizes, float32 = (2, size.width, size.width, 1), np.float32
    arrays: Problem = {"state": PRIOR_SD * rng.standard_normal((size.chains, 2))}
    for i, shape in enumerate(pairwise(sizes)):
        arrays[f"W{i}"] = 2 * glorot(*shape, rng=rng, dtype=float32)
        arrays[f"b{i}"] = rng.standard_normal(shape[1], float32)
    return {name: array.astype(float32) for name, array in arrays.items()}


def ours(problem: Problem) -> Run:
    """Run Chains of Langevin, its threads by an executor."""
    names = zip(peers.WEIGHTS, peers.BIASES, ("tanh", "tanh", "identity"), strict=True)
    network = MLP([Dense(problem[W], problem[b], name) for W, b, name in names])
    target = network_target(network, prior_sd=PRIOR_SD)
    sampler, threads = Langevin(target, STEP_SIZE), executor()
    score = target.score_at(problem["state"])

    def run(repetitions):
        chains = Chains(sampler, state=problem["state"], rng=1, thin=STEPS)
        draws = chains.run(repetitions, executor=threads)
        return peers.judged(score, draws[:, -1])

    return run


def work(size: Size, result) -> Work:
    """Count the products, forwards for all three layers and backwards again."""
    weights = 2 * size.width + size.width**2 + size.width
    return Work(2 * 2 * weights * size.chains * STEPS, bytes=0)


ROW = Row(
    title=f"Langevin, network 2-{FIRST.width}-{FIRST.width}-1, {FIRST.chains} chains, "
    f"{STEPS} steps",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x chains": replace(FIRST, chains=SCALE * FIRST.chains),
        f"{SCALE}x width": replace(FIRST, width=SCALE * FIRST.width),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.pytorch, "torch", "by hand, addmm and tanh in place"),
        "JAX": Peer(peers.jax, "jax", "jitted scan over the steps, all noise at once"),
    },
    tolerance={"score": 1e-4, "mean square": 6 * STANDARD_ERROR},
    work=work,
)
