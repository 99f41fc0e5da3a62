"""The gradient by hand: that of the autodiff engine, and that of exact moments."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from autodiff import check_gradients, tree_leaves, tree_map, value_and_grad
from models.rbm import RBM
from models.rbm_gradient import (
    activate,
    exact_value_and_gradient,
    free_energy_gap,
    gap_value_and_gradient,
    negative_log_likelihood,
)
from samplers import exact
from tests.models.machines import GAUSSIAN_KINDS, KINDS, make_rbm, make_states

SIZES = st.integers(1, 6)
SEEDS = st.integers(0, 2**32)
# by hand, and the function that it is the value and the gradient of
PAIRS = {
    "gap": (gap_value_and_gradient, free_energy_gap),
    "exact": (exact_value_and_gradient, negative_log_likelihood),
}


def arguments(name, rbm, seed=1):
    """Data, and draws beside them if the function takes some."""
    x, y = make_states(rbm, 5, seed=seed), make_states(rbm, 3, seed=seed + 1)
    return (x, y) if name == "gap" else (x,)


def assert_close(found, expected, tolerance):
    """Two machines of derivatives, to a tolerance relative to the largest of them."""
    assert type(found) is type(expected)
    pairs = list(zip(tree_leaves(found), tree_leaves(expected), strict=True))
    scale = max(1, *(np.abs(theirs).max() for _, theirs in pairs))
    for ours, theirs in pairs:
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


@KINDS
@pytest.mark.parametrize("name", PAIRS)
@given(M=SIZES, N=SIZES, seed=SEEDS, scale=st.sampled_from([0.1, 1.0, 3.0]))
def test_by_hand_and_by_the_engine(name, kind, M, N, seed, scale):
    rbm = make_rbm(kind, M, N, scale, seed)
    by_hand, function = PAIRS[name]
    data = arguments(name, rbm, seed)
    value, gradient = by_hand(rbm, *data)
    expected, theirs = value_and_grad(function)(rbm, *data)
    assert value == pytest.approx(float(expected), rel=1e-12, abs=1e-12)
    assert_close(gradient, theirs, 1e-12)


@KINDS
@pytest.mark.parametrize("name", PAIRS)
def test_the_engine_and_finite_differences(name, kind):
    """By each array that has a derivative."""
    rbm = make_rbm(kind, 3, 2)
    data = arguments(name, rbm)
    names = ["W", "a", "b"] + ["log_sigma"] * getattr(rbm, "learn_sigma", False)
    for parameter in names:

        def function(array, parameter=parameter):
            changed = copy.copy(rbm)
            setattr(changed, parameter, array)
            return PAIRS[name][1](changed, *data)

        report = check_gradients(function, (getattr(rbm, parameter),), order=2)
        assert report.comparisons > 0
        assert report.inconclusive == 0


@pytest.mark.parametrize("shape", [(3, 9), (9, 3), (5, 5)])
def test_binary_units_compare_the_moments_of_data_and_machine(shape):
    """Whichever layer is the smaller one."""
    rbm = make_rbm("binary", *shape)
    x = make_states(rbm, 7)
    p, of_machine = rbm.prob_h_given_x(x), exact.moments(rbm.machine)
    value, gradient = exact_value_and_gradient(rbm, x)
    log_Z = exact.log_partition(rbm.machine)
    assert value == pytest.approx(np.mean(rbm.free_energy(x)) + log_Z, rel=1e-13)
    expected = RBM(
        of_machine.xh - x.T @ p / 7,
        of_machine.x - x.mean(axis=0),
        of_machine.h - p.mean(axis=0),
    )
    assert_close(gradient, expected, 1e-13)


@GAUSSIAN_KINDS
def test_gaussian_units_compare_the_moments_of_data_and_machine(kind):
    rbm = make_rbm(kind, 3, 4)
    x = make_states(rbm, 7)
    machine, p = rbm.machine, rbm.prob_h_given_x(x)
    of_machine, sigma = exact.moments(machine), machine.sigma

    def less(m_x, m_h, m_xh, m_xx):
        """The derivatives of log f, as exact.moments has those of log Z."""
        spread = m_xx - 2 * machine.a * m_x + machine.a**2
        coupled = np.sum(machine.W * m_xh, axis=1)
        return (
            m_xh / sigma[:, np.newaxis] ** 2,
            (m_x - machine.a) / sigma**2,
            m_h,
            (spread - 2 * coupled) / sigma**2,
        )

    ours = less(of_machine.x, of_machine.h, of_machine.xh, of_machine.xx)
    data = less(x.mean(axis=0), p.mean(axis=0), x.T @ p / 7, np.mean(x**2, axis=0))
    W, a, b, log_sigma = (one - other for one, other in zip(ours, data, strict=True))
    if rbm.scaled:  # where W = sigma W' moves with sigma
        W *= sigma[:, np.newaxis]
        log_sigma += np.sum(rbm.W * W, axis=1)
    expected = [W, a, b, log_sigma if rbm.learn_sigma else np.zeros(3)]
    value, gradient = exact_value_and_gradient(rbm, x)
    log_Z = exact.log_partition(machine)
    assert value == pytest.approx(np.mean(rbm.free_energy(x)) + log_Z, rel=1e-13)
    for found, array in zip(tree_leaves(gradient), expected, strict=True):
        np.testing.assert_allclose(found, array, rtol=1e-11, atol=1e-12)


@KINDS
@pytest.mark.parametrize("name", PAIRS)
def test_float32_is_kept(name, kind):
    rbm = make_rbm(kind, dtype=np.float32)
    data = arguments(name, rbm)
    by_hand, function = PAIRS[name]
    value, gradient = by_hand(rbm, *data)
    expected, theirs = value_and_grad(function)(rbm, *data)
    assert value == pytest.approx(float(expected), rel=1e-5, abs=1e-5)
    assert_close(gradient, theirs, 3e-6)
    wide = tree_map(lambda array: array.astype(np.float64), rbm)
    _, exactly = by_hand(wide, *(array.astype(np.float64) for array in data))
    rounded = tree_map(lambda array: array.astype(np.float32), exactly)
    assert_close(gradient, rounded, 1e-5)


@KINDS
@pytest.mark.parametrize("name", PAIRS)
def test_nothing_that_is_given_is_changed(name, kind):
    rbm = make_rbm(kind)
    data = arguments(name, rbm)
    kept = [array.copy() for array in (*tree_leaves(rbm), *data)]
    first, second = (PAIRS[name][0](rbm, *data) for _ in range(2))
    assert first[0] == second[0]
    for one, other in zip(tree_leaves(first[1]), tree_leaves(second[1]), strict=True):
        assert np.array_equal(one, other)
        assert not any(np.shares_memory(one, a) for a in (*tree_leaves(rbm), *data))
    for array, before in zip((*tree_leaves(rbm), *data), kept, strict=True):
        assert np.array_equal(array, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softplus_and_sigmoid_of_a_row(dtype):
    t = np.array([[-1e3, -30, -1e-3, 0, 0.5], [88, 104, 710, 1e4, -710]], dtype)
    p, log_f = t.copy(), np.array([1, -2], dtype)
    activate(p, log_f)
    assert p.dtype == log_f.dtype == dtype
    wide, rtol = t.astype(np.float64), 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(p, expit(wide), rtol, atol=1e-37)
    expected = np.array([1, -2]) + np.sum(np.logaddexp(0, wide), axis=1)
    np.testing.assert_allclose(log_f, expected, rtol)
    lost = np.array([[0, np.nan], [0, np.inf]], dtype)
    log_f = np.zeros(2, dtype)
    activate(lost, log_f)
    assert np.isnan(log_f[0])
    assert log_f[1] == np.inf


@KINDS
def test_large_parameters_leave_everything_finite(kind):
    rbm = make_rbm(kind, scale=1e3)
    for name, (by_hand, _) in PAIRS.items():
        value, gradient = by_hand(rbm, *arguments(name, rbm))
        assert np.isfinite(value)
        assert all(np.isfinite(array).all() for array in tree_leaves(gradient))


def test_refusals():
    rbm = make_rbm("binary")
    x = make_states(rbm)
    for function in (exact_value_and_gradient, negative_log_likelihood):
        with pytest.raises(ValueError, match=r"x of shape \(5, 3\) is no state of"):
            function(rbm, x[:, :3])
        with pytest.raises(TypeError, match=r"x is float32 and the machine is float64"):
            function(rbm, x.astype(np.float32))
    with pytest.raises(ValueError, match=r"x of shape \(5, 3\) is no state of"):
        gap_value_and_gradient(rbm, x, x[:, :3])
    large = RBM(np.zeros((21, 22)), np.zeros(21), np.zeros(22))
    for function in (exact_value_and_gradient, negative_log_likelihood):
        with pytest.raises(ValueError, match=r"21 units are asked for"):
            function(large, np.zeros((1, 21)))


def test_integers_are_states_too():
    rbm = make_rbm("binary")
    x, y = arguments("gap", rbm)
    value, gradient = gap_value_and_gradient(rbm, x, y)
    other, theirs = gap_value_and_gradient(rbm, x.astype(np.uint8), y.astype(bool))
    assert value == other
    assert_close(gradient, theirs, 0)
