"""The law of a continuous energy in one or two dimensions, by adaptive quadrature.

    p(x) = exp(-E(x) / T) / Z,   Z = int exp(-E(x) / T) dx,   x : (d,), d = 1 or 2.

Z is the sum over the nodes of panels.py, which lie close where p is large. They are a
weighted sample of p that is as good as exact: averages, and in one dimension the
distribution function, are sums over it. So what a sampler draws from p, or a model has
learned of it, can be held to the truth.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samplers.panels import MOST_NODES, NODES, ORDER, WEIGHTS, cut, grid, refine


@dataclass(frozen=True, eq=False)
class Quadrature:
    """The law exp(-E / T) / Z, known at nodes.

    energy, temperature : E and T
    log_partition : log Z, in nats
    error : of log_partition, estimated: from above where E is smooth, while at a kink
        or a singularity it may be a few times larger
    nodes : (n, d)
    probabilities : (n,), with sum 1; the weight of each node in an average
    panels : (n / 10^d, 2, d), the lower and the upper corner of each panel, in the
        order of the nodes, and in one dimension from left to right
    """

    energy: Callable
    temperature: float
    log_partition: float
    error: float
    nodes: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    panels: NDArray[np.float64]

    def log_density(self, x):
        """Return log p(x) for x : (n, d), of shape (n,), in nats.

        Raises ValueError if x has another shape.
        """
        d = self.nodes.shape[1]
        if np.ndim(x) != 2 or np.shape(x)[1] != d:
            raise ValueError(
                f"x of shape {np.shape(x)} does not fit; points are (n, {d}), also for "
                f"d = 1: write x.reshape(-1, {d})"
            )
        return -self.energy(x) / self.temperature - self.log_partition

    def expectation(self, statistic: Callable):
        """Return the mean of statistic : (n, d) -> (n, ...), of shape (...).

        It must not vary faster than p: the panels were chosen for p alone.
        """
        return np.tensordot(self.probabilities, statistic(self.nodes), axes=1)

    def cdf(self, x: ArrayLike):
        """Return the probability of the points left of x : (...), for d = 1.

        The panels left of x, and then the rule on what x cuts off from its own panel.
        Raises ValueError in two dimensions.
        """
        left, right, below = self._panels_on_the_line()
        x = np.clip(np.asarray(x, np.float64), left[0], right[-1])
        panel = np.searchsorted(right[:-1], x)
        length = x - left[panel]
        nodes = left[panel][..., None] + length[..., None] * NODES
        density = np.exp(self.log_density(nodes.reshape(-1, 1))).reshape(nodes.shape)
        return np.minimum(below[panel] + length * (density @ WEIGHTS), 1)

    def quantile(self, probability: ArrayLike):
        """Return the x with cdf(x) = probability : (...), by bisection, for d = 1.

        Of uniform numbers it makes draws from p: quantile(rng.random(1000)).
        Raises ValueError in two dimensions, or for what is no probability.
        """
        left, right, below = self._panels_on_the_line()
        probability = np.asarray(probability, np.float64)
        if not np.all((probability >= 0) & (probability <= 1)):
            raise ValueError(
                "quantile is asked for numbers outside of [0, 1]; its argument is a "
                "probability, and cdf has the inverse"
            )
        panel = np.searchsorted(below[1:], probability)
        low, high = left[panel], right[panel]
        for _ in range(53):
            middle = (low + high) / 2
            is_below = self.cdf(middle) < probability
            low, high = (
                np.where(is_below, middle, low),
                np.where(is_below, high, middle),
            )
        return (low + high) / 2

    def _panels_on_the_line(self):
        """Return the ends of the panels and the probability to the left of each."""
        if self.nodes.shape[1] != 1:
            raise ValueError(
                "cdf and quantile order the points of a line, and these are of a "
                "plane; write expectation for the probability of a region"
            )
        masses = self.probabilities.reshape(-1, ORDER).sum(axis=1)
        below = np.append(0, np.cumsum(masses[:-1]))
        return self.panels[:, 0, 0], self.panels[:, 1, 0], below


def quadrature(
    energy: Callable,
    bounds: ArrayLike,
    *,
    temperature: float = 1.0,
    tolerance: float = 1e-10,
    panels: int = 16,
) -> Quadrature:
    """Normalize exp(-E / T) over a box.

    Parameters
    ----------
    energy : of points (n, d), float64, with E of shape (n,); infinite where p is zero
    bounds : (low, high) for d = 1, [(low, high), (low, high)] for d = 2
    temperature : T > 0, in the units of E
    tolerance : what error may be, 1e-13 or more
    panels : along each side, to begin with, of ten nodes each. A peak narrower than
        their distance that the tails of a wider one cover is passed over: take more

    >>> law = quadrature(lambda x: x[:, 0] ** 4 - 2 * x[:, 0] ** 2, (-4, 4))
    >>> float(np.exp(law.log_partition)), float(law.expectation(lambda x: x[:, 0] ** 2))
    (5.36516, 0.832745)

    Raises ValueError if E has nan or -infinity, the wrong shape, or is infinite at all
    nodes; if p has not vanished at the bounds, so that Z beyond them would be missed;
    and ArithmeticError if four million nodes do not reach the tolerance.
    """
    box = require_box(bounds)
    require_settings(temperature, tolerance)
    require_panels(panels, box.shape[1])

    def exponents(x):
        return -evaluate(energy, x) / temperature

    boxes, nodes, terms, error = refine(
        exponents, cut(box[np.newaxis], panels), tolerance
    )
    log_partition = np.logaddexp.reduce(terms, axis=None)
    require_vanishing(exponents, box, panels, log_partition, tolerance)
    order = np.argsort(boxes[:, 0, 0], kind="stable")
    weights = np.exp(terms[order] - log_partition).ravel()
    return Quadrature(
        energy,
        temperature,
        log_partition,
        error,
        nodes[order].reshape(-1, box.shape[1]),
        weights / weights.sum(),
        boxes[order],
    )


def evaluate(energy, x):
    """Return E at x : (n, d) in float64, or raise ValueError if it is no energy."""
    values = np.asarray(energy(x), np.float64)
    if values.shape != (len(x),):
        raise ValueError(
            f"energy returned shape {values.shape} for {len(x)} points x of shape "
            f"{x.shape}; it gives one number a point: write x[:, 0] for the coordinate"
        )
    wrong = np.isnan(values) | (values == -np.inf)
    if np.any(wrong):
        raise ValueError(
            f"energy is {values[wrong][0]} at x = {x[wrong][0]}, where no density is "
            "defined; +infinity stands for a density of zero"
        )
    return values


def require_box(bounds) -> NDArray[np.float64]:
    """Return the corners (2, d) of the box, or raise ValueError if it is none."""
    sides = np.atleast_2d(np.asarray(bounds, np.float64))
    if sides.shape not in ((1, 2), (2, 2)):
        raise ValueError(
            f"bounds of shape {np.shape(bounds)} are no box; write (low, high), or "
            "[(low, high), (low, high)] in the plane. More dimensions take a sampler"
        )
    if not (np.isfinite(sides).all() and np.all(sides[:, 0] < sides[:, 1])):
        raise ValueError(
            f"bounds are {sides.tolist()}; low < high, both finite: far enough out "
            "that exp(-E / T) has vanished"
        )
    return sides.T


def require_settings(temperature, tolerance) -> None:
    """Raise ValueError if a setting is out of range."""
    if not 0 < temperature < np.inf:
        raise ValueError(
            f"temperature is {temperature}; exp(-E / T) needs T positive and finite, "
            "in the units of E"
        )
    if not 1e-13 <= tolerance < 1:
        raise ValueError(
            f"tolerance is {tolerance}; rounding allows 1e-13 and more, relative to Z"
        )


def require_panels(panels, d: int) -> None:
    """Raise ValueError unless the panels to begin with, halved, leave enough nodes."""
    most = int(MOST_NODES ** (1 / d)) // (2 * ORDER)
    if not 1 <= operator.index(panels) <= most:
        raise ValueError(
            f"panels is {panels}; a side has from 1 to {most} to begin with, as there "
            f"are at most {MOST_NODES} nodes in all: take narrower bounds instead"
        )


def require_vanishing(exponents, box, panels, log_partition, tolerance) -> None:
    """Raise ValueError if the box filled with the density at its faces would matter."""
    places = grid(np.linspace(0, 1, ORDER * panels + 1), box.shape[1])
    faces = places[np.any((places == 0) | (places == 1), axis=1)]
    x = box[0] + (box[1] - box[0]) * faces
    logs = exponents(x) + np.log(np.prod(box[1] - box[0])) - log_partition
    if logs.max() > np.log(tolerance):
        raise ValueError(
            f"at the bounds, in x = {x[logs.argmax()]}, the density is 10^"
            f"{logs.max() / np.log(10):.1f} of its mean, and tolerance is "
            f"{tolerance:g}: mass beyond would be missed. Take wider bounds; if the "
            "density ends there, let energy be np.inf beyond"
        )
