"""Means under a machine against sums over all states, and as slopes of log Z."""

import numpy as np
import pytest
from scipy.special import logsumexp

from samplers import enumeration
from samplers.exact import joint_probabilities, log_partition, moments
from samplers.machine import Machine, binary_states
from tests.samplers.test_exact import SHAPES, mixture
from tests.samplers.test_machine import KINDS, make_machine


@pytest.mark.exact
@SHAPES
def test_binary_moments_are_sums_over_all_states(M, N, monkeypatch):
    monkeypatch.setattr(enumeration, "BLOCK", 4)
    machine = make_machine(M, N, scale=2)
    p, x, h = joint_probabilities(machine), binary_states(M), binary_states(N)
    found = moments(machine)
    np.testing.assert_allclose(found.x, p.sum(axis=1) @ x, rtol=1e-13)
    np.testing.assert_allclose(found.h, p.sum(axis=0) @ h, rtol=1e-13)
    np.testing.assert_allclose(found.xh, x.T @ p @ h, rtol=1e-13)
    assert np.array_equal(found.xx, found.x)


@pytest.mark.exact
def test_gaussian_moments_are_those_of_the_mixture():
    machine = make_machine(4, 3, gaussian=True)
    log_weights, means = mixture(machine)
    p, h = np.exp(log_weights - logsumexp(log_weights)), binary_states(3)
    found = moments(machine)
    np.testing.assert_allclose(found.x, p @ means, rtol=1e-12)
    np.testing.assert_allclose(found.h, p @ h, rtol=1e-12)
    np.testing.assert_allclose(found.xh, (p * means.T) @ h, rtol=1e-12)
    np.testing.assert_allclose(found.xx, p @ means**2 + machine.sigma**2, rtol=1e-12)


def slopes_of_log_partition(machine, name, h=1e-3):
    """d log Z / d an array, entry by entry, from five points a step h apart."""
    arrays = {key: getattr(machine, key) for key in ("W", "a", "b", "sigma")}
    slopes = np.zeros_like(arrays[name])
    for index in np.ndindex(slopes.shape):

        def at(shift, index=index):
            moved = arrays[name].copy()
            moved[index] += shift
            return log_partition(Machine(**(arrays | {name: moved})))

        far, near = at(2 * h) - at(-2 * h), at(h) - at(-h)
        slopes[index] = (8 * near - far) / (12 * h)
    return slopes


@pytest.mark.exact
@KINDS
@pytest.mark.parametrize(("M", "N"), [(4, 2), (2, 3)])
def test_moments_are_the_slopes_of_log_partition(gaussian, M, N):
    machine = make_machine(M, N, gaussian=gaussian, seed=3)
    m, slopes = moments(machine), {}
    if gaussian:
        a, sigma = machine.a, machine.sigma
        slopes["a"] = (m.x - a) / sigma**2
        slopes["W"] = m.xh / sigma[:, np.newaxis] ** 2
        square = m.xx - 2 * a * m.x + a**2
        xWh = np.sum(machine.W * m.xh, axis=1)
        slopes["sigma"] = (square - 2 * xWh) / sigma**3
    else:
        slopes["a"], slopes["W"] = m.x, m.xh
    slopes["b"] = m.h
    for name, expected in slopes.items():
        found = slopes_of_log_partition(machine, name)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
