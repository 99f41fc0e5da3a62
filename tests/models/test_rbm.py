"""The law of a machine of binary units, and what its user meets around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from models.rbm import RBM
from samplers.machine import binary_states
from tests.models.machines import KINDS, log_sum_over_h, make_rbm, make_states


def laws(rbm, x, h):
    """Everything that the machine says of states x : (n, M) and h : (k, N)."""
    return {
        "energy": rbm.energy(x[:, np.newaxis], h),
        "free_energy": rbm.free_energy(x),
        "hidden_free_energy": rbm.hidden_free_energy(h),
        "prob_h_given_x": rbm.prob_h_given_x(x),
        "prob_x_given_h": rbm.prob_x_given_h(h),
    }


@KINDS
@given(M=st.integers(1, 6), N=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_the_law_is_that_of_the_samplers(kind, M, N, seed):
    rbm = make_rbm(kind, M, N, scale=2, seed=seed)
    x, h, machine = make_states(rbm, seed=seed), binary_states(N), rbm.machine
    expected = {
        "energy": machine.energy(x[:, np.newaxis], h),
        "free_energy": machine.free_energy(x),
        "prob_h_given_x": machine.mean_h_given_x(x),
        "prob_x_given_h": machine.mean_x_given_h(h),
    }
    found = laws(rbm, x, h)
    for name, value in expected.items():
        assert found[name].shape == value.shape
        np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-11)


@KINDS
@given(M=st.integers(1, 5), N=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_what_is_given_x_is_a_sum_over_h(kind, M, N, seed):
    rbm = make_rbm(kind, M, N, scale=2, seed=seed)
    x, h = make_states(rbm, seed=seed), binary_states(N)
    log_sum = log_sum_over_h(rbm, x)
    np.testing.assert_allclose(rbm.free_energy(x), -log_sum, rtol=1e-12, atol=1e-11)
    p = np.exp(-rbm.energy(x[:, np.newaxis], h) - log_sum[:, np.newaxis])
    np.testing.assert_allclose(rbm.prob_h_given_x(x), p @ h, rtol=1e-9, atol=1e-14)


@given(M=st.integers(1, 5), N=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_binary_layers_are_symmetric(M, N, seed):
    """Exchanging them turns W over, and F(x) and p(h | x) into F(h) and p(x | h)."""
    rbm = make_rbm("binary", M, N, scale=2, seed=seed)
    turned = RBM(rbm.W.T, rbm.b, rbm.a)
    x, h = binary_states(M), binary_states(N)
    np.testing.assert_allclose(
        rbm.energy(x[:, np.newaxis], h), turned.energy(h, x[:, np.newaxis]), atol=1e-12
    )
    F, p = turned.free_energy(h), turned.prob_h_given_x(h)
    np.testing.assert_allclose(rbm.hidden_free_energy(h), F, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rbm.prob_x_given_h(h), p, rtol=1e-12)


@KINDS
def test_states_of_integers_or_booleans_are_taken(kind):
    rbm, h = make_rbm(kind), binary_states(3)
    x = make_states(make_rbm("binary"))
    for dtype in (np.uint8, np.int64, bool):
        found = laws(rbm, x.astype(dtype), h.astype(dtype))
        for name, value in laws(rbm, x, h.astype(float)).items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


@KINDS
def test_float32_is_kept(kind):
    rbm, wide = make_rbm(kind, dtype=np.float32), make_rbm(kind)
    x, h = make_states(wide), binary_states(3)
    expected = laws(wide, x, h)
    for name, value in laws(rbm, x.astype(np.float32), h).items():
        assert value.dtype == np.float32, name
        np.testing.assert_allclose(value, expected[name], rtol=2e-5, atol=2e-5)


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.0, 1e3])
def test_extreme_parameters_give_finite_laws(kind, scale, dtype):
    """Without a warning of an overflow, which would be an error here."""
    rbm = make_rbm(kind, 5, 4, scale=scale, dtype=dtype)
    for name, value in laws(rbm, make_states(rbm), binary_states(4)).items():
        assert np.isfinite(value).all(), name
    p = rbm.prob_h_given_x(make_states(rbm))
    assert np.all((p >= 0) & (p <= 1))
    if not scale:
        assert np.all(p == 0.5)


@KINDS
def test_states_of_another_shape_or_precision_are_refused(kind):
    rbm = make_rbm(kind)
    with pytest.raises(ValueError, match=r"x of shape \(2, 3\) is no state of this"):
        rbm.free_energy(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"h is \(\.\.\., 3\): one unit a column"):
        rbm.hidden_free_energy(np.ones((2, 4)))
    with pytest.raises(ValueError, match="is no state"):
        rbm.energy(np.ones((2, 4)), 1.0)
    with pytest.raises(TypeError, match=r"write x\.astype\(np\.float64\)"):
        rbm.prob_h_given_x(np.ones((2, 4), np.float32))


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="does not fit W"):
        RBM(np.ones((4, 3)), np.ones(3), np.ones(3))
    with pytest.raises(TypeError, match="a machine computes in one precision"):
        RBM(np.ones((4, 3)), np.ones(4, np.float32), np.ones(3))


def test_the_machine_of_the_samplers_shares_the_arrays():
    rbm = make_rbm("binary")
    machine = rbm.machine
    assert machine.W is rbm.W
    assert machine.a is rbm.a
    assert machine.b is rbm.b


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_a_new_machine_is_centered(scale, dtype):
    """E(x, h) = -u.x - (x - m).W (h - 1/2), counted from x = h = 0."""
    means, m = np.array([0.0, 0.2, 0.5, 1.0]), np.array([0.01, 0.2, 0.5, 0.99])
    rbm = RBM.create(4, 400, rng=0, means=means, scale=scale, dtype=dtype)
    assert rbm.W.dtype == rbm.a.dtype == rbm.b.dtype == dtype
    assert np.std(rbm.W) == pytest.approx(scale, rel=0.1)
    x = binary_states(4)
    h = np.random.default_rng(0).integers(2, size=(16, 400))
    coupling = np.sum((x - m) @ rbm.W * (h - 0.5), axis=1) - m @ rbm.W.sum(axis=1) / 2
    expected, size = -(x @ logit(m)) - coupling, np.sum(np.abs(rbm.W))
    tolerance = np.finfo(dtype).eps * (size + 10)
    np.testing.assert_allclose(rbm.energy(x, h), expected, rtol=0, atol=tolerance)
    by_default = RBM.create(4, 400, rng=0, scale=scale, dtype=dtype)
    assert np.array_equal(by_default.W, rbm.W)
    np.testing.assert_allclose(by_default.a, -rbm.W.sum(axis=1) / 2, rtol=1e-5)


def test_means_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"means of shape \(3,\) do not fit; they are"):
        RBM.create(4, 2, rng=0, means=np.full(3, 0.5))
    with pytest.raises(ValueError, match=r"finite, one for each visible unit"):
        RBM.create(2, 2, rng=0, means=[0.5, np.nan])
    with pytest.raises(ValueError, match=r"means run from 0 to 16, .* X > threshold"):
        RBM.create(3, 2, rng=0, means=[0, 16.0, 3])
