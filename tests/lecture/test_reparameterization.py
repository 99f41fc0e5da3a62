"""How the mean over draws is differentiated by the law that makes the draws.

    h = m + s e,  e ~ N(0, 1),  v = log s^2,
    d/dm E f(h) = E f'(h),      d/dv E f(h) = E f'(h) (h - m) / 2.

The noise e has a law that depends on nothing, so that the derivative passes through the
draw. The other way is to differentiate the density,

    d/dm E f(h) = E f(h) d log q(h) / dm = E f(h) (h - m) / s^2,

which needs no f' at all, holds for discrete h too, and has a larger variance. Then the
objective of a variational autoencoder, in which the mean is one over L such draws. To
be read from top to bottom; every statement is an assertion. Numbers like T32 are those
of the list in README.md.

Sources: D. P. Kingma and M. Welling, ICLR (2014); D. J. Rezende, S. Mohamed and D.
Wierstra, ICML (2014); R. J. Williams, Machine Learning 8 (1992), 229, for the other.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import ndtr

from autodiff import explain, grad, stop_gradient
from models.conditionals import HomoscedasticGaussian, reparameterize
from models.gaussian_divergences import kl_standard_normal
from models.mlp import MLP, Dense
from models.vae import VAE
from tests.kolmogorov import LIMIT, distance
from tests.lecture.latents import gauss_hermite, log_normal

# 1. One law, two samplers


def test_both_samplers_have_one_law():
    """50,000 draws of N(0.7, 0.09): shifted and scaled noise, and NumPy's (T32).

    Kolmogorov and Smirnov's distance sees 0.025 in the distribution function, as of a
    variance taken for a standard deviation.
    """
    m, s, n = 0.7, 0.3, 50_000
    noise = np.random.default_rng(0).standard_normal((n, 1))
    mean, log_variance = np.array([m]), np.array([np.log(s**2)])
    moved = reparameterize(mean, log_variance, noise)[:, 0]
    np.testing.assert_allclose(moved, m + s * noise[:, 0], rtol=0, atol=1e-15)
    drawn = np.random.default_rng(1).normal(m, s, n)
    for h in (moved, drawn):
        assert distance(ndtr((h - m) / s)) < LIMIT
    assert distance(ndtr((m + s**2 * noise[:, 0] - m) / s)) > LIMIT


# 2. Two derivatives of a mean


def mean_of(f, m, v, e, weights):
    """The mean of f(h) over the nodes e of the noise, h = m + exp(v / 2) e."""
    return np.sum(weights * f(reparameterize(m, v, e)))


@given(m=st.floats(-2, 2), v=st.floats(-3, 1))
def test_the_derivative_passes_through_the_draw(m, v):
    """d/dm E f = E f'(h) and d/dv E f = E f'(h) (h - m) / 2, for f = h^4 - h (T32).

    E h^4 = m^4 + 6 m^2 s^2 + 3 s^4 for a Gaussian. The rule of Gauss and Hermite is
    exact for the polynomials here, so that nothing is left to chance.
    """
    e, weights = gauss_hermite(6)
    s2 = np.exp(v)
    expected = 4 * m**3 + 12 * m * s2 - 1, 6 * m**2 * s2 + 6 * s2**2

    def f(h):
        return h**4 - h

    found = grad(mean_of, (1, 2))(f, m, v, e, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    h = m + np.exp(v / 2) * e
    slopes = 4 * h**3 - 1
    by_hand = weights @ slopes, weights @ (slopes * (h - m) / 2)
    np.testing.assert_allclose(by_hand, expected, rtol=1e-11, atol=1e-11)
    score = (h - m) / s2, ((h - m) ** 2 / s2 - 1) / 2
    by_score = [weights @ (f(h) * each) for each in score]
    np.testing.assert_allclose(by_score, expected, rtol=1e-10, atol=1e-10)


def test_a_draw_that_is_only_a_number_has_no_derivative():
    """Held fixed, h does not know of m: the slope is zero, whatever f is (T32).

    That is what a sampler leaves behind which returns numbers, and not a function of m.
    The score has to bring it back: f(h), held fixed, times log q(h; m).
    """
    e, weights = gauss_hermite(6)

    def held(m):
        return np.sum(weights * stop_gradient(m + 0.5 * e) ** 2)

    def by_score(m):
        h = stop_gradient(m + 0.5 * e)
        log_q = -0.5 * ((h - m) / 0.5) ** 2
        return np.sum(weights * h**2 * log_q)

    assert grad(held)(0.7) == 0
    assert grad(by_score)(0.7) == pytest.approx(2 * 0.7, rel=1e-13)


# 3. Which is quieter


def estimates(m, s, c, e):
    """One draw's estimates of d/dm and d/dv of E (h - c)^2: path, score, centered.

    The last is the score times (h - c)^2 less its mean: the mean of the score is zero,
    so that nothing is changed in the mean.
    """
    h, a = m + s * e, m - c
    score = np.array([e / s, (e**2 - 1) / 2])
    cost = (h - c) ** 2
    path = np.array([2 * (h - c), (h - c) * (h - m)])
    return path, cost * score, (cost - a**2 - s**2) * score


def variances(a, s):
    """Their variances in closed form, with a = m - c, from the moments of e."""
    path = 4 * s**2, a**2 * s**2 + 2 * s**4
    score = (
        a**4 / s**2 + 14 * a**2 + 15 * s**2,
        a**4 / 2 + 15 * a**2 * s**2 + 37 / 2 * s**4,
    )
    centered = 8 * a**2 + 10 * s**2, 10 * a**2 * s**2 + 14 * s**4
    return path, score, centered


@given(m=st.floats(-2, 2), s=st.floats(0.1, 2), c=st.floats(-2, 2))
def test_the_score_is_right_and_noisier(m, s, c):
    """Means 2 a and s^2 for all; the variances, exact, in one order (T32).

    f = (h - c)^2 and a = m - c. As s -> 0 the variance of the path estimate by m
    vanishes, and that of the score grows as a^4 / s^2.
    """
    e, weights = gauss_hermite(8)
    a = m - c
    for found, expected in zip(estimates(m, s, c, e), variances(a, s), strict=True):
        mean = found @ weights
        np.testing.assert_allclose(mean, [2 * a, s**2], rtol=1e-10, atol=1e-10)
        variance = (found - mean[:, np.newaxis]) ** 2 @ weights
        np.testing.assert_allclose(variance, expected, rtol=1e-8)
    path, score, centered = np.array(variances(a, s))
    assert np.all(path < centered)
    assert np.all(path < score)


def test_both_are_unbiased_on_draws():
    """40,000 draws, m = 1, s = 0.5, c = 0: means 2 and 0.25 within 5.03 errors (T32).

    By m it sees 3 % by the path and 12 % by the score, whose variance is 21.75 times
    as large; by v 13 % and 47 %.
    """
    n = 40_000
    e = np.random.default_rng(2).standard_normal(n)
    found = estimates(1.0, 0.5, 0.0, e)
    for each, expected in zip(found, variances(1.0, 0.5), strict=True):
        error = np.sqrt(np.array(expected) / n)
        assert np.all(np.abs(each.mean(axis=1) - [2, 0.25]) < 5.03 * error)
    assert variances(1.0, 0.5)[1][0] == pytest.approx(21.75)
    ratio = found[1][0].var() / found[0][0].var()
    assert ratio == pytest.approx(21.75, rel=0.1)


# 4. L draws in the objective


def one_latent():
    """p(x | h) = N(h, 1) and q(h | x) = N(x + 1/2, 1/10), on a line."""

    def line(bias, variance):
        network = MLP([Dense(np.ones((1, 1)), np.array([bias]))])
        return HomoscedasticGaussian(network, np.log([variance]))

    return VAE(encoder=line(0.5, 0.1), decoder=line(0.0, 1.0))


@pytest.mark.parametrize("L", [1, 5, 50])
def test_the_mean_over_draws_is_the_bound_of_each(L):
    """elbo at L sets of noise is the mean of elbo at one, to rounding (T33).

    Every set has the same law. So the expectation does not depend on L, and the
    variance is that of one draw over L.
    """
    vae, x = one_latent(), np.array([[0.3], [-1.2]])
    noise = np.random.default_rng(0).standard_normal((L, 2, 1))
    each = [vae.elbo(x, e) for e in noise]
    np.testing.assert_allclose(vae.elbo(x, noise), np.mean(each, axis=0), rtol=1e-13)


def test_the_variance_falls_with_the_number_of_draws():
    """20,000 estimates: one mean for L = 1 and 5, and a fifth of the variance (T33).

    The means are held to the expectation in closed form within 5.03 errors: sees 1 %
    of it. The ratio of the variances sees 10 %.
    """
    vae, n = one_latent(), 20_000
    x = np.full((n, 1), 0.3)
    m, s2 = 0.8, 0.1
    kl = 0.5 * (m**2 + s2 - 1 - np.log(s2))
    expected = log_normal(0.3, m, 1) - s2 / 2 - kl
    spread = {}
    for L in (1, 5):
        noise = np.random.default_rng(L).standard_normal((L, n, 1))
        values = vae.elbo(x, noise)
        error = values.std() / np.sqrt(n)
        assert 2 * 5.03 * error < 0.01 * abs(expected)
        assert abs(values.mean() - expected) < 5.03 * error
        spread[L] = values.var()
    assert spread[1] / spread[5] == pytest.approx(5, rel=0.1)


def objective(parameters, x, L, factor, ratio):
    """factor times sum_l log p(x | h_l), less the divergence; p(x | h) = N(h, 1/ratio).

    Its mean over the noise: each of the L draws has the same, which three nodes give
    exactly. parameters : (2,), the mean m and the log-variance v of q.
    """
    m, v = parameters[:1], parameters[1:]
    e, weights = gauss_hermite(3)
    log_p = log_normal(x, reparameterize(m, v, e), 1 / ratio)
    return factor * L * np.sum(weights * log_p) - kl_standard_normal(m, v)


def optimum(x, L, factor):
    """The mean and variance of q where the objective is largest, at w = s = 1."""

    def loss(parameters):
        return -objective(parameters, x, L, factor, 1.0)

    found = minimize(loss, np.zeros(2), jac=grad(loss), tol=1e-10)
    return found.x[0], np.exp(found.x[1])


@pytest.mark.parametrize(
    ("L", "printed_variance"), [(1, 0.5), (5, 0.1667), (50, 0.0196)]
)
def test_without_one_over_L_the_optimum_moves(L, printed_variance):
    """The best q has the variance 1 / (1 + L w^2 / s^2): .5, .1667, .0196 (E6).

    As printed the sum over draws counts the datum L times and the prior once, as if
    there were L equal data. With the factor 1 / L it is the posterior's 1 / (1 +
    w^2 / s^2) = 1/2, and the mean w x / (w^2 + s^2), for every L.
    """
    x = 0.8
    mean, variance = optimum(x, L, factor=1.0)
    assert variance == pytest.approx(1 / (1 + L), rel=1e-5)
    assert variance == pytest.approx(printed_variance, abs=5e-5)
    assert mean == pytest.approx(L * x / (1 + L), rel=1e-5)
    mean, variance = optimum(x, L, factor=1 / L)
    assert (mean, variance) == pytest.approx((x / 2, 0.5), rel=1e-5)


def test_with_it_the_slope_vanishes_at_the_posterior_for_every_L():
    """At the precision 1 + w^2 / s^2; without 1 / L, at 1 + L w^2 / s^2 (T33).

    By reverse mode, and by the program that is printed of it, recorded elsewhere.
    """

    def at(precision, x):
        return np.array([(precision - 1) / precision * x, -np.log(precision)])

    slope = grad(objective)
    printed = explain(slope, np.ones(2), 0.1, 2.0, 0.5, 3.0)
    rng = np.random.default_rng(0)
    for L in (1.0, 2.0, 5.0, 50.0):
        x, ratio = rng.normal(), rng.uniform(0.1, 10)
        posterior = at(1 + ratio, x)
        for found in (slope, printed):
            corrected = found(posterior, x, L, 1 / L, ratio)
            np.testing.assert_allclose(corrected, 0, atol=1e-12)
            elsewhere = found(at(1 + L * ratio, x), x, L, 1.0, ratio)
            np.testing.assert_allclose(elsewhere, 0, atol=1e-11)
            without = found(posterior, x, L, 1.0, ratio)[1]
            pull = (L - 1) * ratio / (1 + ratio) / 2
            assert without == pytest.approx(-pull, abs=1e-11)
