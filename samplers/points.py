"""Points, rows of d finite numbers, and functions of many points at once.

Such a function writes what it finds, f(x, out, *params), and is compiled or not. Here
stands what is asked of points, functions and their params, and what the loops of all
samplers of points do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from numpy.typing import DTypeLike, NDArray

from samplers.kernel import kernel


def require_dimension(dimension: int) -> int:
    """Return d as an int, or raise ValueError if it is none."""
    if not isinstance(dimension, int | np.integer) or dimension < 1:
        raise ValueError(
            f"dimension is {dimension!r}; a point has at least one coordinate"
        )
    return int(dimension)


def require_points(x, dimension: int, dtype: DTypeLike) -> NDArray:
    """Return x : (points, d), a copy in the dtype.

    Raises ValueError for another shape, or if some are not finite there.
    """
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != dimension or not len(x):
        raise ValueError(
            f"x of shape {x.shape} does not fit; it is (chain, {dimension}), a row for "
            "each chain or point: a single one is x[np.newaxis], and images are "
            "x.reshape(len(x), -1)"
        )
    with np.errstate(over="ignore"):
        x = np.array(x, dtype, order="C")
    if not np.isfinite(x).all():
        raise ValueError(
            f"x holds nan or infinity in {np.dtype(dtype)}, from which no chain can go "
            "on; leave such rows out"
        )
    return x


def require_params(params: tuple[Any, ...], form: str) -> None:
    """Raise TypeError unless params is a tuple.

    form : how a function takes it, such as "score(x, out, *params)"
    """
    if not isinstance(params, tuple):
        raise TypeError(
            f"params is a {type(params).__name__}; it is a tuple, which is handed on "
            f"as {form}: write params=(number,) for one"
        )


def require_written(form: str, x: NDArray, out: NDArray, fit: NDArray) -> None:
    """Raise ValueError unless a function of points has written what is fit.

    form : see require_params
    x : (points, d)
    out : (points, ...), nan before
    fit : which numbers of out are
    """
    if not np.all(fit):
        first = np.argwhere(~fit)[0]
        raise ValueError(
            f"{form.partition('(')[0]} left {out[tuple(first)]} in {np.sum(~fit)} of "
            f"{out.size} numbers, first at x = {x[first[0]]}; {form} writes into out, "
            f"of shape {out.shape}, and what it returns is not looked at"
        )


def require_float(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the dtype, or raise TypeError unless it is float32 or float64."""
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"dtype is {dtype}; chains compute in np.float32 or np.float64")
    return np.dtype(dtype)


def in_dtype(dtype: DTypeLike, **numbers: NDArray) -> tuple[NDArray, ...]:
    """Return copies of the arrays of a law, in the dtype of its chains and C order.

    Raises ValueError if a number is not finite there, and TypeError for a dtype that
    is none.
    """
    dtype, arrays = require_float(dtype), []
    for name, array in numbers.items():
        with np.errstate(over="ignore", under="ignore"):
            arrays.append(np.array(array, dtype, order="C"))
        if not np.isfinite(arrays[-1]).all():
            raise ValueError(
                f"the {name} of this law overflow in {dtype}, so that no chain could "
                "move; choose other units, of order one, or dtype=np.float64"
            )
    return tuple(arrays)


def require_scale(name: str, number: float, dtype: DTypeLike) -> np.floating:
    """Return a length or an energy in the dtype.

    Raises ValueError unless its fourth power and the inverse of that are numbers of the
    dtype, and TypeError for a dtype that is none.
    """
    dtype = require_float(dtype)
    limits = np.finfo(dtype)
    low, high = float(limits.tiny) ** 0.25, float(limits.max) ** 0.25
    if np.ndim(number) or not low < number < high:
        raise ValueError(
            f"{name} is {number!r}; it is a positive number, from {low:.0e} to "
            f"{high:.0e} in {dtype}, beyond which powers of it would vanish or "
            "overflow: choose other units"
        )
    return dtype.type(number)


@kernel
def keep(x, draws, n):
    """Write x : (d, chains) to draws : (chains, draws, d), as draw n."""
    for c in range(x.shape[1]):
        for j in range(len(x)):
            draws[c, n, j] = x[j, c]


@kernel
def first_not_finite(rows):
    """Return the first row with a number that is not finite, or -1."""
    for c in range(len(rows)):
        for j in range(rows.shape[1]):
            if not np.isfinite(rows[c, j]):
                return c
    return -1


def as_called(loop: Callable, *functions: Callable) -> Callable:
    """Return a kernel that calls functions, or its plain lines if one is not compiled.

    These lines are the same loop, whose other parts are compiled still.
    """
    if all(isinstance(function, Dispatcher) for function in functions):
        return loop
    return getattr(loop, "py_func", loop)
