"""The bound of a diffusion by divergences: its terms, and errors."""

import numpy as np
import pytest

from models import gaussian_log_likelihood, kl_gaussian
from models.diffusion_bounds import (
    all_terms,
    continuous_bound,
    continuous_terms,
    denoising_terms,
    discrete_bound,
    discrete_terms,
    prior_term,
    reconstruction_term,
)
from models.diffusion_forms import signal_and_noise
from tests.models.autoencoders import hermite
from tests.models.diffusion_stand_ins import (
    MODELS,
    bent,
    every_model,
    examples,
    line,
    normals,
)

# The three terms


@pytest.mark.parametrize("log_snr", [-12.0, -4.0, 0.0, 3.0])
def test_the_prior_term_is_the_divergence_at_the_end(log_snr):
    x0 = examples(3)
    alpha, sigma = signal_and_noise(np.array(log_snr))
    expected = kl_gaussian(alpha * x0, 2 * np.log(sigma), 0.0, 0.0)
    found = prior_term(x0, np.array(log_snr))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    schedule = line(5.0, log_snr).schedule(3)
    ones = prior_term(np.ones((1, 3)), np.array(log_snr))
    np.testing.assert_allclose(ones, 3 * schedule.terminal_divergence, rtol=1e-9)


@every_model
def test_the_reconstruction_is_the_likelihood_at_the_first_step(name):
    """x_1 / alpha_1 - x_0 is noise of log-variance -lambda_1."""
    model, x0, noise = MODELS[name], examples(2), normals(3, 2)
    log_snr = model.log_snr(np.array(1 / 7))
    square = np.sum(noise**2, axis=1)
    expected = -0.5 * square + log_snr - np.log(2 * np.pi)
    found = reconstruction_term(model, x0, noise, 7)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@every_model
def test_each_denoising_term_is_a_divergence_of_two_gaussians(name):
    """Lines 10 and 11: of the posterior with x_0 and with the guess in its place."""
    model, x0, T = MODELS[name], examples(2), 9
    schedule, noise = model.log_snr.schedule(T), normals(3, 2)
    for k in range(2, T + 1):
        t = np.full(3, k)
        x = schedule.signal[k] * x0 + schedule.noise[k] * noise
        guess = model.denoise(x, np.full(3, schedule.log_snr[k]))
        a, b, v = schedule.posterior(k)
        p, q = a * guess + b * x, a * x0 + b * x
        expected = kl_gaussian(q, np.log(v), p, np.log(v))
        found = denoising_terms(model, x0, t, noise, T)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert np.all(found > 0)


@every_model
def test_the_divergence_is_the_mean_of_the_log_ratio(name):
    """Line 9: over x_t-1 given x_t and x_0, which three nodes average exactly."""
    model, x0, T, t = MODELS[name], examples(2), 6, 4
    schedule, noise = model.log_snr.schedule(T), normals(3, 2)
    x = schedule.signal[t] * x0 + schedule.noise[t] * noise
    guess = model.denoise(x, np.full(3, schedule.log_snr[t]))
    a, b, v = schedule.posterior(t)
    nodes, weights = hermite(2, 3)
    before = a * x0 + b * x + np.sqrt(v) * nodes[:, np.newaxis]
    log_q = gaussian_log_likelihood(before, a * x0 + b * x, np.log(v))
    log_p = gaussian_log_likelihood(before, a * guess + b * x, np.log(v))
    found = denoising_terms(model, x0, np.full(3, t), noise, T)
    np.testing.assert_allclose(weights @ (log_q - log_p), found, rtol=1e-10)


@every_model
def test_a_random_time_stands_for_all(name):
    """At the same noise, the mean over t is the sum over t, with T - 1 terms."""
    model, x0, T = MODELS[name], examples(2), 7
    noise = normals(3, 2)
    rows = [discrete_bound(model, x0, np.full(3, t), noise, T) for t in range(2, T + 1)]
    every = all_terms(model, x0, np.tile(noise, (T, 1, 1)), T)
    np.testing.assert_allclose(np.mean(rows, axis=0), every.bound, rtol=1e-12)
    R, K, D = discrete_terms(model, x0, np.full(3, 4), noise, T)
    np.testing.assert_array_equal(R, every.reconstruction)
    np.testing.assert_array_equal(K, every.prior)
    expected = 6 * denoising_terms(model, x0, np.full(3, 4), noise, T)
    np.testing.assert_array_equal(D, expected)


