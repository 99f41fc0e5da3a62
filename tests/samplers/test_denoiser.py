"""Denoisers: what they are asked for, and the exact one of a mixture."""

import numpy as np
import pytest

from samplers import mixture_denoiser as module
from samplers.denoiser import Denoiser
from samplers.fingerprint import differences, fingerprint
from samplers.mixture import mixture_target
from samplers.mixture_denoiser import mixture_denoiser
from samplers.schedules import cosine, from_log_snr
from tests.samplers import diffusion_checks
from tests.samplers.diffusion_checks import MIXTURE, guess, twin
from tests.samplers.schedule_checks import LONG, SHORT, close


@pytest.mark.exact
def test_mixture_exactly():
    diffusion_checks.check_mixture_denoiser(module)


@pytest.mark.parametrize("name", LONG)
def test_mixture_at_all_times_of_long_schedules(name):
    diffusion_checks.check_mixture_denoiser(module, {name: LONG[name]})


@pytest.mark.exact
def test_far_out_and_with_hardly_any_noise():
    """The nearest component decides, and x stays x where 1 - abar is 1e-13."""
    schedule = from_log_snr(np.array([30.0, 0.0, -30.0]))
    denoiser = mixture_denoiser(*MIXTURE, schedule)
    x = np.array([[1e3, 1e3], [-3e3, 3.0], [0.3, 0.2]])
    for t in (1, 2, 3):
        found, expected = denoiser.estimate_at(x, t), twin(x, t, schedule, *MIXTURE)
        np.testing.assert_allclose(found, expected, rtol=1e-8)
    near = np.array([[0.2, -0.7], [-2.3, 1.4]])
    close(denoiser.estimate_at(near, 1), near, 1e-12)
    mean = np.array(MIXTURE[0]) @ np.array(MIXTURE[1])
    close(denoiser.estimate_at(near, 3), np.tile(mean, (2, 1)), 1e-5)


@pytest.mark.exact
def test_one_component_is_linear():
    """E[x_0 | x_t] of a Gaussian, between its mean and x_t / sqrt(abar)."""
    schedule, s, mean = SHORT["sigmoid"], 0.5, np.array([2.0, -1.0])
    denoiser = mixture_denoiser([7.0], [mean], [s], schedule)
    x = np.array([[-3.0, 1.0], [0.2, 4.0], [1.0, 1.0]])
    for t in range(1, schedule.steps + 1):
        snr = schedule.snr[t]
        expected = (mean / s**2 + snr * x / schedule.signal[t]) / (1 / s**2 + snr)
        close(denoiser.estimate_at(x, t), expected)


def from_noise(x, t, out, schedule, weights, means, sds):
    """A denoiser whose guess is E[xi | x_t]."""
    xi = x - schedule.signal[t] * twin(x, t, schedule, weights, means, sds)
    xi /= schedule.noise[t]
    out[:] = (x - schedule.noise[t] * xi) / schedule.signal[t]


def from_score(x, t, out, schedule, weights, means, sds):
    """A denoiser whose guess is grad log q(x_t)."""
    sds = np.hypot(schedule.signal[t] * np.array(sds), schedule.noise[t])
    target = mixture_target(weights, schedule.signal[t] * np.array(means), sds)
    score = target.score_at(x)
    out[:] = (x + schedule.noise[t] ** 2 * score) / schedule.signal[t]


def from_v(x, t, out, schedule, weights, means, sds):
    """A denoiser whose guess is E[v | x_t]."""
    x_0 = twin(x, t, schedule, weights, means, sds)
    xi = (x - schedule.signal[t] * x_0) / schedule.noise[t]
    v = schedule.signal[t] * xi - schedule.noise[t] * x_0
    out[:] = schedule.signal[t] * x - schedule.noise[t] * v


@pytest.mark.exact
@pytest.mark.parametrize("denoise", [from_noise, from_score, from_v])
def test_other_guesses_are_guesses_of_the_data(denoise):
    """At every t, as the file has it; from the score, Tweedie's formula."""
    schedule = SHORT["linear"]
    denoiser = Denoiser(denoise, 2, (schedule, *MIXTURE), schedule=schedule)
    for t in range(1, schedule.steps + 1):
        x = diffusion_checks.places(schedule, t)
        close(denoiser.estimate_at(x, t), twin(x, t, schedule, *MIXTURE), 1e-10)


@pytest.mark.exact
def test_float32_is_float64_up_to_its_precision():
    schedule = SHORT["cosine"]
    single = mixture_denoiser(*MIXTURE, schedule, dtype=np.float32)
    for t in (1, 12, 25):
        x = diffusion_checks.places(schedule, t)[:-1].astype(np.float32)
        found = single.estimate_at(x, t)
        assert found.dtype == np.float32
        expected = twin(x.astype(float), t, schedule, *MIXTURE)
        close(found, expected, 2e-5 if t > 1 else 1e-3)


def test_denoisers_are_known_by_their_numbers():
    one = mixture_denoiser(*MIXTURE, cosine(10))
    again = mixture_denoiser(*MIXTURE, cosine(10))
    other = mixture_denoiser(*MIXTURE, cosine(11))
    assert not differences(fingerprint(one), fingerprint(again))
    assert differences(fingerprint(one), fingerprint(other)) == ["params", "schedule"]


def idle(x, t, out):
    """A denoiser that returns what it should write."""
    return x


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Denoiser(guess, 0), ValueError, "dimension is 0"),
        (lambda: Denoiser(guess, 1.5), ValueError, "dimension is 1.5"),
        (lambda: Denoiser(guess, 1, np.ones(3)), TypeError, "params is a ndarray"),
        (lambda: Denoiser(guess, 1, dtype=int), TypeError, "float32 or"),
        (
            lambda: Denoiser(idle, 2).estimate_at(np.ones((3, 2)), 1),
            ValueError,
            r"left nan in 6 of 6 .* denoise\(x, 1, out, .* out, of shape \(3, 2\)",
        ),
        (
            lambda: Denoiser(guess, 1, ([np.inf],)).estimate_at([[4.0]], 0),
            ValueError,
            r"left inf in 1 of 1 numbers, first at x = \[4\.\]; denoise\(x, 0",
        ),
        (
            lambda: Denoiser(guess, 2).estimate_at(np.ones(2), 1),
            ValueError,
            r"x of shape \(2,\) does not fit; it is \(chain, 2\)",
        ),
        (
            lambda: Denoiser(guess, 2).estimate_at(np.full((1, 2), np.nan), 1),
            ValueError,
            "nan or infinity in float64",
        ),
        (
            lambda: Denoiser(guess, 1).estimate_at([[4.0], [5.0]], [1, 2]),
            ValueError,
            r"t is \[1, 2\], .* at one time",
        ),
        (
            lambda: mixture_denoiser(*MIXTURE, cosine(9)).estimate_at([[0, 0]], 10),
            ValueError,
            "integers from 0 to 9",
        ),
        (
            lambda: mixture_denoiser([1.0], [[0.0], [1.0]], [1.0], cosine(9)),
            ValueError,
            "are no mixture",
        ),
        (
            lambda: mixture_denoiser([1.0], [[0.0]], [0.0], cosine(9)),
            ValueError,
            "positive",
        ),
        (
            lambda: mixture_denoiser([1], [[0.0]], [1e-30], cosine(9), dtype="f4"),
            ValueError,
            "precisions of this law overflow in float32",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
