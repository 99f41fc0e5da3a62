"""log Z and log p, counted and estimated, and the pseudo-likelihood."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from models import pseudo_likelihood, rbm_likelihood
from models.estimate import Estimate
from models.gaussian_rbm import GaussianRBM
from models.rbm import RBM
from samplers.importance import FewWeightsWarning
from samplers.machine import binary_states
from tests.models.machines import (
    GAUSSIAN_KINDS,
    KINDS,
    hidden_states,
    log_sum_over_h,
    make_rbm,
    make_states,
)

Z_LIMIT = 5.03


def log_Z_of(rbm):
    """By the sum over all h of what is left of each."""
    return logsumexp(-rbm.hidden_free_energy(hidden_states(rbm)))


def large(kind, dtype=np.float64):
    """A machine of which no layer can be counted through."""
    return make_rbm(kind, 40, 30, scale=0.1, dtype=dtype)


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(M=st.integers(1, 7), N=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_counted_log_partition_is_the_sum_over_h(kind, dtype, M, N, seed):
    """In float64, of the parameters as they are."""
    rbm = make_rbm(kind, M, N, seed=seed, dtype=dtype)
    found, expected = rbm.log_partition(), log_Z_of(rbm_likelihood.in_float64(rbm))
    assert found.value == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert found.standard_error == 0
    assert rbm.log_partition("exact").value == found.value


@KINDS
def test_estimated_log_partition_agrees_with_the_counted_one(kind):
    """By z; an error of 0.15 nats would be seen."""
    rbm = make_rbm(kind, 8, 6, scale=0.5)
    truth = rbm.log_partition().value
    for means in (None, np.full(8, 0.3)):
        found = rbm.log_partition("ais", rng=0, means=means)
        assert abs(found.value - truth) < Z_LIMIT * found.standard_error < 0.15


@KINDS
def test_bounds_enclose_log_partition(kind):
    """By z: of single particles the mean is beyond the truth, on its own side."""
    rbm = make_rbm(kind, 8, 6, scale=0.6)
    truth = rbm.log_partition().value
    lower, upper = rbm.log_partition_bounds(rng=0, temperatures=2, particles=5000)
    below = lower.log_base + lower.log_weights - truth
    above = upper.log_base - upper.log_weights - truth
    for bounds, side in ((below, -1), (above, 1)):
        z = np.mean(bounds) / (np.std(bounds) / np.sqrt(len(bounds)))
        assert side * z > Z_LIMIT


@KINDS
def test_bounds_meet_with_more_temperatures(kind):
    """By z; each is at the truth to 0.15 nats."""
    rbm = make_rbm(kind, 8, 6, scale=0.5)
    truth = rbm.log_partition().value
    for weights in rbm.log_partition_bounds(rng=0):
        error = weights.log_partition - truth
        assert abs(error) < Z_LIMIT * weights.standard_error < 0.15


@KINDS
def test_bounds_of_a_large_machine_start_from_chains(kind):
    """Held to each other, by z; to 0.15 nats."""
    lower, upper = large(kind).log_partition_bounds(rng=0, temperatures=200)
    error = np.hypot(lower.standard_error, upper.standard_error)
    assert abs(upper.log_partition - lower.log_partition) < Z_LIMIT * error < 0.15


def test_the_base_has_the_means_of_the_data():
    """Those of binary units by their log-odds, kept from being infinite."""
    means = np.array([0.0, 0.2, 0.5, 1.0])
    kept = np.array([0.01, 0.2, 0.5, 0.99])
    bias = rbm_likelihood.base_of(make_rbm("binary"), means)
    np.testing.assert_allclose(bias, np.log(kept / (1 - kept)), atol=1e-15)
    bias = rbm_likelihood.base_of(make_rbm("fixed", dtype=np.float32), means)
    np.testing.assert_array_equal(bias, means.astype(np.float32))


def test_the_base_prefers_no_phase():
    """All units on, or all off: from biases alone AIS finds one of two equal phases.

    log Z would be too small by log 2, many times its standard error.
    """
    coupling = np.full((12, 4), 2.0)
    rbm = RBM(coupling, -coupling.sum(axis=1) / 2, -coupling.sum(axis=0) / 2)
    truth = rbm.log_partition().value
    found = rbm.log_partition("ais", rng=0)
    assert abs(found.value - truth) < Z_LIMIT * found.standard_error < 0.3


def test_particles_may_be_spread_over_threads():
    rbm = make_rbm("binary", 8, 6)
    with ThreadPoolExecutor(2) as executor:
        for method in ("exact", "ais"):
            one = rbm.log_partition(method, rng=0, temperatures=50)
            two = rbm.log_partition(method, rng=0, temperatures=50, executor=executor)
            assert one == two


def test_few_particles_that_outweigh_all_others_warn():
    rbm = make_rbm("binary", 8, 6, scale=5)
    with pytest.warns(FewWeightsWarning):
        rbm.log_partition("ais", rng=0, temperatures=1)


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_likelihood_is_the_log_of_a_normalized_sum(kind, dtype):
    rbm = make_rbm(kind, 5, 4, dtype=dtype)
    wide = rbm_likelihood.in_float64(rbm)
    x = make_states(rbm, n=20)
    expected = log_sum_over_h(wide, x.astype(np.float64)) - log_Z_of(wide)
    found = rbm.log_likelihood(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    given = rbm.log_likelihood(x, log_partition=log_Z_of(wide) + 1)
    np.testing.assert_allclose(given, expected - 1, rtol=1e-11)
    estimate = Estimate(log_Z_of(wide) + 1, 0.1)
    np.testing.assert_array_equal(rbm.log_likelihood(x, log_partition=estimate), given)


def test_all_probabilities_sum_to_one():
    rbm, x = make_rbm("binary", 8, 5), binary_states(8)
    assert np.sum(np.exp(rbm.log_likelihood(x))) == pytest.approx(1, abs=1e-12)


def test_float32_rounds_the_parameters_and_nothing_else():
    """784 units by 500, where sums in float32 are off by some 1e-3 nats."""
    rbm = RBM.create(784, 500, rng=0, dtype=np.float32)
    rbm.W *= 10
    x = make_states(rbm, n=20)
    wide = rbm_likelihood.in_float64(rbm)
    found = rbm.log_likelihood(x, log_partition=0)
    np.testing.assert_allclose(found, -wide.machine.free_energy(x), rtol=1e-13)


@KINDS
def test_rows_are_taken_some_at_a_time(kind, monkeypatch):
    rbm = make_rbm(kind)
    x = make_states(rbm, n=23)
    whole = rbm.log_likelihood(x)
    monkeypatch.setattr(rbm_likelihood, "CHUNK", 20)
    np.testing.assert_allclose(rbm.log_likelihood(x), whole, rtol=1e-13)


def conditionals(rbm, x):
    """sum_i log p(x_i | others), from the table of all p(x)."""
    states = binary_states(len(rbm.a)).astype(x.dtype)
    log_p = dict(zip(map(bytes, states), rbm.log_likelihood(states), strict=True))
    total = np.zeros(len(x))
    for n, row in enumerate(x):
        for i in range(len(row)):
            flipped = row.copy()
            flipped[i] = 1 - row[i]
            both = log_p[bytes(row)], log_p[bytes(flipped)]
            total[n] += both[0] - logsumexp(both)
    return total


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(M=st.integers(1, 6), N=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_pseudo_likelihood_is_the_product_of_conditionals(dtype, M, N, seed):
    rbm = make_rbm("binary", M, N, seed=seed, scale=2, dtype=dtype)
    x = make_states(rbm)
    found, expected = rbm.pseudo_log_likelihood(x), conditionals(rbm, x)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_pseudo_likelihood_of_more_than_a_block(monkeypatch):
    monkeypatch.setattr(pseudo_likelihood, "BLOCK", 8)
    rbm = make_rbm("binary")
    x = make_states(rbm, n=21)
    found, expected = rbm.pseudo_log_likelihood(x), conditionals(rbm, x)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("hidden", [511, 512, 513, 1100])
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_products_of_many_factors_do_not_overflow(hidden, scale):
    """Fields near 0 give factors of 2, of which 1024 would; large ones lose no bit."""
    rbm = make_rbm("binary", 3, hidden, scale=scale)
    x = binary_states(3)
    flips = np.eye(3, dtype=np.uint8)
    F = rbm.free_energy(x)
    rise = F - np.array([rbm.free_energy(x ^ flip) for flip in flips])
    expected = -np.sum(np.logaddexp(0, rise), axis=0)
    found = rbm.pseudo_log_likelihood(x)
    np.testing.assert_allclose(
        found, expected, rtol=1e-11, atol=1e-11 * np.abs(F).max()
    )


def test_the_kernel_runs_undecorated():
    rbm = make_rbm("binary")
    x = make_states(rbm).T.copy()
    t = rbm.b[:, np.newaxis] + rbm.W.T @ x
    one, two = np.zeros((2, 5))
    pseudo_likelihood.add_conditionals(rbm.W, rbm.a, x, t, one)
    pseudo_likelihood.add_conditionals.py_func(rbm.W, rbm.a, x, t, two)
    np.testing.assert_allclose(one, two, rtol=1e-14)


@GAUSSIAN_KINDS
def test_there_is_no_pseudo_likelihood_of_gaussian_units(kind):
    rbm = make_rbm(kind)
    with pytest.raises(TypeError, match="log_likelihood"):
        rbm.pseudo_log_likelihood(make_states(rbm))


@KINDS
def test_a_sum_of_too_many_terms_is_not_begun(kind):
    rbm = large(kind)
    x = make_states(rbm)
    with pytest.raises(ValueError, match=r"write log_partition\(rng=0\)"):
        rbm.log_partition()
    with pytest.raises(ValueError, match="write method='ais' and rng=0"):
        rbm.log_partition("exact")
    with pytest.raises(ValueError, match=r"write log_Z = rbm\.log_partition\(rng=0\)"):
        rbm.log_likelihood(x)
    log_Z = rbm.log_partition(rng=0, temperatures=20)
    assert np.isfinite(rbm.log_likelihood(x, log_partition=log_Z)).all()
    with pytest.raises(ValueError, match="log_partition is nan"):
        rbm.log_likelihood(x, log_partition=np.nan)


def test_beside_gaussian_units_the_hidden_layer_is_counted():
    """However few the visible units are."""
    few = GaussianRBM.create(2, 40, rng=0)
    with pytest.raises(ValueError, match=r"2\^40 states at least"):
        few.log_partition("exact")
    with pytest.raises(ValueError, match=r"write log_partition\(rng=0\)"):
        few.log_partition()
    assert RBM.create(2, 40, rng=0).log_partition().standard_error == 0


def test_layers_of_any_size_have_a_method():
    """2^1100 is beyond the largest float64."""
    huge = RBM.create(1100, 1200, rng=0)
    assert huge.sample(1, 0, steps=1).shape == (1, 1100)
    with pytest.raises(ValueError, match=r"a sum over 2\^1100 states, too many"):
        huge.log_likelihood(np.zeros((1, 1100)))


def test_settings_that_make_no_sense_are_refused():
    rbm = make_rbm("binary")
    with pytest.raises(ValueError, match="the names are auto, exact, ais"):
        rbm.log_partition("annealing")
    with pytest.raises(ValueError, match=r"means of shape \(3,\) do not fit"):
        rbm.log_partition("ais", rng=0, means=np.full(3, 0.5))
    with pytest.raises(ValueError, match="means of shape"):
        rbm.log_partition_bounds(rng=0, means=np.full(4, np.nan))
    with pytest.raises(ValueError, match="temperatures is 0"):
        rbm.log_partition("ais", rng=0, temperatures=0)


@KINDS
def test_data_that_are_no_states_are_refused(kind):
    rbm = make_rbm(kind)
    with pytest.raises(ValueError, match=r"X has shape \(4,\); it is \(n, 4\)"):
        rbm.log_likelihood(np.ones(4))
    with pytest.raises(ValueError, match=r"X has shape \(0, 4\)"):
        rbm.log_likelihood(np.ones((0, 4)))
    with pytest.raises(ValueError, match="images are"):
        rbm.log_likelihood(np.ones((5, 2, 2)))
    with pytest.raises(ValueError, match="nan or infinity"):
        rbm.log_likelihood(np.full((2, 4), np.nan))
    with pytest.raises(TypeError, match="visible units are real numbers"):
        rbm.log_likelihood(np.full((2, 4), 1j))


def test_gray_levels_have_no_probability_under_binary_units():
    rbm = make_rbm("binary")
    for method in (rbm.log_likelihood, rbm.pseudo_log_likelihood):
        with pytest.raises(ValueError, match=r"write X > 0\.5, or use a GaussianRBM"):
            method(np.full((2, 4), 0.3))


def test_an_estimate_shows_how_far_it_may_be_off():
    assert repr(Estimate(-16.91, 0.02)) == "Estimate(-16.910 +- 0.020)"
    assert repr(Estimate(123456.789, 0.0123)) == "Estimate(123456.789 +- 0.012)"
    assert repr(Estimate(123.4, 56.7)) == "Estimate(123 +- 57)"
    assert repr(Estimate(1.5, np.nan)) == "Estimate(1.5 +- nan)"
    assert repr(Estimate(1.5)) == "Estimate(1.5, exact)"
    assert repr(Estimate(-1.5, 1e-17)) == "Estimate(-1.5, exact)"
    assert repr(Estimate(0.0, 0.0)) == "Estimate(0, exact)"
    assert repr(Estimate(0.0, 1e-3)) == "Estimate(0.0000 +- 0.0010)"
