"""A machine of 64 x 16 units whose log Z is known, and annealed runs of it.

Its hidden units store the rows and columns of 8 x 8 pixels: unit j turns on the pixels
of bar j and turns off all others, so that its states are pictures of a bar or two. From
fair coins to there the law has to freeze, and runs of few temperatures fail.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from samplers.annealing import annealed_importance, reverse_annealed_importance
from samplers.exact import exact_draws
from samplers.importance import FewWeightsWarning, Weights
from samplers.machine import Machine
from samplers.machine_path import MachinePath

SIDE = 8
PARTICLES = 100  # of a run
BINS = 40


def make_machine() -> Machine:
    """Return the machine: bars in the couplings, and a little noise."""
    bars = np.zeros((2 * SIDE, SIDE, SIDE))
    for k in range(SIDE):
        bars[k, k] = bars[SIDE + k, :, k] = 1
    stored = bars.reshape(2 * SIDE, -1).T
    noise = np.random.default_rng(SIDE).standard_normal(stored.shape)
    W = 7 * (stored - 0.2) + 0.3 * noise
    return Machine(W, np.full(len(W), -3.0), np.full(2 * SIDE, -8.0))


@dataclass(frozen=True, eq=False)
class Annealed:
    """Runs of one number of temperatures, forward and reverse.

    K : the number of temperatures
    forward, reverse : (runs, PARTICLES), log Z by the weight of each particle alone:
        log Z_0 + log w forward, log Z_0 - log w reverse, in nats
    """

    K: int
    forward: NDArray
    reverse: NDArray

    @cached_property
    def runs(self) -> tuple[NDArray, NDArray]:
        """The estimates of each run, (runs,), forward and reverse."""
        return (
            np.array([weights_of(run).log_partition for run in self.forward]),
            np.array([weights_of(run, True).log_partition for run in self.reverse]),
        )

    @cached_property
    def pooled(self) -> tuple[Weights, Weights]:
        """The weights of all runs, forward and reverse."""
        return weights_of(self.forward.ravel()), weights_of(self.reverse.ravel(), True)

    @property
    def shares(self) -> tuple[float, float]:
        """Effective particles over all, forward and reverse."""
        forward, reverse = (
            item.effective_sample_size / item.log_weights.size for item in self.pooled
        )
        return forward, reverse


def weights_of(estimates, reverse: bool = False) -> Weights:
    """Return the Weights behind estimates of log Z, one for each particle.

    They may be worth few: a run of few temperatures is meant to fail here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewWeightsWarning)
        return Weights(-estimates if reverse else estimates, 0.0, reverse)


def anneal(path, betas, states, rng) -> tuple[NDArray, NDArray]:
    """Run as many particles up as there are exact states, and these down.

    betas : (K + 1,), from 0 to 1

    Returns log Z by each of them, (particle,) each: forward, reverse.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewWeightsWarning)
        up = annealed_importance(path, betas, len(states), rng=rng)
        down = reverse_annealed_importance(path, betas, states, rng=rng)
    return up.log_base + up.log_weights, down.log_base - down.log_weights


def anneal_machine(machine: Machine, K: int, runs: int, rng) -> Annealed:
    """Anneal a machine up, and exact draws of it down."""
    x, _ = exact_draws(machine, runs * PARTICLES, rng=rng)
    betas = np.linspace(0, 1, K + 1)
    found = anneal(MachinePath(machine), betas, x.astype(np.uint8), rng)
    return Annealed(K, *(item.reshape(runs, PARTICLES) for item in found))


def mean_and_error(values) -> tuple[float, float]:
    """Return the mean of independent values, (n,), and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def acceptance_ratio(forward, reverse) -> tuple[float, float]:
    """Return log Z by as many particles forward and reverse, and its standard error.

    Of all estimates from both the one with the least variance (C. Bennett, Journal of
    Computational Physics 22, 1976, 245): the C for which

        sum_i 1 / (1 + exp(C - f_i)) = sum_i 1 / (1 + exp(r_i - C)),

    with f_i and r_i log Z by each particle alone.
    """
    forward, reverse = np.ravel(forward), np.ravel(reverse)

    def balance(C):
        return float(np.sum(expit(forward - C)) - np.sum(expit(C - reverse)))

    ends = np.concatenate([forward, reverse])
    C = float(brentq(balance, ends.min() - 1, ends.max() + 1, xtol=1e-12))
    variance = 0.0
    for share in (expit(forward - C), expit(C - reverse)):
        variance += np.var(share, ddof=1) / np.mean(share) ** 2 / len(share)
    return C, float(np.sqrt(variance))


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """Histograms of the estimates of single particles, forward and reverse.

    edges : (BINS + 1,); forward, reverse : (BINS,), shares of the particles
    z : (BINS,), how far the two are from Crooks' theorem, in standard errors
    particles : how many, of each
    """

    particles: int
    edges: NDArray
    forward: NDArray
    reverse: NDArray
    z: NDArray


def fluctuations(found: Annealed, log_Z: float) -> Fluctuations:
    """Hold the two histograms to each other.

    The theorem of G. Crooks (1999): p_forward(f) exp(f - log Z) = p_reverse(f). So the
    forward particles of a bin, with this weight, count for the reverse ones.
    """
    forward, reverse = found.forward.ravel(), found.reverse.ravel()
    n = len(forward)
    low, high = np.quantile(forward, 0.001), np.quantile(reverse, 0.999)
    edges = np.linspace(low, high, BINS + 1)
    weights = np.exp(np.minimum(forward - log_Z, 50))

    def shares(x, w):
        return np.histogram(x, edges, weights=w)[0] / n

    ones = np.ones(n)
    f, r = shares(forward, ones), shares(reverse, ones)
    expected, squares = shares(forward, weights), shares(forward, weights**2)
    error = np.sqrt((squares - expected**2 + r * (1 - r)) / n)
    told = (f * n >= 20) & (r * n >= 20)
    z = np.divide(expected - r, error, where=told, out=np.full(BINS, np.nan))
    return Fluctuations(n, edges, f, r, z)
