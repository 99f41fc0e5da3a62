"""explain: the printed program is the function, and holds for other arguments too."""

import textwrap
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

import autodiff as ad
from autodiff import (
    elementwise,
    explain,
    grad,
    hvp,
    jvp,
    log_softmax,
    logsumexp,
    relu,
    rule,
    softmax,
    softplus,
    stop_gradient,
    tree_leaves,
)
from models import MLP, cross_entropy
from tests.autodiff.programs import ALL, random_program


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def assert_same(found, expected):
    """The same numbers in the same types and shapes, leaf by leaf."""
    for a, b in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        assert np.shape(a) == np.shape(b)
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12 if a.dtype == "f8" else 1e-5)


def assert_explains(f, args, others):
    """What is printed for f at args computes f at args and at others, no number in it
    taken from args."""
    program = explain(f, *args)
    assert_same(program(*args), f(*args))
    assert_same(program(*others), f(*others))


# The text


def printed(f, *args):
    return str(explain(f, *args))


def source(text):
    return textwrap.dedent(text).strip()


def test_the_text_of_a_layer():
    def layer(x, weights, bias):
        return np.tanh(x @ weights + bias)

    text = printed(layer, np.ones((4, 3)), np.ones((3, 2)), np.ones(2))
    assert text == source("""
        def program(x, weights, bias):
            v1 = x @ weights # (4, 2)
            v2 = v1 + bias   # (4, 2)
            v3 = np.tanh(v2) # (4, 2)
            return v3
    """)


def test_the_text_of_a_gradient():
    """Backpropagation: forwards what is needed, then backwards from the seed 1."""
    text = printed(grad(lambda x: np.exp(np.sin(x))), 0.5)
    assert text == source("""
        def program(x):
            v1 = np.sin(x)  # ()
            v2 = np.exp(v1) # ()
            v3 = 1.0 * v2   # ()
            v4 = np.cos(x)  # ()
            v5 = v3 * v4    # ()
            return v5
    """)


def test_what_no_result_needs_is_not_printed():
    def f(x):
        np.exp(x)
        unused = np.cumsum(x)
        return x * 2, 3.0, np.shape(unused)

    assert "exp" not in printed(f, draw(3))
    assert "cumsum" not in printed(f, draw(3))
    loss = grad(lambda x: np.sum(x) + np.sum(np.sin(np.ones(3))))
    assert "sin" not in printed(loss, draw(3))


def test_the_text_shows_the_shape_of_every_line():
    text = printed(lambda x: np.sum(x, axis=0).reshape(2, 1), np.ones((3, 2)))
    assert "# (2,)" in text
    assert "# (2, 1)" in text


def test_functions_of_ours_and_of_scipy_come_with_their_definition():
    """So that the text runs wherever NumPy and SciPy are installed."""

    def f(x):
        return np.sum(softplus(expit(x)) + logsumexp(x, axis=-1, keepdims=True))

    text = printed(grad(f), draw(2, 3))
    assert text.startswith("def softplus(x)") or "\ndef sigmoid(x)" in text
    assert "from scipy.special import expit\n" in text
    namespace = {"np": np}
    exec(text, namespace)
    found = namespace["program"](draw(2, 3, seed=1))
    np.testing.assert_allclose(found, grad(f)(draw(2, 3, seed=1)), rtol=1e-12)


# The numbers, on a second input with other signs


def largest(x):
    return np.sum(np.max(x, axis=0) * x[0])


def standardized(x):
    return np.sum(((x - x.mean(0)) / np.std(x, axis=0, ddof=1)) ** 3)


def weights(x):
    """0, 1, 2 in the type of x."""
    return np.arange(3).astype(x.dtype)


