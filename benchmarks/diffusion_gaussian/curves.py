"""Curves of the log SNR with the same ends: one bound, and estimates of any variance.

For data N(0, 1) the residual x_0 - E[x_0 | x] is N(0, sigma^2), and the term of
continuous time at u is a chi-square number of one degree of freedom times

    g(u) = -lambda'(u) alpha(u)^2 / 2,     int_0^1 g du = m = log((1 + e^l_0) / (1 +
                                           e^l_1)) / 2,

with the ends l_0 and l_1 of lambda. A random u, x_0 and noise therefore give

    variance = 3 int g^2 du - m^2  >=  2 m^2,

which is least where g is the same for all u: where log(1 + e^lambda) falls evenly. A
curve that is trained for the least variance has to find that one.

Source: D. P. Kingma, T. Salimans, B. Poole and J. Ho, NeurIPS (2021), section 5.1 and
appendix I, for both statements about any data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_gaussian.laws import (
    FIRST,
    LAST,
    LAWS,
    LINE,
    STRAIGHT,
    ExactModel,
    cubature,
    draw,
    points_of,
)
from models.diffusion_bounds import continuous_terms
from models.diffusion_training import diffusion_descent
from models.gaussian_denoiser import GaussianDenoiser
from models.log_snr import LearnedLogSNR
from optim import Adam, Batches
from optim.fit import fit
from optim.schedules import CosineDecay

NODES = 800  # of Gauss and Legendre over u
EXAMPLES, BATCH = 20_000, 256
FIRST_BETA, LAST_BETA = 0.1, 20.0  # of Ho et al. (2020), times T


@dataclass(frozen=True, eq=False)
class Curve:
    """lambda(u) and lambda'(u), two functions of u : (...)."""

    value: Callable[[NDArray], NDArray]
    slope: Callable[[NDArray], NDArray]

    def __call__(self, u) -> NDArray:
        """Return lambda(u)."""
        return self.value(u)

    def derivative(self, u) -> NDArray:
        """Return lambda'(u)."""
        return self.slope(u)


def cosine() -> Curve:
    """Return equal steps in the angle phi, tan(phi) = sigma / alpha."""
    start, end = (np.arctan(np.exp(-limit / 2)) for limit in (FIRST, LAST))
    length = end - start
    return Curve(
        lambda u: -2 * np.log(np.tan(start + u * length)),
        lambda u: -4 * length / np.sin(2 * (start + u * length)),
    )


def betas() -> Curve:
    """Return the limit of betas in equal steps from 0.1 / T to 20 / T.

    -log alpha^2 is s = 0.1 w + 19.9 w^2 / 2 at the time w; between the w at which the
    log SNR -log(e^s - 1) has the ends it is to have.
    """
    half = (LAST_BETA - FIRST_BETA) / 2
    fallen = np.logaddexp(0, [-FIRST, -LAST])
    root = np.sqrt(FIRST_BETA**2 + 4 * half * fallen)
    start, end = (root - FIRST_BETA) / (2 * half)
    length = end - start

    def fall(w):
        return FIRST_BETA * w + half * w**2

    def value(u):
        return -np.log(np.expm1(fall(start + u * length)))

    def slope(u):
        w = start + u * length
        return length * (FIRST_BETA + 2 * half * w) / np.expm1(-fall(w))

    return Curve(value, slope)


def even() -> Curve:
    """Return the curve along which log(1 + e^lambda) falls evenly."""
    top, bottom = np.logaddexp(0, [FIRST, LAST])

    def value(u):
        z = top + u * (bottom - top)
        return z + np.log(-np.expm1(-z))

    def slope(u):
        z = top + u * (bottom - top)
        return (bottom - top) / -np.expm1(-z)

    return Curve(value, slope)


# The last of these has the least variance.
CURVES: Mapping[str, Any] = {
    "log SNR a line": STRAIGHT,
    "cosine": cosine(),
    "betas a line": betas(),
    "log(1 + SNR) a line": even(),
}
LEARNED = "learned"


def learn_curve(steps: int, rng: np.random.Generator) -> LearnedLogSNR:
    """Train a curve for the least variance of the bound of N(0, 1), from a line.

    Raises KeyboardInterrupt if that was interrupted: half a training is no result.
    """
    model = ExactModel(LearnedLogSNR.create(FIRST, LAST), LINE)
    batches = Batches(draw(LINE, EXAMPLES, rng), size=BATCH, rng=rng)
    state = model, Adam(CosineDecay(0.05, steps))
    (model, _), history = fit(
        diffusion_descent(loss="bound"), state, batches, steps=steps, rng=rng
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return model.log_snr


def density(curve, u) -> NDArray:
    """Return g(u), nats for each unit of time, of the shape of u."""
    return -0.5 * curve.derivative(u) / (1 + np.exp(-curve(u)))


@cache
def over_time() -> tuple[NDArray, NDArray]:
    """Return nodes in [0, 1] and weights of Gauss and Legendre, (NODES,) each."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    return 0.5 * (x + 1), 0.5 * w


def total() -> float:
    """Return m, the mean of the diffusion term for N(0, 1), in nats."""
    top, bottom = np.logaddexp(0, [FIRST, LAST])
    return 0.5 * float(top - bottom)


def variance(curve) -> float:
    """Return the variance of one estimate of the diffusion term, in nats^2."""
    u, w = over_time()
    return float(3 * w @ density(curve, u) ** 2 - total() ** 2)


def excess(curve) -> float:
    """Return by which share the variance is above the least one."""
    return variance(curve) / (2 * total() ** 2) - 1


def estimated_variance(curve) -> float:
    """Return the variance of the library's estimate, by nodes for u, x_0 and noise.

    Its square is of degree four in both normals: three nodes for each are exact.
    """
    u, w = over_time()
    nodes = np.sqrt(3) * np.array([-1.0, 0.0, 1.0])
    shares = np.array([1, 4, 1]) / 6
    x_0, z = (each.ravel()[:, np.newaxis] for each in np.meshgrid(nodes, nodes))
    noise = np.broadcast_to(z, (len(u), *z.shape))
    times = np.broadcast_to(u[:, np.newaxis], noise.shape[:-1])
    terms = continuous_terms(ExactModel(curve, LINE), x_0, times, noise).diffusion
    p = np.outer(w, np.outer(shares, shares).ravel())
    return float(np.sum(p * terms**2) - np.sum(p * terms) ** 2)


def mean_error(curve, data: GaussianDenoiser) -> float:
    """Return the largest error of the mean of the diffusion term over u and noise.

    From the closed form, in which there is no curve, for several x_0; in nats.
    """
    u, w = over_time()
    x_0, z = points_of(data), cubature(data.mean.size)
    rows, each = np.repeat(x_0, len(z), axis=0), np.tile(z, (len(x_0), 1))
    noise = np.broadcast_to(each, (len(u), *each.shape))
    times = np.broadcast_to(u[:, np.newaxis], noise.shape[:-1])
    terms = continuous_terms(ExactModel(curve, data), rows, times, noise).diffusion
    found = np.mean((w @ terms).reshape(len(x_0), len(z)), axis=1)
    return float(np.max(np.abs(found - data.continuous_term(x_0, FIRST, LAST))))


def largest_mean_error(curves: Mapping[str, Any]) -> float:
    """Return that of all curves and all laws."""
    return max(
        mean_error(curve, data) for curve in curves.values() for data in LAWS.values()
    )
