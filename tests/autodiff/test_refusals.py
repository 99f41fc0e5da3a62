"""What would lose a derivative in silence raises, and says what to write instead.

Each row is user-level code, the message of refusals.py that it meets, and the words of
that message which answer this very case.
"""

import re
from contextlib import suppress
from inspect import signature

import numpy as np
import pytest
import scipy.special

import autodiff as ad
from autodiff import grad, hessian, hvp, jacobian, jvp, refusals, value_and_grad, vjp
from autodiff.table import RULES
from tests.autodiff import (  # noqa: F401  (importing them adds their rows)
    operations_arrays,
    operations_linalg,
)
from tests.autodiff.operations import OPERATIONS

x = np.array([1.0, 2.0, 3.0])
narrow = x.astype(np.float32)
square = np.linspace(0.1, 0.9, 9).reshape(3, 3)


def refused(message, error=TypeError, words=""):
    """pytest.raises for one of the messages, whatever is filled into it."""
    template = getattr(refusals, message)
    pattern = ".*".join(map(re.escape, re.split(r"\{.*?\}", template)))
    return pytest.raises(error, match=rf"(?s)\A(?=.*{re.escape(words)}){pattern}\Z")


def assign(array, index, value):
    array[index] = value
    return np.sum(array)


def add_in_place(array, value):
    array += value
    return np.sum(array)


