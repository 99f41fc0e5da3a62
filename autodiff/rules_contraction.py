"""Rules of products summed over shared axes: matmul, einsum and their kin.

All are linear in each factor. In y = a @ b the cotangents are g b^T and a^T g; in an
einsum the cotangent of one factor is the einsum of g with all the others.
"""

from collections import Counter
from math import prod
from string import ascii_letters

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.calls import recorded, values_of
from autodiff.composite import composite
from autodiff.rules import bilinear
from autodiff.tensor import youngest


def matmul_transpose_a(g, a, b):
    """g b^T. A vector is a row on the left and a column on the right."""
    if len(b.shape) == 1:
        return np.expand_dims(g, -1) * b
    if len(a.shape) == 1 and len(b.shape) > 2:
        return np.squeeze(np.expand_dims(g, -2) @ b.mT, -2)
    return g @ b.mT


def matmul_transpose_b(g, a, b):
    """a^T g. A vector is a row on the left and a column on the right."""
    if len(a.shape) == 1:
        if len(b.shape) == 1:
            return g * a
        return np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if len(b.shape) == 1 and len(a.shape) > 2:
        return np.squeeze(a.mT @ np.expand_dims(g, -1), -1)
    return a.mT @ g


bilinear(np.matmul, matmul_transpose_a, matmul_transpose_b)


