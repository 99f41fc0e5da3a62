"""What derivatives are where calculus leaves a choice, or floating point is at its end.

The first table states the conventions at kinks and singular points. The second sweeps
the stable functions over extreme arguments in both precisions, against references in
decimal arithmetic of 400 digits. The third takes nested gradients to the fifth order,
where the coefficients of Taylor's series are known in closed form.
"""

from decimal import Decimal, localcontext
from functools import partial
from math import factorial

import numpy as np
import pytest
from scipy.special import expit

from autodiff import (
    grad,
    hessian,
    jacobian,
    jvp,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    tree_leaves,
    vjp,
)

INF, NAN = np.inf, np.nan


def total(f):
    """The sum of the results of f, whose gradient the tables state."""
    return lambda *args: sum(np.sum(y) for y in tree_leaves(f(*args)))


# name: (function, arguments, gradients, second derivatives; None where none is meant).
# The second derivatives are those of each argument alone, entry by entry.
CONVENTIONS = {
    # Kinks
    "|x| at 0": (np.absolute, [0.0], [0.0], [0.0]),
    "|x| at -0": (np.absolute, [-0.0], [0.0], [0.0]),
    "relu at 0": (relu, [0.0], [0.0], [0.0]),
    "relu at -0": (relu, [-0.0], [0.0], [0.0]),
    "maximum, tie": (np.maximum, [1.0, 1.0], [0.5, 0.5], [0.0, 0.0]),
    "minimum, tie": (np.minimum, [1.0, 1.0], [0.5, 0.5], [0.0, 0.0]),
    "maximum, tie of zeros": (np.maximum, [0.0, -0.0], [0.5, 0.5], [0.0, 0.0]),
    "maximum, tie of infinities": (np.maximum, [INF, INF], [0.5, 0.5], [0.0, 0.0]),
    "maximum(x, 0) at 0": (lambda x: np.maximum(x, 0), [0.0], [0.5], [0.0]),
    "maximum(x, x)": (lambda x: np.maximum(x, x), [2.0], [1.0], [0.0]),
    "max, tie": (np.max, [[1.0, 3.0, 3.0]], [[0, 0.5, 0.5]], [[0, 0, 0]]),
    "min, tie": (np.min, [[1.0, 1.0, 3.0]], [[0.5, 0.5, 0]], [[0, 0, 0]]),
    "max of equals": (np.max, [np.ones(4)], [np.full(4, 0.25)], [np.zeros(4)]),
    "max, tie by rows": (
        lambda x: np.max(x, axis=1),
        [[[2.0, 2.0, 1.0], [0.0, 5.0, 4.0]]],
        [[[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]],
        [np.zeros((2, 3))],
    ),
    "max with nan": (np.max, [[1.0, NAN, 3.0, NAN]], [[0, 0.5, 0, 0.5]], None),
    "min with nan": (np.min, [[NAN, 3.0]], [[1, 0]], None),
    "max of -inf": (np.max, [[-INF, -INF]], [[0.5, 0.5]], [[0, 0]]),
    "clip at its bounds": (
        lambda x: np.clip(x, 0, 1),
        [[-0.5, 0.0, 0.5, 1.0, 1.5]],
        [[0, 1, 1, 1, 0]],
        [np.zeros(5)],
    ),
    "clip, x at the lower bound": (np.clip, [0.0, 0.0, 1.0], [1, 0, 0], [0, 0, 0]),
    "clip, x at the upper bound": (np.clip, [1.0, 0.0, 1.0], [1, 0, 0], [0, 0, 0]),
    "clip, x below": (np.clip, [-1.0, 0.0, 1.0], [0, 1, 0], [0, 0, 0]),
    "clip, x above": (np.clip, [2.0, 0.0, 1.0], [0, 0, 1], [0, 0, 0]),
    "clip, bounds crossed": (np.clip, [0.5, 1.0, 0.0], [0, 0, 1], [0, 0, 0]),
    "hypot at 0": (np.hypot, [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]),
    "norm of zeros": (np.linalg.norm, [np.zeros(2)], [np.zeros(2)], [np.zeros(2)]),
    "norm, one column of zeros": (
        lambda x: np.linalg.norm(x, axis=0),
        [[[2.0, 0.0], [0.0, 0.0]]],
        [[[1.0, 0.0], [0.0, 0.0]]],
        None,
    ),
    "3-norm of zeros": (
        lambda x: np.linalg.norm(x, 3),
        [np.zeros(2)],
        [np.zeros(2)],
        [np.zeros(2)],
    ),
    "largest column, tie": (
        lambda x: np.linalg.norm(x, 1),
        [[[1.0, -3.0], [2.0, 0.0]]],
        [[[0.5, -0.5], [0.5, 0.0]]],
        [np.zeros((2, 2))],
    ),
    "remainder": (np.remainder, [-7.0, 2.0], [1.0, 4.0], [0.0, 0.0]),
    "fmod": (np.fmod, [-7.0, 2.0], [1.0, 3.0], [0.0, 0.0]),
    "x % 2 at its jump": (lambda x: x % 2, [4.0], [1.0], [0.0]),
    "7 % x at its jump": (lambda x: 7 % x, [3.5], [-2.0], [0.0]),
    # Positions
    "sort, ties": (
        lambda x: np.sort(x) * np.arange(5.0),
        [[2.0, 3.0, 3.0, 1.0, 2.0]],
        [[1, 3, 4, 0, 2]],
        [np.zeros(5)],
    ),
    "sort with nan": (
        lambda x: np.sort(x)[-2:] * np.array([1.0, 2.0]),
        [[NAN, 3.0, NAN, 1.0]],
        [[1, 0, 2, 0]],
        [np.zeros(4)],
    ),
    "median of three": (np.median, [[5.0, 1.0, 3.0]], [[0, 0, 1]], [np.zeros(3)]),
    "median of four": (
        np.median,
        [[5.0, 1.0, 3.0, 4.0]],
        [[0, 0, 0.5, 0.5]],
        [np.zeros(4)],
    ),
    "median, tie": (np.median, [[2.0, 2.0, 1.0]], [[1, 0, 0]], [np.zeros(3)]),
    "median with nan": (np.median, [[1.0, NAN, 3.0]], [[0, 1, 0]], None),
    # Products and powers
    "cumprod with a zero": (np.cumprod, [[2.0, 0.0, 3.0]], [[1, 8, 0]], [[0, 0, 0]]),
    "cumprod with two zeros": (np.cumprod, [[0.0, 0.0, 3.0]], [[1, 0, 0]], [[0, 0, 0]]),
    "prod without zeros": (np.prod, [[1.0, 2.0, 4.0]], [[8, 4, 2]], [[0, 0, 0]]),
    "prod with a zero": (np.prod, [[0.0, 2.0, 3.0]], [[6, 0, 0]], [[0, 0, 0]]),
    "prod with two zeros": (np.prod, [[0.0, 0.0, 3.0]], [[0, 0, 0]], [[0, 0, 0]]),
    "prod of nothing": (np.prod, [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]),
    "x**0 at 0": (lambda x: x**0, [0.0], [0.0], [0.0]),
    "x**0.0 at 0": (lambda x: x**0.0, [0.0], [0.0], [0.0]),
    "x**1 at 0": (lambda x: x**1, [0.0], [1.0], [0.0]),
    "x**2 at 0": (lambda x: x**2, [0.0], [0.0], [2.0]),
    "power(x, 2.0) at 0": (lambda x: np.power(x, 2.0), [0.0], [0.0], [2.0]),
    "x**p at x = 0, p = 2": (np.power, [0.0, 2.0], [0.0, 0.0], [2.0, 0.0]),
    "x**p at x = 0, p = 1": (np.power, [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]),
    "x**p at x = p = 0": (np.power, [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]),
    "0**x at 2": (lambda x: 0.0**x, [2.0], [0.0], [0.0]),
    "integer 0**x at 2": (lambda x: 0**x, [2.0], [0.0], [0.0]),
    "(-2)**3": (lambda x: x**3, [-2.0], [12.0], [-12.0]),
    "(-2)**3.0": (lambda x: x**3.0, [-2.0], [12.0], [-12.0]),
    "(-2)**-1": (lambda x: x**-1, [-2.0], [-0.25], [-0.25]),
    "powers of negative numbers": (
        lambda x: x ** np.array([0, 1, 2, 3]),
        [np.full(4, -3.0)],
        [[0, 1, -6, 27]],
        [[0, 0, 2, -18]],
    ),
    # Moments
    "std of a constant": (np.std, [np.full(3, 2.0)], [np.zeros(3)], [np.zeros(3)]),
    "std of one number": (np.std, [[2.0]], [[0.0]], [[0.0]]),
    "std, one constant column": (
        lambda x: np.std(x, axis=0),
        [[[1.0, 0.0], [1.0, 2.0]]],
        [[[0, -0.5], [0, 0.5]]],
        [np.zeros((2, 2))],
    ),
    "std of constants, ddof": (
        lambda x: np.std(x, axis=(0, 1), ddof=1, keepdims=True),
        [np.ones((2, 2))],
        [np.zeros((2, 2))],
        [np.zeros((2, 2))],
    ),
    "var of a constant": (np.var, [np.ones(2)], [np.zeros(2)], [np.full(2, 0.5)]),
    # Logarithms of sums
    "logsumexp of -inf": (logsumexp, [[-INF, -INF]], [[0, 0]], [[0, 0]]),
    "logsumexp, one -inf": (logsumexp, [[-INF, 1.0]], [[0, 1]], [[0, 0]]),
    "logsumexp, one row of -inf": (
        lambda x: logsumexp(x, axis=1),
        [[[-INF, -INF], [0.0, 0.0]]],
        [[[0, 0], [0.5, 0.5]]],
        [[[0, 0], [0.25, 0.25]]],
    ),
    "logsumexp of nothing": (logsumexp, [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]),
    "logsumexp of empty rows": (
        lambda x: logsumexp(x, axis=-1),
        [np.zeros((2, 0))],
        [np.zeros((2, 0))],
        [np.zeros((2, 0))],
    ),
    "logaddexp of -inf": (np.logaddexp, [-INF, -INF], [0.0, 0.0], [0.0, 0.0]),
    "logaddexp, one -inf": (np.logaddexp, [-INF, 2.0], [0.0, 1.0], [0.0, 0.0]),
    "softmax, an entry -inf": (
        lambda x: softmax(x)[0],
        [[0.0, 0.0, -INF]],
        [[0.25, -0.25, 0.0]],
        [[0, 0, 0]],
    ),
    "log_softmax, an entry -inf": (
        lambda x: log_softmax(x)[0],
        [[0.0, 0.0, -INF]],
        [[0.5, -0.5, 0.0]],
        [[-0.25, -0.25, 0.0]],
    ),
    # Selection
    "where, a constant nan": (
        lambda x: np.where(x > 0, x**2, NAN),
        [[1.0, 3.0]],
        [[2.0, 6.0]],
        [[2.0, 2.0]],
    ),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_convention(name):
    """By the pull-back, by the push-forward, and once more for the second order."""
    f, args, first, second = CONVENTIONS[name]
    args = [np.asarray(x, float) for x in args]
    everywhere = tuple(range(len(args)))
    found = grad(total(f), everywhere)(*args)
    for position, expected in enumerate(first):
        x = args[position]
        np.testing.assert_array_equal(found[position], expected)
        for index in np.ndindex(x.shape):
            tangents = [np.zeros_like(other) for other in args]
            tangents[position][index] = 1
            _, forward = jvp(total(f), args, tangents)
            np.testing.assert_array_equal(forward, np.asarray(expected)[index])
        if second is not None:
            curvature = hessian(total(f), position)(*args).reshape(x.size, x.size)
            diagonal = np.diag(curvature).reshape(x.shape)
            np.testing.assert_array_equal(diagonal, second[position])


def test_mixed_second_derivatives_of_a_product_with_zeros():
    """d2/dx_i dx_j is the product of the others, whatever is zero."""
    found = hessian(np.prod)(np.array([0.0, 2.0, 3.0]))
    np.testing.assert_array_equal(found, [[0, 3, 2], [3, 0, 0], [2, 0, 0]])
    found = hessian(np.prod)(np.array([0.0, 0.0, 3.0]))
    np.testing.assert_array_equal(found, [[0, 3, 0], [3, 0, 0], [0, 0, 0]])
    third = jacobian(hessian(np.prod))(np.zeros(3))
    assert third[0, 1, 2] == third[2, 1, 0] == 1
    assert np.sum(abs(third)) == 6


def test_mixed_second_derivatives_of_the_variance_of_a_constant():
    n = 4
    found = hessian(np.var)(np.full(n, 7.0))
    np.testing.assert_allclose(found, 2 / n * (np.eye(n) - 1 / n), atol=1e-16)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 3.0])
