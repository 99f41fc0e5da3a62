"""Probabilistic PCA: its law, its posterior, and that nothing is more likely."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from autodiff import check_gradients, grad
from models.pca import PCA
from models.probabilistic_pca import (
    ProbabilisticPCA,
    factor_log_likelihood,
    posterior_precision,
)
from tests.models.correlated import data

RNG = np.random.default_rng(0)


def covariance(ppca):
    return ppca.W @ ppca.W.T + ppca.variance * np.eye(len(ppca.W))


def total(ppca, X):
    return float(ppca.log_likelihood(X).sum())


@pytest.mark.parametrize(("n", "M", "d"), [(200, 6, 1), (200, 6, 5), (8, 30, 3)])
def test_the_law_has_the_variances_of_the_data_along_d_axes(n, M, d):
    X = data(n, M)
    ppca, pca = ProbabilisticPCA.fit(X, d), PCA.fit(X)
    eigenvalues = np.zeros(M)
    eigenvalues[: len(pca.components)] = pca.explained_variance
    noise = eigenvalues[d:].mean()
    assert ppca.variance == pytest.approx(noise, rel=1e-12)
    found = np.linalg.eigvalsh(covariance(ppca))[::-1]
    expected = np.append(eigenvalues[:d], np.full(M - d, noise))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    aligned = pca.components[:d] @ ppca.W
    np.testing.assert_allclose(
        aligned, np.diag(np.sqrt(eigenvalues[:d] - noise)), atol=1e-12 * found[0]
    )


@pytest.mark.parametrize("d", [1, 3, 5])
def test_the_log_likelihood_is_that_of_the_gaussian(d):
    X = data()
    ppca = ProbabilisticPCA.fit(X, d)
    expected = stats.multivariate_normal(ppca.mean, covariance(ppca)).logpdf(X)
    np.testing.assert_allclose(ppca.log_likelihood(X), expected, rtol=0, atol=1e-9)


def test_at_the_optimum_the_mean_has_a_formula():
    """tr(C^-1 S) = M, so the mean is -1/2 (M log 2 pi + log det C + M)."""
    X = data()
    ppca = ProbabilisticPCA.fit(X, 3)
    M, (_, log_det) = 6, np.linalg.slogdet(covariance(ppca))
    expected = -0.5 * (M * np.log(2 * np.pi) + log_det + M)
    assert total(ppca, X) / len(X) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("field", ["mean", "W", "variance"])
def test_no_law_near_by_is_more_likely(field):
    X = data()
    ppca = ProbabilisticPCA.fit(X, 3)
    best, value = total(ppca, X), getattr(ppca, field)
    for seed in range(20):
        noise = np.random.default_rng(seed).standard_normal(value.shape)
        near = np.asarray(value * (1 + 0.01 * noise))
        assert total(replace(ppca, **{field: near}), X) < best


def test_the_derivatives_at_the_optimum_vanish():
    X = data()
    ppca = ProbabilisticPCA.fit(X, 3)
    at = {"mu": ppca.mean, "W": ppca.W, "v": np.log(ppca.variance)}

    def mean(at):
        return np.mean(factor_log_likelihood(X, at["mu"], at["W"], at["v"]))

    for slope in grad(mean)(at).values():
        np.testing.assert_allclose(slope, 0, atol=1e-11)


def test_no_other_axes_are_more_likely():
    """The formula with other eigenvectors is stationary, and a saddle."""
    X, d = data(), 2
    pca, best = PCA.fit(X), total(ProbabilisticPCA.fit(X, d), X)
    eigenvalues = pca.explained_variance
    others = 0
    for kept in ([0, 2], [1, 2], [0, 5]):
        rest = np.delete(eigenvalues, kept).mean()
        room = eigenvalues[kept] - rest
        if np.all(room > 0):
            W = pca.components[kept].T * np.sqrt(room)
            other = ProbabilisticPCA(pca.mean, W, np.asarray(rest))
            assert total(other, X) < best - 1
            others += 1
    assert others


def test_a_rotation_of_the_latents_changes_no_likelihood():
    X = data()
    ppca = ProbabilisticPCA.fit(X, 3)
    R, _ = np.linalg.qr(RNG.standard_normal((3, 3)))
    turned = replace(ppca, W=ppca.W @ R)
    np.testing.assert_allclose(
        turned.log_likelihood(X), ppca.log_likelihood(X), rtol=0, atol=1e-11
    )
    np.testing.assert_allclose(turned.reconstruct(X), ppca.reconstruct(X), rtol=1e-11)
    np.testing.assert_allclose(turned.transform(X), ppca.transform(X) @ R, atol=1e-12)


def test_the_posterior_is_that_of_bayes():
    """log p(x) = log p(h) + log p(x | h) - log p(h | x), whatever h is."""
    X = data(20)
    ppca = ProbabilisticPCA.fit(X, 3)
    mean, cov = ppca.posterior(X)
    assert mean.shape == (20, 3)
    assert cov.shape == (3, 3)
    for h in RNG.standard_normal((5, 3)):
        prior = stats.multivariate_normal(np.zeros(3)).logpdf(h)
        noise = ppca.variance * np.eye(6)
        made = stats.multivariate_normal(ppca.mean + ppca.W @ h, noise).logpdf(X)
        after = [stats.multivariate_normal(m, cov).logpdf(h) for m in mean]
        np.testing.assert_allclose(
            prior + made - after, ppca.log_likelihood(X), rtol=0, atol=1e-8
        )
    np.testing.assert_array_equal(ppca.transform(X), mean)


def test_a_reconstruction_keeps_a_share_of_each_axis():
    X = data()
    ppca, pca = ProbabilisticPCA.fit(X, 3), PCA.fit(X, 3)
    shares = 1 - ppca.variance / pca.explained_variance
    expected = pca.mean + (pca.transform(X) * shares) @ pca.components
    np.testing.assert_allclose(ppca.reconstruct(X), expected, rtol=0, atol=1e-11)


def test_little_noise_leaves_pca():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((100, 2)) @ rng.standard_normal((2, 5))
    X += 1e-7 * rng.standard_normal(X.shape)
    ppca, pca = ProbabilisticPCA.fit(X, 2), PCA.fit(X, 2)
    np.testing.assert_allclose(ppca.reconstruct(X), pca.reconstruct(X), atol=1e-12)
    scaled = pca.transform(X) / np.sqrt(pca.explained_variance)
    np.testing.assert_allclose(ppca.transform(X), scaled, atol=1e-11)
    L, noise = np.log(pca.explained_variance), np.log(ppca.variance)
    expected = -0.5 * (5 * np.log(2 * np.pi) + L.sum() + 3 * noise + 5)
    # The variances are 10^14 times that of the noise; an inverse of C would be lost.
    assert np.mean(ppca.log_likelihood(X)) == pytest.approx(expected, rel=1e-3)


def test_draws_have_the_moments_of_the_law():
    """100,000 draws; each mean and covariance within 5.03 of its standard errors.

    Detects 2 % of a variance, and any of W, s^2 and the mean left out.
    """
    ppca, n = ProbabilisticPCA.fit(data(M=4), 2), 100_000
    X = ppca.sample(n, 0)
    C = covariance(ppca)
    z = (X.mean(axis=0) - ppca.mean) / np.sqrt(np.diag(C) / n)
    assert np.max(np.abs(z)) < 5.03
    variances = np.diag(C)
    errors = np.sqrt((C**2 + np.outer(variances, variances)) / n)
    assert np.max(errors / np.sqrt(np.outer(variances, variances))) < 0.02 / 4
    r = X - ppca.mean
    assert np.max(np.abs((r.T @ r / n - C) / errors)) < 5.03


def test_draws_are_repeated_and_keep_the_precision():
    ppca = ProbabilisticPCA.fit(data(dtype=np.float32), 2)
    X = ppca.sample(5, 7)
    assert X.shape == (5, 6)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, ppca.sample(5, np.random.default_rng(7)))
    assert np.all(ppca.sample(5, 8) != X)


def test_float32_is_the_rounded_law():
    X = data(dtype=np.float32)
    narrow, wide = ProbabilisticPCA.fit(X, 3), ProbabilisticPCA.fit(X.astype(float), 3)
    for name, array in vars(narrow).items():
        np.testing.assert_array_equal(array, vars(wide)[name].astype(np.float32))
    log_p = narrow.log_likelihood(X)
    assert log_p.dtype == narrow.transform(X).dtype == np.float32
    assert all(array.dtype == np.float32 for array in narrow.posterior(X))
    np.testing.assert_allclose(log_p, wide.log_likelihood(X.astype(float)), atol=2e-3)


def test_noise_may_differ_between_features():
    """Then it is the law of factor analysis."""
    x, mu = RNG.standard_normal((7, 4)), RNG.standard_normal(4)
    W, v = RNG.standard_normal((4, 2)), RNG.standard_normal(4)
    law = stats.multivariate_normal(mu, W @ W.T + np.diag(np.exp(v)))
    np.testing.assert_allclose(factor_log_likelihood(x, mu, W, v), law.logpdf(x), 1e-11)
    expected = np.eye(2) + W.T @ np.diag(np.exp(-v)) @ W
    np.testing.assert_allclose(posterior_precision(W, v), expected, rtol=1e-13)


@pytest.mark.parametrize("shape", [(), (4,)])
def test_its_derivatives_by_every_argument(shape):
    x, mu, W = RNG.standard_normal((3, 4)), np.ones(4), RNG.standard_normal((4, 2))
    v = np.asarray(0.5 * RNG.standard_normal(shape))
    report = check_gradients(factor_log_likelihood, (x, mu, W, v))
    assert report.inconclusive == 0


def test_it_comes_back_from_a_file_bit_for_bit(tmp_path):
    ppca = ProbabilisticPCA.fit(data(), 3)
    ppca.save(tmp_path / "ppca.npz")
    again = ProbabilisticPCA.load(tmp_path / "ppca.npz")
    for name, array in vars(ppca).items():
        np.testing.assert_array_equal(vars(again)[name], array)


def test_data_without_noise_are_refused():
    X = data(M=3)
    flat = np.column_stack([X, X[:, 0] + X[:, 1]])
    assert ProbabilisticPCA.fit(flat, 2).variance > 0
    with pytest.raises(ValueError, match=r"s\^2 would be zero .* Ask for at most 2"):
        ProbabilisticPCA.fit(flat, 3)
    with pytest.raises(ValueError, match="4 examples vary in 3 dimensions"):
        ProbabilisticPCA.fit(data(4, 9), 3)
    with pytest.raises(ValueError, match="200 times the same example"):
        ProbabilisticPCA.fit(np.ones((200, 3)), 1)


@pytest.mark.parametrize("d", [0, 6, 7])
def test_a_number_of_latents_that_is_none_is_refused(d):
    with pytest.raises(ValueError, match=f"latent is {d} .* must be from 1 to 5"):
        ProbabilisticPCA.fit(data(), d)


def test_arrays_that_do_not_fit_are_refused():
    ppca = ProbabilisticPCA.fit(data(), 3)
    with pytest.raises(ValueError, match="do not fit; they are"):
        replace(ppca, W=ppca.W[:4])
    with pytest.raises(ValueError, match="with d from 1 to M - 1"):
        replace(ppca, W=np.ones((6, 6)))
    with pytest.raises(ValueError, match=r"variance is 0\.0; without noise"):
        replace(ppca, variance=np.asarray(0.0))
    with pytest.raises(TypeError, match="do not share a precision"):
        replace(ppca, variance=np.asarray(1, np.float32))
    with pytest.raises(ValueError, match=r"has 5 columns, .* 6 numbers"):
        ppca.log_likelihood(data()[:, :5])
