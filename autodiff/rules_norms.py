"""Rules of norms: composites of sums, powers and extremes.

The norm of zeros has derivative 0. Norms of matrices that are made of singular values
(ord 2, -2, "nuc") are refused: np.linalg.eigvalsh(x.mT @ x) gives their squares.
"""

import numpy as np

from autodiff.composite import composite
from autodiff.rules_reductions import axes_of, root


@composite(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """Of all entries without ord and axis; else along one axis, or of matrices."""
    axes = axes_of(x, axis)
    if ord is None and (axis is None or len(axes) < 3):
        return norm_of_entries(x, 2, axes, keepdims)
    if len(axes) == 1:
        return norm_of_entries(x, ord, axes, keepdims)
    if len(axes) == 2:
        return norm_of_matrices(x, ord, axes, keepdims)
    raise ValueError(f"np.linalg.norm takes one axis or two, not {len(axes)}")


@composite(np.linalg.vector_norm)
def vector_norm(x, *, axis=None, keepdims=False, ord=2):
    return norm_of_entries(x, ord, axes_of(x, axis), keepdims)


@composite(np.linalg.matrix_norm)
def matrix_norm(x, *, keepdims=False, ord="fro"):
    return norm_of_matrices(x, ord, axes_of(x, (-2, -1)), keepdims)


def norm_of_entries(x, ord, axes, keepdims):
    """(sum |x|^p)^(1/p), or for p = inf and -inf its limit."""
    if ord == 2:
        return root(np.sum(np.square(x), axes, keepdims=keepdims))
    if ord == np.inf:
        return np.max(np.absolute(x), axes, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.absolute(x), axes, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.absolute(x), axes, keepdims=keepdims)
    if isinstance(ord, str) or ord <= 1:
        raise TypeError(
            f"the norm of a vector takes ord 2, 1, inf, -inf and p > 1, not {ord!r}: "
            "for p < 1 the slope at an entry of zero is infinite. Write the sum of "
            "powers, np.sum(np.abs(x) ** p), where no entry is zero"
        )
    total = np.sum(np.absolute(x) ** ord, axes, keepdims=keepdims)
    zero = total == 0
    return np.where(zero, 0, np.where(zero, 1, total) ** (1 / ord))


def norm_of_matrices(x, ord, axes, keepdims):
    """Of the entries, or the largest sum (1: of columns, inf: of rows), or smallest."""
    if ord is None or ord == "fro":
        return norm_of_entries(x, 2, axes, keepdims)
    if ord not in (1, -1, np.inf, -np.inf):
        raise TypeError(
            f"the norm of a matrix takes ord 'fro', 1, -1, inf and -inf, not {ord!r}, "
            "which needs singular values. np.linalg.eigvalsh(x.mT @ x) gives their "
            "squares: the root of the last one is the norm 2"
        )
    rows, columns = axes if abs(ord) == 1 else axes[::-1]
    sums = np.sum(np.absolute(x), rows, keepdims=True)
    y = (np.max if ord > 0 else np.min)(sums, columns, keepdims=True)
    return y if keepdims else np.squeeze(y, axes)
