"""Chapter 2: what one hidden layer can represent, and what it cannot.

    f(x) = c + sum_k v_k sigma(w_k . x + b_k),        k = 1 ... m.

Cybenko's theorem says that such sums come as close as one likes to any continuous
function F on the unit cube. Here one is built with its error in closed form, then
fitted, and then taken to where the theorem ends: at a jump, and at the question of how
many units it takes. Numbers like T1 are those of the list in README.md.

Notation: m the width, sup |F - f| the uniform error on [0, 1], E|F - f|^2 the mean
square under a density p(x), omega(d) = sup of |F(x) - F(y)| over |x - y| <= d the
modulus of continuity of F.

Sources: G. Cybenko, Math. Control Signals Systems 2, 303 (1989); K. Hornik, Neural
Networks 4, 251 (1991); M. Leshno et al., Neural Networks 6, 861 (1993); M. Telgarsky,
COLT (2016).
"""

from copy import deepcopy

import numpy as np
import pytest
from scipy.optimize import linprog

from autodiff import grad, jvp, relu, sigmoid
from models import MLP, Dense
from optim import LBFGS, minimize

X = np.linspace(0, 1, 20001)


def evaluate(network, x):
    """The values of a network with one input and one output at x : (n,)."""
    return network(x[:, np.newaxis])[:, 0]


def sup_error(F, network):
    """The largest |F - f| on a grid so fine that it sees every step of the network."""
    return np.max(abs(F(X) - evaluate(network, X)))


def sine(x):
    return np.sin(2 * np.pi * x)


def jump(x):
    return (x > 0.5).astype(float)


# 1. A network that needs no training


def staircase(F, m, steepness=40.0):
    """F(0) + sum_k [F(k/m) - F((k-1)/m)] sigma(lambda (x - (k - 1/2)/m)).

    Unit k is a step of height one in the middle between (k-1)/m and k/m, as steep as
    lambda = steepness * m; its output weight is what F gains between the two.
    """
    k = np.arange(1, m + 1)
    rate, gains = steepness * m, F(k / m) - F((k - 1) / m)
    hidden = Dense(np.full((1, m), rate), -rate * (k - 0.5) / m, "sigmoid")
    return MLP([hidden, Dense(gains[:, np.newaxis], F(np.zeros(1)))])


def shares(m, x, steepness=40.0):
    """(m + 1, n): sigma_k(x) - sigma_{k+1}(x), k = 0 ... m; sigma_0 = 1, the last 0."""
    k = np.arange(1, m + 1)[:, np.newaxis]
    units = sigmoid(steepness * (m * x - k + 0.5))
    return -np.diff(units, axis=0, prepend=np.ones((1, len(x))), append=0)


@pytest.mark.parametrize("m", [1, 7, 40])
def test_the_staircase_is_an_average_of_the_values_nearby(m):
    """Summed by parts, f(x) = sum_k F(k/m) [sigma_k(x) - sigma_{k+1}(x)] (T1).

    The brackets are a probability distribution over k, since sigma_k falls with k. All
    but 2 exp(-lambda / 2m) of it lies within 1/m of x. So f(x) is a mean of F around x.
    """
    rng = np.random.default_rng(m)
    values = rng.normal(size=m + 1)

    def F(x):
        return values[np.rint(m * x).astype(int)]

    p = shares(m, X)
    np.testing.assert_allclose(evaluate(staircase(F, m), X), values @ p, atol=1e-12)
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-14)
    far = abs(np.arange(m + 1)[:, np.newaxis] - m * X) > 1 + 1e-9
    assert np.max(np.sum(p * far, axis=0)) <= 2 * np.exp(-40 / 2)


def polygon(x):
    """Through random heights: Lipschitz, with kinks."""
    heights = np.random.default_rng(3).uniform(-1, 1, 12)
    return np.interp(x, np.linspace(0, 1, 12), heights)


def cusp(x):
    """Continuous, but steeper than any line at 0.3: omega(d) = (2 d)^(1/2)."""
    return np.sign(x - 0.3) * np.sqrt(abs(x - 0.3))


