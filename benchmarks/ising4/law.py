"""The 4 x 4 Ising model, known state by state: a truth for every generative model.

A periodic lattice of 16 spins has 65,536 states, so that their law without a field,

    p(s) = exp(-E(s) / T) / Z,

can be listed, and spins that a model generates are held to all of it. If q is the law
that they are drawn from,

    KL(q || p) = sum_s q(s) log(q(s) / p(s))    nats

is finite for every q, since p leaves no state out. KL(p || q) is infinite if q leaves
one out. Any number of draws that one can afford does so: from counts there is only the
first, and where q itself is known both.

Let k(s) of n draws be in state s. With k / n in the place of q the part with log p is
right in the mean, as it is linear, but not the part q log q, which is convex. To second
order about q, and with the variance q (1 - q) / n of a share,

    E[sum_s k/n log(k/n)] = sum_s q log q + sum_s (1/q) q (1 - q) / (2 n)
                          = sum_s q log q + (K - 1) / (2 n)

for K states with q > 0. Miller and Madow take that away, with K the number of states
that were seen. For states with n q of about one or less the expansion does not hold,
and something is left. With k from Poisson's law of mean m = n q, for which
E[k f(k)] = m E[f(k + 1)], it is

    E[estimate] - KL(q || p) = (1/n) sum_s (m E[log((k + 1) / m)] - (1 - e^-m) / 2).

That the sum of all k is fixed takes 1 / (2 n) from it, which is the 1 of K - 1. At
q = p this is what exact draws score in the mean. Of an unknown q near p, which has some
more rare states, it is taken to be a multiple of that at p. By which factor the draws
say, since half of them score higher by the factor times the difference. That is no more
than an approximation, by some 1e-3 nats for 480,000 draws of laws as near as 0.01 nats.

Source: G. Miller, Note on the bias of information estimates (1955), in H. Quastler
(ed.), Information Theory in Psychology.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from samplers.ising import energy, magnetization
from samplers.ising_states import (
    all_states,
    boltzmann_probabilities,
    density_of_states,
)
from samplers.jackknife import jackknife
from samplers.machine import binary_states
from samplers.onsager import CRITICAL_TEMPERATURE

SHAPE = (4, 4)
SITES, STATES = 16, 2**16
TEMPERATURES = (2.0, CRITICAL_TEMPERATURE, 2.5, 3.0)
EXAMPLES = 100_000  # exact draws that a family learns from
GROUPS = 16  # of its own draws, independent of each other
AVERAGES = ("energy", "heat capacity", "magnetization", "squared magnetization")
FEW = 16.0  # a mean of Poisson's law up to which it is summed term by term


@dataclass(frozen=True, eq=False)
class Truth:
    """The law at one temperature.

    T : in units of the coupling
    p : (65536,), of the states in the order of their numbers
    log_Z : of the whole lattice
    """

    T: float
    p: NDArray[np.float64]
    log_Z: float

    def draw(self, n: int, rng) -> NDArray[np.int64]:
        """Return the numbers of n independent states, (n,)."""
        return np.random.default_rng(rng).choice(STATES, n, p=self.p)

    def averages(self, law) -> NDArray[np.float64]:
        """Return the AVERAGES of a law (..., 65536), per site, (..., 4).

        e = <E> / N, C = Var(E) / (N T^2), <|M|> / N and <M^2> / N^2.
        """
        E, M = levels()
        e = law @ (E / SITES)
        C = (law @ (E / SITES) ** 2 - e**2) * SITES / self.T**2
        return np.stack([e, C, law @ np.abs(M / SITES), law @ (M / SITES) ** 2], -1)

    def as_temperature(self, kl: float) -> float:
        """Return the relative error of T that is as far from this law, in KL.

        To leading order KL = N C (dT / T)^2 / 2, as E has the variance N C T^2.
        """
        return float(np.sqrt(2 * kl / (SITES * self.averages(self.p)[1])))


def truth(T: float) -> Truth:
    """Return the law at a temperature."""
    log_Z = float(density_of_states(SHAPE).log_partition(T))
    return Truth(T, boltzmann_probabilities(SHAPE, T), log_Z)


@lru_cache(maxsize=1)
def levels() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return E and M of all states, (65536,) each."""
    states = all_states(SHAPE)
    return energy(states), magnetization(states)


def units(numbers: NDArray) -> NDArray[np.uint8]:
    """Return states by number as rows of units, (..., 16): 1 for up, 0 for down."""
    return binary_states(SITES)[numbers]


