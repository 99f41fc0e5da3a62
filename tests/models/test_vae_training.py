"""The step of a variational autoencoder, taken apart."""

import copy

import numpy as np
import pytest

from autodiff import grad, logsumexp, tree_leaves, tree_map
from models.gaussian_divergences import kl_standard_normal
from models.hierarchical_vae import HierarchicalVAE
from models.vae_training import (
    bound_ascent,
    corrupted,
    elbo_slope,
    importance_weighted_slope,
)
from optim import SGD, Constant, MovingAverage, WarmUp
from tests.models.autoencoders import BITS, both_likelihoods, every_bound, flat, small

RNG = np.random.default_rng(1)


@every_bound
@both_likelihoods
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_step_is_what_it_says(settings, likelihood, dtype):
    """Corrupt, draw the noise, ascend: with the same numbers."""
    vae, x = small(likelihood, dtype), BITS.astype(dtype)
    before = copy.deepcopy(vae)
    step = bound_ascent(beta=1.0, input_noise=0.3, **settings)
    state, metrics = step((vae, SGD(0.1)), (x,), np.random.default_rng(9))
    assert state[0] is vae

    rng = np.random.default_rng(9)
    seen = corrupted(before, x, 0.3, rng)
    count = settings.get("samples")
    noise = before.draw_noise(len(x), rng, count)

    def loss(vae):
        if settings.get("bound") == "iwae":
            log_weights = vae.log_weights(x, noise, seen=seen)
            return -np.mean(logsumexp(log_weights, axis=0) - float(np.log(count)))
        mean, v = vae.encode(seen)
        h = mean + np.exp(0.5 * v) * noise
        R = np.mean(vae.decoder.log_density(x, h))
        return np.mean(kl_standard_normal(mean, v)) - R

    slope = grad(loss)(before)
    after = tree_map(lambda p, g: p - dtype(0.1) * g, before, slope)
    eps = np.finfo(dtype).eps
    assert {leaf.dtype for leaf in tree_leaves(vae)} == {np.dtype(dtype)}
    np.testing.assert_allclose(flat(vae), flat(after), rtol=0, atol=50 * eps)
    assert metrics["loss"] == pytest.approx(float(loss(before)), rel=20 * float(eps))


def test_the_loss_is_of_the_terms_that_are_told():
    vae, noise = small(), RNG.standard_normal((30, 2))
    metrics, _ = elbo_slope(vae, BITS, noise, beta=0.3)
    R, D = metrics["reconstruction"], metrics["divergence"]
    terms = vae.elbo_terms(BITS, noise)
    assert pytest.approx(terms.reconstruction.mean(), rel=1e-14) == R
    assert pytest.approx(terms.divergence.sum(axis=1).mean(), rel=1e-14) == D
    assert metrics["loss"] == pytest.approx(0.3 * D - R, rel=1e-14)


def test_one_weight_has_the_gradient_of_the_sampled_elbo_and_many_another():
    """Of k copies of one draw, L_k is L_1; of k draws it is more than their mean."""
    vae, noise = small(), RNG.standard_normal((4, 30, 2))
    one, same = noise[:1], noise[:1].repeat(4, axis=0)
    first, slope = importance_weighted_slope(vae, BITS, one)
    copies, equal = importance_weighted_slope(vae, BITS, same)
    many, other = importance_weighted_slope(vae, BITS, noise)
    sampled = grad(lambda vae: -np.mean(vae.log_weights(BITS, noise)))(vae)
    assert copies["loss"] == pytest.approx(first["loss"], rel=1e-14)
    np.testing.assert_allclose(flat(equal), flat(slope), rtol=0, atol=1e-14)
    assert many["loss"] < -vae.log_weights(BITS, noise).mean()
    assert np.abs(flat(other) - flat(sampled)).max() > 1e-3


def test_the_weight_of_the_divergence_rises_as_its_schedule_says():
    vae, schedule = small(), WarmUp(3, Constant(0.8))
    vae.fit(BITS, steps=6, rng=0, beta=schedule)
    columns = (vae.history_[name] for name in ("loss", "reconstruction", "divergence"))
    loss, R, D = (np.array(column) for column in columns)
    beta = (loss + R) / D
    np.testing.assert_allclose(beta, [0.2, 0.4, 0.6, 0.8, 0.8, 0.8], rtol=1e-12)


