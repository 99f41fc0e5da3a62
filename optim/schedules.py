"""Schedules: the learning rate as a function of the steps done so far.

A schedule takes the place of a number, `Adam(CosineDecay(1e-3, steps=2000))`. It is
called with t = 0 before the first step, t = 1 before the second, and so on, and knows
nothing else, so a run that is resumed goes on at the rate where it stopped.

Stochastic descent converges to a minimum, and not only to its neighborhood, if the rate
falls so that sum eta_t = infinity and sum eta_t^2 < infinity (H. Robbins and S. Monro,
Ann. Math. Stat. 22, 1951): of the schedules here, `InverseTimeDecay` does that.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Integral

from optim.settings import require_rate


class Schedule(ABC):
    """A learning rate that depends on the number of steps done."""

    @abstractmethod
    def __call__(self, t: int) -> float:
        """Return eta_t, the rate of the step that follows t others."""


@dataclass(frozen=True)
class Constant(Schedule):
    """eta_t = eta_0.

    rate : eta_0 > 0, here and in all others, in the units of the optimizer's rate
    """

    rate: float

    def __post_init__(self):
        require_rate(self.rate)

    def __call__(self, t: int) -> float:
        """Return eta_0."""
        return self.rate


@dataclass(frozen=True)
class StepDecay(Constant):
    """eta_t = eta_0 factor^floor(t / every): a staircase.

    factor : in (0, 1], by which the rate falls; every : steps between two falls
    """

    factor: float
    every: int

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.factor <= 1:
            raise ValueError(
                f"factor is {self.factor}; the rate is multiplied by it and falls, so "
                "it must be in (0, 1], for example 0.5"
            )
        _require_count("every", self.every)

    def __call__(self, t: int) -> float:
        """Return the rate of the stair on which t lies."""
        return self.rate * self.factor ** (t // self.every)


@dataclass(frozen=True)
class ExponentialDecay(StepDecay):
    """eta_t = eta_0 factor^(t / every): the smooth `StepDecay`.

    factor : in (0, 1], by which the rate falls within `every` steps
    """

    def __call__(self, t: int) -> float:
        """Return the rate, which falls a little at each step."""
        return self.rate * self.factor ** (t / self.every)


@dataclass(frozen=True)
class CosineDecay(Constant):
    """eta_t = end + (eta_0 - end) (1 + cos(pi t / steps)) / 2, then eta_t = end.

    steps : of the descent, half a period of the cosine; end : the last rate, from 0

    Reference: I. Loshchilov and F. Hutter, ICLR 2017, without restarts.
    """

    steps: int
    end: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        _require_count("steps", self.steps)
        if not 0 <= self.end <= self.rate:
            raise ValueError(
                f"end is {self.end}; the rate falls to it from {self.rate}, so it must "
                f"be from 0 to {self.rate}"
            )

    def __call__(self, t: int) -> float:
        """Return the rate: flat at both ends, steepest half way."""
        phase = min(t / self.steps, 1.0)
        return self.end + (self.rate - self.end) * (1 + math.cos(math.pi * phase)) / 2


@dataclass(frozen=True)
class InverseTimeDecay(Constant):
    """eta_t = eta_0 / (1 + t / half), the 1/t of Robbins and Monro.

    half : the number of steps after which the rate is one half of eta_0
    """

    half: float

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.half < math.inf:
            raise ValueError(
                f"half is {self.half}; it is the number of steps until the rate is "
                "halved and must be positive and finite, for example 1000"
            )

    def __call__(self, t: int) -> float:
        """Return the rate, which never stops to fall nor to matter."""
        return self.rate / (1 + t / self.half)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A linear rise over `steps` steps, then the schedule `then`.

        eta_t = then(0) (t + 1) / (steps + 1)   for t < steps,
        eta_t = then(t - steps)                 from there on.

    Reference: P. Goyal et al., arXiv 1706.02677 (2017), section 2.2.
    """

    steps: int
    then: Schedule

    def __post_init__(self):
        _require_count("steps", self.steps)
        if not isinstance(self.then, Schedule):
            raise TypeError(
                f"then is {self.then!r} and must be a schedule, which goes on after "
                "the warm-up: write Constant(rate) for a number"
            )

    def __call__(self, t: int) -> float:
        """Return the rate, on the rise or after it."""
        if t < self.steps:
            return self.then(0) * ((t + 1) / (self.steps + 1))
        return self.then(t - self.steps)


SCHEDULES = (
    Constant,
    StepDecay,
    ExponentialDecay,
    CosineDecay,
    InverseTimeDecay,
    WarmUp,
)


def _require_count(name: str, count: int) -> None:
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise ValueError(f"{name} is {count!r}; it counts steps: a whole number from 1")
