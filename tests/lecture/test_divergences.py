"""The Kullback-Leibler divergence: how far is one law from another?

    KL(p || q) = sum_x p(x) log(p(x) / q(x)),  or the integral of the same,

the mean, under p, of how much more likely p makes x than q does, in nats. To be read
from top to bottom; every statement is an assertion. All models that follow are trained
by making it small, most often for q the model and p the data; a variational autoencoder
and a diffusion model have it in their bounds as well. Numbers like T27 are those of the
list in README.md.

Laws are drawn from Dirichlet laws, which are spread over all laws of k outcomes, and
from Gaussians, for which the integral is in closed form.

Sources: S. Kullback and R. A. Leibler (1951); T. M. Cover and J. A. Thomas (2006),
Elements of Information Theory, chapters 2 and 11.
"""

import numpy as np
import pytest
from scipy import integrate, stats

from autodiff import grad, log_softmax, softmax
from models import (
    cross_entropy,
    jensen_shannon,
    kl_divergence,
    kl_from_logits,
    kl_gaussian,
    kl_gaussian_full,
    total_variation,
)

LOG2 = np.log(2)


def laws(n, k, concentration=1.0, seed=0):
    """n laws of k outcomes; a concentration below one leaves most outcomes rare."""
    return np.random.default_rng(seed).dirichlet(np.full(k, concentration), n)


