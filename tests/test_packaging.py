"""What an installation promises: six packages side by side, whole, with their data."""

import importlib
import os
import re
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PACKAGES = ["autodiff", "models", "samplers", "optim", "data", "benchmarks"]


def read(text):
    """The requirements of a text, one a line."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return [Requirement(line) for line in lines if line]


@pytest.fixture(scope="module")
def setup():
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_six_packages_have_one_parent():
    folders = [Path(importlib.import_module(name).__file__).parent for name in PACKAGES]
    assert [folder.name for folder in folders] == PACKAGES
    assert {folder.parent for folder in folders} == {ROOT}


def test_six_packages_are_declared(setup):
    declared = setup["options.packages.find"]["include"].split()
    assert declared == [f"{name}*" for name in PACKAGES]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed_and_whole(package):
    """A folder of modules without __init__.py would be left out of an installation."""
    assert (ROOT / package / "py.typed").is_file()
    folders = {file.parent for file in (ROOT / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_declared_data_files_exist(setup):
    declared = dict(setup["options.package_data"])
    assert declared.pop("*") == "py.typed"
    for package, patterns in declared.items():
        for pattern in patterns.split():
            assert list((ROOT / package).glob(pattern)), f"{package}/{pattern}"


def test_all_data_files_are_declared(setup):
    declared = dict(setup["options.package_data"])
    declared = {package: patterns.split() for package, patterns in declared.items()}
    for package in PACKAGES:
        patterns = [*declared["*"], *declared.get(package, [])]
        expected = {f for pattern in patterns for f in (ROOT / package).glob(pattern)}
        files = {file for file in (ROOT / package).rglob("*") if file.is_file()}
        code = {f for f in files if f.suffix in {".py", ".pyc", ".md"}}
        partial = {f for f in files if f.name.endswith(".partial.json")}
        assert files - code - partial == expected - partial


def test_license_files_exist(setup):
    files = setup["metadata"]["license_files"].split()
    assert files == ["LICENSE", "data/digits/LICENSE"]
    assert all((ROOT / file).is_file() for file in files)


def test_it_cannot_be_uploaded_by_accident(setup):
    assert "Private :: Do Not Upload" in setup["metadata"]["classifiers"]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_constraints_satisfy_the_requirements(setup, python):
    """One tested version for each package that is asked for, within its range."""
    wanted = read(setup["options"]["install_requires"])
    for extra in setup["options.extras_require"].values():
        wanted += read(extra)
    environment = {"python_version": python, "sys_platform": "linux"}
    tested = {}
    for constraint in read((ROOT / "constraints.txt").read_text(encoding="utf-8")):
        if constraint.marker is None or constraint.marker.evaluate(environment):
            assert constraint.name not in tested
            [version] = constraint.specifier
            assert version.operator == "=="
            tested[constraint.name] = version.version
    for requirement in wanted:
        assert requirement.specifier.contains(tested[requirement.name])


def test_dev_is_test_and_the_linters(setup):
    extras = setup["options.extras_require"]
    test, dev = extras["test"].split(), extras["dev"].split()
    assert dev == [*test, "ruff", "mypy"]


@pytest.mark.skipif(os.name == "nt", reason="files have no execute permission there")
def test_ci_runs_what_the_readme_says():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    said, run = (
        set(re.findall(r"^make (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
        for file in [ROOT / "README.md", script]
    )
    assert said == {"report", "test"}
    assert run == said | {"lint"}
