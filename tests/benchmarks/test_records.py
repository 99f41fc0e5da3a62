"""Records: made by full runs, resumed, reproduced by quick runs, stale if edited."""

import json

import numpy as np
import pytest

from benchmarks import experiments, files, record
from benchmarks.__main__ import main
from benchmarks.sources import closure, source_hash, without_docstrings


def full():
    return main(["report", "--full", "a-fake"])


def report(tmp_path, *more):
    """Run the report; return its exit code, its first metric and its page."""
    code = main(["report", "--output", str(tmp_path / "out"), *more])
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    page = (tmp_path / "out" / "index.html").read_text()
    return code, results["experiments"][0]["metrics"][0], page


ALL_RUNS = ["quick-0", "full-0", "full-1", "full-2", "full-3", "full-4"]


def test_a_record_holds_five_seeds_and_the_quick_run(laboratory, capsys):
    assert full() == 0
    assert laboratory.runs == ALL_RUNS
    made = record.read("a-fake")
    assert made["seeds"] == [0, 1, 2, 3, 4]
    accuracy = made["metrics"][0]
    np.testing.assert_allclose(accuracy["values"], [0.8, 0.81, 0.82, 0.83, 0.84])
    assert accuracy["mean"] == pytest.approx(0.82)
    assert accuracy["sd"] == pytest.approx(np.sqrt(2.5) / 100)
    assert accuracy["quick"] == 0.8
    assert len(made["seconds"]) == 5
    assert made["series"]["curve"] == [[0.1, None]] * 5
    assert {"python", "numpy", "numba", "cpu", "threads"} <= made["environment"].keys()
    assert (record.FOLDER / "a-fake.png").read_bytes().startswith(b"\x89PNG")
    assert not (record.FOLDER / "a-fake.partial.json").exists()
    assert "accuracy: 0.820 ± 0.016" in capsys.readouterr().out


def test_an_interrupted_recording_goes_on_where_it_stopped(laboratory):
    stop = (
        "if seed == 2 and LOG.read_text().count('full-2') == 1: raise KeyboardInterrupt"
    )
    laboratory.write(hook=stop)
    assert full() == 130
    assert laboratory.runs == ALL_RUNS[:4]
    assert record.read("a-fake") is None
    assert full() == 0
    assert laboratory.runs == ALL_RUNS[:4] + ALL_RUNS[3:]
    assert record.read("a-fake")["metrics"][0]["mean"] == pytest.approx(0.82)


def test_runs_of_other_sources_do_not_count_when_a_recording_goes_on(laboratory):
    laboratory.write(hook="if seed == 1: raise KeyboardInterrupt")
    assert full() == 130
    laboratory.write(value="0.7")
    assert full() == 0
    assert laboratory.runs == ALL_RUNS[:3] + ALL_RUNS
    assert record.read("a-fake")["metrics"][0]["quick"] == 0.7


def test_a_recorded_mean_that_misses_its_criterion_exits_with_1(laboratory, capsys):
    laboratory.write(value="0.4")
    assert full() == 1
    assert "the recorded mean 0.42 is below 0.5" in capsys.readouterr().out


def test_a_full_run_that_is_not_finite_stops_the_recording(laboratory):
    laboratory.write(value="float('nan') if seed == 1 else 0.8")
    with pytest.raises(ValueError, match=r"seed 1: the metric 'accuracy' is nan"):
        full()
    assert record.read("a-fake") is None


def test_a_full_run_without_a_result_stops_the_recording(laboratory):
    laboratory.write(hook="return None")
    with pytest.raises(TypeError, match="run must return a Result, not NoneType"):
        full()


def test_a_quick_run_that_reproduces_its_record_is_ok(laboratory, tmp_path):
    full()
    code, metric, page = report(tmp_path)
    assert code == 0
    assert metric["ok"] is True
    assert metric["recorded_mean"] == pytest.approx(0.82)
    assert metric["seeds"] == 5
    assert "stale" not in page
    assert "reproduced to 0.001" in page
    assert "<figcaption>5 seeds.</figcaption>" in page
    assert (tmp_path / "out" / "figures" / "a-fake-all-seeds.png").exists()


