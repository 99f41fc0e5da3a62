"""The forms of a guess: one guess in four disguises, at any level of noise."""

from itertools import product

import numpy as np
import pytest

from autodiff import check_gradients, grad, jvp
from models.diffusion_forms import (
    FORMS,
    coefficients,
    convert,
    regression_slope,
    signal_and_noise,
    to_x0,
)
from tests.models.autoencoders import both_dtypes

PAIRS = list(product(FORMS, FORMS))
LEVELS = np.array([-20, -12.5, -5, -1, 0, 0.3, 4, 11, 20])
every_form = pytest.mark.parametrize("form", FORMS)
every_pair = pytest.mark.parametrize(("source", "target"), PAIRS)


def of_definition(x0, noise, log_snr):
    """x and its four forms, as they are defined, for rows at a level each."""
    alpha = 1 / np.sqrt(1 + np.exp(-log_snr))[:, np.newaxis]
    sigma = 1 / np.sqrt(1 + np.exp(log_snr))[:, np.newaxis]
    score, v = -noise / sigma, alpha * noise - sigma * x0
    forms = {"x0": x0, "noise": noise, "score": score, "v": v}
    return alpha * x0 + sigma * noise, forms


def numbers(levels=LEVELS, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return (*rng.standard_normal((2, len(levels), d)), levels)


def size(guess, source, target, x, log_snr):
    """The larger of the two terms of a conversion: its rounding is a share of it."""
    A, B = (c[:, np.newaxis] for c in coefficients(source, target, log_snr))
    return np.abs(A * x) + np.abs(B * guess)


# Signal and noise


@both_dtypes
def test_signal_and_noise_keep_their_digits_at_both_ends(dtype):
    log_snr = np.linspace(-60, 60, 1201).astype(dtype)
    wide = log_snr.astype(np.longdouble)
    eps = np.finfo(dtype).eps
    alpha, sigma = signal_and_noise(log_snr)
    for found, z in ((alpha, wide), (sigma, -wide)):
        expected = 1 / np.sqrt(1 + np.exp(-z))
        # The rounding of an exponent of half the level is its share of the level.
        error = np.abs(found - expected) / expected / (2 + np.abs(wide) / 4)
        assert found.dtype == dtype
        assert error.max() < eps
    np.testing.assert_allclose(alpha**2 + sigma**2, 1, rtol=4 * eps)


@both_dtypes
def test_slopes_of_signal_and_noise(dtype):
    """alpha sigma^2 / 2 and -sigma alpha^2 / 2, the kinks of softplus included."""
    log_snr = LEVELS.astype(dtype)
    (alpha, sigma), slopes = jvp(signal_and_noise, (log_snr,), (np.ones_like(log_snr),))
    rtol = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(slopes[0], alpha * sigma**2 / 2, rtol=rtol)
    np.testing.assert_allclose(slopes[1], -sigma * alpha**2 / 2, rtol=rtol)
    assert slopes[0].dtype == slopes[1].dtype == dtype


# Conversions


@every_pair
def test_a_truth_is_a_truth_in_every_form(source, target):
    """x and the one give the other, as defined: to 1e-12 of the terms added up."""
    x0, noise, log_snr = numbers()
    x, forms = of_definition(x0, noise, log_snr)
    found = convert(forms[source], source, target, x, log_snr)
    allowed = 1e-12 * size(forms[source], source, target, x, log_snr)
    assert np.all(np.abs(found - forms[target]) <= allowed)


@every_pair
def test_conversions_between_the_ends(source, target):
    """Where nothing is amplified, to 1e-12 as it stands."""
    x0, noise, log_snr = numbers(np.linspace(-6, 6, 13))
    x, forms = of_definition(x0, noise, log_snr)
    found = convert(forms[source], source, target, x, log_snr)
    np.testing.assert_allclose(found, forms[target], rtol=1e-12, atol=1e-12)


@every_form
def test_a_guess_in_its_own_form_is_left_as_it_is(form):
    """Bit for bit, also where x is so large that 0 x would round or be nan."""
    g, _, log_snr = numbers()
    x = np.full_like(g, np.inf)
    np.testing.assert_array_equal(convert(g, form, form, x, log_snr), g)


def test_to_x0_in_the_words_of_the_papers():
    rng = np.random.default_rng(1)
    x, g = rng.standard_normal((2, 13, 3))
    log_snr = np.linspace(-6, 6, 13)
    alpha, sigma = (c[:, np.newaxis] for c in signal_and_noise(log_snr))
    expected = {
        "x0": g,
        "noise": (x - sigma * g) / alpha,
        "score": (x + sigma**2 * g) / alpha,
        "v": alpha * x - sigma * g,
    }
    assert expected.keys() == set(FORMS)
    for form, x0hat in expected.items():
        found = to_x0(g, form, x, log_snr)
        np.testing.assert_allclose(found, x0hat, rtol=1e-12, atol=1e-12, err_msg=form)


@pytest.mark.parametrize("way", list(product(FORMS, FORMS, FORMS)))
def test_a_wrong_guess_is_the_same_one_by_every_way(way):
    """The way round by a third form, for guesses that have nothing to do with x_0."""
    first, second, third = way
    rng = np.random.default_rng(2)
    x, g = rng.standard_normal((2, 9, 3))
    log_snr = np.linspace(-6, 6, 9)
    there = convert(g, first, second, x, log_snr)
    by_two = convert(there, second, third, x, log_snr)
    direct = convert(g, first, third, x, log_snr)
    rounding = size(there, second, third, x, log_snr)
    assert np.all(np.abs(by_two - direct) <= 1e-12 * rounding)


@every_form
def test_one_error_in_every_form(form):
    """A term of the bound is the same, pointwise, whatever the network guesses:

    SNR |x0 - x0hat|^2 = |eps - epshat|^2 = sigma^2 |s - shat|^2 = alpha^2 |v - vhat|^2.
    """
    x0, noise, log_snr = numbers(np.linspace(-6, 6, 13))
    x, forms = of_definition(x0, noise, log_snr)
    x0hat = np.random.default_rng(3).standard_normal(x.shape)
    alpha, sigma = signal_and_noise(log_snr)
    weight = {"x0": np.exp(log_snr), "noise": 1, "score": sigma**2, "v": alpha**2}
    wrong = convert(x0hat, "x0", form, x, log_snr)
    error = weight[form] * np.sum((forms[form] - wrong) ** 2, axis=1)
    expected = np.exp(log_snr) * np.sum((x0 - x0hat) ** 2, axis=1)
    np.testing.assert_allclose(error, expected, rtol=1e-12)


@both_dtypes
@every_pair
def test_precision_is_kept_at_both_ends(source, target, dtype):
    """Of lambda = -20 and 20 too, to the rounding of the larger term."""
    x0, noise, log_snr = numbers(np.array([-20.0, 20.0]))
    x, forms = of_definition(x0, noise, log_snr)
    given = [a.astype(dtype) for a in (forms[source], x, log_snr)]
    found = convert(given[0], source, target, *given[1:])
    assert found.dtype == dtype
    rounding = 8 * np.finfo(dtype).eps * size(forms[source], source, target, x, log_snr)
    assert np.all(np.abs(found - forms[target]) <= rounding)


def test_axes():
    """One level for each row, for each row of many draws, or for all."""
    rng = np.random.default_rng(4)
    x, g = rng.standard_normal((2, 5, 4, 3))
    log_snr = rng.standard_normal((5, 4))
    each = convert(g, "noise", "v", x, log_snr)
    for i in range(5):
        rows = convert(g[i], "noise", "v", x[i], log_snr[i])
        np.testing.assert_array_equal(each[i], rows)
    shared = convert(g, "noise", "v", x, log_snr[0])
    np.testing.assert_array_equal(shared[0], each[0])
    np.testing.assert_array_equal(
        shared[3], convert(g[3], "noise", "v", x[3], log_snr[0])
    )
    for number in (2, 2.0, np.float64(2)):
        found = convert(g[0, 0], "noise", "v", x[0, 0], number)
        expected = convert(g[0, :1], "noise", "v", x[0, :1], np.array([2.0]))
        np.testing.assert_array_equal(found, expected[0])


# The best guess of standard normals


@every_form
def test_the_regression_on_x_of_standard_normals(form):
    """c = Cov(form, x) / Var(x), for x0 and eps at the corners of a square.

    These have unit variances and no correlation, which is all that a regression asks.
    """
    corners = np.array(list(product([-1.0, 1.0], repeat=2)))
    for level in LEVELS:
        log_snr = np.full(4, level)
        x, forms = of_definition(corners[:, :1], corners[:, 1:], log_snr)
        variance, covariance = np.mean(x**2), np.mean(forms[form] * x)
        assert variance == pytest.approx(1, rel=1e-14)
        found = regression_slope(form, np.array(level))
        assert found == pytest.approx(covariance, rel=1e-11, abs=1e-15)


def test_regression_slopes_as_they_are_known():
    alpha, sigma = signal_and_noise(LEVELS)
    expected = {"x0": alpha, "noise": sigma, "score": -np.ones(9), "v": np.zeros(9)}
    for form, slope in expected.items():
        found = regression_slope(form, LEVELS)
        np.testing.assert_allclose(found, slope, rtol=4e-16, atol=0, err_msg=form)
        assert regression_slope(form, LEVELS.astype("f4")).dtype == np.float32


# Derivatives


@every_pair
def test_derivatives(source, target):
    """By the guess, by x and by the level, which a schedule may learn."""
    rng = np.random.default_rng(5)
    g, x = rng.standard_normal((2, 4, 2))
    log_snr = np.array([-3.0, -0.5, 0.0, 2.0])
    report = check_gradients(
        lambda g, x, log_snr: convert(g, source, target, x, log_snr),
        (g, x, log_snr),
        order=2,
    )
    assert report.inconclusive == 0


@every_form
@pytest.mark.parametrize("level", [-20, 20])
def test_derivatives_at_the_ends_are_finite_in_float32(form, level):
    x = np.ones((1, 2), np.float32)
    log_snr = np.array([level], np.float32)
    slopes = grad(
        lambda x, log_snr: np.sum(to_x0(0.5 * x, form, x, log_snr)), argnums=(0, 1)
    )(x, log_snr)
    for slope in slopes:
        assert slope.dtype == np.float32
        assert np.isfinite(slope).all()


# What is refused


def test_forms_that_there_are_not():
    x, log_snr = np.ones((2, 3)), np.ones(2)
    for call in (
        lambda: convert(x, "epsilon", "v", x, log_snr),
        lambda: convert(x, "v", "epsilon", x, log_snr),
        lambda: to_x0(x, "epsilon", x, log_snr),
        lambda: coefficients("epsilon", "v", log_snr),
        lambda: regression_slope("epsilon", log_snr),
    ):
        with pytest.raises(ValueError, match=r"no form 'epsilon'.*x0, noise, score, v"):
            call()


def test_arrays_that_do_not_fit():
    x, log_snr = np.ones((4, 3)), np.ones(4)
    for bad in (np.ones(3), np.ones((4, 1)), np.ones(1), np.ones((4, 3))):
        with pytest.raises(
            ValueError, match=r"log_snr of shape .* one number for each"
        ):
            convert(x, "v", "x0", x, bad)
    many = np.ones((5, 4, 3))
    for bad in (np.ones(5), np.ones((1, 4)), np.ones((2, 4)), np.ones((5, 4, 3))):
        with pytest.raises(ValueError, match=r"x of shape \(5, 4, 3\), which is"):
            convert(many, "v", "x0", many, bad)
    with pytest.raises(ValueError, match=r"log_snr of shape \(\) .* x of shape \(\)"):
        convert(np.float64(1), "v", "x0", np.float64(1), np.float64(1))
    with pytest.raises(ValueError, match=r"guess of shape \(4, 1\) does not belong"):
        convert(x[:, :1], "v", "x0", x, log_snr)
    single = np.float32(x)
    for given in ((single, x, log_snr), (x, single, log_snr), (x, x, np.ones(4, "f4"))):
        with pytest.raises(TypeError, match="do not share a precision"):
            convert(given[0], "v", "x0", *given[1:])
    with pytest.raises(TypeError, match="log_snr must be a float32 or float64 array"):
        convert(x, "v", "x0", x, [1.0] * 4)
