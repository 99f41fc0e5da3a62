"""Gibbs sampling of a restricted Boltzmann machine.

    E(x, h) = -a.x - b.h - x.W h,   p(x, h) = exp(-E(x, h)) / Z,   x_i, h_j in {0, 1}.

No unit is coupled to another of its own layer. So, given one layer, the other is easy:
its units are independent. Drawing the layers in turn is a Markov chain that has p as
its stationary law, though Z was never computed; how one learns from few of its steps
follows in test_contrastive_divergence.py. To be read from top to bottom; every
statement is an assertion. The machines are so small that every state can be written
out. Numbers like T18 are those of the list in README.md.

Sources: S. Geman and D. Geman (1984); P. Smolensky (1986); D. Levin, Y. Peres and E.
Wilmer, Markov Chains and Mixing Times (2009), chapter 12.
"""

import numpy as np
import pytest

from models import total_variation
from samplers import gibbs
from samplers.chains import Chains
from samplers.exact import (
    joint_probabilities,
    log_partition,
    visible_probabilities,
)
from samplers.gibbs import Gibbs
from samplers.machine import Machine, binary_states
from tests.data.agreement import chi_square
from tests.lecture.machines import (
    conditionals,
    eigenvalues,
    sigmoid,
    some_machine,
    two_layer_step,
)
from tests.samplers.gibbs_checks import (
    hidden_means,
    transition_matrix,
    visible_means,
)
from tests.samplers.kernels import irreversibility, law_of_units, number, stationarity

# 1. Given one layer


def test_given_one_layer_a_unit_is_on_with_a_sigmoids_probability():
    """p(h_j = 1 | x) = sigmoid(b_j + (x W)_j), and p(x_i = 1 | h) likewise (T18).

    Why: of E only -h_j (b_j + (x W)_j) changes when h_j goes from 0 to 1, so that the
    odds are the exponential of the bracket.
    """
    machine = some_machine()
    x, h = binary_states(4), binary_states(3)
    h_given_x, x_given_h = conditionals(machine)
    on_h, on_x = h_given_x @ h, x_given_h.T @ x
    np.testing.assert_allclose(on_h, sigmoid(machine.b + x @ machine.W), rtol=1e-12)
    np.testing.assert_allclose(on_x, sigmoid(machine.a + h @ machine.W.T), rtol=1e-12)


def test_given_one_layer_the_units_of_the_other_are_independent():
    """The law of a layer given the other is a product over its units (T18)."""
    machine = some_machine()
    x, h = binary_states(4), binary_states(3)
    h_given_x, x_given_h = conditionals(machine)
    product_h = law_of_units(sigmoid(machine.b + x @ machine.W))
    product_x = law_of_units(sigmoid(machine.a + h @ machine.W.T))
    np.testing.assert_allclose(h_given_x, product_h, rtol=1e-12)
    np.testing.assert_allclose(x_given_h.T, product_x, rtol=1e-12)


def test_without_the_other_layer_they_are_not():
    """p(h) is no product: units that share a neighbor know of each other."""
    p = joint_probabilities(some_machine()).sum(axis=0)
    assert np.max(np.abs(p - law_of_units(p @ binary_states(3)))) > 0.01


def test_a_joint_law_is_a_conditional_times_a_marginal():
    """p(x, h) = p(h | x) p(x) = p(x | h) p(h), with the sigmoids of before (T18)."""
    machine = some_machine()
    joint, x, h = joint_probabilities(machine), binary_states(4), binary_states(3)
    h_given_x = law_of_units(sigmoid(machine.b + x @ machine.W))
    x_given_h = law_of_units(sigmoid(machine.a + h @ machine.W.T)).T
    p_x, p_h = joint.sum(axis=1), joint.sum(axis=0)
    np.testing.assert_allclose(h_given_x * p_x[:, np.newaxis], joint, rtol=1e-12)
    np.testing.assert_allclose(x_given_h * p_h, joint, rtol=1e-12)


def test_the_sampler_decides_by_these_probabilities():
    """Found from the random number at which each of its decisions turns (T18)."""
    machine = some_machine()
    x, h = binary_states(4), binary_states(3)
    h_given_x, x_given_h = conditionals(machine)
    p_h = hidden_means(gibbs, machine, x)
    p_x = visible_means(gibbs, machine, np.zeros((8, 4)), h)
    np.testing.assert_allclose(p_h, h_given_x @ h, rtol=0, atol=1e-12)
    np.testing.assert_allclose(p_x, x_given_h.T @ x, rtol=0, atol=1e-12)


# 2. The two layers in turn: a Markov chain


def test_the_model_is_the_stationary_law():
    """T has rows that sum to one, and p T = p (T19).

    Why: if x is drawn from p, then (x, h) is drawn from p(x, h); and then x' too.
    """
    for seed in range(10):
        machine = some_machine(seed=seed, scale=2)
        pi = visible_probabilities(machine)
        assert stationarity(two_layer_step(machine), pi) < 1e-14


def test_from_visible_to_visible_the_chain_is_reversible():
    """p(x) T(x -> x') = sum_h p(x, h) p(x', h) / p(h), the same both ways (T19)."""
    for seed in range(10):
        machine = some_machine(seed=seed, scale=2)
        pi = visible_probabilities(machine)
        assert irreversibility(two_layer_step(machine), pi) < 1e-15


