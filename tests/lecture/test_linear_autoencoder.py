"""The linear autoencoder: principal components, once more.

    p(x | h) = N(W h + mu, s^2 I),  q(h | x) = N(V^T x + c, diag(e^v)),  h ~ N(0, I).

Three views of one subspace. A linear map to d numbers and back that loses least in the
mean square spans the first d principal axes. So does the likeliest W; and s^2 is then
the mean of the variances that d axes leave out. The bound of the variational
autoencoder has its optimum at the same place, and is the likelihood there. To be read
from top to bottom; every statement is an assertion. Numbers like T35 are those of the
list in README.md.

Sources: P. Baldi and K. Hornik, Neural Networks 2 (1989), 53; M. E. Tipping and C. M.
Bishop, J. R. Statist. Soc. B 61 (1999), 611; J. Lucas et al., NeurIPS (2019).
"""

import numpy as np
import pytest

from autodiff import grad, tree_leaves, value_and_grad
from models.linear_vae import (
    exact_elbo,
    exact_log_likelihood,
    linear_vae,
    optimal_linear_vae,
)
from models.pca import PCA
from models.probabilistic_pca import ProbabilisticPCA
from optim import BFGS
from tests.lecture.latents import gauss_hermite, log_gaussian

M, D = 5, 2


def some_data(n=200, seed=0):
    """Correlated numbers whose principal variances are 4.9, 2.6, .43, .34, .19."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(M, M)))[0]
    scales = np.sqrt([6.0, 3.0, 0.5, 0.3, 0.2])
    return rng.normal(size=(n, M)) * scales @ axes.T + rng.normal(size=M)


X = some_data()
COVARIANCE = np.cov(X.T, bias=True)
VARIANCES, AXES = (each[..., ::-1] for each in np.linalg.eigh(COVARIANCE))
SUBSPACE = AXES[:, :D] @ AXES[:, :D].T  # the projection to it


def projection(W):
    """To the span of the columns of W."""
    Q = np.linalg.qr(W)[0]
    return Q @ Q.T


# 1. Three subspaces that are one


def test_the_best_linear_autoencoder_spans_the_principal_axes():
    """|x - mu - U U^T (x - mu)|^2 has the mean lambda_3 + lambda_4 + lambda_5 (T35).

    No other of 1000 planes loses less, and its gradient by both maps is zero there.
    """
    pca = PCA.fit(X, D)
    U, r = pca.components.T, X - X.mean(axis=0)
    np.testing.assert_allclose(projection(U), SUBSPACE, atol=1e-12)

    def error(up, down):
        return np.mean(np.sum((r - r @ up @ down) ** 2, axis=1))

    least = error(U, U.T)
    assert least == pytest.approx(VARIANCES[D:].sum(), rel=1e-12)
    planes = np.linalg.qr(np.random.default_rng(1).normal(size=(1000, M, D)))[0]
    assert min(error(plane, plane.T) for plane in planes) > least
    for slope in grad(error, (0, 1))(U, U.T):
        np.testing.assert_allclose(slope, 0, atol=1e-12)


def test_the_likeliest_decoder_in_closed_form():
    """W W^T = U (L - s^2 I) U^T, s^2 the mean of the discarded variances (T35).

    The covariance of the model has the eigenvalues lambda_1, lambda_2, s^2, s^2, s^2.
    """
    ppca = ProbabilisticPCA.fit(X, D)
    assert ppca.variance == pytest.approx(VARIANCES[D:].mean(), rel=1e-12)
    np.testing.assert_allclose(projection(ppca.W), SUBSPACE, atol=1e-12)
    C = ppca.W @ ppca.W.T + ppca.variance * np.eye(M)
    expected = [*VARIANCES[:D], *[VARIANCES[D:].mean()] * 3]
    np.testing.assert_allclose(np.linalg.eigvalsh(C)[::-1], expected, rtol=1e-12)
    log_p = log_gaussian(X, X.mean(axis=0), C)
    np.testing.assert_allclose(ppca.log_likelihood(X), log_p, rtol=1e-11)


def mean_likelihood(W, mu, log_variance):
    C = W @ W.T + np.exp(log_variance) * np.eye(M)
    r = X - mu
    squares = np.mean(np.sum(r @ np.linalg.inv(C) * r, axis=1))
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * C)[1])


def test_no_step_from_there_raises_the_likelihood():
    """Its gradient is zero by W, mu and s^2, and 200 steps all lead down (T35).

    Steps that only turn the latents, W -> W R, change nothing: W W^T alone counts.
    """
    ppca = ProbabilisticPCA.fit(X, D)
    best = ppca.W, ppca.mean, np.log(ppca.variance)
    for slope in grad(mean_likelihood, (0, 1, 2))(*best):
        np.testing.assert_allclose(slope, 0, atol=1e-11)
    top, rng = mean_likelihood(*best), np.random.default_rng(2)
    for _ in range(200):
        moved = [part + 0.1 * rng.normal(size=np.shape(part)) for part in best]
        assert mean_likelihood(*moved) < top
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0]
    turned = mean_likelihood(best[0] @ turn, *best[1:])
    assert turned == pytest.approx(top, rel=1e-13)


# 2. The bound there


def test_at_the_optimum_the_bound_is_the_likelihood():
    """ELBO(x) = log p(x) for every x, with q the posterior (T35).

    The closed form of the bound, and the mean of the library's estimate over the noise,
    which three nodes each way have exactly.
    """
    ppca = ProbabilisticPCA.fit(X, D)
    vae, x = optimal_linear_vae(ppca), X[:20]
    log_p = ppca.log_likelihood(x)
    np.testing.assert_allclose(exact_elbo(vae, x), log_p, rtol=1e-11)
    e, weights = gauss_hermite(3, dimensions=D)
    bounds = [vae.elbo(x, np.tile(node, (20, 1))) for node in e]
    np.testing.assert_allclose(weights @ bounds, log_p, rtol=1e-11)
    weight = vae.log_weights(x, np.random.default_rng(0).normal(size=(3, 20, D)))
    np.testing.assert_allclose(weight, np.tile(log_p, (3, 1)), rtol=1e-10)


def test_it_is_an_optimum_of_the_bound():
    """The gradient of the bound is zero by every parameter of both halves (T35)."""
    vae = optimal_linear_vae(ProbabilisticPCA.fit(X, D))
    slopes = tree_leaves(grad(lambda vae: np.mean(exact_elbo(vae, X)))(vae))
    assert len(slopes) == 6
    for slope in slopes:
        np.testing.assert_allclose(slope, 0, atol=1e-10)


def test_turned_latents_cost_what_a_diagonal_q_cannot_say():
    """W -> W R has the same likelihood and a lower bound (T35).

    The posterior's precision P = I + W^T W / s^2 is then not diagonal, and the best q
    misses by 1/2 (sum_j log P_jj - log det P), the same for every x.
    """
    ppca = ProbabilisticPCA.fit(X, D)
    R = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    turned = ProbabilisticPCA(ppca.mean, ppca.W @ R, ppca.variance)
    vae = optimal_linear_vae(turned)
    log_p = exact_log_likelihood(vae, X)
    np.testing.assert_allclose(log_p, ppca.log_likelihood(X), rtol=1e-11)
    P = np.eye(D) + turned.W.T @ turned.W / ppca.variance
    gap = (np.sum(np.log(np.diagonal(P))) - np.linalg.slogdet(P)[1]) / 2
    np.testing.assert_allclose(log_p - exact_elbo(vae, X), gap, rtol=1e-9)
    assert gap > 0.04


# 3. Learned


def test_training_finds_principal_components():
    """From random maps, by the bound alone: likelihood, plane and s^2 of pPCA (T35).

    The columns of W come out along the axes, since the bound, other than the
    likelihood, wants them orthogonal.
    """
    vae, ppca = linear_vae(M, D, rng=0), ProbabilisticPCA.fit(X, D)
    vae.decoder.log_variance = np.zeros(())
    optimizer = BFGS(gradient_tolerance=1e-8)
    objective = value_and_grad(lambda vae: -np.mean(exact_elbo(vae, X)))
    assert -objective(vae)[0] < np.mean(ppca.log_likelihood(X)) - 1
    while optimizer.stopped is None:
        optimizer.step(objective, vae)
    found = np.mean(exact_log_likelihood(vae, X))
    assert found == pytest.approx(np.mean(ppca.log_likelihood(X)), abs=1e-8)
    assert -objective(vae)[0] == pytest.approx(found, abs=1e-8)
    [layer] = vae.decoder.network.layers
    np.testing.assert_allclose(projection(layer.weights.T), SUBSPACE, atol=1e-6)
    variance = np.exp(vae.decoder.log_variance)
    assert variance == pytest.approx(VARIANCES[D:].mean(), rel=1e-6)
    np.testing.assert_allclose(layer.bias, X.mean(axis=0), atol=1e-6)
    squares = layer.weights @ layer.weights.T
    np.testing.assert_allclose(squares[0, 1], 0, atol=1e-5)


def test_a_latent_below_the_noise_is_not_used():
    """With s^2 held at 3.5, above lambda_2, one of two latents is left at zero (T35).

    Its column of W is zero and its q the prior: a collapse that the likelihood wants.
    The other has |w|^2 = lambda_1 - s^2 and in the mean the divergence 1/2 log
    lambda_1 / s^2.
    """
    s2 = 3.5
    assert VARIANCES[0] > s2 > VARIANCES[1]
    vae = linear_vae(M, D, variance=s2, learn_variance=False, rng=0)
    optimizer = BFGS(gradient_tolerance=1e-9)
    objective = value_and_grad(lambda vae: -np.mean(exact_elbo(vae, X)))
    while optimizer.stopped is None:
        optimizer.step(objective, vae)
    W = vae.decoder.network.layers[0].weights
    used, unused = np.argsort(-np.linalg.norm(W, axis=1))
    assert W[used] @ W[used] == pytest.approx(VARIANCES[0] - s2, rel=1e-5)
    np.testing.assert_allclose(W[unused], 0, atol=1e-4)
    m, v = vae.encode(X)
    np.testing.assert_allclose(m[:, unused], 0, atol=1e-3)
    assert v[unused] == pytest.approx(0, abs=1e-5)
    cost = np.mean(m[:, used] ** 2 + np.exp(v[used]) - 1 - v[used]) / 2
    assert cost == pytest.approx(np.log(VARIANCES[0] / s2) / 2, rel=1e-5)
