"""The arrays of a model beside those of its gradient, as one-dimensional views.

An optimizer treats every entry of every array alike, so it sees each leaf of the model
raveled. The views are made anew at each step, and the optimizer keeps none of them:
arrays may be reassigned, loaded or copied between two steps.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff import tree_leaves, tree_paths
from optim.finite import NonFiniteError


def paired_leaves(
    model: Any, gradient: Any
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the leaves of the model and of its gradient, in the same order.

    Raises
    ------
    ValueError
        if the two hold different numbers of arrays, or arrays of different shapes, or
        if an array of the model is read-only.
    TypeError
        if a leaf of the model is not an array of float32 or float64, or if the
        gradient of a leaf has another dtype.
    """
    parameters = tree_leaves(model)
    gradients = [np.asarray(g) for g in tree_leaves(gradient)]
    if len(parameters) != len(gradients):
        raise ValueError(
            f"the model has {len(parameters)} leaves and the gradient "
            f"{len(gradients)}; a step needs one for each: give "
            "step(model, grad(loss)(model, ...)), both for the same model"
        )
    for leaf, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
        if not isinstance(p, np.ndarray) or p.dtype not in (np.float32, np.float64):
            kind = getattr(p, "dtype", type(p).__name__)
            raise TypeError(
                f"{name(model, leaf)} is {kind} and cannot be trained in place; "
                "parameters are arrays of float32 or float64: write np.array(value)"
            )
        if not p.flags.writeable:
            raise ValueError(
                f"{name(model, leaf)} is read-only and a step changes it in place: "
                "put a copy in the model, array.copy()"
            )
        if g.shape != p.shape:
            raise ValueError(
                f"{name(model, leaf)} has shape {p.shape} and its gradient {g.shape}; "
                "they must be equal: is the gradient that of this model?"
            )
        if g.dtype != p.dtype:
            raise TypeError(
                f"{name(model, leaf)} is {p.dtype} and its gradient {g.dtype}; a step "
                "would change the precision: compute the gradient in the model's "
                f"dtype, or write gradient.astype(np.{p.dtype})"
            )
    return parameters, gradients


def ravel(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return each array as a vector: a view, or a copy if it is not contiguous."""
    return [array.ravel() for array in arrays]


def store(vectors: Sequence[np.ndarray], arrays: Sequence[np.ndarray]) -> None:
    """Write the raveled vectors back where `ravel` had to copy."""
    for vector, array in zip(vectors, arrays, strict=True):
        if not array.flags.c_contiguous:
            array[...] = vector.reshape(array.shape)


def name(model: Any, leaf: int) -> str:
    """Return where a leaf is, as one would write it: model.layers[0].weights."""
    return f"model{tree_paths(model)[leaf]}"


def require_none(count: int, what: str, model: Any, leaf: int) -> None:
    """Raise NonFiniteError if `count` entries belonging to a leaf would overflow."""
    if count:
        raise NonFiniteError(
            f"{name(model, leaf)}: {what} is nan or too large for its dtype in {count} "
            f"of {tree_leaves(model)[leaf].size} entries; no parameter has been "
            "changed. Lower the learning rate, or look for inputs that are huge or not "
            "numbers"
        )
