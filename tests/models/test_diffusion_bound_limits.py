"""What the bound of a diffusion is held to: the likelihood, and continuous time."""

import numpy as np
import pytest

from models import gaussian_log_likelihood
from models.diffusion_bounds import all_terms, continuous_terms, prior_term
from tests.models.autoencoders import hermite
from tests.models.diffusion_stand_ins import (
    bent,
    curve,
    examples,
    gaussian_data,
    line,
    normals,
    over_noise,
)


def over_times(model, x0, points=60, nodes=4):
    """Return the mean terms in continuous time: Gauss and Legendre over u, Gauss and
    Hermite over the noise.
    """
    u, du = np.polynomial.legendre.leggauss(points)
    z, dz = hermite(x0.shape[1], nodes)
    shape = len(u), len(z), *x0.shape
    noise = np.broadcast_to(z[:, np.newaxis], shape)
    times = np.broadcast_to((u[:, np.newaxis, np.newaxis] + 1) / 2, shape[:-1])
    terms = continuous_terms(model, x0, times, noise)
    R, D = (np.einsum("u,z,uzn", du / 2, dz, part) for part in (terms[0], terms[2]))
    return type(terms)(R, terms.prior, D)


@pytest.mark.parametrize("name", ["gaussian", "bent"])
def test_it_is_below_the_likelihood_by_the_divergence_of_the_chains(name):
    """Lines 1 to 3, for T = 2 and one coordinate, by quadrature over both states.

    The mean of p(x_0:2) / q(x_1:2 | x_0) is p(x_0), and that of its logarithm the
    bound.
    """
    log_snr = line(2.0, -2.0)
    model = gaussian_data(1, log_snr) if name == "gaussian" else bent(1, log_snr)
    schedule, grid = log_snr.schedule(2), np.linspace(-9, 9, 401)[:, np.newaxis]
    step = grid[1, 0] - grid[0, 0]
    x0 = np.array([[0.3], [-1.4]])
    a, b, v = schedule.posterior(2)
    guess = model.denoise(grid, np.full(len(grid), schedule.log_snr[2]))
    back = (a * guess + b * grid)[:, np.newaxis]
    log_p2 = gaussian_log_likelihood(grid, 0.0, 0.0)[:, np.newaxis]
    log_p1 = gaussian_log_likelihood(grid, back, np.log(v))
    for row in x0:
        start = model.log_likelihood_at_start(row, grid, schedule.log_snr[[1]])
        log_joint = log_p2 + log_p1 + start
        drift = np.sqrt(schedule.alpha[2]) * grid
        log_q = gaussian_log_likelihood(
            grid, schedule.signal[1] * row, 2 * np.log(schedule.noise[1])
        ) + gaussian_log_likelihood(
            grid[:, np.newaxis], drift, np.log(schedule.beta[2])
        )
        log_p = np.log(np.sum(np.exp(log_joint)) * step**2)
        q = np.exp(log_q) * step**2
        assert np.sum(q * np.exp(log_joint - log_q)) == pytest.approx(np.exp(log_p))
        bound, gap = (
            np.sum(q * part) for part in (log_joint - log_q, log_q - log_joint + log_p)
        )
        assert bound + gap == pytest.approx(log_p, rel=1e-12)
        assert gap > 1e-3
        rows, noise, mean = over_noise(row[np.newaxis], 2, 60)
        found = mean(all_terms(model, rows, noise, 2).bound)
        np.testing.assert_allclose(found, bound, rtol=1e-9)


@pytest.mark.parametrize("log_snr", [line(), curve(), curve(seed=3, size=6)])
def test_gaussian_data_have_a_bound_in_closed_form(log_snr):
    """In continuous time it depends on the ends alone: lines 12 and 13.

    With w = alpha^2 s^2 + sigma^2, the error of the exact denoiser has the mean square
    (sigma^4 (x_0 - m)^2 + alpha^2 s^4 sigma^2) / w^2, and over lambda, y = e^lambda,

        int 1/2 e^lambda (...) d lambda = [-(x_0 - m)^2 / (2 s^2 (1 + s^2 y))
                                           + (log(1 + s^2 y) + 1 / (1 + s^2 y)) / 2].
    """
    model = gaussian_data(2, log_snr)
    x0, m, s2 = examples(model), model.mean, model.variance

    def antiderivative(end):
        w = 1 + s2 * np.exp(end)
        parts = -((x0 - m) ** 2) / (s2 * w) + np.log(w) + 1 / w
        return np.sum(parts, axis=1) / 2

    R, K, D = over_times(model, x0)
    expected = antiderivative(5.0) - antiderivative(-4.0)
    np.testing.assert_allclose(D, expected, rtol=1e-8)
    np.testing.assert_allclose(R, 5 - np.log(2 * np.pi) - 1, rtol=1e-12)
    np.testing.assert_allclose(K, prior_term(x0, np.array(-4.0)), rtol=1e-12)


def test_the_curve_between_its_ends_changes_the_variance_alone():
    """Of any denoiser, by line 13; here one that is not linear."""
    x0 = examples(1)
    curves = line(), curve(), curve(seed=3, size=6)
    found = [over_times(bent(1, each), x0, 80, 60).bound for each in curves]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-7)
    u, noise = np.linspace(0, 1, 3000)[:, np.newaxis], normals(3000, 1, 1)
    deviations = [
        np.std(continuous_terms(bent(1, each), x0[:1], u, noise).diffusion)
        for each in curves
    ]
    assert max(deviations) > 1.1 * min(deviations)


def test_more_steps_come_nearer_to_continuous_time():
    """From below, and each doubling halves what is left: an error of 1 / T."""
    model = gaussian_data(1)
    x0 = np.array([[-1.0], [0.4], [1.7]])
    limit = over_times(model, x0).bound
    nodes, weights = hermite(1, 3)
    left = []
    for T in 2 ** np.arange(4, 12):
        noise = np.broadcast_to(nodes[:, np.newaxis, :], (3, 3, 1))
        rows = np.tile(x0, (3, 1))
        every = np.broadcast_to(noise.reshape(1, 9, 1), (T, 9, 1))
        found = weights @ all_terms(model, rows, every, T).bound.reshape(3, 3)
        left.append(np.mean(limit - found))
    left = np.array(left)
    assert np.all(left > 0)
    np.testing.assert_allclose(left[:-1] / left[1:], 2, rtol=0.25)
    np.testing.assert_allclose(left[-2] / left[-1], 2, rtol=0.01)


def test_with_wide_ends_nothing_is_lost():
    """For the exact denoiser the mean bound over the data becomes minus their entropy.

    Three nodes in place of the data have their mean and variance, and the bound is a
    polynomial of degree two in x_0.
    """
    entropy = 0.5 * np.log(2 * np.pi * np.e)
    nodes, weights = hermite(1, 3)
    lost = [
        -entropy - weights @ over_times(gaussian_data(1, line(end, -end)), nodes).bound
        for end in (4.0, 8.0, 12.0)
    ]
    assert lost[0] > lost[1] > lost[2] > 0
    assert lost[2] < 1e-5
