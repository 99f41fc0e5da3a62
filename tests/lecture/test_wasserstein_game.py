"""A distance that knows how far: the cheapest way to move one law to another.

    W_1 = min E|x - y|            over joint laws of x ~ p_r and y ~ p_g
        = max E u(x) + E v(y)     with u(x) + v(y) <= |x - y|
        = max E f(x) - E f(y)     with |f(x) - f(y)| <= |x - y|,

the last of which is a game: a critic f raises it, and the generator of y lowers it. The
lines are those that the docstring of models/gan_games.py numbers, 13 and 14 here. All
laws are on some points, where these are linear programs, or on a line, where there is
an integral. To be read after test_divergences.py and test_saturation.py, from top to
bottom; every statement is an assertion. Numbers like T63 are those of the list in
README.md.

Sources: C. Villani (2003), Topics in Optimal Transportation, chapters 1 and 2; M.
Arjovsky, S. Chintala and L. Bottou, ICML (2017), example 1; M. Cuturi, NeurIPS (2013),
for the last section.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linprog
from scipy.special import logsumexp

from autodiff import grad
from models import jensen_shannon
from models.gan_games import discriminator_loss, generator_loss
from models.gan_theory import value_of_game
from models.transport import optimal_transport, transport_cost
from models.wasserstein import wasserstein_1d

SEEDS = range(5)
each_case = pytest.mark.parametrize("seed", SEEDS)


def distances(x, y):
    """|x_i - y_j| of points (n, d) and (m, d), (n, m)."""
    return np.sqrt(np.sum((x[:, np.newaxis] - y) ** 2, axis=-1))


def some_laws(seed, n=7, m=5, d=2):
    """Points and probabilities of p_r and of p_g."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5
    return x, rng.dirichlet(np.ones(n)), y, rng.dirichlet(np.ones(m))


def primal(a, b, cost):
    """min sum C P over plans P >= 0 with the sums a and b: the value, and P."""
    n, m = cost.shape
    sums = np.concatenate([np.kron(np.eye(n), np.ones(m)), np.tile(np.eye(m), n)])
    found = linprog(cost.ravel(), A_eq=sums, b_eq=np.concatenate([a, b]))
    return found.fun, found.x.reshape(n, m)


def dual(a, b, cost):
    """max a u + b v with u_i + v_j <= C_ij: the value, u and v."""
    n, m = cost.shape
    sums = np.concatenate([np.kron(np.eye(n), np.ones(m)), np.tile(np.eye(m), n)]).T
    found = linprog(-np.concatenate([a, b]), sums, cost.ravel(), bounds=(None, None))
    return -found.fun, *np.split(found.x, [n])


def best_critic(a, b, points):
    """max (a - b) f with f_i - f_j <= |z_i - z_j|: the value, and f at the points.

    a, b : (k,), p_r and p_g of all points, of which f_0 = 0
    """
    k = len(points)
    i, j = np.nonzero(~np.eye(k, dtype=bool))
    slopes = np.eye(k)[i] - np.eye(k)[j]
    bounds = [(0, 0)] + [(None, None)] * (k - 1)
    found = linprog(b - a, slopes, distances(points, points)[i, j], bounds=bounds)
    return -found.fun, found.x


# 1. Three programs, one number


@each_case
def test_line_13_the_least_cost_is_the_largest_of_the_dual(seed):
    """min over plans = max over prices, and where mass moves they are equal (T63).

    Two programs, written out here and solved each by itself, and the library's. Seen
    are a wrong sign of the constraint, and marginals in each other's place. Any other
    prices give less.
    """
    x, a, y, b = some_laws(seed)
    C = distances(x, y)
    (least, P), (largest, u, v) = primal(a, b, C), dual(a, b, C)
    assert least == pytest.approx(largest, rel=1e-9)
    assert optimal_transport(a, b, C).cost == pytest.approx(least, rel=1e-9)
    left = C - u[:, np.newaxis] - v
    assert np.min(left) > -1e-9
    np.testing.assert_allclose(left[P > 1e-9], 0, atol=1e-9)
    for u in np.random.default_rng(seed).normal(size=(100, 7)):
        v = np.min(C - u[:, np.newaxis], axis=0)
        assert u @ a + v @ b < least


