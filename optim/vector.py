"""The arrays of a model as one vector theta, and back."""

from collections.abc import Sequence

import numpy as np


def flatten(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the entries of all arrays, in order, as one new vector of float64."""
    return np.concatenate([array.ravel() for array in arrays], dtype=np.float64)


def write(theta: np.ndarray, arrays: Sequence[np.ndarray]) -> None:
    """Write into each array its part of theta, rounded to the dtype of the array."""
    start = 0
    for array in arrays:
        array[...] = theta[start : start + array.size].reshape(array.shape)
        start += array.size


def rounded(theta: np.ndarray, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return what `flatten` would find after `write`, without writing."""
    copies = [np.empty_like(array) for array in arrays]
    write(theta, copies)
    return flatten(copies)
