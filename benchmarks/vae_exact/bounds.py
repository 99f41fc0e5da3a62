"""Bounds and estimates of log p(x) by draws, held to what it is.

    L_k(x) = E log (1/k) sum_i w_i,     w = p(x, h) / q(h|x),  h ~ q(h|x),

is the ELBO for k = 1, does not fall with k, and goes to log p(x) (Y. Burda, R. Grosse
and R. Salakhutdinov, ICLR 2016). Each L_k is estimated from draws of its own: of one
set of draws, cut into groups of k and of 2 k, the means of the logarithms would rise
whatever w were.

The standard error of log (1/k) sum_i w_i is the spread of the weights that were drawn.
Where q(h|x) leaves out a part of the posterior, the largest weights are hardly ever
drawn, and the error comes out too small: by how much is seen here.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from benchmarks.vae_exact.gaps import Known
from benchmarks.vae_exact.laws import CURVE, PATTERNS
from benchmarks.vae_exact.quadrature import kl_to_posterior, posterior
from models.estimate import Estimate
from models.vae import VAE
from models.vae_likelihood import draw_log_weights
from samplers.importance import FewWeightsWarning

COUNTS = (1, 2, 5, 10, 50, 100, 1000)  # k
DRAWS = {  # of h for each point and each k
    "quick": {CURVE: 2000, PATTERNS: 6000},
    "full": {CURVE: 10_000, PATTERNS: 60_000},
}
SAMPLES = 5000  # of log_likelihood
RUNS = {CURVE: 3, PATTERNS: 10}


def estimate_bounds(vae: VAE, x, draws: int, rng) -> dict[int, Estimate]:
    """Return the means over x of all L_k, in nats, from as many draws for each."""
    return {k: estimate_bound(vae, x, k, draws, rng) for k in COUNTS}


def estimate_bound(vae: VAE, x, k: int, draws: int, rng) -> Estimate:
    """Return the mean of L_k over x : (n, M), with its standard error."""
    log_weights = draw_log_weights(vae, x, draws, rng)
    groups = draws // k
    bounds = logsumexp(log_weights.reshape(groups, k, -1), axis=1) - np.log(k)
    variances = bounds.var(axis=0, ddof=1) / groups
    return Estimate(float(bounds.mean()), float(np.sqrt(variances.sum()) / len(x)))


def largest_fall(bounds: Mapping[int, Estimate]) -> float:
    """Return by how many standard errors an L_k is above one of a larger k, at most."""
    found = [bounds[k] for k in sorted(bounds)]
    return max(
        (low.value - high.value) / np.hypot(low.standard_error, high.standard_error)
        for place, low in enumerate(found)
        for high in found[place + 1 :]
    )


def largest_score(bounds: Mapping[int, Estimate], truth: float) -> float:
    """Return by how many standard errors an L_k is above log p(x), at most."""
    return max(score(bound, truth) for bound in bounds.values())


def score(estimate: Estimate, truth: float) -> float:
    """Return how far an estimate is above the truth, in its standard errors."""
    return (estimate.value - truth) / estimate.standard_error


@dataclass(frozen=True, eq=False)
class Calibration:
    """What log_likelihood says, several times, and what is true.

    scores : (runs, n), errors over their standard errors
    gaps : (n,), log p(x) - ELBO(x), in nats
    mean_error : of the mean over the points and runs, in nats
    """

    scores: NDArray[np.float64]
    gaps: NDArray[np.float64]
    mean_error: float

    def share(self, low: float = 0.0, high: float = np.inf) -> float:
        """Return the share of errors below two standard errors, where low < gap < high.

        nan where there is no such point.
        """
        there = (self.gaps > low) & (self.gaps < high)
        if not there.any():
            return np.nan
        return float(np.mean(np.abs(self.scores[:, there]) < 2))


def calibrate(known: Known, rng) -> Calibration:
    """Compare log_likelihood with the truth."""
    scores, errors = [], []
    with warnings.catch_warnings():
        # That some have few weights is what is to be seen.
        warnings.simplefilter("ignore", FewWeightsWarning)
        for _ in range(RUNS[known.problem.name]):
            found = known.vae.log_likelihood(known.problem.x, rng=rng, samples=SAMPLES)
            errors.append(found.log_likelihood - known.log_p)
            scores.append(errors[-1] / found.standard_error)
    gaps = known.log_p - known.elbo
    return Calibration(np.array(scores), gaps, float(np.mean(errors)))


def disagreement(known: Known, points: int) -> tuple[float, float]:
    """Return how far panels are from the nodes, at most, at some of the points.

    In log p(x), and in KL(q || p(h|x)) against log p(x) - ELBO(x); nats.
    """
    log_p, gaps = [], []
    mean, v = known.moments
    for i in np.linspace(0, len(known.log_p) - 1, points).astype(int):
        law = posterior(known.vae, known.problem.x[i])
        log_p.append(law.log_partition - known.log_p[i])
        kl = kl_to_posterior(known.vae, law, mean[i], v[i])
        gaps.append(kl - (known.log_p[i] - known.elbo[i]))
    return float(np.max(np.abs(log_p))), float(np.max(np.abs(gaps)))