FUNCTIONS = {
    "where": lambda x: np.sum(np.where(x > 0, x**2, np.sin(x))),
    "maximum": lambda x: np.sum(np.maximum(x, 0.1) * np.minimum(x, 0.3)),
    "absolute": lambda x: np.sum(np.absolute(x) ** 3),
    "sign": lambda x: np.sum(x * np.sign(x)),
    "relu": lambda x: np.sum(relu(x) ** 2),
    "clip": lambda x: np.sum(np.clip(x, -0.5, 0.5) * x),
    "mask by multiplication": lambda x: np.sum(x * (x > 0)),
    "logical": lambda x: np.sum(np.where(np.logical_and(x > -1, x < 1), x, 0) ** 2),
    "logical operators": lambda x: np.sum(x * ((x > -1) & ~(x > 1) | (x < -2))),
    "any": lambda x: np.sum(np.where(np.any(x > 1, axis=0), x[0], x[1] ** 2)),
    "max": largest,
    "argmax": lambda x: np.sum(x[np.arange(4), np.argmax(x, axis=1)] ** 2),
    "one entry by argmax": lambda x: np.ravel(x)[np.argmax(x)],
    "sort": lambda x: np.sum(np.take_along_axis(x, np.argsort(x), -1) * weights(x)),
    "repeated index": lambda x: np.sum(np.cos(x[[0, 0, 2, 1]]) * weights(x)),
    "repeat": lambda x: np.sum(np.cos(np.repeat(x, repeats=2, axis=1))),
    "slices": lambda x: np.sum(x[::-1, None, ..., 1:] ** 2) * x[-1, 0],
    "take": lambda x: np.sum(np.take(x, [0, 0, -1], axis=1) ** 2),
    "einsum": lambda x: np.sum(np.tanh(np.einsum("ij,kj,il->kl", x, x, x))),
    "tensordot": lambda x: np.sum(np.tensordot(x, x, ([0], [0])) ** 2),
    "cumsum": lambda x: np.sum(np.cumsum(x, axis=1) ** 2),
    "prod with a zero": lambda x: np.sum(np.prod(x * weights(x), axis=1)),
    "std": standardized,
    "expit": lambda x: np.sum(expit(x) ** 2),
    "softmax": lambda x: np.sum(softmax(x) ** 2),
    "logsumexp": lambda x: np.sum(logsumexp(x, axis=(0, 1), keepdims=True)),
    "pad": lambda x: np.sum(np.pad(x, 1, mode="reflect") ** 2),
    "concatenate": lambda x: np.sum(np.concatenate([x, x[:1] * 2]) ** 2),
    "split": lambda x: np.sum(np.split(x, [1])[1] ** 2),
    "rows": lambda x: sum(row[0] * row[1] for row in x),
    "array": lambda x: np.sum(ad.array([x[0, 0], 1.0, x[1, 1] * x[2, 2]]) ** 2),
    "isfinite": lambda x: np.sum(np.where(np.isfinite(1 / x), x, 0.0) ** 2),
    "stop_gradient": lambda x: np.sum(x * stop_gradient(x**2)),
    "like": lambda x: np.sum(x**2 * np.ones_like(x) - np.full_like(x, 2) * x),
    "count": lambda x: np.sum(x**2) / np.sum(x > 0).astype(x.dtype),
    "scalar powers": lambda x: np.sum(2.0**x - (-x) ** 3 + np.abs(x) ** -1.5),
    "shapes": lambda x: np.sum(x**2) / (len(x) * x.size * x.ndim * x.shape[0]),
    "jvp inside": lambda x: np.sum(jvp(np.tanh, (x,), (x,))[1]),
    "hvp inside": lambda x: np.sum(hvp(lambda y: np.sum(np.tanh(y) ** 2), x, x)),
}
functions = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)


@functions
def test_the_program_of_a_function(f):
    assert_explains(f, [draw(4, 3)], [0.2 - draw(4, 3)])


@functions
def test_the_program_of_a_gradient(f):
    assert_explains(grad(f), [draw(4, 3)], [0.2 - draw(4, 3)])


@functions
def test_the_program_of_a_gradient_of_a_gradient(f):
    second = grad(lambda x: np.sum(grad(f)(x) ** 2))
    assert_explains(second, [draw(4, 3)], [0.2 - draw(4, 3)])


