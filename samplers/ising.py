"""The two-dimensional Ising model: energy, magnetization, and what they fluctuate.

Spins s = +1 or -1 sit on the sites (i, j) of a periodic lattice of L1 rows and L2
columns, N = L1 L2 sites in all, without a magnetic field:

    E = - sum_ij s_ij (s_i,j+1 + s_i+1,j),   M = sum_ij s_ij,   p(s) = exp(-E / T) / Z.

The coupling is the unit of energy, and T is in units of the coupling over Boltzmann's
constant. Each site owns the bond to its right and the one downwards, 2 N bonds at any
size; so on two columns each pair of neighbors in a row is bonded twice, once around the
edge. A flip of s_ij changes E by 2 s_ij times the sum of its four neighbors.

What a fluctuation of E or M tells, per site,

    C = (<E^2> - <E>^2) / (N T^2),   chi = (<M^2> - <|M|>^2) / (N T),

is estimated here from draws. Exact values are in ising_states.py for small lattices, in
kaufman.py for any, in onsager.py for the infinite one.

Source: D. P. Landau and K. Binder (2014), A Guide to Monte Carlo Simulations in
Statistical Physics, chapter 4.
"""

import operator
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samplers.kernel import kernel


def energy(spins: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return E, in units of the coupling, of each lattice of spins.

    spins : (..., L1, L2) int8, +1 or -1. Returns (...).

    >>> energy(np.ones((20, 20), np.int8))
    np.int64(-800)

    Raises TypeError or ValueError if these are no spins.
    """
    spins = require_spins(spins)
    lattices = spins.reshape(-1, *spins.shape[-2:])
    energies = np.empty(len(lattices), np.int64)
    sum_bonds(lattices, energies)
    return energies.reshape(spins.shape[:-2])[()]


@kernel
def sum_bonds(lattices, energies):
    """Set energies (n,) to E of lattices (n, L1, L2)."""
    rows, columns = lattices.shape[1:]
    for n in range(len(lattices)):
        total = np.int32(0)  # twice as many sums at a time as with 64 bits
        for i in range(rows):
            row = lattices[n, i]
            below = lattices[n, i + 1 if i + 1 < rows else 0]
            for j in range(columns - 1):
                total = np.int32(total + row[j] * (row[j + 1] + below[j]))
            last = columns - 1
            total = np.int32(total + row[last] * (row[0] + below[last]))
        energies[n] = -total


def magnetization(spins: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return M, the sum of spins : (..., L1, L2), of each lattice, of shape (...)."""
    return require_spins(spins).sum(axis=(-2, -1), dtype=np.int64)


def require_spins(spins) -> NDArray[np.int8]:
    """Return spins in C order; raise unless they are (..., L1, L2) int8, +1 or -1."""
    spins = np.ascontiguousarray(spins)
    if spins.dtype != np.int8:
        raise TypeError(
            f"spins are {spins.dtype}; they are kept as np.int8, a byte each: write "
            "spins.astype(np.int8)"
        )
    if spins.ndim < 2:
        raise ValueError(
            f"spins of shape {spins.shape} are no lattices; these are the last two "
            "axes, (..., L1, L2): write spins.reshape(-1, L1, L2)"
        )
    require_lattice(spins.shape[-2:])
    if not all_are_spins(spins.reshape(-1)):
        raise ValueError(
            "spins holds numbers other than +1 and -1, which have another energy; from "
            "bits 0 and 1 write (2 * bits - 1).astype(np.int8)"
        )
    return spins


@kernel
def all_are_spins(numbers):
    """Return whether the numbers : (n,) int8 are all +1 or -1."""
    wrong = False
    for k in range(numbers.size):
        wrong |= (numbers[k] != 1) & (numbers[k] != -1)
    return not wrong


def require_lattice(shape) -> tuple[int, int]:
    """Return shape as (L1, L2), or raise ValueError if a side is shorter than two."""
    rows, columns = map(operator.index, shape)
    if min(rows, columns) < 2:
        raise ValueError(
            f"a lattice of shape {(rows, columns)} bonds a site to itself; it has at "
            "least two rows and two columns"
        )
    return rows, columns


def inverse_temperature(temperature: ArrayLike) -> NDArray[np.float64]:
    """Return K = 1 / T in float64; raise ValueError unless T is positive and finite."""
    temperature = np.asarray(temperature, np.float64)
    if not np.all((temperature > 1e-100) & (temperature < 1e100)):
        raise ValueError(
            f"temperature is {temperature}; exp(-E / T) needs T positive and finite, "
            "in units of the coupling. For the ground state write a small T, 0.01; for "
            "free spins a large one, 1e6"
        )
    return 1 / temperature


def heat_capacity(energies, temperature, sites: int, axis=None):
    """Return C = Var(E) / (N T^2) per site, in units of Boltzmann's constant.

    energies : draws of E, total; temperature : T; sites : N; axis : of the draws, as in
    np.var, all of them by default. T has the shape of the others.
    Raises ValueError if there is nothing to average, or T is not positive.
    """
    K = inverse_temperature(temperature)
    return variance(energies, axis) * K**2 / operator.index(sites)


def susceptibility(magnetizations, temperature, sites: int, axis=None):
    """Return chi = Var(|M|) / (N T) per site, in units of one over the coupling.

    On a finite lattice <M> = 0 at every temperature, as s and -s are equally likely;
    with |M| the two phases below T_c count as one, and chi has its peak near T_c. Above
    T_c the response to a field is <M^2> / (N T), which is larger, by pi / (pi - 2)
    where M is Gaussian. Parameters and errors are those of `heat_capacity`.
    """
    K = inverse_temperature(temperature)
    return variance(np.abs(magnetizations), axis) * K / operator.index(sites)


def variance(draws, axis):
    """Return the mean squared deviation from the mean: two passes, never negative."""
    draws = np.asarray(draws, np.float64)
    if draws.size < 2:
        raise ValueError(
            f"{draws.size} draws do not fluctuate; give the energies or magnetizations "
            "of many states drawn at one temperature"
        )
    return np.var(draws, axis=axis)


def jackknife(statistic: Callable, blocks: ArrayLike):
    """Return statistic(blocks) and its standard error, from leaving out one block.

    With t_b the statistic without block b, of B,

        error^2 = (B - 1) / B  sum_b (t_b - mean_b t_b)^2.

    It holds for any smooth function of means if the blocks are independent: chains, or
    stretches of one chain that are much longer than its autocorrelation time.

    statistic : of an array like blocks, with any number of them
    blocks : (B, ...), such as energies (chain, draw)

    >>> energies = np.random.default_rng(0).normal(-700, 30, size=(16, 1000))
    >>> C, error = jackknife(lambda E: heat_capacity(E, 2.0, 400), energies)
    >>> float(C), float(error)
    (0.559, 0.0056)

    Raises ValueError for fewer than two blocks. Source: R. G. Miller, The jackknife: a
    review, Biometrika 61 (1974), 1.
    """
    blocks = np.asarray(blocks)
    if blocks.ndim == 0 or len(blocks) < 2:
        raise ValueError(
            f"blocks of shape {blocks.shape} cannot be left out in turn; the first "
            "axis counts them, two or more: write draws.reshape(20, -1) for one chain"
        )
    without = [statistic(np.delete(blocks, b, axis=0)) for b in range(len(blocks))]
    return statistic(blocks), np.sqrt(np.var(without, axis=0) * (len(blocks) - 1))
