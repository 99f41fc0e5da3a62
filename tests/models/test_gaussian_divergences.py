"""Divergences between Gaussians: by quadrature, by sampling, among each other."""

import numpy as np
import pytest
from scipy import integrate, stats

from autodiff import grad
from models import (
    gaussian_log_likelihood,
    kl_gaussian,
    kl_gaussian_full,
    kl_standard_normal,
)

RNG = np.random.default_rng(0)


def covariance(d):
    A = RNG.standard_normal((d, d))
    return A @ A.T + 0.1 * np.eye(d)


@pytest.mark.parametrize(("m", "v", "n", "w"), [(0, 0, 1, 0.5), (-2, -1, 0.3, 1)])
def test_by_quadrature(m, v, n, w):
    p, q = stats.norm(m, np.exp(v / 2)), stats.norm(n, np.exp(w / 2))

    def integrand(x):
        return p.pdf(x) * (p.logpdf(x) - q.logpdf(x))

    expected, _ = integrate.quad(integrand, m - 15, m + 15, epsabs=1e-13, limit=200)
    found = kl_gaussian(np.array([float(m)]), float(v), float(n), float(w))
    assert found == pytest.approx(expected, rel=1e-10)


def test_it_is_the_mean_of_the_log_ratio():
    """100,000 draws from p; the mean of log p / q within 5 of its standard errors."""
    m, v, n, w = RNG.standard_normal((4, 3))
    x = m + np.exp(v / 2) * RNG.standard_normal((100_000, 3))
    ratio = gaussian_log_likelihood(x, m, v) - gaussian_log_likelihood(x, n, w)
    error = ratio.std() / np.sqrt(len(x))
    assert error < 0.02 * kl_gaussian(m, v, n, w)
    assert abs(ratio.mean() - kl_gaussian(m, v, n, w)) < 5 * error


def test_special_cases_of_each_other():
    m, v, n, w = RNG.standard_normal((4, 5))
    diagonal = kl_gaussian(m, v, n, w)
    full = kl_gaussian_full(m, np.diag(np.exp(v)), n, np.diag(np.exp(w)))
    assert full == pytest.approx(diagonal, rel=1e-13)
    standard = kl_standard_normal(m, v)
    assert standard == pytest.approx(kl_gaussian(m, v, 0.0, 0.0), rel=1e-15)
    each = [kl_gaussian(m[i : i + 1], v[i], n[i], w[i]) for i in range(5)]
    assert diagonal == pytest.approx(sum(each), rel=1e-14)


def test_the_full_divergence_by_its_definition():
    for d in (1, 2, 6):
        m, n = RNG.standard_normal((2, d))
        S, T = covariance(d), covariance(d)
        T_inv = np.linalg.inv(T)
        log_det = np.linalg.slogdet(T_inv @ S).logabsdet
        twice = np.trace(T_inv @ S) - d - log_det + (m - n) @ T_inv @ (m - n)
        assert kl_gaussian_full(m, S, n, T) == pytest.approx(twice / 2, rel=1e-9)
        assert kl_gaussian_full(m, S, m, S) < 1e-25


def test_gradients_by_hand():
    m, v = RNG.standard_normal((2, 5))
    by_mean, by_variance = grad(kl_standard_normal, (0, 1))(m, v)
    np.testing.assert_allclose(by_mean, m, rtol=1e-15)
    np.testing.assert_allclose(by_variance, np.expm1(v) / 2, rtol=1e-13)

    d = 4
    m, n = RNG.standard_normal((2, d))
    S, T = covariance(d), covariance(d)
    by_mean, by_covariance = grad(kl_gaussian_full, (0, 1))(m, S, n, T)
    np.testing.assert_allclose(by_mean, np.linalg.solve(T, m - n), rtol=1e-9)
    # By a symmetric S it is (T^-1 - S^-1) / 2, here held by the lower triangle alone.
    whole = (np.linalg.inv(T) - np.linalg.inv(S)) / 2
    folded = np.tril(whole) + np.tril(whole, -1)
    np.testing.assert_allclose(by_covariance, folded, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_precision(dtype):
    m, v = RNG.standard_normal((2, 4, 3)).astype(dtype)
    for found, shape in [
        (kl_standard_normal(m, v), (4,)),
        (kl_standard_normal(m, 0.5), (4,)),
        (kl_standard_normal(0, v), (4,)),
        (kl_gaussian(m, v, m[:, np.newaxis] + 1, v[0]), (4, 4)),
        (kl_gaussian(m, 0.5, 1, 0.25), (4,)),
        (kl_gaussian(0.5, 1, m, 0), (4,)),
        (
            kl_gaussian_full(
                m[0], np.eye(3, dtype=dtype), m[1], np.eye(3, dtype=dtype)
            ),
            (),
        ),
    ]:
        assert (found.shape, found.dtype) == (shape, dtype)
        assert np.all(found > 0)


def test_errors_of_full_covariances():
    m, eye = np.zeros(3), np.eye(3)

    def divergence(mean=m, covariance=eye, of_q=eye):
        return kl_gaussian_full(mean, covariance, m, of_q)

    assert divergence() == 0
    for mean in (np.zeros(2), np.zeros((1, 3)), np.zeros((3, 1))):
        with pytest.raises(ValueError, match="give one pair of laws at a time"):
            divergence(mean)
    with pytest.raises(ValueError, match="d at least 1"):
        kl_gaussian_full(np.zeros(0), np.zeros((0, 0)), np.zeros(0), np.zeros((0, 0)))
    for bad in (np.eye(2), np.ones(3), np.ones((1, 3, 3))):
        with pytest.raises(ValueError, match=r"covariance_p has shape .* is \(3, 3\)"):
            divergence(covariance=bad)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="covariance_p holds numbers that are not"):
            divergence(covariance=np.full((3, 3), bad))
    with pytest.raises(
        ValueError, match=r"covariance_q is not symmetric: .* up to 1e-06"
    ):
        divergence(of_q=eye + np.eye(3, k=1) * 1e-6)
    divergence(of_q=eye + np.eye(3, k=1) * 1e-9)
    for bad in (np.zeros((3, 3)), -eye, np.ones((3, 3))):
        with pytest.raises(ValueError, match="covariance_p has an eigenvalue"):
            divergence(covariance=bad)
    for kind in (int, np.float16):
        with pytest.raises(TypeError, match="covariance_p must be a float32 or"):
            divergence(covariance=eye.astype(kind))
    with pytest.raises(TypeError, match=r"covariance_q\.astype\(np\.float64\)"):
        divergence(of_q=eye.astype(np.float32))
