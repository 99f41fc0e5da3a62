"""What the command `speed` tells: its table, its file, its exit codes."""

import json
import os
import re
import sys
import tempfile

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.speed import race, row, table
from benchmarks.speed.outcome import Comparison, Outcome, Timing
from benchmarks.speed.row import Peer, Row


def made(**changes):
    """The outcome of a row with one peer in three rounds, and one that is missing."""
    peers = {
        "fast": Peer(None, "fast", "jitted"),
        "gone": Peer(None, "gone", "eager"),
    }
    ours = Timing(0.5, [2e-3, 6e-3, 3e-3], [1.0, 0.5, 1.2], {"loss": 1, "calls": 7})
    fast = Timing(1.0, [1e-3, 2e-3, 2e-3], [2.0, 2.0, 2.0], {"loss": 1})
    wide = {"ours": Timing(0.1, [24e-3], [1.0], {"loss": 2})}
    return Outcome(
        name="a-row",
        row=Row(
            title="a step",
            dtype="float32",
            cases={"base": 1, "other": 2},
            scaled={"4x width": 3},
            problem=None,
            ours=None,
            peers=peers,
            tolerance={"loss": 1e-3},
        ),
        versions={"fast": "1.2"},
        missing={"gone": "gone is not installed"},
        comparisons=[
            Comparison("base", 1, {"ours": ours, "fast": fast}, floor=1.5e-3),
            Comparison("4x width", 1, wide, floor=None),
            Comparison("4x width", 2, wide, floor=None),
        ],
        **changes,
    )


def test_the_table_tells_each_contestant_in_one_line():
    told = table.lines(made(failures=["fast, other, 1 thread: out of breath"]))
    assert [re.split(r"\s{2,}", line.strip()) for line in told[:-1]] == [
        ["a-row: a step, float32"],
        ["fast 1.2: jitted"],
        list(table.HEADER),
        ["base", "1", "floor", "1.5 ms"],
        ["base", "1", "ours", "3 ms", "2.0", "500 ms", "0.90", "calls 7"],
        ["base", "1", "fast", "2 ms", "1.3", "2.00", "1.50", "3.00", "1 s", "2.00"],
        ["4x width", "1", "ours", "24 ms", "1.50", "100 ms", "1.00"],
        ["4x width", "2", "ours", "24 ms", "100 ms", "1.00"],
        ["missing", "gone: gone is not installed"],
        ["FAIL", "fast, other, 1 thread: out of breath"],
    ]


def test_times_that_other_programs_disturbed_are_marked():
    # Only ours in the base case had less than one processor: 1, 0.5 and 1.2.
    last = table.lines(made())[-1]
    assert last.startswith(
        "  disturbed  1 of 4 contestants had to wait for a processor"
    )
    rested = made()
    rested.comparisons = rested.comparisons[1:]
    assert "disturbed" not in "".join(table.lines(rested))


def test_what_stands_in_a_column_begins_below_its_name():
    head, *lines = table.lines(made())[2:8]
    for column, texts in {
        "who": ["floor", "ours", "fast", "ours", "ours"],
        "exponent": ["", "", "", "1.50", ""],
        "processors": [
            "",
            "0.90        calls 7",
            "2.00",
            "1.00",
            "1.00",
        ],
    }.items():
        place = head.index(column)
        for line, text in zip(lines, texts, strict=True):
            assert line[place:].startswith(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.0, "2 s"),
        (0.9999, "1 s"),
        (1.234e-3, "1.23 ms"),
        (1.51e-4, "151 us"),
        (3e-10, "0.3 ns"),
    ],
)
def test_a_time_has_three_digits(seconds, text):
    assert table.duration(seconds) == text


@pytest.fixture
def command(monkeypatch):
    """Return a function that runs `speed` where each row gives a made outcome.

    Its list `asked` tells what was run.
    """

    def start(*arguments, **changes):
        def run(name, **settings):
            start.asked.append((name, settings))
            return made(**changes)

        monkeypatch.setattr(race, "run", run)
        return main(["speed", *arguments])

    start.asked = []
    monkeypatch.setattr(row, "names", lambda: ["a-row", "b-row"])
    return start


def test_the_command_times_every_row_and_prints_its_table(command, capsys):
    assert command() == 0
    settings = {"pairs": 7, "threads": [1, 2], "python": sys.executable}
    assert command.asked == [("a-row", settings), ("b-row", settings)]
    assert capsys.readouterr().out.splitlines() == table.lines(made()) * 2


def test_the_command_hands_on_what_it_is_told(command):
    arguments = ["b-row", "--pairs", "5", "--threads", "3", "--peers-python"]
    assert command(*arguments, os.path.relpath(sys.executable)) == 0
    settings = {"pairs": 5, "threads": [3], "python": sys.executable}
    assert command.asked == [("b-row", settings)]


def test_a_failure_exits_with_1(command, capsys):
    assert command(failures=["fast, other, 1 thread: out of breath"]) == 1
    assert "  FAIL  fast, other, 1 thread: out of" in capsys.readouterr().out


def test_the_file_holds_every_time(command, tmp_path, capsys):
    file = tmp_path / "new" / "speed.json"
    assert command("a-row", "--json", str(file)) == 0
    assert f"wrote {file}" in capsys.readouterr().out
    content = json.loads(file.read_text())
    assert content["environment"]["numpy"] == np.__version__
    assert content["settings"]["pairs"] == 7
    [entry] = content["rows"]
    assert entry["peers"] == {"fast": {"version": "1.2", "form": "jitted"}}
    assert entry["missing"] == {"gone": "gone is not installed"}
    assert entry["failures"] == []
    base, wide, _ = entry["comparisons"]
    assert (base["case"], base["threads"], base["floor"]) == ("base", 1, 1.5e-3)
    assert base["ratios"] == {"fast": [2.0, 3.0, 1.5]}
    assert base["timings"]["ours"] == {
        "seconds": [2e-3, 6e-3, 3e-3],
        "first": 0.5,
        "processors": [1.0, 0.5, 1.2],
        "exponent": None,
        "calls": 7,
    }
    assert wide["timings"]["ours"]["exponent"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["c-row"], "there is no row 'c-row'; there are: a-row, b-row"),
        (["--pairs", "4"], "'4' is not a whole number from 5 on"),
        (["--threads", "0"], "'0' is not a whole number from 1 on"),
        (["--threads", "1.5"], "'1.5' is not a whole number from 1 on"),
        (["--peers-python", "/no/python"], "--peers-python /no/python is no program"),
    ],
)
def test_a_wrong_command_line_exits_with_2(command, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        command(*arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not command.asked


def test_a_file_that_cannot_be_written_is_a_usage_error_before_any_run(
    command, tmp_path, capsys, monkeypatch
):
    def refuse(dir):
        raise PermissionError(f"no file in {dir}")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(SystemExit) as stopped:
        command("--json", str(tmp_path / "speed.json"))
    assert stopped.value.code == 2
    assert f"nothing can be written to --json {tmp_path}" in capsys.readouterr().err
    assert not command.asked
