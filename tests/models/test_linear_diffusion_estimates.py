"""Estimates of the bound, averaged over all noise, are those in closed form.

An estimate at a given time is quadratic in its noise if the denoiser is linear, and a
mean over few points of noise is its expectation, to rounding.
"""

import numpy as np
import pytest

from models.diffusion_bounds import (
    all_terms,
    continuous_terms,
    denoising_terms,
    reconstruction_term,
)
from models.diffusion_chain_bounds import (
    consistency_form,
    consistency_terms,
    forward_chain,
    joint_form,
)
from models.gaussian_denoiser import GaussianDenoiser
from models.likelihoods import gaussian_log_likelihood
from models.linear_consistency import chain_variances, end_term
from models.linear_consistency import consistency_terms as closed_consistency_terms
from models.linear_diffusion import LinearDiffusion
from models.log_snr import LinearLogSNR
from tests.models.linear_chains import covariance, cubature

T, D = 6, 2
DATA = GaussianDenoiser(np.array([0.5, -1.0]), covariance(D))
X_0 = np.array([[0.3, -0.8], [2.0, 1.0], [-1.0, 0.0]])


class Exact:
    """The model that estimates need, with the exact denoiser."""

    log_snr = LinearLogSNR(8.0, -8.0)

    def denoise(self, x, log_snr):
        return DATA.denoise(x, log_snr)

    def log_likelihood_at_start(self, x_0, x_1, log_snr):
        alpha = np.sqrt(1 / (1 + np.exp(-log_snr)))[..., np.newaxis]
        v = np.broadcast_to(-log_snr[..., np.newaxis], x_1.shape)
        return gaussian_log_likelihood(np.broadcast_to(x_0, x_1.shape), x_1 / alpha, v)


MODEL = LinearDiffusion.of(DATA, Exact.log_snr.schedule(T))


def for_each_example(noise):
    """Noise (points, ..., d) as (points, ..., n, d), the same for all of X_0."""
    return np.repeat(noise[..., np.newaxis, :], len(X_0), axis=-2)


def test_each_term():
    noise = for_each_example(cubature(D))
    found = np.mean(reconstruction_term(Exact(), X_0, noise, T), axis=0)
    np.testing.assert_allclose(found, MODEL.reconstruction_term(X_0), rtol=1e-10)
    for t in range(2, T + 1):
        times = np.full(noise.shape[:-1], t)
        found = np.mean(denoising_terms(Exact(), X_0, times, noise, T), axis=0)
        expected = MODEL.denoising_terms(X_0)[t - 2]
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_all_terms():
    points = for_each_example(cubature(D))
    terms = [all_terms(Exact(), X_0, np.stack([z] * T), T) for z in points]
    found = np.mean([each.bound for each in terms], axis=0)
    np.testing.assert_allclose(found, MODEL.bound(X_0), rtol=1e-10)
    np.testing.assert_allclose(terms[0].prior, MODEL.prior_term(X_0), rtol=1e-10)


def test_the_forms_along_a_chain():
    points = for_each_example(cubature(T * D).reshape(-1, T, D))
    chains = [forward_chain(Exact(), X_0, noise) for noise in points]
    found = np.mean([joint_form(Exact(), x) for x in chains], axis=0)
    np.testing.assert_allclose(found, MODEL.bound(X_0), rtol=1e-10)
    found = np.mean([consistency_terms(Exact(), x) for x in chains], axis=0)
    expected = closed_consistency_terms(MODEL, X_0)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)
    found = np.mean([consistency_form(Exact(), x).prior for x in chains], axis=0)
    np.testing.assert_allclose(found, end_term(MODEL, X_0), rtol=1e-9, atol=1e-11)


def test_the_variance_along_a_chain():
    """20,000 chains of each example: sees 7 % of the variance of the joint form."""
    noise = np.random.default_rng(0).standard_normal((T, 20_000 * len(X_0), D))
    x_0 = np.repeat(X_0, 20_000, axis=0)
    values = joint_form(Exact(), forward_chain(Exact(), x_0, noise))
    squares = (values.reshape(len(X_0), -1) - MODEL.bound(X_0)[:, np.newaxis]) ** 2
    error = np.std(squares, axis=1) / np.sqrt(20_000)
    expected, _ = chain_variances(MODEL, X_0)
    assert np.all(5.03 * error < 0.1 * expected)
    assert np.all(np.abs(np.mean(squares, axis=1) - expected) < 5.03 * error)


def test_continuous_time():
    """The midpoint rule over 4,000 times, for noise at all of which one has the mean.

    Its error for a smooth integrand is of the order of the square of a step.
    """
    times = (np.arange(4000) + 0.5) / 4000
    points = for_each_example(cubature(D))
    noise = np.repeat(points[:, np.newaxis], 4000, axis=1)
    u = np.broadcast_to(times[:, np.newaxis], noise.shape[:-1])
    terms = continuous_terms(Exact(), X_0, u, noise)
    found = np.mean(terms.diffusion, axis=(0, 1))
    expected = DATA.continuous_term(X_0, 8.0, -8.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    start = np.mean(terms.reconstruction, axis=(0, 1))
    assert start == pytest.approx(8.0 - np.log(2 * np.pi) - 1)
