"""Trees of arrays: nested tuples, lists, dicts and dataclasses, flattened and rebuilt.

A model is a dataclass of arrays, and so is its gradient. The leaves of a tree are its
floating-point arrays (0-d included), tensors, and, in tuples, lists and dicts, Python
floats. Everything else (integers, booleans, strings, None, a Python float or a field
marked static() in a dataclass) is structure: it is kept, never differentiated.
Rebuilding copies an object and sets its leaves; no __init__ runs.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autodiff.tensor import Tensor


def static(**options) -> Any:
    """A dataclass field that is no parameter, even if it holds a floating array.

    >>> @dataclasses.dataclass(eq=False)
    ... class Scaled:
    ...     weights: np.ndarray
    ...     scale: np.ndarray = static()
    >>> len(tree_leaves(Scaled(np.ones(3), np.ones(3))))
    1
    """
    return dataclasses.field(metadata={"static": True}, **options)


def is_floating(x: Any) -> bool:
    """Whether x is a leaf: a floating array or scalar of NumPy, or a tensor."""
    return isinstance(x, (np.ndarray, np.generic, Tensor)) and x.dtype.kind == "f"


def children(tree: Any) -> list[tuple[Any, Any]]:
    """(key, subtree) pairs of a container; a key is an index, dict key or field."""
    if isinstance(tree, (tuple, list)):
        return list(enumerate(tree))
    if isinstance(tree, dict):
        return list(tree.items())
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [
            (field.name, getattr(tree, field.name))
            for field in dataclasses.fields(tree)
            if not field.metadata.get("static")
            and type(getattr(tree, field.name)) is not float
        ]
    return []


def replace_children(tree: Any, values: list) -> Any:
    """A copy of the container with other subtrees."""
    if isinstance(tree, tuple):
        return type(tree)(*values) if hasattr(tree, "_fields") else tuple(values)
    if isinstance(tree, list):
        return list(values)
    if isinstance(tree, dict):
        return dict(zip(tree, values, strict=True))
    rebuilt = copy.copy(tree)
    for (name, _), value in zip(children(tree), values, strict=True):
        object.__setattr__(rebuilt, name, value)
    return rebuilt


def walk(tree: Any, is_leaf: Callable, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) for every leaf, in order; a path reads like layers[0].weights."""
    if is_leaf(tree) or type(tree) is float:
        yield path, tree
    for key, subtree in children(tree):
        name = f".{key}" if dataclasses.is_dataclass(tree) else f"[{key!r}]"
        yield from walk(subtree, is_leaf, path + name)


def rebuild(tree: Any, leaves: Iterator, is_leaf: Callable) -> Any:
    """The same structure with other leaves, taken from the iterator in order."""
    if is_leaf(tree) or type(tree) is float:
        return next(leaves)
    subtrees = children(tree)
    if not subtrees:
        return tree
    return replace_children(tree, [rebuild(x, leaves, is_leaf) for _, x in subtrees])


def tree_flatten(tree: Any, is_leaf=is_floating) -> tuple[list, Callable]:
    """The leaves of a tree in order, and the function that rebuilds it from leaves."""
    leaves = tree_leaves(tree, is_leaf)

    def unflatten(new: list) -> Any:
        if len(new) != len(leaves):
            raise ValueError(f"a tree of {len(leaves)} leaves was given {len(new)}")
        return rebuild(tree, iter(new), is_leaf)

    return leaves, unflatten


def tree_leaves(tree: Any, is_leaf=is_floating) -> list:
    """The leaves of a tree, in order.

    >>> tree_leaves({"a": np.zeros(2), "n": 3, "b": [1.0]})
    [array([0., 0.]), 1.0]
    """
    return [leaf for _, leaf in walk(tree, is_leaf)]


def tree_paths(tree: Any, is_leaf=is_floating) -> list[str]:
    """The path of each leaf, in order, for messages and files.

    >>> tree_paths([np.zeros(2), {"b": np.ones(1)}])
    ['[0]', "[1]['b']"]
    """
    return [path for path, _ in walk(tree, is_leaf)]


def tree_map(f: Callable, tree: Any, *rest: Any) -> Any:
    """Apply f to the leaves of one tree, or to those of several of one structure.

    >>> tree_map(np.add, (np.ones(2), 1.0), (np.ones(2), 2.0))
    (array([2., 2.]), np.float64(3.0))
    """
    leaves, unflatten = tree_flatten(tree)
    others = [tree_leaves(other) for other in rest]
    for other in others:
        if len(other) != len(leaves):
            raise ValueError(
                f"tree_map needs trees of one structure: the first has {len(leaves)} "
                f"leaves, another {len(other)}"
            )
    return unflatten([f(*group) for group in zip(leaves, *others, strict=True)])
