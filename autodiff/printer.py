"""The lines of a recorded program as NumPy source.

One line a call, with the shape of its result; lines that the results do not need are
left out. Functions that NumPy lacks are defined or imported above the program.
"""

import inspect
import keyword
import re
import sys
from collections.abc import Callable
from operator import getitem
from typing import Any

import numpy as np

from autodiff.pytree import is_array, tree_paths
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
    np.bitwise_and: "&",
    np.bitwise_or: "|",
    np.bitwise_xor: "^",
    np.remainder: "%",
    np.floor_divide: "//",
}
NUMPY = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}
PREFIX = {np.negative: "-", np.bitwise_not: "~"}


def free(name: str, taken: set[str]) -> str:
    """name, with underscores after it if something else has that name."""
    while (
        name in taken
        or keyword.iskeyword(name)
        or re.fullmatch(r"np|[vc]\d+|program", name)
    ):
        name += "_"
    return name


def input_names(f: Callable, args: tuple, called: set[str]) -> list[str]:
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
        names.append(free(name, called | set(names)))
    return names


class Printer:
    """Turns the entries that the outputs need into lines of source."""

    def __init__(self, program: Any, inputs: list[str]):
        self.program = program
        self.inputs = inputs
        self.names = dict(enumerate(inputs))
        self.constants: dict[int, tuple[str, str]] = {}
        self.headers: dict[str, None] = {}
        self.bound: dict[Callable, str] = {}
        self.namespace: dict[str, Any] = {"np": np}
        functions = {entry[0] for entry in program.entries if entry}
        self.ours = {f.__name__ for f in functions if not is_users(f)}

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
        constants = [line for _, line in self.constants.values()]
        body = [*constants, *body, f"return {results or '()'}"]
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
        if function in PREFIX and not kwargs:
            return f"{PREFIX[function]}{self.operand(args[0])}"
        if function in INFIX and not kwargs:
            texts = [
                number(x) if isinstance(x, float) else self.operand(x) for x in args
            ]
            left, right = (f"({text})" if text[0] == "-" else text for text in texts)
            return f"{left} {INFIX[function]} {right}"
        texts = [self.operand(x) for x in args]
        texts += [f"{name}={self.operand(x)}" for name, x in kwargs.items()]
        return f"{self.function(function)}({', '.join(texts)})"

    def function(self, function: Callable) -> str:
        """The name of a function, defined or imported in the header if not NumPy's."""
        name = function.__name__
        for prefix, module in NUMPY.items():
            if getattr(module, name, None) is function:
                return f"{prefix}.{name}"
        if is_users(function):
            if function not in self.bound:
                taken = {*self.ours, *self.inputs, *self.bound.values()}
                name = free(name if name.isidentifier() else "function", taken)
                self.headers[f"# {name} is a function of yours, bound by name\n"] = None
                self.bound[function] = name
                self.namespace[name] = function
            return self.bound[function]
        if isinstance(function, np.ufunc):
            self.headers[f"from scipy.special import {name}\n"] = None
        else:
            self.headers[inspect.getsource(inspect.unwrap(function)) + "\n"] = None
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
        if isinstance(x, np.generic) and x.dtype.kind == "f":
            return f"np.{x.dtype.name}({number(x)})"
        return number(x) if isinstance(x, float) else repr(x)

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
        if id(x) in self.constants:
            return self.constants[id(x)][0]
        name = f"c{len(self.constants) + 1}"
        kind = (
            ""
            if x.size and x.dtype in (np.float64, np.int64)
            else f", np.{x.dtype.name}"
        )
        if x.size and x.tobytes() == x.flat[0].tobytes() * x.size:
            value = f"np.full({x.shape}, {self.operand(x.flat[0].item())}{kind})"
        elif x.ndim == 1 and x.dtype == np.int64 and (x == np.arange(x.size)).all():
            value = f"np.arange({x.size})"
        elif x.size <= 12:
            value = f"np.array({self.operand(x.tolist())}{kind}).reshape({x.shape})"
        else:
            self.namespace[name] = x
            value = ""
        bound = f"# {name} is a constant {x.dtype} array {x.shape}, bound by name"
        self.constants[id(x)] = name, f"{name} = {value}" if value else bound
        return name


def number(x: Any) -> str:
    """A floating-point number as source.

    >>> number(0.5), number(-np.inf)
    ('0.5', '-np.inf')
    """
    return repr(float(x)).replace("inf", "np.inf").replace("nan", "np.nan")


def is_users(function: Callable) -> bool:
    """Whether a function is neither NumPy's, nor SciPy's, nor of this package."""
    libraries = [*NUMPY.values(), sys.modules.get("scipy.special")]
    theirs = [getattr(library, function.__name__, None) for library in libraries]
    ours = str(getattr(function, "__module__", "")).startswith("autodiff.")
    return not ours and not any(function is each for each in theirs)


def is_transpose(function: Callable, args: tuple, kwargs: dict) -> bool:
    """Whether a call is x.mT, which needs no line of its own."""
    return function is np.swapaxes and args[1:] == (-1, -2)


def tensors_in(x: Any) -> list[Tensor]:
    """The tensors among the arguments of a call, containers searched."""
    if type(x) is Tensor:
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (tuple, list)):
        return [tensor for item in x for tensor in tensors_in(item)]
    return []
