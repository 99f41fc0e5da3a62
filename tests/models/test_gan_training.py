"""How a GAN learns: the slopes of both players, a round by hand, and whole runs."""

import copy

import numpy as np
import pytest

from autodiff import check_gradients, grad, tree_leaves
from models.gan import GAN
from models.gan_games import discriminator_loss, generator_loss
from models.gan_penalties import gradient_penalty, r1_penalty
from models.gan_training import (
    OverRounds,
    discriminator_slope,
    discriminator_terms,
    gan_descent,
    generator_slope,
    pieces,
)
from optim import Adam, Checkpoint, CosineDecay, MovingAverage, NonFiniteError
from tests.models.gans import (
    both_dtypes,
    every_game,
    labels_of,
    make_batch,
    make_gan,
    with_or_without_classes,
)

SETTINGS = [
    {"game": "minimax"},
    {"game": "non-saturating", "penalty": "r1", "weight": 0.3},
    {"game": "wasserstein", "penalty": "gradient", "weight": 2.0, "critic_steps": 3},
    {"game": "wasserstein", "clip": 0.3, "critic_steps": 2},
]
every_setting = pytest.mark.parametrize("settings", SETTINGS)


def flat(tree):
    """Return all parameters in one array."""
    return np.concatenate([leaf.ravel() for leaf in tree_leaves(tree)])


# The slopes


@every_game
@with_or_without_classes
@pytest.mark.parametrize("penalty", [None, "gradient", "r1"])
def test_the_discriminator_learns_by_its_own_parameters(game, penalty, classes):
    """The terms are what they say, and the slope that of their weighted sum."""
    gan = make_gan(classes=classes)
    x, h, mix, *labels = batch = make_batch(gan)
    y = gan.generator(gan.told(h, *labels))

    def loss(discriminator):
        def f(x):
            return discriminator(gan.told(x, *labels))[:, 0]

        value = discriminator_loss(game, f(x), f(y))
        if penalty == "gradient":
            value = value + 3 * gradient_penalty(f, x, y, mix)
        if penalty == "r1":
            value = value + 3 * r1_penalty(f, x)
        return value

    assert check_gradients(loss, (gan.discriminator,), order=2).inconclusive == 0
    what = {"game": game, "penalty": penalty}
    terms, slope = discriminator_slope(gan, *batch, **what, weight=3)
    assert list(terms) == ["loss", "penalty"][: 1 + (penalty is not None)]
    found = terms["loss"] + 3 * terms.get("penalty", 0)
    assert found == pytest.approx(loss(gan.discriminator), rel=1e-13)
    expected = grad(loss)(gan.discriminator)
    np.testing.assert_allclose(flat(slope), flat(expected), rtol=1e-10, atol=1e-13)
    again = discriminator_terms(gan, *batch, **what)
    assert terms == pytest.approx(again, rel=1e-13)


@every_game
@with_or_without_classes
def test_the_generator_learns_by_its_own_parameters(game, classes):
    """The mean over data has no slope by G: that over draws is all."""
    gan = make_gan(classes=classes)
    _, h, _, *labels = make_batch(gan)

    def loss(generator):
        y = generator(gan.told(h, *labels))
        return generator_loss(game, gan.logits(y, *labels))

    assert check_gradients(loss, (gan.generator,), order=2).inconclusive == 0
    value, slope = generator_slope(gan, h, *labels, game=game)
    assert value == pytest.approx(loss(gan.generator), rel=1e-13)
    np.testing.assert_allclose(flat(slope), flat(grad(loss)(gan.generator)), rtol=1e-12)
    assert np.all(flat(slope) != 0)


# A round


