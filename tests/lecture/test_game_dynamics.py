"""Two players who go down their slopes at the same time: the simplest game.

    L(x, y) = x y:   the generator lowers it by x, the discriminator raises it by y.

The one solution is x = y = 0, where neither gains by a step of its own. Yet

    at once:      x <- x - eta y,   y <- y + eta x         goes away from it,
    in turns:     x <- x - eta y,   y <- y + eta x (new)   goes round it forever,
    extragradient: the step of where one would be          goes to it,

each at a rate that is known exactly. To be read after test_saturation.py, from top to
bottom; every statement is an assertion. Numbers like T62 are those of the list in
README.md.

Sources: G. M. Korpelevich (1976); L. Mescheder, A. Geiger and S. Nowozin, ICML (2018);
G. Gidel et al., ICLR (2019) and AISTATS (2019).
"""

import numpy as np
import pytest

from autodiff import grad, jacobian
from models.gan import GAN
from models.gan_games import discriminator_loss, generator_loss
from models.gan_penalties import r1_penalty
from models.gan_training import gan_descent
from models.mlp import MLP, Dense
from optim import SGD

ETAS = [0.01, 0.1, 0.5, 0.9]
each_eta = pytest.mark.parametrize("eta", ETAS)


def slopes(z):
    """(dL/dx, -dL/dy), of what each player lowers; a rotation by a right angle."""
    x, y = z
    return np.stack([y, -x])


def at_once(z, eta):
    return z - eta * slopes(z)


def in_turns(z, eta):
    x, y = z
    x = x - eta * y
    return np.array([x, y + eta * x])


def extragradient(z, eta):
    return z - eta * slopes(z - eta * slopes(z))


def path(step, eta, steps, start=(1.0, 1.0)):
    """The start and what follows, (steps + 1, 2)."""
    points = [np.array(start)]
    for _ in range(steps):
        points.append(step(points[-1], eta))
    return np.array(points)


def radii(points):
    return np.hypot(*points.T)


def matrix(step, eta):
    """The step is linear: its columns are where the unit vectors go."""
    return np.stack([step(unit, eta) for unit in np.eye(2)], axis=1)


def test_the_slopes_are_those_of_x_y():
    """x lowers L and y raises it, by autodiff, and both rest at zero alone (T62)."""
    z = np.array([0.3, -1.2])
    by_x, by_y = grad(lambda z: z[0] * z[1])(z)
    np.testing.assert_array_equal(slopes(z), [by_x, -by_y])
    np.testing.assert_array_equal(slopes(np.zeros(2)), 0)
    assert np.linalg.det(jacobian(slopes)(z)) == pytest.approx(1)


# 1. At once


@each_eta
def test_steps_at_once_spiral_outwards(eta):
    """By (1 + eta^2)^(1/2) a step, and through an angle of arctan eta (T62).

    The step goes along the tangent of the circle, so that the radius is that of a
    right triangle. A step that is half as long goes half as far away in twice the
    steps, and none is short enough.
    """
    points = path(at_once, eta, 100)
    expected = np.sqrt(2) * (1 + eta**2) ** (np.arange(101) / 2)
    np.testing.assert_allclose(radii(points), expected, rtol=1e-12)
    turned = np.diff(np.unwrap(np.arctan2(points[:, 1], points[:, 0])))
    np.testing.assert_allclose(turned, np.arctan(eta), rtol=1e-10)


def test_in_numbers():
    """From (1, 1) with eta = 0.1, 100 steps: 2.3258, 1.394 and 0.85994 (T62)."""
    end = {step: radii(path(step, 0.1, 100))[-1] for step in (at_once, in_turns)}
    assert np.sqrt(2) == pytest.approx(radii(path(at_once, 0.1, 0))[0])
    assert end[at_once] == pytest.approx(2.325860628, abs=5e-10)
    assert end[in_turns] == pytest.approx(1.394, abs=5e-4)
    assert radii(path(extragradient, 0.1, 100))[-1] == pytest.approx(0.85994, abs=5e-6)


