"""Many draws inside of the logarithm: a bound that rises to log p(x).

    L_k(x) = E[ log 1/k sum_{l=1}^k w_l ],   w_l = p(x, h_l) / q(h_l | x),

with k draws h_l of q(h | x). A weight has the mean p(x), whatever q is, and L_1, the
mean of its logarithm, is the evidence lower bound. To be read from top to bottom; every
statement is an assertion. Latents of few values make all expectations sums, over all k
draws; a network of one latent makes them integrals. Numbers like T34 are those of the
list in README.md.

Source: Y. Burda, R. Grosse and R. Salakhutdinov, ICLR (2016).
"""

from itertools import combinations, product
from math import lgamma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from autodiff import explain, grad, tree_leaves, vjp
from samplers.quadrature import quadrature
from tests.lecture.latents import gauss_hermite, log_joint_of, some_vae

seeds = st.integers(0, 2**32 - 1)


def some_laws(seed, K=4):
    """q(h | x) and p(x, h) of one x, for K values of h, each (K,)."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(K)), 0.3 * rng.dirichlet(np.ones(K))


def bound(q, joint, k):
    """L_k, the mean over all K^k sets of draws."""
    indices = np.array(list(product(range(len(q)), repeat=k)))
    probability = np.prod(q[indices], axis=1)
    return probability @ np.log(np.mean((joint / q)[indices], axis=1))


# 1. Between the bound and the evidence


@given(seed=seeds)
def test_the_mean_weight_is_the_evidence(seed):
    """E_q[w] = sum_h p(x, h) = p(x), for any q; the mean of log w is the ELBO (T34)."""
    q, joint = some_laws(seed)
    assert q @ (joint / q) == pytest.approx(joint.sum(), rel=1e-13)
    assert bound(q, joint, 1) == pytest.approx(q @ np.log(joint / q), rel=1e-13)


@given(seed=seeds)
def test_more_draws_never_loosen_the_bound(seed):
    """L_1 <= L_2 <= ... <= L_6 <= log p(x), over all 4^k sets of draws (T34)."""
    q, joint = some_laws(seed)
    bounds = [bound(q, joint, k) for k in range(1, 7)]
    assert np.all(np.diff(bounds) > -1e-13)
    assert bounds[-1] < np.log(joint.sum()) + 1e-13


@given(seed=seeds, k=st.integers(1, 6))
def test_the_reason_is_that_a_mean_is_a_mean_of_means(seed, k):
    """k + 1 weights, each left out in turn: the mean of k + 1 means is theirs (T34).

    The logarithm is concave, so that of the mean is above the mean of the logarithms,
    for every set of draws and hence in expectation.
    """
    w = np.random.default_rng(seed).exponential(size=k + 1)
    of_k = [np.mean(some) for some in combinations(w, k)]
    assert np.mean(of_k) == pytest.approx(np.mean(w), rel=1e-13)
    assert np.mean(np.log(of_k)) <= np.log(np.mean(w)) + 1e-13


def bound_of_two(q, joint, k):
    """L_k for two values of h: the first is drawn j times of k by a binomial law."""
    j = np.arange(k + 1)
    chance = np.array([lgamma(k + 1) - lgamma(i + 1) - lgamma(k - i + 1) for i in j])
    chance += j * np.log(q[0]) + (k - j) * np.log(q[1])
    w = joint / q
    return np.exp(chance) @ np.log((j * w[0] + (k - j) * w[1]) / k)


@pytest.mark.parametrize("seed", range(5))
def test_the_gap_falls_as_one_over_k(seed):
    """log p(x) - L_k -> Var(w / p(x)) / (2 k): half the variance of the mean (T34).

    The same sums over draws as above for k = 5; then for k up to a thousand.
    """
    q, joint = some_laws(seed, K=2)
    q = 0.8 * q + 0.1  # so that both values are drawn
    assert bound_of_two(q, joint, 5) == pytest.approx(bound(q, joint, 5), rel=1e-12)
    log_p, ratio = np.log(joint.sum()), joint / q / joint.sum()
    variance = q @ (ratio - 1) ** 2
    for k in (100, 1000):
        gap = log_p - bound_of_two(q, joint, k)
        assert gap == pytest.approx(variance / (2 * k), rel=20 * ratio.max() / k)


def test_at_the_posterior_one_draw_is_enough():
    """q = p(h | x): every weight is p(x), and all L_k are log p(x) (T34)."""
    _, joint = some_laws(0)
    for k in (1, 2, 5):
        exact = bound(joint / joint.sum(), joint, k)
        assert exact == pytest.approx(np.log(joint.sum()), rel=1e-13)


def test_what_q_never_draws_is_never_found():
    """Where q is zero and p(h | x) is not, L_k tends to less than log p(x) (T34).

    It stays below the logarithm of what q covers of p(x), for any k.
    """
    joint = np.array([0.1, 0.05, 0.15])
    q, covered = np.array([0.5, 0.5]), joint[:2]
    bounds = [bound_of_two(q, covered, k) for k in (1, 10, 100, 1000)]
    assert np.all(np.diff(bounds) > 0)
    assert bounds[-1] == pytest.approx(np.log(0.15), abs=1e-4)
    assert bounds[-1] < np.log(0.15) < np.log(joint.sum()) - 0.69


# 2. A network


X = np.array([[1.0, 0.0, 1.0]])


def evidence(vae):
    """log p(x) by quadrature over h."""
    log_joint = log_joint_of(vae, X[0])
    return quadrature(lambda h: -log_joint(h), (-12, 12)).log_partition


def exact_bound(vae, k, nodes=24):
    """L_k of the library by Gauss and Hermite's rule over the k draws of noise."""
    e, weights = gauss_hermite(nodes, dimensions=k)
    e = e.reshape(len(weights), k).T[..., np.newaxis]
    x = np.tile(X, (len(weights), 1))
    return weights @ vae.importance_weighted_bound(x, e)


