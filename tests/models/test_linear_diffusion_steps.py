"""What the linear diffusion loses in T steps, which is of the order of 1 / T."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from models.gaussian_denoiser import GaussianDenoiser
from models.linear_diffusion import LinearDiffusion
from samplers.schedules import from_log_snr, linear
from tests.models.linear_chains import covariance, cubature

UNIT = GaussianDenoiser(np.zeros(1), np.eye(1))


@pytest.mark.parametrize(
    ("T", "first", "last", "closed", "drawn", "error"),
    [(50, 2e-3, 0.4, -3.6400, -3.60, 0.03), (1000, 1e-4, 0.02, -1.8839, -1.882, 0.008)],
)
def test_the_bound_of_a_standard_normal(T, first, last, closed, drawn, error):
    """Its mean over the data, beside estimates of others with their errors (T43).

    All terms are even and quadratic in x_0, so that x_0 = 1 stands for the mean, in log
    p(x_0) = -1.419 too.
    """
    model = LinearDiffusion.of(UNIT, linear(T, first=first, last=last))
    one = np.ones((1, 1))
    assert model.bound(one)[0] == pytest.approx(closed, abs=1e-4)
    assert abs(model.bound(one)[0] - drawn) < 2 * error
    truth = multivariate_normal.logpdf(1.0)
    assert truth == pytest.approx(-1.419, abs=1e-4)
    assert model.bound(one)[0] < model.log_likelihood(one)[0] < truth


def test_the_bound_falls_short_by_one_over_T():
    """T times what it lacks of its continuous limit, for log SNRs from 10 to -10 (T42).

    The sum takes each error at the noisy end of its step. The difference from the
    integral is half a step times half the range of -SNR^2 d mmse / d SNR: on average
    over the data, with p = 1 + v SNR_1 and q = 1 + v SNR_T,

        L / (4 T) sum_j [log(p_j / q_j) + 1 / p_j - 1 / q_j]     for equal steps L / T.
    """
    S = covariance(2)
    data, (v, _) = GaussianDenoiser(np.zeros(2), S), np.linalg.eigh(S)
    x_0 = cubature(2) @ np.linalg.cholesky(S).T
    scaled = []
    for T in (200, 400, 800):
        schedule = from_log_snr(lambda u: 10 - 20 * u, T)
        ends = schedule.log_snr[1], schedule.log_snr[-1]
        p, q = 1 + v * np.exp(ends[0]), 1 + v * np.exp(ends[1])
        expected = 5 * np.sum(np.log(p / q) + 1 / p - 1 / q)
        excess = np.sum(
            LinearDiffusion.of(data, schedule).denoising_terms(x_0), axis=0
        ) - data.continuous_term(x_0, *ends)
        scaled.append(T * np.mean(excess) / expected - 1)
    np.testing.assert_array_less(np.abs(scaled), 10 / np.array([200, 400, 800]))
    model = LinearDiffusion.of(data, from_log_snr(lambda u: 10 - 20 * u, 4000))
    lacking = multivariate_normal.logpdf(x_0, np.zeros(2), S) - model.bound(x_0)
    np.testing.assert_allclose(lacking, 0, atol=0.03)
    assert np.all(model.gap(x_0) > 0)


def test_so_do_samples_and_likelihood():
    """T times the error of the samples' covariance, and of log p of the model (T48)."""
    data = GaussianDenoiser(np.array([1.0, -0.5]), covariance(2))
    x_0 = np.array([[0.5, 0.5]])
    truth = multivariate_normal.logpdf(x_0, data.mean, data.covariance)
    errors = []
    for T in (200, 400, 800):
        model = LinearDiffusion.of(data, from_log_snr(lambda u: 14 - 28 * u, T))
        C = model.sample_moments()[1] - data.covariance
        errors.append([T * np.sum(C), T * (model.log_likelihood(x_0)[0] - truth)])
    first, second, third = np.array(errors, dtype=float)
    np.testing.assert_allclose(third, second, rtol=0.05)
    assert np.all(np.abs(third - second) < 0.7 * np.abs(second - first))
