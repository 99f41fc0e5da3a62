"""Four things to guess of noisy data, and that they are one.

    x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps,        SNR_t = abar_t / (1 - abar_t),
    score = grad log q(x_t | x_0) = -eps / sqrt(1 - abar_t),
    v = sqrt(abar_t) eps - sqrt(1 - abar_t) x_0.

Who knows x_t and one of x_0, eps, score and v knows all of them. So a network may guess
any; what changes is how errors count. The best guess of each is a mean given x_t, and
follows from the slope of log q(x_t). To be read after test_reverse_diffusion.py, from
top to bottom; every statement is an assertion. Numbers like T46 are those of the list
in README.md.

Sources: J. Ho, A. Jain and P. Abbeel (2020); T. Salimans and J. Ho (2022); D. P. Kingma
et al. (2021); B. Efron (2011), for Tweedie's formula.
"""

import numpy as np
import pytest

from autodiff import grad, hessian, logsumexp
from models import kl_gaussian
from models.diffusion_forms import FORMS, convert, to_x0
from samplers.mixture_denoiser import mixture_denoiser
from samplers.schedules import sigmoid
from tests.lecture.gaussian_chains import any_schedule
from tests.lecture.latents import gauss_hermite, log_gaussian

# 1. One term of the bound


def forms_of(x_0, x, abar):
    """What x_0 makes of x_t in each form, by the three definitions above."""
    eps = (x - np.sqrt(abar) * x_0) / np.sqrt(1 - abar)
    v = np.sqrt(abar) * eps - np.sqrt(1 - abar) * x_0
    return {"x0": x_0, "noise": eps, "score": -eps / np.sqrt(1 - abar), "v": v}


def some_guess(schedule, t, seed=0):
    """x_0, a guess of it and x_t, (20, 3) each."""
    x_0, other, eps = np.random.default_rng(seed).normal(size=(3, 20, 3))
    x = schedule.signal[t] * x_0 + schedule.noise[t] * eps
    return x_0, x_0 + 0.3 * other, x


def squares(x):
    return np.sum(x**2, axis=-1)


def times_of(schedule):
    """t = 2, ..., T, or some of them."""
    return np.unique(np.linspace(2, schedule.steps, 20).astype(int))


@any_schedule
def test_a_denoising_term_is_a_weighted_squared_error(schedule):
    """KL(q(x_{t-1}|x_t, x_0) || p) = (SNR_{t-1} - SNR_t) |x_0 - x0hat|^2 / 2 (T46).

    Both are N(a x_0 + b x_t, v I), one with the guess for x_0: the KL is a^2 / (2 v)
    times |x_0 - x0hat|^2, and a^2 / v is what the step takes of the SNR.
    """
    for t in times_of(schedule):
        x_0, guess, x = some_guess(schedule, t)
        a, b, v = schedule.posterior(t)
        log_v = np.log(v)
        divergence = kl_gaussian(a * x_0 + b * x, log_v, a * guess + b * x, log_v)
        weight = (schedule.snr[t - 1] - schedule.snr[t]) / 2
        np.testing.assert_allclose(divergence, weight * squares(x_0 - guess), rtol=1e-9)


@any_schedule
def test_it_is_one_in_all_four_forms(schedule):
    """The same number from errors of x_0, of the noise, of the score and of v (T46).

    x_0 - x0hat = -(eps - epshat) / sqrt(SNR_t) = (1 - abar_t)(s - shat)
                  / sqrt(abar_t) = -sqrt(1 - abar_t) (v - vhat).
    """
    for t in times_of(schedule):
        x_0, guess, x = some_guess(schedule, t)
        abar, snr, before = schedule.abar[t], schedule.snr[t], schedule.snr[t - 1]
        true, guessed = (forms_of(each, x, abar) for each in (x_0, guess))
        error = {form: squares(true[form] - guessed[form]) for form in FORMS}
        term = (before - snr) / 2 * error["x0"]
        ratio = before / snr - 1
        np.testing.assert_allclose(ratio / 2 * error["noise"], term, rtol=1e-8)
        by_score = ratio / 2 * (1 - abar) * error["score"]
        np.testing.assert_allclose(by_score, term, rtol=1e-8)
        by_v = (before - snr) / 2 * (1 - abar) * error["v"]
        np.testing.assert_allclose(by_v, term, rtol=1e-8)


