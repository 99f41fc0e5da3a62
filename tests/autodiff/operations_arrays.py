"""The rows of shape, indexing and contraction in the table of operations."""

from operator import getitem

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autodiff as ad
from autodiff.rules_indexing import scatter
from autodiff.tensor import astype
from tests.autodiff.operations import Case, axes, numbers, row, shapes

LETTERS = {"i": 2, "j": 3, "k": 1, "l": 2}


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


@row("moved and repeated", np.roll, np.fliplr, np.flipud, np.repeat, np.tile)
def repeat(draw):
    x = numbers(draw, draw(st.sampled_from([(2, 2), (1, 2), (0, 2), (2, 1, 2)])))
    axis, n = draw(st.integers(-x.ndim, x.ndim - 1)), draw(st.integers(0, 3))
    counts = np.arange(x.shape[axis])
    choices = [
        np.fliplr,
        np.flipud,
        lambda x: np.roll(x, n),
        lambda x: np.roll(x, -n, axis),
        lambda x: np.roll(x, (n, 1), (axis, 0)),
        lambda x: np.repeat(x, n),
        lambda x: np.repeat(x, n, axis),
        lambda x: np.repeat(x, counts, axis),
        lambda x: np.tile(x, n),
        lambda x: np.tile(x, (n, 2)),
        lambda x: np.tile(x, (2, 1, 1, 1)),
    ]
    return Case(draw(st.sampled_from(choices)), (x,))


@row(
    "as many axes",
    np.atleast_1d,
    np.atleast_2d,
    np.atleast_3d,
    np.broadcast_arrays,
    np.copy,
    np.matrix_transpose,
)
def ranks(draw):
    pair = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=2)
    a, b = (numbers(draw, shape) for shape in draw(pair).input_shapes)
    choices = [
        Case(lambda a, b: list(np.broadcast_arrays(a, b)), (a, b)),
        Case(lambda a, b: list(np.atleast_2d(a, b)), (a, b)),
        Case(lambda a: [np.copy(a), np.atleast_1d(a)], (a,)),
        Case(lambda a: np.matrix_transpose(np.atleast_3d(a)), (a,)),
    ]
    return draw(st.sampled_from(choices))


@row(
    "hstack, vstack, dstack, column_stack",
    np.hstack,
    np.vstack,
    np.dstack,
    np.column_stack,
)
def join(draw):
    stacks = [np.hstack, np.vstack, np.dstack, np.column_stack]
    function = draw(st.sampled_from(stacks))
    shapes_of = [(2,), (2, 1), (1, 0), (1, 2), (1, 2, 1)]
    shape = draw(st.sampled_from(shapes_of[: 5 - (function is np.column_stack)]))
    parts = tuple(numbers(draw, shape) for _ in range(draw(st.integers(1, 2))))
    constant = numbers(draw, shape)
    return Case(lambda *xs: function([*xs, constant.astype(xs[0].dtype)]), parts)


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


@row(
    "kron, cross, vdot, vecdot", np.kron, np.cross, np.linalg.cross, np.vdot, np.vecdot
)
def products(draw):
    a, b = numbers(draw, (3,)), numbers(draw, (2, 3))
    c = numbers(draw, draw(st.sampled_from([(), (2,), (2, 1), (1, 2, 1)])))
    choices = [
        Case(np.kron, (a, c)),
        Case(np.kron, (c, a)),
        Case(np.cross, (a, b)),
        Case(lambda a, b: np.cross(a, b, axis=0), (b.T, b.T + 1)),
        Case(lambda a, b: np.linalg.cross(a, b, axis=-2), (b.T, b.T + 1)),
        Case(np.vdot, (a[np.newaxis], a + 1)),
        Case(np.vecdot, (a, b)),
    ]
    return draw(st.sampled_from(choices))


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
