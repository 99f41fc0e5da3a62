"""The evidence lower bound, line by line.

    log p(x) = E_q[ log p(x, h) / q(h | x) ] + KL(q(h | x) || p(h | x)),

the bound, and what it lacks. The lines of the derivation are those that the docstring
of models/vae_bounds.py numbers. Each is held to three worlds in which log p(x) and the
posterior p(h | x) are known otherwise: a discrete latent, where integrals are sums; a
linear decoder, where all laws are Gaussian; and a network of one latent, which can be
integrated numerically. Lines 9 and 10 follow in test_reparameterization.py and
test_gaussian_kl.py, line 13 in test_importance_weighted.py. To be read from top to
bottom; every statement is an assertion. Numbers like T29 are those of the list in
README.md.

Sources: M. Jordan et al., Machine Learning 37 (1999), 183; D. P. Kingma and M. Welling,
ICLR (2014).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad

from models import kl_divergence, kl_gaussian_full
from models.gaussian_divergences import kl_standard_normal
from samplers.quadrature import quadrature
from tests.lecture.latents import (
    gauss_hermite,
    log_gaussian,
    log_joint_of,
    log_normal,
    some_vae,
)


@dataclass
class World:
    """One x, and at nodes of h what the laws say of it, in nats.

    weights : (n,), with which sums over the nodes are means over q(h | x)
    log_prior, log_likelihood, log_q, log_posterior : (n,), log p(h), log p(x | h),
        log q(h | x), log p(h | x)
    log_evidence : log p(x), not from these
    to_posterior, to_prior : KL(q || p(h | x)) and KL(q || p(h)), not from these
    """

    weights: np.ndarray
    log_prior: np.ndarray
    log_likelihood: np.ndarray
    log_q: np.ndarray
    log_posterior: np.ndarray
    log_evidence: float
    to_posterior: float
    to_prior: float

    @property
    def log_joint(self):
        return self.log_prior + self.log_likelihood

    @property
    def bound(self):
        return self.mean(self.log_joint - self.log_q)

    def mean(self, f):
        return self.weights @ f


def discrete(seed):
    """Five values of h and seven of x, by tables."""
    rng = np.random.default_rng(seed)
    p_h, q = rng.dirichlet(np.ones(5), 2)
    p_x = rng.dirichlet(np.ones(7), 5)[:, 3]
    evidence = np.sum(p_h * p_x)
    posterior = p_h * p_x / evidence
    return World(
        q,
        *np.log([p_h, p_x, q, posterior]),
        np.log(evidence),
        kl_divergence(q, posterior),
        kl_divergence(q, p_h),
    )


def linear_laws(seed):
    """W, mu, s^2 of p(x | h) = N(W h + mu, s^2 I), two latents, and some x : (3,)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 2)), rng.normal(size=3), 0.4, rng.normal(size=3)


def linear_posterior(W, mu, s2, x):
    """Mean and covariance of h given x."""
    covariance = np.linalg.inv(np.eye(2) + W.T @ W / s2)
    return covariance @ W.T @ (x - mu) / s2, covariance


def linear(seed):
    """The mean of a parabola is exact from three nodes each way."""
    W, mu, s2, x = linear_laws(seed)
    mean, covariance = linear_posterior(W, mu, s2, x)
    rng = np.random.default_rng(seed + 1000)
    m, factor = rng.normal(size=2), np.tril(rng.normal(size=(2, 2))) + np.eye(2)
    e, weights = gauss_hermite(3, dimensions=2)
    h, C = m + e @ factor.T, factor @ factor.T
    return World(
        weights,
        log_gaussian(h, np.zeros(2), np.eye(2)),
        log_gaussian(x, h @ W.T + mu, s2 * np.eye(3)),
        log_gaussian(h, m, C),
        log_gaussian(h, mean, covariance),
        log_gaussian(x, mu, W @ W.T + s2 * np.eye(3)),
        kl_gaussian_full(m, C, mean, covariance),
        kl_gaussian_full(m, C, np.zeros(2), np.eye(2)),
    )