def modulus(F, d):
    """omega(d) on the grid: the largest F(x) - F(y), both in a window of length d."""
    shifts = range(round(d * (len(X) - 1)) + 1)
    values = F(X)
    return max(np.max(abs(values[s:] - values[: len(X) - s])) for s in shifts)


@pytest.mark.parametrize("F", [sine, polygon, cusp])
@pytest.mark.parametrize("m", [10, 40, 160])
def test_the_error_is_below_the_modulus_of_continuity(F, m):
    """A mean of values within 1/m is off by at most omega(1/m) (T1).

    What lies further away adds its share, 2 exp(-20), times the range of F.
    """
    bound = modulus(F, 1 / m)
    error = sup_error(F, staircase(F, m))
    assert 0.2 * bound < error < bound + 2 * np.exp(-20) * np.ptp(F(X))


def test_the_error_of_the_sine_is_a_number_over_m():
    """F = sin 2 pi x: 0.2391, then half of it with each doubling of m (T1).

    omega(d) = 2 sin(pi d), twice the error and more. The error itself has a law: where
    F is a line of slope s, at u/m from a step, f is off by (s/m) |u + 1/2 - sigma(40
    u)|. The worst u has sigma (1 - sigma) = 1/40, and the worst slope is 2 pi.
    """
    widths = np.array([10, 20, 40, 80, 160])
    errors = np.array([sup_error(sine, staircase(sine, m)) for m in widths])
    np.testing.assert_allclose(
        errors, [0.2391, 0.1202, 0.0602, 0.0301, 0.0151], atol=5e-5
    )
    bounds = 2 * np.sin(np.pi / widths)
    np.testing.assert_allclose(bounds, [0.618, 0.313, 0.157, 0.0785, 0.0393], rtol=2e-3)
    assert np.all(errors < bounds)
    slope, _ = np.polyfit(np.log(widths), np.log(errors), 1)
    assert slope == pytest.approx(-1, abs=0.005)

    s = (1 - np.sqrt(1 - 4 / 40)) / 2
    worst = 0.5 - s + np.log(s / (1 - s)) / 40
    np.testing.assert_allclose(widths * errors, 2 * np.pi * worst, rtol=0.01)
    assert widths[-1] * errors[-1] == pytest.approx(2 * np.pi * worst, rel=1e-4)


def test_the_rate_is_that_of_the_function():
    """A cusp of power 1/2 is approached like m^(-1/2), by the same network (T1)."""
    widths = [16, 64, 256]
    errors = [sup_error(cusp, staircase(cusp, m)) for m in widths]
    slope, _ = np.polyfit(np.log(widths), np.log(errors), 1)
    assert slope == pytest.approx(-0.5, abs=0.1)


def test_values_come_close_and_slopes_do_not():
    """df/dx = lambda sum_k v_k sigma_k (1 - sigma_k), by three ways alike (T1).

    A staircase is flat between its steps and 40/4 times too steep on them, however
    fine it is: to be close everywhere says nothing about the derivative.
    """
    m = 64
    network = staircase(sine, m)
    x = np.concatenate([[1 / m, 0.5 / m], np.random.default_rng(0).uniform(size=50)])
    hidden, output = network.layers
    s = sigmoid(x[:, np.newaxis] @ hidden.weights + hidden.bias)
    by_hand = (s * (1 - s) * hidden.weights) @ output.weights[:, 0]

    def f(x):
        return evaluate(network, x)

    np.testing.assert_allclose(jvp(f, (x,), (np.ones_like(x),))[1], by_hand, atol=1e-11)
    h = 1e-7
    numerical = (f(x + h) - f(x - h)) / (2 * h)
    np.testing.assert_allclose(numerical, by_hand, atol=1e-5 * np.max(abs(by_hand)))
    on_a_tread, on_a_step = by_hand[:2] / (2 * np.pi)
    assert abs(on_a_tread) < 1e-5
    assert on_a_step == pytest.approx(40 / 4, rel=0.01)


def random_features(activation, x, m, rng, scale=6.0):
    """(n, m): sigma(w . (x - c)), slopes w of size `scale`, centers c in the cube."""
    w = scale * rng.normal(size=(x.shape[1], m))
    c = rng.uniform(size=(m, x.shape[1]))
    return activation(x @ w - np.sum(w * c.T, axis=0))


