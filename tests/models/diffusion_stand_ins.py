"""Diffusion models with a denoiser of a few numbers, and exact means over noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from autodiff import static
from models import gaussian_log_likelihood
from models.diffusion_forms import signal_and_noise
from models.log_snr import LearnedLogSNR, LinearLogSNR
from tests.models.autoencoders import hermite


@dataclass(eq=False)
class StandIn:
    """A model whose start is N(x_1 / alpha_1, sigma_1^2 / alpha_1^2 I)."""

    log_snr: Any

    def log_likelihood_at_start(self, x0, x1, log_snr):
        alpha, _ = signal_and_noise(log_snr)
        mean = x1 / alpha[..., np.newaxis]
        return gaussian_log_likelihood(x0, mean, 0 * x1 - log_snr[..., np.newaxis])


@dataclass(eq=False)
class GaussianData(StandIn):
    """The exact denoiser of N(mean, diag(variance))."""

    mean: np.ndarray = static()
    variance: np.ndarray = static()

    def denoise(self, x, log_snr):
        alpha, sigma = (part[..., np.newaxis] for part in signal_and_noise(log_snr))
        weighted = alpha * self.variance * x + sigma**2 * self.mean
        return weighted / (alpha**2 * self.variance + sigma**2)


@dataclass(eq=False)
class Bent(StandIn):
    """A denoiser that is not linear, with parameters of three kinds."""

    weights: np.ndarray
    slope: np.ndarray
    bias: np.ndarray

    def denoise(self, x, log_snr):
        z = x @ self.weights + log_snr[..., np.newaxis] * self.slope + self.bias
        return 1.5 * np.tanh(z)


def line(first=5.0, last=-4.0):
    return LinearLogSNR(first, last)


def curve(first=5.0, last=-4.0, *, seed=0, size=3, learn_ends=True, dtype=np.float64):
    """A curve that is far from a line."""
    rng = np.random.default_rng(seed)
    rates, shifts = 6 + 4 * rng.random(size), -8 * rng.random(size)
    numbers = (np.array([first, last]), rates, shifts, 2 * rng.standard_normal(size))
    return LearnedLogSNR(*(array.astype(dtype) for array in numbers), learn_ends)


def gaussian_data(d=1, log_snr=None):
    """A model of N(0, 1), or of means and variances that differ."""
    mean = np.linspace(0, 1, d)
    return GaussianData(log_snr or line(), mean, np.linspace(1, 0.3, d))


def bent(d=2, log_snr=None, *, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = (d, d), (d,), (d,)
    numbers = [(0.6 * rng.standard_normal(shape)).astype(dtype) for shape in shapes]
    return Bent(log_snr or line(), *numbers)


def examples(model_or_d, n=3, seed=1, dtype=np.float64):
    """Return x_0, (n, d), of the law of the data, or of standard normals."""
    x = np.random.default_rng(seed)
    if isinstance(model_or_d, GaussianData):
        mean, variance = model_or_d.mean, model_or_d.variance
        return mean + np.sqrt(variance) * x.standard_normal((n, mean.size))
    return x.standard_normal((n, model_or_d)).astype(dtype)


def over_noise(x0, T, points):
    """Return all x_0 at all nodes of T normals of one coordinate, and a mean over them.

    x0 : (n, 1). Returns (points^T n, 1), noise (T, points^T n, 1), and a function that
    turns (..., points^T n) into means, (..., n).
    """
    nodes, weights = hermite(T, points)
    rows = np.tile(x0, (len(nodes), 1))
    noise = np.repeat(nodes, len(x0), axis=0).T[..., np.newaxis]

    def mean(values):
        return weights @ values.reshape(*values.shape[:-1], len(nodes), len(x0))

    return rows, noise, mean


def normals(*shape, seed=3, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


MODELS = {
    "gaussian": gaussian_data(2),
    "bent": bent(2),
    "learned": bent(2, curve()),
}
every_model = pytest.mark.parametrize("name", MODELS)
