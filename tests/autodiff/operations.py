"""One table of operations: what is called, on which arguments, with which options.

A row holds the functions whose rules it covers and a strategy that draws a case: a
function f of floating arrays, everything else bound, and arrays to call it with. The
tests of values, derivatives, types and layouts are generated from the rows. Shapes and
seeds are drawn, not numbers: examples stay cheap and shrink well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit

import autodiff as ad
from autodiff.rules_elementwise import clamp
from autodiff.rules_reductions import root


@dataclass(frozen=True)
class Case:
    """A function of arrays, and the arrays."""

    f: Callable
    args: tuple

    def __repr__(self) -> str:
        return f"Case on {', '.join(f'{x.shape}' for x in self.args)}: {self.args}"


@dataclass(frozen=True)
class Operation:
    """name : of the row; covers : the functions whose rules it tests"""

    name: str
    covers: tuple
    cases: Any


OPERATIONS: list[Operation] = []


def row(name: str, *covers: Callable):
    """Decorate a drawing function (draw) -> Case as a row of the table."""

    def add(drawing):
        OPERATIONS.append(Operation(name, covers, st.composite(drawing)()))
        return drawing

    return add


def shapes(min_dims=0, max_dims=3, min_side=0, max_side=3):
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def numbers(draw, shape, low=-2.0, high=2.0):
    """An array of uniform numbers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.uniform(low, high, shape)


def nonzero(draw, shape):
    """Numbers of both signs, away from zero."""
    x = numbers(draw, shape)
    return np.where(x < 0, x - 0.4, x + 0.4)


