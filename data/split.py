"""Splitting examples into a training, a validation and a test set."""

import math
import operator
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def split(
    n: int, fractions: Iterable[float], *, rng, labels: np.ndarray | None = None
) -> tuple[NDArray[np.int64], ...]:
    """Divide the indices 0 ... n - 1 at random, one array for each fraction.

    >>> train, validation, test = split(10, (0.6, 0.2, 0.2), rng=0)
    >>> len(train), len(validation), len(test)
    (6, 2, 2)

    Every index is in exactly one part, so X[train] and X[test] share no example. With
    cumulative fractions c_k, part k ends at index round(c_k n) of a permutation; with
    labels the same is done within every class, so that the parts have the classes in
    the proportions of the whole, up to one example a class.

    Parameters
    ----------
    n : number of examples, at least one for each part
    fractions : positive, with sum 1
    rng : int, SeedSequence or Generator
    labels : (n,), the classes to balance, or None

    Raises ValueError if the fractions or labels do not fit, or a part would be empty.
    """
    n, fractions = operator.index(n), tuple(fractions)
    if not (
        all(fraction > 0 for fraction in fractions)
        and math.isclose(math.fsum(fractions), 1, abs_tol=1e-9)
    ):
        raise ValueError(
            f"fractions are {fractions}; they must be positive with sum 1, so "
            "that every example is in one part: (0.8, 0.1, 0.1), for example"
        )
    if labels is not None and np.shape(labels) != (n,):
        raise ValueError(
            f"labels have shape {np.shape(labels)}; to balance {n} examples there must "
            f"be one class each, shape ({n},)"
        )
    rng = np.random.default_rng(rng)
    order = rng.permutation(n)
    groups = [order]
    if labels is not None:
        classes, numbers = np.unique(labels, return_inverse=True)
        groups = [order[numbers[order] == k] for k in range(len(classes))]
    cuts = np.cumsum(fractions)[:-1]
    pieces = [
        np.split(group, np.rint(cuts * len(group)).astype(int)) for group in groups
    ]
    parts = tuple(
        rng.permutation(np.concatenate(piece)) for piece in zip(*pieces, strict=True)
    )
    if not all(map(len, parts)):
        raise ValueError(
            f"{n} examples cut into {fractions} give parts of "
            f"{[len(part) for part in parts]}; a part without examples measures "
            "nothing: use more examples or fewer parts"
        )
    return parts
