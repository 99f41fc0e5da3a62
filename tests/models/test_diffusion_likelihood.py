"""The bound as an estimate: its terms, their means and errors, and bits."""

import numpy as np
import pytest
from scipy.special import softmax

from models import diffusion_likelihood
from models.diffusion import Diffusion
from models.diffusion_bounds import continuous_terms, discrete_terms
from models.diffusion_forms import signal_and_noise
from models.diffusion_likelihood import whole_times
from models.diffusion_training import even_times
from models.log_snr import LinearLogSNR
from tests.models.autoencoders import both_dtypes
from tests.models.diffusions import curved, linear_law, linear_model, make_model

X = np.random.default_rng(0).standard_normal((7, 2))
THREE = (-1.0, 0.2, 1.5)


@pytest.mark.parametrize("steps", [2, 5, 40])
def test_the_terms_of_a_linear_model_are_those_of_the_closed_form(steps):
    """The mean of 20 examples and 1000 draws: each term within |z| < 5.03.

    The error of the mean bound is 0.04 nats and less: 0.4 too many are found.
    """
    model, x = linear_model(), np.random.default_rng(1).standard_normal((20, 2))
    law = linear_law(model, steps)
    found = model.bound(x, rng=0, steps=steps, samples=1000)
    np.testing.assert_allclose(found.prior, law.prior_term(x), rtol=1e-12)
    exact = law.bound(x)
    assert np.all(abs(found.bound - exact) < 5.03 * found.standard_error)
    assert found.mean.standard_error < 0.04
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
    """Of a linear model: above it, by three errors, nowhere; below it in the mean."""
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
    """The same draws by parts of one draw, and by both draws together."""
    for levels in (None, (-1, 1)):
        model, x = make_model(levels=levels), X if levels is None else np.sign(X)
        whole = model.bound(x, rng=0, samples=2)
        for name, number in (("ROWS", 3), ("NUMBERS", 8)):
            with monkeypatch.context() as some:
                some.setattr(diffusion_likelihood, name, number)
                parts = model.bound(x, rng=0, samples=2)
            np.testing.assert_allclose(parts.bound, whole.bound, rtol=1e-12)


def test_whole_times_are_each_as_often():
    u = np.array([0.0, 0.3, 0.5, 1 - 2**-53])
    for steps, expected in ((3, [2, 2, 3, 3]), (2, [2, 2, 2, 2])):
        assert whole_times(u, steps).tolist() == expected
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
