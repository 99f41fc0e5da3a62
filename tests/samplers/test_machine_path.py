"""The path to a Boltzmann machine: its laws, its weights, its addresses, refusals."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit

from samplers import machine_path
from samplers.annealing import annealed_importance, reverse_annealed_importance
from samplers.errors import DivergenceError
from samplers.exact import exact_draws, log_partition, visible_probabilities
from samplers.machine import Machine, binary_states
from samplers.machine_path import MachinePath, softplus_gain
from tests.data.agreement import chi_square
from tests.samplers import machine_path_checks
from tests.samplers.annealing_checks import KEY, annealed, check_company
from tests.samplers.kernels import law_of_units, number
from tests.samplers.machine_path_checks import log_f, some_path
from tests.samplers.test_machine import make_machine

EXACT = [
    machine_path_checks.check_gains,
    machine_path_checks.check_conditionals,
    machine_path_checks.check_gaussian_conditionals,
    machine_path_checks.check_ends,
    machine_path_checks.check_base,
    machine_path_checks.check_stationary,
    machine_path_checks.check_mean_weight,
    machine_path_checks.check_reversal,
    machine_path_checks.check_machine_run,
    machine_path_checks.check_machine_company,
]


@pytest.mark.exact
@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.__name__)
def test_exactly(check):
    check(machine_path)


@pytest.mark.exact
@pytest.mark.parametrize(
    ("dtype", "rtol"), [(np.float64, 1e-15), (np.float32, 5e-7)], ids=["f8", "f4"]
)
def test_the_gain_of_a_softplus_keeps_its_digits(dtype, rtol):
    """At any t, and between neighbors too, to a few units of 1 or of the gain."""
    t = np.array([-1000, -90, -20, -1, -1e-3, 0, 1e-3, 1, 20, 90, 1000], dtype)
    for before, after in ((0, 1), (0.5, 0.5009765625), (1, 0.25)):
        found = [softplus_gain(x, dtype(before), dtype(after)) for x in t]
        assert {type(x) for x in found} == {dtype}
        wide = t.astype(np.longdouble)
        expected = np.logaddexp(0, after * wide) - np.logaddexp(0, before * wide)
        np.testing.assert_allclose(found, expected.astype(float), rtol=rtol, atol=rtol)


@pytest.mark.exact
def test_blocks_of_particles_change_nothing(monkeypatch):
    path = some_path(machine_path, 5, 3)
    betas, start = np.linspace(0, 1, 5), path.start(KEY, 10)
    x, log_w = annealed(path, start, betas, range(5))
    monkeypatch.setattr(machine_path, "BLOCK", 3)
    same, again = annealed(path, start, betas, range(5))
    assert np.array_equal(x, same)
    assert np.array_equal(log_w, again)


@pytest.mark.exact
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_base_that_is_the_machine_has_weights_of_one(dtype):
    """Without couplings there is nothing to anneal: no variance, no rounding even."""
    a = np.array([0.3, -2, 5], dtype)
    for sigma in (None, np.array([0.5, 1, 2], dtype)):
        machine = Machine(np.zeros((3, 2), dtype), a, np.zeros(2, dtype), sigma)
        path = MachinePath(machine, bias=a)
        weights = annealed_importance(path, np.linspace(0, 1, 6), 20, rng=0)
        assert not weights.log_weights.any()
        assert weights.log_partition == path.log_base
        exact = log_partition(machine)
        np.testing.assert_allclose(path.log_base, exact, rtol=1e-14)


@pytest.mark.exact
@pytest.mark.parametrize("gaussian", [False, True])
def test_the_machine_is_that_of_when_the_path_was_made(gaussian):
    """So one that learns is held fast: weights and base are of the same arrays."""
    machine, betas = make_machine(4, 3, gaussian=gaussian), np.linspace(0, 1, 6)
    path = MachinePath(machine)
    before = annealed_importance(path, betas, 100, rng=0)
    for array in (machine.W, machine.a, machine.b, machine.sigma):
        if array is not None:
            array *= 0.5
    after = annealed_importance(path, betas, 100, rng=0)
    assert np.array_equal(before.log_weights, after.log_weights)
    assert before.log_partition == after.log_partition
    other = annealed_importance(MachinePath(machine), betas, 100, rng=0)
    assert np.all(other.log_weights != before.log_weights)
    assert gaussian == (other.log_base != before.log_base)


def test_float32_weighs_as_float64_up_to_its_precision():
    """On the same states, over 1000 temperatures: what is rounded does not add up."""
    single, rng = make_machine(40, 30, dtype=np.float32), np.random.default_rng(0)
    wide = (v.astype(np.float64) for v in (single.W, single.a, single.b))
    path, exact = MachinePath(single), MachinePath(Machine(*wide))
    x, found, expected = path.start(KEY, 9), np.zeros(9), np.zeros(9)
    for pair in pairwise(np.linspace(0, 1, 1001, dtype=np.float32)):
        noise = rng.random((9, 30)), rng.random((9, 40))
        _, new, gains = machine_path_checks.step(machine_path, path, x, *pair, *noise)
        before, after = (log_f(exact, x.astype(float), float(beta)) for beta in pair)
        np.testing.assert_allclose(gains, after - before, rtol=0, atol=3e-6)
        found, expected, x = found + gains, expected + after - before, new
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-5)


def test_starts_have_the_law_of_the_base():
    """100,000 particles; sees a probability that is off by 0.01, by chi-square."""
    path = some_path(machine_path, 4, 2)
    x = path.start(KEY, 100_000)
    assert x.dtype == np.uint8
    counts = np.bincount(number(x), minlength=16)
    assert chi_square(counts, 1e5 * law_of_units(expit(path.bias))) < 1


def test_without_weights_the_particles_have_not_the_law_of_the_machine():
    """And with them they have: counts weighed by w, within 5.03 standard errors.

    100,000 particles at 3 temperatures: sees a probability that is off by 0.015.
    """
    n, path = 100_000, some_path(machine_path, 3, 2, scale=1.5)
    pi = visible_probabilities(path.machine)
    x, log_w = annealed(path, path.start(KEY, n), np.array([0, 0.3, 1]), range(3))
    here = number(x)[:, np.newaxis] == np.arange(8)
    assert np.max(np.abs(here.mean(axis=0) - pi)) > 0.02
    w = np.exp(log_w - log_w.max())
    found = w @ here / w.sum()
    error = np.sqrt(w**2 @ (here - found) ** 2) / w.sum()
    assert np.all(error < 0.003)
    assert np.all(np.abs(found - pi) < 5.03 * error)


@pytest.mark.parametrize("gaussian", [False, True])
def test_z_is_met_without_bias(gaussian):
    """Up and down on w itself, 5 temperatures, within 5.03 standard errors.

    20,000 particles each: sees an error of Z of 3 % or more.
    """
    n, betas = 20_000, np.linspace(0, 1, 6)
    machine = make_machine(4, 3, gaussian=gaussian, scale=0.5)
    path = MachinePath(machine, np.full(4, 0.2))
    log_ratio = log_partition(machine) - path.log_base
    x, _ = exact_draws(machine, n, rng=1)
    up = annealed_importance(path, betas, n, rng=2)
    down = reverse_annealed_importance(path, betas, x, rng=3)
    for run, expected in ((up, log_ratio), (down, -log_ratio)):
        w = np.exp(run.log_weights - expected)
        error = w.std(ddof=1) / np.sqrt(n)
        assert error < 0.006
        assert abs(w.mean() - 1) < 5.03 * error
        assert run.standard_error == pytest.approx(error / w.mean(), rel=1e-9)
        # By Jensen's inequality.
        assert run.log_weights.mean() < expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_machine_of_64_and_16_units(dtype):
    """500 temperatures, 100 particles: log Z within 5.03 standard errors.

    Sees an error of 0.15 nats. And the two means of log w bracket it, closer than 0.2.
    """
    machine = make_machine(64, 16, scale=0.4, dtype=dtype)
    exact, path = log_partition(machine), MachinePath(machine)
    betas = np.linspace(0, 1, 501)
    x, _ = exact_draws(machine, 100, rng=0)
    up = annealed_importance(path, betas, 100, rng=1)
    down = reverse_annealed_importance(path, betas, x, rng=2)
    for run in (up, down):
        assert run.standard_error < 0.03
        assert abs(run.log_partition - exact) < 5.03 * run.standard_error
        assert run.effective_sample_size > 80
    below = path.log_base + up.log_weights.mean()
    above = path.log_base - down.log_weights.mean()
    assert below < exact < above
    assert above - below < 0.2


def test_particles_in_float32_and_of_gaussian_units_are_alone_in_company():
    check_company(some_path(machine_path, 5, 6, gaussian=True, dtype=np.float32))
    check_company(some_path(machine_path, 6, 9))


# Refusals


@pytest.mark.exact
@np.errstate(over="ignore", invalid="ignore")  # as an undecorated kernel warns
def test_what_is_not_finite_stops_the_run():
    """With the particle, the rung and its beta."""
    huge, betas = np.full((2, 2), 1e308), np.array([0, 0.5, 1])
    x = np.array([[0, 1], [1, 1], [1, 1]], np.uint8)
    path = MachinePath(Machine(huge, np.zeros(2), np.zeros(2)))
    with pytest.raises(
        DivergenceError, match=r"hidden unit \(at beta = 0.5\) is not .* chain 6"
    ) as error:
        annealed(path, x, betas, range(3), particle=5)
    assert (error.value.chain, error.value.step, error.value.key) == (6, 1, KEY)
    # The hidden layer does not see the units that are off.
    path = MachinePath(Machine(huge, np.zeros(2), np.full(2, 50.0)))
    with pytest.raises(DivergenceError, match=r"visible unit \(at beta = 0.75\)"):
        annealed(path, 0 * x, np.array([0, 0.75, 1]), range(3))
    # A sum of finite numbers overflows.
    path = MachinePath(Machine(0 * huge, np.full(2, 1.5e308), np.zeros(2)))
    with pytest.raises(DivergenceError, match=r"of a weight \(at beta = 1\)") as error:
        annealed(path, x, np.array([0, 1]), range(2), particle=5)
    assert (error.value.chain, error.value.step) == (6, 1)
    # And 1 / sigma^2.
    path = MachinePath(Machine(0 * huge, np.ones(2), np.zeros(2), np.full(2, 1e-160)))
    with pytest.raises(DivergenceError, match=r"of a weight \(at beta = 0.5\)"):
        annealed(path, x.astype(float), betas, range(3))
    # A weight of zero is none of these.
    path = MachinePath(Machine(0 * huge, np.full(2, -1.5e308), np.zeros(2)))
    _, log_w = annealed(path, x, np.array([0, 1]), range(2))
    assert np.array_equal(log_w > -np.inf, [True, False, False])


@pytest.mark.parametrize(
    "bias", [np.zeros(2), np.zeros((3, 1)), 0.0, np.full(3, np.inf), [0, np.nan, 0]]
)
def test_a_bias_that_does_not_fit_is_refused(bias):
    with pytest.raises(
        ValueError, match=r"shape .* \(3,\), finite in float64. .* log-odds, so write"
    ):
        MachinePath(make_machine(3, 2), bias)
    with pytest.raises(ValueError, match="finite in float32"):
        MachinePath(make_machine(3, 2, dtype=np.float32), np.full(3, 1e60))


def test_a_state_that_does_not_fit_is_refused():
    path = MachinePath(make_machine(3, 2))
    for state, words in (
        (np.zeros((2, 4)), "shape"),
        (np.full((2, 3), 0.5), "neither"),
    ):
        with pytest.raises(ValueError, match=words):
            reverse_annealed_importance(path, [0, 1], state, rng=0)


@pytest.mark.exact
def test_states_are_taken_in_any_dtype_and_left_alone():
    path, betas = MachinePath(make_machine(3, 2)), np.linspace(0, 1, 4)
    state = np.tile(binary_states(3), (3, 1)).astype(float)
    before = state.copy()
    runs = [
        reverse_annealed_importance(path, betas, x, rng=0).log_weights
        for x in (state, state.astype(np.uint8), state.astype(bool))
    ]
    assert np.array_equal(runs[0], runs[1])
    assert np.array_equal(runs[0], runs[2])
    assert np.array_equal(state, before)
