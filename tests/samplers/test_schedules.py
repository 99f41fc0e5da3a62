"""Noise schedules: their closed forms, both of their ends, and what they refuse."""

import pickle

import numpy as np
import pytest

from samplers import schedules
from samplers.fingerprint import differences, fingerprint
from samplers.schedules import Schedule, cosine, from_betas, from_log_snr, linear
from tests.samplers import schedule_checks
from tests.samplers.schedule_checks import LONG, close, gone, log_normal

EXACT = [
    schedule_checks.check_closed_forms,
    schedule_checks.check_round_trip,
    schedule_checks.check_terminal_divergence,
    schedule_checks.check_posterior,
]
CASES = pytest.mark.parametrize("schedule", LONG.values(), ids=LONG)


@pytest.mark.exact
@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.__name__)
def test_exactly(check):
    check(schedules)


@CASES
def test_arrays_belong_together(schedule):
    """All from their definitions, at all t; and alpha + beta = 1."""
    T = schedule.steps
    for name in ("alpha", "beta", "abar", "signal", "noise", "snr", "log_snr"):
        array = getattr(schedule, name)
        assert array.shape == (T + 1,)
        assert array.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3
    firsts = schedule.alpha[0], schedule.beta[0], schedule.abar[0], schedule.noise[0]
    assert firsts == (1, 0, 1, 0)
    assert schedule.snr[0] == schedule.log_snr[0] == np.inf
    close(schedule.alpha + schedule.beta, 1)
    close(np.cumprod(schedule.alpha), schedule.abar)
    close(schedule.signal**2 + schedule.noise**2, 1)
    close(np.exp(schedule.log_snr[1:]), schedule.snr[1:], 1e-12)


@CASES
def test_variance_is_preserved(schedule):
    """Data of variance 1 keep it at every t."""
    variance = 1.0
    for t in range(1, schedule.steps + 1):
        variance = schedule.alpha[t] * variance + schedule.beta[t]
        close(variance, 1)


@CASES
def test_a_float64_holds_both_ends(schedule):
    """Against decimals of twice as many digits, relative to each number."""
    exact = schedule.log_abar.astype(np.longdouble)
    if np.finfo(exact.dtype).eps > 1e-18:
        pytest.skip("longdouble is no longer than float64 here")
    expected = -np.expm1(exact)[1:]
    np.testing.assert_allclose(schedule.noise[1:] ** 2, expected, rtol=1e-15)
    expected = exact[1:] - np.log(expected)
    np.testing.assert_allclose(schedule.log_snr[1:], expected, rtol=1e-14, atol=1e-14)
    expected = -np.log(-np.expm1(exact[-1])) / 2
    np.testing.assert_allclose(schedule.terminal_divergence, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (linear(200, allow=1), 7.1e-2),
        (linear(300, allow=1), 2.5e-2),
        (linear(1000), 2.0e-5),
        (linear(200, first=5e-4, last=0.1), 1.5e-5),
        (cosine(1000), 1.2e-9),
        (Schedule([0, -1e-300]), 345.4),
        (Schedule([0, -700.0]), 4.93e-305),
    ],
)
def test_terminal_divergence(schedule, expected):
    np.testing.assert_allclose(schedule.terminal_divergence, expected, rtol=0.05)


def test_cosine_needs_its_limit():
    """Unlimited, the last beta is 1, and then no posterior is finite."""
    for T in (1, 2, 10, 1000):
        for offset in (0, 0.008, 1, 100):
            schedule = cosine(T, offset=offset)
            assert schedule.beta.max() <= 0.999 + 1e-12
            assert schedule.abar[-1] <= 0.001 + 1e-12
            assert schedule.terminal_divergence <= schedules.LIMIT
            assert np.isfinite(schedule.posterior(np.arange(1, T + 1))).all()
    np.testing.assert_allclose(cosine(1000).abar[-1], 2.43e-9, rtol=1e-3)


def test_cosine_has_all_digits_of_its_first_steps():
    """beta_1 of a million steps is 1e-8 or so; 1 - f(1) / f(0) has half its digits."""
    with np.errstate(all="raise"):
        found = cosine(10**6).beta[1]
    u, h = np.pi / 2 / 1.008 * np.array([0.008, 1e-6])
    lost = 2 * np.sin(h / 2) ** 2 + np.tan(u) * np.sin(h)  # 1 - cos(u + h) / cos(u)
    np.testing.assert_allclose(found, lost * (2 - lost), rtol=1e-14)


def test_a_log_snr_from_4_to_minus_6_is_taken_if_told():
    """It leaves 1.2e-3 nats for each dimension, a little too much."""

    def line(u):
        return 4 - 10 * (50 * u - 1) / 49

    with pytest.raises(ValueError, match=r"allow=0\.0014"):
        schedules.sigmoid(50, first=4, last=-6)
    one = schedules.sigmoid(50, first=4, last=-6, allow=0.0014)
    other = from_log_snr(line, 50, allow=0.0014)
    close(one.log_snr[[1, 50]], [4, -6])
    close(one.log_abar, other.log_abar)