@pytest.mark.parametrize("beta", [0.0, 0.5, 3.0])
def test_the_gradient_is_that_of_the_weighted_terms(beta):
    vae, noise = small(), RNG.standard_normal((30, 2))
    _, slope = elbo_slope(vae, BITS, noise, beta=beta)
    expected = grad(lambda vae: -np.mean(vae.elbo(BITS, noise, beta=beta)))(vae)
    np.testing.assert_allclose(flat(slope), flat(expected), rtol=0, atol=1e-14)


def test_an_average_of_the_parameters_is_kept():
    vae, average = small(), MovingAverage(0.5)
    step = bound_ascent()
    state = vae, SGD(0.1), average
    path = []
    for _ in range(2):
        state, _ = step(state, (BITS,), RNG)
        path.append(flat(vae))
    expected = (path[0] + 2 * path[1]) / 3
    np.testing.assert_allclose(flat(average.averaged(vae)), expected, rtol=1e-12)


# Noise at the input


@every_bound
def test_the_encoder_sees_the_flipped_bits_and_the_decoder_explains_the_clean(settings):
    """With a probability of one all are flipped."""
    vae = small()
    before = copy.deepcopy(vae)
    step = bound_ascent(input_noise=1.0, **settings)
    step((vae, SGD(0.1)), (BITS,), np.random.default_rng(9))
    rng = np.random.default_rng(9)
    rng.random(BITS.shape)
    noise = before.draw_noise(len(BITS), rng, settings.get("samples"))
    of = importance_weighted_slope if "bound" in settings else elbo_slope
    _, slope = of(before, BITS, noise, 1 - BITS)
    after = tree_map(lambda p, g: p - 0.1 * g, before, slope)
    np.testing.assert_allclose(flat(vae), flat(after), rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_so_many_bits_are_flipped(dtype):
    """A probability of 0.052 in place of 0.05 would be found (z = 5)."""
    x, vae = (RNG.random((50_000, 6)) < 0.5).astype(dtype), small(dtype=dtype)
    seen = corrupted(vae, x, 0.05, np.random.default_rng(4))
    assert seen.dtype == dtype
    assert set(np.unique(seen)) == {0, 1}
    n = x.size
    assert abs((seen != x).sum() - 0.05 * n) < 5.03 * np.sqrt(0.05 * 0.95 * n)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gaussian_noise_has_its_standard_deviation(dtype):
    """A standard deviation of 2.02 in place of 2 would be found (z = 7)."""
    x, vae = np.ones((10_000, 6), dtype), small("gaussian", dtype)
    seen = corrupted(vae, x, 2.0, np.random.default_rng(4))
    assert seen.dtype == dtype
    n, noise = x.size, (seen - x).astype(float)
    assert abs(noise.mean()) < 5.03 * 2 / np.sqrt(n)
    assert abs(noise.std() - 2) < 5.03 * 2 / np.sqrt(2 * n)


def test_without_input_noise_nothing_is_drawn_for_it():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert corrupted(small(), BITS, 0.0, rng) is None
    assert rng.bit_generator.state == before


# Several levels


@every_bound
def test_a_hierarchy_learns_by_the_same_step(settings):
    """By all parameters, of every level; with its history."""
    model = HierarchicalVAE.create(6, (3, 2), hidden=(5,), rng=0)
    before = copy.deepcopy(model)
    step = bound_ascent(input_noise=0.1, **settings)
    _, metrics = step((model, SGD(0.1)), (BITS,), np.random.default_rng(9))
    rng = np.random.default_rng(9)
    seen = corrupted(before, BITS, 0.1, rng)
    noise = before.draw_noise(len(BITS), rng, settings.get("samples"))

    def loss(model):
        of = model.importance_weighted_bound if "bound" in settings else model.elbo
        return -np.mean(of(BITS, noise, seen=seen))

    after = tree_map(lambda p, g: p - 0.1 * g, before, grad(loss)(before))
    np.testing.assert_allclose(flat(model), flat(after), rtol=0, atol=1e-14)
    assert metrics["loss"] == pytest.approx(loss(before), rel=1e-13)
    model.fit(BITS, steps=3, rng=0, input_noise=0.1, **settings)
    assert len(model.history_["loss"]) == 3
    assert all(
        not np.array_equal(ours, first)
        for ours, first in zip(tree_leaves(model), tree_leaves(before), strict=True)
    )
