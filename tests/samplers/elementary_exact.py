"""The elementary functions in decimal arithmetic, to 50 digits or more."""

from decimal import Decimal, localcontext

import numpy as np

PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510"
    "58209749445923078164062862089986280348253421170679"
)


def log1p(x):
    """Return log(1 + x), by its series where 1 + x would lose digits."""
    if abs(x) > Decimal("1e-3"):
        return (1 + x).ln()
    return sum(((-1) ** (k + 1) * x**k / k for k in range(1, 20)), Decimal(0))


def series(r, first):
    """Return the sum of (-1)^k r^(2k + first) / (2k + first)!, sin or cos of r."""
    term = total = r if first else Decimal(1)
    for k in range(first + 1, first + 56, 2):
        term *= -r * r / (k * (k + 1))
        total += term
    return total


def sincos_quarters(r, n):
    """Return the sine and cosine of r + n pi / 2."""
    sine, cosine = series(r, 1), series(r, 0)
    turned = [(sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine)]
    return turned[int(n) % 4]


def sincos(x):
    n = (2 * x / PI).to_integral_value()
    return sincos_quarters(x - n * PI / 2, n)


def sincos_turns(t):
    n = (4 * t).to_integral_value()
    return sincos_quarters(2 * PI * (t - n / 4), n)


def softplus(x):
    return max(x, Decimal(0)) + log1p((-abs(x)).exp())


FUNCTIONS = {
    "exp": lambda x: [x.exp()],
    "log": lambda x: [x.ln()],
    "log1p": lambda x: [log1p(x)],
    "sigmoid": lambda x: [1 / (1 + (-x).exp())],
    "softplus": lambda x: [softplus(x)],
    "sincos": sincos,
    "sincos_turns": sincos_turns,
}


def exact(name, x):
    """Return a list of Decimals for x : (n,), or two lists for a sine and cosine."""
    with localcontext() as context:
        context.prec = 80
        found = [FUNCTIONS[name](Decimal(float(each))) for each in x]
    return [list(row) for row in zip(*found, strict=True)]


def error(found, expected):
    """Return |found - expected| in ulp of the expected Decimal."""
    with np.errstate(over="ignore"):
        rounded = found.dtype.type(float(expected))
    if not np.isfinite(rounded):
        return 0 if found == rounded else np.inf
    ulp = Decimal(float(abs(np.spacing(rounded))))
    return float(abs(Decimal(float(found)) - expected) / ulp)
