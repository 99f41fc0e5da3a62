"""The best discriminator: p_r / (p_r + p_g), at each x by itself.

For a given generator L is an integral over x, and D(x) can be chosen at each x freely.
So the best choice is that of one number u = D(x), with A = p_r(x) and B = p_g(x):

    l(u) = A log u + B log(1 - u),   0 < u < 1.

The lines are those that the docstring of models/gan_games.py numbers, 3 to 6 here. To
be read after test_minimax_game.py, from top to bottom; every statement is an assertion.
Numbers like T56 are those of the list in README.md.

Source: I. Goodfellow et al., NeurIPS (2014), proposition 1.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import expit, xlogy

from autodiff import grad, hessian, softplus
from models import kl_divergence
from models.gan_games import discriminator_loss
from models.gan_theory import optimal_discriminator, optimal_logit
from optim import BFGS, minimize

U = np.linspace(0.01, 0.99, 99)
PAIRS = np.random.default_rng(0).exponential(size=(20, 2)) + 0.05  # A, B
each_pair = pytest.mark.parametrize(("A", "B"), PAIRS[:8])


def gain(u, A, B):
    """l(u)."""
    return A * np.log(u) + B * np.log(1 - u)


# 1. One number


@each_pair
def test_lines_3_and_4_the_slope(A, B):
    """l' = A / u - B / (1 - u) = [A - (A + B) u] / [u (1 - u)], by autodiff (T56)."""
    slope = np.array([grad(gain)(u, A, B) for u in U])
    np.testing.assert_allclose(slope, A / U - B / (1 - U), rtol=1e-11, atol=1e-12)
    printed = (A - (A + B) * U) / (U * (1 - U))
    np.testing.assert_allclose(slope, printed, rtol=1e-11, atol=1e-12)


@each_pair
def test_line_5_the_curvature(A, B):
    """l'' = -A / u^2 - B / (1 - u)^2 < 0, so that l lies below its tangents (T56)."""
    curvature = np.array([hessian(lambda u: gain(u, A, B))(u) for u in U])
    np.testing.assert_allclose(curvature, -A / U**2 - B / (1 - U) ** 2, rtol=1e-10)
    assert np.all(curvature < 0)
    u, v = U[:, np.newaxis], U
    tangent = gain(v, A, B) + (A / v - B / (1 - v)) * (u - v)
    below = tangent - gain(u, A, B)
    assert np.all(below[u[:, 0] != v[:, np.newaxis]] > 0)


