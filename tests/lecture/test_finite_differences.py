"""Chapter 1, continued: finite differences, the judge of derivatives, and its error.

First the judge is judged, on a function whose derivative is known: what is left out
when the step is large, what is rounded away when it is small, and how many digits are
reached in between. Then reverse mode is held to it on random programs.

Notation: h the step, eps = 2^-52 the spacing of floating-point numbers at 1; u, v
directions, J the matrix of partial derivatives, H that of second derivatives.

Sources: J. N. Lyness and C. B. Moler (1967), Numerical differentiation of analytic
functions; A. Griewank and A. Walther (2008), Evaluating Derivatives, chapters 3 and 5.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import grad, hvp, jvp, vjp
from tests.autodiff.programs import SMOOTH, random_program

EPS = float(np.finfo(float).eps)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 30)


# 1. The V: error against step


def forward_difference(f, x, h):
    return (f(x + h) - f(x)) / h


def central_difference(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


def complex_step(f, x, h):
    return f(x + 1j * h).imag / h


def error_of(scheme, h):
    """The median error for exp on [-1, 1], where all derivatives are about 1."""
    x = np.linspace(-1, 1, 2001)
    return np.median(abs(scheme(np.exp, x, h) - np.exp(x)))


@pytest.mark.parametrize(
    ("scheme", "order", "coefficient", "steps"),
    [
        (forward_difference, 1, 1 / 2, (1e-2, 1e-3, 1e-4)),
        (central_difference, 2, 1 / 6, (1e-1, 1e-2, 1e-3)),
        (complex_step, 2, 1 / 6, (1e-1, 1e-2, 1e-3)),
    ],
)
def test_truncation_falls_with_the_order_of_the_scheme(
    scheme, order, coefficient, steps
):
    """Large steps: the next term of the Taylor series is left out.

    |f''| h / 2 for the forward difference, |f'''| h^2 / 6 for the central one and for
    the complex step: slopes 1 and 2 on logarithmic axes.
    """
    for h in steps:
        assert error_of(scheme, h) == pytest.approx(coefficient * h**order, rel=0.02)


@pytest.mark.parametrize("scheme", [forward_difference, central_difference])
def test_rounding_grows_as_the_step_shrinks(scheme):
    """Small steps: two close numbers are subtracted, each off by eps |f| at most.

    The error is about eps |f| / h, of slope -1, and never above four times that here.
    """
    steps = np.array([1e-8, 1e-9, 1e-10, 1e-11, 1e-12]) / (
        1e3 if scheme is central_difference else 1
    )
    errors = np.array([error_of(scheme, h) for h in 2.0 ** np.round(np.log2(steps))])
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(-1, abs=0.15)
    assert np.all(errors < 4 * EPS / steps)


def test_the_best_steps_and_what_they_reach():
    """Where truncation and rounding meet the V has its tip.

    Forward: h = eps^(1/2), about 1.5e-8, error eps^(1/2). Central: h = (3 eps)^(1/3),
    about 9e-6, error eps^(2/3). So half the digits, and two thirds of them.
    """
    steps = 10.0 ** np.arange(-13, 0.01, 0.25)
    for scheme, h, reached in [
        (forward_difference, EPS**0.5, EPS**0.5),
        (central_difference, (3 * EPS) ** (1 / 3), EPS ** (2 / 3)),
    ]:
        errors = [error_of(scheme, step) for step in steps]
        best = np.argmin(errors)
        assert abs(np.log10(steps[best] / h)) < 1
        assert abs(np.log10(errors[best] / reached)) < 1


def test_the_complex_step_has_no_tip():
    """Nothing is subtracted, so a step of 1e-20 gives all digits (T6).

    It needs a function that is analytic and written in complex arithmetic: for |x| it
    is silently wrong, where reverse mode says -1.
    """
    x = np.linspace(-1, 1, 2001)
    error = abs(complex_step(np.exp, x, 1e-20) - np.exp(x)) / np.exp(x)
    assert np.max(error) <= 4 * EPS
    assert complex_step(np.abs, -2.0, 1e-20) == 0
    assert grad(np.abs)(-2.0) == -1


# 2. Reverse mode before the judge: random programs


def along(program, u):
    """t -> program(args + t u)."""
    return lambda t: program(*(x + t * d for x, d in zip(program.args, u, strict=True)))


def gradient_and_direction(program, seed):
    """The gradient by all arguments and a direction of random signs."""
    everywhere = tuple(range(len(program.args)))
    rng = np.random.default_rng(seed)
    u = [rng.choice([-1.0, 1.0], x.shape) for x in program.args]
    return grad(program, everywhere)(*program.args), u


def inner(a, b):
    return sum(float(np.sum(x * y)) for x, y in zip(a, b, strict=True))


@given(seeds, sizes)
def test_reverse_mode_is_the_derivative_of_random_programs(seed, size):
    """Reverse mode, complex step and central difference agree (T6).

    The programs share values, broadcast, reduce, multiply matrices and index, 30 steps
    deep. The complex step agrees to rounding, the central difference to the two thirds
    of the digits that it has.
    """
    program = random_program(seed, size)
    g, u = gradient_and_direction(program, seed)
    scale = inner(g, map(np.sign, g))
    f = along(program, u)
    assert abs(inner(g, u) - complex_step(f, 0, 1e-20)) <= 1e-13 * scale
    assert abs(inner(g, u) - central_difference(f, 0, 6e-6)) <= 1e-6 * scale + 1e-9


@given(seeds, sizes)
def test_backwards_and_forwards_are_transposes_on_random_programs(seed, size):
    """<u, J v> = <J^T u, v> for programs of smooth functions (T6)."""
    program = random_program(seed, size, SMOOTH)
    rng = np.random.default_rng(seed)
    v = [rng.normal(size=x.shape) for x in program.args]
    u = rng.normal()
    value, pull_back = vjp(program, *program.args)
    pulled = pull_back(np.full(np.shape(value), u))
    pushed = jvp(program, program.args, v)[1]
    scale = inner(map(np.abs, pulled), map(np.abs, v))
    assert abs(u * pushed - inner(pulled, v)) <= 1e-13 * scale + 1e-15


@given(seeds, sizes)
def test_a_node_used_twice_accumulates_in_random_programs(seed, size):
    """f(x, x) has the sum of both partial derivatives as its derivative (T6)."""
    program = random_program(seed, size, SMOOTH)
    x, *rest = program.args

    def twice(x):
        return np.multiply(program(x, *rest), program(np.sin(x), *rest))

    first, second = program(x, *rest), program(np.sin(x), *rest)
    shares = [
        grad(program)(x, *rest) * second,
        grad(program)(np.sin(x), *rest) * first * np.cos(x),
    ]
    scale = np.max(sum(map(np.abs, shares)))
    np.testing.assert_allclose(
        grad(twice)(x), sum(shares), rtol=0, atol=1e-13 * scale + 1e-15
    )


@given(seeds, sizes)
def test_second_derivatives_of_random_programs(seed, size):
    """The gradient's gradient is its finite difference; the Hessian is symmetric (T6).

    With H v by one sweep inside another, w^T H v = v^T H w.
    """
    program = random_program(seed, size)

    def f(args):
        return program(*args)

    rng = np.random.default_rng(seed)
    v, w = (tuple(rng.normal(size=x.shape) for x in program.args) for _ in range(2))

    def slope(t):
        moved = tuple(x + t * d for x, d in zip(program.args, v, strict=True))
        return inner(grad(f)(moved), w)

    hv, hw = hvp(f, program.args, v), hvp(f, program.args, w)
    scale = inner(map(np.abs, hv), map(np.abs, w)) + inner(map(np.abs, hw), map(abs, v))
    assert abs(inner(hv, w) - inner(hw, v)) <= 1e-12 * scale + 1e-15
    by_difference = central_difference(slope, 0, 6e-6)
    assert abs(inner(hv, w) - by_difference) <= 1e-6 * scale + 1e-8
