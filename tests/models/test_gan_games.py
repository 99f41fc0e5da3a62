"""The losses of the three games: formulas, slopes, extremes, and what they mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_expit

from autodiff import check_gradients, grad
from models.divergences import jensen_shannon
from models.gan_games import GAMES, discriminator_loss, generator_loss, require_game
from tests.models.gans import both_dtypes, every_game

# (game, slope of the generator's loss by the logit f of one draw)
SLOPES = {
    "minimax": lambda f: -expit(f),
    "non-saturating": lambda f: -expit(-f),
    "wasserstein": lambda f: -np.ones_like(f),
}
seeds = st.integers(0, 10**6)
sizes = st.integers(1, 6)


def logits(seed, n, scale=3.0, dtype=np.float64):
    """Return n logits, (n,)."""
    return (scale * np.random.default_rng(seed).standard_normal(n)).astype(dtype)


@given(seed=seeds, n=sizes, m=sizes)
def test_the_losses_are_means_of_logarithms(seed, n, m):
    """Of D and 1 - D by SciPy, and of the critic's values as they are."""
    real, fake = logits(seed, n), logits(seed + 1, m)
    value = np.mean(log_expit(real)) + np.mean(log_expit(-fake))  # L(D, G)
    for game in ("minimax", "non-saturating"):
        assert discriminator_loss(game, real, fake) == pytest.approx(-value, rel=1e-13)
    found = generator_loss("minimax", fake)
    assert found == pytest.approx(np.mean(np.log(1 - expit(fake))), rel=1e-9)
    found = generator_loss("non-saturating", fake)
    assert found == pytest.approx(-np.mean(np.log(expit(fake))), rel=1e-9)
    distance = real.sum() / n - fake.sum() / m
    found = discriminator_loss("wasserstein", real, fake)
    assert found == pytest.approx(-distance, rel=1e-12, abs=1e-14)
    found = generator_loss("wasserstein", fake)
    assert found == pytest.approx(-fake.sum() / m, rel=1e-12, abs=1e-14)


@every_game
@given(seed=seeds, n=sizes, m=sizes)
def test_derivatives_by_the_logits(game, seed, n, m):
    real, fake = logits(seed, n), logits(seed + 1, m)
    by_both = check_gradients(
        lambda real, fake: discriminator_loss(game, real, fake), (real, fake), order=2
    )
    by_fake = check_gradients(lambda fake: generator_loss(game, fake), (fake,), order=2)
    assert by_both.inconclusive == by_fake.inconclusive == 0


@every_game
def test_the_slope_of_the_generator_by_a_logit(game):
    """-D, -(1 - D) and -1: lines (10) to (12), from draws told for sure to not at all.

    The last is the negative of the other slopes' sum.
    """
    f = np.linspace(-40, 40, 81)
    found = len(f) * grad(lambda f: generator_loss(game, f))(f)
    np.testing.assert_allclose(found, SLOPES[game](f), rtol=1e-13)
    minimax, other, critic = (slope(f) for slope in SLOPES.values())
    np.testing.assert_allclose(minimax + other, critic, rtol=1e-13)
    if game != "wasserstein":
        assert abs(found[0]) == pytest.approx(0 if game == "minimax" else 1, abs=1e-15)


@every_game
def test_what_one_wins_the_other_loses_but_in_the_game_without_saturation(game):
    real, fake = logits(0, 5), logits(1, 4)
    of_D = grad(lambda fake: discriminator_loss(game, real, fake))(fake)
    of_G = grad(lambda fake: generator_loss(game, fake))(fake)
    assert np.all(of_D > 0)
    assert np.all(of_G < 0)
    assert np.allclose(of_D, -of_G, rtol=1e-13) == (game != "non-saturating")


@both_dtypes
@every_game
@pytest.mark.parametrize("size", [200.0, 1e4, 1e30])
def test_large_logits_are_neither_lost_nor_too_large(game, size, dtype):
    """Where the logarithm of D is -inf, the losses are lines, with finite slopes."""
    wrong, right = (np.full(3, sign * size, dtype) for sign in (-1, 1))
    lost = 2 * size  # data at -size and draws at size
    won = -2 * size if game == "wasserstein" else 0.0
    found = [
        discriminator_loss(game, wrong, right),
        discriminator_loss(game, right, wrong),
        generator_loss(game, right),
        generator_loss(game, wrong),
    ]
    of_G = {
        "minimax": (-size, 0.0),
        "non-saturating": (0.0, size),
        "wasserstein": (-size, size),
    }[game]
    for value, expected in zip(found, (lost, won, *of_G), strict=True):
        assert value.dtype == dtype
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-80)
    for f in (wrong, right):
        slope = 3 * grad(lambda f: generator_loss(game, f))(f)
        assert slope.dtype == dtype
        np.testing.assert_allclose(slope, SLOPES[game](f), rtol=1e-6, atol=1e-80)


@given(seed=seeds, n=st.integers(2, 6))
def test_the_best_discriminator_and_what_it_leaves(seed, n):
    """At f = log p_r / p_g the slope is zero, and the loss 2 log 2 - 2 JS.

    Laws of counts: state i occurs r_i times in the data and g_i times in the draws.
    """
    rng = np.random.default_rng(seed)
    r, g = rng.integers(1, 9, (2, n))
    p_r, p_g = r / r.sum(), g / g.sum()

    def loss(f):
        return discriminator_loss("minimax", np.repeat(f, r), np.repeat(f, g))

    best = np.log(p_r / p_g)
    divergence = jensen_shannon(p_r, p_g)
    assert loss(best) == pytest.approx(2 * np.log(2) - 2 * divergence, rel=1e-12)
    real, fake = np.repeat(best, r), np.repeat(best, g)
    by_real, by_fake = grad(discriminator_loss, (1, 2))("minimax", real, fake)
    states = np.arange(n)
    by_f = np.bincount(np.repeat(states, r), by_real)
    by_f += np.bincount(np.repeat(states, g), by_fake)
    np.testing.assert_allclose(by_f, 0, atol=1e-14)
    assert loss(best + 0.1 * rng.standard_normal(n)) > loss(best)


def test_the_critic_has_no_zero_and_no_scale():
    """A constant changes nothing, and a factor all: there is no best one."""
    real, fake = logits(0, 5), logits(1, 4)
    loss = discriminator_loss("wasserstein", real, fake)
    shifted = discriminator_loss("wasserstein", real + 7, fake + 7)
    assert shifted == pytest.approx(loss, rel=1e-12)
    doubled = discriminator_loss("wasserstein", 2 * real, 2 * fake)
    assert doubled == pytest.approx(2 * loss, rel=1e-13)


@pytest.mark.parametrize("name", ["hinge", "", None, ("minimax",)])
def test_a_game_that_there_is_not(name):
    words = r"there is no game .*; the names are minimax, non-saturating, wasserstein"
    for call in (
        lambda: require_game(name),
        lambda: discriminator_loss(name, np.zeros(1), np.zeros(1)),
        lambda: generator_loss(name, np.zeros(1)),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_each_game_has_its_name():
    assert [require_game(name) for name in GAMES] == list(SLOPES)