# Inside a differentiated function of x: row -> (message, function, words)
INSIDE = {
    # A tensor made a plain array
    "np.asarray(x)": ("AS_ARRAY", lambda x: np.asarray(x).sum(), "stop_gradient(x)"),
    "np.array(x)": ("AS_ARRAY", lambda x: np.array(x).sum(), "stop_gradient(x)"),
    "np.array([x[0], x[1]])": (
        "AS_ARRAY",
        lambda x: np.array([x[0], x[1]]).sum(),
        "autodiff.array([a, b])",
    ),
    "np.full(3, x[0])": ("AS_ARRAY", lambda x: np.sum(np.full(3, x[0])), "stored in"),
    "array[:] = x": ("AS_ARRAY", lambda x: assign(np.ones(3), slice(3), x), "stored"),
    "scipy.linalg": ("AS_ARRAY", lambda x: scipy.linalg.norm(x), "NumPy functions"),
    # A tensor made a number
    "float(x)": ("AS_NUMBER", lambda x: float(x[0]), "Python number"),
    "int(x)": ("AS_NUMBER", lambda x: int(x[0]), "Python number"),
    "complex(x)": ("AS_NUMBER", lambda x: complex(x[0]), "Python number"),
    "bool(x)": ("AS_NUMBER", lambda x: x[0] if x[0] else x[1], "np.where(x > 0, a, b)"),
    "x and y": ("AS_NUMBER", lambda x: x[0] and x[1], "truth value"),
    "list[x]": ("AS_NUMBER", lambda x: [1.0, 2.0][x[0]], "Python number"),
    "range(x)": ("AS_NUMBER", lambda x: sum(range(x[0])), "Python number"),
    # In place
    "x[0] = 1": ("ASSIGNMENT", lambda x: assign(x, 0, 1.0), "np.where(mask, new, old)"),
    "x[0] += 1": ("ASSIGNMENT", lambda x: assign(x, 0, x[0] + 1), "np.stack"),
    "x[mask] = x": ("ASSIGNMENT", lambda x: assign(x, x > 1, x[1:]), "in place"),
    "array += x": ("OUT", lambda x: add_in_place(np.ones(3), x), "y = y + x"),
    "np.add(out=)": ("OUT", lambda x: np.add(x, 1, out=np.ones(3)), "np.add would"),
    "np.exp(x, array)": ("OUT", lambda x: np.exp(x, np.ones(3)), "np.exp would"),
    # Methods of ufuncs
    "np.add.reduce": ("UFUNC_METHOD", np.add.reduce, "np.sum for np.add.reduce"),
    "np.add.at": (
        "UFUNC_METHOD",
        lambda x: np.add.at(np.zeros(3), [0], x[0]),
        "x[index] for np.add.at",
    ),
    "np.multiply.outer": (
        "UFUNC_METHOD",
        lambda x: np.multiply.outer(x, x),
        "np.outer for np.multiply.outer",
    ),
    "np.add.accumulate": ("UFUNC_METHOD", np.add.accumulate, "np.add.accumulate"),
    "np.add.reduceat": (
        "UFUNC_METHOD",
        lambda x: np.add.reduceat(x, [0]),
        "np.add.reduceat",
    ),
    # No rule
    "np.partition": (
        "NO_RULE",
        lambda x: np.partition(x, 1),
        "partition has no derivative rule",
    ),
    "np.linalg.svd": ("NO_RULE", lambda x: np.linalg.svd(np.outer(x, x)), "svd has no"),
    "np.fft.fft": ("NO_RULE", np.fft.fft, "fft has no derivative rule"),
    "np.fabs": ("NO_RULE", np.fabs, "autodiff.elementwise(np.fabs,"),
    "np.conj": ("NO_RULE", np.conj, "conjugate has no derivative rule"),
    "np.divmod": ("NO_RULE", lambda x: np.divmod(x, 2), "divmod has no derivative"),
    "scipy.special.gamma": ("NO_RULE", scipy.special.gamma, "gamma has no derivative"),
    # Types
    "x * 1j": ("RESULT_TYPE", lambda x: x * 1j, "real and imaginary parts"),
    "np.exp(1j * x)": ("RESULT_TYPE", lambda x: np.exp(1j * x), "complex128"),
    "complex array": ("RESULT_TYPE", lambda x: x @ np.ones(3, complex), "complex128"),
    "astype(complex)": (
        "RESULT_TYPE",
        lambda x: np.sum(np.abs(x.astype(complex))),
        "complex128",
    ),
    "astype(object)": ("RESULT_TYPE", lambda x: float(sum(x.astype("O"))), "object"),
    "object array": ("RESULT_TYPE", lambda x: x * x.astype(int).astype("O"), "object"),
    "long double": ("RESULT_TYPE", lambda x: x * np.longdouble(2), "x.astype(np.float"),
    # Arguments of functions
    "array by keyword": ("ARGUMENTS", lambda x: np.sum(a=x), "given by position"),
    "too many positions": (
        "ARGUMENTS",
        lambda x: np.sum(x, 0, None, None, True),
        "sum does not take 4 further positional arguments",
    ),
    "one array of where": ("ARGUMENTS", np.where, "where does not take 1 arguments"),
    "axis=x": ("ARGUMENTS", lambda x: np.sum(x, axis=x[0]), "constant is expected"),
    "shape=x": ("ARGUMENTS", lambda x: np.reshape(x, (x[0],)), "constant is expected"),
    "array[x]": ("ARGUMENTS", lambda x: x[x], "getitem does not take a tensor"),
    "array[[x]]": ("ARGUMENTS", lambda x: x[[x[0]]], "getitem does not take a tensor"),
    "take x": ("ARGUMENTS", lambda x: np.take(x, x), "constant is expected"),
    "pad with x": (
        "AS_ARRAY",
        lambda x: np.pad(x, 1, constant_values=x[0]),
        "without losing its derivative",
    ),
    "split at x": ("AS_NUMBER", lambda x: np.split(x, x), "Python number"),
}


@pytest.mark.parametrize("row", INSIDE)
def test_inside_a_differentiated_function(row):
    """Under grad, a nested grad and jvp: all tapes have the same door."""
    message, f, words = INSIDE[row]
    with refused(message, words=words):
        grad(f)(x)
    with refused(message, words=words):
        grad(lambda x: np.sum(grad(f)(x)))(x)
    with refused(message, words=words):
        jvp(f, (x,), (x,))


def test_one_number_stored_into_an_array():
    """NumPy wraps what it meets here, so the message is that of the cause."""
    with pytest.raises(ValueError, match="setting an array element") as caught:
        grad(lambda x: assign(np.ones(3), 0, x[0]))(x)
    assert str(caught.value.__cause__) == refusals.AS_NUMBER
    assert "autodiff.array([a, b])" in refusals.AS_NUMBER


