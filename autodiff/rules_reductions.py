"""Rules of the functions that reduce axes: sums, products, extremes, moments.

A sum repeats its cotangent along the axes that it summed. Conventions: entries that
tie for the maximum share its cotangent equally; the standard deviation of a constant
has derivative 0; products with zeros are differentiated exactly, to any order.
"""

from math import prod as product

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.composite import composite
from autodiff.rules import elementwise, linear, rule


def expand(g, x, axis, keepdims):
    """g with the reduced axes put back, each of length 1."""
    if keepdims or axis is None or not x.shape:
        return g
    return np.expand_dims(g, axis)


def axes_of(x, axis):
    """The reduced axes as non-negative integers."""
    if axis is None or not x.shape:
        return tuple(range(len(x.shape)))
    return normalize_axis_tuple(axis, len(x.shape))


def count(x, axis):
    """How many entries each result is made of."""
    return product(x.shape[i] for i in axes_of(x, axis))


def sum_transpose(g, x, axis=None, *, keepdims=False):
    return np.broadcast_to(expand(g, x, axis, keepdims), x.shape)


def mean_transpose(g, x, axis=None, *, keepdims=False):
    return sum_transpose(g / count(x, axis), x, axis, keepdims=keepdims)


def cumsum_transpose(g, x, axis=None):
    along = 0 if axis is None else axis
    return np.reshape(np.flip(np.cumsum(np.flip(g, along), along), along), x.shape)


def diff_transpose(g, x, n=1, axis=-1):
    """(-1)^n times the n-th difference of g between zeros."""
    widths = np.zeros((len(x.shape), 2), int)
    widths[axis] = n, x.shape[axis] - g.shape[axis]
    return (-1) ** n * np.diff(np.pad(g, widths), n, axis)


linear(np.sum, sum_transpose)
linear(np.mean, mean_transpose)
linear(np.cumsum, cumsum_transpose)
linear(np.diff, diff_transpose)


@composite(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Steps times the means of the values at their ends."""
    y = np.moveaxis(y, axis, -1)
    if x is not None:
        dx = np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1))
    return np.sum(dx * (y[..., 1:] + y[..., :-1]), -1) / 2


def extreme_pullback(g, y, x, axis=None, *, keepdims=False):
    """Share g among the entries equal to the extreme (or nan, as the result is)."""
    chosen = np.logical_or(x == expand(y, x, axis, keepdims), np.isnan(x))
    ties = np.sum(chosen.astype(g.dtype), axis=axes_of(x, axis), keepdims=True)
    return np.where(chosen, expand(g, x, axis, keepdims) / ties, 0)


for extreme in (np.max, np.min, np.amax, np.amin):
    rule(extreme, extreme_pullback)


def gathered(x, axis):
    """x with the reduced axes made one, the last."""
    axes = axes_of(x, axis)
    kept = [n for i, n in enumerate(x.shape) if i not in axes]
    last = np.moveaxis(x, axes, range(-len(axes), 0))
    return np.reshape(last, (*kept, count(x, axis)))


def put_back(y, x, axis, keepdims):
    """y, a reduction of x, with the reduced axes again if they are kept."""
    if not keepdims:
        return y
    axes = axes_of(x, axis)
    return np.reshape(y, [1 if i in axes else n for i, n in enumerate(x.shape)])


@composite(np.prod)
def prod(a, axis=None, *, keepdims=False):
    """A tree of pairwise products: no division, so that zeros are nothing special."""
    y = gathered(a, axis)
    while y.shape[-1] > 1:
        half = y.shape[-1] // 2
        pairs, odd = y[..., :half] * y[..., half : 2 * half], y[..., 2 * half :]
        y = np.concatenate([pairs, odd], -1) if odd.shape[-1] else pairs
    y = np.sum(y, -1) if y.shape[-1] else np.sum(y, -1) + 1
    return put_back(y, a, axis, keepdims)


@composite(np.cumprod)
def cumprod(a, axis=None):
    """Products of the last 1, 2, 4, ... entries: as in prod, no division."""
    if axis is None:
        a, axis = np.ravel(a), 0
    y, reach = np.moveaxis(a, axis, 0), 1
    while reach < y.shape[0]:
        y = np.concatenate([y[:reach], y[reach:] * y[:-reach]])
        reach *= 2
    return np.moveaxis(y, 0, axis)


@composite(np.average)
def average(a, axis=None, weights=None, *, keepdims=False):
    """The mean, or sum(w a) / sum(w) with weights of its shape, or along one axis."""
    if weights is None:
        return np.mean(a, axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a):
        if axis is None:
            raise TypeError(
                f"np.average cannot tell which axis of shape {np.shape(a)} has the "
                f"weights of shape {np.shape(weights)}: write axis="
            )
        others = [i for i in range(np.ndim(a)) if i != axis % np.ndim(a)]
        weights = np.broadcast_to(np.expand_dims(weights, others), np.shape(a))
    total = np.sum(weights * a, axis, keepdims=keepdims)
    return total / np.sum(weights, axis, keepdims=keepdims)


@composite(np.var)
def var(a, axis=None, *, ddof=0, keepdims=False):
    """The mean square distance from the mean, in two passes."""
    deviation = a - np.mean(a, axis, keepdims=True)
    total = np.sum(np.square(deviation), axis, keepdims=keepdims)
    return total / max(count(a, axis) - ddof, 0)


@composite(np.std)
def std(a, axis=None, *, ddof=0, keepdims=False):
    return root(np.var(a, axis, ddof=ddof, keepdims=keepdims))


def root(x):
    """The square root, with derivative 0 at 0."""
    return np.sqrt(x)


def root_partial(g, y):
    zero = y == 0
    return np.where(zero, 0, g / (2 * np.where(zero, 1, y)))


root = elementwise(root, root_partial)
