"""Contestants: each alone in a process that ends, whatever happens in it."""

import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.speed import contestant as module
from benchmarks.speed import race
from benchmarks.speed.contestant import (
    Contestant,
    Missing,
    Stopped,
    Turn,
    contestant,
)
from benchmarks.speed.row import Peer, Row

WORK = '''
import os, signal, sys, time

from benchmarks.speed.later import Later


def adds(problem):
    """Prints where replies go."""
    print("a library talks")

    def run(repetitions):
        print("and talks")
        total = sum(problem["x"].sum() for _ in range(repetitions))
        return {"sum": total, "mean": total / repetitions, "pid": os.getpid()}

    return run


def threads(problem):
    return lambda n: {key: int(os.environ[key]) for key in problem}


def slow_sum(*numbers):
    time.sleep(0.2)
    return sum(numbers)


def judges(problem):
    return lambda n: {"late": Later(slow_sum, 3, 4.5)}


def fails(problem):
    raise ArithmeticError("1 < 2")


def dies(problem):
    sys.stderr.write("the end is near")
    sys.stderr.flush()
    os._exit(3)


def vanishes(problem):
    os._exit(3)


def interrupts(problem):
    """Does as Ctrl-C, and goes on."""
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)


def hangs(problem):
    return lambda n: time.sleep(60)
'''


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A module that the workers can import too."""
    (tmp_path / "contestant_work.py").write_text(textwrap.dedent(WORK))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sys.modules.pop("contestant_work", None)
    import contestant_work

    yield contestant_work
    sys.modules.pop("contestant_work", None)


def test_the_work_is_done_in_another_process_which_then_ends(work):
    with contestant(work.adds) as worker:
        worker.prepare({"x": np.arange(4, dtype=np.float32)})
        turn = worker.repeat(3)
        assert turn.result["sum"] == 18
        assert 0 <= turn.seconds < 5
        assert 0 <= turn.cpu_seconds < 5
        assert turn.result["pid"] == worker.process.pid != os.getpid()
        assert worker.version == np.__version__
        assert worker.process.poll() is None
    assert worker.process.poll() is not None


def test_every_library_is_told_the_number_of_threads(work):
    libraries = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM", "NUMBA_NUM")
    names = [*(f"{library}_THREADS" for library in libraries), "NPROC"]
    with contestant(work.threads, threads=3) as worker:
        worker.prepare({name: np.zeros(1) for name in names})
        assert worker.repeat(1).result == dict.fromkeys(names, 3)


def test_a_result_may_be_found_after_the_clock_has_stopped(work):
    with contestant(work.judges) as worker:
        worker.prepare({})
        turn = worker.repeat(1)
    assert turn.result == {"late": 7.5}
    assert turn.seconds < 0.1


def test_what_is_not_installed_is_missing(work):
    with (
        pytest.raises(Missing, match=rf"no-such-thing is not .* in {sys.executable}"),
        contestant(work.adds, distribution="no-such-thing"),
    ):
        pytest.fail("it started")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", "its process ended: Traceback(.|\n)*ArithmeticError: 1 < 2$"),
        ("dies", "its process ended: the end is near$"),
        ("vanishes", "its process ended: exit code 3, without a word$"),
    ],
)
def test_a_failure_is_told_with_its_reason(work, name, message):
    worker = contestant(getattr(work, name))
    with worker as started, pytest.raises(Stopped, match=message):
        started.prepare({"x": np.ones(2)})


def test_a_worker_that_hangs_is_killed(work, monkeypatch):
    with contestant(work.hangs) as worker:
        worker.prepare({})
        monkeypatch.setattr(module, "PATIENCE", 0.05)
        with pytest.raises(Stopped, match=re.escape("no answer in 0.05 s")):
            worker.repeat(1)
        assert worker.process.wait(timeout=5) != 0
        monkeypatch.setattr(module, "PATIENCE", 5)
        with pytest.raises(Stopped, match="its process ended"):
            worker.repeat(1)


class Steady(Contestant):
    """Needs so many seconds a repetition, by a clock of its own."""

    def __init__(self, seconds):
        self.seconds, self.asked = seconds, []

    def repeat(self, repetitions):
        self.asked.append(repetitions)
        return Turn(repetitions * self.seconds, 0.0, {})


@pytest.mark.parametrize(
    ("seconds", "asked", "chosen"),
    [(1e-3, [1, 4, 16, 64, 256], 300), (0.1, [1], 3), (0.25, [1], 1), (9, [1], 1)],
)
def test_repetitions_are_chosen_for_the_length_of_a_turn(seconds, asked, chosen):
    steady = Steady(seconds)
    assert steady.repetitions_in(0.3) == chosen
    assert steady.asked == asked


@pytest.fixture
def rows_of_work(work, monkeypatch):
    """Rows made of that module, by name, in turns of a millisecond."""

    def row(peer, **options):
        return Row(
            title="a sum",
            dtype="float64",
            cases={"base": 3},
            problem=lambda size, rng: {"x": np.ones(size)},
            ours=work.adds,
            peers={"peer": Peer(peer, "numpy", "in a process"), **options},
            tolerance={"mean": 0.0},
            threaded=False,
        )

    rows = {
        "sums": row(work.adds, gone=Peer(work.adds, "no-such-thing", "")),
        "dying": row(work.dies),
        "interrupted": row(work.interrupts),
    }
    monkeypatch.setattr("benchmarks.speed.row.names", lambda: list(rows))
    monkeypatch.setattr(race, "load", rows.get)
    monkeypatch.setattr(race, "TURN", 1e-3)
    monkeypatch.setattr(race, "REST", 0.0)


def test_the_command_compares_processes(rows_of_work, capsys):
    assert main(["speed", "sums"]) == 0
    out, err = capsys.readouterr()
    title, peer, _, ours, theirs, gone = out.splitlines()
    assert (title, peer) == (
        "sums: a sum, float64",
        f"  peer {np.__version__}: in a process",
    )
    assert [line.split()[:3] for line in (ours, theirs)] == [
        ["base", "1", "ours"],
        ["base", "1", "peer"],
    ]
    assert gone.startswith("  missing  gone: no-such-thing is not installed in")
    assert re.fullmatch(r"sums, 1 thread: done in \d+\.\d s\n", err)


def test_a_peer_that_dies_fails_the_command(rows_of_work, capsys):
    assert main(["speed", "dying"]) == 1
    assert (
        "  FAIL  peer, base, 1 thread: its process ended: the end is near"
        in capsys.readouterr().out
    )


@pytest.mark.skipif(os.name == "nt", reason="there a signal cannot be sent to a parent")
def test_an_interrupt_kills_all_contestants(rows_of_work, capsys, monkeypatch):
    processes, start = [], subprocess.Popen.__init__

    def noted(self, *args, **kwargs):
        processes.append(self)
        start(self, *args, **kwargs)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    assert main(["speed", "interrupted"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert len(processes) == 2
    assert all(process.poll() is not None for process in processes)


def test_work_that_takes_no_time_is_refused():
    with pytest.raises(Stopped, match=r"1073741824 repetitions in 0 s, .* n times"):
        Steady(0).repetitions_in(0.3)
