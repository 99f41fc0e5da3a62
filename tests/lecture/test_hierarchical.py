"""Latents of latents: a chain down to x, and a chain up from it.

    p(x, h_1, ..., h_T) = p(h_T) p(h_{T-1} | h_T) ... p(h_1 | h_2) p(x | h_1),
    q(h_1, ..., h_T | x) = q(h_1 | x) q(h_2 | h_1) ... q(h_T | h_{T-1}).

Both are Markovian, and the bound is that of one latent, with all levels together in the
place of h. Chains of few states can be written out; chains of Gaussians have all their
laws in closed form. A diffusion is such a chain whose way up is fixed. To be read from
top to bottom; every statement is an assertion; h_0 is x. Numbers like T37 are those of
the list in README.md.

Sources: D. J. Rezende, S. Mohamed and D. Wierstra, ICML (2014); D. P. Kingma et al.,
NeurIPS (2021).
"""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import grad, tree_leaves
from models import kl_divergence, kl_gaussian_full
from models.conditionals import HomoscedasticGaussian
from models.hierarchical_vae import HierarchicalVAE, diffusion_chain
from models.linear_chain import exact_encoders, exact_log_likelihood
from models.mlp import MLP, Dense
from models.vae import VAE
from samplers.quadrature import quadrature
from samplers.schedules import sigmoid
from tests.lecture.latents import gauss_hermite, log_gaussian, log_normal

K, T = 3, 3  # values of each level, levels of latents
seeds = st.integers(0, 2**32 - 1)

# 1. Chains of few states


