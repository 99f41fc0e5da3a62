"""The exact denoiser of Gaussian data, against the regression in the joint law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from autodiff import check_gradients, tree_leaves
from models.gaussian_denoiser import GaussianDenoiser
from samplers.mixture_denoiser import mixture_denoiser
from samplers.schedules import cosine, from_log_snr
from tests.models.linear_chains import covariance, cubature

SEEDS = st.integers(0, 2**32)


def make(d=3, seed=0):
    mean = np.random.default_rng(seed).standard_normal(d)
    return GaussianDenoiser(mean, covariance(d, seed))


def scales(log_snr):
    return 1 / np.sqrt(1 + np.exp(-log_snr)), 1 / np.sqrt(1 + np.exp(log_snr))


@given(d=st.integers(1, 5), log_snr=st.floats(-12, 12), seed=SEEDS)
def test_it_is_the_regression_of_the_data(d, log_snr, seed):
    """E[x_0 | x] = m + Cov(x_0, x) Cov(x)^-1 (x - E x)."""
    data, (alpha, sigma) = make(d, seed), scales(log_snr)
    x = 2 * np.random.default_rng(seed).standard_normal((4, d))
    S, m = data.covariance, data.mean
    total = alpha**2 * S + sigma**2 * np.eye(d)
    expected = m + (x - alpha * m) @ np.linalg.solve(total, alpha * S)
    found = data.denoise(x, np.full(4, log_snr))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


def test_the_matrices_of_a_schedule_are_the_same_function():
    data, schedule = make(), from_log_snr(np.linspace(9, -9, 6))
    A, b = data.at_times(schedule)
    x = np.random.default_rng(1).standard_normal((6, 2, 3))
    found = data.denoise(x, np.repeat(schedule.log_snr[1:, np.newaxis], 2, axis=1))
    for t in range(1, 7):
        np.testing.assert_allclose(x[t - 1] @ A[t].T + b[t], found[t - 1], atol=1e-12)
    np.testing.assert_allclose(A[0], np.eye(3), atol=1e-14)
    assert not np.any(b[0])


def test_of_one_component_the_mixture_says_the_same():
    schedule, mean = cosine(20), np.array([1.5, -0.5])
    A, b = GaussianDenoiser(mean, 0.49 * np.eye(2)).at_times(schedule)
    mixture = mixture_denoiser([1.0], [mean], [0.7], schedule)
    x = np.random.default_rng(2).standard_normal((5, 2))
    for t in range(21):
        found = x @ A[t].T + b[t]
        np.testing.assert_allclose(found, mixture.estimate_at(x, t), atol=1e-12)


@given(d=st.integers(1, 4), log_snr=st.floats(-12, 12), seed=SEEDS)
def test_the_expected_error_is_the_mean_over_noise(d, log_snr, seed):
    data, (alpha, sigma) = make(d, seed), scales(log_snr)
    x_0 = 2 * np.random.default_rng(seed).standard_normal(d)
    x = alpha * x_0 + sigma * cubature(d)
    away = x_0 - data.denoise(x, np.full(len(x), log_snr))
    expected = np.mean(np.sum(away**2, axis=1))
    assert data.expected_error(x_0, log_snr) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("log_snr", [-700.0, 400.0, 700.0])
def test_the_expected_error_at_either_end(log_snr):
    """All of the spread about the mean without signal, d / SNR without noise."""
    data, x_0 = make(), np.ones(3)
    ends = np.sum((x_0 - data.mean) ** 2), 3 * np.exp(-log_snr)
    expected = ends[log_snr > 0]
    assert data.expected_error(x_0, log_snr) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("ends", [(3.0, -2.0), (8.0, -12.0), (-1.0, -1.5)])
def test_the_continuous_term_is_the_integral(ends):
    data, x_0 = make(), np.random.default_rng(1).standard_normal((3, 3))
    found = data.continuous_term(x_0, *ends)
    for row, value in zip(x_0, found, strict=True):

        def density(log_snr, row=row):
            return 0.5 * np.exp(log_snr) * data.expected_error(row, log_snr)

        expected, _ = quad(density, *ends[::-1], epsabs=1e-12, epsrel=1e-11)
        assert value == pytest.approx(expected, rel=1e-10)


def test_in_continuous_time_the_bound_is_the_likelihood():
    """With x_0 | x ~ N(x / alpha, I / SNR) at the start, nothing is lost on the way.

    What is left is e^-20 / v at the start and of the order of e^-20 at the end.
    """
    data, first, last = make(), 20.0, -20.0
    x_0 = np.random.default_rng(1).standard_normal((5, 3))
    reconstruction = 0.5 * 3 * (first - np.log(2 * np.pi) - 1)
    expected = multivariate_normal.logpdf(x_0, data.mean, data.covariance)
    found = reconstruction - data.continuous_term(x_0, first, last)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_data_in_a_plane():
    """An eigenvalue of zero: along it the denoiser knows x_0 from the beginning."""
    data = GaussianDenoiser(np.array([1.0, 2.0]), np.diag([1.0, 0.0]))
    x = np.array([[5.0, -3.0]])
    assert data.denoise(x, np.array([3.0]))[0, 1] == pytest.approx(2.0)
    A, b = data.at_times(cosine(5))
    np.testing.assert_allclose(A[1:, 1], 0)
    np.testing.assert_allclose(b[1:, 1], 2)
    rounded = GaussianDenoiser(np.zeros(2), np.diag([1.0, -1e-12]))
    np.testing.assert_array_equal(rounded.variances, [0, 1])


def test_gradients():
    """By x and by the log SNR, of which the schedule may be learned."""
    data, rng = make(), np.random.default_rng(1)
    x, log_snr = rng.standard_normal((4, 3)), rng.uniform(-5, 5, 4)
    check_gradients(lambda x, u: np.sum(data.denoise(x, u) ** 2), (x, log_snr))
    assert not tree_leaves(data)


@pytest.mark.parametrize(
    ("mean", "S", "message"),
    [
        (np.zeros(2), np.eye(3), r"\(2,\) of mean and \(3, 3\) of covariance"),
        (np.zeros(()), np.eye(1), "do not fit"),
        (np.zeros((1, 2)), np.eye(2), "do not fit"),
        (np.zeros(0), np.eye(0), "do not fit"),
        (np.array([0, np.nan]), np.eye(2), "not finite"),
        (np.zeros(2), np.diag([1.0, np.inf]), "not finite"),
        (np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), "by up to 0.5 from"),
        (np.zeros(2), np.diag([1.0, -0.5]), "the eigenvalue -0.5"),
    ],
)
def test_what_is_no_covariance_is_refused(mean, S, message):
    with pytest.raises(ValueError, match=message):
        GaussianDenoiser(mean, S)


def test_points_that_do_not_fit_are_refused():
    data = make(2)
    with pytest.raises(ValueError, match="do not describe the same features"):
        data.denoise(np.zeros((4, 3)), np.zeros(4))
    with pytest.raises(TypeError, match=r"write x\.astype\(np\.float64\)"):
        data.denoise(np.zeros((4, 2), np.float32), np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="do not describe the same features"):
        data.continuous_term(np.zeros((4, 3)), 5.0, -5.0)
    with pytest.raises(TypeError, match=r"write x_0\.astype\(np\.float64\)"):
        data.expected_error(np.zeros((4, 2), np.float32), 0.0)
    for log_snr in (np.zeros(3), np.zeros((4, 1))):
        with pytest.raises(ValueError, match="does not belong to x of shape"):
            data.denoise(np.zeros((4, 2)), log_snr)


def test_what_is_no_schedule_is_refused():
    with pytest.raises(TypeError, match=r"schedule is 5, .* write .*cosine\(100\)"):
        make().at_times(5)
