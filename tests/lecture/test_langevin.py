"""Langevin sampling: down the slope of the energy, with noise.

    p(x) = exp(-E(x)) / Z,   x' = x - eta grad E(x) + sqrt(2 eta) xi,   xi ~ N(0, I).

Where x is continuous one can slide down the energy, and be kicked so hard that the
chain does not settle. The law that this leaves behind is not quite p, by a bias that
can be computed. A step that may be refused removes it, and a step whose kicks are too
small samples something else altogether. To be read from top to bottom; every statement
is an assertion, and the laws are on a line, where a kernel is a matrix over a grid. For
a Gaussian the formulas are written with e = 2 eta, as is usual. Numbers like T24 are
those of the list in README.md.

Sources: G. Parisi (1981); P. J. Rossky, J. D. Doll and H. L. Friedman, J. Chem. Phys.
69 (1978), 4628; G. O. Roberts and R. L. Tweedie (1996); G. O. Roberts and J. S.
Rosenthal, J. R. Stat. Soc. B 60 (1998), 255; Y. Du and I. Mordatch (2019); E. Nijkamp
et al. (2019), who named the short run.
"""

import numpy as np
import pytest

from samplers.chains import Chains
from samplers.double_well import double_well_target
from samplers.errors import DivergenceError
from samplers.langevin import Langevin
from samplers.mala import MALA, acceptance_rate
from samplers.noise import draw_normals, draw_uniforms
from samplers.philox import ACCEPT, PROPOSAL
from samplers.quadrature import quadrature
from samplers.target import Target
from tests.kolmogorov import LIMIT, distance
from tests.samplers.kernels import irreversibility, stationarity

# 1. A noisy descent


def descend(x, slope, eta, noise, T=1.0):
    """x after each of the steps, (steps, chains), from x : (chains,)."""
    path = []
    for xi in noise:
        x = x - eta * slope(x) + np.sqrt(2 * eta * T) * xi
        path.append(x)
    return np.array(path)


def log_f(x):
    """-E of a double well."""
    return 2 * x**2 - x**4


def well_slope(x):
    """E' of it."""
    return 4 * x**3 - 4 * x


def test_the_sampler_takes_these_steps():
    """Led by the same random numbers, the lines above go where the library goes (T24).

    Chain c at step k has the normal of that address, whatever else is run.
    """
    sampler = Langevin(double_well_target(), step_size=0.02, temperature=0.5)
    chains = Chains(sampler, 50, rng=4)
    start = chains.state[:, 0]
    draws = chains.run(20)[..., 0]
    address = {"chain": 0, "step": 0, "shape": (1, 20, 50)}
    [noise] = draw_normals(chains.key, PROPOSAL, **address)
    path = descend(start, well_slope, 0.02, noise, T=0.5)
    np.testing.assert_allclose(draws, path.T, rtol=0, atol=1e-13)


def parabola(stiffness):
    """The target of E = stiffness x^2 / 2, its score in plain Python."""

    def score(x, out):
        out[:] = -stiffness * x

    return Target(score, 1)


def variances(eta, steps, start=0.0, stiffness=1.0, T=1.0):
    """Var x_k for E = stiffness x^2 / 2: v' = (1 - eta stiffness)^2 v + 2 eta T."""
    v = [start]
    for _ in range(steps):
        v.append((1 - eta * stiffness) ** 2 * v[-1] + 2 * eta * T)
    return np.array(v)


@pytest.mark.parametrize(
    ("e", "variance"), [(0.1, 1.0256), (0.5, 1.1429), (1.0, 1.3333), (2.0, 2.0)]
)
def test_on_a_gaussian_the_variance_is_too_large(e, variance):
    """1 / (1 - e / 4) where N(0, 1) has 1, with e = 2 eta (T24).

    Each step is linear, x' = (1 - e/2) x + sqrt(e) xi, so a Gaussian stays one. Its
    variance no longer changes when v = (1 - e/2)^2 v + e, hence v (e - e^2/4) = e. The
    distance from there falls by (1 - e/2)^2 a step; at e = 2 one step forgets all.
    """
    limit = 1 / (1 - e / 4)
    assert limit == pytest.approx(variance, abs=5e-5)
    for start in (0, 1, 100):
        v = variances(e / 2, 300, start)
        k = np.arange(11)
        expected = (1 - e / 2) ** (2 * k) * (start - limit)
        np.testing.assert_allclose(v[k] - limit, expected, rtol=1e-12, atol=1e-13)
        assert v[-1] == pytest.approx(limit, rel=1e-10)


