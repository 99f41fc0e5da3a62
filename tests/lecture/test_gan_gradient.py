"""The gradients of both players, by hand.

    the generator:      a = tanh(h A + c),   y = a B + d,
    the critic:         u = tanh(x C + e),   f(x) = u w + b,
    its slope by x:     v = (1 - u^2) w,     grad f = v C^T    (w times by entry),
    the penalty:        R = mean (|grad f(z)| - 1)^2,   z = mix x + (1 - mix) y.

A player's loss is a function of logits, so its gradient begins with one slope a logit
and goes back through the critic; the generator's goes on through y. That of the penalty
begins at grad f, where all that makes it up is differentiated once more: C and w as
they stand there, and u, of which 1 - u^2 has the slope -2 u. Each line below is the
transpose of one of the forward lines. To be read after test_critic.py, from top to
bottom; every statement is an assertion. Numbers like T60 are those of the list in
README.md.

Sources: I. Goodfellow et al., NeurIPS (2014), algorithm 1; I. Gulrajani et al., NeurIPS
(2017), algorithm 1.
"""

import numpy as np
import pytest

from autodiff import check_gradients, explain, grad
from models.gan import GAN
from models.gan_games import GAMES, generator_loss
from models.gan_training import (
    discriminator_slope,
    discriminator_terms,
    generator_slope,
)

D, LATENT, N = 3, 2, 5  # numbers of x and of h, examples
WEIGHT = 10.0
each_game = pytest.mark.parametrize("game", GAMES)
each_penalty = pytest.mark.parametrize("penalty", [None, "gradient", "r1"])


def layers_of(network):
    """A, c, B, d of the generator, or C, e, w, b of the critic, w : (q, 1)."""
    return [array for layer in network.layers for array in (layer.weights, layer.bias)]


def sigmoid(f):
    return 1 / (1 + np.exp(-f))


# d loss / d logit, up to 1 / n: of the critic by data and by draws, of the generator.
BY_DATA = {
    "minimax": lambda f: sigmoid(f) - 1,
    "non-saturating": lambda f: sigmoid(f) - 1,
    "wasserstein": lambda f: -np.ones_like(f),
}
BY_DRAWS = {"minimax": sigmoid, "non-saturating": sigmoid, "wasserstein": np.ones_like}
BY_GENERATOR = {
    "minimax": lambda f: -sigmoid(f),
    "non-saturating": lambda f: sigmoid(f) - 1,
    "wasserstein": lambda f: -np.ones_like(f),
}


def draws(generator, h):
    A, c, B, d = generator
    return np.tanh(h @ A + c) @ B + d


def through_critic(critic, x, slope):
    """d loss / dC, de, dw, db, and dx, for slope(f) : (n,) = d loss / df, times n."""
    C, e, w, b = critic
    u = np.tanh(x @ C + e)
    by_f = slope((u @ w + b)[:, 0])[:, np.newaxis] / len(x)
    by_s = by_f @ w.T * (1 - u**2)
    parameters = [x.T @ by_s, by_s.sum(axis=0), u.T @ by_f, by_f.sum(axis=0)]
    return parameters, by_s @ C.T


def slope_by_x(critic, z):
    C, e, w, _ = critic
    return (1 - np.tanh(z @ C + e) ** 2) * w[:, 0] @ C.T


def slope_of_gradient(g):
    """d mean (|g| - 1)^2 / dg, for g : (n, d)."""
    norm = np.linalg.norm(g, axis=1, keepdims=True)
    return 2 * (norm - 1) * g / norm / len(g)


def slope_of_r1(g):
    """d mean |g|^2 / 2 / dg."""
    return g / len(g)


BY_SLOPE = {"gradient": slope_of_gradient, "r1": slope_of_r1}


