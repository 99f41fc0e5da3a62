"""The bound of a diffusion model, line by line.

    log p(x_0) >= E[log p(x_0:T) - log q(x_1:T | x_0)],   E over q(x_1:T | x_0),

in one piece, in steps forth beside steps back, and in steps back alone. The lines of
the derivation are those that the docstring of models/diffusion_bounds.py numbers. They
are held to Gaussian chains in the plane whose steps back are any Gaussians: log p(x_0)
is known by a recursion of moments, and what is left over by a divergence. Line 5 is the
subject of test_consistency_term.py, lines 12 and 13 of test_diffusion_limits.py. To be
read after test_evidence_bound.py and test_diffusion_chains.py, from top to bottom;
every statement is an assertion. Numbers like T42 are those of the list in README.md.

Sources: J. Sohl-Dickstein et al. (2015); D. P. Kingma et al. (2021); C. Luo,
arXiv:2208.11970.
"""

import numpy as np
import pytest

from models import kl_gaussian_full
from models.diffusion_bounds import all_terms, denoising_terms
from models.diffusion_chain_bounds import (
    consistency_form,
    forward_chain,
    joint_form,
)
from models.log_snr import LinearLogSNR
from samplers.chains import Chains
from samplers.forward import Forward
from samplers.schedules import from_betas
from tests.lecture.gaussian_chains import (
    GaussianChain,
    LinearGuess,
    betas,
    guessing_chain,
    normals_guess,
    some_chain,
)
from tests.lecture.latents import gauss_hermite, log_gaussian

SEEDS = range(10)
every_chain = pytest.mark.parametrize("seed", SEEDS)


def close(expected):
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


def mean(factors, chain):
    """The sum of the means of factors over q(x_1:T | x_0)."""
    law = chain.law()
    return sum(factor.mean(*law) for factor in factors)


def bound_of(chain):
    """Line 3: E log p(x_0:T) - E log q(x_1:T | x_0)."""
    return mean(chain.log_joint(), chain) - mean(chain.log_q(), chain)


def total(factors, z):
    return sum(factor(z) for factor in factors)


# 1. Three lines to the bound


@every_chain
def test_line_1_what_is_not_observed_is_integrated_over(seed):
    """log p(x_0) = log int p(x_0:T) dx_1:T (T42).

    Left by a recursion, mean and covariance of x_t going down from those of x_T; right
    one integral over all of x_1:T, as many dimensions as there are.
    """
    chain = some_chain(seed)
    assert chain.integral()[0] == close(log_gaussian(chain.x_0, *chain.moments()))


@every_chain
def test_line_2_a_factor_that_is_one(seed):
    """= log E[p(x_0:T) / q(x_1:T | x_0)] (T42).

    The mean over q by a rule of 40 nodes in each of two steps on a line, exact here to
    four digits, and log p(x_0) by the recursion.
    """
    chain = some_chain(seed, T=2, d=1)
    e, weights = gauss_hermite(40, dimensions=2)
    m, S = chain.law()
    z = m + e @ np.linalg.cholesky(S).T
    ratio = np.exp(total(chain.log_joint(), z) - total(chain.log_q(), z))
    expected = log_gaussian(chain.x_0, *chain.moments())
    assert np.log(weights @ ratio) == pytest.approx(expected, abs=1e-4)


@every_chain
def test_line_3_the_logarithm_of_a_mean_is_above_the_mean_of_logarithms(seed):
    """>= E log p(x_0:T) / q(x_1:T | x_0), by KL(q(x_1:T|x_0) || p(x_1:T|x_0)) (T42)."""
    chain = some_chain(seed)
    evidence, mode, covariance = chain.integral()
    gap = kl_gaussian_full(*chain.law(), mode, covariance)
    assert gap > 0.1
    assert evidence - bound_of(chain) == close(gap)


def reversed_chain(schedule, x_0):
    """The chain of data N(0, I) backwards: N(sqrt(alpha_t) x_t, beta_t I)."""
    unit = np.eye(len(x_0))
    A = np.sqrt(schedule.alpha)[:, None, None] * unit
    V = schedule.beta[:, None, None] * unit
    return GaussianChain(schedule, x_0, A, np.zeros((len(A), len(x_0))), V)


@every_chain
def test_the_gap_is_zero_if_the_model_undoes_the_noise(seed):
    """For x_0 ~ N(0, I) the way back is a step of the same kind as the way forth (T42).

    With these steps p(x_1:T | x_0) is q(x_1:T | x_0) for every x_0. And then log p / q
    is log p(x_0) at every single point, with no mean taken.
    """
    other = some_chain(seed)
    chain = reversed_chain(other.schedule, other.x_0)
    evidence = log_gaussian(chain.x_0, np.zeros(2), np.eye(2))
    assert bound_of(chain) == close(evidence)
    z = chain.draw(20)
    ratio = total(chain.log_joint(), z) - total(chain.log_q(), z)
    np.testing.assert_allclose(ratio, evidence, rtol=1e-10)


