"""The experiment on digits, with few steps: its estimates, and what it would miss."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.experiments import rbm_digits
from benchmarks.files import plain
from benchmarks.rbm_digits import features
from benchmarks.rbm_digits.chains import (
    UPPER_HALF,
    film,
    one_of_each,
    shuffled,
    surprise,
)
from benchmarks.rbm_digits.features import Accuracies
from benchmarks.rbm_digits.partition import Annealed, anneal, by_run
from benchmarks.rbm_digits.pictures import tiled
from benchmarks.rbm_digits.tables import (
    feature_metrics,
    filling_metrics,
    likelihood_metrics,
    partition_metrics,
)
from benchmarks.rbm_digits.training import Plan, Trained, train
from data import load_digits
from models.estimate import Estimate
from models.rbm import RBM
from samplers.importance import Weights
from samplers.machine import binary_states


@pytest.fixture(scope="module")
def x():
    """Eight units of digits, (1437, 8), of which an image is one row of pixels."""
    return load_digits(dtype=np.float32).binarized().train_set[0][:, 24:32].copy()


@pytest.fixture(scope="module")
def rbm(x):
    return train(x, 5, 300, 0)


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def test_runs_are_those_of_their_particles():
    log_weights = np.log(np.repeat([1.0, 2.0, 3.0, 1.0], 8))
    up = by_run(Weights(log_weights, 7.0), 2)
    np.testing.assert_allclose(up[:, 0], 7 + np.log([1.5, 2.0]))
    np.testing.assert_allclose(up[:, 1], np.array([1 / 3, 1 / 2]) / np.sqrt(15))
    down = by_run(Weights(log_weights, 7.0, reverse=True), 2)
    np.testing.assert_allclose(down[:, 0], 7 - np.log([1.5, 2.0]))
    np.testing.assert_allclose(down[:, 1], up[:, 1])


@pytest.fixture(scope="module")
def annealed(rbm, x):
    return anneal(rbm, x.mean(axis=0), (1, 50), 20, np.random.default_rng(0))


def some_bounds(lower=9.99, upper=10.01):
    """Return lower and upper Weights."""
    return Weights(np.zeros(20), lower), Weights(np.zeros(20), upper, reverse=True)


def test_annealing_meets_enumeration_and_a_wrong_log_Z_is_seen(rbm, annealed):
    """Detects an error of 0.1 nats of log Z."""
    log_Z = rbm.log_partition("exact").value
    assert missed(partition_metrics(annealed, log_Z, some_bounds(), "quick")) == []
    assert annealed[-1].share_within(log_Z, 2) > 0.8
    for wrong in (log_Z + 0.1, log_Z - 0.1):
        names = missed(partition_metrics(annealed, wrong, some_bounds(), "quick"))
        for part in ("its standard error", "share of single runs", "mean of runs"):
            assert any(part in name for name in names)
    apart = partition_metrics(annealed, log_Z, some_bounds(9.0, 10.0), "quick")
    assert missed(apart) == ["128 hidden units: upper less lower estimate of log Z"]


def test_errors_of_runs():
    runs = np.array([[1.0, 0.1], [3.0, 2.0]])
    found = Annealed(4, runs, runs + np.array([1.0, 0.0]), runs)
    assert found.errors(2.0) == [(0.0, pytest.approx(1)), (1.0, pytest.approx(1))]
    assert found.share_within(2.0, 2) == 3 / 4


def trained(hidden, test, error=0.01):
    """Return what stands for a trained machine."""
    rbm = RBM.create(64, hidden, rng=0)
    log_Z = Estimate(70.0, 0.0 if hidden == 16 else error)
    return Trained(rbm, 0.0, {}, log_Z, test - 1, test)


@pytest.mark.parametrize("size", ["quick", "full"])
def test_a_machine_that_promises_less_is_seen(size):
    lines = {"independent pixels": 25.06, "mixture of 100": 17.6}
    good = [trained(16, 18.0), trained(64, 16.6), trained(128, 16.5)]
    names = [item.name for item in likelihood_metrics(good, lines, size)]
    assert missed(likelihood_metrics(good, lines, size)) == []
    for k in range(3):
        bad = list(good)
        bad[k] = replace(good[k], test=good[k].test + 1)
        assert missed(likelihood_metrics(bad, lines, size)) == [names[k]]
    bad = [*good[:2], trained(128, 16.2, error=0.1)]
    assert missed(likelihood_metrics(bad, lines, size)) == [names[3]]
    assert [("exact" in name, "AIS" in name) for name in names[:3]] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_features_that_are_no_use_are_seen():
    pixels = Accuracies(0.89, 0.80)
    assert missed(feature_metrics(Accuracies(0.94, 0.93), pixels, "full")) == []
    assert len(missed(feature_metrics(pixels, pixels, "quick"))) == 2


@pytest.mark.parametrize("size", ["quick", "full"])
def test_a_half_that_is_filled_in_without_looking_is_seen(size):
    assert missed(filling_metrics((0.28, 0.3, 0.41), size)) == []
    [name] = missed(filling_metrics((0.41, 0.3, 0.41), size))
    assert name.endswith("128 hidden units")


def test_the_moved_test_set_begins_with_the_test_set():
    digits = load_digits(dtype=np.float32)
    x_test, labels = digits.test_set
    moved, read = features.moved_test_set(digits)
    assert moved.shape == (5 * 360, 64)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(moved[:360], x_test)
    np.testing.assert_array_equal(read, np.tile(labels, 5))
    up = moved[360:720].reshape(-1, 8, 8)
    np.testing.assert_array_equal(up[:, :-1], x_test.reshape(-1, 8, 8)[:, 1:])


def test_chains_show_the_probabilities_that_they_draw_from(rbm):
    a = np.array([40, -40] * 4, np.float32)
    certain = RBM(np.zeros((8, 2), np.float32), a, np.zeros(2, np.float32))
    x = np.zeros((3, 8), np.float32)
    frames = film(certain, x, (0, 1, 4), np.random.default_rng(0))
    np.testing.assert_array_equal(frames[0], 0)
    np.testing.assert_allclose(frames[1:], np.tile([1.0, 0.0], (2, 3, 4)), atol=1e-7)
    every = film(rbm, x, range(6), np.random.default_rng(0))
    some = film(rbm, x, (0, 2, 5), np.random.default_rng(0))
    np.testing.assert_array_equal(some, every[[0, 2, 5]])
    assert every[1:].min() > 0
    assert every[1:].max() < 1


def test_chains_forget_where_they_began(rbm):
    """Detects an error of 0.05 in a mean of E[x | h]."""
    x = np.zeros((2000, 8), np.float32)
    frames = film(rbm, x, (0, 50), np.random.default_rng(0))
    states = binary_states(8).astype(np.float32)
    p = np.exp(rbm.log_likelihood(states))
    np.testing.assert_allclose(frames[1].mean(axis=0), p @ states, atol=0.05)


def test_shuffled_images_keep_the_means_and_lose_the_rest(x):
    noise = shuffled(x, np.random.default_rng(0))
    np.testing.assert_array_equal(noise.sum(axis=0), x.sum(axis=0))
    assert np.abs(np.corrcoef(x[:, 1:7].T) - np.eye(6)).max() > 0.3
    assert np.abs(np.corrcoef(noise[:, 1:7].T) - np.eye(6)).max() < 0.12


def test_the_surprise_is_that_of_the_lower_half():
    x = np.zeros((2, 64), np.float32)
    x[:, 40:] = 1
    p = np.where(UPPER_HALF, 0.9, 0.25)[np.newaxis]
    expected = (8 * -np.log(0.75) + 24 * -np.log(0.25)) / 32
    assert surprise(x, p) == pytest.approx(expected)


def test_one_image_of_each_digit():
    labels = np.array([3, 1, 0, 1, 2, 9, 4, 5, 6, 8, 7, 0])
    assert labels[one_of_each(labels)].tolist() == list(range(10))
    assert one_of_each(labels)[0] == 2


def test_tiles_go_row_by_row():
    images = np.arange(6)[:, np.newaxis] * np.ones(64)
    shown = tiled(images, 2)
    assert shown.shape == (17, 26)
    np.testing.assert_array_equal(shown[9:17, 18:26], 5)
    assert np.isnan(shown[8]).all()
    assert np.isnan(shown[:, 17]).all()


@pytest.fixture
def small(monkeypatch):
    """Shorten the experiment."""
    monkeypatch.setattr(rbm_digits, "PLANS", {"quick": Plan(40, (0.0,), 10)})
    monkeypatch.setattr(rbm_digits, "POINTS", 3)
    monkeypatch.setattr(rbm_digits, "COUNTED", 4)
    monkeypatch.setattr(rbm_digits, "STEPS_OF_COUNTED", 20)
    monkeypatch.setattr(rbm_digits, "NUMBERS", {"quick": (1, 10)})
    monkeypatch.setattr(rbm_digits, "RUNS", {"quick": 2})
    monkeypatch.setattr(rbm_digits, "FILLING", {"quick": 2})
    monkeypatch.setattr(rbm_digits, "COMPONENTS", 3)
    monkeypatch.setattr(rbm_digits, "STOPS", (0, 1, 3))
    monkeypatch.setattr(features, "STEPS", 20)
    monkeypatch.setattr(rbm_digits, "READING", {"quick": 200})


def test_a_run_from_end_to_end(small):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = rbm_digits.run(0, "quick")
    values = {item.name: item.value for item in result.metrics}
    assert len(values) == len(result.metrics) == 18
    name = "independent pixels: negative log-likelihood, test images"
    assert values[name] == pytest.approx(25.06, abs=0.01)
    pixels = "logistic regression by pixels: accuracy, test images"
    assert values[pixels] > 0.6
    assert [item.name for item in result.figures] == [
        "learning curves",
        "receptive fields",
        "chains",
        "halves filled in",
        "free energies",
        "log Z",
    ]
    rows = result.series["rows"]
    assert [row["hidden"] for row in rows] == [16, 64, 128]
    exact = "16 hidden units, exact log Z: negative log-likelihood, test images"
    assert rows[0]["test"] == values[exact] == result.series["curve"]["test"][-1]
    assert result.series["curve"]["steps"][-1] == 40
    [machines] = result.tables
    assert all(len(line) == len(machines.header) for line in machines.rows)
    series = plain({key: [value] * 2 for key, value in result.series.items()})
    left, right = rbm_digits.picture(series).figure.axes
    assert len(left.lines) == 2 * (2 + 1) + 2
    assert [text.get_text() for text in right.get_xticklabels()] == ["16", "64", "128"]
