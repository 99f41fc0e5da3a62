"""The gradient of a diffusion model's loss, by hand.

    the data, noised:   x_u = alpha x_0 + sigma eps,
    what is seen:       y = [x_u, sin(w_1 l), ..., cos(w_m l)],    l = log SNR at u,
    forwards:           a = tanh(y A + c),   g = tanh(a B + d),   z = g D + e,
    the guess:          z + r(l) x_u,   r = alpha, sigma, -1 or 0 by its form,
      or, for bits:     tanh(k / 2 + z + alpha / sigma^2 x_u),   k = log p(1) / p(-1),
    the losses:         mean (guess - target)^2,  or minus the bound.

There is no chain to go back along: each x_u is made of x_0 and eps in one jump, and
what is learned is one network at all times. So the gradient is that of a regression,
and back propagation as in test_backpropagation.py; the path around the network, r(l)
x_u, has no parameters. To be read after test_parameterizations.py, from top to bottom;
every statement is an assertion. Numbers like T46 are those of the list in README.md.

Source: J. Ho, A. Jain and P. Abbeel, NeurIPS (2020).
"""

import numpy as np
import pytest

from autodiff import check_gradients, explain, grad
from models.diffusion import Diffusion
from models.diffusion_bounds import continuous_bound
from models.diffusion_forms import FORMS
from models.diffusion_training import simple_loss
from models.log_snr import LinearLogSNR

D, N = 3, 5  # entries of x, examples
LINE = LinearLogSNR(3.0, -4.0)
PRIOR = np.log([[0.4, 0.6], [0.8, 0.2], [0.5, 0.5]])  # of -1 and 1, for each entry


def layers_of(model):
    """A, c, B, d, D, e."""
    layers = model.denoiser.network.layers
    return [array for layer in layers for array in (layer.weights, layer.bias)]


def noised(x_0, u, eps):
    """l, alpha, sigma and x_u, by the logistic function; columns (n, 1)."""
    log_snr = (3.0 - 7.0 * u)[:, np.newaxis]
    alpha, sigma = (1 / np.sqrt(1 + np.exp(sign * log_snr)) for sign in (-1, 1))
    return log_snr, alpha, sigma, alpha * x_0 + sigma * eps


def slope_of_simple(form, guess, x_0, eps, alpha, sigma):
    """dC / d guess of the mean squared error, up to 1 / (n D)."""
    if form == "score":
        return 2 * sigma * (sigma * guess + eps)
    target = {"x0": x_0, "noise": eps, "v": alpha * eps - sigma * x_0}[form]
    return 2 * (guess - target)


def slope_of_bound(form, guess, x_0, eps, alpha, sigma):
    """The same of minus the bound, up to 1 / n: of -l'(u) / 2 |eps - epshat|^2.

    l falls by 7. eps - epshat = (x0hat - x_0) alpha / sigma = (v - vhat) alpha.
    """
    scale = {"x0": alpha / sigma, "noise": 1, "score": 1, "v": alpha}[form]
    return 7 / 2 * scale**2 * slope_of_simple(form, guess, x_0, eps, alpha, sigma)


def gradient_by_hand(model, x_0, u, eps, slope):
    """dC / dA, dc, dB, dd, dD, de. Each line is the transpose of one above it."""
    A, c, B, d, D, e = layers_of(model)
    form, frequencies = model.denoiser.form, model.denoiser.frequencies
    log_snr, alpha, sigma, x = noised(x_0, u, eps)
    # Forwards.
    y = np.hstack([x, np.sin(log_snr * frequencies), np.cos(log_snr * frequencies)])
    a = np.tanh(y @ A + c)
    g = np.tanh(a @ B + d)
    z = g @ D + e
    if model.denoiser.prior is not None:
        minus, plus = model.denoiser.prior.T
        guess = np.tanh((plus - minus) / 2 + z + alpha / sigma**2 * x)
        by_z = slope(form, guess, x_0, eps, alpha, sigma) * (1 - guess**2)
    else:
        skip = {"x0": alpha, "noise": sigma, "score": -1, "v": 0}[form]
        by_z = slope(form, z + skip * x, x_0, eps, alpha, sigma)
    # Backwards.
    by_g = by_z @ D.T * (1 - g**2)
    by_a = by_g @ B.T * (1 - a**2)
    return [
        y.T @ by_a,
        by_a.sum(axis=0),
        a.T @ by_g,
        by_g.sum(axis=0),
        g.T @ by_z,
        by_z.sum(axis=0),
    ]


def minus_bound(model, x_0, u, eps):
    return -np.mean(continuous_bound(model, x_0, u, eps))


