"""The split is a partition, of the sizes asked for, balanced if asked."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data import split

FRACTIONS = st.lists(st.integers(1, 9), min_size=1, max_size=4)
SEEDS = st.integers(0, 2**32)


@given(n=st.integers(1, 200), shares=FRACTIONS, seed=SEEDS)
def test_the_parts_are_a_partition(n, shares, seed):
    fractions = np.array(shares) / sum(shares)
    ends = np.rint(np.cumsum(fractions) * n)
    assume(np.all(np.diff(ends, prepend=0) > 0))
    parts = split(n, fractions, rng=seed)
    assert len(parts) == len(shares)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    assert [len(part) for part in parts] == np.diff(ends, prepend=0).tolist()


@given(shares=FRACTIONS, classes=st.integers(1, 5), seed=SEEDS)
def test_balanced_parts_have_the_classes_of_the_whole(shares, classes, seed):
    rng = np.random.default_rng(seed)
    n = 100
    labels = rng.integers(classes, size=n) * 10
    fractions = np.array(shares) / sum(shares)
    parts = split(n, fractions, rng=rng, labels=labels)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    for label in np.unique(labels):
        whole = np.sum(labels == label)
        for part, fraction in zip(parts, fractions, strict=True):
            assert abs(np.sum(labels[part] == label) - fraction * whole) <= 1


def test_a_label_that_equals_no_other_is_in_a_part_too():
    """Two of four labels are nan, which is not equal to itself, but one class here."""
    parts = split(4, (0.5, 0.5), rng=0, labels=[np.nan, 1.0, 1.0, np.nan])
    assert sorted(np.concatenate(parts)) == [0, 1, 2, 3]
    assert [len(set(part) & {0, 3}) for part in parts] == [1, 1]


def test_fractions_may_come_one_by_one():
    parts = split(10, (fraction for fraction in (0.7, 0.3)), rng=0)
    assert [len(part) for part in parts] == [7, 3]


def test_balance_is_lost_without_labels():
    """The same seed, one class in ten: without labels the parts differ by more."""
    labels = np.arange(1000) % 10 == 0
    plain = split(1000, (0.5, 0.5), rng=0)
    balanced = split(1000, (0.5, 0.5), rng=0, labels=labels)
    assert [int(labels[part].sum()) for part in balanced] == [50, 50]
    assert [int(labels[part].sum()) for part in plain] != [50, 50]


def test_the_order_within_a_part_is_random():
    for labels in (None, np.repeat([0, 1], 50)):
        first, _ = split(100, (0.5, 0.5), rng=0, labels=labels)
        assert not np.array_equal(first, np.sort(first))
        if labels is not None:
            assert not np.array_equal(labels[first], np.sort(labels[first]))


def test_every_example_is_equally_likely_to_be_in_each_part():
    """In 10,000 splits a chance of 0.3 that is off by 0.05 is seen almost surely."""
    rng = np.random.default_rng(0)
    counts = np.zeros(10)
    for _ in range(10_000):
        counts[split(10, (0.3, 0.7), rng=rng)[0]] += 1
    assert np.all(np.abs(counts / 10_000 - 0.3) <= 5.03 * np.sqrt(0.21 / 10_000))


def test_seeds_repeat():
    first, again, other = (split(50, (0.5, 0.5), rng=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_errors():
    for fractions in [(), (0.5, 0.4), (0.5, 0.6), (1.5, -0.5), (1.0, 0.0), (np.nan, 1)]:
        with pytest.raises(ValueError, match="must be positive with sum 1"):
            split(10, fractions, rng=0)
    for n, fractions in [(0, (1.0,)), (1, (0.5, 0.5)), (3, (0.9, 0.1))]:
        with pytest.raises(ValueError, match="without examples measures nothing"):
            split(n, fractions, rng=0)
    with pytest.raises(ValueError, match=r"labels have shape \(9,\)"):
        split(10, (0.5, 0.5), rng=0, labels=np.zeros(9))
    with pytest.raises(TypeError, match="float"):
        split(10.0, (0.5, 0.5), rng=0)
