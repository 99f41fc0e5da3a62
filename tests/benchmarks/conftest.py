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
    """Writes the module of the experiment "a-fake", and reads which runs it made."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, value="0.8", hook="pass"):
        """Write the module anew and forget the former one."""
        text = FAKE.replace("VALUE", value).replace("HOOK", hook)
        (self.folder / "a_fake.py").write_text(text)
        sys.modules.pop("benchmarks.experiments.a_fake", None)

    @property
    def runs(self):
        """The runs that were started, as a list of size-seed."""
        return (self.folder / "log.txt").read_text().split()


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
    sys.modules.pop("benchmarks.experiments.a_fake", None)
