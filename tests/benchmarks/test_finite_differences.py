"""Finite differences of a function whose derivatives are known: a sum of exp."""

import numpy as np
import pytest

from benchmarks.finite_differences import (
    EPS,
    SCHEMES,
    expected_error,
    v_curve,
    worst_entry,
)

STEPS = 10.0 ** np.arange(-14, 0)


def loss(arrays):
    return sum(np.sum(np.exp(array)) for array in arrays)


def gradient(arrays):
    return [np.exp(array) for array in arrays]


def point():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(3, 2)), rng.normal(size=4)]


@pytest.fixture(scope="module")
def curve():
    return v_curve(loss, gradient, point(), steps=STEPS, directions=20, rng=0)


def test_taylor_holds_the_derivatives(curve):
    # phi(t) = sum exp(theta_i + t u_i) with u_i^2 = 1: phi'' = phi and phi''' = phi'.
    _, (value, slope, second, third) = curve
    assert value == pytest.approx(loss(point()))
    assert second == pytest.approx(value, rel=1e-5)
    assert third == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("forward", 1e-9, 1e-7),
        ("central", 1e-12, 1e-9),
        ("central, float32", 1e-6, 1e-3),
        ("complex step", 0, 5 * EPS),
    ],
)
def test_the_best_error_is_that_of_theory(curve, name, low, high):
    errors, _ = curve
    assert low <= errors[name].min() <= high


@pytest.mark.parametrize("name", ["forward", "central", "complex step"])
def test_truncation_errors_are_those_of_theory(curve, name):
    errors, taylor = curve
    h = slice(-4, -2)  # 1e-4 and 1e-3: truncation outweighs rounding, and h is small
    theory = expected_error(SCHEMES[name], STEPS[h], taylor)
    np.testing.assert_allclose(errors[name][h], theory, rtol=0.01)


@pytest.mark.parametrize(
    ("name", "order", "rounding"),
    [("forward", 1, -1), ("central", 2, -1), ("complex step", 2, 0)],
)
def test_the_expected_error_has_the_slopes_of_theory(name, order, rounding):
    steps = np.array([1e-13, 1e-12, 1e-3, 1e-2])
    error = expected_error(SCHEMES[name], steps, (1, 1, 1, 1))
    slopes = np.log10(error[1::2] / error[::2])
    np.testing.assert_allclose(slopes, [rounding, order], atol=0.01)


def test_the_worst_entry_of_a_right_gradient_is_rounding_and_a_wrong_one_is_found():
    theta = point()
    derivative = gradient(theta)
    assert worst_entry(loss, derivative, theta, entries=10, rng=0) < 4 * EPS
    derivative[1][2] += 1e-9 * max(array.max() for array in derivative)
    worst = worst_entry(loss, derivative, theta, entries=10, rng=0)
    assert worst == pytest.approx(1e-9, rel=1e-3)
