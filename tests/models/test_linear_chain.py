"""The linear-Gaussian chain: moments, likelihood and posteriors without a draw.

Its maps are affine in the noise, so unit vectors of noise give their matrices, and a
mean over noise of anything quadratic is a sum over few points: nothing here is random
but the parameters.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from autodiff import check_gradients, grad, tree_leaves
from models.conditionals import Bernoulli, Gaussian, HomoscedasticGaussian
from models.gaussian_divergences import kl_gaussian_full
from models.hierarchical_vae import HierarchicalVAE
from models.linear_chain import (
    exact_encoders,
    exact_log_likelihood,
    exact_posteriors,
    linear_law,
    marginals,
)
from models.mlp import MLP, Dense
from tests.models.hierarchies import (
    affine,
    cubature,
    joint_moments,
    make_chain,
    units,
)

SIZES = st.lists(st.integers(1, 4), min_size=2, max_size=4)
SEEDS = st.integers(0, 2**32)
DIAGONAL = [(1, 1), (1, 1, 1, 1), (4, 1), (3, 3, 3)]


def with_posterior(model):
    return HierarchicalVAE(exact_encoders(model), model.decoders)


def prior_moments(model):
    """Those of (x, h_1, ..., h_T), as `generate` draws them."""
    return joint_moments(model.generate(units((model.visible, *model.latents))))


def encoder_moments(model, x):
    """Those of (h_1, ..., h_T) given x : (M,), as `reparameterize` draws them."""
    noise = units(model.latents)
    return joint_moments(model.reparameterize(np.tile(x, (len(noise[0]), 1)), noise))


def blocks(matrix, sizes):
    """The matrix cut into blocks, one for each pair of levels."""
    at = np.cumsum(sizes)[:-1]
    return [np.split(rows, at, axis=1) for rows in np.split(matrix, at, axis=0)]


@given(sizes=SIZES, seed=SEEDS)
def test_the_moments_are_those_of_what_the_chain_generates(sizes, seed):
    model = make_chain(sizes, seed)
    mean, covariance = prior_moments(model)
    parts = blocks(covariance, sizes)
    means = np.split(mean, np.cumsum(sizes)[:-1])
    for t, (m, C) in enumerate(marginals(model)):
        np.testing.assert_allclose(m, means[t], atol=1e-12)
        np.testing.assert_allclose(C, parts[t][t], atol=1e-11 * np.max(abs(C)))


@given(sizes=SIZES, seed=SEEDS)
def test_the_likelihood_is_that_of_one_gaussian(sizes, seed):
    model = make_chain(sizes, seed)
    mean, covariance = prior_moments(model)
    M = sizes[0]
    x = 2 * np.random.default_rng(seed).standard_normal((2, 3, M))
    expected = multivariate_normal.logpdf(x, mean[:M], covariance[:M, :M])
    found = exact_log_likelihood(model, x)
    np.testing.assert_allclose(found, expected.reshape(2, 3), rtol=1e-10, atol=1e-10)


@given(sizes=SIZES, seed=SEEDS)
def test_likelihood_and_posteriors_make_up_the_joint_density(sizes, seed):
    """p(x, h_1, ..., h_T) = p(x) p(h_1 | x) ... p(h_T | h_{T-1}), anywhere."""
    model, rng = make_chain(sizes, seed), np.random.default_rng(seed)
    x, *h = (rng.standard_normal((1, size)) for size in sizes)
    total = exact_log_likelihood(model, x)[0]
    for law, (below, above) in zip(
        exact_posteriors(model), pairwise((x, *h)), strict=True
    ):
        mean = (below @ law.weights + law.bias)[0]
        total += multivariate_normal.logpdf(above[0], mean, law.covariance)
    np.testing.assert_allclose(total, model.log_joint(x, tuple(h))[0], rtol=1e-9)


@pytest.mark.parametrize("sizes", DIAGONAL)
def test_at_the_posterior_every_weight_is_the_likelihood(sizes):
    """Equality in the bound, and the log weights have no variance."""
    model = with_posterior(make_chain(sizes, diagonal=True))
    x = np.random.default_rng(1).standard_normal((4, sizes[0]))
    log_p = exact_log_likelihood(model, x)
    log_weights = model.log_weights(x, model.draw_noise(4, 2, samples=50))
    np.testing.assert_allclose(log_weights, np.tile(log_p, (50, 1)), atol=1e-11)
    one = model.draw_noise(4, 3)
    np.testing.assert_allclose(model.elbo(x, one), log_p, atol=1e-11)


@given(sizes=SIZES, seed=SEEDS)
def test_the_bound_is_below_by_the_divergence_from_the_posterior(sizes, seed):
    """log p(x) - ELBO = KL(q(h | x) || p(h | x)) >= 0, for encoders of no relation."""
    model = make_chain(sizes, seed)
    x = np.random.default_rng(seed).standard_normal((1, sizes[0]))
    elbo = model.elbo(x, cubature(model.latents, 1))[0]
    m, C = prior_moments(model)
    M = sizes[0]
    gain = np.linalg.solve(C[:M, :M], C[:M, M:])
    posterior = (m[M:] + (x[0] - m[:M]) @ gain, C[M:, M:] - C[M:, :M] @ gain)
    gap = kl_gaussian_full(*encoder_moments(model, x[0]), *posterior)
    log_p = exact_log_likelihood(model, x)[0]
    assert gap > 0
    np.testing.assert_allclose(log_p - elbo, gap, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sizes", DIAGONAL)
def test_at_the_posterior_the_bound_has_the_slope_of_the_likelihood(sizes):
    """By the decoders; by the encoders it has none, since there it is highest."""
    model = with_posterior(make_chain(sizes, diagonal=True))
    for encoder in model.encoders:
        encoder.learn_variance = True
    x = np.random.default_rng(1).standard_normal((4, sizes[0]))
    noise = cubature(model.latents, 4)
    found = grad(lambda model: np.sum(model.elbo(x, noise)))(model)
    expected = grad(lambda model: np.sum(exact_log_likelihood(model, x)))(model)
    pairs = zip(
        tree_leaves(found.decoders), tree_leaves(expected.decoders), strict=True
    )
    for slope, of_likelihood in pairs:
        assert np.any(of_likelihood)
        np.testing.assert_allclose(slope, of_likelihood, rtol=1e-9, atol=1e-10)
    for slope in tree_leaves(found.encoders):
        np.testing.assert_allclose(slope, 0, atol=1e-9)


@given(sizes=st.lists(st.integers(1, 3), min_size=3, max_size=5), seed=SEEDS)
def test_both_chains_are_markovian(sizes, seed):
    """Given a level, what is below and what is above it have no covariance.

    Which is to say that blocks of the precision beside neighboring levels vanish.
    """
    model = make_chain(sizes, seed)
    x = np.random.default_rng(seed).standard_normal(sizes[0])
    upward = encoder_moments(model, x)[1], sizes[1:]
    for covariance, levels in ((prior_moments(model)[1], sizes), upward):
        precision = blocks(np.linalg.inv(covariance), levels)
        parts = blocks(covariance, levels)
        for t in range(1, len(levels) - 1):
            below, here, above = t - 1, t, t + 1
            told = parts[below][here] @ np.linalg.solve(
                parts[here][here], parts[here][above]
            )
            scale = 1e-9 * np.max(np.abs(covariance))
            np.testing.assert_allclose(parts[below][above], told, atol=scale)
            assert np.any(abs(parts[below][above]) > scale)
            size = np.max(np.abs(np.linalg.inv(covariance)))
            np.testing.assert_allclose(precision[below][above], 0, atol=1e-9 * size)


def test_one_level_is_factor_analysis():
    """x ~ N(b, W^T W + D), and E[h | x] by the usual formula (I + W D^-1 W^T)^-1."""
    model = make_chain((4, 2))
    law = linear_law(model.decoders[0])
    W, D = law.weights, law.covariance
    mean, covariance = marginals(model)[0]
    np.testing.assert_allclose(mean, law.bias)
    np.testing.assert_allclose(covariance, W.T @ W + D)
    (posterior,) = exact_posteriors(model)
    S = np.linalg.inv(np.eye(2) + W @ np.linalg.solve(D, W.T))
    np.testing.assert_allclose(posterior.covariance, S, rtol=1e-12)
    np.testing.assert_allclose(posterior.weights, np.linalg.solve(D, W.T) @ S)


@pytest.mark.parametrize("v", [-20.0, 15.0])
def test_noise_of_any_size(v):
    """Posterior covariances stay positive where they are 1e-9 of the prior's."""
    model = make_chain((3, 3, 3), diagonal=True)
    for decoder in model.decoders:
        decoder.log_variance[:] = v
    model = with_posterior(model)
    x = 0.1 * np.random.default_rng(1).standard_normal((4, 3))
    noise = model.draw_noise(4, 2, samples=5)
    log_p = exact_log_likelihood(model, x)
    np.testing.assert_allclose(
        model.log_weights(x, noise), np.tile(log_p, (5, 1)), rtol=1e-5
    )


