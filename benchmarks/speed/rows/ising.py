"""Metropolis sampling of the two-dimensional Ising model over a range of temperatures.

A unit of the work is the update of one spin, of which a repetition makes 4.2 million.
All spins are up at the start. Ours and JAX update the colors of a checkerboard in turn,
the plain loop one site after another: chains with the same law in the long run. The
mean energies over the states kept in the last repetition are compared.
"""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from benchmarks.speed.peers import ising as peers
from benchmarks.speed.peers.ising import KEPT, THIN
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.threads import executor
from samplers.chains import Chains
from samplers.metropolis import Metropolis


@dataclass(frozen=True)
class Size:
    """Lattices, each of its own temperature, and the length of their sides."""

    lattices: int
    side: int

    @property
    def updates(self) -> int:
        """Return how many updates of a spin make a repetition."""
        return self.lattices * self.side**2 * KEPT * THIN


FIRST = Size(lattices=21, side=20)
# Of the difference of two energies per site: near the critical temperature, where it is
# largest, and of the mean over all lattices. The energies themselves are -2 and -1.25.
STANDARD_ERROR, MEAN_ERROR = 0.045, 0.005


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Return temperatures on both sides of the critical one, 2.27, and spins."""
    return {
        "temperatures": np.linspace(1.5, 3.5, size.lattices, dtype=np.float32),
        "state": np.ones((size.lattices, size.side, size.side), np.int8),
    }


def ours(problem: Problem) -> Run:
    """Run Chains of Metropolis, its threads by an executor."""
    temperatures, state = problem["temperatures"], problem["state"]
    sampler, threads = Metropolis(state.shape[1:], temperatures), executor()

    def run(repetitions):
        chains = Chains(sampler, state=state, rng=1, thin=THIN)
        draws = chains.run(KEPT * repetitions, executor=threads)
        return peers.judged(draws[:, -KEPT:])

    return run


def numba(problem: Problem) -> Run:
    """Sweep over the sites in order, one lattice after another or on some threads."""
    temperatures, state = problem["temperatures"], problem["state"]
    lattices, side, _ = state.shape
    draws = np.empty((lattices, KEPT, side, side), np.int8)
    threads = executor()
    each = threads.map if threads else map

    def run(repetitions):
        spins = state.copy()
        for r in range(repetitions):
            seeds = range(lattices * r, lattices * (r + 1))
            deque(each(plain_loop, spins, temperatures, seeds, draws), maxlen=0)
        return peers.judged(draws)

    return run


@njit(nogil=True)
def plain_loop(spins, temperature, seed, draws):
    """Sweep over spins : (L, L), and keep them in draws : (draw, L, L)."""
    np.random.seed(seed)  # noqa: NPY002
    side = len(spins)
    if_4, if_8 = np.exp(-4 / temperature), np.exp(-8 / temperature)
    for k in range(len(draws)):
        for _ in range(THIN):
            for i in range(side):
                below = i + 1 if i + 1 < side else 0
                for j in range(side):
                    right = j + 1 if j + 1 < side else 0
                    neighbors = spins[i - 1, j] + spins[below, j]
                    neighbors += spins[i, j - 1] + spins[i, right]
                    along = spins[i, j] * neighbors
                    p = if_8 if along == 4 else if_4
                    if along <= 0 or np.random.random() < p:  # noqa: NPY002
                        spins[i, j] = -spins[i, j]
        draws[k] = spins


def work(size: Size, result) -> Work:
    """Count a byte read and a byte written for each update, a lattice at a time."""
    return Work(flops=0, bytes=2 * size.updates, passes=size.updates / size.side**2)


ROW = Row(
    title=f"one update of a spin by Metropolis, {FIRST.lattices} temperatures of "
    f"{FIRST.side}x{FIRST.side}",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x chains": replace(FIRST, lattices=SCALE * FIRST.lattices),
        f"{SCALE}x sites": replace(FIRST, side=2 * FIRST.side),
    },
    problem=problem,
    ours=ours,
    peers={
        "Numba": Peer(numba, "numba", "a plain loop over the sites", needs_ours=True),
        "JAX": Peer(peers.jax, "jax", "jitted scan, checkerboard of rolled lattices"),
    },
    tolerance={"energy": 6 * STANDARD_ERROR / 2, "mean energy": 6 * MEAN_ERROR / 1.25},
    work=work,
    units=lambda size: size.updates,
)
