"""Checkpoints: when they are written, what they refuse, and how a run goes on."""

import dataclasses
import itertools
import json
import os
import signal
import time

import numpy as np
import pytest

from optim import SGD, Batches, NonFiniteError, fit
from optim.checkpoint import Checkpoint
from optim.early_stopping import EarlyStopping
from optim.environment import environment
from optim.storage import load, save
from samplers.archive import CheckpointError
from tests.optim.damaged_files import pack, unpack


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


def walk(state, batch, rng):
    """Add a random number and the mean of the batch to each entry."""
    moved = state["x"] + rng.standard_normal(3) + batch[0].mean()
    return state | {"x": moved}, {"loss": float(moved[0])}


def state():
    return {"x": np.zeros(3), "optimizer": SGD(0.1)}


def batches(size=4, n=10, rng=1):
    return Batches(np.arange(float(n)), size=size, rng=rng)


def run(steps, checkpoint=None, *, step=walk, callbacks=(), **changes):
    arguments = {"state": state(), "batches": batches(), "rng": 0} | changes
    return fit(
        step, **arguments, steps=steps, callbacks=callbacks, checkpoint=checkpoint
    )


def resume(path):
    return Checkpoint(path, resume=True)


def assert_equal_runs(one, other):
    assert np.array_equal(one[0]["x"], other[0]["x"])
    assert one[1] == other[1]
    assert one[1].stopped == other[1].stopped


def done(path):
    """Return how many steps the run in a file has done."""
    with np.load(path) as file:
        return len(file["run.history['loss']"]) if "run.history['loss']" in file else 0


def test_when_it_is_written(path):
    files = []

    def look(info):
        files.append([done(path), previous.exists() and done(previous)])

    previous = path.with_name("run.npz.previous")
    run(8, Checkpoint(path, every=3), callbacks=[look])
    # Each look is before the writing of its own step.
    assert files == [[0, False]] * 3 + [[3, 0]] * 3 + [[6, 3]] * 2
    assert [done(path), done(previous)] == [8, 6]
    assert sorted(os.listdir(path.parent)) == ["run.npz", "run.npz.previous"]


@pytest.mark.parametrize("first", [1, 4, 7])
def test_a_resumed_run_ends_as_the_unbroken_one(path, first):
    unbroken = run(9)
    run(first, Checkpoint(path))
    assert_equal_runs(run(9, resume(path)), unbroken)
    assert done(path) == 9
    # Asked once more there is nothing left to do, and with more steps it goes on.
    assert_equal_runs(run(9, resume(path)), unbroken)
    assert_equal_runs(run(12, resume(path)), run(12))


def test_resume_without_a_file_begins(path):
    assert_equal_runs(run(5, resume(path)), run(5))
    assert done(path) == 5


def test_what_was_given_stays_as_it_is(path):
    run(3, Checkpoint(path))
    given, rng = state(), np.random.default_rng(0)
    before = rng.bit_generator.state
    told = []
    resumed, _ = run(4, resume(path), state=given, rng=rng, callbacks=[told.append])
    assert not given["x"].any()
    assert resumed["optimizer"] is not given["optimizer"]
    assert rng.bit_generator.state == before
    assert told[0].rng is not rng


def test_one_generator_for_batches_and_steps_stays_one(path):
    def shared():
        rng = np.random.default_rng(3)
        return {"batches": batches(rng=rng), "rng": rng}

    run(4, Checkpoint(path), **shared())
    assert_equal_runs(run(9, resume(path), **shared()), run(9, **shared()))
    with pytest.raises(
        CheckpointError, match=r"run\.rng was the object at run\.batches"
    ):
        run(9, resume(path))


def test_the_seconds_of_the_parts_are_added(path):
    told = []
    run(1, Checkpoint(path), callbacks=[lambda info: time.sleep(0.05), told.append])
    run(2, resume(path), callbacks=[told.append])
    assert told[1].elapsed > told[0].elapsed


def test_a_folder_or_a_bare_path_is_no_checkpoint(path):
    with pytest.raises(IsADirectoryError, match=r"a file in one, .*run\.npz"):
        run(1, Checkpoint(path.parent))
    with pytest.raises(TypeError, match=r"Checkpoint\(path, every=1000"):
        run(1, str(path))
    assert not path.exists()


def test_a_file_is_not_overwritten_by_a_new_run(path):
    run(3, Checkpoint(path))
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"go on with it by .*resume=True\)"):
        run(3, Checkpoint(path))
    assert path.read_bytes() == content
    path.unlink()
    with pytest.raises(FileExistsError, match=r"run\.npz\.previous holds a run"):
        run(3, Checkpoint(path))


def test_a_run_killed_between_two_renames_goes_on_from_the_previous_file(path):
    run(8, Checkpoint(path, every=3))
    path.unlink()
    told = []
    resumed = run(9, resume(path), callbacks=[told.append])
    assert told[0].step == 7
    assert_equal_runs(resumed, run(9))
    assert done(path) == 9