def gaussians(d, seed=0):
    """Mean and covariance of two Gaussians in d dimensions."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(2, d, d))
    covariances = factors @ factors.mT + 0.2 * np.eye(d)
    means = rng.normal(size=(2, d))
    return means[0], covariances[0], means[1], covariances[1]


# 1. A coin


def test_a_coin_by_hand():
    """A fair coin, taken for one that shows heads three times out of four.

    Half of the throws are heads, 2/3 as likely as believed, and half are tails, twice
    as likely: KL = 1/2 log(2/3) + 1/2 log 2 = 0.1438 nats a throw. So after 16 throws
    the true law has made the data, typically, ten times as likely as the believed one.
    """
    fair, believed = np.array([1 / 2, 1 / 2]), np.array([3 / 4, 1 / 4])
    divergence = kl_divergence(fair, believed)
    by_hand = 1 / 2 * np.log(2 / 3) + 1 / 2 * np.log(2)
    assert divergence == pytest.approx(by_hand, rel=1e-14)
    assert divergence == pytest.approx(0.1438, abs=5e-5)
    assert np.exp(16 * divergence) == pytest.approx(10, rel=0.01)


def test_the_mean_log_ratio_of_data_tends_to_it():
    """100,000 throws of a die from p: the mean of log p/q is KL within 5 errors."""
    p, q = laws(2, 6)
    ratio = np.log(p / q)[np.random.default_rng(1).choice(6, 100_000, p=p)]
    error = ratio.std() / np.sqrt(ratio.size)
    assert error < 0.01 * kl_divergence(p, q)
    assert abs(ratio.mean() - kl_divergence(p, q)) < 5 * error


# 2. Never negative, and zero only for equal laws


@pytest.mark.parametrize("concentration", [0.1, 1, 10])
def test_it_is_never_negative(concentration):
    """For 2000 pairs of laws, not even by rounding (T27).

    Why: log t <= t - 1, with t = q/p. So p log(p/q) >= p - q for every single outcome,
    and the right-hand sides sum to 1 - 1.
    """
    p, q = laws(4000, 6, concentration).reshape(2, 2000, 6)
    here = p > 0
    t = q[here] / p[here]
    assert np.all(np.log(t) <= t - 1)
    divergence = kl_divergence(p, q)
    assert np.all(divergence >= 0)
    assert np.median(divergence) > 0.01


def test_it_is_zero_only_for_equal_laws():
    """Moved by d away from p, q is at sum d^2 / (2 p), however small d is (T27)."""
    for p in laws(50, 6, 2.0):
        assert kl_divergence(p, p) == 0
        for size in (1e-3, 1e-6, 1e-9):
            d = size * p.min() * np.array([1, -1, 2, -2, 3, -3])
            divergence = kl_divergence(p, p + d)
            assert divergence > 0
            expected = np.sum(d**2 / (2 * p))
            assert divergence == pytest.approx(expected, rel=max(10 * size, 1e-5))


def test_between_gaussians_it_is_never_negative_and_zero_only_for_equal_ones():
    """200 pairs in up to 4 dimensions; then a mean or a variance moved (T27)."""
    for seed in range(200):
        m, S, n, T = gaussians(1 + seed % 4, seed)
        assert kl_gaussian_full(m, S, n, T) > 0
        assert kl_gaussian_full(m, S, m, S) < 1e-24
    mean, v = np.zeros(1), np.zeros(1)
    for moved in (1e-3, 1e-6):
        of_mean = kl_gaussian(mean, v, mean + moved, v)
        of_variance = kl_gaussian(mean, v, mean, v + moved)
        assert of_mean == pytest.approx(moved**2 / 2, rel=1e-12)
        assert of_variance == pytest.approx(moved**2 / 4, rel=1e-3)


# 3. Infinite where q excludes what p does


def test_it_is_infinite_where_q_lacks_an_outcome_of_p():
    """One throw that q holds impossible refutes q, whatever else q says (T27).

    The other way round nothing happens: 0 log 0 = 0, as x log x tends to 0. And it
    becomes infinite slowly: an outcome of probability 1/2 held for 1e-300 costs 345
    nats.
    """
    half, sure = np.array([1 / 2, 1 / 2]), np.array([1.0, 0.0])
    assert kl_divergence(half, sure) == np.inf
    assert kl_divergence(sure, half) == pytest.approx(LOG2, rel=1e-15)
    assert kl_divergence(sure, sure) == 0
    nearly = np.array([1 - 1e-300, 1e-300])
    assert kl_divergence(half, nearly) == pytest.approx(300 / 2 * np.log(10), rel=0.01)
    for p, q in laws(400, 5, 2.0).reshape(200, 2, 5):
        q = np.where(np.arange(5) == 2, 0, q)
        q = q / q.sum()
        assert kl_divergence(p, q) == np.inf
        assert np.isfinite(kl_divergence(q, p))


def test_a_gaussian_that_narrows_to_a_point_diverges():
    """To a point it is infinite, like 1/(2 s^2); from one, like -log s (T27)."""
    zero = np.zeros(1)
    for s in (1e-2, 1e-4, 1e-6):
        to_point = kl_gaussian(zero, 0.0, zero, 2 * np.log(s))
        from_point = kl_gaussian(zero, 2 * np.log(s), zero, 0.0)
        assert to_point == pytest.approx(1 / (2 * s**2) + np.log(s) - 1 / 2, rel=1e-9)
        assert from_point == pytest.approx(-np.log(s) - 1 / 2, rel=1e-3)


# 4. Not symmetric


def test_it_is_not_symmetric():
    """The coin of section 1, both ways: 0.1438 and 0.1308 nats (T27).

    No distance, then. A pair of laws that are mirror images of each other cannot show
    it: there the two directions agree.
    """
    fair, believed = np.array([1 / 2, 1 / 2]), np.array([3 / 4, 1 / 4])
    assert kl_divergence(fair, believed) == pytest.approx(0.1438, abs=5e-5)
    assert kl_divergence(believed, fair) == pytest.approx(0.1308, abs=5e-5)
    p, q = laws(200, 5).reshape(2, 100, 5)
    there, back = kl_divergence(p, q), kl_divergence(q, p)
    assert np.min(np.abs(there / back - 1)) > 1e-4
    mirrored = kl_divergence(p, p[:, ::-1])
    np.testing.assert_allclose(mirrored, kl_divergence(p[:, ::-1], p), rtol=1e-12)


def test_the_two_directions_want_different_things():
    """The best Gaussian q for two bumps at -3 and 3, by the two divergences (T27).

    KL(p || q) punishes q where it lacks mass, so q covers both bumps: it has the mean 0
    and the variance 10 of p. KL(q || p) punishes q where p lacks mass: a q upon one
    bump, log 2 away, is better than the q that covers both.
    """
    x = np.linspace(-15, 15, 3001)
    p = 0.5 * stats.norm.pdf(x, -3) + 0.5 * stats.norm.pdf(x, 3)
    p = p / p.sum()

    def law(mean, log_variance):
        return softmax(-((x - mean) ** 2) * np.exp(-log_variance) / 2)

    covering, on_one = (0.0, np.log(10.0)), (3.0, 0.0)
    slopes = grad(lambda m, v: kl_divergence(p, law(m, v)), (0, 1))(*covering)
    assert np.max(np.abs(slopes)) < 1e-4
    assert kl_divergence(p, law(*covering)) < 0.5 < 5 < kl_divergence(p, law(*on_one))
    assert kl_divergence(law(*on_one), p) == pytest.approx(LOG2, rel=0.01)
    assert kl_divergence(law(*covering), p) > 1.3 * LOG2


# 5. What it says about probabilities of events


def test_pinskers_inequality():
    """TV^2 <= KL / 2: laws close in KL give every event nearly one probability (T27).

    The factor 1/2 cannot be made smaller: for a coin close to a fair one both sides
    agree. No inequality holds the other way, since KL can be infinite.
    """
    for concentration in (0.1, 1, 10):
        p, q = laws(4000, 4, concentration).reshape(2, 2000, 4)
        distance, divergence = total_variation(p, q), kl_divergence(p, q)
        assert np.all(distance**2 <= divergence / 2)
        events = np.random.default_rng(2).integers(0, 2, (2000, 4))
        difference = np.abs(np.sum(events * (p - q), axis=1))
        assert np.all(difference <= distance + 1e-15)
    fair = np.array([1 / 2, 1 / 2])
    for d in (1e-1, 1e-3, 1e-5):
        loaded = np.array([1 / 2 + d, 1 / 2 - d])
        ratio = kl_divergence(loaded, fair) / (2 * total_variation(loaded, fair) ** 2)
        assert 1 <= ratio < 1 + d**2


def test_between_gaussians_pinskers_inequality_holds_too():
    """TV of N(0, 1) and N(m, 1) is 2 Phi(m/2) - 1, and KL is m^2 / 2 (T27)."""
    for m in np.linspace(0.01, 6, 100):
        divergence = kl_gaussian(np.zeros(1), 0.0, np.array([m]), 0.0)
        assert divergence == pytest.approx(m**2 / 2, rel=1e-14)
        distance = 2 * stats.norm.cdf(m / 2) - 1
        assert distance**2 <= divergence / 2


# 6. What happens to it when the outcomes are renamed, merged, or come in pairs


def test_new_names_of_the_outcomes_do_not_change_it():
    """A permutation of the outcomes, the same for both laws (T27)."""
    p, q = laws(200, 6).reshape(2, 100, 6)
    order = np.random.default_rng(3).permutation(6)
    renamed = kl_divergence(p[:, order], q[:, order])
    np.testing.assert_allclose(renamed, kl_divergence(p, q), rtol=1e-12)


def test_a_change_of_variables_does_not_change_it():
    """y = A x + b turns N(m, S) into N(A m + b, A S A^T); KL stays the same (T27).

    It depends on no unit and no coordinates: the density of y is that of x over
    |det A|, and in the ratio of two densities the determinant cancels.
    """
    rng = np.random.default_rng(4)
    for seed in range(20):
        m, S, n, T = gaussians(3, seed)
        A, b = rng.normal(size=(3, 3)) + 2 * np.eye(3), rng.normal(size=3)
        moved = (A @ m + b, A @ S @ A.T, A @ n + b, A @ T @ A.T)
        moved = [(x + x.T) / 2 if x.ndim == 2 else x for x in moved]
        expected = kl_gaussian_full(m, S, n, T)
        assert kl_gaussian_full(*moved) == pytest.approx(expected, rel=1e-7)


def test_nor_does_a_bijection_that_is_not_linear():
    """y = e^x turns normal laws into log-normal ones, here by quadrature (T27)."""
    p, q = stats.lognorm(0.5, scale=np.exp(1.0)), stats.lognorm(0.8, scale=np.exp(0.2))

    def integrand(y):
        return p.pdf(y) * (p.logpdf(y) - q.logpdf(y))

    of_y, _ = integrate.quad(integrand, 0, 100, points=[1, 3, 10], limit=200)
    of_x = kl_gaussian(np.ones(1), 2 * np.log(0.5), np.full(1, 0.2), 2 * np.log(0.8))
    assert of_y == pytest.approx(of_x, rel=1e-8)


def test_merging_outcomes_can_only_lower_it():
    """Who cannot tell two outcomes apart finds it harder to tell two laws apart.

    Nothing is lost only where the two laws agree about the odds of what is merged.
    """
    p, q = laws(4000, 6).reshape(2, 2000, 6)
    merged = kl_divergence(*(np.add.reduceat(x, [0, 2, 3], axis=1) for x in (p, q)))
    assert np.all(merged < kl_divergence(p, q))
    odds = np.array([1 / 4, 3 / 4])
    p, q = (np.outer(x, odds).ravel() for x in laws(2, 3))
    kept = kl_divergence(p.reshape(3, 2).sum(axis=1), q.reshape(3, 2).sum(axis=1))
    assert kept == pytest.approx(kl_divergence(p, q), rel=1e-13)


def test_the_chain_rule():
    """KL of pairs (x, y) is that of x, plus the mean one of y given x (T27).

        KL(p(x, y) || q(x, y)) = KL(p(x) || q(x)) + sum_x p(x) KL(p(y|x) || q(y|x))

    For independent x and y it is the sum of two: n data count n times.
    """
    for p, q in laws(200, 12).reshape(100, 2, 3, 4):
        of_x = kl_divergence(p.sum(axis=1), q.sum(axis=1))
        p_given, q_given = (law / law.sum(axis=1, keepdims=True) for law in (p, q))
        of_y_given_x = kl_divergence(p_given, q_given)
        whole = kl_divergence(p.ravel(), q.ravel())
        assert whole == pytest.approx(of_x + p.sum(axis=1) @ of_y_given_x, rel=1e-12)

    (p, q), (r, s) = laws(2, 3), laws(2, 4, seed=1)
    pairs = kl_divergence(np.outer(p, r).ravel(), np.outer(q, s).ravel())
    assert pairs == pytest.approx(kl_divergence(p, q) + kl_divergence(r, s), rel=1e-12)


def test_the_chain_rule_between_gaussians():
    """Given x, y is Gaussian with a mean linear in x, m_y + c (x - m_x) (T27).

    So its divergence is quadratic in x: its mean over p(x) needs mean and variance of x
    alone. Here x and y are the two coordinates of a Gaussian in the plane.
    """
    for seed in range(20):
        m, S, n, T = gaussians(2, seed)
        of_x = kl_gaussian_full(m[:1], S[:1, :1], n[:1], T[:1, :1])

        def given(x, mean, covariance):
            """Mean and log-variance of y."""
            slope = covariance[1, 0] / covariance[0, 0]
            variance = covariance[1, 1] - slope * covariance[0, 1]
            return mean[1:] + slope * (x - mean[0]), np.log(variance)

        # Over these two points a quadratic has the mean that it has over p(x).
        points = m[0] + np.sqrt(S[0, 0]) * np.array([-1, 1])
        each = [kl_gaussian(*given(x, m, S), *given(x, n, T)) for x in points]
        whole = kl_gaussian_full(m, S, n, T)
        assert whole == pytest.approx(of_x + np.mean(each), rel=1e-9)


# 7. What it has to do with learning


def test_likelihood_is_divergence():
    """The mean negative log-likelihood of data is entropy plus KL(data || model).

    The entropy is that of the data, whatever the model. So the likeliest model is the
    one closest to the data, by this divergence in this direction, and the two have one
    gradient, softmax(z) - p.
    """
    rng = np.random.default_rng(5)
    labels, z = rng.integers(0, 4, 500), rng.normal(size=4)
    p = np.bincount(labels, minlength=4) / 500
    entropy = -np.sum(p * np.log(p))

    def likelihood(z):
        return cross_entropy(np.broadcast_to(z, (500, 4)), labels)

    def divergence(z):
        return kl_divergence(p, softmax(z))

    assert likelihood(z) == pytest.approx(entropy + divergence(z), rel=1e-12)
    np.testing.assert_allclose(grad(likelihood)(z), softmax(z) - p, rtol=1e-9)
    np.testing.assert_allclose(grad(divergence)(z), softmax(z) - p, rtol=1e-9)
    assert kl_from_logits(np.log(p), log_softmax(z)) == pytest.approx(divergence(z))


def test_a_symmetric_relative_stays_finite():
    """Jensen-Shannon: the mean divergence of p and q from their average.

    At most log 2, when no outcome is common, and its square root is a metric.
    """
    for concentration in (0.05, 1, 10):
        p, q, r = laws(1500, 5, concentration).reshape(3, 500, 5)
        here = jensen_shannon(p, q)
        np.testing.assert_allclose(here, jensen_shannon(q, p), rtol=1e-12)
        assert np.all((here > 0) & (here <= LOG2 * (1 + 1e-15)))
        over = np.sqrt(jensen_shannon(p, r)) + np.sqrt(jensen_shannon(r, q))
        assert np.all(np.sqrt(here) <= over)
    p, q = np.array([0.3, 0.7, 0, 0]), np.array([0, 0, 0.6, 0.4])
    assert kl_divergence(p, q) == np.inf
    assert jensen_shannon(p, q) == pytest.approx(LOG2, rel=1e-15)
