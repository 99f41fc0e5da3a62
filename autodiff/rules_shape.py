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
linear(np.fliplr, lambda g, x: np.fliplr(g))
linear(np.flipud, lambda g, x: np.flipud(g))
linear(np.tril, lambda g, x, k=0: np.tril(g, k))
linear(np.triu, lambda g, x, k=0: np.triu(g, k))


def moveaxis_transpose(g, x, source, destination):
    return np.moveaxis(g, destination, source)


def transpose_transpose(g, x, axes=None):
    if axes is None:
        return np.transpose(g)
    return np.transpose(g, np.argsort([axis % g.ndim for axis in axes]))


def roll_transpose(g, x, shift, axis=None):
    back = -shift if np.ndim(shift) == 0 else [-step for step in shift]
    return np.roll(g, back, axis)


linear(np.moveaxis, moveaxis_transpose)
linear(np.transpose, transpose_transpose)
linear(np.roll, roll_transpose)


@composite(np.matrix_transpose)
def matrix_transpose(x):
    return np.swapaxes(x, -1, -2)


@composite(np.copy)
def copy(a):
    return np.positive(a)


def reshaping(function):
    """Declare np.atleast_nd: reshaped as NumPy reshapes an array of that shape."""

    @composite(function)
    def at_least(*arys):
        shapes = [function(np.empty(np.shape(a))).shape for a in arys]
        parts = [np.reshape(*pair) for pair in zip(arys, shapes, strict=True)]
        return parts[0] if len(parts) == 1 else tuple(parts)


for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    reshaping(function)


# Repetitions


@composite(np.broadcast_arrays)
def broadcast_arrays(*args):
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@composite(np.tile)
def tile(A, reps):
    """Each axis is broadcast against a new one before it, and both are made one."""
    reps = [reps] if np.ndim(reps) == 0 else list(reps)
    ndim = max(len(reps), A.ndim)
    lengths = [1] * (ndim - A.ndim) + list(A.shape)
    reps = [1] * (ndim - len(reps)) + reps
    pairs = list(zip(reps, lengths, strict=True))
    split = np.reshape(A, [k for _, n in pairs for k in (1, n)])
    wide = np.broadcast_to(split, [k for pair in pairs for k in pair])
    return np.reshape(wide, [times * n for times, n in pairs])


@composite(np.repeat)
def repeat(a, repeats, axis=None):
    """By a new axis behind the repeated one; by positions if the counts differ."""
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = normalize_axis_index(axis, a.ndim)
    if np.ndim(repeats):
        return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis)
    before, n, after = a.shape[:axis], a.shape[axis], a.shape[axis + 1 :]
    split = np.reshape(a, (*before, n, 1, *after))
    wide = np.broadcast_to(split, (*before, n, repeats, *after))
    return np.reshape(wide, (*before, n * repeats, *after))


# Diagonals


def on_diagonal(n, k):
    """The index of n entries on the k-th diagonal of the last two axes."""
    return ..., np.arange(n) + max(-k, 0), np.arange(n) + max(k, 0)


@composite(np.diagonal)
def diagonal(a, offset=0, axis1=0, axis2=1):
    x = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = x.shape[-2:]
    n = min(rows - max(-offset, 0), columns - max(offset, 0))
    return x[on_diagonal(max(n, 0), offset)]


@composite(np.linalg.diagonal)
def matrix_diagonal(x, *, offset=0):
    return np.diagonal(x, offset, -2, -1)


@composite(np.diag)
def diag(v, k=0):
    """The diagonal of a matrix; of a vector the matrix that has it as its diagonal."""
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"np.diag takes a vector or a matrix, not shape {v.shape}")
    n = v.shape[0]
    return put(v, on_diagonal(n, k), (n + abs(k), n + abs(k)))


# Joining and cutting


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


@composite(np.hstack)
def hstack(tup):
    parts = [np.atleast_1d(a) for a in tup]
    return np.concatenate(parts, min(np.ndim(parts[0]) - 1, 1))


@composite(np.vstack)
def vstack(tup):
    return np.concatenate([np.atleast_2d(a) for a in tup], 0)


@composite(np.dstack)
def dstack(tup):
    return np.concatenate([np.atleast_3d(a) for a in tup], 2)


@composite(np.column_stack)
def column_stack(tup):
    parts = [np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup]
    return np.concatenate(parts, 1)


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
