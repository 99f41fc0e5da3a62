"""The partition function: what its derivative is, and that it can be sampled.

    p(x) = f(x; Theta) / Z(Theta),   Z = int f(x; Theta) dx, or a sum over all states,
    grad_Theta log Z = mean under p of grad_Theta log f.

Learning needs the derivative of log p by Theta, and Z is a sum that nobody can write
out, except where the model is as small as here. But its derivative is a mean, and a
mean can be taken over draws. First on a line, then for a Boltzmann machine. To be read
from top to bottom; every statement is an assertion. Numbers like T13 are those of the
list in README.md.

Source: D. Ackley, G. Hinton and T. Sejnowski, Cognitive Science 9 (1985), 147.
"""

import numpy as np
import pytest

from autodiff import grad, jacobian, logsumexp
from samplers.chains import Chains
from samplers.double_well import double_well_target
from samplers.exact import joint_probabilities, log_partition, moments
from samplers.gibbs import Gibbs
from samplers.machine import Machine, binary_states
from samplers.mala import MALA
from samplers.quadrature import quadrature

# 1. On a line

THETA = np.array([1.0, 2.0])


def log_f(theta, x):
    """-E of a double well, with a parameter before each term: x : (...)."""
    return theta[1] * x**2 - theta[0] * x**4


def law_of(theta):
    """p = f / Z by quadrature."""
    return quadrature(lambda x: -log_f(theta, x[:, 0]), (-5, 5), tolerance=1e-13)


def slope(function, theta, h=0.003):
    """The gradient by differences, (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h."""
    steps = h * np.eye(len(theta))
    return np.array(
        [
            8 * (function(theta + step) - function(theta - step))
            - (function(theta + 2 * step) - function(theta - 2 * step))
            for step in steps
        ]
    ) / (12 * h)


def mean_of_gradients(theta):
    """The mean under p of grad_Theta log f, which autodiff takes at every node."""
    gradients = jacobian(log_f)
    return law_of(theta).expectation(lambda x: gradients(theta, x[:, 0]))


def test_the_double_well_in_numbers():
    """E = x^4 - 2 x^2 has Z = 5.3651602378, <x^2> = 0.83274549, <x^4> = 1.08274549.

    They are the truth that samplers are held to (T13).
    """
    law = law_of(THETA)
    assert np.exp(law.log_partition) == pytest.approx(5.3651602378, abs=5e-11)
    means = law.expectation(lambda x: x ** np.array([2, 4]))
    np.testing.assert_allclose(means, [0.83274549, 1.08274549], rtol=0, atol=5e-9)


def log_integral(c, theta):
    """The logarithm of the integral of c f, by a sum over a grid, as good as exact."""
    x = np.linspace(-5, 5, 501)
    return logsumexp(np.log(c) + log_f(theta, x)) + np.log(x[1] - x[0])


@pytest.mark.parametrize("theta", [(1, 2), (0.3, -1), (2, 5)])
def test_the_derivative_of_log_Z_is_a_mean(theta):
    """grad log Z = grad Z / Z = int grad f / Z = int p grad log f, as f > 0 (T13).

    So d log Z / d theta_1 = -<x^4> and d log Z / d theta_2 = <x^2>. Against differences
    of log Z; and reverse mode, led through the integral, finds the mean without having
    been told.
    """
    theta = np.array(theta, float)
    mean = mean_of_gradients(theta)
    differences = slope(lambda theta: law_of(theta).log_partition, theta)
    np.testing.assert_allclose(differences, mean, rtol=1e-8)
    reverse = grad(lambda theta: log_integral(1.0, theta))(theta)
    np.testing.assert_allclose(reverse, mean, rtol=1e-11)


def test_the_printed_mean_is_not_the_derivative():
    """The mean of log f is one number, and moves when f is given in other units (E1).

    c f is the same model: log Z + log c has the gradient of log Z, and log f + log c
    that of log f. But its mean has changed by log c. Only along theta itself, because
    log f is linear in it, is the mean of log f a derivative, and only for c = 1.
    """
    law = law_of(THETA)
    for c in (1.0, 10.0):
        printed = law.expectation(lambda x, c=c: np.log(c) + log_f(THETA, x[:, 0]))
        corrected = grad(lambda theta, c=c: log_integral(c, theta))(THETA)
        np.testing.assert_allclose(corrected, mean_of_gradients(THETA), rtol=1e-11)
        assert np.min(np.abs(printed - corrected)) > 0.2
        assert (abs(printed - corrected @ THETA) < 1e-10) == (c == 1)


