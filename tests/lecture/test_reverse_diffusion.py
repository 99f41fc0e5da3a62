"""Diffusion run backwards: from noise to data, by a guess of the data.

    x_{t-1} = a x0hat(x_t, t) + b x_t + sqrt(v) xi,   x0hat = E[x_0 | x_t],

where N(a x_0 + b x_t, v) is q(x_{t-1} | x_t, x_0), the step back of one who knows x_0.
That guess is all that a network would have to learn. For Gaussian data, and for
mixtures of Gaussians, it is a formula, so that the chain can be held to the truth
before anything is learned. To be read after test_diffusion_chains.py, from top to
bottom; every statement is an assertion. SNR_t = abar_t / (1 - abar_t). Numbers like T48
are those of the list in README.md.

Sources: J. Sohl-Dickstein et al. (2015); J. Ho, A. Jain and P. Abbeel (2020); J. Song,
C. Meng and S. Ermon (2021); D. P. Kingma et al. (2021).
"""

import numpy as np
import pytest
from scipy.special import ndtr

from samplers.chains import Chains
from samplers.denoiser import Denoiser
from samplers.forward import jump
from samplers.mixture_denoiser import mixture_denoiser
from samplers.noise import draw_normals
from samplers.philox import REVERSE
from samplers.reverse import Reverse, coefficients
from samplers.schedules import cosine, from_betas, from_log_snr, linear, sigmoid
from tests.kolmogorov import LIMIT, distance


def gaussian_cdf(x, mean, variance):
    return ndtr((x - mean) / np.sqrt(variance))


# 1. The way back


class GaussianData:
    """x_0 ~ N(m, s2), for which E[x_0 | x_t] = offset + gain x_t."""

    def __init__(self, schedule, m=1.5, s2=0.25):
        signal, noise = schedule.signal, schedule.noise**2
        self.schedule, self.m, self.s2 = schedule, m, s2
        self.mean, self.variance = signal * m, signal**2 * s2 + noise  # of x_t
        self.gain = signal * s2 / self.variance
        self.offset = m - self.gain * self.mean
        self.left = s2 * noise / self.variance  # Var(x_0 | x_t)

    def back(self, mean, variance, spread=0.0):
        """Mean and variance of x_0 when a chain starts from those given at T.

        x_{t-1} = a E[x_0 | x_t] + b x_t + sqrt(v) xi. `spread` is the share of the
        variance of x_0 given x_t that is added, as a^2 Var(x_0 | x_t).
        """
        for t in range(self.schedule.steps, 0, -1):
            a, b, v = self.schedule.posterior(t)
            slope = a * self.gain[t] + b
            mean = a * self.offset[t] + slope * mean
            variance = slope**2 * variance + v + spread * a**2 * self.left[t]
        return mean, variance


def test_with_the_whole_posterior_five_steps_are_exact():
    """q(x_{t-1} | x_t) for Gaussian data is a Gaussian, and gives the data back (T48).

    Its mean is that of q(x_{t-1} | x_t, x_0) at x_0 = E[x_0 | x_t]; its variance is
    beta~, and what is not known of x_0, a^2 Var(x_0 | x_t).
    """
    data = GaussianData(sigmoid(5))
    end = data.back(data.mean[-1], data.variance[-1], spread=1.0)
    np.testing.assert_allclose(end, (data.m, data.s2), rtol=1e-12)


def lost(data):
    """The share of the variance that a chain with beta~ loses, step by step, (T,).

    A step loses a^2 Var(x_0 | x_t), of which later steps multiply the root by the slope
    of E[x_0 | x_{t-1}], so that at the end it is, with y = s2 SNR and y' of t - 1,

        [(y' - y) / (1 + y')]^2 / (1 + y)    in units of s2.
    """
    y = data.s2 * data.schedule.snr[1:]
    shares = ((y[:-1] - y[1:]) / (1 + y[:-1])) ** 2 / (1 + y[1:])
    return np.append(1 / (1 + y[0]), shares)  # at t = 1, y' is infinite


