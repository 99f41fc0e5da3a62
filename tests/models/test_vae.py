"""Variational autoencoders: how they are made, what they say and draw."""

import numpy as np
import pytest
from scipy import stats

from autodiff import logsumexp, tree_leaves
from models.conditionals import Bernoulli, Gaussian, HomoscedasticGaussian
from models.vae import VAE
from optim.finite import NonFiniteError
from samplers.philox import draw_key
from tests.models.autoencoders import (
    both_dtypes,
    every_kind,
    log_prior,
    make_examples,
    make_law,
    make_network,
    make_vae,
    on_a_grid,
)


def sizes(network):
    return [layer.weights.shape for layer in network.layers]


# How they are made


@both_dtypes
def test_the_networks_of_create(dtype):
    vae = VAE.create(7, 2, hidden=(5, 4), rng=0, dtype=dtype)
    assert sizes(vae.encoder.network) == [(7, 5), (5, 4), (4, 4)]
    assert sizes(vae.decoder.network) == [(2, 4), (4, 5), (5, 7)]
    layers = vae.encoder.network.layers + vae.decoder.network.layers
    names = [layer.activation for layer in layers]
    assert names == ["relu", "relu", "identity"] * 2
    assert type(vae.encoder) is Gaussian
    assert type(vae.decoder) is Bernoulli
    assert (vae.visible, vae.latent, vae.dtype) == (7, 2, dtype)
    assert vae.likelihood is vae.decoder
    assert {leaf.dtype for leaf in tree_leaves(vae)} == {np.dtype(dtype)}
    weights = [layer.weights.ravel() for layer in layers]
    again = VAE.create(7, 2, hidden=(5, 4), rng=0, dtype=dtype)
    np.testing.assert_array_equal(tree_leaves(again)[0], weights[0].reshape(7, 5))
    assert len(np.unique(np.concatenate(weights))) == sum(map(len, weights))


def test_no_hidden_layer_and_another_activation():
    vae = VAE.create(7, 2, hidden=(), rng=0)
    assert sizes(vae.encoder.network) == [(7, 4)]
    vae = VAE.create(7, 2, hidden=(3,), activation="tanh", rng=0)
    assert vae.decoder.network.layers[0].activation == "tanh"


@both_dtypes
def test_the_decoder_starts_at_the_means(dtype):
    """With those of bits that never vary moved away from certainty."""
    means = np.array([0.0, 0.3, 1.0])
    vae = VAE.create(3, 2, means=means, rng=0, dtype=dtype)
    start = vae.decode(np.zeros((1, 2), dtype))[0]
    np.testing.assert_allclose(start, [0.01, 0.3, 0.99], rtol=1e-6)
    vae = VAE.create(3, 2, likelihood="gaussian", means=5 * means, rng=0, dtype=dtype)
    start = vae.decode(np.zeros((1, 2), dtype))[0]
    np.testing.assert_allclose(start, 5 * means, rtol=1e-6)


@both_dtypes
@pytest.mark.parametrize("variance", [0.25, [0.25, 1.0, 4.0]])
@pytest.mark.parametrize("learned", [False, True])
def test_a_gaussian_decoder(variance, learned, dtype):
    vae = VAE.create(
        3,
        2,
        likelihood="gaussian",
        variance=variance,
        learn_variance=learned,
        rng=0,
        dtype=dtype,
    )
    assert type(vae.decoder) is HomoscedasticGaussian
    assert vae.decoder.learn_variance is learned
    v = vae.decoder.log_variance
    assert (v.shape, v.dtype) == (np.shape(variance), dtype)
    np.testing.assert_allclose(np.exp(v), variance, rtol=1e-6)


# From x to h and back


@every_kind
def test_encode_decode_and_what_is_made_of_them(kind):
    vae = make_vae(kind)
    X = make_examples(vae)
    mean, v = vae.encode(X)
    np.testing.assert_array_equal(mean, vae.encoder.mean(X))
    np.testing.assert_array_equal(v, vae.encoder.moments(X)[1])
    noise = vae.draw_noise(4, 0, 5)
    h = vae.reparameterize(X, noise)
    np.testing.assert_allclose((h - mean) / np.exp(v / 2), noise, atol=1e-12)
    np.testing.assert_array_equal(vae.decode(h), vae.decoder.mean(h))
    np.testing.assert_array_equal(vae.transform(X), mean)
    np.testing.assert_array_equal(vae.reconstruct(X), vae.decode(mean))


