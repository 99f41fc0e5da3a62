"""Chains in the double well and on a ring, held to what is known of them exactly.

Every chain has its own step size and temperature, so that one run of each algorithm
gives all of them. Means are those of chains, which are independent: their spread tells
the error, whatever the chains remember.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.langevin.laws import (
    WELL,
    Unadjusted,
    boltzmann,
    excess,
    in_excess,
    probability_of_excess,
)
from samplers.chains import Chains
from samplers.langevin import Langevin
from samplers.mala import MALA, acceptance_rate
from samplers.quadrature import quadrature
from samplers.ring import ring_target

QUANTITIES = ("<x^2>", "<E>", "total variation")
ALGORITHMS = {"unadjusted": Langevin, "MALA": MALA}
ETAS = {
    "unadjusted": (0.005, 0.007, 0.01, 0.014, 0.02, 0.028, 0.04),
    "MALA": (0.01, 0.02, 0.04, 0.08, 0.16),
}
PROPOSED = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)  # of which the rate is taken
T_LOW = 0.4
THIN, BURN_IN = 40, 2000
BINS = np.linspace(-2.2, 2.2, 56)
ENOUGH = 500  # expected draws in a bin that is looked at
RING = ring_target(2.0, 0.3)
RADII = np.linspace(0.8, 3.2, 49)


def squared(x):
    """Return x^2."""
    return x**2


def energy(x):
    """Return E(x) = x^4 - 2 x^2."""
    return x**4 - 2 * x**2


def spread(values):
    """Return the mean over chains, and its standard error, of values (chain, ...)."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


@dataclass(frozen=True, eq=False)
class Averages:
    """What the chains of one algorithm gave at T = 1, by step size.

    etas : (n,)
    values, errors : (n, 3), of QUANTITIES: the mean, its standard error. The third is
        the probability of where p_eta > p
    exact : (n, 3), for chains of this step size
    target : (n, 3), for p itself
    """

    etas: NDArray
    values: NDArray
    errors: NDArray
    exact: NDArray
    target: NDArray

    @property
    def bias(self) -> NDArray:
        """By how much the means are off from those of p, (n, 3)."""
        return self.values - self.target

    @property
    def z(self) -> NDArray:
        """How far the means are from what they should be, in standard errors."""
        return (self.values - self.exact) / self.errors


@dataclass(frozen=True, eq=False)
class Histogram:
    """Shares of the draws in bins, with their errors and the exact ones, (bins,)."""

    shares: NDArray
    errors: NDArray
    exact: NDArray
    draws: int

    @property
    def seen(self) -> NDArray:
        """Which bins should have ENOUGH draws."""
        return self.exact * self.draws > ENOUGH

    @property
    def z(self) -> NDArray:
        """How far the shares are off, in standard errors; nan where too few."""
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (self.shares - self.exact) / self.errors
        return np.where(self.seen, z, np.nan)


def exact_means(eta: float, law, algorithm: str):
    """Return what chains of a step size should give, what p gives, and the set.

    The means of QUANTITIES, (3,), twice, and the ends of the set where p_eta > p. For
    MALA beyond the step sizes of the unadjusted chain the set is that of the largest.
    """
    chain = Unadjusted(min(eta, max(ETAS["unadjusted"])), law.temperature)
    roots = excess(chain, law)
    x, p = law.nodes[:, 0], law.probabilities
    target = [p @ squared(x), p @ energy(x), probability_of_excess(law.cdf, roots)]
    if algorithm == "MALA":
        return target, target, roots
    biased = [chain.mean(squared), chain.mean(energy)]
    return [*biased, probability_of_excess(chain.cdf, roots)], target, roots


def run_chains(algorithm: str, temperatures, chains: int, draws: int, rng):
    """Return draws (eta, chain, draw) at ETAS, and then at other temperatures.

    temperatures : pairs of eta and T that are run beside ETAS at T = 1
    """
    pairs = [(eta, 1.0) for eta in ETAS[algorithm]] + list(temperatures)
    eta, T = np.repeat(pairs, chains, axis=0).T
    laws = {T: boltzmann(T) for _, T in pairs}
    starts = [laws[T].quantile(rng.random(chains)) for _, T in pairs]
    run = Chains(
        ALGORITHMS[algorithm](WELL, eta, T),
        state=np.concatenate(starts)[:, np.newaxis],
        rng=rng,
        burn_in=BURN_IN,
        thin=THIN,
    )
    return run.run(draws).reshape(len(pairs), chains, draws)


def average(algorithm: str, draws, law) -> Averages:
    """Return the means of draws (eta, chain, draw) at ETAS, beside the exact ones."""
    rows = []
    for eta, x in zip(ETAS[algorithm], draws, strict=True):
        exact, target, roots = exact_means(eta, law, algorithm)
        values = [squared(x), energy(x), in_excess(x, roots)]
        means, errors = spread(np.stack(values, axis=-1).mean(axis=1))
        rows.append((means, errors, exact, target))
    columns = (np.array(column) for column in zip(*rows, strict=True))
    return Averages(np.array(ETAS[algorithm]), *columns)


