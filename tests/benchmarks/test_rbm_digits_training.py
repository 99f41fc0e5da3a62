"""Training on digits: the cost, its curve, the choice of the weight decay."""

import numpy as np
import pytest

from benchmarks.rbm_digits import training
from benchmarks.rbm_digits.tables import decay_table
from benchmarks.rbm_digits.training import (
    LearningCurve,
    Plan,
    choose,
    cost,
    learn,
    train,
)
from data import load_digits
from models.rbm import RBM
from samplers.machine import binary_states


@pytest.fixture(scope="module")
def x():
    """Eight units of digits, (1437, 8), of which an image is one row of pixels."""
    return load_digits(dtype=np.float32).binarized().train_set[0][:, 24:32].copy()


@pytest.fixture(scope="module")
def rbm(x):
    return train(x, 5, 300, 0)


def test_the_cost_is_that_of_all_states_counted(rbm, x):
    states = binary_states(8).astype(np.float32)
    F = rbm.free_energy(states).astype(np.float64)
    log_Z = rbm.log_partition("exact")
    assert log_Z.value == pytest.approx(np.log(np.exp(-F).sum()), abs=1e-5)
    number = (x @ 2 ** np.arange(8)[::-1]).astype(int)
    assert cost(rbm, x, log_Z) == pytest.approx(
        F[number].mean() + log_Z.value, abs=1e-5
    )


def test_training_lowers_the_cost_and_the_curve_ends_at_it():
    binary = load_digits(dtype=np.float32).binarized()
    (x, _), (x_test, _) = binary.train_set, binary.test_set
    curve = LearningCurve(x, x_test, np.array([1, 20, 1500]))
    rbm = train(x, 5, 1500, 0, callbacks=[curve])
    log_Z = rbm.log_partition()
    assert len(curve.train) == len(curve.test) == 3
    assert curve.train[-1] == pytest.approx(cost(rbm, x, log_Z), abs=1e-12)
    assert curve.test[-1] == pytest.approx(cost(rbm, x_test, log_Z), abs=1e-12)
    assert curve.train[-1] < curve.train[0] - 1


def test_nothing_is_learned_from_the_validation_part(rbm, monkeypatch):
    learned, asked = [], []

    def remember(images, *rest, decay):
        learned.append(images[:, 0])
        return rbm

    def measure(rbm, images, log_Z):
        asked.append(images[:, 0])
        return float(len(asked))

    monkeypatch.setattr(training, "train", remember)
    monkeypatch.setattr(training, "cost", measure)
    numbers = np.repeat(np.arange(100)[:, np.newaxis], 8, axis=1)
    assert choose(numbers, 3, Plan(1, (0.0, 0.1), 10), 0) == {0.0: 1.0, 0.1: 2.0}
    for some, others in zip(learned, asked, strict=True):
        assert len(others) == 20
        np.testing.assert_array_equal(np.sort([*some, *others]), np.arange(100))
    np.testing.assert_array_equal(asked[0], asked[1])


def test_the_weight_decay_of_the_least_validation_cost_is_taken(x, monkeypatch):
    costs = {0.0: 5.0, 0.1: 4.0, 0.2: 6.0}
    monkeypatch.setattr(training, "choose", lambda *_: costs)
    found = learn(x[:1000], x[1000:], 3, Plan(20, tuple(costs), 10), 0)
    assert found.decay == 0.1
    assert found.validation == costs
    [table] = decay_table([found])
    assert table.rows == [("3", "5.000", "4.000", "6.000", "0.1")]
    once = learn(x[:1000], x[1000:], 3, Plan(20, (0.1,), 10), 0)
    assert once.validation == {}
    assert decay_table([once]) == []
    np.testing.assert_array_equal(once.rbm.W, found.rbm.W)


def test_an_interrupted_training_is_no_result(x, monkeypatch):
    def stopped(rbm, X, **settings):
        rbm.history_ = type("History", (), {"interrupted": True})()

    monkeypatch.setattr(RBM, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(x, 2, 5, 0)
