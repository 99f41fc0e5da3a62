"""What samplers/schedules.py has to fulfil; a check takes it, or a faulty one."""

import numpy as np

from samplers.schedules import cosine, from_log_snr, linear, sigmoid

SHORT = {
    "linear": linear(20, first=5e-3, last=0.9),
    "cosine": cosine(25),
    "sigmoid": sigmoid(16),
}
LONG = {
    "linear": linear(1000),
    "cosine": cosine(1000),
    "sigmoid": sigmoid(300),
    "curved": from_log_snr(lambda u: 12 - 30 * u**2, 200),
}


def close(found, expected, tolerance=1e-13):
    """Assert that numbers agree, relative to the larger of 1 and themselves."""
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def gone(schedule):
    """1 - abar_t, (T + 1,)."""
    return -np.expm1(schedule.log_abar)


def check_closed_forms(schedules):
    """What follows from the betas, or the log SNR, in its own words."""
    betas = np.linspace(1e-4, 0.02, 1000)
    schedule = schedules.linear(1000)
    assert schedule.steps == 1000
    close(schedule.beta, np.append(0, betas))
    close(schedule.alpha, np.append(1, 1 - betas))
    close(schedule.abar, np.append(1, np.cumprod(1 - betas)))
    close(schedule.signal**2, schedule.abar)
    close(schedule.noise**2, 1 - schedule.abar)
    close(schedule.snr[1:], schedule.abar[1:] / (1 - schedule.abar[1:]), 1e-11)
    close(schedule.log_snr[1:], np.log(schedule.snr[1:]))
    schedule = schedules.cosine(1000)
    angle = (np.arange(1000) / 1000 + 0.008) / 1.008 * np.pi / 2
    close(schedule.abar[:-1], np.cos(angle) ** 2 / np.cos(angle[0]) ** 2)
    close(schedule.beta[-1], 0.999)
    log_snr = np.linspace(10, -10, 100)
    close(schedules.sigmoid(100).abar[1:], 1 / (1 + np.exp(-log_snr)))


def check_round_trip(schedules):
    """log SNR -> alphas -> log SNR, to 1e-13 from 700 down to -700."""
    log_snr = np.linspace(700, -700, 401)
    schedule = schedules.from_log_snr(log_snr)
    close(schedule.log_snr[1:], log_snr)
    close(schedules.from_log_snr(lambda u: 10 - 20 * u, 40).log_snr[40], -10)
    schedule = schedules.from_log_snr(np.linspace(40, -15, 111))
    again = schedules.from_betas(schedule.beta[1:])
    close(again.log_snr[1:], schedule.log_snr[1:])


def check_terminal_divergence(schedules):
    """KL(q(x_T | x_0) || N(0, I)) at x_0^2 = 1, as integrated on a grid."""
    for last in (0.005, 0.02, 0.2, 0.9):
        schedule = schedules.linear(50, last=last, allow=9)
        mean, variance = schedule.signal[-1], 1 - schedule.abar[-1]
        z, weights = np.polynomial.hermite_e.hermegauss(20)
        x = mean + np.sqrt(variance) * z
        log_ratio = (x**2 - z**2 - np.log(variance)) / 2
        expected = weights @ log_ratio / weights.sum()
        close(schedule.terminal_divergence, expected, 1e-12)


def check_posterior(schedules):
    """Bayes' rule: q(x_t | x_s) q(x_s | x_0) = q(x_s | x_t, x_0) q(x_t | x_0)."""
    rng = np.random.default_rng(0)
    for log_abar in (each.log_abar for each in SHORT.values()):
        schedule = schedules.Schedule(log_abar)
        t, s = np.triu_indices(schedule.steps + 1, 1)[::-1]
        t, s = t[s > 0], s[s > 0]
        x_0, x_s, x_t = rng.normal(size=(3, t.size))
        a, b, v = schedule.posterior(t, s)
        alpha = np.exp(log_abar[t] - log_abar[s])
        start = log_normal(x_s, schedule.signal[s] * x_0, gone(schedule)[s])
        step = log_normal(x_t, np.sqrt(alpha) * x_s, -np.expm1(np.log(alpha)))
        back = log_normal(x_s, a * x_0 + b * x_t, v)
        jump = log_normal(x_t, schedule.signal[t] * x_0, gone(schedule)[t])
        close(start + step, back + jump, 1e-12)
        one = schedule.posterior(t[t - s == 1])
        for found, expected in zip(one, (a, b, v), strict=True):
            assert np.array_equal(found, expected[t - s == 1])


def log_normal(x, mean, variance):
    """log N(x; mean, variance)."""
    return -((x - mean) ** 2 / variance + np.log(2 * np.pi * variance)) / 2