@both_dtypes
def test_examples_of_any_numbers(dtype):
    """Lists, integers and booleans are examples too."""
    vae = make_vae(dtype=dtype)
    X = make_examples(vae)
    for same in (X.tolist(), X.astype(int), X.astype(bool), X.astype(np.float64)):
        for method in (vae.transform, vae.reconstruct):
            np.testing.assert_array_equal(method(same), method(X))
            assert method(same).dtype == dtype


@both_dtypes
def test_a_straight_line_in_the_latent_space(dtype):
    vae = make_vae("gaussian", dtype=dtype)
    x, y = make_examples(vae), make_examples(vae, seed=7)
    line = vae.interpolate(x, y, 5)
    assert (line.shape, line.dtype) == ((5, 4, 3), dtype)
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(line[0], vae.reconstruct(x), atol=tolerance)
    np.testing.assert_allclose(line[-1], vae.reconstruct(y), atol=tolerance)
    quarter = vae.decode((3 * vae.transform(x) + vae.transform(y)) / 4)
    np.testing.assert_allclose(line[1], quarter, atol=tolerance)
    with pytest.raises(ValueError, match=r"points is 1; .*at least 2"):
        vae.interpolate(x, y, 1)
    with pytest.raises(ValueError, match=r"there are 1 x and 4 y.*np\.repeat"):
        vae.interpolate(x[:1], y, 5)


# Draws


@both_dtypes
def test_the_noise_of_examples(dtype):
    vae = make_vae(dtype=dtype)
    assert vae.draw_noise(4, 0).shape == (4, 2)
    noise = vae.draw_noise(4, 0, 3)
    assert (noise.shape, noise.dtype) == ((3, 4, 2), dtype)
    np.testing.assert_array_equal(noise, vae.draw_noise(4, 0, samples=3))
    np.testing.assert_array_equal(noise, vae.encoder.draw_noise((3, 4, 2), 0))
    for bad in [(0, None), (4, 0), (1.5, None)]:
        with pytest.raises(ValueError, match="it counts"):
            vae.draw_noise(bad[0], 0, bad[1])
    with pytest.raises(TypeError, match="rng is None"):
        vae.draw_noise(4, None)


@both_dtypes
@every_kind
def test_a_draw_is_one_of_h_and_then_one_of_x(kind, dtype):
    vae = make_vae(kind, dtype=dtype)
    x = vae.sample(6, 3)
    rng = np.random.default_rng(draw_key(3))
    h = vae.draw_noise(6, rng)
    expected = vae.decoder.draw(h, vae.decoder.draw_noise((6, 3), rng))
    np.testing.assert_array_equal(x, expected)
    assert (x.shape, x.dtype) == ((6, 3), dtype)
    generator = np.random.default_rng(3)
    np.testing.assert_array_equal(vae.sample(6, generator), x)
    assert not np.array_equal(vae.sample(6, generator), x)
    with pytest.raises(ValueError, match="n is 0"):
        vae.sample(0, 3)
    with pytest.raises(TypeError, match="rng is None"):
        vae.sample(6, None)


def test_draws_have_the_law_of_the_model():
    """100,000 draws of three bits against p(x) by quadrature: errors of 1 % are found.

    A chi^2 of 7 degrees of freedom, at a false alarm of 5e-7.
    """
    vae, n = make_vae(d=1, seed=3), 100_000
    states = (np.arange(8)[:, np.newaxis] >> np.arange(3) & 1).astype(float)
    h, dh = on_a_grid(4001)
    log_joint = [vae.decoder.log_density(x, h) + log_prior(h) for x in states]
    p = np.exp(logsumexp(np.array(log_joint), axis=1)) * dh
    assert p.sum() == pytest.approx(1, abs=1e-12)
    counts = np.bincount((vae.sample(n, 0) @ [1, 2, 4]).astype(int), minlength=8)
    chi2 = np.sum((counts - n * p) ** 2 / (n * p))
    assert chi2 < stats.chi2.isf(5e-7, 7)


