"""A short name for the parameters of a sampler, to know it again."""

import hashlib
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def fingerprint(sampler: Any) -> str:
    """Return a hash of a dataclass: its class, and its fields down to the last bit.

    Fields are arrays, dataclasses, or what repr tells apart, such as numbers; those
    that do not count when two objects are compared do not count here.
    """
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if is_dataclass(value):
            digest.update(type(value).__qualname__.encode())
            for field in filter(lambda field: field.compare, fields(value)):
                digest.update(f"{field.name}=".encode())
                add(getattr(value, field.name))
        elif isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(f"{value!r};".encode())

    add(sampler)
    return digest.hexdigest()[:32]