@pytest.mark.parametrize("seed", range(3))
def test_the_bounds_of_a_network_rise_to_its_evidence(seed):
    """L_1 < L_2 < L_3 < log p(x), by integration over all draws of noise (T34)."""
    vae = some_vae(seed)
    bounds = [exact_bound(vae, k) for k in (1, 2, 3)]
    assert np.all(np.diff([*bounds, evidence(vae)]) > 1e-3)


def test_fifty_draws_lie_between():
    """10,000 estimates of L_50: above L_3, and not above log p(x) (T34).

    By 5.03 errors, which sees 1 % of log p(x) above it, and 5 draws taken for 50.
    """
    vae, n = some_vae(0), 10_000
    rng = np.random.default_rng(0)
    x, log_p = np.tile(X, (n, 1)), evidence(vae)
    estimates = vae.importance_weighted_bound(x, rng.standard_normal((50, n, 1)))
    mean, error = estimates.mean(), estimates.std() / np.sqrt(n)
    assert 2 * 5.03 * error < 0.01 * abs(log_p)
    assert exact_bound(vae, 3) + 5.03 * error < mean < log_p + 5.03 * error
    five = vae.importance_weighted_bound(x, rng.standard_normal((5, n, 1))).mean()
    assert five < mean - 5.03 * error


def test_its_gradient_weighs_each_draw_by_its_share():
    """grad L_k = E[sum_l (w_l / sum w) grad log w_l], at given noise (T34).

    By hand from the gradients of the logarithms, by reverse mode through the bound, and
    by its printed program, recorded for another model and another x.
    """

    def total(vae, x, noise):
        return np.sum(vae.importance_weighted_bound(x, noise))

    rng = np.random.default_rng(0)
    x, noise = rng.integers(2, size=(4, 3)) * 1.0, rng.standard_normal((5, 4, 1))
    vae = some_vae(0)
    log_w, pull_back = vjp(lambda vae: vae.log_weights(x, noise), vae)
    [by_hand] = pull_back(np.exp(log_w - logsumexp(log_w, axis=0)))
    other = rng.random((4, 3)), rng.standard_normal((5, 4, 1))
    printed = explain(grad(total), some_vae(1), *other)
    for found in (grad(total), printed):
        for one, two in zip(
            tree_leaves(found(vae, x, noise)), tree_leaves(by_hand), strict=True
        ):
            np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-13)