@pytest.mark.parametrize("theta", [(1, 2), (0.3, -1), (2, 5)])
def test_the_virial_of_a_law(theta):
    """<x E'(x)> = 1: int (x p)' = 0 as p vanishes far out, and p' = -E' p (T13).

    For the double well 4 <x^4> - 4 <x^2> = 1. It is the same statement: stretching x by
    a factor is a change of Theta that changes Z by that factor.
    """
    A, B = theta
    x2, x4 = law_of(theta).expectation(lambda x: x ** np.array([2, 4]))
    assert 4 * A * x4 - 2 * B * x2 == pytest.approx(1, rel=1e-11)


def agreement(means, truth):
    """z of each mean, (chain, k), of independent chains; and the standard errors."""
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return np.abs(means.mean(axis=0) - truth) / error, error


def test_the_mean_can_be_taken_over_draws():
    """2000 chains of 100 steps of MALA, which test_langevin.py explains (T13).

    They start on the barrier, and 200 steps are left away. Chains are independent, so
    that the spread of their means is an error: within 5.03 of them. Sees an error of
    5 % in either mean.
    """
    chains = Chains(
        MALA(double_well_target(), 0.1), state=np.zeros((2000, 1)), rng=2, burn_in=200
    )
    x = chains.run(100)
    means = np.mean(np.concatenate([-(x**4), x**2], axis=2), axis=1)
    truth = mean_of_gradients(THETA)
    z, error = agreement(means, truth)
    assert np.all(error < 0.005 * np.abs(truth))
    assert np.all(z < 5.03)


# 2. For a machine of units

M, N = 4, 3


def machine_of(theta):
    """a, b, W in one vector, to a Boltzmann machine."""
    return Machine(theta[M + N :].reshape(M, N), theta[:M], theta[M : M + N])


def some_theta(seed=0):
    return np.random.default_rng(seed).normal(size=M + N + M * N)


def log_Z_of_machine(theta):
    """The logarithm of the sum over all 2^(M + N) states, in plain NumPy."""
    x, h = binary_states(M), binary_states(N)
    a, b, W = theta[:M], theta[M : M + N], theta[M + N :].reshape(M, N)
    return logsumexp((x @ a)[:, np.newaxis] + h @ b + x @ W @ h.T)


def gradients_of_states():
    """grad log f of every state: x_i, h_j and x_i h_j, (2^M, 2^N, M + N + M N)."""
    x, h = np.broadcast_arrays(
        binary_states(M)[:, np.newaxis, :, np.newaxis],
        binary_states(N)[np.newaxis, :, np.newaxis, :],
    )
    both = (x * h).reshape(2**M, 2**N, -1)
    return np.concatenate([x[..., 0], h[..., 0, :], both], axis=-1)


def test_the_same_for_a_machine_of_units():
    """For all of a, b and W: means of x_i, h_j and x_i h_j (T13).

    Four routes: the mean over all states, the moments that the library computes without
    writing them out, differences of its log Z, and reverse mode.
    """
    for seed in range(3):
        theta = some_theta(seed)
        machine = machine_of(theta)
        p = joint_probabilities(machine)
        mean = np.tensordot(p, gradients_of_states(), axes=2)
        found = moments(machine)
        library = np.concatenate([found.x, found.h, found.xh.ravel()])
        np.testing.assert_allclose(library, mean, rtol=1e-12)
        differences = slope(lambda theta: log_partition(machine_of(theta)), theta)
        np.testing.assert_allclose(differences, mean, rtol=0, atol=1e-9)
        reverse = grad(log_Z_of_machine)(theta)
        np.testing.assert_allclose(reverse, mean, rtol=1e-12)


def test_gibbs_sampling_finds_it():
    """2000 chains of 100 steps, 100 more before; every mean within 5.03 errors (T13).

    Of h its mean given x is taken, which has the same mean and a smaller variance. Sees
    an error of 0.04 in any of the 19.
    """
    machine = machine_of(some_theta())
    x = Chains(Gibbs(machine), 2000, rng=3, burn_in=100).run(100).astype(float)
    h = 1 / (1 + np.exp(-machine.b - x @ machine.W))
    xh = np.einsum("cki,ckj->cij", x, h) / 100
    means = np.concatenate([x.mean(1), h.mean(1), xh.reshape(2000, -1)], axis=1)
    z, error = agreement(means, grad(log_Z_of_machine)(some_theta()))
    assert np.all(error < 0.004)
    assert np.all(z < 5.03)
