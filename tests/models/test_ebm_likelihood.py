"""log Z and likelihoods of energy-based models: by formulas, quadrature, annealing."""

import copy

import numpy as np
import pytest

from models import ACTIVATIONS, MLP
from models.ebm import EBM
from models.ebm_likelihood import energy_in_float64, lipschitz, path_to, reach
from models.mlp import Dense
from samplers.quadrature import quadrature
from tests.models.ebms import TEMPERATURES, linear, model

RNG = np.random.default_rng(0)


def log_Z_of_linear(slope, offset, sd, T):
    """Of exp(-E / T), by the square completed."""
    top = np.sum(np.square(slope)) * sd**2 / 2 - offset
    return top / T + len(slope) / 2 * np.log(2 * np.pi * sd**2 * T)


@pytest.mark.parametrize("T", TEMPERATURES)
@pytest.mark.parametrize("slope", [[0.0], [1.5], [-40.0], [0.7, -1.1], [0.0, 30.0]])
def test_log_partition_of_a_gaussian(slope, T):
    """A network that is linear moves the Gaussian, here by up to 90 of its widths."""
    ebm, expected = linear(slope, 0.8, 1.5), log_Z_of_linear(slope, 0.8, 1.5, T)
    estimate = ebm.log_partition(temperature=T)
    assert estimate.value == pytest.approx(expected, rel=1e-12, abs=1e-8)
    assert estimate.standard_error == 0
    x = RNG.standard_normal((5, len(slope)))
    variance, mean = 1.5**2 * T, -(1.5**2) * np.array(slope)
    log_p = -np.sum((x - mean) ** 2, axis=1) / (2 * variance)
    log_p -= len(slope) / 2 * np.log(2 * np.pi * variance)
    found = ebm.log_likelihood(x, temperature=T)
    np.testing.assert_allclose(found, log_p, rtol=1e-12, atol=1e-8)
    given = ebm.log_likelihood(x, temperature=T, log_partition=estimate)
    assert np.array_equal(given, found)
    given = ebm.log_likelihood(x, temperature=T, log_partition=estimate.value + 1)
    np.testing.assert_allclose(given, found - 1, rtol=1e-14)


