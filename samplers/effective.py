"""How many independent draws a run is worth, and the error bar that follows.

S = M N draws in M chains determine a mean as well as ESS = S / tau independent ones,
with tau the autocorrelation time. Here it is estimated so that chains that disagree
lower it as well. Chains are cut into halves; with W the mean variance within them, B
that of their means, N the length of a half and c_t its autocovariance,

    V = (N - 1) / N W + B,       rho_t = 1 - (W - c_t) / V,

where c_t = sum_n (x_n - m) (x_{n+t} - m) / N about the mean m of each half, averaged
over the halves. For a reversible chain the sums of neighbours, P_k = rho_{2k} +
rho_{2k+1}, are positive, decreasing and convex. The sum stops where an estimated P_k is
not positive, and before that none counts for more than the one before it:

    tau = -1 + 2 sum_k min(P_0, ..., P_k),     and not less than 1 / log10(S).

Sources: C. Geyer, Statistical Science 7 (1992), 473, section 3.3; A. Vehtari, A.
Gelman, D. Simpson, B. Carpenter and P.-C. Buerkner, Bayesian Analysis 16 (2021), 667,
sections 3.2 and 4.
"""

import numpy as np

from samplers.autocorrelation import lagged_products, shortest_time
from samplers.convergence import normal_scores, split, variances
from samplers.draws import centered, each_quantity


def effective_sample_size(draws, method="mean"):
    """Estimate how many independent draws would do as well.

    Parameters
    ----------
    draws : (chain, draw, *dims); of an odd number of draws the middle one is left out
    method : what they would do as well for
        "mean", the mean of the draws themselves, whose error bar is sd / sqrt(ESS): the
        default, as what a simulation reports are means, and S / ESS is their tau
        "bulk", the mean of their normal scores (convergence.normal_scores), which every
        distribution has: how well the chains mix where most draws are
        "tail", the 5 % and the 95 % quantile: the smaller of the ESS of the indicators
        x <= quantile, or one of them if the other is constant

    Returns (*dims), at most S log10(S): more than S for chains whose draws alternate
    about the mean; nan for a quantity that is constant, as a chain that got stuck must
    not pass for a good one. Below 100 for each chain, neither ESS nor R-hat can be
    relied on. Raises ValueError or TypeError if there are fewer than 4 draws, or a draw
    is not a finite real number.
    """
    if method not in METHODS:
        raise ValueError(
            f"method is {method!r}; the number of effective draws depends on what they "
            'are for: "mean", "bulk" or "tail"'
        )
    return each_quantity(METHODS[method], draws)


def monte_carlo_standard_error(draws):
    """Return the standard error of the mean over all draws, sd / sqrt(ESS).

    In the units of the draws. It assumes that a variance exists and that the chains
    have converged; the mean is then within 2 standard errors of the truth in about 95 %
    of runs, less often if ESS is below a hundred.

    Parameters
    ----------
    draws : (chain, draw, *dims)

    Returns (*dims); nan for a quantity that is constant, about whose error its draws
    say nothing. Raises ValueError or TypeError if there are fewer than 4 draws, or a
    draw is not a finite real number.
    """
    return each_quantity(standard_error, draws)


def standard_error(x):
    """Return (k,), the standard error of the mean of x : (k, chain, draw)."""
    return standard_deviation(x) / np.sqrt(ess_mean(x))


def standard_deviation(x):
    """Return (k,), the standard deviation of all draws of x : (k, chain, draw)."""
    flat = centered(x.reshape(len(x), -1))
    return np.sqrt(np.sum(flat**2, axis=1) / (flat.shape[1] - 1))


def ess_mean(x):
    """Return (k,), the effective sample size for the mean of x : (k, chain, draw)."""
    return _effective(split(x))


def ess_bulk(x):
    """Return (k,), the effective sample size for the mean of normal scores."""
    return _effective(normal_scores(split(x)))


def ess_tail(x):
    """Return (k,), the smaller effective sample size for the 5 % and 95 % quantiles."""
    x = split(x)
    # Each quantile is a draw, the lower one of two, so that no rounding decides x <= q.
    ends = np.quantile(x, (0.05, 0.95), axis=(1, 2), method="lower", keepdims=True)
    low, high = (_effective((x <= end).astype(np.float64)) for end in ends)
    return np.fmin(low, high)


METHODS = {"mean": ess_mean, "bulk": ess_bulk, "tail": ess_tail}


def _effective(x):
    """Return the effective sample size of half chains, (k, 2 M, N) to (k,)."""
    _, chains, n = x.shape
    within, between = (v[:, np.newaxis] for v in variances(x))
    covariance = lagged_products(centered(x)) / (chains * n)
    with np.errstate(invalid="ignore"):  # a constant, 0 / 0
        rho = 1 - (within - covariance) / ((n - 1) / n * within + between)
    rho[:, 0] = 1
    pairs = rho[:, : n // 2 * 2].reshape(len(x), -1, 2).sum(axis=2)
    monotone = np.minimum.accumulate(pairs, axis=1)
    tau = 2 * np.sum(np.maximum(monotone, 0), axis=1) - 1
    return chains * n / np.maximum(tau, shortest_time(chains * n))