def test_gaussian_draws_have_the_variance_of_the_law_and_of_its_mean():
    """E x and E x^2 by quadrature over h; errors of 2 % of a standard deviation show.

    100,000 draws, three numbers, |z| < 5.03.
    """
    vae, n = make_vae("gaussian", d=1, seed=3), 100_000
    h, dh = on_a_grid(4001)
    weights = np.exp(log_prior(h)) * dh
    m, v = vae.decoder.moments(h)
    x = vae.sample(n, 0)
    for power, expected in [(1, weights @ m), (2, weights @ (m**2 + np.exp(v)))]:
        error = (x**power).std(axis=0) / np.sqrt(n)
        assert np.all(abs((x**power).mean(axis=0) - expected) < 5.03 * error)


# Training where there is little to learn from


@both_dtypes
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("n", [1, 5])
def test_data_that_do_not_vary(n, likelihood, dtype):
    """A learned variance goes down without end, and the model lives on."""
    vae = VAE.create(
        3,
        2,
        hidden=(4,),
        likelihood=likelihood,
        learn_variance=True,
        rng=0,
        dtype=dtype,
    )
    vae.fit(np.ones((n, 3)), steps=150, learning_rate=0.1, rng=0)
    assert np.isfinite(vae.history_["loss"]).all()
    if likelihood == "bernoulli":
        np.testing.assert_array_equal(vae.sample(20, 0), np.ones((20, 3)))
    else:
        assert vae.decoder.log_variance < -2
        np.testing.assert_allclose(vae.sample(1000, 0).mean(axis=0), 1, atol=0.3)
    assert {leaf.dtype for leaf in tree_leaves(vae)} == {np.dtype(dtype)}


def test_what_diverges_keeps_the_last_good_parameters():
    vae = make_vae("gaussian", dtype=np.float32)
    before = [leaf.copy() for leaf in tree_leaves(vae)]
    X = np.full((4, 3), 1e30, np.float32)
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError):
        vae.fit(X, steps=3, rng=0)
    for one, two in zip(before, tree_leaves(vae), strict=True):
        np.testing.assert_array_equal(one, two)


# What is refused


def test_settings_that_do_not_fit():
    with pytest.raises(
        ValueError, match=r"no likelihood 'poisson'.*bernoulli, gaussian"
    ):
        VAE.create(3, 2, likelihood="poisson", rng=0)
    with pytest.raises(ValueError, match="there is no activation 'swish'"):
        VAE.create(3, 2, activation="swish", rng=0)
    with pytest.raises(ValueError, match=r"means of shape \(2,\)"):
        VAE.create(3, 2, means=[0.5, 0.5], rng=0)
    with pytest.raises(ValueError, match=r"means run from 0\.5 to 2"):
        VAE.create(3, 2, means=[0.5, 0.5, 2.0], rng=0)
    with pytest.raises(ValueError, match=r"variance is 0\.0"):
        VAE.create(3, 2, likelihood="gaussian", variance=0.0, rng=0)


def test_laws_that_do_not_fit():
    rng = np.random.default_rng(0)
    encoder = make_law("gaussian", 3, 2, rng)
    network = make_network((2, 3), rng)
    with pytest.raises(TypeError, match=r"decoder is a MLP, .*or decoder=Gaussian"):
        VAE(encoder, network)
    with pytest.raises(
        TypeError, match=r"encoder is a Bernoulli, .*Gaussian or Homosc"
    ):
        VAE(make_law("bernoulli", 3, 2, rng), Bernoulli(network))
    for other in (
        make_law("bernoulli", 2, 4, rng),
        make_law("bernoulli", 3, 3, rng),
        make_law("bernoulli", 2, 3, rng, dtype=np.float32),
    ):
        with pytest.raises(ValueError, match="from 3 numbers to 2 latents in float64"):
            VAE(encoder, other)


def test_examples_that_do_not_fit():
    vae = make_vae()
    X = make_examples(vae)
    for method in (vae.transform, vae.reconstruct, lambda X: vae.interpolate(X, X, 3)):
        with pytest.raises(ValueError, match="X has 2 columns"):
            method(X[:, :2])
        with pytest.raises(ValueError, match=r"X has shape \(3,\)"):
            method(X[0])
        with pytest.raises(ValueError, match="NaN or infinity"):
            method(X * np.nan)
        with pytest.raises(ValueError, match="rescale or binarize"):
            method(2 * X)
    with pytest.raises(ValueError, match=r"takes an array of shape \(batch, 2\)"):
        vae.decode(np.zeros((4, 3)))
