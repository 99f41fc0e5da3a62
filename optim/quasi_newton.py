"""The quasi-Newton iteration, what a method knows, and why it stops.

With theta all parameters as one vector, g the gradient and H > 0 an approximation of
the inverse Hessian, an iteration is

    theta <- theta + alpha d,      d = -H g,

alpha from `line_search`. H learns from the pair (s, y), the change of theta and the
change of g; where the function is quadratic, s = (inverse Hessian) y. The methods,
`BFGS` and `LBFGS`, differ in what they keep of the pairs. They are batch methods: all
values and gradients must be of one function, since each is compared with the last.

Vectors are float64 whatever the dtype of the model. Parameters in float32 are rounded
when they are written, and s is the change after that.

Reference: J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed. (2006), sections
3.1 and 6.1.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autodiff import tree_leaves
from optim.finite import NonFiniteError
from optim.leaves import name, paired_leaves
from optim.line_search import UNBOUNDED, Point, strong_wolfe
from optim.vector import flatten, rounded, write
from samplers.kernel import kernel

FLAT = "gradient below tolerance"
SETTLED = "decrease below tolerance"
LOWEST = "no lower point found"
TOO_SHORT = "step too small"

EPSILON = 2.0**-52


@dataclass(eq=False)
class QuasiNewton(ABC):
    """A quasi-Newton method and its state.

    Parameters
    ----------
    gradient_tolerance : stop where no entry of g is larger than this
    decrease_tolerance : stop after a step that lowers the value by no more than this,
        relative to the value; 0 for never
    c1, c2 : of the Wolfe conditions; a smaller c2 makes the line search more exact

    Attributes
    ----------
    steps : the number of steps that lowered the value
    evaluations : the number of calls of the objective
    value, gradient_norm : of the last point, the norm being the largest |g_i|; nan
        before the first
    stopped : why the descent ended with the last step, None if it did not: one of
        "gradient below tolerance", "decrease below tolerance", "no lower point found"
        (as rounding hides any), "step too small" (to change a parameter), "unbounded
        below"
    scale : gamma; without any pair H = gamma I
    parameters, gradient : (n,), theta and g of the last point; empty before the first
    """

    gradient_tolerance: float = field(default=1e-5, kw_only=True)
    decrease_tolerance: float = field(default=0.0, kw_only=True)
    c1: float = field(default=1e-4, kw_only=True)
    c2: float = field(default=0.9, kw_only=True)
    steps: int = field(default=0, init=False)
    evaluations: int = field(default=0, init=False)
    value: float = field(default=math.nan, init=False)
    gradient_norm: float = field(default=math.nan, init=False)
    stopped: str | None = field(default=None, init=False)
    scale: float = field(default=math.nan, init=False)
    parameters: np.ndarray = field(default_factory=lambda: np.empty(0), init=False)
    gradient: np.ndarray = field(default_factory=lambda: np.empty(0), init=False)

    def __post_init__(self):
        for each in ("gradient_tolerance", "decrease_tolerance"):
            if not 0 <= getattr(self, each) < math.inf:
                raise ValueError(
                    f"{each} is {getattr(self, each)}; a descent ends where something "
                    "is not larger, so it must be zero or positive, and finite"
                )
        if not 0 < self.c1 < self.c2 < 1:
            raise ValueError(
                f"c1 is {self.c1} and c2 is {self.c2}; only for 0 < c1 < c2 < 1 is "
                "there always a step that satisfies the Wolfe conditions, for example "
                "1e-4 and 0.9"
            )

    @abstractmethod
    def direction(self) -> np.ndarray:
        """Return -H g : (n,)."""

    @abstractmethod
    def learn(self, s: np.ndarray, y: np.ndarray, sy: float, yy: float) -> None:
        """Take in a pair, s and y : (n,), with its products s^T y > 0 and y^T y."""

    @abstractmethod
    def forget(self) -> bool:
        """Drop all pairs, which leaves H = gamma I; return whether there were any."""

    def step(self, objective: Callable[[Any], tuple[Any, Any]], model: Any) -> float:
        """Do one iteration, change the model's arrays in place, and return the value.

        Parameters
        ----------
        objective : model -> (value, gradient), as value_and_grad(loss) is; the same
            function at every step. It is called anew at the model that is given only
            if that is not where the last step ended
        model : its leaves are arrays of float32 or float64

        If there is no way down from here, `stopped` says why, and the model stays as it
        is. It does so too if the objective raises.

        Raises
        ------
        NonFiniteError
            if the value or the gradient of the model given is nan or infinite. Where
            it is so further on, the step was too long.
        ValueError
            if the model is not the one of the last step; what `paired_leaves` raises.
        """
        leaves = self._look(objective, model)
        if self.gradient_norm <= self.gradient_tolerance:
            self.stopped = FLAT
            return self.value
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if math.isnan(self.scale):  # the first trial changes theta by length one
                unit = np.linalg.norm(self.gradient / self.gradient_norm)
                self.scale = float(1 / (self.gradient_norm * unit))
            self.stopped = self._descend(objective, model, leaves)
            while self.stopped in (LOWEST, TOO_SHORT) and self.forget():
                self.stopped = self._descend(objective, model, leaves)
        return self.value

    def _look(self, objective: Callable, model: Any) -> list[np.ndarray]:
        """Return the leaves of the model, after a call of the objective if need be."""
        leaves, known = tree_leaves(model), self.parameters
        size = sum(np.size(leaf) for leaf in leaves)
        if known.size not in (0, size):
            kind = type(self).__name__
            raise ValueError(
                f"this {kind} has moved {known.size} parameters and the model has "
                f"{size}; what it learned belongs to one model: make a new {kind} for "
                "this one"
            )
        if not known.size or (flatten(leaves) != known).any():
            value, tree = objective(model)
            self.evaluations += 1
            leaves, gradients = paired_leaves(model, tree)
            require_start(value, gradients, model)
            self._remember(flatten(leaves), float(value), flatten(gradients))
        return leaves

    def _remember(self, theta: np.ndarray, value: float, g: np.ndarray) -> None:
        self.parameters, self.value, self.gradient = theta, value, g
        self.gradient_norm = float(np.abs(g).max())

    def _descend(self, objective: Callable, model: Any, leaves: list) -> str | None:
        """Search along -H g; return why the descent ends here, None if it does not."""
        direction = self.direction()
        slope = float(self.gradient @ direction)
        if not -math.inf < slope < 0:
            return LOWEST
        theta, value, g = self.parameters, self.value, self.gradient
        found, outcome, new_g = self._search(objective, model, leaves, direction, slope)
        unbounded = UNBOUNDED if outcome == UNBOUNDED else None
        if found.step == 0:
            moves = (rounded(theta + direction, leaves) != theta).any()
            return unbounded or (LOWEST if moves else TOO_SHORT)
        self._remember(flatten(leaves), found.value, new_g)
        self._learn(self.parameters - theta, new_g - g)
        self.steps += 1
        if self.gradient_norm <= self.gradient_tolerance:
            return FLAT
        size = max(abs(value), abs(found.value))
        if value - found.value <= self.decrease_tolerance * size:
            return SETTLED
        return unbounded

    def _search(
        self,
        objective: Callable,
        model: Any,
        leaves: list[np.ndarray],
        direction: np.ndarray,
        slope: float,
    ) -> tuple[Point, str, np.ndarray]:
        """Move the model to a step along a direction, or leave it where it is.

        Return what `strong_wolfe` returns, and the gradient at the step.
        """
        theta, gradients = self.parameters, {0.0: self.gradient}

        def phi(alpha):
            write(theta + alpha * direction, leaves)
            self.evaluations += 1
            value, tree = objective(model)
            gradients[alpha] = flatten(tree_leaves(tree))
            return value, gradients[alpha] @ direction

        eps = max(float(np.finfo(leaf.dtype).eps) for leaf in leaves)
        try:
            found, outcome = strong_wolfe(
                phi, self.value, slope, c1=self.c1, c2=self.c2, resolution=eps
            )
        except BaseException:
            write(theta, leaves)
            raise
        if found.step != next(reversed(gradients)):  # the model is at the last trial
            write(theta + found.step * direction if found.step else theta, leaves)
        return found, outcome, gradients[found.step]

    def _learn(self, s: np.ndarray, y: np.ndarray) -> None:
        """Hand on a pair unless s^T y is zero up to rounding, or not positive."""
        ss, sy, yy = products(s, y)
        if yy > 0 and sy > EPSILON * math.sqrt(ss) * math.sqrt(yy):
            self.learn(s, y, sy, yy)


def require_start(value: Any, gradients: list[np.ndarray], model: Any) -> None:
    """Raise NonFiniteError if a descent cannot begin here."""
    cure = "start elsewhere, or look for inputs that are huge or not numbers"
    if not np.isfinite(value):
        raise NonFiniteError(
            f"the objective is {float(value)} at the model given, and no lower value "
            f"can be told from it; no parameter has been changed: {cure}"
        )
    for leaf, g in enumerate(gradients):
        if not np.isfinite(g).all():
            raise NonFiniteError(
                f"the gradient by {name(model, leaf)} is nan or infinite at the model "
                f"given, and shows no way down; no parameter has been changed: {cure}"
            )


@kernel(fastmath={"nsz", "reassoc"})
def products(s, y):
    """Return s^T s, s^T y and y^T y for s, y : (n,), in one pass over memory."""
    ss = sy = yy = 0.0
    for i in range(s.size):
        ss += s[i] * s[i]
        sy += s[i] * y[i]
        yy += y[i] * y[i]
    return ss, sy, yy
