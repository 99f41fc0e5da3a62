"""The bound of log p beside log p itself, and what a denoiser loses of it.

In continuous time the bound of a denoiser x0hat is (models/diffusion_bounds.py)

    log p(x_0) >= E log p(x_0 | x_1) - KL(q(x_T | x_0) || N(0, I))
                  - 1/2 int e^lambda E|x_0 - x0hat|^2 d lambda.

With the best guess x* = E[x_0 | x] it is log p(x_0) itself, up to what the two ends of
lambda leave out. With another it is lower, in the mean over the data, by

    1/2 int e^lambda E|x* - x0hat|^2 d lambda = 1/2 int sigma^2 E|s - s*|^2 d lambda:

as x_0 - x* has the mean zero given x, the cross term of the squares vanishes. So the
error of the score is what the bound loses, in nats. Both are estimated here with the
same noise and times, in which most of the variance is shared. The cross term vanishes
in the mean over x_0, not for each, so that every draw has examples of its own. The mean
of log p over these differs from E log p, which is an integral; so, nearly, do their
bounds, from which that difference is taken.

Source: D. Guo, S. Shamai and S. Verdu, Mutual information and minimum mean-square error
in Gaussian channels, IEEE Transactions on Information Theory 51 (2005), 1261.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_2d.laws import best_guess
from benchmarks.diffusion_2d.training import FIRST, LAST, Learned
from benchmarks.ebm_2d.data import GRID, STEP
from data import GaussianMixture
from models.diffusion_bounds import continuous_terms
from models.diffusion_forms import signal_and_noise
from models.diffusion_training import even_times
from models.estimate import Estimate

EXAMPLES = {"quick": 500, "full": 5000}  # of a draw
DRAWS = {"quick": 40, "full": 100}  # of examples, noise and times


@dataclass(frozen=True, eq=False)
class Bounds:
    """Means over the data, in nats; errors are those of all that is drawn.

    truth : of log p(x_0)
    best, learned : of the bound, with the exact denoiser and with the learned one
    lost : of best - learned
    by_scores : of the same by the integral over the error of the score
    cross : of lost - by_scores
    """

    truth: float
    best: Estimate
    learned: Estimate
    lost: Estimate
    by_scores: Estimate
    cross: Estimate

    @property
    def best_z(self) -> float:
        """How far the bound of the exact denoiser is from log p, in errors."""
        return abs(self.best.value - self.truth) / self.best.standard_error

    @property
    def cross_z(self) -> float:
        """How far the two ways to the loss are apart, in errors."""
        return abs(self.cross.value) / self.cross.standard_error


def estimate_bounds(learned: Learned, size: str, rng: np.random.Generator) -> Bounds:
    """Estimate both bounds at a size."""
    truth = mean_log_density(learned.problem.law)
    draws = [draw_bounds(learned, EXAMPLES[size], rng) for _ in range(DRAWS[size])]
    bound, lost, by_scores = np.transpose(draws)
    bound += truth
    numbers = (bound + lost, bound, lost, by_scores, lost - by_scores)
    return Bounds(truth, *map(mean, numbers))


def mean_log_density(law: GaussianMixture) -> float:
    """Return E log p, minus the entropy, in nats, by a sum over a fine grid."""
    log_p = law.log_density(GRID)
    return float(STEP**2 * np.exp(log_p) @ log_p)


def draw_bounds(learned: Learned, n: int, rng: np.random.Generator):
    """Return bound - log p, lost and by_scores, means over n examples, (3,)."""
    model, law = learned.model, learned.problem.law
    x0 = law.sample(n, rng=rng, dtype=model.dtype).X
    u, eps = even_times(n, rng.random()), model.draw_noise(n, rng)
    bound = continuous_terms(model, x0, u.astype(model.dtype), eps).bound
    log_snr = model.log_snr(u)
    alpha, sigma = (row[:, np.newaxis] for row in signal_and_noise(log_snr))
    x = alpha * x0 + sigma * eps
    guess = model.denoise(x.astype(model.dtype), log_snr.astype(model.dtype))
    best = best_guess(law, x, log_snr)
    weight = (FIRST - LAST) / 2 * np.exp(log_snr)[:, np.newaxis]
    lost = weight * ((x0 - guess) ** 2 - (x0 - best) ** 2)
    by_scores = weight * (best - guess) ** 2
    below = bound - law.log_density(x0.astype(np.float64))
    return np.array([np.sum(terms) for terms in (below, lost, by_scores)]) / n


def mean(draws: NDArray) -> Estimate:
    """Return the mean of draws with its standard error."""
    error = draws.std(ddof=1) / np.sqrt(len(draws))
    return Estimate(float(draws.mean()), float(error))
