"""Numbers that are not finite stop a run before they reach a parameter.

A nan or an infinity spreads to every weight in one step and cannot be undone. So losses
and gradients are looked at before any array is touched, and the policy is one: raise,
with every parameter as it was after the last good step.
"""

import math


class NonFiniteError(FloatingPointError):
    """A number is nan or infinite, or would be after the next step."""


def require_finite(name: str, value: float) -> None:
    """Raise NonFiniteError, which says `name`, if the value is nan or infinite."""
    if not math.isfinite(value):
        raise NonFiniteError(
            f"{name} is {float(value)}, and a step along its gradient would spread "
            "that to every parameter; the parameters are those of the last good step. "
            "Lower the learning rate, or look for inputs that are huge or not numbers"
        )
