"""Functions to which a user gives derivatives: elementwise, linear, rule, composite.

They are plain Python here, loops over numbers that the engine could not differentiate.
"""

import math

import numpy as np
import pytest

from autodiff import (
    check_gradients,
    composite,
    elementwise,
    explain,
    grad,
    hvp,
    jacobian,
    jvp,
    linear,
    rule,
    value_only,
    vjp,
)

x = np.array([0.3, -0.7, 1.1, 0.4])
z = np.array([1.2, 0.9, -0.4, -1.5])


def each(f, *arrays):
    """f of the numbers of arrays that broadcast, by a loop."""
    arrays = np.broadcast_arrays(*arrays)
    columns = zip(*(array.ravel() for array in arrays), strict=True)
    return np.array([f(*numbers) for numbers in columns]).reshape(arrays[0].shape)


def floor(x):
    return each(math.floor, x).astype(float)


def assert_right(f, *args):
    """Both modes, to second order."""
    assert check_gradients(f, args, order=2).inconclusive == 0


def test_elementwise_of_one_argument():
    def error_function(x):
        return each(math.erf, x)

    f = elementwise(
        error_function, lambda x: 2 / np.sqrt(np.pi) * np.exp(-np.square(x))
    )
    assert type(f(x)) is np.ndarray
    assert_right(f, x)
    assert_right(f, x.reshape(2, 2))


def test_elementwise_of_two_arguments_broadcasts():
    def hypotenuse(a, b):
        return each(math.hypot, a, b)

    f = elementwise(hypotenuse, lambda a, y: a / y, lambda b, y: b / y)
    assert_right(f, x, z)
    assert_right(f, x, z[:, np.newaxis])
    assert_right(f, np.array(0.5), z)


def test_elementwise_with_the_whole_pull_back():
    """A partial that names g first returns the product, here to keep 0 * inf out."""

    def logarithm_or_zero(x):
        return each(lambda number: math.log(number) if number > 0 else 0.0, x)

    def partial(g, x):
        return np.where(x > 0, g / np.where(x > 0, x, 1), 0)

    assert_right(elementwise(logarithm_or_zero, partial), x)


def test_linear_functions():
    def rotated(x, steps):
        return np.array([x[(i - steps) % len(x)] for i in range(len(x))])

    f = linear(rotated, lambda g, x, steps: f(g, -steps))
    np.testing.assert_array_equal(f(x, 1), np.roll(x, 1))
    assert_right(lambda x: f(x, 3) * x, x)
    np.testing.assert_array_equal(vjp(lambda x: f(x, 1), x)[1](z)[0], np.roll(z, -1))


def test_bilinear_functions():
    def convolution_at_zero(a, b):
        return np.float64(math.fsum(m * n for m, n in zip(a, b[::-1], strict=True)))

    f = linear(
        convolution_at_zero,
        lambda g, a, b: g * b[::-1],
        lambda g, a, b: g * a[::-1],
    )
    assert_right(f, x, z)
    np.testing.assert_array_equal(grad(f)(x, z), z[::-1])


def test_a_rule_that_uses_its_output_and_a_parameter():
    def norm(x, scale=1.0):
        return np.float64(scale * math.hypot(*x))

    f = rule(norm, lambda g, y, x, scale=1.0: g * scale**2 * x / y)
    assert f(np.array([3.0, 4.0])) == 5
    assert_right(f, x)
    assert_right(lambda x: f(x, scale=2.0), x)
    assert_right(lambda x: f(x, 3.0), x)
    with pytest.raises(TypeError, match="weight="):
        grad(lambda x: f(x, weight=1.0))(x)


def test_a_rule_of_two_arguments():
    def product(a, b):
        return each(lambda m, n: m * math.exp(n), a, b)

    f = rule(product, lambda g, a, b: g * np.exp(b), lambda g, a, b: g * a * np.exp(b))
    assert_right(f, x, z)


def test_a_composite_is_differentiated_through_its_definition():
    @composite(np.cbrt)
    def cbrt(x):
        return np.sign(x) * np.absolute(x) ** (1 / 3)

    assert_right(np.cbrt, x)
    with pytest.raises(TypeError, match="dtype="):
        grad(lambda x: np.sum(np.cbrt(x, dtype=np.float64)))(x)


def test_a_value_only_function_gets_plain_arrays_and_stops_derivatives():
    def direction(x):
        return np.array([1.0 if number > 0 else -1.0 for number in x])

    f = value_only(direction)
    gradient = grad(lambda x: np.sum(f(x) * x**2))(x)
    np.testing.assert_array_equal(gradient, 2 * np.sign(x) * x)


def test_declared_functions_work_inside_everything_else():
    def cube(x):
        return each(lambda number: number**3, x)

    cube = elementwise(cube, lambda x: 3 * np.square(x))

    def f(x):
        return np.sum(cube(np.tanh(x)) * cube(x[::-1]))

    assert_right(f, x)
    np.testing.assert_allclose(grad(f)(x), jacobian(f)(x))
    assert hvp(f, x, z) @ x == pytest.approx(hvp(f, x, x) @ z)
    np.testing.assert_allclose(explain(grad(f), x)(-z), grad(f)(-z))


@pytest.mark.parametrize(
    "pullback",
    [
        lambda g, x: np.zeros_like(x),
        lambda g, x: np.zeros(x.shape),
        lambda g, x: 0 * x,
        lambda g, x: 0 * g,
    ],
)
def test_a_pull_back_may_ignore_its_cotangent(pullback):
    """Zeros, by whatever way, are a derivative: it is zero in both modes."""
    f = rule(floor, pullback)
    np.testing.assert_array_equal(vjp(f, x)[1](z)[0], np.zeros(4))
    np.testing.assert_array_equal(jvp(f, (x,), (z,))[1], np.zeros(4))
    np.testing.assert_array_equal(hvp(lambda x: f(x) @ x, x, z), np.zeros(4))


def test_a_pull_back_may_return_its_cotangent():
    f = rule(lambda x: each(lambda number: number + 1, x), lambda g, x: g)
    np.testing.assert_array_equal(vjp(f, x)[1](z)[0], z)
    np.testing.assert_array_equal(jvp(f, (x,), (z,))[1], z)


@pytest.mark.parametrize("share", [0, 0.0, np.zeros(3), np.zeros((2, 1)), None])
def test_a_pull_back_of_another_shape_is_refused(share):
    f = rule(floor, lambda g, x: share)
    with pytest.raises((TypeError, ValueError), match="pull-back of floor"):
        vjp(f, x)[1](z)


@pytest.mark.parametrize(
    "partial", [lambda: 1.0, lambda u: u, lambda x, z: x, lambda g: g, lambda g, u: g]
)
def test_a_partial_that_asks_for_what_there_is_not_is_refused(partial):
    with pytest.raises(TypeError, match="partial derivative"):
        elementwise(floor, partial)
