"""Energy-based models: any function is an energy, and its likelihood can be climbed.

    p(x; Theta) = exp(-E(x; Theta) / T) / Z,   Z = int exp(-E / T) dx,
    grad log p(X) / n = (<grad E>_model - <grad E>_data) / T.

Boltzmann's machines have an energy that is linear in Theta. Here it is any function
that can be differentiated, such as a network; nothing changes but grad E. To be read
from top to bottom; every statement is an assertion. On a line and in a plane Z is known
by quadrature. Numbers like T26 are those of the list in README.md.

Sources: Y. LeCun et al., in Predicting Structured Data (2006); Y. Du and I. Mordatch,
NeurIPS (2019).
"""

import numpy as np
import pytest

from autodiff import explain, grad, logsumexp, tree_flatten, tree_leaves, tree_map
from models.ebm import EBM
from models.ebm_training import energy_gap
from samplers.quadrature import quadrature

# 1. An energy of three parameters, by hand

THETA = np.array([1.5, 2.0, -0.7])


def energy(theta, x):
    """E = x^2 / 2 + theta_0 tanh(theta_1 x + theta_2) for x : (...)."""
    return x**2 / 2 + theta[0] * np.tanh(theta[1] * x + theta[2])


def slopes_of_energy(theta, x):
    """dE / dTheta for x : (n,), (n, 3), by hand; 1 - tanh^2 is the slope of tanh."""
    y = np.tanh(theta[1] * x + theta[2])
    inner = theta[0] * (1 - y**2)
    return np.stack([y, inner * x, inner], axis=1)


def law_of(theta, T=1.0):
    """p by quadrature."""

    def on_the_line(x):
        return energy(theta, x[:, 0])

    return quadrature(on_the_line, (-12, 12), temperature=T, tolerance=1e-13)


def log_likelihood(theta, x, T=1.0):
    """log p(X) / n, exactly."""
    return -np.mean(energy(theta, x)) / T - law_of(theta, T).log_partition


def gradient_by_hand(theta, x, T=1.0):
    """Its gradient: the mean of grad E under the model less under the data, over T."""
    model = law_of(theta, T).expectation(lambda y: slopes_of_energy(theta, y[:, 0]))
    return (model - slopes_of_energy(theta, x).mean(axis=0)) / T


def slope_along(function, step):
    """d function(h step) / dh at h = 0 by differences of five points."""
    h = 0.003
    near = function(h * step) - function(-h * step)
    far = function(2 * h * step) - function(-2 * h * step)
    return (8 * near - far) / (12 * h)


@pytest.mark.parametrize("T", [0.5, 1.0, 2.0])
def test_the_gradient_is_a_difference_of_two_means(T):
    """Against differences of the exact log-likelihood, at any temperature (T26).

    d log Z = -<dE>_model / T is all that there is to it.
    """
    x = np.random.default_rng(0).normal(1, 0.5, 20)
    for theta in (THETA, np.array([-1.0, 1.0, 0.3]), np.zeros(3)):
        found = gradient_by_hand(theta, x, T)
        for i, unit in enumerate(np.eye(3)):
            slope = slope_along(
                lambda step, theta=theta: log_likelihood(theta + step, x, T), unit
            )
            assert found[i] == pytest.approx(slope, abs=1e-9)


def loss(theta, x):
    """-log p(X) / n, with Z as a sum over a grid, which is as good as exact."""
    grid = np.linspace(-12, 12, 1001)
    log_Z = logsumexp(-energy(theta, grid)) + np.log(grid[1] - grid[0])
    return np.mean(energy(theta, x)) + log_Z


def test_reverse_mode_finds_it():
    """Led through the integral, and as the program that explain prints of it (T26).

    The program was recorded at another Theta and for other data.
    """
    rng = np.random.default_rng(1)
    printed = explain(grad(loss), np.ones(3), rng.normal(size=20))
    for theta in (THETA, rng.normal(size=3)):
        x = rng.normal(size=20)
        by_hand = -gradient_by_hand(theta, x)
        np.testing.assert_allclose(grad(loss)(theta, x), by_hand, atol=1e-11)
        np.testing.assert_allclose(printed(theta, x), by_hand, atol=1e-11)


