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

Source: D. P. Kingma, T. Salimans, B. Poole and J. Ho, NeurIPS (2021), section 3.5.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import logsumexp
from models.arguments import require_precision
from models.diffusion_bounds import Terms, continuous_terms, discrete_terms
from models.diffusion_training import even_times
from models.estimate import Estimate
from models.levels import columns, level_logits
from samplers.chains import require_count

ROWS, NUMBERS = 1024, 2**18  # at a time, of a network and of entries times levels


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
    most = max(1, rows_at_once(model) // len(examples))
    sizes = [min(most, samples - done) for done in range(0, samples, most)]
    draws = [draw_terms(model, examples, steps, rng, size) for size in sizes]
    terms = Terms(*np.concatenate(draws, axis=1))
    reconstruction, prior, diffusion = (term.mean(axis=0) for term in terms)
    bounds, root = terms.bound, math.sqrt(samples)
    means = bounds.mean(axis=1)
    return BoundEstimate(
        reconstruction,
        prior,
        diffusion,
        bounds.std(axis=0, ddof=1) / root,
        Estimate(float(means.mean()), float(means.std(ddof=1)) / root),
        model.dimension,
    )


def rows_at_once(model) -> int:
    """Return how many examples a network, and a table of all levels, take at a time."""
    values = 1 if model.levels is None else model.levels.size
    return max(1, min(ROWS, NUMBERS // (values * model.dimension)))


def draw_terms(
    model, X: NDArray, steps: int | None, rng, draws: int
) -> NDArray[np.float64]:
    """Return the three terms at draws of noise and time, (3, draws, n).

    A draw takes its noise and then its u_0 from rng, whatever the number of draws.
    """
    drawn = [(model.draw_noise(len(X), rng), rng.random()) for _ in range(draws)]
    noise = np.concatenate([eps for eps, _ in drawn])
    u = np.concatenate([even_times(len(X), start) for _, start in drawn])
    x, rows, parts = np.tile(X, (draws, 1)), rows_at_once(model), []
    for first in range(0, len(x), rows):
        now = slice(first, first + rows)
        if steps is None:
            times = u[now].astype(X.dtype)
            terms = continuous_terms(model, x[now], times, noise[now])
        else:
            times = whole_times(u[now], steps)
            terms = discrete_terms(model, x[now], times, noise[now], steps)
        parts.append(np.stack(terms))
    together = np.concatenate(parts, axis=1, dtype=np.float64)
    return together.reshape(3, draws, len(X))


def whole_times(u: NDArray, steps: int) -> NDArray[np.intp]:
    """Return the times t = 2, ..., T at u in [0, 1), of its shape, each as often."""
    return np.minimum(2 + (u * (steps - 1)).astype(np.intp), steps)


def log_likelihood_at_start(model, x0, x1, log_snr):
    """Return log p(x_0 | x_1) in nats, (..., n): of the levels, or a log-density.

    x0 : (n, d) or (..., n, d), for a model with levels of these values only
    x1 : (..., n, d), of which log_snr is the log SNR, (..., n) or a number

    Raises ValueError or TypeError if they do not fit.
    """
    require_precision(x1=x1, x0=x0)
    if x1.shape[-1:] != (model.dimension,) or x0.shape != x1.shape[-x0.ndim :]:
        raise ValueError(
            f"x0 has shape {x0.shape} and x1 {x1.shape}; each row of x1 is what became "
            f"of the {model.dimension} entries of a row of x0: both are "
            f"(n, {model.dimension}), or x1 has more axes before, for other draws"
        )
    alpha, sigma = columns(x1, log_snr)
    fit = -0.5 * np.sum(((x1 - alpha * x0) / sigma) ** 2, axis=-1)
    if model.levels is None:
        return fit + 0.5 * model.dimension * (log_snr - math.log(2 * math.pi))
    logits = level_logits(model.levels, x1, log_snr)
    return fit - np.sum(logsumexp(logits, axis=-1), axis=-1)