@composite(np.dot)
def dot(a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if (np.ndim(b) <= 2 and np.ndim(a) <= 2) or np.ndim(b) == 1:
        return np.matmul(a, b)
    return np.tensordot(a, b, (-1, -2))


@composite(np.inner)
def inner(a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(a) == 1 and np.ndim(b) == 1:
        return np.matmul(a, b)
    return np.tensordot(a, b, (-1, -1))


@composite(np.outer)
def outer(a, b):
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@composite(np.vdot)
def vdot(a, b):
    return np.matmul(np.ravel(a), np.ravel(b))


@composite(np.vecdot)
def vecdot(a, b):
    """One inner product for each pair of vectors along the last axes."""
    products = np.expand_dims(a, -2) @ np.expand_dims(b, -1)
    return np.squeeze(products, (-2, -1))


@composite(np.kron)
def kron(a, b):
    """a_ij b_kl in row (i, k) and column (j, l)."""
    ndim = max(np.ndim(a), np.ndim(b))
    a_shape = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    b_shape = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    pairs = list(zip(a_shape, b_shape, strict=True))
    left = np.reshape(a, [k for m, _ in pairs for k in (m, 1)])
    right = np.reshape(b, [k for _, n in pairs for k in (1, n)])
    return np.reshape(left * right, [m * n for m, n in pairs])


@composite(np.cross)
def cross(a, b, *, axis=-1):
    """a_j b_k - a_k b_j, where i, j, k are in cyclic order."""
    if np.shape(a)[axis] != 3 or np.shape(b)[axis] != 3:
        raise ValueError(
            f"np.cross of a tensor takes vectors of three components along axis "
            f"{axis}, not shapes {np.shape(a)} and {np.shape(b)}"
        )
    a_next, b_next = np.roll(a, -1, axis), np.roll(b, -1, axis)
    return a_next * np.roll(b, -2, axis) - np.roll(a, -2, axis) * b_next


composite(np.linalg.cross)(cross)


@composite(np.tensordot)
def tensordot(a, b, axes=2):
    """One matrix product of a and b with their summed axes brought together."""
    a_shape, b_shape = np.shape(a), np.shape(b)
    if np.ndim(axes) == 0:
        axes = range(len(a_shape) - axes, len(a_shape)), range(axes)
    over_a = list(normalize_axis_tuple(axes[0], len(a_shape)))
    over_b = list(normalize_axis_tuple(axes[1], len(b_shape)))
    if [a_shape[i] for i in over_a] != [b_shape[i] for i in over_b]:
        raise ValueError(
            f"np.tensordot cannot sum axes {over_a} of shape {a_shape} against axes "
            f"{over_b} of shape {b_shape}: their lengths differ"
        )
    kept_a = [i for i in range(len(a_shape)) if i not in over_a]
    kept_b = [i for i in range(len(b_shape)) if i not in over_b]
    rows = [a_shape[i] for i in kept_a]
    columns = [b_shape[i] for i in kept_b]
    summed = prod(a_shape[i] for i in over_a)
    left = np.reshape(np.transpose(a, kept_a + over_a), (prod(rows), summed))
    right = np.reshape(np.transpose(b, over_b + kept_b), (summed, prod(columns)))
    return np.reshape(left @ right, rows + columns)


@composite(np.einsum)
def einsum(subscripts, *operands, optimize=False):
    """Diagonals and lone sums are taken first; then each factor's cotangent is
    an einsum of the same kind."""
    if not isinstance(subscripts, str):
        raise TypeError(
            "np.einsum of a tensor takes its subscripts as a string first, as in "
            "np.einsum('ij,jk->ik', a, b)"
        )
    factors = [x if hasattr(x, "shape") else np.asarray(x) for x in operands]
    inputs, output = explicit(subscripts, [x.ndim for x in factors])
    pairs = [diagonal(*pair) for pair in zip(inputs, factors, strict=True)]
    lengths = {}
    for letters, x in pairs:
        for letter, n in zip(letters, x.shape, strict=True):
            lengths[letter] = max(n, lengths.get(letter, 1))
    pairs = [summed(*pair, lambda c, n: n < lengths[c]) for pair in pairs]
    times = Counter(output + "".join(letters for letters, _ in pairs))
    pairs = [summed(*pair, lambda c, n: times[c] == 1) for pair in pairs]
    return contract([x for x, _ in pairs], output, [x for _, x in pairs], optimize)


def explicit(subscripts, ndims):
    """The subscripts of each operand and of the output, ellipses as letters.

    >>> explicit("...ij,jk", [3, 2])
    (['Zij', 'jk'], 'Zik')
    """
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    unused = [letter for letter in reversed(ascii_letters) if letter not in subscripts]
    wide = [n - len(s) + 3 for s, n in zip(inputs, ndims, strict=True) if "..." in s]
    dots = "".join(unused[: max(wide, default=0)])
    for i, (letters, n) in enumerate(zip(inputs, ndims, strict=True)):
        inputs[i] = letters.replace("...", dots[len(dots) - n + len(letters) - 3 :])
    if not arrow:
        times = Counter(left)
        once = sorted(x for x in times if x in ascii_letters and times[x] == 1)
        output = "..." + "".join(once)
    if dots and "..." not in output:
        raise ValueError(
            f"np.einsum sums over letters only: write ... in the output of {subscripts}"
        )
    return inputs, output.replace("...", dots)


def diagonal(letters, x):
    """x with the axes of a repeated letter made one."""
    for letter in set(letters):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            if x.shape[i] != x.shape[j]:
                raise ValueError(
                    f"np.einsum takes no diagonal of axes of lengths {x.shape[i]} and "
                    f"{x.shape[j]}, both called {letter!r}"
                )
            along = np.arange(x.shape[i])
            x = np.moveaxis(x, (i, j), (0, 1))[along, along]
            letters = letter + letters[:i] + letters[i + 1 : j] + letters[j + 1 :]
    return letters, x


def summed(letters, x, lone):
    """x summed over the axes that lone(letter, length) names: those of length 1 that
    broadcast, or those whose letter stands nowhere else."""
    axes = [
        i for i, pair in enumerate(zip(letters, x.shape, strict=True)) if lone(*pair)
    ]
    if axes:
        x = np.sum(x, tuple(axes))
    return "".join(c for i, c in enumerate(letters) if i not in axes), x


def contract(inputs, output, operands, optimize):
    """The einsum of operands without repeated or lone letters, recorded."""
    tape = youngest(operands)
    values = values_of(tape, operands)
    y = np.einsum(",".join(inputs) + "->" + output, *values, optimize=optimize)

    def saved(slot):
        return slot, inputs, output, values, optimize

    return recorded(np.einsum, tape, y, operands, pull_factor, push_factor, saved)


def pull_factor(g, slot, inputs, output, values, optimize):
    """The cotangent of one factor: g in the place of the output, the others kept."""
    others = [*inputs[:slot], *inputs[slot + 1 :]]
    factors = [*values[:slot], *values[slot + 1 :]]
    subscripts = ",".join([output, *others]) + "->" + inputs[slot]
    return np.einsum(subscripts, g, *factors, optimize=optimize)


def push_factor(t, slot, inputs, output, values, optimize):
    """The same einsum with the tangent in the place of its factor."""
    factors = [*values[:slot], t, *values[slot + 1 :]]
    return np.einsum(",".join(inputs) + "->" + output, *factors, optimize=optimize)