@pytest.mark.parametrize("name", ["run.npz", "run [1].npz"])
def test_what_a_killed_writer_left_is_removed(path, name):
    path = path.with_name(name)
    others = path.with_name(".run.npz.swp"), path.with_name(".run 1.npz.7.partial")
    left = path.with_name(f".{name}.123.partial")
    for steps in (3, 5):
        for file in (left, *others):
            file.write_bytes(b"PK")
        run(steps, resume(path))
        assert not left.exists()
        assert all(file.exists() for file in others)
    left.write_bytes(b"PK")
    with pytest.raises(FileExistsError):
        run(3, Checkpoint(path))
    assert left.exists()  # it may be that of a run which goes on


def test_a_damaged_file_names_the_one_before_it(path):
    run(8, Checkpoint(path, every=3))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"is .*run\.npz\.previous: rename it to"):
        run(9, resume(path))
    os.replace(path.with_name("run.npz.previous"), path)
    assert_equal_runs(run(9, resume(path)), run(9))
    path.with_name("run.npz.previous").unlink()
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"take a copy of it$"):
        run(9, resume(path))


@pytest.mark.parametrize(
    "change",
    [{"step": 4}, {"step": "3"}, {"elapsed": "x"}, {"rng": None}, {"history": []}],
)
def test_a_file_that_contradicts_itself_is_refused(path, change):
    run(3, Checkpoint(path))
    members = unpack(path.read_bytes())
    manifest = json.loads(members[-1][1])
    manifest["content"]["run"]["object"][1] |= change
    if "history" in change:
        del manifest["arrays"][-1], members[-2]
    members[-1][1] = json.dumps(manifest).encode()
    path.write_bytes(pack(members))
    with pytest.raises(CheckpointError, match="its parts do not belong together"):
        run(9, resume(path))


def test_files_of_models_are_no_runs_and_runs_no_models(path):
    save(path, state())
    with pytest.raises(CheckpointError, match=r"holds a model .* optim\.storage\.load"):
        run(3, resume(path))
    run(3, Checkpoint(path.with_name("other.npz")))
    with pytest.raises(CheckpointError, match="holds a run and a model is wanted"):
        load(path.with_name("other.npz"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"state": state() | {"optimizer": SGD(0.01)}},
            r"run\.state\['optimizer'\]\.learning_rate was 0\.1 in .* is 0\.01 in this",
        ),
        (
            {"state": state() | {"x": np.zeros(3, np.float32)}},
            r"x'\] was an array of float64 of shape \(3,\) .* is an array of float32",
        ),
        ({"state": state() | {"y": 1}}, r"run\.state was a dict of 2 .* a dict of 3"),
        ({"state": {"x": np.zeros(3), "y": 1}}, r"\['y'\] was missing .* and is 1"),
        ({"state": {}}, r"run\.state was a dict of 2 .* is a dict of 0"),
        ({"batches": batches(size=5)}, r"run\.batches\['size'\] was 4 .* is 5"),
        ({"batches": batches(n=12)}, r"run\.batches\['arrays'\].* was 10 .* is 12"),
        ({"batches": None, "step": None}, r"run\.batches was a dict of 5 .* is None"),
        (
            {"callbacks": [EarlyStopping("loss", patience=8)]},
            r"run\.callbacks\[0\]\['patience'\] was 9 .* is 8",
        ),
        ({"callbacks": []}, r"run\.callbacks was a list of 1 .* is a list of 0"),
        (
            {"rng": np.random.Generator(np.random.Philox(0))},
            r"run\.rng was a Generator of PCG64 .* is a Generator of Philox",
        ),
    ],
)
def test_another_run_does_not_go_on_with_this_one(path, changes, words):
    def begin():
        return {"callbacks": [EarlyStopping("loss", patience=9)]}

    run(3, Checkpoint(path), **begin())
    with pytest.raises(CheckpointError, match=words):
        run(5, resume(path), **begin() | changes)


def test_a_run_does_not_go_back(path):
    run(5, Checkpoint(path))
    with pytest.raises(CheckpointError, match="has done 5 steps and steps is 4"):
        run(4, resume(path))


