"""The divergence between Gaussians: the term of the bound that needs no sampling.

    KL(N(m, diag(s^2)) || N(0, I)) = 1/2 sum_j [ m_j^2 + s_j^2 - 1 - log s_j^2 ],

the price, in nats, of an encoder that says N(m, s^2) of h, where the prior says N(0, 1)
of every one. It is a sum over latents because both laws are products. v = log s^2 is
what a network returns. To be read from top to bottom; every statement is an assertion.
Numbers like T31 are those of the list in README.md.

Sources: D. P. Kingma and M. Welling, ICLR (2014), appendix B; C. E. Rasmussen and C. K.
I. Williams (2006), Gaussian Processes for Machine Learning, appendix A.5.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from autodiff import explain, grad
from models import kl_gaussian, kl_gaussian_full
from models.conditionals import reparameterize
from models.gaussian_divergences import kl_standard_normal
from tests.lecture.latents import gauss_hermite, log_normal

means = st.floats(-3, 3)
widths = st.floats(0.1, 3)


def by_hand(m, s):
    """1/2 sum_j [ m_j^2 + s_j^2 - 1 - log s_j^2 ]."""
    return 0.5 * np.sum(m**2 + s**2 - 1 - np.log(s**2), axis=-1)


# 1. One latent


@given(m=means, s=widths)
def test_the_divergence_is_an_integral_that_is_known(m, s):
    """int q log(q / p) dh for q = N(m, s^2), p = N(0, 1), by adaptive quadrature (T31).

    log q - log p is a parabola in h, so that only <h> and <h^2> are needed of q.
    """

    def integrand(h):
        log_q = log_normal(h, m, s**2)
        return np.exp(log_q) * (log_q - log_normal(h, 0, 1))

    ends = m - 12 * s, m + 12 * s
    integral = quad(integrand, *ends, points=[m], epsabs=1e-12, epsrel=1e-12)[0]
    found = by_hand(np.array([m]), np.array([s]))
    assert found == pytest.approx(integral, abs=1e-10)
    log_variance = np.array([2 * np.log(s)])
    library = kl_standard_normal(np.array([m]), log_variance)
    assert library == pytest.approx(found, abs=1e-13)


def test_the_mean_log_ratio_of_draws_tends_to_it():
    """100,000 draws of q = N(0.8, 0.25), within 5.03 errors: sees 4 % of it (T31)."""
    m, s = 0.8, 0.5
    h = m + s * np.random.default_rng(0).standard_normal(100_000)
    ratio = log_normal(h, m, s**2) - log_normal(h, 0, 1)
    error = ratio.std() / np.sqrt(ratio.size)
    exact = by_hand(np.array([m]), np.array([s]))
    assert exact == pytest.approx(0.638147, abs=1e-6)
    assert 2 * 5.03 * error < 0.04 * exact
    assert abs(ratio.mean() - exact) < 5.03 * error


def test_the_slopes_of_the_divergence():
    """By m it is m and by v = log s^2 it is (s^2 - 1) / 2 (T31).

    By hand, by reverse mode and by its printed program, recorded elsewhere. Both vanish
    at the prior and nowhere else.
    """
    rng = np.random.default_rng(0)

    def total(m, v):
        return np.sum(kl_standard_normal(m, v))

    slopes = grad(total, (0, 1))
    printed = explain(slopes, rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))
    for m, v in rng.normal(size=(5, 2, 2, 3)):
        expected = m, (np.exp(v) - 1) / 2
        for found in (slopes(m, v), printed(m, v)):
            np.testing.assert_allclose(found[0], expected[0], rtol=1e-13)
            np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)
    at_the_prior = slopes(np.zeros(3), np.zeros(3))
    np.testing.assert_array_equal(at_the_prior, np.zeros((2, 3)))


# 2. Any two Gaussians


@given(m=means, s=widths, n=means, t=widths)
def test_between_two_gaussians_on_a_line(m, s, n, t):
    """1/2 [ s^2/t^2 - 1 - log(s^2/t^2) + (m - n)^2 / t^2 ] (T31).

    It is the one to N(0, 1), of h in units of the second law: (h - n) / t.
    """
    ratio = s**2 / t**2
    expected = 0.5 * (ratio - 1 - np.log(ratio) + (m - n) ** 2 / t**2)
    moved = by_hand(np.array([(m - n) / t]), np.array([s / t]))
    assert moved == pytest.approx(expected, rel=1e-9, abs=1e-12)
    h, weights = gauss_hermite(4)
    h = m + s * h
    integral = weights @ (log_normal(h, m, s**2) - log_normal(h, n, t**2))
    assert expected == pytest.approx(integral, rel=1e-10, abs=1e-10)
    arrays = [np.array([x]) for x in (m, 2 * np.log(s), n, 2 * np.log(t))]
    assert kl_gaussian(*arrays) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def some_gaussians(d, seed):
    rng = np.random.default_rng(seed)
    factors, means = rng.normal(size=(2, d, d)), rng.normal(size=(2, d))
    S, T = factors @ factors.mT + 0.3 * np.eye(d)
    return means[0], S, means[1], T


@pytest.mark.parametrize("seed", range(5))
def test_in_the_plane_with_any_covariances(seed):
    """1/2 [ tr(T^-1 S) - 2 - log det(T^-1 S) + (m - n)^T T^-1 (m - n) ] (T31).

    The log ratio of two densities is a polynomial of degree two in h, whose mean the
    rule of Gauss and Hermite has exactly, from three nodes each way.
    """
    m, S, n, T = some_gaussians(2, seed)
    h, weights = gauss_hermite(3, dimensions=2)
    h = m + h @ np.linalg.cholesky(S).T

    def log_density(h, mean, covariance):
        r = h - mean
        squares = np.sum(r @ np.linalg.inv(covariance) * r, axis=1)
        return -0.5 * (squares + np.log(np.linalg.det(2 * np.pi * covariance)))

    integral = weights @ (log_density(h, m, S) - log_density(h, n, T))
    M = np.linalg.inv(T) @ S
    shift = (m - n) @ np.linalg.inv(T) @ (m - n)
    expected = 0.5 * (np.trace(M) - 2 - np.log(np.linalg.det(M)) + shift)
    assert expected == pytest.approx(integral, rel=1e-11)
    assert kl_gaussian_full(m, S, n, T) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_each_form_is_a_case_of_the_next(d):
    """Standard normal, diagonal, full: one number where the laws are the same (T31)."""
    m, S, n, T = some_gaussians(d, seed=d)
    v, w = np.log(np.diagonal(S)), np.log(np.diagonal(T))
    diagonal = kl_gaussian(m, v, n, w)
    full = kl_gaussian_full(m, np.diag(np.exp(v)), n, np.diag(np.exp(w)))
    assert diagonal == pytest.approx(full, rel=1e-12)
    zero = np.zeros(d)
    standard = kl_standard_normal(m, v)
    assert standard == pytest.approx(kl_gaussian(m, v, zero, zero), rel=1e-13)
    assert standard == pytest.approx(by_hand(m, np.exp(v / 2)), rel=1e-12)


# 3. A vector of widths


def test_a_vector_times_the_identity_is_no_covariance():
    """N(mu, sigma^2 I) takes one number sigma; for a vector it is diag(sigma^2) (E7).

    As a product with the identity, sigma^2 I of a vector is that vector again, and no
    matrix. What the encoder draws, mu + sigma * noise, has the covariance
    diag(sigma^2): exactly, over noise of covariance I.
    """
    mu, sigma = np.array([0.3, -1.0, 2.0]), np.array([0.5, 1.0, 2.0])
    printed = sigma**2 @ np.eye(3)
    np.testing.assert_array_equal(printed, sigma**2)
    with pytest.raises(ValueError, match="covariance"):
        kl_gaussian_full(mu, printed, np.zeros(3), np.eye(3))
    noise, weights = gauss_hermite(2, dimensions=3)
    h = reparameterize(mu, np.log(sigma**2), noise)
    covariance = (h - mu).T @ (weights[:, np.newaxis] * (h - mu))
    corrected = np.diag(sigma**2)
    np.testing.assert_allclose(covariance, corrected, rtol=0, atol=1e-14)
    divergence = kl_gaussian_full(mu, corrected, np.zeros(3), np.eye(3))
    assert divergence == pytest.approx(by_hand(mu, sigma), rel=1e-13)


def test_one_width_for_all_latents_is_another_family():
    """Read as one number sigma, N(mu, sigma^2 I) cannot be the posterior (E7).

    Two latents, seen through p(x_j | h_j) = N(w_j h_j, 1) with w = (0, 3), have the
    posterior variances 1 / (1 + w_j^2) = (1, 0.1). diag(sigma^2) is that law. The best
    single variance is the harmonic mean of the two, 2 / (1 + 10), and misses by 0.55
    nats.
    """
    posterior = 1 / (1 + np.array([0.0, 3.0]) ** 2)
    zero = np.zeros(2)

    def gap(v):
        return kl_gaussian(zero, np.asarray(v), zero, np.log(posterior))

    assert gap(np.log(posterior)) == 0
    best = minimize_scalar(lambda v: gap(np.full(2, v)), bounds=(-5, 5))
    assert np.exp(best.x) == pytest.approx(2 / 11, rel=1e-5)
    assert best.fun == pytest.approx(np.log(11 / 2) - np.log(10) / 2, abs=1e-9)
    assert best.fun == pytest.approx(0.5535, abs=5e-5)


# 4. What keeps q from a point


def test_a_law_that_narrows_is_as_far_as_minus_the_logarithm_of_its_width():
    """KL + log s -> (m^2 - 1) / 2 as s -> 0: each factor of e costs one nat (T36)."""
    m = np.array([0.7])
    for s in (1e-1, 1e-2, 1e-4, 1e-6):
        divergence = kl_standard_normal(m, np.array([2 * np.log(s)]))
        left = divergence + np.log(s) - (0.7**2 - 1) / 2
        assert left == pytest.approx(s**2 / 2, abs=1e-13)
    narrower = kl_standard_normal(m, np.array([2 * np.log(1e-6 / np.e)]))
    assert narrower - divergence == pytest.approx(1, abs=1e-11)


def test_without_the_prior_term_the_best_encoder_is_a_point():
    """p(x | h) = N(w h, 1), q = N(m, s^2): reconstruction only gains as s falls (T36).

    E_q log p(x | h) = log N(x; w m, 1) - w^2 s^2 / 2 has its supremum at s = 0. The
    prior term, -log s at small s, outweighs any gain there: the two together have their
    maximum at the posterior's width, 1 / (1 + w^2).
    """
    w, x, m = 1.5, 0.4, 0.2
    s = np.geomspace(1e-8, 3, 400)
    noise, weights = gauss_hermite(3)
    h = m + s[:, np.newaxis] * noise
    reconstruction = log_normal(x, w * h, 1) @ weights
    expected = log_normal(x, w * m, 1) - w**2 * s**2 / 2
    np.testing.assert_allclose(reconstruction, expected, rtol=1e-13)
    assert np.all(np.diff(reconstruction[s > 1e-6]) < 0)

    def bound(s):
        kl = kl_standard_normal(np.array([m]), np.array([2 * np.log(s)]))
        return log_normal(x, w * m, 1) - w**2 * s**2 / 2 - kl

    values = np.array([bound(each) for each in s])
    assert values[0] < values.max() - 15
    best = minimize_scalar(lambda s: -bound(s), bounds=(1e-3, 3), method="bounded")
    assert best.x**2 == pytest.approx(1 / (1 + w**2), rel=1e-4)
