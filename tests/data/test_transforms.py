"""Standardizing, binarizing and nudging."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import Standardizer, binarize, binarize_randomly, nudge


@given(
    n=st.integers(2, 50),
    exponent=st.integers(-30, 30),
    offset=st.sampled_from([0.0, 1.0, 1e4]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32),
)
def test_standardized_data_have_mean_zero_and_variance_one(
    n, exponent, offset, dtype, seed
):
    rng = np.random.default_rng(seed)
    X = ((offset + rng.standard_normal((n, 3))) * 10.0**exponent).astype(dtype)
    fitted = Standardizer.fit(X)
    Z = fitted.transform(X)
    assert Z.dtype == fitted.mean.dtype == fitted.scale.dtype == dtype
    # A rounded mean is off by eps relative to itself; n terms added in float64 by more.
    terms = n if dtype is np.float64 else 1
    slack = np.finfo(dtype).eps * (8 + terms * np.abs(fitted.mean / fitted.scale).max())
    assert np.all(np.abs(Z.mean(axis=0, dtype=np.float64)) <= slack)
    assert np.all(np.abs(Z.std(axis=0, dtype=np.float64) - 1) <= slack)
    back = fitted.inverse(Z)
    assert back.dtype == dtype
    limit = 4 * np.finfo(dtype).eps * (np.abs(X) + np.abs(fitted.mean))
    assert np.all(np.abs(back - X) <= limit)


def test_standardizer_by_hand():
    fitted = Standardizer.fit(np.array([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]]))
    assert fitted.mean.tolist() == [3.0, 20.0]
    np.testing.assert_allclose(fitted.scale, [np.sqrt(8 / 3), np.sqrt(200)], rtol=1e-15)
    moved = fitted.transform(np.array([[3.0, 20 + np.sqrt(200)]]))
    np.testing.assert_allclose(moved, [[0, 1]], atol=1e-15)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-10, 1e160, 1e300])
def test_no_square_leaves_the_range_of_numbers(scale):
    Z = Standardizer.fit(np.array([-scale, scale])).transform(np.array([-scale, scale]))
    np.testing.assert_allclose(Z, [-1, 1], rtol=1e-14)
    fitted = Standardizer.fit(np.array([0.5, 1.5]) * scale)
    np.testing.assert_allclose([fitted.mean, 2 * fitted.scale], scale, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_becomes_exactly_zero(dtype):
    """0.1 is no machine number, and its mean over ten rows is another one."""
    X = np.full((10, 3, 2), 0.1, dtype)
    X[:, 1] = np.arange(10)[:, np.newaxis]
    fitted = Standardizer.fit(X)
    assert fitted.mean.shape == fitted.scale.shape == (3, 2)
    Z = fitted.transform(X)
    assert not Z[:, [0, 2]].any()
    assert np.all(fitted.scale[[0, 2]] == 1)
    assert np.array_equal(fitted.inverse(Z)[:, [0, 2]], X[:, [0, 2]])
    assert np.allclose(Z[:, 1].std(axis=0), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_change_of_less_than_the_smallest_scale_is_finite(dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    X = np.array([0, 0, 0, smallest], dtype)
    fitted = Standardizer.fit(X)
    assert fitted.scale == 1
    assert np.array_equal(fitted.transform(X), X)


def test_the_mean_of_many_numbers_is_added_in_double_precision():
    """Added row after row in float32, 100,000 numbers near 1e4 are off by their sd."""
    X = (1e4 + np.random.default_rng(0).standard_normal((100_000, 2))).astype(
        np.float32
    )
    fitted = Standardizer.fit(X)
    np.testing.assert_allclose(fitted.mean, X.astype(float).mean(axis=0), rtol=6e-8)
    np.testing.assert_allclose(fitted.scale, X.astype(float).std(axis=0), rtol=1e-6)


def test_standardizer_leaves_its_argument_alone():
    X = np.arange(6.0).reshape(3, 2)
    before = X.copy()
    fitted = Standardizer.fit(X)
    fitted.inverse(fitted.transform(X))
    assert np.array_equal(X, before)


def test_standardizer_errors():
    X = np.arange(6.0).reshape(3, 2)
    fitted = Standardizer.fit(X)
    for bad in (np.arange(6), [[1.0]], X.astype(np.float16)):
        with pytest.raises(TypeError, match="must be a float32 or float64 array"):
            Standardizer.fit(bad)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="holds 1 entries that are nan or inf"):
            Standardizer.fit(np.where(X == 3, bad, X))
    for bad in (np.zeros((0, 2)), np.zeros((3, 0)), np.array(1.0)):
        with pytest.raises(ValueError, match="holds no example"):
            Standardizer.fit(bad)
    for move in (fitted.transform, fitted.inverse):
        with pytest.raises(ValueError, match=r"examples of shape \(3,\), .* \(2,\)"):
            move(X.T)
        with pytest.raises(TypeError, match=r"astype\(np.float64\)"):
            move(X.astype(np.float32))
        with pytest.raises(ValueError, match="holds no example"):
            move(X[:0])
        with pytest.raises(ValueError, match="holds 6 entries"):
            move(X * np.nan)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_binarize_keeps_the_dtype_and_takes_the_threshold_for_ink(dtype):
    X = np.array([[0, 7], [8, 16]], dtype)
    found = binarize(X, threshold=8)
    assert found.dtype == dtype
    assert found.tolist() == [[0, 0], [1, 1]]
    assert X[1, 1] == 16


def test_binarize_errors():
    for X, threshold in [([0.5, np.nan], 0.5), ([0.5], np.nan), ([1], np.nan)]:
        with pytest.raises(ValueError, match="neither above nor below"):
            binarize(np.array(X), threshold=threshold)
    with pytest.raises(ValueError, match="holds no example"):
        binarize(np.zeros((0, 3)), threshold=0.5)


def test_binarize_randomly_is_right_on_average():
    """Of 40,000 draws each frequency is held to 5.03 standard deviations.

    By chance a pixel is off that much once in two million; an error of 0.025 in a
    probability of 1/2 is missed as seldom.
    """
    p = np.array([0.0, 1 / 16, 0.3, 0.5, 0.9, 1.0])
    n = 40_000
    draws = binarize_randomly(np.tile(p, (n, 1)), rng=0)
    assert set(np.unique(draws)) == {0.0, 1.0}
    error = np.abs(draws.mean(axis=0) - p)
    assert np.all(error <= 5.03 * np.sqrt(p * (1 - p) / n))
    together = np.mean(draws[:, 2] * draws[:, 3])  # pixels do not know of each other
    assert abs(together - 0.15) <= 5.03 * np.sqrt(0.15 * 0.85 / n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binarize_randomly_repeats_by_seed_in_any_shape(dtype):
    X = np.full((3, 4, 5), 0.5, dtype)
    first, second = (binarize_randomly(X, rng=7) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == dtype
    assert first.shape == X.shape
    assert not np.array_equal(first, binarize_randomly(X, rng=8))


def test_binarize_randomly_errors():
    for bad in (-0.1, 1.1):
        with pytest.raises(ValueError, match="holds no probabilities"):
            binarize_randomly(np.array([0.5, bad]), rng=0)
    with pytest.raises(TypeError, match="is a uint8 array"):
        binarize_randomly(np.ones((2, 2), np.uint8), rng=0)
    with pytest.raises(ValueError, match="nan"):
        binarize_randomly(np.array([np.nan]), rng=0)


def test_nudge_by_hand():
    image = np.arange(1, 10).reshape(1, 3, 3)
    images, labels = nudge(image, np.array([7]))
    assert images.tolist() == [
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[4, 5, 6], [7, 8, 9], [0, 0, 0]],
        [[0, 0, 0], [1, 2, 3], [4, 5, 6]],
        [[2, 3, 0], [5, 6, 0], [8, 9, 0]],
        [[0, 1, 2], [0, 4, 5], [0, 7, 8]],
    ]
    assert labels.tolist() == [7] * 5


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_nudge_keeps_the_order_and_the_dtype(dtype):
    images = np.random.default_rng(0).integers(0, 17, (6, 4, 5)).astype(dtype)
    labels = np.arange(6)
    moved, repeated = nudge(images, labels)
    assert moved.shape == (30, 4, 5)
    assert moved.dtype == dtype
    assert np.array_equal(repeated, np.tile(labels, 5))
    for i in range(6):
        alone, _ = nudge(images[i : i + 1], labels[i : i + 1])
        assert np.array_equal(moved[repeated == i], alone)


def test_nudge_errors():
    for images in (np.zeros((2, 64)), np.zeros((3, 8, 8)), [[1], [2]], np.zeros(2)):
        with pytest.raises(ValueError, match="cannot be nudged"):
            nudge(images, np.zeros(2))
    with pytest.raises(ValueError, match=r"labels of shape \(\) cannot be nudged"):
        nudge(np.zeros((2, 8, 8)), 1)
