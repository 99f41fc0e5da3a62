"""Diffusion: small steps of noise, which are one large one; and a step back.

    q(x_t | x_{t-1}) = N(sqrt(alpha_t) x_{t-1}, (1 - alpha_t) I),   t = 1, ..., T,
    q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I),   abar_t = alpha_1 ... alpha_t.

The forward chain turns any data into noise, and nothing about it is learned. All its
laws given x_0 are Gaussian, also those backwards in time, which test_reverse_diffusion
is about. To be read from top to bottom; every statement is an assertion. Coordinates
are independent, and on a line a Gaussian chain is two numbers a step, a mean and a
variance. Numbers like T39 are those of the list in README.md.

Sources: J. Sohl-Dickstein et al. (2015); J. Ho, A. Jain and P. Abbeel (2020); C. Luo,
arXiv:2208.11970.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from samplers.chains import Chains
from samplers.forward import Forward, jump
from samplers.noise import draw_normals
from samplers.philox import FORWARD
from samplers.quadrature import quadrature
from samplers.schedules import from_betas, from_log_snr, linear, sigmoid
from tests.kolmogorov import LIMIT, distance
from tests.lecture.gaussian_chains import any_schedule

any_alphas = st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=50)


def gaussian_cdf(x, mean, variance):
    return ndtr((x - mean) / np.sqrt(variance))


# 1. Noise is added


def step_by_step(alphas, mean, variance):
    """Mean and variance of x_0, ..., x_T, as two arrays (T + 1,)."""
    moments = [(mean, variance)]
    for alpha in alphas:
        mean, variance = np.sqrt(alpha) * mean, alpha * variance + 1 - alpha
        moments.append((mean, variance))
    return np.array(moments).T


@given(any_alphas)
def test_many_small_steps_are_one(alphas):
    """T steps from x_0 give the mean sqrt(abar_t) x_0, the variance 1 - abar_t (T39).

    Means are multiplied by sqrt(alpha) each. A variance v becomes alpha v + 1 - alpha,
    so what it lacks of one, 1 - v, is multiplied by alpha each.
    """
    x_0, abar = 3.0, np.cumprod([1.0, *alphas])
    mean, variance = step_by_step(alphas, x_0, 0.0)
    np.testing.assert_allclose(mean, np.sqrt(abar) * x_0, rtol=1e-13)
    np.testing.assert_allclose(variance, 1 - abar, rtol=0, atol=1e-13)


@any_schedule
def test_the_schedules_have_these_products(schedule):
    """abar of the library is the product of its alphas, from one at t = 0 (T39)."""
    mean, variance = step_by_step(schedule.alpha[1:], 1.0, 0.0)
    np.testing.assert_allclose(schedule.signal, mean, rtol=1e-12)
    np.testing.assert_allclose(schedule.noise**2, variance, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(schedule.abar, np.cumprod(schedule.alpha), rtol=1e-12)


def test_the_forward_sampler_takes_these_steps():
    """Led by the same random numbers, plain lines go where the library goes (T39)."""
    schedule = sigmoid(20)
    x = np.linspace(-2, 2, 50)
    chains = Chains(Forward(schedule, 1), state=x[:, np.newaxis], rng=0)
    address = {"chain": 0, "step": 0, "shape": (1, 20, 50)}
    [noise] = draw_normals(chains.key, FORWARD, **address)
    draws = chains.run(20)[..., 0]
    for t in range(1, 21):
        alpha = schedule.alpha[t]
        x = np.sqrt(alpha) * x + np.sqrt(1 - alpha) * noise[t - 1]
        np.testing.assert_allclose(draws[:, t - 1], x, rtol=0, atol=1e-13)


def test_the_jump_and_the_walk_have_one_law():
    """50,000 chains step by step, and as many in one jump, from x_0 = 0.7 (T39).

    Kolmogorov and Smirnov's distance from N(sqrt(abar_t) x_0, 1 - abar_t) sees 0.025
    in the distribution function, as of a step too many where most changes.
    """
    n, schedule = 50_000, sigmoid(20)
    start = np.full((n, 1), 0.7)
    walk = Chains(Forward(schedule, 1), state=start, rng=1).run(20)[..., 0]
    noise = np.random.default_rng(2).normal(size=(n, 1))
    for t in (1, 8, 10, 12, 20):
        law = schedule.signal[t] * 0.7, schedule.noise[t] ** 2
        assert distance(gaussian_cdf(walk[:, t - 1], *law)) < LIMIT
        jumped = jump(start, t, schedule, noise)
        np.testing.assert_allclose(
            jumped, law[0] + np.sqrt(law[1]) * noise, rtol=0, atol=1e-14
        )
        assert distance(gaussian_cdf(jumped[:, 0], *law)) < LIMIT
    late = schedule.signal[11] * 0.7, schedule.noise[11] ** 2
    assert distance(gaussian_cdf(walk[:, 9], *late)) > LIMIT


@given(any_alphas)
def test_unit_variance_is_kept(alphas):
    """If Var x_0 = 1, then Var x_t = 1 for all t and any schedule (T40).

    alpha 1 + 1 - alpha = 1. Another variance is drawn to one: v_t - 1 = abar_t
    (v_0 - 1). This is why the noise has the variance 1 - alpha and no other.
    """
    abar = np.cumprod([1.0, *alphas])
    for start in (1.0, 0.0, 25.0):
        _, variance = step_by_step(alphas, 0.0, start)
        expected = abar * (start - 1)
        np.testing.assert_allclose(variance - 1, expected, rtol=0, atol=1e-12)


def test_the_sampler_keeps_it():
    """Data of two points, -1 and 1: after 1 to 20 steps the variance is one (T40).

    Variances of 50,000 chains, whose start is exact, within 5.03 errors each; sees an
    error of 6.6 % at the end and of less before.
    """
    n = 50_000
    start = np.where(np.arange(n) % 2, 1.0, -1.0)[:, np.newaxis]
    squares = Chains(Forward(sigmoid(20), 1), state=start, rng=3).run(20)[..., 0] ** 2
    error = squares.std(axis=0) / np.sqrt(n)
    assert np.all(5.03 * error < 0.033)
    assert np.all(np.abs(squares.mean(axis=0) - 1) < 5.03 * error)


def closed_divergence(abar, x_0):
    """KL(q(x_T | x_0) || N(0, 1)) = (abar x_0^2 - abar - log(1 - abar)) / 2."""
    return (abar * x_0**2 - abar - np.log1p(-abar)) / 2


@pytest.mark.parametrize("x_0", [0.0, 1.0, -2.5])
@pytest.mark.parametrize("abar", [0.9, 0.5, 0.13, 4e-5])
def test_how_far_the_end_is_from_noise(abar, x_0):
    """The mean of log q(x_T | x_0) - log N(x_T; 0, 1) by quadrature (T40)."""

    def log_q(x):
        away = x[:, 0] - np.sqrt(abar) * x_0
        return -(away**2) / (2 * (1 - abar)) - np.log(2 * np.pi * (1 - abar)) / 2

    def log_noise(x):
        return -(x[:, 0] ** 2) / 2 - np.log(2 * np.pi) / 2

    law = quadrature(lambda x: -log_q(x), (-15, 15), tolerance=1e-12)
    found = law.expectation(lambda x: log_q(x) - log_noise(x))
    assert found == pytest.approx(closed_divergence(abar, x_0), rel=1e-9, abs=1e-12)


@given(any_alphas, st.floats(-3, 3))
def test_every_step_brings_it_closer(alphas, x_0):
    """The divergence falls with each step, to zero as abar does (T40).

    Of abar its slope is (x_0^2 - 1 + 1 / (1 - abar)) / 2, never negative.
    """
    divergence = closed_divergence(np.cumprod(alphas), x_0)
    assert np.all(np.diff(divergence) <= 1e-15)
    assert closed_divergence(1e-12, x_0) < 1e-11


@pytest.mark.parametrize(
    ("steps", "factor", "nats"),
    [(200, 1, 7.1e-2), (300, 1, 2.5e-2), (1000, 1, 2.0e-5), (200, 5, 1.5e-5)],
)
def test_too_few_steps_are_refused(steps, factor, nats):
    """Betas from 1e-4 to 0.02, made for T = 1000, leave x_0 to be seen at 200 (T40).

    That is a divergence of 0.071 nats for each dimension, at x_0^2 = 1: a chain back
    from N(0, I) would start in the wrong law. Above 1e-3 a schedule is refused, unless
    the larger number is asked for.
    """
    first, last = 1e-4 * factor, 0.02 * factor
    betas = np.linspace(first, last, steps)
    abar = np.prod(1 - betas)
    assert closed_divergence(abar, 1.0) == pytest.approx(nats, rel=0.03)

    makers = (
        lambda **allow: from_betas(betas, **allow),
        lambda **allow: linear(steps, first=first, last=last, **allow),
        lambda **allow: from_log_snr([0.0, np.log(abar / (1 - abar))], **allow),
        lambda **allow: sigmoid(9, last=np.log(abar / (1 - abar)), **allow),
    )
    for make in makers:
        if nats > 1e-3:
            with pytest.raises(ValueError, match="terminal divergence"):
                make()
        schedule = make(allow=0.1) if nats > 1e-3 else make()
        exact = closed_divergence(abar, 1.0)
        assert schedule.terminal_divergence == pytest.approx(exact, rel=1e-9)


# 2. Both ends known


def log_normal(x, mean, variance):
    return -((x - mean) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2


def bayes(alpha, before):
    """(a, b, v) of q(x_{t-1} | x_t, x_0) = N(a x_0 + b x_t, v); before = abar_{t-1}.

    As a function of x_{t-1} it is q(x_t | x_{t-1}) q(x_{t-1} | x_0), two Gaussians:
    precisions add, and means are weighted by them.
    """
    from_x_t, from_x_0 = alpha / (1 - alpha), 1 / (1 - before)
    v = 1 / (from_x_t + from_x_0)
    return v * from_x_0 * np.sqrt(before), v * from_x_t / np.sqrt(alpha), v


@any_schedule
def test_bayes_rule_at_every_point(schedule):
    """q(x_t|x_{t-1}) q(x_{t-1}|x_0) = q(x_{t-1}|x_t, x_0) q(x_t|x_0) (T41).

    The logarithms of both sides agree to 1e-12, at points of all kinds and every t.
    """
    abar, alpha = schedule.abar, schedule.alpha
    rng = np.random.default_rng(4)
    for t in range(2, schedule.steps + 1):
        x_0, before, after = rng.normal(size=(3, 20))
        before = schedule.signal[t - 1] * x_0 + schedule.noise[t - 1] * before
        after = np.sqrt(alpha[t]) * before + np.sqrt(schedule.beta[t]) * after
        a, b, v = schedule.posterior(t)
        forwards = log_normal(after, np.sqrt(alpha[t]) * before, schedule.beta[t])
        forwards += log_normal(
            before, schedule.signal[t - 1] * x_0, schedule.noise[t - 1] ** 2
        )
        backwards = log_normal(before, a * x_0 + b * after, v)
        backwards += log_normal(after, schedule.signal[t] * x_0, schedule.noise[t] ** 2)
        np.testing.assert_allclose(backwards, forwards, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose((a, b, v), bayes(alpha[t], abar[t - 1]), rtol=1e-9)


@any_schedule
def test_the_coefficients_in_closed_form(schedule):
    """mu~ = a x_0 + b x_t and beta~, in the letters of the forward chain (T41).

        a = sqrt(abar_{t-1}) beta_t / (1 - abar_t),
        b = sqrt(alpha_t) (1 - abar_{t-1}) / (1 - abar_t),
        beta~ = beta_t (1 - abar_{t-1}) / (1 - abar_t),

    because the precisions add up to (1 - abar_t) / (beta_t (1 - abar_{t-1})). At t = 1
    x_0 is known, and nothing else counts. In the mean over x_t one is back on the way
    from x_0: a + b sqrt(abar_t) = sqrt(abar_{t-1}), and the variances fit as well.
    """
    t = np.arange(1, schedule.steps + 1)
    beta, left, after = schedule.beta[1:], schedule.abar[:-1], schedule.noise[1:] ** 2
    before = schedule.noise[:-1] ** 2
    a, b, v = schedule.posterior(t)
    np.testing.assert_allclose(a, np.sqrt(left) * beta / after, rtol=1e-13)
    np.testing.assert_allclose(
        b, np.sqrt(schedule.alpha[1:]) * before / after, rtol=1e-13
    )
    np.testing.assert_allclose(v, beta * before / after, rtol=1e-13)
    np.testing.assert_allclose((a[0], b[0], v[0]), (1, 0, 0), rtol=0, atol=1e-15)
    back = a + b * schedule.signal[1:]
    np.testing.assert_allclose(back, schedule.signal[:-1], rtol=1e-12)
    np.testing.assert_allclose(v + b**2 * after, before, rtol=1e-12)
