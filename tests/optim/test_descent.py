"""The step of supervised learning: what it does, in which order, and what it tells."""

import copy
import math

import numpy as np
import pytest

from autodiff import value_and_grad
from optim import (
    SGD,
    Adam,
    MovingAverage,
    NonFiniteError,
    clip_by_norm,
    descent,
    global_norm,
)


def squares(model, x, y):
    return np.mean((x @ model["theta"] - y) ** 2)


def batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((20, 3))
    return x, x @ np.array([1.0, -2.0, 3.0])


def start():
    return {"theta": np.array([0.5, 0.0, -0.5])}


def test_a_step_is_the_three_lines_that_it_stands_for():
    model, optimizer = start(), Adam(0.1)
    same, by_hand = start(), Adam(0.1)
    step = descent(squares)
    for seed in range(3):
        given = (model, optimizer)
        state, metrics = step(given, batch(seed), None)
        assert state is given
        value, gradient = value_and_grad(squares)(same, *batch(seed))
        by_hand.step(same, gradient)
        assert metrics == {"loss": float(value)}
        assert type(metrics["loss"]) is float
        assert np.array_equal(model["theta"], same["theta"])
    assert optimizer.steps == 3


def test_a_long_gradient_is_clipped_and_its_length_told():
    model, same = start(), start()
    value, gradient = value_and_grad(squares)(same, *batch())
    _, metrics = descent(squares, max_norm=0.1)((model, SGD(1.0)), batch(), None)
    assert metrics == {"loss": float(value), "gradient norm": global_norm(gradient)}
    assert metrics["gradient norm"] > 1
    SGD(1.0).step(same, clip_by_norm(gradient, 0.1)[0])
    assert np.array_equal(model["theta"], same["theta"])
    moved = np.linalg.norm(model["theta"] - start()["theta"])
    assert moved == pytest.approx(0.1, rel=1e-14)


def test_an_average_is_updated_after_the_parameters():
    model, average, twin = start(), MovingAverage(0.5), MovingAverage(0.5)
    step = descent(squares)
    state = (model, SGD(0.1), average)
    for seed in range(4):
        state, metrics = step(state, batch(seed), None)
        assert metrics.keys() == {"loss"}
        twin.update(copy.deepcopy(model))
    assert state[2] is average
    assert average.steps == 4
    found, expected = average.averaged(model), twin.averaged(model)
    assert np.array_equal(found["theta"], expected["theta"])
    assert not np.array_equal(found["theta"], model["theta"])


def test_an_average_changes_no_step():
    ends = []
    for extra in ((), (MovingAverage(),)):
        model, step = start(), descent(squares)
        for seed in range(3):
            step((model, Adam(), *extra), batch(seed), None)
        ends.append(model["theta"])
    assert np.array_equal(*ends)


@pytest.mark.parametrize("offset", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_moves_nothing(offset):
    # The slope of this loss is one everywhere, so only its value can tell.
    def loss(model, offset):
        return np.sum(model["theta"]) + offset

    model, optimizer, average = start(), Adam(), MovingAverage()
    with pytest.raises(NonFiniteError, match=rf"^loss is {offset}, "):
        descent(loss)((model, optimizer, average), (offset,), None)
    assert np.array_equal(model["theta"], start()["theta"])
    assert optimizer.steps == average.steps == 0


@pytest.mark.parametrize(
    ("max_norm", "message"),
    [
        (None, r"model\['theta'\]: .* in 1 of 3"),
        (1.0, r"gradient\['theta'\] holds nan"),
    ],
)
@np.errstate(divide="ignore", invalid="ignore")
def test_a_gradient_that_is_not_finite_moves_nothing(max_norm, message):
    # At theta_2 = 0 this root is finite and its slope is not.
    model, optimizer, average = start(), Adam(), MovingAverage()
    step = descent(lambda m: np.sum(np.sqrt(m["theta"] ** 2)), max_norm=max_norm)
    with pytest.raises(NonFiniteError, match=message):
        step((model, optimizer, average), (), None)
    assert np.array_equal(model["theta"], start()["theta"])
    assert optimizer.steps == average.steps == 0


def test_a_length_past_the_largest_number_moves_nothing():
    # Every entry of the gradient is finite; fit would refuse the metric afterwards.
    model = [np.zeros(4)]
    step = descent(lambda m: np.sum(1.7e308 * m[0]), max_norm=1.0)
    with pytest.raises(NonFiniteError, match="gradient norm is inf"):
        step((model, SGD(0.1)), (), None)
    assert np.array_equal(model[0], np.zeros(4))


def test_a_max_norm_of_zero_is_refused_at_the_first_step():
    with pytest.raises(ValueError, match="max_norm is 0"):
        descent(squares, max_norm=0)((start(), SGD(0.1)), batch(), None)
