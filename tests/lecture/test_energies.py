"""Energies: a positive function from any function, and what they say of a state.

    E(x, h) = -sum_i a_i x_i - sum_j b_j h_j - sum_ij x_i w_ij h_j,
    f(x, h) = exp(-E(x, h)),   p(x, h) = f(x, h) / Z,   x_i, h_j in {0, 1}.

A probability model takes a positive function f; the exponential makes one of an energy
of any sign. The energy of this machine is linear in its parameters, so that each of
its derivatives is a product of units. To be read from top to bottom; every statement
is an assertion. Numbers like T15 are those of the list in README.md.

Sources: J. Hopfield, PNAS 79 (1982), 2554; G. Hinton and T. Sejnowski, CVPR (1983),
448; P. Smolensky, Parallel Distributed Processing 1 (1986), chapter 6.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import explain, grad, hvp, tree_leaves, tree_map
from samplers.exact import joint_probabilities, log_partition
from samplers.machine import Machine, binary_states
from tests.lecture.machines import sigmoid, some_machine, some_rbm

machines = st.builds(
    some_machine,
    M=st.integers(1, 5),
    N=st.integers(1, 4),
    scale=st.sampled_from([0.1, 1.0, 3.0]),
    seed=st.integers(0, 2**32 - 1),
)


def table_of_energies(machine):
    """E(x, h) of all states, (2^M, 2^N)."""
    x, h = map(binary_states, machine.W.shape)
    return machine.energy(x[:, np.newaxis], h)


# 1. The energy, unit by unit and at once


def energy_in_sums(machine, x, h):
    """E(x, h) for one state, as three sums over units."""
    M, N = machine.W.shape
    visible = sum(machine.a[i] * x[i] for i in range(M))
    hidden = sum(machine.b[j] * h[j] for j in range(N))
    pairs = sum(x[i] * machine.W[i, j] * h[j] for i in range(M) for j in range(N))
    return -visible - hidden - pairs


@given(machine=machines)
def test_three_sums_are_three_products(machine):
    """E = -(a^T x + b^T h + x^T W h) at every state (T17)."""
    a, b, W = machine.a, machine.b, machine.W
    found = table_of_energies(machine)
    for r, x in enumerate(binary_states(len(a))):
        for c, h in enumerate(binary_states(len(b))):
            sums = energy_in_sums(machine, x, h)
            scale = np.sum(np.abs(W)) + np.sum(np.abs(a)) + np.sum(np.abs(b))
            assert abs(-(a @ x + b @ h + x @ W @ h) - sums) <= 1e-14 * scale
            assert abs(found[r, c] - sums) <= 1e-14 * scale


@given(machine=machines)
def test_its_exponential_over_the_sum_is_a_probability(machine):
    """exp(a^T x + b^T h + x^T W h) / Z is positive, and sums to one (T17)."""
    f = np.exp(-table_of_energies(machine))
    p = f / f.sum()
    assert np.all(p > 0)
    assert p.sum() == pytest.approx(1, rel=1e-13)
    np.testing.assert_allclose(joint_probabilities(machine), p, rtol=1e-11)


# 2. What an energy says of a state


@given(machine=machines)
def test_ratios_are_exponentials_of_energy_differences(machine):
    """p(s) / p(s') = exp(E(s') - E(s)): Z is the same for both, and cancels (T16)."""
    E = table_of_energies(machine).ravel()
    p = joint_probabilities(machine).ravel()
    ratios = p[:, np.newaxis] / p
    np.testing.assert_allclose(ratios, np.exp(E - E[:, np.newaxis]), rtol=1e-11)


@given(machine=machines)
def test_the_lower_the_energy_the_more_probable(machine):
    """Sorted by energy, states fall in probability; the ground state is first (T16)."""
    E = table_of_energies(machine).ravel()
    p = joint_probabilities(machine).ravel()
    order = np.argsort(E)
    assert np.all(np.diff(p[order]) <= 1e-12 * p[order][:-1])
    assert E[np.argmax(p)] <= E.min() + 1e-12


def test_only_differences_of_the_energy_count():
    """E = -log p - log Z; with a constant added to E it is the same law (T16)."""
    machine = some_machine()
    E, p = table_of_energies(machine), joint_probabilities(machine)
    found = -np.log(p) - log_partition(machine)
    np.testing.assert_allclose(found, E, rtol=0, atol=1e-12)
    for constant in (-7.0, 0.5, 30.0):
        shifted = np.exp(-(E + constant))
        np.testing.assert_allclose(shifted / shifted.sum(), p, rtol=1e-12)


def test_in_the_cold_only_the_ground_state_is_left():
    """At E / T it takes all as T goes to 0; as T grows, all states are alike (T16).

    What the others have left falls as exp(-gap / T), the gap being that to the next
    energy.
    """
    machine = some_machine()
    E = np.sort(table_of_energies(machine).ravel())
    gap = E[1] - E[0]
    for T in (gap / 30, gap / 10, gap / 5):
        others = 1 - joint_probabilities(machine.tempered(1 / T)).max()
        assert others < len(E) * np.exp(-gap / T)
    hot = joint_probabilities(machine.tempered(1e-6))
    np.testing.assert_allclose(hot, 1 / E.size, rtol=1e-4)


# 3. Why there is an exponential


def test_the_printed_f_is_no_probability():
    """f = -E is negative for some states, so that f / Z is no probability (E3).

    x = h = 0 has the energy zero in any machine, and would never happen. With exp(-E)
    all is positive.
    """
    for seed in range(20):
        E = table_of_energies(some_machine(seed=seed))
        printed, corrected = -E, np.exp(-E)
        assert printed[0, 0] == 0
        assert printed.min() < 0 < printed.max()
        assert (printed / printed.sum()).min() < 0
        assert corrected.min() > 0


def test_even_where_it_is_it_turns_the_order_around():
    """Where all energies are positive, -E / Z is E / sum E: high energy, probable (E3).

    And a machine without parameters, a fair coin for each unit, would have Z = 0.
    """
    E = table_of_energies(Machine(np.array([[1.0]]), -2 * np.ones(1), -2 * np.ones(1)))
    assert E.tolist() == [[0, 2], [2, 3]]
    printed, corrected = -E / np.sum(-E), np.exp(-E) / np.exp(-E).sum()
    np.testing.assert_allclose(printed, np.array([[0, 2], [2, 3]]) / 7)
    assert np.argmin(printed) == np.argmax(corrected) == np.argmin(E)
    fair = table_of_energies(Machine(np.zeros((1, 1)), np.zeros(1), np.zeros(1)))
    assert np.sum(-fair) == 0
    np.testing.assert_array_equal(np.exp(-fair) / np.exp(-fair).sum(), 1 / 4)


# 4. Derivatives


def energy(rbm, x, h):
    return rbm.energy(x, h)


def slopes_by_hand(x, h):
    """dE/dW, dE/da and dE/db for x : (M,) and h : (N,)."""
    return [-np.outer(x, h), -x, -h]


@pytest.mark.parametrize(("M", "N"), [(1, 1), (4, 3), (2, 6)])
def test_each_derivative_is_a_product_of_units(M, N):
    """dE/dw_ij = -x_i h_j, dE/da_i = -x_i, dE/db_j = -h_j, at any parameters (T15).

    By hand, by reverse mode, and by the program that explain prints of it, which was
    recorded for another machine and another state.
    """
    rng = np.random.default_rng(M)
    printed = explain(grad(energy), some_rbm(M, N), rng.random(M), rng.random(N))
    for seed in range(5):
        rbm = some_rbm(M, N, seed=seed)
        x, h = rng.integers(2, size=M) * 1.0, rng.integers(2, size=N) * 1.0
        by_tape = tree_leaves(grad(energy)(rbm, x, h))
        by_program = tree_leaves(printed(rbm, x, h))
        for hand, tape, program in zip(
            slopes_by_hand(x, h), by_tape, by_program, strict=True
        ):
            np.testing.assert_array_equal(tape, hand)
            np.testing.assert_array_equal(program, hand)


def test_the_energy_is_linear_in_its_parameters():
    """E at s Theta + t Theta' is s E + t E', and no second derivative is left (T15).

    So E is the sum of all parameters, each times its derivative.
    """
    rng = np.random.default_rng(0)
    one, other = some_rbm(seed=1), some_rbm(seed=2)
    for _ in range(5):
        x, h, (s, t) = rng.random(4), rng.random(3), rng.normal(size=2)
        both = tree_map(lambda p, q, s=s, t=t: s * p + t * q, one, other)
        expected = s * one.energy(x, h) + t * other.energy(x, h)
        assert both.energy(x, h) == pytest.approx(expected, rel=1e-12)
        products = zip(tree_leaves(one), slopes_by_hand(x, h), strict=True)
        summed = sum(np.sum(parameter * slope) for parameter, slope in products)
        assert one.energy(x, h) == pytest.approx(summed, rel=1e-12)
        curvature = hvp(lambda rbm, x=x, h=h: rbm.energy(x, h), one, other)
        assert all(not np.any(leaf) for leaf in tree_leaves(curvature))


def test_the_free_energys_derivative_is_the_mean_of_the_energys():
    """F = -log sum_h exp(-E) has the slope sum_h p(h | x) dE / dTheta (T15).

    As dE / dTheta is linear in h, the mean over h is taken by putting p(h_j = 1 | x)
    in the place of h_j. By hand, by reverse mode, and as a sum over all h.
    """
    for seed in range(5):
        rbm, h = some_rbm(seed=seed), binary_states(3).astype(float)
        x = np.random.default_rng(seed).integers(2, size=4) * 1.0
        on = sigmoid(rbm.b + x @ rbm.W)
        weights = np.exp(-rbm.energy(np.tile(x, (8, 1)), h))
        slopes = [slopes_by_hand(x, each) for each in h]
        by_tape = tree_leaves(grad(lambda rbm, x=x: rbm.free_energy(x))(rbm))
        for k, (hand, tape) in enumerate(
            zip(slopes_by_hand(x, on), by_tape, strict=True)
        ):
            mean = np.average([slope[k] for slope in slopes], axis=0, weights=weights)
            np.testing.assert_allclose(mean, hand, rtol=1e-12)
            np.testing.assert_allclose(tape, hand, rtol=1e-12)
