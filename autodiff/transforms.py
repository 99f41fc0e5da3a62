"""Derivatives of functions: vjp, jvp, grad, value_and_grad, jacobian, hessian, hvp.

Each runs f on tensors of a new tape (run.py) and reads the tape: backwards for J^T g,
forwards for J t. Arguments may be trees (pytree.py). Nested, any order.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from autodiff.pytree import is_floating
from autodiff.refusals import NOT_ONE_ARRAY, NOT_SCALAR
from autodiff.run import Argnums, Run, native, run_at, units


def vjp(f: Callable, *primals: Any) -> tuple[Any, Callable]:
    """f(*primals) and its pull-back g -> J^T g, a tuple with one for each primal.

    The pull-back reads the arrays of the run, parameters among them: use it before
    they are changed in place.

    >>> y, pullback = vjp(np.sin, np.array([0.0, 1.0]))
    >>> pullback(np.ones(2))
    (array([1.        , 0.54030231]),)
    """
    run = Run(f, primals)
    return run.result(), run.transposed


def jvp(f: Callable, primals: Sequence, tangents: Sequence) -> tuple[Any, Any]:
    """f(*primals) and its derivative along the tangents, J t.

    >>> jvp(np.square, (3.0,), (1.0,))
    (np.float64(9.0), np.float64(6.0))
    """
    run = Run(f, primals)
    return run.result(), run.along(tangents)


def value_and_grad(f: Callable, argnums: Argnums = 0) -> Callable:
    """The function (*args) -> (f(*args), the gradient of f).

    argnums : which argument to differentiate, or a tuple for a tuple of gradients.
        A gradient is a tree like its argument; each leaf keeps its shape and type.
    Raises TypeError if f does not return one real number.
    """

    @wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = run_at(f, argnums, args, kwargs)
        value = run.result()
        if type(value) is not float and not (is_floating(value) and value.ndim == 0):
            found = f"shape {value.shape}" if is_floating(value) else repr(value)
            raise TypeError(NOT_SCALAR.format(found=found))
        gradient = run.rebuild(run.pull_back([native(value).dtype.type(1)]))
        return value, gradient if isinstance(argnums, tuple) else gradient[0]

    return differentiated


def grad(f: Callable, argnums: Argnums = 0) -> Callable:
    """The gradient of f, a function of the same arguments; see value_and_grad.

    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    both = value_and_grad(f, argnums)
    return wraps(f)(lambda *args, **kwargs: both(*args, **kwargs)[1])


def jacobian(f: Callable, argnums: int = 0) -> Callable:
    """All partial derivatives of an array function of an array: y.shape + x.shape.

    By rows, backwards; with more outputs than inputs by columns, forwards.
    """

    @wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run = run_at(f, argnums, args, kwargs)
        if len(run.outputs) != 1 or len(run.inputs) != 1:
            raise TypeError(NOT_ONE_ARRAY)
        x, y = native(run.inputs[0]), native(run.outputs[0])
        if y.size <= x.size:
            slices, axis = [run.pull_back([e])[0] for e in units(y)], 0
        else:
            slices, axis = [run.push_forward({0: e})[0] for e in units(x)], -1
        whole = np.stack(slices, axis) if slices else np.zeros(0, x.dtype)
        return np.reshape(whole, y.shape + x.shape)

    return derivative


def hessian(f: Callable, argnums: int = 0) -> Callable:
    """The second derivatives of a scalar function of an array: x.shape twice."""
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable, primal: Any, tangent: Any, *args: Any) -> Any:
    """The Hessian of x -> f(x, *args) times a tangent: the gradient's derivative."""
    return jvp(lambda x: grad(f)(x, *args), (primal,), (tangent,))[1]