def test_in_place_operators_on_a_tensor_make_a_new_one():
    def f(x):
        y = x
        y += 1
        y *= y
        return np.sum(x * y)

    np.testing.assert_array_equal(grad(f)(x), (x + 1) ** 2 + 2 * x * (x + 1))


# float32 meets a wider type: row -> (function of a float32 tensor, words)
WIDER = {
    "float64 array": (lambda x: x * np.ones(3), "array.astype(x.dtype)"),
    "float64 scalar": (lambda x: x * np.float64(2), "a Python number for a NumPy"),
    "int64 array": (
        lambda x: x + np.arange(3),
        "add of a float32",
    ),
    "int64 scalar": (lambda x: x * np.int64(2), "gave float64"),
    "matmul": (lambda x: x @ np.ones((3, 2)), "matmul of a float32 tensor"),
    "einsum": (lambda x: np.einsum("i,i", x, np.ones(3)), "einsum of a float32"),
    "dot": (lambda x: np.dot(x, np.ones(3)), "gave float64"),
    "tensordot": (lambda x: np.tensordot(x, np.ones(3), 1), "gave float64"),
    "outer": (lambda x: np.outer(x, np.ones(3)), "gave float64"),
    "concatenate": (lambda x: np.concatenate([x, np.ones(3)]), "concatenate of a"),
    "stack": (lambda x: np.stack([x, np.ones(3)]), "gave float64"),
    "where": (lambda x: np.where(x > 1, x, np.ones(3)), "where of a float32 tensor"),
    "maximum": (lambda x: np.maximum(x, np.ones(3)), "maximum of a float32"),
    "clip": (lambda x: np.clip(x, np.float64(0), 1), "gave float64"),
    "power": (lambda x: x ** np.array([1.0, 2.0, 3.0]), "power of a float32"),
    "complex64": (lambda x: x * 1j, "gave complex64"),
}


@pytest.mark.parametrize("row", WIDER)
def test_single_precision_meets_a_wider_type(row):
    f, words = WIDER[row]
    with refused("RESULT_TYPE", words=words):
        grad(lambda x: np.sum(f(x)))(narrow)


@pytest.mark.parametrize(
    "f", [np.add, np.matmul, np.logaddexp, lambda a, b: np.stack([a, b])]
)
@pytest.mark.parametrize("args", [(narrow, x), (x, narrow)])
def test_single_precision_meets_a_double_precision_tensor(f, args):
    with refused("RESULT_TYPE", words="x.astype(np.float64) if the wider type"):
        grad(lambda a, b: np.sum(f(a, b)), (0, 1))(*args)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 2,
        lambda x: x * 0.5 + 1,
        lambda x: np.maximum(x, 0),
        lambda x: np.where(x > 1, x, 0.0),
        lambda x: x * np.ones(3).astype(x.dtype),
        lambda x: x * np.array([True, False, True]),
        lambda x: x * np.ones(3, np.int8),
        lambda x: ad.array([x[0], 1.5, 2]),
    ],
)
def test_what_the_messages_recommend_keeps_single_precision(f):
    value, gradient = value_and_grad(lambda x: np.sum(f(x)))(narrow)
    assert value.dtype == gradient.dtype == np.float32


def test_the_wider_type_may_be_meant():
    value, gradient = value_and_grad(
        lambda x: np.sum(x.astype(np.float64) * np.array([0.1, 0.2, 0.3]))
    )(narrow)
    assert (value.dtype, gradient.dtype) == (np.float64, np.float32)
    np.testing.assert_array_equal(gradient, np.float32([0.1, 0.2, 0.3]))


# Functions without a rule