def test_affine_layers_one_after_the_other_are_one():
    rng = np.random.default_rng(0)
    two = MLP([Dense.create(2, 5, rng=rng), Dense.create(5, 3, rng=rng)])
    for layer in two.layers:
        layer.bias[:] = rng.standard_normal(layer.bias.shape)
    law = linear_law(HomoscedasticGaussian(two, np.array(0.5)))
    x = rng.standard_normal((4, 2))
    np.testing.assert_allclose(x @ law.weights + law.bias, two(x), rtol=1e-12)
    np.testing.assert_allclose(law.covariance, np.exp(0.5) * np.eye(3))


def test_single_precision_is_computed_in_double():
    narrow, x = make_chain((4, 3, 2), dtype=np.float32), np.ones((2, 4), np.float32)
    wide = make_chain((4, 3, 2))
    for a, b in zip(tree_leaves(wide), tree_leaves(narrow), strict=True):
        a[...] = b
    found = exact_log_likelihood(narrow, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, exact_log_likelihood(wide, 1.0 * x), rtol=1e-6)
    encoders = exact_encoders(make_chain((3, 1), dtype=np.float32))
    assert encoders[0].dtype == encoders[0].log_variance.dtype == np.float32


def test_gradients():
    model, x = make_chain((3, 2, 2)), np.random.default_rng(1).standard_normal((4, 3))
    report = check_gradients(
        lambda decoders, x: exact_log_likelihood(
            HierarchicalVAE(model.encoders, decoders), x
        ),
        (model.decoders, x),
        order=2,
    )
    assert report.inconclusive <= 0.1 * report.comparisons