@pytest.mark.parametrize("seed", range(12))
def test_quadrature_finds_all_of_the_law_in_its_box(seed):
    """Networks with weights up to 30 times as large: boxes up to 1e5 wide.

    The same as by many panels about the nodes that count.
    """
    rng = np.random.default_rng(seed)
    d, T = 1 + seed % 2, rng.choice(TEMPERATURES)
    ebm = model(d, ["tanh", "softplus", "sigmoid"][seed % 3], seed)
    for layer in ebm.network.layers:
        layer.weights *= rng.uniform(1, 10)
        layer.bias += rng.normal(0, 3, layer.bias.size)
    law = ebm.law(temperature=T)
    near = law.nodes[law.probabilities > 1e-14]
    margin = 3 * np.ptp(near, axis=0)
    again = quadrature(
        energy_in_float64(ebm),
        np.column_stack([near.min(axis=0) - margin, near.max(axis=0) + margin]),
        temperature=T,
        tolerance=1e-8,
        panels=(3000, 48)[d - 1],
    )
    assert law.log_partition == pytest.approx(again.log_partition, abs=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("T", TEMPERATURES)
def test_the_law_has_vanished_beyond_that_box(activation, T):
    """At its faces p is below e^-60 of the Gaussian's peak, and it falls from there."""
    for d in (1, 2, 5):
        ebm = model(d, activation, seed=d)
        log_peak = -d / 2 * np.log(2 * np.pi * 1.3**2 * T)
        edge = RNG.standard_normal((2000, d))
        edge *= reach(ebm, T) / np.abs(edge).max(axis=1, keepdims=True)
        # log Z is at least this, by Jensen's inequality.
        gaussian = 1.3 * np.sqrt(T) * RNG.standard_normal((20_000, d))
        f = ebm.network(gaussian)[:, 0]
        log_Z = -log_peak - f.mean() / T - 5 * f.std() / T / np.sqrt(len(f))
        energies = [ebm.energy(further * edge) for further in (1.0, 1.5, 3.0)]
        assert np.max(-energies[0] / T) - log_Z < log_peak - 60
        assert np.all(np.diff(energies, axis=0) > 0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_slope_is_steeper_than_the_bound(activation):
    ebm = model(activation=activation, seed=3)
    x, y = 3 * RNG.standard_normal((2, 5000, 2))
    rise = np.abs(ebm.network(x) - ebm.network(y))[:, 0]
    steepest = np.max(rise / np.linalg.norm(x - y, axis=1))
    assert steepest < lipschitz(ebm.network)
    line = MLP([Dense(np.array([[3.0], [4.0]]), np.zeros(1), activation)])
    slope = lipschitz(line)
    assert slope == pytest.approx(1.25 if activation == "sigmoid" else 5, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("T", TEMPERATURES)
def test_annealing_agrees_with_quadrature(T, dtype):
    """An estimate that forgot T in one of its places would be off by many errors."""
    ebm = model(seed=5, dtype=dtype)
    exact = ebm.log_partition(temperature=T).value
    settings = {"temperatures": 100, "particles": 400, "step_size": 0.3, "rng": 1}
    estimate = ebm.log_partition("ais", temperature=T, **settings)
    assert 0 < estimate.standard_error < 0.03
    assert abs(estimate.value - exact) < 5.03 * estimate.standard_error + 1e-5
    again = ebm.log_partition("ais", temperature=T, **settings)
    assert again == estimate


@pytest.mark.parametrize("T", TEMPERATURES)
def test_annealing_in_five_dimensions(T):
    """A law that is known, half a width or more from the Gaussian it begins at."""
    slope = [0.5, -1.0, 0.3, 0.0, 0.8]
    ebm, expected = linear(slope, -0.4, 0.9), log_Z_of_linear(slope, -0.4, 0.9, T)
    estimate = ebm.log_partition(temperature=T, rng=0, step_size=0.3, temperatures=200)
    assert abs(estimate.value - expected) < 5.03 * estimate.standard_error
    assert 0 < estimate.standard_error < 0.05
    x = RNG.standard_normal((4, 5))
    found = ebm.log_likelihood(x, temperature=T, log_partition=expected)
    mean, variance = -(0.9**2) * np.array(slope), 0.9**2 * T
    log_p = -np.sum((x - mean) ** 2, axis=1) / (2 * variance)
    np.testing.assert_allclose(
        found, log_p - 2.5 * np.log(2 * np.pi * variance), rtol=1e-13
    )


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-13), (np.float32, 3e-5)])
def test_the_path_leads_from_the_gaussian_to_the_law(dtype, rtol):
    ebm = model(d=3, seed=6, dtype=dtype)
    x = np.random.default_rng(6).standard_normal((20, 3)).astype(dtype)
    path = path_to(ebm, 0.4, 0.05)
    assert path.base.dtype == path.target.dtype == dtype
    np.testing.assert_allclose(path.target.energy_at(x), ebm.energy(x) / 0.4, rtol)
    gaussian = np.sum(x**2, axis=1) / (2 * 1.3**2 * 0.4)
    np.testing.assert_allclose(path.base.energy_at(x), gaussian, rtol)
    assert float(path.step_size) == pytest.approx(0.02)


def test_float32_parameters_are_summed_in_float64():
    ebm = model(seed=7, dtype=np.float32)
    exact = EBM(copy.deepcopy(ebm.network), 1.3)
    for layer in exact.network.layers:
        layer.weights = layer.weights.astype(np.float64)
        layer.bias = layer.bias.astype(np.float64)
    x = RNG.standard_normal((6, 2)).astype(np.float32)
    found = ebm.log_likelihood(x)
    assert found.dtype == np.float64
    expected = exact.log_likelihood(x.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_points_far_out_and_laws_that_are_narrow():
    ebm = model(1, seed=8)
    far = ebm.log_likelihood([[1e200], [-1e200], [1e6]])
    assert far.tolist()[:2] == [-np.inf, -np.inf]
    assert -np.inf < far[2] < -1e11
    for T, sd in ((1e-6, 1.3), (1.0, 1e-5), (1e6, 1.3), (1.0, 1e5)):
        narrow = EBM(ebm.network, sd)
        law = narrow.law(temperature=T)
        inside = law.nodes[law.probabilities > 0]
        log_p = narrow.log_likelihood(inside, temperature=T)
        assert np.isfinite(log_p).all()
        assert law.probabilities.sum() == pytest.approx(1)


def test_kinks_of_relu_take_another_tolerance():
    """What is reached is what was asked for."""
    ebm = EBM.create((2, 16, 16, 1), prior_sd=1.0, activation="relu", rng=0)
    with pytest.raises(ArithmeticError, match="Z may still change"):
        ebm.log_partition()
    rough, fine = (ebm.log_partition(tolerance=t).value for t in (1e-3, 1e-5))
    assert rough == pytest.approx(fine, abs=1e-3)


def test_a_log_partition_that_is_none_is_refused():
    ebm = linear([1.0], 0.0, 1.0)
    with pytest.raises(ValueError, match="log_partition is nan"):
        ebm.log_likelihood(np.zeros((1, 1)), log_partition=np.nan)
