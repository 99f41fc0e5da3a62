"""Minimization of a loss of all data: every way in which it can end."""

import signal
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from autodiff import grad, logsumexp
from data import load_digits
from models.losses import cross_entropy
from models.mlp import MLP
from optim.adam import Adam
from optim.bfgs import BFGS
from optim.checkpoint import Checkpoint
from optim.finite import NonFiniteError
from optim.lbfgs import LBFGS
from optim.minimize import minimize

METHODS = [BFGS, LBFGS]


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


@dataclass(eq=False)
class Line:
    slope: np.ndarray
    offset: np.ndarray


def misfit(model):
    fields = vars(model) if isinstance(model, Line) else model
    slope, offset = fields["slope"], fields["offset"]
    t = np.linspace(-1, 1, 7, dtype=slope.dtype)
    return np.mean((slope * t + offset - (2 * t - 3)) ** 2)


@pytest.mark.parametrize("make", METHODS)
@pytest.mark.parametrize("tree", [Line, lambda a, b: {"slope": a, "offset": b}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_tree_of_arrays(make, tree, dtype):
    slope, offset = np.zeros((), dtype), np.zeros(1, dtype)
    outcome = minimize(misfit, tree(slope, offset), make())
    assert slope == pytest.approx(2, abs=1e-4)
    assert offset == pytest.approx(-3, abs=1e-4)
    assert outcome.converged
    assert outcome.reason == "gradient below tolerance"


@pytest.mark.parametrize("make", METHODS)
def test_the_outcome_tells_what_was_done(make):
    calls = []

    def loss(x):
        calls.append(1)
        return rosenbrock(x)

    x, optimizer = np.array([-1.2, 1.0]), make()
    outcome = minimize(loss, x, optimizer)
    assert outcome.reason == "gradient below tolerance"
    assert outcome.converged
    assert outcome.value == rosenbrock(x)
    assert outcome.gradient_norm == np.max(np.abs(grad(rosenbrock)(x))) <= 1e-5
    assert outcome.evaluations == len(calls) == optimizer.evaluations
    assert outcome.iterations == optimizer.steps
    with pytest.raises(FrozenInstanceError):
        outcome.value = 0.0


@pytest.mark.parametrize("make", METHODS)
def test_every_other_reason(make):
    def ended(loss=rosenbrock, start=(-1.2, 1.0), steps=1000, **settings):
        x = np.array(start)
        outcome = minimize(loss, x, make(**settings), steps=steps)
        assert outcome.value == loss(x)
        return outcome.reason, outcome.converged

    raised = {"loss": lambda x: 1 + rosenbrock(x)}
    assert ended(steps=3) == ("steps exhausted", False)
    assert ended(**raised, gradient_tolerance=0) == ("no lower point found", False)
    settings = {"gradient_tolerance": 0, "decrease_tolerance": 1e-6}
    assert ended(**raised, **settings) == ("decrease below tolerance", True)
    assert ended(np.sum, (1e20, 1e20)) == ("step too small", False)
    assert ended(np.sum) == ("unbounded below", False)
    assert ended(start=(1.0, 1.0)) == ("gradient below tolerance", True)


def test_a_callback_may_end_it():
    told = []

    def enough(info):
        told.append((info.metrics, info.state))
        return info.step == 4

    x, optimizer = np.array([-1.2, 1.0]), LBFGS()
    outcome = minimize(rosenbrock, x, optimizer, callbacks=[enough])
    assert outcome.reason == "callback enough"
    assert not outcome.converged
    assert outcome.iterations == len(told) == 4
    metrics, state = told[-1]
    assert metrics == {
        "loss": outcome.value,
        "gradient norm": outcome.gradient_norm,
    }
    assert state[0] is x
    assert state[1] is optimizer


def test_ctrl_c_ends_it_after_the_iteration():
    def interrupt(info):
        if info.step == 5:
            signal.raise_signal(signal.SIGINT)

    x = np.array([-1.2, 1.0])
    outcome = minimize(rosenbrock, x, BFGS(), callbacks=[interrupt])
    assert outcome.reason == "interrupted"
    assert outcome.iterations == 5
    assert outcome.value == rosenbrock(x)


def test_a_second_ctrl_c_leaves_an_accepted_point():
    calls = []

    def loss(x):
        calls.append(1)
        if len(calls) == 10:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return rosenbrock(x)

    x, optimizer = np.array([-1.2, 1.0]), BFGS()
    with pytest.raises(KeyboardInterrupt):
        minimize(loss, x, optimizer)
    assert np.array_equal(x, optimizer.parameters)
    assert optimizer.value == rosenbrock(x)


@pytest.mark.parametrize("make", METHODS)
def test_it_goes_on_from_a_file(make, tmp_path):
    def start():
        return np.array([-1.2, 1.0]), make()

    whole, optimizer = start()
    unbroken = minimize(rosenbrock, whole, optimizer)

    def interrupt(info):
        if info.step == 12:
            signal.raise_signal(signal.SIGINT)

    settings = {"checkpoint": Checkpoint(tmp_path / "run.npz", every=5, resume=True)}
    x, optimizer = start()
    first = minimize(rosenbrock, x, optimizer, callbacks=[interrupt], **settings)
    assert first.reason == "interrupted"
    x, optimizer = start()
    assert minimize(rosenbrock, x, optimizer, **settings) == unbroken
    assert np.array_equal(x, whole)


def test_a_start_that_is_not_finite_is_refused():
    x = np.array([-1.0, 2.0])
    with np.errstate(invalid="ignore"), pytest.raises(NonFiniteError, match="step 1: "):
        minimize(lambda x: np.sum(np.log(x)), x, BFGS())
    assert np.array_equal(x, [-1, 2])


def test_a_first_order_optimizer_is_refused():
    with pytest.raises(TypeError, match=r"given Adam; .* write fit\(descent\(loss\)"):
        minimize(rosenbrock, np.array([-1.2, 1.0]), Adam())


def test_softmax_regression_on_real_digits():
    X, labels = load_digits().train_set
    model = MLP.create((64, 10), rng=0)

    def loss(model):
        penalty = np.sum(model.layers[0].weights ** 2)
        return cross_entropy(model(X), labels) + 1e-3 * penalty

    outcome = minimize(loss, model, LBFGS(gradient_tolerance=1e-4))
    assert outcome.converged
    assert outcome.iterations < 100
    # At the minimum the mean of p - onehot over the data is zero: biases are free.
    logits = model(X)
    p = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    frequencies = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(p.mean(axis=0), frequencies, atol=1e-4)
