"""The linear VAE is probabilistic PCA: bounds, gaps and optima in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from autodiff import check_gradients, grad, tree_leaves, tree_map
from models.conditionals import Gaussian
from models.linear_vae import (
    exact_elbo,
    exact_log_likelihood,
    linear_vae,
    optimal_linear_vae,
)
from models.mlp import MLP
from models.pca import PCA
from models.probabilistic_pca import ProbabilisticPCA, posterior_precision
from models.vae import VAE
from optim import LBFGS, minimize
from tests.models.correlated import data

RNG = np.random.default_rng(0)
X = data()
PPCA = ProbabilisticPCA.fit(X, 3)


EIGENVALUES = np.array([4, 2, 1, 0.5, 0.25])


def tame():
    """Return X : (100, 5) with the covariance of these eigenvalues, and mean zero."""
    rng = np.random.default_rng(5)
    draws = rng.standard_normal((100, 5))
    P, _ = np.linalg.qr(draws - draws.mean(axis=0))
    Q, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    return P * np.sqrt(100 * EIGENVALUES) @ Q


def climb(vae, x):
    """Maximize the ELBO, in place."""
    optimizer = LBFGS(gradient_tolerance=1e-8, decrease_tolerance=1e-15)
    minimize(lambda vae: -np.mean(exact_elbo(vae, x)), vae, optimizer)


def disturbed(vae, scale, seed=0):
    """Return a copy whose parameters have moved."""
    rng = np.random.default_rng(seed)
    return tree_map(lambda a: a + scale * rng.standard_normal(a.shape), vae)


def cross(n, d):
    """Return noise (2 d, n, d) of the mean 0 and the covariance I of its normals."""
    points = np.sqrt(d) * np.concatenate([np.eye(d), -np.eye(d)])
    return np.repeat(points[:, np.newaxis], n, axis=1)


def turned(seed=1):
    """Return the optimum of the likelihood with its latents rotated."""
    R, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    return replace(PPCA, W=PPCA.W @ R)


def rows(vae):
    """Return the columns of W as rows, with unit length."""
    w = vae.decoder.network.layers[0].weights
    return w / np.linalg.norm(w, axis=1, keepdims=True)


def mean_divergences(vae, x):
    mean, v = vae.encode(x)
    return 0.5 * np.mean(np.expm1(v) - v + mean**2, axis=0)


# The ELBO without noise


@pytest.mark.parametrize("variance", [0.3, np.geomspace(0.1, 2, 6)])
def test_it_is_the_mean_of_the_elbo_over_the_noise(variance):
    """Exactly: the ELBO is quadratic in the noise, and `cross` has its moments."""
    vae = disturbed(linear_vae(6, 3, variance=variance, rng=0), 0.3)
    found = exact_elbo(vae, X)
    np.testing.assert_allclose(found, vae.elbo(X, cross(len(X), 3)), rtol=1e-12)


def test_draws_of_the_elbo_have_it_as_their_mean():
    """20,000 draws for each of 5 examples, within 5.03 of their standard errors.

    Detects 0.5 nats, of some 15.
    """
    vae, x = linear_vae(5, 3, variance=8.0, rng=0), tame()[:5]
    draws = vae.log_weights(x, vae.draw_noise(5, 1, 20_000))
    errors = draws.std(axis=0) / np.sqrt(len(draws))
    assert np.max(np.abs(draws.mean(axis=0) - exact_elbo(vae, x)) / errors) < 5.03
    assert 2 * 5.03 * errors.max() < 0.5


def test_a_variance_that_all_latents_share_will_do():
    vae = linear_vae(6, 3, rng=0)
    shared = replace(vae.encoder, log_variance=np.asarray(-0.7))
    each = replace(vae.encoder, log_variance=np.full(3, -0.7))
    np.testing.assert_allclose(
        exact_elbo(replace(vae, encoder=shared), X),
        exact_elbo(replace(vae, encoder=each), X),
        rtol=1e-14,
    )


@pytest.mark.parametrize("variance", [0.3, np.geomspace(0.1, 2, 6)])
@pytest.mark.parametrize("bound", [exact_elbo, exact_log_likelihood])
def test_their_derivatives_by_every_array_and_by_x(bound, variance):
    vae = disturbed(linear_vae(6, 3, variance=variance, rng=0), 0.3)
    report = check_gradients(bound, (vae, X[:3]))
    assert report.inconclusive == 0


# The optimum


def test_at_the_optimum_the_elbo_is_the_likelihood_of_every_example():
    vae = optimal_linear_vae(PPCA)
    log_p = PPCA.log_likelihood(X)
    np.testing.assert_allclose(exact_elbo(vae, X), log_p, rtol=0, atol=1e-10)
    np.testing.assert_allclose(exact_log_likelihood(vae, X), log_p, rtol=0, atol=1e-10)


def test_at_the_optimum_every_weight_is_the_likelihood():
    """q is the posterior, so that p(x, h) / q(h | x) = p(x) for any h."""
    vae = optimal_linear_vae(PPCA)
    weights = vae.log_weights(X, vae.draw_noise(len(X), 0, 5))
    log_p = np.broadcast_to(PPCA.log_likelihood(X), weights.shape)
    np.testing.assert_allclose(weights, log_p, rtol=0, atol=1e-10)


def test_the_encoder_is_the_posterior():
    mean, v = optimal_linear_vae(PPCA).encode(X)
    expected, covariance = PPCA.posterior(X)
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.diag(np.exp(v)), covariance, rtol=0, atol=1e-14)


def test_at_the_optimum_the_gradient_vanishes():
    slope = grad(lambda vae: np.mean(exact_elbo(vae, X)))(optimal_linear_vae(PPCA))
    leaves = tree_leaves(slope)
    assert len(leaves) == 6
    for leaf in leaves:
        np.testing.assert_allclose(leaf, 0, atol=1e-11)


def test_elsewhere_the_elbo_is_less_than_the_likelihood_of_every_example():
    best = PPCA.log_likelihood(X).mean()
    for seed in range(20):
        vae = disturbed(optimal_linear_vae(PPCA), 0.1, seed)
        gaps = exact_log_likelihood(vae, X) - exact_elbo(vae, X)
        assert np.all(gaps > 0)
        assert exact_log_likelihood(vae, X).mean() < best


def test_a_rotation_costs_the_elbo_alone():
    """By Hadamard's inequality, the same for every example."""
    for seed in range(5):
        ppca = turned(seed)
        vae = optimal_linear_vae(ppca)
        np.testing.assert_allclose(
            exact_log_likelihood(vae, X), PPCA.log_likelihood(X), rtol=0, atol=1e-10
        )
        P = posterior_precision(ppca.W, np.log(ppca.variance))
        lost = 0.5 * (np.sum(np.log(np.diag(P))) - np.linalg.slogdet(P)[1])
        assert lost > 0.01
        gaps = PPCA.log_likelihood(X) - exact_elbo(vae, X)
        np.testing.assert_allclose(gaps, lost, rtol=0, atol=1e-10)


