"""Draws from a density that is known: the form that all toy data have.

A density draws and evaluates: `sample(n, rng=rng)` gives a Sample, `log_density(x)` its
logarithm at other points, in nats. What a model learned from the draws can so be held
to the truth, in held-out likelihood or point by point.
"""

import operator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Density(Protocol):
    """What can be sampled and evaluated."""

    def sample(self, n: int, *, rng, dtype: DTypeLike = np.float64) -> "Sample":
        """Draw n points, in float64, and round them to the dtype."""

    def log_density(self, x: Any) -> Any:
        """Return log p at x : (n, d) as (n,), in nats and in the dtype of x."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Independent draws, and what they were drawn from.

    X : (n, d), the points
    labels : (n,) int64, the component that each point was drawn from, or its class
    density : the density of X; np.mean(density.log_density(X)) is the best mean
        log-likelihood that a model of it can be expected to reach
    """

    X: NDArray
    labels: NDArray[np.int64]
    density: Density


def require_draw(n: int, dtype: DTypeLike) -> None:
    """Raise unless n is a positive integer and dtype float32 or float64."""
    if operator.index(n) < 1:
        raise ValueError(f"n is {n}; draw at least one point")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(
            f"dtype is {dtype}; points are np.float32 or np.float64, because models "
            "compute in these"
        )


def require_points(x, dimension: int) -> None:
    """Raise unless x is (n, dimension), floating, finite; a tensor is as its array."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or len(shape) != 2 or shape[1] != dimension:
        given = type(x).__name__ if shape is None else f"of shape {shape}"
        raise ValueError(
            f"x is {given}; a density is asked at points of shape (n, {dimension}), "
            "one a row: a single point is x[np.newaxis, :], numbers x[:, np.newaxis]"
        )
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"x is {dtype}; write x.astype(np.float64)")
    if isinstance(x, np.ndarray) and not np.isfinite(x).all():
        raise ValueError(
            "x holds nan or infinity, where no density is defined; find out where the "
            "points came from before asking how likely they are"
        )