@pytest.mark.parametrize("e", [0.1, 0.5, 1.0])
def test_the_bias_is_measured(e):
    """The variance of 200,000 chains after 100 steps of the library (T24).

    They start at N(0, 1), of which (1 - e/2)^200 is left. z against the exact variance
    after these steps; against that of the target it is beyond 5.03. Sees an error of
    3.2 % in the variance.
    """
    n = 200_000
    chains = Chains(Langevin(parabola(1.0), e / 2), n, rng=5, thin=100)
    squares = chains.run(1)[:, 0, 0] ** 2
    exact = variances(e / 2, 100, start=1.0)[-1]
    assert exact == pytest.approx(1 / (1 - e / 4), rel=1e-4)
    error = squares.std() / np.sqrt(n)
    assert abs(squares.mean() - exact) < 5.03 * error < 0.016 * exact
    assert abs(squares.mean() - 1) > 5.03 * error


def test_beyond_four_it_runs_away():
    """At e = 4 the variance grows by 4 a step, above by a factor (T24).

    There x' = -x + 2 xi, a random walk that jumps from side to side; with e > 4 each
    step throws x further out than it came from. The sampler says so, once x is no
    number any more.
    """
    np.testing.assert_allclose(variances(2, 50), 4 * np.arange(51), rtol=1e-14)
    v = variances(2.1, 200)
    assert v[-1] / v[-2] == pytest.approx(1.1**2, rel=1e-12)
    sampler = Langevin(parabola(1.0), step_size=4.0)
    with pytest.raises(DivergenceError, match="the state"):
        Chains(sampler, 10, rng=6).run(1000)


GRID = np.linspace(-3, 3, 401)
WEIGHT = GRID[1] - GRID[0]


def proposals(eta):
    """The density q(x -> y) of a step of the double well, (x, y) on the grid."""
    mean = GRID - eta * well_slope(GRID)
    away = GRID - mean[:, np.newaxis]
    return np.exp(-(away**2) / (4 * eta)) / np.sqrt(4 * np.pi * eta)


def unadjusted(eta):
    """The transition matrix, which keeps on the grid what would leave it far out."""
    P = WEIGHT * proposals(eta)
    return P / P.sum(axis=1, keepdims=True)


def double_well():
    """p of the double well, as probabilities of the grid's points."""
    f = np.exp(log_f(GRID))
    return f / f.sum()


def stationary(P):
    """The law that P : (n, n) leaves as it is."""
    system = np.vstack([P.T - np.eye(len(P)), np.ones(len(P))])
    return np.linalg.lstsq(system, np.append(np.zeros(len(P)), 1))[0]


def test_elsewhere_the_bias_is_of_first_order_too():
    """Half the step, half the error, in <x^2> of the double well and in all (T24).

    The stationary law by linear algebra: on a grid much finer than sqrt(2 eta) the
    kernel is a matrix. Here <x^2> is too small, where that of a Gaussian is too large.
    """
    errors = []
    for eta in (0.02, 0.01, 0.005):
        change = stationary(unadjusted(eta)) - double_well()
        errors.append([change @ GRID**2, np.abs(change).sum()])
    errors = np.array(errors)
    assert errors[-1, 0] < -1e-3
    np.testing.assert_allclose(errors[:-1] / errors[1:], 2, rtol=0.06)


# 2. Accepted or refused


def acceptance(eta, hastings=True):
    """min(1, p(y) q(y -> x) / (p(x) q(x -> y))) for a double well's step, (x, y)."""
    log_p = log_f(GRID)
    ratio = log_p - log_p[:, np.newaxis]
    if hastings:
        mean = GRID - eta * well_slope(GRID)
        forth = -((GRID - mean[:, np.newaxis]) ** 2) / (4 * eta)
        ratio = ratio + forth.T - forth
    return np.exp(np.minimum(ratio, 0))


def adjusted(eta, hastings=True):
    """The transition matrix of proposals that are accepted or refused."""
    P = WEIGHT * proposals(eta) * acceptance(eta, hastings)
    np.fill_diagonal(P, 0)
    np.fill_diagonal(P, 1 - P.sum(axis=1))
    return P


@pytest.mark.parametrize("eta", [0.005, 0.02, 0.04])
def test_metropolis_rule_makes_it_exact(eta):
    """p(x) q(x -> y) a(x, y) is the smaller of two flows, the same both ways (T24).

    Then a chain at p is as often on its way from x to y as back, and p stays. That
    holds for any step size; what was proposed and refused counts as a step at x. The
    step as proposed keeps another law.
    """
    p = double_well()
    assert np.min(adjusted(eta)) > -1e-9
    assert irreversibility(adjusted(eta), p) < 1e-16
    assert stationarity(adjusted(eta), p) < 1e-15
    np.testing.assert_allclose(stationary(adjusted(eta)), p, rtol=0, atol=1e-12)
    assert stationarity(unadjusted(eta), p) > 1e-5