@any_schedule
def test_the_step_back_is_one_in_all_four_forms(schedule):
    """a x0hat + b x_t, in the letters of each form (T46).

    In that of v nothing is divided by what may be small, neither alpha_t nor abar_t.
    """
    for t in times_of(schedule):
        _, guess, x = some_guess(schedule, t)
        a, b, _ = schedule.posterior(t)
        alpha, beta, abar = schedule.alpha[t], schedule.beta[t], schedule.abar[t]
        said = forms_of(guess, x, abar)
        steps = {
            "x0": a * said["x0"] + b * x,
            "noise": (x - beta / np.sqrt(1 - abar) * said["noise"]) / np.sqrt(alpha),
            "score": (x + beta * said["score"]) / np.sqrt(alpha),
            "v": np.sqrt(alpha) * x
            - schedule.signal[t - 1] * beta / schedule.noise[t] * said["v"],
        }
        for form in FORMS:
            np.testing.assert_allclose(steps[form], steps["x0"], rtol=0, atol=1e-9)


@any_schedule
def test_the_library_goes_from_each_to_each(schedule):
    """Sixteen ways, as x0hat = (x_t - sqrt(1 - abar_t) epshat) / sqrt(abar_t) (T46)."""
    for t in times_of(schedule):
        _, guess, x = some_guess(schedule, t)
        said = forms_of(guess, x, schedule.abar[t])
        log_snr = np.full(len(x), schedule.log_snr[t])
        scale = max(1, schedule.snr[t] ** 0.5, schedule.snr[t] ** -0.5)
        for source in FORMS:
            x_0 = to_x0(said[source], source, x, log_snr)
            np.testing.assert_allclose(x_0, guess, rtol=0, atol=1e-11 * scale)
            for target in FORMS:
                found = convert(said[source], source, target, x, log_snr)
                bound = 1e-11 * scale**2
                np.testing.assert_allclose(found, said[target], rtol=0, atol=bound)


def test_what_is_small_in_one_form_is_large_in_another():
    """An error of one in the noise is one of sqrt(1 / SNR) in x_0, and back (T46).

    So a guess of the noise says next to nothing of x_0 where there is mostly noise, as
    a guess of x_0 of the noise where there is little. For v it is at most one.
    """
    log_snr = np.array([-9.0, 0.0, 9.0])
    x, error = np.zeros((3, 1)), np.ones((3, 1))
    from_noise = np.abs(to_x0(error, "noise", x, log_snr))[:, 0]
    np.testing.assert_allclose(from_noise, np.exp(-log_snr / 2), rtol=1e-13)
    from_v = np.abs(to_x0(error, "v", x, log_snr))[:, 0]
    np.testing.assert_allclose(from_v, 1 / np.sqrt(1 + np.exp(log_snr)), rtol=1e-13)


# 2. The best guess


def some_mixture(seed):
    """w : (3,), m : (3, 2), S : (3, 2, 2) of a mixture of Gaussians in the plane."""
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(3, 2, 2))
    S = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(2)
    return rng.dirichlet(np.ones(3)), 2 * rng.normal(size=(3, 2)), S


def marginal(mixture, abar):
    """The mixture of x_t: means sqrt(abar) m, covariances abar S + (1 - abar) I."""
    w, m, S = mixture
    return w, np.sqrt(abar) * m, abar * S + (1 - abar) * np.eye(2)


def log_density(x, mixture):
    """log q(x) of one x : (2,), which can be differentiated."""
    terms = [
        np.log(w) + log_gaussian(x, m, S) for w, m, S in zip(*mixture, strict=True)
    ]
    return logsumexp(np.stack(terms))


def posterior_mean(x, mixture, abar):
    """E[x_0 | x_t = x] and Cov[x_0 | x_t = x], by components, nothing of the score."""
    seen = marginal(mixture, abar)
    logs = [np.log(w) + log_gaussian(x, m, C) for w, m, C in zip(*seen, strict=True)]
    r = np.exp(np.array(logs) - log_density(x, seen))
    means, spreads = [], []
    for m, S, at, C in zip(*mixture[1:], *seen[1:], strict=True):
        gain = np.sqrt(abar) * S @ np.linalg.inv(C)
        means.append(m + gain @ (x - at))
        spreads.append(S - gain @ S * np.sqrt(abar))
    means = np.array(means)
    mean = r @ means
    away = means - mean
    return mean, np.einsum("k,kij->ij", r, spreads) + (r * away.T) @ away


CASES = [(seed, abar) for seed in range(5) for abar in (0.99, 0.6, 0.02)]
any_case = pytest.mark.parametrize(("seed", "abar"), CASES)


@any_case
def test_the_posterior_mean_follows_from_the_score(seed, abar):
    """E[x_0 | x_t] = (x_t + (1 - abar_t) grad log q(x_t)) / sqrt(abar_t) (T47).

    Left by Bayes' rule for each component, right by the derivative of a logarithm.
    """
    mixture = some_mixture(seed)
    for x in 2 * np.random.default_rng(seed).normal(size=(5, 2)):
        score = grad(log_density)(x, marginal(mixture, abar))
        by_score = (x + (1 - abar) * score) / np.sqrt(abar)
        mean, _ = posterior_mean(x, mixture, abar)
        np.testing.assert_allclose(by_score, mean, rtol=1e-9, atol=1e-11)


