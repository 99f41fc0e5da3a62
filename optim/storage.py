"""A model in a file, and back, bit for bit; without pickle, whole or refused."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from optim.snapshot import restore, take
from samplers.archive import read_archive, refusing, write_archive


def save(path: str | Path, model: Any) -> None:
    """Write a model, or any tree that optim/snapshot.py knows, to a file for `load`.

    A file that is already there is replaced in one step. Raises TypeError or ValueError
    if something in the model cannot be kept, OSError if the file cannot be written.

    >>> import numpy as np
    >>> folder = getfixture("tmp_path")
    >>> save(folder / "line.npz", {"slope": np.array([2.0]), "name": "a line"})
    >>> load(folder / "line.npz")
    {'slope': array([2.]), 'name': 'a line'}
    """
    snapshot = take(model, "model")
    write_archive(path, "model", snapshot.tree, snapshot.arrays)


def load(path: str | Path, classes: Iterable[type] = ()) -> Any:
    """Return the model that `save` wrote.

    classes : the dataclasses and named tuples that may be built, for an MLP: MLP, Dense

    Objects are built without __init__, from the values that they were saved with. A
    class that wants more than that the names of its fields are right looks at its
    fields itself, after loading.

    Raises CheckpointError if the file is damaged or foreign or holds an object of
    another class, and FileNotFoundError if there is none.
    """
    with refusing(path):
        return restore(*read_archive(path, "model"), classes)
