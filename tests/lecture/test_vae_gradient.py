"""The gradient of a variational autoencoder, by hand.

    forwards:   a = tanh(x A + c),   [m, v] = a A' + c',   h = m + exp(v / 2) eps,
                g = tanh(h B + d),   z = g B' + d',
    the loss:   C = -1/n sum_x [ log p(x | z) - 1/2 sum_j (m_j^2 + e^v_j - 1 - v_j) ].

Backwards through the decoder it is the back propagation of test_backpropagation.py. At
h the derivative branches: to m as it is, to v times (h - m) / 2, and there the prior
term adds its own, m and (e^v - 1) / 2. From there it is back propagation again, through
the encoder. To be read from top to bottom; every statement is an assertion. Numbers
like T31 are those of the list in README.md.

Source: D. P. Kingma and M. Welling, ICLR (2014).
"""

import numpy as np
import pytest

from autodiff import check_gradients, explain, grad
from models.vae import VAE

M, D, N = 5, 2, 4  # numbers of x, latents, examples


def layers_of(vae):
    """A, c, A', c' and B, d, B', d'."""
    layers = [*vae.encoder.network.layers, *vae.decoder.network.layers]
    return [array for layer in layers for array in (layer.weights, layer.bias)]


def slope_of_bits(x, z):
    """d(-log p(x | z)) / dz for p(x_i = 1) = s(z_i): what is said less what is so."""
    return 1 / (1 + np.exp(-z)) - x


def slope_of_reals(x, z, variance):
    """The same for x_i ~ N(z_i, variance_i)."""
    return (z - x) / variance


def gradient_by_hand(parameters, x, eps, slope):
    """dC / dA, dc, dA', dc', dB, dd, dB', dd'; and the residuals, slope(x, z).

    x : (n, M), eps : (n, d). Each line is the transpose of one above it.
    """
    A, c, A2, c2, B, d, B2, d2 = parameters
    n, latent = eps.shape
    # Forwards.
    a = np.tanh(x @ A + c)
    moments = a @ A2 + c2
    m, v = moments[:, :latent], moments[:, latent:]
    h = m + np.exp(v / 2) * eps
    g = np.tanh(h @ B + d)
    z = g @ B2 + d2
    # Backwards through the decoder.
    by_z = slope(x, z) / n
    by_g = by_z @ B2.T * (1 - g**2)
    by_h = by_g @ B.T
    # Through the draw, where the divergence from the prior joins in.
    by_m = by_h + m / n
    by_v = by_h * (h - m) / 2 + (np.exp(v) - 1) / (2 * n)
    by_moments = np.concatenate([by_m, by_v], axis=1)
    # Backwards through the encoder.
    by_a = by_moments @ A2.T * (1 - a**2)
    return [
        x.T @ by_a,
        by_a.sum(axis=0),
        a.T @ by_moments,
        by_moments.sum(axis=0),
        h.T @ by_g,
        by_g.sum(axis=0),
        g.T @ by_z,
        by_z.sum(axis=0),
    ]


def loss(vae, x, noise):
    """Minus the mean of the bound, what is minimized."""
    return -np.mean(vae.elbo(x, noise))


VARIANCE = np.array([0.5, 1.0, 2.0, 0.3, 1.5])


def some_case(likelihood, seed):
    """A model, data, noise and the slope of its likelihood; biases are not zero."""
    rng = np.random.default_rng(seed)
    vae = VAE.create(
        M,
        D,
        hidden=(3,),
        activation="tanh",
        likelihood=likelihood,
        variance=VARIANCE,
        learn_variance=True,
        rng=rng,
    )
    for array in layers_of(vae):
        array += 0.3 * rng.standard_normal(array.shape)
    eps = rng.standard_normal((N, D))
    if likelihood == "bernoulli":
        return vae, rng.integers(2, size=(N, M)) * 1.0, eps, slope_of_bits
    x = rng.standard_normal((N, M))
    return vae, x, eps, lambda x, z: slope_of_reals(x, z, VARIANCE)


either = pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)


@either
def test_by_hand_by_reverse_mode_and_by_the_printed_program(likelihood):
    """Eight arrays, three times (T32).

    The printed program was recorded for another model, other data and other noise.
    """
    printed = explain(grad(loss), *some_case(likelihood, seed=100)[:3])
    assert "import" not in str(printed)
    for seed in range(5):
        vae, x, eps, slope = some_case(likelihood, seed)
        by_hand = gradient_by_hand(layers_of(vae), x, eps, slope)
        assert min(np.max(np.abs(array)) for array in by_hand) > 1e-3
        assert_equal(layers_of(grad(loss)(vae, x, eps)), by_hand)
        assert_equal(layers_of(printed(vae, x, eps)), by_hand)


