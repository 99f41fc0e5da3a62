"""The double well: its minima, its partition function, the rate of its crossings."""

import numpy as np
import pytest

from samplers.double_well import double_well_target
from samplers.quadrature import quadrature


def test_double_well_of_the_lecture():
    assert np.exp(double_well_target().log_partition) == pytest.approx(
        5.3651602378, abs=1e-10
    )


@pytest.mark.exact
def test_double_well_at_its_minima_and_on_the_barrier():
    target = double_well_target(3.0, 0.7)
    x = np.array([[-0.7], [0.0], [0.7]])
    assert target.score_at(x).tolist() == [[0.0], [0.0], [0.0]]
    assert target.energy_at(x).tolist() == [-3.0, 0.0, -3.0]


@pytest.mark.parametrize("barrier", [1e-6, 1e-2, 1.0, 30.0, 1e3, 1e6])
def test_log_partition_of_low_and_high_barriers(barrier):
    far = np.sqrt(1 + np.sqrt(60 / barrier))
    law = quadrature(lambda x: barrier * (x[:, 0] ** 2 - 1) ** 2, (-far, far))
    expected = law.log_partition + np.log(2.0)
    found = double_well_target(barrier, 2.0).log_partition - barrier
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("barrier", [1e5, 2e8, 2.1e8, 1e12, 1e70])
def test_log_partition_is_that_of_two_parabolas_where_barriers_are_very_high(barrier):
    """2 sqrt(2 pi / E'') e^B, E'' = 8 B, less than 1 / B of itself too small."""
    expected = barrier + np.log(np.pi / barrier) / 2
    found = double_well_target(barrier).log_partition
    assert found == pytest.approx(expected, abs=1 / barrier, rel=4e-16)


def test_kramers_rate_by_the_exact_time_of_passage():
    """From one minimum to the other it is 1 / rate, up to T / B or so.

    That time is int_-a^a dy exp(E(y) / T) int_-inf^y dz exp(-E(z) / T) / T.
    """
    B, a, T = 2.0, 1.5, 0.1

    def energy(x):
        return B * ((x / a) ** 4 - 2 * (x / a) ** 2)

    z = np.linspace(-2 * a, a, 30_001)
    left = np.cumsum(np.exp(-(energy(z) + B) / T)) * (z[1] - z[0])
    inside = z >= -a
    inner = np.exp(energy(z[inside]) / T) * left[inside]
    exact = np.exp(B / T) * np.sum(inner) * (z[1] - z[0]) / T
    rate = 2 * np.sqrt(2) / np.pi * B / a**2 * np.exp(-B / T)
    assert rate * exact == pytest.approx(1, abs=0.03)