def test_a_step_lowers_the_data_and_raises_what_the_model_draws():
    """Up the gradient the energy falls at the data, against that of the model (T26)."""
    x = np.random.default_rng(0).normal(1, 0.5, 20)
    theta = THETA + 0.01 * gradient_by_hand(THETA, x)

    def gap(theta):
        return np.mean(energy(theta, x)) - law_of(THETA).expectation(
            lambda y: energy(theta, y[:, 0])
        )

    assert gap(theta) < gap(THETA)
    assert log_likelihood(theta, x) > log_likelihood(THETA, x)


# 2. A network


def some_model(dimension, seed=0):
    """A network with normal parameters, and its data, (20, d)."""
    ebm = EBM.create((dimension, 6, 1), prior_sd=1.5, activation="tanh", rng=seed)
    rng = np.random.default_rng(seed)
    ebm = tree_map(lambda leaf: leaf + 0.5 * rng.normal(size=leaf.shape), ebm)
    return ebm, rng.normal(0.5, 1, (20, dimension))


def network_gradient(ebm, x, T=1.0):
    """grad log p(X) / n as a model that holds it, from reverse mode's grad E."""
    law = ebm.law(temperature=T, tolerance=1e-12)
    negative = grad(lambda ebm: law.probabilities @ ebm.energy(law.nodes))(ebm)
    positive = grad(lambda ebm: np.mean(ebm.energy(x)))(ebm)
    return tree_map(lambda m, d: (m - d) / T, negative, positive)


@pytest.mark.parametrize(("dimension", "T"), [(1, 1.0), (1, 0.5), (2, 1.0)])
def test_the_same_for_a_network(dimension, T):
    """On the line and in the plane, along random directions of all parameters (T26)."""
    ebm, x = some_model(dimension)
    rng, gradient = np.random.default_rng(2), network_gradient(ebm, x, T)
    leaves, rebuild = tree_flatten(ebm)

    def exact(steps):
        moved = rebuild([a + b for a, b in zip(leaves, steps, strict=True)])
        log_Z = moved.law(temperature=T, tolerance=1e-12).log_partition
        return moved.log_likelihood(x, temperature=T, log_partition=log_Z).mean()

    for _ in range(3 if dimension == 1 else 1):
        direction = [0.2 * rng.normal(size=leaf.shape) for leaf in leaves]
        slope = slope_along(
            lambda h, direction=direction: exact([h * step for step in direction]), 1.0
        )
        pairs = zip(tree_leaves(gradient), direction, strict=True)
        expected = sum(np.sum(leaf * step) for leaf, step in pairs)
        assert slope == pytest.approx(expected, abs=1e-8)


def even_draws(ebm, n):
    """n points that split p into n equal parts, (n, 1)."""
    return ebm.law(tolerance=1e-12).quantile((np.arange(n) + 0.5) / n)[:, np.newaxis]


def test_what_is_learned_from_is_the_gap_to_draws():
    """With draws y of the model, grad (mean E(x) - mean E(y)) = -grad log p(X)/n (T26).

    That is what the library differentiates. The draws here are as even as can be, so
    that 2,000 of them come within 1e-4 of the mean over p.
    """
    ebm, x = some_model(1)
    found = grad(energy_gap)(ebm, x, even_draws(ebm, 2000))
    expected = network_gradient(ebm, x)
    for one, other in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        np.testing.assert_allclose(-one, other, rtol=0, atol=1e-4)


def test_data_that_are_the_models_own_teach_it_nothing():
    """If the data have the law of the model, the two means are one (T26)."""
    ebm, x = some_model(1)
    own, other = (
        max(np.max(np.abs(leaf)) for leaf in tree_leaves(network_gradient(ebm, data)))
        for data in (even_draws(ebm, 2000), x)
    )
    assert own < 1e-4
    assert other > 0.1


def test_a_constant_in_the_energy_is_free():
    """E + c is the same p: along the last bias the two means cancel (T26)."""
    ebm, x = some_model(1)
    gradient = network_gradient(ebm, x)
    np.testing.assert_allclose(gradient.network.layers[-1].bias, 0, atol=1e-14)
    before = ebm.log_likelihood(x)
    ebm.network.layers[-1].bias += 3
    np.testing.assert_allclose(ebm.log_likelihood(x), before, rtol=0, atol=1e-7)
