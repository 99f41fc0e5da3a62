"""What a diffusion model promises of new images, in nats, term by term."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_digits.training import Watch
from models.diffusion import Diffusion
from models.estimate import Estimate

TERMS = "reconstruction", "prior", "diffusion"
GROUPS = 10  # of draws, whose means tell the errors
NUMBERS_OF_STEPS = 10, 30, 100, 300, 1000  # T
SHARE = 1 / 3  # of the draws, for the differences between numbers of steps


@dataclass(frozen=True, eq=False)
class Learned:
    """A model that was chosen, and what was measured on it, in nats.

    watch : the course of its training
    cost : minus the mean bound of the test images, in the limit of many steps
    terms : of it: minus the reconstruction, the prior, the diffusion term
    """

    model: Diffusion
    watch: Watch
    cost: Estimate
    terms: Mapping[str, Estimate]


def measured(watch: Watch, x: NDArray, samples: int, rng) -> Learned:
    """Measure the model that was chosen on images x : (n, M), by so many draws."""
    model = watch.best
    assert model is not None
    *terms, cost = map(estimate, draw_costs(model, x, samples, rng).T)
    return Learned(model, watch, cost, dict(zip(TERMS, terms, strict=True)))


def extra_costs(
    model: Diffusion, x: NDArray, samples: int, seed: int
) -> dict[int, Estimate]:
    """Return by how much the chains of NUMBERS_OF_STEPS cost more than infinitely many.

    The draws are the same for all, so that errors cancel in the differences.
    """
    few = round(SHARE * samples)
    endless = draw_costs(model, x, few, seed)
    return {
        T: estimate((draw_costs(model, x, few, seed, T) - endless)[:, -1])
        for T in NUMBERS_OF_STEPS
    }


def draw_costs(
    model: Diffusion, x: NDArray, samples: int, rng, steps: int | None = None
) -> NDArray[np.float64]:
    """Return the terms of minus the mean bound, and their sum, (GROUPS, 4), in nats.

    samples : draws of noise for each image, in GROUPS
    steps : T; None for the limit of infinitely many
    """
    groups, rng = [], np.random.default_rng(rng)
    for _ in range(GROUPS):
        found = model.bound(x, rng=rng, steps=steps, samples=samples // GROUPS)
        terms = -found.reconstruction, found.prior, found.diffusion
        groups.append([*(term.mean() for term in terms), -found.mean.value])
    return np.array(groups)


def estimate(means: NDArray) -> Estimate:
    """Return the mean of independent means, with its error, which they tell."""
    error = np.std(means, ddof=1) / math.sqrt(len(means))
    return Estimate(float(np.mean(means)), float(error))
