"""Short names for the parameters of a sampler, to know it again."""

import hashlib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def fingerprint(sampler: Any) -> dict[str, str]:
    """Return the class of a dataclass, and a hash of each field, down to the last bit.

    Fields are arrays, dataclasses, functions, which are known by their names and
    modules, tuples or lists of these, or what repr tells apart, such as numbers. Those
    that do not count when two objects are compared do not count here. Raises TypeError
    for an object of another class.
    """
    if not is_dataclass(sampler):
        raise TypeError(
            f"a sampler of class {type(sampler).__name__} has no fields by which a "
            "file could know it again; write @dataclass(frozen=True) above its class"
        )
    prints = {"class": type(sampler).__qualname__}
    for name, value in compared(sampler):
        digest = hashlib.sha256()
        add(digest, value)
        prints[name] = digest.hexdigest()[:32]
    return prints


def name_of(function: Callable | None) -> str | None:
    """Return the name of a function, or the class of an object that can be called."""
    if function is None:
        return None
    name = getattr(function, "__name__", type(function).__qualname__)
    return getattr(function, "__qualname__", name)  # older ufuncs have a __name__ only


def differences(was: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the names under which two fingerprints differ."""
    return [name for name in was | now if was.get(name) != now.get(name)]


def compared(value: Any) -> list[tuple[str, Any]]:
    """Return (name, value) of the fields of a dataclass that count in a comparison."""
    return [(f.name, getattr(value, f.name)) for f in fields(value) if f.compare]


def add(digest, value: Any) -> None:
    """Add a value to a hash."""
    if is_dataclass(value):
        digest.update(f"{type(value).__qualname__};".encode())
        add(digest, compared(value))
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, tuple | list):
        digest.update(f"{len(value)};".encode())
        for each in value:
            add(digest, each)
    elif callable(value):
        # Every law has a function of the name score.
        module = getattr(value, "__module__", None)
        digest.update(f"{module}.{name_of(value)};".encode())
    else:
        digest.update(f"{value!r};".encode())