@pytest.mark.parametrize(
    "schedule",
    [linear(1000), cosine(100), sigmoid(5), from_betas([0.3, 0.999])],
    ids=["linear", "cosine", "sigmoid", "two steps"],
)
def test_what_a_chain_of_point_guesses_loses(schedule):
    """Ancestral sampling has beta~ only, and its variance comes out too small (T48).

    Exactly, for any schedule: the sum of what each step loses. The start from N(0, 1)
    instead of the law of x_T is felt at the end through the slope of E[x_0 | x_T].
    """
    data = GaussianData(schedule)
    mean, variance = data.back(data.mean[-1], data.variance[-1])
    assert mean == pytest.approx(data.m, rel=1e-11)
    assert 1 - variance / data.s2 == pytest.approx(np.sum(lost(data)), abs=1e-11)
    from_noise = data.back(0.0, 1.0)
    gain = data.gain[-1]
    felt = gain * data.mean[-1], gain**2 * (data.variance[-1] - 1)
    expected = mean - felt[0], variance - felt[1]
    np.testing.assert_allclose(from_noise, expected, rtol=0, atol=1e-12)


def test_the_error_falls_as_one_over_T():
    """T times the lost share tends to half the range of the log SNR (T48).

    With equal steps L / T of log y the sum of the last test is L / T times the integral
    of y^2 / (1 + y)^3 over log y, that is of y / (1 + y)^3 over y, one half. Nothing of
    the data is in it: here L = 28, and with 1000 steps 1.4 % of the variance are lost.
    """
    scaled = []
    for T in (100, 200, 400, 800):
        data = GaussianData(from_log_snr(lambda u: 14 - 28 * u, T))
        mean, variance = data.back(0.0, 1.0)
        assert mean == pytest.approx(data.m, abs=1e-6)
        scaled.append(T * (1 - variance / data.s2))
    half = 28 / 2
    assert scaled[-1] == pytest.approx(half, rel=0.02)
    away = half - np.array(scaled)
    np.testing.assert_allclose(away[:-1] / away[1:], 2, rtol=0.05)


def linear_denoiser(gain, offset):
    """The Denoiser of offset_t + gain_t x, in plain NumPy."""

    def denoise(x, t, out, gain, offset):
        out[:] = offset[t] + gain[t] * x

    return Denoiser(denoise, 1, params=(gain, offset))


def test_the_sampler_goes_this_way():
    """20,000 draws with the exact guess, T = 20: mean and variance as computed (T48).

    Kolmogorov and Smirnov's distance sees 0.04 in the distribution function, and so
    that the variance is 0.15, and not the 0.25 of the data.
    """
    data = GaussianData(sigmoid(20))
    sampler = Reverse(linear_denoiser(data.gain, data.offset), data.schedule)
    x = Chains(sampler, 20_000, rng=5, thin=20).run(1)[:, 0, 0]
    assert distance(gaussian_cdf(x, *data.back(0.0, 1.0))) < LIMIT
    assert distance(gaussian_cdf(x, data.m, data.s2)) > LIMIT


def marginal(data):
    """Mean and variance of x_0 in the joint law p(x_T) p(x_{T-1}|x_T) ... p(x_0|x_1).

    By linear algebra: x = shift + L x + root xi for (x_T, ..., x_0) at once, with the
    slopes below the diagonal of L, hence x = (I - L)^-1 (shift + root xi).
    """
    T = data.schedule.steps
    a, b, v = data.schedule.posterior(np.arange(T, 0, -1))
    gain, offset = data.gain[:0:-1], data.offset[:0:-1]
    slopes = np.diag(a * gain + b, -1)
    solved = np.linalg.inv(np.eye(T + 1) - slopes)[-1]
    return solved @ np.append(0, a * offset), solved**2 @ np.append(1, v)


def test_what_is_sampled_exactly_is_the_model():
    """With any guess, also a wrong one, the chain draws from p_theta itself (T48).

    A product of Gaussian conditionals has a law, whether the guess was any good or not;
    drawing x_T, x_{T-1}, ... in turn samples it without burn-in, bias or rejection.
    "Exact sampling" is that. The data's law is another one, and closer only as the
    guess and T are.
    """
    data = GaussianData(sigmoid(20))
    data.gain, data.offset = 0.8 * data.gain, 0.5 * data.offset + 0.1
    law = data.back(0.0, 1.0)
    np.testing.assert_allclose(law, marginal(data), rtol=1e-12)
    sampler = Reverse(linear_denoiser(data.gain, data.offset), data.schedule)
    x = Chains(sampler, 20_000, rng=6, thin=20).run(1)[:, 0, 0]
    assert distance(gaussian_cdf(x, *law)) < LIMIT
    assert distance(gaussian_cdf(x, data.m, data.s2)) > 20


# 2. Data of two kinds

WEIGHTS, MEANS, SDS = np.array([0.3, 0.7]), np.array([-1.5, 1.0]), np.array([0.3, 0.5])


