"""Trees as JSON and arrays, and back, bit for bit.

A tree is what a run or a model is made of: None, booleans, integers, floats, strings,
NumPy's arrays, scalars and Generators, and lists, tuples, dicts, named tuples and
dataclasses of trees. Where JSON has no word for it stands an object of one key:

    {"array": k}                        the k-th array
    {"scalar": [dtype, bytes]}          a scalar of NumPy
    {"float": bytes}                    nan, inf or -inf
    {"tuple": [tree, ...]}
    {"dict": [[key, tree], ...]}        keys are strings or integers
    {"object": [class, {field: tree}]}  a dataclass or a named tuple
    {"generator": {...}}                see optim/generators.py
    {"same": n}                         the n-th object met before that has an identity

With the last one an object that stands at two places comes back as one: two parts of a
run that draw from one Generator go on drawing from one. Arrays keep their order of axes
in memory; gaps between their rows, as in a slice, do not come back.

No name in a file is ever imported. An object is built if its class is one of those that
the reader offers and its fields are those of the class; no __init__ runs.
"""

import dataclasses
import math
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.random import Generator

from optim.generators import build_generator, describe_generator
from samplers.archive import is_plain, plain_dtype

DEEPEST = 100  # levels of nesting
SCALARS = (type(None), bool, int, float, str)
READABLE = re.compile(r"[\w.\[\]']{1,200}", re.ASCII)


@dataclass(eq=False)
class Snapshot:
    """A tree taken apart, of which the arrays are parts, not copies.

    tree : the description, for JSON
    arrays : name -> array, in the order met
    outline : path -> what is there: a value, or the class, or dtype and shape; the
        contents of arrays and Generators are left out
    classes : name -> class, of every object
    """

    tree: Any = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    outline: dict[str, str] = field(default_factory=dict)
    classes: dict[str, type] = field(default_factory=dict)


def take(tree: Any, root: str) -> Snapshot:
    """Take a tree apart; `root` is what messages and arrays call it.

    Raises
    ------
    TypeError
        for a value that is none of those above, such as a function.
    ValueError
        if two arrays overlap in memory, which would be separate when they come back; if
        an object has an attribute that is no field, or a field without a value; if two
        classes have one name; if the tree is more than DEEPEST levels deep.
    """
    describer = _Describer(root)
    describer.snapshot.tree = describer.describe(tree, root)
    _require_separate(describer.snapshot.arrays)
    return describer.snapshot


def restore(tree: Any, arrays: list[np.ndarray], classes: Iterable[type]) -> Any:
    """Build a tree from its description and its arrays, for use within `refusing`.

    Raises ValueError, or any other exception, if the description describes nothing.
    """
    builder = _Builder(arrays, classes)
    built = builder.build(tree)
    if builder.used != len(arrays):
        raise ValueError("it holds arrays that belong nowhere")
    return built


