"""A GAN: its parts, what the networks are told, its draws, and its files."""

import numpy as np
import pytest
from scipy.special import expit

from autodiff import tree_leaves
from models.gan import GAN
from models.mlp import MLP
from samplers.archive import CheckpointError
from tests.models.gans import both_dtypes, labels_of, make_gan, with_or_without_classes


@both_dtypes
@with_or_without_classes
def test_what_is_created(dtype, classes):
    gan = GAN.create(
        2,
        3,
        hidden=(7, 6),
        discriminator_hidden=(5,),
        activation="softplus",
        output="sigmoid",
        classes=classes,
        rng=0,
        dtype=dtype,
    )
    assert (gan.dimension, gan.latent, gan.classes) == (2, 3, classes)
    assert gan.dtype == dtype
    shapes = [
        [layer.weights.shape for layer in network.layers]
        for network in (gan.generator, gan.discriminator)
    ]
    assert shapes[0] == [(3 + classes, 7), (7, 6), (6, 2)]
    assert shapes[1] == [(2 + classes, 5), (5, 1)]
    names = [layer.activation for layer in gan.generator.layers]
    assert names == ["softplus", "softplus", "sigmoid"]
    assert gan.discriminator.layers[-1].activation == "identity"
    assert {leaf.dtype for leaf in tree_leaves(gan)} == {np.dtype(dtype)}


def test_a_critic_is_not_bounded():
    """Far out it is as large as it likes, and D is its sigmoid."""
    gan = make_gan(activation="relu")
    x = np.array([[1e6, -1e6], [0.3, 0.2]])
    f = gan.logits(x)
    assert f.shape == (2,)
    assert abs(f[0]) > 1e3
    np.testing.assert_allclose(gan.discriminate(x), expit(f), rtol=1e-14)


def test_both_networks_are_told_the_class():
    """As K numbers of which one is 1, behind the others."""
    gan, h, labels = make_gan(classes=3), np.ones((3, 3)), [2, 0, 1]
    codes = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    told = np.hstack([h, codes])
    np.testing.assert_array_equal(gan.told(h, labels), told)
    np.testing.assert_array_equal(gan.generate(h, labels), gan.generator(told))
    x = np.ones((3, 2))
    expected = gan.discriminator(np.hstack([x, codes]))[:, 0]
    np.testing.assert_array_equal(gan.logits(x, labels), expected)
    assert len(set(expected)) == 3
    plain = make_gan()
    assert plain.told(x) is x


@both_dtypes
@with_or_without_classes
def test_draws_are_those_of_the_latents(dtype, classes):
    """One seed gives one set of draws, and they keep the model's precision."""
    gan = make_gan(classes=classes, dtype=dtype)
    labels = labels_of(gan, 5)
    x = gan.sample(5, 7, *labels)
    np.testing.assert_array_equal(x, gan.sample(5, 7, *labels))
    assert not np.array_equal(x, gan.sample(5, 8, *labels))
    assert x.shape == (5, 2)
    assert x.dtype == dtype
    h = gan.draw_latent(5, np.random.default_rng(3))
    assert h.shape == (5, 3)
    expected = np.random.default_rng(3).standard_normal((5, 3), dtype)
    np.testing.assert_array_equal(h, expected)


def test_a_generator_shared_by_two_calls_goes_on():
    gan, rng = make_gan(), np.random.default_rng(0)
    assert not np.array_equal(gan.sample(4, rng), gan.sample(4, rng))


@both_dtypes
@with_or_without_classes
def test_files(tmp_path, dtype, classes):
    gan = make_gan(classes=classes, dtype=dtype, output="sigmoid")
    gan.save(tmp_path / "gan.npz")
    again = GAN.load(tmp_path / "gan.npz")
    labels = labels_of(gan, 9)
    assert again.sample(9, 0, *labels).tobytes() == gan.sample(9, 0, *labels).tobytes()
    assert again.classes == classes
    assert again.generator.layers[-1].activation == "sigmoid"
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    with pytest.raises(CheckpointError):
        GAN.load(tmp_path / "other.npz")


# What it refuses


def networks(there, back, dtypes=(np.float64, np.float64)):
    """Return an MLP of each of two tuples of sizes."""
    return [
        MLP.create(sizes, rng=0, dtype=dtype)
        for sizes, dtype in zip((there, back), dtypes, strict=True)
    ]


@pytest.mark.parametrize(
    ("there", "back", "classes"),
    [
        ((3, 4, 2), (3, 4, 1), 0),
        ((3, 4, 2), (2, 4, 2), 0),
        ((3, 4, 2), (2, 4, 1), 1),
        ((3, 4, 2), (5, 4, 1), 3),
    ],
)
def test_networks_that_do_not_fit(there, back, classes):
    with pytest.raises(ValueError, match=r"they are N \+ classes to d"):
        GAN(*networks(there, back), classes)


def test_parts_that_are_none():
    G, D = networks((3, 2), (2, 1))
    with pytest.raises(TypeError, match=r"discriminator is a list, .*GAN\.create\(2"):
        GAN(G, [D])
    with pytest.raises(ValueError, match="classes is -1"):
        GAN(G, D, -1)
    pair = networks((3, 2), (2, 1), (np.float32, np.float64))
    with pytest.raises(TypeError, match=r"generator is float32 .*dtype=np\.float32"):
        GAN(*pair)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "has 3 classes, and each of the 4 rows needs one"),
        ([0, 1, 2], r"write np\.full\(4, 0\)"),
        ([0, 1, 2, 3], "an integer from 0 to 2"),
        ([0, 1, 2, -1], "an integer from 0 to 2"),
        ([0.0, 1.0, 2.0, 0.0], "an integer from 0 to 2"),
        (["a", "b", "c", "a"], "an integer from 0 to 2"),
    ],
)
def test_labels_that_are_none(labels, words):
    gan = make_gan(classes=3)
    with pytest.raises(ValueError, match=words):
        gan.sample(4, 0, labels)
    with pytest.raises(ValueError, match=words):
        gan.logits(np.ones((4, 2)), labels)


def test_labels_without_classes():
    gan = make_gan()
    with pytest.raises(ValueError, match=r"no classes .*GAN\.create\(d, N, classes=K"):
        gan.sample(2, 0, [0, 1])
    with pytest.raises(ValueError, match="no classes to tell apart"):
        gan.fit(np.ones((2, 2)), [0, 1], steps=1, rng=0)


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (np.ones((4, 3)), ValueError, r"X has 3 columns .*create\(3"),
        (np.ones((0, 2)), ValueError, "X"),
        (np.full((4, 2), np.nan), ValueError, "X contains NaN"),
        (np.ones(4), ValueError, "X"),
    ],
)
def test_data_of_another_kind_change_nothing(X, error, words):
    gan = make_gan()
    before = [leaf.copy() for leaf in tree_leaves(gan)]
    with pytest.raises(error, match=words):
        gan.fit(X, steps=2, rng=0)
    for leaf, kept in zip(tree_leaves(gan), before, strict=True):
        np.testing.assert_array_equal(leaf, kept)
