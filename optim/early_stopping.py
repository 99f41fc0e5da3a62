"""Early stopping: end a run when a measure has stopped falling, and keep the best.

A network fits first what all data share and later the noise of its own examples: its
loss on examples that it does not learn from falls, then rises. That curve chooses the
number of steps. It is measured every n steps, and after p measurements in a row that
are not below the best one the run ends; its result is the state of the best one.

References: L. Prechelt, Early stopping - but when?, LNCS 1524, 1998; I. Goodfellow, Y.
Bengio and A. Courville, Deep Learning, MIT Press 2016, algorithm 7.1.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from optim.finite import NonFiniteError
from optim.run import Info


@dataclass(eq=False)
class EarlyStopping:
    """A callback of `fit` that measures, keeps the best state, and ends the run.

    Parameters
    ----------
    measure : Info -> number, the smaller the better, for example the loss of info.state
        on validation data; or the name of a metric of the step
    patience : p, how many measurements in a row without a new best end the run
    every : n, the steps from one measurement to the next

    Attributes
    ----------
    best : the smallest measurement; inf before the first one
    step, state : the step after which it was made, and a copy of the state there
    waited : the measurements since then
    cursor : all this, for a checkpoint

    Raises ValueError if patience or every are less than 1; when called, KeyError if no
    metric has the name, and NonFiniteError if a measurement is not finite.
    """

    measure: Callable[[Info], float] | str
    patience: int = field(kw_only=True)
    every: int = field(default=1, kw_only=True)
    best: float = field(default=math.inf, init=False)
    step: int = field(default=0, init=False)
    state: Any = field(default=None, init=False)
    waited: int = field(default=0, init=False)

    def __post_init__(self):
        if self.patience < 1 or self.every < 1:
            raise ValueError(
                f"patience is {self.patience} and every is {self.every}; the first "
                "counts measurements without progress, the second the steps between "
                "two of them, and both must be at least 1"
            )

    def __call__(self, info: Info) -> bool:
        """Measure, if it is time, and tell whether the run should end."""
        if info.step % self.every:
            return False
        measure = self.measure
        value = float(
            info.metrics[measure] if isinstance(measure, str) else measure(info)
        )
        if not math.isfinite(value):
            raise NonFiniteError(
                f"step {info.step}: the measure of EarlyStopping is {value}, which is "
                "neither better nor worse than another: look for inputs that are huge "
                "or not numbers"
            )
        if value < self.best:
            self.best, self.step, self.waited = value, info.step, 0
            self.state = copy.deepcopy(info.state)
        else:
            self.waited += 1
        return self.waited >= self.patience

    @property
    def cursor(self) -> dict[str, Any]:
        names = ("patience", "every", "best", "step", "state", "waited")
        return {name: getattr(self, name) for name in names}

    @cursor.setter
    def cursor(self, cursor: dict[str, Any]) -> None:
        for name in ("best", "step", "state", "waited"):
            setattr(self, name, cursor[name])