def test_without_hastings_ratio_it_samples_the_square():
    """min(1, p(y) / p(x)) alone, however small the steps, is wrong: p^2 (T24).

    A step dx has the mean -eta E' and the variance 2 eta. Of the half that goes uphill
    the share E' dx is refused, which takes another E' 2 eta / 2 from the mean: the
    slope is felt twice. The ratio of the proposals is what corrects for the first time.
    """
    p = double_well()
    square = p**2 / np.sum(p**2)
    distances = []
    for eta in (0.02, 0.01, 0.005):
        law = stationary(adjusted(eta, hastings=False))
        assert np.abs(law - p).sum() > 0.25
        distances.append(np.abs(law - square).sum())
    assert np.all(np.diff(distances) < 0)
    assert distances[-1] < 0.02


def test_small_steps_are_accepted():
    """One minus the mean acceptance falls as eta^(3/2) (T24).

    Uphill by one step changes E by order sqrt(eta), and the ratio of the proposals
    takes back the orders below eta^(3/2).
    """
    refused = []
    for eta in (0.02, 0.01, 0.005):
        a = WEIGHT * proposals(eta) * acceptance(eta)
        refused.append(1 - double_well() @ a.sum(axis=1))
    assert 0 < refused[-1] < 0.01
    pace = np.log2(np.divide(refused[:-1], refused[1:]))
    np.testing.assert_allclose(pace, 1.5, rtol=0.1)


def log_ratio(x, y, e):
    """log p(y) q(y -> x) - log p(x) q(x -> y) for N(0, 1)."""
    forth, back = y - (1 - e / 2) * x, x - (1 - e / 2) * y
    return (x**2 - y**2) / 2 - (back**2 - forth**2) / (2 * e)


def test_on_a_gaussian_it_refuses_some_of_the_steps_outwards():
    """log a = min(0, (e/8) (x^2 - y^2)): what makes the variance too large (T24).

    For N(0, 1) the proposals' ratio is (1 - (1 - e/2)^2) / 2e = 1/2 - e/8 times
    y^2 - x^2, all but e/8 of what p has.
    """
    x, y = np.random.default_rng(7).normal(size=(2, 100))
    for e in (0.1, 1.0, 5.0):
        expected = e / 8 * (x**2 - y**2)
        np.testing.assert_allclose(log_ratio(x, y, e), expected, atol=1e-11)


def adjusted_walk(x, eta, noise, u):
    """The chain on the double well in plain NumPy, (steps, chains)."""
    path = []
    for xi, uniform in zip(noise, u, strict=True):
        y = x - eta * well_slope(x) + np.sqrt(2 * eta) * xi
        forth = (y - x + eta * well_slope(x)) ** 2 / (4 * eta)
        back = (x - y + eta * well_slope(y)) ** 2 / (4 * eta)
        ratio = log_f(y) - log_f(x) + forth - back
        x = np.where(np.log(uniform) < ratio, y, x)
        path.append(x)
    return np.array(path)


def test_the_sampler_accepts_and_refuses_alike():
    """Led by the same random numbers, in every one of 10,000 steps (T24)."""
    start = np.linspace(-2, 2, 200)[:, np.newaxis]
    chains = Chains(MALA(double_well_target(), 0.1), state=start, rng=8)
    draws = chains.run(50)[..., 0]
    address = {"chain": 0, "step": 0, "shape": (1, 50, 200)}
    [noise] = draw_normals(chains.key, PROPOSAL, **address)
    [u] = draw_uniforms(chains.key, ACCEPT, **address)
    path = adjusted_walk(start[:, 0], 0.1, noise, u).T
    np.testing.assert_allclose(draws, path, rtol=0, atol=1e-12)
    moved = np.diff(np.column_stack([start[:, 0], path]), axis=1) != 0
    assert 0.5 < np.mean(moved) < 0.95


def exact_draws(n, seed):
    """n independent draws of the double well, (n, 1), by rejection.

    log f is at most 1, and below -63 beyond 3, where nothing is missed.
    """
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, 4 * n)
    x = x[rng.random(4 * n) < np.exp(log_f(x) - 1)]
    return x[:n, np.newaxis]


def test_the_sampler_stays_at_the_law_and_moves_as_often():
    """50,000 exact draws of the double well, ten steps on: still such draws (T24).

    Kolmogorov and Smirnov's distance sees 0.025 in the distribution function, and z of
    the share of steps that moved 0.006. After as many unadjusted steps the distance is
    beyond its limit.
    """
    n, eta = 50_000, 0.04
    start, law = exact_draws(n, seed=9), quadrature(lambda x: -log_f(x[:, 0]), (-5, 5))
    draws = Chains(MALA(double_well_target(), eta), state=start, rng=10).run(10)
    assert distance(law.cdf(draws[:, -1, 0])) < LIMIT
    a = WEIGHT * proposals(eta) * acceptance(eta)
    moved = acceptance_rate(draws)
    exact = double_well() @ a.sum(axis=1)
    assert abs(moved.mean() - exact) < 5.03 * moved.std() / np.sqrt(n) < 0.003
    biased = Chains(Langevin(double_well_target(), eta), state=start, rng=10).run(10)
    assert distance(law.cdf(biased[:, -1, 0])) > LIMIT