def of_penalty(critic, z, slope):
    """d R / dC, de, dw, db, for R a function of grad f(z) with slope(grad f) = dR/dg.

    C is in grad f twice: as the last factor, and within u.
    """
    C, e, w, b = critic
    # Forwards.
    u = np.tanh(z @ C + e)
    v = (1 - u**2) * w[:, 0]
    g = v @ C.T
    # Backwards.
    by_g = slope(g)
    by_v = by_g @ C
    by_u = by_v * w[:, 0] * -2 * u
    by_s = by_u * (1 - u**2)
    return [
        by_g.T @ v + z.T @ by_s,
        by_s.sum(axis=0),
        np.sum(by_v * (1 - u**2), axis=0)[:, np.newaxis],
        0 * b,
    ]


def critics_gradient(generator, critic, x, h, mix, game, penalty):
    """d / dC, de, dw, db of the critic's loss and WEIGHT times the penalty."""
    y = draws(generator, h)
    of_data, _ = through_critic(critic, x, BY_DATA[game])
    of_draws, _ = through_critic(critic, y, BY_DRAWS[game])
    gradient = [one + other for one, other in zip(of_data, of_draws, strict=True)]
    if penalty is None:
        return gradient
    z = mix * x + (1 - mix) * y if penalty == "gradient" else x
    of_R = of_penalty(critic, z, BY_SLOPE[penalty])
    return [one + WEIGHT * other for one, other in zip(gradient, of_R, strict=True)]


def generators_gradient(generator, critic, h, game):
    """d / dA, dc, dB, dd of the generator's loss."""
    A, c, B, _ = generator
    a = np.tanh(h @ A + c)
    _, by_y = through_critic(critic, draws(generator, h), BY_GENERATOR[game])
    by_s = by_y @ B.T * (1 - a**2)
    return [h.T @ by_s, by_s.sum(axis=0), a.T @ by_y, by_y.sum(axis=0)]


def some_case(seed):
    """Both players, x, h and mix; biases are not zero."""
    rng = np.random.default_rng(seed)
    gan = GAN.create(
        D, LATENT, hidden=(4,), discriminator_hidden=(6,), activation="tanh", rng=rng
    )
    for network in (gan.generator, gan.discriminator):
        for array in layers_of(network):
            array += 0.3 * rng.normal(size=array.shape)
    x, h = rng.normal(size=(N, D)), rng.normal(size=(N, LATENT))
    return gan, x, h, rng.random((N, 1))


def by_hand(gan, x, h, mix, game, penalty):
    """The gradients of both players."""
    G, f = layers_of(gan.generator), layers_of(gan.discriminator)
    of_critic = critics_gradient(G, f, x, h, mix, game, penalty)
    return generators_gradient(G, f, h, game), of_critic


def critics_loss(gan, *batch, game, penalty):
    terms = discriminator_terms(gan, *batch, game=game, penalty=penalty)
    return terms["loss"] + WEIGHT * terms.get("penalty", 0)


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


# 1. By hand, by reverse mode, and by the program that it records


@each_penalty
@each_game
def test_the_critics_gradient(game, penalty):
    """Four arrays, in three ways, for each game (T60) and penalty (T65).

    The printed program, recorded for other players and another batch, goes through the
    penalty's second backpropagation as well.
    """

    def loss(gan, *batch):
        return critics_loss(gan, *batch, game=game, penalty=penalty)

    printed = explain(grad(loss), *some_case(seed=100))
    assert "import" not in str(printed)
    for seed in range(5):
        case = some_case(seed)
        _, expected = by_hand(*case, game, penalty)
        assert min(np.max(np.abs(array)) for array in expected[:3]) > 1e-3
        terms = {"game": game, "penalty": penalty, "weight": WEIGHT}
        _, found = discriminator_slope(*case, **terms)
        assert_equal(layers_of(found), expected)
        assert_equal(layers_of(printed(*case).discriminator), expected)


