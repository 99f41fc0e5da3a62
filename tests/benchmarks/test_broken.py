"""One broken experiment: its error is told, the others run, and the page is written."""

import json

import pytest

from benchmarks import experiment, record
from benchmarks.__main__ import main


@pytest.fixture
def broken(laboratory, tmp_path, capsys):
    """Return a function that runs the report of a broken "a-fake" and a sound "b-fake".

    It returns the entry of "a-fake" in results.json and the page.
    """

    def report():
        laboratory.write(name="b_fake")
        assert main(["report", "--output", str(tmp_path / "out")]) == 1
        results = json.loads((tmp_path / "out" / "results.json").read_text())
        entry, sound = results["experiments"]
        assert "error" not in sound
        assert [metric["ok"] for metric in sound["metrics"]] == [True, None]
        page = (tmp_path / "out" / "index.html").read_text()
        assert entry["error"] in capsys.readouterr().out
        assert '<h2 id="a-fake">' in page
        assert '<h2 id="b-fake">' in page
        return entry, page

    return report


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("BUDGET = 1", "import nothing", "ModuleNotFoundError: No module named"),
        ("BUDGET = 1", "BUDGET = = 1", "SyntaxError: "),
        ("BUDGET = 1", "", "AttributeError: "),
        ("    pass\n", "    return\n", "TypeError: run must return a Result, not "),
        ('figure, "It rises."', 'None, ""', "AttributeError: 'NoneType' object"),
    ],
)
def test_a_broken_module_is_its_own_error(laboratory, broken, old, new, error):
    laboratory.edit(old, new)
    entry, _ = broken()
    assert entry["error"].startswith(error)


def test_a_module_that_cannot_be_imported_goes_by_its_name(laboratory, broken):
    laboratory.edit("BUDGET = 1", "import nothing")
    _, page = broken()
    assert '<h2 id="a-fake">a-fake</h2>' in page


def test_a_module_without_a_docstring_goes_by_its_name(laboratory):
    laboratory.module("a_fake").write_text("BUDGET = 1")
    assert experiment.title(experiment.load("a-fake")) == "a-fake"


def test_a_run_without_a_result_is_an_error_beside_its_record(laboratory, broken):
    main(["report", "--full", "a-fake"])
    laboratory.write(hook="return 3")
    entry, _ = broken()
    assert "run must return a Result, not int" in entry["error"]
    assert entry["metrics"] == []
    assert entry["figures"] == ["figures/a-fake-all-seeds.png"]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"seeds"', '"seeds', "is no JSON"),
        ('"sources"', '"hash"', "lacks sources: "),
        ('"metrics"', '"numbers"', "lacks metrics: "),
        ('"quick"', '"first"', "lacks quick: "),
    ],
)
def test_a_record_that_cannot_be_used_is_an_error_that_names_it(
    laboratory, broken, old, new, error
):
    main(["report", "--full", "a-fake"])
    file = record.FOLDER / "a-fake.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    entry, page = broken()
    assert f"the record {file} {error}" in entry["error"]
    assert "make it again: python -m benchmarks report --full a-fake" in entry["error"]
    assert page.count("There is no record") == 1  # that of b-fake


def test_an_error_in_the_picture_of_a_record_keeps_the_metrics(laboratory, broken):
    main(["report", "--full", "a-fake"])
    laboratory.edit('series["curve"][0]', 'series["no curve"][0]')
    entry, _ = broken()
    assert entry["error"] == "KeyError: 'no curve'"
    assert [metric["ok"] for metric in entry["metrics"]] == [True, None]


def test_a_second_error_stands_beside_the_first(laboratory, broken):
    main(["report", "--full", "a-fake"])
    laboratory.write(hook="raise ArithmeticError('first')")
    laboratory.edit('series["curve"][0]', 'series["second"][0]')
    entry, _ = broken()
    assert entry["error"] == "ArithmeticError: first; KeyError: 'second'"
