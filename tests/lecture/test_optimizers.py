"""Chapter 3: down to the minimum, and how fast.

    L(theta) = (theta - theta*)^T H (theta - theta*) / 2

Near a minimum every smooth cost is such a bowl, H its Hessian. On it the methods of
optim/ can be solved: along each eigenvector of H, with eigenvalue lambda, the error
e_k of step k follows a linear recursion of its own. So one knows which rates converge,
how fast, and why some methods divide the gradient by its size. Numbers like T8 are
those of the list in README.md.

Notation: eta learning rate, mu momentum, g gradient; m and M the smallest and the
largest eigenvalue of H, K = M / m its condition number. All gradients are taken by
autodiff.

Sources: B. T. Polyak (1964); Y. Nesterov (1983); B. O'Donoghue and E. Candes, Found.
Comput. Math. 15, 715 (2015); L. Lessard, B. Recht and A. Packard, SIAM J. Optim. 26, 57
(2016); J. Duchi et al. (2011); D. P. Kingma and J. Ba (2015).
"""

import numpy as np
import pytest

from autodiff import grad, hessian
from optim import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop


def bowl(theta, H, minimum):
    return (theta - minimum) @ H @ (theta - minimum) / 2


def walk(optimizer, loss, start, steps, *args):
    """theta_0, theta_1, ..., theta_steps as the rows of an array."""
    theta = np.array(start, float)
    slope, path = grad(loss), [theta.copy()]
    for _ in range(steps):
        optimizer.step([theta], [slope(theta, *args)])
        path.append(theta.copy())
    return np.array(path)


def problem(eigenvalues, seed=0):
    """H = Q diag(lambda) Q^T with a random rotation Q, a minimum and a start."""
    rng = np.random.default_rng(seed)
    n = len(eigenvalues)
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    return Q, Q * eigenvalues @ Q.T, rng.normal(size=n), rng.normal(size=n)


def errors(optimizer, eigenvalues, steps):
    """e_k for k = 0 ... steps, one column an eigenvalue, in units of e_0."""
    Q, H, minimum, start = problem(eigenvalues)
    e = (walk(optimizer, bowl, start, steps, H, minimum) - minimum) @ Q
    return e / e[0]


LAMBDA = np.array([0.25, 0.5, 1.3, 2.0, 3.1, 4.0])

# 1. Gradient descent


def test_the_error_is_multiplied_by_one_matrix():
    """theta_k = theta* + (I - eta H)^k (theta_0 - theta*) (T8).

    The gradient is H (theta - theta*), so that each step multiplies the error by
    I - eta H. 1e-13 is some hundred roundings; a rate wrong by 10^-12 of itself would
    be seen.
    """
    eta = 0.3
    _, H, minimum, start = problem(LAMBDA)
    path = walk(SGD(eta), bowl, start, 25, H, minimum)
    for k, theta in enumerate(path):
        powers = np.linalg.matrix_power(np.eye(len(H)) - eta * H, k)
        expected = minimum + powers @ (start - minimum)
        np.testing.assert_allclose(theta, expected, rtol=1e-13, atol=1e-14)


def test_along_an_eigenvector_the_error_is_the_power_of_a_number():
    """e_k = (1 - eta lambda)^k e_0 (T8).

    For eta lambda < 1 it falls straight, for eta lambda = 1 it is gone in one step,
    between 1 and 2 it jumps from side to side.
    """
    eta = 0.4
    e = errors(SGD(eta), LAMBDA, 12)
    factors = 1 - eta * LAMBDA
    assert np.any(factors < 0)
    for k in range(13):
        np.testing.assert_allclose(e[k], factors**k, rtol=0, atol=1e-13)
    gone = errors(SGD(1 / LAMBDA[3]), LAMBDA, 1)[1]
    np.testing.assert_allclose(gone[3], 0, atol=1e-14)


@pytest.mark.parametrize(("factor", "converges"), [(0.97, True), (1.03, False)])
def test_descent_converges_below_two_over_the_largest_eigenvalue(factor, converges):
    """It does if and only if eta < 2 / M, to three percent on both sides (T8).

    In 300 steps the error along the last eigenvector changes by 0.94^300 = 9e-9 or by
    1.06^300 = 4e7; along the others it falls.
    """
    e = np.abs(errors(SGD(factor * 2 / LAMBDA[-1]), LAMBDA, 300)[-1])
    assert e[-1] < 1e-8 if converges else e[-1] > 1e7
    assert np.all(e[:-1] < 1e-6)


