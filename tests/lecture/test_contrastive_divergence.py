"""Contrastive divergence: learning from a chain that takes k steps from the data.

    p_k = p_0 T^k,   Theta <- Theta + rate (<grad log f>_{p_0} - <grad log f>_{p_k}),

with p_0 the law of the data and T the Gibbs step of test_gibbs.py. The likelihood has
the mean under the model in the place of p_k, its limit. To be read from top to bottom;
every statement is an assertion. The machines are so small that T is a matrix. Numbers
like T22 are those of the list in README.md.

Sources: G. Hinton, Neural Computation 14 (2002), 1771; M. Carreira-Perpinan and G.
Hinton, AISTATS (2005), for the bias; I. Sutskever and T. Tieleman, AISTATS (2010), for
what is not climbed.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import grad
from models import kl_divergence
from models.contrastive_divergence import contrastive_divergence
from models.rbm_gradient import gap_value_and_gradient, negative_log_likelihood
from optim import BFGS
from samplers.exact import moments, visible_probabilities
from samplers.machine import Machine, binary_states
from tests.lecture.machines import (
    eigenvalues,
    sigmoid,
    some_counts,
    some_machine,
    some_rbm,
    two_layer_step,
)


def slopes_of_log_f(machine, x):
    """grad log f of each x : (n, M), as rows: x_i, on_j and x_i on_j.

    on_j = p(h_j = 1 | x).
    """
    on = sigmoid(machine.b + x @ machine.W)
    pairs = x[:, :, np.newaxis] * on[:, np.newaxis]
    return np.concatenate([x, on, pairs.reshape(len(x), -1)], axis=1)


def means(machine, p):
    """<x_i>, <h_j>, <x_i h_j> under p(x) p(h | x), as one vector."""
    return p @ slopes_of_log_f(machine, binary_states(len(machine.a)))


def model_means(machine):
    """The same under the model, from the derivatives of log Z."""
    found = moments(machine)
    return np.concatenate([found.x, found.h, found.xh.ravel()])


def some_data(M, seed=1):
    """A law of the data over all states."""
    return np.random.default_rng(seed).dirichlet(np.ones(2**M))


def after(machine, data, k):
    """The law of a chain of k steps that starts at the data."""
    return data @ np.linalg.matrix_power(two_layer_step(machine), k)


# 1. From the data to the model


def largest_error(machine, data, k):
    """Of the means after k steps, against those of the model."""
    return np.max(
        np.abs(means(machine, after(machine, data, k)) - model_means(machine))
    )


def test_the_gradient_of_few_steps_in_numbers():
    """Five visible and three hidden units: .53, .084, 1.5e-3, 4e-15 (T22).

    The largest error of CD-k's gradient against that of the likelihood, at k = 0, 1, 5
    and 30. k = 0 is no gradient at all: the data less themselves.
    """
    machine, data = some_machine(5, 3, seed=3), some_data(5)
    found = [largest_error(machine, data, k) for k in (0, 1, 5, 30)]
    assert found[:3] == pytest.approx([0.5298, 0.08405, 1.459e-3], rel=1e-3)
    assert found[3] < 2e-14


def test_many_steps_from_the_data_end_at_the_likelihoods_gradient():
    """Means of the data less means after k steps, in place of those of the model (T22).

    The error falls at every step, in the end by the second eigenvalue of T each.
    """
    machine, data = some_machine(5, 3), some_data(5)
    T, pi = two_layer_step(machine), visible_probabilities(machine)
    np.testing.assert_allclose(means(machine, pi), model_means(machine), rtol=1e-12)
    errors = [largest_error(machine, data, k) for k in range(12)]
    assert np.all(np.diff(errors) < 0)
    assert errors[11] / errors[10] == pytest.approx(eigenvalues(T, pi)[1], rel=0.02)


@given(
    M=st.integers(1, 5),
    N=st.integers(1, 4),
    scale=st.sampled_from([0.3, 1.0, 2.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_error_is_bounded_by_a_geometric_series(M, N, scale, seed):
    """|<g>_{p_k} - <g>_p| <= lambda^k sqrt(chi2(p_0, p)) sd_p(g), for all k (T22).

    In the scalar product with weight p the step is symmetric, shrinks all that has the
    mean zero by lambda at least, and p_0 / p - 1 is such, of the length sqrt(chi2).
    chi2 = sum (p_0 - p)^2 / p. Cauchy and Schwarz do the rest.
    """
    machine, data = some_machine(M, N, scale, seed), some_data(M, seed)
    T, p = two_layer_step(machine), visible_probabilities(machine)
    g = slopes_of_log_f(machine, binary_states(M))
    chi2 = np.sum((data - p) ** 2 / p)
    sd = np.sqrt(p @ (g - p @ g) ** 2)
    second, law = eigenvalues(T, p)[1], data
    for k in range(30):
        bound = second**k * np.sqrt(chi2) * sd
        assert np.all(np.abs(law @ g - p @ g) <= bound * (1 + 1e-9) + 1e-13)
        law = law @ T


# 2. What the library draws


class Recorder:
    """An optimizer that keeps the gradient it is given, and moves nothing."""

    def step(self, rbm, slopes):
        self.slopes = np.concatenate([slopes.a, slopes.b, slopes.W.ravel()])


@pytest.mark.parametrize("k", [1, 2])
def test_its_mean_over_the_noise_is_the_exact_difference(k):
    """CD-k of 50,000 data at once: each of 23 entries within 5.03 errors (T22).

    The data are fixed, so that the Gibbs steps are the only noise. Sees an error of
    0.0125 in an entry, and a step too few.
    """
    n, rbm = 50_000, some_rbm(5, 3, seed=3)
    machine, draws = rbm.machine, []
    numbers = np.random.default_rng(2).choice(32, n, p=some_data(5))
    data = np.bincount(numbers, minlength=32) / n
    x = binary_states(5)[numbers].astype(float)

    def gradient(rbm, x, y):
        draws.append(y)
        return gap_value_and_gradient(rbm, x, y)

    recorder, expected = Recorder(), Recorder()
    contrastive_divergence(k)((rbm, recorder), (x,), 3)
    contrastive_divergence(k, gradient=gradient)((rbm, expected), (x,), 3)
    np.testing.assert_allclose(recorder.slopes, expected.slopes, rtol=0, atol=1e-12)
    error = slopes_of_log_f(machine, draws[0]).std(axis=0) / np.sqrt(n)
    assert np.all(error < 0.0025)

    def z(steps):
        difference = means(machine, after(machine, data, steps)) - means(machine, data)
        return np.max(np.abs(recorder.slopes - difference) / error)

    assert z(k) < 5.03
    assert z(k - 1) > 5.03


# 3. The sign, and the indices


def test_the_printed_derivative_climbs_the_cost():
    """C = -log p(X) / n has dC/dw_ij = <x_i h_j>_model - <x_i h_j>_data (E19).

    Printed is the other sign, which is that of the log-likelihood, and of the means of
    O = dE/dw = -x h. A step against what is printed raises the cost; a step against
    the corrected one lowers it. Nor do the biases have two indices: dC/da is (M,), and
    dC/db is (N,).
    """
    for seed in range(5):
        rbm = some_rbm(seed=seed)
        x = np.random.default_rng(seed).integers(2, size=(20, 4)).astype(float)
        model, on = moments(rbm.machine), sigmoid(rbm.b + x @ rbm.W)
        corrected = model.xh - x.T @ on / len(x)
        slopes = grad(negative_log_likelihood)(rbm, x)
        np.testing.assert_allclose(slopes.W, corrected, rtol=0, atol=1e-12)
        O_data, O_model = -x.T @ on / len(x), -model.xh
        np.testing.assert_allclose(slopes.W, O_data - O_model, rtol=0, atol=1e-12)
        cost = negative_log_likelihood(rbm, x)
        down, up = some_rbm(seed=seed), some_rbm(seed=seed)
        down.W -= 1e-3 * corrected
        up.W -= 1e-3 * -corrected
        assert negative_log_likelihood(down, x) < cost < negative_log_likelihood(up, x)
        assert (slopes.a.shape, slopes.b.shape) == ((4,), (3,))
        np.testing.assert_allclose(slopes.a, model.x - x.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(slopes.b, model.h - on.mean(axis=0), atol=1e-12)


# 4. What is optimized, and where it ends


def test_a_step_brings_any_law_closer_to_the_model():
    """KL(p_0 || p) - KL(p_k || p), the objective of k steps, is never negative (T22).

    It rises with k to the KL(p_0 || p) of maximum likelihood.
    """
    for seed in range(20):
        machine, data = some_machine(4, 3, scale=2, seed=seed), some_data(4, seed)
        pi = visible_probabilities(machine)
        divergences = [kl_divergence(after(machine, data, k), pi) for k in range(8)]
        assert np.all(np.diff(divergences) < 0)


def machine_of(theta, M, N):
    """a, b, W in one vector, to a machine."""
    return Machine(theta[M + N :].reshape(M, N), theta[:M], theta[M : M + N])


def asymmetry(field, theta, h=1e-4):
    """The largest |d field_i / d theta_j - d field_j / d theta_i|, by differences."""
    steps = h * np.eye(len(theta))
    slopes = np.array([field(theta + step) - field(theta - step) for step in steps])
    return np.max(np.abs(slopes - slopes.T)) / (2 * h)


def test_the_steps_climb_no_function():
    """A gradient has symmetric derivatives, and the mean step of CD-1 has not (T22).

    It leaves out that p_1 moves with Theta, so that it is the gradient of nothing. That
    of the likelihood is symmetric, up to what differences can tell.
    """
    data, theta = some_data(2), np.random.default_rng(0).normal(size=8)

    def likelihoods(theta):
        machine = machine_of(theta, 2, 2)
        return means(machine, data) - model_means(machine)

    def of_one_step(theta):
        machine = machine_of(theta, 2, 2)
        return means(machine, data) - means(machine, after(machine, data, 1))

    assert asymmetry(likelihoods, theta) < 1e-8
    assert asymmetry(of_one_step, theta) > 1e-3


def likeliest(data, M, N):
    """The machine of the largest likelihood, by BFGS; and what KL is left."""

    def cost(theta):
        machine = machine_of(theta, M, N)
        value = kl_divergence(data, visible_probabilities(machine))
        return value, model_means(machine) - means(machine, data)

    theta = np.random.default_rng(0).normal(size=M + N + M * N)
    optimizer = BFGS(gradient_tolerance=1e-8)
    while optimizer.stopped is None:
        optimizer.step(cost, theta)
    assert optimizer.stopped == "gradient below tolerance"
    return machine_of(theta, M, N), optimizer.value


def bias_after(machine, data, steps):
    """The largest of the gradients that k steps make of a likelihood that has none."""
    return [
        np.max(np.abs(means(machine, data) - means(machine, after(machine, data, k))))
        for k in steps
    ]


def test_one_step_is_biased_where_the_likelihood_is_largest():
    """There the likelihood's gradient is zero, and that of one step is not (T22).

    Two hidden units cannot represent the data: their law under the data is not that of
    the model, though their means are. With k the bias is gone.
    """
    data = some_counts() / some_counts().sum()
    machine, left = likeliest(data, 5, 2)
    assert left > 1e-3
    bias = bias_after(machine, data, (1, 5, 100))
    assert bias[0] > 1e-4
    assert np.all(np.diff(bias) < 0)
    assert bias[2] < 2e-8


def test_with_one_hidden_unit_it_is_not():
    """The law of a single unit is its mean: one step and the data are forgotten."""
    data = some_counts() / some_counts().sum()
    machine, left = likeliest(data, 5, 1)
    assert left > 0.01
    assert bias_after(machine, data, (1,))[0] < 2e-8