def test_in_two_dimensions_random_units_do():
    """Units drawn blindly, output weights by least squares: the error falls (T1).

    F is a bump on the square. What is fitted at 30 x 30 points is judged at others.
    """

    def F(x):
        return np.exp(-np.sum((x - 0.5) ** 2, axis=1) / (2 * 0.2**2))

    def square(n):
        axis = (np.arange(n) + 0.5) / n
        return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)

    x, x_new = square(30), square(41)
    errors = []
    for m in (4, 16, 64, 256):
        features = random_features(
            sigmoid, np.concatenate([x, x_new]), m, np.random.default_rng(m)
        )
        fitted, new = features[: len(x)], features[len(x) :]
        v = np.linalg.lstsq(fitted, F(x))[0]
        errors.append(np.max(abs(new @ v - F(x_new))))
    assert np.all(np.diff(np.log(errors)) < -0.5)
    assert errors[0] > 0.2
    assert errors[-1] < 1e-3


# 2. In the mean square: any bounded activation that is not constant


def quadrature(n=80):
    """Nodes and weights on [0, 1]: Gauss-Legendre on either half of it."""
    z, weights = np.polynomial.legendre.leggauss(n)
    return np.concatenate([z + 1, z + 3]) / 4, np.tile(weights / 4, 2)


def density(x):
    return 6 * x * (1 - x)


def fitted_error(activation, F, m):
    """E|F - f|^2 for m random units with v by least squares under the density p.

    It is integrated by other nodes than those of the fit.
    """

    def at(n):
        x, weights = quadrature(n)
        rng = np.random.default_rng(0)
        features = random_features(activation, x[:, np.newaxis], m, rng)
        return features, F(x), np.sqrt(weights * density(x))

    features, values, roots = at(80)
    v = np.linalg.lstsq(features * roots[:, np.newaxis], values * roots)[0]
    features, values, roots = at(97)
    return np.sum((roots * (values - features @ v)) ** 2)


def bump(z):
    return np.exp(-(z**2))


BOUNDED = {"sigmoid": sigmoid, "tanh": np.tanh, "sine": np.sin, "bump": bump}


def test_the_quadrature_is_exact():
    """n nodes integrate polynomials up to the degree 2n - 1, and jumps at 1/2."""
    x, weights = quadrature(5)
    for degree in range(10):
        assert weights @ x**degree == pytest.approx(1 / (degree + 1), rel=1e-13)
        half = weights @ (jump(x) * x**degree) * (degree + 1)
        assert half == pytest.approx(1 - 0.5 ** (degree + 1), rel=1e-13)
    assert weights @ density(x) == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("name", BOUNDED)
def test_any_bounded_activation_will_do(name):
    """Hornik's form: E|F - f|^2 falls below any eps; sine and bump too (T2) (E13).

    So it is not needed that the activation is monotone, as the slide asks. The units
    are random, and the mean square is an integral, by nodes that the fit did not see.
    """
    errors = [fitted_error(BOUNDED[name], sine, m) for m in (2, 4, 8, 16)]
    assert errors[0] > 0.05
    for error, eps in zip(errors[1:], (0.3, 1e-2, 1e-8), strict=True):
        assert error < eps


def test_a_constant_and_a_polynomial_will_not_do():
    """What is needed: sums of units that do not all lie in a small space (T2) (E13).

    Constant units give constants: what stays is the variance of F. Squares of w x + b
    give parabolas, whatever their number: what stays is the distance to the nearest
    parabola. To be bounded is not what helps: relu, which is not, works as well.
    """
    x, weights = quadrature()
    p = weights * density(x)
    variance = p @ sine(x) ** 2 - (p @ sine(x)) ** 2
    parabolas = np.sqrt(p)[:, np.newaxis] * np.vander(x, 3)
    _, [distance], *_ = np.linalg.lstsq(parabolas, np.sqrt(p) * sine(x))
    for m in (4, 16, 64):
        assert fitted_error(np.ones_like, sine, m) == pytest.approx(variance, rel=1e-9)
        assert fitted_error(np.square, sine, m) == pytest.approx(distance, rel=1e-9)
    assert distance > 0.1
    assert fitted_error(relu, sine, 32) < 1e-3