@every_setting
@with_or_without_classes
def test_a_round_by_hand(settings, classes):
    """The same draws, steps of Adam, clipping and average, written one by one.

    Detects pieces or labels of others, draws that are used twice, an optimizer of the
    other network, and a player that moves before its turn.
    """
    gan = make_gan(classes=classes)
    twin, k, n = copy.deepcopy(gan), settings.get("critic_steps", 1), 5
    game, penalty = settings["game"], settings.get("penalty")
    rng = np.random.default_rng(3)
    X = rng.standard_normal((k * n, 2))
    labels = [rng.integers(classes, size=k * n)] if classes else []
    state = gan, Adam(0.1, 0.5, 0.9), Adam(0.02, 0.5, 0.9), MovingAverage(0.9)
    rng, other = np.random.default_rng(4), np.random.default_rng(4)
    step, average = gan_descent(**settings), MovingAverage(0.9)
    of_G, of_D = Adam(0.1, 0.5, 0.9), Adam(0.02, 0.5, 0.9)
    for _ in range(2):
        (same, *_), metrics = step(state, (X, *labels), rng)
        for i in range(k):
            part = slice(i * n, (i + 1) * n)
            h, mix = other.standard_normal((n, 3)), other.random((n, 1))
            mine = [each[part] for each in labels]
            terms, slope = discriminator_slope(
                twin,
                *(X[part], h, mix, *mine),
                game=game,
                penalty=penalty,
                weight=settings.get("weight", 10.0),
            )
            of_D.step(twin.discriminator, slope)
            if "clip" in settings:
                for layer in twin.discriminator.layers:
                    layer.weights[:] = np.clip(layer.weights, -0.3, 0.3)
        h = other.standard_normal((n, 3))
        loss, slope = generator_slope(twin, h, *mine, game=game)
        of_G.step(twin.generator, slope)
        average.update(twin.generator)
        assert same is gan
        assert metrics == {**terms, "generator": loss}
        np.testing.assert_array_equal(flat(gan), flat(twin))
    assert rng.random() == other.random()
    ours = flat(state[3].averaged(gan.generator))
    np.testing.assert_array_equal(ours, flat(average.averaged(twin.generator)))


def test_a_batch_is_cut_in_pieces_that_keep_their_order():
    x, labels = np.arange(6)[:, np.newaxis], np.arange(6)
    cut = pieces((x, labels), 3)
    assert [part[1].tolist() for part in cut] == [[0, 1], [2, 3], [4, 5]]
    assert all(np.array_equal(part[0][:, 0], part[1]) for part in cut)
    with pytest.raises(ValueError, match=r"batch of 6 .* give a multiple of 4"):
        pieces((x, labels), 4)


def test_a_rate_is_of_the_round():
    """However many steps the discriminator takes in it."""
    over = OverRounds(CosineDecay(0.1, 10), 5)
    rates = [over(t) for t in range(15)]
    expected = np.repeat([CosineDecay(0.1, 10)(r) for r in range(3)], 5)
    np.testing.assert_array_equal(rates, expected)


# A run


@every_setting
@with_or_without_classes
def test_a_run_that_is_resumed_is_the_whole_run(tmp_path, settings, classes):
    """Bit by bit, with decaying rates of both players; one seed gives one model."""
    X = np.random.default_rng(5).standard_normal((30, 2))
    labels = np.arange(30) % classes if classes else None

    def run(steps, checkpoint=None):
        gan = make_gan(classes=classes)
        gan.fit(
            X,
            labels,
            steps=steps,
            rng=0,
            batch_size=4,
            learning_rate=(CosineDecay(0.01, 7), CosineDecay(0.02, 7)),
            checkpoint=checkpoint,
            **settings,
        )
        return gan

    path = tmp_path / "run.npz"
    run(3, Checkpoint(path))
    resumed, whole = run(7, Checkpoint(path, resume=True)), run(7)
    assert flat(resumed).tobytes() == flat(whole).tobytes()
    assert resumed.history_ == whole.history_
    names = {"loss", "generator"} | ({"penalty"} if "penalty" in settings else set())
    assert set(whole.history_) == names
    assert {len(values) for values in whole.history_.values()} == {7}


