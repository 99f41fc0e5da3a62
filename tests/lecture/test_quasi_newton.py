"""Chapter 1, continued: methods that learn the curvature from gradients.

Newton's step -H g, H the inverse Hessian, ends a quadratic f(x) = x^T A x / 2 - b^T x
at once, but needs the Hessian A. A quasi-Newton method begins with another H, goes to
the lowest point along -H g, and corrects H by what it sees: x has changed by s and the
gradient by y, and the inverse Hessian would map y to s. The correction of BFGS is

    H <- V H V^T + s s^T / s^T y,      V = I - s y^T / s^T y.

Numbers like T10 are those of the list in README.md.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import grad, hessian, value_and_grad
from optim import BFGS


def problem(n, seed):
    """A, b and a start; the eigenvalues of A run from 1 to 100."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(n, n)))[0]
    A = axes * np.geomspace(1, 100, n) @ axes.T
    return (A + A.T) / 2, rng.normal(size=n), rng.normal(size=n)


def cost(x, A, b):
    return x @ A @ x / 2 - b @ x


def by_hand(A, b, x):
    """BFGS from H = I with exact searches: the steps, the gradients' changes, and H."""
    n = len(x)
    H, g, steps, changes = np.eye(n), A @ x - b, [], []
    for _ in range(n):
        d = -H @ g
        alpha = -(g @ d) / (d @ A @ d)  # the minimum along d
        s = alpha * d
        x = x + s
        y, g = A @ x - b - g, A @ x - b
        V = np.eye(n) - np.outer(s, y) / (s @ y)
        H = V @ H @ V.T + np.outer(s, s) / (s @ y)
        steps.append(s)
        changes.append(y)
    return x, H, np.array(steps), np.array(changes)


@given(st.integers(1, 8), st.integers(0, 2**32))
def test_n_exact_searches_end_a_quadratic(n, seed):
    """After n steps the gradient is zero and H is the inverse of the Hessian (T10)."""
    A, b, start = problem(n, seed)
    x, H, *_ = by_hand(A, b, start)
    assert np.max(np.abs(grad(cost)(x, A, b))) < 1e-8
    np.testing.assert_allclose(H @ hessian(cost)(x, A, b), np.eye(n), atol=1e-7)


@given(st.integers(2, 8), st.integers(0, 2**32))
def test_the_reason_is_that_nothing_learned_is_lost(n, seed):
    """H maps all earlier y to their s, for the steps are conjugate (T10).

    s_i^T A s_j = 0, so the steps are independent and H is right on n directions.
    """
    A, b, start = problem(n, seed)
    _, H, steps, changes = by_hand(A, b, start)
    lengths = np.sqrt(np.diag(steps @ A @ steps.T))
    conjugate = steps @ A @ steps.T / np.outer(lengths, lengths)
    np.testing.assert_allclose(conjugate, np.eye(n), atol=1e-7)
    scale = np.linalg.norm(steps, axis=1)[:, np.newaxis]
    np.testing.assert_allclose(changes @ H / scale, steps / scale, atol=1e-7)


@given(st.integers(2, 8), st.integers(0, 2**32))
def test_the_optimizer_does_the_same(n, seed):
    """With searches exact to nine digits BFGS stops within n steps (T10).

    Nothing of the H it began with is left then.
    """
    A, b, x = problem(n, seed)
    optimizer = BFGS(c1=1e-10, c2=1e-9, gradient_tolerance=1e-7)
    objective = value_and_grad(lambda x: cost(x, A, b))
    while optimizer.stopped is None:
        optimizer.step(objective, x)
    assert optimizer.stopped == "gradient below tolerance"
    assert optimizer.steps <= n
    np.testing.assert_allclose(x, np.linalg.solve(A, b), atol=1e-6)
    if optimizer.steps == n:
        np.testing.assert_allclose(optimizer.learned, np.linalg.inv(A), atol=1e-6)
        np.testing.assert_allclose(optimizer.remainder, 0, atol=1e-6)


def test_gradient_descent_takes_many_more():
    """With the same exact searches along -g, and nothing learned, it goes on (T10)."""
    n = 8
    A, b, x = problem(n, seed=0)
    x_bfgs, *_ = by_hand(A, b, x)
    least = cost(np.linalg.solve(A, b), A, b)
    for _ in range(n):
        g = A @ x - b
        x = x - (g @ g) / (g @ A @ g) * g
    assert cost(x_bfgs, A, b) - least < 1e-12
    assert cost(x, A, b) - least > 1e-2


def test_inexact_searches_still_find_the_curvature():
    """On a function that is no quadratic H comes close to the inverse Hessian (T10)."""

    def rosenbrock(x):
        return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2

    x, optimizer = np.array([-1.2, 1.0]), BFGS(gradient_tolerance=1e-8)
    while optimizer.stopped is None:
        optimizer.step(value_and_grad(rosenbrock), x)
    inverse = np.linalg.inv(hessian(rosenbrock)(x))
    assert optimizer.inverse_hessian() == pytest.approx(inverse, rel=0.02)
