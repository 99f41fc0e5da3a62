"""Every operation of the table: value, both modes, two orders, types and layouts.

check_gradients compares with finite differences and holds the exact identities: value,
shape, dtype, linearity, zero, repetition, no mutation, no aliasing, and the adjoint
identity of push-forward and pull-back. It detects a relative error of 1e-6.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import check_gradients, grad, hessian, jvp, tree_leaves, vjp
from autodiff.table import RULES
from autodiff.tensor import astype
from tests.autodiff import (  # noqa: F401  (importing them adds their rows)
    operations_arrays,
    operations_linalg,
)
from tests.autodiff.operations import OPERATIONS
from tests.autodiff.test_values import VALUE_ONLY

LAYOUTS = {
    "Fortran": lambda x: x.copy(order="F"),
    "transposed": lambda x: x.T.copy().T,
    "reversed": lambda x: np.flip(np.flip(x).copy()),
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "read-only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape) if x.size else x,
    "foreign bytes": lambda x: x.astype(x.dtype.newbyteorder()),
    "0-d view": lambda x: x[...],
}
THIRD = (np.exp, np.log, np.tanh, ad.sigmoid, np.multiply, np.matmul, np.sum, np.power)
operations = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[operation.name for operation in OPERATIONS]
)


def drawn(operation, test):
    """Run test on cases drawn from a row of the table."""
    given(st.data())(lambda data: test(data.draw(operation.cases), data))()


@operations
def test_derivatives_to_second_order(operation):
    undecided = []

    def test(case, _):
        report = check_gradients(case.f, case.args, order=2)
        undecided.append(report.inconclusive / report.comparisons)

    drawn(operation, test)
    assert np.mean(undecided) <= 0.1


@pytest.mark.parametrize("function", THIRD)
def test_derivatives_to_third_order(function):
    def test(case, _):
        check_gradients(case.f, case.args, order=3)

    [row] = [
        o for o in OPERATIONS if o.covers == (function,) and o.name == function.__name__
    ]
    drawn(row, test)


@operations
def test_single_precision_is_kept(operation):
    def test(case, _):
        if operation.covers != (astype,):
            narrow = [x.astype(np.float32) for x in case.args]
            report = check_gradients(case.f, narrow)
            assert report.comparisons

    drawn(operation, test)


@operations
def test_layout_of_the_arguments_does_not_matter(operation):
    """Same value, pull-back and push-forward for views of every kind."""

    def test(case, data):
        rng = np.random.default_rng(0)
        y, pullback = vjp(case.f, *case.args)
        g = [rng.normal(size=np.shape(x)) for x in tree_leaves(y)]
        g = g if isinstance(y, (list, tuple)) else g[0]
        tangents = [rng.normal(size=x.shape) for x in case.args]
        _, forward = jvp(case.f, case.args, tangents)
        layout = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))]
        others = [layout(x) for x in case.args]
        y_other, pullback_other = vjp(case.f, *others)
        _, forward_other = jvp(case.f, others, tangents)
        for a, b in zip(
            tree_leaves((y, pullback(g), forward)),
            tree_leaves((y_other, pullback_other(g), forward_other)),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
            assert np.asarray(b).dtype.isnative

    drawn(operation, test)


INTEGERS = np.array([3, 4, 1], np.int8)


@pytest.mark.parametrize("function", [np.multiply, np.divide, np.power, np.add])
@pytest.mark.parametrize("side", ["left", "right"])
def test_small_integers_as_constants_are_as_good_as_floats(function, side):
    """Integers of 8 bits have logarithms of 16: a rule must not compute with them."""
    x = np.array([0.5, 1.5, 2.5])

    def f(x, constant):
        pair = (constant, x) if side == "left" else (x, constant)
        return np.sum(function(*pair) ** 2)

    for transform in (grad, hessian):
        found = transform(f)(x, INTEGERS)
        expected = transform(f)(x, INTEGERS.astype(float))
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.prod(x, axis=2),
        lambda x: np.take(x, [0], axis=2),
        lambda x: np.take_along_axis(x, np.array([0, 1]), 1),
        lambda x: np.split(x, 2, axis=2),
        lambda x: np.split(x, 5),
        lambda x: np.tensordot(x, x, ([2], [0])),
        lambda x: np.tensordot(x, x, 1),
        lambda x: np.einsum("ii", x),
        lambda x: np.einsum("...i->i", x),
        lambda x: np.mean(x, axis=(0, 0)),
        lambda x: np.sort(x, 2),
        lambda x: np.median(x, 2),
        lambda x: np.cumprod(x, 2),
        lambda x: np.diff(x, -1),
        lambda x: np.average(x, 0, np.ones(2)),
        lambda x: np.repeat(x, [1, 2], 0),
        lambda x: np.select([x > 0, x < 0], [x]),
        lambda x: np.hstack([x, x[:2]]),
        lambda x: np.column_stack([x, x[0]]),
        lambda x: np.vecdot(x, x[:2, :3]),
        lambda x: np.diag(x[np.newaxis]),
        lambda x: np.linalg.inv(x),
        lambda x: np.linalg.solve(x[:, :3], x[:2]),
        lambda x: np.linalg.cross(x, x),
        lambda x: np.linalg.norm(x[np.newaxis], 1),
        lambda x: np.linalg.norm(x[np.newaxis], axis=(0, 1, 2)),
        lambda x: np.linalg.eigh(x[:, :3], "X"),
    ],
)
def test_what_numpy_refuses_is_refused(f):
    x = np.ones((3, 4))
    with pytest.raises((ValueError, IndexError)):  # each has its own words
        f(x)
    with pytest.raises((ValueError, IndexError)):
        vjp(f, x)


def test_every_rule_has_a_row():
    """Those that models declare are tested with the models."""
    rules = [
        f for f in RULES if not str(getattr(f, "__module__", "")).startswith("models.")
    ]
    covered = {function for operation in OPERATIONS for function in operation.covers}
    constant = {function for function, *_ in VALUE_ONLY}
    constant |= {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.bitwise_not}
    assert not [f for f in rules if f not in covered | constant]


def test_the_table_is_as_large_as_promised():
    """At least 50 operations and, to two orders and in float32, 4,000 checks."""
    assert len({f for operation in OPERATIONS for f in operation.covers}) >= 50
    assert 3 * len(OPERATIONS) * settings.default.max_examples >= 4000