@either
def test_it_is_the_slope_of_the_loss(likelihood):
    """Held to differences of the loss, along each parameter by 1e-5 (T32)."""
    vae, x, eps, slope = some_case(likelihood, seed=0)
    by_hand = gradient_by_hand(layers_of(vae), x, eps, slope)
    for array, expected in zip(layers_of(vae), by_hand, strict=True):
        for index in np.ndindex(array.shape):
            at = array[index]
            values = []
            for moved in (at + 1e-5, at - 1e-5):
                array[index] = moved
                values.append(loss(vae, x, eps))
            array[index] = at
            slope_found = (values[0] - values[1]) / 2e-5
            assert slope_found == pytest.approx(expected[index], abs=1e-8)
    check_gradients(lambda vae: loss(vae, x, eps), (vae,))


@either
def test_over_several_draws_it_is_the_mean(likelihood):
    """L sets of noise: the mean of L gradients, by the factor 1 / L (T33)."""
    vae, x, _, slope = some_case(likelihood, seed=0)
    noise = np.random.default_rng(1).standard_normal((7, N, D))
    each = [gradient_by_hand(layers_of(vae), x, eps, slope) for eps in noise]
    mean = [np.mean(arrays, axis=0) for arrays in zip(*each, strict=True)]
    assert_equal(layers_of(grad(loss)(vae, x, noise)), mean)


def test_a_variance_of_x_that_is_learned():
    """By w = log s^2 the slope is (1 - r^2) / 2, r = (x - z) / s, in the mean (T32).

    It is zero where s^2 is the mean square of what the decoder leaves over.
    """
    vae, x, eps, _ = some_case("gaussian", seed=0)
    z = vae.decode(vae.reparameterize(x, eps))
    by_hand = np.mean(1 - (x - z) ** 2 / VARIANCE, axis=0) / 2
    found = grad(loss)(vae, x, eps).decoder.log_variance
    np.testing.assert_allclose(found, by_hand, rtol=1e-11)
    vae.decoder.log_variance[:] = np.log(np.mean((x - z) ** 2, axis=0))
    found = grad(loss)(vae, x, eps).decoder.log_variance
    np.testing.assert_allclose(found, 0, atol=1e-14)


def test_the_two_terms_have_gradients_of_their_own():
    """The prior term's is that of C less that of the reconstruction (T31).

    It is nowhere in the decoder; in the encoder it pulls m to zero and v to zero, by m
    and (e^v - 1) / 2.
    """
    vae, x, eps, _ = some_case("bernoulli", seed=0)

    def prior_term(vae):
        return np.mean(np.sum(vae.elbo_terms(x, eps).divergence, axis=1))

    found = layers_of(grad(prior_term)(vae))
    A, c, A2, c2 = layers_of(vae)[:4]
    a = np.tanh(x @ A + c)
    moments = a @ A2 + c2
    slopes = np.concatenate([moments[:, :D], (np.exp(moments[:, D:]) - 1) / 2], axis=1)
    np.testing.assert_allclose(found[2], a.T @ slopes / N, rtol=1e-11)
    np.testing.assert_allclose(found[3], slopes.mean(axis=0), rtol=1e-11)
    for array in found[4:]:
        np.testing.assert_array_equal(array, 0)


def test_what_is_drawn_as_a_number_teaches_the_encoder_the_prior_only():
    """With h held fixed the first term says nothing to the encoder (T32).

    Its gradient is then that of the divergence: the encoder would go to the prior.
    """
    vae, x, eps, _ = some_case("bernoulli", seed=0)
    h = vae.reparameterize(x, eps)

    def with_numbers(vae):
        m, v = vae.encode(x)
        divergence = 0.5 * np.sum(np.expm1(v) - v + m**2, axis=1)
        return np.mean(divergence - vae.decoder.log_density(x, h))

    def prior_term(vae):
        return np.mean(np.sum(vae.elbo_terms(x, eps).divergence, axis=1))

    fixed, prior = (layers_of(grad(f)(vae)) for f in (with_numbers, prior_term))
    assert_equal(fixed[:4], prior[:4])
    whole = layers_of(grad(loss)(vae, x, eps))
    assert_equal(fixed[4:], whole[4:])
    assert max(np.max(np.abs(p - w)) for p, w in zip(prior, whole, strict=True)) > 0.1


def test_steps_along_it_raise_the_bound():
    """Five hundred steps on four examples at fixed noise leave a thirtieth of the loss.

    Seen are signs that turn it upwards, as of the residual or of either prior term.
    """
    vae, x, eps, slope = some_case("bernoulli", seed=0)
    before = loss(vae, x, eps)
    for _ in range(500):
        steps = gradient_by_hand(layers_of(vae), x, eps, slope)
        for array, step in zip(layers_of(vae), steps, strict=True):
            array -= 0.3 * step
    assert loss(vae, x, eps) < before / 30