def test_powers_at_zero_to_third_order(exponent):
    """p (p - 1) ... x**(p - k), which is p! for k = p and else 0."""

    def f(x):
        return np.power(x, exponent)

    for order in range(1, 4):
        f = grad(f)
        assert f(0.0) == (factorial(order) if order == exponent else 0)


def test_a_negative_base_has_no_derivative_by_its_exponent():
    """log of a negative number: nan, with NumPy's warning, not a number."""
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(grad(lambda p: (-2.0) ** p)(3.0))


@pytest.mark.parametrize(
    ("f", "first", "second"),
    [
        (np.sqrt, INF, -INF),
        (np.log, INF, -INF),
        (lambda x: x**0.5, INF, -INF),
        (np.reciprocal, -INF, INF),
        (np.cbrt, INF, -INF),
    ],
)
def test_singular_points_give_the_one_sided_limit(f, first, second):
    """Infinite, as the limit from above, with NumPy's warning of a division by zero."""
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert grad(f)(0.0) == first
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert grad(grad(f))(0.0) == second


def test_the_angle_of_the_origin_has_no_derivative():
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(grad(np.arctan2)(0.0, 0.0))
    assert grad(np.arctan2, (0, 1))(0.0, 2.0) == (0.5, 0.0)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_angles_and_distances_do_not_overflow(scale):
    """The gradient of the angle at (4, 3) is (3, -4) / 25, that of the radius x / 5."""
    turns = grad(np.arctan2, (0, 1))(4 * scale, 3 * scale)
    np.testing.assert_allclose(np.multiply(turns, scale), (0.12, -0.16), rtol=1e-15)
    steps = grad(np.hypot, (0, 1))(4 * scale, 3 * scale)
    np.testing.assert_allclose(steps, (0.8, 0.6), rtol=1e-15)
    assert grad(np.arcsinh)(1 / scale) == 1 / np.hypot(1, 1 / scale)


