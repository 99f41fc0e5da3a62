"""grad, value_and_grad, vjp, jvp, hvp, jacobian, hessian: what they take and give.

The derivatives of single functions are tested in test_operations.py; here are nesting,
arguments and results, and threads. What a run costs is in test_cost.py.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from autodiff import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    tree_leaves,
    value_and_grad,
    vjp,
)
from models import MLP, cross_entropy

# Nesting


def nested(f, order):
    """The derivative of f of some order."""
    for _ in range(order):
        f = grad(f)
    return f


T = math.tanh(0.7)
CLOSED_FORMS = {
    "exp": (np.exp, 0.3, [math.exp(0.3)] * 6),
    "sin": (np.sin, 0.3, [f(0.3) * s for s in (1, -1) for f in (math.sin, math.cos)]),
    "log": (np.log, 2.0, [math.log(2), 1 / 2, -1 / 4, 2 / 8, -6 / 16, 24 / 32]),
    "reciprocal": (
        lambda x: 1 / x,
        2.0,
        [1 / 2, -1 / 4, 1 / 4, -3 / 8, 3 / 4, -15 / 8],
    ),
    "power": (lambda x: x**5, 2.0, [32, 80, 160, 240, 240, 120]),
    "square root": (np.sqrt, 1.0, [1, 1 / 2, -1 / 4, 3 / 8, -15 / 16, 105 / 32]),
    "tanh": (
        np.tanh,
        0.7,
        [
            T,
            1 - T**2,
            -2 * T * (1 - T**2),
            (1 - T**2) * (6 * T**2 - 2),
            (1 - T**2) * (16 * T - 24 * T**3),
            (1 - T**2) * (16 - 120 * T**2 + 120 * T**4),
        ],
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_derivatives_to_fifth_order(name):
    f, x, expected = CLOSED_FORMS[name]
    for order, value in enumerate(expected):
        assert nested(f, order)(x) == pytest.approx(value, rel=1e-12)


def derivative_by_grad(f):
    return grad(f)


def derivative_by_vjp(f):
    return lambda x: vjp(f, x)[1](np.float64(1))[0]


def derivative_by_jvp(f):
    return lambda x: jvp(f, (x,), (np.float64(1),))[1]


MODES = [derivative_by_grad, derivative_by_vjp, derivative_by_jvp]


@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("inner", MODES)
def test_levels_are_not_confused(outer, inner):
    """A derivative within a derivative keeps the two variables apart.

    d/dx [x d/dy (x + y)] = 1, where mixing them up gives 2; and variants in which the
    inner function uses the outer variable more than once, or not at all.
    """
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1
    assert outer(lambda x: inner(lambda y: x * y)(3.0))(2.0) == 1
    assert outer(lambda x: x * inner(lambda y: x * y * y)(x))(2.0) == 6 * 2.0**2
    assert outer(lambda x: x * inner(lambda y: y**3)(2.0))(5.0) == 12
    assert outer(lambda x: inner(lambda y: x**2)(1.0) + x)(5.0) == 1


@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("middle", MODES)
@pytest.mark.parametrize("inner", MODES)
def test_three_levels_are_not_confused(outer, middle, inner):
    """d/dx d/dy d/dz of x^2 y^3 z^4, each level with a variable of its own."""

    def f(x):
        return middle(lambda y: inner(lambda z: x**2 * y**3 * z**4)(1.0))(1.0)

    assert outer(f)(3.0) == 2 * 3 * 3 * 4


def test_hvp_inside_and_outside_of_other_derivatives():
    """sum x^4 has the Hessian diag(12 x^2), whose derivative along t is 24 x t."""

    def f(x):
        return np.sum(x**4)

    x, t = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    np.testing.assert_allclose(hvp(f, x, t), 12 * x**2 * t)
    np.testing.assert_allclose(grad(lambda x: np.sum(hvp(f, x, t)))(x), 24 * x * t)
    np.testing.assert_allclose(
        jvp(lambda x: hvp(f, x, t), (x,), (t,))[1], 24 * x * t**2
    )
    np.testing.assert_allclose(grad(lambda t: np.sum(hvp(f, x, t)))(t), 12 * x**2)
    curl = hvp(lambda y: np.sum(grad(f)(y) * y), x, t)
    np.testing.assert_allclose(curl, 48 * x**2 * t)


def test_a_pull_back_is_a_function_of_its_cotangent():
    _, pull_back = vjp(lambda x: np.sin(x), np.array([0.3, 0.4]))
    by_g = jacobian(lambda g: pull_back(g)[0])(np.ones(2))
    np.testing.assert_allclose(by_g, np.diag(np.cos([0.3, 0.4])))


def test_gradients_in_several_threads_at_once():
    """Tapes know nothing of threads: nested gradients of many sizes, all at once."""
    barrier = Barrier(4)

    def work(seed):
        x = np.random.default_rng(seed).normal(size=seed % 7 + 1)
        barrier.wait(timeout=60)
        errors = []
        for _ in range(20):
            third = grad(lambda x: np.sum(grad(lambda y: np.sum(x * y**3))(x)))(x)
            errors.append(np.max(abs(third - 9 * x**2)))
        return max(errors)

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(work, range(16))) < 1e-12


# Arguments


def test_argnums_chooses_the_argument():
    def f(x, y, z):
        return x * y**2 * z**3

    assert grad(f)(2.0, 3.0, 1.0) == 9
    assert grad(f, 1)(2.0, 3.0, 1.0) == 12
    assert grad(f, -1)(2.0, 3.0, 1.0) == 54
    assert grad(f, (2, 0))(2.0, 3.0, 1.0) == (54, 9)
    assert grad(f, (1,))(2.0, 3.0, 1.0) == (12,)
    assert value_and_grad(f, (-1, 0))(2.0, 3.0, 1.0) == (18, (54, 9))
    np.testing.assert_array_equal(
        jacobian(lambda x, y: x * y, 1)(np.array([2.0, 3.0]), np.ones(2)),
        np.diag([2.0, 3.0]),
    )
    np.testing.assert_array_equal(
        hessian(lambda x, y: x * np.sum(y**2), -1)(3.0, np.ones(2)), 6 * np.eye(2)
    )


@pytest.mark.parametrize("argnums", [2, -3, (0, 2)])
def test_argnums_that_do_not_exist_are_refused(argnums):
    with pytest.raises(TypeError, match="of 2 positional arguments"):
        grad(lambda x, y: x * y, argnums)(1.0, 2.0)


@pytest.mark.parametrize("argnums", [(0, 0), (1, -1)])
def test_one_argument_named_twice_is_refused(argnums):
    """Otherwise one of the two gradients would silently be zero."""
    with pytest.raises(TypeError, match="argnums"):
        grad(lambda x, y: x * y, argnums)(1.0, 2.0)


def test_keyword_arguments_are_constants():
    assert grad(lambda x, *, power: x**power)(2.0, power=3) == 12
    assert value_and_grad(lambda x, scale=1.0: scale * x)(2.0, scale=5.0) == (10, 5)


def test_constant_functions_have_zero_derivatives():
    x = np.ones((2, 3))
    gradients = [
        grad(lambda x: 3.0)(x),
        grad(lambda x: np.float64(3))(x),
        grad(lambda x, y: np.sum(y))(x, x),
        vjp(lambda x: np.ones(5), x)[1](np.ones(5))[0],
        grad(lambda x: np.sum(np.sign(x)))(x),
    ]
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, np.zeros((2, 3)))
    np.testing.assert_array_equal(jvp(lambda x: np.ones(4), (x,), (x,))[1], np.zeros(4))
    assert jacobian(lambda x: np.ones(4))(x).shape == (4, 2, 3)
    assert grad(lambda x: 3.0)(2.0) == 0


def test_results_that_are_arguments():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])

    def f(x, y):
        return y, x, x

    values, pull_back = vjp(f, x, y)
    for value, expected in zip(values, (y, x, x), strict=True):
        np.testing.assert_array_equal(value, expected)
    by_x, by_y = pull_back((np.ones(2), 2 * np.ones(2), 3 * np.ones(2)))
    np.testing.assert_array_equal(by_x, [5, 5])
    np.testing.assert_array_equal(by_y, [1, 1])
    _, tangents = jvp(f, (x, y), (np.ones(2), 7 * np.ones(2)))
    np.testing.assert_array_equal(tangents, [[7, 7], [1, 1], [1, 1]])


def test_trees_go_in_and_out_of_vjp_and_jvp():
    def f(p, x):
        return {"y": x @ p["w"] + p["b"][0], "n": 3, "w": (p["w"],)}

    rng = np.random.default_rng(0)
    p = {"w": rng.normal(size=(3, 2)), "b": [rng.normal(size=2), 4], "name": "p"}
    x = rng.normal(size=(5, 3))
    value, pull_back = vjp(f, p, x)
    assert value["n"] == 3
    g = {"y": rng.normal(size=(5, 2)), "n": 3, "w": (rng.normal(size=(3, 2)),)}
    by_p, by_x = pull_back(g)
    np.testing.assert_allclose(by_p["w"], x.T @ g["y"] + g["w"][0])
    np.testing.assert_allclose(by_p["b"][0], g["y"].sum(axis=0))
    assert by_p["b"][1] == 4
    assert by_p["name"] == "p"
    np.testing.assert_allclose(by_x, g["y"] @ p["w"].T)
    _, tangent = jvp(f, (p, x), (p, x))
    np.testing.assert_allclose(tangent["y"], 2 * x @ p["w"] + p["b"][0])
    np.testing.assert_array_equal(tangent["w"][0], p["w"])


def test_a_gradient_is_like_its_argument_leaf_by_leaf():
    tree = {
        "matrix": np.ones((2, 3), np.float32),
        "vector": np.ones(3),
        "number": np.array(2.0),
        "empty": np.ones((0, 4)),
        "half": np.ones(2, np.float16),
        "fortran": np.ones((2, 3), order="F"),
        "foreign": np.ones(2, ">f8"),
    }

    def f(tree):
        return sum(np.sum(x.astype(np.float64) ** 2) for x in tree.values())

    gradient = grad(f)(tree)
    assert list(gradient) == list(tree)
    for name, x in tree.items():
        assert type(gradient[name]) is np.ndarray
        assert gradient[name].shape == x.shape
        assert gradient[name].dtype == x.dtype.newbyteorder("=")
        np.testing.assert_array_equal(gradient[name], 2 * x)


NUMBER_FUNCTIONS = [
    lambda x: x**3,
    lambda x: x,
    lambda x: 3.0,
    lambda x: np.where(x > 0, x, 0.0),
    lambda x: np.maximum(x, 1.0),
    lambda x: np.clip(x, 0, 1),
    lambda x: np.stack([x, x]).sum(),
    lambda x: np.reshape(x, (1,))[0],
    np.max,
    np.prod,
]


@pytest.mark.parametrize("f", NUMBER_FUNCTIONS)
def test_the_derivative_by_a_number_is_a_numpy_number(f):
    """For a Python float, or NumPy's, it is np.float64: never a 0-d array."""
    for x in (2.0, np.float64(2)):
        value, gradient = value_and_grad(f)(x)
        assert np.shape(value) == ()
        for derivative in (gradient, vjp(f, x)[1](1.0)[0], hvp(f, x, 1.0)):
            assert type(derivative) is np.float64


