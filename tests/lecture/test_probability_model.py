"""A probability model: a positive function of visible and hidden units, over its sum.

    p(x, h) = f(x, h) / Z,   Z = sum over all x and all h of f(x, h),
    p(x) = sum_h p(x, h),    p(h) = sum_x p(x, h).

To be read from top to bottom; every statement is an assertion. The models here are so
small that every sum is written out, over each state of M visible and N hidden units
that are on or off. Numbers like T11 are those of the list in README.md.

Source: P. Smolensky (1986), in Parallel Distributed Processing 1, chapter 6.
"""

from itertools import permutations

import numpy as np
import pytest
from scipy.integrate import quad

from samplers.exact import (
    hidden_probabilities,
    joint_probabilities,
    log_partition,
    log_probability,
    visible_probabilities,
)
from samplers.machine import Machine, binary_states

M, N = 4, 3
STATES = [(x, h) for x in binary_states(M) for h in binary_states(N)]


def some_machine(seed=0, gaussian=False, visible=M):
    """A machine, whose f is exp(-E)."""
    rng = np.random.default_rng(seed)
    W, a, b = (
        rng.normal(size=(visible, N)),
        rng.normal(size=visible),
        rng.normal(size=N),
    )
    return Machine(W, a, b, rng.uniform(0.5, 2, visible) if gaussian else None)


def tables(seed=0):
    """f(x, h) as tables (2^M, 2^N): any positive numbers, and those of a machine."""
    anything = np.random.default_rng(seed).uniform(0.01, 5, (2**M, 2**N))
    machine = some_machine(seed)
    energies = [machine.energy(x, h) for x, h in STATES]
    return anything, np.exp(-np.reshape(energies, (2**M, 2**N)))


def test_two_more_states_for_each_unit():
    """M + N units have 2^M 2^N states, each of them once (T11)."""
    assert len(STATES) == 2**M * 2**N == 2 ** (M + N)
    assert len({(*x, *h) for x, h in STATES}) == len(STATES)
    assert joint_probabilities(some_machine()).size == len(STATES)


@pytest.mark.parametrize("f", tables(), ids=["any", "machine"])
def test_any_positive_function_over_its_sum_is_a_probability(f):
    """f / Z is positive and sums to one; so do its marginals (T11)."""
    p = f / f.sum()
    assert np.all(p > 0)
    assert p.sum() == pytest.approx(1, rel=1e-14)
    assert p.sum(axis=1).sum() == pytest.approx(1, rel=1e-14)
    assert p.sum(axis=0).sum() == pytest.approx(1, rel=1e-14)


def test_the_machine_divides_by_the_sum_over_all_states():
    """The same as what the library computes without writing the states out (T11)."""
    for seed in range(5):
        machine, (_, f) = some_machine(seed), tables(seed)
        Z = f.sum()
        assert log_partition(machine) == pytest.approx(np.log(Z), rel=1e-14)
        joint = joint_probabilities(machine)
        np.testing.assert_allclose(joint, f / Z, rtol=1e-12)
        p_x, p_h = visible_probabilities(machine), hidden_probabilities(machine)
        np.testing.assert_allclose(p_x, f.sum(axis=1) / Z, rtol=1e-12)
        np.testing.assert_allclose(p_h, f.sum(axis=0) / Z, rtol=1e-12)


def test_f_is_known_up_to_a_factor():
    """Ten times f is ten times Z, and the same model: Z is no property of the law."""
    for f in tables():
        np.testing.assert_allclose(10 * f / (10 * f).sum(), f / f.sum(), rtol=1e-14)


@pytest.mark.parametrize("f", tables(), ids=["any", "machine"])
def test_a_marginal_of_a_marginal_is_a_marginal(f):
    """Units can be summed out one by one, and in any order (T11).

    Here all but the first visible unit are.
    """
    p = (f / f.sum()).reshape((2,) * (M + N))
    at_once = p.sum(axis=tuple(range(1, M + N)))
    assert at_once.sum() == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(
        f.sum(axis=1).reshape(2, -1).sum(axis=1) / f.sum(), at_once
    )
    for order in list(permutations(range(1, M + N)))[::60]:
        left = p
        for unit in order:
            left = left.sum(axis=unit, keepdims=True)
        np.testing.assert_allclose(left.ravel(), at_once, rtol=1e-13)


def test_a_real_unit_is_integrated_out():
    """Where x is a number, its sum is an integral, and p(x) is a density (T11)."""
    machine = some_machine(gaussian=True, visible=1)

    def over_x(f):
        return quad(f, -40, 40, epsabs=0, epsrel=1e-12, points=[-5, 0, 5], limit=200)[0]

    def f(x, h):
        return np.exp(-machine.energy(np.array([x]), h))

    by_h = [over_x(lambda x, h=h: f(x, h)) for h in binary_states(N)]
    Z = np.sum(by_h)
    assert log_partition(machine) == pytest.approx(np.log(Z), rel=1e-12)
    np.testing.assert_allclose(hidden_probabilities(machine), by_h / Z, rtol=1e-10)
    density = over_x(lambda x: np.exp(log_probability(machine, np.array([x]))))
    assert density == pytest.approx(1, rel=1e-11)
    for x in (-2.0, 0.1, 3.0):
        summed = sum(f(x, h) for h in binary_states(N)) / Z
        found = np.exp(log_probability(machine, np.array([x])))
        assert found == pytest.approx(summed, rel=1e-10)
