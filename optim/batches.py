"""Batches: a random order of the examples, cut into pieces of one size.

The examples are visited in the order of one permutation after another,

    pi_1(0), ..., pi_1(n-1), pi_2(0), ..., pi_2(n-1), ...

and batch k is the k-th piece of `size` indices of that stream. Where n is not a
multiple of the size, the remainder of a permutation opens the next epoch. So all
batches have the same shape, every example counts once per permutation, and each index
of a batch is uniform by itself: the mean gradient of a batch is an unbiased estimate of
the full one.
"""

import operator
from typing import Any

import numpy as np


class Batches:
    """An endless iterator of tuples, one batch of each array.

    Parameters
    ----------
    *arrays : of shape (n, ...), all with the same n
    size : examples in a batch, from 1 to n
    rng : int, SeedSequence or Generator

    Attributes
    ----------
    permutation : (n,), the order of the current epoch
    position : how much of it has been used
    rng : the Generator that draws the next permutation
    cursor : the three, with the size and the shapes that they belong to; set to the
        cursor of other batches of the same data, the iterator goes on as those would

    Raises ValueError if there is no data, the lengths differ, or the size does not fit.
    """

    def __init__(self, *arrays: np.ndarray, size: int, rng):
        self.arrays = tuple(np.asarray(array) for array in arrays)
        shapes = [array.shape for array in self.arrays]
        if not shapes or any(not shape or shape[0] == 0 for shape in shapes):
            raise ValueError(
                f"arrays of shapes {shapes} hold no example to draw; give at least one "
                "array of shape (n, ...) with n at least 1"
            )
        if len({shape[0] for shape in shapes}) > 1:
            raise ValueError(
                f"arrays of shapes {shapes} do not have one length, so their rows "
                "cannot belong together; the first axis counts the examples"
            )
        n = shapes[0][0]
        self.size = operator.index(size)
        if not 1 <= self.size <= n:
            raise ValueError(
                f"size is {size} and there are {n} examples; a full batch needs a size "
                f"from 1 to {n}"
            )
        self.rng = np.random.default_rng(rng)
        self.permutation = self.rng.permutation(n)
        self.position = 0

    @property
    def cursor(self) -> dict[str, Any]:
        return {
            "arrays": [(array.shape, array.dtype.str) for array in self.arrays],
            "size": self.size,
            "permutation": self.permutation,
            "position": self.position,
            "rng": self.rng,
        }

    @cursor.setter
    def cursor(self, cursor: dict[str, Any]) -> None:
        position, permutation = cursor["position"], cursor["permutation"]
        n = len(self.permutation)
        fits = (
            all(cursor[name] == self.cursor[name] for name in ("arrays", "size"))
            and permutation.dtype == self.permutation.dtype
            and np.array_equal(np.sort(permutation), np.arange(n))
            and 0 <= operator.index(position) <= n
            and isinstance(cursor["rng"], np.random.Generator)
        )
        if not fits:
            raise ValueError(
                f"the cursor of batches of {cursor['size']} from arrays "
                f"{cursor['arrays']} at {position} does not fit batches of {self.size} "
                f"from {self.cursor['arrays']}; it fits those of the same data and size"
            )
        self.permutation, self.position = permutation, position
        self.rng = cursor["rng"]

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> tuple[np.ndarray, ...]:
        """Return the next `size` examples of each array, as copies."""
        chosen = self.permutation[self.position : self.position + self.size]
        self.position += self.size
        missing = self.size - len(chosen)
        if missing:
            self.permutation = self.rng.permutation(len(self.permutation))
            self.position = missing
            chosen = np.concatenate([chosen, self.permutation[:missing]])
        return tuple(array.take(chosen, axis=0) for array in self.arrays)