def test_the_declaration_in_the_message_works():
    with pytest.raises(TypeError) as caught:
        grad(np.fabs)(-8.0)
    declaration = re.search(r"autodiff\.elementwise\(.*\)$", str(caught.value))
    assert declaration is not None
    try:
        eval(declaration[0], {"np": np, "autodiff": ad})
        assert grad(np.fabs)(-8.0) == -1
        ad.check_gradients(np.fabs, (x,), order=2)
    finally:
        RULES.pop(np.fabs, None)


def test_stop_gradient_makes_any_function_usable():
    f = grad(lambda x: np.sum(x * np.partition(ad.stop_gradient(x), 0)[::-1]))
    np.testing.assert_array_equal(f(x), [3.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("partials", "words"),
    [
        ([lambda z: z], "['z']"),
        ([lambda g: g], "['g']"),
        ([lambda x, y, b: x], "at least one of x, y"),
    ],
)
def test_a_partial_that_needs_what_does_not_exist(partials, words):
    def function(x):
        return 2 * x

    with refused("PARTIAL", words=words):
        ad.elementwise(function, *partials)


def test_a_pull_back_of_another_shape():
    doubled = ad.rule(lambda x: 2 * x, lambda g, x: 2 * np.sum(g))
    with refused("SHARE", ValueError, words="returned shape () for an argument of"):
        grad(lambda x: np.sum(doubled(x)))(x)


# Keywords and positions that NumPy takes and a rule does not

KEYWORDS = {
    "dtype": np.float32,
    "where": True,
    "initial": 1.0,
    "order": "F",
    "out": np.zeros((3, 3)),
    "casting": "unsafe",
    "subok": False,
    "signature": "d->d",
    "mean": 0.0,
    "correction": 1,
    "copy": True,
    "end_values": 0,
    "reflect_type": "odd",
    "stat_length": 2,
}
SAMPLES = {
    np.where: (square > 0.5, square, square),
    np.clip: (square, 0, 1),
    np.reshape: (square, (9,)),
    np.expand_dims: (square, 0),
    np.broadcast_to: (square, (3, 3)),
    np.swapaxes: (square, 0, 1),
    np.moveaxis: (square, 0, 1),
    np.concatenate: ([square, square],),
    np.stack: ([square, square],),
    np.split: (square, 3),
    np.pad: (square, 1),
    np.take: (square, 1),
    np.take_along_axis: (square, np.zeros((3, 3), int), 0),
    np.dot: (square, square),
    np.inner: (square, square),
    np.outer: (square, square),
    np.tensordot: (square, square),
    np.einsum: ("ij,jk", square, square),
    np.select: ([square > 0.5], [square]),
    np.roll: (square, 1),
    np.repeat: (square, 2),
    np.tile: (square, 2),
    np.hstack: ([square, square],),
    np.vstack: ([square, square],),
    np.dstack: ([square, square],),
    np.column_stack: ([square, square],),
    np.kron: (square, square),
    np.cross: (square, square),
    np.vdot: (square, square),
}
FURTHER = {  # those behind **kwargs, or in a signature that only the text gives
    np.clip: "dtype where casting",
    np.pad: "end_values reflect_type stat_length",
    np.einsum: "dtype order casting",
    np.concatenate: "out dtype casting",
    np.dot: "out",
}
UFUNC = "where dtype order out casting subok signature"


def keywords_of(function):
    """The names in KEYWORDS that NumPy lets a call of function have."""
    if isinstance(function, np.ufunc):
        names = UFUNC.split()[function.signature is not None :]
    else:
        names = FURTHER.get(function, "").split()
        with suppress(ValueError):  # older NumPy has compiled functions without one
            names += list(signature(function).parameters)
    return sorted(set(names) & set(KEYWORDS))


NUMPY = [
    function
    for function in dict.fromkeys(f for row in OPERATIONS for f in row.covers)
    if getattr(np, function.__name__, None) is function
]
CALLS = [(function, name) for function in NUMPY for name in keywords_of(function)]


@pytest.mark.parametrize(
    ("function", "keyword"),
    CALLS,
    ids=[f"{function.__name__}-{name}" for function, name in CALLS],
)
def test_a_keyword_without_a_rule_is_refused_by_name(function, keyword):
    nin = function.nin if isinstance(function, np.ufunc) else 1
    args = SAMPLES.get(function, (square,) * nin)
    options = {keyword: KEYWORDS[keyword]}

    def f(x):
        swap = [
            [x if item is square else item for item in arg]
            if isinstance(arg, list)
            else (x if arg is square else arg)
            for arg in args
        ]
        return function(*swap, **options)

    with pytest.raises(TypeError, match=rf"{keyword}=") as caught:
        vjp(f, square)
    assert function.__name__ in str(caught.value)


def test_the_keywords_of_the_issue_are_among_them():
    """dtype=, where=, initial=, order=, of 60 functions and more."""
    tested = {name for _, name in CALLS}
    assert {"dtype", "where", "initial", "order", "out"} <= tested
    assert (np.sum, "initial") in CALLS
    assert (np.sum, "where") in CALLS
    assert (np.cumsum, "dtype") in CALLS
    assert (np.ravel, "order") in CALLS
    assert len(NUMPY) >= 60


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.mean(x, 0, None, None, True),
        lambda x: np.max(x, 0, None, True),
        lambda x: np.prod(x, 0, None),
        lambda x: np.var(x, 0, None),
        lambda x: np.cumsum(x, 0, np.float64),
        lambda x: np.ravel(x, "F"),
        lambda x: np.squeeze(x, None, 1),
        lambda x: ad.softmax(x, 0, True),
        lambda x: ad.sigmoid(x, 0),
    ],
)
def test_a_position_without_a_rule_is_refused(f):
    with pytest.raises(TypeError, match=r"positional arguments|not take 2 arguments"):
        grad(lambda x: np.sum(f(x)))(x)


