"""Energies against sums over bonds, and averages of draws whose law is known."""

import numpy as np
import pytest

from samplers.ising import (
    energy,
    heat_capacity,
    inverse_temperature,
    jackknife,
    magnetization,
    susceptibility,
)

SHAPES = [(2, 2), (2, 5), (5, 2), (3, 3), (4, 6), (7, 35)]


def draw_spins(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([-1, 1], np.int8), size=shape)


def sum_over_bonds(lattice):
    """Return E of one lattice, bond by bond."""
    rows, columns = lattice.shape
    total = 0
    for i in range(rows):
        for j in range(columns):
            right, below = lattice[i, (j + 1) % columns], lattice[(i + 1) % rows, j]
            total -= int(lattice[i, j]) * (int(right) + int(below))
    return total


@pytest.mark.exact
@pytest.mark.parametrize("shape", SHAPES)
def test_energy_and_magnetization(shape):
    spins = draw_spins((2, 3, *shape))
    energies, magnetizations = energy(spins), magnetization(spins)
    assert energies.dtype == magnetizations.dtype == np.int64
    assert energies.shape == magnetizations.shape == (2, 3)
    for index in np.ndindex(2, 3):
        assert energies[index] == sum_over_bonds(spins[index])
        assert magnetizations[index] == spins[index].astype(int).sum()


@pytest.mark.exact
def test_two_columns_are_bonded_twice():
    spins = np.ones((3, 2), np.int8)
    assert energy(spins) == -12
    spins[0, 0] = -1
    assert energy(spins) == -12 + 2 * (2 + 2)


@pytest.mark.exact
@pytest.mark.parametrize("shape", SHAPES)
def test_a_flip_costs_twice_the_field_of_four_neighbors(shape):
    spins = draw_spins(shape)
    for i, j in np.ndindex(shape):
        other = spins.copy()
        other[i, j] *= -1
        around = [(0, 1), (0, -1), (1, 0), (-1, 0)]
        field = sum(
            int(spins[(i + a) % shape[0], (j + b) % shape[1]]) for a, b in around
        )
        assert energy(other) - energy(spins) == 2 * int(spins[i, j]) * field


@pytest.mark.exact
def test_any_memory_order_and_no_lattice_at_all():
    spins = draw_spins((6, 5, 4))
    turned = spins.transpose(0, 2, 1)
    assert not turned.flags.c_contiguous
    np.testing.assert_array_equal(energy(turned), energy(spins))
    np.testing.assert_array_equal(energy(spins[::2]), energy(spins)[::2])
    assert energy(spins[:0]).shape == magnetization(spins[:0]).shape == (0,)
    assert energy(spins[0]).shape == ()


def test_sums_that_do_not_fit_into_16_bits():
    assert energy(np.ones((2, 40_000), np.int8)) == -160_000
    assert magnetization(np.ones((2, 40_000), np.int8)) == 80_000


@pytest.mark.exact
@pytest.mark.parametrize("function", [energy, magnetization])
@pytest.mark.parametrize("wrong", [0, 2, 127, -128])
def test_what_is_no_spin_is_refused(function, wrong):
    """127^2 = 1 modulo 256, which a product of eight bits would let pass."""
    spins = draw_spins((2, 3, 4))
    spins[1, 2, 3] = wrong
    with pytest.raises(ValueError, match=r"other than \+1 and -1.*\(2 \* bits - 1\)"):
        function(spins)


def test_wrong_arrays_are_refused():
    with pytest.raises(TypeError, match=r"spins are float64.*astype\(np.int8\)"):
        energy(np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"\(16,\) are no lattices.*reshape\(-1, L1"):
        energy(np.ones(16, np.int8))
    with pytest.raises(ValueError, match=r"\(1, 4\) bonds a site to itself"):
        energy(np.ones((1, 4), np.int8))


def test_heat_capacity_and_susceptibility_by_hand():
    energies = np.array([-8, -4, -8, 0])
    assert heat_capacity(energies, 2.0, 4) == pytest.approx(11 / (4 * 4))
    magnetizations = np.array([4, -2, -4, 2])
    assert susceptibility(magnetizations, 2.0, 4) == pytest.approx(1 / (4 * 2))


def test_one_temperature_a_row():
    energies = np.random.default_rng(0).normal(size=(3, 4, 50))
    T = np.array([1.0, 2.0, 3.0])
    for function in (heat_capacity, susceptibility):
        together = function(energies, T, 16, axis=(1, 2))
        alone = [function(e, t, 16) for e, t in zip(energies, T, strict=True)]
        np.testing.assert_allclose(together, alone, rtol=1e-13)


def test_variance_far_from_zero_keeps_its_digits():
    """By the mean of squares it would be lost, or negative, at 1e9 + 1."""
    energies = 10**9 + np.array([0, 1, 0, 1])
    assert heat_capacity(energies, 1.0, 1) == 0.25
    assert heat_capacity(np.full(7, 0.1), 1.0, 1) < 1e-30


def test_one_draw_does_not_fluctuate():
    with pytest.raises(ValueError, match="1 draws do not fluctuate"):
        heat_capacity([-4], 2.0, 4)


@pytest.mark.parametrize("wrong", [0, -1, np.inf, np.nan, [1.0, 0.0]])
def test_temperature_is_positive_and_finite(wrong):
    with pytest.raises(ValueError, match="needs T positive and finite"):
        inverse_temperature(wrong)


def test_jackknife_of_a_mean_is_the_standard_error():
    draws = np.random.default_rng(1).normal(size=(8, 25))
    value, error = jackknife(np.mean, draws)
    assert value == pytest.approx(draws.mean(), rel=1e-13)
    expected = draws.mean(axis=1).std(ddof=1) / np.sqrt(8)
    assert error == pytest.approx(expected, rel=1e-12)


def test_jackknife_of_several_statistics():
    draws = np.random.default_rng(2).normal(size=(8, 25))
    values, errors = jackknife(lambda x: np.array([x.mean(), x.var()]), draws)
    assert errors[0] == jackknife(np.mean, draws)[1]
    assert errors[1] == jackknife(np.var, draws)[1]
    assert values[1] == np.var(draws)


def test_jackknife_error_of_a_heat_capacity_is_its_spread():
    """Of 400 estimates the error is the mean one, to 10 %; a factor 1.25 is seen."""
    energies = np.random.default_rng(3).normal(size=(400, 16, 50))
    values, errors = np.array(
        [jackknife(lambda E: heat_capacity(E, 1.0, 1), e) for e in energies]
    ).T
    ratio = np.sqrt(np.mean(errors**2)) / values.std()
    assert abs(ratio - 1) < 5.03 * np.sqrt(1 / 800 + 1 / (2 * 15 * 400))


@pytest.mark.parametrize("blocks", [3.0, [[1.0, 2.0]]])
def test_jackknife_needs_two_blocks(blocks):
    with pytest.raises(ValueError, match=r"cannot be left out.*reshape\(20, -1\)"):
        jackknife(np.mean, blocks)
