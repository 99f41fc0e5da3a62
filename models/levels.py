"""Data of a few levels: the law of independent entries, and what noise leaves of it.

An entry of x_0 is one of the levels v_k, k = 1, ..., K: -1 and 1 for bits, evenly
spaced numbers for gray. Entry j is v_k with the probability p_jk. Of n examples, n_jk
of which have v_k there,

    p_jk = (n_jk + 1) / (n + K),

the mean of the posterior law of p_j if before all p_j were equally likely. So no level
has the probability zero, and log p_jk is finite.

How far a level is from what is seen, x_1 = alpha x_0 + sigma eps, is told by

    r_k = (x_1 - alpha v_k) / sigma,     p(x_1 | v_k)  ~  exp(-r_k^2 / 2).

Source: P. S. Laplace, Essai philosophique sur les probabilites (1814), for the ones.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import logsumexp
from models.diffusion_forms import require_log_snr, signal_and_noise
from models.estimator import checked_examples


def level_log_probabilities(
    X: ArrayLike, levels: ArrayLike, dtype: DTypeLike = np.float64
) -> NDArray:
    """Return log p_jk of the levels of each entry, (d, K), by the equation above.

    X : (n, d), examples
    levels : (K,), rising
    dtype : in which X and levels are compared, and of what is returned

    >>> X = [[-1, 1], [-1, -1], [-1, 1]]
    >>> np.exp(level_log_probabilities(X, (-1, 1)))
    array([[0.8, 0.2],
           [0.4, 0.6]])

    Raises ValueError or TypeError if the levels do not rise, or X holds no examples, or
    an entry that is none of the levels.
    """
    values = require_levels(levels, dtype)
    X = require_known(checked_examples(X, dtype), values)
    counts = np.stack([np.sum(value == X, axis=0) for value in values], axis=-1)
    return np.log((counts + 1) / (len(X) + values.size)).astype(dtype)


def require_levels(levels: ArrayLike, dtype: DTypeLike) -> NDArray:
    """Return the levels in a dtype, or raise unless they rise and are at least two."""
    values = np.array(levels, dtype)
    if values.ndim != 1 or values.size < 2 or not np.all(np.diff(values) > 0):
        raise ValueError(
            f"levels are {levels!r}; they are (K,), at least two, and rise, such as "
            "(-1, 1) for bits or np.linspace(-1, 1, 17) for gray levels"
        )
    if not np.all(np.isfinite(values)):
        raise ValueError(f"levels are {levels!r}, and have to be finite to be told")
    return values


def require_known(X: NDArray, levels: NDArray) -> NDArray:
    """Return X, or raise ValueError if an entry is none of the levels."""
    if not np.all(known := np.isin(X, levels)):
        raise ValueError(
            f"X holds {X[~known][0]:g}, which is none of the {levels.size} levels from "
            f"{levels[0]:g} to {levels[-1]:g}, and has the probability zero: write "
            "2 * X - 1 for bits and levels (-1, 1), or create the model without levels"
        )
    return X


def draw_levels(
    levels: NDArray, x1: NDArray, log_snr: float, uniforms: NDArray
) -> NDArray:
    """Return draws of p(x_0 | x_1) for x_1 : (n, d), (n, d).

    levels : (K,); log_snr : that of x_1
    uniforms : (n, d), in [0, 1), numbers that decide
    """
    log_p = level_logits(levels, x1, log_snr).astype(np.float64)
    p = np.exp(log_p - logsumexp(log_p, axis=-1)[..., np.newaxis])
    below = np.cumsum(p[..., :-1], axis=-1)
    return levels[np.sum(uniforms[..., np.newaxis] >= below, axis=-1)]


def level_logits(levels, x1, log_snr):
    """Return -r_k^2 / 2 of all levels for x_1 : (..., d), (..., d, K).

    In memory k is the first axis, so that sums over it add whole arrays.
    """
    alpha, sigma = columns(x1, log_snr)
    first = levels.reshape(-1, *[1] * x1.ndim)
    return np.moveaxis(-0.5 * ((x1 - alpha * first) / sigma) ** 2, 0, -1)


def columns(x1, log_snr):
    """Return alpha and sigma beside x_1 : (..., d), (..., 1) each."""
    numbers = signal_and_noise(require_log_snr(x1, log_snr))
    return [number[..., np.newaxis] for number in numbers]
