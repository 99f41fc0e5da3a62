"""Energies against sums over bonds, and averages of draws whose law is known."""

import numpy as np
import pytest

from samplers.ising import (
    energy,
    heat_capacity,
    inverse_temperature,
    magnetization,
    require_lattice,
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
    with pytest.raises(
        TypeError, match=r"spins are float64.*asarray\(spins, np.int8\)"
    ):
        energy(np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"\(16,\) are no lattices.*reshape\(-1, L1"):
        energy(np.ones(16, np.int8))
    with pytest.raises(ValueError, match=r"\(1, 4\) bonds a site to itself"):
        energy(np.ones((1, 4), np.int8))


@pytest.mark.parametrize("shape", [4, (4,), (4, 4, 4), ()])
def test_a_lattice_has_two_sides(shape):
    with pytest.raises(ValueError, match=r"it is \(L1, L2\).*write \(L, L\)"):
        require_lattice(shape)


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


@pytest.mark.parametrize(
    ("shape", "axis", "count"),
    [((1,), None, 1), ((3, 1), 1, 1), ((3, 0), 1, 0), ((2, 1, 1), (1, 2), 1)],
)
def test_one_draw_does_not_fluctuate(shape, axis, count):
    for function in (heat_capacity, susceptibility):
        with pytest.raises(ValueError, match=f"{count} draws do not fluctuate"):
            function(np.ones(shape), 2.0, 4, axis=axis)


def test_states_of_different_temperatures_are_not_mixed():
    """Without an axis the variance would be that of all rows together."""
    energies = np.random.default_rng(0).normal(size=(3, 50))
    for wrong in ({}, {"axis": 0}):
        with pytest.raises(ValueError, match=r"\(3,\).*would be mixed.*axis=1"):
            heat_capacity(energies, [1.0, 2.0, 3.0], 16, **wrong)


@pytest.mark.parametrize("sites", [0, -4])
def test_a_lattice_has_sites(sites):
    with pytest.raises(ValueError, match=rf"sites is {sites}; .* L1 \* L2"):
        heat_capacity([-4, 0], 2.0, sites)


@pytest.mark.parametrize("wrong", [0, -1, np.inf, np.nan, [1.0, 0.0]])
def test_temperature_is_positive_and_finite(wrong):
    with pytest.raises(ValueError, match="needs T positive and finite"):
        inverse_temperature(wrong)