def test_on_both_layers_it_is_not():
    """(x, h) -> (x', h') draws h' first, so that backwards x comes before h.

    The law p(x, h) stays all the same.
    """
    machine = some_machine(2, 2)
    joint = joint_probabilities(machine)
    h_given_x, x_given_h = conditionals(machine)
    P = np.einsum("xk,yk->xyk", h_given_x, x_given_h)  # (x, h) -> (y, k), for every h
    P = np.repeat(P[:, np.newaxis], 4, axis=1).reshape(16, 16)
    assert stationarity(P, joint.ravel()) < 1e-15
    assert irreversibility(P, joint.ravel()) > 1e-3


def test_the_sampler_has_this_matrix():
    """Rebuilt from its own decisions, to 1e-12 (T19)."""
    machine = some_machine(scale=1.5)
    found = transition_matrix(gibbs, machine)
    np.testing.assert_allclose(found, two_layer_step(machine), rtol=0, atol=1e-12)


def test_a_unit_drawn_from_the_old_layer_spoils_it():
    """x' given the h of a step before forgets that the two belong together.

    The chain (x, h) -> (x', h') with x' given h and h' given x, both at once, keeps
    another law: that of two layers that know each other from the step before only.
    """
    machine = some_machine(2, 2, scale=2)
    joint = joint_probabilities(machine)
    h_given_x, x_given_h = conditionals(machine)
    P = np.einsum("xk,yh->xhyk", h_given_x, x_given_h).reshape(16, 16)
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    assert stationarity(P, joint.ravel()) > 1e-3
    assert stationarity(P, product.ravel()) < 1e-15


def test_the_distance_falls_with_the_second_eigenvalue():
    """TV(x T^k, p) <= sqrt(1 / p(x) - 1) lambda^k / 2, whatever the start x (T19).

    lambda is the second eigenvalue of T; none is negative, because T is a half-step
    and its reverse. After many steps the distance falls by lambda a step.
    """
    machine = some_machine(scale=1.5)
    T, pi = two_layer_step(machine), visible_probabilities(machine)
    values = eigenvalues(T, pi)
    assert values[0] == pytest.approx(1, rel=1e-13)
    assert values[1] < 1
    assert np.all(values > -1e-15)
    distances, P = [], np.eye(16)
    for k in range(1, 21):
        P = P @ T
        distances.append(total_variation(P, np.broadcast_to(pi, P.shape)))
        bound = np.sqrt(1 / pi - 1) * values[1] ** k / 2
        assert np.all(distances[-1] <= bound + 1e-14)
    np.testing.assert_allclose(distances[-1] / distances[-2], values[1], rtol=1e-2)


def test_strong_couplings_make_it_slow():
    """Two valleys: the larger the weights, the closer is lambda to one."""
    gaps = []
    for w in (0.5, 1, 2, 4, 8):
        W = w * np.ones((3, 2))
        machine = Machine(W, -W.sum(axis=1) / 2, -W.sum(axis=0) / 2)
        values = eigenvalues(two_layer_step(machine), visible_probabilities(machine))
        gaps.append(1 - values[1])
    assert np.all(np.diff(gaps) < 0)
    assert gaps[0] > 0.7
    assert gaps[-1] < 1e-2


@pytest.mark.parametrize("k", [1, 2, 5])
def test_frequencies_after_k_steps(k):
    """100,000 chains from one state; counts against its row of T^k, chi-square (T19).

    Sees a probability that is off by 0.01, and random numbers that are used twice.
    """
    n, machine = 100_000, some_machine(scale=1.5)
    state = np.tile(np.array([1, 0, 1, 1], np.uint8), (n, 1))
    draws = Chains(Gibbs(machine), state=state, rng=k, thin=k).run(1)
    expected = np.linalg.matrix_power(two_layer_step(machine), k)[0b1011]
    counts = np.bincount(number(draws[:, 0]), minlength=16)
    assert chi_square(counts, n * expected) < 1


# 3. The free energy


def test_summing_out_the_hidden_layer_gives_the_free_energy():
    """F(x) = -a.x - sum_j softplus(b_j + (x W)_j), and p(x) = exp(-F(x)) / Z (T20).

    The sum over h of a product over j is a product of sums: each h_j, on or off, gives
    the factor 1 + exp(b_j + (x W)_j).
    """
    for seed in range(10):
        machine = some_machine(seed=seed, scale=2)
        x, h = binary_states(4), binary_states(3)
        F = -(x @ machine.a)
        F -= np.log(1 + np.exp(machine.b + x @ machine.W)).sum(axis=1)
        summed = -np.log(np.exp(-machine.energy(x[:, np.newaxis], h)).sum(axis=1))
        np.testing.assert_allclose(F, summed, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(machine.free_energy(x), F, rtol=1e-12, atol=1e-12)
        p = np.exp(-F - log_partition(machine))
        np.testing.assert_allclose(p, visible_probabilities(machine), rtol=1e-12)


def test_the_free_energy_of_extreme_weights_is_finite():
    """Weights of +-1000: exp overflows as it is printed, softplus does not (T20)."""
    signs = np.where(binary_states(4)[[3, 5, 9, 14]], 1.0, -1.0)
    machine, x = Machine(1000 * signs, signs[0], signs[1]), binary_states(4)
    with np.errstate(over="ignore"):
        printed = np.log(1 + np.exp(machine.b + x @ machine.W)).sum(axis=1)
    assert np.isinf(printed).any()
    F = machine.free_energy(x)
    # Where every unit is sure, F is the lowest energy.
    lowest = machine.energy(x[:, np.newaxis], binary_states(4)).min(axis=1)
    assert np.all(lowest >= F)
    np.testing.assert_allclose(F, lowest, rtol=0, atol=4 * np.log(2))
    assert visible_probabilities(machine).sum() == pytest.approx(1, rel=1e-12)
