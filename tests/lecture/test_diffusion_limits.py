"""Small steps, many steps: what a diffusion tends to, and what its likelihood costs.

    dx / dl = sigma^2 / 2 (x + grad log q_l(x)),   l = log SNR,   sigma^2 = s(-l),

with the sigmoid s, is the flow that carries the law of x from one level of noise to the
next. In the limit of small steps a step back is Gaussian, the bound is an integral over
l, and with the exact guess it is log p(x_0). At a finite number of steps, or with any
other guess, it is a bound. The data here are a mixture of two Gaussians on a line, of
which all is known. To be read after test_diffusion_bound.py, from top to bottom; every
statement is an assertion. Numbers like T49 are those of the list in README.md; lines 9,
12 and 13 are those of models/diffusion_bounds.py.

Sources: J. Sohl-Dickstein et al. (2015); Y. Song et al. (2021), for the flow; D. P.
Kingma et al. (2021), for the limit.
"""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from autodiff import tree_map
from models.diffusion_bounds import continuous_terms, discrete_bound
from models.log_snr import LearnedLogSNR, LinearLogSNR
from samplers.schedules import sigmoid
from tests.lecture.gaussian_chains import LinearGuess, some_chain
from tests.lecture.latents import gauss_hermite, log_gaussian

WEIGHTS, MEANS, SDS = np.array([0.4, 0.6]), np.array([-1.0, 0.8]), np.array([0.5, 0.7])
FIRST, LAST = 12.0, -12.0  # log SNR next to the data, and next to noise


def levels(log_snr):
    """alpha, sigma."""
    return (1 / np.sqrt(1 + np.exp(sign * np.asarray(log_snr))) for sign in (-1, 1))


class Marginal:
    """The law of x at log SNR l : (), or at l of the shape of x, x : (...)."""

    def __init__(self, x, log_snr):
        alpha, sigma = (each[..., np.newaxis] for each in levels(log_snr))
        self.x, self.sigma2 = x, sigma[..., 0] ** 2
        self.away = x[..., np.newaxis] - alpha * MEANS
        self.variance = alpha**2 * SDS**2 + sigma**2
        logs = np.log(WEIGHTS) - 0.5 * np.log(2 * np.pi * self.variance)
        logs = logs - self.away**2 / (2 * self.variance)
        self.log_density = np.logaddexp(logs[..., 0], logs[..., 1])
        self.r = np.exp(logs - self.log_density[..., np.newaxis])
        self.guess = np.sum(
            self.r * (MEANS + alpha * SDS**2 / self.variance * self.away), axis=-1
        )

    @property
    def slope(self):
        """grad log q."""
        return -np.sum(self.r * self.away / self.variance, axis=-1)

    @property
    def curvature(self):
        """The second derivative of log q."""
        each = self.away / self.variance
        second = np.sum(self.r * (each**2 - 1 / self.variance), axis=-1)
        return second - self.slope**2


def log_data(x):
    """log p(x_0)."""
    return Marginal(x, np.array(np.inf)).log_density


class ExactGuess(LinearGuess):
    """E[x_0 | x], for any curve of log SNR."""

    def __init__(self, log_snr):
        super().__init__(log_snr, None)

    def denoise(self, x, log_snr):
        return Marginal(x[..., 0], log_snr).guess[..., np.newaxis]


# 1. What the likelihood costs


def flow(x, first=FIRST, last=LAST):
    """Where x : (n,) goes from log SNR `first` to `last`, and the log of its slope."""
    n = x.size

    def velocity(log_snr, state):
        at = Marginal(state[:n], np.array(log_snr))
        half = at.sigma2 / 2
        return np.append(half * (state[:n] + at.slope), half * (1 + at.curvature))

    options = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-10, "first_step": 0.1}
    end = solve_ivp(velocity, (first, last), np.append(x, 0 * x), **options).y[:, -1]
    return end[:n], end[n:]


def log_normal(x):
    return -0.5 * (x**2 + np.log(2 * np.pi))