def test_the_tangent_of_a_number_is_a_numpy_number():
    for f in (lambda x: x, lambda x: x**3, lambda x: 3.0, lambda x: np.float64(3)):
        assert type(jvp(f, (2.0,), (1.0,))[1]) is np.float64


def test_the_derivative_by_a_0d_array_is_a_0d_array():
    for f in NUMBER_FUNCTIONS:
        assert type(grad(f)(np.array(2.0))) is np.ndarray


# Jacobians and Hessians


def test_jacobians_by_rows_and_by_columns():
    """More outputs than inputs are done by columns, forwards; otherwise by rows."""
    A = np.random.default_rng(0).normal(size=(2, 5))
    for matrix in (A, A.T):
        x = np.ones(matrix.shape[1])
        expected = np.diag(1 - np.tanh(matrix @ x) ** 2) @ matrix
        found = jacobian(lambda x, m: np.tanh(m @ x))(x, matrix)
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("x_shape", [(), (3,), (0,), (2, 0), (2, 3)])
@pytest.mark.parametrize("y_shape", [(), (4,), (0,), (3, 0), (2, 2, 2)])
def test_jacobians_of_every_shape(x_shape, y_shape):
    """y = c sum(x^2) has the Jacobian 2 c x, of shape y.shape + x.shape."""
    c = np.arange(1.0, 1.0 + math.prod(y_shape)).reshape(y_shape)
    x = np.arange(1.0, 1.0 + math.prod(x_shape)).reshape(x_shape)
    found = jacobian(lambda x: c * np.sum(x**2))(x)
    np.testing.assert_array_equal(found, 2 * np.multiply.outer(c, x))
    assert found.shape == y_shape + x_shape


