"""The bound of a diffusion along a chain: its forms, their terms and means."""

import numpy as np
import pytest

from models import gaussian_log_likelihood, kl_gaussian
from models.diffusion_bounds import (
    all_terms,
    denoising_terms,
    discrete_terms,
    prior_term,
)
from models.diffusion_chain_bounds import (
    consistency_form,
    consistency_terms,
    forward_chain,
    joint_form,
)
from tests.models.diffusion_stand_ins import (
    MODELS,
    bent,
    curve,
    every_model,
    examples,
    gaussian_data,
    line,
    normals,
    over_noise,
)


def chain_of(model, T=7, n=3):
    return forward_chain(model, examples(2, n), normals(T, n, 2))


def log_forth(schedule, x, t):
    """log q(x_t | x_t-1), as samplers/schedules.py has it."""
    mean, beta = np.sqrt(schedule.alpha[t]) * x[t - 1], schedule.beta[t]
    return gaussian_log_likelihood(x[t], mean, np.log(beta))


def log_back(model, schedule, x, t, known=None):
    """log p(x_t-1 | x_t), by the guess of the model, or with the known x_0."""
    a, b, v = schedule.posterior(t)
    if known is None:
        known = model.denoise(x[t], np.full(x.shape[1], schedule.log_snr[t]))
    return gaussian_log_likelihood(x[t - 1], a * known + b * x[t], np.log(v))


def log_marginal(schedule, x, t):
    """log q(x_t | x_0)."""
    mean, sigma = schedule.signal[t] * x[0], schedule.noise[t]
    return gaussian_log_likelihood(x[t], mean, 2 * np.log(sigma))


# Along one chain


@every_model
def test_the_chain_adds_the_noise_of_the_schedule(name):
    """Each step by hand, and with noise that leads there, any state at once."""
    model, T = MODELS[name], 7
    schedule, x0, noise = model.log_snr.schedule(T), examples(2), normals(T, 3, 2)
    x = forward_chain(model, x0, noise)
    assert x.shape == (T + 1, 3, 2)
    np.testing.assert_array_equal(x[0], x0)
    for t in range(1, T + 1):
        step = np.sqrt(schedule.alpha[t]) * x[t - 1]
        step += np.sqrt(schedule.beta[t]) * noise[t - 1]
        np.testing.assert_allclose(x[t], step, rtol=1e-11, atol=1e-12)


def test_the_chain_has_the_moments_of_its_marginals():
    """The mean of x_T is linear in x_0 and its variance that of T independent parts."""
    log_snr, T = curve(), 20
    model, schedule = bent(1, log_snr), log_snr.schedule(T)
    each = np.zeros((T, T + 1, 1))
    each[np.arange(T), np.arange(T)] = 1
    x = forward_chain(model, np.eye(T + 1)[:, T:], each)
    np.testing.assert_allclose(x[:, T, 0], schedule.signal, rtol=1e-11)
    variance = np.sum(x[:, :T, 0] ** 2, axis=1)
    np.testing.assert_allclose(variance, schedule.noise**2, rtol=1e-11)


@every_model
def test_the_joint_form_is_the_ratio_of_the_densities(name):
    model, T = MODELS[name], 7
    x, schedule = chain_of(model), model.log_snr.schedule(T)
    start = model.log_likelihood_at_start(x[0], x[1], np.full(3, schedule.log_snr[1]))
    log_p = gaussian_log_likelihood(x[T], 0.0, 0.0) + start
    log_p += sum(log_back(model, schedule, x, t) for t in range(2, T + 1))
    log_q = sum(log_forth(schedule, x, t) for t in range(1, T + 1))
    np.testing.assert_allclose(joint_form(model, x), log_p - log_q, rtol=1e-11)


@every_model
def test_bayes_turns_the_chain_round(name):
    """Lines 6 and 7, at the states of a chain."""
    model, T = MODELS[name], 7
    x, schedule = chain_of(model), model.log_snr.schedule(T)
    for t in range(2, T + 1):
        turned = log_back(model, schedule, x, t, known=x[0])
        turned += log_marginal(schedule, x, t) - log_marginal(schedule, x, t - 1)
        np.testing.assert_allclose(log_forth(schedule, x, t), turned, atol=1e-10)
    forth = sum(log_forth(schedule, x, t) for t in range(1, T + 1))
    back = sum(log_back(model, schedule, x, t, known=x[0]) for t in range(2, T + 1))
    back += log_marginal(schedule, x, T)
    np.testing.assert_allclose(forth, back, atol=1e-10)


