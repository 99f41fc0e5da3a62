"""The infinite lattice against Onsager's own form, integrals, limits and numbers."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ellipe, ellipk

from samplers import onsager
from samplers.onsager import CRITICAL_TEMPERATURE as T_C

FUNCTIONS = ["energy", "heat_capacity", "magnetization", "free_energy"]
AWAY = np.array([0.6, 1.0, 1.5, 2.0, 2.2, 2.26, 2.28, 2.5, 3.0, 5.0, 20.0])


@pytest.mark.parametrize(
    ("temperature", "numbers"),
    [
        (1.5, (-1.951117, 0.197275, 0.986500, -2.008443)),
        (2.0, (-1.745565, 0.724871, 0.911319, -2.051586)),
        (2.2, (-1.546489, 1.414278, 0.784755, -2.090746)),
        (2.5, (-1.106079, 0.861698, 0, -2.198410)),
        (3.0, (-0.817310, 0.401380, 0, -2.447648)),
    ],
)
def test_known_numbers(temperature, numbers):
    found = [getattr(onsager, name)(temperature) for name in FUNCTIONS]
    np.testing.assert_allclose(found, numbers, atol=6e-7)


def test_energy_and_heat_capacity_in_the_modulus_of_onsager():
    """kappa = 2 sinh 2K / cosh^2 2K, as they are printed, with fewer digits."""
    K = 1 / AWAY
    tanh = np.tanh(2 * K)
    m, bracket = (2 * np.sinh(2 * K) / np.cosh(2 * K) ** 2) ** 2, 2 * tanh**2 - 1
    u = -(1 + 2 / np.pi * bracket * ellipk(m)) / tanh
    parts = ellipk(m) - ellipe(m) - (1 - tanh**2) * (np.pi / 2 + bracket * ellipk(m))
    np.testing.assert_allclose(onsager.energy(AWAY), u, rtol=1e-12)
    C = 4 / np.pi * (K / tanh) ** 2 * parts
    np.testing.assert_allclose(onsager.heat_capacity(AWAY), C, rtol=2e-11)


@pytest.mark.parametrize("temperature", [0.5, 1.5, 2.26, 2.28, 4.0, 50.0])
def test_free_energy_is_the_integral_in_the_other_form(temperature):
    """log(2 cosh 2K) + 1/pi int_0^(pi/2) log((1 + sqrt(1 - kappa^2 sin^2)) / 2)."""
    K = 1 / temperature
    kappa = 2 * np.sinh(2 * K) / np.cosh(2 * K) ** 2
    integrand = lambda p: np.log1p(np.sqrt(1 - (kappa * np.sin(p)) ** 2))  # noqa: E731
    value, _ = quad(integrand, 0, np.pi / 2, epsabs=1e-13, epsrel=1e-13)
    f = -temperature * (np.log(2 * np.cosh(2 * K)) + value / np.pi - np.log(2) / 2)
    assert onsager.free_energy(temperature) == pytest.approx(f, rel=1e-12)


@pytest.mark.parametrize("temperature", AWAY)
def test_energy_is_the_slope_of_the_free_energy(temperature):
    K, h = 1 / temperature, 1e-3 * abs(1 / temperature - 1 / T_C)
    F = [(K + j * h) * onsager.free_energy(1 / (K + j * h)) for j in (-2, -1, 1, 2)]
    slope = (F[0] - 8 * F[1] + 8 * F[2] - F[3]) / (12 * h)
    noise = 1e-15 * (1 + K) / h
    assert onsager.energy(temperature) == pytest.approx(slope, abs=1e-11 + noise)


@pytest.mark.parametrize("temperature", AWAY)
def test_heat_capacity_is_the_slope_of_the_energy(temperature):
    h = 1e-3 * abs(temperature - T_C)
    u = [onsager.energy(temperature + j * h) for j in (-2, -1, 1, 2)]
    slope = (u[0] - 8 * u[1] + 8 * u[2] - u[3]) / (12 * h)
    C = onsager.heat_capacity(temperature)
    assert pytest.approx(slope, abs=1e-11 + 2e-15 / h) == C


def test_at_the_critical_point():
    assert np.sinh(2 / T_C) == pytest.approx(1, rel=1e-15)
    assert onsager.energy(T_C) == pytest.approx(-np.sqrt(2), rel=1e-15)
    assert onsager.heat_capacity(T_C) == np.inf
    assert onsager.magnetization(T_C) == 0
    catalan = 0.915965594177219015
    f = -T_C * (np.log(2) / 2 + 2 * catalan / np.pi)
    assert onsager.free_energy(T_C) == pytest.approx(f, rel=1e-14)


@pytest.mark.parametrize("side", [-1, 1])
def test_close_to_the_critical_point(side):
    """C = (2 / T_c)^2 2/pi (-log|1 - T / T_c| - 1 - pi/4 + log(sqrt 2 T_c)) + ..."""
    t = 1e-7
    constant = np.log(np.sqrt(2) * T_C) - 1 - np.pi / 4
    C = (2 / T_C) ** 2 * 2 / np.pi * (-np.log(t) + constant)
    assert onsager.heat_capacity(T_C * (1 + side * t)) == pytest.approx(C, abs=2e-5)


def test_energy_is_steady_through_the_critical_point():
    T = T_C * (1 + np.linspace(-1e-9, 1e-9, 101))
    u = onsager.energy(T)
    assert np.all(np.diff(u) > 0)
    np.testing.assert_allclose(u, -np.sqrt(2), atol=3e-8)
    assert np.all(np.isfinite(onsager.free_energy(T)))


def test_magnetization_has_the_exponent_one_eighth():
    m = onsager.magnetization(T_C * (1 - np.array([1e-6, 1e-8])))
    assert np.log(m[0] / m[1]) / np.log(100) == pytest.approx(1 / 8, abs=1e-6)
    T = np.array([0.7, 1.0, 2.0])
    expected = (1 - np.sinh(2 / T) ** -4) ** 0.125
    np.testing.assert_allclose(onsager.magnetization(T), expected, rtol=1e-14)


def test_low_temperatures():
    """Single spins are flipped: u = -2 + 8 exp(-8K) and C = 64 K^2 exp(-8K) + ..."""
    for T in (0.1, 0.2):
        rare = np.exp(-8 / T)
        assert onsager.heat_capacity(T) == pytest.approx(64 / T**2 * rare, rel=1e-7)
        assert onsager.energy(T) == pytest.approx(-2 + 8 * rare, rel=1e-15)
    T = 1e-99
    found = [getattr(onsager, name)(T) for name in FUNCTIONS]
    assert found == pytest.approx([-2, 0, 1, -2], rel=1e-15)


def test_high_temperatures():
    """Each of two bonds a site has -tanh K: u = -2K, C = 2 K^2, up to order K^2."""
    for T in (1e4, 1e8, 1e99):
        assert onsager.energy(T) * T == pytest.approx(-2, rel=1e-7)
        assert onsager.heat_capacity(T) * T * T == pytest.approx(2, rel=1e-6)
        assert onsager.free_energy(T) / T == pytest.approx(-np.log(2), rel=2e-8)
    assert onsager.magnetization(1e4) == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_shapes_and_temperatures(name):
    function = getattr(onsager, name)
    T = np.array([[0.5, 2.0, T_C], [2.5, 10.0, 1e6]])
    assert function(T).shape == (2, 3)
    assert function(2.0).shape == ()
    np.testing.assert_allclose(function(T)[0, 1], function(2.0), rtol=1e-15)
    with pytest.raises(ValueError, match="needs T positive and finite"):
        function([1.0, 0.0])