def nonlinear(seed):
    """All by Gauss-Legendre nodes on 9 widths of q, and log p(x) by another rule."""
    vae, x = some_vae(seed), np.array([1.0, 0.0, 1.0])
    log_joint = log_joint_of(vae, x)
    evidence = quad(lambda h: np.exp(log_joint(np.array([[h]]))[0]), -12, 12)[0]
    [m], [v] = (each[0] for each in vae.encode(x[np.newaxis]))
    nodes, weights = np.polynomial.legendre.leggauss(300)
    h, dh = m + 9 * np.exp(v / 2) * nodes, 9 * np.exp(v / 2) * weights
    log_q = log_normal(h, m, np.exp(v))
    law = quadrature(lambda h: -log_joint(h), (-14, 14), tolerance=1e-12)
    log_posterior = law.log_density(h[:, np.newaxis])

    def divergence(h):
        log_q = log_normal(h, m, np.exp(v))
        return np.exp(log_q) * (log_q - law.log_density(np.array([[h]]))[0])

    return World(
        dh * np.exp(log_q),
        log_normal(h, 0, 1),
        log_joint(h[:, np.newaxis]) - log_normal(h, 0, 1),
        log_q,
        log_posterior,
        np.log(evidence),
        quad(divergence, h[0], h[-1], epsabs=1e-11, epsrel=1e-11, limit=200)[0],
        kl_standard_normal(np.array([m]), np.array([v])),
    )


def in_all_worlds(test):
    """Run it on ten discrete worlds, ten linear ones and three of a network."""
    worlds = [
        pytest.param(make, seed, id=f"{make.__name__}-{seed}")
        for make, seeds in ((discrete, 10), (linear, 10), (nonlinear, 3))
        for seed in range(seeds)
    ]
    return pytest.mark.parametrize(("make", "seed"), worlds)(test)


def close(expected):
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


# 1. Two ways to the evidence


@in_all_worlds
def test_the_evidence_is_what_is_left_of_the_joint_law_at_every_h(make, seed):
    """p(x) = p(x, h) / p(h | x), the same number whatever h is taken (T28)."""
    world = make(seed)
    ratio = world.log_joint - world.log_posterior
    np.testing.assert_allclose(ratio, world.log_evidence, rtol=0, atol=1e-9)


def test_the_evidence_of_a_discrete_latent_is_a_sum():
    """p(x) = sum_h p(h) p(x | h), which sums to one over x (T28)."""
    rng = np.random.default_rng(0)
    p_h, p_x = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(7), 5)
    joint = p_h[:, np.newaxis] * p_x
    evidence = joint.sum(axis=0)
    assert evidence.sum() == pytest.approx(1, rel=1e-14)
    posterior = joint / evidence
    np.testing.assert_allclose(posterior.sum(axis=0), 1, rtol=1e-14)
    np.testing.assert_allclose(joint / posterior, np.tile(evidence, (5, 1)))


