"""Variances that are the same for all x: as numbers, learned, out of range."""

import numpy as np
import pytest

from autodiff import grad
from models.conditionals import HomoscedasticGaussian, log_variance_of
from tests.models.autoencoders import both_dtypes, make_network

X, Y = np.random.default_rng(1).standard_normal((2, 5, 3))
NETWORK = make_network((3, 2), np.random.default_rng(0))


@both_dtypes
def test_variances_as_numbers(dtype):
    for number, shape in [(2.0, ()), ([1.0, 4.0], (2,))]:
        v = log_variance_of(number, 2, dtype)
        assert isinstance(v, np.ndarray)
        assert (v.shape, v.dtype) == (shape, dtype)
        np.testing.assert_allclose(np.exp(v), number, rtol=1e-6)
    for bad in (0.0, -1.0, np.nan, np.inf, [1.0, 0.0], [1.0] * 3):
        with pytest.raises(ValueError, match=r"variance is .*X\.var\(axis=0\)"):
            log_variance_of(bad, 2, dtype)


def test_a_scalar_becomes_an_array_that_can_be_trained():
    law = HomoscedasticGaussian(NETWORK, np.float64(-1.0), learn_variance=True)
    assert isinstance(law.log_variance, np.ndarray)
    assert law.log_variance == -1
    law.log_variance -= 1
    assert law.moments(X)[1] == -2


@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_law_may_be_made_of_what_is_differentiated(shape):
    """The slope by v of its log-density is (r^2 - 1) / 2, r in standard deviations."""
    y, v = Y[:, :2], np.full(shape, 0.3)

    def total(v):
        return np.sum(HomoscedasticGaussian(NETWORK, v, True).log_density(y, X))

    each = ((y - NETWORK(X)) ** 2 * np.exp(-0.3) - 1) / 2
    expected = each.sum(axis=0 if shape else None)
    np.testing.assert_allclose(grad(total)(v), expected, rtol=1e-12)


@both_dtypes
@pytest.mark.parametrize("v", [-1e3, 1e3])
def test_a_learned_variance_may_leave_the_range(v, dtype):
    """As it does where the data do not vary at all; it counts as the bound."""
    network = make_network((3, 2), np.random.default_rng(0), dtype)
    law = HomoscedasticGaussian(network, np.array(v, dtype), learn_variance=True)
    assert law.moments(X.astype(dtype))[1] == np.clip(v, -30, 20)
    with pytest.raises(ValueError, match="log_variance runs from"):
        HomoscedasticGaussian(network, np.array(v, dtype))


@pytest.mark.parametrize(
    ("v", "error", "message"),
    [
        (
            np.zeros(3),
            ValueError,
            r"log_variance is float64 of shape \(3,\).*np\.zeros",
        ),
        (np.zeros(2, np.float32), ValueError, "log_variance is float32"),
        (0.0, TypeError, "log_variance must be a float32 or float64 array"),
        (np.array([0, np.nan]), ValueError, "rescale the data"),
        (np.array([0, -31.0]), ValueError, "runs from -31 to 0"),
        (np.array(20.5), ValueError, "rescale the data"),
    ],
)
def test_variances_that_are_none(v, error, message):
    with pytest.raises(error, match=message):
        HomoscedasticGaussian(NETWORK, v)
    with pytest.raises(ValueError, match="runs from nan to nan"):
        HomoscedasticGaussian(NETWORK, np.array(np.nan), learn_variance=True)
