"""Linear diffusions of no special form, and means over noise without a draw."""

import numpy as np

from models.linear_diffusion import LinearDiffusion
from samplers.schedules import from_betas


def covariance(d, seed=0):
    """A covariance with correlations and eigenvalues from about 0.1 to 3."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))
    return (axes * np.geomspace(0.1, 3, d)) @ axes.T


def any_model(d=2, T=4, seed=0, variance=0.3):
    """A model whose denoiser is no posterior mean, at uneven betas."""
    rng = np.random.default_rng(seed)
    schedule = from_betas(rng.uniform(0.05, 0.7, T), allow=np.inf)
    gains = 0.5 * rng.standard_normal((T + 1, d, d))
    return LinearDiffusion(schedule, gains, rng.standard_normal((T + 1, d)), variance)


def cubature(size):
    """Points (2 size, size) over which means of quadratic functions of N(0, I) hold."""
    return np.sqrt(size) * np.concatenate([np.eye(size), -np.eye(size)])


def forward(model, x_0, noise):
    """x_0, ..., x_T, (T + 1, n, d), of the forward chain, for noise : (T, n, d)."""
    x = [np.broadcast_to(x_0, noise.shape[1:])]
    for t, xi in enumerate(noise, 1):
        alpha, beta = model.schedule.alpha[t], model.schedule.beta[t]
        x.append(np.sqrt(alpha) * x[-1] + np.sqrt(beta) * xi)
    return np.array(x)


def log_normal(x, mean, variance):
    """log N(x; mean, v I), (n,), for x : (n, d)."""
    d = x.shape[-1]
    square = np.sum((x - mean) ** 2, axis=-1)
    return -0.5 * (square / variance + d * np.log(2 * np.pi * variance))


def log_back(model, x, t):
    """log p(x_{t-1} | x_t) along chains x : (T + 1, n, d)."""
    M, n, v = model.step(t)
    return log_normal(x[t - 1], x[t] @ M.T + n, v)


def log_forth(model, x, t):
    """log q(x_t | x_{t-1}) along chains x : (T + 1, n, d)."""
    s = model.schedule
    return log_normal(x[t], np.sqrt(s.alpha[t]) * x[t - 1], s.beta[t])


def quadratic_variance(f, size):
    """Var f(z) for z ~ N(0, I) of a quadratic f : (n, size) -> (n,), from its values.

    f = f(0) + g.z + z^T Q z has the variance 2 tr(Q^2) + |g|^2.
    """
    eye = np.eye(size)
    constant, plus, minus = f(0 * eye[:1])[0], f(eye), f(-eye)
    pairs = f((eye[:, np.newaxis] + eye).reshape(-1, size)).reshape(size, size)
    Q = (pairs - plus - plus[:, np.newaxis] + constant) / 2
    return 2 * np.sum(Q**2) + np.sum(((plus - minus) / 2) ** 2)