def test_at_the_limit_the_error_neither_falls_nor_grows():
    """At eta = 2 / M it changes its sign for ever; no number here is rounded (T8)."""
    H = np.diag([1.0, 4.0])
    path = walk(SGD(0.5), bowl, [8, 3], 50, H, np.zeros(2))
    assert np.array_equal(path[:, 0], 8 * 0.5 ** np.arange(51))
    assert np.array_equal(path[:, 1], 3 * (-1.0) ** np.arange(51))


@pytest.mark.parametrize(("factor", "converges"), [(0.97, True), (1.03, False)])
def test_the_cost_of_a_linear_model_is_such_a_bowl(factor, converges):
    """C = (1/n) |y - X theta|^2 has H = (2/n) X^T X and its minimum at least squares.

    So the largest rate for a linear fit can be read off the data (T8).
    """
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)

    def cost(theta):
        return np.mean((y - X @ theta) ** 2)

    M = np.linalg.eigvalsh(hessian(cost)(np.zeros(4)))[-1]
    assert pytest.approx(2 / 30 * np.linalg.norm(X, 2) ** 2) == M
    path = walk(SGD(factor * 2 / M), cost, np.zeros(4), 300)
    away = np.linalg.norm(path[-1] - np.linalg.lstsq(X, y)[0])
    assert away < 1e-7 if converges else away > 1e6


def test_the_best_rate_treats_both_ends_alike():
    """At eta = 2 / (m + M) the error falls by (K - 1)/(K + 1) a step (T8).

    There 1 - eta m = -(1 - eta M). A smaller eta is slower along m, a larger one along
    M, and what lies between falls faster.
    """
    m, M = LAMBDA[0], LAMBDA[-1]
    K, best = M / m, 2 / (m + M)
    e = errors(SGD(best), LAMBDA, 40)
    pace = (K - 1) / (K + 1)
    np.testing.assert_allclose(e[:, 0], pace ** np.arange(41), rtol=1e-11)
    np.testing.assert_allclose(e[:, -1], (-pace) ** np.arange(41), rtol=1e-11)
    assert np.all(np.abs(e[-1, 1:-1]) < np.abs(e[-1, 0]))
    for other in best * np.array([0.5, 0.9, 0.999, 1.001, 1.05]):
        assert np.max(np.abs(1 - other * LAMBDA)) > pace


# 2. Momentum: a recursion over two steps


def heavy_ball(eta, mu, lam):
    """e_{k+1} = (1 + mu - eta lambda) e_k - mu e_{k-1}, as trace and determinant."""
    return 1 + mu - eta * lam, mu


def look_ahead(eta, mu, lam):
    """e_{k+1} = (1 - eta lambda) [(1 + mu) e_k - mu e_{k-1}], likewise."""
    return (1 - eta * lam) * (1 + mu), (1 - eta * lam) * mu


def roots(trace, determinant):
    """The roots of z^2 - trace z + determinant: the eigenvalues of the recursion."""
    half = trace / 2
    root = np.sqrt(half**2 - determinant + 0j)
    return half + root, half - root


def radius(recursion, eta, mu, lam):
    """|z| of the larger root: what the error is multiplied by in the long run."""
    return np.max(np.abs(roots(*recursion(eta, mu, lam))), axis=0)


METHODS = {"heavy ball": (Momentum, heavy_ball), "Nesterov": (Nesterov, look_ahead)}


