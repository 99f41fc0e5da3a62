"""How diffusion models learn: the losses, their slopes, the times, and a step."""

import numpy as np
import pytest
from scipy import stats

from autodiff import check_gradients, grad, tree_leaves
from models.diffusion_bounds import continuous_bound
from models.diffusion_forms import signal_and_noise
from models.diffusion_training import (
    bound_slope,
    diffusion_descent,
    even_times,
    simple_loss,
)
from optim import Adam, MovingAverage
from tests.models.denoisers import both_dtypes, every_form
from tests.models.diffusions import curved, flat, make_model

X = np.random.default_rng(0).standard_normal((30, 2))
BITS = np.log([[0.4, 0.6], [0.7, 0.3]])
THREE = np.log([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
every_loss = pytest.mark.parametrize("loss", ["simple", "bound"])


def a_batch(n=6, dtype=np.float64):
    """Examples, times in [0, 1] and noise."""
    rng = np.random.default_rng(1)
    x, noise = rng.standard_normal((2, n, 2)).astype(dtype)
    return x, rng.random(n).astype(dtype), noise


# Losses


@every_form
@both_dtypes
def test_the_simple_loss_is_the_error_of_the_form(form, dtype):
    model, (x, u, noise) = make_model(form=form, dtype=dtype), a_batch(dtype=dtype)
    loss = simple_loss(model, x, u, noise)
    assert loss.dtype == dtype
    log_snr = 4 - 10 * u
    alpha, sigma = (c[:, np.newaxis] for c in signal_and_noise(log_snr))
    x_u = alpha * x + sigma * noise
    guess = model.denoiser(x_u, log_snr)
    truth = {
        "x0": x,
        "noise": noise,
        "score": -noise / sigma,
        "v": alpha * noise - sigma * x,
    }[form]
    weight = sigma if form == "score" else 1
    expected = np.mean((weight * (guess - truth)) ** 2)
    assert loss == pytest.approx(expected, rel=100 * float(np.finfo(dtype).eps))


def test_the_simple_loss_of_noise_is_the_bound_up_to_a_factor():
    """A line from 4 to -6 has -lambda' / 2 = 5, and there are two entries."""
    model, (x, u, noise) = make_model(), a_batch()
    worse = make_model(seed=3)
    of_the_bound = [bound_slope(m, x, u, noise)[0] for m in (model, worse)]
    simple = [simple_loss(m, x, u, noise) for m in (model, worse)]
    assert np.diff(of_the_bound) == pytest.approx(5 * 2 * np.diff(simple), rel=1e-12)


@every_form
def test_the_derivatives_of_the_simple_loss(form):
    model, batch = make_model(form=form), a_batch()
    report = check_gradients(lambda m: simple_loss(m, *batch), (model,), order=2)
    assert report.inconclusive == 0


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"form": "v", "log_snr": curved(learn_ends=False)},
        {"form": "x0", "levels": (-1, 1), "prior": BITS, "log_snr": curved()},
        {"form": "x0", "levels": (-1, 0, 1), "prior": THREE},
    ],
)
def test_the_gradient_of_the_bound_and_of_its_variance(settings):
    """Of every array that of the loss, but of the way of a curve that of the variance.

    Where the ends are fixed they have none.
    """
    model, (x, u, noise) = make_model(**settings), a_batch()
    x = np.sign(x) if model.levels is not None else x

    def loss(model):
        return -np.mean(continuous_bound(model, x, u, noise))

    def variance(model):
        return np.var(continuous_bound(model, x, u, noise))

    if model.log_snr.dtype is None or model.log_snr.learn_ends:
        for objective in (loss, variance):
            assert check_gradients(objective, (model,)).inconclusive == 0
    value, gradient = bound_slope(model, x, u, noise)
    assert value == pytest.approx(loss(model), rel=1e-14)
    of_loss, of_variance = grad(loss)(model), grad(variance)(model)
    scale = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(flat(gradient.denoiser), flat(of_loss.denoiser), **scale)
    if not tree_leaves(model.log_snr):
        return
    np.testing.assert_allclose(gradient.log_snr.ends, of_loss.log_snr.ends, **scale)
    assert np.any(gradient.log_snr.ends) == model.log_snr.learn_ends
    for name in ("rates", "shifts", "weights"):
        ours, theirs = (getattr(g.log_snr, name) for g in (gradient, of_variance))
        assert np.any(ours)
        np.testing.assert_allclose(ours, theirs, **scale)


# Times


@pytest.mark.parametrize("n", [1, 2, 7, 256])
@pytest.mark.parametrize("start", [0.0, 0.3, 1 - 2**-53])
def test_times_cover_the_interval_evenly(n, start):
    """One in each of n parts, and apart by 1 / n."""
    u = np.sort(even_times(n, start))
    assert u.shape == (n,)
    assert np.all((u >= 0) & (u < 1))
    np.testing.assert_allclose(np.diff(u), 1 / n, rtol=1e-9)
    assert np.min(abs(u - start)) == 0


def test_each_time_is_uniform():
    """5,000 starts: a distance of 0.039 to the uniform law is found at each place."""
    rng = np.random.default_rng(0)
    u = np.array([even_times(5, rng.random()) for _ in range(5000)])
    for column in u.T:
        assert stats.kstest(column, "uniform").statistic < 2.76 / np.sqrt(5000)


@every_loss
def test_even_times_vary_less_and_have_the_same_mean(loss):
    """400 batches: the variance of the loss falls to a tenth, or less; |z| < 5.03."""
    model = make_model(form="x0")
    slope = {"simple": simple_loss, "bound": lambda *args: bound_slope(*args)[0]}[loss]
    rng, n = np.random.default_rng(0), 64
    x, noise = np.ones((n, 2)), np.full((n, 2), 0.5)
    even = [slope(model, x, even_times(n, rng.random()), noise) for _ in range(400)]
    free = [slope(model, x, rng.random(n), noise) for _ in range(400)]
    assert np.var(even) < 0.1 * np.var(free)
    error = np.sqrt((np.var(even) + np.var(free)) / 400)
    assert abs(np.mean(even) - np.mean(free)) < 5.03 * error


# One step


@every_loss
def test_a_step_is_one_of_the_optimizer_along_the_gradient(loss):
    model, same = make_model(), make_model()
    step = diffusion_descent(loss=loss)
    average = MovingAverage(0.5)
    state = (model, Adam(0.01), average)
    (moved, _, _), metrics = step(state, (X,), np.random.default_rng(7))
    rng = np.random.default_rng(7)
    u, noise = even_times(30, rng.random()), rng.standard_normal((30, 2))
    objective = {
        "simple": lambda m: simple_loss(m, X, u, noise),
        "bound": lambda m: -np.mean(continuous_bound(m, X, u, noise)),
    }[loss]
    assert metrics["loss"] == pytest.approx(objective(same), rel=1e-14)
    Adam(0.01).step(same, grad(objective)(same))
    np.testing.assert_allclose(flat(moved), flat(same), rtol=0, atol=1e-9)
    assert average.steps == 1