@each_game
def test_the_generators_gradient(game):
    """Four arrays, in three ways, for each game; the data have no part in it (T60)."""

    def loss(gan, h):
        return generator_loss(game, gan.logits(gan.generate(h)))

    other, _, h, _ = some_case(seed=100)
    printed = explain(grad(loss), other, h)
    assert "import" not in str(printed)
    for seed in range(5):
        gan, x, h, mix = some_case(seed)
        expected, _ = by_hand(gan, x, h, mix, game, None)
        assert min(np.max(np.abs(array)) for array in expected) > 1e-3
        assert_equal(layers_of(generator_slope(gan, h, game=game)[1]), expected)
        assert_equal(layers_of(printed(gan, h).generator), expected)


@each_penalty
@each_game
def test_they_are_the_slopes_of_the_losses(game, penalty):
    """Held to differences of the losses (T60) with penalties (T65), of 1e-5."""
    gan, x, h, mix = some_case(seed=0)
    of_generator, of_critic = by_hand(gan, x, h, mix, game, penalty)

    def critic(gan):
        return critics_loss(gan, x, h, mix, game=game, penalty=penalty)

    def generator(gan):
        return generator_loss(game, gan.logits(gan.generate(h)))

    for network, loss, gradient in (
        (gan.generator, generator, of_generator),
        (gan.discriminator, critic, of_critic),
    ):
        for array, expected in zip(layers_of(network), gradient, strict=True):
            for index in np.ndindex(array.shape):
                at, around = array[index], []
                for moved in (at + 1e-5, at - 1e-5):
                    array[index] = moved
                    around.append(loss(gan))
                array[index] = at
                difference = (around[0] - around[1]) / 2e-5
                assert difference == pytest.approx(expected[index], abs=1e-7)
    check_gradients(critic, (gan,))


# 2. What the lines say


def test_the_penalty_asks_the_critic_to_be_steeper_or_flatter():
    """A step down R brings |grad f| closer to one, from below and from above (T65).

    By as much as the square of the step says: seen are signs, and what is left out.
    """
    gan, x, h, mix = some_case(seed=0)
    C, e, w, b = layers_of(gan.discriminator)
    z = mix * x + (1 - mix) * draws(layers_of(gan.generator), h)
    for scale in (0.1, 10.0):
        critic = [C, e, scale * w, b]
        steps = of_penalty(critic, z, slope_of_gradient)
        for i in range(3):
            moved = [array.copy() for array in critic]
            moved[i] -= 1e-4 * steps[i]
            before, after = (
                np.mean((np.linalg.norm(slope_by_x(k, z), axis=1) - 1) ** 2)
                for k in (critic, moved)
            )
            expected = -1e-4 * np.sum(steps[i] ** 2)
            assert after - before == pytest.approx(expected, rel=0.1)


def test_the_losses_of_a_zero_sum_game_share_their_slopes():
    """By a draw's logit what one player has the other has with a minus (T60).

    The non-saturating game has no zero sum: sigmoid - 1 is -sigmoid at 0 only.
    """
    f = np.linspace(-3, 3, 7)
    for game in ("minimax", "wasserstein"):
        np.testing.assert_array_equal(BY_GENERATOR[game](f), -BY_DRAWS[game](f))
    same = BY_GENERATOR["non-saturating"](f) == -BY_DRAWS["non-saturating"](f)
    np.testing.assert_array_equal(same, f == 0)


@each_game
def test_steps_along_them_lower_both_losses(game):
    """300 steps of each player, the other held, at fixed x, h and mix (T60).

    Seen are signs that turn one of the losses upwards.
    """
    for i, loss in (
        (0, lambda gan, x, h, mix: generator_loss(game, gan.logits(gan.generate(h)))),
        (1, lambda *case: critics_loss(*case, game=game, penalty="gradient")),
    ):
        gan, *batch = some_case(seed=0)
        player = layers_of((gan.generator, gan.discriminator)[i])
        before = loss(gan, *batch)
        for _ in range(300):
            steps = by_hand(gan, *batch, game, "gradient")[i]
            for array, step in zip(player, steps, strict=True):
                array -= 0.02 * step
        assert loss(gan, *batch) < before - 0.1