def state_numbers(x: ArrayLike) -> NDArray[np.uint16]:
    """Return the numbers of states x : (..., 16), of shape (...).

    A spin is up where its number is positive: units of 0 and 1, spins of -1 and +1 and
    real outputs, which count by their sign. Probabilities are to be drawn from first.
    """
    return np.packbits(np.asarray(x) > 0, axis=-1).view(">u2")[..., 0].astype(np.uint16)


def count(numbers: NDArray) -> NDArray[np.int64]:
    """Return how often each state is among numbers : (group, draw), (group, 65536)."""
    return np.stack([np.bincount(row, minlength=STATES) for row in numbers])


def kl_from_counts(counts: NDArray, p: NDArray) -> float:
    """Return KL(q || p) in nats from the counts of draws from q, (65536,), corrected.

    The correction is Miller's and Madow's. What it leaves is `bias_of_kl`.
    """
    n, seen = counts.sum(), counts > 0
    share = counts[seen] / n
    return float(share @ np.log(share / p[seen]) - (seen.sum() - 1) / (2 * n))


def bias_of_kl(q: NDArray, n: int) -> float:
    """Return by how much kl_from_counts is too high in the mean, of n draws from q."""
    mean = n * q[q > 0]
    few = mean < FEW
    k = np.arange(int(FEW + 12 * np.sqrt(FEW)))
    excess = np.empty_like(mean)
    rare, back = np.unique(mean[few], return_inverse=True)
    poisson = np.exp(
        xlogy(k, rare[:, np.newaxis]) - rare[:, np.newaxis] - gammaln(k + 1)
    )
    excess[few] = (rare * (poisson @ np.log(k + 1) - np.log(rare)))[back]
    # The same by moments: k log(k / m) = d + d^2 / 2m - d^3 / 6m^2 + ..., d = k - m.
    m = mean[~few]
    excess[~few] = 1 / 2 + 1 / (12 * m) + 1 / (12 * m**2) + 19 / (120 * m**3)
    return float(np.sum(excess + np.expm1(-mean) / 2) / n)


def bias_from_halves(counts: NDArray, p: NDArray) -> float:
    """Return the bias of kl_from_counts from the draws themselves, in nats.

    counts : (group, 65536), of as many draws each, from a law q near p, (65536,)
    """
    halves, n = np.array_split(counts, 2), int(counts.sum())
    half = np.mean([kl_from_counts(part.sum(axis=0), p) for part in halves])
    rise = half - kl_from_counts(counts.sum(axis=0), p)
    bias = bias_of_kl(p, n)
    return float(rise / (bias_of_kl(p, n // 2) - bias) * bias)


@dataclass(frozen=True, eq=False)
class Generated:
    """What a family made of the spins at one temperature.

    numbers : (group, draw), of the states that it generated, in independent groups: for
        independent draws x : (n, 16), state_numbers(x).reshape(GROUPS, -1)
    parameters : of its model, how many
    law : (65536,), its own law where that is known, else None
    curves : name -> values during its training, for its figure
    """

    numbers: NDArray
    parameters: int
    law: NDArray[np.float64] | None = None
    curves: dict[str, list[float]] = field(default_factory=dict)

    @property
    def misfit(self) -> float:
        """KL in nats by which maximum likelihood misses a law in the mean.

        parameters / (2 examples), to leading order, for a model that has the law in it
        and of which all parameters count.
        """
        return self.parameters / (2 * EXAMPLES)


@dataclass(frozen=True, eq=False)
class Held:
    """Draws held to a truth.

    draws : how many
    kl, kl_error : KL(q || p) in nats, corrected, and its standard error
    averages, errors : (4,), the AVERAGES and their standard errors
    """

    draws: int
    kl: float
    kl_error: float
    averages: NDArray[np.float64]
    errors: NDArray[np.float64]


def hold(counts: NDArray, truth: Truth) -> Held:
    """Hold the counts of groups of draws, (group, 65536), to a truth.

    The groups are independent of each other, as chains are, so that leaving out one
    after the other gives the errors.
    """

    def measure(groups):
        counts = groups.sum(axis=0)
        kl = kl_from_counts(counts, truth.p)
        return np.array([kl, *truth.averages(counts / counts.sum())])

    values, errors = jackknife(measure, counts)
    return Held(
        int(counts.sum()), float(values[0]), float(errors[0]), values[1:], errors[1:]
    )
