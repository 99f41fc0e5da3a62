"""The law p(x_0 | x_1) of a diffusion model, of real data and of levels."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_expit, softmax

from autodiff import check_gradients
from models.diffusion_forms import signal_and_noise
from models.levels import draw_levels
from tests.models.autoencoders import both_dtypes
from tests.models.diffusions import make_model

THREE = (-1.0, 0.2, 1.5)


def at_the_start(d=2, n=5, dtype=np.float64):
    """States and their log SNR."""
    rng = np.random.default_rng(3)
    x1 = rng.standard_normal((n, d)).astype(dtype)
    return x1, np.linspace(-4, 6, n, dtype=dtype)


@both_dtypes
def test_levels_have_probabilities_that_sum_to_one(dtype):
    model = make_model(levels=THREE, dtype=dtype)
    x1, log_snr = at_the_start(dtype=dtype)
    states = np.array(list(itertools.product(model.levels, repeat=2)))
    p = [
        np.exp(model.log_likelihood_at_start(np.tile(x0, (5, 1)), x1, log_snr))
        for x0 in states
    ]
    assert (p[0].shape, p[0].dtype) == ((5,), dtype)
    np.testing.assert_allclose(np.sum(p, axis=0), 1, rtol=50 * np.finfo(dtype).eps)


def test_the_law_of_levels_is_proportional_to_that_of_the_noise():
    """p(v | x_1) ~ N(x_1; alpha v, sigma^2), by scipy, in one dimension."""
    model, (x1, log_snr) = make_model(1, levels=THREE), at_the_start(1)
    alpha, sigma = (c[:, np.newaxis] for c in signal_and_noise(log_snr))
    likelihood = stats.norm.pdf(x1, alpha * np.array(THREE), sigma)
    expected = likelihood / likelihood.sum(axis=1, keepdims=True)
    for k, level in enumerate(THREE):
        p = np.exp(model.log_likelihood_at_start(np.full((5, 1), level), x1, log_snr))
        np.testing.assert_allclose(p, expected[:, k], rtol=1e-12, atol=1e-300)


def test_the_law_of_bits_has_log_odds():
    """2 alpha x_1 / sigma^2, each bit by itself."""
    model, (x1, log_snr) = make_model(levels=(-1, 1)), at_the_start()
    alpha, sigma = (c[:, np.newaxis] for c in signal_and_noise(log_snr))
    x0 = np.sign(np.random.default_rng(0).standard_normal((5, 2)))
    expected = log_expit(x0 * 2 * alpha * x1 / sigma**2).sum(axis=1)
    found = model.log_likelihood_at_start(x0, x1, log_snr)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@both_dtypes
def test_the_law_of_real_data_is_gaussian(dtype):
    """N(x_1 / alpha, e^-lambda), as scipy has it, for each row and for one log SNR."""
    model, (x1, log_snr) = make_model(dtype=dtype), at_the_start(dtype=dtype)
    x0 = x1[::-1].copy()
    alpha, _ = signal_and_noise(log_snr.astype(np.float64)[:, np.newaxis])
    sd = np.exp(-log_snr.astype(np.float64) / 2)[:, np.newaxis]
    expected = stats.norm.logpdf(x0, x1 / alpha, sd).sum(axis=1)
    found = model.log_likelihood_at_start(x0, x1, log_snr)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=100 * np.finfo(dtype).eps)
    last = model.log_likelihood_at_start(x0, x1, float(log_snr[-1]))
    assert last[-1] == pytest.approx(found[-1], rel=1e-6)


@pytest.mark.parametrize("levels", [None, THREE])
def test_the_derivatives_of_the_law(levels):
    """By x_1 and the log SNR, which may be learned."""
    model, (x1, log_snr) = make_model(levels=levels), at_the_start()
    x0 = np.random.default_rng(0).choice(THREE, x1.shape)

    def law(x1, log_snr):
        return model.log_likelihood_at_start(x0, x1, log_snr)

    assert check_gradients(law, (x1, log_snr), order=2).inconclusive == 0


@both_dtypes
@pytest.mark.parametrize("log_snr", [-40.0, 13.0, 40.0])
def test_the_law_at_either_end_of_the_log_snr(log_snr, dtype):
    """From no knowledge of x_0 to certainty, without an overflow."""
    model = make_model(levels=THREE, dtype=dtype)
    x0 = np.array([[1.5, -1.0]], dtype)
    rows = np.full(1, log_snr, dtype)
    alpha, sigma = signal_and_noise(rows)
    found = model.log_likelihood_at_start(x0, alpha * x0 + 2 * sigma, rows)
    expected = 0.0 if log_snr > 0 else -2 * np.log(3)
    assert found == pytest.approx([expected], abs=1e-5)


def test_states_that_do_not_fit():
    model, (x1, log_snr) = make_model(), at_the_start()
    with pytest.raises(ValueError, match=r"log_snr of shape \(3,\) does not belong"):
        model.log_likelihood_at_start(x1, x1, log_snr[:3])
    with pytest.raises(TypeError, match="float32"):
        model.log_likelihood_at_start(x1, x1, log_snr.astype(np.float32))
    with pytest.raises(TypeError, match=r"write x0\.astype\(np\.float64\)"):
        model.log_likelihood_at_start(x1.astype(np.float32), x1, log_snr)
    draws, column = np.stack([x1, x1]), x1[:, :1]
    for x0, states in ((x1[:1], x1), (draws, x1), (x1[0, 0], x1), (column, column)):
        with pytest.raises(
            ValueError, match=r"2 entries of a row .* both are \(n, 2\)"
        ):
            model.log_likelihood_at_start(x0, states, log_snr)
    alone = model.log_likelihood_at_start(x1, x1, log_snr)
    for one in model.log_likelihood_at_start(x1, draws, log_snr):
        np.testing.assert_array_equal(one, alone)


@both_dtypes
def test_draws_of_levels_by_given_numbers(dtype):
    """Numbers on a grid of 1 / 1000 give each level as often as its probability."""
    model, log_snr = make_model(1, levels=THREE, dtype=dtype), 0.5
    u = (np.arange(1000) + 0.5)[:, np.newaxis] / 1000
    x1 = np.full((1000, 1), 0.4, dtype)
    drawn = draw_levels(model.levels, x1, log_snr, u)
    assert (drawn.shape, drawn.dtype) == ((1000, 1), dtype)
    assert np.all(np.diff(drawn[:, 0]) >= 0)
    alpha, sigma = signal_and_noise(np.float64(log_snr))
    p = softmax(stats.norm.logpdf(0.4, alpha * np.array(THREE), sigma))
    counts = [np.count_nonzero(drawn == level) for level in model.levels]
    np.testing.assert_allclose(counts, 1000 * p, rtol=0, atol=1)
    ends = draw_levels(model.levels, x1[:2], log_snr, np.array([[0.0], [1 - 2**-53]]))
    assert np.array_equal(ends[:, 0], model.levels[[0, 2]])
    sure = draw_levels(model.levels, x1[:1] + 50, 10.0, np.zeros((1, 1)))
    assert sure == model.levels[2]  # the others have no probability left
