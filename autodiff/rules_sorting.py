"""Rules of sorting: entries are read where a stable argsort finds them.

Equal entries keep their order, and so do their cotangents. The median is the middle of
the sorted entries, or the mean of the two in the middle.
"""

import numpy as np

from autodiff.composite import composite
from autodiff.rules_reductions import gathered, put_back


@composite(np.sort)
def sort(a, axis=-1):
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take_along_axis(a, np.argsort(a, axis, stable=True), axis)


@composite(np.median)
def median(a, axis=None, *, keepdims=False):
    """A nan, which is sorted behind all numbers, is the median, as in NumPy."""
    y = np.sort(gathered(a, axis))
    last, n = y[..., -1], y.shape[-1]
    middle = np.mean(y[..., (n - 1) // 2 : n // 2 + 1], -1)
    return put_back(np.where(np.isnan(last), last, middle), a, axis, keepdims)
