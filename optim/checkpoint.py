"""Checkpoints: a run on disk, from which it goes on bit for bit in another process.

A checkpoint holds all that decides how a run goes on: the number of steps done, the
state, the random streams, and of the batches and the callbacks their cursors. A cursor
is a property that can be read and set: a tree of the values by which its owner, or one
like it in another process, goes on from here.

It also holds the outline of the run as it began: every static value, and class, dtype
and shape of all that has contents. A run is resumed by one with the same outline: what
goes on is that run, and not one of another learning rate or batch size.
"""

import operator
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from optim.environment import environment
from optim.run import Run
from optim.snapshot import restore, take
from samplers.archive import (
    CheckpointError,
    read_archive,
    refusing,
    remove_partial,
    write_archive,
)


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often `fit` writes a run.

    Parameters
    ----------
    path : of the file; the one before it is kept beside it, with ".previous" appended
    every : steps between two of them, besides one before the first step and one after
        the last, if the run ends by the number of steps, a callback or Ctrl-C; a run
        that dies leaves the one before
    resume : whether to go on with the run in the file, if there is one; without it a
        file that is already there is refused

    Raises ValueError if `every` is less than 1.
    """

    path: str | Path
    every: int = 1000
    resume: bool = False

    def __post_init__(self):
        if operator.index(self.every) < 1:
            raise ValueError(
                f"every is {self.every}; it counts the steps from one checkpoint to "
                "the next, at least 1"
            )


@dataclass(eq=False)
class Record:
    """A run as its file keeps it: with cursors, and with its history as arrays."""

    state: Any
    batches: Any
    callbacks: list[Any]
    rng: Generator
    history: dict[str, np.ndarray]
    stopped: str | None
    step: int
    elapsed: float


class Recorder:
    """Writes the checkpoints of a run, from which it may be resumed first.

    Raises
    ------
    FileExistsError
        if there is a file and the checkpoint is not to resume it.
    CheckpointError
        if it is not the sound file of a run that began as this one does.
    TypeError or ValueError
        if the batches have no cursor, or if the state or a cursor holds something that
        `take` refuses or, later, an object of a class that it did not hold at first.
    """

    def __init__(self, checkpoint: Checkpoint, run: Run):
        self.every = checkpoint.every
        self.path = Path(checkpoint.path)
        self.previous = self.path.with_name(self.path.name + ".previous")
        self.run = run
        if not hasattr(run.batches, "cursor"):
            raise TypeError(
                f"batches of type {type(run.batches).__name__} have no cursor, so a "
                "resumed run could not go on where this one stops: give Batches, or a "
                "class with a property cursor that can be read and set"
            )
        if self.path.is_dir():
            raise IsADirectoryError(
                f"{self.path} is a folder; a checkpoint is a file in one, for example "
                f"{self.path / 'run.npz'}"
            )
        first = take(self._record(), "run")
        self.outline, self.classes = first.outline, first.classes
        # Killed between two renames, a run leaves the previous file alone.
        files = [file for file in (self.path, self.previous) if file.exists()]
        if not files:
            self.write()
        elif checkpoint.resume:
            self._resume(files[0])
        else:
            raise FileExistsError(
                f"{files[0]} holds a run, which a new one would overwrite: go on with "
                f"it by Checkpoint({str(checkpoint.path)!r}, resume=True), choose "
                "another path, or delete it"
            )
        remove_partial(self.path)

    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self.run.step % self.every == 0

    def write(self) -> None:
        """Write the run as it is now."""
        snapshot = take(self._record(), "run")
        for name in snapshot.classes.keys() - self.classes.keys():
            raise TypeError(
                f"after step {self.run.step} the run holds a {name} and at first it "
                "held none, so a resumed run would not know that class: put one into "
                "the first state, or keep the values in a class that is there"
            )
        content = {
            "environment": environment(),
            "outline": self.outline,
            "run": snapshot.tree,
        }
        write_archive(self.path, "run", content, snapshot.arrays, self.previous)

    def _record(self) -> Record:
        run = self.run
        return Record(
            state=run.state,
            batches=run.batches.cursor,
            callbacks=[callback.cursor for callback in self._remembering()],
            rng=run.rng,
            history={name: np.array(each) for name, each in run.history.items()},
            stopped=run.history.stopped,
            step=run.step,
            elapsed=run.elapsed,
        )

    def _remembering(self) -> list[Any]:
        return [each for each in self.run.callbacks if hasattr(each, "cursor")]

    def _resume(self, path: Path) -> None:
        try:
            with refusing(path):
                content, arrays = read_archive(path, "run")
        except CheckpointError as error:
            if path == self.path and self.previous.exists():
                raise CheckpointError(
                    f"{error}; the checkpoint before it is {self.previous}: rename it "
                    f"to {self.path.name} to go on from there"
                ) from error
            raise
        with refusing(path):
            _require_same(content["outline"], self.outline, path)
            classes = [Record, *self.classes.values()]
            record = restore(content["run"], arrays, classes)
            _require_consistent(record)
            changes = _changes(content["environment"], environment())
            self._take_over(record)
        if changes:
            warnings.warn(
                f"the run in {path} was on {changes}; it goes on, but its last bits "
                "may differ from those of an unbroken run",
                stacklevel=4,
            )

    def _take_over(self, record: Record) -> None:
        run, history = self.run, self.run.history
        run.batches.cursor = record.batches
        for callback, cursor in zip(self._remembering(), record.callbacks, strict=True):
            callback.cursor = cursor
        history.update({name: each.tolist() for name, each in record.history.items()})
        if record.stopped != "interrupted":
            history.stopped = record.stopped
        run.state, run.rng = record.state, record.rng
        run.step, run.elapsed = record.step, record.elapsed


def _require_same(was: dict[str, str], now: dict[str, str], path: Path) -> None:
    for place in [*now, *was]:
        before, here = was.get(place, "missing"), now.get(place, "missing")
        if before != here:
            raise CheckpointError(
                f"{place} was {before} in the run that began {path} and is {here} in "
                "this one; a run is resumed as it was begun: give what it began with, "
                "or begin another one at another path"
            )


def _require_consistent(record: Record) -> None:
    match record:
        case Record(
            rng=Generator(),
            history=dict(history),
            stopped=str() | None,
            step=int(step),
            elapsed=float(),
        ) if all(each.shape == (step,) for each in history.values()):
            return
    raise ValueError("its parts do not belong together")


def _changes(was: dict[str, str], now: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {was.get(name)} and is now on {now[name]}"
        for name in now
        if was.get(name) != now[name]
    )
