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
from numba.core.dispatcher import Dispatcher
from numpy.typing import DTypeLike, NDArray


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

    Raises ValueError or TypeError if dimension or dtype are none.
    """

    score: Callable[..., None]
    dimension: int
    energy: Callable[..., None] | None = None
    params: tuple[Any, ...] = ()
    dtype: DTypeLike = np.float64
    log_partition: float | None = None

    def __post_init__(self):
        if not isinstance(self.dimension, int | np.integer) or self.dimension < 1:
            raise ValueError(
                f"dimension is {self.dimension!r}; a point has at least one coordinate"
            )
        if np.dtype(self.dtype) not in (np.float32, np.float64):
            raise TypeError(
                f"dtype is {self.dtype}; chains compute in np.float32 or np.float64"
            )
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    def points(self, x) -> NDArray:
        """Return x : (points, d) in the dtype, or raise ValueError if it is none."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.dimension or not len(x):
            raise ValueError(
                f"x of shape {x.shape} does not fit; it is (chain, {self.dimension}), "
                "a row for each chain or point: a single one is x[np.newaxis]"
            )
        x = np.array(x, self.dtype, order="C")
        if not np.isfinite(x).all():
            raise ValueError(
                "x holds nan or infinity, from which no chain can go on; leave such "
                "rows out"
            )
        return x

    def score_at(self, x) -> NDArray:
        """Return -grad E at x : (points, d), of that shape.

        Raises ValueError if x has another shape or is not finite, or if the score
        leaves numbers that are not finite.
        """
        return evaluate(self.score, self.points(x), "score", self.params)

    def energy_at(self, x) -> NDArray:
        """Return E at x : (points, d), of shape (points,); infinite where p is zero.

        Raises ValueError as score_at does, or if there is no energy.
        """
        if self.energy is None:
            raise ValueError(
                "this target has no energy, which is needed to accept or to weigh; "
                "write Target(score, dimension, energy=energy)"
            )
        return evaluate(self.energy, self.points(x), "energy", self.params)


def evaluate(function, x, name, params):
    """Return what a function of a target writes for x : (points, d)."""
    shape = x.shape if name == "score" else x.shape[:1]
    out = np.full(shape[::-1], np.nan, x.dtype).T
    function(np.asfortranarray(x), out, *params)
    wrong = np.isnan(out) | ((name == "score") & np.isinf(out)) | (out == -np.inf)
    if np.any(wrong):
        raise ValueError(
            f"{name} left {out[wrong][0]} in {np.sum(wrong)} of {out.size} numbers, "
            f"first at x = {x[np.argwhere(wrong)[0][0]]}; {name}(x, out, *params) "
            f"writes into out, of shape {shape}, and what it returns is not looked at"
        )
    return out


def as_called(loop: Callable, *functions: Callable) -> Callable:
    """Return a kernel that calls functions, or its plain lines if one is not compiled.

    These lines are the same loop, whose other parts are compiled still.
    """
    if all(isinstance(function, Dispatcher) for function in functions):
        return loop
    return getattr(loop, "py_func", loop)