def test_in_continuous_time_it_is_a_circle():
    """d/dt (x^2 + y^2) = 0: over a time 1 the radius grows by eta / 2 only (T62)."""
    for eta in (0.1, 0.01, 0.001):
        grown = radii(path(at_once, eta, round(1 / eta)))[-1] / np.sqrt(2)
        assert np.log(grown) == pytest.approx(eta / 2, rel=eta)


# 2. In turns


@pytest.mark.parametrize("eta", [*ETAS, 1.5, 1.99])
def test_steps_in_turns_stay_on_an_ellipse(eta):
    """x^2 + y^2 - eta x y does not change, at any step below 2 (T62).

    With x' = x - eta y and y' = y + eta x' it is, before, x'^2 + eta x' y + y^2, by x =
    x' + eta y; and after the same, by y'. In matrices, M^T Q M = Q.
    """
    Q, M = np.array([[1, -eta / 2], [-eta / 2, 1]]), matrix(in_turns, eta)
    np.testing.assert_allclose(M.T @ Q @ M, Q, rtol=0, atol=1e-14)
    points = path(in_turns, eta, 1000)
    conserved = np.sum(points @ Q * points, axis=1)
    np.testing.assert_allclose(conserved, 2 - eta, rtol=1e-9)
    assert np.linalg.det(M) == pytest.approx(1)


@each_eta
def test_so_the_radius_is_bounded(eta):
    """r^2 between (1 -+ eta/2) of what is conserved, and both are come close to (T62).

    It never settles: the angle goes on, by arccos(1 - eta^2 / 2) in the mean.
    """
    points = path(in_turns, eta, 2000)
    squares = radii(points) ** 2
    lowest, highest = (2 - eta) / (1 + eta / 2), (2 - eta) / (1 - eta / 2)
    assert squares.min() == pytest.approx(lowest, rel=0.01)
    assert squares.max() == pytest.approx(highest, rel=0.01)
    assert np.all((squares > lowest * (1 - 1e-9)) & (squares < highest * (1 + 1e-9)))
    turned = np.unwrap(np.arctan2(points[:, 1], points[:, 0]))
    mean = (turned[-1] - turned[0]) / 2000
    assert mean == pytest.approx(np.arccos(1 - eta**2 / 2), rel=0.002)


def test_with_the_other_player_first_the_ellipse_leans_the_other_way():
    """y first conserves x^2 + y^2 + eta x y, and not the other (T62)."""

    def y_first(z, eta):
        x, y = z
        y = y + eta * x
        return np.array([x - eta * y, y])

    x, y = path(y_first, 0.3, 100).T
    np.testing.assert_allclose(x**2 + y**2 + 0.3 * x * y, 2.3, rtol=1e-12)
    assert np.ptp(x**2 + y**2 - 0.3 * x * y) > 0.1


def test_from_two_on_they_diverge_too():
    """The ellipse is no ellipse any more for eta > 2, and the points leave (T62)."""
    assert radii(path(in_turns, 2.1, 100, (1.0, 0.5)))[-1] > 1e6
    assert np.max(np.abs(np.linalg.eigvals(matrix(in_turns, 2.1)))) > 1.1
    inside = np.abs(np.linalg.eigvals(matrix(in_turns, 1.99)))
    np.testing.assert_allclose(inside, 1, atol=1e-7)


@each_eta
def test_the_average_is_inside(eta):
    """The mean of n points in turns is below 5 / (n eta) from the solution (T62).

    The sum of eta y is what x has moved in all, and that is bounded.
    """
    points = path(in_turns, eta, 5000)
    x, y = points.T
    assert eta * np.sum(y[:-1]) == pytest.approx(x[0] - x[-1], abs=1e-9)
    assert np.linalg.norm(points.mean(axis=0)) < 5 / (5000 * eta)


# 3. What converges


