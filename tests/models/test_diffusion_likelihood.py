"""How probable data are to a diffusion model: the law at the start, and the bound."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_expit, softmax

from autodiff import check_gradients
from models import diffusion_likelihood
from models.diffusion import Diffusion
from models.diffusion_bounds import continuous_terms, discrete_terms
from models.diffusion_forms import signal_and_noise
from models.diffusion_likelihood import draw_levels, whole_times
from models.diffusion_training import even_times
from models.log_snr import LinearLogSNR
from tests.models.diffusions import curved, linear_law, linear_model, make_model

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
X = np.random.default_rng(0).standard_normal((7, 2))
THREE = (-1.0, 0.2, 1.5)


def at_the_start(d=2, n=5, dtype=np.float64):
    """States and their log SNR."""
    rng = np.random.default_rng(3)
    x1 = rng.standard_normal((n, d)).astype(dtype)
    return x1, np.linspace(-4, 6, n, dtype=dtype)


# The law at the start


@both_dtypes
def test_levels_have_probabilities_that_sum_to_one(dtype):
    model, (x1, log_snr) = (
        make_model(levels=THREE, dtype=dtype),
        at_the_start(dtype=dtype),
    )
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


@both_dtypes
def test_draws_of_levels_by_given_numbers(dtype):
    """Numbers on a grid of 1 / 1000 give each level as often as its probability."""
    model, log_snr = make_model(1, levels=THREE, dtype=dtype), 0.5
    u = (np.arange(1000) + 0.5)[:, np.newaxis] / 1000
    x1 = np.full((1000, 1), 0.4, dtype)
    drawn = draw_levels(model, x1, log_snr, u)
    assert (drawn.shape, drawn.dtype) == ((1000, 1), dtype)
    assert np.all(np.diff(drawn[:, 0]) >= 0)
    alpha, sigma = signal_and_noise(np.float64(log_snr))
    p = softmax(stats.norm.logpdf(0.4, alpha * np.array(THREE), sigma))
    counts = [np.count_nonzero(drawn == level) for level in model.levels]
    np.testing.assert_allclose(counts, 1000 * p, rtol=0, atol=1)
    ends = draw_levels(model, x1[:2], log_snr, np.array([[0.0], [1 - 2**-53]]))
    assert np.array_equal(ends[:, 0], model.levels[[0, 2]])


# The bound


@pytest.mark.parametrize("steps", [2, 5, 40])
def test_the_terms_of_a_linear_model_are_those_of_the_closed_form(steps):
    """The mean of 20 examples and 1000 draws: each term within |z| < 5.03."""
    model, x = linear_model(), np.random.default_rng(1).standard_normal((20, 2))
    law = linear_law(model, steps)
    found = model.bound(x, rng=0, steps=steps, samples=1000)
    np.testing.assert_allclose(found.prior, law.prior_term(x), rtol=1e-12)
    exact = law.bound(x)
    assert np.all(abs(found.bound - exact) < 5.03 * found.standard_error)
    assert abs(found.mean.value - exact.mean()) < 5.03 * found.mean.standard_error
    # The parts by themselves, whose errors are not told, to those of their size.
    reconstruction = law.reconstruction_term(x)
    error = 5.03 * np.sqrt(2 * 0.5 / (1000 * 20))  # of |eps|^2 / 2, for two entries
    assert abs(np.mean(found.reconstruction - reconstruction)) < error
    diffusion = law.denoising_terms(x).sum(axis=0)
    error += 5.03 * found.mean.standard_error
    assert abs(np.mean(found.diffusion - diffusion)) < error


@pytest.mark.parametrize("steps", [2, 40])
def test_the_bound_is_below_the_exact_likelihood(steps):
    """Of a linear model, by more than three standard errors at every example."""
    model, x = linear_model(), np.random.default_rng(1).standard_normal((20, 2))
    law = linear_law(model, steps)
    found = model.bound(x, rng=0, steps=steps, samples=1000)
    gap = law.log_likelihood(x) - found.bound
    assert law.gap(x).min() > 0
    assert np.all(gap > -3 * found.standard_error)
    assert gap.mean() > 3 * found.mean.standard_error


class Posterior(Diffusion):
    """A model that guesses the very mean E[x_0 | x] of levels with given shares."""

    shares = np.array([0.2, 0.5, 0.3])

    def denoise(self, x, log_snr):
        alpha, sigma = (
            c[..., np.newaxis, np.newaxis] for c in signal_and_noise(log_snr)
        )
        r = (x[..., np.newaxis] - alpha * self.levels) / sigma
        return softmax(-0.5 * r**2 + np.log(self.shares), axis=-1) @ self.levels


@pytest.mark.parametrize(("first", "last"), [(6.0, -8.0), (9.0, -7.0)])
def test_the_best_guess_has_the_entropy_as_its_bound(first, last):
    """In the limit of many steps, wherever the ends are if they are far enough.

    The mean over 600 examples that hold every level by its share, and 300 draws, to
    0.03 bits; at ten steps it is short of the entropy by 0.1 and more. |z| < 5.03.
    """
    line = LinearLogSNR(first, last)
    model = Posterior.create(1, levels=THREE, log_snr=line, hidden=(), rng=0)
    counts = (600 * model.shares).round().astype(int)
    x = np.repeat(np.array(THREE), counts)[:, np.newaxis]
    entropy = -np.sum(model.shares * np.log2(model.shares))
    bits = model.bound(x, rng=0, samples=300).bits_per_dimension
    assert bits.standard_error < 0.03
    assert abs(bits.value - entropy) < 5.03 * bits.standard_error
    few = model.bound(x, rng=0, samples=300, steps=10).bits_per_dimension
    assert few.value > entropy + 0.1


@both_dtypes
@pytest.mark.parametrize("steps", [None, 6])
@pytest.mark.parametrize("levels", [None, (-1, 1)])
def test_the_estimate_is_the_mean_of_its_draws(levels, steps, dtype):
    """Each with one u_0 for all examples, and noise of its own; float64 comes out."""
    model = make_model(levels=levels, dtype=dtype)
    x = (X if levels is None else np.sign(X)).astype(dtype)
    found = model.bound(x, rng=4, steps=steps, samples=3)
    rng, draws = np.random.default_rng(4), []
    for _ in range(3):
        noise = rng.standard_normal((7, 2), dtype)
        u = (rng.random() + np.arange(7) / 7) % 1
        if steps is None:
            terms = continuous_terms(model, x, u.astype(dtype), noise)
        else:
            t = 2 + np.floor(5 * u).astype(int)
            terms = discrete_terms(model, x, t, noise, 6)
        draws.append(np.array(terms, np.float64))
    reconstruction, prior, diffusion = np.mean(draws, axis=0)
    assert found.reconstruction.dtype == found.diffusion.dtype == np.float64
    settings = {"rtol": 1e-13, "atol": 1e-13}
    np.testing.assert_allclose(found.reconstruction, reconstruction, **settings)
    np.testing.assert_allclose(found.prior, prior, **settings)
    np.testing.assert_allclose(found.diffusion, diffusion, **settings)
    bounds = np.array([one[0] - one[1] - one[2] for one in draws])
    np.testing.assert_allclose(found.bound, bounds.mean(axis=0), **settings)
    each = bounds.std(axis=0, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(found.standard_error, each, rtol=1e-12)
    assert found.mean.value == pytest.approx(bounds.mean(), rel=1e-13)
    error = bounds.mean(axis=1).std(ddof=1) / np.sqrt(3)
    assert found.mean.standard_error == pytest.approx(error, rel=1e-12)


def test_bits_are_nats_by_the_entries_and_log_two():
    found = make_model(3, log_snr=curved()).bound(np.ones((4, 3)), rng=0, samples=5)
    bits, unit = found.bits_per_dimension, 3 * np.log(2)
    assert bits.value == pytest.approx(-found.bound.mean() / unit, rel=1e-12)
    assert bits.standard_error == pytest.approx(found.mean.standard_error / unit)
    nats = repr(found.mean)[len("Estimate(") : -1]
    assert repr(found) == (
        f"BoundEstimate(log p >= {nats} nats an example, "
        f"{repr(bits)[len('Estimate(') : -1]} bits an entry)"
    )


@pytest.mark.parametrize("steps", [None, 10])
def test_the_errors_are_those_of_repetitions(steps):
    """120 estimates: their spread over the error that they tell is 1 to a factor 1.4.

    Of the mean over examples, whose times are shared, and of an example by itself.
    """
    model = make_model(form="x0")
    found = [model.bound(X, rng=seed, steps=steps, samples=10) for seed in range(120)]
    means = np.array([one.mean.value for one in found])
    told = np.array([one.mean.standard_error for one in found])
    assert 1 / 1.4 < means.std() / np.sqrt(np.mean(told**2)) < 1.4
    firsts = np.array([one.bound[0] for one in found])
    told = np.array([one.standard_error[0] for one in found])
    assert 1 / 1.4 < firsts.std() / np.sqrt(np.mean(told**2)) < 1.4


def test_rows_are_taken_some_at_a_time(monkeypatch):
    for levels in (None, (-1, 1)):
        model, x = make_model(levels=levels), X if levels is None else np.sign(X)
        whole = model.bound(x, rng=0, samples=2)
        for name, number in (("ROWS", 3), ("NUMBERS", 8)):
            with monkeypatch.context() as some:
                some.setattr(diffusion_likelihood, name, number)
                parts = model.bound(x, rng=0, samples=2)
            np.testing.assert_allclose(parts.bound, whole.bound, rtol=1e-12)


def test_whole_times_are_each_as_often():
    assert whole_times(np.array([0.0, 0.3, 0.5, 1 - 2**-53]), 3).tolist() == [
        2,
        2,
        3,
        3,
    ]
    assert whole_times(np.array([0.0, 1 - 2**-53]), 2).tolist() == [2, 2]
    counts = np.bincount(whole_times(even_times(900, 0.37 / 900), 10))
    assert counts.tolist() == [0, 0] + [100] * 9


def test_settings_that_do_not_fit():
    model = make_model()
    with pytest.raises(ValueError, match=r"samples is 1; .*at least 2"):
        model.bound(X, rng=0, samples=1)
    with pytest.raises(ValueError, match=r"steps is 1; .*at least 2"):
        model.bound(X, rng=0, steps=1)
    with pytest.raises(ValueError, match="X has 3 columns"):
        model.bound(np.ones((2, 3)), rng=0)
    with pytest.raises(TypeError, match="rng"):
        model.bound(X)
