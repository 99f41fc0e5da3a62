"""Losses: their equations, gradients by hand, stability, precision and errors."""

import numpy as np
import pytest

from autodiff import check_gradients, explain, grad, value_and_grad
from models import (
    accuracy,
    binary_cross_entropy,
    cross_entropy,
    mean_squared_error,
)

PRECISIONS = [np.float32, np.float64]


NOT_FLOATING = [
    (np.zeros((6, 4), np.uint8), "uint8 array"),
    (np.zeros((6, 4), np.float16), "float16 array"),
    (np.zeros((6, 4), complex), "complex128 array"),
    ([[0.0, 1.0]], "list"),
    (1.0, "float"),
]


def classification(seed=0, n=6, classes=4):
    rng = np.random.default_rng(seed)
    return 3 * rng.standard_normal((n, classes)), rng.integers(0, classes, n)


def images(seed=0, shape=(5, 3)):
    rng = np.random.default_rng(seed)
    return 3 * rng.standard_normal(shape), rng.random(shape)


def probabilities(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def s(z):
    return 1 / (1 + np.exp(-z))


def test_cross_entropy_is_the_mean_negative_log_probability():
    z, y = classification()
    expected = -np.mean([np.log(probabilities(z)[i, y[i]]) for i in range(len(y))])
    assert cross_entropy(z, y) == pytest.approx(expected, rel=1e-14)
    assert cross_entropy(np.zeros((3, 10)), np.arange(3)) == pytest.approx(np.log(10))


def test_binary_cross_entropy_is_that_of_bernoulli_variables():
    z, t = images()
    expected = -np.mean(t * np.log(s(z)) + (1 - t) * np.log(1 - s(z)))
    assert binary_cross_entropy(z, t) == pytest.approx(expected, rel=1e-14)
    assert binary_cross_entropy(np.zeros(4), np.array([0, 1, 0.5, 1])) == pytest.approx(
        np.log(2)
    )


def test_mean_squared_error_is_the_mean_of_squares():
    assert mean_squared_error(np.array([1.0, 2.0]), np.array([0.0, 5.0])) == 5


@pytest.mark.parametrize("seed", range(5))
def test_gradients_by_hand(seed):
    z, y = classification(seed)
    onehot = np.eye(z.shape[1])[y]
    expected = (probabilities(z) - onehot) / len(y)
    np.testing.assert_allclose(grad(cross_entropy)(z, y), expected, rtol=1e-12)
    assert check_gradients(lambda z: cross_entropy(z, y), (z,)).inconclusive == 0

    z, t = images(seed)
    expected = (s(z) - t) / z.size
    np.testing.assert_allclose(
        grad(binary_cross_entropy)(z, t), expected, rtol=1e-12, atol=1e-16
    )
    assert check_gradients(lambda z: binary_cross_entropy(z, t), (z,)).inconclusive == 0

    of_both = grad(mean_squared_error, argnums=(0, 1))(z, t)
    np.testing.assert_allclose(of_both[0], 2 * (z - t) / z.size, rtol=1e-14)
    np.testing.assert_allclose(of_both[1], 2 * (t - z) / z.size, rtol=1e-14)
    assert check_gradients(mean_squared_error, (z, t)).inconclusive == 0


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_huge_logits_cost_what_they_say(dtype):
    z = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    right, wrong = np.array([0, 1]), np.array([1, 0])
    assert cross_entropy(z, right) == 0
    assert cross_entropy(z, wrong) == 2e4
    value, gradient = value_and_grad(cross_entropy)(z, wrong)
    assert np.asarray(value).dtype == gradient.dtype == dtype
    assert np.array_equal(gradient, [[0.5, -0.5], [-0.5, 0.5]])

    t = np.array([[1, 0], [0, 1]], dtype)
    assert binary_cross_entropy(z, t) == 0
    assert binary_cross_entropy(z, 1 - t) == 1e4
    value, gradient = value_and_grad(binary_cross_entropy)(z, 1 - t)
    assert np.asarray(value).dtype == gradient.dtype == dtype
    assert np.array_equal(gradient, [[0.25, -0.25], [-0.25, 0.25]])


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("size", [17.0, 40.0, 89.0, 104.0, 710.0])
def test_no_logit_overflows_or_loses_the_tail(dtype, size):
    # A wrong answer costs log(1 + e^z), a right one log(1 + e^-z) to rounding of z.
    z = np.array([size], dtype)
    zero, one = np.zeros(1, dtype), np.ones(1, dtype)
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
    tail = np.log1p(np.exp(-size))
    assert binary_cross_entropy(z, zero) == pytest.approx(size + tail, rel=4 * eps)
    assert binary_cross_entropy(-z, zero) == pytest.approx(tail, rel=4 * eps, abs=tiny)
    assert binary_cross_entropy(z, one) == pytest.approx(tail, abs=eps * size)
    assert grad(binary_cross_entropy)(z, zero) == pytest.approx(1, rel=1e-6)
    two = np.array([[0, size]], dtype)
    assert cross_entropy(two, np.array([0])) == pytest.approx(size + tail, rel=4 * eps)
    assert cross_entropy(two, np.array([1])) == pytest.approx(tail, abs=eps * size)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_precision_is_kept(dtype):
    z, y = classification()
    for loss, second in (
        (cross_entropy, y),
        (binary_cross_entropy, np.abs(np.sign(z)).astype(dtype)),
        (mean_squared_error, np.zeros(z.shape, dtype)),
    ):
        value, gradient = value_and_grad(loss)(z.astype(dtype), second)
        assert loss(z.astype(dtype), second).dtype == dtype
        assert np.asarray(value).dtype == gradient.dtype == dtype


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_labels_are_integers_of_any_kind(kind):
    z, y = classification()
    assert cross_entropy(z, y.astype(kind)) == cross_entropy(z, y)
    assert accuracy(z, y.astype(kind)) == accuracy(z, y)


@pytest.mark.parametrize(
    ("loss", "case"),
    [
        (cross_entropy, classification),
        (binary_cross_entropy, images),
        (mean_squared_error, images),
    ],
)
def test_the_program_of_a_gradient_holds_for_other_data(loss, case):
    program = explain(grad(loss), *case(seed=0))
    np.testing.assert_allclose(
        program(*case(seed=1)), grad(loss)(*case(seed=1)), rtol=1e-14
    )


def test_accuracy_counts_the_largest_logits():
    z = np.array([[0.0, 2, 1], [5, -1, 0], [1, 1, 0], [0, 0, 7]])
    assert accuracy(z, np.array([1, 0, 0, 2])) == 1
    assert accuracy(z, np.array([1, 0, 1, 0])) == 0.5
    assert type(accuracy(z, np.array([1, 0, 0, 2]))) is float
    z[2, 1] = np.nan
    with pytest.raises(ValueError, match="the logits hold nan"):
        accuracy(z, np.array([1, 0, 0, 2]))


@pytest.mark.parametrize("loss", [cross_entropy, accuracy])
def test_errors_of_labels(loss):
    z, y = classification(n=6, classes=4)
    for bad in (y.astype(float), y > 1):
        with pytest.raises(TypeError, match="must be an integer array"):
            loss(z, bad)
    with pytest.raises(TypeError, match="are a list"):
        loss(z, list(y))
    for bad, kind in NOT_FLOATING:
        with pytest.raises(TypeError, match=f"logits must be .* got a {kind}"):
            loss(bad, y)
    for bad in (y[:5], y[:, np.newaxis], np.eye(4, dtype=int)[y]):
        with pytest.raises(ValueError, match=r"one label a row, of shape \(6,\)"):
            loss(z, bad)
    for bad in (-1, 4):
        with pytest.raises(ValueError, match="have 4 classes"):
            loss(z, np.where(np.arange(6) == 2, bad, y))
    for bad in (z[0], z[:0]):
        with pytest.raises(ValueError, match=r"must be \(n, classes\)"):
            loss(bad, y)


def test_labels_are_checked_under_grad_too():
    z, y = classification()
    with pytest.raises(ValueError, match="have 4 classes"):
        grad(cross_entropy)(z, y - 4)


@pytest.mark.parametrize("loss", [binary_cross_entropy, mean_squared_error])
def test_errors_of_targets(loss):
    z, t = images()
    for bad, kind in NOT_FLOATING:
        for pair in ((bad, t), (z, bad), (bad, bad)):
            with pytest.raises(TypeError, match=rf"got a {kind}.*, np\.float64\)"):
                loss(*pair)
    for bad in (t[:, :1], t[0]):
        with pytest.raises(ValueError, match="broadcasting would average"):
            loss(z, bad)
    with pytest.raises(TypeError, match=r"\.astype\(np\.float64\)"):
        loss(z, t.astype(np.float32))
    with pytest.raises(ValueError, match="the mean over no number"):
        loss(z[:0], t[:0])


@pytest.mark.parametrize("bad", [-0.1, 1.1, 255.0, np.nan])
def test_targets_of_bernoulli_variables_are_probabilities(bad):
    z, t = images()
    t[1, 2] = bad
    with pytest.raises(ValueError, match="are no probabilities"):
        binary_cross_entropy(z, t)
