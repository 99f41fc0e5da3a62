"""Counts of states against the listed states, transfer matrices and known numbers."""

from itertools import product

import numpy as np
import pytest

from samplers.ising import energy, magnetization
from samplers.ising_states import (
    all_states,
    boltzmann_probabilities,
    density_of_states,
    state_number,
)

CRITICAL = 2 / np.log(1 + np.sqrt(2))
T = np.array([0.05, 0.5, 1.0, 2.0, CRITICAL, 3.0, 10.0, 1e6])


@pytest.fixture(scope="module")
def four():
    return density_of_states((4, 4))


def transfer_log_partition(shape, temperature):
    """Return log Z from the trace of a matrix between rows of spins."""
    rows, columns = shape
    states = np.array(list(product([-1, 1], repeat=columns)))
    inside = np.sum(states * np.roll(states, 1, axis=1), axis=1)
    exponents = states @ states.T + (inside[:, None] + inside) / 2
    eigenvalues = np.linalg.eigvalsh(np.exp((exponents - 2 * columns) / temperature))
    return np.log(np.sum(eigenvalues**rows)) + 2 * rows * columns / temperature


@pytest.mark.exact
@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 2), (3, 3)])
def test_counts_are_those_of_the_listed_states(shape):
    g, states = density_of_states(shape), all_states(shape)
    assert len(np.unique(states.reshape(len(states), -1), axis=0)) == 2**g.sites
    counts = np.zeros_like(g.counts)
    levels = (energy(states) + 2 * g.sites) // 4
    np.add.at(counts, (levels, (magnetization(states) + g.sites) // 2), 1)
    np.testing.assert_array_equal(g.counts, counts)


@pytest.mark.parametrize(
    ("temperature", "u", "C", "m", "m2", "log_Z"),
    [
        (2.0, -1.755380, 0.605533, 0.918943, 0.868922, 17.105367),
        (CRITICAL, -1.565624, 0.783267, 0.843860, 0.761359, 15.521915),
        (3.0, -1.017070, 0.603135, 0.601291, 0.450988, 13.281033),
    ],
)
def test_known_numbers(four, temperature, u, C, m, m2, log_Z):
    square = four.mean((four.magnetizations / 16) ** 2, temperature)
    found = [four.energy(temperature), four.heat_capacity(temperature)]
    found += [four.magnetization(temperature), square, four.log_partition(temperature)]
    np.testing.assert_allclose(found, [u, C, m, m2, log_Z], atol=6e-7)
    chi = 16 * (square - four.magnetization(temperature) ** 2) / temperature
    assert four.susceptibility(temperature) == pytest.approx(chi, rel=1e-12)


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (4, 3), (3, 5), (4, 5), (5, 5)])
def test_log_partition_is_that_of_transfer_matrices(shape):
    g = density_of_states(shape)
    assert g.counts.sum() == 2**g.sites
    for temperature in (0.5, 1.0, CRITICAL, 5.0):
        expected = transfer_log_partition(shape, temperature)
        assert g.log_partition(temperature) == pytest.approx(expected, rel=1e-12)


def test_energy_and_heat_capacity_are_derivatives(four):
    """Of log Z by K = 1 / T, which is analytic: by a complex step of Z itself."""
    K, h = 1 / T[1:], 1e-20
    weights = four.counts * np.exp(-(K[:, None, None] + 1j * h) * (four.energies + 32))
    slope = np.imag(np.log(weights.sum(axis=(1, 2)))) / h
    np.testing.assert_allclose(four.energy(T[1:]) * 16 - (-32), -slope, atol=1e-11)
    u = lambda K: four.energy(1 / K)  # noqa: E731
    central = (u(K + 1e-4 * K) - u(K - 1e-4 * K)) / (2e-4 * K)
    C = four.heat_capacity(T[1:])
    np.testing.assert_allclose(C, -(K**2) * central, rtol=1e-6, atol=1e-11)


def test_limits(four):
    assert four.energy(0.01) == -2
    assert four.log_partition(0.01) == pytest.approx(3200 + np.log(2), rel=1e-15)
    assert four.heat_capacity(0.1) == pytest.approx(6400 * np.exp(-80), rel=1e-12)
    assert four.magnetization(0.01) == 1
    assert four.log_partition(1e9) == pytest.approx(16 * np.log(2), rel=1e-12)
    assert four.heat_capacity(1e6) == pytest.approx(2e-12, rel=1e-5)


def test_law_has_the_shape_of_the_temperatures(four):
    law = four.law(T.reshape(2, 4))
    assert law.shape == (2, 4, 17, 17)
    np.testing.assert_allclose(law.sum(axis=(-2, -1)), 1, rtol=1e-14)
    assert four.heat_capacity(T.reshape(2, 4)).shape == (2, 4)
    np.testing.assert_array_equal(law, law[..., ::-1])


@pytest.mark.exact
def test_order_of_states():
    states = all_states((2, 3))
    assert states.dtype == np.int8
    assert states[0].tolist() == [[-1, -1, -1], [-1, -1, -1]]
    assert states[1].tolist() == [[-1, -1, -1], [-1, -1, 1]]
    assert states[32].tolist() == [[1, -1, -1], [-1, -1, -1]]
    np.testing.assert_array_equal(state_number(states), np.arange(64))
    assert state_number(states.reshape(8, 8, 2, 3)).shape == (8, 8)


def test_probabilities_are_those_of_the_counts(four):
    p = boltzmann_probabilities((4, 4), 2.0)
    energies = energy(all_states((4, 4)))
    log_p = -energies / 2.0 - four.log_partition(2.0)
    np.testing.assert_allclose(p, np.exp(log_p), rtol=1e-12)
    assert p.sum() == pytest.approx(1, rel=1e-14)
    assert p @ energies / 16 == pytest.approx(four.energy(2.0), rel=1e-13)
    several = boltzmann_probabilities((4, 4), [[1.0], [2.0]])
    assert several.shape == (2, 1, 2**16)
    np.testing.assert_array_equal(several[1, 0], p)


def test_lattices_with_too_many_states_are_refused():
    message = "states; up to 2\\^{} are gone through.*kaufman.py"
    with pytest.raises(ValueError, match=message.format(25)):
        density_of_states((4, 7))
    with pytest.raises(ValueError, match=message.format(20)):
        all_states((3, 7))
    with pytest.raises(ValueError, match=message.format(20)):
        state_number(np.ones((5, 5), np.int8))
    with pytest.raises(ValueError, match="bonds a site to itself"):
        density_of_states((1, 9))
