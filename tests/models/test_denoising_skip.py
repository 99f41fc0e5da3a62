"""What is added to a denoising network, and why it fails where nothing is."""

import numpy as np
import pytest
from scipy import stats

from models.denoising_network import DenoisingNetwork
from models.diffusion_forms import regression_slope, signal_and_noise
from models.mlp import MLP
from tests.models.denoisers import (
    PRIORS,
    both_dtypes,
    every_form,
    every_prior,
    given,
    make,
    silent,
)

# The best guess of independent entries


@every_form
def test_a_silent_network_guesses_as_for_standard_normals(form):
    denoiser, (x, log_snr) = silent(make(form)), given()
    expected = regression_slope(form, log_snr)[:, np.newaxis] * x
    np.testing.assert_array_equal(denoiser(x, log_snr), expected)


@both_dtypes
@every_form
def test_a_silent_network_shrinks_to_the_data_of_standard_normals(form, dtype):
    """x0hat = alpha x to the last digits, also where alpha is 5e-5."""
    denoiser, (x, _) = silent(make(form, dtype=dtype)), given(dtype=dtype)
    log_snr = np.array([-20, -10, 0, 10, 20], dtype)
    expected = signal_and_noise(log_snr)[0][:, np.newaxis] * x
    rtol = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(denoiser.denoise(x, log_snr), expected, rtol=rtol)


@both_dtypes
@every_prior
def test_a_silent_network_with_a_prior_is_bayes_rule(prior, dtype):
    """E[x_0 | x] of each entry, by its levels and their densities."""
    denoiser, (levels, p) = silent(make("x0", prior=prior, dtype=dtype)), PRIORS[prior]
    x, log_snr = (a.astype(np.float64) for a in given(15, dtype))
    alpha, sigma = (c[:, np.newaxis] for c in signal_and_noise(log_snr))
    joint = [
        p_k * stats.norm.pdf(x, v * alpha, sigma)
        for v, p_k in zip(levels, np.transpose(p), strict=True)
    ]
    expected = np.tensordot(levels, joint, 1) / np.sum(joint, axis=0)
    found = denoiser.denoise(x.astype(dtype), log_snr.astype(dtype))
    rtol = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)


@both_dtypes
@every_prior
def test_levels_at_both_ends(prior, dtype):
    """Certain where there is no noise, and the prior's mean where all is noise."""
    denoiser, (levels, p) = silent(make("x0", prior=prior, dtype=dtype)), PRIORS[prior]
    x = np.array([[levels[0], levels[-1], levels[1]]], dtype)
    np.testing.assert_array_equal(denoiser.denoise(x, 20.0), x)
    means = denoiser.denoise(x, -20.0)
    np.testing.assert_allclose(means, [np.dot(p, levels)], rtol=1e-3)


@both_dtypes
@pytest.mark.parametrize("far", [1e3, -1e3])
def test_no_exponential_overflows(far, dtype):
    """Where x is far from all levels, and where the network says a lot."""
    denoiser = silent(make("x0", prior="three levels", dtype=dtype))
    x, outer = np.full((1, 3), far, dtype), denoiser.levels[0 if far < 0 else -1]
    for log_snr in (-5.0, 0.0, 14.0):
        np.testing.assert_array_equal(denoiser(x, log_snr), np.full((1, 3), outer))
    denoiser.network.layers[-1].bias[:] = far
    found = denoiser(np.zeros((1, 3), dtype), -20.0)
    np.testing.assert_array_equal(found, np.full((1, 3), outer))


# The floor of a narrow network


def white_noise(n, d):
    """Noise whose means and covariances are those of standard normals, to rounding."""
    noise = np.random.default_rng(3).standard_normal((n, d))
    return np.sqrt(n) * np.linalg.qr(noise - noise.mean(axis=0))[0]


def mixed(x0, noise, log_snr):
    alpha, sigma = (c[:, np.newaxis] for c in signal_and_noise(log_snr))
    return alpha * x0 + sigma * noise


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("width", [1, 4, 7])
def test_no_weights_get_below_the_floor_without_a_skip(width, seed):
    """E|eps - epshat|^2 / d >= (d - w) / d, for any data, levels and hidden layers.

    The last layer is the best that there is, by least squares.
    """
    rng = np.random.default_rng(seed)
    noise, x0 = white_noise(200, 8), rng.standard_normal((200, 8))
    log_snr = rng.uniform(-20, 10 * seed - 19, 200)
    x = mixed(x0, noise, log_snr)
    denoiser = DenoisingNetwork.create(8, hidden=(30, width), skip=False, rng=rng)
    *hidden, last = denoiser.network.layers
    told = np.concatenate([x, denoiser.time_features(log_snr)], axis=1)
    said = np.concatenate([MLP(hidden)(told), np.ones((200, 1))], axis=1)
    best = np.linalg.lstsq(said, noise)[0]
    last.weights[:], last.bias[:] = best[:-1], best[-1]
    error = np.mean((noise - denoiser(x, log_snr)) ** 2)
    assert (8 - width) / 8 - 1e-12 <= error < 1


@pytest.mark.parametrize("width", [1, 4, 7])
def test_the_floor_is_reached_without_a_skip_and_left_with_one(width):
    """By one that hands on w numbers of x; with the skip, a silent one is right."""
    noise, log_snr = white_noise(200, 8), np.full(200, -20.0)
    x = mixed(np.ones((200, 8)), noise, log_snr)
    settings = {"hidden": (width,), "activation": "identity", "rng": 0}
    narrow = silent(DenoisingNetwork.create(8, skip=False, **settings))
    first, last = narrow.network.layers
    first.weights[:width] = last.weights[:, :width] = np.eye(width)
    error = np.mean((noise - narrow(x, log_snr)) ** 2)
    assert error == pytest.approx((8 - width) / 8, abs=1e-6)
    cured = silent(DenoisingNetwork.create(8, **settings))
    assert np.mean((noise - cured(x, log_snr)) ** 2) < 1e-6
