"""Philox4x32-10: published vectors, the map of addresses, uniforms, normals and keys.

The oracle is the generator as it was published, in plain Python integers.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplers import philox
from samplers.philox import (
    block_normals,
    block_uniforms,
    draw_key,
    normals,
    uniforms,
    words,
)

WORD = 2**32
ZEROS, ONES = (0, 0, 0, 0), (WORD - 1,) * 4
KEY = np.uint64(0x9E3779B97F4A7C15)
# All tails, and those about the numbers that compiled code computes at once.
LENGTHS = [*range(10), 31, 32, 33, 127, 128, 129, 255, 256, 257, 1003]
ROWS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (7, 1000, 3), (WORD - 1,) * 3]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])

address = st.integers(0, WORD - 1)


def published(counter, key):
    """Four words for a counter of four words and a key of two, in ten rounds."""
    c0, c1, c2, c3 = counter
    for i in range(10):
        k0, k1 = (key[0] + i * 0x9E3779B9) % WORD, (key[1] + i * 0xBB67AE85) % WORD
        high0, low0 = divmod(0xD2511F53 * c0, WORD)
        high1, low1 = divmod(0xCD9E8D57 * c2, WORD)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


def expected_words(key, chain, step, purpose, n):
    """The words of the sites 0 to n - 1."""
    key = (int(key) % WORD, int(key) // WORD)
    blocks = [
        published((block, purpose, step, chain), key) for block in range((n + 3) // 4)
    ]
    return [word for block in blocks for word in block][:n]


def expected_uniforms(key, chain, step, purpose, n, dtype):
    """24 bits of each word, or 53 of each pair, as exact fractions in float64."""
    if dtype == np.float32:
        row = expected_words(key, chain, step, purpose, n)
        return np.array([(word >> 8) / 2**24 for word in row])
    row = expected_words(key, chain, step, purpose, 2 * n)
    pairs = zip(row[::2], row[1::2], strict=True)
    return np.array([((high * WORD + low) >> 11) / 2**53 for high, low in pairs])


def filled(fill, n, dtype, *address):
    """Return what a kernel fills n numbers with, and check that it writes no more."""
    space = np.full(n + 8, 77, dtype)
    fill(*address, space[4 : n + 4])
    assert np.all(space[:4] == 77)
    assert np.all(space[n + 4 :] == 77)
    return space[4 : n + 4]


# Words


@pytest.mark.exact
@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        (ZEROS, (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (ONES, ONES[:2], (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),  # the digits of pi
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_published_vectors(counter, key, expected):
    """As printed by the authors' library, Random123, for philox4x32-10."""
    assert published(counter, key) == expected
    key = np.uint64(key[1] * WORD + key[0])
    assert philox.philox(key, *map(np.uint64, counter)) == expected
    block, purpose, step, chain = counter
    assert philox.block_words(key, chain, step, purpose, block) == expected


@pytest.mark.exact
@given(
    key=st.integers(0, 2**64 - 1),
    chain=address,
    step=address,
    purpose=address,
    n=st.sampled_from(LENGTHS[:-1]),
)
def test_a_row_is_the_blocks_of_its_address(key, chain, step, purpose, n):
    key = np.uint64(key)
    found = filled(words, n, np.uint32, key, chain, step, purpose)
    assert found.tolist() == expected_words(key, chain, step, purpose, n)


@pytest.mark.exact
@pytest.mark.parametrize("n", LENGTHS)
def test_the_first_numbers_do_not_depend_on_the_length(n):
    kinds = [(words, np.uint32)]
    kinds += [(f, t) for f in (uniforms, normals) for t in (np.float32, np.float64)]
    for fill, dtype in kinds:
        whole = np.empty(LENGTHS[-1], dtype)
        fill(KEY, 7, 1000, 3, whole)
        found = filled(fill, n, dtype, KEY, 7, 1000, 3)
        assert np.array_equal(found, whole[:n]), fill


@pytest.mark.exact
def test_purposes_are_distinct():
    purposes = {
        name: value for name, value in vars(philox).items() if type(value) is int
    }
    assert purposes.keys() >= {"START", "HIDDEN", "VISIBLE", "PROPOSAL", "ACCEPT"}
    assert len(set(purposes.values())) == len(purposes)
    assert all(0 <= value < WORD for value in purposes.values())


@pytest.mark.exact
def test_parts_of_an_address_are_not_exchangeable():
    """No two of the rows (chain, step, purpose) of 0, 1, 2, ... share a word."""
    space = np.empty((6, 6, 6, 8), np.uint32)
    for chain, step, purpose in np.ndindex(6, 6, 6):
        words(KEY, chain, step, purpose, space[chain, step, purpose])
    assert len(np.unique(space)) == space.size


# Uniforms


@pytest.mark.exact
@DTYPES
@pytest.mark.parametrize(("chain", "step", "purpose"), ROWS)
def test_uniforms_are_the_upper_bits(chain, step, purpose, dtype):
    found = filled(uniforms, 67, dtype, KEY, chain, step, purpose)
    expected = expected_uniforms(KEY, chain, step, purpose, 67, dtype)
    assert np.array_equal(found, expected)