def test_the_average_is_of_the_generator_and_is_left_in_the_model():
    X = np.random.default_rng(6).standard_normal((40, 2))
    seen = []

    def look(info):
        model, _, _, average = info.state
        seen.append((flat(model.generator), flat(model.discriminator)))
        seen.append(flat(average.averaged(model.generator)))

    gan = make_gan()
    gan.fit(X, steps=5, rng=0, decay=0.8, callbacks=[look])
    np.testing.assert_array_equal(flat(gan.generator), seen[-1])
    np.testing.assert_array_equal(flat(gan.discriminator), seen[-2][1])
    assert not np.array_equal(seen[-1], seen[-2][0])
    last = make_gan()
    last.fit(X, steps=5, rng=0, decay=0, callbacks=[look])
    np.testing.assert_array_equal(flat(last.generator), seen[-2][0])


@both_dtypes
@every_setting
def test_precision_is_kept(settings, dtype):
    gan = make_gan(dtype=dtype)
    gan.fit(np.ones((8, 2)), steps=2, rng=0, batch_size=2, **settings)
    assert {leaf.dtype for leaf in tree_leaves(gan)} == {np.dtype(dtype)}


@pytest.mark.parametrize("game", ["minimax", "non-saturating"])
def test_a_generator_learns_a_normal_law(game):
    """Mean 1 and sd 1/2, to 0.15: detects a player that goes uphill, or collapse."""
    X = np.random.default_rng(0).normal(1.0, 0.5, (2000, 1))
    gan = GAN.create(1, 1, hidden=(16,), rng=0)
    settings = {"penalty": "r1", "weight": 0.1, "batch_size": 128}
    gan.fit(X, steps=800, rng=0, game=game, learning_rate=3e-3, **settings)
    x = gan.sample(5000, 0)
    assert abs(x.mean() - 1) < 0.15
    assert abs(x.std() - 0.5) < 0.15


def test_a_run_that_diverges_leaves_finite_parameters():
    gan = make_gan(activation="relu")
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError):
        gan.fit(
            1e3 * np.ones((8, 2)),
            steps=200,
            rng=0,
            game="wasserstein",
            learning_rate=1e60,
        )
    assert np.all(np.isfinite(flat(gan)))


# What it refuses


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"game": "hinge"}, "there is no game 'hinge'"),
        ({"penalty": "r2"}, "there is no penalty 'r2'"),
        ({"penalty": "r1", "weight": 0}, "weight is 0"),
        ({"clip": -1.0}, r"bound of the weights is -1\.0"),
        ({"critic_steps": 0}, "critic_steps is 0"),
        ({"critic_steps": 9}, "X has 8 examples and a round takes 9 .*lower critic"),
        ({"learning_rate": (1e-3,) * 3}, r"or a pair, .*\(1e-4, 4e-4\)"),
        ({"learning_rate": -1.0}, r"learning_rate is -1\.0"),
        ({"batch_size": 0}, "size is 0"),
        ({"decay": 1.0}, r"decay is 1\.0"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_bad_settings_leave_the_model_as_it_was(settings, words):
    gan = make_gan()
    before = flat(gan)
    with pytest.raises(ValueError, match=words):
        gan.fit(np.ones((8, 2)), **{"steps": 2, "rng": 0, **settings})
    np.testing.assert_array_equal(flat(gan), before)
    assert not hasattr(gan, "history_")


def test_labels_are_cut_with_the_data():
    """The batch says of each x its class: detects labels in another order."""
    gan = make_gan(1, 1, classes=3)
    labels = labels_of(gan, 30)[0]
    seen = []
    plain = type(gan).told

    class Watched(type(gan)):
        def told(self, x, labels=None):
            seen.append((x, labels))
            return plain(self, x, labels)

    watched = Watched(gan.generator, gan.discriminator, 3)
    watched.fit(labels[:, np.newaxis] + 0.0, labels, steps=1, rng=0, critic_steps=3)
    real = [
        (x, k)
        for x, k in seen
        if isinstance(x, np.ndarray) and np.array_equal(x, np.round(x))
    ]
    assert len(real) >= 3
    assert all(np.array_equal(x[:, 0], k) for x, k in real)
