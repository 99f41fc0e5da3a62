"""Curves in the plane with Gaussian noise around them: two moons and the swiss roll.

A point is c(t) + s xi, with t uniform in [0, 1] and xi a standard normal pair, so

    p(x) = integral_0^1 N(x; c(t), s^2 I) dt.

Gauss-Legendre quadrature of the integral, sum_i w_i N(x; c(t_i), s^2 I), is a mixture
of Gaussians whose means lie on the curve. With nodes closer than s it is the density
itself, to all digits that matter.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike, NDArray

from data.mixtures import GaussianMixture
from data.sample import Sample, require_draw

NODES = 12


@dataclass(frozen=True, eq=False)
class NoisyCurves:
    """The density of points scattered around curves, all curves equally likely.

    Parameters
    ----------
    curves : each maps t : (m,) in [0, 1] to (m, 2)
    noise : s > 0, the standard deviation around the curve, in the units of the curve
    scale : what all points are divided by, after the noise

    Raises ValueError if noise or scale is not positive.
    """

    curves: tuple[Callable[[NDArray], NDArray], ...]
    noise: float
    scale: float = 1.0

    def __post_init__(self):
        if not (0 < self.noise < math.inf and 0 < self.scale < math.inf):
            raise ValueError(
                f"noise is {self.noise} and scale {self.scale}; both must be positive: "
                "without noise all points lie on a curve and have no density"
            )

    def sample(self, n: int, *, rng, dtype: DTypeLike = np.float64) -> Sample:
        """Draw n points; labels are the curves that they belong to."""
        require_draw(n, dtype)
        rng = np.random.default_rng(rng)
        labels = rng.integers(len(self.curves), size=n)
        t = rng.random(n)
        points = np.stack([curve(t) for curve in self.curves])[labels, np.arange(n)]
        X = (points + self.noise * rng.standard_normal((n, 2))) / self.scale
        return Sample(X.astype(dtype), labels, self)

    def log_density(self, x):
        """Return log p(x) for x : (n, 2), of shape (n,), in nats, by quadrature.

        In float64 the error is below 1e-10 within ten standard deviations of a curve.
        Time and memory grow like the length of the curves over the noise.
        Raises as GaussianMixture.log_density.
        """
        return self.mixture.log_density(x)

    @cached_property
    def mixture(self) -> GaussianMixture:
        """The quadrature: panels no longer than the noise, with NODES nodes each."""
        ticks = np.linspace(0, 1, 1001)
        steps = [np.diff(curve(ticks), axis=0) for curve in self.curves]
        speed = max(np.hypot(*step.T).max() for step in steps) / ticks[1]
        panels = math.ceil(speed / self.noise)
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        t = (np.arange(panels)[:, np.newaxis] + (nodes + 1) / 2).ravel() / panels
        means = np.concatenate([curve(t) for curve in self.curves])
        count = len(self.curves) * panels
        return GaussianMixture(
            np.tile(weights / 2, count) / count,
            means / self.scale,
            np.full(len(means), self.noise / self.scale),
        )


def upper_moon(t: NDArray) -> NDArray:
    """Map t in [0, 1] to the upper half of the unit circle."""
    return np.column_stack([np.cos(np.pi * t), np.sin(np.pi * t)])


def lower_moon(t: NDArray) -> NDArray:
    """Map t in [0, 1] to the lower half of the unit circle around (1, 1/2)."""
    return np.column_stack([1 - np.cos(np.pi * t), 0.5 - np.sin(np.pi * t)])


def roll(t: NDArray) -> NDArray:
    """Map t in [0, 1] to a spiral of one turn and a half, from 3/2 pi to 9/2 pi."""
    angle = 1.5 * np.pi * (1 + 2 * t)
    return np.column_stack([angle * np.cos(angle), angle * np.sin(angle)])


def make_two_moons(
    n: int, *, rng, noise: float = 0.1, dtype: DTypeLike = np.float64
) -> Sample:
    """Draw n points around two interleaved half circles; labels 0 upper, 1 lower.

    >>> moons = make_two_moons(1000, rng=0)
    >>> moons.X.shape, moons.density.log_density(moons.X).shape
    ((1000, 2), (1000,))

    noise : standard deviation around the circles, whose radius is 1
    """
    density = NoisyCurves((upper_moon, lower_moon), noise)
    return density.sample(n, rng=rng, dtype=dtype)


def make_swiss_roll(
    n: int,
    *,
    rng,
    noise: float = 0.25,
    scale: float = 7.5,
    dtype: DTypeLike = np.float64,
) -> Sample:
    """Draw n points around a spiral in the plane; there is one curve, all labels are 0.

    x = (c(t) + noise xi) / scale, with c(t) at the angle phi = 3/2 pi (1 + 2 t) in the
    distance phi from the origin.

    Reference: the two coordinates of S. Marsland's swiss roll (Machine Learning, 2nd
    edition, 2014, chapter 6) that I. Gulrajani et al. (NeurIPS 2017) keep.
    """
    density = NoisyCurves((roll,), noise, scale)
    return density.sample(n, rng=rng, dtype=dtype)
