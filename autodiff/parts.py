"""Parts: a cotangent kept in parts until the sweep reaches its value.

An array that is read a thousand times, x[0], x[1], ..., gets a thousand cotangents that
are zero but for one entry. Added as arrays they would cost a thousand times the size
of x; kept as parts they are put together once, in linear time.
"""

from collections.abc import Callable
from typing import Any


class Parts:
    """The array combine(parts, shape, indices): each part added at its index."""

    __slots__ = ("combine", "indices", "parts", "shape")

    def __init__(self, combine: Callable, part: Any, shape: tuple, index: Any):
        self.combine, self.shape = combine, shape
        self.parts, self.indices = [part], [index]

    def whole(self) -> Any:
        return self.combine(self.parts, self.shape, self.indices)


def add(others: Any, share: Any) -> Any:
    """others + share, where a sum in parts, which only the sweep holds, grows."""
    if type(share) is Parts and type(others) is not Parts:
        others, share = share, others
    if type(others) is not Parts:
        return others + share
    if type(share) is Parts:
        others.parts += share.parts
        others.indices += share.indices
    else:
        others.parts.append(share)
        others.indices.append(...)
    return others