def test_jacobians_keep_single_precision():
    x = np.ones(3, np.float32)
    assert jacobian(np.tanh)(x).dtype == np.float32
    assert hessian(lambda x: np.sum(x**3))(x).dtype == np.float32
    assert jacobian(np.tanh)(np.ones(0, np.float32)).dtype == np.float32


def test_hessians_are_symmetric_and_agree_with_hvp():
    A = np.random.default_rng(0).normal(size=(4, 6))

    def f(x):
        return np.sum(np.tanh(A @ x) ** 2) + np.prod(np.cos(x))

    x = np.linspace(-1, 1, 6)
    H = hessian(f)(x)
    np.testing.assert_allclose(H, H.T, rtol=1e-12, atol=1e-14)
    for column, unit in zip(H.T, np.eye(6), strict=True):
        np.testing.assert_allclose(hvp(f, x, unit), column, rtol=1e-12, atol=1e-14)
    assert hessian(lambda x: x**3)(2.0) == 12
    assert hessian(lambda x: np.sum(x**2))(np.ones((2, 3))).shape == (2, 3, 2, 3)


def test_hvp_of_a_model_is_the_hessian_product():
    """For the parameters of a network, flattened into one vector for the Hessian."""
    rng = np.random.default_rng(0)
    model = MLP.create((3, 4, 2), activation="tanh", rng=rng)
    tangent = MLP.create((3, 4, 2), activation="tanh", rng=rng)
    x, labels = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)

    def loss(model):
        return cross_entropy(model(x), labels)

    def flat_loss(theta):
        W1, b1 = np.reshape(theta[:12], (3, 4)), theta[12:16]
        W2, b2 = np.reshape(theta[16:24], (4, 2)), theta[24:]
        return cross_entropy(np.tanh(x @ W1 + b1) @ W2 + b2, labels)

    def flat(model):
        return np.concatenate([leaf.ravel() for leaf in tree_leaves(model)])

    product = hvp(loss, model, tangent)
    assert type(product) is MLP
    expected = hessian(flat_loss)(flat(model)) @ flat(tangent)
    np.testing.assert_allclose(flat(product), expected, rtol=1e-10, atol=1e-13)