def distinct(draw, shape, offset=0.0):
    """Numbers well apart from each other, and from those of another offset."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = int(np.prod(shape))
    steps = rng.permutation(n).reshape(shape) + 0.3 + offset - n // 2
    return np.asarray(steps * (4 / max(n, 4)))


def axes(draw, ndim):
    """None, an axis, a negative axis, or several."""
    one = st.integers(-ndim, ndim - 1) if ndim else st.none()
    several = st.lists(st.integers(0, ndim - 1), unique=True, max_size=ndim)
    return draw(st.none() | one | (several.map(tuple) if ndim else st.none()))


def elementwise_unary(function, values=numbers, *options):
    @row(function.__name__, function)
    def draw_case(draw):
        return Case(function, (values(draw, draw(shapes()), *options),))


for function in (
    np.negative,
    np.positive,
    np.exp,
    np.expm1,
    np.exp2,
    np.square,
    np.sin,
    np.cos,
    np.sinh,
    np.cosh,
    np.tanh,
    np.arctan,
    np.arcsinh,
    ad.sigmoid,
    ad.softplus,
    expit,
):
    elementwise_unary(function)
for function in (np.log, np.log2, np.log10, np.sqrt, root):
    elementwise_unary(function, numbers, 0.3, 3.0)
for function in (np.arcsin, np.arccos, np.arctanh):
    elementwise_unary(function, numbers, -0.8, 0.8)
for function in (np.absolute, np.reciprocal, np.cbrt, ad.relu):
    elementwise_unary(function, nonzero)
elementwise_unary(np.arccosh, numbers, 1.3, 3.0)
elementwise_unary(np.log1p, numbers, -0.5, 2.0)
elementwise_unary(np.tan, numbers, -1.2, 1.2)


def elementwise_binary(function, first=numbers, second=numbers, *options):
    """A function of two arrays, of shapes that broadcast, or of one and a number."""

    @row(function.__name__, function)
    def draw_case(draw):
        pair = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)
        a_shape, b_shape = draw(pair).input_shapes
        a, b = first(draw, a_shape, *options), second(draw, b_shape, *options)
        match draw(st.sampled_from(["both", "both", "left", "right"])):
            case "left":
                return Case(lambda x: function(x, b.astype(x.dtype)), (a,))
            case "right":
                return Case(lambda x: function(1.3, x), (b,))
        return Case(function, (a, b))


for function in (np.add, np.subtract, np.multiply, np.logaddexp):
    elementwise_binary(function)
elementwise_binary(np.divide, numbers, nonzero)
for function in (np.hypot, np.arctan2):
    elementwise_binary(function, nonzero)
elementwise_binary(np.power, numbers, numbers, 0.4, 2.0)
for function in (np.maximum, np.minimum):
    elementwise_binary(
        function, distinct, lambda draw, shape: distinct(draw, shape, 0.37) * 1.01
    )


@row("power with a constant exponent", np.power)
def constant_power(draw):
    exponent = draw(st.sampled_from([0, 1, 2, 3, -1, 0.5, -2.5]))
    x = numbers(draw, draw(shapes()), 0.4, 2.0)
    return Case(lambda x: x**exponent, (x,))


@row("power at the exponent 0", np.power)
def power_at_zero(draw):
    shape = draw(shapes())
    exponents = numbers(draw, shape)
    return Case(
        np.power, (numbers(draw, shape, 0.4, 2.0), np.where(exponents > 0, 0, 2.0))
    )


@row("remainder, fmod", np.remainder, np.fmod)
def remainder(draw):
    """Quotients of both signs, away from the integers, where the remainder jumps."""
    shape = draw(shapes(max_dims=2))
    b = nonzero(draw, draw(st.sampled_from([shape, shape[1:]])))
    quotients = np.rint(numbers(draw, shape)) + numbers(draw, shape, 0.2, 0.8)
    function = draw(st.sampled_from([np.remainder, np.fmod]))
    return Case(function, (quotients * b, b))


@row("where", np.where)
def where(draw):
    triple = hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3)
    c, a, b = draw(triple).input_shapes
    mask = numbers(draw, c) > 0
    args = numbers(draw, a), numbers(draw, b)
    return Case(lambda a, b: np.where(mask, a, b), args)


@row("select", np.select)
def select(draw):
    shape = draw(shapes(max_dims=2))
    x, y = numbers(draw, shape), numbers(draw, shape[1:])
    masks = [numbers(draw, shape) > 0, numbers(draw, shape[1:]) > 0]
    default = draw(st.sampled_from([lambda x: 0, np.sin]))
    return Case(lambda x, y: np.select(masks, [x * x, y], default(x)), (x, y))


@row("clip", np.clip, clamp)
def clip(draw):
    x = distinct(draw, draw(shapes()))
    low, high = np.array(-0.61), np.array(0.73)
    match draw(st.sampled_from(["both", "low", "high", "constants"])):
        case "both":
            return Case(np.clip, (x, low, high))
        case "low":
            return Case(lambda x, low: np.clip(x, low, None), (x, low))
        case "high":
            return Case(lambda x, high: np.clip(x, None, high), (x, high))
    return Case(lambda x: np.clip(x, -0.61, 0.73), (x,))


def reduction(function, values=numbers, ddof=False, min_side=1):
    @row(function.__name__, function)
    def draw_case(draw):
        x = values(draw, draw(shapes(min_side=min_side)))
        options = {"axis": axes(draw, x.ndim), "keepdims": draw(st.booleans())}
        if ddof and x.size:
            chosen = range(x.ndim) if options["axis"] is None else options["axis"]
            count = int(np.prod(np.take(x.shape, chosen, mode="wrap")))
            options["ddof"] = draw(st.integers(0, 1)) if count > 1 else 0
        return Case(lambda x: function(x, **options), (x,))


reduction(np.sum, min_side=0)
reduction(np.mean)
reduction(np.prod, min_side=0)
for function in (np.max, np.min, np.amax, np.amin):
    reduction(function, distinct)
reduction(np.var, ddof=True)
reduction(ad.logsumexp)


@row("std", np.std)
def std(draw):
    x = numbers(draw, draw(shapes(min_dims=1, min_side=2)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    options = {"axis": axis, "ddof": draw(st.integers(0, 1))}
    return Case(
        lambda x: np.std(x, keepdims=False, **options), (x + distinct(draw, x.shape),)
    )


@row("prod with zeros", np.prod)
def prod_with_zeros(draw):
    x = numbers(draw, draw(shapes(min_dims=1, min_side=1)))
    x.flat[draw(st.integers(0, x.size - 1))] = 0.0
    x.flat[draw(st.integers(0, x.size - 1))] = 0.0
    return Case(lambda x: np.prod(x), (x,))


@row("cumsum", np.cumsum)
def cumsum(draw):
    x = numbers(draw, draw(shapes(min_dims=1)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    return Case(lambda x: np.cumsum(x, axis), (x,))


@row("cumprod", np.cumprod)
def cumprod(draw):
    x = numbers(draw, draw(shapes(min_dims=1)))
    x = np.where(x > 1, 0.0, x)
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    return Case(lambda x: np.cumprod(x, axis), (x,))


@row("diff, trapezoid, average", np.diff, np.trapezoid, np.average)
def integrals(draw):
    y = numbers(draw, draw(st.sampled_from([(1,), (3,), (2, 2), (1, 3)])))
    axis, n = draw(st.integers(-y.ndim, y.ndim - 1)), draw(st.integers(0, 3))
    keepdims = draw(st.booleans())
    along = numbers(draw, y.shape[axis], 0.5, 2.0)
    of_all = numbers(draw, y.shape, 0.5, 2.0)
    choices = [
        Case(lambda y: np.diff(y, n, axis), (y,)),
        Case(lambda y: np.trapezoid(y, dx=0.3, axis=axis), (y,)),
        Case(lambda y, x: np.trapezoid(y, x, axis=axis), (y, along)),
        Case(lambda y, x: np.trapezoid(y, x, axis=axis), (y, of_all)),
        Case(lambda y: np.average(y, axis, keepdims=keepdims), (y,)),
        Case(lambda y, w: np.average(y, axis, w, keepdims=keepdims), (y, along)),
        Case(lambda y, w: np.average(y, weights=w), (y, of_all)),
    ]
    return draw(st.sampled_from(choices))


@row("sort and median", np.sort, np.median)
def sort(draw):
    x = distinct(draw, draw(st.sampled_from([(1,), (3,), (2, 2), (1, 2)])))
    axis, keepdims = draw(st.integers(-x.ndim, x.ndim - 1)), draw(st.booleans())
    several = axes(draw, x.ndim)
    choices = [
        np.sort,
        lambda x: np.sort(x, axis),
        lambda x: np.sort(x, None),
        lambda x: np.median(x, axis, keepdims=keepdims),
        lambda x: np.median(x, axis=several, keepdims=keepdims),
    ]
    return Case(draw(st.sampled_from(choices)), (x,))


@row("softmax", ad.softmax)
def softmax(draw):
    x = numbers(draw, draw(shapes(min_dims=1, min_side=1)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    function = draw(st.sampled_from([ad.softmax, ad.log_softmax]))
    return Case(lambda x: function(x, axis), (x,))
