"""Networks that learn while some entries of x_u are hidden from them."""

import numpy as np
import pytest

from autodiff import check_gradients
from models.diffusion_bounds import continuous_bound
from models.diffusion_forms import FORMS, signal_and_noise
from models.diffusion_training import (
    Masked,
    bound_slope,
    diffusion_descent,
    draw_mask,
    simple_loss,
)
from optim import Adam
from tests.models.diffusions import make_model

every_form = pytest.mark.parametrize("form", FORMS)
BITS = {"form": "x0", "levels": (-1, 1), "prior": np.log([[0.4, 0.6], [0.7, 0.3]])}
MASK = np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0], [2.0, 2.0]])


def a_batch():
    """Four examples, times and noise."""
    rng = np.random.default_rng(1)
    x, noise = rng.standard_normal((2, 4, 2))
    return np.sign(x), rng.random(4), noise


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_mask_is_zero_as_often_as_asked_and_one_in_the_mean(dtype):
    """Detects a probability that is off by 0.008: five standard errors."""
    x = np.zeros((1000, 90), dtype)
    mask = draw_mask(x, 0.25, np.random.default_rng(3))
    assert mask.dtype == dtype
    np.testing.assert_array_equal(np.unique(mask), np.array([0, 1 / 0.75], dtype))
    assert abs(np.mean(mask == 0) - 0.25) < 5.03 * np.sqrt(0.25 * 0.75 / mask.size)


def test_nothing_is_drawn_where_nothing_is_dropped():
    rng = np.random.default_rng(3)
    assert draw_mask(np.zeros((4, 2)), 0.0, rng) is None
    assert rng.random() == np.random.default_rng(3).random()


@every_form
def test_a_hidden_entry_does_not_reach_the_network_but_the_skip(form):
    """Where the mask is zero, x enters the guess along the line of the skip alone."""
    model, log_snr = make_model(form=form), np.full(1, 0.3)
    x, moved = np.array([[0.5, -1.0]]), np.array([[0.5, 2.0]])
    hide = np.array([[2.0, 0.0]])
    first, second = (model.denoiser.denoise(a, log_snr, hide * a) for a in (x, moved))
    alpha, _ = signal_and_noise(log_snr)
    np.testing.assert_allclose(second - first, alpha * (moved - x), atol=1e-14)


@every_form
def test_a_mask_of_ones_changes_nothing(form):
    model, batch = make_model(form=form), a_batch()
    ones = np.ones((4, 2))
    assert simple_loss(model, *batch, ones) == simple_loss(model, *batch)
    assert bound_slope(model, *batch, ones)[0] == bound_slope(model, *batch)[0]


@pytest.mark.parametrize("settings", [{}, BITS])
def test_the_loss_is_the_bound_of_a_network_that_is_shown_less(settings):
    model, (x, u, noise) = make_model(**settings), a_batch()
    loss, _ = bound_slope(model, x, u, noise, MASK)
    assert loss == -np.mean(continuous_bound(Masked(model, MASK), x, u, noise))
    assert loss != bound_slope(model, x, u, noise)[0]


@pytest.mark.parametrize("settings", [{}, {"form": "v"}, BITS])
def test_the_derivatives_under_a_mask(settings):
    model, batch = make_model(**settings), a_batch()
    losses = [
        lambda m: simple_loss(m, *batch, MASK),
        lambda m: -np.mean(continuous_bound(Masked(m, MASK), *batch)),
    ]
    for loss in losses:
        assert check_gradients(loss, (model,), order=2).inconclusive == 0


@pytest.mark.parametrize("loss", ["simple", "bound"])
def test_a_step_takes_times_then_noise_then_the_mask(loss):
    x, _, _ = a_batch()
    seen = []
    for hidden in (0.0, 0.5):
        model, rng = make_model(), np.random.default_rng(7)
        step = diffusion_descent(loss=loss, dropout=hidden)
        _, metrics = step((model, Adam(0.01)), (x,), rng)
        seen.append(metrics["loss"])
    model, rng = make_model(), np.random.default_rng(7)
    u = (rng.random() + np.arange(4) / 4) % 1
    noise = model.draw_noise(4, rng)
    mask = draw_mask(x, 0.5, rng)
    value = {"simple": simple_loss, "bound": lambda *a: bound_slope(*a)[0]}[loss]
    assert seen == [value(model, x, u, noise), value(model, x, u, noise, mask)]


def test_a_fit_with_dropout_and_weight_decay_is_one_of_its_seed():
    x = np.sign(np.random.default_rng(2).standard_normal((50, 2)))
    settings = {"steps": 20, "rng": 5, "dropout": 0.3, "weight_decay": 0.1}
    first, again = (make_model(**BITS).fit(x, **settings) for _ in "ab")
    other = make_model(**BITS).fit(x, **(settings | {"weight_decay": 0.0}))
    assert first.history_["loss"] == again.history_["loss"]
    assert first.history_["loss"] != other.history_["loss"]


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_a_share_that_leaves_nothing_is_refused(dropout):
    with pytest.raises(ValueError, match=r"dropout is .* some have to be left"):
        diffusion_descent(dropout=dropout)
