"""Consistency terms of the linear diffusion, against densities along its chains.

Terms are quadratic in the noise: a mean over noise is a sum over few points, and a
variance follows from values at unit vectors and their sums. Nothing here is random but
the models.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gaussian_denoiser import GaussianDenoiser
from models.gaussian_divergences import kl_gaussian_full
from models.linear_consistency import (
    chain_variances,
    consistency_moments,
    consistency_terms,
    denoising_moments,
    end_term,
    form_variance,
    independence_gap,
    independent_terms,
    one_time_variance,
)
from models.linear_diffusion import LinearDiffusion
from samplers.schedules import from_betas, linear
from tests.models.linear_chains import (
    any_model,
    covariance,
    cubature,
    forward,
    log_back,
    log_forth,
    log_normal,
    quadratic_variance,
)

SIZES = st.tuples(st.integers(1, 3), st.integers(2, 5))
SEEDS = st.integers(0, 2**32)
UNIT = GaussianDenoiser(np.zeros(1), np.eye(1))
SLIDE = {
    5: (0.02, 0.999),
    10: (0.01, 0.999),
    50: (2e-3, 0.4),
    200: (5e-4, 0.1),
    1000: (1e-4, 0.02),
}  # the ends of the betas at each T


def unit_model(T):
    """The exact denoiser of N(0, 1), and betas from 0.1 / T to 20 / T."""
    first, last = SLIDE[T]
    return LinearDiffusion.of(UNIT, linear(T, first=first, last=last))


def chain_of(model, x_0, S, z):
    """x_0, ..., x_T, (T + 1, n, d), as a function of z : (n, (T + 1) d).

    The first d numbers make x_0 ~ N(x_0, S), the others the noise.
    """
    T, d = model.schedule.steps, model.dimension
    z = z.reshape(len(z), T + 1, d).swapaxes(0, 1)
    variances, axes = np.linalg.eigh(S)
    start = x_0 + (z[0] * np.sqrt(np.maximum(variances, 0))) @ axes.T
    return forward(model, start, z[1:])


def denoising_term(model, x, t):
    """KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) along chains x."""
    a, _, v = model.schedule.posterior(t)
    guess = x[t] @ model.gains[t].T + model.offsets[t]
    return a**2 / (2 * v) * np.sum((x[0] - guess) ** 2, axis=1)


@given(sizes=SIZES, seed=SEEDS)
def test_both_orders_make_one_bound(sizes, seed):
    model = any_model(*sizes, seed)
    x_0 = np.random.default_rng(seed).standard_normal((3, model.dimension))
    found = model.reconstruction_term(x_0) - end_term(model, x_0)
    found -= np.sum(consistency_terms(model, x_0), axis=0)
    np.testing.assert_allclose(found, model.bound(x_0), rtol=1e-10, atol=1e-10)


@given(sizes=SIZES, seed=SEEDS, spread=st.booleans())
def test_means_and_variances_are_those_along_the_chain(sizes, seed, spread):
    """For x_0 itself, and for a Gaussian x_0."""
    model = any_model(*sizes, seed)
    T, d = model.schedule.steps, model.dimension
    size, x_0 = (T + 1) * d, np.random.default_rng(seed).standard_normal(d)
    S = covariance(d, seed) if spread else None
    forms = [
        (
            consistency_moments,
            lambda x, t: log_forth(model, x, t) - log_back(model, x, t + 1),
            1,
        ),
        (denoising_moments, lambda x, t: denoising_term(model, x, t), 2),
    ]
    for moments, term, first in forms:
        means, variances = moments(model, x_0[np.newaxis], S)
        assert means.shape == variances.shape == (T - 1, 1)
        for k in range(T - 1):

            def f(z, k=k, term=term, first=first):
                law = np.zeros((d, d)) if S is None else S
                return term(chain_of(model, x_0, law, z), k + first)

            expected = np.mean(f(cubature(size)))
            assert means[k, 0] == pytest.approx(expected, rel=1e-9, abs=1e-9)
            expected = quadratic_variance(f, size)
            assert variances[k, 0] == pytest.approx(expected, rel=1e-7, abs=1e-9)
    np.testing.assert_allclose(
        denoising_moments(model, x_0[np.newaxis])[0],
        model.denoising_terms(x_0[np.newaxis]),
        rtol=1e-12,
    )


def test_the_end_term_is_a_mean_over_noise():
    model = any_model(d=2, T=3)
    x_0 = np.array([[0.5, -1.0]])
    x = chain_of(model, x_0, np.zeros((2, 2)), cubature(8))
    expected = np.mean(log_forth(model, x, 3) - log_normal(x[3], 0, 1))
    assert end_term(model, x_0)[0] == pytest.approx(expected, rel=1e-12)


@given(sizes=SIZES, seed=SEEDS)
def test_as_a_divergence_a_term_is_something_else(sizes, seed):
    """KL(q(x_t | x_{t-1}) || p(x_t | x_{t+1})) at neighbors of chains (T44, E10)."""
    model = any_model(*sizes, seed)
    s, d = model.schedule, model.dimension
    x_0 = np.random.default_rng(seed).standard_normal((1, d))
    x = chain_of(model, x_0, np.zeros((d, d)), cubature((s.steps + 1) * d))
    terms = independent_terms(model, x_0)
    for t in range(1, s.steps):
        M, n, v = model.step(t + 1)
        means = np.sqrt(s.alpha[t]) * x[t - 1], x[t + 1] @ M.T + n
        divergences = [
            kl_gaussian_full(p, s.beta[t] * np.eye(d), q, v * np.eye(d))
            for p, q in zip(*means, strict=True)
        ]
        assert terms[t - 1, 0] == pytest.approx(np.mean(divergences), rel=1e-9)
    assert np.all(terms >= 0)


def test_the_gap_of_the_divergences_grows_with_the_steps():
    """It is about d for each of many steps, of T d together (T44, E10)."""
    d, data = 2, GaussianDenoiser(np.zeros(2), covariance(2))
    model = LinearDiffusion.of(data, linear(1000))
    gap = independence_gap(model)
    np.testing.assert_allclose(gap[100:], d, rtol=0.03)
    x_0 = np.ones((1, d))
    difference = independent_terms(model, x_0) - consistency_terms(model, x_0)
    np.testing.assert_allclose(difference[:, 0], gap, rtol=1e-9)
    assert np.sum(gap) > 1900


def test_a_term_can_be_negative():
    """As no divergence can: where x_{t+1} says more of x_t than x_{t-1} does (E10)."""
    model = LinearDiffusion.of(UNIT, from_betas([0.1, 0.9, 0.01, 0.999]))
    x_0 = np.ones((1, 1))
    assert consistency_terms(model, x_0)[1, 0] < -1
    assert np.all(independent_terms(model, x_0) > 0)


@pytest.mark.parametrize("spread", [False, True])
def test_one_random_time_scatters_by_terms_and_by_times(spread):
    """K f_t over all t at once: the mean of squares less the square of the mean."""
    model, x_0 = any_model(d=2, T=5), np.array([[0.3, -0.8], [2.0, 1.0]])
    means, variances = consistency_moments(model, x_0, np.eye(2) if spread else None)
    second = np.mean(16 * (variances + means**2), axis=0)
    expected = second - np.mean(4 * means, axis=0) ** 2
    found = one_time_variance(means, variances)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    equal = one_time_variance(np.ones((4, 1)), np.zeros((4, 1)))
    np.testing.assert_allclose(equal, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("T", "ratio", "drawn"),
    [
        (5, 1.146, 1.1),
        (10, 1.195, 1.1),
        (50, 3.619, 3.5),
        (200, 44.78, 46),
        (1000, 504.0, 615),
    ],
)
def test_with_one_random_time_consistency_scatters_more(T, ratio, drawn):
    """The ratio of variances for data of N(0, 1), beside one drawn for each T (T45).

    Few draws, those of the first times, make most of the denoising variance: of ratios
    from 20,000 draws at T = 1000 the least and the largest of eight were 213 and 696.
    """
    model, zero = unit_model(T), np.zeros((1, 1))
    consistency, denoising = (
        one_time_variance(*moments(model, zero, np.eye(1)))[0]
        for moments in (consistency_moments, denoising_moments)
    )
    assert consistency / denoising == pytest.approx(ratio, rel=1e-3)
    assert ratio == pytest.approx(drawn, rel=0.25)
    if T == 1000:
        assert consistency / (T - 1) ** 2 == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(
    ("T", "joint", "denoising"),
    [(50, 3.930, 5.057), (200, 1.943, 3.614), (1000, 1.365, 3.462)],
)
def test_along_one_chain_it_scatters_less(T, joint, denoising):
    """Standard deviations for data of N(0, 1), all t of one chain (T45).

    Chains that were drawn had 1.37 at T = 1000 for the first; for the second 3.17, with
    log p(x_0 | x_1) left out, where here 3.24 would be left.
    """
    found = chain_variances(unit_model(T), np.zeros((1, 1)), np.eye(1))
    np.testing.assert_allclose(np.sqrt(found)[:, 0], (joint, denoising), rtol=1e-3)


@given(sizes=SIZES, seed=SEEDS, spread=st.booleans())
def test_variances_along_one_chain(sizes, seed, spread):
    """Of log p(x_0, ..., x_T) - log q(...) and of the sum of divergences, by values."""
    model = any_model(*sizes, seed)
    T, d = model.schedule.steps, model.dimension
    s, x_0 = model.schedule, np.random.default_rng(seed).standard_normal(d)
    S = covariance(d, seed) if spread else None

    def joint(z):
        x = chain_of(model, x_0, np.zeros((d, d)) if S is None else S, z)
        steps = [
            log_back(model, x, t) - log_forth(model, x, t) for t in range(1, T + 1)
        ]
        return sum(steps) + log_normal(x[T], 0, 1)

    def denoising(z):
        x = chain_of(model, x_0, np.zeros((d, d)) if S is None else S, z)
        terms = [denoising_term(model, x, t) for t in range(2, T + 1)]
        prior = 0.5 * s.abar[-1] * np.sum(x[0] ** 2, axis=1)
        return log_back(model, x, 1) - prior - sum(terms)

    found = chain_variances(model, x_0[np.newaxis], S)
    for f, value in zip((joint, denoising), found, strict=True):
        expected = quadratic_variance(f, (T + 1) * d)
        np.testing.assert_allclose(value, [expected], rtol=1e-7)


def test_the_variance_of_a_quadratic_form():
    """y^T D y with means and signs of all kinds, by its values."""
    rng, signs = np.random.default_rng(0), np.array([1.0, -1.0, 1.0])
    matrix, constant, x_0 = rng.standard_normal((3, 6)), np.ones(3), np.ones((1, 2))

    def f(z):
        y = np.concatenate([np.ones((len(z), 2)), z], axis=1) @ matrix.T + constant
        return np.sum(signs * y**2, axis=1)

    found = form_variance([(matrix, constant)], signs, x_0, np.zeros((2, 2)))
    np.testing.assert_allclose(found, [quadratic_variance(f, 4)], rtol=1e-12)


@pytest.mark.parametrize(
    "function", [consistency_moments, denoising_moments, chain_variances]
)
def test_what_does_not_fit_is_refused(function):
    model = any_model()
    with pytest.raises(ValueError, match="examples are rows"):
        function(model, np.zeros(2))
    with pytest.raises(ValueError, match=r"\(2,\) of mean and \(2,\) of covariance"):
        function(model, np.zeros((3, 2)), np.ones(2))
    with pytest.raises(ValueError, match=r"the eigenvalue -1"):
        function(model, np.zeros((3, 2)), -np.eye(2))
