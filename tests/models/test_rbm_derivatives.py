"""The derivatives of the laws of both machines, by every parameter and by x."""

import copy

import numpy as np
import pytest

from autodiff import check_gradients, explain, grad, jacobian, logsumexp
from autodiff.pytree import tree_items
from tests.models.machines import (
    GAUSSIAN_KINDS,
    KINDS,
    hidden_states,
    make_rbm,
    make_states,
)


def log_p(rbm, x):
    """log p(x), with Z the sum of exp(-F(h)) over all h."""
    return -rbm.free_energy(x) - logsumexp(-rbm.hidden_free_energy(hidden_states(rbm)))


# name: (function of a machine and of states, how many units these have)
LAWS = {
    "energy": (lambda rbm, s: rbm.energy(s[:, :3], s[:, 3:]), 5),
    "free_energy": (lambda rbm, x: rbm.free_energy(x), 3),
    "hidden_free_energy": (lambda rbm, h: rbm.hidden_free_energy(h), 2),
    "prob_h_given_x": (lambda rbm, x: rbm.prob_h_given_x(x), 3),
    "prob_x_given_h": (lambda rbm, h: rbm.prob_x_given_h(h), 2),
    "log_p": (log_p, 3),
}


def parameters(rbm):
    """The arrays that have a derivative, by name."""
    names = ["W", "a", "b"] + ["log_sigma"] * getattr(rbm, "learn_sigma", False)
    return {name: getattr(rbm, name) for name in names}


def with_parameters(rbm, arrays):
    """The machine with other arrays, and with those that it keeps in their dtype."""
    rbm = copy.copy(rbm)
    if hasattr(rbm, "log_sigma"):
        rbm.log_sigma = rbm.log_sigma.astype(arrays["W"].dtype)
    vars(rbm).update(arrays)
    return rbm


# Where sigma is fixed, the derivatives are some of those where it is learned.
CASES = [
    ("binary", np.float64, 2),
    ("learned", np.float64, 2),
    ("learned-scaled", np.float64, 2),
    ("fixed", np.float64, 1),
    ("fixed-scaled", np.float64, 1),
    ("binary", np.float32, 1),
    ("learned", np.float32, 1),
    ("learned-scaled", np.float32, 1),
]


@pytest.mark.parametrize(("kind", "dtype", "order"), CASES)
@pytest.mark.parametrize("name", LAWS)
def test_first_and_second_derivatives(kind, name, dtype, order):
    """By each parameter and by each unit of two states, which are real here."""
    law, units = LAWS[name]
    rbm = make_rbm(kind, 3, 2, dtype=dtype)
    states = np.random.default_rng(1).standard_normal((2, units)).astype(dtype)
    report = check_gradients(
        lambda arrays, states: law(with_parameters(rbm, arrays), states),
        (parameters(rbm), states),
        order=order,
    )
    assert report.inconclusive == 0


@GAUSSIAN_KINDS
@pytest.mark.parametrize("name", LAWS)
def test_sigma_has_a_derivative_only_if_it_is_learned(kind, name):
    law, units = LAWS[name]
    rbm = make_rbm(kind, 3, 2)
    states = np.random.default_rng(1).standard_normal((4, units))
    derivative = grad(lambda rbm: np.sum(law(rbm, states) ** 2))(rbm)
    if not rbm.learn_sigma:
        assert np.all(derivative.log_sigma == 0)
    elif (name, rbm.scaled) != ("prob_x_given_h", False):
        assert np.all(derivative.log_sigma != 0)


@KINDS
def test_slopes_of_a_machine_whose_parameters_are_all_zero(kind):
    """There max(t, 0) and |t| have kinks, and sigmoid and softplus have none.

    Half of the units are on, and a bias moves that by 1/4: d sigmoid(0) = 1/4.
    """
    rbm = make_rbm(kind, scale=0)
    x = np.ones((1, 4))
    p_by = jacobian(
        lambda b: with_parameters(rbm, {**parameters(rbm), "b": b}).prob_h_given_x(x)[0]
    )(rbm.b)
    np.testing.assert_array_equal(p_by, np.eye(3) / 4)
    F_by = grad(lambda rbm: rbm.free_energy(x)[0])(rbm)
    np.testing.assert_array_equal(F_by.b, np.full(3, -0.5))
    if kind == "binary":
        p_by = grad(lambda rbm: np.sum(rbm.prob_x_given_h(np.ones((1, 3)))))(rbm)
        np.testing.assert_array_equal(p_by.W, np.full((4, 3), 0.25))


@KINDS
def test_the_printed_gradient_runs_on_another_machine(kind):
    def loss(rbm, x):
        return np.mean(rbm.free_energy(x)) + logsumexp(
            -rbm.hidden_free_energy(hidden_states(rbm))
        )

    rbm, other = (make_rbm(kind, seed=seed) for seed in (0, 1))
    program = explain(grad(loss), rbm, make_states(rbm))
    x = make_states(other, seed=7)
    found, expected = program(other, x), grad(loss)(other, x)
    assert "def program" in str(program)
    for (name, one), (_, two) in zip(
        tree_items(found), tree_items(expected), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-13, atol=1e-14, err_msg=name)