@functions
def test_the_program_in_single_precision(f):
    x = draw(4, 3).astype(np.float32)
    assert_explains(grad(f), [x], [np.float32(0.2) - x])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.clip(x, -0.5, 0.5) * x,
        lambda x: np.where(np.logical_and(x > -0.5, x < 0.5), x, 0.0) * x,
        lambda x: np.where(np.logical_or(x < -0.5, x > 0.5), x, 0.0) * x,
        lambda x: np.maximum(x, 0.3) * relu(x),
        lambda x: x**3 / np.absolute(x),
    ],
)
def test_a_mask_of_one_number_is_not_frozen(f):
    """Every mask of numbers is the same object True or False, and yet a value."""
    program, gradient = explain(f, 0.1), explain(grad(f), 0.1)
    for x in (-1.0, -0.1, 0.1, 1.0):
        assert program(x) == f(x)
        assert gradient(x) == grad(f)(x)


def test_the_program_of_backpropagation():
    """An MLP with cross-entropy: trees in and out, integer labels as an input."""
    model, other = (MLP.create((3, 5, 4), rng=seed) for seed in (0, 1))
    batch = draw(6, 3), np.array([0, 1, 2, 3, 0, 1])
    others = -draw(6, 3, seed=1), np.array([3, 3, 0, 2, 1, 2])

    def loss(model, x, labels):
        return cross_entropy(model(x), labels)

    assert_explains(loss, (model, *batch), (other, *others))
    assert_explains(grad(loss), (model, *batch), (other, *others))
    gradient = explain(grad(loss), model, *batch)
    assert type(gradient(other, *others)) is MLP
    assert "np.array([0, 1, 2" not in str(gradient)


def test_labels_are_an_input_of_the_program():
    def loss(logits, labels):
        return -np.mean(log_softmax(logits)[np.arange(len(labels)), labels])

    labels, others = np.array([0, 1, 3]), np.array([2, 2, 0])
    assert_explains(grad(loss), [draw(3, 4), labels], [draw(3, 4), others])


def test_trees_go_in_and_out():
    Pair = namedtuple("Pair", "first second")

    @dataclass(eq=False)
    class Scaled:
        scale: np.ndarray
        name: str = "s"

    def f(tree, scaled):
        product = tree["a"] * tree["b"][0] * scaled.scale
        return Pair(product, {"x": [np.sum(product), "text", None, 7]}), scaled

    tree = {"a": draw(3), "b": [2.0, 5]}
    program = explain(f, tree, Scaled(draw(3)))
    other = {"a": -draw(3), "b": [3.0, 5]}
    (pair, scaled) = program(other, Scaled(draw(3, seed=1)))
    assert type(pair) is Pair
    assert pair.second["x"][1:] == ["text", None, 7]
    assert scaled.name == "s"
    assert_same((pair, scaled), f(other, Scaled(draw(3, seed=1))))


def test_results_that_are_inputs_or_constants():
    constant = np.arange(6.0).reshape(2, 3)
    program = explain(lambda x: (x, constant, 2.0, ()), draw(3))
    x = draw(3, seed=1)
    first, second, third, fourth = program(x)
    np.testing.assert_array_equal(first, x)
    np.testing.assert_array_equal(second, constant)
    assert (third, fourth) == (2.0, ())


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_random_programs(seed, size):
    """The programs of random functions and of their gradients, on other arguments."""
    f = random_program(seed, size, ALL)
    others = f.other_args(seed + 1)
    everywhere = tuple(range(len(f.args)))
    for function in (f, grad(f, everywhere)):
        program = explain(function, *f.args)
        for args in (f.args, others):
            found, expected = tree_leaves(program(*args)), tree_leaves(function(*args))
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_program_can_be_differentiated():
    program = explain(lambda x: np.sum(np.tanh(x) ** 2), draw(3))
    expected = grad(lambda x: np.sum(np.tanh(x) ** 2))(draw(3, seed=1))
    np.testing.assert_allclose(grad(program)(draw(3, seed=1)), expected)


# Functions declared by the user


