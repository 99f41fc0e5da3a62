"""The elementary functions in float32; samplers/elementary.py says what they are.

A float32 is a sign, 8 bits of exponent + 127 and 23 bits of fraction. Seen as an
integer, its word, 2^n is (n + 127) << 23. A sum with SHIFT = 1.5 * 2^23, where the last
place is 1, rounds to an integer, which then lies in the lowest bits of the word.

The high parts of ln 2 and pi / 2 end in zeros, so that an integer times one is exact.
The polynomials are minimax, by Remez exchange in 50 digits, the first of their terms
fixed; they are summed in pairs (Estrin's scheme), which waits less than Horner's.
"""

import numpy as np

from samplers.kernel import inlined

ZERO, HALF, ONE, TWO, FOUR = map(np.float32, (0, 0.5, 1, 2, 4))
INFINITY, NAN = np.float32(np.inf), np.float32(np.nan)
LARGEST, TINY = np.finfo(np.float32).max, np.finfo(np.float32).tiny
SHIFT = np.float32(1.5 * 2**23)

# exp is zero at the lowest, infinite at the highest; E are the coefficients of r^2...
EXP_LOWEST, EXP_HIGHEST = np.float32(-104), np.float32(89)
EXP_SHIFT = np.float32(1.5 * 2**23 + 2 * 127)
LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.693145751953125), np.float32(1.4286068e-06)
E2, E3, E4 = map(np.float32, (0.49999994, 0.1666652, 0.0416684))
E5, E6 = map(np.float32, (0.008368852, 0.0013814325))

# NORMALIZER makes a subnormal number a normal one; INTEGER is the word of 2^23, where
# the last place is 1; L are the coefficients of R in s^2, s^4...
NORMALIZER = np.float32(2.0**24)
INTEGER = np.float32(2.0**23).view(np.uint32)
OFFSET, TINY_OFFSET = np.float32(2.0**23 + 127), np.float32(2.0**23 + 127 + 24)
FRACTION, EXPONENT = np.uint32(0x007FFFFF), np.uint32(0x7F800000)
ROOT_HALF = np.float32(np.sqrt(0.5)).view(np.uint32)
ROOT_HALF_TO_ONE = ONE.view(np.uint32) - ROOT_HALF
L1, L2, L3, L4 = map(np.float32, (0.6666641, 0.4002177, 0.27997866, 0.2803127))

# S and C are the coefficients of r^3, r^5... and r^4, r^6...
LARGEST_ANGLE, LARGEST_TURN = np.float32(1e5), np.float32(2.0**20)
TWO_OVER_PI, TWO_PI = np.float32(2 / np.pi), np.float32(2 * np.pi)
HALF_PI_HIGH, HALF_PI_LOW = 1.5707963267923333, 2.563344151594519e-12  # in float64
QUARTER = np.float32(0.25)
S1, S2, S3 = map(np.float32, (-0.16666654, 0.008332083, -0.00019504318))
C1, C2, C3 = map(np.float32, (0.041666646, -0.0013887243, 2.4423889e-05))


@inlined
def word(x):
    """Return the bits of x as an integer."""
    return np.float32(x).view(np.uint32)


@inlined
def number(bits):
    """Return the number with these bits."""
    return np.uint32(bits).view(np.float32)


@inlined
def exp(x):
    x = EXP_HIGHEST if x > EXP_HIGHEST else x
    x = EXP_LOWEST if x < EXP_LOWEST else x
    rounded = x * LOG2_E + EXP_SHIFT
    n = rounded - EXP_SHIFT
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    z = r * r
    p = (E2 + E3 * r) + z * ((E4 + E5 * r) + z * E6)
    y = ONE + (r + z * p)
    # 2^n itself may be too large or subnormal; 2^(n // 2) and 2^(n - n // 2) are not.
    n_bits = word(rounded)
    half = np.uint32(n_bits >> 1)
    return y * number(half << 23) * number((n_bits - half) << 23)


@inlined
def log_product(k, f):
    """Return log(2^k (1 + f)) for sqrt(1/2) <= 1 + f <= 2."""
    s = f / (TWO + f)
    z = s * s
    R = z * ((L1 + L2 * z) + z * z * (L3 + L4 * z))
    return k * LN2_HIGH - ((s * (f - R) - k * LN2_LOW) - f)


@inlined
def log(x):
    size = abs(x)
    is_tiny = size < TINY
    size = size * NORMALIZER if is_tiny else size
    # The exponent of the shifted word steps at sqrt(1/2), not at 1.
    shifted = np.uint32(word(size) + ROOT_HALF_TO_ONE)
    k = number((shifted >> 23) | INTEGER) - (TINY_OFFSET if is_tiny else OFFSET)
    m = number((shifted & FRACTION) + ROOT_HALF)
    y = log_product(k, m - ONE)
    y = y if x > ZERO else (-INFINITY if x == ZERO else NAN)
    return x if x > LARGEST else y


@inlined
def log1p(x):
    inside = (x > -ONE) & (x <= LARGEST)
    y = x if inside else ZERO
    u = ONE + y
    lost = y - (u - ONE)  # the rounding error of u
    shifted = np.uint32(word(u) + ROOT_HALF_TO_ONE)
    k = number((shifted >> 23) | INTEGER) - OFFSET
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
    sine = r + r * z * (S1 + z * (S2 + z * S3))
    cosine = (ONE - HALF * z) + z * z * (C1 + z * (C2 + z * C3))
    is_odd = (quarters & 1) == 1
    sine, cosine = (cosine, sine) if is_odd else (sine, cosine)
    sine = number(word(sine) ^ ((quarters & 2) << 30))
    return sine, number(word(cosine) ^ (((quarters + 1) & 2) << 30))


@inlined
def sincos(x):
    x = x if abs(x) <= LARGEST_ANGLE else NAN
    rounded = x * TWO_OVER_PI + SHIFT
    n = np.float64(rounded - SHIFT)
    r = (np.float64(x) - n * HALF_PI_HIGH) - n * HALF_PI_LOW
    return rotate(np.float32(r), word(rounded))


@inlined
def sincos_turns(t):
    t = t if abs(t) <= LARGEST_TURN else NAN
    rounded = FOUR * t + SHIFT
    n = rounded - SHIFT
    return rotate(TWO_PI * (t - n * QUARTER), word(rounded))
