"""Chapter 1, continued: the cost function, its gradient, and its curvature.

    C(theta) = (1/n) (y - X theta)^T (y - X theta)

for the linear model X theta, with n examples as the rows of X. For a network X theta
has to be read as f(X; Theta), a function that is not linear in its parameters.
Numbers like T5 are those of the list in README.md.
"""

import numpy as np
import pytest

from autodiff import grad, hessian, jacobian


def linear_cost(theta, X, y):
    """The mean squared error of the linear model."""
    return (y - X @ theta) @ (y - X @ theta) / len(y)


def problem(n=40, d=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=d), rng.normal(size=(n, d)), rng.normal(size=n)


def test_gradient_of_the_cost():
    """dC/dtheta = -(2/n) X^T (y - X theta) (T5)."""
    theta, X, y = problem()
    by_hand = -2 / len(y) * X.T @ (y - X @ theta)
    np.testing.assert_allclose(grad(linear_cost)(theta, X, y), by_hand, rtol=1e-13)


def test_curvature_of_the_cost():
    """The Hessian is (2/n) X^T X, the same for every theta, never negative (T5)."""
    theta, X, y = problem()
    by_hand = 2 / len(y) * X.T @ X
    for point in (theta, -3 * theta):
        found = hessian(linear_cost)(point, X, y)
        np.testing.assert_allclose(found, by_hand, rtol=1e-12, atol=1e-14)
    assert np.linalg.eigvalsh(by_hand).min() > 0


def test_the_gradient_vanishes_at_least_squares():
    """Where the gradient is zero, X^T X theta = X^T y: the normal equations (T5).

    Any other theta costs more, by exactly half the Hessian's quadratic form.
    """
    theta, X, y = problem()
    best = np.linalg.lstsq(X, y)[0]
    assert np.max(abs(grad(linear_cost)(best, X, y))) < 1e-14
    away = theta - best
    excess = linear_cost(theta, X, y) - linear_cost(best, X, y)
    half = away @ hessian(linear_cost)(best, X, y) @ away / 2
    assert excess == pytest.approx(half, rel=1e-12)
    assert excess > 0


def test_minibatch_gradients_average_to_the_gradient():
    """Over batches of one size that split the data, exactly (T5).

    So the gradient of a batch drawn at random is right on average. The numbers here
    are small integers over powers of two: no operation rounds, and equal means equal.
    """
    rng = np.random.default_rng(1)
    X, theta = rng.integers(-4, 5, (64, 3)) / 4, rng.integers(-4, 5, 3) / 4
    y = rng.integers(-4, 5, 64) / 4
    order = rng.permutation(64)
    batches = [
        grad(linear_cost)(theta, X[rows], y[rows]) for rows in np.split(order, 8)
    ]
    full = grad(linear_cost)(theta, X, y)
    assert np.any(batches[0] != full)
    np.testing.assert_array_equal(np.mean(batches, axis=0), full)


def test_batches_of_unequal_size_need_weights():
    """Batches of 48 and 16: not their plain mean, but one with weights n_b/n (T5)."""
    theta, X, y = problem(n=64)
    sizes = np.array([48, 16])
    parts = [slice(0, 48), slice(48, 64)]
    batches = np.array([grad(linear_cost)(theta, X[rows], y[rows]) for rows in parts])
    full = grad(linear_cost)(theta, X, y)
    assert np.max(abs(batches.mean(axis=0) - full)) > 0.05
    np.testing.assert_allclose(sizes / 64 @ batches, full, rtol=1e-12)


# A network in the place of the linear model. Theta = (W, v): 4 x 3 and 3 weights.


def unpack(Theta):
    return np.reshape(Theta[:12], (4, 3)), Theta[12:]


def linear_network(X, Theta):
    W, v = unpack(Theta)
    return X @ W @ v


def tanh_network(X, Theta):
    W, v = unpack(Theta)
    return np.tanh(X @ W) @ v


def network_cost(Theta, f, X, y):
    """C(Theta) with f(X; Theta) in the place of X theta."""
    return np.mean((y - f(X, Theta)) ** 2)


def network_problem():
    rng = np.random.default_rng(2)
    return rng.normal(size=15), rng.normal(size=(30, 4)), rng.normal(size=30)


def test_layers_without_activation_fold_into_one_theta():
    """X W v = X theta with theta = W v: there the printed cost can be kept (E12)."""
    Theta, X, y = network_problem()
    W, v = unpack(Theta)
    expected = linear_cost(W @ v, X, y)
    assert network_cost(Theta, linear_network, X, y) == pytest.approx(expected)


def test_the_printed_cost_fails_for_a_network():
    """No theta turns X theta into tanh(X W) v, with W and v given (E12).

    The best theta leaves a rest. Doubling the input does not double the output. And the
    cost is no bowl: its Hessian changes with Theta and has negative eigenvalues.
    """
    Theta, X, y = network_problem()
    values = tanh_network(X, Theta)
    theta = np.linalg.lstsq(X, values)[0]
    assert np.sqrt(np.mean((X @ theta - values) ** 2)) > 0.1
    assert np.max(abs(tanh_network(2 * X, Theta) - 2 * values)) > 0.1
    curvature = hessian(network_cost)
    here = curvature(Theta, tanh_network, X, y)
    there = curvature(-Theta / 2, tanh_network, X, y)
    assert np.max(abs(here - there)) > 0.1
    assert np.linalg.eigvalsh(here).min() < -0.1


def test_the_corrected_cost_holds_for_a_network():
    """With f(X; Theta), dC/dTheta = -(2/n) J^T (y - f), J = df/dTheta (E12).

    For f = X theta, J = X, which brings back the formula of the linear model.
    """
    Theta, X, y = network_problem()
    for f, parameters in [
        (tanh_network, Theta),
        (linear_network, Theta),
        (lambda X, theta: X @ theta, Theta[:4]),
    ]:
        J = jacobian(f, 1)(X, parameters)
        by_hand = -2 / len(y) * J.T @ (y - f(X, parameters))
        found = grad(network_cost)(parameters, f, X, y)
        np.testing.assert_allclose(found, by_hand, rtol=1e-12, atol=1e-14)
