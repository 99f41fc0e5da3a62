"""The exponential moving average of the parameters along a run.

    a <- d a + (1 - d) theta,    average = a / (1 - d^t)   after t steps, a_0 = 0.

Stochastic steps jitter about a minimum; the average over the last 1 / (1 - d) steps
lies closer to it. The division removes the bias of the start at zero. Samples are drawn
from the averaged model; the descent goes on with the other.

References: B. T. Polyak and A. B. Juditsky, SIAM J. Control Optim. 30, 1992; with the
correction D. P. Kingma and J. Ba, ICLR 2015, section 7.2.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autodiff import tree_flatten, tree_leaves
from optim.settings import require_fraction


@dataclass(eq=False)
class MovingAverage:
    """The average and its state.

    Parameters
    ----------
    decay : d in [0, 1); a memory of 1 / (1 - d) steps

    Attributes
    ----------
    steps : t, the number of updates
    sums : a, a float64 array for each leaf of the model (float32 would lose the small
        increments of a slow average); empty before the first update
    """

    decay: float = 0.999
    steps: int = field(default=0, init=False)
    sums: list[np.ndarray] = field(default_factory=list, init=False)

    def __post_init__(self):
        require_fraction("decay", self.decay)

    def update(self, model: Any) -> None:
        """Take in the parameters of the model, which is only read."""
        leaves = tree_leaves(model)
        if not self.steps:
            self.sums = [np.zeros(np.shape(leaf)) for leaf in leaves]
        self._require_shapes(leaves)
        for a, theta in zip(self.sums, leaves, strict=True):
            a += (1 - self.decay) * (theta - a)
        self.steps += 1

    def averaged(self, model: Any) -> Any:
        """Return a copy of the model that holds the average, in the model's dtypes.

        Raises ValueError before the first update, or if the model has other shapes.
        """
        leaves, rebuild = tree_flatten(model)
        if not self.steps:
            raise ValueError(
                "there is no average before the first update: call update(model) after "
                "each step, or give fit the state (model, optimizer, average)"
            )
        self._require_shapes(leaves)
        weight = 1 - self.decay**self.steps
        pairs = zip(self.sums, leaves, strict=True)
        return rebuild([np.asarray(a / weight, np.asarray(p).dtype) for a, p in pairs])

    def _require_shapes(self, leaves: list) -> None:
        seen, given = [a.shape for a in self.sums], [np.shape(leaf) for leaf in leaves]
        if seen != given:
            raise ValueError(
                f"this MovingAverage holds arrays of shapes {seen} and the model has "
                f"{given}; an average belongs to one model: make a new one for this one"
            )