def class_name(cls: type) -> str:
    """Return what files call a class: package.module.Class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def has_fields(cls: type) -> bool:
    """Whether a class is a named tuple, or a dataclass and no container besides."""
    if issubclass(cls, tuple):
        return hasattr(cls, "_fields")
    return dataclasses.is_dataclass(cls) and cls.__new__ is object.__new__


def field_names(cls: Any) -> tuple[str, ...]:
    """The names of the fields of a class that `has_fields`."""
    if issubclass(cls, tuple):
        return cls._fields
    return tuple(field.name for field in dataclasses.fields(cls))


def _require_separate(arrays: dict[str, np.ndarray]) -> None:
    spans = [(*byte_bounds(a), name) for name, a in arrays.items() if a.size]
    for (_, end, one), (start, _, other) in pairwise(sorted(spans)):
        if start < end:
            raise ValueError(
                f"{one} and {other} overlap in memory; read back they would not, and "
                "what changes one would no longer change the other: put a copy in one "
                "of the two places, array.copy()"
            )


class _Describer:
    """Describes a tree from the root to the leaves, and fills a Snapshot."""

    def __init__(self, root: str):
        self.root = root
        self.snapshot = Snapshot()
        # id -> (number, path, object); an object held here keeps its id to itself.
        self.met: dict[int, tuple[int, str, Any]] = {}

    def describe(self, tree: Any, path: str, level: int = 0) -> Any:
        if level > DEEPEST:
            raise ValueError(
                f"{path[:60]}... is more than {DEEPEST} levels deep, where a reader "
                "stops; keep a chain of objects as a list"
            )
        cls, note = type(tree), self.snapshot.outline
        if cls in SCALARS or (isinstance(tree, np.generic) and is_plain(tree.dtype)):
            note[path] = repr(tree)
            return _describe_scalar(tree)
        if cls is tuple:
            note[path] = f"a tuple of {len(tree)}"
            return {"tuple": self.items(tree, path, level)}
        if issubclass(cls, tuple) and has_fields(cls):
            return {"object": self.fields(tree, path, level)}

        number, first, _ = self.met.setdefault(id(tree), (len(self.met), path, tree))
        if first != path:
            note[path] = f"the object at {first}"
            return {"same": number}
        if cls is list:
            note[path] = f"a list of {len(tree)}"
            return self.items(tree, path, level)
        if cls is dict and all(type(key) in (str, int) for key in tree):
            note[path] = f"a dict of {len(tree)}"
            return {"dict": self.pairs(tree, path, level)}
        if cls is np.ndarray and is_plain(tree.dtype):
            note[path] = f"an array of {tree.dtype} of shape {tree.shape}"
            return {"array": self.array(tree, path)}
        if cls is Generator:
            note[path] = f"a Generator of {type(tree.bit_generator).__name__}"
            return {"generator": describe_generator(tree, path)}
        if has_fields(cls):
            return {"object": self.fields(tree, path, level)}
        raise TypeError(
            f"{path} is of type {class_name(cls)} and cannot be kept in a file. What "
            "can: numbers, strings, None, arrays of numbers or strings, NumPy's "
            "scalars and Generators, and lists, tuples, dataclasses, and dicts whose "
            "keys are strings or integers. Name a function by a string; leave out data "
            "and open files"
        )

    def items(self, tree: list | tuple, path: str, level: int) -> list:
        return [
            self.describe(item, f"{path}[{i}]", level + 1)
            for i, item in enumerate(tree)
        ]

    def pairs(self, tree: dict, path: str, level: int) -> list:
        return [
            [key, self.describe(item, f"{path}[{key!r}]", level + 1)]
            for key, item in tree.items()
        ]

    def array(self, array: np.ndarray, path: str) -> int:
        number = len(self.snapshot.arrays)
        name = path if READABLE.fullmatch(path) else f"{self.root}-{number}"
        self.snapshot.arrays[name] = array
        return number

    def fields(self, tree: Any, path: str, level: int) -> list:
        cls = type(tree)
        name, names = class_name(cls), field_names(cls)
        self.snapshot.outline[path] = name
        if self.snapshot.classes.setdefault(name, cls) is not cls:
            raise ValueError(
                f"{path} is a {name}, and so is an object of another class; a file "
                "knows a class by its name: give each its own"
            )
        for each in sorted({*names, *getattr(tree, "__dict__", ())}):
            if each not in names or not hasattr(tree, each):
                what = "is a field without value" if each in names else "is no field"
                raise ValueError(
                    f"{path}.{each} {what} of {cls.__name__}, and a file keeps fields "
                    "with their values: declare it as a field, at first None if need be"
                )
        described = {
            each: self.describe(getattr(tree, each), f"{path}.{each}", level + 1)
            for each in names
        }
        return [name, described]


def _describe_scalar(scalar: Any) -> Any:
    if isinstance(scalar, np.generic):
        return {"scalar": [scalar.dtype.str, scalar.tobytes().hex()]}
    if type(scalar) is float and not math.isfinite(scalar):
        return {"float": struct.pack(">d", scalar).hex()}
    return scalar


class _Builder:
    """Builds a tree from the root to the leaves, in the order of its description."""

    def __init__(self, arrays: list[np.ndarray], classes: Iterable[type]):
        self.arrays = arrays
        self.used = 0
        self.met: list[Any] = []
        self.classes = {class_name(cls): cls for cls in classes}

    def build(self, node: Any, level: int = 0) -> Any:
        if level > DEEPEST:
            raise ValueError(f"its tree is more than {DEEPEST} levels deep")
        match node:
            case None | bool() | int() | float() | str():
                return node
            case {"float": str(bits)}:
                return struct.unpack(">d", bytes.fromhex(bits))[0]
            case {"scalar": [str(code), str(bits)]}:
                return np.frombuffer(bytes.fromhex(bits), plain_dtype(code), 1)[0]
            case {"tuple": list(nodes)}:
                return tuple(self.items(nodes, level))
            case {"object": [str(name), dict(fields)]}:
                return self.instance(name, fields, level)
            case {"same": int(number)} if number >= 0:
                return self.met[number]
            case list(nodes):
                items = self.meet([])
                items += self.items(nodes, level)
                return items
            case {"dict": list(pairs)}:
                return self.mapping(pairs, level)
            case {"array": self.used}:
                self.used += 1
                return self.meet(self.arrays[self.used - 1])
            case {"generator": dict(content)}:
                return self.meet(build_generator(content))
        raise ValueError(f"its tree has {node!r:.80}, which describes nothing")

    def meet(self, built: Any) -> Any:
        self.met.append(built)
        return built

    def items(self, nodes: list, level: int) -> list:
        return [self.build(node, level + 1) for node in nodes]

    def mapping(self, pairs: list, level: int) -> dict:
        built = self.meet({})
        for key, node in pairs:
            if type(key) not in (str, int) or key in built:
                raise ValueError(f"its tree has the key {key!r:.80} twice or wrongly")
            built[key] = self.build(node, level + 1)
        return built

    def instance(self, name: str, fields: dict[str, Any], level: int) -> Any:
        cls = self.classes.get(name)
        if cls is None:
            raise ValueError(
                f"it holds a {name:.80}, and what may be built is "
                f"{', '.join(sorted(self.classes)) or 'no class'}: offer that class "
                "too, if you know the file"
            )
        if fields.keys() != set(field_names(cls)):
            raise ValueError(
                f"it holds a {name} with the fields {sorted(fields)!r:.200}, and the "
                f"class has {sorted(field_names(cls))}: read it with the version of "
                "the class that wrote it"
            )
        if issubclass(cls, tuple):
            values = {
                each: self.build(node, level + 1) for each, node in fields.items()
            }
            return tuple.__new__(cls, [values[each] for each in field_names(cls)])
        built = self.meet(object.__new__(cls))
        for each, node in fields.items():
            object.__setattr__(built, each, self.build(node, level + 1))
        return built
