"""How probable data are to a diffusion model: its bound, and the law at the start.

The law p(x_0 | x_1) at the least noise, of log SNR lambda, is without parameters, and
its entries are independent. For real data it is that of x_0 in x_1 = alpha x_0 + sigma
eps if nothing else is known of x_0,

    p(x_0 | x_1) = N(x_1 / alpha, exp(-lambda) I),

a density; and for data of K levels v_k the same, among these values only,

    p(x_0 = v_k | x_1) = exp(-r_k^2 / 2) / sum_l exp(-r_l^2 / 2),
    r_k = (x_1 - alpha v_k) / sigma,

a probability. For the levels -1 and 1 it is the law of a bit with the log-odds
2 alpha x_1 / sigma^2.

The bound of log p(x_0) has three terms (models/diffusion_bounds.py), here each by
itself: how well x_0 can be told from x_1, less how far x_T is from N(0, I), less what
the denoiser does not know in between. The first and the last are means over noise and,
the last, over time, of which some draws are taken. In every draw the times of all
examples together cover [0, 1] evenly, so that the mean of a draw over the examples
varies little; from draw to draw they are independent, so that the standard errors are
what they seem.

With levels the bound is one of a probability, and -bound / (d log 2) is the mean number
of bits for an entry of x_0 that a code made of the model would need. For real data it
is bits less those of the unit in which x_0 is measured, and can be negative.

Sources: D. P. Kingma, T. Salimans, B. Poole and J. Ho, NeurIPS (2021), section 3 and
equation 11.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import logsumexp
from models.diffusion_bounds import continuous_terms, discrete_terms
from models.diffusion_forms import require_log_snr, signal_and_noise
from models.diffusion_training import even_times
from models.estimate import Estimate
from samplers.chains import require_count

ROWS, NUMBERS = 1024, 2**20  # at a time, of a network and of entries times levels


@dataclass(frozen=True, eq=False)
class BoundEstimate:
    """A lower bound of log p(x_0) of n examples, its three terms, and their errors.

    Parameters
    ----------
    reconstruction, prior, diffusion : (n,) each, in nats, means over the draws
    standard_error : (n,), of the bound of each example, in nats
    mean : of the bound over the examples. Its error is that of the draws; other
        examples would have another mean
    dimension : d, the number of entries of x_0
    """

    reconstruction: NDArray[np.float64]
    prior: NDArray[np.float64]
    diffusion: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    mean: Estimate
    dimension: int

    def __repr__(self) -> str:
        nats, bits = (
            str(number).removeprefix("Estimate(").removesuffix(")")
            for number in (self.mean, self.bits_per_dimension)
        )
        return f"BoundEstimate(log p >= {nats} nats an example, {bits} bits an entry)"

    @property
    def bound(self) -> NDArray[np.float64]:
        """reconstruction - prior - diffusion, (n,), in nats."""
        return self.reconstruction - self.prior - self.diffusion

    @property
    def bits_per_dimension(self) -> Estimate:
        """-mean / (d log 2), with its error."""
        bits = self.dimension * math.log(2)
        return Estimate(-self.mean.value / bits, self.mean.standard_error / bits)


def bound(
    model, X: ArrayLike, *, rng, steps: int | None = None, samples: int = 100
) -> BoundEstimate:
    """Return an estimate of the bound of log p(x_0) for X : (n, d), by its terms.

    Parameters
    ----------
    rng : int, SeedSequence or Generator
    steps : T; None for the limit of infinitely many
    samples : draws of noise and time for each example, at least 2. The errors fall as
        1 / sqrt(samples)

    Raises ValueError or TypeError if X holds no examples of this model, or a setting
    does not fit.
    """
    examples, rng = model.examples(X), np.random.default_rng(rng)
    require_count("samples", samples, 2)
    if steps is not None:
        require_count("steps", steps, 2)
    draws = np.stack([draw_terms(model, examples, steps, rng) for _ in range(samples)])
    reconstruction, prior, diffusion = draws.mean(axis=0)
    bounds = draws[:, 0] - draws[:, 1] - draws[:, 2]
    root = math.sqrt(samples)
    means = bounds.mean(axis=1)
    return BoundEstimate(
        reconstruction,
        prior,
        diffusion,
        bounds.std(axis=0, ddof=1) / root,
        Estimate(float(means.mean()), float(means.std(ddof=1)) / root),
        model.dimension,
    )


def draw_terms(model, X: NDArray, steps: int | None, rng) -> NDArray[np.float64]:
    """Return the three terms at one draw of noise and time for each example, (3, n)."""
    noise, u = model.draw_noise(len(X), rng), even_times(len(X), rng.random())
    values = 1 if model.levels is None else model.levels.size
    rows = max(1, min(ROWS, NUMBERS // (values * model.dimension)))
    parts = []
    for first in range(0, len(X), rows):
        now = slice(first, first + rows)
        x, eps, times = X[now], noise[now], u[now]
        if steps is None:
            terms = continuous_terms(model, x, times.astype(x.dtype), eps)
        else:
            terms = discrete_terms(model, x, whole_times(times, steps), eps, steps)
        parts.append(np.stack(terms))
    return np.concatenate(parts, axis=1, dtype=np.float64)


def whole_times(u: NDArray, steps: int) -> NDArray[np.intp]:
    """Return the times t = 2, ..., T at u in [0, 1), of its shape, each as often."""
    return np.minimum(2 + (u * (steps - 1)).astype(np.intp), steps)


def log_likelihood_at_start(model, x0, x1, log_snr):
    """Return log p(x_0 | x_1) in nats, (..., n): of the levels, or a log-density.

    x0 : (n, d) or (..., n, d), for a model with levels of these values only
    x1 : (..., n, d), of which log_snr is the log SNR, (..., n) or a number

    Raises ValueError or TypeError if they do not fit.
    """
    alpha, sigma = columns(x1, log_snr)
    fit = -0.5 * np.sum(((x1 - alpha * x0) / sigma) ** 2, axis=-1)
    if model.levels is None:
        return fit + 0.5 * model.dimension * (log_snr - math.log(2 * math.pi))
    return fit - np.sum(logsumexp(level_logits(model, x1, log_snr), axis=-1), axis=-1)


def draw_levels(model, x1: NDArray, log_snr: float, uniforms: NDArray) -> NDArray:
    """Return draws of p(x_0 | x_1) for a model with levels and x_1 : (n, d), (n, d).

    uniforms : (n, d), in [0, 1), numbers that decide
    """
    log_p = level_logits(model, x1, log_snr).astype(np.float64)
    p = np.exp(log_p - logsumexp(log_p, axis=-1)[..., np.newaxis])
    below = np.cumsum(p[..., :-1], axis=-1)
    return model.levels[np.sum(uniforms[..., np.newaxis] >= below, axis=-1)]


def level_logits(model, x1, log_snr):
    """Return -r_k^2 / 2 of all levels for x_1 : (..., d), (..., d, K)."""
    alpha, sigma = (c[..., np.newaxis] for c in columns(x1, log_snr))
    return -0.5 * ((x1[..., np.newaxis] - alpha * model.levels) / sigma) ** 2


def columns(x1, log_snr):
    """Return alpha and sigma beside x_1 : (..., d), (..., 1) each."""
    numbers = signal_and_noise(require_log_snr(x1, log_snr))
    return [number[..., np.newaxis] for number in numbers]
