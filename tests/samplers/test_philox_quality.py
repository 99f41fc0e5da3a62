"""The statistics of the numbers, under one fixed key.

Under another key a comparison would fail by chance with probability 5e-7: |z| < 5.03, a
Kolmogorov-Smirnov distance below 2.76 / sqrt(N) (the inequality of Dvoretzky, Kiefer,
Wolfowitz and Massart), chi-square and binomial tests at that level. What a test says
that it detects is missed with probability 1e-6: for one z it is twice the threshold.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.special import factorial2, ndtr

from samplers import philox
from samplers.philox import (
    bernoulli,
    categorical,
    draw_key,
    normals,
    uniforms,
    words,
)
from tests.kolmogorov import LIMIT, distance

KEY = np.uint64(0x243F6A8885A308D3)
ALPHA = 1e-4 / 200
Z = 5.03
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
FILLS = pytest.mark.parametrize("fill", [uniforms, normals])


def row(fill, n, dtype, *, key=KEY, chain=0, step=0, purpose=0):
    out = np.empty(n, dtype)
    fill(key, chain, step, purpose, out)
    return out


def chi_square(counts, expected):
    """Assert that counts, a table, have independent cells of these expectations."""
    total = np.sum((counts - expected) ** 2 / expected)
    assert stats.chi2.sf(total, counts.size - 1) > ALPHA


def standard(fill, x):
    """Return the numbers in float64, with mean 0 and variance 1 by their law."""
    x = x.astype(np.float64)
    return (x - 0.5) * 12**0.5 if fill is uniforms else x


def probability(fill, x):
    """Return the distribution function at x, in float64."""
    x = x.astype(np.float64)
    return x if fill is uniforms else ndtr(x)


# Words


def test_no_pair_of_words_occurs_twice():
    """5e6 pairs of 64 bits from 1000 rows; 7e-7 repetitions are expected by chance.

    Detects addresses that meet: two rows or blocks that share a counter, or a map in
    which chain, step and purpose can be exchanged or are added.
    """
    out = np.empty((10, 10, 10, 10_000), np.uint32)
    for chain, step, purpose in np.ndindex(10, 10, 10):
        words(KEY, chain, step, purpose, out[chain, step, purpose])
    pairs = np.sort(out.view(np.uint64), axis=None)
    assert pairs.size == 5_000_000
    assert np.all(pairs[1:] != pairs[:-1])


def test_bits_and_bytes_are_balanced():
    """Detects a bit set with probability 1/2 + 0.007, or a byte a third too rare.

    2^20 blocks; each of the 128 bits and of the 16 bytes of a block by itself.
    """
    n = 2**20
    block = row(words, 4 * n, np.uint32).reshape(n, 4)
    bits = np.unpackbits(block.view(np.uint8), axis=0).reshape(n, 8, 16)
    z = (bits.sum(axis=0, dtype=np.int64) - n / 2) / (n / 4) ** 0.5
    assert stats.chi2.sf(np.sum(z**2), z.size) > ALPHA
    for column in block.view(np.uint8).T:
        chi_square(np.bincount(column, minlength=256), n / 256)


# Laws


@FILLS
@DTYPES
def test_the_law_of_one_number(fill, dtype):
    """Detects a distribution function that is wrong by 0.005 at any point."""
    n = 2**20
    assert distance(probability(fill, row(fill, n, dtype, chain=1))) < LIMIT


@FILLS
@pytest.mark.parametrize("apart", [1, 2, 3, 4, 5, 8, 64])
def test_two_sites_of_a_row_are_independent(fill, apart):
    """Detects a law of two numbers that is off by 3 % rms, on 64 x 64 cells.

    Sites of one block, the two of one Box-Muller pair among them, of neighboring
    blocks, and of blocks computed at once; no number is in two of the pairs.
    """
    n = 2**20 // apart * apart
    x = probability(fill, row(fill, 2 * n + apart, np.float32, step=1))
    cells = (64 * x).astype(int)
    for first in (0, apart):
        a, b = np.moveaxis(cells[first : first + 2 * n].reshape(-1, 2, apart), 1, 0)
        counts = np.bincount((64 * a + b).ravel(), minlength=64**2)
        chi_square(counts, n / 64**2)


@DTYPES
def test_moments_of_normals(dtype):
    """Detects a mean off by 0.005, a variance by 0.007, a sixth moment by 0.5.

    The standard errors are exact: var(z^k) = <z^2k> - <z^k>^2, with <z^2k> = (2k - 1)!!
    """
    n = 2**22
    z = row(normals, n, dtype, purpose=1).astype(np.float64)
    power = np.ones(n)
    for k in range(1, 7):
        power *= z
        mean = factorial2(k - 1) if k % 2 == 0 else 0
        error = ((factorial2(2 * k - 1) - mean**2) / n) ** 0.5
        assert abs(power.mean() - mean) < Z * error, k


@DTYPES
def test_tails_of_normals(dtype):
    """Detects tails beyond 3 and 4 that are off by 4 % and 25 %, and none beyond 5.

    The exact binomial test, for 2^25 normals, of which 19 are expected beyond 5.
    """
    rows, n = 128, 2**18
    counts, limits = np.zeros(3, int), (3, 4, 5)
    for step in range(rows):
        size = np.abs(row(normals, n, dtype, chain=2, step=step))
        beyond = size[size > 3]
        counts += [np.count_nonzero(beyond > limit) for limit in limits]
    for count, limit in zip(counts, limits, strict=True):
        test = stats.binomtest(int(count), rows * n, 2 * ndtr(-limit))
        assert test.pvalue > ALPHA, limit


@DTYPES
def test_frequencies_of_bernoulli(dtype):
    """Detects a probability of 1/2 that is off by 0.005, and one of 0.08 by 0.003."""
    n = 2**20
    for chain, p in enumerate([0.08, 0.5, 0.7]):
        out = np.empty(n, np.uint8)
        bernoulli(KEY, chain, 3, 3, np.full(n, p, dtype), out)
        assert stats.binomtest(int(out.sum()), n, p).pvalue > ALPHA


def test_frequencies_of_categorical():
    """Detects an outcome that is shifted by one, or a probability off by 0.004."""
    n, weights = 2**20, np.array([1.0, 5, 2, 4, 3])
    out = np.empty(n, int)
    categorical(KEY, 0, 0, 4, weights, out)
    chi_square(np.bincount(out, minlength=5), n * weights / weights.sum())


# Neighbors: one step along each part of the address

NEIGHBORS = pytest.mark.parametrize(
    "other",
    [
        {"chain": 6},
        {"step": 6},
        {"purpose": 6},
        {"key": KEY + np.uint64(1)},
        {"key": KEY + np.uint64(2**32)},
        {"key": ~KEY},
        {"chain": 2**31 + 5},
        {"chain": 5 + 2**16, "step": 5 + 2**16},
    ],
    ids=str,
)
HERE = {"chain": 5, "step": 5, "purpose": 5}


@NEIGHBORS
@FILLS
@DTYPES
def test_rows_of_neighbors_are_uncorrelated(fill, dtype, other):
    """Detects a correlation of 0.01, of the numbers or of their squares.

    At the same site, and at sites one apart.
    """
    n = 2**20
    x = standard(fill, row(fill, n, dtype, **HERE))
    y = standard(fill, row(fill, n, dtype, **HERE | other))
    fourth = 1.8 if fill is uniforms else 3  # <x^4>
    for a, b in [(x, y), (x[1:], y[:-1])]:
        assert abs(np.sum(a * b)) < Z * len(a) ** 0.5
        squares = np.sum((a * a - 1) * (b * b - 1))
        assert abs(squares) < Z * (fourth - 1) * len(a) ** 0.5


@NEIGHBORS
def test_half_of_the_bits_differ_between_neighbors(other):
    """Detects a bit that differs with probability 1/2 + 0.015, or all with + 0.001."""
    n = 2**18
    differ = row(words, 4 * n, np.uint32, **HERE)
    differ ^= row(words, 4 * n, np.uint32, **HERE | other)
    bits = np.unpackbits(differ.view(np.uint8)).reshape(n, 128).sum(axis=0)
    z = (bits - n / 2) / (n / 4) ** 0.5
    assert abs(z.sum()) < Z * z.size**0.5
    assert stats.chi2.sf(np.sum(z**2), z.size) > ALPHA


def flip_frequencies(rounds, n):
    """z : (192, 128), for each input bit how often a flip of it flips an output bit.

    The input is a random counter of 128 bits and key of 64.
    """
    rng = np.random.default_rng(0)
    inputs = rng.integers(2**32, size=(6, n), dtype=np.uint64)
    before = np.stack(encrypted(rounds, *inputs))
    z = np.empty((192, 128))
    for bit in range(192):
        flipped = inputs.copy()
        flipped[bit // 32] ^= np.uint64(1 << bit % 32)
        differ = (before ^ encrypted(rounds, *flipped)).astype(np.uint32).T.copy()
        counts = np.unpackbits(differ.view(np.uint8)).reshape(n, 128).sum(axis=0)
        z[bit] = (counts - n / 2) / (n / 4) ** 0.5
    return z


def encrypted(rounds, c0, c1, c2, c3, k0, k1):
    """The words of counters after some rounds; after ten they are Philox's."""
    if rounds == 10:
        return philox.philox(k1 << philox.HALF | k0, c0, c1, c2, c3)
    c = c0, c1, c2, c3
    for i in map(np.uint64, range(rounds)):
        c = philox.philox_round(
            *c,
            (k0 + i * philox.KEY_STEP_0) & philox.LOW,
            (k1 + i * philox.KEY_STEP_1) & philox.LOW,
        )
    return c