def test_another_environment_is_told(path, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    run(3, Checkpoint(path))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.setattr(np, "__version__", "3.0")
    with pytest.warns(UserWarning, match="last bits may differ") as told:
        fit(walk, state(), batches(), steps=4, rng=0, checkpoint=resume(path))
    assert "threads 1 and is now on 2" in str(told[0].message)
    assert "and is now on 3.0" in str(told[0].message)
    assert told[0].filename == __file__


def test_threads_are_those_of_the_machine_if_none_are_chosen(monkeypatch):
    for name in ("OPENBLAS", "MKL", "OMP"):
        monkeypatch.delenv(f"{name}_NUM_THREADS", raising=False)
    assert 1 <= int(environment()["threads"]) <= os.cpu_count()


def test_ctrl_c_leaves_the_last_step_and_the_run_goes_on(path):
    def interrupted(state, batch, rng):
        if interrupted.steps == 4:
            signal.raise_signal(signal.SIGINT)
        interrupted.steps += 1
        return walk(state, batch, rng)

    interrupted.steps = 0
    _, history = run(9, Checkpoint(path, every=100), step=interrupted)
    assert history.interrupted
    assert history.stopped == "interrupted"
    assert done(path) == len(history["loss"]) == 5
    resumed = run(9, resume(path))
    assert_equal_runs(resumed, run(9))
    assert not resumed[1].interrupted


def test_ctrl_c_while_the_last_file_is_written_is_told(path, monkeypatch):
    fsync = os.fsync

    def interrupted(file):
        monkeypatch.setattr(os, "fsync", fsync)
        signal.raise_signal(signal.SIGINT)
        fsync(file)

    def prepare(info):
        if info.step == 9:
            monkeypatch.setattr(os, "fsync", interrupted)

    _, history = run(9, Checkpoint(path), callbacks=[prepare])
    assert history.interrupted
    assert history.stopped == "steps"
    assert done(path) == 9


def test_a_second_ctrl_c_while_a_file_is_written_leaves_the_one_before(
    path, monkeypatch
):
    fsync = os.fsync

    def interrupted(file):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        fsync(file)

    def prepare(info):
        if info.step == 6:
            monkeypatch.setattr(os, "fsync", interrupted)

    with pytest.raises(KeyboardInterrupt):
        run(9, Checkpoint(path, every=3), callbacks=[prepare])
    monkeypatch.undo()
    assert sorted(os.listdir(path.parent)) == ["run.npz", "run.npz.previous"]
    assert done(path) == 3
    assert_equal_runs(run(9, resume(path)), run(9))


def test_a_run_that_a_callback_ended_stays_ended(path):
    def enough(info):
        return info.step == 4

    unbroken = run(9, Checkpoint(path), callbacks=[enough])
    assert unbroken[1].stopped == "callback enough"
    assert done(path) == 4
    told = []
    resumed = run(9, resume(path), callbacks=[told.append])
    assert_equal_runs(resumed, unbroken)
    assert told == []


def test_a_callback_with_a_cursor_goes_on(path):
    def stopping():
        return EarlyStopping(lambda info: abs(info.step - 3.5), patience=3)

    unbroken, broken, resumed = stopping(), stopping(), stopping()
    run(9, callbacks=[unbroken])
    run(5, Checkpoint(path), callbacks=[broken])
    _, history = run(9, resume(path), callbacks=[resumed])
    assert history.stopped == "callback EarlyStopping"
    for one in (resumed, unbroken):
        assert (one.best, one.step, one.waited) == (0.5, 3, 3)
        assert np.array_equal(one.state["x"], unbroken.state["x"])


@pytest.mark.parametrize("error", [NonFiniteError, RuntimeError])
def test_a_run_that_dies_leaves_the_file_before(path, error):
    """What the sixth step has drawn and moved before it failed is not kept."""

    def moving(breaks):
        def step(state, batch, rng):
            state["x"] += walk(state, batch, rng)[0]["x"]
            state["count"] += 1
            if breaks and state["count"] == 6:
                raise error("loss is nan")
            return state, {"loss": 0.0}

        return {"step": step, "state": state() | {"count": 0}}

    with pytest.raises(error, match="loss is nan"):
        run(9, Checkpoint(path, every=2), **moving(breaks=True))
    assert [done(path), done(path.with_name("run.npz.previous"))] == [4, 2]
    healed = run(9, resume(path), **moving(breaks=False))
    assert_equal_runs(healed, run(9, **moving(breaks=False)))


def test_what_cannot_be_kept_is_told_before_the_first_step(path):
    def never(state, batch, rng):
        raise AssertionError("a step was taken")

    with pytest.raises(TypeError, match=r"batches of type count have no cursor"):
        run(3, Checkpoint(path), step=never, batches=itertools.count())
    with pytest.raises(TypeError, match=r"run\.state\['f'\] is of type"):
        run(3, Checkpoint(path), step=never, state=state() | {"f": len})
    assert os.listdir(path.parent) == []


def test_a_class_that_comes_later_is_refused(path):
    @dataclasses.dataclass
    class Late:
        x: int

    def late(state, batch, rng):
        return state | {"late": Late(1)}, {"loss": 0.0}

    with pytest.raises(TypeError, match=r"after step 2 the run holds a .*Late and at"):
        run(3, Checkpoint(path, every=2), step=late)
    assert done(path) == 0


def test_every_counts_from_one(path):
    with pytest.raises(ValueError, match="every is 0"):
        Checkpoint(path, every=0)
    with pytest.raises(TypeError, match="float"):
        Checkpoint(path, every=1.5)
