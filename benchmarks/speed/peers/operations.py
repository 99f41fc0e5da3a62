"""Chains of one operation, forward and backward, in autograd and in MyGrad.

A step is written once, for every library that speaks NumPy: `np` is its namespace. A
chain takes LENGTH steps, x <- step(x), and the cotangent of its end is all ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

LENGTH = 100


@dataclass(frozen=True)
class Step:
    """x -> function(np, x, *others) in so many operations.

    others : names of the arrays that it reads besides x
    """

    function: Callable[..., Any]
    others: tuple[str, ...] = ()
    operations: int = 1


STEPS = {
    "tanh(x * a + b)": Step(lambda np, x, a, b: np.tanh(x * a + b), ("a", "b"), 3),
    "x + b": Step(lambda np, x, b: x + b, ("b",)),
    "x * a": Step(lambda np, x, a: x * a, ("a",)),
    "x / a": Step(lambda np, x, a: x / a, ("a",)),
    "exp(-x)": Step(lambda np, x: np.exp(-x), operations=2),
    "tanh(x)": Step(lambda np, x: np.tanh(x)),
    "reshape(x)": Step(lambda np, x: np.reshape(x, (2, 5) if x.ndim == 1 else (10,))),
    "x[::-1]": Step(lambda np, x: x[::-1]),
    "matmul(x, M)": Step(lambda np, x, M: np.matmul(x, M), ("M",)),
    "maximum(x, b)": Step(lambda np, x, b: np.maximum(x, b), ("b",)),
}


def chain(np, problem):
    """Return the function x, *others -> the end of the chain."""
    step = STEPS[str(problem["step"])].function

    def function(x, *others):
        for _ in range(LENGTH):
            x = step(np, x, *others)
        return x

    return function


def arguments(problem):
    """Return x and the others."""
    return [problem[name] for name in ("x", *STEPS[str(problem["step"])].others)]


def results(value, gradients):
    """Return the end of the chain and all gradients, one after the other."""
    return {
        "value": value,
        "gradient": numpy.concatenate([gradient.ravel() for gradient in gradients]),
    }


def autograd(problem):
    """Differentiate by make_vjp: it records, and its pull-back reads backward."""
    import autograd.numpy
    from autograd import make_vjp

    function, inputs = chain(autograd.numpy, problem), arguments(problem)
    differentiate = make_vjp(function, tuple(range(len(inputs))))

    def run(repetitions):
        for _ in range(repetitions):
            pullback, value = differentiate(*inputs)
            gradients = pullback(numpy.ones(value.shape))
        return results(value, gradients)

    return run


def mygrad(problem):
    """Differentiate by tensors, without guarding their memory, which is faster."""
    import mygrad

    mygrad.turn_memory_guarding_off()
    function, inputs = chain(mygrad, problem), arguments(problem)

    def run(repetitions):
        for _ in range(repetitions):
            tensors = [mygrad.tensor(array) for array in inputs]
            value = function(*tensors)
            value.backward(numpy.ones(value.shape))
        return results(value.data, [tensor.grad for tensor in tensors])

    return run
