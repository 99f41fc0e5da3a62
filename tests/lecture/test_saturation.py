"""A discriminator that is never wrong, and the gradient that is left of it.

    minimax           the generator lowers   E log(1 - D(G(h))),
    non-saturating    the generator lowers   -E log D(G(h)).

With D = sigmoid(f) their slopes by the logit f are -D and -(1 - D). Draws that are told
from data have D = 0: there is nothing left of the first, and the second is -1. The
lines are those that the docstring of models/gan_games.py numbers, 10 to 12 here. To be
read after test_best_generator.py, from top to bottom; every statement is an assertion.
Numbers like T61 are those of the list in README.md.

Sources: I. Goodfellow et al., NeurIPS (2014), section 3; M. Arjovsky and L. Bottou,
ICLR (2017), theorems 2.1, 2.4 and 2.5.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from autodiff import grad
from models import jensen_shannon, kl_divergence
from models.gan import GAN
from models.gan_games import GAMES, discriminator_loss, generator_loss
from models.gan_theory import value_of_game
from models.gan_training import generator_slope

LOG2 = np.log(2)
LOGITS = np.array([-700.0, -40, -10, -5, -2, 0, 2, 5, 10, 40, 700])
SLOPES = {
    "minimax": lambda D: -D,
    "non-saturating": lambda D: -(1 - D),
    "wasserstein": lambda D: -np.ones_like(D),
}


def slopes(game, logits):
    """d loss / df at each logit : (n,); the loss is a mean."""
    return len(logits) * grad(lambda f: generator_loss(game, f))(logits)


# 1. By the logit


@pytest.mark.parametrize("game", GAMES)
def test_lines_10_to_12_the_slopes_by_the_logit(game):
    """-D, -(1 - D) and -1, at logits from -700 to 700, none of them nan (T61)."""
    found = slopes(game, LOGITS)
    expected = SLOPES[game](expit(LOGITS))
    if game == "non-saturating":
        expected = -expit(-LOGITS)  # the same, with the digits of a small 1 - D
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_in_numbers():
    """At f = -2, -5, -10 the one falls to -4.5e-5, the other goes to -1 (T61)."""
    far = np.array([-2.0, -5.0, -10.0])
    np.testing.assert_allclose(
        slopes("minimax", far), [-1.2e-1, -6.7e-3, -4.5e-5], rtol=0.02
    )
    np.testing.assert_allclose(
        slopes("non-saturating", far), [-0.88, -0.993, -0.99995], rtol=0.002
    )


def test_it_is_infinite_by_D_only():
    """d(-log D) / dD = -1 / D is, and dD / df = D (1 - D) takes this back (T61)."""
    D = expit(np.array([-5.0, -10, -30]))
    by_D = grad(lambda D: -np.sum(np.log(D)))(D)
    np.testing.assert_allclose(by_D, -1 / D, rtol=1e-14)
    assert by_D[-1] < -1e12
    back = by_D * D * (1 - D)
    np.testing.assert_allclose(back, slopes("non-saturating", np.log(D / (1 - D))))
    assert np.all(np.abs(back) <= 1)


def test_what_a_network_gets_of_it():
    """With f lowered by 30 the minimax gradient of G is e^-30 of the other's (T61).

    At f = 0 the two are one, so that nothing else tells them apart.
    """
    gan = GAN.create(2, 2, hidden=(8,), activation="tanh", rng=0)
    h = np.random.default_rng(1).normal(size=(1, 2))
    last = gan.discriminator.layers[-1]

    def gradient(game):
        return generator_slope(gan, h, game=game)[1].layers[0].weights

    last.bias -= gan.logits(gan.generate(h))
    half = gradient("minimax")
    np.testing.assert_allclose(half, gradient("non-saturating"), rtol=1e-12)
    last.bias -= 30
    saturated, other = gradient("minimax"), gradient("non-saturating")
    np.testing.assert_allclose(other, 2 * half, rtol=1e-10)
    np.testing.assert_allclose(saturated, np.exp(-30) * other, rtol=1e-10)


# 2. A discriminator that becomes perfect


def apart(k, n=1000):
    """L and the generator's mean slope by x, of D = sigmoid(k (1.5 - x)).

    The data are uniform on [0, 1] and the draws on [2, 3]: midpoints of n intervals.
    """
    x = (np.arange(n) + 0.5) / n
    L = -discriminator_loss("minimax", k * (1.5 - x), k * (1.5 - x - 2))
    by_x = [
        np.sum(grad(lambda y, game=game: generator_loss(game, k * (1.5 - y)))(x + 2))
        for game in ("minimax", "non-saturating")
    ]
    return L, *by_x


def test_the_loss_rises_to_zero():
    """L goes up with the discriminator, to 0, which it cannot pass (E15).

    It is a mean of logarithms of probabilities, and D is chosen to raise it: it begins
    at -2 log 2 and does not "fall to zero".
    """
    L = np.array([apart(k)[0] for k in (0, 1, 4, 16, 64, 256)])
    assert L[0] == pytest.approx(-2 * LOG2)
    assert np.all(np.diff(L) > 0)
    assert np.all(L < 0)
    assert L[-1] > -1e-50


def test_it_is_the_divergence_that_saturates():
    """At L = 0 JS is log 2, its maximum, which says only that no x is common (E15).

    For laws on 20 places with p_g taken over to places of its own, bit by bit: L(D*)
    rises all the way, and (L + 2 log 2) / 2 with it is JS, to log 2.
    """
    p_r, away = np.zeros((2, 20))
    p_r[:10], away[10:] = np.random.default_rng(0).dirichlet(np.ones(10), 2)
    L, divergence = [], []
    for share in np.linspace(0, 1, 11):
        p_g = (1 - share) * p_r + share * away
        L.append(value_of_game(p_r, p_g))
        divergence.append(jensen_shannon(p_r, p_g))
    assert np.all(np.diff(L) > 0)
    assert L[-1] == 0
    np.testing.assert_allclose(divergence, np.array(L) / 2 + LOG2, atol=1e-12)
    assert divergence[-1] == pytest.approx(LOG2, rel=1e-15)


def test_and_the_generators_gradient_goes_with_it():
    """Its mean slope by x, for k = 16: 2e-3 in minimax, and k in the other (T61).

    The minimax slope is D k on the average, int of sigmoid' over [2, 3]. It grows at
    first, with the slope of f, and vanishes as D does; that of the other is k (1 - D),
    and never does.
    """
    for k in (1, 4, 16, 64):
        _, minimax, other = apart(k)
        between = expit(-k / 2), expit(-3 * k / 2)
        exact = np.log((1 - between[1]) / (1 - between[0]))
        assert minimax == pytest.approx(exact, rel=1e-3)
        assert other == pytest.approx(k - exact, rel=1e-3)
    assert apart(16)[1] == pytest.approx(np.exp(-8), rel=0.01)
    assert apart(64)[1] < 1e-13


@pytest.mark.parametrize("game", GAMES)
def test_a_discriminator_that_is_trained_becomes_perfect(game):
    """400 ascents of a line f = a x + b on laws that are apart: L goes up (T61).

    The generator's minimax slope by x is below a twentieth of where it was largest, and
    the non-saturating one is at its largest: the better the discriminator, the steeper.
    The Wasserstein critic is steeper with every step by the same: by the difference of
    the two means, without an end.
    """
    x = (np.arange(50) + 0.5) / 50
    y, (a, b), by_x = x + 2, np.zeros((2, 1)), []

    def loss(theta):
        return discriminator_loss(
            game, theta[0] * x + theta[1], theta[0] * y + theta[1]
        )

    values = []
    for _ in range(400):
        theta = np.concatenate([a, b])
        a, b = np.split(theta - 5 * grad(loss)(theta), 2)
        values.append(loss(np.concatenate([a, b])))
        at = a, b
        slope = grad(lambda y, at=at: generator_loss(game, at[0] * y + at[1]))(y)
        by_x.append(np.abs(np.sum(slope)))
    if game == "wasserstein":
        np.testing.assert_allclose(np.diff(by_x), 5 * 2, rtol=1e-9)
        np.testing.assert_allclose(np.diff(values), -5 * 2**2, rtol=1e-9)
        return
    assert values[-1] < 0.01
    if game == "minimax":
        assert by_x[-1] < 0.05 * max(by_x)
    else:
        assert by_x[-1] == max(by_x) > 5


# 3. What is lowered instead


X = np.linspace(-14, 16, 3001)
STEP = X[1] - X[0]
P_R = stats.norm.pdf(X)


def normal(mean):
    return stats.norm.pdf(X - mean)


def slope_of_game(game, mean):
    """d/d mean of what the generator x = mean + h lowers, with D* of that mean held.

    The mean over h of the slope by x: that of the logit log p_r / p_g is -mean.
    """
    D = expit(mean**2 / 2 - mean * X)
    return np.sum(normal(mean) * SLOPES[game](D) * -mean) * STEP


def slope_of(divergence, mean):
    """d/d mean of divergence(p_r, p_g), by differences that are exact to 1e-9."""
    values = [divergence(P_R * STEP, normal(mean + d) * STEP) for d in (1e-4, -1e-4)]
    return (values[0] - values[1]) / 2e-4


@pytest.mark.parametrize("mean", [0.5, 2.0, 5.0])
def test_minimax_lowers_twice_the_jensen_shannon_divergence(mean):
    """Data N(0, 1), draws N(mean, 1), the best D at each mean (T61)."""
    expected = slope_of(lambda p_r, p_g: 2 * jensen_shannon(p_r, p_g), mean)
    assert slope_of_game("minimax", mean) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mean", [0.5, 2.0, 5.0])
def test_non_saturating_lowers_another_divergence(mean):
    """Its slope is that of KL(p_g || p_r) - 2 JS(p_r, p_g) (T61).

    KL(p_g || p_r), and not the other direction, is large where draws are and no data,
    and little is asked of data that are never drawn; and JS comes with a minus.
    """

    def lowered(p_r, p_g):
        return kl_divergence(p_g, p_r) - 2 * jensen_shannon(p_r, p_g)

    found = slope_of_game("non-saturating", mean)
    assert found == pytest.approx(slope_of(lowered, mean), rel=1e-5)


def test_far_apart_one_slope_vanishes_and_the_other_grows():
    """At means 2, 4, 8: d(2 JS) falls to 1e-2, 1e-3 of the other, -> mean (T61)."""
    minimax, other = (
        np.array([slope_of_game(game, mean) for mean in (2.0, 4.0, 8.0)])
        for game in ("minimax", "non-saturating")
    )
    assert np.all(np.diff(minimax) < 0)
    assert np.all(np.diff(other) > 0)
    assert minimax[-1] < 0.01
    assert other[-1] == pytest.approx(8, abs=0.01)


def test_both_are_at_rest_for_the_same_discriminators():
    """By x, the slope of either is that of f times a number that is not zero (T61).

    So both vanish where f has no slope, as for D = 1/2 everywhere: at p_g = p_r.
    """
    for game in ("minimax", "non-saturating"):
        assert slope_of_game(game, 0.0) == pytest.approx(0, abs=1e-15)
        assert np.all(SLOPES[game](expit(LOGITS[1:-1])) <= 0)
    y = np.array([-1.0, 0.0, 1.0])

    def slope(game):
        return grad(lambda y: generator_loss(game, np.cos(y)))(y)

    D = expit(np.cos(y))
    np.testing.assert_allclose(
        slope("minimax") * (1 - D), slope("non-saturating") * D, atol=1e-15
    )
    assert slope("minimax")[1] == slope("non-saturating")[1] == 0