@every_chain
def test_it_is_no_equation(seed):
    """The three terms do not sum to log p(x_0), but to less (E11).

    As printed, log p(x) = reconstruction + ..., they would: here that misses by a tenth
    of a nat and more. With the sign >= it holds.
    """
    chain = some_chain(seed)
    terms = mean([chain.back(1)], chain)
    terms += mean([chain.top()], chain) - mean([chain.forth(chain.T)], chain)
    for t in range(1, chain.T):
        terms += mean([chain.back(t + 1)], chain) - mean([chain.forth(t)], chain)
    evidence = log_gaussian(chain.x_0, *chain.moments())
    assert terms == close(bound_of(chain))
    assert terms < evidence - 0.1


# 2. Forth and back


@every_chain
def test_line_4_each_step_back_beside_the_step_forth_to_the_same_place(seed):
    """log p(x_0|x_1) + log p(x_T)/q(x_T|x_{T-1}) + consistency terms (T43).

    These are log p(x_t|x_{t+1}) / q(x_t|x_{t-1}) for t = 1, ..., T - 1, and have every
    factor that the two others leave, so that all three make up log p(x_0:T) /
    q(x_1:T | x_0) at every point.
    """
    chain = some_chain(seed)
    z, T = chain.draw(20), chain.T
    reconstruction = chain.back(1)(z)
    prior = chain.top()(z) - chain.forth(T)(z)
    pairs = [(chain.back(t + 1), chain.forth(t)) for t in range(1, T)]
    consistency = sum(back(z) - forth(z) for back, forth in pairs)
    joint = total(chain.log_joint(), z) - total(chain.log_q(), z)
    np.testing.assert_allclose(reconstruction + prior + consistency, joint, rtol=1e-10)


# 3. Back alone


@every_chain
def test_line_6_a_step_forth_by_bayes_rule(seed):
    """q(x_t|x_{t-1}) = q(x_{t-1}|x_t, x_0) q(x_t|x_0) / q(x_{t-1}|x_0) (T43)."""
    chain = some_chain(seed)
    z = chain.draw(20)
    for t in range(2, chain.T + 1):
        turned = chain.posterior(t)(z) + chain.marginal(t)(z) - chain.marginal(t - 1)(z)
        np.testing.assert_allclose(turned, chain.forth(t)(z), rtol=1e-9, atol=1e-10)


@every_chain
def test_line_7_the_marginals_cancel(seed):
    """q(x_1:T|x_0) = q(x_T|x_0) times all q(x_{t-1}|x_t, x_0) (T43)."""
    chain = some_chain(seed)
    z = chain.draw(20)
    turned = chain.marginal(chain.T)(z)
    turned = turned + sum(chain.posterior(t)(z) for t in range(2, chain.T + 1))
    np.testing.assert_allclose(turned, total(chain.log_q(), z), rtol=1e-9, atol=1e-10)


@every_chain
def test_line_8_each_step_back_beside_the_posterior(seed):
    """The bound is a sum of means of log p(x_{t-1}|x_t) / q(x_{t-1}|x_t, x_0) (T43)."""
    chain = some_chain(seed)
    T = chain.T
    found = mean([chain.back(t) for t in range(1, T + 1)], chain)
    found -= mean([chain.posterior(t) for t in range(2, T + 1)], chain)
    found += mean([chain.top()], chain) - mean([chain.marginal(T)], chain)
    assert found == close(bound_of(chain))


def denoising_divergence(chain, t):
    """E KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) over q(x_t | x_0)."""
    a, b, v = chain.schedule.posterior(t)
    signal, noise = chain.schedule.signal[t], chain.schedule.noise[t]
    e, weights = gauss_hermite(3, dimensions=2)
    each = []
    for x in signal * chain.x_0 + noise * e:
        q = a * chain.x_0 + b * x, v * np.eye(2)
        each.append(kl_gaussian_full(*q, chain.A[t] @ x + chain.b[t], chain.V[t]))
    return weights @ each


@every_chain
def test_line_9_the_means_are_divergences(seed):
    """E log p(x_0|x_1) - KL(q(x_T|x_0) || p(x_T)) - sum_t E KL(q || p) (T43).

    The mean over x_{t-1} given x_t is done in closed form; over x_t three nodes each
    way are exact.
    """
    chain = some_chain(seed)
    T, schedule = chain.T, chain.schedule
    q_T = schedule.signal[T] * chain.x_0, schedule.noise[T] ** 2 * np.eye(2)
    found = mean([chain.back(1)], chain)
    found -= kl_gaussian_full(*q_T, np.zeros(2), np.eye(2))
    found -= sum(denoising_divergence(chain, t) for t in range(2, T + 1))
    assert found == close(bound_of(chain))