@every_model
def test_all_forms_are_one_number_along_a_chain(name):
    """Lines 3, 4 and 8, before any mean is taken."""
    model, T = MODELS[name], 7
    x, schedule = chain_of(model), model.log_snr.schedule(T)
    joint, (R, K, D) = joint_form(model, x), consistency_form(model, x)
    np.testing.assert_allclose(R - K - D, joint, rtol=1e-12)
    log_p = gaussian_log_likelihood(x[T], 0.0, 0.0)
    turned = R - log_marginal(schedule, x, T) + log_p
    for t in range(2, T + 1):
        turned -= log_back(model, schedule, x, t, known=x[0])
        turned += log_back(model, schedule, x, t)
    np.testing.assert_allclose(turned, joint, rtol=1e-11)


@every_model
def test_consistency_terms_set_steps_back_beside_steps_forth(name):
    model, T = MODELS[name], 7
    x, schedule = chain_of(model), model.log_snr.schedule(T)
    terms, (R, K, D) = consistency_terms(model, x), consistency_form(model, x)
    assert terms.shape == (T - 1, 3)
    for t in range(1, T):
        ratio = log_forth(schedule, x, t) - log_back(model, schedule, x, t + 1)
        np.testing.assert_allclose(terms[t - 1], ratio, atol=1e-10)
    np.testing.assert_allclose(D, terms.sum(axis=0), rtol=1e-12)
    end = log_forth(schedule, x, T) - gaussian_log_likelihood(x[T], 0.0, 0.0)
    np.testing.assert_allclose(K, end, rtol=1e-10, atol=1e-10)
    start = model.log_likelihood_at_start(x[0], x[1], np.full(3, schedule.log_snr[1]))
    np.testing.assert_allclose(R, start, rtol=1e-12)


# Means over chains


@pytest.mark.parametrize(("kind", "points"), [("gaussian", 3), ("bent", 26)])
def test_all_forms_have_one_mean(kind, points):
    """Line 9 against lines 3 and 4, by quadrature over all states of chains, T = 3.

    With a linear denoiser all is of degree two in the noise, and three nodes are exact.
    """
    model = {"gaussian": gaussian_data, "bent": bent}[kind](1, line(2.0, -2.0))
    x0 = np.array([[-0.8], [1.3]])
    rows, noise, mean = over_noise(x0, 3, points)
    chains = forward_chain(model, rows, noise)
    joint, terms = mean(joint_form(model, chains)), consistency_form(model, chains)
    R, K, D = (mean(part) for part in all_terms(model, rows, noise, 3))
    np.testing.assert_allclose(joint, R - K - D, rtol=1e-6)
    np.testing.assert_allclose(mean(terms.bound), joint, rtol=1e-12)
    np.testing.assert_allclose(mean(terms.reconstruction), R, rtol=1e-12)
    np.testing.assert_allclose(prior_term(x0, np.array(-2.0)), K, rtol=1e-12)
    assert np.all(abs(mean(terms.prior) - K) > 1e-3)  # given x_T-1, and given x_0


def test_all_estimates_have_one_mean():
    """A z-test on 20,000 examples of N(m, S) in two coordinates, T = 10.

    z < 5.03. The standard errors are 0.02 nats, and 0.06 at one time, so that the first
    two are caught nine times in ten if they are off by 0.1, and the last by 0.4: with T
    terms in the place of T - 1 it is off by 0.56.
    """
    model, T, n = gaussian_data(2), 10, 20_000
    x0, rng = examples(model, n, seed=5), np.random.default_rng(6)
    noise = rng.standard_normal((T, n, 2))
    chains = forward_chain(model, x0, noise)
    t = rng.integers(2, T, n, endpoint=True)
    estimates = {
        "joint": joint_form(model, chains),
        "denoising": all_terms(model, x0, rng.standard_normal((T, n, 2)), T).bound,
        "one time": discrete_terms(model, x0, t, rng.standard_normal((n, 2)), T).bound,
    }
    truth = exact_bound(model, x0, T)
    for name, values in estimates.items():
        left = values - truth
        error = np.std(left) / np.sqrt(n)
        assert error < 0.065, name
        assert abs(np.mean(left)) < 5.03 * error, name


