"""Rules of the functions that move entries: linear maps of zeros and ones.

The transpose of a permutation is its inverse, that of joining is splitting, that of
broadcasting is summing (which the engine does).
"""

from itertools import accumulate, pairwise

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.calls import check_dtype, recorded, values_of
from autodiff.composite import composite
from autodiff.rules import linear
from autodiff.rules_indexing import put, read
from autodiff.table import RULES
from autodiff.tensor import Tensor, astype, youngest

linear(np.reshape, lambda g, x, shape: np.reshape(g, x.shape))
linear(np.ravel, lambda g, x: np.reshape(g, x.shape))
linear(np.squeeze, lambda g, x, axis=None: np.reshape(g, x.shape))
linear(np.expand_dims, lambda g, x, axis: np.reshape(g, x.shape))
linear(np.broadcast_to, lambda g, x, shape: g)
linear(np.swapaxes, lambda g, x, axis1, axis2: np.swapaxes(g, axis1, axis2))
linear(np.flip, lambda g, x, axis=None: np.flip(g, axis))


def moveaxis_transpose(g, x, source, destination):
    return np.moveaxis(g, destination, source)


def transpose_transpose(g, x, axes=None):
    if axes is None:
        return np.transpose(g)
    return np.transpose(g, np.argsort([axis % g.ndim for axis in axes]))


linear(np.moveaxis, moveaxis_transpose)
linear(np.transpose, transpose_transpose)


def section(axis, start, stop):
    """The index of entries start to stop along a non-negative axis."""
    return (slice(None),) * axis + (slice(start, stop),)


@composite(np.concatenate)
def concatenate(arrays, axis=0):
    """Linear in every part: a part is placed among zeros, and cut out again."""
    arrays = list(arrays)
    if axis is None:
        arrays, axis = [np.ravel(a) for a in arrays], 0
    tape = youngest(arrays)
    y = np.concatenate(values_of(tape, arrays), axis)
    axis %= y.ndim
    ends = accumulate((np.shape(a)[axis] for a in arrays), initial=0)
    where = [section(axis, *pair) for pair in pairwise(ends)]
    saved = [(index, y.shape) for index in where]
    return recorded(np.concatenate, tape, y, arrays, read, put, saved.__getitem__)


@composite(np.stack)
def stack(arrays, axis=0):
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis)


@composite(np.split)
def split(ary, indices_or_sections, axis=0):
    axis, cuts = normalize_axis_index(axis, ary.ndim), indices_or_sections
    if np.ndim(cuts) == 0:
        if ary.shape[axis] % cuts:
            raise ValueError(
                f"an axis of length {ary.shape[axis]} has no {cuts} equal parts: give "
                f"np.split the positions of the cuts"
            )
        step = ary.shape[axis] // cuts
        cuts = [step * i for i in range(1, cuts)]
    return [ary[section(axis, *ends)] for ends in pairwise([0, *cuts, None])]


@composite(np.pad)
def pad(array, pad_width, mode="constant", *, constant_values=0):
    widths = np.broadcast_to(pad_width, (array.ndim, 2))
    if mode == "constant":
        frame = np.pad(
            np.zeros(array.shape, array.dtype), widths, constant_values=constant_values
        )
        inside = zip(widths[:, 0], array.shape, strict=True)
        where = tuple(slice(int(start), int(start) + n) for start, n in inside)
        return put(array, where, frame.shape) + frame
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise TypeError(
            f"np.pad of a tensor takes mode constant, edge, reflect, symmetric or "
            f"wrap, not {mode!r}"
        )
    for axis, width in enumerate(widths):
        array = np.take(array, np.pad(np.arange(array.shape[axis]), width, mode), axis)
    return array


def record_astype(tape, args, kwargs):
    """Linear between floating types; integers and booleans carry no derivative."""
    x, dtype = args
    y = astype(x.value, dtype)
    if y.dtype.kind in "biu":
        return y
    if y.dtype.kind != "f":
        check_dtype(astype, x.dtype, y.dtype)
    return Tensor(y, tape, tape.record([(x.index, narrow, widen, (x.dtype, y.dtype))]))


def narrow(g, x_dtype, y_dtype):
    return g.astype(x_dtype)


def widen(t, x_dtype, y_dtype):
    return t.astype(y_dtype)


RULES[astype] = record_astype
