"""Rules of reading entries: x[index] is linear in x.

Its transpose puts the cotangent's entries back where they were read and leaves zeros
elsewhere; where entries are read several times, their cotangents are added.
"""

from operator import getitem

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.calls import dispatching, recorded, values_of
from autodiff.composite import composite
from autodiff.parts import Parts
from autodiff.rules import linear
from autodiff.table import RULES


def scatter(parts, shape, indices):
    """Zeros of the given shape, with each part added at its index."""
    x = np.zeros(shape, parts[0].dtype)
    for part, index in zip(parts, indices, strict=True):
        entries = index if isinstance(index, tuple) else (index,)
        arrays = [np.asarray(i) for i in entries if isinstance(i, (list, np.ndarray))]
        if any(i.dtype.kind != "b" for i in arrays):  # an entry may be named twice
            np.add.at(x, index, part)
        else:
            x[index] += part
    return x


scatter = dispatching(scatter)


def record_scatter(tape, args, kwargs):
    """Linear in every part: its cotangent is read at its index."""
    parts, shape, indices = args
    y = scatter(values_of(tape, parts), shape, indices)
    saved = [(index, shape) for index in indices]
    return recorded(scatter, tape, y, parts, read, put, saved.__getitem__)


def read(g, index, shape):
    return g[index]


def put(t, index, shape):
    return scatter([t], shape, [index])


RULES[scatter] = record_scatter
linear(getitem, lambda g, x, index: Parts(scatter, g, x.shape, index))


@composite(np.take)
def take(a, indices, axis=None):
    refuse_mask("take", indices)
    if axis is None:
        a, axis = np.ravel(a), 0
    return a[(slice(None),) * normalize_axis_index(axis, a.ndim) + (indices,)]


@composite(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    refuse_mask("take_along_axis", indices)
    if axis is None:
        return np.ravel(arr)[indices]
    if np.ndim(indices) != arr.ndim:
        raise ValueError(
            f"np.take_along_axis needs indices with as many axes as the array: "
            f"{np.ndim(indices)} and {arr.ndim} do not fit"
        )
    axes = [
        np.reshape(np.arange(n), [-1 if j == i else 1 for j in range(arr.ndim)])
        for i, n in enumerate(arr.shape)
    ]
    axes[axis] = indices
    return arr[tuple(axes)]


def refuse_mask(name, indices):
    dtype = indices.dtype if hasattr(indices, "dtype") else np.asarray(indices).dtype
    if dtype.kind == "b":
        raise TypeError(
            f"np.{name} takes positions, and True is not one: x[mask] selects by a mask"
        )
