"""Spins of the two-dimensional Ising model, labeled by the phase of their temperature.

Below T_c = 2.269 most spins agree, above they do not: to tell which from the spins
alone is an exercise for classifiers, and the spins at one temperature are one for
generative models, because the law is known,

    p(s) = exp(-E(s) / T) / Z,   E = - sum over neighbors of s_i s_j,

with T in units of the coupling over Boltzmann's constant. Held to it are energies
(samplers.ising, samplers.kaufman) and, on small lattices, the probability of each state
(samplers.ising_states).

Source of the exercise: J. Carrasquilla and R. G. Melko, Machine learning phases of
matter, Nature Physics 13 (2017), 431.
"""

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samplers.onsager import CRITICAL_TEMPERATURE
from samplers.philox import draw_key
from samplers.wolff import Wolff

TURNS = 10  # how often each spin is flipped from one draw to the next, in the mean
ROUNDS = 20  # of burn-in, in each of which every spin is flipped once or oftener
CLUSTERS = 20  # in each round, of which the size is looked at


@dataclass(frozen=True, eq=False)
class IsingSample:
    """Lattices of spins, n of each of K temperatures, one temperature after the other.

    X : (n K, L1, L2) int8, +1 or -1; a model takes them as rows of numbers,
        X.reshape(len(X), -1).astype(np.float32)
    temperatures : (n K,), of each lattice, in units of the coupling
    labels : (n K,) int64, 1 below T_c, the ordered phase, and else 0
    """

    X: NDArray[np.int8]
    temperatures: NDArray[np.float64]
    labels: NDArray[np.int64]


def make_ising(
    n: int, *, shape: tuple[int, int], temperatures: ArrayLike, rng
) -> IsingSample:
    """Draw n lattices at each temperature, by Wolff clusters.

    >>> data = make_ising(50, shape=(20, 20), temperatures=[1.5, 2.2, 3.0], rng=0)
    >>> data.X.shape
    (150, 20, 20)
    >>> data.labels.sum()
    np.int64(100)

    From one draw to the next so many clusters are flipped that each spin is flipped 10
    times in the mean. On lattices up to 64 x 64, E and |M| of successive draws are then
    correlated by less than 0.02, at T_c too; the sign of each draw is that of a coin.

    n : at each temperature
    shape : (L1, L2), each at least 2
    temperatures : (K,), T
    rng : int, SeedSequence or Generator

    Raises ValueError if n is not positive, a side is shorter than two, or a temperature
    is not positive and finite.
    """
    if operator.index(n) < 1:
        raise ValueError(f"n is {n}; draw at least one lattice at each temperature")
    T = np.atleast_1d(np.asarray(temperatures, np.float64))
    sampler = Wolff(shape, T)
    rng = np.random.default_rng(rng)
    key = draw_key(rng)
    X = np.concatenate([draw_lattices(sampler, n, key, t) for t in range(T.size)])
    # Below T_c nearly all spins flip at each step, and the sign of M alternates. As s
    # and -s are equally likely, a coin may decide.
    X *= rng.choice(np.array([-1, 1], np.int8), size=(len(X), 1, 1))
    T = np.repeat(T, n)
    return IsingSample(X, T, (T < CRITICAL_TEMPERATURE).astype(np.int64))


def draw_lattices(sampler: Wolff, n: int, key: np.uint64, chain: int):
    """Return n states, (n, L1, L2), of one chain, far enough from each other.

    Once a state is in equilibrium, N / <|C|> clusters, of mean size <|C|>, flip each
    spin once in the mean. All spins are up at first, from where both phases are near.
    """
    state = np.ones((1, *sampler.shape), np.int8)
    step = 0

    def advance(n, thin):
        nonlocal step
        draws = np.empty((1, n, *sampler.shape), np.int8)
        sampler.advance(state, draws, key=key, chain=chain, step=step, thin=thin)
        step += n * thin
        return draws[0]

    sizes = []  # in units of N
    for _ in range(ROUNDS):
        draws = advance(CLUSTERS + 1, thin=1)
        sizes.append(np.mean(draws[1:] != draws[:-1]))
        advance(1, thin=int(np.ceil(1 / sizes[-1])))
    return advance(n, thin=int(np.ceil(TURNS / np.mean(sizes[ROUNDS // 2 :]))))