def test_a_function_with_its_own_derivative_is_bound_by_name():
    def swish_slope(x):
        return np.tanh(x) + 1.0

    def swish(x):
        return np.array([float(number) ** 2 for number in x])

    swish_slope = elementwise(swish_slope, lambda x: 1 - np.tanh(x) ** 2)
    swish = elementwise(swish, lambda x: swish_slope(x))
    gradient = grad(lambda x: np.sum(swish(x) ** 2))
    text = printed(gradient, draw(3))
    assert "# swish is a function of yours, bound by name" in text
    assert "# swish_slope is a function of yours, bound by name" in text
    assert_explains(gradient, [draw(3)], [-draw(3)])


def make_power(n):
    def power(x):
        return x**n

    return elementwise(power, lambda x: n * x ** (n - 1))


def test_functions_of_one_name_stay_apart():
    square, cube = make_power(2), make_power(3)
    nameless = elementwise(lambda x: x**4, lambda x: 4 * x**3)
    another = elementwise(lambda x: x**5, lambda x: 5 * x**4)

    def f(x):
        return np.sum(square(x) + cube(x) * nameless(x) - another(x) * square(x))

    assert_explains(f, [draw(3)], [-draw(3)])


def test_functions_named_like_what_the_program_uses():
    """Like one of its lines, an argument, a constant, a function of ours, or np."""

    def named(name):
        def f(x):
            return x**3

        f.__name__ = name
        return rule(f, lambda g, x: 3 * g * x**2)

    for name in ("v1", "c1", "x", "np", "program", "softplus", "lambda", "sum"):
        f = named(name)

        def g(x, f=f):
            return np.sum(f(x) * softplus(x) * np.arange(20.0)[:3])

        assert_explains(lambda x, g=g: g(x), [draw(3)], [-draw(3)])


# Constants


@pytest.mark.parametrize(
    "constant",
    [
        np.full(4, 2.5),
        np.full((30, 4), 2.5),
        np.arange(4),
        np.arange(40).reshape(10, 4),
        np.array([1.0, 2.0, 3.5, -4.0]),
        np.array([[1], [2]]),
        np.array([True, False, True, True]),
        np.array(3.0),
        np.array([0.0, -0.0, 0.0, 0.0]),
        np.full(4, np.nan),
        np.full(4, -np.inf),
        np.array([1.0, np.nan, np.inf, -np.inf]),
        np.arange(4, dtype=np.uint8),
        np.zeros((0, 1)),
        draw(50, 4),
        np.float64(1.5),
        np.float64(-np.inf),
        -2,
        True,
    ],
    ids=repr,
)
def test_constants_of_every_kind(constant):
    def f(x):
        return x * constant, np.copysign(1.0, np.asarray(constant))

    x = draw(4, seed=1)
    for a, b in zip(explain(f, draw(4))(x), f(x), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))
        assert np.asarray(a).dtype == np.asarray(b).dtype


def test_regular_and_small_constants_are_written_out_and_large_ones_bound():
    def text(constant):
        return printed(lambda x: x * constant, draw(4))

    assert "np.full((3, 4), 2.5)" in text(np.full((3, 4), 2.5))
    assert "np.arange(4)" in text(np.arange(4))
    assert "[1.0, 2.0, 3.5, -4.0]" in text(np.array([1.0, 2.0, 3.5, -4.0]))
    assert "# c1 is a constant float64 array" in text(draw(50, 4))


def test_single_precision_constants_keep_their_type():
    x = np.ones(4, np.float32)
    constants = [
        np.full(4, 2.5, np.float32),
        np.float32(0.1),
        0.1,
        2,
        np.arange(4, dtype=np.float32),
        np.linspace(0, 1, 40, dtype=np.float32).reshape(10, 4),
    ]
    for constant in constants:
        found = explain(lambda x, c=constant: x * c, x)(2 * x)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, 2 * x * constant)


# Names


def names(f, *args):
    """The parameters of the printed program."""
    head = printed(f, *args).split("def program(")[-1]
    return head[: head.index(")")].split(", ")


