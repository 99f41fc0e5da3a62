"""One run of a function on tensors: what goes in, what comes out, the two readings.

In go the floating leaves of the arguments, each held in one place. Out come
derivatives that are the caller's own arrays, shaped and typed like their leaves.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.pytree import (
    is_array,
    is_floating,
    rebuild,
    repeated,
    tree_flatten,
    tree_items,
    tree_leaves,
    tree_paths,
)
from autodiff.refusals import ARGNUMS, NO_FLOATS, PAIRS, SEED, SUBCLASS, TWICE
from autodiff.tape import Tape
from autodiff.tensor import Tensor

Argnums = int | tuple[int, ...]


class Run:
    """f(*primals), run once on tensors of a tape of its own, which can be read.

    inputs, outputs : the leaves of the primals and of the result, plain values
    indices : where the outputs stand on the tape, None for what depends on no input
    """

    def __init__(self, f: Callable, primals: Sequence):
        self.primals = as_tuple(primals)
        self.inputs = [x for i, tree in enumerate(primals) for x in leaves_of(i, tree)]
        self.tape = Tape()
        leaves = [Tensor(native(x), self.tape, self.tape.record()) for x in self.inputs]
        try:
            result = f(*self.rebuild(leaves))
        finally:
            self.tape.open = False
        outputs, self.rebuild_result = tree_flatten(result)
        mine = [type(y) is Tensor and y.tape is self.tape for y in outputs]
        pairs = list(zip(outputs, mine, strict=True))
        self.indices = [y.index if own else None for y, own in pairs]
        self.outputs = [y.value if own else y for y, own in pairs]

    def rebuild(self, leaves: list) -> tuple:
        """A tuple of trees like the primals, with other leaves."""
        return rebuild(self.primals, iter(leaves))

    def result(self) -> Any:
        """The result of f, without tensors of this run's tape."""
        return self.rebuild_result(self.outputs)

    def transposed(self, g: Any) -> tuple:
        """J^T g for a tree g like the result: a tuple with a tree for each primal."""
        return self.rebuild(self.pull_back(seeds("cotangent", g, self.result())))

    def pull_back(self, cotangents: Sequence) -> list:
        """J^T g: from a cotangent for each output to one for each input."""
        start: dict[int, Any] = {}
        for index, g in zip(self.indices, cotangents, strict=True):
            if index is not None:
                start[index] = start[index] + g if index in start else g
        found = self.tape.pull_back(start)
        for i, x in enumerate(self.inputs):  # one by one, so that each original goes
            if not is_alone(found, i, x):
                found[i] = owned(found[i], x)
        return found[: len(self.inputs)]

    def along(self, tangents: Sequence) -> Any:
        """J t for a tuple of trees like the primals: a tree like the result."""
        given = seeds("tangent", as_tuple(tangents), self.primals)
        return self.rebuild_result(self.push_forward(dict(enumerate(given))))

    def push_forward(self, tangents: dict[int, Any]) -> list:
        """J t: from tangents by the input's position to one for each output."""
        found = self.tape.push_forward(tangents)
        pairs = zip(self.indices, self.outputs, strict=True)
        return [owned(None if i is None else found[i], y) for i, y in pairs]


def as_tuple(arguments: Any) -> tuple:
    if not isinstance(arguments, (tuple, list)):
        raise TypeError(PAIRS)
    return tuple(arguments)


def run_at(f: Callable, argnums: Argnums, args: tuple, kwargs: dict) -> Run:
    """Run f with the arguments at argnums as variables, the others constant."""
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    within = all(type(i) is int and -len(args) <= i < len(args) for i in positions)
    if not within or len({i % len(args) for i in positions}) < len(positions):
        raise TypeError(ARGNUMS.format(argnums=argnums, count=len(args)))

    def partial(*variables: Any) -> Any:
        filled = dict(enumerate(args))
        filled |= {i % len(args): x for i, x in zip(positions, variables, strict=True)}
        return f(*filled.values(), **kwargs)

    return Run(partial, [args[i] for i in positions])


def leaves_of(position: int, argument: Any) -> list:
    """The leaves of an argument: at least one, and no array at two of them."""
    leaves = tree_leaves(argument)
    if not leaves:
        has_dtype = hasattr(argument, "dtype")
        found = f"{argument.dtype} array" if has_dtype else repr(argument)
        raise TypeError(NO_FLOATS.format(position=position, found=found))
    for x in leaves:
        if isinstance(x, np.ndarray) and type(x) is not np.ndarray:
            raise TypeError(SUBCLASS.format(position=position, found=type(x).__name__))
    if pair := repeated(leaves):
        first, second = (tree_paths(argument)[i] for i in pair)
        raise ValueError(TWICE.format(position=position, first=first, second=second))
    return leaves


def native(x: Any) -> Any:
    """A leaf as the engine computes with it: in the machine's byte order."""
    if type(x) is float:
        return np.float64(x)
    if type(x) is Tensor or x.dtype.isnative:
        return x
    return x.astype(x.dtype.newbyteorder("="))


def owned(g: Any, like: Any) -> Any:
    """A derivative for the caller: an array of its own, zeros if g is None."""
    g = np.zeros_like(like) if g is None else g
    if type(g) is Tensor:
        return g
    if not isinstance(like, np.ndarray) and np.ndim(like) == 0:
        return np.asarray(g)[()]
    return np.array(g, native(like).dtype, order="C")


def holders(items: list, i: int) -> int:
    """How many hold items[i], the list and the question among them."""
    return sys.getrefcount(items[i])


ALONE = holders([np.zeros(1)], 0)


def is_alone(found: list, i: int, like: Any) -> bool:
    """Whether found[i] is the caller's already: an array of its own memory, shaped and
    typed like its leaf, that only the list holds."""
    if type(found[i]) is not np.ndarray or holders(found, i) != ALONE:
        return False
    g, flags = found[i], found[i].flags
    own = flags.owndata and flags.c_contiguous and flags.writeable
    return own and type(like) is np.ndarray and g.dtype == like.dtype


def seeds(what: str, given: Any, like: Any) -> list:
    """The leaves of a tangent or cotangent of the caller, checked against its tree."""
    found, expected = described(given, is_array), described(like, is_floating)
    if found != expected:
        raise ValueError(SEED.format(what=what, expected=expected, found=found))
    return [native(x) for x in tree_leaves(given)]


def described(tree: Any, is_leaf: Callable) -> list[tuple[str, tuple, str]]:
    """Where each leaf is, of what shape and type."""
    items = tree_items(tree, is_leaf)
    return [(path, np.shape(x), native(x).dtype.name) for path, x in items]


def units(x: Any) -> np.ndarray:
    """The unit vectors of the space of x, each of the shape of x."""
    return np.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)
