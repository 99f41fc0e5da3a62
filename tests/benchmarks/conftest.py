"""A laboratory: fake experiments in a folder of their own, records in another."""

import sys

import pytest

from benchmarks import experiments, record

FAKE = '''"""A fake experiment.

It computes nothing.
"""

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.experiment import Metric, Picture, Result, Table, Text

BUDGET = 1
LOG = Path(__file__).with_name("log.txt")


def run(seed, size):
    with LOG.open("a") as log:
        log.write(f"{size}-{seed} ")
    HOOK
    figure = Figure()
    figure.subplots().plot([0, 1])
    return Result(
        metrics=[
            Metric("accuracy", VALUE + seed / 100, at_least=0.5, tolerance=0.001,
                   reference=0.9, source="a <book>"),
            Metric("time", 3.0, unit="s"),
        ],
        figures=[Picture("a line", figure, "It rises.")],
        tables=[Table("numbers", ("n", "n^2"), [("2", "4")])],
        texts=[Text("program", "if a < b: pass")],
        series={"curve": [0.1, float("nan")]},
    )


def picture(series):
    figure = Figure()
    figure.subplots().plot([1.0 if y is None else y for y in series["curve"][0]])
    return Picture("all seeds", figure, f"{len(series['curve'])} seeds.")
'''


class Laboratory:
    """Writes the modules of "a-fake" and "b-fake", and reads which runs they made."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, value="0.8", hook="pass", name="a_fake"):
        """Write a module anew and forget the former one."""
        text = FAKE.replace("VALUE", value).replace("HOOK", hook)
        self.module(name).write_text(text)
        self.forget(name)

    def edit(self, old, new, name="a_fake"):
        """Replace a part of a module, which must have it."""
        text = self.module(name).read_text()
        assert old in text
        self.module(name).write_text(text.replace(old, new))
        self.forget(name)

    def module(self, name):
        """The file of a module."""
        return self.folder / f"{name}.py"

    def forget(self, name):
        """Let the next import read the file."""
        sys.modules.pop(f"benchmarks.experiments.{name}", None)

    @property
    def runs(self):
        """The runs that were started, as a list of size-seed."""
        log = self.folder / "log.txt"
        return log.read_text().split() if log.exists() else []


@pytest.fixture
def laboratory(tmp_path, monkeypatch):
    folder = tmp_path / "experiments"
    folder.mkdir()
    # Modules are written and read within one second: cached bytecode would be stale.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(experiments, "__path__", [str(folder)])
    monkeypatch.setattr(record, "FOLDER", tmp_path / "recorded")
    laboratory = Laboratory(folder)
    laboratory.write()
    yield laboratory
    laboratory.forget("a_fake")
    laboratory.forget("b_fake")
