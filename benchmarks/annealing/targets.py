"""Continuous laws of known log Z, annealed from a Gaussian, and states on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.annealing.laws import anneal, weights_of
from data.mixtures import GaussianMixture
from samplers.double_well import double_well_target
from samplers.energy_path import EnergyPath
from samplers.gaussian import gaussian_target
from samplers.importance import Weights
from samplers.mixture import mixture_target
from samplers.philox import draw_key
from samplers.quadrature import quadrature
from samplers.ring import ring_target
from samplers.target import Target

K = 300  # temperatures
# Close to each other where they are high: there the law changes fastest.
BETAS = np.linspace(0, 1, K + 1) ** 3
ANGLES = np.arange(8) * np.pi / 4
EIGHT = GaussianMixture(
    np.full(8, 1 / 8),
    2 * np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]),
    np.full(8, 0.2),
)


def double_well_draws(n: int, rng) -> NDArray:
    """Draw from exp(-x^4 + 2 x^2) / Z, (n, 1), by the inverse of its cdf."""
    law = quadrature(double_well_target().energy_at, (-3, 3))
    return law.quantile(rng.random(n))[:, np.newaxis]


def ring_draws(n: int, rng) -> NDArray:
    """Draw from the ring, (n, 2): a radius by the inverse of its cdf, and an angle."""

    def energy(r):
        return (r[:, 0] - 2) ** 2 / (2 * 0.3**2) - np.log(r[:, 0])

    r = quadrature(energy, (1e-9, 4.5)).quantile(rng.random(n))
    angle = 2 * np.pi * rng.random(n)
    return np.column_stack([r * np.cos(angle), r * np.sin(angle)])


def eight_draws(n: int, rng) -> NDArray:
    """Draw from the eight Gaussians, (n, 2)."""
    return EIGHT.sample(n, rng=rng).X


@dataclass(frozen=True, eq=False)
class Law:
    """A target, with the path that leads to it and exact draws of it.

    variance : of each coordinate of the Gaussian that the path begins with
    narrowest : the variance across a valley of the target, 1 / E''
    draws : n, rng -> (n, d)
    """

    target: Target
    variance: float
    narrowest: float
    draws: Callable

    @property
    def path(self) -> EnergyPath:
        """The path from the Gaussian to the target, in steps of half of 1 / E''."""
        d = self.target.dimension
        base = gaussian_target(np.zeros(d), self.variance * np.eye(d))
        curvature = (1 - BETAS) / self.variance + BETAS / self.narrowest
        return EnergyPath(self.target, base, 0.5 / curvature)


LAWS = {
    "double well": Law(double_well_target(), 1.0, 1 / 8, double_well_draws),
    "ring": Law(ring_target(2.0, 0.3), 2.0, 0.3**2, ring_draws),
    "eight Gaussians": Law(
        mixture_target(EIGHT.weights, EIGHT.means, EIGHT.sds), 2.0, 0.2**2, eight_draws
    ),
}


def anneal_laws(particles: int, rng) -> dict[str, tuple[Weights, Weights]]:
    """Anneal each of the LAWS up, and exact draws of it down."""
    found = {}
    for name, law in LAWS.items():
        up, down = anneal(law.path, BETAS, law.draws(particles, rng), rng)
        found[name] = weights_of(up), weights_of(down, True)
    return found


def on_the_way(path, betas, stops, particles: int, rng) -> list[NDArray]:
    """Return the states of particles that go up, (particle, ...), at some betas."""
    key = draw_key(rng)
    state = path.check(path.start(key, particles))
    log_weights, states = np.zeros(particles), [state.copy()]
    rungs = np.searchsorted(betas, stops)
    for first, last in pairwise(rungs):
        here = np.arange(first, last + 1)
        path.anneal(state, log_weights, betas, here, key=key, particle=0)
        states.append(state.copy())
    return states