@any_case
def test_its_spread_follows_from_the_curvature(seed, abar):
    """Cov[x_0 | x_t] = (1 - abar)/abar (I + (1 - abar) Hess log q(x_t)) (T47)."""
    mixture = some_mixture(seed)
    for x in 2 * np.random.default_rng(seed).normal(size=(3, 2)):
        curvature = hessian(log_density)(x, marginal(mixture, abar))
        by_score = (1 - abar) / abar * (np.eye(2) + (1 - abar) * curvature)
        _, spread = posterior_mean(x, mixture, abar)
        np.testing.assert_allclose(by_score, spread, rtol=0, atol=1e-9 / abar)


def test_the_librarys_denoiser_is_that_mean():
    """For a mixture of round Gaussians, at three times (T47)."""
    w, m, _ = some_mixture(0)
    sds, schedule = np.array([0.3, 0.5, 1.0]), sigmoid(20)
    mixture = w, m, sds[:, None, None] ** 2 * np.eye(2)
    denoiser = mixture_denoiser(w, m, sds, schedule)
    points = np.random.default_rng(1).normal(size=(5, 2))
    for t in (1, 10, 20):
        abar, found = schedule.abar[t], denoiser.estimate_at(points, t)
        for x, x0hat in zip(points, found, strict=True):
            score = grad(log_density)(x, marginal(mixture, abar))
            by_score = (x + (1 - abar) * score) / np.sqrt(abar)
            atol = 1e-12 / np.sqrt(abar)
            np.testing.assert_allclose(by_score, x0hat, rtol=1e-9, atol=atol)


def drawn_in_the_plane(mixture, abar, nodes=9):
    """Nodes of x_0 and eps and their weights: (n, 2), (n, 2), (n,)."""
    e, p = gauss_hermite(nodes, dimensions=2)
    first, second = (index.ravel() for index in np.indices((len(p), len(p))))
    x_0, weights = [], []
    for w, m, S in zip(*mixture, strict=True):
        x_0.append(m + e[first] @ np.linalg.cholesky(S).T)
        weights.append(w * p[first] * p[second])
    return np.concatenate(x_0), np.tile(e[second], (3, 1)), np.concatenate(weights)


def test_the_best_noise_prediction_is_the_score_rescaled():
    """eps* = -sqrt(1 - abar_t) grad log q(x_t) has the least E|eps - epshat|^2 (T47).

    What another prediction loses is its own distance, E|epshat - eps*|^2, since the
    error of a conditional mean is orthogonal to every function of x_t. By a rule of
    9^4 nodes, for one Gaussian, where eps* is linear, and predictions that are cubic.
    """
    abar = 0.4
    _, m, S = some_mixture(2)
    mixture = np.ones(3) / 3, m[[0, 0, 0]], S[[0, 0, 0]]
    x_0, eps, weights = drawn_in_the_plane(mixture, abar)
    x = np.sqrt(abar) * x_0 + np.sqrt(1 - abar) * eps
    C = abar * S[0] + (1 - abar) * np.eye(2)
    score = -(x - np.sqrt(abar) * m[0]) @ np.linalg.inv(C)
    best = -np.sqrt(1 - abar) * score
    least = weights @ squares(eps - best)
    for away in (0.1 * x, x**3 - 1, x[:, ::-1] * x):
        found = weights @ squares(eps - best - away)
        assert found - least == pytest.approx(weights @ squares(away), rel=1e-9)
    unexplained = np.trace(np.eye(2) - (1 - abar) * np.linalg.inv(C))
    assert least == pytest.approx(unexplained, rel=1e-10)


def test_in_all_forms_the_best_guess_is_one():
    """The mean given x_t of x_0, eps, score and v: convert one and have all (T47).

    The score of q(x_t) is the mean of the scores of q(x_t | x_0) over x_0 given x_t:
    this is why a network may learn it from pairs (x_0, x_t).
    """
    mixture, abar = some_mixture(3), 0.3
    x = np.random.default_rng(4).normal(size=(4, 2))
    mean = np.array([posterior_mean(each, mixture, abar)[0] for each in x])
    log_snr = np.full(4, np.log(abar / (1 - abar)))
    score = convert(mean, "x0", "score", x, log_snr)
    expected = [grad(log_density)(each, marginal(mixture, abar)) for each in x]
    np.testing.assert_allclose(score, expected, rtol=1e-10)
    noise = convert(mean, "x0", "noise", x, log_snr)
    np.testing.assert_allclose(noise, -np.sqrt(1 - abar) * score, rtol=1e-12)
