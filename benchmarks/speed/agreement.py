"""Do two contestants compute the same? Else a ratio of their times means nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def disagreement(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], tolerance: Mapping[str, float]
) -> str | None:
    """Say how the results of a peer differ from ours; None where they agree.

    tolerance : name -> the largest difference, relative to our largest entry. Whatever
        is not a number, on either side, disagrees.
    """
    for name, allowed in tolerance.items():
        if name not in theirs:
            return f"gave no {name}"
        a, b = np.asarray(ours[name], float), np.asarray(theirs[name], float)
        if a.shape != b.shape:
            return f"{name} has shape {b.shape} and ours {a.shape}"
        distance = np.max(np.abs(a - b)) / max(np.max(np.abs(a)), np.finfo(float).tiny)
        if not distance <= allowed:
            values = f"{b:.6g}, ours {a:.6g}, " if a.ndim == 0 else ""
            return (
                f"{name} differs from ours: {values}relative difference {distance:.2g} "
                f"where {allowed:.2g} is allowed; times of different work cannot be "
                "compared"
            )
    return None


def shortfall(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], names: Iterable[str]
) -> str | None:
    """Say which of some results, numbers, is larger for a peer; None where none is.

    Whatever is not a number, on either side, falls short.
    """
    for name in names:
        a, b = np.asarray(ours[name], float), np.asarray(theirs[name], float)
        if not a >= b:
            return (
                f"{name} is {b:.6g}, and ours only {a:.6g}; a time counts for work "
                "that is done at least as well"
            )
    return None
