"""A machine by its arrays: energies, conditional means, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logsumexp

from samplers.machine import Machine, binary_states, sigmoid

KINDS = pytest.mark.parametrize("gaussian", [False, True], ids=["binary", "gaussian"])


def make_machine(M, N, *, gaussian=False, scale=1.0, seed=0, dtype=np.float64):
    """Return a machine with normal parameters."""
    rng = np.random.default_rng(seed)
    W, a, b = (scale * rng.standard_normal(shape) for shape in ((M, N), M, N))
    sigma = rng.uniform(0.5, 2, M).astype(dtype) if gaussian else None
    return Machine(W.astype(dtype), a.astype(dtype), b.astype(dtype), sigma)


def make_states(machine, n=5, seed=1):
    """Return n visible states, and all hidden ones."""
    M, N = machine.W.shape
    rng = np.random.default_rng(seed)
    binary = machine.sigma is None
    x = rng.integers(2, size=(n, M)) if binary else 2 * rng.standard_normal((n, M))
    return x.astype(machine.W.dtype), binary_states(N)


def written_out(machine, x, h):
    """The energy of one state, unit by unit as it is written."""
    W, a, b, sigma = machine.W, machine.a, machine.b, machine.sigma
    E = -sum(b[j] * h[j] for j in range(len(b)))
    for i in range(len(a)):
        s2 = 1 if sigma is None else sigma[i] ** 2
        E += -a[i] * x[i] if sigma is None else (x[i] - a[i]) ** 2 / (2 * s2)
        E -= sum(x[i] * W[i, j] * h[j] / s2 for j in range(len(b)))
    return E


@KINDS
def test_energy_is_the_sum_over_units_and_pairs(gaussian):
    machine = make_machine(4, 3, gaussian=gaussian)
    x, h = make_states(machine)
    E = machine.energy(x[:, np.newaxis], h)
    assert E.shape == (5, 8)
    expected = [[written_out(machine, row, column) for column in h] for row in x]
    np.testing.assert_allclose(E, expected, rtol=1e-13, atol=1e-13)


@KINDS
@given(M=st.integers(1, 5), N=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_free_energy_and_means_are_sums_over_the_other_layer(gaussian, M, N, seed):
    machine = make_machine(M, N, gaussian=gaussian, scale=3, seed=seed)
    x, h = make_states(machine, seed=seed)
    log_f = -machine.energy(x[:, np.newaxis], h)
    F = -logsumexp(log_f, axis=1)
    np.testing.assert_allclose(machine.free_energy(x), F, rtol=1e-13, atol=1e-12)
    means = np.exp(log_f + F[:, np.newaxis]) @ h
    np.testing.assert_allclose(machine.mean_h_given_x(x), means, rtol=1e-11)


@given(M=st.integers(1, 5), N=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_binary_visible_means_are_those_of_the_transposed_machine(M, N, seed):
    machine = make_machine(M, N, scale=3, seed=seed)
    transposed = Machine(machine.W.T, machine.b, machine.a)
    h = binary_states(N)
    found, expected = machine.mean_x_given_h(h), transposed.mean_h_given_x(h)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_gaussian_units_are_gaussian_about_their_mean():
    """E(x, h) - E(mean, h) = sum_i (x_i - mean_i)^2 / (2 sigma_i^2)."""
    machine = make_machine(4, 3, gaussian=True)
    x, h = make_states(machine)
    mean = machine.mean_x_given_h(h)
    assert mean.shape == (8, 4)
    rise = machine.energy(x[:, np.newaxis], h) - machine.energy(mean, h)
    expected = np.sum(((x[:, np.newaxis] - mean) / machine.sigma) ** 2, axis=-1) / 2
    np.testing.assert_allclose(rise, expected, rtol=1e-12, atol=1e-12)


@KINDS
@pytest.mark.parametrize("beta", [0.01, 1.0, np.float64(3)])
def test_a_tempered_machine_has_the_energy_times_beta(gaussian, beta):
    machine = make_machine(4, 3, gaussian=gaussian)
    x, h = make_states(machine)
    found = machine.tempered(beta).energy(x[:, np.newaxis], h)
    expected = beta * machine.energy(x[:, np.newaxis], h)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@KINDS
def test_float32_is_kept(gaussian):
    machine = make_machine(4, 3, gaussian=gaussian, dtype=np.float32)
    x, h = make_states(machine)
    machine = machine.tempered(np.float64(0.5))
    found = [
        machine.energy(x[:, np.newaxis], h),
        machine.free_energy(x),
        machine.mean_h_given_x(x),
        machine.mean_x_given_h(h),
    ]
    assert [array.dtype for array in (machine.W, machine.a, machine.b, *found)] == [
        np.float32
    ] * 7


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_weights_stay_finite(gaussian, dtype):
    signs = np.where(binary_states(4)[[3, 5, 9, 14]], 1, -1).astype(dtype)
    sigma = np.ones(4, dtype) if gaussian else None
    machine = Machine(1000 * signs, signs[0], signs[1], sigma)
    states = binary_states(4)
    F = machine.free_energy(states)
    assert np.isfinite(F).all()
    E = machine.energy(states[:, np.newaxis], states)
    assert np.all(E.min(axis=1) >= F)
    np.testing.assert_allclose(F, E.min(axis=1), atol=4 * np.log(2))
    for mean in (machine.mean_h_given_x(states), machine.mean_x_given_h(states)):
        assert np.isfinite(mean).all()


def test_sigmoid_is_accurate_and_never_overflows():
    z = np.concatenate([np.linspace(-50, 50, 1001), [-1e4, -700, 700, 1e4]])
    np.testing.assert_allclose(sigmoid(z), expit(z), rtol=1e-15)
    ends = np.array([-np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(sigmoid(ends), [0, 1, np.nan])


@given(st.integers(1, 12))
def test_binary_states_count_upwards(units):
    states = binary_states(units)
    assert states.dtype == np.uint8
    assert np.array_equal(states @ (1 << np.arange(units)[::-1]), np.arange(2**units))


def test_arrays_are_kept_and_may_be_views():
    W = np.ones((3, 2)).T
    machine = Machine(W, np.zeros(2), np.zeros(3))
    assert machine.W is W


W, a, b, sigma = np.ones((3, 2)), np.zeros(3), np.zeros(2), np.ones(3)


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        (([[1.0]], a, b), TypeError, r"W is list; .* np.asarray\(W, np.float64\)"),
        ((W, a.astype(int), b), TypeError, "a is int64; the parameters"),
        ((W.astype(">f8"), a, b), TypeError, "W is >f8"),
        ((W, a, b.astype(np.float32)), TypeError, r"b.astype\(W.dtype\)"),
        ((W, a, b, np.float32(1)), TypeError, "W is float64 and sigma is float32"),
        ((W[0], a, b), ValueError, r"W of shape \(2,\) must be \(M, N\)"),
        ((W[:0], a[:0], b), ValueError, r"W of shape \(0, 2\) must be"),
        ((W, b, b), ValueError, r"a of shape \(2,\) does not fit .* np.full\(3,"),
        ((W, a, a), ValueError, r"b of shape \(3,\) does not fit .* np.full\(2,"),
        ((W, a, b, b), ValueError, r"sigma of shape \(2,\) does not fit"),
        ((W * np.nan, a, b), ValueError, "W holds nan or infinity"),
        ((W, a, b, sigma * np.inf), ValueError, "sigma holds nan or infinity"),
        ((W, a, b, sigma * 0), ValueError, "the smallest sigma is 0.0"),
    ],
)
def test_what_is_no_machine_is_refused(arrays, error, words):
    with pytest.raises(error, match=words):
        Machine(*arrays)


def test_errors_of_states_and_beta():
    machine = Machine(W, a, b)
    for method in (machine.free_energy, machine.mean_h_given_x):
        with pytest.raises(ValueError, match=r"x of shape \(4, 2\) .* \(\.\.\., 3\)"):
            method(np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"h of shape \(3,\) .* \(\.\.\., 2\)"):
        machine.mean_x_given_h(np.zeros(3))
    with pytest.raises(ValueError, match=r"x of shape \(2,\)"):
        machine.energy(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match=r"h of shape \(\)"):
        machine.energy(np.zeros(3), 1.0)
    for beta in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"beta is {beta}; an inverse"):
            machine.tempered(beta)
    for units in (0, 21):
        with pytest.raises(ValueError, match=f"{units} units are asked for"):
            binary_states(units)
