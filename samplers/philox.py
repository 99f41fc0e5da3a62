"""Random numbers with an address: Philox4x32-10.

A generator with a state gives its numbers in an order, so that they depend on who asks
first. Here a number is a function of where it is used,

    (key; chain, step, purpose, site) -> 32 bits,

so a chain draws the same numbers on one thread or on many, in one go or in parts, alone
or as the seventh of a thousand. Philox encrypts a counter of four 32-bit words, here
(block, purpose, step, chain), with a 64-bit key, in ten rounds: each multiplies two
words by constants and crosses the halves of the products. One block gives four words,
so the sites 4b, 4b + 1, 4b + 2, 4b + 3 of a row share the block b. Different counters
or keys give numbers that no known test tells from independent ones.

Two uses of random numbers within one step must differ in their purpose.

Reference: J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, Parallel random
numbers: as easy as 1, 2, 3, SC11 (2011).
"""

import numpy as np

from samplers.elementary import log, sincos_turns
from samplers.kernel import inlined, kernel

# What a random number of a step is for.
START = 0
HIDDEN = 1
VISIBLE = 2
PROPOSAL = 3
ACCEPT = 4
EVEN = 5
ODD = 6
SEED = 7
BOND = 8
EXACT = 9
FORWARD = 10
REVERSE = 11

MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
# The golden ratio and sqrt(3), less their integers, in units of 2^-32.
KEY_STEP_0, KEY_STEP_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
TWO = np.float32(2)  # which leaves the dtype to the other factor
EIGHT, ELEVEN, HALF = np.uint64(8), np.uint64(11), np.uint64(32)  # shifts


def draw_key(rng) -> np.uint64:
    """Draw the 64-bit key of a sampler from an int, SeedSequence or Generator.

    An int or a SeedSequence gives the same key each time, a Generator the next one.
    Raises TypeError for None, and as `np.random.default_rng` does.
    """
    if rng is None:
        raise TypeError(
            "rng is None, so that nobody could draw the same numbers again; write "
            "rng=0 or any other int, or hand on a np.random.Generator"
        )
    return np.random.default_rng(rng).integers(2**64, dtype=np.uint64)


@inlined
def philox_round(c0, c1, c2, c3, k0, k1):
    """One round on the words c of the counter with the words k of the key.

    Words of 32 bits lie in uint64, where no product of two of them overflows.
    """
    p0 = MULTIPLIER_0 * c0
    p1 = MULTIPLIER_1 * c2
    return (p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1, p0 & LOW


@inlined
def philox(key, c0, c1, c2, c3):
    """Return four words of 32 bits, in uint64, for a counter of four such words."""
    k0, k1 = key & LOW, key >> HALF
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1)
    for _ in range(9):
        k0, k1 = (k0 + KEY_STEP_0) & LOW, (k1 + KEY_STEP_1) & LOW
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@inlined
def block_words(key, chain, step, purpose, block):
    """Return the four words, in uint64, of the sites 4 block to 4 block + 3."""
    return philox(
        key,
        np.uint64(block) & LOW,
        np.uint64(purpose) & LOW,
        np.uint64(step) & LOW,
        np.uint64(chain) & LOW,
    )


@inlined
def block_uniforms(w, zero):
    """Return uniforms k / 2^24 of four words, or k / 2^53 of two pairs, in [0, 1).

    k : the upper 24 bits of a word if zero is a float32, else the upper 53 of a pair
    """
    if isinstance(zero, np.float32):
        unit = np.float32(2.0**-24)
        return (
            np.float32(np.int32(w[0] >> EIGHT)) * unit,
            np.float32(np.int32(w[1] >> EIGHT)) * unit,
            np.float32(np.int32(w[2] >> EIGHT)) * unit,
            np.float32(np.int32(w[3] >> EIGHT)) * unit,
        )
    unit = np.float64(2.0**-53)
    return (
        np.float64(np.int64((w[0] << HALF | w[1]) >> ELEVEN)) * unit,
        np.float64(np.int64((w[2] << HALF | w[3]) >> ELEVEN)) * unit,
    )


@inlined
def box_muller(u, v, half):
    """Return two independent normals from two independent uniforms u and v.

    A point of the plane whose coordinates are N(0, 1) has a uniform angle, 2 pi v, and
    half its squared distance is exponential, -log u (G. Box and M. Muller, 1958). Half
    a unit of the last place, added to u, keeps it from zero.
    """
    radius = np.sqrt(TWO * -log(u + half))
    sine, cosine = sincos_turns(v)
    return radius * cosine, radius * sine


@inlined
def block_normals(w, zero):
    """Return the normals of a block, four in float32 or two in float64, as zero is."""
    u = block_uniforms(w, zero)
    if isinstance(zero, np.float32):
        half = np.float32(2.0**-25)
        return box_muller(u[0], u[1], half) + box_muller(u[2], u[3], half)
    return box_muller(u[0], u[1], np.float64(2.0**-54))


