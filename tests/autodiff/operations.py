"""One table of operations: what is called, on which arguments, with which options.

A row holds the functions whose rules it covers and a strategy that draws a case: a
function f of floating arrays, everything else bound, and arrays to call it with. The
tests of values, derivatives, types and layouts are generated from the rows. Shapes and
seeds are drawn, not numbers: examples stay cheap and shrink well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import getitem
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit

import autodiff as ad
from autodiff.rules_elementwise import clamp
from autodiff.rules_indexing import scatter
from autodiff.rules_reductions import root
from autodiff.tensor import astype

LETTERS = {"i": 2, "j": 3, "k": 1, "l": 2}


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
    ad.sigmoid,
    ad.softplus,
    expit,
):
    elementwise_unary(function)
for function in (np.log, np.log2, np.log10, np.sqrt, root):
    elementwise_unary(function, numbers, 0.3, 3.0)
for function in (np.arcsin, np.arccos):
    elementwise_unary(function, numbers, -0.8, 0.8)
for function in (np.absolute, np.reciprocal, ad.relu):
    elementwise_unary(function, nonzero)
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


@row("where", np.where)
def where(draw):
    triple = hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3)
    c, a, b = draw(triple).input_shapes
    mask = numbers(draw, c) > 0
    args = numbers(draw, a), numbers(draw, b)
    return Case(lambda a, b: np.where(mask, a, b), args)


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
            return Case(lambda x, high: np.clip(x, max=high), (x, high))
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


@row("softmax", ad.softmax)
def softmax(draw):
    x = numbers(draw, draw(shapes(min_dims=1, min_side=1)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    function = draw(st.sampled_from([ad.softmax, ad.log_softmax]))
    return Case(lambda x: function(x, axis), (x,))


@row("reshape", np.reshape, np.ravel)
def reshape(draw):
    x = numbers(draw, draw(shapes()))
    shape = draw(st.sampled_from([x.size, x.shape[::-1], (1, *x.shape), (x.size, 1)]))
    f = draw(st.sampled_from([lambda x: np.reshape(x, shape), np.ravel]))
    return Case(f, (x,))


@row("transpose", np.transpose, np.swapaxes, np.moveaxis)
def transpose(draw):
    x = numbers(draw, draw(shapes(min_dims=1)))
    order = draw(st.permutations(range(x.ndim)))
    i, j = (draw(st.integers(-x.ndim, x.ndim - 1)) for _ in range(2))
    choices = [
        np.transpose,
        lambda x: np.transpose(x, order),
        lambda x: np.transpose(x, [axis - x.ndim for axis in order]),
        lambda x: np.swapaxes(x, i, j),
        lambda x: np.moveaxis(x, i, j),
        lambda x: np.moveaxis(x, order[:2], [0, 1][: len(order)]),
    ]
    return Case(draw(st.sampled_from(choices)), (x,))


@row("squeeze and expand_dims", np.squeeze, np.expand_dims)
def squeeze(draw):
    x = numbers(draw, (1, *draw(shapes(max_dims=2)), 1))
    axis = draw(st.sampled_from([0, -1, (0, -1), None]))
    new = draw(st.sampled_from([0, -1, (0, 2), (1, -1)]))
    choices = [lambda x: np.squeeze(x, axis), lambda x: np.expand_dims(x, new)]
    return Case(draw(st.sampled_from(choices)), (x,))


@row("broadcast_to", np.broadcast_to)
def broadcast_to(draw):
    shapes_of_two = hnp.mutually_broadcastable_shapes(
        num_shapes=2, max_dims=3, max_side=3
    )
    drawn = draw(shapes_of_two)
    x = numbers(draw, drawn.input_shapes[0])
    return Case(lambda x: np.broadcast_to(x, drawn.result_shape), (x,))


@row("concatenate", np.concatenate)
def concatenate(draw):
    shape = list(draw(shapes(min_dims=1)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    sides = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    parts = [numbers(draw, [*shape[:axis], n, *shape[axis:][1:]]) for n in sides]
    constant = numbers(draw, parts[0].shape)
    join = draw(st.sampled_from([axis, None]))

    def f(*xs):
        return np.concatenate([constant.astype(xs[0].dtype), *xs], join)

    return Case(f, tuple(parts))


@row("stack", np.stack, ad.array)
def stack(draw):
    shape = draw(shapes(max_dims=2))
    parts = tuple(numbers(draw, shape) for _ in range(draw(st.integers(1, 3))))
    axis = draw(st.integers(-1 - len(shape), len(shape)))
    choices = [
        lambda *xs: np.stack(xs, axis),
        lambda *xs: ad.array([*xs, np.ones(shape, xs[0].dtype)]),
        lambda *xs: ad.array([[x, x] for x in xs]),
    ]
    return Case(draw(st.sampled_from(choices)), parts)


@row("split", np.split)
def split(draw):
    x = numbers(draw, (4, *draw(shapes(max_dims=2))))
    cuts = draw(st.sampled_from([2, 4, [1], [0, 3], [1, 1, 3], []]))
    axis = draw(st.sampled_from([0, -x.ndim]))
    return Case(lambda x: np.split(x, cuts, axis), (x,))


@row("flip", np.flip)
def flip(draw):
    x = numbers(draw, draw(shapes()))
    axis = axes(draw, x.ndim)
    return Case(lambda x: np.flip(x, axis), (x,))


@row("pad", np.pad)
def pad(draw):
    x = numbers(draw, draw(shapes(min_dims=1, min_side=2)))
    width = draw(st.sampled_from([1, (0, 1), [(1, 0)] * x.ndim]))
    options = draw(
        st.sampled_from(
            [{}, {"constant_values": 2.0}]
            + [{"mode": mode} for mode in ("edge", "reflect", "symmetric", "wrap")]
        )
    )
    return Case(lambda x: np.pad(x, width, **options), (x,))


@row("astype", astype)
def convert(draw):
    return Case(lambda x: x.astype(np.float64), (numbers(draw, draw(shapes())),))


@row("basic indexing", getitem)
def basic_indexing(draw):
    x = numbers(draw, draw(shapes()))
    index = draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    return Case(lambda x: x[index], (x,))


@row("advanced indexing", getitem)
def advanced_indexing(draw):
    x = numbers(draw, draw(shapes(min_dims=1, min_side=1)))
    indices = hnp.integer_array_indices(x.shape, result_shape=shapes(max_dims=2))
    mask = numbers(draw, x.shape) > 0
    mixed = (Ellipsis, np.array([0, -1, 0]))
    index = draw(indices | st.sampled_from([mask, mixed]))
    return Case(lambda x: x[index], (x,))


@row("scatter", scatter, getitem)
def scattering(draw):
    rows, columns = slice(1, 3), slice(2, None, -1)
    twice = np.array([2, 2])
    choices = [
        lambda a, b: scatter([a], (3, 4), [(rows, columns)]),
        lambda a, b: scatter(
            [a, b, b], (5, 3), [twice, ..., np.array([4, 0, 4, 1, 2])]
        ),
        lambda a, b: np.stack([a[0] * a[1], a[1], *b, a[..., 0].sum() * b[1]]),
    ]
    args = numbers(draw, (2, 3)), numbers(draw, (5, 3))
    return Case(draw(st.sampled_from(choices)), args)


@row("take", np.take, np.take_along_axis)
def take(draw):
    x = numbers(draw, draw(shapes(min_dims=1, min_side=2)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    order = np.argsort(numbers(draw, x.shape), axis)
    choices = [
        lambda x: np.take(x, [0, 1, 1, -1]),
        lambda x: np.take(x, np.array([[1, 0], [1, 1]]), axis),
        lambda x: np.take(x, 1, axis=axis),
        lambda x: np.take_along_axis(x, order, axis),
        lambda x: np.take_along_axis(x, np.array([1, 1, 0]), None),
    ]
    return Case(draw(st.sampled_from(choices)), (x,))


@row("matmul", np.matmul)
def matmul(draw):
    n = draw(st.integers(0, 3))
    batch = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=2)
    rows, columns = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    left, right = draw(batch).input_shapes
    a = draw(st.sampled_from([(n,), (rows, n), (*left, rows, n)]))
    b = draw(st.sampled_from([(n,), (n, columns), (*right, n, columns)]))
    return Case(np.matmul, (numbers(draw, a), numbers(draw, b)))


@row("dot, inner, outer", np.dot, np.inner, np.outer)
def dot(draw):
    n = draw(st.integers(0, 3))
    a = draw(st.sampled_from([(), (n,), (2, n), (2, 1, n)]))
    function = draw(st.sampled_from([np.dot, np.inner, np.outer]))
    vector_or_more = [(n, 2), (3, n, 2)] if function is np.dot else [(2, n), (2, 3, n)]
    b = draw(st.sampled_from([(), (n,), *vector_or_more]))
    return Case(function, (numbers(draw, a), numbers(draw, b)))


@row("tensordot", np.tensordot)
def tensordot(draw):
    a, b, over = draw(
        st.sampled_from(
            [
                ((2, 3), (3, 2), 1),
                ((2, 3), (2, 3), 2),
                ((2,), (3,), 0),
                ((2, 3, 4), (4, 2), ([0, 2], [1, 0])),
                ((2, 3), (4, 3), (-1, -1)),
                ((0, 3), (3, 2), 1),
                ((2, 0), (0, 3), 1),
            ]
        )
    )
    return Case(
        lambda a, b: np.tensordot(a, b, over), (numbers(draw, a), numbers(draw, b))
    )


@row("einsum", np.einsum)
def einsum(draw):
    subscripts = draw(
        st.sampled_from(
            [
                "ij,jk->ik",
                "ij,jl",
                "ij->ji",
                "i,i",
                "ii",
                "ii->i",
                "iij->j",
                "ij->",
                "ij,jk,kl->il",
                "ij,ij->ij",
                "ij->",
                "i,j->ij",
                "...i,i",
                "...i,ij->...j",
                "i...,i...->...",
                "ij,ij",
                "ijj,l->l",
            ]
        )
    )
    shapes_of = [
        tuple(LETTERS[c] for c in part.replace("...", "jl"))
        for part in subscripts.partition("->")[0].split(",")
    ]
    args = tuple(numbers(draw, shape) for shape in shapes_of)
    return Case(lambda *xs: np.einsum(subscripts, *xs), args)


@row("einsum that broadcasts", np.einsum)
def broadcasting_einsum(draw):
    subscripts, *sides = draw(
        st.sampled_from(
            [
                ("ij,jk->ik", (2, 1), (3, 2)),
                ("ij,jk->ik", (2, 3), (1, 2)),
                ("ij,ij->i", (1, 3), (2, 1)),
                ("...i,...i->...", (2, 1, 3), (4, 3)),
            ]
        )
    )
    args = tuple(numbers(draw, shape) for shape in sides)
    return Case(lambda *xs: np.einsum(subscripts, *xs), args)