def test_the_flow_gives_the_exact_likelihood():
    """log p(x) = log N(x_end; 0, 1) + log |d x_end / d x|, as the score is exact (T49).

    A change of variables along an ordinary differential equation; at every one of its
    many steps the score has to be evaluated, and for d dimensions a divergence too.
    """
    x = np.linspace(-2.5, 2.5, 9)
    end, log_slope = flow(x, last=-30.0)
    found = log_normal(end) + log_slope
    expected = Marginal(x, np.array(FIRST)).log_density
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_flow_has_latents_of_the_dimension_of_the_data_as_well():
    """x_end is a code of x of the same size, and can be run back to it (E16).

    So this is no mark of diffusions, as the slide has it: whatever is invertible has
    it, an affine map already, and its log-likelihood is exact.
    """
    x = np.linspace(-2.5, 2.5, 9)
    end, _ = flow(x)
    assert end.shape == x.shape
    back, _ = flow(end, LAST, FIRST)
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-6)
    rng = np.random.default_rng(0)
    L, shift, points = (
        rng.normal(size=(3, 3)),
        rng.normal(size=3),
        rng.normal(size=(5, 3)),
    )
    code = np.linalg.solve(L, (points - shift).T).T
    by_flow = np.sum(log_normal(code), axis=1) - np.linalg.slogdet(L)[1]
    np.testing.assert_allclose(by_flow, log_gaussian(points, shift, L @ L.T))


def bound_in_steps(x_0, schedule, wrong=0.0):
    """Line 9 for x_0, with 60 nodes of noise; the guess is off by wrong."""
    e, weights = gauss_hermite(60)
    log_snr = schedule.log_snr[1:, np.newaxis]
    alpha, sigma = levels(log_snr)
    guess = Marginal(alpha * x_0 + sigma * e, log_snr + 0 * e).guess + wrong
    squares = (x_0 - guess) ** 2 @ weights
    fall = schedule.snr[1:-1] - schedule.snr[2:]
    return ends(x_0, *schedule.log_snr[[1, -1]]) - 0.5 * fall @ squares[1:]


def even_steps(T):
    return sigmoid(T, first=FIRST, last=LAST)


def ends(x_0, first=FIRST, last=LAST):
    """Reconstruction less prior term; p(x_0 | x_1) = N(x_1 / alpha_1, 1 / SNR_1)."""
    abar = 1 / (1 + np.exp(-last))
    prior = 0.5 * (abar * x_0**2 - abar - np.log1p(-abar))
    return 0.5 * (first - np.log(2 * np.pi) - 1) - prior


@pytest.mark.parametrize("x_0", [-1.5, 0.0, 0.9])
def test_the_bound_is_the_likelihood_in_the_limit_only(x_0):
    """With the exact guess what it lacks falls as one over T, and is never zero (T49).

    With a guess that is off by 0.01 everywhere it stays: each unit of SNR costs half a
    square of that, here eight nats.
    """
    exact = log_data(np.array(x_0))
    bounds = [bound_in_steps(x_0, even_steps(T)) for T in (100, 200, 400, 800)]
    missing = exact - np.array(bounds)
    assert np.all(missing > 0.005)
    np.testing.assert_allclose(missing[:-1] / missing[1:], 2, rtol=0.05)
    wrong = exact - bound_in_steps(x_0, even_steps(800), wrong=0.01)
    assert wrong == pytest.approx(0.5e-4 * np.exp(FIRST), rel=0.05)


def test_what_is_evaluable_at_each_step_is_not_so_for_the_whole():
    """Along chains log p(x_0:T) / q(x_1:T | x_0) is cheap, and is not log p(x_0) (E16).

    100,000 chains of a Gaussian model: the number scatters by more than half a nat. Its
    exponential has the mean p(x_0), so that the likelihood is an estimate, and its own
    mean is the bound. Each within 5.03 errors; sees 10 % of p(x_0) and 0.05 nats.
    """
    chain, n = some_chain(0), 100_000
    z = chain.draw(n)
    logs = sum(f(z) for f in chain.log_joint()) - sum(f(z) for f in chain.log_q())
    assert logs.std() > 0.5
    law = chain.law()
    bound = sum(f.mean(*law) for f in chain.log_joint())
    bound -= sum(f.mean(*law) for f in chain.log_q())
    evidence = log_gaussian(chain.x_0, *chain.moments())
    assert bound < evidence - 0.1
    weights = np.exp(logs - evidence)
    for draws, expected, sees in ((logs, bound, 0.05), (weights, 1, 0.1)):
        error = draws.std() / np.sqrt(n)
        assert 2 * 5.03 * error < sees
        assert abs(draws.mean() - expected) < 5.03 * error


# 2. Small steps


