"""Sums over all states against the sums as they are written."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp

from samplers import enumeration, exact
from samplers.enumeration import over_hidden
from samplers.exact import (
    exact_draws,
    hidden_probabilities,
    joint_probabilities,
    log_partition,
    log_probability,
    moments,
    visible_probabilities,
)
from samplers.machine import Machine, binary_states
from tests.samplers.test_machine import KINDS, make_machine, make_states

SHAPES = pytest.mark.parametrize(("M", "N"), [(1, 1), (4, 3), (3, 4), (2, 6), (6, 2)])


def minus_energies(machine):
    """-E of all joint states, (2^M, 2^N)."""
    x, h = (binary_states(units) for units in machine.W.shape)
    return -machine.energy(x[:, np.newaxis], h)


def mixture(machine):
    """The log weights and means of the Gaussians that make up p(x), straight from E.

    The peak of exp(-E) over x is at the mean given h; the integral is the peak times
    the product of sqrt(2 pi) sigma_i.
    """
    h = binary_states(len(machine.b))
    means = machine.mean_x_given_h(h)
    volume = np.sum(np.log(np.sqrt(2 * np.pi) * machine.sigma))
    return volume - machine.energy(means, h), means


def all_log_weights(layer, block, monkeypatch):
    """log w of all words, counted in blocks of some length."""
    monkeypatch.setattr(enumeration, "BLOCK", block)
    return np.concatenate([layer.log_weights(first) for first in layer.starts])


# Probabilities


@pytest.mark.exact
@SHAPES
def test_probabilities_sum_to_one_and_marginals_agree(M, N):
    machine = make_machine(M, N, scale=2)
    joint = joint_probabilities(machine)
    assert joint.shape == (2**M, 2**N)
    log_f = minus_energies(machine)
    np.testing.assert_allclose(joint, np.exp(log_f - logsumexp(log_f)), rtol=1e-13)
    p_x, p_h = visible_probabilities(machine), hidden_probabilities(machine)
    np.testing.assert_allclose(joint.sum(axis=1), p_x, rtol=1e-13)
    np.testing.assert_allclose(joint.sum(axis=0), p_h, rtol=1e-13)
    for p in (joint, p_x, p_h):
        np.testing.assert_allclose(p.sum(), 1, rtol=1e-14)
    log_p = log_probability(machine, binary_states(M))
    np.testing.assert_allclose(np.exp(log_p), p_x, rtol=1e-13)


@pytest.mark.exact
def test_gaussian_visible_units_are_a_mixture():
    machine = make_machine(5, 4, gaussian=True)
    log_weights, _ = mixture(machine)
    expected = np.exp(log_weights - logsumexp(log_weights))
    np.testing.assert_allclose(hidden_probabilities(machine), expected, rtol=1e-13)
    np.testing.assert_allclose(log_partition(machine), logsumexp(log_weights))


@pytest.mark.exact
def test_one_gaussian_unit_by_quadrature():
    machine = make_machine(1, 2, gaussian=True)

    def f(x):
        return np.exp(-machine.free_energy(np.array([x])))

    Z, _ = quad(f, -20, 20, epsabs=0, epsrel=1e-12, points=[-3, 0, 3])
    np.testing.assert_allclose(log_partition(machine), np.log(Z), rtol=1e-13)
    x = np.array([[-1.0], [0.3]])
    expected = np.log(f(x[0, 0]) / Z), np.log(f(x[1, 0]) / Z)
    np.testing.assert_allclose(log_probability(machine, x), expected, rtol=1e-12)


# log Z


@pytest.mark.exact
@SHAPES
@pytest.mark.parametrize("beta", [0.1, 1, 2.5])
def test_log_partition_is_the_sum_over_all_states(M, N, beta):
    machine = make_machine(M, N, seed=M)
    expected = logsumexp(beta * minus_energies(machine))
    np.testing.assert_allclose(log_partition(machine, beta), expected, rtol=1e-14)
    transposed = Machine(machine.W.T, machine.b, machine.a)
    found = log_partition(transposed, beta)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.exact
@pytest.mark.parametrize("beta", [0.3, 2.0])
def test_an_inverse_temperature_is_a_tempered_machine(beta):
    for gaussian in (False, True):
        machine = make_machine(3, 2, gaussian=gaussian)
        found = log_partition(machine, beta)
        np.testing.assert_allclose(found, log_partition(machine.tempered(beta)))


@pytest.mark.exact
@pytest.mark.parametrize(("M", "N"), [(7, 5), (3, 6)])
def test_units_without_couplings_are_independent(M, N):
    machine = make_machine(M, N)
    machine = Machine(0 * machine.W, machine.a, machine.b)
    expected = np.logaddexp(0, machine.a).sum() + np.logaddexp(0, machine.b).sum()
    np.testing.assert_allclose(log_partition(machine), expected, rtol=1e-14)
    sigma = np.linspace(0.1, 2, M)
    machine = Machine(machine.W, machine.a, machine.b, sigma)
    expected = np.log(np.sqrt(2 * np.pi) * sigma).sum()
    expected += np.logaddexp(0, machine.b).sum()
    np.testing.assert_allclose(log_partition(machine), expected, rtol=1e-14)


@pytest.mark.exact
def test_float32_parameters_are_summed_in_float64():
    for gaussian in (False, True):
        machine = make_machine(4, 3, gaussian=gaussian, dtype=np.float32)
        double = exact.in_float64(machine)
        assert log_partition(machine, 0.7) == log_partition(double, 0.7)
        assert np.array_equal(moments(machine).xh, moments(double).xh)
        x, _ = make_states(machine)
        assert log_probability(machine, x).dtype == np.float64


@pytest.mark.exact
def test_extreme_weights_stay_finite():
    """With weights of 1000 the ground states are all that is left."""
    signs = np.where(binary_states(4)[[3, 5, 9, 14]], 1.0, -1.0)
    machine = Machine(1000 * signs, signs[0], signs[1])
    ground = minus_energies(machine).max()
    kept = np.sum(np.exp(minus_energies(machine) - ground))
    np.testing.assert_allclose(log_partition(machine), ground + np.log(kept))
    assert np.all(moments(machine).xh <= 1)
    machine = Machine(machine.W, machine.a, machine.b, np.ones(4))
    log_weights, _ = mixture(machine)
    np.testing.assert_allclose(log_partition(machine), logsumexp(log_weights))


def decimal_log_partition(machine):
    """log Z in 60 digits: for each h the units of x are summed one by one.

    The factors sqrt(2 pi) of Gaussian units are float64: an error of 1e-16 each.
    """
    exactly = np.vectorize(Decimal, otypes=[object])
    W, a, b = exactly(machine.W), exactly(machine.a), exactly(machine.b)
    with localcontext() as context:
        context.prec = 60
        if machine.sigma is None:
            log_units = np.vectorize(lambda z: (1 + z.exp()).ln(), otypes=[object])
            log_f = [b @ h + log_units(a + W @ h).sum() for h in words_of(b)]
            return log_sum(log_f)
        sigma = exactly(machine.sigma)
        fields = [(h, a + W @ h) for h in words_of(b)]
        log_f = [b @ h + np.sum((z * z - a * a) / (2 * sigma**2)) for h, z in fields]
        widths = Decimal(np.sqrt(2 * np.pi)) * sigma
        return log_sum(log_f) + sum(width.ln() for width in widths)


def words_of(b):
    """All hidden states, of Python integers."""
    return binary_states(len(b)).astype(int).astype(object)


def log_sum(log_f):
    """log sum exp in decimals."""
    return sum((x - max(log_f)).exp() for x in log_f).ln() + max(log_f)


@pytest.mark.exact
@KINDS
@pytest.mark.parametrize("scale", [0.01, 1, 30])
def test_rounding_stays_within_the_stated_bound(gaussian, scale):
    M, N = 9, 6
    machine = make_machine(M, N, gaussian=gaussian, scale=scale)
    W, a, b = abs(machine.W), abs(machine.a), abs(machine.b)
    S = M + N + b.sum()
    if gaussian:
        sigma = machine.sigma
        S += np.sum(a @ (W.T / sigma**2).T) + np.sum((W.sum(axis=1) / sigma) ** 2)
        S += np.abs(np.log(sigma)).sum()
    else:
        S += W.sum() + a.sum()
    bound = (N + np.log2(M) + 10) * 2.0**-52 * S
    error = Decimal(log_partition(machine)) - decimal_log_partition(machine)
    assert abs(error) <= bound


# The order of counting


@pytest.mark.exact
@KINDS
def test_words_weigh_the_same_wherever_the_counting_began(gaussian, monkeypatch):
    """Block lengths of one word, of a few, and of all: every bit is the same."""
    layer = over_hidden(make_machine(7, 5, gaussian=gaussian, scale=3))
    whole = all_log_weights(layer, 32, monkeypatch)
    for block in (1, 2, 8):
        assert np.array_equal(all_log_weights(layer, block, monkeypatch), whole)


@pytest.mark.exact
@KINDS
def test_any_executor_gives_the_same_bits(gaussian, monkeypatch):
    monkeypatch.setattr(enumeration, "BLOCK", 2)
    machine = make_machine(7, 5, gaussian=gaussian)
    with ThreadPoolExecutor(4) as executor:
        shared = log_partition(machine, executor=executor)
        assert shared == log_partition(machine)
        means, alone = moments(machine, executor=executor), moments(machine)
    for name in ("x", "h", "xh", "xx"):
        assert np.array_equal(getattr(means, name), getattr(alone, name))


@pytest.mark.exact
def test_a_block_can_be_sent_to_another_process():
    layer = over_hidden(make_machine(4, 3))
    sent = pickle.loads(pickle.dumps(layer.log_sum))
    assert sent(0) == layer.log_sum(0)


# Refusals


def test_what_cannot_be_enumerated_is_refused():
    large = Machine(np.zeros((30, 27)), np.zeros(30), np.zeros(27))
    for function in (log_partition, moments, visible_probabilities):
        with pytest.raises(ValueError, match=r"2\^(27|30) states; up to 26"):
            function(large)
    with pytest.raises(ValueError, match=r"27 units .* importance sampling"):
        exact_draws(large, 1, rng=0)
    # Beside Gaussian units the hidden layer counts, however few the others are.
    gaussian = Machine(np.zeros((1, 27)), np.zeros(1), np.zeros(27), np.ones(1))
    with pytest.raises(ValueError, match="27 units"):
        log_partition(gaussian)
    with pytest.raises(ValueError, match=r"11 and 10 units have 2\^21 joint states"):
        joint_probabilities(Machine(np.zeros((11, 10)), np.zeros(11), np.zeros(10)))
    small = make_machine(2, 2, gaussian=True)
    for function in (joint_probabilities, visible_probabilities):
        with pytest.raises(ValueError, match=r"Gaussian, .* log_probability"):
            function(small)
    with pytest.raises(ValueError, match="beta is -1"):
        log_partition(small, -1)


@KINDS
def test_energies_that_overflow_are_refused(gaussian):
    """1e308 four times over, 1e308 squared, and 1e308 / 1e-10."""
    ones = np.ones(4)
    for scale, sigma in [(1e308, ones), (1e308, 1e-10 * ones)]:
        W = np.full((4, 4), scale)
        machine = Machine(W, ones, ones, sigma if gaussian else None)
        for function in (log_partition, moments, hidden_probabilities):
            with pytest.raises(
                FloatingPointError, match="energies of this machine overflow"
            ):
                function(machine)
