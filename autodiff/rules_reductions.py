"""Rules of the functions that reduce axes: sums, products, extremes, moments.

A sum repeats its cotangent along the axes that it summed. Conventions: entries that
tie for the maximum share its cotangent equally; the standard deviation of a constant
has derivative 0; a product with zeros is differentiated exactly, to any order.
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


linear(np.sum, sum_transpose)
linear(np.mean, mean_transpose)
linear(np.cumsum, cumsum_transpose)


def extreme_pullback(g, y, x, axis=None, *, keepdims=False):
    """Share g among the entries equal to the extreme (or nan, as the result is)."""
    chosen = np.logical_or(x == expand(y, x, axis, keepdims), np.isnan(x))
    ties = np.sum(chosen.astype(g.dtype), axis=axes_of(x, axis), keepdims=True)
    return np.where(chosen, expand(g, x, axis, keepdims) / ties, 0)


for extreme in (np.max, np.min, np.amax, np.amin):
    rule(extreme, extreme_pullback)


@composite(np.prod)
def prod(a, axis=None, *, keepdims=False):
    """A tree of pairwise products: no division, so that zeros are nothing special."""
    axes = axes_of(a, axis)
    kept = [n for i, n in enumerate(a.shape) if i not in axes]
    y = np.reshape(np.moveaxis(a, axes, range(-len(axes), 0)), (*kept, count(a, axis)))
    while y.shape[-1] > 1:
        half = y.shape[-1] // 2
        pairs, odd = y[..., :half] * y[..., half : 2 * half], y[..., 2 * half :]
        y = np.concatenate([pairs, odd], -1) if odd.shape[-1] else pairs
    y = np.sum(y, -1) if y.shape[-1] else np.sum(y, -1) + 1
    if not keepdims:
        return y
    return np.reshape(y, [1 if i in axes else n for i, n in enumerate(a.shape)])


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
