"""What a machine asks of its data, and how it says so."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse


def as_given(rbm, name: str, states):
    """Return states for a derivative or not, in the dtype of the machine, or raise.

    states : (..., M) if its name is x, or (..., N), an array or what stands for one
    """
    units = len(rbm.a) if name == "x" else len(rbm.b)
    if getattr(states, "shape", np.shape(states))[-1:] != (units,):
        raise ValueError(
            f"{name} of shape {np.shape(states)} is no state of this machine, whose "
            f"{name} is (..., {units}): one unit a column; images are "
            "images.reshape(len(images), -1)"
        )
    dtype = getattr(states, "dtype", None)
    if dtype is None or dtype.kind in "biu":
        return np.asarray(states, rbm.a.dtype)
    if dtype != rbm.a.dtype:
        raise TypeError(
            f"{name} is {dtype} and the machine is {rbm.a.dtype}; one of the two "
            f"precisions would be lost: write {name}.astype(np.{rbm.a.dtype})"
        )
    return states


def as_rows(rbm, X: ArrayLike) -> NDArray:
    """Return X as (n, M) finite numbers of the machine's dtype, or raise.

    n is at least 1. The values of a binary machine may lie between 0 and 1, as means.
    """
    if issparse(X):
        raise TypeError(
            "X is a sparse matrix, and a machine multiplies by all entries: write "
            "X.toarray()"
        )
    X, M = np.asarray(X), len(rbm.a)
    if X.ndim != 2 or X.shape[1] != M or not len(X):
        raise ValueError(
            f"X has shape {X.shape}; it is (n, {M}), a row for each of at least one "
            f"example, a column for each of {M} visible units: one example is "
            "x[np.newaxis], images are images.reshape(len(images), -1)"
        )
    if X.dtype.kind not in "biuf":
        raise TypeError(
            f"X holds {X.dtype}, and visible units are real numbers: write "
            "X.astype(np.float64)"
        )
    with np.errstate(over="ignore"):
        X = X.astype(rbm.a.dtype, copy=False)
    if not np.isfinite(X).all():
        raise ValueError(
            f"X holds nan or infinity, or a number too large for {X.dtype}, at which "
            "there is no energy: drop the row, or fill it in by inpaint"
        )
    return X


def as_states(rbm, X: ArrayLike) -> NDArray:
    """Return X as as_rows does, or raise unless each row is a state of the machine.

    Of a binary machine that is a row of zeros and ones.
    """
    X = as_rows(rbm, X)
    if is_binary(rbm) and not np.all((X == 0) | (X == 1)):
        raise ValueError(
            f"X has values from {X.min():g} to {X.max():g} that are neither 0 nor 1, "
            "and a machine of binary units gives a probability to zeros and ones "
            "alone: write X > 0.5, or use a GaussianRBM for real numbers"
        )
    return X


def as_means(means: ArrayLike, units: int, binary: bool = True) -> NDArray[np.float64]:
    """Return the means of visible units, (units,), or raise.

    Of binary ones, with those near 0 and 1 moved to 0.01 and 0.99.
    """
    m = np.asarray(means, np.float64)
    if m.shape != (units,) or not np.isfinite(m).all():
        raise ValueError(
            f"means of shape {m.shape} do not fit; they are ({units},), finite, one "
            "for each visible unit: X.mean(axis=0)"
        )
    if binary and not (m.min() >= 0 and m.max() <= 1):
        raise ValueError(
            f"means run from {m.min():g} to {m.max():g}, and a unit that is 0 or 1 has "
            "a mean between: rescale X, or binarize it by X > threshold, and then take "
            "X.mean(axis=0)"
        )
    return np.clip(m, 0.01, 0.99) if binary else m


def log_odds(m):
    """Return the biases at which single binary units have the means m."""
    return np.log(m / (1 - m))


def is_binary(rbm) -> bool:
    """Whether the visible units are binary."""
    return not hasattr(rbm, "log_sigma")