def step_back(x, abar, beta):
    """KL from q(x_{t-1} | x_t) to Gaussians: of the same moments, and of variance beta.

    x_{t-1} = m + sqrt(beta) y with the mode of the second factor of q(x_{t-1}) q(x_t |
    x_{t-1}) as m, by 60 nodes for y; abar is that of t - 1.
    """
    m, log_snr = x / np.sqrt(1 - beta), np.array(np.log(abar / (1 - abar)))
    spread = np.sqrt(beta / (1 - beta))
    y, weights = gauss_hermite(60)
    logs = Marginal(m + spread * y, log_snr + 0 * y).log_density
    p = weights * np.exp(logs - logs.max())
    log_p = logs - logs.max() - np.log(p.sum())  # relative to N(y; 0, 1)
    p = p / p.sum()
    mean = p @ y
    variance = p @ (y - mean) ** 2
    matched = -0.5 * (np.log(variance) + (y - mean) ** 2 / variance) + 0.5 * y**2
    shifted = -0.5 * (np.log(1 - beta) + (y - mean) ** 2 / (1 - beta)) + 0.5 * y**2
    return p @ (log_p - matched), p @ (log_p - shifted)


def derivatives(x, abar):
    """The second and third derivative of log q_{t-1} at x."""
    at, h = np.array(np.log(abar / (1 - abar))), 1e-4
    moved = np.array([x - h, x + h])
    low, high = Marginal(moved, at + 0 * moved).curvature
    return Marginal(np.array(x), at).curvature, (high - low) / (2 * h)


@pytest.mark.parametrize(("x", "abar"), [(-0.5, 0.9), (0.3, 0.9), (0.4, 0.6)])
def test_a_small_step_back_is_nearly_gaussian(x, abar):
    """KL(q(x_{t-1}|x_t) || the Gaussian of its moments) falls as beta^3 (T50).

    As beta^3 / 12 times the square of the third derivative of log q_{t-1}: what is left
    of its shape within a step of size sqrt(beta) is skewness, and a skewness k costs
    k^2 / 12. So "small perturbations" are Gaussian ones, for data of any shape.
    """
    _, third = derivatives(x, abar)
    betas = 0.02 / 2 ** np.arange(5)
    found = np.array([step_back(x, abar, beta)[0] for beta in betas])
    np.testing.assert_allclose(found[:-1] / found[1:], 8, rtol=0.15)
    assert found[-1] == pytest.approx(betas[-1] ** 3 * third**2 / 12, rel=0.05)


@pytest.mark.parametrize(("x", "abar"), [(-0.5, 0.9), (0.3, 0.9), (0.4, 0.6)])
def test_with_a_variance_that_is_not_learned_it_is_so_more_slowly(x, abar):
    """If the variance is beta_t, whatever x_t, the KL falls as beta^2 (T50).

    As beta^2 / 4 times the square of one plus the second derivative of log q_{t-1}: the
    true variance is beta (1 + beta times that one). Over 1 / beta steps the sum is of
    the order of beta, the 1 / T of what a chain loses.
    """
    second, _ = derivatives(x, abar)
    betas = 0.01 / 2 ** np.arange(6)
    found = np.array([step_back(x, abar, beta)[1] for beta in betas])
    np.testing.assert_allclose(found[-3:-1] / found[-2:], 4, rtol=0.1)
    # m + sqrt(beta / (1 - beta)) y has the variance beta (1 + beta) already.
    leading = betas[-1] ** 2 / 4 * (1 + second) ** 2
    assert found[-1] == pytest.approx(leading, rel=0.05)


def test_a_large_step_back_is_not():
    """With beta = 0.9, from the middle, x_{t-1} can be of either kind of data (T50)."""
    small, large = (step_back(-0.1, 0.99, beta)[0] for beta in (0.01, 0.9))
    assert small < 1e-4
    assert large > 0.03


# 3. Many steps


@pytest.mark.parametrize("x_0", [-1.5, 0.0, 0.9])
def test_more_steps_tighten_the_bound(x_0):
    """Each doubling of T brings it up, towards the integral of line 13 (T52).

    Half way between two levels the guess has less noise before it, and so errs by less.
    """
    bounds = [bound_in_steps(x_0, even_steps(1 + 2**k)) for k in range(4, 11)]
    assert np.all(np.diff(bounds) > 0)
    limit = ends(x_0) - integral(x_0)
    missing = limit - np.array(bounds)
    np.testing.assert_allclose(missing[-3:-1] / missing[-2:], 2, rtol=0.02)
    assert limit == pytest.approx(log_data(np.array(x_0)), abs=2e-5)


def squared_error(x_0, log_snr):
    """E |x_0 - x0hat|^2 over the noise by 60 nodes, log_snr : (n,)."""
    e, weights = gauss_hermite(60)
    alpha, sigma = levels(log_snr[:, np.newaxis])
    guess = Marginal(alpha * x_0 + sigma * e, log_snr[:, np.newaxis] + 0 * e).guess
    return (x_0 - guess) ** 2 @ weights