@each_pair
def test_so_there_is_one_maximum(A, B):
    """At A / (A + B): l' is positive before and negative behind (T56).

    A search that knows nothing of the formula comes to it, to the half of the digits
    that a search by values can have.
    """
    best = A / (A + B)
    assert A / best - B / (1 - best) == pytest.approx(0, abs=1e-12)
    slope = A / U - B / (1 - U)
    np.testing.assert_array_equal(slope > 0, best > U)
    found = minimize_scalar(
        lambda u: -gain(u, A, B),
        bounds=(0, 1),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found.x == pytest.approx(best, abs=1e-7)


def test_where_one_of_the_two_laws_is_not():
    """Without B l = A log u rises to u = 1, without A it falls from u = 0 (T56).

    There A / (A + B) is 1 and 0, and l is 0 log 0 = 0 in the other term, its supremum;
    without both every u is as good.
    """
    for A, B, best in ((0.7, 0.0, 1.0), (0.0, 0.7, 0.0)):
        assert best == A / (A + B)
        towards = np.diff(gain(U, A, B)) * (1 if best else -1)
        assert np.all(towards > 0)
        at_best = xlogy(A, best) + xlogy(B, 1 - best)
        assert at_best == 0
        assert np.all(gain(U, A, B) < at_best)
    np.testing.assert_array_equal(gain(U, 0.0, 0.0), 0)


# 2. All x at once


def some_laws(k=7, seed=0):
    """p_r and p_g of k outcomes, one of which each of them has not."""
    p_r, p_g = np.random.default_rng(seed).dirichlet(np.ones(k), 2)
    p_r[0], p_g[1] = 0, 0
    return p_r / p_r.sum(), p_g / p_g.sum()


def value(p_r, p_g, D):
    return np.sum(xlogy(p_r, D) + xlogy(p_g, 1 - D), axis=-1)


@pytest.mark.parametrize("seed", range(5))
def test_line_6_no_discriminator_is_better(seed):
    """L(D) <= L(D*) for 2000 D, and D* in [0, 1] (T57).

    What is missing is known: sum (p_r + p_g) KL(D* || D), the divergence of two coins
    at each x, which is zero for D = D* alone. The library's best is this one.
    """
    p_r, p_g = some_laws(seed=seed)
    best = p_r / (p_r + p_g)
    assert np.all((best >= 0) & (best <= 1))
    D = np.random.default_rng(seed).random((2000, len(p_r)))
    missing = value(p_r, p_g, best) - value(p_r, p_g, D)
    assert np.all(missing > 0)
    coins = kl_divergence(np.stack([best, 1 - best], -1), np.stack([D, 1 - D], -1))
    np.testing.assert_allclose(missing, coins @ (p_r + p_g), rtol=1e-9)
    np.testing.assert_allclose(optimal_discriminator(p_r, p_g), best, rtol=1e-15)


def test_it_is_a_half_exactly_where_the_two_agree():
    """D* = 1/2 where p_r = p_g, above it where p_r is larger, below elsewhere (T57)."""
    p_r, p_g = some_laws()
    p_g[3] = p_r[3]
    best = p_r / (p_r + p_g)
    np.testing.assert_array_equal(np.sign(best - 0.5), np.sign(p_r - p_g))
    assert best[3] == 0.5
    assert np.sum(best == 0.5) == 1


GAUSSIANS = {
    "shifted": (stats.norm(0, 1), stats.norm(1, 1)),
    "wider": (stats.norm(0, 1), stats.norm(0, 2)),
    "both": (stats.norm(-0.5, 0.7), stats.norm(1, 1.5)),
}
each_case = pytest.mark.parametrize(("p_r", "p_g"), GAUSSIANS.values(), ids=GAUSSIANS)
X = np.linspace(-18, 20, 3001)
STEP = X[1] - X[0]
FEATURES = np.stack([np.ones_like(X), X, X**2])


def logit_of_gaussians(p_r, p_g):
    """log p_r / p_g as a parabola, by hand: the factors of 1, x and x^2."""
    (m, s), (n, t) = ((law.mean(), law.std()) for law in (p_r, p_g))
    a = np.log(t / s) - m**2 / (2 * s**2) + n**2 / (2 * t**2)
    return np.array([a, m / s**2 - n / t**2, 1 / (2 * t**2) - 1 / (2 * s**2)])


@each_case
def test_its_logit_is_the_logarithm_of_the_ratio(p_r, p_g):
    """log D* / (1 - D*) = log p_r / p_g, a parabola between Gaussians (T57).

    The library's logit, of logarithms of densities, is that to the ends of the axis,
    where the densities themselves are zero to the computer.
    """
    logit = logit_of_gaussians(p_r, p_g) @ FEATURES
    near = np.abs(X) < 4
    best = (p_r.pdf(X) / (p_r.pdf(X) + p_g.pdf(X)))[near]
    np.testing.assert_allclose(best, expit(logit)[near], rtol=1e-11)
    np.testing.assert_allclose(
        np.log(best) - np.log1p(-best), logit[near], rtol=1e-7, atol=1e-9
    )
    found = optimal_logit(p_r.logpdf(10 * X), p_g.logpdf(10 * X))
    expected = logit_of_gaussians(p_r, p_g) @ np.vander(10 * X, 3, increasing=True).T
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def fitted(p_r, p_g, features):
    """The discriminator of these features that is fitted to the laws, by BFGS.

    The means over data and draws are integrals; returns its factors, and L.
    """

    def loss(factors):
        logit = factors @ features
        of_data = np.sum(p_r.pdf(X) * softplus(-logit)) * STEP
        return of_data + np.sum(p_g.pdf(X) * softplus(logit)) * STEP

    factors = np.zeros(len(features))
    outcome = minimize(
        loss, factors, BFGS(gradient_tolerance=1e-11, decrease_tolerance=0)
    )
    return factors, -outcome.value


@each_case
def test_a_fitted_discriminator_finds_it(p_r, p_g):
    """Logistic regression on 1, x, x^2 can say it, and ends there, to 1e-7 (T57)."""
    factors, _ = fitted(p_r, p_g, FEATURES)
    np.testing.assert_allclose(factors, logit_of_gaussians(p_r, p_g), atol=1e-7)


def test_one_that_cannot_say_it_falls_short():
    """Without x^2 a wider law is not told at all: L stays at -2 log 2 (T57).

    With it, it is higher by 2 JS. So the loss of a fitted discriminator bounds the
    divergence from below only.
    """
    p_r, p_g = GAUSSIANS["wider"]
    factors, straight = fitted(p_r, p_g, FEATURES[:2])
    np.testing.assert_allclose(factors, 0, atol=1e-7)
    assert straight == pytest.approx(-2 * np.log(2), abs=1e-9)
    assert fitted(p_r, p_g, FEATURES)[1] > straight + 0.1


def test_fitted_to_draws_it_comes_as_close_as_their_number_allows():
    """Of 20,000 data and as many draws, each factor within 5.03 errors (T57).

    The errors are those of likelihood: the inverse of the Fisher information. They are
    below 0.06, so that a missing factor 1/2 of x^2 is seen.
    """
    p_r, p_g = GAUSSIANS["both"]
    n, rng = 20_000, np.random.default_rng(0)
    x, y = (
        np.vander(law.rvs(n, random_state=rng), 3, increasing=True)
        for law in (p_r, p_g)
    )

    def loss(factors):
        return discriminator_loss("minimax", x @ factors, y @ factors)

    factors = np.zeros(3)
    minimize(loss, factors, BFGS(gradient_tolerance=1e-7))
    every = np.concatenate([x, y])
    D = expit(every @ factors)
    information = every.T @ (every * (D * (1 - D))[:, np.newaxis])
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    assert np.all(errors < 0.06)
    assert np.all(np.abs(factors - logit_of_gaussians(p_r, p_g)) < 5.03 * errors)