@each_case
def test_between_the_lines_one_function_is_enough(seed):
    """Given any v the best u is min_y |x - y| - v(y), of slope one at most (T63).

    And given such a u the best v is -u, at all points, those of both laws: u(x) <= |x -
    y| + u(y) is that the slope is one at most. Neither step lowers the value.
    """
    x, a, y, b = some_laws(seed)
    points, a, b = np.concatenate([x, y]), np.append(a, 0 * b), np.append(0 * a, b)
    C = distances(points, points)
    for v in np.random.default_rng(seed).normal(size=(20, len(points))):
        some_u = np.min(C - v, axis=1) - 0.3
        u = np.min(C - v, axis=1)
        assert np.all(u[:, np.newaxis] - u <= C + 1e-12)
        best_v = np.min(C - u[:, np.newaxis], axis=0)
        np.testing.assert_allclose(best_v, -u, atol=1e-12)
        assert some_u @ a + v @ b < u @ a + v @ b <= (a - b) @ u + 1e-12


@each_case
def test_line_14_the_best_critic(seed):
    """max E f(x) - E f(y) over slopes of at most one is W_1 again (T63).

    The library's losses of the game "wasserstein" are minus it, and the generator's
    part. f + c is as good, and -f the worst.
    """
    x, _, y, _ = some_laws(seed, n=6, m=6)
    a, b = np.repeat(np.eye(2), 6, axis=1) / 6
    value, f = best_critic(a, b, np.concatenate([x, y]))
    assert value == pytest.approx(primal(a[:6], b[6:], distances(x, y))[0], rel=1e-9)
    for c in (0, 100.0):
        loss = discriminator_loss("wasserstein", f[:6] + c, f[6:] + c)
        assert loss == pytest.approx(-value)
    assert discriminator_loss("wasserstein", -f[:6], -f[6:]) == pytest.approx(value)
    assert generator_loss("wasserstein", f[6:]) == pytest.approx(-f[6:].mean())


def test_without_its_constraint_there_is_no_best_critic():
    """2 f gives twice the value, k f k times, which has no bound (T63).

    The value of the minimax game has one: with the same logits it stays below zero.
    """
    x, _, y, _ = some_laws(0, n=6, m=6)
    value, f = best_critic(*np.repeat(np.eye(2), 6, axis=1) / 6, np.concatenate([x, y]))
    for k in (2.0, 1e3, 1e6):
        loss = discriminator_loss("wasserstein", k * f[:6], k * f[6:])
        assert loss == pytest.approx(-k * value, rel=1e-9)
        assert discriminator_loss("minimax", k * f[:6], k * f[6:]) > 0


# 2. On a line


def staircase(values, weights, x):
    """F(x), the weight of all values up to x."""
    return (values <= x[:, np.newaxis]) @ weights


def inverse(values, weights, u):
    """F^-1(u), the first value at which F reaches u."""
    order = np.argsort(values)
    return values[order][np.searchsorted(np.cumsum(weights[order])[:-1], u)]


@each_case
def test_there_it_is_an_integral(seed):
    """int |F - G| dx = int |F^-1 - G^-1| du, scipy's, the library's and the plan (T63).

    Both are sums over steps, the first by places and the second by levels: areas
    between the two staircases, cut in upright or in level strips.
    """
    rng = np.random.default_rng(seed)
    (x, y), (a, b) = rng.normal(size=(2, 9)), rng.dirichlet(np.ones(9), 2)
    places = np.sort(np.concatenate([x, y]))
    F, G = (staircase(*law, places[:-1]) for law in ((x, a), (y, b)))
    upright = np.sum(np.abs(F - G) * np.diff(places))
    heights = np.sort(np.concatenate([[0], F, G, [1]]))
    middles = (heights[1:] + heights[:-1]) / 2
    apart = inverse(x, a, middles) - inverse(y, b, middles)
    level = np.sum(np.abs(apart) * np.diff(heights))
    cost = distances(x[:, np.newaxis], y[:, np.newaxis])
    for found in (
        level,
        stats.wasserstein_distance(x, y, a, b),
        wasserstein_1d(x, y, a, b),
        primal(a, b, cost)[0],
    ):
        assert found == pytest.approx(upright, rel=1e-9)


def test_between_normal_laws():
    """N(0, 1) and N(0, 4): (2 / pi)^(1/2) = 0.797884561; N(1, 1) is one away (T63).

    F^-1 of the one is twice that of the other, so that it is E|h|. Both integrals.
    """
    x = np.linspace(-20, 20, 40_001)
    h = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    for other, expected in ((stats.norm(0, 2), 0.797884561), (stats.norm(1), 1.0)):
        upright = np.sum(np.abs(stats.norm.cdf(x) - other.cdf(x))) * (x[1] - x[0])
        assert upright == pytest.approx(expected, abs=1e-6)
        moved = other.mean() + other.std() * h
        assert np.mean(np.abs(moved - h)) == pytest.approx(expected, abs=1e-4)
    assert np.sqrt(2 / np.pi) == pytest.approx(0.797884561, abs=5e-10)


