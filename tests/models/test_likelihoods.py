"""Log-likelihoods: against SciPy's laws, normalization, broadcasting, errors."""

import numpy as np
import pytest
from scipy import stats

from autodiff import check_gradients, grad, sigmoid
from models import (
    bernoulli_log_likelihood,
    binary_cross_entropy,
    clamp_log_variance,
    gaussian_log_likelihood,
    kl_standard_normal,
)

RNG = np.random.default_rng(0)


def test_the_gaussian_is_that_of_scipy():
    x, m, v = RNG.standard_normal((3, 5, 4))
    expected = stats.norm.logpdf(x, m, np.exp(v / 2)).sum(axis=1)
    found = gaussian_log_likelihood(x, m, v)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    standard = stats.norm.logpdf(x).sum(axis=1)
    np.testing.assert_allclose(gaussian_log_likelihood(x, 0.0, 0), standard, rtol=1e-13)


def test_derivatives_of_the_gaussian_by_hand():
    x, m, v = RNG.standard_normal((3, 5, 4))

    def total(m, v):
        return np.sum(gaussian_log_likelihood(x, m, v))

    by_mean, by_variance = grad(total, (0, 1))(m, v)
    s = np.exp(v / 2)
    r = (x - m) / s
    np.testing.assert_allclose(by_mean, r / s, rtol=1e-13)
    np.testing.assert_allclose(by_variance, (r**2 - 1) / 2, rtol=1e-12, atol=1e-15)


def test_the_likeliest_gaussian_has_the_moments_of_the_sample():
    x = RNG.standard_normal((50, 3))

    def total(m, v):
        return np.sum(gaussian_log_likelihood(x, m, v))

    m, v = x.mean(axis=0), np.log(x.var(axis=0))
    for slope in grad(total, (0, 1))(m, v):
        assert np.max(abs(slope)) < 1e-13 * len(x)


def test_bernoulli_is_that_of_scipy_and_sums_to_one():
    z = 2 * RNG.standard_normal(4)
    states = (np.arange(16)[:, np.newaxis] >> np.arange(4) & 1).astype(float)
    found = bernoulli_log_likelihood(states, z)
    expected = stats.bernoulli.logpmf(states, sigmoid(z)).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-14)


def test_bernoulli_is_minus_the_summed_cross_entropy():
    x, z = RNG.random((5, 3)), RNG.standard_normal((5, 3))
    total = -np.sum(bernoulli_log_likelihood(x, z)) / x.size
    assert binary_cross_entropy(z, x) == pytest.approx(total, rel=1e-14)
    slope = grad(lambda z: np.sum(bernoulli_log_likelihood(x, z)))(z)
    np.testing.assert_allclose(slope, x - sigmoid(z), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_for_one_for_all_and_for_several_draws(dtype):
    x = RNG.random((5, 3)).astype(dtype)
    m, v = (RNG.standard_normal((2, 7, 1, 3))).astype(dtype)
    each = [
        (gaussian_log_likelihood(x, m, v), (7, 5)),
        (gaussian_log_likelihood(x, m, dtype(0.5)), (7, 5)),
        (gaussian_log_likelihood(x, 0.0, v[0, 0]), (5,)),
        (gaussian_log_likelihood(x[0], m, 0.5), (7, 1)),
        (bernoulli_log_likelihood(x, m), (7, 5)),
        (bernoulli_log_likelihood(x, m[0, 0]), (5,)),
        (bernoulli_log_likelihood(x, 0.5), (5,)),
        (bernoulli_log_likelihood(x[0], m[0, 0]), ()),
    ]
    for found, shape in each:
        assert (found.shape, found.dtype) == (shape, dtype)
    rows = [
        gaussian_log_likelihood(x[i], m[k, 0], v[k, 0]) for k, i in [(0, 0), (6, 4)]
    ]
    found = gaussian_log_likelihood(x, m, v)
    np.testing.assert_allclose([found[0, 0], found[6, 4]], rows, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clamped_log_variances(dtype):
    z = np.array([-np.inf, -1e4, -30, -1.5, 0, 19, 20, 89, 1e4, np.inf], dtype)
    expected = np.array([-30, -30, -30, -1.5, 0, 19, 20, 20, 20, 20], dtype)
    clamped = clamp_log_variance(z)
    assert clamped.dtype == dtype
    assert np.array_equal(clamped, expected)
    assert np.isnan(clamp_log_variance(dtype(np.nan)))
    g = RNG.standard_normal(z.shape).astype(dtype)
    straight = grad(lambda z: np.sum(g * clamp_log_variance(z)))(z)
    assert np.array_equal(straight, g)


@pytest.mark.parametrize("z", [-80.0, 60.0])
def test_outside_the_range_the_slope_points_back_in(z):
    """The divergence from N(0, 1) is least at z = 0; seen from either side outside."""

    def loss(z):
        return kl_standard_normal(np.zeros(1), clamp_log_variance(z))

    def held(z):
        return kl_standard_normal(np.zeros(1), np.clip(z, -30, 20))

    z = np.array([z])
    assert np.sign(grad(lambda z: np.sum(loss(z)))(z)) == np.sign(z)
    assert grad(lambda z: np.sum(held(z)))(z) == 0
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(loss, (z,))


def test_a_clamped_value_counts_as_such_in_what_follows():
    z = np.array([25.0])
    slope = grad(lambda z: np.sum(kl_standard_normal(0.0, clamp_log_variance(z))))(z)
    assert slope == pytest.approx(np.expm1(20.0) / 2, rel=1e-14)


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_what_is_no_bit_and_no_probability(bad):
    x = np.array([[0.0, bad]])
    for given in (x, bad, np.float64(bad)):
        with pytest.raises(ValueError, match=r"x run from .*are no probabilities"):
            bernoulli_log_likelihood(given, np.zeros(2))


def test_a_tensor_of_data_is_not_searched():
    x = np.array([[0.5, 1.0]])
    slope = grad(lambda x: np.sum(bernoulli_log_likelihood(x, np.ones(2))))(x)
    assert np.array_equal(slope, np.ones((1, 2)))
