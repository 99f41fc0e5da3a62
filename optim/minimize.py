"""Minimize a loss of all data by a quasi-Newton method, and say how it ended."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from autodiff import tree_leaves, value_and_grad
from optim.checkpoint import Checkpoint
from optim.fit import fit
from optim.quasi_newton import FLAT, SETTLED, QuasiNewton
from optim.run import Info


@dataclass(frozen=True)
class Outcome:
    """How a minimization ended.

    value : the loss at the end, the lowest met
    gradient_norm : the largest |dL/dtheta_i| there
    iterations, evaluations : the optimizer's steps, and its calls of the loss and its
        gradient, in all
    converged : whether the gradient or the decrease has come below its tolerance
    reason : what ended it: a word of `QuasiNewton.stopped`, "steps exhausted",
        "interrupted" by Ctrl-C, or the callback that did
    """

    value: float
    gradient_norm: float
    iterations: int
    evaluations: int
    converged: bool
    reason: str


def minimize(
    loss: Callable[[Any], Any],
    model: Any,
    optimizer: QuasiNewton,
    *,
    steps: int = 1000,
    callbacks: Iterable[Callable[[Info], Any]] = (),
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Move the model's arrays in place to where the loss is lowest near by.

    >>> import numpy as np
    >>> from optim import LBFGS
    >>> def rosenbrock(x):
    ...     return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    >>> x = np.array([-1.2, 1.0])
    >>> minimize(rosenbrock, x, LBFGS()).reason
    'gradient below tolerance'
    >>> x.round(4)
    array([1., 1.])

    Parameters
    ----------
    loss : model -> a scalar; the same function at every call, so without random numbers
        and batches of its own
    model : an array, or a tree of arrays
    optimizer : `BFGS` for few parameters, `LBFGS` for many
    steps : the most iterations
    callbacks, checkpoint : as for `fit`, to which this hands the state
        (model, optimizer). The metrics are "loss" and "gradient norm"

    Raises TypeError for a first-order optimizer, and what `fit` and the optimizer's
    `step` raise.
    """
    if not isinstance(optimizer, QuasiNewton):
        raise TypeError(
            "minimize takes BFGS or LBFGS, which know when to stop, and was given "
            f"{type(optimizer).__name__}; for a method of the gradient alone write "
            "fit(descent(loss), (model, optimizer), None, steps=1000, rng=0)"
        )
    objective = value_and_grad(loss)

    def step(state, batch, rng):
        model, optimizer = state
        value = optimizer.step(objective, model)
        return state, {"loss": value, "gradient norm": optimizer.gradient_norm}

    def ended(info):
        return info.state[1].stopped is not None

    state, history = fit(
        step,
        (model, optimizer),
        None,
        steps=steps,
        rng=0,
        callbacks=(*callbacks, ended),
        checkpoint=checkpoint,
    )
    # A run that goes on from a file does so with objects of its own.
    trained, used = state
    for mine, theirs in zip(tree_leaves(model), tree_leaves(trained), strict=True):
        mine[...] = theirs
    reason = str(used.stopped or history.stopped)
    if reason == "steps":
        reason = "steps exhausted"
    return Outcome(
        value=used.value,
        gradient_norm=used.gradient_norm,
        iterations=used.steps,
        evaluations=used.evaluations,
        converged=reason in (FLAT, SETTLED),
        reason=reason,
    )