def some_guess(seed, T=3):
    """A line of log SNR, and a linear guess that is not the best."""
    gain, offset = np.random.default_rng(seed).normal(size=2)

    def gain_at(log_snr):
        return (1 + 0.3 * gain * np.exp(-(log_snr**2))) / np.sqrt(1 + np.exp(-log_snr))

    return LinearGuess(
        LinearLogSNR(3.0, -2.0),
        gain_at,
        lambda log_snr: 0.2 * offset * np.tanh(log_snr),
    )


def written_out(model, x_0, T):
    """The GaussianChain of a LinearGuess."""
    schedule = model.log_snr.schedule(T)
    at = schedule.log_snr[1:]
    gain, offset = np.append(0, model.gain(at)), np.append(0, model.offset(at))
    return guessing_chain(schedule, x_0, gain, offset)


@every_chain
def test_line_10_the_posterior_in_letters_of_the_signal_to_noise_ratio(seed):
    """alpha_{t-1} (c x_0 + (1 - c) x_t / alpha_t), c = 1 - SNR_t / SNR_{t-1} (T43)."""
    schedule = some_chain(seed).schedule
    for t in range(2, schedule.steps + 1):
        c = 1 - schedule.snr[t] / schedule.snr[t - 1]
        before, after = schedule.signal[t - 1], schedule.signal[t]
        expected = before * c, before * (1 - c) / after, schedule.noise[t - 1] ** 2 * c
        np.testing.assert_allclose(schedule.posterior(t), expected, rtol=1e-12)


@every_chain
def test_line_11_a_denoising_term_is_a_squared_error(seed):
    """(SNR_{t-1} - SNR_t) / 2 E |x_0 - x0hat|^2, also in the library (T43)."""
    model, x_0, T = some_guess(seed), np.array([0.7, -0.4]), 3
    chain = written_out(model, x_0, T)
    e, weights = gauss_hermite(3, dimensions=2)
    for t in range(2, T + 1):
        times = np.full(len(e), t)
        terms = denoising_terms(model, np.tile(x_0, (len(e), 1)), times, e, T)
        assert weights @ terms == close(denoising_divergence(chain, t))


# 4. One number


@every_chain
def test_the_three_forms_of_the_library_are_one_number(seed):
    """Their means over the noise, in one piece, by lines 4 and 9, to ten digits (T43).

    Four steps on a line, three nodes of noise for each: 81 chains, exact for squares.
    All equal what is written out by matrices, and are below log p(x_0) by the gap.
    """
    model, T = some_guess(seed), 4
    x_0 = np.random.default_rng(seed).normal(size=1)
    e, weights = gauss_hermite(3, dimensions=T)
    x0, noise = np.tile(x_0, (len(e), 1)), e.T[:, :, np.newaxis]
    trajectory = forward_chain(model, x0, noise)
    joint = weights @ joint_form(model, trajectory)
    consistency = weights @ consistency_form(model, trajectory).bound
    denoising = weights @ all_terms(model, x0, noise, T).bound
    chain = written_out(model, x_0, T)
    expected = bound_of(chain)
    assert joint == close(expected)
    assert consistency == close(expected)
    assert denoising == close(expected)
    evidence, mode, covariance = chain.integral()
    gap = kl_gaussian_full(*chain.law(), mode, covariance)
    assert evidence - expected == close(gap)


def in_one_piece(schedule):
    """E log p(x_0:T) / q(x_1:T | x_0) for data N(0, 1) and x0hat = sqrt(abar_t) x_t.

    All variances are one, neighbors have the covariance sqrt(alpha_t), and a step back
    from t has the mean g x_t and the variance v.
    """
    alpha, beta, abar = (
        each[2:] for each in (schedule.alpha, schedule.beta, schedule.abar)
    )
    a, b, v = schedule.posterior(np.arange(2, schedule.steps + 1))
    g = a * np.sqrt(abar) + b
    back = -0.5 * (np.log(2 * np.pi * v) + (1 + g**2 - 2 * g * np.sqrt(alpha)) / v)
    forth = -0.5 * np.log(2 * np.pi * np.e * np.append(schedule.beta[1], beta))
    return start(schedule) - 0.5 * (np.log(2 * np.pi) + 1) + back.sum() - forth.sum()


def start(schedule):
    """E log p(x_0 | x_1), where x_0 - x_1 / sqrt(abar_1) is noise of the variance."""
    return -0.5 * (np.log(2 * np.pi / schedule.snr[1]) + 1)