def integral(x_0):
    """Line 13, 1/2 int e^l E |x_0 - x0hat|^2 dl."""

    def integrand(log_snr):
        return 0.5 * np.exp(log_snr) * squared_error(x_0, np.array([log_snr]))[0]

    return quad(integrand, LAST, FIRST, epsabs=1e-10, epsrel=1e-10, limit=200)[0]


def bent_curve(first, last, seed=0):
    """A learned log SNR that has been anywhere but on the line."""
    rng = np.random.default_rng(seed)
    curve = LearnedLogSNR.create(first, last, size=4)
    bent = tree_map(lambda a: a + rng.normal(size=a.shape), curve)
    bent.ends[:] = first, last
    return bent


CURVES = [
    LinearLogSNR(FIRST, LAST),
    bent_curve(FIRST, LAST),
    bent_curve(FIRST, LAST, 1),
]


@pytest.mark.parametrize("x_0", [-1.5, 0.9])
def test_between_its_ends_the_schedule_does_not_matter(x_0):
    """The library's bound of continuous time, by line 12, for three curves (T52).

    Means over u and noise by 400 and 60 nodes. All are line 13, in which there is no
    curve, only its ends; ends that are nearer to each other give another number.
    """
    nodes, widths = np.polynomial.legendre.leggauss(400)
    e, weights = gauss_hermite(60)
    u = np.repeat((nodes + 1) / 2, len(e))
    noise = np.tile(e, len(nodes))[:, np.newaxis]
    both = np.outer(widths / 2, weights).ravel()
    x0 = np.full_like(noise, x_0)
    found = []
    for curve in (*CURVES, LinearLogSNR(FIRST / 2, LAST)):
        terms = continuous_terms(ExactGuess(curve), x0, u, noise)
        found.append(both @ terms.diffusion)
        if curve.limits()[0] == FIRST:
            assert both @ (terms.reconstruction - terms.prior) == pytest.approx(
                ends(x_0)
            )
    np.testing.assert_allclose(found[:-1], integral(x_0), rtol=1e-6)
    assert found[-1] < found[0] - 0.5


def spread_over_time(curve, x_0):
    """The variance over u of the mean over noise of line 12."""
    nodes, widths = np.polynomial.legendre.leggauss(400)
    u = (nodes + 1) / 2
    log_snr = curve(u)
    weight = -0.5 * curve.derivative(u) * np.exp(log_snr)
    each = weight * squared_error(x_0, log_snr)
    return widths / 2 @ each**2 - (widths / 2 @ each) ** 2


class Even:
    """The curve along which log(1 + e^l) falls evenly."""

    top, bottom = np.logaddexp(0, (FIRST, LAST))

    def __call__(self, u):
        z = self.top + u * (self.bottom - self.top)
        return z + np.log(-np.expm1(-z))

    def derivative(self, u):
        z = self.top + u * (self.bottom - self.top)
        return (self.bottom - self.top) / -np.expm1(-z)


def test_what_it_changes_is_the_variance():
    """Over u, with the mean over the noise done: a curve with a hundredth of it (T52).

    For data N(0, 1) the mean of |x_0 - x0hat|^2 is 1 / (1 + e^l), and line 12 is the
    same for all u where log(1 + e^l) falls evenly. For others that is nearly so.
    """
    u = np.linspace(0, 1, 101)
    even, line = Even(), CURVES[0]
    for curve in (even, line):
        log_snr = curve(u)
        each = -0.5 * curve.derivative(u) / (1 + np.exp(-log_snr))
        assert (each.std() < 1e-10) == (curve is even)
    spreads = [spread_over_time(curve, 0.9) for curve in (*CURVES, even)]
    assert spreads[-1] < 0.01 * min(spreads[:-1])
    assert np.ptp(spreads[:-1]) > 0.1 * min(spreads[:-1])


def test_the_library_tightens_its_bound_as_well():
    """Its bound by one random t is that sum in the mean, for T = 4 to 64 (T52)."""
    line, x_0 = LinearLogSNR(5.0, -5.0), 0.4
    e, weights = gauss_hermite(60)
    bounds = []
    for T in (4, 16, 64):
        t = np.repeat(np.arange(2, T + 1), len(e))
        noise = np.tile(e, T - 1)[:, np.newaxis]
        each = discrete_bound(ExactGuess(line), np.full_like(noise, x_0), t, noise, T)
        bounds.append(np.tile(weights, T - 1) @ each / (T - 1))
        expected = bound_in_steps(x_0, line.schedule(T))
        assert bounds[-1] == pytest.approx(expected, rel=1e-9)
    assert np.all(np.diff(bounds) > 0.01)
    assert bounds[-1] < log_data(np.array(x_0))
