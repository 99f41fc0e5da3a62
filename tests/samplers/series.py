"""Stationary series with a known autocorrelation, for tests of the diagnostics."""

import numpy as np
from scipy.linalg import toeplitz
from scipy.signal import lfilter


def autoregression(r, shape, rng):
    """x_n = r x_{n-1} + noise on the second axis, with variance 1 and rho_t = r^t."""
    noise = np.sqrt(1 - r**2) * np.random.default_rng(rng).standard_normal(shape)
    noise[:, 0] /= np.sqrt(1 - r**2)
    return lfilter([1], [1, -r], noise, axis=1)


def two_states(up, down, shape, rng):
    """0 -> 1 with probability up, 1 -> 0 with down: rho_t = (1 - up - down)^t."""
    u = np.random.default_rng(rng).random(shape)
    x = np.zeros(shape, np.int8)
    x[:, 0] = u[:, 0] < up / (up + down)
    for n in range(1, shape[1]):
        x[:, n] = np.where(x[:, n - 1], u[:, n] >= down, u[:, n] < up)
    return x


def time(r):
    """tau = 1 + 2 sum r^t"""
    return (1 + r) / (1 - r)


def variance_of_mean(r, n):
    """Of n draws with variance 1 and rho_t = r^t: the sum of all covariances, exactly.

    1/n (1 + 2 sum_t (1 - t/n) r^t)
    """
    return toeplitz(r ** np.arange(n)).sum() / n**2