# 3. Kicks that are too small

STEP, NOISE = 10.0, 0.005


def temperature_of(step, noise):
    """T for which step = eta and noise = sqrt(2 eta T): noise^2 / (2 step)."""
    return noise**2 / (2 * step)


def test_a_short_run_sampler_is_cold():
    """x' = x - 10 E'(x) + 0.005 xi is a Langevin step at T = 1.25e-6 (T25).

    The step size and the noise are two numbers, where a sampler of p has one: noise^2 =
    2 step. With others the step is that of T = noise^2 / (2 step), so that what it
    leaves behind, up to the bias of section 1, is p^(1/T): here the 800,000th power of
    p, which is a search for its maximum. For E = 0.005 x^2, a law of sd 10, the sd is
    0.0115, and 0.0103 where it is looked at before the kick: noise / sqrt(1 - c^2) and
    c times that, with c = 1 - 0.01 step.
    """
    T = temperature_of(STEP, NOISE)
    assert pytest.approx(1.25e-6, rel=1e-14) == T
    assert temperature_of(STEP, np.sqrt(2 * STEP)) == pytest.approx(1, rel=1e-14)
    stiffness, c = 0.01, 0.9
    v = variances(STEP, 300, 1.0, stiffness, T)[-1]
    cold = T / stiffness  # the variance of p^(1/T)
    assert v == pytest.approx(cold / (1 - STEP * stiffness / 2), rel=1e-12)
    assert np.sqrt(v) == pytest.approx(NOISE / np.sqrt(1 - c**2), rel=1e-12)
    assert np.sqrt(v) == pytest.approx(0.0115, abs=5e-5)
    assert c * np.sqrt(v) == pytest.approx(0.0103, abs=5e-5)
    assert np.sqrt(1 / stiffness) == 10


def notebook(x, stiffness, noise):
    """Kicks of 0.005 and then steps of 10 down the slope, as in the notebooks."""
    for xi in noise:
        x = x + NOISE * xi
        x = x - STEP * stiffness * x
    return x


def test_the_library_asks_for_the_temperature():
    """Run as it stands, the notebooks' loop has the sd of that T, not that of p (T25).

    20,000 chains of 100 steps from N(0, 1), 0.9^100 of which is left. So a sampler of
    p^(1/T) has to be asked for by its T, and at T = 1 the same step of 10 has the sd of
    p but for the known bias. Sees 6 % in an sd.
    """
    n, stiffness, T = 20_000, 0.01, temperature_of(STEP, NOISE)
    start = np.random.default_rng(11).normal(size=n)
    noise = np.random.default_rng(12).normal(size=(100, n))
    sd = notebook(start, stiffness, noise).std()
    assert sd == pytest.approx(0.0103, rel=0.03)
    for temperature in (T, 1.0):
        sampler = Langevin(parabola(stiffness), STEP, temperature)
        draws = Chains(sampler, n, rng=13, thin=100).run(1)
        v = variances(STEP, 100, 1.0, stiffness, temperature)[-1]
        assert draws.std() == pytest.approx(np.sqrt(v), rel=0.03)
        assert draws.std() / 10 == pytest.approx(np.sqrt(temperature), rel=0.15)


def test_a_short_run_ends_in_the_nearest_minimum():
    """Of two equal valleys it finds the one below its start, in whatever shares (T25).

    The law has half of its weight in either, and little of it near the minima; from
    starts of which 70 % lie on the left, 70 % end at -1 and 30 % at 1, within 0.04 of
    it. Lowering T further changes nothing: it is no longer a sampler, but a descent
    with many starts.
    """
    target = double_well_target(barrier=0.005)
    rng = np.random.default_rng(14)
    start = np.abs(rng.uniform(0.1, 1.5, (1000, 1)))
    start[:700] *= -1
    sampler = Langevin(target, STEP, temperature_of(STEP, NOISE))
    end = Chains(sampler, state=start, rng=15, thin=60).run(1)[:, 0]
    np.testing.assert_allclose(end, np.sign(start), rtol=0, atol=0.04)
    law = quadrature(lambda x: target.energy_at(x), (-12, 12))
    assert law.cdf(0.0) == pytest.approx(0.5, abs=1e-9)
    assert law.expectation(lambda x: np.abs(np.abs(x[:, 0]) - 1) < 0.04) < 0.05
