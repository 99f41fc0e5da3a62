"""The log signal-to-noise ratio of a diffusion in continuous time, fixed or learned.

    x_u = alpha x_0 + sigma eps,   alpha^2 = s(lambda(u)),   sigma^2 = s(-lambda(u)),

with the sigmoid s, for a time u from 0, next to the data, to 1, next to noise. So
lambda(u) = log alpha^2 / sigma^2, which falls, and is all that is to be said of the
forward process. By the share tau(u) of the fall that is done at u,

    lambda(u) = (1 - tau(u)) lambda(0) + tau(u) lambda(1),   tau(0) = 0,   tau(1) = 1.

A line has tau(u) = u. A learned curve is a network that can only rise, rescaled:

    tau(u) = (g(u) - g(0)) / (g(1) - g(0)),
    g(u) = u + sum_k e(w_k) s(e(r_k) u + b_k),   e(w) = log(1 + e^w) > 0,

a line and K smooth steps, each of which rises at u = -b_k / e(r_k) by up to e(w_k). The
line alone keeps the slope above zero. Rescaling sets what matters, the ends, apart from
what does not: the bound in continuous time depends on the curve between its ends only
by the variance of its estimates (models/diffusion_bounds.py).

T steps are the times u = t / T for t = 1, ..., T.

Source: D. P. Kingma, T. Salimans, B. Poole and J. Ho, Variational diffusion models,
NeurIPS (2021), arXiv:2107.00630, section 3.2 and appendix H.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autodiff import sigmoid, softplus, stop_gradient
from models.arguments import require_floating, require_precision
from samplers.chains import require_count
from samplers.schedules import Schedule, from_log_snr

STEEPNESS = 8.0  # of the steps that a learned curve begins with


class LogSNR(ABC):
    """lambda(u), by the ends of its fall and the share that is done at u.

    Times are arrays of any shape, in [0, 1], in the dtype of the curve if it has one.
    Curve and slope can be differentiated by times and parameters.
    """

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The dtype of the parameters, float32 or float64; None if there are none."""
        return None

    def __call__(self, u):
        """Return lambda(u), of the shape and dtype of u.

        Raises ValueError if a time is not in [0, 1], TypeError if u is no floating
        array, or not of the dtype of the curve.
        """
        self._require_times(u)
        first, last = self.limits()
        share = self.share(u)
        return (1 - share) * first + share * last

    def derivative(self, u):
        """Return lambda'(u), which is negative; errors as for lambda(u)."""
        self._require_times(u)
        first, last = self.limits()
        return (last - first) * self.density(u)

    def schedule(self, steps: int) -> Schedule:
        """Return the schedule of T steps, with lambda(t / T) at t = 1, ..., T.

        Any share of x_0 may be left at T: the bound counts it, as its prior term.
        Raises ValueError if there is no step, or the curve does not fall.
        """
        T = require_count("steps", steps, 1)
        u = np.arange(1, T + 1) / T
        return from_log_snr(self(u.astype(self.dtype or u.dtype)), allow=np.inf)

    @abstractmethod
    def limits(self):
        """Return lambda(0) and lambda(1)."""

    @abstractmethod
    def share(self, u):
        """Return tau(u), which rises from 0 to 1."""

    @abstractmethod
    def density(self, u):
        """Return tau'(u)."""

    def _require_times(self, u):
        require_floating("u", u)
        if self.dtype is not None and u.dtype != self.dtype:
            raise TypeError(
                f"u is {u.dtype} and the curve is {self.dtype}; its values would leave "
                f"the model's precision: write u.astype(np.{self.dtype})"
            )
        known = isinstance(u, (np.ndarray, np.generic))
        if known and not np.all((u >= 0) & (u <= 1)):
            raise ValueError(
                f"times run from {np.min(u):g} to {np.max(u):g}; u is in [0, 1], from "
                "the data to noise, and the curve is not made for others: write t / T "
                "for step t of T"
            )


