"""explain: the program that a function ran, as NumPy source that runs.

A Program is a tape that writes down calls instead of derivatives. It is older than
every tape of a gradient inside the function, so the gradient's own sweep, made of
NumPy calls on its tensors, is written down with the rest: explain(grad(f), x) is
backpropagation derived for f. The source holds for arguments of the same shapes; it
never freezes a comparison or a branch, which would hold for one input only.
"""

import inspect
import keyword
import re
import sys
from collections.abc import Callable
from operator import getitem
from typing import Any

import numpy as np

from autodiff.calls import values_of
from autodiff.pytree import tree_flatten, tree_paths
from autodiff.rules_values import METADATA
from autodiff.tape import Tape
from autodiff.tensor import Tensor, astype

INFIX = {
    np.add: "+",
    np.subtract: "-",
    np.multiply: "*",
    np.divide: "/",
    np.power: "**",
    np.matmul: "@",
    np.less: "<",
    np.less_equal: "<=",
    np.greater: ">",
    np.greater_equal: ">=",
    np.equal: "==",
    np.not_equal: "!=",
}


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
            return type(value)(items)
        value = (
            np.asarray(value)[()] if isinstance(value, (bool, int, float)) else value
        )
        self.shapes.append(value.shape)
        return Tensor(value, self, index)

    def apply(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Run function on the values and write down the call."""
        values = values_of(self, args)
        named = {name: values_of(self, x) for name, x in kwargs.items()}
        result = function(*values, **named)
        if function in METADATA:
            return result
        if values and result is values[0]:
            return args[0]
        return self.write(result, function, args, kwargs)


class Explanation:
    """A program as text (str) and as a function of the same arguments (call)."""

    def __init__(self, source: str, namespace: dict, rebuild: Callable):
        self.source = source
        self.rebuild = rebuild
        self.namespace = namespace
        exec(compile(source, "<explained program>", "exec"), namespace)

    def __repr__(self) -> str:
        return self.source

    def __call__(self, *args: Any) -> Any:
        """Run the source on other arguments of the same structure and shapes."""
        leaves, _ = tree_flatten(args, is_array)
        results = self.namespace["program"](*leaves)
        return self.rebuild(results if isinstance(results, tuple) else [results])


def is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic, Tensor))


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
    names = input_names(f, args)
    program = Program()
    tensors = [program.write(np.asarray(x)[()]) for x in inputs]
    try:
        result = f(*rebuild_arguments(tensors))
    finally:
        program.open = False
    outputs, rebuild = tree_flatten(result, is_array)
    printer = Printer(program, names)
    return Explanation(printer.source(outputs), printer.namespace, rebuild)


def input_names(f: Callable, args: tuple) -> list[str]:
    """A readable name for every input: x, weights_0, ... from its path in args."""
    try:
        parameters = list(inspect.signature(f).bind(*args).arguments)
        heads = parameters if len(parameters) == len(args) else []
    except (TypeError, ValueError):
        heads = []
    heads = heads or [f"x{i}" for i in range(len(args))]
    names: list[str] = []
    for path in tree_paths(args, is_array):
        tokens = re.findall(r"[A-Za-z_]\w*|\d+", path)
        words = [heads[int(tokens[0])], *tokens[1:]]
        last = next(word for word in reversed(words) if not word.isdigit())
        name = "_".join([last, *(word for word in words if word.isdigit())])
        if name in names:
            name = "_".join(words)
        taken = keyword.iskeyword(name) or re.fullmatch(r"np|[vc]\d+|program", name)
        names.append(name + "_" if taken or name in names else name)
    return names


class Printer:
    """Turns the entries that the outputs need into lines of source."""

    def __init__(self, program: Program, inputs: list[str]):
        self.program = program
        self.inputs = inputs
        self.names = dict(enumerate(inputs))
        self.constants: list[str] = []
        self.headers: dict[str, None] = {}
        self.namespace: dict[str, Any] = {"np": np}

    def source(self, outputs: list) -> str:
        """The text: definitions, constants, one line a call, the results."""
        entries: list[Any] = self.program.entries
        lines: list[tuple[str, tuple | None]] = []
        for index in sorted(self.needed(outputs)):
            if index >= len(self.inputs):
                text = self.call(*entries[index])
                if is_transpose(*entries[index]):
                    self.names[index] = text
                    continue
                self.names[index] = f"v{len(lines) + 1}"
                shape = self.program.shapes[index]
                lines.append((f"{self.names[index]} = {text}", shape))
        results = ", ".join(self.operand(y) for y in outputs)
        width = min(max((len(line) for line, _ in lines), default=0), 60)
        body = [
            line if shape is None else f"{line:{width}} # {shape}"
            for line, shape in lines
        ]
        body = [*self.constants, *body, f"return {results or '()'}"]
        head = f"def program({', '.join(self.inputs)}):"
        return "\n".join([*self.headers, head, *("    " + line for line in body)])

    def needed(self, outputs: list) -> set[int]:
        """The entries on which the outputs depend, inputs included."""
        found: set[int] = set()
        stack = [y.index for y in outputs if type(y) is Tensor]
        while stack:
            index = stack.pop()
            if index not in found:
                found.add(index)
                stack += [x.index for x in tensors_in(self.program.entries[index])]
        return found

    def call(self, function: Callable, args: tuple, kwargs: dict) -> str:
        """One call as an expression."""
        if function is getitem:
            return f"{self.operand(args[0])}[{self.index(args[1])}]"
        if function is astype:
            return f"{self.operand(args[0])}.astype({self.operand(args[1])})"
        if is_transpose(function, args, kwargs):
            return f"{self.operand(args[0])}.mT"
        texts = [self.operand(x) for x in args]
        if function is np.negative:
            return f"-{texts[0]}"
        if function in INFIX:
            left, right = (f"({text})" if text[0] == "-" else text for text in texts)
            return f"{left} {INFIX[function]} {right}"
        texts += [f"{name}={self.operand(x)}" for name, x in kwargs.items()]
        return f"{self.function(function)}({', '.join(texts)})"

    def function(self, function: Callable) -> str:
        """The name of a function, defined or imported in the header if not NumPy's."""
        name = function.__name__
        if getattr(np, name, None) is function:
            return f"np.{name}"
        if getattr(sys.modules.get("scipy.special"), name, None) is function:
            self.headers[f"from scipy.special import {name}\n"] = None
        elif function.__module__.startswith("autodiff."):
            self.headers[inspect.getsource(inspect.unwrap(function)) + "\n"] = None
        else:
            name = name if name.isidentifier() else f"function_{len(self.namespace)}"
            self.headers[f"# {name} is a function of yours, bound by name\n"] = None
            self.namespace[name] = function
        return name

    def operand(self, x: Any) -> str:
        """An argument as an expression."""
        if type(x) is Tensor:
            return self.names[x.index]
        if isinstance(x, np.ndarray):
            return self.constant(x)
        if isinstance(x, (tuple, list)):
            items = ", ".join(self.operand(item) for item in x)
            if isinstance(x, list):
                return f"[{items}]"
            return f"({items},)" if len(x) == 1 else f"({items})"
        if isinstance(x, range):
            return repr(x)
        if isinstance(x, (np.dtype, type)):
            return f"np.{np.dtype(x).name}"
        if isinstance(x, np.generic) and not isinstance(x, np.float64):
            return repr(x)
        if isinstance(x, (float, np.float64)):
            return repr(float(x)).replace("inf", "np.inf").replace("nan", "np.nan")
        return repr(x)

    def index(self, x: Any) -> str:
        """An index between its brackets."""
        if isinstance(x, tuple) and x:
            return ", ".join(self.index(part) for part in x) + (
                "," if len(x) == 1 else ""
            )
        if isinstance(x, slice):
            parts = [x.start, x.stop, *([] if x.step is None else [x.step])]
            return ":".join("" if part is None else str(part) for part in parts)
        if x is Ellipsis:
            return "..."
        return self.operand(x)

    def constant(self, x: np.ndarray) -> str:
        """An array that no input reaches: written out if regular, else bound."""
        name = f"c{len(self.constants) + 1}"
        kind = "" if x.dtype in (np.float64, np.int64) else f", np.{x.dtype.name}"
        if x.size and (x == x.flat[0]).all():
            value = f"np.full({x.shape}, {self.operand(x.flat[0].item())}{kind})"
        elif x.ndim == 1 and x.dtype == np.int64 and (x == np.arange(x.size)).all():
            value = f"np.arange({x.size})"
        elif x.size <= 12:
            value = f"np.array({x.tolist()}{kind}).reshape({x.shape})"
        else:
            self.namespace[name] = x
            self.constants.append(f"# {name} is a constant {x.dtype} array {x.shape}")
            return name
        self.constants.append(f"{name} = {value}")
        return name


def is_transpose(function: Callable, args: tuple, kwargs: dict) -> bool:
    """Whether a call is x.mT, which needs no line of its own."""
    return function is np.swapaxes and args[1:] == (-1, -2)


def tensors_in(x: Any) -> list[Tensor]:
    """The tensors among the arguments of a call, containers and slices searched."""
    if type(x) is Tensor:
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (tuple, list)):
        return [tensor for item in x for tensor in tensors_in(item)]
    return []
