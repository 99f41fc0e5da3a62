"""Posterior collapse in the linear VAE, where it can be computed.

With the variance s^2 of the noise held fixed, a latent is in use at the optimum if the
variance lambda_j along its axis is above s^2: its KL to the prior is then, in the mean
over the data, log(lambda_j / s^2) / 2, and it is zero otherwise (models/linear_vae.py).
So a model with a noise that is too large has latents that say nothing of x, and its
likelihood prefers it so. The cure is to learn s^2. It falls to the mean variance that
is not explained yet; the axes of more than that grow out of the collapse; and so on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.experiment import Metric
from benchmarks.vae_linear.training import (
    Problem,
    climb,
    matched_points,
    noise_variance,
)
from models.linear_vae import linear_vae, require_linear
from models.vae import VAE
from models.vae_bounds import latent_divergences

HELD = {"quick": (0, 2, 4, 6), "full": (0, 1, 2, 3, 4, 5, 6, 7)}
LONGEST = 2000  # of L-BFGS, at most
CURED, HOLD, CURE = 6, 80, 1000  # latents; steps with s^2 fixed, and then learned
STEPS_DRAWN = 5 * HOLD  # steps that are drawn
IN_USE = 0.01  # nats, above which a latent is


@dataclass(frozen=True, eq=False)
class Collapse:
    """Models of M - 1 latents, with one s^2 each, and one that learns it.

    eigenvalues : (M,), of the covariance of the data
    variances : (models,), s^2, half way between two eigenvalues by their logarithms
    divergences : (models, M - 1), the mean KL of each latent in nats, largest first
    s2 : (steps,), of one more model, fixed for HOLD steps and then learned
    cured : (steps, CURED), the mean KL of each of its latents
    """

    eigenvalues: NDArray
    variances: NDArray
    divergences: NDArray
    s2: NDArray
    cured: NDArray

    @property
    def cured_expected(self) -> NDArray:
        """The KL of its latents at the optimum, with the mean discarded s^2."""
        s2 = np.mean(self.eigenvalues[CURED:])
        return 0.5 * np.log(self.eigenvalues[:CURED] / s2)

    @property
    def expected(self) -> NDArray:
        """The mean KL of each latent at the optimum, like `divergences`."""
        ratios = self.eigenvalues[:-1] / self.variances[:, np.newaxis]
        return 0.5 * np.log(np.maximum(ratios, 1))


def collapse(problem: Problem, size: str, rng) -> Collapse:
    """Train the models of a problem."""
    pca = problem.pca
    M, eigenvalues = len(pca.mean), pca.explained_variance
    variances = np.sqrt(eigenvalues[1:] * eigenvalues[:-1])[list(HELD[size])]
    x, divergences = matched_points(pca), []
    for s2 in variances:
        vae = linear_vae(M, M - 1, variance=s2, learn_variance=False, rng=rng)
        climb(pca, vae, LONGEST)
        divergences.append(mean_divergences(vae, x))
    return Collapse(eigenvalues, variances, np.array(divergences), *cure(pca, rng))


def cure(pca, rng) -> tuple[NDArray, NDArray]:
    """Let all latents but one collapse, learn s^2; return it and the KL, by step."""
    M, x, eigenvalues = len(pca.mean), matched_points(pca), pca.explained_variance
    large = np.sqrt(eigenvalues[0] * eigenvalues[1])
    vae = linear_vae(M, CURED, variance=large, learn_variance=False, rng=rng)
    s2, divergences = [], []

    def look(info):
        moving = info.state[0]
        s2.append(noise_variance(moving))
        divergences.append(mean_divergences(moving, x))

    climb(pca, vae, HOLD, [look])
    require_linear("decoder", vae.decoder).learn_variance = True
    climb(pca, vae, CURE, [look])
    return np.array(s2), np.array(divergences)


def mean_divergences(vae: VAE, x) -> NDArray:
    """Return the mean KL of each latent to the prior, largest first, in nats."""
    return np.sort(np.mean(latent_divergences(*vae.encode(x)), axis=0))[::-1]


def collapse_metrics(found: Collapse) -> list[Metric]:
    """Return what the models of fixed s^2 and the cured one are held to."""
    used = np.sum(found.divergences > IN_USE, axis=1)
    above = np.sum(found.eigenvalues > found.variances[:, np.newaxis], axis=1)
    error = np.max(np.abs(found.divergences - found.expected))
    return [
        Metric(
            "fixed s^2: models in which not as many latents are in use as eigenvalues "
            "are above it",
            float(np.sum(used != above)),
            at_most=0.0,
            tolerance=0.0,
            reference=0.0,
            source="Lucas et al. (2019), as many latents as eigenvalues",
        ),
        Metric(
            "fixed s^2: KL of a latent, largest error",
            float(error),
            "nats",
            at_most=1e-4,
            reference=0.0,
            source="log(lambda / s^2) / 2 in closed form",
        ),
        Metric(
            "learned s^2: KL of a latent, largest error",
            float(np.max(np.abs(found.cured[-1] - found.cured_expected))),
            "nats",
            at_most=1e-4,
            reference=0.0,
            source="log(lambda / s^2) / 2 at the mean discarded eigenvalue",
        ),
    ]
