"""One training loop for every model.

    state_k, metrics_k = step(state_{k-1}, batch_k, rng)

The loop knows neither model nor loss nor optimizer: all that changes from step to step
is in the state, and how it changes is in `step`. For supervised learning `descent`
makes that step from a loss; a sampler's chains or a second player are more entries of a
state that a model's own step looks after.
"""

import operator
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff import value_and_grad
from optim.finite import NonFiniteError, require_finite
from optim.interrupt import deferred_interrupt


@dataclass(frozen=True, eq=False)
class Info:
    """What a callback is told after each step.

    step : steps done, from 1; steps : steps asked for; state : after the step;
    metrics : of the step; elapsed : seconds since the start; rng : the run's Generator.
    """

    step: int
    steps: int
    state: Any
    metrics: dict[str, float]
    elapsed: float
    rng: np.random.Generator


class History(dict[str, list[float]]):
    """The metrics of a run: name -> one number a step.

    interrupted : whether Ctrl-C came during the run, be it in its last step
    """

    interrupted: bool = False

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


def fit(
    step: Callable[[Any, Any, np.random.Generator], tuple[Any, dict[str, float]]],
    state: Any,
    batches: Iterable[Any],
    *,
    steps: int,
    rng,
    callbacks: Iterable[Callable[[Info], Any]] = (),
) -> tuple[Any, History]:
    """Take `steps` steps and return the last state and the history.

    Parameters
    ----------
    step : (state, batch, rng) -> (state, metrics); metrics : name -> number, among
        them "loss"
    state : the first state; a step may change it in place
    batches : one batch a step is taken from it, see `Batches`
    steps : at least 1
    rng : int, SeedSequence or Generator, handed to every step
    callbacks : each is called with an Info after every step; the run ends early after a
        step at which one of them returns True

    Ctrl-C ends the run after the step under way, with `history.interrupted` set; a
    second Ctrl-C raises KeyboardInterrupt.

    Raises NonFiniteError, with the number of the step, if a metric or a gradient is not
    finite. A step that updates in place must look before it does so, as `descent` and
    the optimizers do: then the parameters are those of the last good step. Raises
    ValueError if "loss" is missing, the names change, or the batches run out.
    """
    if operator.index(steps) < 1:
        raise ValueError(f"steps is {steps}; a run takes at least one step")
    rng = np.random.default_rng(rng)
    source = iter(batches)
    callbacks = tuple(callbacks)
    history = History()
    start = time.perf_counter()
    with deferred_interrupt() as interrupt:
        for number in range(1, steps + 1):
            batch = _next_batch(source, number, steps)
            try:
                new_state, metrics = step(state, batch, rng)
                metrics = _checked(metrics)
            except NonFiniteError as error:
                raise NonFiniteError(f"step {number}: {error}") from error
            state = new_state
            history.append(number, metrics)
            elapsed = time.perf_counter() - start
            info = Info(number, steps, state, metrics, elapsed, rng)
            stop = [callback(info) for callback in callbacks]
            if interrupt.is_set():
                history.interrupted = True
            if history.interrupted or any(stop):
                break
    return state, history


def descent(loss: Callable) -> Callable:
    """Return the step that lowers a loss by the gradient of one batch.

    The state is (model, optimizer) and the batch a tuple of arrays:

        step((model, optimizer), batch, rng):
            value, gradient = value_and_grad(loss)(model, *batch)
            optimizer.step(model, gradient)

    Parameters
    ----------
    loss : (model, *batch) -> a scalar

    Raises NonFiniteError if the value is not finite, before the optimizer moves.
    """
    differentiate = value_and_grad(loss)

    def step(state, batch, rng):
        model, optimizer = state
        value, gradient = differentiate(model, *batch)
        require_finite("loss", value)
        optimizer.step(model, gradient)
        return state, {"loss": float(value)}

    return step


def _next_batch(source, number: int, steps: int):
    try:
        return next(source)
    except StopIteration:
        raise ValueError(
            f"the batches ran out before step {number} of {steps}; `Batches` never "
            "does, and itertools.cycle repeats a finite list"
        ) from None


def _checked(metrics: dict[str, float]) -> dict[str, float]:
    if "loss" not in metrics:
        raise ValueError(
            f'step returned the metrics {sorted(metrics)} without "loss", the number '
            'that tells whether a run goes well: return state, {"loss": value}'
        )
    numbers = {name: float(value) for name, value in metrics.items()}
    for name, value in numbers.items():
        require_finite(name, value)
    return numbers
