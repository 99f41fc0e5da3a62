"""R-hat: whether chains agree with each other, and with their own past.

Each chain is cut into halves, so that a drift counts as disagreement too. With W the
mean variance within the 2 M half chains of N draws, and B the variance of their means,

    R-hat = sqrt(((N - 1) / N W + B) / W),

near 1 if the halves could have come from one distribution, and larger if their means
differ. Means and variances may not exist, so it is computed from ranks: the r-th
smallest of S draws becomes the normal quantile z = Phi^-1((r - 3/8) / (S + 1/4)). Draws
that differ in spread but not in location are found by their distances from the median,
ranked in the same way.

Source: A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P.-C. Buerkner, Bayesian
Analysis 16 (2021), 667, sections 3 and 4.
"""

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from samplers.draws import centered, each_quantity


def r_hat(draws):
    """Return rank-normalized split R-hat: the larger of the one of draws and of spread.

    Below 1.01 chains pass for converged; above, do not use the draws. It needs several
    chains, started far apart: one chain, which is compared with itself in halves, may
    never have seen most of the distribution. A linear map of all draws does not change
    R-hat; any increasing map leaves the part that compares locations as it is.

    Parameters
    ----------
    draws : (chain, draw, *dims); of an odd number of draws the middle one is left out

    Returns (*dims): nan for a quantity that is constant, inf if each half chain is but
    not all at the same value. Raises ValueError or TypeError if there are fewer than 4
    draws, or a draw is not a finite real number.
    """
    return each_quantity(rank_normalized_r_hat, draws)


def rank_normalized_r_hat(x):
    """Return (k,), the R-hat of x : (k, chain, draw)."""
    halves = split(x)
    spread = np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True))
    # If the halves are at two values, the spread is a constant and its R-hat nan.
    return np.fmax(_r_hat(normal_scores(halves)), _r_hat(normal_scores(spread)))


def split(x):
    """Cut chains in halves, (k, chain, draw) to (k, 2 chain, draw // 2)."""
    half = x.shape[2] // 2
    return np.concatenate([x[..., :half], x[..., -half:]], axis=1)


def normal_scores(x):
    """Replace each number by the normal quantile of its rank, ties by their mean rank.

    x : (k, chain, draw), ranked over chain and draw.
    """
    flat = x.reshape(len(x), -1)
    ranks = rankdata(flat, axis=1)
    return ndtri((ranks - 0.375) / (flat.shape[1] + 0.25)).reshape(x.shape)


def variances(x):
    """Return the variance within chains, W, and that of their means, B: (k,) each."""
    deviations = centered(x)
    means = x[..., 0] - deviations[..., 0]
    within = np.sum(deviations**2, axis=-1) / (x.shape[2] - 1)
    between = np.sum(centered(means) ** 2, axis=-1) / (x.shape[1] - 1)
    return np.mean(within, axis=1), between


def _r_hat(x):
    n = x.shape[2]
    within, between = variances(x)
    with np.errstate(divide="ignore", invalid="ignore"):  # constant chains
        return np.sqrt((n - 1) / n + between / within)
