"""The arrays of a model beside those of its gradient.

They are looked up anew at each step and the optimizer keeps none of them: arrays may be
reassigned, loaded or copied between two steps.
"""

from itertools import zip_longest
from typing import Any

import numpy as np

from autodiff import tree_paths
from autodiff.pytree import repeated, tree_items

PRECISIONS = {np.dtype(np.float32), np.dtype(np.float64)}


def paired_leaves(
    model: Any, gradient: Any
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the leaves of the model and of its gradient, paired by their paths.

    Raises
    ------
    ValueError
        if the model has no leaf, or one array at two leaves, or a read-only one; if the
        gradient has leaves at other paths, or of other shapes.
    TypeError
        if a leaf of the model is not an array of float32 or float64, or if the
        gradient of a leaf has another dtype.
    """
    ours, theirs = tree_items(model), tree_items(gradient)
    _require_same_paths([path for path, _ in ours], [path for path, _ in theirs])
    parameters = [p for _, p in ours]
    gradients = [np.asarray(g) for _, g in theirs]
    for leaf, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
        if not isinstance(p, np.ndarray) or p.dtype not in PRECISIONS:
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
    _require_distinct(model, parameters)
    return parameters, gradients


def _require_same_paths(ours: list[str], theirs: list[str]) -> None:
    if not ours:
        raise ValueError(
            "the model holds no floating-point array, so there is nothing to train; "
            "parameters are arrays of float32 or float64: write "
            "array.astype(np.float64)"
        )
    if ours != theirs:
        one, other = next(p for p in zip_longest(ours, theirs) if p[0] != p[1])
        has = "no more leaves" if one is None else f"model{one}"
        needs = "none" if other is None else f"gradient{other}"
        raise ValueError(
            f"the gradient is not that of this model: where the model has {has} the "
            f"gradient has {needs}; give step(model, grad(loss)(model, ...)), both for "
            "the same model"
        )


def _require_distinct(model: Any, parameters: list[np.ndarray]) -> None:
    if pair := repeated(parameters):
        first, second = (name(model, leaf) for leaf in pair)
        raise ValueError(
            f"{first} and {second} are one array, which a step would move twice: put a "
            "copy in the model, array.copy(), or keep it at one leaf and use it from "
            "there"
        )


def name(model: Any, leaf: int) -> str:
    """Return where a leaf is, as one would write it: model.layers[0].weights."""
    return f"model{tree_paths(model)[leaf]}"