@pytest.mark.parametrize("method", METHODS)
def test_momentum_is_a_two_by_two_recursion(method):
    """(e_{k+1}, e_k) = A (e_k, e_{k-1}) with one A for each eigenvalue (T8).

    A = [[trace, -determinant], [1, 0]]. The velocity starts at zero, so that e_1 is
    (1 - eta lambda) e_0 for the heavy ball, (1 - (1 + mu) eta lambda) e_0 for
    Nesterov's method. In closed form, with the two roots z and w of A,

        e_k = [(e_1 - w e_0) z^k - (e_1 - z e_0) w^k] / (z - w).
    """
    kind, recursion = METHODS[method]
    eta, mu = 0.3, 0.7
    e = errors(kind(eta, momentum=mu), LAMBDA, 30)
    first = 1 - eta * LAMBDA * (1 if kind is Momentum else 1 + mu)
    np.testing.assert_allclose(e[1], first, atol=1e-13)
    trace, determinant = recursion(eta, mu, LAMBDA)
    z, w = roots(trace, determinant)
    for k in range(30):
        two_back = trace * e[k] - determinant * e[k - 1] if k else first
        np.testing.assert_allclose(e[k + 1], two_back, rtol=0, atol=1e-13)
        closed = ((first - w) * z**k - (first - z) * w**k) / (z - w)
        np.testing.assert_allclose(e[k], closed, rtol=0, atol=1e-13)
    for i, lam in enumerate(LAMBDA):
        trace, determinant = recursion(eta, mu, lam)
        A = np.array([[trace, -determinant], [1, 0]])
        power = np.linalg.matrix_power(A, 29) @ [first[i], 1]
        np.testing.assert_allclose(power, e[[30, 29], i], rtol=0, atol=1e-13)


def test_a_heavy_ball_swings_and_then_its_pace_is_the_root_of_mu():
    """The roots are complex for (1 - sqrt mu)^2 < eta lambda < (1 + sqrt mu)^2 (T8).

    Their product is mu, so both have the size sqrt(mu), whatever lambda is: all
    directions of the bowl in that range lose their error at one pace. Outside, the
    roots are real and the larger one is larger than sqrt(mu).
    """
    mu = 0.64
    low, high = (1 - 0.8) ** 2, (1 + 0.8) ** 2
    swings = np.linspace(low, high, 102)[1:-1]
    z, _ = roots(*heavy_ball(1.0, mu, swings))
    assert np.all(z.imag > 0)
    np.testing.assert_allclose(np.abs(z), 0.8, rtol=1e-14)
    for outside in (low * 0.99, high * 1.01):
        z, _ = roots(*heavy_ball(1.0, mu, outside))
        assert z.imag == 0
        assert radius(heavy_ball, 1.0, mu, outside) > 0.8


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("factor", "converges"), [(0.97, True), (1.03, False)])
def test_momentum_converges_up_to_almost_twice_the_rate(mu, factor, converges):
    """For the heavy ball the limit is eta = 2 (1 + mu) / M, three percent aside (T8).

    There one root is -1. With mu = 0 it is the limit of plain descent.
    """
    limit = 2 * (1 + mu) / LAMBDA[-1]
    _, smaller = roots(*heavy_ball(limit, mu, LAMBDA[-1]))
    assert smaller == pytest.approx(-1, rel=1e-14)
    e = np.abs(errors(Momentum(factor * limit, momentum=mu), LAMBDA, 300)[-1])
    assert np.max(e) < 1e-5 if converges else e[-1] > 1e7


def test_the_best_heavy_ball():
    """It loses its error by (sqrt K - 1)/(sqrt K + 1) a step (T8).

    At sqrt(mu) = q, that number, and eta = 4 / (sqrt m + sqrt M)^2 both ends of the
    spectrum lie where the roots begin to be complex: a double root, q along m and -q
    along M, so that e_k = [1 + k (1 - z)] z^k with z = q and z = -q. No other pair of
    eta and mu has both radii smaller.
    """
    m, M = LAMBDA[0], LAMBDA[-1]
    q = (np.sqrt(M / m) - 1) / (np.sqrt(M / m) + 1)
    eta, mu = 4 / (np.sqrt(m) + np.sqrt(M)) ** 2, q**2
    e, k = errors(Momentum(eta, momentum=mu), LAMBDA, 40), np.arange(41)
    for i, z in ((0, q), (-1, -q)):
        np.testing.assert_allclose(e[:, i], (1 + k * (1 - z)) * z**k, atol=1e-13)
    etas, mus = np.meshgrid(np.linspace(0.01, 2, 200), np.linspace(0, 0.99, 100))
    pace = np.maximum(
        radius(heavy_ball, etas, mus, m), radius(heavy_ball, etas, mus, M)
    )
    assert q < np.min(pace) < 1.05 * q


