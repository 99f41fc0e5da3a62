"""How far to go along a direction: a step length by the strong Wolfe conditions.

From theta along d, phi(alpha) = f(theta + alpha d), and phi'(0) < 0. A step is accepted
if it pays for its length and the slope has flattened,

    phi(alpha) <= phi(0) + c1 alpha phi'(0)       sufficient decrease,
    |phi'(alpha)| <= c2 |phi'(0)|                 curvature,        0 < c1 < c2 < 1.

The second one makes s^T y = alpha (phi'(alpha) - phi'(0)) positive, which quasi-Newton
methods ask of the change s of theta and the change y of the gradient.

The search keeps its lowest point of sufficient decrease, `low`, and goes outwards until
a trial is higher, or has not decreased enough, or has passed a minimum. Then `high` is
the other end of an interval into which phi falls from `low`, and each trial narrows it.
Where phi is smooth the interval holds steps that satisfy both conditions: one is where
phi(alpha) - c1 alpha phi'(0), the height above the line of the first, is least.

References: J. J. More and D. J. Thuente, ACM Trans. Math. Softw. 20, 286 (1994);
J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed. (2006), section 3.5.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

WOLFE = "strong Wolfe conditions"
UNBOUNDED = "unbounded below"
UNRESOLVED = "decrease too small to be seen"
EXHAUSTED = "evaluations exhausted"

NEAREST, FURTHEST = 1.1, 4.0  # of the next gap outwards, in units of the last one
SHRINK = 0.66  # of the interval by two trials; where they shrink it less, it is halved


class Point(NamedTuple):
    """A step alpha >= 0, the value phi there and the slope phi'."""

    step: float
    value: float
    slope: float


def strong_wolfe(
    phi: Callable[[float], tuple[float, float]],
    value: float,
    slope: float,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    first: float = 1.0,
    resolution: float = 2.0**-52,
    max_evaluations: int = 20,
) -> tuple[Point, str]:
    """Return a step that satisfies both conditions or, without one, the best trial.

    Parameters
    ----------
    phi : alpha -> (phi(alpha), phi'(alpha)), called once for each trial
    value, slope : phi(0), and phi'(0) < 0
    c1, c2 : of the two conditions
    first : the first trial
    resolution : the smallest decrease that can be seen, relative to phi(0)
    max_evaluations : the most trials

    Returns
    -------
    point : the accepted one, else the lowest of sufficient decrease, else step 0
    outcome : WOLFE; UNBOUNDED if phi reached -inf, or if each of the trials, longer and
        longer, was lower; UNRESOLVED if the slope promises no visible decrease, or no
        number is left to try; else EXHAUSTED, as happens next to a kink

    A trial at which phi or phi' is nan or infinite was too long, and the next is half
    way back. A step other than 0 is lower than phi(0), never equal.
    """
    low, high = Point(0.0, value, slope), None
    limit = width = width_before = math.inf
    step = first
    for _ in range(max_evaluations):
        trial = Point(step, *map(float, phi(step)))
        if trial.value == -math.inf:
            return low, UNBOUNDED
        if not (math.isfinite(trial.value) and math.isfinite(trial.slope)):
            limit = step
            step = (low.step + limit) / 2
        else:
            enough = trial.value < value and trial.value <= value + c1 * step * slope
            if enough and abs(trial.slope) <= c2 * abs(slope):
                return trial, WOLFE
            step = interpolate(low, high, trial)
            if not enough or trial.value > low.value:
                high = trial
            else:
                high = low if trial.slope * low.slope < 0 else high
                low = trial
            if high is None:
                step = min(step, (low.step + limit) / 2)
            else:
                left, right = sorted((low.step, high.step))
                if right - left > SHRINK * width_before or not left < step < right:
                    step = (left + right) / 2
                width_before, width = width, right - left
        if step in (low.step, limit, high and high.step):
            return low, UNRESOLVED
        if low.step == 0 and -slope * step <= resolution * abs(value):
            return low, UNRESOLVED
    return low, UNBOUNDED if high is None and limit == math.inf else EXHAUSTED


def interpolate(low: Point, high: Point | None, trial: Point) -> float:
    """Return where a minimum is expected: beyond the trial as long as high is None.

    The first guess is the cubic through the values and slopes of low and trial. What
    can be trusted of it differs in the four cases of More and Thuente, section 4.
    """
    gap = trial.step - low.step
    if trial.value > low.value:
        # A minimum lies between. Of the cubic and the parabola that ignores the slope
        # of the trial, the cubic if it is nearer to low, else half way between them.
        cubic = cubic_minimum(low, trial)
        chord = (trial.value - low.value) / gap
        parabola = low.step + gap * low.slope / (low.slope - chord) / 2
        nearer = abs(cubic - low.step) < abs(parabola - low.step)
        return cubic if nearer else (cubic + parabola) / 2
    if trial.slope * low.slope < 0:
        # A minimum lies between. Of the cubic and the secant of the slopes, the one
        # that is further from the trial.
        cubic = cubic_minimum(trial, low)
        secant = trial.step + gap * reach(low, trial)
        return max(cubic, secant, key=lambda step: abs(step - trial.step))
    if abs(trial.slope) < abs(low.slope):
        # The slope has flattened: a minimum may lie beyond, if the cubic has one there.
        # Outwards the bolder of cubic and secant, within an interval the more timid.
        secant = reach(low, trial)
        cubic = (cubic_minimum(trial, low) - trial.step) / gap
        cubic = cubic if cubic > 0 else math.inf
        if high is None:
            return trial.step + gap * min(max(secant, cubic, NEAREST), FURTHEST)
        most = SHRINK * (high.step - trial.step) / gap
        return trial.step + gap * min(secant, cubic, most)
    # The slope is as steep as before and tells nothing: only the other end does.
    return trial.step + FURTHEST * gap if high is None else cubic_minimum(trial, high)


def reach(low: Point, trial: Point) -> float:
    """Return how far beyond the trial the slopes' secant is zero, in gaps from low."""
    return trial.slope / (low.slope - trial.slope)


def cubic_minimum(a: Point, b: Point) -> float:
    """Return the minimum of the cubic with these values and slopes; nan without one.

    It is equation 3.59 of Nocedal and Wright, seen from a.
    """
    theta = 3 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope
    scale = max(abs(theta), abs(a.slope), abs(b.slope))
    radicand = (theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale)
    if not radicand >= 0:
        return math.nan
    gamma = math.copysign(scale * math.sqrt(radicand), b.step - a.step)
    below = 2 * gamma - a.slope + b.slope
    part = (gamma - a.slope + theta) / below if below else math.nan
    return a.step + part * (b.step - a.step)
