"""Rules of the elementwise functions: one line, one derivative, both modes.

x is the argument (a, b, c of several), y the output, g a cotangent; a partial names
what it needs. The conventions where no derivative exists are tested as a table:

absolute, hypot   0 at 0
maximum, minimum  a tie shares the cotangent in halves
clip              1 on the closed interval
relu              0 at 0
power             x**0 has derivative 0 also at x = 0; 0**p has derivative 0 in p
logaddexp         0 where both are -inf
sqrt, log, cbrt   inf at 0, as the limit says
arctan2           nan at (0, 0), where the angle has no limit
remainder, fmod   at their jumps as beside them, on the side of the value
"""

import numpy as np

from autodiff.composite import composite
from autodiff.rules import elementwise

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))

# Arithmetic
elementwise(np.add, 1, 1)
elementwise(np.subtract, 1, -1)
elementwise(np.multiply, lambda g, b: g * b, lambda g, a: g * a)
elementwise(np.divide, lambda g, b: g / b, lambda g, y, b: -g * y / b)
elementwise(np.negative, -1)
elementwise(np.positive, 1)
elementwise(np.reciprocal, lambda y: -(y**2))
elementwise(np.square, lambda x: 2 * x)
elementwise(np.sqrt, lambda y: 0.5 / y)
elementwise(np.cbrt, lambda y: (1 / y) ** 2 / 3)
elementwise(np.absolute, lambda x: np.sign(x))
elementwise(np.remainder, 1, lambda y, a, b: np.rint((y - a) / b))
elementwise(np.fmod, 1, lambda y, a, b: np.rint((y - a) / b))


def power_by_base(a, b):
    """b a**(b - 1), with the exponent 0 instead of -1 at b = 0, where b removes it."""
    zero = b == 0
    slope = b * a ** (b - 1 + zero)
    if isinstance(b, (int, float)):
        return slope
    return slope / np.where(zero, a + (a == 0), 1)


def power_by_exponent(y, a):
    """y log a, with log 1 = 0 instead of log 0 at a = 0."""
    one = y.dtype.type(1)
    return y * np.log(a + one * (a == 0))


elementwise(np.power, power_by_base, power_by_exponent)

# Exponentials and logarithms
elementwise(np.exp, lambda y: y)
elementwise(np.expm1, lambda y: y + 1)
elementwise(np.exp2, lambda y: LN2 * y)
elementwise(np.log, lambda x: 1 / x)
elementwise(np.log1p, lambda x: 1 / (1 + x))
elementwise(np.log2, lambda x: 1 / (LN2 * x))
elementwise(np.log10, lambda x: 1 / (LN10 * x))


def softmax_of_two(y, a):
    """exp(a - y), which is 0 where both terms, and so y, are -inf."""
    return np.exp(a - np.where(y == -np.inf, 0, y))


elementwise(
    np.logaddexp, lambda y, a: softmax_of_two(y, a), lambda y, b: softmax_of_two(y, b)
)

# Trigonometric and hyperbolic functions
elementwise(np.sin, lambda x: np.cos(x))
elementwise(np.cos, lambda x: -np.sin(x))
elementwise(np.tan, lambda y: 1 + y**2)
elementwise(np.sinh, lambda x: np.cosh(x))
elementwise(np.cosh, lambda x: np.sinh(x))
elementwise(np.tanh, lambda y: 1 - y**2)
elementwise(np.arcsin, lambda x: 1 / np.sqrt(1 - x**2))
elementwise(np.arccos, lambda x: -1 / np.sqrt(1 - x**2))
elementwise(np.arctan, lambda x: 1 / (1 + x**2))
elementwise(np.arcsinh, lambda x: 1 / np.hypot(x, 1))
elementwise(np.arccosh, lambda x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)))
elementwise(np.arctanh, lambda x: 1 / ((1 - x) * (1 + x)))


def cosine(a, y):
    """a / hypot(a, b), and 0 where both are 0."""
    zero = y == 0
    return np.where(zero, 0, a / np.where(zero, 1, y))


def turn(a, b):
    """a / (a**2 + b**2), without squares, which may overflow."""
    radius = np.hypot(a, b)
    return a / radius / radius


elementwise(np.hypot, lambda y, a: cosine(a, y), lambda y, b: cosine(b, y))
elementwise(np.arctan2, lambda a, b: turn(b, a), lambda a, b: -turn(a, b))

# Selection
elementwise(
    np.maximum,
    lambda g, a, b: np.where(a == b, g / 2, np.where(a > b, g, 0)),
    lambda g, a, b: np.where(a == b, g / 2, np.where(b > a, g, 0)),
)
elementwise(
    np.minimum,
    lambda g, a, b: np.where(a == b, g / 2, np.where(a < b, g, 0)),
    lambda g, a, b: np.where(a == b, g / 2, np.where(b < a, g, 0)),
)
elementwise(
    np.where,
    None,
    lambda g, a: np.where(a, g, 0),
    lambda g, a: np.where(a, 0, g),
)


def clamp(x, lower, upper):
    """min(max(x, lower), upper), by one rule for its three arguments."""
    return np.clip(x, lower, upper)


clamp = elementwise(
    clamp,
    lambda g, a, b, c: np.where(np.logical_and(a >= b, a <= c), g, 0),
    lambda g, a, b, c: np.where(np.logical_and(a < b, b <= c), g, 0),
    lambda g, a, b, c: np.where(np.logical_or(a > c, b > c), g, 0),
)


@composite(np.select)
def select(condlist, choicelist, default=0):
    """Of each entry's choices the first whose condition holds."""
    y = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        y = np.where(condition, choice, y)
    return y


@composite(np.clip)
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    lower = min if a_min is None else a_min
    upper = max if a_max is None else a_max
    return clamp(
        a, -np.inf if lower is None else lower, np.inf if upper is None else upper
    )
