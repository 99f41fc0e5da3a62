"""Block Gibbs sampling of a restricted Boltzmann machine, many chains side by side.

A sweep draws all hidden units of every chain, then all visible ones; the visible units
are kept after each sweep. Chains of different libraries cannot draw the same numbers,
but from the same start they have the same law: the mean of every visible unit, over all
chains and sweeps of the last repetition, is what is compared.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.speed.peers import gibbs as peers
from benchmarks.speed.peers.gibbs import SWEEPS
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.threads import executor
from samplers.chains import Chains
from samplers.gibbs import Gibbs
from samplers.machine import Machine


@dataclass(frozen=True)
class Size:
    """Chains, and the units of both layers."""

    chains: int
    visible: int
    hidden: int


FIRST = Size(chains=100, visible=64, hidden=128)
# Of the difference of two means where p = 1/2, if TAU states are worth one independent.
TAU = 1.6
STANDARD_ERROR = (2 * TAU / 4 / (FIRST.chains * SWEEPS)) ** 0.5


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw a machine whose units influence each other, and fair coins as its state."""
    shape = size.visible, size.hidden
    scale = np.float32(sum(shape) ** -0.5)
    return {
        "W": 2 * scale * rng.standard_normal(shape, np.float32),
        "a": rng.standard_normal(size.visible, np.float32),
        "b": rng.standard_normal(size.hidden, np.float32),
        "state": rng.integers(2, size=(size.chains, size.visible), dtype=np.uint8),
    }


def ours(problem: Problem) -> Run:
    """Run Chains of Gibbs, its threads by an executor."""
    arrays = dict(problem)
    state, threads = arrays.pop("state"), executor()
    sampler = Gibbs(Machine(**arrays))

    def run(repetitions):
        chains = Chains(sampler, state=state, rng=1)
        draws = chains.run(SWEEPS * repetitions, executor=threads)
        return peers.judged(draws[:, -SWEEPS:])

    return run


def work(size: Size, result) -> Work:
    """Count the two matrix products of every sweep.

    Sums over binary units can be looked up in a table in part, which is less.
    """
    return Work(4 * SWEEPS * size.chains * size.visible * size.hidden, bytes=0)


ROW = Row(
    title=f"block Gibbs, RBM {FIRST.visible}x{FIRST.hidden}, {FIRST.chains} chains, "
    f"{SWEEPS} sweeps",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x chains": replace(FIRST, chains=SCALE * FIRST.chains),
        f"{SCALE}x width": replace(
            FIRST, visible=SCALE * FIRST.visible, hidden=SCALE * FIRST.hidden
        ),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.pytorch, "torch", "addmm, uniform_, lt, all in place"),
        "JAX": Peer(peers.jax, "jax", "jitted scan over the sweeps"),
    },
    tolerance={"mean x": 6 * STANDARD_ERROR},
    work=work,
)
