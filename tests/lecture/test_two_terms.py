"""The two terms of the bound, and the law that the first of them is of.

    ELBO(x) = E_q[log p(x | h)] - KL(q(h | x) || p(h)),

how well draws of h tell x, less what it costs to say so much of h. The one term wants q
to be a point, the other the prior, and neither model would be of use: it is their
difference that counts. And p(x | h) is a law of x, of which a network says the
parameters. To be read after test_evidence_bound.py, from top to bottom; every statement
is an assertion. Numbers like E25 are those of the list in README.md.

Source: D. P. Kingma and M. Welling, ICLR (2014).
"""

from itertools import product

import numpy as np
import pytest

from models.conditionals import HomoscedasticGaussian
from models.mlp import MLP, Dense
from models.vae import VAE
from tests.lecture.latents import gauss_hermite, log_normal, some_vae


def line(slope, variance):
    """The law N(x slope, variance I), slope a number or a matrix."""
    W = np.atleast_2d(slope)
    network = MLP([Dense(W, np.zeros(W.shape[1]))])
    return HomoscedasticGaussian(network, np.array(np.log(variance)))


# 1. What the terms want


def bound_on_a_line(x, m, v, w=1.0, s2=1.0):
    """Both terms for p(x | h) = N(w h, s2) and q = N(m, v), in closed form."""
    reconstruction = log_normal(x, w * m, s2) - w**2 * v / (2 * s2)
    return reconstruction, 0.5 * (m**2 + v - 1 - np.log(v))


def test_the_best_difference_is_not_the_best_of_both():
    """The first term alone wants q = a point at x / w; the second, q = p(h) (E25).

    No q does both: at the first the KL is infinite, at the second, where it is zero,
    the first term is short of its supremum. The difference is largest in between, at
    the posterior N(x / 2, 1 / 2), where the KL is positive and neither term best.
    """
    x, n = 0.8, 401
    m, v = np.linspace(-2, 2, n)[:, np.newaxis], np.geomspace(1e-4, 4, n)
    reconstruction, divergence = bound_on_a_line(x, m, v)

    def best(table, sign=1):
        i, j = np.unravel_index(np.argmax(sign * table), table.shape)
        return m[i, 0], v[j]

    assert best(reconstruction) == pytest.approx((x, 1e-4))
    assert best(divergence, -1) == pytest.approx((0, 1), abs=0.03)
    assert best(reconstruction - divergence) == pytest.approx((x / 2, 0.5), abs=0.03)
    first, second = bound_on_a_line(x, x / 2, 0.5)
    assert second == pytest.approx((x**2 / 4 - 0.5 + np.log(2)) / 2)
    assert second > 0.17
    assert reconstruction.max() > first + 0.3
    assert first - second == pytest.approx(log_normal(x, 0, 2), rel=1e-14)
    for extreme in ((x, 1e-4), (0.0, 1.0)):
        printed = np.subtract(*bound_on_a_line(x, *extreme))
        assert printed < first - second - 0.15


def test_at_the_optimum_the_divergence_is_what_h_tells_of_x():
    """Averaged over x ~ p, KL = I(x; h) = 1/2 log(1 + w^2 / s^2), not zero (E25).

    For a linear decoder with q the posterior: the mutual information of x and h, of
    which a KL of zero would leave none.
    """
    for w, s2 in ((1.0, 1.0), (2.0, 0.5), (0.3, 1.0)):
        e, weights = gauss_hermite(3)
        x, v = np.sqrt(w**2 + s2) * e, 1 / (1 + w**2 / s2)
        first, second = bound_on_a_line(x, v * w * x / s2, v, w, s2)
        assert weights @ second == pytest.approx(np.log(1 + w**2 / s2) / 2, rel=1e-12)
        np.testing.assert_allclose(first - second, log_normal(x, 0, w**2 + s2))


def test_another_weight_of_the_divergence():
    """ELBO - (beta - 1) KL: below the bound for beta > 1, no bound for beta < 1 (T30).

    With the posterior for q it is log p(x) for beta = 1, and so above it for less.
    """
    x = np.array([[0.8]])
    vae = VAE(line(0.5, variance=0.5), line(1.0, variance=1.0))
    e, weights = gauss_hermite(3)

    def bound(beta):
        return weights @ [vae.elbo(x, np.array([[node]]), beta=beta)[0] for node in e]

    log_p, (_, divergence) = log_normal(0.8, 0, 2), bound_on_a_line(0.8, 0.4, 0.5)
    for beta in (0.0, 0.5, 1.0, 4.0):
        expected = log_p - (beta - 1) * divergence
        assert bound(beta) == pytest.approx(expected, rel=1e-12)
    assert bound(0.5) > log_p + 0.08


# 2. What a decoder is


def test_the_decoder_is_a_law_and_not_a_function():
    """Read as a function x = f(h), it leaves p(x) without a density (E8).

    One latent, two entries of x. The mean of x given h is a function: its values lie on
    a line, and their covariance W^T W has the determinant zero. The law p(x | h) has it
    as a parameter, and its draws have the covariance W^T W + s^2 I, exactly: the nodes
    of h and of the noise are those of Gauss and Hermite.
    """
    W, s2 = np.array([[1.0, 2.0]]), 0.3
    decoder = line(W, s2)
    nodes, weights = gauss_hermite(2, dimensions=3)
    h, noise = nodes[:, :1], nodes[:, 1:]

    def covariance(x):
        return x.T @ (weights[:, np.newaxis] * x)

    printed, corrected = covariance(decoder.mean(h)), covariance(decoder.draw(h, noise))
    np.testing.assert_allclose(printed, W.T @ W, rtol=1e-14)
    assert np.linalg.det(printed) == pytest.approx(0, abs=1e-14)
    np.testing.assert_allclose(corrected, W.T @ W + s2 * np.eye(2), rtol=1e-13)
    np.testing.assert_array_equal(decoder.mean(h), decoder.mean(h.copy()))
    x = np.array([[1.0, 0.0]])  # off the line: no h has it as its mean
    assert np.isfinite(decoder.log_density(x, np.zeros((1, 1)))).all()


def test_for_bits_the_function_gives_no_possible_x():
    """A mean of bits lies between zero and one; a draw is of zeros and ones (E8).

    p(x | h), summed over all x, is one at every h: a law, whose parameter is the mean.
    """
    vae, h = some_vae(0), np.linspace(-2, 2, 9)[:, np.newaxis]
    mean = vae.decode(h)
    assert np.all((mean > 0) & (mean < 1))
    draw = vae.decoder.draw(h, np.random.default_rng(0).random((9, 3)))
    assert set(np.unique(draw)) == {0, 1}
    states = np.array(list(product((0.0, 1.0), repeat=3)))
    p = np.exp([vae.decoder.log_density(np.tile(x, (9, 1)), h) for x in states])
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-13)
    np.testing.assert_allclose(p.T @ states, mean, rtol=1e-12)