def test_an_infinite_entry_of_logsumexp():
    """The value is inf; the others weigh nothing beside it, itself is undefined."""
    with np.errstate(invalid="ignore"):
        value, pullback = vjp(logsumexp, np.array([INF, 1.0]))
        [gradient] = pullback(np.float64(1))
    assert value == INF
    np.testing.assert_array_equal(gradient, [NAN, 0.0])


def test_softmax_of_nothing_but_minus_infinity_is_undefined():
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.all(np.isnan(softmax(np.array([-INF, -INF]))))


def test_nan_in_the_branch_that_is_not_selected():
    """The cotangent of an unselected value is 0: its nan does not reach the result."""
    with np.errstate(invalid="ignore"):
        f = grad(lambda x: np.where(x > 0, np.log(x), x**2))
        assert f(-1.0) == -2.0
        assert f(2.0) == 0.5


def test_an_infinite_slope_in_the_branch_that_is_not_selected():
    """0 times inf is nan: make the argument harmless before, not the result after."""
    with np.errstate(divide="ignore", invalid="ignore"):
        assert np.isnan(grad(lambda x: np.where(x > 0, np.sqrt(x), 0))(0.0))

    def safe(x):
        positive = np.where(x > 0, x, 1)
        return np.where(x > 0, np.sqrt(positive), 0)

    assert grad(safe)(0.0) == 0
    assert grad(safe)(4.0) == 0.25