def exact_bound(model, x0, T):
    """The mean of (9) for a linear denoiser, from the mean square of its error."""
    schedule = model.log_snr.schedule(T)
    m, s2 = model.mean, model.variance
    bound = x0.shape[1] * (schedule.log_snr[1] - np.log(2 * np.pi) - 1) / 2
    bound = bound - prior_term(x0, np.array(schedule.log_snr[T]))
    for t in range(2, T + 1):
        abar, rest = schedule.abar[t], schedule.noise[t] ** 2
        w = abar * s2 + rest
        square = (rest * (x0 - m) / w) ** 2 + abar * rest * (s2 / w) ** 2
        fall = schedule.snr[t - 1] - schedule.snr[t]
        bound = bound - fall / 2 * np.sum(square, axis=1)
    return bound


@pytest.mark.parametrize("kind", ["linear", "bent"])
def test_a_consistency_term_is_no_mean_of_divergences(kind):
    """Line 5: the difference is the covariance of x_t and m(x_t+1), given x_t-1.

    By quadrature over x_1, x_2 and x_3 for t = 2; of the linear model the covariance is
    c r_t+1 beta_t.
    """
    log_snr = line(2.0, -2.0)
    model = gaussian_data(1, log_snr) if kind == "linear" else bent(1, log_snr)
    schedule, (points, near) = log_snr.schedule(3), (30, 1e-6)
    rows, noise, mean = over_noise(np.array([[-0.8], [1.3]]), 3, points)
    x = forward_chain(model, rows, noise)
    true = mean(consistency_terms(model, x)[1])
    a, b, v = schedule.posterior(3)
    back = a * model.denoise(x[3], np.full(len(rows), schedule.log_snr[3])) + b * x[3]
    forth = np.sqrt(schedule.alpha[2]) * x[1]
    beta = schedule.beta[2]
    printed = mean(kl_gaussian(forth, np.log(beta), back, np.log(v)))
    common = mean(((x[2] - forth) * back)[:, 0]) / v
    np.testing.assert_allclose(printed - true, common, rtol=near)
    assert np.all(common > 0.1)
    if kind == "linear":
        c = a * schedule.signal[3] + b  # of the exact denoiser of N(0, 1)
        expected = c * np.sqrt(schedule.alpha[3]) * beta / v
        np.testing.assert_allclose(common, expected, rtol=1e-10)


@pytest.mark.parametrize("T", [5, 200])
def test_which_form_varies_less(T):
    """At one random time the denoising term does, and the more steps, the more so.

    Summed over all times of one chain it varies more than the consistency terms do. The
    ratios of variances are 1.7 and 1970 at one time, and 0.87 and 0.50 of the sums.
    """
    model, n, rng = gaussian_data(1), 4000, np.random.default_rng(0)
    x0, noise = examples(model, n), rng.standard_normal((T, n, 1))
    x = forward_chain(model, x0, noise)
    schedule, every = model.log_snr.schedule(T), np.arange(1, T + 1)
    alpha, sigma = (
        part[every, np.newaxis, np.newaxis]
        for part in (schedule.signal, schedule.noise)
    )
    marginal = (x[1:] - alpha * x0) / sigma
    t = np.broadcast_to(every[1:, np.newaxis], (T - 1, n))
    denoising = denoising_terms(model, x0, t, marginal[1:], T)
    consistency = consistency_terms(model, x)
    alone = np.var(consistency) / np.var(denoising)
    together = np.var(consistency.sum(axis=0)) / np.var(denoising.sum(axis=0))
    assert alone > (500 if T == 200 else 1)
    assert together < (0.6 if T == 200 else 1)


# What is refused


def test_arrays_that_are_no_chain():
    model, x0, noise = bent(2), examples(2), normals(5, 3, 2)
    for call in (joint_form, consistency_terms, consistency_form):
        for bad in (x0, noise[np.newaxis]):
            with pytest.raises(ValueError, match=r"write forward_chain\(model, x0"):
                call(model, bad)
        with pytest.raises(TypeError, match="trajectory must be a float32 or float64"):
            call(model, noise.astype(int))
        with pytest.raises(ValueError, match=r"T is 1; .*at least 2"):
            call(model, noise[:2])


def test_noise_that_is_none_of_a_chain():
    model, x0, noise = bent(2), examples(2), normals(5, 3, 2)
    for bad in (noise[:, :2], noise[..., :1]):
        with pytest.raises(ValueError, match=r"noise has shape .*its own: it is"):
            forward_chain(model, x0, bad)
    with pytest.raises(ValueError, match=r"noise has shape \(3, 2\).*\(T, 3, 2\)"):
        forward_chain(model, x0, noise[0])
    with pytest.raises(ValueError, match=r"T is 1; .*at least 2"):
        forward_chain(model, x0, noise[:1])
    with pytest.raises(TypeError, match=r"noise\.astype\(np\.float64\)"):
        forward_chain(model, x0, noise.astype(np.float32))
