"""Three laws in the plane whose densities are known, and what they are held beside.

A law p is kept on a grid so fine that sums over it are integrals: the narrowest of its
parts, of a width s, spans more than one and a half steps h, and equal weights are wrong
by exp(-2 pi^2 (s / h)^2) of such a part. So, in nats,

    KL(p || q) = sum_i h^2 p_i (log p_i - log q_i),   entropy = -sum_i h^2 p_i log p_i,

for any density q that can be evaluated. Two simple ones are held beside the models: the
Gaussian of the same mean and covariance, and a kernel density estimate of the same
examples, a Gaussian about each, whose width is chosen by other examples.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from data import (
    GaussianMixture,
    make_eight_gaussians,
    make_swiss_roll,
    make_two_moons,
)
from data.sample import Density, Sample

SIDE, STEP = 4.0, 1 / 16
AXIS = np.arange(-SIDE + STEP / 2, SIDE, STEP)
EXAMPLES, HELD_OUT = 10_000, 2000
KERNELS = 2000  # of the examples are taken for the kernel density estimate
WIDTHS = np.geomspace(0.3, 1.5, 6)  # of kernels, in units of the width of the law

# name: (how to draw, the width s of the narrowest parts)
LAWS: dict[str, tuple[Callable[..., Sample], float]] = {
    "8 Gaussians": (partial(make_eight_gaussians, sd=0.2), 0.2),
    "moons": (partial(make_two_moons, noise=0.1), 0.1),
    "swiss roll": (partial(make_swiss_roll, noise=1.0), 1.0 / 7.5),
}


def grid(axis: NDArray) -> NDArray[np.float64]:
    """Return the points (x1, x2) of a square, (n^2, 2), x1 first."""
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


GRID = grid(AXIS)


@dataclass(frozen=True, eq=False)
class Problem:
    """A law, and examples of it.

    density, width : p and s
    X, held_out : (n, 2), examples to learn from and others
    log_p : (len(GRID),), log p on the grid
    """

    name: str
    density: Density
    width: float
    X: NDArray[np.float32]
    held_out: NDArray[np.float64]
    log_p: NDArray[np.float64]

    @property
    def p(self) -> NDArray[np.float64]:
        """The probability about each point of the grid, h^2 p."""
        return STEP**2 * np.exp(self.log_p)

    @property
    def entropy(self) -> float:
        """-E[log p], in nats."""
        return float(-self.p @ self.log_p)

    def kl(self, log_q: NDArray) -> float:
        """Return KL(p || q) for log q on the grid, in nats."""
        return float(self.p @ (self.log_p - log_q))


def make_problem(name: str, rng: np.random.Generator) -> Problem:
    """Draw the examples of a law."""
    make, width = LAWS[name]
    sample = make(EXAMPLES, rng=rng)
    return Problem(
        name,
        sample.density,
        width,
        sample.X.astype(np.float32),
        make(HELD_OUT, rng=rng).X,
        sample.density.log_density(GRID),
    )


def gaussian_kl(problem: Problem) -> float:
    """Return KL(p || N(m, C)) for the mean and the covariance of p, in nats.

    The mean of -log N is that of a Gaussian, log det(2 pi e C) / 2.
    """
    mean = problem.p @ GRID
    C = (GRID - mean).T @ (problem.p[:, np.newaxis] * (GRID - mean))
    return math.log(np.linalg.det(2 * np.pi * np.e * C)) / 2 - problem.entropy


def kernel_kl(problem: Problem) -> float:
    """Return KL(p || q) for the kernel density estimate q, in nats.

    The width that makes held out examples most probable is taken.
    """
    few = problem.held_out[:500]
    estimates = [kernels(problem, width) for width in WIDTHS * problem.width]
    best = max(estimates, key=lambda q: np.mean(q.log_density(few)))
    near = problem.p > 1e-9
    log_q = np.zeros(len(GRID))
    log_q[near] = best.log_density(GRID[near])
    return float(problem.p[near] @ (problem.log_p[near] - log_q[near]))


def kernels(problem: Problem, width: float) -> GaussianMixture:
    """Return the Gaussians of a width about the first KERNELS examples."""
    X = problem.X[:KERNELS].astype(np.float64)
    return GaussianMixture(np.full(len(X), 1 / len(X)), X, np.full(len(X), width))
