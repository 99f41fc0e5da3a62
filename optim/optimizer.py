"""What all first-order methods do, but for the one line that makes them differ.

A method is an update of one array by its gradient and by what the method remembers of
earlier ones, an array or two of the same shape (its slots):

    theta, slots <- update(theta, g, slots; numbers).

A step happens whole or not at all. The update is a compiled loop that works in place
and counts the entries that leave the range of their dtype; it runs once without
writing, and only if there are none in any array of the model once more. Where a method
knows how far it can move an entry at most, a look at the sizes of theta and g takes the
place of the first run.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from optim.finite import NonFiniteError
from optim.leaves import name, paired_leaves
from optim.schedules import Schedule
from optim.settings import require_rate
from samplers.kernel import kernel

# A sum of four numbers below these is finite.
QUARTERS = {np.dtype(t): np.finfo(t).max / 4 for t in (np.float32, np.float64)}


@kernel
def is_within(theta, g, bound):
    """Return whether all entries are at most the bound in size; nan is not."""
    outside = 0
    for i in range(theta.size):
        outside += not ((abs(theta[i]) <= bound) & (abs(g[i]) <= bound))
    return outside == 0


@dataclass(eq=False)
class Optimizer(ABC):
    """A first-order method and its state.

    Parameters
    ----------
    learning_rate : eta > 0, or a schedule of it

    Attributes
    ----------
    steps : t, the number of steps taken
    the names in `slots` : one list each, an array for each leaf of the model, in the
        order of the leaves and of their shapes and dtypes; empty before step one
    """

    learning_rate: float | Schedule
    steps: int = field(default=0, init=False)

    slots: ClassVar[tuple[str, ...]] = ()
    update: ClassVar[Callable]

    def __post_init__(self):
        if not isinstance(self.learning_rate, Schedule):
            require_rate(self.learning_rate)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        if not isinstance(self.learning_rate, Schedule):
            return self.learning_rate
        rate = self.learning_rate(self.steps)
        if not 0 <= rate < math.inf:
            raise ValueError(
                f"{self.learning_rate} gave the rate {rate} after {self.steps} steps; "
                "a rate is zero or positive, and finite"
            )
        return rate

    def reach(self) -> float:
        """Return how far a step may move an entry, whatever its finite gradients.

        Infinite, as here, if no bound is known; then each step is computed twice.
        """
        return math.inf

    @abstractmethod
    def numbers(self) -> Sequence[float]:
        """Return the coefficients of the next update, in the order of its kernel."""

    def step(self, model: Any, gradient: Any) -> None:
        """Move every array of the model in place, and the slots with it.

        Raises NonFiniteError, before any array is touched, if an entry would become nan
        or infinite; ValueError if the model does not fit the slots, or if at step one a
        setting is out of range in the precision of a leaf; and what `paired_leaves`
        raises.
        """
        parameters, gradients = paired_leaves(model, gradient)
        dtypes = {parameter.dtype for parameter in parameters}
        numbers = {dtype: self._rounded_numbers(dtype) for dtype in dtypes}
        states, reach = self._states(parameters), self.reach()
        groups = list(zip(parameters, gradients, *states, strict=True))
        vectors = [[array.ravel() for array in group] for group in groups]
        for leaf, arrays in enumerate(vectors):
            theta, g, *_ = arrays
            bound = QUARTERS[theta.dtype]
            if reach <= bound and is_within(theta, g, bound):
                continue
            count = self.update(*arrays, numbers[theta.dtype], False)
            if count:
                raise NonFiniteError(
                    f"{name(model, leaf)}: the updated parameter, or what is kept of "
                    f"its gradients, is nan or too large for its dtype in {count} of "
                    f"{theta.size} entries; no parameter has been changed. Lower the "
                    "learning rate, or look for inputs that are huge or not numbers"
                )

        for (theta, _, *slots), arrays in zip(groups, vectors, strict=True):
            self.update(*arrays, numbers[theta.dtype], True)
            written = arrays[:1] + arrays[2:]
            for array, vector in zip((theta, *slots), written, strict=True):
                if not array.flags.c_contiguous:  # then the vector is a copy
                    array[...] = vector.reshape(array.shape)
        for slot, arrays in zip(self.slots, states, strict=True):
            setattr(self, slot, arrays)
        self.steps += 1

    def _states(self, parameters: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Return the lists of the slots: zeros before step one."""
        slots = self.slots
        if not self.steps:
            return [[np.zeros(p.shape, p.dtype) for p in parameters] for _ in slots]
        states = [getattr(self, slot) for slot in slots]
        given = [(p.shape, p.dtype) for p in parameters]
        for state in states:
            seen = [(array.shape, array.dtype) for array in state]
            if seen != given:
                kind = type(self).__name__
                raise ValueError(
                    f"this {kind} has moved arrays of shapes {[s for s, _ in seen]} "
                    f"and the model has {[s for s, _ in given]}, or another dtype; "
                    f"what it remembers belongs to one model: make a new {kind} for "
                    "this one"
                )
        return states

    def _rounded_numbers(self, dtype: np.dtype) -> np.ndarray:
        """Return the coefficients in a leaf's dtype."""
        exact = np.array(self.numbers())
        if not self.steps:
            self._require_in_range(exact, dtype)
        return exact.astype(dtype)

    def _require_in_range(self, exact: np.ndarray, dtype: np.dtype) -> None:
        """Raise if the first coefficients are no numbers of a leaf's dtype.

        Later a schedule may fall to zero, in that dtype too.
        """
        rate, limit = self.rate, float(np.finfo(dtype).max)
        settings = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        settings["learning_rate"] = rate
        largest = max(settings, key=settings.__getitem__)
        if settings[largest] > limit or not np.all(np.abs(exact) <= limit):
            raise ValueError(
                f"{largest} is {settings[largest]}, and the update would have a "
                f"coefficient past the largest number of {dtype}, {limit:.3g}: lower "
                "it, or write the model in float64"
            )
        if dtype.type(rate) == 0 != rate:
            raise ValueError(
                f"learning_rate is {rate}, which is zero in {dtype}: no parameter "
                "would ever move. Raise it, or write the model in float64"
            )
