"""The Ising model on a small lattice, exactly: all of its states, counted or listed.

Counted by energy and magnetization, g(E, M) of them have the same weight, and

    Z = sum_EM g(E, M) exp(-E / T)

with all averages follows at any temperature: no rounding but that of the last sums.
Listed one by one, their probabilities are what a sampler, or a model that was trained
on Ising states, can be held to. The lattice is that of ising.py.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samplers.ising import (
    energy,
    inverse_temperature,
    require_lattice,
    require_spins,
)
from samplers.kernel import kernel
from samplers.machine import binary_states

LARGEST_COUNTED = 25  # sites, of which the 2^24 states with one spin fixed take 0.1 s
LARGEST_LISTED = 20  # sites, of which all states take 20 MB


@dataclass(frozen=True, eq=False)
class DensityOfStates:
    """The numbers of states g(E, M) of a small lattice: its exact thermodynamics.

    All methods take T of any shape and return an array of that shape.

    shape : (L1, L2)
    counts : (N + 1, N + 1) int64, g at E = -2 N + 4 k and M = -N + 2 j

    >>> g = density_of_states((4, 4))
    >>> g.energy([1.0, 2.0, 4.0])
    array([-1.997, -1.755, -0.625])
    """

    shape: tuple[int, int]
    counts: NDArray[np.int64]

    @property
    def energies(self) -> NDArray[np.int64]:
        """E of the rows of counts, (N + 1, 1)."""
        return np.arange(0, 4 * len(self.counts), 4)[:, None] - 2 * self.sites

    @property
    def magnetizations(self) -> NDArray[np.int64]:
        """M of the columns of counts, (N + 1,)."""
        return np.arange(-self.sites, self.sites + 1, 2)

    @property
    def sites(self) -> int:
        """N = L1 L2."""
        return math.prod(self.shape)

    def log_partition(self, temperature):
        """Return log Z, of the whole lattice."""
        return self._weigh(temperature)[0]

    def law(self, temperature):
        """Return the probabilities of (E, M), of shape (..., N + 1, N + 1)."""
        return self._weigh(temperature)[1]

    def mean(self, values, temperature):
        """Return the mean of values, a function of E and M that broadcasts to counts.

        >>> g = density_of_states((4, 4))
        >>> g.mean((g.magnetizations / g.sites) ** 2, 2.0)
        np.float64(0.8689)
        """
        return np.sum(self.law(temperature) * values, axis=(-2, -1))

    def energy(self, temperature):
        """Return <E> / N."""
        return self.mean(self.energies, temperature) / self.sites

    def heat_capacity(self, temperature):
        """Return C = Var(E) / (N T^2)."""
        K = inverse_temperature(temperature)
        return self._variance(self.energies, temperature) * K**2 / self.sites

    def magnetization(self, temperature):
        """Return <|M|> / N."""
        return self.mean(np.abs(self.magnetizations), temperature) / self.sites

    def susceptibility(self, temperature):
        """Return chi = Var(|M|) / (N T), as the function of this name estimates it."""
        K = inverse_temperature(temperature)
        absolute = np.abs(self.magnetizations)
        return self._variance(absolute, temperature) * K / self.sites

    def _weigh(self, temperature):
        K = inverse_temperature(temperature)[..., None, None]
        lowest = -2 * self.sites  # taken out, no weight overflows
        weights = self.counts * np.exp(-K * (self.energies - lowest))
        total = weights.sum(axis=(-2, -1), keepdims=True)
        return (np.log(total) - K * lowest)[..., 0, 0], weights / total

    def _variance(self, values, temperature):
        mean = self.mean(values, temperature)[..., None, None]
        return self.mean((values - mean) ** 2, temperature)


def density_of_states(shape: tuple[int, int]) -> DensityOfStates:
    """Return g(E, M) of a lattice of at most 25 sites, counted state by state.

    Raises ValueError for a larger lattice, or a side shorter than two.
    """
    rows, columns = require_few(shape, LARGEST_COUNTED)
    i, j = np.divmod(np.arange(rows * columns), columns)
    around = [(i, j + 1), (i, j - 1), (i + 1, j), (i - 1, j)]
    neighbors = np.stack([(a % rows) * columns + b % columns for a, b in around], 1)
    counts = np.zeros((rows * columns + 1,) * 2, np.int64)
    count_states(neighbors, counts)
    # That was with the last spin down; all spins flipped, E is the same and M is -M.
    return DensityOfStates((rows, columns), counts + counts[:, ::-1])


@kernel
def count_states(neighbors, counts):
    """Count by (E, M) the 2^(N - 1) states with the last spin down.

    In the order of the Gray code successive states differ by one spin, whose number is
    that of the zeros at the end of the step's binary digits.

    neighbors : (N, 4), of each site; counts : as in DensityOfStates, zeros at first
    """
    sites = len(neighbors)
    spins = np.full(sites, -1)
    level, up = 0, 0
    counts[level, up] += 1
    for step in range(1, 1 << (sites - 1)):
        site = 0
        while not (step >> site) & 1:
            site += 1
        field = 0
        for neighbor in neighbors[site]:
            field += spins[neighbor]
        level += (spins[site] * field) // 2
        spins[site] = -spins[site]
        up += spins[site]
        counts[level, up] += 1


def all_states(shape: tuple[int, int]) -> NDArray[np.int8]:
    """Return the 2^N states of at most 20 sites, (2^N, L1, L2), in order of number.

    The spins row by row are the binary digits of the number, +1 for a one, the first
    spin the most significant: from all down to all up.
    Raises ValueError for a larger lattice, or a side shorter than two.
    """
    rows, columns = require_few(shape, LARGEST_LISTED)
    bits = binary_states(rows * columns).astype(np.int8)
    return (2 * bits - 1).reshape(-1, rows, columns)


def state_number(spins: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the place in `all_states` of spins : (..., L1, L2), of shape (...).

    np.bincount(state_number(spins), minlength=2**N) / len(spins) is the empirical law,
    to be held against `boltzmann_probabilities`.
    """
    spins = require_spins(spins)
    sites = math.prod(require_few(spins.shape[-2:], LARGEST_LISTED))
    return (spins.reshape(*spins.shape[:-2], sites) > 0) @ 2 ** np.arange(sites)[::-1]


def boltzmann_probabilities(shape: tuple[int, int], temperature: ArrayLike):
    """Return p(s) = exp(-E / T) / Z of all states, in the order of all_states.

    For T of any shape, (...), an array (..., 2^N).
    Raises ValueError as `all_states` does, or if T is not positive.
    """
    K = inverse_temperature(temperature)[..., None]
    energies = energy(all_states(shape))
    weights = np.exp(-K * (energies - energies.min()))
    return weights / weights.sum(axis=-1, keepdims=True)


def require_few(shape, most: int) -> tuple[int, int]:
    """Return shape, or raise ValueError if the lattice has too many sites."""
    rows, columns = require_lattice(shape)
    if rows * columns > most:
        raise ValueError(
            f"a lattice of shape {(rows, columns)} has 2^{rows * columns} states; up "
            f"to 2^{most} are gone through one by one. For larger ones kaufman.py has "
            "the exact energy, and Wolff clusters draw from the law"
        )
    return rows, columns