@inlined
def require_row(out):
    """Raise ValueError unless out has one axis: others would be written beyond."""
    if out.ndim != 1:
        raise ValueError(
            "out has several axes, and the sites of an address are a row, (n,); fill "
            "one row for each chain or step, or out.reshape(-1) with a single address"
        )


@inlined
def require_float(zero):
    """Raise TypeError unless zero is a float32 or a float64."""
    if not isinstance(zero, (np.float32, np.float64)):
        raise TypeError(
            "out is neither float32 nor float64; integers would hold nothing of a "
            "uniform number but zeros: write np.empty(n), or np.empty(n, np.float32)"
        )


@inlined
def block_bits(w, zero):
    """Return the four words of a block as they are."""
    return w


@inlined
def fill(numbers, key, chain, step, purpose, out):
    """Fill a row with numbers(w, zero) of the words w of its blocks, the last in part.

    numbers : block_bits, block_uniforms or block_normals
    """
    require_row(out)
    zero = out.dtype.type(0)
    n = 16 // out.itemsize  # in a block
    whole = out.size // n
    for b in range(whole):
        x = numbers(block_words(key, chain, step, purpose, b), zero)
        for i in range(len(x)):
            out[len(x) * b + i] = x[i]
    x = numbers(block_words(key, chain, step, purpose, whole), zero)
    for i in range(out.size - n * whole):
        out[n * whole + i] = x[i]


@kernel
def words(key, chain, step, purpose, out):
    """Fill out : (n,) uint32 with 32 random bits a site.

    As those below, it raises ValueError if out has several axes.
    """
    fill(block_bits, key, chain, step, purpose, out)


@kernel
def uniforms(key, chain, step, purpose, out):
    """Fill out : (n,) float32 or float64 with uniforms in [0, 1).

    float32: multiples of 2^-24, so that P(u < p) is p up to 2^-24; float64: of 2^-53.
    Raises TypeError for another dtype.
    """
    require_float(out.dtype.type(0))
    fill(block_uniforms, key, chain, step, purpose, out)


@kernel
def normals(key, chain, step, purpose, out):
    """Fill out : (n,) float32 or float64 with independent N(0, 1).

    They lie within 5.9 in float32, beyond which are 4e-9 of the law, and within 8.7 in
    float64: the radius of the smallest uniform. Raises TypeError for another dtype.
    """
    require_float(out.dtype.type(0))
    fill(block_normals, key, chain, step, purpose, out)


@kernel
def bernoulli(key, chain, step, purpose, p, out):
    """Fill out : (n,) with ones, of probability p : (n,), and zeros.

    The probabilities, float32 or float64, are met up to 2^-24 or 2^-53; 0 gives no one
    and 1 no zero. Raises ValueError if one is nan or outside [0, 1], or if there are
    not as many as sites.
    """
    require_row(out)
    if p.size != out.size:
        raise ValueError(
            "p and out differ in length; each site has its probability: write "
            "np.full(out.size, p) for one that is the same everywhere"
        )
    u = np.empty_like(p)
    uniforms(key, chain, step, purpose, u)
    valid = True
    for i in range(out.size):
        valid &= (p[i] >= 0) & (p[i] <= 1)
        out[i] = u[i] < p[i]
    if not valid:
        raise ValueError(
            "a probability is nan or outside [0, 1]; a comparison with nan is false, "
            "so that the draws would be zeros and look alive: find where it arose"
        )


@inlined
def first_above(cumulative, u):
    """Return the first index with cumulative > u, where the last entry exceeds u."""
    low, high = 0, cumulative.size - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > u:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def categorical(key, chain, step, purpose, weights, out):
    """Fill out : (n,) with outcomes 0 to K - 1, as probable as weights : (K,) say.

    Weights need no sum of one; a weight of zero is never drawn. An outcome is the first
    whose cumulative sum, as a share of the last one, exceeds a 53-bit uniform. Raises
    ValueError if a weight is negative or not finite, or all are zero.
    """
    require_row(out)
    cumulative = np.empty(weights.size)
    total, valid = 0.0, True
    for k in range(weights.size):
        valid &= weights[k] >= 0
        total += np.float64(weights[k])
        cumulative[k] = total
    if not (valid and 0 < total < np.inf):
        raise ValueError(
            "weights must be finite, not negative and not all zero, or they say "
            "nothing about what to draw; write exp(log_weights - max(log_weights)) "
            "where exp(log_weights) overflows or vanishes"
        )
    cumulative /= total  # so that the last is 1 and every u lies below it
    u = np.empty(out.size)
    uniforms(key, chain, step, purpose, u)
    for i in range(out.size):
        out[i] = first_above(cumulative, u[i])