def test_names_come_from_the_arguments():
    x = draw(2)
    assert names(lambda x, y: x + y, x, x) == ["x", "y"]
    assert names(lambda p: p["weights"] + p["bias"], {"weights": x, "bias": x}) == [
        "weights",
        "bias",
    ]
    assert names(lambda p: p[0] + p[1], (x, x)) == ["p_0", "p_1"]
    assert names(lambda *p: p[0] + p[1], x, x) == ["x0", "x1"]
    model = MLP.create((2, 3, 1), rng=0)
    assert names(lambda model, x: model(x), model, draw(4, 2)) == [
        "weights_0",
        "bias_0",
        "weights_1",
        "bias_1",
        "x",
    ]


@pytest.mark.parametrize(
    "keys",
    [
        ["class", "lambda", "None"],
        ["np", "program", "v1", "c1", "v12"],
        ["a b", "b", "b_"],
        ["+", "-", "*", "/"],
        [0, 1, 2],
        ["softplus", "sigmoid", "w"],
    ],
)
def test_every_name_is_an_identifier_of_its_own(keys):
    """Keywords, names that the program uses itself, and names that collide."""

    def f(p, q):
        product = 1.0
        for key in keys:
            product = product * softplus(p[key]) + np.arange(2.0) * q[key] * 3
        return np.sum(product)

    def args(seed):
        return [
            {key: draw(2, seed=seed + i + s) for i, key in enumerate(keys)}
            for s in (0, 50)
        ]

    found = names(f, *args(0))
    assert len(set(found)) == 2 * len(keys)
    assert_explains(grad(f), args(0), args(100))


# What a program refuses


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x[0] > 0 else -x,
        lambda x: x if np.any(x > 0) else -x,
        lambda x: x * (x[0] > 0 and x[1] > 0),
        lambda x: max(x[0], x[1]),
        lambda x: x * float(np.sum(x)),
        lambda x: x[int(np.argmax(x))],
        lambda x: [1, 2, 3][np.argmax(x)] * x,
        lambda x: x[np.argmax(x) :],
        lambda x: sum(x for _ in range(np.argmax(x))),
        lambda x: x * (1.0 in x),
    ],
)
def test_a_value_that_decides_a_branch_is_refused(f):
    with pytest.raises(TypeError, match=r"np\.where"):
        explain(f, draw(3))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.mean(x[x > 0] ** 2),
        lambda x: np.sum(x[np.nonzero(x > 0)]),
        lambda x: np.sum(x[np.flatnonzero(x > 0)]),
    ],
)
def test_a_value_that_decides_a_shape_is_refused(f):
    """Elsewhere as many entries may be chosen, or others: the shape would be frozen."""
    with pytest.raises(TypeError, match=r"np\.where"):
        explain(grad(f), np.array([1.0, -1.0, -1.0]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.repeat(x, np.argsort(x)),
        lambda x: np.repeat(x, repeats=np.argsort(x)),
    ],
)
def test_a_count_of_repetitions_that_is_a_value_is_refused(f):
    with pytest.raises(TypeError, match=r"np\.where"):
        explain(f, np.array([1.0, -1.0, -1.0]))


def test_arguments_of_other_shapes_are_refused():
    """The numbers of examples in a mean are constants of the text."""
    program = explain(grad(lambda x: np.mean(x**2)), draw(4))
    with pytest.raises((TypeError, ValueError), match=r"\(4,\)"):
        program(draw(1))
    with pytest.raises((TypeError, ValueError)):
        program(draw(4), draw(4))


def test_a_tensor_of_a_finished_program_is_refused():
    kept = []
    explain(lambda x: kept.append(x) or x, draw(3))
    with pytest.raises(RuntimeError, match="after its differentiated function"):
        np.sin(kept[0])


def test_functions_that_return_named_tuples():
    """np.linalg.eigh has no derivative rule here, but a program may hold it."""
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    program = explain(lambda a: np.linalg.eigh(a).eigenvalues * 2, a)
    assert "np.linalg.eigh(a)" in str(program)
    np.testing.assert_allclose(program(2 * a), 4 * np.linalg.eigvalsh(a))
