"""Rules of reading entries: x[index] is linear in x.

Its transpose puts the cotangent's entries back where they were read and leaves
zeros elsewhere; where an index reads an entry twice, both cotangents are added.
"""

from operator import getitem

import numpy as np

from autodiff.rules import composite, linear


def place(g, shape, index):
    """Zeros of the given shape, with g at index (which names no entry twice)."""
    x = np.zeros(shape, g.dtype)
    x[index] = g
    return x


def accumulate(g, shape, index):
    """Zeros of the given shape, with each entry of g added at its index."""
    x = np.zeros(shape, g.dtype)
    np.add.at(x, index, g)
    return x


def is_basic(index):
    """Whether index is made of integers, slices, None and Ellipsis alone."""
    parts = index if type(index) is tuple else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice))
        for part in parts
    )


def getitem_transpose(g, x, index):
    return (place if is_basic(index) else accumulate)(g, x.shape, index)


linear(getitem, getitem_transpose)
place = linear(place, lambda g, x, shape, index: g[index])
accumulate = linear(accumulate, lambda g, x, shape, index: g[index])


@composite(np.take)
def take(a, indices, axis=None):
    if axis is None:
        a, axis = np.ravel(a), 0
    return a[(slice(None),) * (axis % a.ndim) + (indices,)]


@composite(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    if axis is None:
        return np.ravel(arr)[indices]
    axes = [
        np.reshape(np.arange(n), [-1 if j == i else 1 for j in range(arr.ndim)])
        for i, n in enumerate(arr.shape)
    ]
    axes[axis] = indices
    return arr[tuple(axes)]
