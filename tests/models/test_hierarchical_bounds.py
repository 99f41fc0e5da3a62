"""The bound of a hierarchy of latents: what it is made of, and its derivatives."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from autodiff import check_gradients, grad, tree_leaves
from models.conditionals import Bernoulli, Gaussian
from models.hierarchical_vae import HierarchicalVAE
from models.linear_chain import exact_encoders
from models.mlp import MLP
from tests.models.autoencoders import both_likelihoods
from tests.models.hierarchies import cubature, data, make, make_chain


def total_elbo(model, x, noise):
    return np.sum(model.elbo(x, noise))


def log_q(model, x, h):
    """log q(h_1, ..., h_T | x) by the densities of the encoders."""
    return sum(
        encoder.log_density(above, below)
        for encoder, (below, above) in zip(
            model.encoders, pairwise((x, *h)), strict=True
        )
    )


@both_likelihoods
@given(
    latents=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    draws=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 2**32),
)
def test_the_weight_is_p_over_q_along_the_chain(likelihood, latents, draws, seed):
    model = make(latents, likelihood, seed=seed)
    x, noise = data(model, seed=seed), model.draw_noise(4, seed, draws)
    h = model.reparameterize(x, noise)
    expected = model.log_joint(x, h) - log_q(model, x, h)
    terms = model.elbo_terms(x, noise)
    assert terms.reconstruction.shape == (4,)
    assert terms.divergence.shape == (4, len(latents))
    elbo = model.elbo(x, noise)
    if draws is not None:
        log_weights = model.log_weights(x, noise)
        np.testing.assert_allclose(log_weights, expected, rtol=1e-9, atol=1e-9)
        bound = logsumexp(expected, axis=0) - np.log(draws)
        found = model.importance_weighted_bound(x, noise)
        np.testing.assert_allclose(found, bound, rtol=1e-9, atol=1e-9)
        expected = expected.mean(axis=0)
    np.testing.assert_allclose(elbo, expected, rtol=1e-9, atol=1e-9)
    total = terms.reconstruction - terms.divergence.sum(axis=1)
    np.testing.assert_allclose(elbo, total, rtol=1e-12, atol=1e-12)
    halved = model.elbo(x, noise, beta=0.5)
    np.testing.assert_allclose(halved, (total + terms.reconstruction) / 2, rtol=1e-9)


@both_likelihoods
def test_each_level_is_drawn_by_its_encoder_and_explained_by_its_decoder(likelihood):
    model = make((3, 2, 1), likelihood)
    x, noise = data(model), model.draw_noise(4, 2)
    h = model.reparameterize(x, noise)
    terms = model.elbo_terms(x, noise)
    found = model.decoders[0].log_density(x, h[0])
    np.testing.assert_allclose(terms.reconstruction, found)
    below = (x, *h)
    for t in range(3):
        drawn = model.encoders[t].log_density(h[t], below[t])
        if t < 2:
            explained = model.decoders[t + 1].log_density(h[t], h[t + 1])
        else:
            explained = -0.5 * np.sum(h[t] ** 2 + np.log(2 * np.pi), axis=1)
        expected = drawn - explained
        np.testing.assert_allclose(terms.divergence[:, t], expected, rtol=1e-8)


def one_bit():
    """A bit x under one latent under another, and a grid of (h_1, h_2), (n, 1) each."""
    up, down = (
        [MLP.create((1, 4, n), activation="tanh", rng=seed) for n in sizes]
        for seed, sizes in ((1, (2, 2)), (2, (1, 2)))
    )
    up[0].layers[1].bias[:] = 0.3, -0.5
    encoders = Gaussian(up[0]), Gaussian(up[1])
    model = HierarchicalVAE(encoders, (Bernoulli(down[0]), Gaussian(down[1])))
    line = np.linspace(-14, 14, 401)
    grid = tuple(a.reshape(-1, 1) for a in np.meshgrid(line, line))
    return model, grid, (line[1] - line[0]) ** 2


def test_the_factors_are_densities():
    """Sums over x in {0, 1}, integrals over (h_1, h_2) by the trapezoidal rule."""
    model, h, area = one_bit()
    joint = 0.0
    for value in (0.0, 1.0):
        x = np.full(h[0].shape, value)
        joint += area * np.sum(np.exp(model.log_joint(x, h)))
        given_x = area * np.sum(np.exp(log_q(model, x, h)))
        np.testing.assert_allclose(given_x, 1, rtol=1e-9)
    np.testing.assert_allclose(joint, 1, rtol=1e-9)


def test_the_mean_weight_is_the_likelihood_and_the_bound_lies_below_by_a_divergence():
    """Means over the noise, integrals over the latents: (2) and (4), in one model."""
    model, grid, area = one_bit()
    log_normal = np.sum(-0.5 * np.hstack(grid) ** 2 - 0.5 * np.log(2 * np.pi), axis=1)
    noise, chance = tuple(a[:, np.newaxis] for a in grid), area * np.exp(log_normal)
    for value in (0.0, 1.0):
        x = np.array([[value]])
        log_w = model.log_weights(x, noise)[:, 0]
        log_joint, log_encoder = model.log_joint(x, grid), log_q(model, x, grid)
        p = area * np.sum(np.exp(log_joint))
        np.testing.assert_allclose(np.sum(chance * np.exp(log_w)), p, rtol=1e-8)
        gap = log_encoder - (log_joint - np.log(p))
        divergence = area * np.sum(np.exp(log_encoder) * gap)
        assert divergence > 1e-3
        elbo = np.sum(chance * log_w)
        np.testing.assert_allclose(np.log(p) - elbo, divergence, rtol=1e-8)


def test_only_the_sum_over_levels_and_the_top_are_divergences():
    """D_1 has a negative mean where h_2 tells more of h_1 than x does."""
    model = make_chain((1, 1, 1))
    for law in (*model.encoders, *model.decoders):
        law.network.layers[0].bias[:] = 0
    model.decoders[1].network.layers[0].weights[:] = 1
    model.decoders[1].log_variance[:] = -6
    model.encoders = exact_encoders(model)
    x = np.zeros((1, 1))
    (divergence,) = model.elbo_terms(x, cubature((1, 1), 1)).divergence
    assert divergence[0] < -1
    assert divergence[1] > 0
    assert divergence.sum() > 0


def test_the_encoder_may_see_a_corrupted_copy():
    model = make()
    x, seen = data(model), data(model, seed=9)
    noise = model.draw_noise(4, 0, samples=3)
    h = model.reparameterize(seen, noise)
    expected = model.log_joint(x, h) - log_q(model, seen, h)
    found = model.log_weights(x, noise, seen=seen)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(model.elbo(x, noise, seen=seen), expected.mean(axis=0))


@pytest.mark.parametrize("latents", [(2,), (2, 1)])
@both_likelihoods
def test_gradients_of_every_bound(likelihood, latents):
    model = make(latents, likelihood, hidden=(2,))
    x, noise = data(model, 2), model.draw_noise(2, 0, samples=2)
    one = model.draw_noise(2, 0)
    for bound in (
        lambda model: model.elbo(x, noise),
        lambda model: model.elbo(x, one, beta=0.5),
        lambda model: model.importance_weighted_bound(x, noise),
        lambda model: model.log_joint(x, one),
    ):
        report = check_gradients(bound, (model,), order=2)
        assert report.inconclusive <= 0.1 * report.comparisons
    slope = grad(total_elbo)(model, x, noise)
    assert all(np.any(leaf) for leaf in tree_leaves(slope))


def test_a_fixed_encoder_has_no_derivative():
    model = make()
    model.learn_encoder = False
    x, noise = data(model), model.draw_noise(4, 0, samples=2)
    learned = HierarchicalVAE(model.encoders, model.decoders)
    for name in ("elbo", "importance_weighted_bound"):
        value = getattr(model, name)(x, noise)
        np.testing.assert_array_equal(value, getattr(learned, name)(x, noise))
        slope, full = (
            grad(lambda model, name=name: np.sum(getattr(model, name)(x, noise)))(m)
            for m in (model, learned)
        )
        assert not any(np.any(leaf) for leaf in tree_leaves(slope.encoders))
        assert all(np.any(leaf) for leaf in tree_leaves(full.encoders))
        pairs = zip(
            tree_leaves(slope.decoders), tree_leaves(full.decoders), strict=True
        )
        assert all(np.array_equal(*pair) for pair in pairs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("v", [-1e4, -40.0, 1e4])
def test_log_variances_beyond_their_range(v, dtype):
    """Of any law: bounds and slopes are finite, and in the dtype of the model.

    At 1e-13 of the variance the draws of h round to their means, in float32.
    """
    rng = np.random.default_rng(0)
    for place in ("encoders", "decoders"):
        for t in range(2):
            model = make((3, 3), "gaussian", dtype=dtype)
            law = getattr(model, place)[t]
            if isinstance(law, Gaussian):
                law.network.layers[-1].bias[law.size :] = v
            else:
                law.log_variance[...] = v
            x = (10 * rng.standard_normal((4, 5))).astype(dtype)
            noise = model.draw_noise(4, 0, samples=2)
            bound = model.importance_weighted_bound(x, noise)
            assert bound.dtype == dtype
            assert np.all(np.isfinite(bound))
            slope = grad(total_elbo)(model, x, noise)
            for leaf in tree_leaves(slope):
                assert leaf.dtype == dtype
                assert np.all(np.isfinite(leaf))
