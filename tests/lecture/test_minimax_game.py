"""The game of a generator and a discriminator: who is asked what.

    L(D, G) = E_{p_r}[log D(x)] + E_h[log(1 - D(G(h)))]

is what the discriminator raises and the generator lowers. The second mean can be taken
over h, which is drawn, or over x = G(h), whose law p_g is not known in practice. Here
it is: each G below takes h ~ N(0, 1) to a law with a name. The lines are those that the
docstring of models/gan_games.py numbers, 1 and 2 here. To be read after
test_divergences.py, from top to bottom; every statement is an assertion. Numbers like
T55 are those of the list in README.md.

Source: I. Goodfellow et al., NeurIPS (2014).
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from autodiff import grad, stop_gradient, tree_leaves
from models.gan import GAN
from models.gan_games import discriminator_loss
from models.gan_training import discriminator_slope, generator_slope

DATA = stats.norm(0.5, 1.2)
NORMAL = stats.norm()
LAWS = {
    "a line": (lambda h: 1 + 2 * h, stats.norm(1, 2)),
    "a sinh": (lambda h: np.sinh((h - 0.5) / 1.5), stats.johnsonsu(0.5, 1.5)),
    "an exponential": (lambda h: np.exp(h / 2), stats.lognorm(0.5)),
    "folded": (np.abs, stats.halfnorm()),
}
each_law = pytest.mark.parametrize(("G", "p_g"), LAWS.values(), ids=LAWS)


def logit(x):
    """That of some D; it need not be the best."""
    return np.sin(2 * x) + 0.5 - 0.3 * x


def log_D(x):
    return -np.log1p(np.exp(-logit(x)))


def log_not_D(x):
    return -np.log1p(np.exp(logit(x)))


def integral(f, edges):
    """The integral of f over the pieces between edges, by 100 nodes in each."""
    nodes, weights = np.polynomial.legendre.leggauss(100)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    return np.sum(
        f(middle + half * nodes[:, np.newaxis]) * half * weights[:, np.newaxis]
    )


def quantiles(law):
    """Places between which a law is smooth, and beyond which it has nothing."""
    return law.ppf([1e-15, 1e-9, 1e-4, 0.05, 0.5, 0.95, 1 - 1e-4, 1 - 1e-9, 1 - 1e-15])


def mean_over(law, f, change=lambda u: u):
    """E f(change(u)) for u of a law."""
    return integral(lambda u: law.pdf(u) * f(change(u)), quantiles(law))


# 1. Over h or over x


@each_law
def test_lines_1_and_2_the_mean_over_h_is_the_mean_over_draws(G, p_g):
    """E_h[log(1 - D(G(h)))] = int p_g(x) log(1 - D(x)) dx, by quadrature (T55).

    The law of G(h) is given by its name, so that a G which draws another is seen; with
    |h| a G that is not monotone is among them, of which two h make one x.
    """
    over_h = mean_over(NORMAL, log_not_D, G)
    assert over_h == pytest.approx(mean_over(p_g, log_not_D), abs=1e-9)


def test_the_density_of_the_latents_is_not_that_of_the_draws():
    """p_h(G^-1(x)), without the factor 1 / G', is no density, and far off (T55)."""
    p_g = stats.lognorm(0.5)
    right, edges = mean_over(p_g, log_not_D), quantiles(p_g)

    def wrong(x):
        return NORMAL.pdf(2 * np.log(x))

    assert integral(wrong, edges) == pytest.approx(0.5 * np.exp(1 / 8), rel=1e-6)
    assert abs(integral(lambda x: wrong(x) * log_not_D(x), edges) - right) > 0.1
    mended = integral(lambda x: wrong(x) * 2 / x * log_not_D(x), edges)
    assert mended == pytest.approx(right, abs=1e-9)


@each_law
def test_of_draws_the_library_gives_minus_its_estimate(G, p_g):
    """The discriminator's loss of 100,000 data and draws, within 5.03 errors of -L.

    L by quadrature over x (T55). The error is below 0.3 %, which sees one of 3 %: a
    sign, or the two laws in each other's place.
    """
    rng = np.random.default_rng(0)
    n = 100_000
    x, h = DATA.rvs(n, random_state=rng), rng.normal(size=n)
    found = discriminator_loss("minimax", logit(x), logit(G(h)))
    expected = mean_over(DATA, log_D) + mean_over(p_g, log_not_D)
    error = np.sqrt((log_D(x).var() + log_not_D(G(h)).var()) / n)
    assert error < 0.003 * abs(expected)
    assert abs(found + expected) < 5.03 * error


# 2. Which law h has does not matter

LATENTS = {
    "uniform": stats.uniform(),
    "normal": NORMAL,
    "exponential": stats.expon(),
    "logistic": stats.logistic(),
}
each_latent = pytest.mark.parametrize("latent", LATENTS.values(), ids=LATENTS)


@each_latent
@each_law
def test_another_latent_is_another_generator(latent, G, p_g):
    """G(Phi^-1(F(u))) of u with the distribution function F draws from p_g too (E17).

    n values of u, one at the middle of each n-th of its law: their distribution is as
    close to that of p_g as one of n values can be, 1 / 2n, or 1 / n of pairs.
    """
    n = 1000
    u = latent.ppf((np.arange(n) + 0.5) / n)
    x = G(NORMAL.ppf(latent.cdf(u)))
    least = 1 / n if G is np.abs else 1 / (2 * n)
    assert stats.kstest(x, p_g.cdf).statistic == pytest.approx(least, rel=1e-6)


