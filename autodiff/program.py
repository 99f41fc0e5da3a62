"""explain: the program that a function ran, as NumPy source that runs.

A Program is a tape that writes down calls instead of derivatives. It is older than
every tape of a gradient inside the function, so the gradient's own sweep, made of
NumPy calls on its tensors, is written down with the rest: explain(grad(f), x) is
backpropagation derived for f. The source holds for arguments of the same shapes; it
never freezes a comparison or a branch, which would hold for one input only.
"""

from collections.abc import Callable
from operator import getitem
from typing import Any

import numpy as np

from autodiff.calls import values_of
from autodiff.printer import Printer, input_names
from autodiff.pytree import is_array, tree_flatten, tree_leaves
from autodiff.refusals import CLOSED, OTHER_SHAPES, OUT, SHAPE_OF_VALUES
from autodiff.rules_values import METADATA
from autodiff.tape import Tape
from autodiff.tensor import Tensor


class Program(Tape):
    """A tape of whole calls: each entry is (function, args, kwargs), or an input."""

    __slots__ = ("shapes",)

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple | None] = []

    def write(self, value: Any, *call: Any) -> Any:
        """Append a line and return its result as tensors of this program."""
        index = self.record(call)
        if isinstance(value, (tuple, list)):
            self.shapes.append(None)
            whole = Tensor(value, self, index)
            items = [
                self.write(x, getitem, (whole, i), {}) for i, x in enumerate(value)
            ]
            named = hasattr(value, "_fields")
            return type(value)(*items) if named else type(value)(items)
        value = (
            np.asarray(value)[()] if isinstance(value, (bool, int, float)) else value
        )
        self.shapes.append(value.shape)
        return Tensor(value, self, index)

    def apply(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Run function on the values and write down the call."""
        if not self.open:
            raise RuntimeError(CLOSED)
        if function in WRITERS:
            raise TypeError(OUT.format(function.__name__))
        values = values_of(self, args)
        named = {name: values_of(self, x) for name, x in kwargs.items()}
        result = function(*values, **named)
        if function in METADATA:
            return result
        if shaped_by_values(function, args, kwargs):
            raise TypeError(SHAPE_OF_VALUES.format(name=function.__name__))
        return self.write(result, function, args, kwargs)


WRITERS = {np.copyto, np.fill_diagonal, np.place, np.put, np.putmask}
SELECTORS = {
    np.argwhere,
    np.compress,
    np.extract,
    np.flatnonzero,
    np.nonzero,
    np.unique,
}


def shaped_by_values(function: Callable, args: tuple, kwargs: dict) -> bool:
    """Whether the shape of the result depends on recorded values, masks among them."""
    if function is getitem:
        parts = args[1] if type(args[1]) is tuple else (args[1],)
        return any(type(part) is Tensor and part.dtype == bool for part in parts)
    if function is np.repeat:
        return type(kwargs["repeats"] if len(args) == 1 else args[1]) is Tensor
    return function in SELECTORS or (function is np.where and len(args) == 1)


class Explanation:
    """A program as text (str) and as a function of the same arguments (call)."""

    def __init__(self, source: str, namespace: dict, inputs: list, rebuild: Callable):
        self.source = source
        self.namespace = namespace
        self.expected = [(np.shape(x), np.result_type(x)) for x in inputs]
        self.rebuild = rebuild
        exec(compile(source, "<explained program>", "exec"), namespace)

    def __repr__(self) -> str:
        return self.source

    def __call__(self, *args: Any) -> Any:
        """Run the source on other arguments of the same structure, shapes and types."""
        leaves = [
            x if type(x) is Tensor else np.asarray(x)[()]
            for x in tree_leaves(args, is_array)
        ]
        found = [(x.shape, x.dtype) for x in leaves]
        if found != self.expected:
            raise ValueError(OTHER_SHAPES.format(expected=self.expected, found=found))
        results = self.namespace["program"](*leaves)
        return self.rebuild(results if isinstance(results, tuple) else [results])


def explain(f: Callable, *args: Any) -> Explanation:
    """The NumPy program that f runs on args.

    All arrays in the arguments, trees included, become parameters of the program. Its
    text is str(explain(f, x)); called on other arguments it runs that very text. A
    value of theirs that decides a Python branch raises TypeError: use np.where.

    >>> print(explain(lambda x: np.sum(x * x), np.ones(3)))
    def program(x):
        v1 = x * x      # (3,)
        v2 = np.sum(v1) # ()
        return v2
    """
    inputs, rebuild_arguments = tree_flatten(args, is_array)
    program = Program()
    tensors = [program.write(np.asarray(x)[()]) for x in inputs]
    try:
        result = f(*rebuild_arguments(tensors))
    finally:
        program.open = False
    outputs, rebuild = tree_flatten(result, is_array)
    calls: list[Any] = [entry for entry in program.entries if entry]
    called = {function.__name__ for function, _, _ in calls}
    printer = Printer(program, input_names(f, args, called))
    return Explanation(printer.source(outputs), printer.namespace, inputs, rebuild)