def test_the_usual_nesterov():
    """eta = 1 / M and mu = (sqrt K - 1)/(sqrt K + 1): the pace 1 - 1 / sqrt K (T8).

    Along M the gradient step lands in the minimum, and what is left of the error is
    gone at the second step. Along m there is a double root, z = 1 - 1 / sqrt K; the
    directions between are faster. With the best parameters for a bowl it is
    1 - 2 / sqrt(3 K + 1), a double root along m and -z along M.
    """
    m, M = LAMBDA[0], LAMBDA[-1]
    K = M / m
    eta, mu = 1 / M, (np.sqrt(K) - 1) / (np.sqrt(K) + 1)
    e, k = errors(Nesterov(eta, momentum=mu), LAMBDA, 40), np.arange(41)
    z, first = 1 - 1 / np.sqrt(K), 1 - (1 + mu) * eta * m
    np.testing.assert_allclose(e[:, 0], (1 + k * (first / z - 1)) * z**k, atol=1e-13)
    np.testing.assert_allclose(e[:, -1], [1, -mu] + [0] * 39, atol=1e-13)
    assert np.all(radius(look_ahead, eta, mu, LAMBDA[1:]) < z)

    s = np.sqrt(3 * K + 1)
    eta, mu = 4 / (3 * M + m), (s - 2) / (s + 2)
    for lam in (m, M):
        assert radius(look_ahead, eta, mu, lam) == pytest.approx(1 - 2 / s, rel=1e-7)
    etas, mus = np.meshgrid(np.linspace(0.01, 2, 200), np.linspace(0, 0.99, 100))
    pace = np.maximum(
        radius(look_ahead, etas, mus, m), radius(look_ahead, etas, mus, M)
    )
    assert 1 - 2 / s < np.min(pace) < 1.05 * (1 - 2 / s)


def test_steps_grow_with_k_for_descent_and_with_its_root_for_momentum():
    """Steps until the error is 10^-6, each method at its best, K = 16, 64, 256 (T8).

    When K grows fourfold, so do the steps of descent, and those of momentum double;
    fifteen percent are left for the factor k before its power. At K = 256 it is 1769
    steps against 156.
    """
    needed = {}
    for K in (16, 64, 256):
        q = (np.sqrt(K) - 1) / (np.sqrt(K) + 1)
        ball = Momentum(4 / (1 + np.sqrt(K)) ** 2, momentum=q**2)
        descent = SGD(2 / (1 + K))
        for optimizer, steps in ((descent, 7 * K), (ball, 16 * int(np.sqrt(K)))):
            e = np.max(np.abs(errors(optimizer, np.array([1, K]), steps)), axis=1)
            needed[type(optimizer), K] = 1 + np.flatnonzero(e > 1e-6)[-1]
    for kind, ratio in ((SGD, 4), (Momentum, 2)):
        for K in (16, 64):
            found = needed[kind, 4 * K] / needed[kind, K]
            assert found == pytest.approx(ratio, rel=0.15)
    assert (needed[SGD, 256], needed[Momentum, 256]) == (1769, 156)


# 3. A rate for each parameter


def line(theta, slope):
    """A loss with the derivative that one asks for; one slope a batch."""
    return np.sum(slope * theta)


def follow(optimizer, slopes):
    """theta after each batch, from zero."""
    theta, path = np.zeros(np.shape(slopes[0])), []
    for slope in slopes:
        optimizer.step([theta], [grad(line)(theta, np.asarray(slope))])
        path.append(theta.copy())
    return np.array(path)


def test_adagrad_by_hand():
    """theta <- theta - eta g / (r + epsilon), r^2 the sum of all g^2 (T9).

    With eta = 1/2, epsilon = 1:

        g            3           4             12
        r^2          9       9 + 16 = 25    25 + 144 = 169
        g/(r + 1)   3/4      4/6 = 2/3      12/14 = 6/7
        theta      -3/8        -17/24        -191/168
    """
    optimizer = AdaGrad(1 / 2, epsilon=1.0)
    path = follow(optimizer, [3.0, 4.0, 12.0])
    np.testing.assert_allclose(path, [-3 / 8, -17 / 24, -191 / 168], rtol=1e-15)
    assert optimizer.root_sums[0] == 13


