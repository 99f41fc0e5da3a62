"""The minimax game where both laws are known: its best answer and its value, exactly.

Of the densities, or the probabilities, p_r of the data and p_g of the draws,

    D*(x) = p_r(x) / (p_r(x) + p_g(x)) = sigmoid(log p_r(x) - log p_g(x)),
    L(D) = sum_i w_i [p_r(x_i) log D(x_i) + p_g(x_i) log(1 - D(x_i))],   0 log 0 = 0,

with the weights w_i of a quadrature, or without them for probabilities. At D* this is
2 JS(p_r, p_g) - 2 log 2. models/gan_games.py derives both, and models/divergences.py
has JS, which for densities is that of the probabilities w_i p(x_i):

>>> from models.divergences import jensen_shannon
>>> x, step = np.linspace(-12, 13, 2001, retstep=True)
>>> p_r, p_g = (np.exp(-((x - c) ** 2) / 2) / np.sqrt(2 * np.pi) for c in (0, 1))
>>> value_of_game(p_r, p_g, weights=step)
np.float64(-1.16345)
>>> 2 * jensen_shannon(step * p_r, step * p_g) - 2 * np.log(2)
np.float64(-1.16345)

Source: I. Goodfellow et al., NeurIPS (2014), proposition 1 and theorem 1.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlog1py, xlogy


def optimal_discriminator(p_r: ArrayLike, p_g: ArrayLike) -> NDArray:
    """Return D* = p_r / (p_r + p_g), the best answer to whether x is of the data.

    Where both are zero nothing is ever asked and any answer is best: 1/2 is returned,
    which prefers none. Where both have underflowed, far out, that would be wrong:
    `optimal_logit` takes their logarithms.

    p_r, p_g : densities at the same points, or probabilities; not negative

    Raises ValueError if they are negative, not finite, or do not fit.
    """
    p_r, p_g = _laws(p_r, p_g)
    total = p_r + p_g
    return np.divide(p_r, total, out=np.full_like(total, 0.5), where=total > 0)


def optimal_logit(log_p_r: ArrayLike, log_p_g: ArrayLike) -> NDArray:
    """Return the logit of D*, log p_r - log p_g, of log-densities at the same points.

    It is infinite where one law has no mass, and zero where neither has, as above.

    Raises ValueError if they are nan or plus infinity, or do not fit.
    """
    log_p_r, log_p_g = _together(log_p_r=log_p_r, log_p_g=log_p_g)
    for name, log_p in (("log_p_r", log_p_r), ("log_p_g", log_p_g)):
        if not np.all(log_p < np.inf):
            raise ValueError(
                f"{name} holds {log_p[~(log_p < np.inf)][0]}, which is the logarithm "
                "of no density; that of zero is -inf"
            )
    somewhere = np.maximum(log_p_r, log_p_g) > -np.inf
    zeros = np.zeros_like(log_p_r)
    return np.subtract(log_p_r, log_p_g, out=zeros, where=somewhere)


def value_of_game(
    p_r: ArrayLike,
    p_g: ArrayLike,
    D: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> NDArray:
    """Return L(D), the sum over the last axis; the largest there is if D is None.

    Parameters
    ----------
    p_r, p_g : (..., k), probabilities, or densities at k points
    D : (..., k), from 0 to 1; D* if None
    weights : (k,), of the quadrature, or the distance of points on a grid

    Returns (...), in nats; minus infinity where D excludes what happens. Raises
    ValueError if p_r or p_g are negative, D is no probability, or they do not fit.
    """
    p_r, p_g = _laws(p_r, p_g)
    if D is None:
        terms = xlogy(p_r, optimal_discriminator(p_r, p_g))
        terms = terms + xlogy(p_g, optimal_discriminator(p_g, p_r))
    else:
        p_r, p_g, D = _together(p_r=p_r, p_g=p_g, D=D)
        if not np.all((D >= 0) & (D <= 1)):
            raise ValueError(
                f"D runs from {D.min()} to {D.max()}; it is a probability, from 0 to "
                "1: write sigmoid(f) for a logit f"
            )
        terms = xlogy(p_r, D) + xlog1py(p_g, -D)
    if weights is not None:
        terms, weights = _together(terms=terms, weights=weights)
        terms = weights * terms
    return np.sum(terms, axis=-1)


def _laws(p_r: ArrayLike, p_g: ArrayLike) -> tuple[NDArray, ...]:
    """Return both as arrays of one shape, or raise ValueError."""
    laws = _together(p_r=p_r, p_g=p_g)
    for name, p in zip(("p_r", "p_g"), laws, strict=True):
        if not np.all((p >= 0) & (p < np.inf)):
            raise ValueError(
                f"{name} holds {p[~((p >= 0) & (p < np.inf))][0]}; densities and "
                "probabilities are finite and not negative: write np.exp(log_p), or "
                "give logarithms to optimal_logit"
            )
    return laws


def _together(**arrays: ArrayLike) -> tuple[NDArray, ...]:
    """Return arrays of float64, broadcast to one shape, or raise ValueError."""
    given = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    try:
        return tuple(np.broadcast_arrays(*given.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in given.items())
        raise ValueError(
            f"the shapes {shapes} do not fit; all are of the same points x, one number "
            "for each"
        ) from None
