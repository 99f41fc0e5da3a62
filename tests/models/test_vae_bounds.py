"""Bounds of the variational autoencoder: identities, truths, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from autodiff import grad, logsumexp, tree_leaves
from models import gaussian_log_likelihood, kl_gaussian_full, kl_standard_normal
from models.conditionals import Gaussian, HomoscedasticGaussian
from models.vae import VAE
from models.vae_bounds import latent_divergences, logmeanexp
from tests.models.autoencoders import (
    draws,
    every_kind,
    hermite,
    log_prior,
    make_examples,
    make_network,
    make_vae,
    on_a_grid,
)


def at_nodes(vae, x, points):
    """Nodes of the mean over the noise of each example, (k, n, d), and weights (k,)."""
    nodes, weights = hermite(vae.latent, points)
    return np.repeat(nodes[:, np.newaxis], len(x), axis=1), weights


# The estimates at given noise


@every_kind
@given(seed=st.integers(0, 1000), n=st.integers(1, 4), L=st.integers(1, 3))
def test_each_weight_is_the_joint_over_q(kind, seed, n, L):
    """log w = log p(x | h) + log p(h) - log q(h | x), each from its own formula."""
    vae = make_vae(kind, seed=seed)
    x = make_examples(vae, n, seed)
    noise = draws(vae, x, L, seed)
    h, (m, v) = vae.reparameterize(x, noise), vae.encode(x)
    log_q = gaussian_log_likelihood(h, m, v)
    expected = vae.decoder.log_density(x, h) + log_prior(h) - log_q
    found = vae.log_weights(x, noise)
    assert found.shape == (L, n)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@every_kind
def test_analytic_and_sampled_bounds_differ_by_their_divergences(kind):
    """mean log w = R - mean(log q - log p), ELBO = R - KL, with the same R."""
    vae = make_vae(kind)
    x = make_examples(vae)
    noise = draws(vae, x, 5)
    h, (m, v) = vae.reparameterize(x, noise), vae.encode(x)
    sampled = np.mean(gaussian_log_likelihood(h, m, v) - log_prior(h), axis=0)
    terms = vae.elbo_terms(x, noise)
    analytic = terms.divergence.sum(axis=1)
    sampling, elbo = vae.log_weights(x, noise).mean(axis=0), vae.elbo(x, noise)
    np.testing.assert_allclose(elbo - sampling, sampled - analytic, atol=1e-12)
    np.testing.assert_allclose(elbo, terms.reconstruction - analytic, rtol=1e-13)


@every_kind
def test_draws_are_averaged(kind):
    """One draw without an axis of its own is one; L of them are divided by L."""
    vae = make_vae(kind)
    x = make_examples(vae)
    noise = draws(vae, x, 3)
    single = [vae.elbo(x, one) for one in noise]
    assert single[0].shape == (4,)
    np.testing.assert_allclose(vae.elbo(x, noise), np.mean(single, axis=0), rtol=1e-13)
    np.testing.assert_allclose(vae.elbo(x, noise[:1]), single[0], rtol=1e-14)


def test_the_reconstruction_is_the_mean_likelihood_of_the_draws():
    vae = make_vae("gaussian")
    x = make_examples(vae)
    noise = draws(vae, x, 3)
    rows = [vae.decoder.log_density(x, vae.reparameterize(x, one)) for one in noise]
    found = vae.elbo_terms(x, noise).reconstruction
    np.testing.assert_allclose(found, np.mean(rows, axis=0), rtol=1e-13)


@every_kind
def test_each_latent_has_its_part_of_the_divergence(kind):
    vae = make_vae(kind)
    x = make_examples(vae)
    divergence = vae.elbo_terms(x, draws(vae, x, 1)[0]).divergence
    m, v = vae.encode(x)
    assert divergence.shape == (4, 2)
    assert np.all(divergence >= 0)
    np.testing.assert_allclose(divergence.sum(1), kl_standard_normal(m, v), rtol=1e-13)
    one = kl_standard_normal(m[:, 1:], np.broadcast_to(v, m.shape)[:, 1:])
    np.testing.assert_allclose(divergence[:, 1], one, rtol=1e-13)
    np.testing.assert_array_equal(latent_divergences(m, v), divergence)


def test_beta_weighs_the_divergence():
    vae = make_vae()
    x = make_examples(vae)
    noise = draws(vae, x, 2)
    R, D = vae.elbo_terms(x, noise)
    for beta in (0, 0.5, 4):
        expected = R - beta * D.sum(axis=1)
        np.testing.assert_allclose(vae.elbo(x, noise, beta=beta), expected, rtol=1e-14)


def test_the_encoder_may_see_something_else():
    """Its q is that of what it sees, and what is explained is still x."""
    vae = make_vae("gaussian")
    x, seen = make_examples(vae), make_examples(vae, seed=9)
    noise = draws(vae, x, 3)
    h = vae.reparameterize(seen, noise)
    R, D = vae.elbo_terms(x, noise, seen=seen)
    expected = vae.decoder.log_density(x, h).mean(axis=0)
    np.testing.assert_allclose(R, expected, rtol=1e-13)
    np.testing.assert_allclose(D, vae.elbo_terms(seen, noise).divergence, rtol=1e-13)
    elbo = vae.elbo(x, noise, beta=2, seen=seen)
    np.testing.assert_allclose(elbo, R - 2 * D.sum(axis=1), rtol=1e-13)
    log_q = gaussian_log_likelihood(h, *vae.encode(seen))
    expected = vae.decoder.log_density(x, h) + log_prior(h) - log_q
    weights = vae.log_weights(x, noise, seen=seen)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    bound = vae.importance_weighted_bound(x, noise, seen=seen)
    np.testing.assert_allclose(bound, logmeanexp(weights), rtol=1e-14)


# Their means over the noise, by Gauss and Hermite


@pytest.mark.parametrize("d", [1, 2])
@every_kind
def test_both_bounds_have_one_mean(kind, d):
    vae = make_vae(kind, d=d)
    x = make_examples(vae)
    noise, weights = at_nodes(vae, x, 40)
    sampling = weights @ vae.log_weights(x, noise)
    reconstruction = weights @ vae.decoder.log_density(x, vae.reparameterize(x, noise))
    divergence = vae.elbo_terms(x, noise[0]).divergence.sum(axis=1)
    np.testing.assert_allclose(sampling, reconstruction - divergence, rtol=1e-10)


@every_kind
def test_the_bound_and_the_divergence_from_the_posterior_make_the_likelihood(kind):
    """Every line of the derivation, by quadrature over h, for a nonlinear decoder."""
    vae = make_vae(kind, d=1, seed=3)
    h, dh = on_a_grid()
    for x in make_examples(vae, 3)[:, np.newaxis]:
        log_p_x_given_h = vae.decoder.log_density(x, h)
        log_joint = log_p_x_given_h + log_prior(h)
        log_p = logsumexp(log_joint) + np.log(dh)
        log_posterior = log_joint - log_p
        log_q = gaussian_log_likelihood(h, *vae.encode(x))
        q = np.exp(log_q) * dh
        elbo, gap = q @ (log_joint - log_q), q @ (log_q - log_posterior)
        lines = [
            q.sum() * log_p,
            q @ (log_joint - log_posterior),
            q @ (log_joint - log_q + log_q - log_posterior),
            elbo + gap,
        ]
        np.testing.assert_allclose(lines, log_p, rtol=1e-10)
        assert log_p > elbo + 1e-3
        terms = q @ log_p_x_given_h, q @ (log_prior(h) - log_q)
        assert sum(terms) == pytest.approx(elbo, rel=1e-12)
        noise, weights = h[:, np.newaxis], np.exp(log_prior(h)) * dh
        found = vae.elbo_terms(x, noise)
        assert terms[1] == pytest.approx(-found.divergence.sum(), rel=1e-10)
        reconstruction = vae.decoder.log_density(x, vae.reparameterize(x, noise))
        assert weights @ reconstruction == pytest.approx(terms[0], rel=1e-10)
        assert weights @ vae.log_weights(x, noise) == pytest.approx(elbo, rel=1e-10)


def linear_vae(encoder, W, mu, v):
    """A linear decoder N(W h + mu, diag(e^v)), for h : (2,) and x : (3,)."""
    network = make_network((2, 3), np.random.default_rng(0))
    network.layers[0].weights[:], network.layers[0].bias[:] = W.T, mu
    return VAE(encoder, HomoscedasticGaussian(network, v))


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_decoder_has_a_posterior_to_compare_with(seed):
    """log p(x) = N(x; mu, W W^T + D) = ELBO + KL(q || posterior), for any encoder.

    log w is a polynomial of degree two in the noise, of which three nodes are exact.
    """
    rng = np.random.default_rng(seed)
    W, mu, v = rng.standard_normal((3, 2)), rng.standard_normal(3), rng.normal(size=3)
    vae = linear_vae(Gaussian(make_network((3, 4, 4), rng)), W, mu, v)
    x = rng.standard_normal((4, 3))
    noise, weights = at_nodes(vae, x, 3)
    elbo = weights @ vae.log_weights(x, noise)
    precision = np.eye(2) + W.T @ np.diag(np.exp(-v)) @ W
    covariance = np.linalg.inv(precision)
    posterior_mean = (x - mu) * np.exp(-v) @ W @ covariance
    gaps = [
        kl_gaussian_full(m, np.diag(np.exp(w)), n, (covariance + covariance.T) / 2)
        for m, w, n in zip(*vae.encode(x), posterior_mean, strict=True)
    ]
    law = stats.multivariate_normal(mu, W @ W.T + np.diag(np.exp(v)))
    np.testing.assert_allclose(elbo + gaps, law.logpdf(x), rtol=1e-12)
    assert np.min(gaps) > 0.01


def test_at_the_posterior_every_draw_says_the_likelihood():
    """With orthogonal columns of W it has a diagonal covariance, as q has."""
    rng = np.random.default_rng(0)
    W = np.linalg.qr(rng.standard_normal((3, 2)))[0] * [2.0, 0.7]
    mu, variance = rng.standard_normal(3), 0.3
    precision = 1 + np.sum(W**2, axis=0) / variance
    network = make_network((3, 2), rng)
    network.layers[0].weights[:] = W / variance / precision
    network.layers[0].bias[:] = -mu @ network.layers[0].weights
    encoder = HomoscedasticGaussian(network, -np.log(precision))
    vae = linear_vae(encoder, W, mu, np.array(np.log(variance)))
    x = rng.standard_normal((4, 3))
    log_p = stats.multivariate_normal(mu, W @ W.T + variance * np.eye(3)).logpdf(x)
    noise = draws(vae, x, 5)
    np.testing.assert_allclose(vae.log_weights(x, noise), np.tile(log_p, (5, 1)))
    np.testing.assert_allclose(vae.importance_weighted_bound(x, noise), log_p)
    noise, weights = at_nodes(vae, x, 3)
    slope = grad(lambda vae: np.sum(weights @ vae.log_weights(x, noise)))(vae)
    for leaf in tree_leaves(slope.encoder):
        assert np.max(abs(leaf)) < 1e-12
    assert np.max(abs(slope.decoder.network.layers[0].bias)) > 0.1


# What is refused


def test_arrays_that_do_not_fit():
    vae = make_vae()
    x = make_examples(vae)
    noise = draws(vae, x, 2)
    for bad, what in [
        (x[0], r"\(3,\)"),
        (x[np.newaxis], r"\(1, 4, 3\)"),
        ([1], "list"),
    ]:
        with pytest.raises(
            ValueError, match=rf"x has shape {what} .*both are \(n, 3\)"
        ):
            vae.elbo(bad, noise)
    with pytest.raises(
        ValueError, match=r"shape \(4, 3\) and the encoder sees \(1, 3\)"
    ):
        vae.elbo(x, noise, seen=x[:1])
    with pytest.raises(ValueError, match=r"takes an array of shape \(batch, 3\)"):
        vae.elbo(x[:, :2], noise)
    with pytest.raises(TypeError, match=r"x is float32 .*x\.astype\(np\.float64\)"):
        vae.elbo(x.astype(np.float32), noise)
    for bad in (noise[:, :1], noise[..., :1], noise[0, 0], noise[np.newaxis]):
        with pytest.raises(ValueError, match=r"noise has shape .*vae\.draw_noise\("):
            vae.elbo(x, bad)
    with pytest.raises(TypeError, match=r"noise\.astype\(np\.float64\)"):
        vae.elbo(x, noise.astype(np.float32))
    for bound in (vae.log_weights, vae.importance_weighted_bound):
        with pytest.raises(ValueError, match=r"is \(k, n, d\).*noise\[np\.newaxis\]"):
            bound(x, noise[0])
        with pytest.raises(ValueError, match=r"noise has shape NoneType, .*draw_noise"):
            bound(x, None)


def test_data_that_are_no_bits():
    vae = make_vae()
    x = make_examples(vae)
    with pytest.raises(ValueError, match="rescale or binarize"):
        vae.elbo(2 * x, draws(vae, x, 2))