def guess(x, schedule, t):
    """E[x_0 | x_t = x] : (n,) for the mixture, from the responsibilities r_k.

    Given k it is m_k + gain_k (x - sqrt(abar) m_k), as for Gaussian data.
    """
    signal, noise = schedule.signal[t], schedule.noise[t] ** 2
    away, variance = x[:, np.newaxis] - signal * MEANS, signal**2 * SDS**2 + noise
    r = WEIGHTS * np.exp(-(away**2) / (2 * variance)) / np.sqrt(variance)
    each = MEANS + signal * SDS**2 / variance * away
    return np.sum(r * each, axis=1) / np.sum(r, axis=1)


def mixture_cdf(x):
    """The distribution function of the mixture at x : (n,)."""
    return ndtr((x[:, np.newaxis] - MEANS) / SDS) @ WEIGHTS


def exact_denoiser(schedule):
    return mixture_denoiser(WEIGHTS, MEANS[:, np.newaxis], SDS, schedule)


def test_the_exact_guess_for_a_mixture():
    """The library's, against these lines, and against quadrature over x_0 (T48)."""
    schedule = sigmoid(20)
    x = np.linspace(-3, 3, 7)
    for t in (1, 10, 20):
        found = exact_denoiser(schedule).estimate_at(x[:, np.newaxis], t)[:, 0]
        np.testing.assert_allclose(found, guess(x, schedule, t), rtol=1e-10)
        x_0 = np.linspace(-5, 4, 4001)
        p = np.exp(-(((x_0[:, None] - MEANS) / SDS) ** 2) / 2) @ (WEIGHTS / SDS)
        away = x[:, None] - schedule.signal[t] * x_0
        q = p * np.exp(-(away**2) / (2 * schedule.noise[t] ** 2))
        np.testing.assert_allclose(q @ x_0 / q.sum(axis=1), found, rtol=1e-6)


def test_the_reverse_sampler_takes_these_steps():
    """Led by the same random numbers: a x0hat + b x_t + sqrt(beta~) xi (T48)."""
    schedule = sigmoid(20)
    chains = Chains(Reverse(exact_denoiser(schedule), schedule), 50, rng=7)
    address = {"chain": 0, "step": 0, "shape": (1, 20, 50)}
    [noise] = draw_normals(chains.key, REVERSE, **address)
    x = chains.state[:, 0]
    draws = chains.run(20)[..., 0]
    for k, t in enumerate(range(20, 0, -1)):
        a, b, v = schedule.posterior(t)
        x = a * guess(x, schedule, t) + b * x + np.sqrt(v) * noise[k]
        np.testing.assert_allclose(draws[:, k], x, rtol=0, atol=1e-11)


def test_the_data_come_back():
    """20,000 draws of a mixture of two Gaussians from noise, in 400 steps (T48).

    Kolmogorov and Smirnov's distance sees 0.04 in the distribution function; eight
    steps are too few, and it sees that.
    """
    for T, close in ((400, True), (8, False)):
        schedule = sigmoid(T)
        sampler = Reverse(exact_denoiser(schedule), schedule)
        x = Chains(sampler, 20_000, rng=7, thin=T).run(1)[:, 0, 0]
        assert (distance(mixture_cdf(x)) < LIMIT) == close


# 3. Other ways back


def kernel_back(schedule, t, s, eta):
    """(a, b, v) of a step from t to s < t: N(a x_0 + b x_t, v).

    v is eta^2 times that of the posterior, and what remains of 1 - abar_s is taken from
    the noise that is in x_t already, (x_t - sqrt(abar_t) x_0) / sqrt(1 - abar_t).
    """
    abar = schedule.abar
    v = eta**2 * (1 - abar[t] / abar[s]) * (1 - abar[s]) / (1 - abar[t])
    b = np.sqrt((1 - abar[s] - v) / (1 - abar[t]))
    return np.sqrt(abar[s]) - b * np.sqrt(abar[t]), b, v


PAIRS = [(20, 19), (20, 5), (12, 11), (12, 3), (1, 0)]
any_eta = pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])