def test_at_least_squares_the_rest_is_orthogonal_to_every_unit():
    """d/dv_k E|F - f|^2 = -2 E[(F - f) sigma_k], by three ways alike (T2)."""
    x, weights = quadrature()
    p = weights * density(x)
    units = random_features(np.tanh, x[:, np.newaxis], 6, np.random.default_rng(1))

    def mean_square(v):
        return np.sum(p * (sine(x) - units @ v) ** 2)

    v = np.random.default_rng(2).normal(size=6)
    by_hand = -2 * units.T @ (p * (sine(x) - units @ v))
    np.testing.assert_allclose(grad(mean_square)(v), by_hand, rtol=1e-12)
    h = 1e-4  # a quadratic: central differences have no truncation error
    numerical = [
        (mean_square(v + h * e) - mean_square(v - h * e)) / (2 * h) for e in np.eye(6)
    ]
    np.testing.assert_allclose(numerical, by_hand, rtol=1e-8)
    roots = np.sqrt(p)
    best = np.linalg.lstsq(units * roots[:, np.newaxis], sine(x) * roots)[0]
    assert np.max(abs(grad(mean_square)(best))) < 1e-13


# 3. A jump


@pytest.mark.parametrize("seed", range(5))
def test_no_network_comes_closer_to_a_jump_than_half_of_it(seed):
    """F = 1[x > 1/2]. At 1/2 - d and 1/2 + d, F differs by 1 and f by nothing (T3).

    So one of the two errors is at least 1/2 as d -> 0, for every continuous f.
    """
    networks = [staircase(jump, 10 * 2**seed), staircase(jump, 10 * 2**seed + 1)]
    networks += [
        MLP.create((1, 9, 1), activation=a, rng=seed) for a in ("tanh", "relu")
    ]
    for network in networks:
        for d in (1e-6, 1e-9, 1e-12):
            sides = np.array([0.5 - d, 0.5 + d])
            f = evaluate(network, sides)
            assert max(abs(jump(sides) - f)) >= 0.5 - abs(f[1] - f[0]) / 2
        assert abs(f[1] - f[0]) < 1e-7


@pytest.mark.parametrize("rate", [10.0, 100.0, 1000.0])
def test_one_steep_unit_reaches_the_half_and_is_close_in_the_mean(rate):
    """f = sigma(lambda (x - 1/2)): sup |F - f| = 1/2 and E|F - f|^2 -> 0 (T3).

    The mean square is 2/lambda times the integral of sigma(-s)^2 from 0 to lambda/2 =
    S, which is S - log(1 + e^S) + sigma(-S) + log 2 - 1/2 and tends to log 2 - 1/2. The
    width stays one: here the size of a weight is what an error costs.
    """
    network = MLP([Dense(np.full((1, 1), rate), np.array([-rate / 2]), "sigmoid")])
    assert sup_error(jump, network) == 0.5
    x, weights = quadrature(400)
    mean_square = weights @ (jump(x) - evaluate(network, x)) ** 2
    S = rate / 2
    integral = -np.log1p(np.exp(-S)) + sigmoid(-S) + np.log(2) - 0.5
    assert mean_square == pytest.approx(2 / rate * integral, rel=1e-12)
    if rate >= 100:
        assert mean_square == pytest.approx(2 / rate * (np.log(2) - 0.5), rel=1e-12)


def test_the_staircase_at_a_jump():
    """With even m its one step is 1/(2m) too late: E|F - f|^2 = 0.475/m (T3).

    1/(2m) for the delay, less 1/lambda = 1/(40 m) for the slope. The uniform error is
    that of being late: one.
    """
    x, weights = quadrature(400)
    for m in (10, 20, 40):
        network = staircase(jump, m)
        mean_square = weights @ (jump(x) - evaluate(network, x)) ** 2
        assert mean_square == pytest.approx(0.475 / m, rel=1e-6)
        assert sup_error(jump, network) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("name", BOUNDED)
