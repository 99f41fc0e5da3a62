"""What an experiment returns, and how experiments are found by name.

An experiment is one module of benchmarks/experiments: `digits_mlp.py` is the experiment
"digits-mlp". Its first docstring line is the title, `BUDGET` the seconds that its quick
run may take, and `run(seed, size)` returns a `Result`. What is more than one file has
its parts in a folder of the same name: those of "vae-digits" lie in
benchmarks/vae_digits.
"""

import importlib
import math
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure

from benchmarks import experiments


@dataclass(frozen=True)
class Metric:
    """One number, with what it is held to.

    name, value, unit : what was measured; unit "" for a pure number
    at_least, at_most : the criterion; None where there is nothing to hold it to
    tolerance : absolute; a quick run must come this close to the recorded quick
        value. None for what no run reproduces, such as a time, and where the
        criterion alone decides
    reference, source : a number known from elsewhere, and from where
    """

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    tolerance: float | None = None
    reference: float | None = None
    source: str = ""

    @property
    def has_criterion(self) -> bool:
        """Say whether there is a bound to hold the value to."""
        return self.at_least is not None or self.at_most is not None

    def complaint(self, value: float) -> str | None:
        """Say how a value misses the criterion; None when it does not.

        A value that is not finite always misses it.
        """
        if not math.isfinite(value):
            return f"is {value}: a result must be finite"
        if self.at_least is not None and value < self.at_least:
            return f"{value:.4g} is below {self.at_least:.4g}"
        if self.at_most is not None and value > self.at_most:
            return f"{value:.4g} is above {self.at_most:.4g}"
        return None


@dataclass(frozen=True)
class Picture:
    """A figure with the sentences that stand below it."""

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Table:
    """Rows of text below a header."""

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Text:
    """A listing, printed as it is."""

    name: str
    text: str
    caption: str = ""


@dataclass(frozen=True)
class Result:
    """Everything that one run of an experiment found.

    `series` holds what the record keeps beside the metrics: a name and its numbers, as
    lists, dicts or arrays, from which the experiment's `picture` draws all seeds.
    """

    metrics: Sequence[Metric]
    figures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    texts: Sequence[Text] = ()
    series: Mapping[str, Any] = field(default_factory=dict)


def names() -> list[str]:
    """List the names of all experiments, sorted."""
    modules = pkgutil.iter_modules(experiments.__path__)
    return sorted(module.name.replace("_", "-") for module in modules)


def module_name(name: str) -> str:
    """Return the import name of an experiment's module."""
    return f"{experiments.__name__}.{name.replace('-', '_')}"


def load(name: str) -> ModuleType:
    """Import the module of an experiment.

    Raises
    ------
    LookupError
        When there is no such experiment; the message lists those that there are.
    """
    if name not in names():
        raise LookupError(
            f"there is no experiment {name!r}; there are: {', '.join(names())}"
        )
    return importlib.import_module(module_name(name))


def title(module: ModuleType) -> str:
    """Return the first line of an experiment's docstring, without its full stop.

    Without a docstring it is the experiment's name.
    """
    line = (module.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    return line or module.__name__.rpartition(".")[2].replace("_", "-")


def run(module: ModuleType, seed: int, size: str) -> Result:
    """Run an experiment at a size, "quick" or "full".

    Raises
    ------
    TypeError
        When it returns anything but a Result.
    """
    result = module.run(seed, size)
    if not isinstance(result, Result):
        raise TypeError(
            f"run must return a Result, not {type(result).__name__}: without metrics "
            "there is nothing to hold the run to; end it with return Result(metrics)"
        )
    return result