def test_with_full_noise_it_is_the_ancestral_step():
    """eta = 1 has the coefficients of the posterior, also over many times (T54)."""
    schedule = sigmoid(20)
    for t, s in PAIRS:
        expected = schedule.posterior(t, s)
        found = kernel_back(schedule, t, s, eta=1.0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@any_eta
def test_every_eta_keeps_the_marginals(eta):
    """If x_t ~ q(x_t | x_0), then x_s ~ q(x_s | x_0), however much noise is new (T54).

    Means: a + b sqrt(abar_t) = sqrt(abar_s). Variances: b^2 (1 - abar_t) + v =
    1 - abar_s. So what was trained for one chain serves all of them.
    """
    schedule = sigmoid(20)
    for t, s in PAIRS:
        a, b, v = kernel_back(schedule, t, s, eta)
        assert a + b * schedule.signal[t] == pytest.approx(schedule.signal[s])
        variance = b**2 * schedule.noise[t] ** 2 + v
        assert variance == pytest.approx(schedule.noise[s] ** 2, abs=1e-15)
        found_a, found_b, c = coefficients(schedule, np.array([t, s]), eta)
        found = found_a[0], found_b[0], c[0] ** 2
        np.testing.assert_allclose(found, (a, b, v), rtol=0, atol=1e-13)


@any_eta
def test_the_sampler_keeps_them(eta):
    """A guess that knows x_0 = 0.7, from x_T ~ q(x_T | x_0), at every third time (T54).

    Kolmogorov and Smirnov's distance of 20,000 chains sees 0.04 in the distribution
    function at each time; for eta = 0 no new random number enters.
    """
    n, schedule, times = 20_000, sigmoid(20), [20, 17, 14, 11, 8, 5, 2, 0]

    def denoise(x, t, out):
        out[:] = 0.7

    noise = np.random.default_rng(8).normal(size=(n, 1))
    start = jump(np.full((n, 1), 0.7), 20, schedule, noise)
    sampler = Reverse(Denoiser(denoise, 1), schedule, eta=eta, times=times)
    paths = [Chains(sampler, state=start, rng=rng).run(7)[..., 0] for rng in (9, 10)]
    for k, s in enumerate(times[1:-1]):
        law = schedule.signal[s] * 0.7, schedule.noise[s] ** 2
        assert distance(gaussian_cdf(paths[0][:, k], *law)) < LIMIT
    np.testing.assert_allclose(paths[0][:, -1], 0.7, rtol=1e-14)
    assert np.array_equal(*paths) == (eta == 0)


def down(x, schedule):
    """The deterministic chain on the mixture, from x_T : (n,) to x_0."""
    for t in range(schedule.steps, 0, -1):
        a, b, _ = kernel_back(schedule, t, t - 1, eta=0.0)
        x = a * guess(x, schedule, t) + b * x
    return x


def test_without_noise_the_sampler_follows_a_map():
    """eta = 0: x_0 is a function of x_T, that of these lines (T54)."""
    schedule = sigmoid(50)
    start = np.linspace(-3, 3, 101)
    sampler = Reverse(exact_denoiser(schedule), schedule, eta=0.0)
    chains = Chains(sampler, state=start[:, np.newaxis], rng=11, thin=50)
    end = chains.run(1)[:, 0, 0]
    np.testing.assert_allclose(end, down(start, schedule), rtol=0, atol=1e-9)


def up(x, schedule):
    """The same map run back, from x_0 to x_T: each step is inverted by bisection."""
    for t in range(1, schedule.steps + 1):
        a, b, _ = kernel_back(schedule, t, t - 1, eta=0.0)
        low, high = np.full_like(x, -20), np.full_like(x, 20)
        for _ in range(60):
            middle = (low + high) / 2
            is_below = a * guess(middle, schedule, t) + b * middle < x
            low, high = (
                np.where(is_below, middle, low),
                np.where(is_below, high, middle),
            )
        x = (low + high) / 2
    return x


def test_the_map_can_be_run_back():
    """From x_T to x_0 and to x_T again (T54).

    Each step rises with x_t: b > 0, and E[x_0 | x_t] has the slope sqrt(abar_t)
    Var(x_0 | x_t) / (1 - abar_t), never negative. So every x_0 has one x_T, a code of
    it. In more dimensions the slopes are a matrix, positive definite likewise.
    """
    schedule = sigmoid(50)
    start = np.linspace(-3, 3, 101)
    end = down(start, schedule)
    assert np.all(np.diff(end) > 0)
    np.testing.assert_allclose(up(end, schedule), start, rtol=0, atol=1e-8)


def test_on_a_line_the_map_matches_the_quantiles():
    """Many steps: x_0 has below it as much of the data as x_T has of the noise (T54).

    A rising map that takes one law to another has no choice. The error falls as 1 / T.
    """
    x = np.linspace(-3, 3, 101)
    errors = []
    for T in (100, 200, 400):
        end = down(x, from_log_snr(lambda u: 14 - 28 * u, T))
        errors.append(np.max(np.abs(mixture_cdf(end) - ndtr(x))))
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2, rtol=0.1)
    assert errors[-1] < 0.01
