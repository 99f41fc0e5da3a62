"""Reverse chains of Gaussian data: the law of their ends, exact, and real ones.

With the exact denoiser a step back is linear, and the moments of what T steps end in
follow from step to step. What is left of the error is that of finite steps, of first
order in 1 / T; the schedule is the cosine one, equal in angle.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_gaussian.laws import LAWS, SPACE
from models.gaussian_denoiser import GaussianDenoiser
from models.gaussian_divergences import kl_gaussian_full
from models.linear_diffusion import LinearDiffusion
from samplers.chains import Chains
from samplers.forward import Forward
from samplers.reverse import Reverse
from samplers.schedules import cosine, sigmoid

ETAS = {"ancestral": 1.0, "DDIM": 0.0}
COUNTS = (2, 5, 10, 20, 50, 100, 200, 500, 1000)  # T
RUN = (5, 20, 100)  # T of the chains that are run
NARROW = GaussianDenoiser(np.array([1.0]), np.array([[0.2**2]]))  # in the picture
SHOWN_STEPS = 400
SHOWN = LinearDiffusion.of(NARROW, sigmoid(SHOWN_STEPS, first=8, last=-7))
STARTS = np.array([[-1.8], [-0.9], [0.0], [0.9], [1.8]])


@cache
def model_of(data: GaussianDenoiser, T: int) -> LinearDiffusion:
    """Return the model of T steps, equal in angle."""
    return LinearDiffusion.of(data, cosine(T, offset=0.0))


@dataclass(frozen=True, eq=False)
class Ends:
    """How far from the data chains end, for each of COUNTS.

    errors : (9,), the largest error of a variance, along any axis, relative
    divergences : (9,), KL from the law of the ends to that of the data, in nats
    """

    errors: NDArray
    divergences: NDArray


def ends(data: GaussianDenoiser, eta: float) -> Ends:
    """Return how far chains end from the data, exactly."""
    whiten = np.linalg.inv(np.linalg.cholesky(data.covariance))
    errors, divergences = [], []
    for T in COUNTS:
        m, C = model_of(data, T).sample_moments(eta)
        errors.append(np.abs(np.linalg.eigvalsh(whiten @ C @ whiten.T) - 1).max())
        divergences.append(kl_gaussian_full(m, C, data.mean, data.covariance))
    return Ends(np.array(errors), np.array(divergences))


def all_ends() -> dict[tuple[str, str], Ends]:
    """Return them for all laws and both kinds of chains."""
    return {
        (law, name): ends(data, eta)
        for law, data in LAWS.items()
        for name, eta in ETAS.items()
    }


def slope(errors, first: int, last: int) -> float:
    """Return the slope of log error against log T, between two of COUNTS."""
    a, b = (errors[COUNTS.index(T)] for T in (first, last))
    return float(np.log(b / a) / np.log(last / first))


@dataclass(frozen=True, eq=False)
class Sampled:
    """What real chains of SPACE end in, for each of RUN.

    scores : (3, 9), of 3 means and 6 second moments, beside the exact recursion
    errors : (3,), of the variances, as Ends has them
    """

    scores: NDArray
    errors: NDArray


def sample(eta: float, n: int, rng: np.random.Generator) -> Sampled:
    """Run n chains for each number of steps and hold their moments to the recursion."""
    whiten = np.linalg.inv(np.linalg.cholesky(SPACE.covariance))
    scores, errors = [], []
    for T in RUN:
        model = model_of(SPACE, T)
        reverse = Reverse(model.denoiser(), model.schedule, eta=eta)
        x = Chains(reverse, n, rng=rng, thin=T).run(1)[:, 0]
        scores.append(moment_scores(x, *model.sample_moments(eta)))
        found = np.linalg.eigvalsh(whiten @ np.cov(x.T) @ whiten.T)
        errors.append(np.abs(found - 1).max())
    return Sampled(np.array(scores), np.array(errors))


def moment_scores(x, mean, covariance) -> NDArray:
    """Return z of the means and second moments of x : (n, d), standardized."""
    z = np.linalg.solve(np.linalg.cholesky(covariance), (x - mean).T)
    n, (i, j) = z.shape[1], np.triu_indices(len(mean))
    products = z @ z.T / n - np.eye(len(mean))
    spread = np.where(i == j, np.sqrt(2 / n), np.sqrt(1 / n))
    return np.concatenate([np.mean(z, axis=1) * np.sqrt(n), products[i, j] / spread])


def paths(rng: np.random.Generator) -> dict[str, NDArray]:
    """Return paths in one dimension, (5, SHOWN_STEPS + 1) each, by the time t.

    The forward chain from five data, and both reverse chains from the same five x_T.
    """
    data = 1.0 + 0.2 * STARTS
    forward = Chains(Forward(SHOWN.schedule, 1), state=data, rng=rng)
    found = {"forward": joined(data, forward)}
    for name, eta in ETAS.items():
        reverse = Reverse(SHOWN.denoiser(), SHOWN.schedule, eta=eta)
        back = joined(STARTS, Chains(reverse, state=STARTS, rng=rng))
        found[name] = back[:, ::-1]
    return found


def joined(start, chains: Chains) -> NDArray:
    """Return all states of chains in one dimension, the first too, (n, T + 1)."""
    return np.concatenate([start, chains.run(SHOWN_STEPS)[:, :, 0]], axis=1)