def test_rmsprop_by_hand():
    """theta <- theta - eta g / (r + epsilon), r^2 <- rho r^2 + (1 - rho) g^2 (T9).

    With eta = 1/2, epsilon = 1, rho = 9/25, so that r^2 <- (9 r^2 + 16 g^2) / 25:

        g            5                 -4                    0
        r^2     16 25/25 = 16   (144 + 256)/25 = 16    9 16/25 = (12/5)^2
        g/(r + 1)    1                -4/5                   0
        theta      -1/2              -1/10                 -1/10
    """
    optimizer = RMSprop(1 / 2, decay=9 / 25, epsilon=1.0)
    path = follow(optimizer, [5.0, -4.0, 0.0])
    np.testing.assert_allclose(path, [-1 / 2, -1 / 10, -1 / 10], rtol=1e-15)
    assert optimizer.root_mean_squares[0] == pytest.approx(12 / 5, rel=1e-15)


def test_adam_by_hand():
    """theta <- theta - eta m_hat / (sqrt(v_hat) + epsilon) (T9).

    With eta = 1/2, epsilon = 1, beta1 = 1/2, beta2 = 1/4:

        g                           4              -1                   2
        m = m/2 + g/2               2          1 - 1/2 = 1/2     1/4 + 1 = 5/4
        m_hat = m/(1 - 2^-t)        4          (1/2)/(3/4)       (5/4)/(7/8)
                                    4              2/3                 10/7
        v = v/4 + 3 g^2/4          12          3 + 3/4 = 15/4    15/16 + 3 = 63/16
        v_hat = v/(1 - 4^-t)   12/(3/4)        (15/4)/(15/16)    (63/16)/(63/64)
                                   16               4                    4
        m_hat/(sqrt(v_hat) + 1)    4/5             2/9                 10/21
        theta                     -2/5          -23/45             -236/315
    """
    optimizer = Adam(1 / 2, beta1=1 / 2, beta2=1 / 4, epsilon=1.0)
    path = follow(optimizer, [4.0, -1.0, 2.0])
    np.testing.assert_allclose(path, [-2 / 5, -23 / 45, -236 / 315], rtol=1e-15)
    assert optimizer.first_moments[0] == 5 / 4
    assert optimizer.root_second_moments[0] ** 2 == pytest.approx(63 / 16, rel=1e-15)


def test_adams_first_step_is_the_sign_of_the_slope():
    """It is -eta sign(g) / (1 + epsilon / |g|) for any g (T9).

    Slopes of 10^12 and of 10^-4 move alike; only near epsilon = 10^-8 the size counts.
    """
    g = np.array([1e12, 1.0, 1e-4, 1e-8, 1e-12]) * [[1], [-1]]
    [theta] = follow(Adam(0.1), [g])
    expected = -0.1 * np.sign(g) / (1 + 1e-8 / np.abs(g))
    np.testing.assert_allclose(theta, expected, rtol=1e-14)
    np.testing.assert_allclose(np.abs(theta[:, 3]), 0.05, rtol=1e-14)


def valley(theta, scale):
    """Rosenbrock's curved valley, in other units."""
    x, y = theta
    return scale * ((1 - x) ** 2 + 100 * (y - x**2) ** 2)


@pytest.mark.parametrize("kind", [AdaGrad, RMSprop, Adam])
def test_the_scale_of_the_loss_does_not_matter(kind):
    """L and c L are descended alike, up to terms of order epsilon / |g| (T9).

    With c = 1024, which rounds nothing, and an epsilon that is rounded away, to the
    last bit. With an epsilon that is not, the paths differ in proportion to it.
    """

    def apart(epsilon):
        ends = [
            walk(kind(0.01, epsilon=epsilon), valley, [-1, 1.5], 20, c)[-1]
            for c in (1.0, 1024.0)
        ]
        return np.max(np.abs(ends[1] - ends[0]))

    assert apart(1e-30) == 0
    assert 0 < apart(1e-4) < 1e-5
    assert apart(1e-4) / apart(1e-6) == pytest.approx(100, rel=0.01)


def test_for_plain_descent_the_scale_matters():
    """c L with the rate eta is L with the rate c eta, to the last bit (T9).

    So a rate that is right in one unit of the loss diverges in another.
    """
    for kind in (SGD, Momentum, Nesterov):
        one = walk(kind(2.0**-11), valley, [-1, 1.5], 20, 1.0)
        other = walk(kind(2.0**-14), valley, [-1, 1.5], 20, 8.0)
        same_rate = walk(kind(2.0**-14), valley, [-1, 1.5], 20, 1.0)
        assert np.array_equal(one, other)
        assert np.max(np.abs(one - same_rate)) > 0.1
