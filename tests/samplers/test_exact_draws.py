"""Exact draws: the law that the numbers decide by, and the draws themselves."""

import numpy as np
import pytest
from scipy.special import log_ndtr

from samplers import enumeration
from samplers.enumeration import over_hidden
from samplers.exact import (
    draw_given,
    exact_draws,
    hidden_probabilities,
    joint_probabilities,
    pick_words,
)
from samplers.machine import Machine, binary_states
from tests.data.agreement import chi_square
from tests.kolmogorov import LIMIT, distance
from tests.samplers.kernels import number
from tests.samplers.test_machine import make_machine


def threshold(decide, shape):
    """For each entry the number in [0, 1] at which decide(u) turns true, by halving."""
    low, high = np.zeros(shape), np.ones(shape)
    for _ in range(53):
        middle = (low + high) / 2
        true = decide(middle)
        low, high = np.where(true, low, middle), np.where(true, middle, high)
    return high


@pytest.mark.exact
@pytest.mark.parametrize("block", [4, 32])
def test_every_word_takes_its_share_of_the_uniforms(block, monkeypatch):
    """The law that u gives, from the u at which the word passes each number."""
    monkeypatch.setattr(enumeration, "BLOCK", block)
    machine = make_machine(6, 5, scale=2)
    edges = threshold(lambda u: pick_words(over_hidden(machine), u) > np.arange(31), 31)
    share = np.diff(edges, prepend=0, append=1)
    np.testing.assert_allclose(share, hidden_probabilities(machine), atol=1e-15)


@pytest.mark.exact
def test_only_words_with_probability_are_drawn(monkeypatch):
    """The last unit is never on; u lies within rounding of the edges of all words."""
    monkeypatch.setattr(enumeration, "BLOCK", 4)
    ulps = 2.0**-53 * np.arange(-4, 5)
    for seed in range(20):
        b = np.random.default_rng(seed).standard_normal(4)
        b[3] = -2000
        machine = Machine(np.zeros((4, 4)), np.zeros(4), b)
        edges = np.cumsum(hidden_probabilities(machine))[::2]
        u = np.clip(np.add.outer(edges, ulps).ravel(), 0, 1 - 2.0**-53)
        words = pick_words(over_hidden(machine), u)
        expected = 2 * np.repeat(np.arange(8), ulps.size)
        assert np.all((words == expected) | (words == np.minimum(expected + 2, 14)))


@pytest.mark.exact
def test_binary_units_are_on_below_their_mean():
    """The mean that each noise decides by, for all units given all words."""
    machine = make_machine(5, 3, scale=2)
    layer, words = over_hidden(machine), np.arange(8)

    def is_off(noise):
        out = np.empty_like(noise)
        draw_given(words, layer.rows, False, noise, out)
        return out == 0

    expected = machine.mean_x_given_h(binary_states(3))
    np.testing.assert_allclose(threshold(is_off, (8, 5)), expected, atol=1e-15)


@pytest.mark.exact
def test_gaussian_units_are_their_mean_plus_noise():
    machine = make_machine(5, 3, gaussian=True)
    layer = over_hidden(machine)
    noise = np.random.default_rng(0).standard_normal((8, 5))
    out = np.empty((8, 5))
    draw_given(np.arange(8), layer.rows, True, noise, out)
    expected = machine.mean_x_given_h(binary_states(3)) + machine.sigma * noise
    found = machine.a + machine.sigma * out
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options", [{"M": 5, "N": 3}, {"M": 3, "N": 5}, {"M": 2, "N": 3, "gaussian": True}]
)
def test_draws_repeat_by_seed_and_do_not_depend_on_their_number(options, dtype):
    machine = make_machine(**options, dtype=dtype)
    x, h = exact_draws(machine, 100, rng=0)
    assert x.shape == (100, options["M"])
    assert h.shape == (100, options["N"])
    assert x.dtype == h.dtype == dtype
    first_x, first_h = exact_draws(machine, 10, rng=np.random.default_rng(0))
    assert np.array_equal(x[:10], first_x)
    assert np.array_equal(h[:10], first_h)
    assert not np.array_equal(h, exact_draws(machine, 100, rng=1)[1])


@pytest.mark.parametrize(("M", "N"), [(3, 2), (2, 3)])
def test_draws_follow_the_joint_law(M, N):
    """100,000 draws, 32 states; detects correlated words and units, layers swapped."""
    machine = make_machine(M, N, scale=0.7)
    n = 100_000
    x, h = exact_draws(machine, n, rng=1)
    counts = np.bincount(number(x) * 2**N + number(h), minlength=2 ** (M + N))
    expected = n * joint_probabilities(machine).ravel()
    assert chi_square(counts, expected) < 1
    # A dependence of x on h that is lost would be seen.
    lost = np.bincount(number(x) * 2**N + number(h[::-1]), minlength=2 ** (M + N))
    assert chi_square(lost, expected) > 1


def test_gaussian_draws_follow_the_mixture():
    """50,000 draws; detects a sd or mean that is off by 0.02 sd, and noise shared."""
    machine = make_machine(2, 2, gaussian=True)
    n = 50_000
    x, h = exact_draws(machine, n, rng=2)
    p = hidden_probabilities(machine)
    counts = np.bincount(number(h), minlength=4)
    assert chi_square(counts, n * p) < 1
    means = machine.mean_x_given_h(binary_states(2))
    for i in range(2):
        z = (x[:, i, np.newaxis] - means[:, i]) / machine.sigma[i]
        assert distance(np.exp(log_ndtr(z)) @ p) < LIMIT
    noise = (x - machine.mean_x_given_h(h)) / machine.sigma
    assert abs(np.mean(noise[:, 0] * noise[:, 1])) * np.sqrt(n) < 5.03