def test_axes_in_another_order_and_with_other_signs_cost_nothing():
    ppca = replace(PPCA, W=-PPCA.W[:, [2, 0, 1]])
    bound = exact_elbo(optimal_linear_vae(ppca), X)
    np.testing.assert_allclose(bound, PPCA.log_likelihood(X), rtol=0, atol=1e-10)


def test_no_other_encoder_is_better_for_a_rotated_decoder():
    best = optimal_linear_vae(turned())
    for seed in range(20):
        other = replace(best, encoder=disturbed(best.encoder, 0.01, seed))
        assert exact_elbo(other, X).mean() < exact_elbo(best, X).mean()


def test_the_optimum_is_kept_in_float32():
    narrow = ProbabilisticPCA.fit(X.astype(np.float32), 3)
    vae, x = optimal_linear_vae(narrow), X.astype(np.float32)
    assert vae.dtype == np.float32
    assert exact_elbo(vae, x).dtype == exact_log_likelihood(vae, x).dtype == np.float32
    np.testing.assert_allclose(exact_elbo(vae, x), narrow.log_likelihood(x), atol=2e-3)


def test_the_optimum_shares_no_array_with_the_ppca():
    vae = optimal_linear_vae(PPCA)
    for leaf in tree_leaves(vae):
        for array in vars(PPCA).values():
            assert not np.shares_memory(leaf, array)


# Training


