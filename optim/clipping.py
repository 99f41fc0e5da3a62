"""Clipping: a gradient that is too long is shortened, its direction kept.

    g <- g min(1, c / |g|),

with |g| the Euclidean length of all leaves as one vector. One steep place, the wall of
a valley or an unlucky batch, then costs a step of bounded length, not the progress of
many.

Reference: R. Pascanu, T. Mikolov and Y. Bengio, ICML 2013, algorithm 1.
"""

import math
from typing import Any

import numpy as np

from autodiff import tree_leaves, tree_map
from autodiff.pytree import tree_items
from optim.finite import NonFiniteError


def global_norm(tree: Any) -> float:
    """Return the Euclidean norm of all leaves as one vector, in float64.

    Scaled by the largest entry, so that no square overflows or vanishes; nan or inf
    only if an entry is, or the norm itself is past the largest number.
    """
    largest, relative = _length(tree)
    return largest * relative


def clip_by_norm(gradient: Any, max_norm: float) -> tuple[Any, float]:
    """Return the gradient, at most of length max_norm, and the length that it had.

    Parameters
    ----------
    gradient : a tree of arrays, which is only read; itself returned if short enough
    max_norm : c > 0, in units of loss / parameter

    Raises ValueError if max_norm is not positive, NonFiniteError if an entry of the
    gradient is nan or infinite, which no factor can mend.
    """
    if not max_norm > 0:
        raise ValueError(
            f"max_norm is {max_norm}; a gradient clipped to it would move nothing: "
            "give a positive length, for example 1.0"
        )
    largest, relative = _length(gradient)
    if not math.isfinite(largest):
        path = next(p for p, g in tree_items(gradient) if not np.all(np.isfinite(g)))
        raise NonFiniteError(
            f"gradient{path} holds nan or infinity, and a clipped one would be nan "
            "throughout; look for inputs that are huge or not numbers, or lower the "
            "learning rate"
        )
    norm = largest * relative
    if norm <= max_norm:
        return gradient, norm

    def shorten(g):
        direction = np.asarray(g, np.float64) / largest / relative
        return np.asarray(direction * max_norm, np.asarray(g).dtype)

    return tree_map(shorten, gradient), norm


def _length(tree: Any) -> tuple[float, float]:
    """Return the largest entry, and the norm in units of it."""
    leaves = [np.asarray(leaf, np.float64) for leaf in tree_leaves(tree)]
    largest = float(np.max([np.max(np.abs(leaf), initial=0) for leaf in leaves] or [0]))
    if largest == 0 or not math.isfinite(largest):
        return largest, 1.0
    squares = sum(float(np.sum(np.square(leaf / largest))) for leaf in leaves)
    return largest, math.sqrt(squares)
