"""How long a chain remembers: the autocorrelation function, and the time it sums to.

For a stationary chain x_n with variance s^2 let

    rho_t = cov(x_n, x_{n+t}) / s^2,        tau = 1 + 2 sum_{t >= 1} rho_t.

The mean of N draws has the variance s^2 tau / N, for N much larger than tau: N draws
are worth N / tau independent ones. (Many texts call tau / 2 the integrated
autocorrelation time.) Independent draws have tau = 1, a chain whose draws alternate
about the mean less. If rho_t = r^t, as in a first-order autoregression or a two-state
Markov chain with the second eigenvalue r, then tau = (1 + r) / (1 - r).

Sources: A. Sokal (1997), Monte Carlo methods in statistical mechanics: foundations and
new algorithms, in Functional Integration, NATO ASI B 361, section 3; U. Wolff, Computer
Physics Communications 156 (2004), 143, for several chains and for the bias.
"""

import warnings

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from samplers.draws import centered, each_quantity

# The window is so many times tau / 2, which leaves out e^-5 of an exponential's sum.
WINDOW = 5
# A run of so many tau determines tau to about 45 %.
ENOUGH = 50


def autocorrelation(draws):
    """Estimate rho_t for every lag t from 0 to the length of a chain less one.

        c_t = sum_chains sum_n (x_n - m) (x_{n+t} - m) / (M (N - t)),
        rho_t = c_t / c_0,

    with m the mean over all M chains of N draws. The products are counted, not divided
    by N, so rho_t is not drawn to zero at large t; it can leave [-1, 1] there. Chains
    share one mean: if they disagree, that shows as correlation that does not decay. As
    m is made of the same draws, c_t is low by the variance of m, s^2 tau / (M N), to
    first order at every lag. Lags beyond a fraction of N are mostly noise, unless there
    are many chains.

    Parameters
    ----------
    draws : (chain, draw, *dims)

    Returns (draw, *dims), the first axis being t; nan for a quantity that is constant.
    Takes O(M N log N) operations. Raises ValueError or TypeError if there are fewer
    than 4 draws, or a draw is not a finite real number.

    >>> autocorrelation([[1, 0, 1, 0, 1, 0]])
    array([ 1., -1.,  1., -1.,  1., -1.])
    """
    return np.moveaxis(each_quantity(_autocorrelation, draws), -1, 0)


def autocorrelation_time(draws):
    """Estimate tau = 1 + 2 sum_{t=1}^W rho_t, with a window W that the draws choose.

    Summed over all lags, the noise of rho_t would drown the signal. W is the first lag

        W >= 5 (1/2 + sum_{t=1}^W |rho_t|),

    which for positive rho_t is Sokal's window of 5 tau / 2. By its magnitude rho_t is
    followed through its swings if it alternates or oscillates, where the sum of rho_t
    itself, small from the first lags on, would stop at once. What the estimated mean
    takes from each of the 2 W + 1 lags of the sum, and from c_0, is given back,

        tau <- tau (1 + (2 W + 1 - tau) / S),       S = M N draws in M chains.

    The relative standard error is about sqrt((4 W + 2 - 2 tau) / S) where rho_t is
    positive, and larger where it alternates. No tau below 1 / log10(S) is returned:
    that draws are so much better than independent ones could be luck.

    Parameters
    ----------
    draws : (chain, draw, *dims), chains that have forgotten where they started

    Returns (*dims), in draws; nan for a quantity that is constant. Warns if S < 50 tau,
    or if no window fits into a chain, where the largest sum is returned: then tau is
    hardly known, and probably too small. Raises ValueError or TypeError if there are
    fewer than 4 draws, or a draw is not a finite real number.
    """
    result = each_quantity(_autocorrelation_time, draws)
    time, fits = result[..., 0], result[..., 1]
    chains, n = np.shape(draws)[:2]
    doubtful = (fits == 0) | (time * ENOUGH > chains * n)
    if np.any(doubtful):
        longest = np.max(time[doubtful])
        needed = int(np.ceil(longest * max(ENOUGH / chains, WINDOW)))
        warnings.warn(
            f"{chains * n} draws, {n} a chain, hardly determine their autocorrelation "
            f"time, {longest:.3g} or more: error bars that rest on it are probably too "
            f"small. It takes {ENOUGH} times as many draws in all, and chains in which "
            f"the correlation dies out: take {needed if needed > n else 2 * n} draws "
            "a chain, or more",
            stacklevel=2,
        )
    return time[()]


def lagged_products(x):
    """Return sum_chains sum_n x_n x_{n+t} for every lag t: (k, chain, draw), (k, draw).

    The transform of the sum is |transform of x|^2 (Wiener and Khinchin); zeros are
    appended, so that the end of a chain does not meet its beginning.
    """
    n = x.shape[2]
    length = next_fast_len(2 * n - 1, real=True)
    power = np.zeros((len(x), length // 2 + 1))
    for chain in np.moveaxis(x, 1, 0):
        transform = rfft(chain, length)
        power += transform.real**2 + transform.imag**2
    return irfft(power, length)[:, :n]


def shortest_time(draws: int) -> float:
    """Return 1 / log10(S), below which no autocorrelation time is believed."""
    return 1 / np.log10(draws)


def _autocorrelation(x):
    _, chains, n = x.shape
    x = centered(x.reshape(len(x), -1)).reshape(x.shape)
    covariance = lagged_products(x) / (chains * np.arange(n, 0, -1))
    with np.errstate(invalid="ignore"):  # a constant, 0 / 0
        return covariance / covariance[:, :1]


def _autocorrelation_time(x):
    """Return (k, 2), tau and whether a window was found."""
    _, chains, n = x.shape
    rho = _autocorrelation(x)
    times = 2 * np.cumsum(rho, axis=1) - 1
    least = WINDOW * (np.cumsum(np.abs(rho), axis=1) - 0.5)
    enough = np.arange(n) >= least
    fits = np.any(enough, axis=1) | np.isnan(times[:, -1])
    window = np.where(fits, np.argmax(enough, axis=1), np.argmax(times, axis=1))
    time = np.take_along_axis(times, window[:, np.newaxis], axis=1)[:, 0]
    time *= 1 + (2 * window + 1 - time) / (chains * n)
    return np.stack([np.maximum(time, shortest_time(chains * n)), fits], axis=1)