def test_a_variance_that_is_not_learned_has_no_derivative():
    model, x = make_chain((3, 2)), np.ones((1, 3))
    model.decoders[0].learn_variance = False
    slope = grad(lambda model: np.sum(exact_log_likelihood(model, x)))(model)
    assert not np.any(slope.decoders[0].log_variance)
    assert np.any(slope.decoders[0].network.layers[0].weights)


def test_what_is_not_linear_is_refused():
    curved = MLP.create((2, 5, 3), activation="tanh", rng=0)
    encoder = affine(3, 2, np.random.default_rng(0))
    x = np.zeros((1, 3))
    for decoder, error, message in (
        (
            Bernoulli(MLP.create((2, 3), rng=0)),
            TypeError,
            "a Bernoulli has no variance",
        ),
        (Gaussian(MLP.create((2, 6), rng=0)), TypeError, "a Gaussian has no variance"),
        (HomoscedasticGaussian(curved, np.zeros(3)), ValueError, "identity, tanh"),
    ):
        model = HierarchicalVAE((encoder,), (decoder,))
        for function in (marginals, exact_posteriors, exact_encoders):
            with pytest.raises(error, match=message):
                function(model)
        with pytest.raises(error, match=message):
            exact_log_likelihood(model, x)
    with pytest.raises(ValueError, match="do not describe the same features"):
        exact_log_likelihood(make_chain((3, 2)), np.zeros((1, 4)))


def test_a_posterior_with_correlations_is_no_encoder():
    with pytest.raises(ValueError, match=r"entries of h_1 have correlations up to 0\."):
        exact_encoders(make_chain((3, 2)))
    model = make_chain((2, 2, 2), diagonal=True)
    model.decoders[1].network.layers[0].weights[0, 1] = 0.5
    with pytest.raises(ValueError, match="entries of h_1 have correlations"):
        exact_encoders(model)
