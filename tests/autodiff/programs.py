"""Random programs: functions that share values, broadcast, reduce, multiply, index.

A seed and a size make a program, which is replayed on any arrays of the same shapes,
tensors and complex numbers included. Every axis has length 1 or 3, so that any two
values broadcast. What grows beyond 1 is squeezed by tanh and no step is steep, so that
derivatives stay moderate through 30 steps. What is left unused in the end is averaged
into the result, one number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import autodiff as ad


@dataclass(frozen=True)
class RandomProgram:
    """f(*args) -> a number, and arguments to call it with.

    steps : (function, the places of its operands among the arguments and the results
        of the steps before it)
    """

    args: tuple
    steps: tuple

    def __call__(self, *args):
        values = list(args)
        for function, places in self.steps:
            values.append(function(*(values[place] for place in places)))
        used = {place for _, places in self.steps for place in places}
        loose = [v for place, v in enumerate(values) if place not in used]
        return sum(np.mean(v) for v in loose)

    def other_args(self, seed: int) -> tuple:
        """Other arguments of the same shapes, with signs of their own."""
        rng = np.random.default_rng(seed)
        return tuple(rng.uniform(-1.5, 1.5, x.shape) for x in self.args)


class Step(NamedTuple):
    """A function of so many operands, and which operands it accepts."""

    operands: int
    function: Callable
    accepts: Callable = lambda *operands: True


def has_axes(n):
    """Whether all operands have at least n axes."""
    return lambda *operands: all(x.ndim >= n for x in operands)


def multiply_as_matrices(a, b):
    return a.ndim and b.ndim and a.shape[-1] == b.shape[-2 if b.ndim > 1 else 0]


def are_matrices_of_one_width(a, b):
    return a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1]


ANALYTIC = [
    Step(1, np.sin),
    Step(1, np.tanh),
    Step(1, lambda a: np.exp(a - 1)),
    Step(1, lambda a: np.sqrt(2 + np.cos(a))),
    Step(1, lambda a: np.log(2 + np.sin(a))),
    Step(1, lambda a: (0.5 - a) ** 3 / 4),
    Step(1, lambda a: a + a),
    Step(2, lambda a, b: a + b),
    Step(2, lambda a, b: b / 2 - a),
    Step(2, lambda a, b: a * b),
    Step(2, lambda a, b: a / (2 + b**2)),
    Step(2, lambda a, b: (2 + np.sin(a)) ** (b / 2)),
    Step(1, lambda a: np.sum(a, axis=-1), has_axes(1)),
    Step(1, lambda a: np.mean(a, axis=(0, -1), keepdims=True), has_axes(2)),
    Step(1, lambda a: np.prod(a, axis=0), has_axes(1)),
    Step(1, lambda a: np.cumsum(a, axis=-1), has_axes(1)),
    Step(1, lambda a: a[..., ::-1], has_axes(1)),
    Step(1, lambda a: a[..., [0, -1, 0]], has_axes(1)),
    Step(1, lambda a: a[:, 0], has_axes(2)),
    Step(1, lambda a: np.broadcast_to(a[:1], (3, *a.shape[1:])), has_axes(1)),
    Step(1, lambda a: np.reshape(a, (-1, 1))[:1]),
    Step(1, np.transpose),
    Step(2, lambda a, b: np.stack([a, b, a]), lambda a, b: a.shape == b.shape),
    Step(2, lambda a, b: np.outer(a, b)[:1, :1]),
    Step(2, lambda a, b: a @ b, multiply_as_matrices),
    Step(2, lambda a, b: np.einsum("ij,kj->ik", a, b), are_matrices_of_one_width),
]
SMOOTH = [
    *ANALYTIC,
    Step(1, ad.sigmoid),
    Step(1, ad.softplus),
    Step(1, ad.softmax, has_axes(1)),
    Step(1, lambda a: ad.logsumexp(a, axis=0), has_axes(1)),
    Step(2, np.logaddexp),
]
ALL = [
    *SMOOTH,
    Step(1, np.absolute),
    Step(1, ad.relu),
    Step(1, lambda a: np.clip(a, -0.5, 0.5)),
    Step(1, lambda a: np.max(a, axis=-1), has_axes(1)),
    Step(2, np.maximum),
    Step(2, lambda a, b: np.where(a > b, a * b, np.sin(a))),
    Step(1, lambda a: a * np.sign(a)),
]


def random_program(seed: int, size: int, table: list = ANALYTIC) -> RandomProgram:
    """A program of at least size steps, drawn from a table."""
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.choice([1, 3], rng.integers(0, 3))) for _ in range(3)]
    values = [rng.uniform(-1.5, 1.5, shape) for shape in shapes]
    args, steps = tuple(values), []
    while len(steps) < size:
        operands, function, accepts = table[rng.integers(len(table))]
        places = [int(place) for place in rng.integers(0, len(values), operands)]
        if not accepts(*(values[place] for place in places)):
            continue
        value = np.asarray(function(*(values[place] for place in places)))
        if value.ndim > 3:
            continue
        steps.append((function, places))
        values.append(value)
        if np.max(abs(value)) > 1:
            steps.append((np.tanh, [len(values) - 1]))
            values.append(np.tanh(value))
    return RandomProgram(args, tuple(steps))
