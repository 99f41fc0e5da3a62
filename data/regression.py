"""The noisy sine: numbers to fit a curve to."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from data.sample import require_draw


@dataclass(frozen=True, eq=False)
class NoisySine:
    """Points (x, y) with x uniform in [0, 1] and y = sin(2 pi x) + noise xi.

    X : (n, 1)
    y : (n, 1)
    noise : the standard deviation of y at fixed x; the best mean squared error that can
        be expected is its square
    """

    X: NDArray
    y: NDArray
    noise: float

    def mean(self, X):
        """Return the mean of y at X, sin(2 pi X): what is to be found."""
        return np.sin(2 * np.pi * X)

    def log_density(self, X, y):
        """Return log p(y | X) = log N(y; sin(2 pi X), noise^2), of the shape of y.

        Raises ValueError if X and y have two shapes.
        """
        if np.shape(X) != np.shape(y):
            raise ValueError(
                f"X has shape {np.shape(X)} and y {np.shape(y)}; broadcasting would "
                "pair them wrongly: give one y for each X, both (n, 1)"
            )
        z = (y - self.mean(X)) / self.noise
        return -(z**2) / 2 - math.log(math.sqrt(2 * math.pi) * self.noise)


def make_noisy_sine(
    n: int, *, rng, noise: float = 0.2, dtype: DTypeLike = np.float64
) -> NoisySine:
    """Draw n points of a noisy sine.

    Reference: C. M. Bishop, Pattern Recognition and Machine Learning (2006), 1.1.

    Raises ValueError if noise is not positive.
    """
    require_draw(n, dtype)
    if not 0 < noise < math.inf:
        raise ValueError(
            f"noise is {noise}; it must be positive and finite: without it y is "
            "np.sin(2 * np.pi * x), and has no density"
        )
    rng = np.random.default_rng(rng)
    X = rng.random((n, 1)).astype(dtype)
    y = np.sin(2 * np.pi * X) + (noise * rng.standard_normal((n, 1))).astype(dtype)
    return NoisySine(X, y, float(noise))