@pytest.mark.exact
@pytest.mark.parametrize(
    ("zero", "largest"),
    [(np.float32(0), 1 - 2.0**-24), (np.float64(0), 1 - 2.0**-53)],
)
def test_uniforms_lie_below_one(zero, largest):
    u = block_uniforms(tuple(map(np.uint64, ONES)), zero)
    assert u == (largest,) * len(u)
    assert {type(each) for each in u} == {type(zero)}
    assert block_uniforms(tuple(map(np.uint64, ZEROS)), zero) == (0,) * len(u)


# Normals


def exact_box_muller(u, v):
    """Both normals of a pair, in float64; the angle is reduced before it is rounded."""
    radius = np.sqrt(-2 * np.log(u))
    quarters = np.rint(4 * v)
    angle = (4 * v - quarters) * (np.pi / 2)
    sine, cosine = np.sin(angle), np.cos(angle)
    turned = np.stack([cosine, -sine, -cosine, sine])
    which = quarters.astype(int)
    columns = np.arange(len(v))
    z = turned[which % 4, columns], turned[(which - 1) % 4, columns]
    return np.column_stack([radius * z[0], radius * z[1]]).ravel()


@pytest.mark.exact
@DTYPES
def test_normals_are_box_muller_of_the_uniforms(dtype):
    """Within 4 ulp; half a unit of the last place is added to u, in its precision."""
    half = np.finfo(dtype).epsneg / 2
    for chain in range(4):
        u, z = np.empty(1024, dtype), np.empty(1024, dtype)
        uniforms(KEY, chain, 5, 1, u)
        normals(KEY, chain, 5, 1, z)
        expected = exact_box_muller(
            (u[::2] + half).astype(np.float64), u[1::2].astype(np.float64)
        )
        ulp = np.spacing(np.abs(expected).astype(dtype)).astype(np.float64)
        assert np.max(np.abs(z - expected) / ulp) <= 4


def extreme_words():
    """Blocks of words that are zeros, ones, or the ends of a quarter turn."""
    ends = [0, 1, 255, 256, 2**30, 2**31 - 1, 2**31, 3 * 2**30, WORD - 256, WORD - 1]
    for a in ends:
        for b in ends:
            for block in [(a, a, b, b), (a, b, a, b)]:
                yield tuple(map(np.uint64, block))


@pytest.mark.exact
@pytest.mark.parametrize(
    ("zero", "bound", "bits"), [(np.float32(0), 5.9, 25), (np.float64(0), 8.7, 54)]
)
def test_extreme_normals_are_finite_and_bounded(zero, bound, bits):
    """The smallest u + half is 2^-bits, so the largest radius is sqrt(2 bits log 2)."""
    largest = 0
    for block in extreme_words():
        z = np.array(block_normals(block, zero))
        assert z.dtype == type(zero)
        assert np.all(np.isfinite(z))
        largest = max(largest, np.max(np.abs(z)))
    assert largest == pytest.approx(np.sqrt(2 * bits * np.log(2)), rel=1e-6)
    assert bound - 0.05 < largest < bound
    z = block_normals(tuple(map(np.uint64, ONES)), zero)
    assert z == (0,) * len(z)


# What is not a row of numbers


@pytest.mark.exact
@pytest.mark.parametrize(("fill", "dtype"), [(words, np.uint32), (normals, np.float32)])
def test_an_array_of_several_axes_is_refused(fill, dtype):
    """Compiled code would take its rows for numbers, and write beyond the last one."""
    with pytest.raises(ValueError, match=r"several axes.* fill one row for each chain"):
        fill(KEY, 0, 0, 0, np.empty((3, 4), dtype))


@pytest.mark.exact
@pytest.mark.parametrize("dtype", [np.int64, np.complex128])
def test_numbers_that_are_not_real_are_refused(dtype):
    """Integers would all be zero; of complex numbers a block has none."""
    with pytest.raises(TypeError, match=r"neither float32 nor float64.*np\.empty\(n\)"):
        uniforms(KEY, 0, 0, 0, np.empty(9, dtype))


# Keys


@pytest.mark.exact
def test_the_same_rng_gives_the_same_key():
    for make in (int, np.random.SeedSequence, np.random.default_rng):
        keys = [draw_key(make(seed)) for seed in range(100)]
        assert keys == [draw_key(make(seed)) for seed in range(100)]
        assert len(set(keys)) == 100
        assert {type(key) for key in keys} == {np.uint64}


@pytest.mark.exact
def test_a_generator_gives_another_key_each_time():
    rng = np.random.default_rng(0)
    assert len({draw_key(rng) for _ in range(100)}) == 100


@pytest.mark.exact
def test_both_halves_of_keys_are_drawn():
    keys = np.array([draw_key(seed) for seed in range(64)])
    assert np.bitwise_or.reduce(keys) == 2**64 - 1
    assert np.bitwise_and.reduce(keys) == 0


@pytest.mark.exact
@pytest.mark.parametrize(
    ("rng", "error", "words"),
    [
        (None, TypeError, "nobody could draw the same numbers again; write rng=0"),
        ("seven", TypeError, "expects int"),
        (0.5, TypeError, "expects int"),
        (-1, ValueError, "non-negative"),
    ],
)
def test_bad_rng(rng, error, words):
    with pytest.raises(error, match=words):
        draw_key(rng)
