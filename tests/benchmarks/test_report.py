"""What the report writes: results.json in its schema, figures, one page."""

import json
from html.parser import HTMLParser

import pytest

from benchmarks import page
from benchmarks.__main__ import main


def not_json(constant):
    raise AssertionError(f"{constant} is not JSON")


def report(tmp_path):
    main(["report", "--output", str(tmp_path)])
    text = (tmp_path / "results.json").read_text()
    return json.loads(text, parse_constant=not_json)


def test_results_have_the_schema(laboratory, tmp_path):
    results = report(tmp_path)
    assert results.keys() == {"environment", "experiments"}
    assert results["environment"]["seed"] == 0
    (entry,) = results["experiments"]
    assert entry.keys() == {"name", "seconds", "metrics", "figures"}
    assert entry["name"] == "a-fake"
    assert entry["figures"] == ["figures/a-fake-a-line.png"]
    accuracy, time = entry["metrics"]
    assert accuracy == {
        "name": "accuracy",
        "value": 0.8,
        "unit": "",
        "recorded_mean": None,
        "recorded_sd": None,
        "seeds": None,
        "reference": 0.9,
        "source": "a <book>",
        "ok": True,
    }
    assert time["ok"] is None
    assert time["unit"] == "s"


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')"])
def test_a_value_that_is_not_finite_is_null_and_not_ok(laboratory, tmp_path, value):
    laboratory.write(value=value)
    metric = report(tmp_path)["experiments"][0]["metrics"][0]
    assert metric["value"] is None
    assert metric["ok"] is False
    text = (tmp_path / "index.html").read_text()
    assert "a result must be finite" in text


class Links(HTMLParser):
    """Collects tags and the files that a page needs."""

    def __init__(self):
        super().__init__()
        self.tags = set()
        self.files = []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.files += [
            value
            for key, value in attributes
            if key in ("src", "href") and not value.startswith("#")
        ]


def test_the_page_needs_only_its_own_files_and_no_script(laboratory, tmp_path):
    report(tmp_path)
    links = Links()
    links.feed((tmp_path / "index.html").read_text())
    assert "script" not in links.tags
    assert "link" not in links.tags
    assert sorted(links.files) == ["figures/a-fake-a-line.png", "results.json"]
    assert all((tmp_path / file).is_file() for file in links.files)


def test_the_page_shows_tables_texts_and_captions_escaped(laboratory, tmp_path):
    report(tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert '<h2 id="a-fake">A fake experiment</h2>' in text
    assert "<pre>if a &lt; b: pass</pre>" in text
    assert "<td>2</td><td>4</td>" in text
    assert "<figcaption>It rises.</figcaption>" in text
    assert "a &lt;book&gt;" in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (12345.6, "1.235e+04"), (7.24e-9, "7.2e-09")]
)
def test_numbers_keep_the_figures_that_count(value, text):
    assert page.number(value) == text
