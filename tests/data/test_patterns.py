"""Binary patterns: which they are, and that all are equally likely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import (
    Patterns,
    bars_and_stripes,
    even_parity,
    make_bars_and_stripes,
    make_parity,
    make_xor,
)
from samplers.machine import binary_states
from tests.data.agreement import chi_square


@pytest.mark.parametrize(("size", "count"), [(1, 2), (2, 6), (3, 14), (4, 30)])
def test_bars_and_stripes_by_looking_at_every_image(size, count):
    """Among all images, those whose rows are all the same or whose columns are."""
    images = binary_states(size**2).reshape(-1, size, size)
    bars = np.all(images == images[:, :1], axis=(1, 2))
    stripes = np.all(images == images[:, :, :1], axis=(1, 2))
    expected = images[bars | stripes].reshape(-1, size**2)
    found = bars_and_stripes(size).patterns
    assert len(found) == count == 2 ** (size + 1) - 2
    assert {row.tobytes() for row in found} == {row.tobytes() for row in expected}


def test_xor_is_the_even_parity_of_three_bits():
    rows = {(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)}
    assert {tuple(row) for row in even_parity(3).patterns.tolist()} == rows
    sample = make_xor(100, rng=0)
    table = np.column_stack([sample.X, sample.labels])
    assert {tuple(row) for row in table.tolist()} == rows
    assert np.array_equal(sample.X, make_parity(100, bits=2, rng=0).X)


@given(bits=st.integers(1, 8), seed=st.integers(0, 2**32))
def test_parity_is_that_of_the_number_of_bits_on(bits, seed):
    assert not np.any(even_parity(bits).patterns.sum(axis=1) % 2)
    assert len(even_parity(bits).patterns) == 2 ** (bits - 1)
    sample = make_parity(20, bits=bits, rng=seed)
    assert sample.labels.dtype == np.int64
    assert [int(sum(row)) % 2 for row in sample.X] == sample.labels.tolist()


LAWS = {
    "bars and stripes": (bars_and_stripes(3), np.log(14)),
    "xor": (even_parity(3), np.log(4)),
    "parity": (make_parity(1, bits=5, rng=0).density, np.log(32)),
}


@pytest.mark.parametrize(("law", "entropy"), LAWS.values(), ids=LAWS)
def test_probabilities_are_equal_and_sum_to_one(law, entropy):
    every = binary_states(law.patterns.shape[1]).astype(float)
    log_p = law.log_density(every)
    np.testing.assert_allclose(np.exp(log_p).sum(), 1, rtol=1e-14)
    known = law.log_density(law.patterns.astype(np.float32))
    assert np.array_equal(known, np.full(len(known), -entropy, np.float32))
    assert np.sum(log_p > -np.inf) == len(law.patterns)


@pytest.mark.parametrize(("law", "entropy"), LAWS.values(), ids=LAWS)
def test_draws_are_equally_likely(law, entropy):
    """50,000 draws; a pattern of 14 that is a tenth too rare is seen, as below."""
    n = 50_000
    sample = law.sample(n, rng=1)
    assert np.array_equal(sample.X, law.patterns[sample.labels])
    assert np.all(law.log_density(sample.X) == -entropy)
    k = len(law.patterns)
    counts = np.bincount(sample.labels, minlength=k)
    assert chi_square(counts, np.full(k, n / k)) < 1


def test_an_unlikely_pattern_is_seen():
    p = np.full(14, 1 / 14) + np.array([-0.1] + [0.1 / 13] * 13) / 14
    counts = np.random.default_rng(1).multinomial(50_000, p)
    assert chi_square(counts, np.full(14, 50_000 / 14)) > 1


def test_a_law_keeps_its_own_patterns():
    given = np.array([[0.0, 1.0], [1.0, 1.0]])
    law = Patterns(given)
    given[:] = 0
    assert law.patterns.dtype == np.uint8
    assert law.patterns.tolist() == Patterns([[0, 1], [1, 1]]).patterns.tolist()
    assert np.all(law.log_density(np.array([[0.0, 1], [1, 1]])) == -np.log(2))


def test_what_is_not_binary_has_no_probability():
    x = np.array([[0, 1, 1], [0.5, 1, 1], [0, 2, 1], [256, 1, 1], [1, 1, 1]])
    log_p = even_parity(3).log_density(x)
    assert log_p.tolist() == [-np.log(4)] + [-np.inf] * 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("make", "options", "shape"),
    [
        (make_xor, {}, (40, 2)),
        (make_parity, {"bits": 5}, (40, 5)),
        (make_bars_and_stripes, {}, (40, 16)),
        (make_bars_and_stripes, {"size": 3}, (40, 9)),
    ],
)
def test_draws_repeat_by_seed_in_their_dtype(make, options, shape, dtype):
    first, again, other = (make(40, rng=s, dtype=dtype, **options) for s in (0, 0, 1))
    assert first.X.shape == shape
    assert first.X.dtype == dtype
    assert first.density.log_density(first.X).dtype == dtype
    assert np.array_equal(first.X, again.X)
    assert not np.array_equal(first.X, other.X)


def test_errors():
    for patterns in ([0, 1], [[0, 2]], [[0, 0.5]], np.zeros((0, 3)), np.zeros((3, 0))):
        with pytest.raises(ValueError, match=r"must be \(K, d\)"):
            Patterns(np.array(patterns))
    with pytest.raises(ValueError, match="1 patterns stand there twice"):
        Patterns(np.array([[0, 1], [1, 1], [0, 1]], np.uint8))
    for bits in (0, 21):
        with pytest.raises(ValueError, match=f"{bits} units are asked for"):
            make_parity(1, bits=bits, rng=0)
    with pytest.raises(ValueError, match="0 units are asked for"):
        bars_and_stripes(0)
    with pytest.raises(TypeError, match="integer"):
        make_parity(1, bits=2.5, rng=0)
    with pytest.raises(ValueError, match="draw at least one point"):
        make_xor(0, rng=0)
    with pytest.raises(TypeError, match="dtype is"):
        make_xor(1, rng=0, dtype=np.uint8)
    with pytest.raises(ValueError, match=r"points of shape \(n, 3\)"):
        even_parity(3).log_density(np.zeros((1, 2)))
    with pytest.raises(TypeError, match="x is uint8"):
        even_parity(3).log_density(even_parity(3).patterns)
