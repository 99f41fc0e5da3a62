"""What a sampler of a continuous law is given: its score, its energy, their numbers.

    p(x) = exp(-E(x) / T) / Z,   score(x) = -grad E(x),   x : (d,),

so that at T = 1 the score is grad log p. Both are functions of many points at once that
write what they find:

    score(x, out, *params)       x, out : (points, d)
    energy(x, out, *params)      x : (points, d), out : (points,)

Compiled, by samplers.kernel.kernel or numba.njit, they run inside the loops of the
samplers; params then are arrays and NumPy's numbers, never variables of an enclosing
function, whose values Numba would freeze. Plain Python will do too, at a call for each
step. x and out lie in memory coordinate by coordinate, so that a loop over points
vectorizes: `for j in range(d): for i in range(points): ... x[i, j]`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from samplers.points import (
    require_dimension,
    require_float,
    require_params,
    require_points,
    require_written,
)


@dataclass(frozen=True, eq=False)
class Target:
    """A law to be sampled.

    Parameters
    ----------
    score, dimension : see above; d
    energy : see above; None if only the score is known
    params : the numbers of the law, which both functions take
    dtype : in which chains compute, float32 or float64; so should params
    log_partition : log Z at T = 1 in nats where a formula gives it, else None

    >>> def score(x, out, stiffness):
    ...     out[:] = -stiffness * x
    >>> Target(score, 2, params=(4.0,)).score_at(np.ones((1, 2)))
    array([[-4., -4.]])

    Raises ValueError or TypeError if dimension, params or dtype do not fit.
    """

    score: Callable[..., None]
    dimension: int
    energy: Callable[..., None] | None = None
    params: tuple[Any, ...] = ()
    dtype: DTypeLike = np.float64
    log_partition: float | None = None

    def __post_init__(self):
        object.__setattr__(self, "dimension", require_dimension(self.dimension))
        require_params(self.params, "score(x, out, *params)")
        object.__setattr__(self, "dtype", require_float(self.dtype))

    def score_at(self, x) -> NDArray:
        """Return -grad E at x : (points, d), of that shape.

        Raises ValueError if x has another shape or is not finite, or if the score
        leaves numbers that are not finite.
        """
        x = require_points(x, self.dimension, self.dtype)
        out = np.full(x.shape[::-1], np.nan, x.dtype).T
        self.score(np.asfortranarray(x), out, *self.params)
        require_written("score(x, out, *params)", x, out, np.isfinite(out))
        return out

    def energy_at(self, x) -> NDArray:
        """Return E at x : (points, d), of shape (points,); infinite where p is zero.

        Raises ValueError as score_at does, or if there is no energy.
        """
        if self.energy is None:
            raise ValueError(
                "this target has no energy, which is needed to accept or to weigh; "
                "write Target(score, dimension, energy=energy)"
            )
        x = require_points(x, self.dimension, self.dtype)
        out = np.full(len(x), np.nan, x.dtype)
        self.energy(np.asfortranarray(x), out, *self.params)
        require_written("energy(x, out, *params)", x, out, out > -np.inf)
        return out
