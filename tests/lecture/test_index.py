"""README.md of this folder lists every statement and says which tests hold it."""

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent
NUMBERS = [f"T{i}" for i in range(1, 67)] + [f"E{i}" for i in range(1, 27)]


def items():
    """(number, text) of every item of the list."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^- \*\*(\w+)\*\* (.*?)(?=^- |^#|\Z)", text, re.S | re.M)
    return [(number, " ".join(words.split())) for number, words in found]


def claimed():
    """For every number that is not "not yet", the tests that the list names."""
    tests = {number: re.findall(r"`(\w+\.py::\w+)`", text) for number, text in items()}
    waiting = {number for number, text in items() if text.endswith("(not yet)")}
    return {number: tests[number] for number in tests if number not in waiting}


def given_in_return():
    """For every number that a docstring names, as (T7), the tests that do so."""
    found = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in re.findall(r"\((\w\d+)\)", ast.get_docstring(node) or ""):
                    found.setdefault(number, []).append(f"{path.name}::{node.name}")
    return found


def test_every_statement_and_every_correction_is_listed_once():
    assert sorted(number for number, _ in items()) == sorted(NUMBERS)


def test_the_list_names_the_tests_that_name_the_statement():
    assert claimed() == given_in_return()


def test_what_is_not_yet_tested_names_no_test():
    for number, text in items():
        assert ("::" in text) == (number in claimed())
