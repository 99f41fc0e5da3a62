"""Parameters of a sampler that are one number for all chains, or one for each."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def require_positive(
    name: str, values: ArrayLike, dtype: DTypeLike = np.float64
) -> NDArray:
    """Return positive, finite numbers, () or (chain,), as an array of their own.

    Raises ValueError for others.
    """
    with np.errstate(over="ignore", under="ignore"):
        numbers = np.array(values, dtype)
    fits = numbers.ndim < 2 and numbers.size > 0
    if not fits or not np.all((numbers > 0) & (numbers < np.inf)):
        raise ValueError(
            f"{name} is {values!r}; it is positive and finite in {np.dtype(dtype)}, "
            "one number for all chains, or an array (chain,) with one for each"
        )
    return numbers


def per_chain(name: str, numbers: NDArray, chain: int, chains: int) -> NDArray:
    """Return the numbers, () or (chain,), of so many chains from one on, (chains,).

    Raises ValueError if there are too few of them.
    """
    if numbers.ndim == 0:
        return np.full(chains, numbers)
    if len(numbers) < chain + chains:
        raise ValueError(
            f"chain {chain + chains - 1} has no {name}, as there are {len(numbers)}; "
            "give one number for all chains, or one for each"
        )
    return numbers[chain : chain + chains].copy()
