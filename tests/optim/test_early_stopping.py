"""Early stopping: when it ends a run, and what it keeps."""

import itertools
import math

import numpy as np
import pytest

from optim import NonFiniteError, fit
from optim.early_stopping import EarlyStopping

CURVE = [5.0, 4.0, 4.5, 3.0, 3.0, 3.5, 2.0, 2.5, 2.1, 2.2, 1.0]


def follow(stopping, curve=CURVE):
    """Do a run whose loss is the curve and whose state is changed in place."""

    def step(state, batch, rng):
        state["x"] += 1
        return state, {"loss": next(batch)}

    state = {"x": np.zeros(2)}
    batches = itertools.repeat(iter(curve))
    return fit(step, state, batches, steps=len(curve), rng=0, callbacks=[stopping])


@pytest.mark.parametrize(
    ("patience", "steps", "best", "where"),
    [(1, 3, 4.0, 2), (2, 6, 3.0, 4), (3, 10, 2.0, 7), (4, 11, 1.0, 11)],
)
def test_it_ends_a_run_after_so_many_measurements_without_a_new_best(
    patience, steps, best, where
):
    stopping = EarlyStopping("loss", patience=patience)
    state, history = follow(stopping)
    assert history["loss"] == CURVE[:steps]
    ended = steps < len(CURVE)
    assert history.stopped == ("callback EarlyStopping" if ended else "steps")
    assert (stopping.best, stopping.step) == (best, where)
    assert stopping.waited == steps - where
    assert np.array_equal(stopping.state["x"], [where, where])
    assert np.array_equal(state["x"], [steps, steps])


def test_every_nth_step_is_measured():
    stopping = EarlyStopping("loss", patience=2, every=3)  # 4.5, 3.5, 2.1
    _, history = follow(stopping)
    assert len(history["loss"]) == 11
    assert (stopping.best, stopping.step) == (2.1, 9)
    stopping = EarlyStopping("loss", patience=1, every=2)  # 4, 3, 3.5
    assert len(follow(stopping)[1]["loss"]) == 6


def test_a_function_of_the_step_can_be_the_measure():
    stopping = EarlyStopping(lambda info: -info.state["x"][0] % 5, patience=3)
    follow(stopping)
    assert (stopping.best, stopping.step) == (0.0, 5)


def test_its_cursor_is_complete():
    whole = EarlyStopping("loss", patience=3)
    follow(whole)
    first, second = (EarlyStopping("loss", patience=3) for _ in range(2))
    follow(first, CURVE[:5])
    second.cursor = first.cursor
    assert not math.isinf(second.best)
    follow(second, CURVE[5:])
    assert second.best == whole.best
    assert second.waited == whole.waited


def test_a_measure_that_is_not_finite_ends_the_run():
    with pytest.raises(NonFiniteError, match="step 1: the measure of EarlyStopping is"):
        follow(EarlyStopping(lambda info: math.nan, patience=1))


def test_errors():
    with pytest.raises(KeyError, match="accuracy"):
        follow(EarlyStopping("accuracy", patience=1))
    with pytest.raises(ValueError, match="patience is 0 and every is 1"):
        EarlyStopping("loss", patience=0)
    with pytest.raises(ValueError, match="patience is 1 and every is 0"):
        EarlyStopping("loss", patience=1, every=0)
