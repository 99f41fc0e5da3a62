"""What the settings of an optimizer must be, each with the reason."""

import math
from numbers import Real

import numpy as np

TINY = float(np.finfo(np.float32).tiny)


def require_rate(rate: float) -> None:
    """Raise if a learning rate is no number, or not positive and finite."""
    if not isinstance(rate, Real):
        raise TypeError(
            f"learning_rate is {rate!r}; give a number, or a Schedule such as "
            "CosineDecay(1e-3, steps=1000), which is called with the steps done so far"
        )
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(
            f"learning_rate is {rate}; a step along minus the gradient needs a "
            "positive, finite one, for example 1e-3, or a schedule of such rates"
        )


def require_fraction(name: str, value: float) -> None:
    """Raise ValueError if the decay of a running mean is not in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(
            f"{name} is {value}; it must be in [0, 1): at one the past would never be "
            "forgotten, above it would grow without end"
        )


def require_epsilon(epsilon: float) -> None:
    """Raise ValueError if epsilon leaves 0 / 0 in float32, or is not finite."""
    if not TINY <= epsilon < math.inf:
        raise ValueError(
            f"epsilon is {epsilon}; it must be at least {TINY:.3g}, so that a gradient "
            "of zero is not divided by zero in float32, and finite"
        )


def require_weight_decay(weight_decay: float) -> None:
    """Raise ValueError if a weight decay is negative or not finite."""
    if not 0 <= weight_decay < math.inf:
        raise ValueError(
            f"weight_decay is {weight_decay}; it pulls parameters towards zero and "
            "must be zero or positive and finite, for example 0.01"
        )