def histogram(draws, cdf, bins=BINS) -> Histogram:
    """Return the shares of draws (chain, draw) in bins, beside those of a law."""
    chains, n = draws.shape
    width = len(bins) + 1
    places = np.searchsorted(bins, draws) + width * np.arange(chains)[:, np.newaxis]
    counts = np.bincount(places.ravel(), minlength=width * chains)
    shares = counts.reshape(chains, width)[:, 1:-1] / n
    mean, error = spread(shares)
    return Histogram(mean, error, np.diff(cdf(bins)), draws.size)


@dataclass(frozen=True, eq=False)
class Crossing:
    """Chains that start in the left well, at one temperature.

    times : (n,), steps times eta
    shares : (n,), of the chains right of the barrier; exact : (n,)
    paths : (3, n), of a few of them
    chains : how many
    """

    times: NDArray
    shares: NDArray
    exact: NDArray
    paths: NDArray
    chains: int

    @property
    def z(self) -> NDArray:
        """How far the shares are off, in standard deviations; nan where too few."""
        p = self.exact
        z = (self.shares - p) / np.sqrt(p * (1 - p) / self.chains)
        return np.where(p * self.chains > ENOUGH / 10, z, np.nan)


def cross(eta: float, temperatures, chains: int, steps: int, thin: int, rng):
    """Run unadjusted chains from x = -1; return a Crossing for each temperature."""
    T = np.repeat(temperatures, chains)
    start = np.full((len(T), 1), -1.0)
    run = Chains(Langevin(WELL, eta, T), state=start, rng=rng, thin=thin)
    x = run.run(steps // thin).reshape(len(temperatures), chains, -1)
    times = thin * eta * np.arange(1, steps // thin + 1)
    return {
        T: Crossing(
            times,
            (found > 0).mean(axis=0),
            Unadjusted(eta, T).crossed(-1.0, steps)[thin - 1 :: thin],
            found[:3],
            chains,
        )
        for T, found in zip(temperatures, x, strict=True)
    }


def acceptance(chains: int, draws: int, law, rng):
    """Return how often MALA accepts at the step sizes PROPOSED, and the errors.

    Started from p itself, because chains of large steps would take long to reach it.
    """
    state = law.quantile(rng.random(len(PROPOSED) * chains))[:, np.newaxis]
    sampler = MALA(WELL, np.repeat(PROPOSED, chains))
    rates = acceptance_rate(Chains(sampler, state=state, rng=rng).run(draws))
    return spread(rates.reshape(len(PROPOSED), chains).T)


def imbalance(sampler, state, rng) -> float:
    """Return how surprising a step from draws of p is, if it is in detailed balance.

    Then as many go from bin i to bin j as from j to i, and the sum over all pairs of
    (n_ij - n_ji)^2 / (n_ij + n_ji) is a chi-square. It is returned as a normal number,
    by E. Wilson and M. Hilferty's cube root (1931), which no size makes infinite.

    state : (chain, 1), independent draws of p
    """
    after = Chains(sampler, state=state, rng=rng).run(1)[:, 0]
    edges = np.linspace(-1.8, 1.8, 19)
    bins = len(edges) + 1
    i, j = (np.searchsorted(edges, x[:, 0]) for x in (state, after))
    flows = np.bincount(bins * i + j, minlength=bins**2).reshape(bins, bins)
    both, more = flows + flows.T, flows - flows.T
    seen = np.triu(both >= 50, k=1)
    mean_square = np.mean(more[seen] ** 2 / both[seen])
    variance = 2 / (9 * seen.sum())
    return float((np.cbrt(mean_square) - 1 + variance) / np.sqrt(variance))


@dataclass(frozen=True, eq=False)
class Ring:
    """MALA on a ring in the plane.

    path : (draw, 2), of one chain; points : (chain, 2), the last ones of all
    values, errors, exact : (4,), means of x, y, r and E
    radii : of all draws
    """

    path: NDArray
    points: NDArray
    values: NDArray
    errors: NDArray
    exact: NDArray
    radii: Histogram

    @property
    def z(self) -> NDArray:
        """How far the means are from the exact ones, in standard errors."""
        return (self.values - self.exact) / self.errors


def run_ring(chains: int, draws: int, rng) -> Ring:
    """Run MALA on the ring of radius 2 and width 0.3."""
    run = Chains(MALA(RING, 0.05), chains, rng=rng, burn_in=1000, thin=10)
    x = run.run(draws)
    law = quadrature(RING.energy_at, [(-4.5, 4.5), (-4.5, 4.5)], tolerance=1e-8)
    radial = quadrature(
        lambda r: (r[:, 0] - 2) ** 2 / (2 * 0.3**2) - np.log(r[:, 0]), (1e-9, 4.5)
    )

    def observe(x):
        r = np.hypot(x[:, 0], x[:, 1])
        return np.stack([x[:, 0], x[:, 1], r, RING.energy_at(x)], axis=-1)

    found = observe(x.reshape(-1, 2)).reshape(chains, draws, 4)
    means, errors = spread(found.mean(axis=1))
    return Ring(
        path=x[0],
        points=x[:, -1],
        values=means,
        errors=errors,
        exact=law.expectation(observe),
        radii=histogram(found[..., 2], radial.cdf, RADII),
    )
