"""Batches: full, complete, reproducible."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optim import Batches


def stream(n, size, count, seed):
    """Return the indices of the first `count` batches, in order."""
    batches = Batches(np.arange(n), size=size, rng=seed)
    drawn = [next(batches)[0] for _ in range(count)]
    assert all(len(batch) == size for batch in drawn)
    return np.concatenate(drawn)


@given(st.data(), st.integers(1, 40), st.integers(0, 2**32))
def test_each_epoch_is_a_permutation(data, n, seed):
    size = data.draw(st.integers(1, n))
    indices = stream(n, size, 3 * n, seed)
    for epoch in indices[: 3 * n].reshape(3, n):
        assert sorted(epoch) == list(range(n))


def test_epochs_differ_and_seeds_repeat():
    indices = stream(50, 10, 10, 0)
    assert not np.array_equal(indices[:50], indices[50:])
    assert np.array_equal(indices, stream(50, 10, 10, np.random.default_rng(0)))
    assert np.array_equal(indices, stream(50, 10, 10, np.random.SeedSequence(0)))
    assert not np.array_equal(indices, stream(50, 10, 10, 1))


def test_rows_of_all_arrays_stay_together_with_their_dtypes():
    x = np.arange(21, dtype=np.float32).reshape(7, 3)
    y = np.arange(7)
    batches = Batches(x, y, size=3, rng=0)
    for _ in range(10):
        rows, labels = next(batches)
        assert rows.dtype == np.float32
        assert labels.dtype == y.dtype
        assert np.array_equal(rows, x[labels])
        rows[...] = -1  # a batch is a copy
    assert np.array_equal(x.ravel(), np.arange(21))


def test_the_cursor_is_complete():
    batches = Batches(np.arange(10), size=4, rng=0)
    for _ in range(3):  # into the second permutation
        next(batches)
    restored = Batches(np.arange(10), size=4, rng=99)
    restored.cursor = copy.deepcopy(batches.cursor)
    assert restored.position == 2
    for _ in range(8):
        assert np.array_equal(next(restored)[0], next(batches)[0])


def test_a_cursor_is_not_changed_by_later_batches():
    batches = Batches(np.arange(10), size=4, rng=0)
    cursor = batches.cursor
    before = copy.deepcopy(cursor)
    for _ in range(8):
        next(batches)
    assert np.array_equal(cursor["permutation"], before["permutation"])
    assert cursor["position"] == before["position"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"size": 3},
        {"arrays": [((10,), "<f4")]},
        {"position": 11},
        {"position": -1},
        {"permutation": np.arange(1, 11)},
        {"permutation": np.zeros(10, int)},
        {"permutation": np.arange(9)},
        {"permutation": np.arange(10.0)},
        {"rng": None},
    ],
)
def test_a_cursor_that_does_not_fit_is_refused(change):
    batches = Batches(np.arange(10), size=4, rng=0)
    before = batches.cursor
    with pytest.raises(ValueError, match="does not fit batches of 4 from"):
        batches.cursor = batches.cursor | change
    assert all(batches.cursor[name] is before[name] for name in ("permutation", "rng"))


def test_errors():
    x = np.zeros((6, 2))
    for arrays in ((), (np.zeros((0, 2)),), (np.float64(1),)):
        with pytest.raises(ValueError, match="hold no example"):
            Batches(*arrays, size=1, rng=0)
    with pytest.raises(ValueError, match="do not have one length"):
        Batches(x, np.zeros(5), size=1, rng=0)
    for size in (0, -1, 7):
        with pytest.raises(ValueError, match=f"size is {size} and there are 6"):
            Batches(x, size=size, rng=0)
    with pytest.raises(TypeError, match="float"):
        Batches(x, size=2.0, rng=0)
