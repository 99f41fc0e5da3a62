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

is estimated here from draws of E and M, those of whole lattices. Exact values, all per
site but log Z, are in ising_states.py for small lattices, in kaufman.py for any, in
onsager.py for the infinite one.

Source: D. P. Landau and K. Binder (2014), A Guide to Monte Carlo Simulations in
Statistical Physics, chapter 4.
"""

import operator

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
            "np.asarray(spins, np.int8)"
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
    if np.shape(shape) != (2,):
        raise ValueError(
            f"the shape of a lattice is {shape}; it is (L1, L2), the numbers of rows "
            "and of columns: write (L, L) for a square"
        )
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
            "from 1e-100 to 1e100 in units of the coupling. For the ground state write "
            "a small T, 0.01; for free spins a large one, 1e6"
        )
    return 1 / temperature


def heat_capacity(energies, temperature, sites: int, axis=None):
    """Return C = Var(E) / (N T^2) per site, in units of Boltzmann's constant.

    Parameters
    ----------
    energies : draws of E, of the whole lattice
    temperature : T, at which all were drawn; or one for each average, an array of the
        shape that is left without the axes of the draws
    sites : N
    axis : of the draws, an int or several, as in np.var; all of them by default

    Of n draws with the autocorrelation time tau it is low by tau / n of itself, in the
    mean. Raises ValueError for fewer than two draws, or a T or N that does not fit.

    >>> heat_capacity([[-8, -4], [0, 0]], [2.0, 3.0], 4, axis=1)
    array([0.25, 0.  ])
    """
    variance, K = fluctuation(energies, temperature, sites, axis)
    return variance * K**2


def susceptibility(magnetizations, temperature, sites: int, axis=None):
    """Return chi = Var(|M|) / (N T) per site, in units of one over the coupling.

    On a finite lattice <M> = 0 at every temperature, as s and -s are equally likely;
    with |M| the two phases below T_c count as one, and chi has its peak near T_c. Above
    T_c the response to a field is <M^2> / (N T), which is larger, by pi / (pi - 2)
    where M is Gaussian. Parameters and errors are those of `heat_capacity`.
    """
    variance, K = fluctuation(np.abs(magnetizations), temperature, sites, axis)
    return variance * K


def fluctuation(draws, temperature, sites: int, axis):
    """Return Var / N of draws, and 1 / T; raise ValueError unless they fit together."""
    draws, K = np.asarray(draws, np.float64), inverse_temperature(temperature)
    many = draws.size if axis is None else np.prod(np.take(draws.shape, axis))
    if many < 2:
        raise ValueError(
            f"{many} draws do not fluctuate; give the energies or magnetizations of "
            "many states drawn at one temperature"
        )
    variance = np.var(draws, axis=axis)
    if K.ndim > 0 and K.shape != variance.shape:
        raise ValueError(
            f"temperature has shape {K.shape}, and the averages have {variance.shape}: "
            "states of different temperatures would be mixed. Name the axes of the "
            "draws, such as axis=1 for draws (temperature, draw)"
        )
    if operator.index(sites) < 1:
        raise ValueError(f"sites is {sites}; a lattice (L1, L2) has L1 * L2 of them")
    return variance / sites, K
