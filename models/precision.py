"""The two precisions, float32 and float64, in which layers and losses compute."""

from typing import Any

import numpy as np


def require_floating(name: str, array: Any) -> None:
    """Raise TypeError, which says `name`, unless it is a float32 or float64 array.

    A tensor counts as the array that it stands for.
    """
    dtype = getattr(array, "dtype", None)
    if dtype not in (np.float32, np.float64):
        given = type(array).__name__ if dtype is None else f"{dtype} array"
        raise TypeError(
            f"{name} must be a float32 or float64 array and got a {given}: integers "
            "wrap around or cut off, and other types have no gradient here; write "
            f"np.asarray({name}, np.float64), or np.float32 to match the rest"
        )