@every_model
def test_each_state_has_its_own_noise_in_the_sum(name):
    model, x0, T = MODELS[name], examples(2), 5
    noise = normals(T, 3, 2)
    R, _, D = all_terms(model, x0, noise, T)
    parts = [
        denoising_terms(model, x0, np.full(3, t), noise[t - 1], T)
        for t in range(2, T + 1)
    ]
    np.testing.assert_allclose(D, np.sum(parts, axis=0), rtol=1e-12)
    np.testing.assert_allclose(R, reconstruction_term(model, x0, noise[0], T))


@every_model
def test_axes_before_the_examples_are_draws(name):
    model, x0, T = MODELS[name], examples(2), 5
    noise, t = normals(4, 3, 2), np.array([[2, 3, 4], [5, 5, 2], [4, 4, 2], [3, 2, 2]])
    u = t / 5
    for bound, times in [
        (lambda *args: discrete_terms(model, x0, *args, T), t),
        (lambda *args: continuous_terms(model, x0, *args), u),
    ]:
        together = bound(times, noise)
        for k in range(4):
            alone = bound(times[k], noise[k])
            np.testing.assert_allclose(together.diffusion[k], alone.diffusion)
            np.testing.assert_allclose(together.bound[k], alone.bound)


# What is refused


def test_arrays_that_do_not_fit():
    model, x0, noise = bent(2), examples(2), normals(5, 3, 2)
    t, u = np.array([2, 3, 4]), np.array([0.1, 0.2, 0.3])
    calls = [
        lambda x0, noise: reconstruction_term(model, x0, noise, 5),
        lambda x0, noise: denoising_terms(model, x0, t, noise, 5),
        lambda x0, noise: discrete_bound(model, x0, t, noise, 5),
        lambda x0, noise: continuous_bound(model, x0, u, noise),
        lambda x0, noise: all_terms(model, x0, noise, 5),
    ]
    for call in calls:
        for bad in (x0[0], x0[np.newaxis], [1.0]):
            with pytest.raises(ValueError, match=r"x0 has shape .* is \(n, d\)"):
                call(bad, noise[0])
        for bad in (noise[0, :2], noise[0, :, :1], noise[0, 0, 0]):
            with pytest.raises(ValueError, match=r"it is \(3, 2\), or \(L, 3, 2\) for"):
                call(x0, bad)
        with pytest.raises(TypeError, match=r"noise\.astype\(np\.float64\)"):
            call(x0, noise[0].astype(np.float32))
    for bad in (noise[0], noise[:4]):
        with pytest.raises(ValueError, match=r"each of 5 times .*is \(5, 3, 2\)"):
            all_terms(model, x0, bad, 5)


def test_times_that_are_none():
    model, x0, noise = bent(2), examples(2), normals(3, 2)
    for bad in ([1, 2, 3], [2, 3, 6], [2.0, 3.0, 4.0], [True, True, True]):
        for call in (denoising_terms, discrete_terms, discrete_bound):
            with pytest.raises(ValueError, match=r"rng\.integers\(2, 5, n, endpoint"):
                call(model, x0, np.array(bad), noise, 5)
    for bad in (3, [2, 3], [[2, 3, 4]]):
        with pytest.raises(ValueError, match=r"t has shape .*so that t is \(3,\)"):
            denoising_terms(model, x0, np.array(bad), noise, 5)
    with pytest.raises(ValueError, match=r"u has shape \(2,\).*so that u is \(3,\)"):
        continuous_bound(model, x0, np.array([0.1, 0.2]), noise)
    with pytest.raises(ValueError, match=r"u has shape float.*so that u is \(3,\)"):
        continuous_bound(model, x0, 0.5, noise)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        continuous_bound(model, x0, np.array([1.0, 2.0, 3.0]), noise)


def test_a_step_is_needed():
    model, x0, noise = bent(2), examples(2), normals(1, 3, 2)
    for T in (1, 2.0):
        with pytest.raises(ValueError, match=f"T is {T}; .*at least 2"):
            reconstruction_term(model, x0, noise[0], T)
        with pytest.raises(ValueError, match=f"T is {T}; .*at least 2"):
            denoising_terms(model, x0, np.array([2, 2, 2]), noise[0], T)
    with pytest.raises(ValueError, match=r"T is 1; .*at least 2"):
        all_terms(model, x0, noise, 1)
