"""The finite lattice against enumeration, transfer matrices and the infinite one."""

import numpy as np
import pytest

from samplers import kaufman, onsager
from samplers.ising_states import density_of_states
from tests.samplers.test_ising_states import transfer_log_partition

T_C = onsager.CRITICAL_TEMPERATURE
T = np.array([0.3, 0.5, 1.0, 2.0, 2.26, T_C, 2.28, 3.0, 10.0])
SHAPES = [
    (2, 2),
    (2, 3),
    (3, 2),
    (2, 4),
    (4, 2),
    (3, 3),
    (3, 4),
    (4, 4),
    (2, 8),
    (5, 4),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_enumeration(shape):
    g = density_of_states(shape)
    for name in ("log_partition", "energy", "heat_capacity"):
        found, expected = getattr(kaufman, name)(T, shape), getattr(g, name)(T)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-16)


def test_transfer_matrix_of_a_wider_lattice():
    """Eight columns, and rows beyond what can be enumerated."""
    for rows in (2, 7, 30):
        for temperature in (1.0, T_C, 4.0):
            expected = transfer_log_partition((rows, 8), temperature)
            found = kaufman.log_partition(temperature, (rows, 8))
            assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("K", "bond"),
    [(0.2, 0.21411), (0.4, 0.55892), (0.6, 0.95454), (0.8, 0.99243), (1.0, 0.99858)],
)
def test_known_correlation_of_neighbors(K, bond):
    assert -kaufman.energy(1 / K, (20, 20)) / 2 == pytest.approx(bond, abs=6e-6)


@pytest.mark.parametrize("shape", [(2, 7), (5, 40), (300, 1024), (2, 1024)])
def test_rows_and_columns_are_alike(shape):
    """Though the matrix goes from row to row: an index off by one is seen."""
    for function in (kaufman.log_partition, kaufman.energy, kaufman.heat_capacity):
        found, turned = function(T[1:], shape), function(T[1:], shape[::-1])
        np.testing.assert_allclose(found, turned, rtol=1e-11)


@pytest.mark.parametrize("shape", [(3, 5), (20, 20), (64, 10)])
def test_derivatives(shape):
    """Fourth-order differences of log Z, and of its derivative, by K."""
    K, h, sites = 1 / T[2:], 1e-4, shape[0] * shape[1]

    def slope(function):
        y = [function(1 / (K + j * h)) for j in (-2, -1, 1, 2)]
        return (y[0] - 8 * y[1] + 8 * y[2] - y[3]) / (12 * h)

    u = -slope(lambda T: kaufman.log_partition(T, shape)) / sites
    np.testing.assert_allclose(kaufman.energy(T[2:], shape), u, rtol=1e-8)
    C = -(K**2) * slope(lambda T: kaufman.energy(T, shape))
    np.testing.assert_allclose(kaufman.heat_capacity(T[2:], shape), C, rtol=1e-7)


def test_tends_to_the_infinite_lattice():
    """Exponentially away from T_c, where the correlation length is a few sites."""
    away = np.array([0.5, 1.5, 2.0, 2.6, 4.0])
    for name in ("energy", "heat_capacity"):
        infinite = getattr(onsager, name)(away)
        errors = [
            np.abs(getattr(kaufman, name)(away, (L, L)) - infinite)
            for L in (16, 64, 256)
        ]
        assert np.all(errors[1] <= errors[0] + 1e-14)
        assert np.all(errors[2] < 1e-13)
    # Two phases below T_c: log 2 in all, and none above.
    excess = kaufman.log_partition(away, (256, 256)) / 256**2
    excess += onsager.free_energy(away) / away
    np.testing.assert_allclose(excess * 256**2, [np.log(2)] * 3 + [0, 0], atol=1e-9)


def test_at_the_critical_point_corrections_fall_as_a_power():
    """u - u(L) goes as 1 / L, C(L) as log L with the slope (2 / T_c)^2 (2 / pi)."""
    sides = [128, 256, 512, 1024]
    gaps = [onsager.energy(T_C) - kaufman.energy(T_C, (L, L)) for L in sides]
    np.testing.assert_allclose(np.divide(gaps[:-1], gaps[1:]), 2, atol=1e-4)
    C = [kaufman.heat_capacity(T_C, (L, L)) for L in sides]
    slope = (2 / T_C) ** 2 * 2 / np.pi
    np.testing.assert_allclose(np.diff(C) / np.log(2), slope, atol=1e-3)


def test_free_energy_and_limits():
    f = kaufman.free_energy(T, (4, 6))
    np.testing.assert_allclose(
        f, -T * kaufman.log_partition(T, (4, 6)) / 24, rtol=1e-15
    )
    for shape in ((2, 2), (1024, 1024)):
        cold = 1e-99
        assert kaufman.energy(cold, shape) == pytest.approx(-2, rel=1e-15)
        assert kaufman.heat_capacity(cold, shape) == 0
        assert kaufman.free_energy(cold, shape) == pytest.approx(-2, rel=1e-14)
    hot = 1e4
    assert kaufman.energy(hot, (8, 8)) * hot == pytest.approx(-2, rel=1e-7)
    assert kaufman.heat_capacity(hot, (8, 8)) * hot**2 == pytest.approx(2, rel=1e-6)
    assert np.all(kaufman.heat_capacity(np.geomspace(0.01, 1, 200), (16, 16)) >= 0)


def test_shapes_and_refusals():
    assert kaufman.heat_capacity(T.reshape(3, 3), (4, 4)).shape == (3, 3)
    assert kaufman.energy(2.0, (4, 4)).shape == ()
    with pytest.raises(ValueError, match=r"above 10000 rounding.*onsager.energy"):
        kaufman.energy(2e4, (4, 4))
    with pytest.raises(ValueError, match="needs T positive and finite"):
        kaufman.energy(0, (4, 4))
    with pytest.raises(ValueError, match="bonds a site to itself"):
        kaufman.energy(2.0, (4, 1))