def test_positions_are_numpys():
    """argmax takes the first of equals, a stable argsort keeps their order."""
    x = np.array([2.0, 3.0, 3.0, 1.0, 2.0])
    seen = []

    def f(x):
        order = np.argsort(x, stable=True)
        seen.extend([np.argmax(x), np.argmin(x), order])
        return np.sum(np.take_along_axis(x, order, 0) * np.arange(5.0))

    np.testing.assert_array_equal(grad(f)(x), [1, 3, 4, 0, 2])
    assert seen[:2] == [1, 3]
    np.testing.assert_array_equal(seen[2], [3, 0, 4, 1, 2])


# Extreme arguments

SWEEP = [17.0, 40.0, 89.0, 104.0, 710.0, 1e4, 0.5, 1e-3, 1e-8]


def sweep(dtype):
    """0, both signs of SWEEP, of the tiniest and the largest numbers, infinities."""
    info = np.finfo(dtype)
    sizes = [*SWEEP, float(info.tiny), float(info.smallest_subnormal), float(info.max)]
    x = np.array([0.0, *sizes, INF]).astype(dtype)
    return np.concatenate([x, -x])


def exponential(x):
    """e**x, of which no digit matters below 10**-50000."""
    return Decimal(0) if x < -120000 else x.exp()


