"""Losses at extreme numbers: right to rounding, or visibly infinite, never silent.

Every sweep runs in float32 and float64, over zero, the smallest and largest numbers and
the places where naive forms fail: log(1 + e^x) loses everything below -17 or -40 and
overflows from 89 or 710; e^v - 1 - v is zero for v = 1e-4 in float32. Exact values are
from 40 decimals. Derivatives are looked at up to the second.
"""

from decimal import Context, Decimal, localcontext

import numpy as np
import pytest

from autodiff import grad, softplus
from models import (
    bernoulli_log_likelihood,
    binary_cross_entropy,
    clamp_log_variance,
    cross_entropy,
    gaussian_log_likelihood,
    kl_gaussian,
    kl_standard_normal,
)

PRECISIONS = [np.float32, np.float64]
MAGNITUDES = [1e-30, 1e-4, 1, 17, 40, 89, 104, 710, 1e4]
SIGNED = [0.0, *MAGNITUDES, *(-x for x in MAGNITUDES)]


def exact(function, x):
    """A function of Decimals at a floating-point number, rounded once."""
    with localcontext(Context(prec=40)):
        return float(function(Decimal(float(x))))


def softplus_of(x):
    tail = (-abs(x)).exp()
    return max(x, Decimal(0)) + ((1 + tail).ln() if tail > Decimal("1e-20") else tail)


def sigmoid_of(x):
    return 1 / (1 + (-x).exp())


def ulps(found, expected):
    """The error in units of the last place of the expected number."""
    return abs(float(found) - expected) / float(np.spacing(found.dtype.type(expected)))


def derivatives(function, x):
    """The value of a function of one number, and its first two derivatives."""
    slope = grad(function)
    return function(x), slope(x), grad(slope)(x)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("x", SIGNED)
def test_softplus_and_its_derivatives(x, dtype):
    x = dtype(x)
    value, slope, curvature = derivatives(softplus, x)
    smallest = float(np.finfo(dtype).tiny)
    for found, function, allowed in [
        (value, softplus_of, 4),
        (slope, sigmoid_of, 4),
        (curvature, lambda x: sigmoid_of(x) * sigmoid_of(-x), 8),
    ]:
        expected = exact(function, x)
        assert found.dtype == dtype
        assert (
            found == pytest.approx(0, abs=smallest) or ulps(found, expected) <= allowed
        )


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("z", SIGNED)
def test_the_cost_of_a_bit(z, dtype):
    """softplus(z) where it should be off, softplus(-z) where it should be on.

    The second is a difference, softplus(z) - z, right to the rounding of z: less cannot
    be asked of a mean over many.
    """
    z, eps = np.array([z], dtype), float(np.finfo(dtype).eps)
    for bit, sign in ((0, 1), (1, -1)):
        t = np.array([bit], dtype)
        cost, slope, curvature = derivatives(
            lambda z, t=t: binary_cross_entropy(z[np.newaxis], t), z[0]
        )
        expected = exact(softplus_of, sign * z[0])
        assert cost == pytest.approx(
            expected, rel=4 * eps, abs=4 * eps * abs(float(z[0]))
        )
        assert slope == pytest.approx(
            sign * exact(sigmoid_of, sign * z[0]), abs=4 * eps
        )
        assert 0 <= curvature <= 0.25
        assert bernoulli_log_likelihood(t, z) == -cost


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("bit", [0, 1])
def test_the_cost_of_a_bit_at_the_ends_of_the_numbers(bit, dtype):
    """The largest logits cost themselves, or nothing, and the smallest log 2."""
    t, largest = np.array([bit], dtype), np.finfo(dtype).max
    for z, cost, slope, curvature in [
        (largest, (1 - bit) * largest, 1 - bit, 0),
        (-largest, bit * largest, -bit, 0),
        (np.finfo(dtype).tiny, np.log(2), 0.5 - bit, 0.25),
        (-np.finfo(dtype).tiny, np.log(2), 0.5 - bit, 0.25),
    ]:
        found = derivatives(lambda z: binary_cross_entropy(z[np.newaxis], t), z)
        assert found == pytest.approx((cost, slope, curvature), rel=1e-7, abs=0)
        assert bernoulli_log_likelihood(t, z[np.newaxis]) == -found[0]


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("v", SIGNED)
def test_the_divergence_of_a_log_variance(v, dtype):
    """(e^v - 1 - v) / 2 to the rounding of e^v - 1 and v; infinite where e^v is."""
    v, eps = dtype(v), float(np.finfo(dtype).eps)

    def divergence(v):
        return kl_standard_normal(np.zeros(1, dtype), v)

    with np.errstate(over="ignore"):
        value, slope, curvature = derivatives(divergence, v)
    largest = float(np.finfo(dtype).max)
    power = exact(lambda v: v.exp(), min(v, 800))
    if power > largest:
        assert value == slope == curvature == np.inf
        return
    expected = exact(lambda v: (v.exp() - 1 - v) / 2, v)
    noise = eps * (abs(exact(lambda v: v.exp() - 1, v)) + abs(float(v)))
    assert value >= 0
    assert value == pytest.approx(expected, rel=0, abs=noise)
    # A derivative is made from e^v - 1, so it is right to the rounding of one.
    slope_of_v = exact(lambda v: (v.exp() - 1) / 2, v)
    assert slope == pytest.approx(slope_of_v, rel=4 * eps, abs=eps)
    assert curvature == pytest.approx(power / 2, rel=4 * eps, abs=eps)
    shifted = kl_gaussian(dtype(0) * np.zeros(1, dtype), v, dtype(0), dtype(0))
    assert shifted == value


