"""The ring: its center, and its partition function at any width."""

import numpy as np
import pytest
from scipy.integrate import quad

from samplers import ring
from samplers.ring import ring_target
from tests.samplers.target_checks import check_center


@pytest.mark.exact
def test_at_the_center_of_a_ring_there_is_no_force():
    """The convention, also in the middle of other points; close to it, R / w^2."""
    for dtype in (np.float64, np.float32):
        target = ring_target(2.0, 0.5, dtype=dtype)
        x = np.array([[0.0, 0.0], [1e-9, 0.0], [0.0, -1e-9], [2.0, 0.0], [0.0, 0.0]])
        score = target.score_at(x)
        expected = [[0, 0], [8, 0], [0, -8], [0, 0], [0, 0]]
        np.testing.assert_allclose(score, expected, rtol=0, atol=1e-6)
        assert not score[[0, 3, 4]].any()
        assert target.energy_at(x[:1]) == 8.0


@pytest.mark.exact
def test_close_to_the_center_the_force_is_that_of_the_tip():
    check_center(ring)


def radial(radius, width):
    """Return log Z by an integral over the distance from the center."""
    low = max(0.0, radius - 40 * width)

    def shell(r):
        return 2 * np.pi * r * np.exp(-(((r - radius) / width) ** 2) / 2)

    middle = max(radius, width)
    parts = [(low, middle), (middle, radius + 40 * width)]
    return np.log(sum(quad(shell, *part, epsabs=0, epsrel=1e-12)[0] for part in parts))


@pytest.mark.parametrize("ratio", [1e-6, 1e-3, 0.1, 1.0, 5.0, 40.0, 1e3])
def test_log_partition_of_wide_and_narrow_rings(ratio):
    """By quadrature; ratio : R / w."""
    found = ring_target(ratio * 0.3, 0.3).log_partition
    assert found == pytest.approx(radial(ratio * 0.3, 0.3), abs=1e-11)


def test_log_partition_of_a_point_and_of_a_circle():
    point = ring_target(1e-60, 1.0).log_partition
    assert point == pytest.approx(np.log(2 * np.pi), abs=1e-15)
    circle = ring_target(1e30, 1e-30).log_partition
    assert circle == pytest.approx(1.5 * np.log(2 * np.pi), abs=1e-13)