def test_in_the_mean_square_a_jump_is_a_function_like_others(name):
    """E|F - f|^2 falls with the width, for each activation (T3)."""
    errors = [fitted_error(BOUNDED[name], jump, m) for m in (2, 8, 32)]
    assert errors[0] > 0.05
    assert errors[1] < 0.04
    assert errors[2] < 0.02


# 4. How many units?


def ramp(z):
    """A continuous sigmoidal function: 0 up to z = 0, then z, then 1 from z = 1."""
    return relu(z) - relu(z - 1)


def best_error(units, values):
    """The smallest max |values - c - units v|, over c and v: a linear program."""
    n = len(values)
    A = np.column_stack([np.ones(n), units])
    A = np.block([[A, -np.ones((n, 1))], [-A, -np.ones((n, 1))]])
    cost = np.zeros(A.shape[1])
    cost[-1] = 1
    b = np.concatenate([values, -values])
    return linprog(cost, A_ub=A, b_ub=b, bounds=(None, None)).fun


@pytest.mark.parametrize("k", [4, 8, 16])
def test_no_width_serves_all_functions(k):
    """For every m there is an F, |F| <= 1, on which m units are worth nothing (T4).

    F = sin 2 pi k x has 2k extremes. Sums of m ramps are polygons with 2m kinks. With
    2m < k - 1 three extremes in a row, +1, -1, +1, meet a straight line, and the best
    that a line can do there is zero: the error is 1, whatever the weights. With many
    more units than k it is small, as T1 says. So eps alone gives no width; together
    with omega it does, at least for the staircase.
    """
    extremes = (np.arange(2 * k) + 0.5) / (2 * k)
    F = np.sin(2 * np.pi * k * extremes)
    np.testing.assert_allclose(abs(F), 1)
    m, rng = k // 2 - 1, np.random.default_rng(k)
    for scale in (k, 10 * k, 1000 * k):
        units = random_features(ramp, extremes[:, np.newaxis], m, rng, scale)
        assert best_error(units, F) == pytest.approx(1, abs=1e-9)

    m = 20 * k
    steps = np.arange(m)
    values = np.sin(2 * np.pi * k * np.arange(m + 1) / m)
    f = values[0] + ramp(m * X[:, np.newaxis] - steps) @ np.diff(values)
    # A polygon through points 1/m apart: |F''| / (8 m^2).
    error = np.max(abs(f - np.sin(2 * np.pi * k * X)))
    assert error == pytest.approx((2 * np.pi * k) ** 2 / (8 * m**2), rel=0.02)


# 5. The theorem as it is printed


def test_without_output_weights_there_is_no_theorem():
    """Theta = (W, b) is printed; the weights v and c of the output are missing (E13).

    A sum of sigmoids is positive, and where the sine is not, zero is the closest: the
    mean square keeps above E[F^2; F < 0] = 1/4 and the largest error above 1. The same
    ten units with v and c are trained to a mean square a thousand times smaller.
    """
    x = (np.arange(100)[:, np.newaxis] + 0.5) / 100
    F = sine(x)
    hidden = MLP.create((1, 10), rng=0).layers[0]
    printed = MLP([Dense(8 * hidden.weights, -4 * hidden.weights[0], "sigmoid")])
    corrected = MLP([*deepcopy(printed.layers), Dense.create(10, 1, rng=1)])

    def mean_square(network):
        return np.mean((F - np.sum(network(x), axis=1, keepdims=True)) ** 2)

    for network in (printed, corrected):
        minimize(mean_square, network, LBFGS(), steps=200)
    assert 0.25 < mean_square(printed) < 0.35
    lowest = np.array([0.75])
    assert np.sum(printed(lowest[:, np.newaxis])) - sine(lowest) > 1
    assert mean_square(corrected) < 0.25e-3


def test_the_shapes_that_the_theorem_does_not_name():
    """W : (d, m) and b : (m,) for d inputs, one a row, and m units (E13).

    Printed are W in R^(m x n) and b in R^n, x having d entries: with m = d and n units
    they fit rows of x, W x does not fit b.
    """
    d, units = 3, 5
    W, b, x = np.ones((d, units)), np.ones(units), np.ones((2, d))
    assert Dense(W, b, "sigmoid")(x).shape == (2, units)
    with pytest.raises(ValueError, match="mismatch"):
        W @ x[0] + b
