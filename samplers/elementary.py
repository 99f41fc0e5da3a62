"""Elementary functions for inner loops: exp, log, log1p, sigmoid, softplus, sin, cos.

A loop that calls the C library works on one number at a time. These functions are made
of sums, products and shifts of bits only, so that a loop over an array that calls them
in a kernel becomes vector instructions.

They take a scalar, np.float32 or np.float64, and return one of that dtype; any other
number is taken as float64. Outside of a kernel they are plain Python, with the same
bits, for tests and for single numbers:

    >>> exp(np.float32(1)), log(2.0)
    (np.float32(2.718282), np.float64(0.6931471805599453))

An error is given in ulp, the distance of two floats at the exact value, and holds for
all results down to the subnormal ones. NaN gives NaN; the sign of a zero is free.

References: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980
(n times ln 2 or pi / 2 subtracted in parts, which keeps its rounding errors out);
S. L. Moshier, Methods and Programs for Mathematical Functions, 1989 (Cephes);
K. C. Ng, fdlibm, Sun Microsystems, 1993 (the logarithm by s = f / (2 + f)).
"""

import numpy as np

from samplers import elementary32 as single
from samplers import elementary64 as double
from samplers.kernel import inlined

ONE = np.float32(1)  # which leaves the dtype of a result to the other operand


@inlined
def exp(x):
    """Return e^x, within 1 ulp for every x (0.98 was the most seen).

        e^x = 2^n e^r,   n = round(x / ln 2),   r = x - n ln 2,

    with a polynomial for e^r, |r| <= ln(2) / 2, of degree 6 in float32 and 11 in
    float64. Too large a result is inf, too small a one 0; exp(-inf) = 0. Over all
    numbers of float32 it does not decrease.
    """
    if isinstance(x, np.float32):
        return single.exp(x)
    return double.exp(np.float64(x))


@inlined
def log(x):
    """Return the natural logarithm, within 1 ulp for x > 0 (0.93 seen).

        x = 2^k (1 + f),   1/2 <= (1 + f)^2 < 2,   log x = k ln 2 + log(1 + f),
        log(1 + f) = 2 artanh(s) = f - s (f - R),   s = f / (2 + f),
        R = 2 artanh(s) / s - 2 = 2 s^2 / 3 + 2 s^4 / 5 + ...,

    with a polynomial in s^2 for R. log(0) = -inf, log(inf) = inf, NaN for x < 0.
    """
    if isinstance(x, np.float32):
        return single.log(x)
    return double.log(np.float64(x))


@inlined
def log1p(x):
    """Return log(1 + x), within 2 ulp for every x > -1 (1.53 seen).

    As `log` of u = 1 + x = 2^k (1 + f), where the rounding error (1 + x) - u goes into
    f in units of 2^k. So for small x, f is x itself.
    log1p(-1) = -inf, log1p(inf) = inf, NaN for x < -1.
    """
    if isinstance(x, np.float32):
        return single.log1p(x)
    return double.log1p(np.float64(x))


@inlined
def sigmoid(x):
    """Return 1 / (1 + e^-x), within 3 ulp for every x (2.29 seen).

    For x <= 0 as e^x / (1 + e^x), so that e^-x does not overflow and the small values
    are as accurate as e^x. sigmoid(-inf) = 0, sigmoid(inf) = 1.
    """
    e = exp(-abs(x))
    return (ONE if x > 0 else e) / (ONE + e)


@inlined
def softplus(x):
    """Return log(1 + e^x), within 2 ulp for every x (1.96 seen).

        softplus x = max(x, 0) + log(1 + f),   f = e^-|x|,

    with log(1 + f) as in `log`. softplus(-inf) = 0, softplus(inf) = inf.
    """
    if isinstance(x, np.float32):
        return single.softplus(x)
    return double.softplus(np.float64(x))


@inlined
def sincos(x):
    """Return sin x and cos x, within 2 ulp (1.56 seen) for |x| <= 1e5, NaN beyond.

        x = n pi / 2 + r,   n = round(2 x / pi),

    with a polynomial for sin r and one for cos r, |r| <= pi / 4, which n modulo 4 swaps
    and negates. r keeps all its digits at the multiples of pi / 2 too: float32 finds it
    in float64, and float64 subtracts pi / 2 in three parts.
    """
    if isinstance(x, np.float32):
        return single.sincos(x)
    return double.sincos(np.float64(x))


@inlined
def sincos_turns(t):
    """Return sin(2 pi t) and cos(2 pi t) for |t| <= 2^20, NaN beyond.

    Within 3 ulp (2.01 seen). As `sincos`, but n = round(4 t) and t - n / 4 are exact,
    so that multiples of a quarter turn give 0, 1 and -1.
    """
    if isinstance(t, np.float32):
        return single.sincos_turns(t)
    return double.sincos_turns(np.float64(t))
