"""A row of the speed table: one piece of work, ours and that of the peers.

A row is one module of benchmarks/speed/rows: `mlp_small.py` holds, as `ROW`, the row
"mlp-small". Peers are written in benchmarks/speed/peers, which imports none of our
packages: they may run in another interpreter, in which ours would not start.
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.speed import rows

# How many times as large one size of a scaled case is.
SCALE = 4
# The arrays that every contestant of a case is given.
Problem = dict[str, np.ndarray]
# run(n) begins at the given arrays, does the work n times and says what came of it.
Run = Callable[[int], Mapping[str, Any]]
Build = Callable[[Problem], Run]


@dataclass(frozen=True)
class Peer:
    """The same work in another library.

    build : makes the work from the arrays; imports the library when called
    distribution : what is to be installed, as `pip install` names it
    form : how the library is used, in a few words
    needs_ours : whether it calls functions of ours, so that it runs in our interpreter
    """

    build: Build
    distribution: str
    form: str
    needs_ours: bool = False


@dataclass(frozen=True)
class Work:
    """The least that one repetition must do: operations on floats, bytes moved.

    passes : how often it moves the same bytes, each time bytes / passes of them
    """

    flops: float
    bytes: float
    passes: float = 1


@dataclass(frozen=True)
class Row:
    """What is computed, by whom, and how results and times are held to each other.

    title : what one repetition does
    dtype : of all floats, "float32" or "float64"
    cases : name -> the size of the work, in whatever form `problem` reads
    problem : (size, rng) -> the arrays that every contestant is given
    ours, peers : who does the work
    tolerance : result -> the largest difference from ours, relative to its largest
        entry; results that it does not name are only told, such as counts
    at_least : results of which ours may not be smaller than those of a peer
    scaled : name -> the size of the first case, one of its numbers times SCALE
    work : (size, our result) -> the least that one repetition must do
    units : size -> into how many units a repetition's time is divided
    threaded : whether the number of threads can matter
    """

    title: str
    dtype: str
    cases: Mapping[str, Any]
    problem: Callable[[Any, np.random.Generator], Problem]
    ours: Build
    peers: Mapping[str, Peer]
    tolerance: Mapping[str, float]
    at_least: Sequence[str] = ()
    scaled: Mapping[str, Any] = field(default_factory=dict)
    work: Callable[[Any, Mapping[str, Any]], Work] | None = None
    units: Callable[[Any], int] = lambda size: 1
    threaded: bool = True


def names() -> list[str]:
    """List the names of all rows, sorted."""
    modules = pkgutil.iter_modules(rows.__path__)
    return sorted(module.name.replace("_", "-") for module in modules)


def load(name: str) -> Row:
    """Return a row by its name."""
    return pkgutil.resolve_name(f"{rows.__name__}.{name.replace('-', '_')}:ROW")


def address(build: Build) -> str:
    """Return where a function is, as module:name, for a process that will import it."""
    return f"{build.__module__}:{build.__qualname__}"