def test_training_ends_at_the_principal_axes_themselves():
    vae, x = linear_vae(5, 3, variance=5.0, rng=2), tame()
    climb(vae, x)
    ppca = ProbabilisticPCA.fit(x, 3)
    best = ppca.log_likelihood(x).mean()
    assert exact_log_likelihood(vae, x).mean() == pytest.approx(best, abs=1e-10)
    assert exact_elbo(vae, x).mean() == pytest.approx(best, abs=1e-10)
    assert np.exp(vae.decoder.log_variance) == pytest.approx(0.375, rel=1e-6)
    cosines = np.sort(np.abs(rows(vae) @ PCA.fit(x, 3).components.T), axis=1)
    np.testing.assert_allclose(cosines[:, -1], 1, atol=1e-8)
    np.testing.assert_allclose(cosines[:, :-1], 0, atol=1e-4)


@pytest.mark.parametrize("used", [1, 3])
def test_with_the_noise_held_latents_of_smaller_variance_collapse(used):
    s2 = np.sqrt(EIGENVALUES[used - 1] * EIGENVALUES[used])
    vae, x = linear_vae(5, 4, variance=s2, learn_variance=False, rng=4), tame()
    climb(vae, x)
    assert np.exp(vae.decoder.log_variance) == pytest.approx(s2, rel=1e-15)
    expected = 0.5 * np.log(np.maximum(EIGENVALUES[:4] / s2, 1))
    found = np.sort(mean_divergences(vae, x))[::-1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert np.sum(found > 0.01) == used
    lengths = np.sum(vae.decoder.network.layers[0].weights ** 2, axis=1)
    room = np.maximum(EIGENVALUES[:4] - s2, 0)
    np.testing.assert_allclose(np.sort(lengths)[::-1], room, rtol=0, atol=1e-5)


# What it is made of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_linear_vae_is_two_layers_and_two_variances(dtype, tmp_path):
    vae = linear_vae(6, 3, variance=0.5, rng=0, dtype=dtype)
    assert (vae.visible, vae.latent, vae.dtype) == (6, 3, dtype)
    assert [leaf.shape for leaf in tree_leaves(vae)] == [
        (6, 3),
        (3,),
        (3,),
        (3, 6),
        (6,),
        (),
    ]
    assert vae.decoder.learn_variance
    assert vae.encoder.learn_variance
    np.testing.assert_array_equal(vae.encoder.log_variance, 0)
    assert np.exp(vae.decoder.log_variance) == pytest.approx(0.5)
    vae.save(tmp_path / "vae.npz")
    again = VAE.load(tmp_path / "vae.npz")
    x = X.astype(dtype)
    np.testing.assert_array_equal(exact_elbo(again, x), exact_elbo(vae, x))


@pytest.mark.parametrize("bound", [exact_elbo, exact_log_likelihood])
def test_a_noise_that_is_held_has_no_derivative(bound):
    vae = linear_vae(6, 3, variance=0.5, learn_variance=False, rng=0)
    slope = grad(lambda vae: np.mean(bound(vae, X)))(vae)
    assert slope.decoder.log_variance == 0
    assert np.all(slope.decoder.network.layers[0].weights != 0)


def test_a_variance_that_is_none_is_refused():
    with pytest.raises(ValueError, match="variance is"):
        linear_vae(6, 3, variance=0.0, rng=0)


@pytest.mark.parametrize("bound", [exact_elbo, exact_log_likelihood])
def test_data_that_do_not_fit_are_refused(bound):
    """One column would be taken for six equal ones."""
    vae = linear_vae(6, 3, rng=0)
    for columns in (1, 5):
        with pytest.raises(ValueError, match=r"reshape"):
            bound(vae, X[:, :columns])


def test_other_networks_have_no_formula():
    deep = VAE.create(6, 3, hidden=(4,), likelihood="gaussian", rng=0)
    with pytest.raises(ValueError, match=r"decoder is a .* layers relu, identity, .*"):
        exact_log_likelihood(deep, X)
    with pytest.raises(ValueError, match="encoder is a Gaussian of the layers relu"):
        exact_elbo(deep, X)
    vae = linear_vae(6, 3, rng=0)
    varying = Gaussian(MLP.create((6, 6), rng=0))
    with pytest.raises(ValueError, match="encoder is a Gaussian of the layers ident"):
        exact_elbo(replace(vae, encoder=varying), X)
    found = exact_log_likelihood(replace(vae, encoder=varying), X)
    np.testing.assert_array_equal(found, exact_log_likelihood(vae, X))
