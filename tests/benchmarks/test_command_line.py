"""The command line: exit codes, and which stream gets what."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile

import pytest

from benchmarks import experiment, readme
from benchmarks.__main__ import main
from benchmarks.progress import Progress


def test_list_prints_names_titles_and_seconds(laboratory, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "a-fake  A fake experiment (about 1 s)\n"


def test_run_prints_results_to_stdout_and_progress_to_stderr(
    laboratory, tmp_path, capsys
):
    output = tmp_path / "output"
    assert main(["run", "a-fake", "--seed", "3", "--output", str(output)]) == 0
    out, err = capsys.readouterr()
    assert "accuracy: 0.83" in out
    assert "time: 3 s" in out
    assert re.fullmatch(r"a-fake: done in \d+\.\d s\n", err)
    assert laboratory.runs == ["quick-3"]
    written = {path.name for path in output.rglob("*") if path.is_file()}
    assert written == {"results.json", "index.html", "a-fake-a-line.png"}


def test_report_runs_every_experiment_with_seed_0(laboratory, tmp_path):
    assert main(["report", "--output", str(tmp_path)]) == 0
    assert laboratory.runs == ["quick-0"]


@pytest.mark.parametrize("command", [["run", "b-fake"], ["report", "--full", "b-fake"]])
def test_an_unknown_name_is_a_usage_error_that_lists_the_names(
    laboratory, capsys, command
):
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2
    assert "no experiment 'b-fake'; there are: a-fake" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([], "say what to do"),
        (["run"], "NAME"),
        (["report", "--seed", "-1"], "a seed is 0, 1, 2"),
        (["report", "--full", "--seed", "1"], "--full has its own seeds"),
        (["report", "--full", "--output", "x"], "--full writes its records to"),
    ],
)
def test_a_wrong_command_line_exits_with_2(laboratory, capsys, command, message):
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [["run", "a-fake"], ["report"]])
def test_an_output_that_cannot_be_made_is_a_usage_error_before_any_run(
    laboratory, tmp_path, capsys, command
):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--output", str(tmp_path / "file" / "folder")])
    assert stopped.value.code == 2
    assert "nothing can be written to --output" in capsys.readouterr().err
    assert not laboratory.runs


def test_an_output_that_cannot_be_written_is_a_usage_error_before_any_run(
    laboratory, tmp_path, capsys, monkeypatch
):
    def refuse(dir):
        raise PermissionError(f"no file in {dir}")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--output", str(tmp_path)])
    assert stopped.value.code == 2
    assert f"no file in {tmp_path}" in capsys.readouterr().err
    assert not laboratory.runs


def test_help_shows_the_defaults(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "(default: 0)" in text
    assert "(default: results)" in text


def test_a_missed_criterion_exits_with_1_and_says_how(laboratory, tmp_path, capsys):
    laboratory.write(value="0.3")
    assert main(["report", "--output", str(tmp_path)]) == 1
    assert "0.3 is below 0.5" in capsys.readouterr().out
    assert "0.3 is below 0.5" in (tmp_path / "index.html").read_text()


def test_an_experiment_that_stops_exits_with_1_and_the_page_is_written(
    laboratory, tmp_path, capsys, caplog
):
    laboratory.write(hook="raise ArithmeticError('1 < 2')")
    assert main(["report", "--output", str(tmp_path)]) == 1
    assert "FAIL  ArithmeticError: 1 < 2" in capsys.readouterr().out
    assert "Traceback" in caplog.text
    assert "ArithmeticError: 1 &lt; 2" in (tmp_path / "index.html").read_text()
    (entry,) = json.loads((tmp_path / "results.json").read_text())["experiments"]
    assert entry["error"] == "ArithmeticError: 1 < 2"


def test_an_interrupt_exits_with_130(laboratory, tmp_path, capsys):
    laboratory.write(hook="raise KeyboardInterrupt")
    assert main(["report", "--output", str(tmp_path)]) == 130
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"a-fake: stopped after \d\.\d s", lines[0])
    assert lines[1] == "interrupted"


def test_an_interrupt_of_the_imports_exits_with_130(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise KeyboardInterrupt")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "list"],
        cwd=readme.ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_module_runs_as_a_program(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == experiment.names()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_writes_a_line_at_every_interval_without_a_terminal():
    stream = io.StringIO()
    with Progress("job", budget=2, stream=stream, interval=0.01) as progress:
        while "of about 2 s\n" not in stream.getvalue() and progress.seconds < 5:
            pass
    lines = stream.getvalue().splitlines()
    assert lines[0] == "job: 0 of about 2 s"
    assert re.fullmatch(r"job: done in \d\.\d s", lines[-1])


def test_progress_keeps_to_one_line_on_a_terminal():
    stream = Terminal()
    with Progress("job", stream=stream) as progress:
        while not stream.getvalue() and progress.seconds < 5:
            pass
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().count("\r") >= 2
