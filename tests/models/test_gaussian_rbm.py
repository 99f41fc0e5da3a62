"""The law of a machine of real visible units: a mixture of Gaussians, in two forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm

from models.gaussian_rbm import GaussianRBM
from samplers.machine import binary_states
from tests.models.machines import GAUSSIAN_KINDS, make_rbm, make_states
from tests.models.test_rbm import laws


@GAUSSIAN_KINDS
@given(M=st.integers(1, 4), N=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_x_is_a_mixture_of_one_gaussian_for_each_h(kind, M, N, seed):
    """exp(-F(x)) = sum_h exp(-F(h)) N(x; E[x | h], sigma^2): both free energies."""
    rbm = make_rbm(kind, M, N, seed=seed)
    x, h = make_states(rbm, seed=seed), binary_states(N)
    mean = rbm.prob_x_given_h(h)
    log_parts = norm.logpdf(x[:, np.newaxis], mean, rbm.sigma).sum(axis=-1)
    expected = -logsumexp(log_parts - rbm.hidden_free_energy(h), axis=1)
    np.testing.assert_allclose(rbm.free_energy(x), expected, rtol=1e-12, atol=1e-11)


@GAUSSIAN_KINDS
def test_the_energy_is_the_one_written_in_the_docstring(kind):
    rbm = make_rbm(kind)
    x, h = make_states(rbm), binary_states(3)[:5]
    sigma = np.exp(rbm.log_sigma)
    W = sigma[:, np.newaxis] * rbm.W if rbm.scaled else rbm.W
    expected = [
        sum((x[k, i] - rbm.a[i]) ** 2 / (2 * sigma[i] ** 2) for i in range(4))
        - sum(rbm.b[j] * h[k, j] for j in range(3))
        - sum(
            x[k, i] * W[i, j] * h[k, j] / sigma[i] ** 2
            for i in range(4)
            for j in range(3)
        )
        for k in range(5)
    ]
    np.testing.assert_allclose(rbm.energy(x, h), expected, rtol=1e-13, atol=1e-12)


@GAUSSIAN_KINDS
@pytest.mark.parametrize("scaled", [False, True])
def test_both_forms_are_one_law(kind, scaled):
    rbm = make_rbm(kind)
    other = rbm.in_form(scaled=scaled)
    assert (other.scaled, other.learn_sigma) == (scaled, rbm.learn_sigma)
    x, h = make_states(rbm), binary_states(3)
    expected = laws(rbm, x, h)
    for name, value in laws(other, x, h).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, atol=1e-12)
    arrays = ("W", "a", "b", "log_sigma")
    assert not any(
        np.shares_memory(getattr(rbm, name), getattr(other, name)) for name in arrays
    )
    back = other.in_form(scaled=rbm.scaled)
    np.testing.assert_allclose(back.W, rbm.W, rtol=1e-15)
    if scaled == rbm.scaled:
        np.testing.assert_array_equal(other.W, rbm.W)


@GAUSSIAN_KINDS
def test_without_couplings_the_units_are_independent_gaussians(kind):
    rbm = make_rbm(kind)
    rbm.W[:] = 0
    x = make_states(rbm)
    log_p = norm.logpdf(x, rbm.a, rbm.sigma).sum(axis=1)
    np.testing.assert_allclose(rbm.log_likelihood(x), log_p, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sigma", [1e-3, 1e3])
@GAUSSIAN_KINDS
def test_any_unit_of_x_will_do(kind, sigma, dtype):
    """x, a and the means in other units: E and p(h | x) do not change."""
    rbm = make_rbm(kind, dtype=dtype)
    factor = dtype(sigma)
    W = rbm.W if rbm.scaled else factor * rbm.W
    log_sigma = rbm.log_sigma + np.log(factor)
    other = GaussianRBM(
        W, factor * rbm.a, rbm.b, log_sigma, rbm.learn_sigma, rbm.scaled
    )
    x, h = make_states(rbm), binary_states(3)
    found, expected = laws(other, factor * x, h), laws(rbm, x, h)
    expected["prob_x_given_h"] = factor * expected["prob_x_given_h"]
    expected["hidden_free_energy"] -= len(rbm.a) * np.log(factor)
    tolerance = 100 * np.finfo(dtype).eps
    for name, value in found.items():
        assert value.dtype == dtype
        scale = np.max(np.abs(expected[name]))
        np.testing.assert_allclose(value, expected[name], atol=tolerance * scale)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_a_new_machine_is_centered(scale, scaled):
    """E = |y|^2 / 2 - y.W' (h - 1/2), counted from y = 0, with y = (x - m) / sigma."""
    m, sigma = np.array([3.0, -1.0]), np.array([0.1, 20.0])
    settings = {"means": m, "sigma": sigma, "scaled": scaled, "scale": scale}
    rbm = GaussianRBM.create(2, 400, rng=0, **settings)
    assert rbm.scaled == scaled
    assert not rbm.learn_sigma
    np.testing.assert_allclose(rbm.sigma, sigma)
    W = rbm.in_form(scaled=True).W
    np.testing.assert_allclose(np.std(W, axis=1), scale, rtol=0.2)
    rng = np.random.default_rng(0)
    y, h = rng.normal(size=(20, 2)), rng.integers(2, size=(20, 400))
    expected = np.sum(y**2 / 2 - y * ((h - 0.5) @ W.T), axis=1)
    found = rbm.energy(m + sigma * y, h) - rbm.energy(m, h)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * (1 + scale * 400))
    at_center = rbm.energy(m, h)
    np.testing.assert_allclose(at_center, at_center[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(rbm.prob_h_given_x(m), 0.5, atol=1e-12)


def test_a_new_machine_has_the_precision_that_is_asked_for():
    like = GaussianRBM.create(2, 400, rng=0, learn_sigma=True, dtype=np.float32)
    assert like.learn_sigma
    assert like.W.dtype == like.log_sigma.dtype == np.float32
    assert like.a.dtype == like.b.dtype == np.float32
    assert np.all(like.sigma == 1)
    assert np.all(like.b == 0)


def test_standard_deviations_that_are_none_are_refused():
    for sigma in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="sigma is a standard deviation"):
            GaussianRBM.create(3, 2, rng=0, sigma=sigma)
    W, a, b = np.ones((3, 2)), np.ones(3), np.ones(2)
    for log_sigma in (np.full(3, 800.0), np.full(3, -800.0)):
        with pytest.raises(ValueError, match=r"log_sigma runs from -?800 to -?800"):
            GaussianRBM(W, a, b, log_sigma)
    with pytest.raises(ValueError, match=r"sigma of shape \(2,\) does not fit"):
        GaussianRBM.create(3, 2, rng=0, sigma=np.ones(2))
    with pytest.raises(ValueError, match=r"means of shape \(2,\) do not fit"):
        GaussianRBM.create(3, 2, rng=0, means=np.ones(2))
    with pytest.raises(TypeError, match="log_sigma is list"):
        GaussianRBM(W, a, b, [0.0, 0.0, 0.0])
    with pytest.raises(TypeError, match="log_sigma is float32"):
        GaussianRBM(W, a, b, np.zeros(3, np.float32))