@pytest.mark.parametrize("seed", range(3))
def test_the_evidence_of_a_linear_decoder_is_gaussian(seed):
    """int N(h; 0, I) N(x; W h + mu, s^2 I) dh = N(x; mu, W W^T + s^2 I) (T28).

    The left side by quadrature in the plane of h.
    """
    W, mu, s2, x = linear_laws(seed)

    def minus_log_joint(h):
        log_likelihood = log_gaussian(x, h @ W.T + mu, s2 * np.eye(3))
        return -log_gaussian(h, np.zeros(2), np.eye(2)) - log_likelihood

    law = quadrature(minus_log_joint, [(-9, 9), (-9, 9)])
    closed = log_gaussian(x, mu, W @ W.T + s2 * np.eye(3))
    assert law.log_partition == pytest.approx(closed, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_evidence_of_a_network_is_an_integral(seed):
    """p(x) = int p(x, h) dh by quadrature: over all eight x it sums to one (T28)."""
    vae = some_vae(seed)
    logs = []
    for x in product((0.0, 1.0), repeat=3):
        log_joint = log_joint_of(vae, np.array(x))
        law = quadrature(lambda h, f=log_joint: -f(h), (-12, 12), tolerance=1e-11)
        logs.append(law.log_partition)
    assert np.sum(np.exp(logs)) == pytest.approx(1, abs=1e-10)
    assert np.ptp(logs) > 0.2


# 2. Six lines to the bound


@in_all_worlds
def test_line_1_the_mean_of_what_has_no_h_in_it(make, seed):
    """log p(x) = E_q[log p(x)]: q integrates to one, whatever else it is (T29)."""
    world = make(seed)
    constant = np.full(len(world.weights), world.log_evidence)
    assert world.mean(constant) == close(world.log_evidence)


@in_all_worlds
def test_line_2_the_product_rule_inside_the_mean(make, seed):
    """= E_q[log p(x, h) / p(h | x)] (T29)."""
    world = make(seed)
    assert world.mean(world.log_joint - world.log_posterior) == close(
        world.log_evidence
    )


@in_all_worlds
def test_line_3_a_factor_that_is_one(make, seed):
    """= E_q[log (p(x, h) / q(h | x)) (q(h | x) / p(h | x))] (T29)."""
    world = make(seed)
    ratio = np.exp(world.log_joint - world.log_q)
    other = np.exp(world.log_q - world.log_posterior)
    assert world.mean(np.log(ratio * other)) == close(world.log_evidence)


@in_all_worlds
def test_line_4_the_logarithm_of_a_product(make, seed):
    """= E_q[log p(x, h) / q(h | x)] + E_q[log q(h | x) / p(h | x)] (T29)."""
    world = make(seed)
    first = world.mean(world.log_joint - world.log_q)
    second = world.mean(world.log_q - world.log_posterior)
    assert first + second == close(world.log_evidence)


@in_all_worlds
def test_line_5_the_second_mean_is_a_divergence(make, seed):
    """= ELBO + KL(q(h | x) || p(h | x)), the latter computed on its own (T29)."""
    world = make(seed)
    second = world.mean(world.log_q - world.log_posterior)
    assert second == close(world.to_posterior)
    assert world.bound + world.to_posterior == close(world.log_evidence)


@in_all_worlds
def test_line_6_the_bound(make, seed):
    """log p(x) >= ELBO, and by far more than rounding for a q of its own (T29)."""
    world = make(seed)
    assert world.bound < world.log_evidence - 1e-4


@pytest.mark.parametrize("seed", range(10))
def test_the_gap_closes_at_the_posterior_alone(seed):
    """With q = p(h | x), log p(x, h) / q is log p(x) at every h (T29).

    A part t of the way to another law, q = (1 - t) p(h | x) + t r, the gap is positive
    and falls as t^2: the bound is flat at its maximum.
    """
    world = discrete(seed)
    posterior, other = np.exp(world.log_posterior), world.weights

    def gap(t):
        q = (1 - t) * posterior + t * other
        return world.log_evidence - q @ (world.log_joint - np.log(q))

    assert gap(0) == pytest.approx(0, abs=1e-14)
    curvature = np.sum((other - posterior) ** 2 / posterior) / 2
    for t in (1e-3, 1e-2):
        assert gap(t) == pytest.approx(
            curvature * t**2, rel=t * np.max(other / posterior)
        )
    assert np.all(np.diff([gap(t) for t in np.linspace(0, 1, 21)]) > 0)


def test_raising_the_bound_by_q_is_to_near_the_posterior():
    """log p(x) has no q in it: between two q, bounds and divergences trade (T29)."""
    world = linear(0)
    W, mu, s2, x = linear_laws(0)
    mean, covariance = linear_posterior(W, mu, s2, x)
    e, weights = gauss_hermite(3, dimensions=2)

    def bound(m, C):
        h = m + e @ np.linalg.cholesky(C).T
        log_joint = log_gaussian(h, np.zeros(2), np.eye(2))
        log_joint += log_gaussian(x, h @ W.T + mu, s2 * np.eye(3))
        return weights @ (log_joint - log_gaussian(h, m, C))

    near, far = (mean + 0.1, covariance), (np.zeros(2), np.eye(2))
    gains = bound(*near) - bound(*far)
    drop = kl_gaussian_full(*far, mean, covariance)
    drop -= kl_gaussian_full(*near, mean, covariance)
    assert gains == close(drop)
    assert bound(mean, covariance) == close(world.log_evidence)


# 3. Two terms


@in_all_worlds
def test_line_7_the_joint_law_is_decoder_times_prior(make, seed):
    """ELBO = E_q[log p(x | h)] + E_q[log p(h) / q(h | x)] (T30)."""
    world = make(seed)
    prior = world.mean(world.log_prior - world.log_q)
    assert world.mean(world.log_likelihood) + prior == close(world.bound)


@in_all_worlds
def test_line_8_reconstruction_less_divergence(make, seed):
    """= E_q[log p(x | h)] - KL(q(h | x) || p(h)), the latter on its own (T30)."""
    world = make(seed)
    reconstruction = world.mean(world.log_likelihood)
    assert reconstruction - world.to_prior == close(world.bound)


@pytest.mark.parametrize("seed", range(3))
def test_the_library_has_both_terms(seed):
    """The mean over the noise of its elbo and of its log weights is the bound (T30).

    Over 80 nodes of the rule of Gauss and Hermite, each a draw (lines 11 and 12).
    """
    world, vae = nonlinear(seed), some_vae(seed)
    e, weights = gauss_hermite(80)
    x, noise = np.array([[1.0, 0.0, 1.0]]), e[:, np.newaxis, np.newaxis]
    each = [vae.elbo_terms(x, node) for node in noise]
    reconstruction = weights @ [terms.reconstruction[0] for terms in each]
    assert reconstruction == pytest.approx(world.mean(world.log_likelihood), abs=1e-5)
    assert np.sum(each[0].divergence) == close(world.to_prior)
    by_logarithms = weights @ vae.log_weights(x, noise)[:, 0]
    assert by_logarithms == pytest.approx(world.bound, abs=1e-5)
    h = vae.reparameterize(x, noise)[:, 0, 0]
    [m], [v] = (moment[0] for moment in vae.encode(x))
    log_joint = log_joint_of(vae, x[0])(h[:, np.newaxis])
    weight = log_joint - log_normal(h, m, np.exp(v))
    np.testing.assert_allclose(vae.log_weights(x, noise)[:, 0], weight, rtol=1e-11)


def test_draws_estimate_the_bound_without_bias():
    """20,000 estimates by one draw, with the KL in closed form and without (T30).

    Within 5.03 errors of the bound by quadrature: sees 4 % of it. Over L draws the
    error is 1 / sqrt(L) of that, within 5 %.
    """
    world, vae, n = nonlinear(0), some_vae(0), 20_000
    x = np.tile([1.0, 0.0, 1.0], (n, 1))
    rng = np.random.default_rng(0)
    for estimates in (
        vae.elbo(x, rng.standard_normal((n, 1))),
        vae.log_weights(x, rng.standard_normal((1, n, 1)))[0],
    ):
        error = estimates.std() / np.sqrt(n)
        assert 2 * 5.03 * error < 0.04 * abs(world.bound)
        assert abs(estimates.mean() - world.bound) < 5.03 * error
    one = np.std(vae.elbo(x, rng.standard_normal((n, 1))))
    for L in (4, 16):
        many = np.std(vae.elbo(x, rng.standard_normal((L, n, 1))))
        assert many * np.sqrt(L) == pytest.approx(one, rel=0.05)