def logistic(x):
    e = exponential(-abs(x))
    return 1 / (1 + e) if x >= 0 else e / (1 + e)


def logistic_slope(x):
    e = exponential(-abs(x))
    return e / (1 + e) ** 2


def logistic_curvature(x):
    return logistic_slope(x) * (1 - 2 * logistic(x))


def softplus_of(x):
    """log(1 + e**x): x + e**-x for x > 800, e**x for x < -800, where that is exact."""
    if abs(x) > 800:
        return x + exponential(-x) if x > 0 else exponential(x)
    return (1 + exponential(x)).ln()


def exact(reference, x):
    """A reference in decimals, rounded to the precision of x."""
    with localcontext() as context:
        context.prec = 400
        values = [float(reference(Decimal(float(v)))) for v in x]
    return np.array(values).astype(x.dtype)


def units_in_the_last_place(found, expected):
    """|found - expected| in spacings of expected; 0 where both are the same."""
    with np.errstate(all="ignore"):
        distance = abs(found.astype(float) - expected.astype(float))
        spacing = np.spacing(abs(expected)).astype(float)
        return np.where(found == expected, 0.0, distance / spacing)


def derivative(f, order):
    """The elementwise derivative of an order, as the gradient of the sum."""
    for _ in range(order):
        f = grad(total(f))
    return f


