"""The reverse chain: its exact coefficients, its laws, its times, what it refuses."""

import numpy as np
import pytest
from scipy.stats import norm

from samplers import philox, reverse
from samplers.chains import Chains
from samplers.denoiser import Denoiser
from samplers.errors import DivergenceError
from samplers.mixture_denoiser import denoise, mixture_denoiser
from samplers.reverse import Reverse
from samplers.schedules import cosine, linear
from tests.data.agreement import chi_square
from tests.kolmogorov import LIMIT, distance
from tests.samplers import diffusion_checks
from tests.samplers.diffusion_checks import (
    KEY,
    MIXTURE,
    advanced,
    guess,
    normals,
    shrink,
)
from tests.samplers.schedule_checks import LONG, SHORT, close, gone

EXACT = [
    diffusion_checks.check_reverse_moments,
    diffusion_checks.check_ancestral,
    diffusion_checks.check_reverse_addresses,
    diffusion_checks.check_reverse_company,
]
LINEAR = linear(1000)


@pytest.mark.exact
@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.__name__)
def test_exactly(check):
    check(reverse)


@pytest.mark.parametrize("name", LONG)
def test_ancestral_steps_of_long_schedules(name):
    diffusion_checks.check_ancestral(reverse, {name: LONG[name]})


def called(x, t, out, *params):
    """The denoiser of a mixture, called from Python."""
    denoise(x, t, out, *params)


@pytest.mark.exact
def test_a_compiled_denoiser_does_what_a_python_one_does():
    schedule = SHORT["cosine"]
    compiled = mixture_denoiser(*MIXTURE, schedule)
    python = Denoiser(called, 2, compiled.params)
    state = np.random.default_rng(1).normal(size=(5, 2))
    for n in (7, 25):
        found, expected = (
            advanced(Reverse(denoiser, schedule), state, n)[1]
            for denoiser in (compiled, python)
        )
        assert np.array_equal(found, expected)


@pytest.mark.exact
def test_without_noise_the_noise_that_was_is_kept():
    """eta = 0: xi in x_t = sqrt(abar_t) x0hat + sqrt(1 - abar_t) xi is that in x_s."""
    schedule, values = SHORT["linear"], np.full(21, 1.7)
    sampler = Reverse(Denoiser(guess, 1, (values,)), schedule, 0)
    x = np.array([[-2.0], [0.3], [5.0]])
    _, draws = advanced(sampler, x, 19)
    t = np.arange(19, 0, -1)
    implied = (draws[..., 0] - schedule.signal[t] * 1.7) / np.sqrt(gone(schedule)[t])
    expected = (x - schedule.signal[20] * 1.7) / np.sqrt(gone(schedule)[20])
    np.testing.assert_allclose(implied, np.tile(expected, 19), rtol=1e-12)


@pytest.mark.exact
def test_without_noise_steps_can_be_undone():
    """eta = 0 is a map: each step, with an x0hat that depends on x, has an inverse."""
    schedule = SHORT["cosine"]
    sampler = Reverse(Denoiser(shrink, 1, (0.9,)), schedule, 0)
    start = np.linspace(-3, 3, 7)[:, np.newaxis]
    x, _ = advanced(sampler, start, 20)
    a, b, _ = reverse.coefficients(schedule, sampler.times, 0.0)
    for k in reversed(range(20)):
        x = x / (0.9 * a[k] + b[k])
    close(x, start, 1e-12)


@pytest.mark.exact
def test_subsequences_are_steps_between_their_times():
    """From T to 0 in three steps; with the right guess, x_0 is found in each case."""
    schedule = SHORT["sigmoid"]
    for times in ([16, 9, 4, 0], np.array([16, 0]), range(16, -1, -4)):
        sampler = Reverse(Denoiser(guess, 1, (np.full(17, -2.5),)), schedule, 1, times)
        n = len(list(times)) - 1
        x, _ = advanced(sampler, np.array([[0.4], [1.0]]), n)
        assert np.array_equal(x, [[-2.5], [-2.5]])


def affine_steps(sampler):
    """A, B and C of x' = A x + B + C z of each step, (steps, 3)."""
    rows = []
    for k in range(len(sampler.times) - 1):
        x, _ = advanced(sampler, np.array([[0.0], [0.0]]), 1, step=k)
        z = np.array([normals(philox.REVERSE, c, k, 1)[0] for c in (0, 1)])
        C = (x[0, 0] - x[1, 0]) / (z[0] - z[1])
        at_1, _ = advanced(sampler, np.array([[1.0]]), 1, step=k)
        rows.append((at_1[0, 0] - x[0, 0], x[0, 0] - C * z[0], C))
    return np.array(rows)


def gaussian_moments(T, eta, mean=1.5, sd=0.5):
    """Mean and variance of x_0 if the data are N(mean, sd^2), as the code has them."""
    schedule = cosine(T)
    denoiser = mixture_denoiser([1], [[mean]], [sd], schedule)
    m, v = 0.0, 1.0
    for A, B, C in affine_steps(Reverse(denoiser, schedule, eta)):
        m, v = A * m + B, A**2 * v + C**2
    return m, v


def expected_moments(T, eta, mean=1.5, sd=0.5):
    """The same from x_t ~ N(m, v) to s = t - 1, with the published coefficients."""
    abar, m, v = cosine(T).abar, 0.0, 1.0
    for t in range(T, 0, -1):
        s = t - 1
        before, after = 1 - abar[s], 1 - abar[t]
        c2 = eta**2 * before / after * (1 - abar[t] / abar[s])
        b = np.sqrt(max(before - c2, 0) / after)
        a = np.sqrt(abar[s]) - b * np.sqrt(abar[t])
        precision = 1 / sd**2 + abar[t] / after
        gain = np.sqrt(abar[t]) / after / precision
        m = a * mean / sd**2 / precision + (a * gain + b) * m
        v = (a * gain + b) ** 2 * v + c2
    return m, v