@pytest.mark.parametrize("mode", ["mean", "linear_ramp", lambda *args: None])
def test_modes_of_pad(mode):
    with pytest.raises(
        TypeError, match="takes mode constant, edge, reflect, symmetric"
    ):
        grad(lambda x: np.sum(np.pad(x, 1, mode=mode)))(x)


def test_einsum_of_interleaved_subscripts():
    with pytest.raises(TypeError, match="takes its subscripts as a string first"):
        grad(lambda x: np.einsum(x, [0], x, [0], []))(x)


def test_parts_of_unequal_length():
    with pytest.raises(ValueError, match="length 3 has no 2 equal parts"):
        grad(lambda x: np.sum(np.split(x, 2)[0]))(x)


# What is differentiated

NO_FLOATS = {
    "Python int": (3, "Write 3.0 for 3"),
    "NumPy int": (np.int64(3), "int64 array"),
    "int array": (np.arange(3), "x.astype(float) for integers"),
    "bool array": (np.ones(3, bool), "bool array"),
    "bool": (True, "argument 0 (True)"),
    "complex": (1j, "real and imaginary parts"),
    "complex array": (1j * x, "complex128 array"),
    "None": (None, "argument 0 (None)"),
    "string": ("x", "argument 0 ('x')"),
    "empty list": ([], "argument 0 ([])"),
    "tree of ints": ({"n": 3, "m": [np.arange(2)]}, "no floating-point numbers"),
}


@pytest.mark.parametrize("row", NO_FLOATS)
def test_an_argument_without_floating_point_numbers(row):
    argument, words = NO_FLOATS[row]
    with refused("NO_FLOATS", words=words):
        grad(lambda x: 1.0)(argument)
    with refused("NO_FLOATS", words="argument 1 ("):
        vjp(lambda x, y: x, 1.0, argument)
    with refused("NO_FLOATS", words=words):
        jvp(lambda x: x, (argument,), (argument,))
    with refused("NO_FLOATS", words=words):
        jacobian(lambda x: x)(argument)


NOT_SCALAR = {
    "vector": (lambda x: x, "shape (3,)"),
    "one-element array": (lambda x: x[:1], "shape (1,)"),
    "tuple": (lambda x: (np.sum(x), x), "not ("),
    "list": (lambda x: [np.sum(x)], "not ["),
    "None": (lambda x: None, "not None"),
    "int": (lambda x: 3, "not 3"),
    "bool": (lambda x: x[0] > 0, "True"),
    "integers": (lambda x: np.sum(x.astype(int)), "not np.int64(6)"),
}