@dataclass(eq=False)
class LinearLogSNR(LogSNR):
    """A straight line, from `first` at u = 0 to `last` at u = 1; no parameters.

    >>> line = LinearLogSNR(10.0, -10.0)
    >>> line(np.array([0.0, 0.5, 1.0])), line.schedule(4).log_snr[1:]
    (array([ 10.,   0., -10.]), array([  5.,   0.,  -5., -10.]))

    Raises ValueError if it does not fall.
    """

    first: float
    last: float

    def __post_init__(self):
        _require_fall(self.first, self.last)
        self.first, self.last = float(self.first), float(self.last)

    def limits(self):
        return self.first, self.last

    def share(self, u):
        return u

    def density(self, u):
        return np.ones_like(u)


@dataclass(eq=False)
class LearnedLogSNR(LogSNR):
    """A line and K smooth steps, rescaled, as above.

    Parameters
    ----------
    ends : (2,), lambda(0) and lambda(1)
    rates, shifts, weights : (K,) each, r, b and w
    learn_ends : whether the ends have a derivative; else they stay as they are

    >>> curve = LearnedLogSNR.create(4.0, -6.0)
    >>> curve(np.array([0.0, 0.25, 0.5, 1.0]))
    array([ 4. ,  1.7, -1. , -6. ])

    All of float32 or all of float64. Raises ValueError or TypeError if they do not fit
    together, or if the ends do not fall.
    """

    ends: NDArray
    rates: NDArray
    shifts: NDArray
    weights: NDArray
    learn_ends: bool = False

    def __post_init__(self):
        ends, steps = self.ends, (self.rates, self.shifts, self.weights)
        require_precision(ends=ends, rates=steps[0], shifts=steps[1], weights=steps[2])
        shapes = [array.shape for array in steps]
        if ends.shape != (2,) or len(shapes[0]) != 1 or len(set(shapes)) != 1:
            raise ValueError(
                f"ends have shape {ends.shape}, rates, shifts and weights {shapes[0]}, "
                f"{shapes[1]} and {shapes[2]}; they are (2,), and (K,) each: write "
                "LearnedLogSNR.create(first, last, size=K)"
            )
        _require_fall(*ends)

    @classmethod
    def create(
        cls,
        first: float,
        last: float,
        *,
        size: int = 16,
        learn_ends: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> "LearnedLogSNR":
        """Return a curve near the line, with `size` steps evenly over [0, 1].

        Raises ValueError if the ends do not fall or there is no step.
        """
        K = require_count("size", size, 1)
        middles = (np.arange(K) + 0.5) / K
        rates, weights = np.full(K, STEEPNESS), np.full(K, 1 / K)
        return cls(
            np.array((first, last), dtype),
            _inverse_softplus(rates).astype(dtype),
            (-rates * middles).astype(dtype),
            _inverse_softplus(weights).astype(dtype),
            learn_ends,
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.weights.dtype

    def limits(self):
        ends = self.ends if self.learn_ends else stop_gradient(self.ends)
        return ends[0], ends[1]

    def share(self, u):
        rise, total = self._rise(u), self._rise(np.ones((), self.dtype))
        return rise / total

    def density(self, u):
        rates = softplus(self.rates)
        z = u[..., np.newaxis] * rates + self.shifts
        slopes = softplus(self.weights) * rates * sigmoid(z) * sigmoid(-z)
        return (1 + np.sum(slopes, axis=-1)) / self._rise(np.ones((), self.dtype))

    def _rise(self, u):
        """Return g(u) - g(0)."""
        z = u[..., np.newaxis] * softplus(self.rates) + self.shifts
        steps = sigmoid(z) - sigmoid(self.shifts)
        return u + np.sum(softplus(self.weights) * steps, axis=-1)


def _require_fall(first: float, last: float) -> None:
    """Raise ValueError if the second end is not below the first."""
    if not -np.inf < last < first < np.inf:
        raise ValueError(
            f"the log SNR goes from {first} at u = 0 to {last} at u = 1; it falls, "
            "since noise is only added, between finite ends, such as 10 and -10"
        )


def _inverse_softplus(x: NDArray) -> NDArray:
    """Return w with log(1 + e^w) = x, for x > 0."""
    return x + np.log(-np.expm1(-x))
