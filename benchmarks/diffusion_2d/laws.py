"""Three laws in the plane, and what diffusion makes of them, all of them exact.

Five Gaussians of unequal weight and width, whose modes a draw tells apart, so that
wrong shares are seen as well as wrong widths; two moons; and a swiss roll. Noise around
a curve is an integral of Gaussians along it, and that, by quadrature, a mixture. So all
three are mixtures sum_k w_k N(m_k, s_k^2 I), and so is what noise makes of them,

    x = alpha x_0 + sigma eps ~ sum_k w_k N(alpha m_k, v_k I),
    v_k = alpha^2 s_k^2 + sigma^2,     alpha^2 + sigma^2 = 1.

With the probabilities r_k(x) that x came from k, the best guess of x_0 and the score
are known at every log SNR lambda = log(alpha^2 / sigma^2):

    E[x_0 | x] = sum_k r_k(x) (sigma^2 m_k + alpha s_k^2 x) / v_k,
    grad log q(x) = (alpha E[x_0 | x] - x) / sigma^2.

The plane is divided into cells, the outer ones without end. A cell has the probability
sum_k w_k P_k(x_1) P_k(x_2), by the normal distribution function.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, softmax

from benchmarks.diffusion_mixture.laws import MIXTURE
from benchmarks.ebm_2d.data import LAWS
from data import GaussianMixture
from data.curves import NoisyCurves
from data.sample import Density
from models.diffusion_forms import signal_and_noise

NAMES = ("mixture", "moons", "swiss roll")
EXAMPLES = 100_000  # so many that what is not learned is not for want of them
REACH = 6.0  # length of a panel of twelve nodes on a curve, in units of its noise
TICKS = np.linspace(-3, 3, 49)  # between cells


@dataclass(frozen=True, eq=False)
class Problem:
    """A law, and examples of it.

    law : p, as a mixture
    X : (n, 2), examples to learn from
    """

    name: str
    law: GaussianMixture
    X: NDArray[np.float32]


def make_problem(name: str, rng: np.random.Generator) -> Problem:
    """Draw the examples of a law."""
    if name == "mixture":
        sample = MIXTURE.sample(EXAMPLES, rng=rng, dtype=np.float32)
    else:
        make, _ = LAWS[name]
        sample = make(EXAMPLES, rng=rng, dtype=np.float32)
    return Problem(name, as_mixture(sample.density), sample.X)


def as_mixture(density: Density) -> GaussianMixture:
    """Return a density as a mixture, with a sixth of the terms for noisy curves.

    Raises TypeError if it is neither.
    """
    if isinstance(density, GaussianMixture):
        return density
    if not isinstance(density, NoisyCurves):
        raise TypeError(
            f"the density is a {type(density).__name__}, of which it is not known what "
            "noise makes of it; give a GaussianMixture or NoisyCurves"
        )
    broad = NoisyCurves(density.curves, REACH * density.noise, density.scale).mixture
    return GaussianMixture(broad.weights, broad.means, broad.sds / REACH)


def noised(law: GaussianMixture, log_snr: float) -> GaussianMixture:
    """Return the law of x at a log SNR."""
    alpha, sigma = signal_and_noise(np.float64(log_snr))
    sds = np.hypot(alpha * law.sds, sigma)
    return GaussianMixture(law.weights, alpha * law.means, sds)


def best_guess(law: GaussianMixture, x: NDArray, log_snr: ArrayLike) -> NDArray:
    """Return E[x_0 | x] for x : (n, 2) and log SNR : (n,) or (), (n, 2)."""
    rows = np.broadcast_to(np.asarray(log_snr, np.float64), len(x))[:, np.newaxis]
    alpha, sigma = signal_and_noise(rows)
    v = (alpha * law.sds) ** 2 + sigma**2
    away = [x[:, j, np.newaxis] - alpha * law.means[:, j] for j in range(2)]
    r = softmax(
        np.log(law.weights / v) - (away[0] ** 2 + away[1] ** 2) / (2 * v), axis=1
    )
    shares = r / v
    return sigma**2 * (shares @ law.means) + alpha * x * (shares @ law.sds**2)[:, None]


def score(law: GaussianMixture, x: NDArray, log_snr: ArrayLike) -> NDArray:
    """Return grad log q(x) for x : (n, 2) and log SNR : (n,) or (), (n, 2)."""
    rows = np.broadcast_to(np.asarray(log_snr, np.float64), len(x))[:, np.newaxis]
    alpha, sigma = signal_and_noise(rows)
    return (alpha * best_guess(law, x, log_snr) - x) / sigma**2


def cell_counts(x: NDArray) -> NDArray[np.int64]:
    """Return how many of x : (n, 2) are in each cell, (cells,)."""
    columns = np.searchsorted(TICKS, x, side="right")
    side = len(TICKS) + 1
    return np.bincount(columns @ (side, 1), minlength=side**2)


def cell_probabilities(law: GaussianMixture) -> NDArray[np.float64]:
    """Return the probability of each cell, (cells,), in the order of cell_counts."""
    edges = np.concatenate([[-np.inf], TICKS, [np.inf]])
    first, second = (between(edges, law.means[:, j], law.sds) for j in range(2))
    return np.ravel((law.weights[:, np.newaxis] * first).T @ second)


def between(edges: NDArray, means: NDArray, sds: NDArray) -> NDArray[np.float64]:
    """Return the probabilities of N(m, s^2) between edges, (K, edges - 1).

    Taken on the side where the distribution function is small, so that those far out
    keep their digits.
    """
    z = (edges - means[:, np.newaxis]) / sds[:, np.newaxis]
    low, high = z[:, :-1], z[:, 1:]
    flip = low > 0
    return ndtr(np.where(flip, -low, high)) - ndtr(np.where(flip, -high, low))
