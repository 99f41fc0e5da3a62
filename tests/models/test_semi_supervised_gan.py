"""The classifier of K + 1 classes: its losses, derivatives, files and refusals."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import log_softmax

from autodiff import check_gradients, grad
from models.gan import GAN
from models.losses import cross_entropy
from models.mlp import MLP, Dense
from models.semi_supervised_gan import SemiSupervisedGAN
from models.semi_supervised_training import (
    classifier_terms,
    feature_matching_loss,
    unsupervised_loss,
)
from samplers.archive import CheckpointError
from tests.models.autoencoders import assert_same, both_dtypes
from tests.models.semi_supervised import (
    CLASSES,
    ENDS,
    X,
    make,
    make_batch,
    short,
    small,
    with_zero,
)

seeds = st.integers(0, 10**6)

# K + 1 classes by K logits


@given(seed=seeds, K=st.integers(2, 5))
def test_k_plus_one_logits_say_no_more_than_k(seed, K):
    """Less their last one, they are as good: lines (1) and (2)."""
    logits = 3 * np.random.default_rng(seed).standard_normal((4, K + 1))
    p = np.exp(log_softmax(logits, axis=1))
    weights = np.exp(logits - logits[:, -1:])[:, :-1]
    Z = weights.sum(axis=1, keepdims=True)
    assert_allclose(p[:, :-1], weights / (Z + 1), rtol=1e-12)
    assert_allclose(p[:, -1:], 1 / (Z + 1), rtol=1e-12)


@given(seed=seeds)
def test_the_discriminator_is_the_probability_of_the_first_k_classes(seed):
    """Lines (3) and (6)."""
    gan = make(seed=seed)
    x = make_batch(gan, seed=seed)[0]
    p = np.exp(log_softmax(with_zero(gan.logits(x)), axis=1))
    D = gan.discriminate(x)
    Z = np.exp(gan.logits(x)).sum(axis=1)
    assert_allclose(D, 1 - p[:, -1], rtol=1e-12)
    assert_allclose(D, Z / (Z + 1), rtol=1e-12)
    assert_allclose(gan.predict_proba(x) * D[:, None], p[:, :-1], rtol=1e-12)


@given(seed=seeds)
def test_the_two_losses_are_those_of_k_plus_one_classes(seed):
    """Lines (4), (5), (7) and (9): with the same data for both, and a draw for each."""
    gan = make(seed=seed)
    x, _, h, y = make_batch(gan, 5, 5, seed=seed)
    drawn = gan.generator(h)
    real, fake = with_zero(gan.logits(x)), with_zero(gan.logits(drawn))
    of_all = cross_entropy(real, y) + cross_entropy(fake, np.full(5, gan.classes))
    terms = classifier_terms(gan, x, x, drawn, y)
    assert sum(terms.values()) == pytest.approx(of_all, rel=1e-12)
    D = gan.discriminate(x)
    expected = -np.mean(np.log(D)) - np.mean(np.log(1 - gan.discriminate(drawn)))
    assert terms["unsupervised"] == pytest.approx(expected, rel=1e-10)


def test_labels_leave_a_number_added_to_all_logits_open():
    """And it adds to the logit of D."""
    gan = make()
    x = make_batch(gan)[0]
    p, D = gan.predict_proba(x), gan.discriminate(x)
    gan.classifier.layers[-1].bias += 1.5
    assert_allclose(gan.predict_proba(x), p, rtol=1e-13)
    found = gan.discriminate(x)
    assert_allclose(np.log(found / (1 - found)), np.log(D / (1 - D)) + 1.5, rtol=1e-12)


@both_dtypes
@pytest.mark.parametrize("size", [-1e4, -50.0, 50.0, 1e4])
def test_logits_far_out(size, dtype):
    """There one term is log Z and the other zero, with slopes of one and zero.

    A slope has the digits that log Z has behind the point.
    """
    logits = np.full((2, 3), size, dtype)
    found = unsupervised_loss(logits, logits)
    assert found == pytest.approx(abs(size + np.log(3)), rel=1e-6)
    slope = grad(lambda each: unsupervised_loss(each, each))(logits)
    assert found.dtype == slope.dtype == dtype
    lost = abs(size) * float(np.finfo(dtype).eps)
    assert slope.sum() == pytest.approx(np.sign(size), rel=lost)


def test_features_are_matched_in_the_mean():
    real, fake = np.array([[1.0, 0.0], [3.0, 2.0]]), np.array([[5.0, 1.0]])
    assert feature_matching_loss(real, fake) == 9
    assert feature_matching_loss(real, real[::-1]) == 0


def test_the_features_are_those_of_the_last_hidden_layer():
    gan = make()
    x = make_batch(gan)[0]
    first, second, last = gan.classifier.layers
    assert_allclose(gan.features(x), second(first(x)), rtol=1e-15)
    assert_allclose(last(gan.features(x)), gan.logits(x), rtol=1e-15)


# Derivatives

LOSSES = {
    "supervised": lambda gan, x, u, h, y: cross_entropy(gan.logits(x), y),
    "unsupervised": lambda gan, x, u, h, y: unsupervised_loss(
        gan.logits(u), gan.logits(gan.generator(h))
    ),
    "generator": lambda gan, x, u, h, y: feature_matching_loss(
        gan.features(u), gan.features(gan.generator(h))
    ),
}


@pytest.mark.parametrize("name", LOSSES)
@given(
    seed=seeds,
    sizes=st.tuples(*[st.integers(1, 3)] * 4, st.integers(2, 4)),
)
def test_derivatives_by_every_array(name, seed, sizes):
    """Of random instances, to the second order."""
    d, latent, n, m, classes = sizes
    gan = make(d, latent, classes, seed=seed)
    batch = make_batch(gan, n, m, seed)
    report = check_gradients(
        lambda gan: LOSSES[name](gan, *batch), (gan,), order=2, rng=seed
    )
    assert report.inconclusive == 0


# What it says


def test_predictions_and_draws():
    gan = make()
    x = make_batch(gan)[0]
    p = gan.predict_proba(x)
    assert_allclose(p, np.exp(log_softmax(gan.logits(x), axis=1)), rtol=1e-13)
    assert np.array_equal(gan.predict(x.tolist()), p.argmax(axis=1))
    draws = gan.sample(5, rng=0)
    assert draws.shape == (5, 2)
    assert np.array_equal(draws, gan.sample(5, rng=0))
    rng = np.random.default_rng(0)
    assert not np.array_equal(gan.sample(5, rng), gan.sample(5, rng))


def test_the_networks_have_the_sizes_that_were_asked_for():
    gan = SemiSupervisedGAN.create(
        4,
        3,
        5,
        hidden=(7,),
        classifier_hidden=(6, 8),
        output="sigmoid",
        rng=0,
        dtype=np.float32,
    )
    assert (gan.dimension, gan.latent, gan.classes) == (4, 3, 5)
    assert gan.dtype == gan.sample(2, rng=0).dtype == np.float32
    shapes = [layer.weights.shape for layer in gan.classifier.layers]
    assert shapes == [(4, 6), (6, 8), (8, 5)]
    assert [layer.weights.shape for layer in gan.generator.layers] == [(3, 7), (7, 4)]
    assert gan.generator.layers[-1].activation == "sigmoid"
    assert gan.classifier.layers[-1].activation == "identity"


@both_dtypes
def test_it_comes_back_from_a_file_bit_for_bit(dtype, tmp_path):
    gan = short(small(dtype))
    gan.save(tmp_path / "gan.npz")
    again = SemiSupervisedGAN.load(tmp_path / "gan.npz")
    assert_same(again, gan)
    assert not hasattr(again, "history_")
    assert np.array_equal(again.predict_proba(X), gan.predict_proba(X))
    assert np.array_equal(again.sample(3, 0), gan.sample(3, 0))


def test_another_model_in_the_file_is_refused(tmp_path):
    GAN.create(2, 2, hidden=(4,), rng=0).save(tmp_path / "gan.npz")
    with pytest.raises(CheckpointError, match="GAN"):
        SemiSupervisedGAN.load(tmp_path / "gan.npz")


# What is refused


def network(*sizes, dtype=np.float64):
    return MLP.create(sizes, rng=0, dtype=dtype)


@pytest.mark.parametrize(
    ("generator", "classifier", "error", "message"),
    [
        (None, network(2, 3, 2), TypeError, "generator is a NoneType"),
        (network(1, 2), Dense.create(2, 2, rng=0), TypeError, "classifier is a Dense"),
        (network(1, 2), network(2, 2), ValueError, "no hidden layer"),
        (network(1, 3), network(2, 3, 2), ValueError, "draws 3 numbers and the class"),
        (network(1, 2), network(2, 3, 1), ValueError, "two classes or more"),
        (network(1, 2), network(2, 3, 2, dtype=np.float32), TypeError, "one precision"),
    ],
)
def test_networks_that_do_not_fit_are_refused(generator, classifier, error, message):
    with pytest.raises(error, match=message):
        SemiSupervisedGAN(generator, classifier)


@pytest.mark.parametrize(
    "y",
    [[0, 1], [[0], [0], [1], [1]], [0, 0, 1, 2], [0, 0, 1, -1], [0.0, 0, 1, 1], None],
)
def test_labels_that_do_not_fit_are_refused(y):
    gan = small()
    before = copy.deepcopy(gan)
    with pytest.raises(ValueError, match="an integer from 0 to 1"):
        gan.fit(ENDS, y, X, steps=1, rng=0)
    assert_same(gan, before)


@pytest.mark.parametrize("name", ["X", "unlabeled"])
def test_data_that_do_not_fit_are_refused(name):
    gan, data = small(), {"X": ENDS, "y": CLASSES, "unlabeled": X}
    with pytest.raises(ValueError, match=f"{name} has 3 columns and the model takes 2"):
        gan.fit(**{**data, name: np.ones((4, 3))}, steps=1, rng=0)
    with pytest.raises(ValueError, match="contains NaN"):
        gan.fit(**{**data, name: np.full((4, 2), np.nan)}, steps=1, rng=0)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_new_data_that_do_not_fit_are_refused(method):
    with pytest.raises(ValueError, match="X has 3 columns and the model takes 2"):
        getattr(small(), method)(np.ones((4, 3)))


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf])
def test_noise_has_a_standard_deviation(noise):
    with pytest.raises(ValueError, match="input_noise is"):
        short(small(), input_noise=noise)


def test_draws_are_counted_and_seeded():
    with pytest.raises(ValueError, match="n is 0"):
        small().sample(0, rng=0)
    with pytest.raises(TypeError, match="rng is None"):
        small().sample(1, rng=None)
