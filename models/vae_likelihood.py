"""How probable data are to a model of latent variables, by importance sampling.

The likelihood is an integral over h, which the encoder turns into a mean:

    p(x) = int p(x, h) dh = int q(h | x) w dh = E_q[w],     w = p(x, h) / q(h | x).

Draws h_1 ... h_k of q(h | x) give the estimate log[(w_1 + ... + w_k) / k], in the mean
the bound L_k of models/vae_bounds.py. It is too small by about a half of the square of
its standard error, so that k in the thousands makes of the bound an estimate; with
k = 1 it is the ELBO. If q(h | x) is the posterior, every weight is p(x) and one draw
does. The further it is from the posterior the more the weights differ, and where a few
of them outweigh all others the estimate is not to be trusted: what it missed was
probably larger.

The function is a method of the models: vae.log_likelihood(X, rng=0). Of the model it
asks for draw_noise and log_weights, so it takes a single layer of latent variables as
well as a hierarchy of them.

Sources: D. J. Rezende, S. Mohamed and D. Wierstra, ICML 2014; Y. Burda, R. Grosse and
R. Salakhutdinov, ICLR 2016, for the bounds; A. Kong, J. Liu and W. Wong, Journal of the
American Statistical Association 89 (1994), 278, for the effective sample size.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.conditionals import Bernoulli
from models.estimate import Estimate
from models.vae_training import as_data
from samplers.chains import require_count
from samplers.importance import FEW, FewWeightsWarning

EXAMPLES, DRAWS = 8, 128  # at a time, so that the layers of a network stay in a cache
ROUNDING = 1e-6  # relative, of an effective sample size


@dataclass(frozen=True, eq=False)
class ImportanceEstimate:
    """log p(x) of n examples, and how far it may be off.

    Parameters
    ----------
    log_likelihood : (n,), in nats. In the mean over the draws it is a lower bound
    standard_error : (n,), of each, in nats; good where it is well below one
    effective_sample_size : (n,), (sum w)^2 / sum w^2: k for equal weights, 1 if only
        one counts
    """

    log_likelihood: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    effective_sample_size: NDArray[np.float64]

    def __repr__(self) -> str:
        text = str(self.mean).removeprefix("Estimate(").removesuffix(")")
        return (
            f"ImportanceEstimate(log p = {text} nats an example, at least "
            f"{self.effective_sample_size.min():.4g} effective weights)"
        )

    @property
    def mean(self) -> Estimate:
        """The mean of log p(x) over these examples.

        Its error is that of the draws of h. Other examples would have another mean.
        """
        error = np.sqrt(np.sum(self.standard_error**2)) / len(self.standard_error)
        return Estimate(float(self.log_likelihood.mean()), float(error))


def log_likelihood(
    model, X: ArrayLike, *, rng, samples: int = 5000
) -> ImportanceEstimate:
    """Return estimates of log p(x) in nats for X : (n, M), by draws of q(h | x).

    Parameters
    ----------
    rng : int, SeedSequence or Generator
    samples : k, draws of h for each example, at least 2. The error falls as 1 / sqrt(k)

    The weights are computed in the precision of the model and summed in float64. Warns
    (FewWeightsWarning) if those of some example are worth less than 10 equal ones.
    Raises ValueError or TypeError if X holds no examples of this model, of zeros and
    ones for a Bernoulli decoder, and ValueError if a weight is not a number.
    """
    X, rng = as_states(model, X), np.random.default_rng(rng)
    require_count("samples", samples, 2)
    parts = [
        summarized(draw_log_weights(model, X[first : first + EXAMPLES], samples, rng))
        for first in range(0, len(X), EXAMPLES)
    ]
    estimate = ImportanceEstimate(*np.concatenate(parts, axis=1))
    warn_of_few(estimate.effective_sample_size, samples)
    return estimate


def as_states(model, X: ArrayLike) -> NDArray:
    """Return X as (n, M) in the dtype of the model, or raise; bits are 0 or 1."""
    X = as_data(model, X)
    is_binary = isinstance(model.likelihood, Bernoulli)
    if is_binary and not np.all((X == 0) | (X == 1)):
        raise ValueError(
            f"X has values from {X.min():g} to {X.max():g} that are neither 0 nor 1, "
            "and a Bernoulli decoder gives a probability to zeros and ones alone: "
            'write X > 0.5, or create the model with likelihood="gaussian"'
        )
    return X


def draw_log_weights(model, x: NDArray, samples: int, rng) -> NDArray[np.float64]:
    """Return log w in nats for x : (n, M), (samples, n), by some draws at a time."""
    log_weights = np.empty((samples, len(x)))
    for first in range(0, samples, DRAWS):
        some = log_weights[first : first + DRAWS]
        some[:] = model.log_weights(x, model.draw_noise(len(x), rng, len(some)))
    if not np.all(log_weights < np.inf):
        raise ValueError(
            "a weight p(x, h) / q(h | x) is not a number, so the mean of all weights "
            "would not be one: the parameters of the model, or an entry of x, are "
            "huge. Look at model.encode(x), rescale the data, or lower the learning "
            "rate"
        )
    return log_weights


def summarized(log_weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log <w>, its standard error and the effective sample size, (3, n).

    log_weights : (k, n). The weights are taken in units of the largest one of each
    column, so that none overflows and not all vanish
    """
    k, top = len(log_weights), np.max(log_weights, axis=0)
    weights = np.exp(log_weights - np.where(top > -np.inf, top, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):  # where all weights are zero
        mean, sd = weights.mean(axis=0), weights.std(axis=0, ddof=1)
        size = np.where(mean > 0, (k * mean) ** 2 / np.sum(weights**2, axis=0), 0.0)
        return np.stack([top + np.log(mean), sd / (mean * np.sqrt(k)), size])


def warn_of_few(sizes: NDArray[np.float64], samples: int) -> None:
    """Warn if few weights of an example outweigh the others."""
    few = np.count_nonzero(sizes < FEW * (1 - ROUNDING))
    if few:
        warnings.warn(
            f"for {few} of {sizes.size} examples the {samples} weights are worth less "
            f"than {FEW} equal ones, at worst {sizes.min():.1f}: their log-likelihood "
            "is probably too low, and by more than its standard error says. The "
            "encoder is far from the posterior there: give more samples, or train it "
            "longer",
            FewWeightsWarning,
            stacklevel=3,
        )