def some_tables(seed):
    """p(h_T), (K,); and p(h_{t-1} | h_t), indexed [h_t, h_{t-1}], for t = 1, ..., T."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K), (T, K))


def some_encoders(seed):
    """q(h_t | h_{t-1}), indexed [h_{t-1}, h_t], for t = 1, ..., T."""
    return np.random.default_rng(seed + 1).dirichlet(np.ones(K), (T, K))


def downwards(top, tables):
    """p(x, h_1, h_2, h_3), (K, K, K, K)."""
    return np.einsum("d,dc,cb,ba->abcd", top, tables[2], tables[1], tables[0])


def upwards(encoders):
    """q(h_1, h_2, h_3 | x), (K, K, K, K), x the first index."""
    return np.einsum("ab,bc,cd->abcd", *encoders)


@given(seed=seeds)
def test_both_products_are_laws(seed):
    """Summed over everything p gives one, and q does for each x (T37)."""
    assert downwards(*some_tables(seed)).sum() == pytest.approx(1, rel=1e-13)
    each = upwards(some_encoders(seed)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(each, 1, rtol=1e-13)


@given(seed=seeds)
def test_a_level_is_told_its_neighbor_and_nothing_beyond(seed):
    """p(h_1 | h_2, h_3) = p(h_1 | h_2), and upwards p(h_3 | h_2, h_1, x) too (T37).

    Given h_2, what is above it and what is below it are independent. Without it they
    are not.
    """
    joint = downwards(*some_tables(seed))
    for t in (1, 2):  # one level below T, all that is below against all above
        levels = np.moveaxis(joint, t, 0).reshape(K, K**t, K ** (T - t))
        given_t = levels / levels.sum(axis=(1, 2), keepdims=True)
        below, above = given_t.sum(axis=2), given_t.sum(axis=1)
        independent = below[:, :, np.newaxis] * above[:, np.newaxis]
        np.testing.assert_allclose(given_t, independent, rtol=1e-9, atol=1e-15)
    pair = joint.sum(axis=(0, 2))  # h_1 and h_3
    apart = np.outer(pair.sum(axis=1), pair.sum(axis=0))
    assert np.max(np.abs(pair - apart)) > 1e-7


@given(seed=seeds)
def test_the_posterior_goes_up_as_the_encoder_does(seed):
    """p(h_1, ..., h_T | x) = p(h_1 | x) p(h_2 | h_1) p(h_3 | h_2) (T37).

    So that an encoder which is told one level at a time can be exact.
    """
    joint = downwards(*some_tables(seed))
    posterior = joint / joint.sum(axis=(1, 2, 3), keepdims=True)
    pairs = joint.sum(axis=(2, 3)), joint.sum(axis=(0, 3)), joint.sum(axis=(0, 1))
    encoders = [pair / pair.sum(axis=1, keepdims=True) for pair in pairs]
    np.testing.assert_allclose(upwards(encoders), posterior, rtol=1e-10, atol=1e-15)


@given(seed=seeds)
def test_each_level_is_decoded_from_the_one_above(seed):
    """With p(h_t | h_{t-1}) for p(h_{t-1} | h_t), as printed, p is no law (E26).

    Then h_T has two laws, p(h_T) and p(h_T | h_{T-1}), and h_1 has none: the product
    does not sum to one.
    """
    top, tables = some_tables(seed)
    printed = np.einsum("d,bc,cd,ba->abcd", top, tables[1], tables[2], tables[0])
    assert abs(printed.sum() - 1) > 1e-9
    assert downwards(top, tables).sum() == pytest.approx(1, rel=1e-13)


def test_the_printed_product_exceeds_one():
    """Two levels of two states: it sums to 1.64 over all states (E26).

    h_2 is 1 with the probability 0.9, and h_1 leads to h_2 = 1 with 0.9, whatever it
    is: two values of h_1, each with 0.9^2 + 0.1^2 = 0.82. The bound of the printed
    product, at its best q, is the logarithm of its sum over h, 0.39 nats for x = 1: it
    bounds no log p(x). That of the corrected one is log 0.9.
    """
    top, table = np.array([0.1, 0.9]), np.array([[0.1, 0.9], [0.1, 0.9]])
    printed = np.einsum("c,bc,ba->abc", top, table, table)
    corrected = np.einsum("c,cb,ba->abc", top, table, table)
    assert printed.sum() == pytest.approx(2 * 0.82, rel=1e-14)
    assert corrected.sum() == pytest.approx(1, rel=1e-14)

    def best_bound(joint):
        q = joint / joint.sum()
        return np.sum(q * np.log(joint / q))

    assert best_bound(printed[1]) == pytest.approx(np.log(0.9 * 1.64), rel=1e-13)
    assert best_bound(printed[1]) > 0.38
    assert best_bound(corrected[1]) == pytest.approx(np.log(0.9), rel=1e-13)


@given(seed=seeds)
def test_the_bound_of_a_chain_of_states(seed):
    """log p(x) = ELBO + KL(q(h_1, ..., h_T | x) || p(h_1, ..., h_T | x)) (T38).

    Over all states of h, at every x. ELBO is the mean of one logarithm for each arrow.
    """
    (top, tables), encoders = some_tables(seed), some_encoders(seed)
    joint, q = downwards(top, tables), upwards(encoders)
    p_x = joint.sum(axis=(1, 2, 3))
    arrows = np.zeros((K,) * (T + 1))
    for a, b, c, d in product(range(K), repeat=T + 1):
        arrows[a, b, c, d] = np.log(top[d]) + np.sum(
            np.log([tables[0][b, a], tables[1][c, b], tables[2][d, c]])
            - np.log([encoders[0][a, b], encoders[1][b, c], encoders[2][c, d]])
        )
    elbo = np.sum(q * arrows, axis=(1, 2, 3))
    assert np.all(elbo < np.log(p_x))
    posterior = joint / p_x[:, np.newaxis, np.newaxis, np.newaxis]
    gap = [kl_divergence(q[x].ravel(), posterior[x].ravel()) for x in range(K)]
    np.testing.assert_allclose(elbo + gap, np.log(p_x), rtol=1e-9, atol=1e-10)


# 2. Chains of Gaussians


def linear(rng, n_in, n_out, variance):
    """N(y; x W + b, variance I)."""
    W = rng.uniform(0.5, 1.5, (n_in, n_out)) * rng.choice([-1, 1], (n_in, n_out))
    network = MLP([Dense(W, rng.normal(size=n_out))])
    return HomoscedasticGaussian(network, np.full(n_out, np.log(variance)))


def some_chain(seed, sizes=(2, 1, 1, 1)):
    """x of two numbers and three levels of one; the encoder is not the posterior."""
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(sizes))
    encoders = [linear(rng, below, above, 0.5) for below, above in pairs]
    decoders = [linear(rng, above, below, 0.4) for below, above in pairs]
    return HierarchicalVAE(tuple(encoders), tuple(decoders))


def map_of(f, sizes):
    """Offset and matrix of an affine f of several arrays (1, d_t), from its values.

    Returns (s,) and (n, s) for the s results, of n numbers that go in.
    """
    splits = np.cumsum(sizes)[:-1]

    def at(z):
        parts = np.split(z[np.newaxis], splits, axis=1)
        return np.concatenate(f(tuple(parts)), axis=1)[0]

    n = sum(sizes)
    offset = at(np.zeros(n))
    return offset, np.array([at(unit) - offset for unit in np.eye(n)])


def law_of_the_chain(model):
    """Mean and covariance of (x, h_1, ..., h_T), from what it makes of its noise."""
    mean, A = map_of(model.generate, (model.visible, *model.latents))
    return mean, A.T @ A


def law_of_the_encoder(model, x):
    """Mean and covariance of (h_1, ..., h_T) given x : (1, M), by q."""
    mean, A = map_of(lambda noise: model.reparameterize(x, noise), model.latents)
    return mean, A.T @ A


def condition(mean, covariance, x):
    """Mean and covariance of what comes after the first len(x) numbers, given them."""
    k = len(x)
    gain = covariance[k:, :k] @ np.linalg.inv(covariance[:k, :k])
    left = covariance[k:, k:] - gain @ covariance[:k, k:]
    return mean[k:] + gain @ (x - mean[:k]), left


@pytest.mark.parametrize("sizes", [(2, 1, 1, 1), (3, 2, 2), (1, 2, 3, 2)])
def test_neighbors_are_independent_given_what_is_between(sizes):
    """Cov(h_{t-1}, h_{t+1} | h_t) = 0; without h_t it is not (T37).

    For the levels as the library generates them. In other words, the inverse of the
    covariance has blocks on the diagonal and next to it only.
    """
    model = some_chain(0, sizes)
    _, C = law_of_the_chain(model)
    ends = np.cumsum([0, *sizes])
    blocks = [np.arange(a, b) for a, b in pairwise(ends)]
    for below, at, above in zip(blocks, blocks[1:], blocks[2:], strict=False):
        plain = C[np.ix_(below, above)]
        through = C[np.ix_(below, at)] @ np.linalg.inv(C[np.ix_(at, at)])
        partial = plain - through @ C[np.ix_(at, above)]
        np.testing.assert_allclose(partial, 0, atol=1e-11)
        assert np.max(np.abs(plain)) > 0.05
    precision = np.linalg.inv(C)
    for t, one in enumerate(blocks):
        for other in blocks[t + 2 :]:
            np.testing.assert_allclose(precision[np.ix_(one, other)], 0, atol=1e-10)


def test_draws_come_down_from_the_top():
    """Noise of h_T moves every level, and noise of x nothing but x (T37).

    The matrix from noise to levels is triangular: the generative arrows run from h_T
    to x. Those of the encoder run the other way, from the noise of h_1 up.
    """
    model = some_chain(0)
    _, down = map_of(model.generate, (2, 1, 1, 1))  # rows: noise of x, h_1, h_2, h_3
    moves = np.abs(down) > 1e-9
    np.testing.assert_array_equal(moves, np.tril(moves))
    np.testing.assert_array_equal(moves[-1], [True] * 5)
    np.testing.assert_array_equal(moves[0], [True, False, False, False, False])
    _, up = map_of(
        lambda noise: model.reparameterize(np.zeros((1, 2)), noise), (1, 1, 1)
    )
    np.testing.assert_array_equal(np.abs(up) > 1e-9, np.triu(np.ones((3, 3))) > 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_of_a_chain_of_gaussians(seed):
    """log p(x) = ELBO + KL(q || posterior), with T-dimensional Gaussians (T38).

    The mean of the library's log weights is exact from three nodes for each level. Both
    laws of the right-hand side are read off its draws, and log p(x) is N(x; m, C).
    """
    model = some_chain(seed)
    x = np.random.default_rng(seed).normal(size=(1, 2))
    e, weights = gauss_hermite(3, dimensions=3)
    noise = tuple(e[:, np.newaxis, t : t + 1] for t in range(3))
    elbo = weights @ model.log_weights(x, noise)[:, 0]
    mean, C = law_of_the_chain(model)
    log_p = log_gaussian(x[0], mean[:2], C[:2, :2])
    gap = kl_gaussian_full(*law_of_the_encoder(model, x), *condition(mean, C, x[0]))
    assert gap > 0.1
    assert elbo + gap == pytest.approx(log_p, rel=1e-9)
    assert exact_log_likelihood(model, x)[0] == pytest.approx(log_p, rel=1e-11)


@pytest.mark.parametrize("seed", range(5))
def test_with_the_posterior_for_an_encoder_any_draw_is_exact(seed):
    """log w = log p(x) whatever the noise, so the bound is the likelihood (T38)."""
    model = some_chain(seed)
    exact = HierarchicalVAE(exact_encoders(model), model.decoders)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4, 2))
    noise = tuple(rng.normal(size=(6, 4, 1)) for _ in range(3))
    log_p = exact_log_likelihood(model, x)
    found = exact.log_weights(x, noise)
    np.testing.assert_allclose(found, np.tile(log_p, (6, 1)), rtol=1e-10)
    assert np.ptp(model.log_weights(x, noise), axis=0).min() > 0.1
    np.testing.assert_allclose(exact.elbo(x, noise), log_p, rtol=1e-10)


def test_a_diffusion_is_a_chain_whose_way_up_is_fixed():
    """h_t given x is N(sqrt(abar_t) x, 1 - abar_t), and no encoder learns (T37)."""
    schedule = sigmoid(5)
    model = diffusion_chain(schedule, 1, hidden=(), rng=0)
    x = np.array([[0.7]])
    mean, C = law_of_the_encoder(model, x)
    np.testing.assert_allclose(mean, schedule.signal[1:] * 0.7, rtol=1e-12)
    np.testing.assert_allclose(np.diagonal(C), 1 - schedule.abar[1:], rtol=1e-12)
    noise = model.draw_noise(1, rng=0)
    slopes = grad(lambda model: np.sum(model.elbo(x, noise)))(model)
    assert all(np.all(slope == 0) for slope in tree_leaves(slopes.encoders))
    assert any(np.any(slope != 0) for slope in tree_leaves(slopes.decoders))


def test_one_level_is_the_autoencoder():
    """T = 1: the same weights at the same noise, and the same bound (T38).

    Draw by draw the bounds differ, as the chain has no closed form for its divergence;
    their means over the noise are one number.
    """
    rng = np.random.default_rng(0)
    encoder, decoder = linear(rng, 3, 2, 0.5), linear(rng, 2, 3, 0.4)
    vae, chain = VAE(encoder, decoder), HierarchicalVAE((encoder,), (decoder,))
    x, noise = rng.normal(size=(4, 3)), rng.normal(size=(5, 4, 2))
    np.testing.assert_allclose(
        chain.log_weights(x, (noise,)), vae.log_weights(x, noise), rtol=1e-12
    )
    e, weights = gauss_hermite(3, dimensions=2)
    nodes = np.tile(e[:, np.newaxis], (1, 4, 1))
    one = weights @ [vae.elbo(x, node) for node in nodes]
    other = weights @ [chain.elbo(x, (node,)) for node in nodes]
    np.testing.assert_allclose(one, other, rtol=1e-11)
    assert np.max(np.abs(vae.elbo(x, noise[0]) - chain.elbo(x, (noise[0],)))) > 0.1


# 3. Networks


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_of_two_levels_of_networks(seed):
    """ELBO < log p(x), by quadrature in the plane of h_1 and h_2 (T38).

    And log p(x) - ELBO = KL(q || posterior), the mean over q of log q less log p(h, x)
    and of log p(x), with the laws written out.
    """
    model = HierarchicalVAE.create(3, (1, 1), hidden=(4,), activation="tanh", rng=seed)
    x = np.array([[1.0, 0.0, 1.0]])

    def log_joint(h):
        h_1, h_2 = h[:, :1], h[:, 1:]
        m, v = model.decoders[1].moments(h_2)
        log_x = model.decoders[0].log_density(np.tile(x, (len(h), 1)), h_1)
        return log_x + log_normal(h_1, m, np.exp(v))[:, 0] + log_normal(h[:, 1], 0, 1)

    law = quadrature(lambda h: -log_joint(h), [(-25, 25), (-9, 9)], tolerance=1e-9)
    e, weights = gauss_hermite(40, dimensions=2)
    noise = e[:, np.newaxis, :1], e[:, np.newaxis, 1:]
    h = np.concatenate(model.reparameterize(x, noise), axis=2)[:, 0]
    [m_1], [v_1] = (moment[0] for moment in model.encoders[0].moments(x))
    m_2, v_2 = (moment[:, 0] for moment in model.encoders[1].moments(h[:, :1]))
    log_q = log_normal(h[:, 0], m_1, np.exp(v_1)) + log_normal(
        h[:, 1], m_2, np.exp(v_2)
    )
    log_weights = model.log_weights(x, noise)[:, 0]
    np.testing.assert_allclose(log_weights, log_joint(h) - log_q, rtol=0, atol=1e-9)
    elbo, gap = weights @ log_weights, weights @ (log_q - law.log_density(h))
    assert gap > 1e-3
    assert elbo + gap == pytest.approx(law.log_partition, abs=1e-8)