LOSSES = {
    "simple": (simple_loss, slope_of_simple, N * D),
    "bound": (minus_bound, slope_of_bound, N),
}
CASES = [*((form, None) for form in FORMS), ("x0", PRIOR)]
every_case = pytest.mark.parametrize(
    ("form", "prior"), CASES, ids=[*FORMS, "x0 of bits"]
)
either = pytest.mark.parametrize("loss", LOSSES)


def some_case(form, prior, seed):
    """A model, data, times and noise; biases are not zero."""
    rng = np.random.default_rng(seed)
    model = Diffusion.create(
        D,
        levels=None if prior is None else (-1, 1),
        log_snr=LINE,
        hidden=(4, 6),
        activation="tanh",
        form=form,
        features=8,
        prior=prior,
        rng=rng,
    )
    for array in layers_of(model):
        array += 0.3 * rng.standard_normal(array.shape)
    x_0, eps = rng.standard_normal((2, N, D))
    x_0 = x_0 if prior is None else np.sign(x_0)
    return model, x_0, rng.random(N), eps


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@either
@every_case
def test_by_hand_by_reverse_mode_and_by_the_printed_program(form, prior, loss):
    """Six arrays, three times, in every form of the guess (T46).

    The printed program was recorded for another model, other data, times and noise.
    """
    function, slope, scale = LOSSES[loss]
    printed = explain(grad(function), *some_case(form, prior, seed=100))
    assert "import" not in str(printed)
    for seed in range(3):
        model, *given = some_case(form, prior, seed)
        by_hand = gradient_by_hand(model, *given, slope)
        by_hand = [array / scale for array in by_hand]
        assert min(np.max(np.abs(array)) for array in by_hand) > 1e-4
        assert_equal(layers_of(grad(function)(model, *given)), by_hand)
        assert_equal(layers_of(printed(model, *given)), by_hand)


@either
@every_case
def test_it_is_the_slope_of_the_loss(form, prior, loss):
    """Held to differences of the loss, along each parameter by 1e-5 (T46)."""
    function, slope, scale = LOSSES[loss]
    model, *given = some_case(form, prior, seed=0)
    by_hand = gradient_by_hand(model, *given, slope)
    for array, expected in zip(layers_of(model), by_hand, strict=True):
        for index in list(np.ndindex(array.shape))[::3]:
            at, values = array[index], []
            for moved in (at + 1e-5, at - 1e-5):
                array[index] = moved
                values.append(function(model, *given))
            array[index] = at
            found = (values[0] - values[1]) / 2e-5
            assert found == pytest.approx(expected[index] / scale, rel=1e-5, abs=1e-7)
    check_gradients(lambda model: function(model, *given), (model,))


def test_the_form_of_the_guess_changes_the_slope_and_not_the_bound():
    """A guess of x_0, said in four forms: one bound, four slopes by what is said (T46).

    By the rule of the chain they differ by the factor between the forms: -sigma / alpha
    for the noise, sigma^2 / alpha for the score, -sigma for v.
    """
    _, x_0, u, eps = some_case("x0", None, seed=0)
    _, alpha, sigma, x = noised(x_0, u, eps)
    guess = x_0 + 0.5
    epshat = (x - alpha * guess) / sigma
    said = {"x0": guess, "noise": epshat, "score": -epshat / sigma}
    said["v"] = alpha * epshat - sigma * guess
    slopes = {
        form: slope_of_bound(form, said[form], x_0, eps, alpha, sigma) for form in FORMS
    }
    factors = {"noise": -sigma / alpha, "score": sigma**2 / alpha, "v": -sigma}
    for form, factor in factors.items():
        np.testing.assert_allclose(slopes[form], factor * slopes["x0"], rtol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_the_simple_loss_is_the_bound_along_a_line(form):
    """If log SNR falls evenly, a noise or score network has one gradient of both (T46).

    Up to 2 / (D (l(0) - l(1))): the weight of the bound, -l'(u) / 2, is then a number.
    In the forms x0 and v they are two different gradients.
    """
    model, *given = some_case(form, None, seed=1)
    simple, bound = (layers_of(grad(f)(model, *given)) for f, _, _ in LOSSES.values())
    pairs = zip(simple, bound, strict=True)
    away = max(np.max(np.abs(s - 2 / (7 * D) * b)) for s, b in pairs)
    if form in ("noise", "score"):
        assert away < 1e-12
    else:
        assert away > 1e-2


def test_steps_along_it_lower_the_loss():
    """Two thousand steps on five examples at fixed noise leave a tenth of the loss.

    Seen are signs that turn it upwards.
    """
    model, *given = some_case("noise", None, seed=0)
    before = simple_loss(model, *given)
    for _ in range(2000):
        steps = gradient_by_hand(model, *given, slope_of_simple)
        for array, step in zip(layers_of(model), steps, strict=True):
            array -= 0.2 * step / (N * D)
    assert simple_loss(model, *given) < before / 10