@each_latent
def test_so_the_game_is_the_same(latent):
    """L with h uniform, or of any continuous law, is L with h normal (E17)."""
    G, p_g = LAWS["a sinh"]
    over_u = mean_over(latent, log_not_D, lambda u: G(NORMAL.ppf(latent.cdf(u))))
    assert over_u == pytest.approx(mean_over(p_g, log_not_D), abs=1e-7)


def test_a_network_takes_uniforms_through_one_more_map():
    """G o Phi^-1, entry by entry, is a generator of uniforms in as many dimensions.

    Covariances of 20,000 draws of it and of the network's own are equal within 5.03
    errors (E17). The same network draws another law of uniforms as they are.
    """
    gan = GAN.create(2, 3, hidden=(8,), activation="tanh", rng=0)
    n = 20_000
    own = gan.sample(n, rng=1)
    u = np.random.default_rng(2).random((n, 3))
    mapped, plain = gan.generate(NORMAL.ppf(u)), gan.generate(u)

    def second(x):
        return x[:, 0] ** 2, x[:, 1] ** 2, x[:, 0] * x[:, 1]

    def errors_apart(x, y):
        pairs = zip(second(x), second(y), strict=True)
        return [
            (a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / n) for a, b in pairs
        ]

    assert np.max(np.abs(errors_apart(own, mapped))) < 5.03
    assert np.max(np.abs(errors_apart(own, plain))) > 20


def test_a_discrete_latent_will_not_do():
    """Of a law with atoms F(u) is not uniform, and no map makes a density of it (E17).

    Of Poisson numbers with the mean 3 the largest atom is 0.224, and the distance to a
    continuous law is half of this at least, wherever G takes the numbers.
    """
    latent, k = stats.poisson(3), np.arange(30)
    p = latent.pmf(k)
    assert p.max() == pytest.approx(0.224, abs=5e-4)

    def distance(places):
        order = np.argsort(places)
        above, at = np.cumsum(p[order]), NORMAL.cdf(places[order])
        return np.maximum(above - at, at - above + p[order]).max()

    middles = NORMAL.ppf(latent.cdf(k) - p / 2)
    assert distance(middles) == pytest.approx(p.max() / 2, rel=1e-9)
    for places in np.random.default_rng(0).normal(size=(200, len(k))):
        assert distance(places) > p.max() / 2


# 3. What each player can change


def some_players(seed=0):
    """A GAN, data and latents."""
    rng = np.random.default_rng(seed)
    gan = GAN.create(2, 3, hidden=(4,), activation="tanh", rng=rng)
    return gan, rng.normal(size=(6, 2)), rng.normal(size=(6, 3))


def value(gan, x, h):
    """L(D, G) of data and draws."""
    return -discriminator_loss("minimax", gan.logits(x), gan.logits(gan.generate(h)))


def assert_equal(found, expected):
    for one, other in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def largest(tree):
    return max(np.max(np.abs(array)) for array in tree_leaves(tree))


def test_the_data_say_nothing_to_the_generator():
    """E_{p_r}[log D(x)] has no gradient by G, not even by rounding (T60).

    That of all of L by G is that of its second mean, and it is not zero.
    """
    gan, x, h = some_players()

    def of_data(generator):
        return -np.mean(np.log1p(np.exp(-replace(gan, generator=generator).logits(x))))

    def of_draws(generator):
        player = replace(gan, generator=generator)
        return -np.mean(np.log1p(np.exp(player.logits(player.generate(h)))))

    for array in tree_leaves(grad(of_data)(gan.generator)):
        np.testing.assert_array_equal(array, 0)
    alone = grad(of_draws)(gan.generator)
    assert largest(alone) > 0.01
    assert_equal(grad(value)(gan, x, h).generator, alone)


def test_each_player_has_its_own_gradient_of_one_function():
    """What the two slopes of the library are: -dL/dD and dL/dG (T60).

    With other data the generator's does not change, and the discriminator's does.
    """
    gan, x, h = some_players()
    both = grad(value)(gan, x, h)
    _, of_G = generator_slope(gan, h, game="minimax")
    assert_equal(of_G, both.generator)
    mix = np.zeros((len(x), 1))
    _, of_D = discriminator_slope(gan, x, h, mix, game="minimax")
    assert_equal([-array for array in tree_leaves(of_D)], both.discriminator)
    other = grad(value)(gan, x + 1, h)
    assert_equal(of_G, other.generator)
    assert largest(other.discriminator) != pytest.approx(largest(of_D), rel=0.01)


def test_draws_are_constants_to_the_discriminator():
    """With G(h) held fixed its gradient is the same, and G has none (T60).

    Not held fixed, a descent of the discriminator's loss by both would move G against
    its own aim: by the gradient of L with the opposite sign.
    """
    gan, x, h = some_players()

    def held(gan, x, h):
        y = stop_gradient(gan.generate(h))
        return discriminator_loss("minimax", gan.logits(x), gan.logits(y))

    def free(gan, x, h):
        return -value(gan, x, h)

    fixed, moved = grad(held)(gan, x, h), grad(free)(gan, x, h)
    for array in tree_leaves(fixed.generator):
        np.testing.assert_array_equal(array, 0)
    assert_equal(fixed.discriminator, moved.discriminator)
    _, of_G = generator_slope(gan, h, game="minimax")
    assert_equal([-array for array in tree_leaves(of_G)], moved.generator)
