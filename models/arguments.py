"""What losses, divergences and layers ask of their arrays, and how they say so.

Everything computes in float32 or float64, and in one of them at a time. Arrays that
describe one example each have the shape (..., d): features or outcomes on the last
axis, examples on those before it.

A tensor counts as the array that it stands for: shape and dtype are asked of it, its
values are not.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np


def require_floating(name: str, array: Any) -> None:
    """Raise TypeError, which says `name`, unless it is a float32 or float64 array."""
    dtype = getattr(array, "dtype", None)
    if dtype not in (np.float32, np.float64):
        given = type(array).__name__ if dtype is None else f"{dtype} array"
        raise TypeError(
            f"{name} must be a float32 or float64 array and got a {given}: integers "
            "wrap around or cut off, and other types have no gradient here; write "
            f"np.asarray({name}, np.float64), or np.float32 to match the rest"
        )


def require_precision(**arrays: Any) -> None:
    """Raise TypeError unless all are float32, or all float64."""
    for name, array in arrays.items():
        require_floating(name, array)
    first = next(iter(arrays), "")
    for name, array in arrays.items():
        if array.dtype != arrays[first].dtype:
            raise TypeError(
                f"{first} of dtype {arrays[first].dtype} and {name} of dtype "
                f"{array.dtype} do not share a precision, and the larger one would win "
                f"silently: write {name}.astype(np.{arrays[first].dtype})"
            )


def require_one_shape(**arrays: Any) -> None:
    """Raise unless all have one dtype and one shape, with at least one number."""
    require_precision(**arrays)
    (first, like), *others = arrays.items()
    for name, array in others:
        if array.shape != like.shape:
            raise ValueError(
                f"{first} of shape {like.shape} cannot be compared with {name} of "
                f"shape {array.shape}: broadcasting would average over wrong pairs; "
                "give both one shape"
            )
    if 0 in like.shape:
        raise ValueError(
            f"{' and '.join(arrays)} have shape {like.shape}; the mean over no number "
            "is undefined"
        )


def require_features(**arrays: Any) -> list:
    """Raise unless all are (..., d) with one d and one dtype, or single numbers.

    Axes before the last may be missing or of length one: they are broadcast, as one
    law against many examples. The last axis is not, because the sum over it would count
    one feature several times. A single number stands for d equal ones.

    Returns the arrays, and Python numbers as scalars of their dtype.
    """
    typed = {k: x for k, x in arrays.items() if type(x) not in (int, float)}
    require_precision(**typed)
    shapes = {name: getattr(x, "shape", ()) for name, x in arrays.items()}
    ends = {shape[-1:] for shape in shapes.values() if shape}
    fits = len(ends) == 1 and (0,) not in ends and broadcast(shapes.values())
    if not fits:
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"the shapes {given} do not describe the same features; all must be "
            "(..., d) with one d of at least 1, which is summed over, and the axes "
            "before it must broadcast: reshape images to images.reshape(len(images), "
            "-1), columns of a single number to (n, 1)"
        )
    dtype = next(iter(typed.values())).dtype
    return [x if name in typed else dtype.type(x) for name, x in arrays.items()]


def broadcast(shapes: Iterable[tuple[int, ...]]) -> bool:
    """Whether the axes before the last one can be broadcast together."""
    try:
        np.broadcast_shapes(*(shape[:-1] for shape in shapes))
    except ValueError:
        return False
    return True


def require_outcomes(**arrays: Any) -> None:
    """Raise unless all are (..., k), the k outcomes of a law each, with one dtype."""
    require_precision(**arrays)
    for name, array in arrays.items():
        if array.ndim == 0:
            raise ValueError(
                f"{name} is a single number; the k outcomes of a law stand on the last "
                "axis of an array (..., k): np.array([p, 1 - p]) for a coin"
            )
    require_features(**arrays)


def require_unit_interval(name: str, array: Any) -> None:
    """Raise ValueError if an entry is below zero, above one, or not a number."""
    known = isinstance(array, (np.ndarray, np.generic))
    if known and not np.all((array >= 0) & (array <= 1)):
        raise ValueError(
            f"{name} run from {array.min()} to {array.max()}; outside [0, 1] they are "
            "no probabilities and the loss has no lower bound: rescale or binarize the "
            "data"
        )


def require_probabilities(**arrays: Any) -> None:
    """Raise unless all are (..., k), one dtype, not negative, and sum to one over k.

    Sums may be off by the square root of the dtype's eps, which is far more than
    rounding leaves of k / sum(k).
    """
    require_outcomes(**arrays)
    for name, p in arrays.items():
        if not isinstance(p, np.ndarray):
            continue
        if not np.all(p >= 0):
            raise ValueError(
                f"{name} holds {p[~(p >= 0)][0]}, which is no probability; from logits "
                "they are softmax(logits)"
            )
        total = p.sum(axis=-1, dtype=np.float64)
        worst = np.max(np.abs(total - 1), initial=0)
        if worst > np.sqrt(np.finfo(p.dtype).eps):
            raise ValueError(
                f"{name} sums to one only up to {worst:.3g}; these are weights, not "
                f"probabilities: write {name} / {name}.sum(axis=-1, keepdims=True)"
            )