@each_case
def test_it_is_a_distance(seed):
    """W(p, r) <= W(p, q) + W(q, r), and W(p, p moved by c) = |c| (T63).

    In the plane, by the plans; the triangle for five triples of laws.
    """
    x, a, y, b = some_laws(seed)
    z, c, _, _ = some_laws(seed + 100, n=6)

    def W(x, a, y, b):
        return primal(a, b, distances(x, y))[0]

    assert W(x, a, z, c) <= W(x, a, y, b) + W(y, b, z, c)
    assert W(x, a, y, b) == pytest.approx(W(y, b, x, a), rel=1e-9)
    shift = np.array([0.3, -0.4])
    assert W(x, a, x + shift, a) == pytest.approx(0.5, rel=1e-9)
    assert W(x, a, x, a) == pytest.approx(0, abs=1e-12)


# 3. Two lines side by side


def two_lines(theta, n=8):
    """Points (0, u) and (theta, u), u at n places of [0, 1]."""
    u = (np.arange(n) + 0.5) / n
    return np.stack([0 * u, u], 1), np.stack([theta + 0 * u, u], 1)


@pytest.mark.parametrize("theta", [-2.0, -0.1, 1e-6, 0.5, 3.0])
def test_where_no_point_is_common_only_W_has_a_slope(theta):
    """W_1 = |theta|, of slope +-1; JS is log 2 and L is 0, whatever theta is (T64).

    At theta = 0 both are zero, and -2 log 2: JS jumps there, and W_1 does not.
    """
    x, y = two_lines(theta)
    a = np.full(8, 1 / 8)
    assert primal(a, a, distances(x, y))[0] == pytest.approx(abs(theta), rel=1e-9)

    def moved(theta):
        cost = np.sqrt((x[:, 1:] - y[:, 1]) ** 2 + theta**2)
        return transport_cost(a, a, cost)

    assert moved(np.float64(theta)) == pytest.approx(abs(theta), rel=1e-9)
    assert grad(moved)(np.float64(theta)) == pytest.approx(np.sign(theta))
    every, index = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    p_r, p_g = (
        np.bincount(i, minlength=len(every)) / 8 for i in np.split(index.ravel(), 2)
    )
    assert jensen_shannon(p_r, p_g) == pytest.approx(np.log(2), rel=1e-12)
    assert value_of_game(p_r, p_g) == 0
    assert jensen_shannon(p_r, p_r) == 0
    assert value_of_game(p_r, p_r) == pytest.approx(-2 * np.log(2))


def test_the_slope_reaches_the_generator():
    """Descent on W_1 by theta comes to 0 in steps of eta; by L it does not move (T64).

    The generator is theta, the critic f = -+x, the best there is; a discriminator of
    slope k, f = -k x + k theta / 2, is so sure of its draws that nothing is left.
    """
    theta = 1.0
    for _ in range(10):
        theta -= 0.1 * grad(lambda t: generator_loss("wasserstein", -t * np.ones(3)))(
            np.float64(theta)
        )
    assert theta == pytest.approx(0, abs=1e-12)
    k = 1000.0
    slope = grad(lambda t: generator_loss("minimax", (-k * t + k / 2) * np.ones(3)))
    assert abs(slope(np.float64(1.0))) < 1e-200


# 4. By smoothing


def sinkhorn(a, b, cost, reg, steps=200):
    """The cost of the plan exp((u + v - C) / reg) that has the sums a and b."""
    u, v = np.zeros(len(a)), np.zeros(len(b))
    for _ in range(steps):
        u = reg * (np.log(a) - logsumexp((v - cost) / reg, axis=1))
        v = reg * (np.log(b) - logsumexp((u[:, np.newaxis] - cost) / reg, axis=0))
    return np.sum(np.exp((u[:, np.newaxis] + v - cost) / reg) * cost)


def test_a_smoothed_plan_tends_to_the_cheapest():
    """Sinkhorn's cost is above W_1 and comes down to it with its temperature (T63)."""
    x, a, y, b = some_laws(0)
    C = distances(x, y)
    least = primal(a, b, C)[0]
    above = np.array([sinkhorn(a, b, C, reg) - least for reg in (1.0, 0.3, 0.1, 0.05)])
    assert np.all(np.diff(above) < 0)
    assert 0 < above[-1] < 0.01
    assert above[0] > 0.1
