"""A run of the training loop: what it has come to, and what its callbacks are told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator


@dataclass(frozen=True, eq=False)
class Info:
    """What a callback is told after each step.

    step : steps done since the beginning of the run; steps : steps asked for; state :
    after the step; metrics : of the step; elapsed : seconds since the beginning,
    without those between an end and a resumption; rng : the run's Generator.
    """

    step: int
    steps: int
    state: Any
    metrics: dict[str, float]
    elapsed: float
    rng: Generator


class History(dict[str, list[float]]):
    """The metrics of a run: name -> one number a step.

    interrupted : whether Ctrl-C came, be it in the last step
    stopped : why the run ended: "steps", "interrupted", or "callback " and its name;
        None while it goes on
    """

    interrupted: bool = False
    stopped: str | None = None

    def append(self, step: int, metrics: dict[str, float]) -> None:
        """Add the metrics of one step, which must have the names of the first."""
        if step == 1:
            self.update({name: [] for name in metrics})
        if metrics.keys() != self.keys():
            raise ValueError(
                f"step {step} returned the metrics {sorted(metrics)} and step 1 "
                f"{sorted(self)}; curves need one number a step: return the same names "
                "each time, and compute occasional ones in a callback"
            )
        for name, value in metrics.items():
            self[name].append(value)


@dataclass(eq=False)
class Run:
    """A run between two steps: all that decides how it goes on, and its past."""

    state: Any
    batches: Any
    callbacks: tuple[Callable[[Info], Any], ...]
    rng: Generator
    history: History
    step: int = 0
    elapsed: float = 0.0
