"""The elementary functions in float64; samplers/elementary.py says what they are.

As samplers/elementary32.py, with 11 bits of exponent + 1023 and 52 bits of fraction.
Here all integers are uint64: the sum of an uint64 and an int64 would be a float64.
"""

import numpy as np

from samplers.kernel import inlined

ZERO, HALF, ONE, TWO, FOUR = map(np.float64, (0, 0.5, 1, 2, 4))
INFINITY, NAN = np.float64(np.inf), np.float64(np.nan)
LARGEST, TINY = np.finfo(np.float64).max, np.finfo(np.float64).tiny
SHIFT = np.float64(1.5 * 2**52)
BIT_0, BIT_1, FRACTION_BITS, TO_SIGN = map(np.uint64, (1, 2, 52, 62))

EXP_LOWEST, EXP_HIGHEST = np.float64(-746), np.float64(710)
EXP_SHIFT = np.float64(1.5 * 2**52 + 2 * 1023)
LOG2_E = np.float64(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float64(0.6931471805598903), np.float64(5.497923018708371e-14)
E2, E3 = 0.5000000000000011, 0.16666666666666408
E4, E5 = 0.04166666666652811, 0.008333333333496926
E6, E7 = 0.0013888888944247981, 0.00019841269502726355
E8, E9 = 2.4801492389487458e-05, 2.7557588437438057e-06
E10, E11 = 2.7630523070764084e-07, 2.4999852868185495e-08

NORMALIZER = np.float64(2.0**53)
INTEGER = np.float64(2.0**52).view(np.uint64)
OFFSET, TINY_OFFSET = np.float64(2.0**52 + 1023), np.float64(2.0**52 + 1023 + 53)
FRACTION, EXPONENT = np.uint64(0x000FFFFFFFFFFFFF), np.uint64(0x7FF0000000000000)
ROOT_HALF = np.float64(np.sqrt(0.5)).view(np.uint64)
ROOT_HALF_TO_ONE = ONE.view(np.uint64) - ROOT_HALF
L1, L2 = 0.666666666666663, 0.4000000000015877
L3, L4 = 0.28571428547649025, 0.22222223983129136
L5, L6 = 0.18181743431519323, 0.15386570851039963
L7, L8 = 0.13300825052493867, 0.12107298531933232
L9, L10 = 0.08334651230173601, 0.17028946575560253

LARGEST_ANGLE, LARGEST_TURN = np.float64(1e5), np.float64(2.0**20)
TWO_OVER_PI, TWO_PI = np.float64(2 / np.pi), np.float64(2 * np.pi)
HALF_PI_HIGH, HALF_PI_MIDDLE = 1.5707963267923333, 2.5633441515839558e-12
HALF_PI_LOW = 1.0562999066987428e-23
QUARTER = np.float64(0.25)
S1, S2 = -0.16666666666666624, 0.00833333333332004
S3, S4 = -0.00019841269827855168, 2.755731299953803e-06
S5, S6 = -2.5050647773511944e-08, 1.5890307353382698e-10
C1, C2 = 0.04166666666666658, -0.0013888888888870913
C3, C4 = 2.480158728741993e-05, -2.7557313742570793e-07
C5, C6 = 2.087563879102636e-09, -1.135520421896795e-11


@inlined
def word(x):
    """Return the bits of x as an integer."""
    return np.float64(x).view(np.uint64)


@inlined
def number(bits):
    """Return the number with these bits."""
    return np.uint64(bits).view(np.float64)


@inlined
def exp(x):
    x = EXP_HIGHEST if x > EXP_HIGHEST else x
    x = EXP_LOWEST if x < EXP_LOWEST else x
    rounded = x * LOG2_E + EXP_SHIFT
    n = rounded - EXP_SHIFT
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    z = r * r
    p = (E6 + E7 * r) + z * ((E8 + E9 * r) + z * (E10 + E11 * r))
    p = (E2 + E3 * r) + z * (E4 + E5 * r) + z * z * p
    y = ONE + (r + z * p)
    n_bits = word(rounded)
    half = n_bits >> BIT_0
    return y * number(half << FRACTION_BITS) * number((n_bits - half) << FRACTION_BITS)


@inlined
def log_product(k, f):
    """Return log(2^k (1 + f)) for sqrt(1/2) <= 1 + f <= 2."""
    s = f / (TWO + f)
    z = s * s
    z2 = z * z
    p = (L5 + L6 * z) + z2 * ((L7 + L8 * z) + z2 * (L9 + L10 * z))
    p = (L1 + L2 * z) + z2 * (L3 + L4 * z) + z2 * z2 * p
    R = z * p
    return k * LN2_HIGH - ((s * (f - R) - k * LN2_LOW) - f)


@inlined
def log(x):
    size = abs(x)
    is_tiny = size < TINY
    size = size * NORMALIZER if is_tiny else size
    shifted = word(size) + ROOT_HALF_TO_ONE
    k = number((shifted >> FRACTION_BITS) | INTEGER)
    k = k - (TINY_OFFSET if is_tiny else OFFSET)
    m = number((shifted & FRACTION) + ROOT_HALF)
    y = log_product(k, m - ONE)
    y = y if x > ZERO else (-INFINITY if x == ZERO else NAN)
    return x if x > LARGEST else y


@inlined
def log1p(x):
    inside = (x > -ONE) & (x <= LARGEST)
    y = x if inside else ZERO
    u = ONE + y
    lost = y - (u - ONE)
    shifted = word(u) + ROOT_HALF_TO_ONE
    k = number((shifted >> FRACTION_BITS) | INTEGER) - OFFSET
    m = number((shifted & FRACTION) + ROOT_HALF)
    scale = HALF * number(EXPONENT - (shifted & EXPONENT))  # 2^-k
    y = log_product(k, (m - ONE) + scale * lost)
    edge = x if x > ZERO else (-INFINITY if x == -ONE else NAN)
    return y if inside else edge


@inlined
def softplus(x):
    return (x if x > ZERO else ZERO) + log_product(ZERO, exp(-abs(x)))


@inlined
def rotate(r, quarters):
    """Return the sine and cosine of r + quarters pi / 2, for |r| <= 0.8."""
    z = r * r
    z2 = z * z
    p = (S1 + S2 * z) + z2 * ((S3 + S4 * z) + z2 * (S5 + S6 * z))
    sine = r + r * z * p
    p = (C1 + C2 * z) + z2 * ((C3 + C4 * z) + z2 * (C5 + C6 * z))
    cosine = (ONE - HALF * z) + z2 * p
    is_odd = (quarters & BIT_0) == BIT_0
    sine, cosine = (cosine, sine) if is_odd else (sine, cosine)
    sine = number(word(sine) ^ ((quarters & BIT_1) << TO_SIGN))
    return sine, number(word(cosine) ^ (((quarters + BIT_0) & BIT_1) << TO_SIGN))


@inlined
def sincos(x):
    x = x if abs(x) <= LARGEST_ANGLE else NAN
    rounded = x * TWO_OVER_PI + SHIFT
    n = rounded - SHIFT
    r = ((x - n * HALF_PI_HIGH) - n * HALF_PI_MIDDLE) - n * HALF_PI_LOW
    return rotate(r, word(rounded))


@inlined
def sincos_turns(t):
    t = t if abs(t) <= LARGEST_TURN else NAN
    rounded = FOUR * t + SHIFT
    n = rounded - SHIFT
    return rotate(TWO_PI * (t - n * QUARTER), word(rounded))
