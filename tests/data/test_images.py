"""Labeled images: scaled, as black and white, and nudged."""

import dataclasses

import numpy as np
import pytest

from data import LabeledImages, load_digits, nudge


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def test_digits_binarized_are_those_of_at_least_eight(digits):
    """1750 of the 1797 binary images are distinct, and 32.3 % of all pixels are on."""
    binary = digits.binarized()
    assert np.array_equal(binary.X, digits.images.reshape(-1, 64) >= 8)
    assert binary.images.dtype == np.uint8
    assert binary.maximum == 1
    assert len(np.unique(binary.X, axis=0)) == 1750
    assert f"{binary.X.mean():.6f}" == "0.323030"
    for name in ("train", "test", "labels"):
        assert np.array_equal(getattr(binary, name), getattr(digits, name))
    assert np.array_equal(binary.binarized().images, binary.images)


def test_independent_pixels_have_the_published_likelihood(digits):
    """The Bernoulli model of binary training images, held to numbers from elsewhere.

    25.13 nats an image in training and 25.06 in testing: with any other threshold,
    split or set of rows these would differ in the first digits.
    """
    (x, _), (x_test, _) = digits.binarized().train_set, digits.binarized().test_set
    p = np.clip(x.mean(axis=0), 1e-3, 1 - 1e-3)
    for rows, known in ((x, 25.13), (x_test, 25.06)):
        log_p = rows @ np.log(p) + (1 - rows) @ np.log1p(-p)
        assert -log_p.mean() == pytest.approx(known, abs=0.02)


def test_nudged_digits_are_five_of_each_training_image(digits):
    nudged = digits.nudged()
    assert nudged.train_set[0].shape == (7185, 64)
    images, labels = nudge(digits.images[digits.train], digits.labels[digits.train])
    assert np.array_equal(nudged.images[nudged.train], images)
    assert np.array_equal(nudged.labels[nudged.train], labels)
    assert np.array_equal(nudged.train_set[0][:1437], digits.train_set[0])


def test_the_test_images_are_neither_nudged_nor_trained_on(digits):
    nudged = digits.nudged()
    for before, after in zip(digits.test_set, nudged.test_set, strict=True):
        assert np.array_equal(before, after)
    both = np.concatenate([nudged.train, nudged.test])
    assert np.array_equal(both, np.arange(7185 + 360))
    # With the test images blanked beforehand the training images are the same.
    blank = digits.images.copy()
    blank[digits.test] = 0
    blanked = dataclasses.replace(digits, images=blank).nudged()
    assert np.array_equal(blanked.train_set[0], nudged.train_set[0])


def test_binarized_and_nudged_commute(digits):
    first, second = digits.binarized().nudged(), digits.nudged().binarized()
    assert np.array_equal(first.images, second.images)
    assert first.maximum == second.maximum == 1
    assert type(first) is type(digits)


@pytest.mark.parametrize("dtype", [np.float32, "float32", np.float64])
def test_dtype_is_that_of_X(dtype):
    digits = load_digits(dtype=dtype)
    for X in (digits.X, digits.train_set[0], digits.binarized().nudged().test_set[0]):
        assert X.dtype == dtype
    assert np.array_equal(digits.X, load_digits().X)  # sixteenths are exact in both


def test_pixels_have_no_integer_X():
    with pytest.raises(TypeError, match=r"dtype is .*uint8"):
        load_digits(dtype=np.uint8)


def test_half_of_255_is_ink_from_128():
    images = LabeledImages(
        images=np.array([[[0, 127], [128, 255]]], np.uint8),
        labels=np.array([3]),
        train=np.array([0]),
        test=np.array([], np.int64),
        maximum=255,
        description="",
        license="",
        sha256={},
    )
    assert images.binarized().images.tolist() == [[[0, 0], [1, 1]]]
    assert images.X.tolist() == [[0, 127 / 255, 128 / 255, 1]]
    swapped = dataclasses.replace(images, train=images.test, test=images.train)
    with pytest.raises(ValueError, match="no training images"):
        swapped.nudged()
    with pytest.raises(ValueError, match="no test images"):
        images.test_set  # noqa: B018