def test_the_naive_divergence_is_zero_where_this_one_is_not():
    v = np.full(1, 1e-4, np.float32)
    assert 0.5 * (np.exp(v) - v - 1) == 0
    assert kl_standard_normal(0.0, v) == pytest.approx(2.5e-9, rel=1e-3)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("z", [*SIGNED, 1e30, -1e30, np.inf, -np.inf])
def test_a_clamped_log_variance_overflows_nowhere(z, dtype):
    z, one = np.array(z, dtype), np.ones(1, dtype)
    with np.errstate(invalid="raise", over="raise"):
        v = clamp_log_variance(z)
        assert np.isfinite(kl_standard_normal(one, v))
        assert np.isfinite(kl_gaussian(one, dtype(0), 0.0, v))
        assert np.isfinite(gaussian_log_likelihood(one, 0.0, v))


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_numbers_that_are_not_finite_stay_visible(dtype):
    """Infinite logits and nan give infinity or nan, which stop a run."""
    for bad in (np.inf, -np.inf, np.nan):
        z = np.array([bad], dtype)
        with np.errstate(invalid="ignore"):
            costs = [
                max(binary_cross_entropy(z, np.array([t], dtype)) for t in (0, 1)),
                max(
                    cross_entropy(np.array([[bad, 0]], dtype), np.array([t]))
                    for t in (0, 1)
                ),
                kl_standard_normal(z, dtype(0)),
                -gaussian_log_likelihood(z, 0.0, 0.0),
            ]
        assert not np.any(np.isfinite(costs))


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("size", MAGNITUDES)
def test_the_cost_of_a_class_is_the_distance_of_its_logit(size, dtype):
    z = np.array([[size, -size]], dtype)
    eps = float(np.finfo(dtype).eps)
    expected = exact(softplus_of, 2 * float(z[0, 0]))
    assert cross_entropy(z, np.array([1])) == pytest.approx(expected, rel=4 * eps)
    _, slope, curvature = derivatives(
        lambda s: cross_entropy(s * np.array([[1, -1]], dtype), np.array([1])),
        dtype(size),
    )
    assert slope == pytest.approx(
        2 * exact(sigmoid_of, 2 * float(z[0, 0])), rel=8 * eps
    )
    assert 0 <= curvature <= 1.0001
