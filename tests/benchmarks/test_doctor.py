"""The doctor: packages that do not lie side by side are an error."""

import sys
from pathlib import Path

import numpy as np

import benchmarks
from benchmarks.__main__ import main
from benchmarks.environment import PACKAGES, environment


def test_the_doctor_says_where_each_package_comes_from(capsys):
    assert main(["--doctor"]) == 0
    out = capsys.readouterr().out
    for package in PACKAGES:
        assert str(Path(benchmarks.__file__).parents[1] / package) in out
    assert f"numpy       {np.__version__}" in out


def test_the_doctor_complains_of_a_folder_that_hides_a_package(monkeypatch, capsys):
    monkeypatch.setattr("data.__path__", ["/elsewhere/data"])
    assert main(["--doctor"]) == 1
    assert (
        "FAIL: the six packages do not come from one place" in capsys.readouterr().out
    )


def test_the_doctor_complains_of_a_package_that_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optim", None)
    assert main(["--doctor"]) == 1
    assert "optim       not importable: ModuleNotFoundError" in capsys.readouterr().out


def test_threads_are_those_that_the_linear_algebra_is_allowed(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    assert environment()["threads"] == 7
