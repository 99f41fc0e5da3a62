"""A run resumed in a new process is the unbroken run, bit for bit.

Each run of the table is stopped after k steps, for k before the first step, after it,
in the middle of an epoch, and after the last; this file, started as a program, goes on
with all of them. What it ends with is compared as the bytes of a file.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autodiff import value_and_grad
from models import MLP
from optim import Batches, CosineDecay, MovingAverage, descent, fit
from optim.bfgs import BFGS
from optim.checkpoint import Checkpoint
from optim.early_stopping import EarlyStopping
from optim.lbfgs import LBFGS
from optim.storage import save
from tests.optim.methods import METHODS

STEPS = 11
STOPS = (0, 1, 5, STEPS)  # an epoch is 3 1/3 batches
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 3)), RNG.standard_normal((40, 2))


def squares(model, x, y):
    return np.mean((model(x) - y) ** 2)


def network(dtype=np.float64):
    return MLP.create((3, 5, 2), activation="tanh", rng=0, dtype=dtype)


def batches(dtype=np.float64, rng=1):
    return Batches(X.astype(dtype), Y.astype(dtype), size=12, rng=rng)


def learning(optimizer, *more, dtype=np.float64, **settings):
    """A run of `descent`."""
    return {
        "step": descent(squares, **settings),
        "state": (network(dtype), optimizer, *more),
        "batches": batches(dtype),
        "rng": 0,
    }


def quasi_newton(optimizer):
    """A run of a batch method, as `minimize` does it, whose step is given ()."""
    objective = value_and_grad(lambda model: squares(model, X, Y))

    def step(state, batch, rng):
        assert batch == ()
        model, optimizer = state
        return state, {"loss": optimizer.step(objective, model)}

    return {"step": step, "state": (network(), optimizer), "batches": None, "rng": 0}


def noisy():
    """A run that draws: from the Generator of its batches too, and from its children.

    Its state has chains in Fortran order, whose mean rounds otherwise in C order, and
    streams of their own.
    """

    def step(state, batch, rng):
        x, y = batch
        for stream in (
            rng,
            *rng.spawn(2),
            state["stream"],
            state["stream"].spawn(1)[0],
        ):
            state["chains"] += 0.1 * stream.standard_normal((5, 7, 3), np.float32)
        state["count"] += 1
        state["means"].append(state["chains"].mean(axis=(0, 2)).sum())
        return state, {"loss": np.mean(x) + np.mean(y) + rng.random()}

    rng = np.random.default_rng(5)
    chains = np.zeros((3, 7, 5), np.float32).T
    stream = np.random.Generator(np.random.Philox(6))
    state = {"chains": chains, "stream": stream, "count": 0, "means": []}
    return {"step": step, "state": state, "batches": batches(rng=rng), "rng": rng}


def measured():
    """A run with a callback that keeps the best state and ends it after seven steps."""
    stopping = EarlyStopping(lambda info: abs(info.step - 4.5), patience=3)
    return learning(METHODS["Adam"].make()) | {"callbacks": [stopping]}


RUNS = {
    **{name: lambda row=row: learning(row.make()) for name, row in METHODS.items()},
    "BFGS": lambda: quasi_newton(BFGS()),
    "LBFGS": lambda: quasi_newton(LBFGS(memory=4)),
    "float32": lambda: learning(METHODS["Adam"].make(), dtype=np.float32),
    "schedule": lambda: learning(
        METHODS["Momentum"].make(learning_rate=CosineDecay(0.1, STEPS)),
        MovingAverage(0.9),
        max_norm=0.5,
    ),
    "noisy": noisy,
    "measured": measured,
}


def end(name, steps=STEPS, checkpoint=None):
    """Do the run, and return all that there is to compare."""
    run = RUNS[name]()
    streams = []
    tell = [lambda info: streams.append(info.rng)]
    run["callbacks"] = [*run.get("callbacks", ()), *tell]
    state, history = fit(**run, steps=steps, checkpoint=checkpoint)
    remembered = [each.cursor for each in run["callbacks"] if hasattr(each, "cursor")]
    cursor = getattr(run["batches"], "cursor", None)
    return [state, dict(history), history.stopped, remembered, cursor, streams[-1:]]


def file_of(folder, name, stop):
    return Path(folder) / f"{name} {stop}.npz"


def stop(name, after, path):
    """Do the first steps of a run and leave its checkpoint, as a killed run would."""
    if after:
        end(name, after, Checkpoint(path))
        return

    def fail(state, batch, rng):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(**RUNS[name]() | {"step": fail}, steps=STEPS, checkpoint=Checkpoint(path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder where this file, as a program, has ended all the stopped runs."""
    folder = tmp_path_factory.mktemp("runs")
    for name in RUNS:
        for after in STOPS:
            stop(name, after, file_of(folder, name, after))
    paths = os.pathsep.join(filter(None, sys.path))
    subprocess.run(
        [sys.executable, "-W", "error", __file__, str(folder)],
        env=os.environ | {"PYTHONPATH": paths},
        check=True,
    )
    return folder


@pytest.mark.parametrize("stopped", STOPS)
@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_is_the_unbroken_run(folder, name, stopped, tmp_path):
    unbroken = end(name)
    if stopped == STEPS:
        unbroken[-1] = []  # no step was left, so no callback was told of a stream
    save(tmp_path / "unbroken.npz", unbroken)
    resumed = file_of(folder, name, stopped).with_suffix(".end")
    assert resumed.read_bytes() == (tmp_path / "unbroken.npz").read_bytes()


if __name__ == "__main__":
    for name in RUNS:
        for after in STOPS:
            path = file_of(sys.argv[1], name, after)
            resumed = end(name, checkpoint=Checkpoint(path, resume=True))
            save(path.with_suffix(".end"), resumed)
