"""What samplers.energy_path has to fulfil; a check takes it, or one with a fault."""

from itertools import pairwise

import numpy as np

from samplers import philox
from samplers.double_well import double_well_target
from samplers.noise import draw_normals, draw_uniforms
from samplers.target import Target
from tests.samplers.annealing_checks import KEY, annealed, check_company


def well_path(energy_path, **options):
    """From a Gaussian of mean 0.4 and variance 1.5 to a double well."""
    base = energy_path.gaussian.gaussian_target([0.4], [[1.5]])
    options = {"step_size": 0.3, "moves": 2} | options
    return energy_path.EnergyPath(double_well_target(), base, **options)


def plain_energy(x, beta):
    """E_beta of that path and its slope."""
    E, slope = x**4 - 2 * x**2, 4 * x**3 - 4 * x
    E_0, slope_0 = (x - 0.4) ** 2 / 3, (x - 0.4) / 1.5
    return (1 - beta) * E_0 + beta * E, (1 - beta) * slope_0 + beta * slope


def plain_proposal(x, beta, eta, xi):
    """Where a step of MALA leads, and log of the ratio by which it is accepted."""
    (E, slope), spread = plain_energy(x, beta), np.sqrt(2 * eta)
    y = x - eta * slope + spread * xi
    E_y, slope_y = plain_energy(y, beta)
    back = (x - y + eta * slope_y) / spread
    return y, E - E_y + (xi**2 - back**2) / 2


def check_transition(energy_path):
    """Proposed and accepted as MALA does at E_beta, to 1e-12 in the ratio."""
    path, rng = well_path(energy_path), np.random.default_rng(0)
    x, xi = rng.normal(size=(2, 50))
    for beta, eta in ((0.2, 0.5), (0.9, 0.1)):
        y, log_a = plain_proposal(x, beta, eta, xi)
        a = np.minimum(np.exp(log_a), 1)
        for factor, expected in ((1 - 1e-12, y), (1 + 1e-12, np.where(a < 1, x, y))):
            u = np.minimum(a * factor, 1 - 2.0**-53)[np.newaxis]
            ends = path.evaluate(x[np.newaxis].copy())
            noise = xi.reshape(1, 1, 50)
            assert path.transition(ends, beta, eta, noise, u) == (0, 0)
            np.testing.assert_allclose(ends.x[0], expected, rtol=1e-12, atol=1e-12)
            for k in range(2):
                E, slope = plain_energy(expected, k)
                np.testing.assert_allclose(ends.energies[k], E, rtol=1e-9, atol=1e-11)
                found = -ends.scores[k, 0]
                np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-9)


def plain_energy_run(x, betas, rungs, eta, particle, moves=2):
    """State and log weight of one particle of the path above, by its addresses."""
    log_w = 0.0
    for old, new in pairwise(rungs):
        log_w -= plain_energy(x, betas[new])[0] - plain_energy(x, betas[old])[0]
        if new in (0, len(betas) - 1):
            continue
        address = {"chain": particle, "step": new * moves, "shape": (1, moves, 1)}
        xi = draw_normals(KEY, philox.PROPOSAL, **address).ravel()
        u = draw_uniforms(KEY, philox.ACCEPT, **address).ravel()
        for m in range(moves):
            y, log_a = plain_proposal(x, betas[new], eta[new], xi[m])
            x = y if np.log(u[m]) < log_a else x
    return x, log_w


def check_energy_run(energy_path):
    """Up and down, weighing first, with the step size and the numbers of each rung."""
    betas, eta = np.linspace(0, 1, 6) ** 2, np.linspace(0.5, 0.1, 6)
    path = well_path(energy_path, step_size=eta)
    start = path.start(KEY, 8)
    for rungs in (range(6), range(5, -1, -1), range(2, 5)):
        x, log_w = annealed(path, start, betas, rungs, particle=5)
        for c in range(8):
            run = start[c, 0], betas, rungs, eta, 5 + c
            expected, log_weight = plain_energy_run(*run)
            np.testing.assert_allclose(x[c, 0], expected, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(log_w[c], log_weight, rtol=1e-9, atol=1e-9)


def check_energy_start(energy_path):
    """The base is drawn: m + A xi, with A A^T the covariance."""
    target, C = two_dimensions(), np.array([[4.0, 1.2], [1.2, 1.0]])
    base = energy_path.gaussian.gaussian_target([1.0, -2.0], C)
    path = energy_path.EnergyPath(target, base, 0.1)
    xi = draw_normals(KEY, philox.START, chain=0, step=0, shape=(2, 1, 5))[:, 0]
    expected = np.array([1, -2]) + xi.T @ np.linalg.cholesky(C).T
    np.testing.assert_allclose(path.start(KEY, 5), expected, rtol=1e-13)
    expected = np.log(2 * np.pi * np.sqrt(np.linalg.det(C)))
    np.testing.assert_allclose(path.log_base, expected, rtol=1e-13)


def two_dimensions():
    """A Gaussian at the origin, as plain functions."""

    def score(x, out):
        out[:] = -x

    def energy(x, out):
        out[:] = np.sum(x**2, axis=1) / 2

    return Target(score, 2, energy, log_partition=float(np.log(2 * np.pi)))


def check_energy_company(energy_path):
    check_company(well_path(energy_path))
