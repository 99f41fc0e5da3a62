"""One training loop for every model.

    state_k, metrics_k = step(state_{k-1}, batch_k, rng)

The loop knows neither model nor loss nor optimizer: all that changes from step to step
is in the state, and how it changes is in `step`. For supervised learning `descent`
makes that step from a loss; a sampler's chains or a second player are more entries of a
state that a model's own step looks after.
"""

import itertools
import math
import operator
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from optim.checkpoint import Checkpoint, Recorder
from optim.finite import NonFiniteError
from optim.interrupt import deferred_interrupt
from optim.run import History, Info, Run
from samplers.archive import CheckpointError


def fit(
    step: Callable[[Any, Any, np.random.Generator], tuple[Any, dict[str, float]]],
    state: Any,
    batches: Iterable[Any] | None,
    *,
    steps: int,
    rng,
    callbacks: Iterable[Callable[[Info], Any]] = (),
    checkpoint: Checkpoint | None = None,
) -> tuple[Any, History]:
    """Take steps until `steps` of them are done; return the last state and the history.

    Parameters
    ----------
    step : (state, batch, rng) -> (state, metrics); metrics : name -> number, among
        them "loss"
    state : the first state; a step may change it in place
    batches : one batch a step is taken from it, see `Batches`; None gives () to every
        step, for a loss that sees all data each time
    steps : at least 1, counted from the beginning of the run
    rng : int, SeedSequence or Generator, handed to every step
    callbacks : each is called with an Info after every step, and the run ends after a
        step at which one of them returns True. If it has a method `close`, that is
        called when the run ends, however it ends
    checkpoint : writes the run to a file as it goes. The batches must then have a
        cursor, and a callback that remembers something needs one to be resumed too,
        see optim/checkpoint.py

    A run resumed from a checkpoint ends as it would have ended without a stop, with the
    whole history: use the state that is returned, which is built from the file, while
    the state and the rng that were given stay as they are. A run that a callback had
    ended stays ended; to pause one, interrupt it.

    Ctrl-C ends the run after the step under way, with `history.interrupted` set; a
    second Ctrl-C raises KeyboardInterrupt.

    Raises NonFiniteError, with the number of the step, if a metric or a gradient is not
    finite. A step that updates in place must look before it does so, as `descent` and
    the optimizers do: then the parameters are those of the last good step. Raises
    TypeError if the metrics are no dict, ValueError if "loss" is missing, the names
    change, or the batches run out; and with a checkpoint what `Recorder` raises.
    """
    if operator.index(steps) < 1:
        raise ValueError(f"steps is {steps}; a run takes at least one step")
    if batches is None:
        batches = _NoBatches()
    rng, callbacks, history = np.random.default_rng(rng), tuple(callbacks), History()
    run = Run(state, batches, callbacks, rng, history)
    if not isinstance(checkpoint, Checkpoint | None):
        raise TypeError(
            f"checkpoint is {checkpoint!r}; say how to keep the run as well as where: "
            "Checkpoint(path, every=1000, resume=True)"
        )
    recorder = None if checkpoint is None else Recorder(checkpoint, run)
    if run.step > steps:
        raise CheckpointError(
            f"the run to be resumed has done {run.step} steps and steps is {steps}, "
            "counted from its beginning; ask for more, or begin a run at another path"
        )
    source = iter(batches)
    start = time.perf_counter() - run.elapsed
    with ExitStack() as stack:
        interrupt = stack.enter_context(deferred_interrupt())
        for callback in callbacks:
            if hasattr(callback, "close"):
                stack.callback(callback.close)
        while run.step < steps and history.stopped is None:
            metrics = _advance(run, step, source, steps)
            run.elapsed = time.perf_counter() - start
            info = Info(run.step, steps, run.state, metrics, run.elapsed, run.rng)
            stopping = [callback for callback in callbacks if callback(info)]
            if stopping:
                history.stopped = f"callback {_name(stopping[0])}"
            elif interrupt.is_set() and run.step < steps:
                history.stopped = "interrupted"
            if recorder and (history.stopped or run.step == steps or recorder.is_due()):
                recorder.write()
        history.interrupted = interrupt.is_set()
    history.stopped = history.stopped or "steps"
    return run.state, history


class _NoBatches:
    """The batches of a run without batches."""

    cursor = None

    def __iter__(self):
        return itertools.repeat(())


def _advance(run: Run, step: Callable, source, steps: int) -> dict[str, float]:
    """Take one step of the run and return its metrics."""
    number = run.step + 1
    batch = _next_batch(source, number, steps)
    try:
        state, metrics = step(run.state, batch, run.rng)
        metrics = _checked(metrics)
    except NonFiniteError as error:
        raise NonFiniteError(f"step {number}: {error}") from error
    run.history.append(number, metrics)
    run.state, run.step = state, number
    return metrics


def _next_batch(source, number: int, steps: int):
    try:
        return next(source)
    except StopIteration:
        raise ValueError(
            f"the batches ran out before step {number} of {steps}; `Batches` never "
            "does, and itertools.cycle repeats a finite list"
        ) from None


def _checked(metrics: dict[str, float]) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"step returned a state and a {type(metrics).__name__} where the metrics "
            'should be; return both, the state as one: return state, {"loss": value}'
        )
    if "loss" not in metrics:
        raise ValueError(
            f'step returned the metrics {sorted(metrics)} without "loss", the number '
            'that tells whether a run goes well: return state, {"loss": value}'
        )
    numbers = {name: float(value) for name, value in metrics.items()}
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise NonFiniteError(
                f"{name} is {value} after this step, and no run goes on from there: "
                "lower the learning rate, or look for inputs that are huge or not "
                "numbers"
            )
    return numbers


def _name(callback: Callable) -> str:
    return getattr(callback, "__name__", type(callback).__name__)
