"""The checkerboard: a density of flat squares and sharp edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from data.sample import Sample, require_draw, require_points


@dataclass(frozen=True)
class Checkerboard:
    """The uniform density on every second square of a board around the origin.

    The board has `squares` times `squares` squares of side 2; (i, j), counted from the
    lower left, is filled where i + j is even. A square has its lower and left edges.

        log p(x) = -log(4 filled) inside of the filled squares, -inf outside

    Raises ValueError if there are less than two squares a side.
    """

    squares: int = 4

    def __post_init__(self):
        if self.squares < 2:
            raise ValueError(
                f"squares is {self.squares}; a board has at least 2 along each side"
            )

    @property
    def filled(self) -> np.ndarray:
        """(filled, 2), the indices (i, j) of the filled squares."""
        i, j = np.indices((self.squares, self.squares))
        return np.argwhere((i + j) % 2 == 0)

    def sample(self, n: int, *, rng, dtype: DTypeLike = np.float64) -> Sample:
        """Draw n points; labels count the filled squares, column by column."""
        require_draw(n, dtype)
        rng = np.random.default_rng(rng)
        labels = rng.integers(len(self.filled), size=n)
        X = self.place(labels, rng.random((n, 2)), dtype)
        return Sample(X, labels, self)

    def place(self, labels, u, dtype: DTypeLike):
        """Map u : (n, 2) in [0, 1) to the filled squares of the given numbers."""
        low = 2.0 * self.filled[labels] - self.squares
        # Rounding may reach the upper edge, which belongs to the empty neighbor.
        last = np.nextafter((low + 2).astype(dtype), low.astype(dtype))
        return np.minimum((low + 2 * u).astype(dtype), last)

    def log_density(self, x):
        """Return log p(x) for x : (n, 2), of shape (n,), in nats.

        Raises ValueError or TypeError if x is not an array of finite points.
        """
        require_points(x, 2)
        edges = 2.0 * np.arange(self.squares + 1) - self.squares
        i, j = (np.searchsorted(edges, x, side="right") - 1).T
        on_board = (np.minimum(i, j) >= 0) & (np.maximum(i, j) < self.squares)
        inside = on_board & ((i + j) % 2 == 0)
        log_p = np.where(inside, -np.log(4 * len(self.filled)), -np.inf)
        return log_p.astype(x.dtype)


def make_checkerboard(
    n: int, *, rng, squares: int = 4, dtype: DTypeLike = np.float64
) -> Sample:
    """Draw n points of a checkerboard of 4 times 4 squares on [-4, 4]^2.

    log p = -log 32 = -3.466 nats on the filled half. See Checkerboard.
    """
    return Checkerboard(squares).sample(n, rng=rng, dtype=dtype)
