"""The linear diffusion: likelihood, bound and samples, against one joint Gaussian.

The chain from x_T to x_0 is an affine map of its noise, and so is the one from x_0 to
x_T: unit vectors of noise give their joint laws, and a mean over noise of anything
quadratic is a sum over few points. Only one test here draws random chains.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from benchmarks.diffusion_mixture.gaussian import final_sd
from models.gaussian_denoiser import GaussianDenoiser
from models.gaussian_divergences import kl_gaussian_full
from models.linear_diffusion import LinearDiffusion, guess
from samplers.chains import Chains
from samplers.reverse import Reverse
from samplers.schedules import cosine, from_betas, sigmoid
from tests.models.linear_chains import (
    any_model,
    covariance,
    cubature,
    forward,
    log_back,
    log_forth,
    log_normal,
)

SIZES = st.tuples(st.integers(1, 3), st.integers(2, 5))
SEEDS = st.integers(0, 2**32)


def joint_moments(chain, size):
    """Mean and covariance of chain(z), affine in z ~ N(0, I), from unit vectors."""
    start, rows = chain(np.zeros((1, size)))[0], chain(np.eye(size))
    return start, (rows - start).T @ (rows - start)


def reverse_moments(model):
    """Those of (x_0, ..., x_T), (T + 1) d numbers, under the model."""
    T, d = model.schedule.steps, model.dimension

    def chain(z):
        noise = z.reshape(len(z), T + 1, d)
        x = [noise[:, T]]
        for t in range(T, 0, -1):
            M, n, v = model.step(t)
            x.append(x[-1] @ M.T + n + np.sqrt(v) * noise[:, t - 1])
        return np.concatenate(x[::-1], axis=1)

    return joint_moments(chain, (T + 1) * d)


def forward_moments(model, x_0):
    """Those of (x_1, ..., x_T), T d numbers, under q given x_0 : (d,)."""
    T, d = model.schedule.steps, model.dimension

    def chain(z):
        noise = z.reshape(len(z), T, d).swapaxes(0, 1)
        return np.concatenate(forward(model, x_0, noise)[1:], axis=1)

    return joint_moments(chain, T * d)


@given(sizes=SIZES, seed=SEEDS)
def test_the_marginals_and_the_likelihood_are_those_of_the_joint_law(sizes, seed):
    model = any_model(*sizes, seed)
    d = model.dimension
    mean, C = reverse_moments(model)
    for t, (m, V) in enumerate(model.marginals()):
        here = slice(t * d, (t + 1) * d)
        np.testing.assert_allclose(m, mean[here], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(V, C[here, here], rtol=1e-9, atol=1e-10)
    x_0 = 2 * np.random.default_rng(seed).standard_normal((3, d))
    expected = multivariate_normal.logpdf(x_0, mean[:d], C[:d, :d])
    np.testing.assert_allclose(model.log_likelihood(x_0), expected, rtol=1e-9)


@given(sizes=SIZES, seed=SEEDS)
def test_the_bound_is_below_by_the_divergence_from_the_posterior(sizes, seed):
    """log p(x_0) - bound = KL(q(x_1, ..., x_T | x_0) || p(x_1, ..., x_T | x_0))."""
    model = any_model(*sizes, seed)
    d = model.dimension
    x_0 = np.random.default_rng(seed).standard_normal((1, d))
    mean, C = reverse_moments(model)
    gain = np.linalg.solve(C[:d, :d], C[:d, d:])
    posterior = mean[d:] + (x_0[0] - mean[:d]) @ gain, C[d:, d:] - C[d:, :d] @ gain
    gap = kl_gaussian_full(*forward_moments(model, x_0[0]), *posterior)
    assert model.gap(x_0)[0] > 0
    assert model.gap(x_0)[0] == pytest.approx(gap, rel=1e-6)


@given(sizes=SIZES, seed=SEEDS)
def test_the_bound_is_the_mean_of_the_joint_form(sizes, seed):
    """E[log p(x_0, ..., x_T) - log q(x_1, ..., x_T | x_0)], which knows no terms."""
    model = any_model(*sizes, seed)
    T, d = model.schedule.steps, model.dimension
    x_0 = np.random.default_rng(seed).standard_normal((1, d))
    x = forward(model, x_0, cubature(T * d).reshape(-1, T, d).swapaxes(0, 1))
    total = log_normal(x[T], 0, 1)
    for t in range(1, T + 1):
        total = total + log_back(model, x, t) - log_forth(model, x, t)
    assert model.bound(x_0)[0] == pytest.approx(np.mean(total), rel=1e-10)


@given(sizes=SIZES, seed=SEEDS)
def test_each_term_is_a_mean_over_noise(sizes, seed):
    """The KL between N(a x_0 + b x_t, v I) and p at many x_t, and at both ends."""
    model = any_model(*sizes, seed)
    s, d = model.schedule, model.dimension
    x_0, noise = np.random.default_rng(seed).standard_normal((1, d)), cubature(d)
    x = s.signal[:, None, None] * x_0 + s.noise[:, None, None] * noise
    terms = model.denoising_terms(x_0)
    assert terms.shape == (s.steps - 1, 1)
    for t in range(2, s.steps + 1):
        a, b, v = s.posterior(t)
        M, n, _ = model.step(t)
        divergences = [
            kl_gaussian_full(
                a * x_0[0] + b * row, v * np.eye(d), M @ row + n, v * np.eye(d)
            )
            for row in x[t]
        ]
        assert terms[t - 2, 0] == pytest.approx(np.mean(divergences), rel=1e-9)
    law = s.signal[-1] * x_0[0], s.noise[-1] ** 2 * np.eye(d), np.zeros(d), np.eye(d)
    assert model.prior_term(x_0)[0] == pytest.approx(kl_gaussian_full(*law), rel=1e-8)
    start = log_normal(x_0, x[1] @ model.gains[1].T + model.offsets[1], model.variance)
    assert model.reconstruction_term(x_0)[0] == pytest.approx(np.mean(start), rel=1e-9)


def test_without_a_variance_the_end_is_what_x_1_says():
    """p(x_0 | x_1) is q(x_1 | x_0) as a function of x_0, normalized."""
    model = any_model(variance=None)
    s, rng = model.schedule, np.random.default_rng(0)
    x_0, x_1 = rng.standard_normal((2, 6, 2))
    M, n, v = model.step(1)
    found = log_normal(x_0, x_1 @ M.T + n, v)
    likelihood = log_normal(x_1, s.signal[1] * x_0, s.noise[1] ** 2)
    np.testing.assert_allclose(found - likelihood, 2 * np.log(s.signal[1]), rtol=1e-10)
    error = model.reconstruction_term(x_0) + np.log(2 * np.pi * v) + 1
    np.testing.assert_allclose(error, 0, atol=1e-13)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("times", [None, (40, 31, 30, 12, 1, 0)])
def test_the_samples_are_those_of_the_reverse_chain(eta, times):
    """On a line, against the recursion that stands in benchmarks, along any axes."""
    variances, axes = np.linalg.eigh(covariance(3))
    data = GaussianDenoiser(np.zeros(3), covariance(3))
    found, C = LinearDiffusion.of(data, cosine(40)).sample_moments(eta, times)
    path = range(40, -1, -1) if times is None else times
    sds = [final_sd(s, cosine(40), path, eta) for s in np.sqrt(variances)]
    np.testing.assert_allclose(C, (axes * np.square(sds)) @ axes.T, atol=1e-12)
    np.testing.assert_allclose(found, 0)


def test_the_denoiser_of_the_sampler_is_the_affine_map():
    model, x = any_model(d=3), np.random.default_rng(1).standard_normal((7, 3))
    for t in range(5):
        expected = x @ model.gains[t].T + model.offsets[t]
        found = model.denoiser().estimate_at(x, t)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
        guess.py_func(x, t, found := np.empty_like(x), model.gains, model.offsets)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_at_the_last_step_samples_have_less_noise_than_the_model():
    model = any_model()
    (m, C), (mean, V) = model.sample_moments(), model.marginals()[0]
    np.testing.assert_allclose(m, mean, rtol=1e-12)
    np.testing.assert_allclose(C + model.variance * np.eye(2), V, rtol=1e-12)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_sampler_of_the_library_draws_them(eta):
    """40,000 chains of a model of no special form, with mean and correlations.

    Each of two means and three second moments within 5.03 errors: sees 2.6 % of a
    standard deviation in a mean, and 3.6 % in a variance.
    """
    n, model = 40_000, any_model(T=5)
    reverse = Reverse(model.denoiser(), model.schedule, eta=eta)
    x = Chains(reverse, n, rng=0, thin=5).run(1)[:, 0]
    m, C = model.sample_moments(eta)
    error = np.sqrt(np.diagonal(C) / n)
    assert np.all(np.abs(x.mean(axis=0) - m) < 5.03 * error)
    found = (x - m).T @ (x - m) / n
    spread = np.sqrt((np.outer(np.diagonal(C), np.diagonal(C)) + C**2) / n)
    assert np.all(np.abs(found - C) < 5.03 * spread)


def test_the_exact_denoiser_has_the_best_bound():
    """On average over the data every other gain or offset makes it lower."""
    data = GaussianDenoiser(np.array([1.0, -0.5]), covariance(2))
    schedule = sigmoid(6)
    x_0 = data.mean + cubature(2) @ np.linalg.cholesky(data.covariance).T
    A, c = data.at_times(schedule)
    best = np.mean(LinearDiffusion(schedule, A, c).bound(x_0))
    for t in range(2, 7):
        for part in (A, c):
            for k in np.ndindex(part.shape[1:]):
                for change in (-1e-3, 1e-3):
                    part[t][k] += change
                    other = LinearDiffusion(schedule, A, c)
                    part[t][k] -= change
                    assert np.mean(other.bound(x_0)) < best


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gains": np.zeros((5, 2, 3))}, r"gains \(5, 2, 3\) and offsets"),
        ({"gains": np.zeros((4, 2, 2))}, "do not fit a schedule of 4 steps"),
        ({"offsets": np.zeros((5, 3))}, "do not fit a schedule"),
        ({"offsets": np.zeros(())}, "do not fit a schedule"),
        ({"gains": np.zeros((5, 0, 0)), "offsets": np.zeros((5, 0))}, "do not fit"),
        ({"gains": np.full((5, 2, 2), np.nan)}, "not finite"),
        ({"offsets": np.full((5, 2), np.inf)}, "not finite"),
        ({"variance": 0.0}, "variance is 0.0; it is that of x_0 given x_1"),
        ({"variance": np.inf}, "variance is inf"),
        ({"variance": np.nan}, "variance is nan"),
    ],
)
def test_what_is_no_model_is_refused(change, message):
    model = any_model()
    with pytest.raises(ValueError, match=message):
        LinearDiffusion(**{**vars(model), **change})


def test_what_is_no_schedule_is_refused():
    model = any_model()
    with pytest.raises(TypeError, match=r"schedule is 4, which says nothing"):
        LinearDiffusion(4, model.gains, model.offsets)


def test_a_single_step_is_refused():
    data = GaussianDenoiser(np.zeros(1), np.eye(1))
    with pytest.raises(ValueError, match="with T > 1"):
        LinearDiffusion.of(data, from_betas([0.999]))


def test_examples_and_times_that_do_not_fit_are_refused():
    model = any_model()
    for function in (
        model.log_likelihood,
        model.prior_term,
        model.reconstruction_term,
        model.denoising_terms,
    ):
        with pytest.raises(ValueError, match="examples are rows"):
            function(np.zeros(2))
        with pytest.raises(ValueError, match="do not describe the same features"):
            function(np.zeros((4, 3)))
        with pytest.raises(TypeError, match=r"write x_0\.astype\(np\.float64\)"):
            function(np.zeros((4, 2), np.float32))
    for t in (0, 5):
        with pytest.raises(ValueError, match="integers from 1 to 4"):
            model.step(t)
    for how in ({"eta": 1.5}, {"times": (4, 2, 3, 0)}, {"times": (4, 1)}):
        with pytest.raises(ValueError, match=r"eta is|they fall from"):
            model.sample_moments(**how)