@pytest.mark.parametrize("row", NOT_SCALAR)
def test_grad_needs_one_real_number(row):
    f, words = NOT_SCALAR[row]
    for transform in grad, value_and_grad, hessian:
        with refused("NOT_SCALAR", words=words):
            transform(f)(x)
    with refused("NOT_SCALAR", words="vjp with a cotangent"):
        hvp(f, x, x)


@pytest.mark.parametrize(
    ("f", "argument"),
    [
        (lambda tree: tree["a"] * tree["b"], {"a": x, "b": 2 * x}),
        (lambda x: (x, 2 * x), x),
        (lambda x: None, x),
    ],
)
def test_jacobian_needs_one_array(f, argument):
    with refused("NOT_ONE_ARRAY", words="vjp, jvp and hvp take trees"):
        jacobian(f)(argument)


def test_one_array_at_two_leaves():
    tree = {"encoder": [x, np.ones(2)], "decoder": (x,)}
    words = "holds one array twice, at ['encoder'][0] and at ['decoder'][0]"
    for transform in (
        lambda f: grad(f)(tree),
        lambda f: vjp(f, tree),
        lambda f: jvp(f, (tree,), (tree,)),
    ):
        with refused("TWICE", ValueError, words=words):
            transform(lambda tree: np.sum(tree["encoder"][0]))


def test_one_array_as_two_arguments_is_two_variables():
    gradients = grad(lambda a, b: np.sum(a * a * b), (0, 1))(x, x)
    np.testing.assert_array_equal(gradients, [2 * x * x, x * x])


def test_equal_numbers_at_two_leaves_are_two_variables():
    assert grad(lambda t: t[0] * t[1])((3.0, 3.0)) == (3.0, 3.0)


@pytest.mark.parametrize("argnums", [2, -3, (0, 2), 7])
def test_argnums_beyond_the_arguments(argnums):
    with refused("ARGNUMS", words="of 2 positional arguments"):
        grad(lambda a, b: a * b, argnums)(1.0, 2.0)


@pytest.mark.parametrize("argnums", [(0, 0), (1, -1)])
def test_argnums_that_name_an_argument_twice(argnums):
    with refused("ARGNUMS"):
        grad(lambda a, b: a * b, argnums)(1.0, 2.0)


def test_variables_by_keyword():
    with refused("ARGNUMS", words="given by position"):
        grad(lambda x: x * x)(x=3.0)


SEEDS = {
    "shape": (np.ones(2), "('[0]', (3,), 'float64')], got [('[0]', (2,), 'float64')]"),
    "transposed": (np.ones((1, 3)), "got [('[0]', (1, 3), 'float64')]"),
    "type": (narrow, "got [('[0]', (3,), 'float32')]"),
    "integers": (np.arange(3), "got [('[0]', (3,), 'int64')]"),
    "structure": ((x, x), "got [('[0][0]', (3,), 'float64'), ('[0][1]',"),
    "number": (1.0, "got [('[0]', (), 'float64')]"),
}


@pytest.mark.parametrize("row", SEEDS)
def test_a_tangent_or_cotangent_unlike_its_value(row):
    given, words = SEEDS[row]
    _, pullback = vjp(np.sin, x)
    with refused("SEED", ValueError, words="a cotangent must"):
        pullback(given)
    with refused("SEED", ValueError, words=words):
        jvp(np.sin, (x,), (given,))
    with refused("SEED", ValueError, words="a tangent must"):
        hvp(np.sum, x, given)


def test_a_cotangent_is_paired_by_name_not_by_position():
    """A dict in another order has its leaves at other paths."""
    _, pullback = vjp(lambda x: {"a": 2 * x, "b": 3 * x}, x)
    with refused("SEED", ValueError, words="['b']"):
        pullback({"b": np.zeros(3), "a": np.ones(3)})


