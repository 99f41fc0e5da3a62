"""The step of a semi-supervised model, taken apart, and what it learns."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose

from autodiff import grad, tree_leaves, tree_map
from models.classifier import MLPClassifier
from models.mlp import MLP
from models.semi_supervised_gan import SemiSupervisedGAN
from models.semi_supervised_training import (
    Paired,
    semi_supervised_descent,
    with_noise,
)
from optim import (
    SGD,
    Adam,
    Batches,
    Checkpoint,
    CosineDecay,
    MovingAverage,
    NonFiniteError,
    fit,
)
from tests.models.autoencoders import assert_same, both_dtypes, flat
from tests.models.semi_supervised import (
    CLASSES,
    ENDS,
    X,
    make,
    make_batch,
    short,
    small,
    stripes,
    with_zero,
)

# The step


@both_dtypes
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_step_is_what_it_says(noise, dtype):
    """Each network by its own gradient, the classifier first: by plain logarithms."""
    gan, rng = make(dtype=dtype), np.random.default_rng(9)
    x, u, _, y = make_batch(gan)
    before = copy.deepcopy(gan)
    state = gan, SGD(0.2), SGD(0.1)
    step = semi_supervised_descent(input_noise=noise)
    (model, *_), metrics = step(state, (x, y, u), np.random.default_rng(9))
    assert model is gan

    drawn = before.generator(before.draw_latent(6, rng))
    x, noisy, drawn = (
        each + dtype(noise) * rng.standard_normal(each.shape, dtype) if noise else each
        for each in (x, u, drawn)
    )

    def log_p(logits):
        return logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))

    def terms(classifier):
        fake = with_zero(classifier(drawn))
        D = np.sum(np.exp(log_p(with_zero(classifier(noisy))))[:, :-1], axis=1)
        supervised = -np.mean(log_p(classifier(x))[np.arange(4), y])
        return supervised, -np.mean(np.log(D)) - np.mean(log_p(fake)[:, -1])

    slope = grad(lambda classifier: sum(terms(classifier)))(before.classifier)
    learned = tree_map(lambda p, g: p - dtype(0.1) * g, before.classifier, slope)
    h, f = before.draw_latent(6, rng), MLP(learned.layers[:-1])

    def loss(generator):
        return np.sum((np.mean(f(u), axis=0) - np.mean(f(generator(h)), axis=0)) ** 2)

    slope = grad(loss)(before.generator)
    drawing = tree_map(lambda p, g: p - dtype(0.2) * g, before.generator, slope)
    eps = float(np.finfo(dtype).eps)
    assert {leaf.dtype for leaf in tree_leaves(gan)} == {np.dtype(dtype)}
    assert_allclose(flat(gan.classifier), flat(learned), rtol=0, atol=50 * eps)
    assert_allclose(flat(gan.generator), flat(drawing), rtol=0, atol=50 * eps)
    supervised, unsupervised = map(float, terms(before.classifier))
    expected = {
        "loss": supervised + unsupervised,
        "supervised": supervised,
        "unsupervised": unsupervised,
        "generator": float(loss(before.generator)),
    }
    assert list(metrics) == list(expected)
    assert metrics == pytest.approx(expected, rel=100 * eps)


def test_the_average_is_of_both_networks():
    gan, average, path = make(), MovingAverage(0.5), []
    x, u, _, y = make_batch(gan)
    state, rng = (gan, SGD(0.1), SGD(0.1), average), np.random.default_rng(0)
    step = semi_supervised_descent(input_noise=0.1)
    for _ in range(2):
        state, _ = step(state, (x, y, u), rng)
        path.append(flat(gan))
    expected = (path[0] + 2 * path[1]) / 3
    assert_allclose(flat(average.averaged(gan)), expected, rtol=1e-12)


@both_dtypes
def test_the_noise_has_its_standard_deviation(dtype):
    """A standard deviation of 0.303 in place of 0.3 would be found (z = 7)."""
    x = np.ones((10_000, 3), dtype)
    added = with_noise(x, 0.3, np.random.default_rng(0)) - x
    assert added.dtype == dtype
    n, added = added.size, added.astype(float)
    assert abs(added.mean()) < 5.03 * 0.3 / np.sqrt(n)
    assert abs(added.std() - 0.3) < 5.03 * 0.3 / np.sqrt(2 * n)


def test_pairs_of_batches_go_on_from_their_cursor():
    def pairs():
        rng = np.random.default_rng(0)
        few, many = np.arange(3), np.arange(7)
        return Paired(Batches(few, size=2, rng=rng), Batches(many, size=4, rng=rng))

    first, again = pairs(), pairs()
    for _ in range(3):
        next(first)
    again.cursor = copy.deepcopy(first.cursor)
    for _ in range(5):
        few, many = next(first)
        assert few.shape == (2,)
        assert many.shape == (4,)
        for ours, theirs in zip((few, many), next(again), strict=True):
            assert np.array_equal(ours, theirs)


# The fit


def test_it_sees_the_gap_that_labels_do_not_show():
    """Labels at two opposite ends say nothing of the others, where the data do.

    From some starts it does not find the gap and errs as a network without unlabeled
    data does; from this one it does for rates and numbers of steps nearby.
    """
    x, _ = stripes(1000, 4)
    new, truth = stripes(1000, 104)
    settings = {"activation": "tanh", "rng": 4}
    alone = MLPClassifier(hidden_sizes=(64, 64), steps=300, **settings)
    assert alone.fit(ENDS, CLASSES).score(new, truth) < 0.85
    gan = SemiSupervisedGAN.create(2, 2, 2, hidden=(64, 64), **settings)
    gan.fit(ENDS, CLASSES, x, steps=800, rng=4, input_noise=0.1)
    assert np.mean(gan.predict(new) == truth) > 0.97


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_it_is_the_loop_over_its_step(decay):
    rate, told, same = CosineDecay(0.01, steps=5), [], small()
    found = short(
        gan := small(),
        steps=5,
        rng=3,
        decay=decay,
        learning_rate=rate,
        callbacks=[told.append],
    )
    assert found is gan
    assert [info.step for info in told] == [1, 2, 3, 4, 5]
    rng, average = np.random.default_rng(3), MovingAverage(decay)
    batches = Paired(
        Batches(ENDS.astype(float), CLASSES, size=3, rng=rng),
        Batches(X.astype(float), size=3, rng=rng),
    )
    state = same, Adam(rate, 0.5, 0.9), Adam(rate, 0.5, 0.9), average
    step = semi_supervised_descent(input_noise=0.1)
    _, history = fit(step, state, batches, steps=5, rng=rng)
    assert_same(gan, average.averaged(same))
    assert gan.history_ == history
    assert list(history) == ["loss", "supervised", "unsupervised", "generator"]


def test_one_seed_gives_one_result_and_another_seed_another():
    one, same, other = (flat(short(small(), rng=seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert np.all(one != other)


def test_batches_are_as_large_as_the_data_allow():
    gan = short(small(), batch_size=10**6)
    assert len(gan.history_["loss"]) == 7


@both_dtypes
def test_data_are_taken_in_any_form(dtype):
    exact = np.round(X * 8) / 8
    fits = [
        small(dtype).fit(x, y, u, steps=2, rng=0)
        for x, y, u in [
            (exact[:4], CLASSES, exact),
            (exact[:4].tolist(), CLASSES.tolist(), exact.tolist()),
            (exact[:4].astype(float), CLASSES.astype(np.uint8), exact.astype(float)),
        ]
    ]
    for gan in fits:
        assert {leaf.dtype for leaf in tree_leaves(gan)} == {np.dtype(dtype)}
        assert_same(gan, fits[0])


def test_a_fit_goes_on_bit_for_bit(tmp_path):
    def run(steps, checkpoint=None):
        gan = small(np.float32)
        gan.history_ = {"loss": [0.0]}  # as after an earlier fit
        rate = CosineDecay(0.01, steps=9)
        return short(gan, steps=steps, learning_rate=rate, checkpoint=checkpoint)

    checkpoint = Checkpoint(tmp_path / "run.npz", resume=True)
    run(3, checkpoint)
    resumed, whole = run(8, checkpoint), run(8)
    assert_same(resumed, whole)
    assert resumed.history_ == whole.history_
    assert len(whole.history_["loss"]) == 8


@both_dtypes
def test_a_training_that_diverges_leaves_finite_parameters(dtype):
    gan = small(dtype)
    with (
        np.errstate(all="ignore"),
        pytest.raises(NonFiniteError, match=r"step \d+: .*[Ll]ower the learning rate"),
    ):
        short(gan, steps=100, learning_rate=1e30 if dtype == np.float32 else 1e90)
    assert np.all(np.isfinite(flat(gan)))