@pytest.mark.exact
def test_gaussian_data_have_a_closed_recursion():
    for eta in (0, 0.5, 1):
        found, expected = gaussian_moments(25, eta), expected_moments(25, eta)
        close(np.array(found), np.array(expected), 1e-12)


@pytest.mark.parametrize("eta", [0, 1])
def test_the_error_of_the_variance_is_halved_with_the_step(eta):
    """The bias of a chain of exact guesses is O(1 / T), for Gaussian data."""
    errors = [gaussian_moments(T, eta)[1] - 0.25 for T in (50, 100, 200, 400)]
    ratios = np.divide(errors[:-1], errors[1:])
    assert np.all(np.abs(ratios[1:] - 2) < 0.15), (errors, ratios)


@pytest.mark.parametrize("eta", [0, 0.5, 1])
def test_reverse_chains_return_the_data(eta):
    """20,000 chains of 500 steps; sees a weight, or a cdf, off by 0.03."""
    n, schedule = 20_000, cosine(500)
    weights, means, sds = map(np.array, MIXTURE)
    denoiser = mixture_denoiser(*MIXTURE, schedule)
    x = Chains(Reverse(denoiser, schedule, eta), n, rng=1, thin=500).run(1)[:, 0]
    # Between the edges are the modes, nearly; how much exactly, the cdf says.
    edges = np.array([-np.inf, -1, 2, np.inf])
    shares = np.diff(norm.cdf((edges[:, np.newaxis] - means[:, 0]) / sds) @ weights)
    counts, _ = np.histogram(x[:, 0], edges)
    assert chi_square(counts, n * shares) < 1
    direction = np.array([0.6, 0.8])

    def cdf(y):
        return norm.cdf((y[:, np.newaxis] - means @ direction) / sds) @ weights

    assert distance(cdf(x @ direction)) < LIMIT


def test_reverse_chains_start_from_noise():
    """20,000 chains; sees a mean off by 0.07, and numbers used twice."""
    schedule, n = cosine(10), 20_000
    sampler = Reverse(Denoiser(shrink, 3, (0.9,)), schedule)
    state = sampler.start(KEY, n)
    for j in range(3):
        assert distance(norm.cdf(state[:, j])) < LIMIT
    assert np.max(np.abs(np.corrcoef(state.T) - np.eye(3))) * np.sqrt(n) < 5.03
    assert np.array_equal(sampler.start(KEY, 7), state[:7])


@pytest.mark.exact
@np.errstate(over="ignore")  # as an undecorated kernel warns
def test_what_is_not_finite_stops_the_chain():
    values = np.ones(26)
    sampler = Reverse(Denoiser(guess, 1, (values,)), SHORT["cosine"])
    values[4] = np.nan
    with pytest.raises(DivergenceError, match="estimate of the denoiser") as error:
        advanced(sampler, np.ones((3, 1)), 20, chain=5, step=2)
    assert (error.value.chain, error.value.step, error.value.key) == (5, 21, KEY)
    # A large guess and a large state, whose factors sum to more than 1.
    values = np.full(26, 3e38, np.float32)
    denoiser = Denoiser(guess, 1, (values,), np.float32)
    sampler = Reverse(denoiser, SHORT["cosine"], 0, [25, 12, 0])
    state = np.array([[1], [3e38]], np.float32)
    with pytest.raises(DivergenceError, match="the state") as error:
        advanced(sampler, state, 2, chain=5)
    assert (error.value.chain, error.value.step) == (6, 0)


def test_a_denoiser_that_writes_nothing_is_told():
    sampler = Reverse(Denoiser(lambda x, t, out: None, 2), cosine(9))
    with pytest.raises(ValueError, match=r"left nan .* denoise\(x, 9, out"):
        Chains(sampler, 3, rng=0)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Reverse(Denoiser(guess, 1), LINEAR, 1.1), ValueError, "eta is 1.1"),
        (lambda: Reverse(Denoiser(guess, 1), LINEAR, np.nan), ValueError, "eta is nan"),
        (lambda: Reverse(Denoiser(guess, 1), LINEAR, [0, 1]), ValueError, "is a numb"),
        (
            lambda: Reverse(Denoiser(guess, 1), LINEAR, times=range(1000, 0, -1)),
            ValueError,
            "fall from T = 1000",
        ),
        (
            lambda: Reverse(Denoiser(guess, 1), LINEAR, times=[999, 0]),
            ValueError,
            "fall from T = 1000",
        ),
        (
            lambda: Reverse(Denoiser(guess, 1), LINEAR, times=[1000, 3, 3, 0]),
            ValueError,
            r"np\.linspace\(1000, 0, 11\)",
        ),
        (
            lambda: Reverse(Denoiser(guess, 1), LINEAR, times=1000),
            ValueError,
            "times are 1000",
        ),
        (
            lambda: Reverse(Denoiser(guess, 1), LINEAR, times=np.linspace(1000, 0, 11)),
            ValueError,
            "are integers from 0 to 1000",
        ),
        (
            lambda: Reverse(mixture_denoiser(*MIXTURE, LINEAR), cosine(1000)),
            ValueError,
            "made for another schedule, of 1000 steps",
        ),
        (
            lambda: Reverse(Denoiser(guess, 1), 1000),
            TypeError,
            r"cosine\(100\)",
        ),
        (lambda: mixture_denoiser(*MIXTURE, 1000), TypeError, "schedule is 1000"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