@pytest.mark.parametrize(("primals", "tangents"), [(2.0, 1.0), (x, (x,)), ((x,), x)])
def test_primals_and_tangents_come_as_tuples(primals, tangents):
    with refused("PAIRS"):
        jvp(np.sin, primals, tangents)


@pytest.mark.parametrize("subclass", [np.matrix, np.ma.masked_array])
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_subclasses_of_arrays_are_refused_as_variables(subclass):
    with refused("SUBCLASS", words=type(subclass(x)).__name__):
        grad(np.sum)(subclass(x))


@pytest.mark.parametrize("name", ["real", "repeat", "cos", "T_"])
def test_attributes_that_a_tensor_does_not_have(name):
    def f(x):
        with refused("NO_ATTRIBUTE", AttributeError, words=f"np.{name}(x)"):
            getattr(x, name)
        return np.sum(x)

    grad(f)(x)


# A tensor that outlived its function


def test_a_tensor_used_after_its_function_returned():
    kept = []

    def f(x):
        kept.append(x)
        return np.sum(x)

    for transform in (
        lambda: grad(f)(x),
        lambda: vjp(f, x),
        lambda: jvp(f, (x,), (x,)),
        lambda: jacobian(f)(x),
    ):
        transform()
        with refused("CLOSED", RuntimeError, words="stop_gradient(x)"):
            kept[-1] + 1
        with refused("CLOSED", RuntimeError, words="Return it from the function"):
            grad(lambda z: np.sum(z * kept[-1]))(x)


def test_a_tensor_used_after_its_function_raised():
    kept = []

    def f(x):
        kept.append(x)
        raise KeyError

    with pytest.raises(KeyError):
        grad(f)(x)
    with refused("CLOSED", RuntimeError):
        np.exp(kept[0])


def test_a_tensor_that_an_inner_gradient_leaks_into_the_outer_function():
    """Taken as a constant it would lose a share of the outer derivative."""

    def f(x):
        kept = []
        grad(lambda y: kept.append(y) or np.sum(y * x))(x)
        return np.sum(x * kept[0])

    with refused("CLOSED", RuntimeError, words="tape is closed"):
        grad(f)(x)


def test_an_outer_tensor_inside_an_inner_gradient_is_no_leak():
    f = grad(lambda x: np.sum(grad(lambda y: np.sum(y * y * x))(x)))
    np.testing.assert_array_equal(f(x), 4 * x)


# What is not refused


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_pass_through(value):
    """Arithmetic defines them, -inf is a lawful logarithm, and nothing is lost: where
    such a number is an error, training stops, and says at which step."""
    point = np.array([value, 1.0])
    f = value_and_grad(lambda x: np.sum(np.array([2.0, 3.0]) * x))
    result, gradient = f(point)
    np.testing.assert_array_equal(result, 2 * value + 3)
    np.testing.assert_array_equal(gradient, [2.0, 3.0])
    _, tangent = jvp(lambda x: 2 * x, (np.ones(2),), (point,))
    np.testing.assert_array_equal(tangent, 2 * point)


# Recorded programs


def test_a_program_whose_shapes_its_values_decide():
    for f in (
        lambda x: x[x > 2],
        np.flatnonzero,
    ):
        with refused("SHAPE_OF_VALUES", words="np.where(mask, x, 0)"):
            ad.explain(f, x)


def test_a_program_called_with_other_shapes():
    program = ad.explain(np.sin, x)
    np.testing.assert_array_equal(program(2 * x), np.sin(2 * x))
    for other in np.ones(4), np.ones((3, 1)), narrow:
        with refused("OTHER_SHAPES", ValueError, words="Explain the function for"):
            program(other)


# Every message is met


def test_every_message_has_a_test():
    named = {name for name in vars(refusals) if name.isupper()}
    inside = {message for message, *_ in INSIDE.values()}
    with open(__file__, encoding="utf-8") as file:
        met = set(re.findall(r'refused\("([A-Z_]+)"', file.read()))
    assert named == inside | met