@CASES
def test_posterior_by_quadrature(schedule):
    """Mean and variance of q(x_t | x_s) q(x_s | x_0), from sums over a grid of x_s."""
    x_0, x_t, T = 0.7, -0.4, schedule.steps
    pairs = [(2, 1), (T // 2, T // 2 - 1), (T // 2, 1), (T, T - 1), (T, T // 3)]
    for t, s in pairs:
        a, b, v = schedule.posterior(t, s)
        x = a * x_0 + b * x_t + np.sqrt(v) * np.linspace(-12, 12, 2001)
        log_alpha = schedule.log_abar[t] - schedule.log_abar[s]
        log_p = log_normal(x_t, np.exp(log_alpha / 2) * x, -np.expm1(log_alpha))
        log_p += log_normal(x, schedule.signal[s] * x_0, gone(schedule)[s])
        p = np.exp(log_p - log_p.max())
        mean = p @ x / p.sum()
        close(a * x_0 + b * x_t, mean, 1e-10)
        np.testing.assert_allclose(v, p @ (x - mean) ** 2 / p.sum(), rtol=1e-9)


@CASES
def test_posterior_of_neighbors_as_it_is_published(schedule):
    """Ho et al. 2020, equation 7."""
    t = np.arange(1, schedule.steps + 1)
    abar, before = schedule.abar[1:], schedule.abar[:-1]
    alpha, beta = schedule.alpha[1:], schedule.beta[1:]
    a, b, v = schedule.posterior(t)
    # Written so, 1 - abar has lost digits where it is small.
    lost = 1e-15 / (1 - abar[0])
    np.testing.assert_allclose(a, np.sqrt(before) * beta / (1 - abar), rtol=lost)
    np.testing.assert_allclose(b, np.sqrt(alpha) * (1 - before) / (1 - abar), atol=lost)
    np.testing.assert_allclose(v, beta * (1 - before) / (1 - abar), atol=lost)
    assert (a[0], b[0], v[0]) == (1, 0, 0)


def test_schedules_are_known_by_their_numbers():
    prints = fingerprint(cosine(100))
    copy = pickle.loads(pickle.dumps(cosine(100)))
    assert not differences(prints, fingerprint(copy))
    assert differences(prints, fingerprint(cosine(101)))
    log_abar = np.array([0.0, -10.0])
    schedule = Schedule(log_abar)
    log_abar[1] = -3
    assert schedule.log_abar[1] == -10


@pytest.mark.parametrize("steps", [2, 3, 10, 20, 25, 200, 300, 999])
def test_what_is_proposed_is_accepted(steps):
    with pytest.raises(ValueError, match="still shows x_0") as error:
        linear(steps, allow=1e-12)
    call = str(error.value).split("Write ")[1].split("), ")[0] + ")"
    number = str(error.value).split("or allow=")[1].split()[0]
    assert eval(call, {"linear": linear}).steps == steps
    assert linear(steps, allow=float(number)).steps == steps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: linear(200),
            r"0\.071 nats .* above 0\.001: .* Write linear\(200, fir",
        ),
        (
            lambda: linear(300),
            r"first=0\.00033, last=0\.0667\), cosine\(300\), or allow",
        ),
        (lambda: from_betas([0.1, 0.2]), "larger betas or more of them"),
        (lambda: schedules.sigmoid(9, last=-3), "falls to -6.3 or below"),
        (lambda: from_log_snr([1.0, -5.0]), "falls to -6.3 or below"),
        (lambda: linear(1000, allow=np.nan), "above nan"),
        (lambda: linear(1), "steps is 1; T is an integer, here at least 2"),
        (lambda: schedules.sigmoid(1.5), "steps is 1.5"),
        (lambda: cosine(0), "steps is 0"),
        (lambda: cosine(10, offset=-1), "offset is -1"),
        (lambda: from_betas([[0.1]]), r"betas, of shape \(1, 1\)"),
        (lambda: from_betas([0.0, 0.9]), "at 0 a step adds no noise"),
        (lambda: from_betas([0.5, 1.0]), "at 1 it leaves nothing"),
        (lambda: from_betas([0.5, np.nan]), "between 0 and 1"),
        (lambda: from_log_snr([0.0, 1.0]), "falls from each time to the next"),
        (lambda: from_log_snr([np.inf, -9.0]), "finite"),
        (lambda: from_log_snr(-9.0), r"log_snr, of shape \(\)"),
        (lambda: from_log_snr([1.0, -9], 3), r"shape \(2,\), is \(3,\), finite"),
        (lambda: from_log_snr(lambda u: -9.0, 3), r"shape \(\), is \(3,\), finite"),
        (lambda: from_log_snr(lambda u: -9 * u), "steps is 0"),
        (lambda: from_log_snr([800.0, 0, -9]), "does not fall at t = 1, so that"),
        (lambda: Schedule(-1.0), r"log_abar of shape \(\)"),
        (lambda: Schedule([0.0]), r"log_abar of shape \(1,\)"),
        (lambda: Schedule([-0.1, -1]), "begins with -0.1"),
        (lambda: Schedule([0.0, -np.inf]), "keep every beta below 1"),
        (lambda: Schedule([0.0, np.nan]), "is finite"),
        (lambda: Schedule([0.0, -2, -2]), "does not fall at t = 2"),
        (lambda: cosine(9).posterior(0), "integers from 1 to 9"),
        (lambda: cosine(9).posterior(10), "integers from 1 to 9"),
        (lambda: cosine(9).posterior(3, -1), "integers from 0 to 9"),
        (lambda: cosine(9).posterior([3, 2], [1, 2]), "s < t"),
        (lambda: cosine(9).times(2.0), r"t is 2\.0"),
        (lambda: cosine(9).times(True), "t is True"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
