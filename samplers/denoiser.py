"""What the reverse chain of a diffusion is given: a guess of the data in the noise.

    x0hat(x, t), an estimate of x_0 given x_t = x,   x : (d,), t = 0, ..., T,

at best the mean E[x_0 | x_t]. It is a function of many points at once that writes what
it finds:

    denoise(x, t, out, *params)       x, out : (points, d), t an integer

Compiled or plain Python, as the functions of samplers/target.py: params are arrays and
NumPy's numbers, whose entry t can be the one of the time t, and x and out lie in memory
coordinate by coordinate. A network may guess something else of x_t = sqrt(abar_t) x_0 +
sqrt(1 - abar_t) xi; its denoise then writes

    (x - sqrt(1 - abar_t) xi) / sqrt(abar_t)        from the noise xi,
    (x + (1 - abar_t) score) / sqrt(abar_t)         from grad log q(x_t),
    sqrt(abar_t) x - sqrt(1 - abar_t) v             from v = sqrt(abar_t) xi -
                                                             sqrt(1 - abar_t) x_0.

All chains come as one x, unless an executor spreads them. A product of matrices adds in
an order that depends on how many points there are: with such a denoiser the last bits
of a chain depend on its company, as with a loop over points they do not.

Source: T. Salimans and J. Ho, Progressive distillation for fast sampling of diffusion
models, ICLR (2022), for v.
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
from samplers.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Denoiser:
    """An estimate of x_0 from x_t.

    denoise, dimension : see above; d
    params : the numbers that denoise takes
    dtype : in which chains compute, float32 or float64; so should params
    schedule : for which it was made, so that no other is used; None if it does not say

    >>> def denoise(x, t, out, mean):
    ...     out[:] = mean
    >>> Denoiser(denoise, 2, params=(4.0,)).estimate_at(np.ones((1, 2)), t=3)
    array([[4., 4.]])

    Raises ValueError or TypeError if dimension, params or dtype do not fit.
    """

    denoise: Callable[..., None]
    dimension: int
    params: tuple[Any, ...] = ()
    dtype: DTypeLike = np.float64
    schedule: Schedule | None = None

    def __post_init__(self):
        object.__setattr__(self, "dimension", require_dimension(self.dimension))
        object.__setattr__(self, "dtype", require_float(self.dtype))
        require_params(self.params, "denoise(x, t, out, *params)")

    def require_schedule(self, schedule: Schedule) -> None:
        """Raise ValueError if it was made for another schedule."""
        made_for = self.schedule
        if made_for and not np.array_equal(made_for.log_abar, schedule.log_abar):
            raise ValueError(
                f"this denoiser was made for another schedule, of {made_for.steps} "
                f"steps, by which it reads t; this one has {schedule.steps}: make both "
                "with the same schedule"
            )

    def estimate_at(self, x, t: int) -> NDArray:
        """Return the estimate of x_0 at x : (points, d) and t, of that shape.

        Raises ValueError if x has another shape or is not finite, if t is no time of
        the schedule or more than one, or if denoise leaves numbers that are not finite.
        """
        if np.ndim(t):
            raise ValueError(
                f"t is {t!r}, and denoise(x, t, out, *params) is asked for all points "
                "at one time; write a call for each t"
            )
        x = require_points(x, self.dimension, self.dtype)
        if self.schedule:
            self.schedule.times(t)
        out = np.full(x.shape[::-1], np.nan, x.dtype).T
        self.denoise(np.asfortranarray(x), t, out, *self.params)
        form = f"denoise(x, {t}, out, *params)"
        require_written(form, x, out, np.isfinite(out))
        return out
