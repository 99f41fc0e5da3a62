"""What is kept of the draws of many chains: their states, or a statistic of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Statistic = Callable[[NDArray], NDArray]


def measure(statistic: Statistic | None, states: NDArray) -> NDArray:
    """Return what is kept of states (chain, draw, ...), of shape (chain, draw, ...).

    Raises ValueError if the statistic does not keep the first two axes.
    """
    if statistic is None:
        return states
    values = np.asarray(statistic(states))
    if values.shape[:2] != states.shape[:2] or values.dtype.hasobject:
        raise ValueError(
            f"the statistic made {values.dtype} of shape {values.shape} of states "
            f"{states.shape}, (chain, draw, ...); it must keep the first two axes and "
            "return numbers: several of them as np.stack([E, M], axis=-1)"
        )
    return values


def make_room(
    kept: NDArray, statistic: Statistic | None, state: NDArray, draws: int
) -> NDArray:
    """Return an array for so many draws, with those in kept, (chain, draw, ...).

    It is made for what is kept of the state : (chain, ...), so that a statistic that
    cannot be kept, and a lack of memory, are met before the first step.
    """
    with np.errstate(all="ignore"):
        one = measure(statistic, state[:, np.newaxis])
    if not kept.shape[1]:
        return np.empty((len(one), draws, *one.shape[2:]), one.dtype)
    require_alike(one, kept)
    if kept.shape[1] >= draws:
        return kept
    room = np.empty((len(kept), draws, *kept.shape[2:]), kept.dtype)
    room[:, : kept.shape[1]] = kept
    return room


def require_alike(values: NDArray, kept: NDArray) -> None:
    """Raise ValueError unless values are of the kind that was kept before."""
    if (values.shape[2:], values.dtype) != (kept.shape[2:], kept.dtype):
        raise ValueError(
            f"the statistic made {values.dtype} of shape {values.shape[2:]} of a "
            f"state, and {kept.dtype} of shape {kept.shape[2:]} before; one array "
            "holds numbers of one kind: return the same, as by np.float64(values)"
        )