def in_steps_back(schedule):
    """The same by lines 9 and 11: E |x_0 - x0hat|^2 is 1 - abar_t."""
    prior = -0.5 * np.log1p(-schedule.abar[-1])
    fall = schedule.snr[1:-1] - schedule.snr[2:]
    steps = 0.5 * fall * (1 - schedule.abar[2:])
    return start(schedule) - prior - steps.sum()


@pytest.mark.parametrize(("T", "bound"), [(50, -3.640), (1000, -1.884)])
def test_the_bound_of_standard_normal_data(T, bound):
    """-3.640 nats in 50 steps, -1.884 in 1000, where log p is -1.419 in the mean (T43).

    By two of the forms; in each of T steps the best guess of x_0 is used. What is lost
    is lost to steps that are not small where little noise is left.
    """
    schedule = betas(T)
    assert in_one_piece(schedule) == pytest.approx(bound, abs=5e-4)
    assert in_steps_back(schedule) == pytest.approx(in_one_piece(schedule), abs=1e-8)


@pytest.mark.parametrize("T", [50, 1000])
def test_the_estimates_have_that_mean(T):
    """2,000 chains of the library in each of the three forms, x_0 ~ N(0, 1) (T43).

    Within 5.03 errors of the exact bound: sees 1.3 nats at T = 50 and 0.8 at 1000. The
    first two forms are one number along each chain.
    """
    n, schedule = 2000, betas(T)
    rng = np.random.default_rng(T)
    x0, noise = rng.normal(size=(n, 1)), rng.normal(size=(T, n, 1))
    model = normals_guess(schedule)
    chain = forward_chain(model, x0, noise)
    forms = (
        joint_form(model, chain),
        consistency_form(model, chain).bound,
        all_terms(model, x0, noise, T).bound,
    )
    np.testing.assert_allclose(forms[0], forms[1], rtol=0, atol=1e-6)
    for estimates in forms:
        error = estimates.std() / np.sqrt(n)
        assert 2 * 5.03 * error < (1.3 if T == 50 else 0.8)
        assert abs(estimates.mean() - in_one_piece(schedule)) < 5.03 * error


def evidence_of_the_model(schedule):
    """E log p_theta(x_0) for data N(0, 1): x_0 ~ N(0, s2) in the model."""
    guess = np.append(0, schedule.signal[1:])
    chain = guessing_chain(schedule, np.zeros(1), guess, 0 * guess)
    s2 = chain.moments()[1][0, 0]
    return -0.5 * (np.log(2 * np.pi * s2) + 1 / s2)


@pytest.mark.parametrize("T", [2, 5, 50, 400])
def test_bound_model_and_data(T):
    """Bound < E log p_theta(x_0) < E log p(x_0) = -1.419, each by what is known (T42).

    What the first gap measures is how far paths are from those of the model, given x_0,
    and the second how far the model's x_0 are from the data.
    """
    schedule = betas(T) if T > 20 else from_betas(np.full(T, 0.8), allow=np.inf)
    bound, model = in_steps_back(schedule), evidence_of_the_model(schedule)
    data = -0.5 * (np.log(2 * np.pi) + 1)
    assert data == pytest.approx(-1.419, abs=1e-3)
    assert bound < model - 1e-3
    assert model < data - 1e-4


# 5. Whose mean it is


@pytest.mark.parametrize("alpha", [0.9, 0.5])
def test_the_mean_of_a_step_belongs_to_the_state_before(alpha):
    """q(x_t | x_{t-1}) has the mean sqrt(alpha_t) x_{t-1}, a function of x_{t-1} (E9).

    Two chains of the library with the same noise, which begin one apart, are that far
    apart after a step. As printed, mu_t(x_t), the mean is a function of x_t itself, and
    x_t = sqrt(alpha_t) x_t + noise is noise / (1 - sqrt(alpha_t)): it knows nothing of
    x_{t-1}, and its variance is (1 + sqrt(alpha_t)) / (1 - sqrt(alpha_t)), not one.
    """
    forward = Forward(from_betas([1 - alpha, 0.999]), 1)
    start = np.linspace(-1, 1, 5)[:, np.newaxis]
    one, other = (
        Chains(forward, state=start + by, rng=0).run(1)[:, 0] for by in (0.0, 1.0)
    )
    np.testing.assert_allclose(other - one, np.sqrt(alpha), rtol=1e-12)
    noise = one - np.sqrt(alpha) * start
    printed = noise / (1 - np.sqrt(alpha))
    np.testing.assert_allclose(printed, np.sqrt(alpha) * printed + noise, rtol=1e-12)
    variance = (1 - alpha) / (1 - np.sqrt(alpha)) ** 2
    assert variance == pytest.approx((1 + np.sqrt(alpha)) / (1 - np.sqrt(alpha)))
    assert variance > 5
