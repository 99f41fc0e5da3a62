"""What a differentiated call is made of, and what is refused in it.

A rule's own definition names the further arguments that it takes; dtype=, where= and
the like, which it does not, are refused by name instead of being dropped.
"""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from operator import itemgetter
from types import FunctionType
from typing import Any

import numpy as np

from autodiff.refusals import ARGUMENTS, PARTIAL, RESULT_TYPE, SHARE
from autodiff.tape import Tape
from autodiff.tensor import Tensor, astype, youngest


def dispatching(function: Callable) -> Callable:
    """A Python function, wrapped so that it takes the door when it meets a tensor.

    What NumPy dispatches itself (a ufunc, np.sum) needs no wrapper.
    """
    if not isinstance(function, FunctionType) or function is astype:
        return function

    @wraps(function)
    def dispatched(*args: Any, **kwargs: Any) -> Any:
        tape = youngest((*args, *kwargs.values()))
        if tape is None:
            return function(*args, **kwargs)
        return tape.apply(dispatched, args, kwargs)

    return dispatched


def values_of(tape: Tape, x: Any) -> Any:
    """x with the tensors of this tape, in lists and tuples too, replaced by values."""
    if type(x) in (tuple, list):
        return type(x)(values_of(tape, item) for item in x)
    return x.value if type(x) is Tensor and x.tape is tape else x


def operands(tape: Tape, args: Sequence) -> list:
    """The arrays that a rule computes with: values of tensors, lists made arrays."""
    return [
        x.value
        if type(x) is Tensor and x.tape is tape
        else np.asarray(x)
        if type(x) in (tuple, list)
        else x
        for x in args
    ]


def recorded(
    function: Callable,
    tape: Tape,
    y: Any,
    arrays: Sequence,
    pull: Callable,
    push: Callable,
    saved: Callable,
) -> Tensor:
    """y = function of any number of arrays as a tensor: an edge for each variable,
    by one pull and push for all, with saved(slot) to tell them apart."""
    edges = []
    for slot, x in enumerate(arrays):
        if type(x) is Tensor and x.tape is tape:
            check_dtype(function, x.value.dtype, y.dtype)
            edges.append((x.index, pull, push, saved(slot)))
    return Tensor(y, tape, tape.record(edges))


class Spec:
    """What a linear rule may know of the array in which it is linear."""

    __slots__ = ("dtype", "shape")

    def __init__(self, x: Any):
        self.shape, self.dtype = x.shape, x.dtype


class Parameters:
    """The parameters of a rule's definition after the first skip, which are arrays."""

    def __init__(self, definition: Callable, skip: int):
        parameters = list(signature(definition).parameters.values())[skip:]
        self.names = [p.name for p in parameters]
        self.positional = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            self.positional = sys.maxsize

    def check(
        self, function: Callable, args: tuple, kwargs: dict, tape: Tape | None = None
    ) -> dict:
        """kwargs without those left at None; what the definition lacks is refused."""
        if not args and not kwargs:
            return kwargs
        if len(args) > self.positional:
            refuse(function, f"{len(args)} further positional arguments", self.names)
        if tape is not None and youngest((*args, *kwargs.values())) is tape:
            refuse(function, "a tensor where a constant is expected", self.names)
        kwargs = {k: v for k, v in kwargs.items() if v is not None or k in self.names}
        unknown = [f"{name}=" for name in kwargs if name not in self.names]
        if unknown:
            refuse(function, ", ".join(unknown), self.names)
        return kwargs


def refuse(function: Callable, what: str, names: list[str]) -> None:
    named = ", ".join(names) or "nothing"
    raise TypeError(ARGUMENTS.format(name=function.__name__, what=what, names=named))


def refuse_call(function: Callable, args: tuple, kwargs: dict, names: list) -> None:
    keywords = ", ".join(f"{name}=" for name in kwargs)
    refuse(function, keywords or f"{len(args)} arguments", names)


def scaling(partial: Any, names: list[str]) -> tuple[Callable, Callable]:
    """For a partial derivative: g -> g * partial, and the getter of what it needs.

    The parameters of a partial name what it needs of names, the arguments and y; what
    the getter takes from (*args, y) is kept for the pull-back.
    """
    if not callable(partial):
        return {1: lambda g: g, -1: lambda g: -g}[partial], lambda known: ()
    wanted = list(signature(partial).parameters)
    needed = wanted[1:] if wanted[:1] == ["g"] else wanted
    if not needed or not set(needed) <= set(names):
        raise TypeError(PARTIAL.format(wanted=wanted, names=", ".join(names)))
    places = [names.index(name) for name in needed]
    first = slice(places[0], places[0] + 1)  # itemgetter(0) would give no tuple
    needs = itemgetter(*places) if len(places) > 1 else itemgetter(first)
    if needed != wanted:
        return partial, needs
    return lambda g, *saved: g * partial(*saved), needs


def check_dtype(function: Callable, expected: Any, found: Any) -> None:
    """A result has the type of every tensor that went in, and so have cotangents."""
    if expected != found:
        raise TypeError(
            RESULT_TYPE.format(name=function.__name__, expected=expected, found=found)
        )


def check_share(function: Callable, shape: tuple, g: Any) -> None:
    """A pull-back returns its argument's shape, or one that this broadcasts to."""
    found = g.shape if hasattr(g, "shape") else repr(g)
    fits = isinstance(found, tuple) and len(found) >= len(shape)
    tail = found[len(found) - len(shape) :] if fits else ()
    if not fits or any(n not in (1, m) for n, m in zip(shape, tail, strict=True)):
        found = f"shape {found}" if hasattr(g, "shape") else found
        name = function.__name__
        raise ValueError(SHARE.format(name=name, shape=shape, found=found))
