"""The computed parts of README.md are those that the records and the files give."""

import pytest

from benchmarks import readme


def test_readme_is_up_to_date():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.updated(text) == text, "run: python -m benchmarks.readme"


def test_example_and_first_screen_are_short():
    """At most 15 lines of code, and one screen before the first picture."""
    before, _, _ = readme.README.read_text(encoding="utf-8").partition("![")
    assert len(before.splitlines()) <= 40
    code = [line for line in before.splitlines() if line.startswith((">>>", "..."))]
    assert len(code) <= 15


def test_the_engine_is_as_short_as_promised():
    text = readme.README.read_text(encoding="utf-8")
    assert "in\n   500 lines" in text
    engine = ["tape", "tensor", "rules", "transforms"]
    paths = [readme.ROOT / "autodiff" / f"{name}.py" for name in engine]
    assert sum(readme.count(path) for path in paths) <= 500


def test_bars_in_a_name_end_no_cell(monkeypatch):
    metric = {"name": "KL(q || p)", "unit": "nats", "reference": None, "source": ""}
    monkeypatch.setattr(readme.experiment, "names", lambda: ["one"])
    monkeypatch.setattr(readme.record, "read", lambda name: {"metrics": [metric]})
    monkeypatch.setattr(readme.page, "spread", lambda metric: "1.0")
    assert readme.results().splitlines()[2] == r"| one | KL(q \|\| p) | 1.0 nats |  |"


def test_missing_markers_are_named():
    with pytest.raises(ValueError, match="<!-- results -->"):
        readme.updated("no markers")