@each_eta
def test_the_step_of_where_one_would_be_goes_inwards(eta):
    """By ((1 - eta^2)^2 + eta^2)^(1/2) a step, below one for 0 < eta < 1 (T62).

    z <- z - eta F(z - eta F(z)) = (1 - eta^2) z - eta F(z), as F F = -1: a step at once
    with a pull to the center beside it.
    """
    points = path(extragradient, eta, 100)
    factor = np.sqrt((1 - eta**2) ** 2 + eta**2)
    assert factor < 1
    expected = np.sqrt(2) * factor ** np.arange(101)
    np.testing.assert_allclose(radii(points), expected, rtol=1e-12)


def test_there_is_a_best_step_for_it():
    """eta^2 = 1/2, with the factor (3/4)^(1/2); with eta = 1 it is a circle (T62)."""
    etas = np.linspace(0.01, 0.99, 99)
    factors = [radii(path(extragradient, eta, 1))[-1] / np.sqrt(2) for eta in etas]
    assert etas[np.argmin(factors)] == pytest.approx(np.sqrt(0.5), abs=0.006)
    assert min(factors) == pytest.approx(np.sqrt(0.75), abs=1e-4)
    assert radii(path(extragradient, 1.0, 50))[-1] == pytest.approx(np.sqrt(2))


# 4. A network that plays it


class Still(GAN):
    """A GAN whose latents are zero, so that its draws are the generator's bias."""

    def draw_latent(self, n, rng):
        return np.zeros((n, 1))


def test_the_library_plays_in_turns():
    """A Wasserstein critic f = y x, draws x and data 0: L = -x y, y first (T62).

    Training by plain gradient steps follows the ellipse of this chapter to the last
    digits; at once, or with the generator first, it would be another path.
    """
    one, zero = np.ones((1, 1)), np.zeros(1)
    gan = Still(
        MLP([Dense(one.copy(), np.ones(1))]), MLP([Dense(one.copy(), zero.copy())])
    )
    step = gan_descent(game="wasserstein")
    state, (x, y) = (gan, SGD(0.1), SGD(0.1)), (1.0, 1.0)
    for _ in range(100):
        state, _ = step(state, (np.zeros((4, 1)),), np.random.default_rng(0))
        y = y - 0.1 * x
        x = x + 0.1 * y
        found = (
            gan.generator.layers[0].bias[0],
            gan.discriminator.layers[0].weights[0, 0],
        )
        np.testing.assert_allclose(found, (x, y), rtol=1e-11)
        assert x**2 + y**2 - 0.1 * x * y == pytest.approx(1.9, rel=1e-12)


@pytest.mark.parametrize("weight", [0.0, 0.3, 2.0])
def test_a_penalty_on_the_slope_is_friction(weight):
    """Data at 0, draws at x, D = sigmoid(y x): F' has the eigenvalues of a swing (T62).

    F' = [[0, -1/2], [1/2, w]] at the solution, with R1 of weight w, so that z' = -F(z)
    has -w/2 +- (w^2 - 1)^(1/2) / 2: without friction it goes round forever, for w < 1
    it swings, above it does not. In the non-saturating game they are the same.
    """
    zeros = np.zeros((3, 1))
    for game in ("minimax", "non-saturating"):

        def lowered(z, game=game):
            def of_y(y):
                def f(x):
                    return x[:, 0] * y

                loss = discriminator_loss(game, f(zeros), f(z[0] + zeros))
                return loss + weight * r1_penalty(f, zeros)

            def of_x(x):
                return generator_loss(game, (x + zeros[:, 0]) * z[1])

            return np.stack([grad(of_x)(z[0]), grad(of_y)(z[1])])

        found = -jacobian(lowered)(np.zeros(2))
        np.testing.assert_allclose(found, [[0, 0.5], [-0.5, -weight]], atol=1e-12)
        root = np.emath.sqrt(weight**2 - 1) / 2
        expected = np.sort_complex([-weight / 2 + root, -weight / 2 - root])
        np.testing.assert_allclose(
            np.sort_complex(np.linalg.eigvals(found)), expected, atol=1e-7
        )