REFERENCES = {
    softplus: [softplus_of, logistic, logistic_slope],
    sigmoid: [logistic, logistic_slope, logistic_curvature],
    expit: [logistic, logistic_slope, logistic_curvature],
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("f", REFERENCES, ids=lambda f: f.__name__)
def test_extreme_arguments(f, order, dtype):
    """Values to 4 ulp, slopes to 8; the second derivative of sigmoid, a difference
    that vanishes at 0, to 8 ulp of the first. No warning, and the type is kept."""
    x = sweep(dtype)
    found = derivative(f, order)(x)
    assert found.dtype == dtype
    reference = REFERENCES[f][order]
    expected = exact(reference, x)
    if f is expit:  # SciPy's own values lose the digits of subnormal numbers
        tiny = np.finfo(dtype).tiny
        found, expected = (np.where(abs(y) < tiny, 0, y) for y in (found, expected))
    if reference is logistic_curvature:
        allowed = 8 * np.spacing(exact(logistic_slope, x))
        assert np.all(abs(found - expected) <= allowed)
    else:
        error = units_in_the_last_place(found, expected)
        assert np.max(error) <= (4 if order == 0 else 8), dict(
            zip(x, error, strict=True)
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_extreme_arguments_of_logsumexp(order, dtype):
    """log(e**x + e**0) is softplus(x), to 4 eps of the largest term or of 1; its
    slopes, exponentials of a difference of two such numbers, to 16 eps."""

    def f(x):
        return logsumexp(np.stack([x, np.zeros_like(x)]), axis=0)

    x = sweep(dtype)
    x = x[x < INF] if order else x  # an infinite entry: a convention of its own, above
    found = derivative(f, order)(x)
    assert found.dtype == dtype
    expected = exact([softplus_of, logistic, logistic_slope][order], x)
    eps = np.finfo(dtype).eps
    same = found == expected
    size = 4 * np.maximum(1, expected[~same]) if order == 0 else 16
    assert np.all(abs(found[~same] - expected[~same]) <= eps * size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [*REFERENCES, relu, logsumexp, softmax], ids=repr)
def test_nan_is_not_hidden(f, dtype):
    """A nan argument gives a nan value; relu's derivative there is its 0 at a kink."""
    x = np.array([NAN, 1.0], dtype)
    assert np.isnan(np.ravel(f(x))[0])
    if f is not relu:
        assert np.isnan(derivative(f, 1)(x)[0])


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e300])
def test_softmax_of_large_numbers(scale):
    x = scale * np.array([0.5, 0.25, -0.5])
    y = softmax(x)
    np.testing.assert_allclose(np.sum(y), 1, rtol=1e-15)
    jacobian_of = jacobian(softmax)(x)
    np.testing.assert_allclose(jacobian_of, np.diag(y) - np.outer(y, y), atol=1e-16)


def test_log_softmax_keeps_what_softmax_loses():
    """log of a probability of e**-1e4 is -1e4, and its slope is 1."""
    x = np.array([0.0, -1e4])
    assert softmax(x)[1] == 0
    assert log_softmax(x)[1] == -1e4
    found = grad(lambda x: log_softmax(x)[1])(x)
    np.testing.assert_array_equal(found, [-1.0, 1.0])


# Taylor coefficients in closed form

SERIES = {
    "exp": (np.exp, [1, 1, 1, 1, 1, 1]),
    "sin": (np.sin, [0, 1, 0, -1, 0, 1]),
    "cos": (np.cos, [1, 0, -1, 0, 1, 0]),
    "tanh": (np.tanh, [0, 1, 0, -2, 0, 16]),
    "log1p": (np.log1p, [0, 1, -1, 2, -6, 24]),
    "1 / (1 - x)": (lambda x: 1 / (1 - x), [1, 1, 2, 6, 24, 120]),
    "sqrt(1 + x)": (lambda x: np.sqrt(1 + x), [1, 1 / 2, -1 / 4, 3 / 8, -15 / 16]),
    "(1 + x)**5": (lambda x: (1 + x) ** 5, [1, 5, 20, 60, 120, 120, 0]),
    "softplus": (softplus, [np.log(2), 1 / 2, 1 / 4, 0, -1 / 8, 0, 1 / 4]),
}


@pytest.mark.parametrize("name", SERIES)
def test_nested_gradients_at_zero(name):
    """Derivatives of order 0 to 5 at 0, to rounding, backwards and forwards."""
    f, expected = SERIES[name]
    forward = f
    for order, value in enumerate(expected):
        np.testing.assert_allclose(f(0.0), value, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(forward(0.0), value, rtol=1e-14, atol=1e-15)
        if order + 1 < len(expected):
            f = grad(f)
            forward = partial(lambda g, x: jvp(g, (x,), (1.0,))[1], forward)


@pytest.mark.parametrize("x", [-1.5, 0.3, 2.0])
def test_nested_gradients_elsewhere(x):
    """The fifth derivatives of exp, sin and tanh: e**x, cos x and a polynomial."""
    y = np.tanh(x)
    fifth = 16 - 136 * y**2 + 240 * y**4 - 120 * y**6
    for f, expected in (np.exp, np.exp(x)), (np.sin, np.cos(x)), (np.tanh, fifth):
        for _ in range(5):
            f = grad(f)
        np.testing.assert_allclose(f(x), expected, rtol=1e-12)
