"""Gradient descent against its closed form on a quadratic."""

import numpy as np
import pytest

from optim import SGD, NonFiniteError
from optim.gradient_descent import descend, reference_descend


def quadratic(seed=0, n=6):
    """Return H, symmetric with eigenvalues from 0.5 to 4, a minimum and a start."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    H = q * np.linspace(0.5, 4, n) @ q.T
    return H, rng.standard_normal(n), rng.standard_normal(n)


def test_a_quadratic_follows_the_powers_of_i_minus_eta_h():
    H, minimum, start = quadratic()
    model, optimizer = [start.copy()], SGD(0.3)
    for _ in range(25):
        optimizer.step(model, [H @ (model[0] - minimum)])
    powers = np.linalg.matrix_power(np.eye(len(H)) - 0.3 * H, 25)
    np.testing.assert_allclose(model[0], minimum + powers @ (start - minimum), 1e-13)


@pytest.mark.parametrize(("factor", "converges"), [(0.99, True), (1.01, False)])
def test_the_limit_of_stability_is_two_over_the_largest_eigenvalue(factor, converges):
    H, minimum, start = quadratic()
    model, optimizer = [start.copy()], SGD(factor * 2 / 4)
    for _ in range(1000):
        optimizer.step(model, [H @ (model[0] - minimum)])
    error = np.linalg.norm(model[0] - minimum) / np.linalg.norm(start - minimum)
    assert error < 1e-6 if converges else error > 1e6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kernel_equals_the_plain_lines_bit_for_bit(dtype):
    rng = np.random.default_rng(1)
    theta, g = rng.standard_normal((2, 1000)).astype(dtype)
    expected = reference_descend(theta, g, 0.1)
    descend(theta, g, np.array([0.1], dtype))
    assert expected.dtype == theta.dtype == dtype
    assert np.array_equal(theta, expected)


@np.errstate(over="ignore")  # an undecorated kernel warns before the error comes
def test_a_step_past_the_largest_number_is_not_taken():
    model = [np.array([1.0]), np.array([1e300, 1.0])]
    with pytest.raises(NonFiniteError, match=r"model\[1\]: .* in 1 of 2 entries"):
        SGD(1e6).step(model, [np.array([1.0]), np.array([1e306, 1.0])])
    assert model[0] == 1
    assert np.array_equal(model[1], [1e300, 1])


@pytest.mark.parametrize("rate", [0, -0.1, np.nan, np.inf])
def test_the_learning_rate_is_positive_and_finite(rate):
    with pytest.raises(ValueError, match="learning_rate is"):
        SGD(rate)