@pytest.mark.parametrize(("value", "ok"), [("0.8009", True), ("0.8011", False)])
def test_a_quick_run_must_come_within_the_tolerance(laboratory, tmp_path, value, ok):
    full()
    laboratory.write(value=value)
    code, metric, page = report(tmp_path)
    assert code == (0 if ok else 1)
    assert metric["ok"] is ok
    assert ("does not reproduce the recorded quick value 0.8" in page) is not ok
    assert ("FAIL" in page) is not ok


def test_another_seed_is_not_held_to_the_recorded_quick_run(laboratory, tmp_path):
    full()
    code, metric, page = report(tmp_path, "--seed", "9")
    assert code == 0
    assert metric["value"] == pytest.approx(0.89)
    assert "reproduced to" not in page


def test_a_quick_run_beside_a_bad_recorded_mean_is_not_ok(laboratory, tmp_path):
    laboratory.write(value="0.6 if size == 'quick' else 0.4")
    full()
    code, metric, page = report(tmp_path)
    assert code == 1
    assert metric["ok"] is False
    assert "the recorded mean 0.42 is below 0.5" in page


def test_a_recorded_metric_must_not_disappear(laboratory, tmp_path):
    full()
    module = laboratory.folder / "a_fake.py"
    laboratory.write(
        hook="Metric = lambda name, *a, **k: metric('new ' + name, *a, **k)"
    )
    text = module.read_text().replace("Metric, Picture", "Metric as metric, Picture")
    module.write_text(text)
    code, metric, page = report(tmp_path)
    assert code == 1
    assert metric["recorded_mean"] is None
    assert "the run lacks what its record has: accuracy, time" in page


def test_a_record_of_other_sources_is_marked_stale(laboratory, tmp_path):
    full()
    laboratory.write(hook="'an edit'")
    code, metric, page = report(tmp_path)
    assert code == 0
    assert metric["ok"] is True
    assert "stale until it is made again" in page


def test_the_hash_covers_what_is_imported_and_not_the_folder(laboratory, tmp_path):
    name = "benchmarks.experiments.a_fake"
    before = source_hash(name)
    assert set(closure(name)) == {
        name,
        "benchmarks",
        "benchmarks.experiment",
        "benchmarks.experiments",
    }
    moved = tmp_path / "moved"
    laboratory.folder.rename(moved)
    experiments.__path__[:] = [str(moved)]
    assert source_hash(name) == before
    with (moved / "a_fake.py").open("a") as module:
        module.write("# an edit\n")
    assert source_hash(name) != before


def test_the_hash_is_one_of_the_program_and_not_of_its_docstrings():
    program = """{module}import a


class A:
    {name}x = "é"

    def f(self):
        {method}return {value}
"""
    filled = {
        "module": '"""É,\nof two lines."""\n',
        "name": '"""A."""; ',
        "method": '"f"\n        ',
        "value": '"""No docstring."""',
    }
    explained = without_docstrings(program.format(**filled))
    bare = program.format(module="\n", name="; ", method="\n        ", value='"""{}"""')
    assert explained == bare.format("No docstring.").encode()
    assert explained != bare.format("Another.").encode()


def test_the_hash_follows_imports_through_the_packages():
    modules = closure("samplers.kernel")
    assert set(modules) == {"samplers", "samplers.cache", "samplers.kernel"}
    assert closure("data").keys() > {"data", "data.digits", "samplers.cache"}


def test_the_hash_follows_modules_that_are_loaded_by_name(laboratory):
    assert "autodiff.rules_special" in closure("autodiff.table")
    laboratory.write(hook="importlib.import_module('optim.adam', None)")
    assert "optim.adam" in closure("benchmarks.experiments.a_fake")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    files.write(path, "old")

    def broken(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        files.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
