"""Modes, classes, diversity and copies, of draws whose faults are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from models.classifier import MLPClassifier
from models.sample_quality import (
    class_diversity,
    class_fidelity,
    data_copying,
    mode_coverage,
    nearest_training_image,
)

RNG = np.random.default_rng(0)
CORNERS = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])


class FirstEntry:
    """A classifier that reads the class from the first entry of x."""

    def predict(self, x):
        return np.asarray(x)[:, 0].astype(int)


# Modes


def test_each_draw_is_of_its_nearest_mode_or_of_none():
    x = [[0.1, 0.0], [0.0, -0.2], [4.0, 0.25], [4.0, 0.31], [2.0, 2.0]]
    found = mode_coverage(x, CORNERS, 0.1)
    assert np.array_equal(found.counts, [2, 1, 0, 0])
    assert (found.modes, found.high_quality) == (2, 0.6)


def test_the_edge_of_three_standard_deviations_belongs_to_the_mode():
    sides = [[0.75, 0.0], [np.nextafter(0.75, 1), 0.0]]
    assert [mode_coverage([x], CORNERS, 0.25).modes for x in sides] == [1, 0]


def test_modes_that_overlap_count_no_draw_twice():
    found = mode_coverage([[0.4, 0.0]], [[0.0, 0.0], [1.0, 0.0]], 1.0)
    assert np.array_equal(found.counts, [1, 0])


def test_a_perfect_sampler_finds_all_modes_with_the_share_of_a_normal():
    """1 - exp(-9/2) in the plane; a radius of 2.9 sd would be found (z = 7)."""
    n, p = 40_000, 1 - np.exp(-4.5)
    k = RNG.integers(4, size=n)
    x = CORNERS[k] + 0.2 * RNG.standard_normal((n, 2))
    found = mode_coverage(x, CORNERS, 0.2)
    assert found.modes == 4
    assert abs(found.high_quality - p) < 5.03 * np.sqrt(p * (1 - p) / n)
    assert found.counts.sum() == round(found.high_quality * n)


def test_a_collapsed_sampler_finds_one_mode_of_full_quality():
    found = mode_coverage(np.full((100, 2), 4.0), CORNERS, 0.1)
    assert (found.modes, found.high_quality) == (1, 1.0)


# Classes


def test_the_share_of_draws_of_the_class_that_was_asked_for():
    x = [[3], [3], [5], [3], [5], [5], [5], [9]]
    labels = [3, 3, 3, 3, 5, 5, 5, 5]
    found = class_fidelity(FirstEntry(), x, labels)
    assert np.array_equal(found.classes, [3, 5])
    assert np.array_equal(found.shares, [0.75, 0.75])
    assert_allclose(found.errors, np.sqrt(0.75 * 0.25 / 4), rtol=1e-15)
    assert found.share == 0.75
    assert found.error == pytest.approx(np.sqrt(0.75 * 0.25 / 8), rel=1e-15)


def test_classes_need_not_be_asked_for_equally_often():
    found = class_fidelity(FirstEntry(), [[0], [0], [0], [0]], [0, 0, 0, 1])
    assert np.array_equal(found.shares, [1, 0])
    assert np.array_equal(found.errors, [0, 0])
    assert found.share == 0.75


def test_a_trained_classifier_finds_its_classes():
    X = CORNERS.repeat(20, axis=0) + 0.1 * RNG.standard_normal((80, 2))
    names = np.array(["a", "b", "c", "d"]).repeat(20)
    classifier = MLPClassifier(steps=300, learning_rate=0.01, rng=0).fit(X, names)
    assert class_fidelity(classifier, X, names).share == 1
    assert class_fidelity(classifier, X, names[::-1]).share == 0


def test_the_standard_error_is_that_of_the_share():
    """Over 4,000 repetitions; a factor of 1.06 would be found (z = 5)."""
    labels = np.zeros(50, int)
    found = [
        class_fidelity(FirstEntry(), RNG.random((50, 1)) < 0.2, labels)
        for _ in range(4000)
    ]
    spread = np.std([each.share for each in found])
    told = np.sqrt(np.mean([each.error**2 for each in found]) * 50 / 49)
    assert abs(spread / told - 1) < 5.03 / np.sqrt(2 * 4000)


# Diversity


def test_draws_half_as_far_apart_have_half_the_diversity():
    y = np.array([0, 1]).repeat(30)
    X = RNG.standard_normal((60, 3)) + 10 * y[:, np.newaxis]
    x = np.concatenate([0.5 * X[:30], 2 * X[30:]])
    found = class_diversity(x, y, X, y)
    assert found == pytest.approx({0: 0.5, 1: 2.0}, rel=1e-12)


def test_classes_are_not_mixed_and_order_does_not_matter():
    y = np.array([0, 1]).repeat(30)
    X = RNG.standard_normal((60, 3)) + 10 * y[:, np.newaxis]
    order = RNG.permutation(60)
    found = class_diversity(X[order], y[order], X, y)
    assert found == pytest.approx({0: 1.0, 1: 1.0}, rel=1e-12)


def test_the_diversity_is_a_mean_over_pairs():
    x, X = [[0.0], [1.0], [3.0]], [[0.0], [4.0]]
    found = class_diversity(x, ["a"] * 3, X, ["a"] * 2)
    assert found == pytest.approx({"a": (1 + 2 + 3) / 3 / 4}, rel=1e-15)


def test_a_collapsed_class_has_none():
    y = np.zeros(30, int)
    assert class_diversity(np.ones((30, 3)), y, RNG.random((30, 3)), y) == {0: 0.0}


# Copies


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_nearest_is_the_nearest_of_all(dtype):
    x, X = (RNG.random((n, 64)).astype(dtype) for n in (40, 70))
    distances, nearest = nearest_training_image(x, X)
    all_distances = cdist(x, X)
    assert np.array_equal(nearest, all_distances.argmin(axis=1))
    assert_allclose(distances, all_distances.min(axis=1), rtol=1e-12)


def test_a_copy_is_at_no_distance():
    X = RNG.random((20, 5))
    distances, nearest = nearest_training_image(X[[7, 3]], X)
    assert np.array_equal(distances, [0, 0])
    assert np.array_equal(nearest, [7, 3])


def test_copies_new_data_and_nonsense_are_told_apart():
    X, held_out = RNG.standard_normal((300, 4)), RNG.standard_normal((100, 4))
    assert data_copying(X, X, held_out) == 1
    assert data_copying(held_out, X, held_out) == 0.5
    assert data_copying(held_out + 100, X, held_out) == 0


def test_the_probability_of_being_closer_is_over_all_pairs():
    """Distances 1, 2, 3 of draws and 2, 4 of data: closer in 4 of 6, equal in one."""
    found = data_copying([[1.0], [2.0], [3.0]], [[0.0]], [[-2.0], [-4.0]])
    assert found == pytest.approx(4.5 / 6, rel=1e-15)


def test_draws_from_the_law_of_the_data_are_no_copies():
    """Given X, U has the variance (2 + 1/n) / (12 n) of two samples of n.

    Draws that are moved to their nearest datum, by a quarter of the way, are found.
    """
    n, X = 2000, RNG.standard_normal((500, 2))
    draws, new = RNG.standard_normal((2, n, 2))
    limit = 5.03 * np.sqrt((2 + 1 / n) / (12 * n))
    assert abs(data_copying(draws, X, new) - 0.5) < limit
    nearest = X[nearest_training_image(draws, X)[1]]
    assert data_copying(draws + 0.25 * (nearest - draws), X, new) > 0.5 + limit


# What is refused

POINTS = np.ones((3, 2))
# name: a function of x, that takes points beside it
MEASURES = {
    "mode_coverage": lambda x: mode_coverage(x, POINTS, 1.0),
    "class_diversity": lambda x: class_diversity(x, [0] * len(x), POINTS, [0] * 3),
    "nearest": lambda x: nearest_training_image(x, POINTS),
    "data_copying": lambda x: data_copying(x, POINTS, POINTS),
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("shape", [(0, 2), (3, 3), (3,), (3, 2, 1)])
def test_points_that_do_not_fit_are_refused(name, shape):
    with pytest.raises(ValueError, match="are not of points of one space"):
        MEASURES[name](np.ones(shape))


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_draws_that_are_no_numbers_are_refused(name, wrong):
    with pytest.raises(ValueError, match="x holds nan or infinity"):
        MEASURES[name]([[0.0, 0.0], [0.0, wrong]])


@pytest.mark.parametrize("shape", [(0, 2), (3,)])
def test_no_draws_have_no_fidelity(shape):
    with pytest.raises(ValueError, match="are not of points of one space"):
        class_fidelity(FirstEntry(), np.ones(shape), [])


@pytest.mark.parametrize("sd", [0.0, -1.0, np.nan, np.inf])
def test_a_mode_has_a_width(sd):
    with pytest.raises(ValueError, match="width of a mode"):
        mode_coverage(POINTS, POINTS, sd)


def test_each_draw_needs_a_label():
    with pytest.raises(ValueError, match=r"labels have shape \(2,\) and there are 3"):
        class_fidelity(FirstEntry(), POINTS, [0, 1])
    with pytest.raises(ValueError, match=r"labels have shape \(2,\)"):
        class_diversity(POINTS, [0, 1], POINTS, [0, 1, 1])
    with pytest.raises(ValueError, match=r"y have shape \(3, 1\)"):
        class_diversity(POINTS, [0, 1, 1], POINTS, [[0], [1], [1]])


def test_a_classifier_says_one_class_a_draw():
    class Probabilities:
        def predict(self, x):
            return np.ones((len(x), 3))

    with pytest.raises(ValueError, match=r"predictions have shape \(3, 3\)"):
        class_fidelity(Probabilities(), POINTS, [0, 1, 2])


@pytest.mark.parametrize(
    ("labels", "y"),
    [([0, 1, 1], [0, 0, 1]), ([0, 0, 1], [0, 0, 1]), ([0] * 3, [0] * 3)],
)
def test_a_class_of_one_or_of_equal_data_has_no_diversity(labels, y):
    with pytest.raises(ValueError, match="too few or all the same"):
        class_diversity(RNG.random((3, 2)), labels, POINTS, y)