def avalanche_pvalues(z):
    """For the mean of all entries, for their spread, and for the worst of them."""
    worst = 2 * stats.norm.sf(np.max(np.abs(z))) * z.size
    mean = 2 * stats.norm.sf(abs(z.sum()) / z.size**0.5)
    return mean, stats.chi2.sf(np.sum(z**2), z.size), worst


def test_each_bit_of_the_address_flips_each_output_bit_half_of_the_time():
    """Detects one pair of an input and an output bit off by 0.18, or all by 0.005 rms.

    24576 pairs, each over 1024 addresses.
    """
    z = flip_frequencies(10, 1024)
    assert min(avalanche_pvalues(z)) > ALPHA


@pytest.mark.parametrize("rounds", [2, 4, 5, 6])
def test_fewer_rounds_are_found_out(rounds):
    """The power of the test above: seven rounds are the fewest that pass it."""
    assert min(avalanche_pvalues(flip_frequencies(rounds, 1024))) < ALPHA


# Keys


def test_keys_of_consecutive_seeds_are_unrelated():
    """Detects bits of keys or first words that are shared by neighbors, by 0.01 rms.

    8192 seeds in a row: half of the bits are set, and half differ from one to the next.
    """
    n = 8192
    keys = np.array([draw_key(seed) for seed in range(n)])
    first = np.array([row(words, 8, np.uint32, key=key) for key in keys])
    assert len(np.unique(keys)) == n
    assert len(np.unique(first.view(np.uint64))) == 4 * n
    for bits in (keys, first):
        bits = np.unpackbits(bits.view(np.uint8)).reshape(n, -1)
        for counted in (bits, bits[1:] ^ bits[:-1]):
            m = len(counted)
            z = (counted.sum(axis=0) - m / 2) / (m / 4) ** 0.5
            assert stats.chi2.sf(np.sum(z**2), z.size) > ALPHA


@FILLS
def test_streams_of_consecutive_seeds_are_uncorrelated(fill):
    """Detects a correlation of 0.01 between the first numbers of seeds in a row."""
    x = [row(fill, 256, np.float64, key=draw_key(seed)) for seed in range(4097)]
    x = standard(fill, np.array(x))
    pairs = x[1:] * x[:-1]
    assert abs(pairs.sum()) < Z * pairs.size**0.5
