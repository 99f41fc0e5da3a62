"""Metropolis: against a plain update, its exact transition matrix, and exact laws."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplers import metropolis
from samplers.ising import energy
from samplers.ising_states import all_states, boltzmann_probabilities, state_number
from samplers.metropolis import Metropolis, acceptance_thresholds
from samplers.philox import EVEN, ODD
from tests.data.agreement import chi_square
from tests.samplers.ising_checks import (
    KEY,
    check_addresses,
    energy_score,
    invariance,
    row,
    run,
)

ONE = 2**32
# exp(-4 / T) is this over 2^16, so that all thresholds are whole without rounding.
WHOLE = [1_200, 11_248, 45_000]


def temperature_of(whole):
    return 4 / np.log(2**16 / whole)


def plain_half_sweep(spins, color, K, bits):
    """The update as it is written down: on the lattice, neighbors by shifts of it."""
    shifts = [(1, 0), (-1, 0), (1, 1), (-1, 1)]
    dE = 2 * spins * sum(np.roll(spins, by, axis) for by, axis in shifts)
    mine = np.indices(spins.shape).sum(axis=0) % 2 == color
    p = 63 / 64 * np.minimum(1, np.exp(-K * dE[mine]))
    after = spins.copy()
    after[mine] *= np.where(bits < np.rint(p * ONE), -1, 1).astype(np.int8)
    return after


def injected_half_sweep(module, spins, color, thresholds, bits):
    """The update by the module's kernel, from numbers that are given."""
    rows, columns = spins.shape
    half = columns // 2
    colors = np.empty((2, rows * half + columns), np.int8)
    beside = np.empty(rows * half, np.int8)
    module.pack(spins, colors)
    ahead = module.rows_that_look_ahead(rows, half)
    module.half_sweep(colors, color, half, ahead, thresholds, bits, beside)
    after = np.empty_like(spins)
    module.unpack(colors, after)
    return after


def accepted_words(module, spins, color, thresholds):
    """How many of the 2^32 words flip each site of a color, (N / 2,), by bisection."""
    mine = np.indices(spins.shape).sum(axis=0) % 2 == color
    low = np.zeros(spins.size // 2, np.int64)
    high = np.full(low.size, ONE)
    for _ in range(33):
        middle = np.minimum((low + high) // 2, ONE - 1)
        bits = middle.astype(np.uint32)
        after = injected_half_sweep(module, spins, color, thresholds, bits)
        assert np.array_equal(after[~mine], spins[~mine])
        flipped = (after != spins)[mine]
        low = np.where(flipped, middle + 1, low)
        high = np.where(flipped, high, middle)
    assert np.array_equal(low, high)
    return low


def half_matrix(module, shape, color, K):
    """P(s -> s') of the update of one color, from the numbers that flip each site."""
    states = all_states(shape)
    mine = np.flatnonzero(np.indices(shape).sum(axis=0).ravel() % 2 == color)
    places = 1 << (states[0].size - 1 - mine)
    patterns = (np.arange(2 ** len(mine))[:, None] >> np.arange(len(mine))) & 1
    thresholds = module.acceptance_thresholds(K)
    P = np.zeros((len(states), len(states)))
    for number, spins in enumerate(states):
        p = accepted_words(module, spins, color, thresholds) / ONE
        chances = np.where(patterns, p, 1 - p).prod(axis=1)
        P[number, number ^ (patterns @ places)] = chances
    return P


def check_balance(module, shape=(2, 4), whole=11_248):
    """Each half sweep is in detailed balance, and a sweep leaves the law invariant."""
    T = temperature_of(whole)
    pi = boltzmann_probabilities(shape, T)
    even, odd = (half_matrix(module, shape, color, 1 / T) for color in (0, 1))
    for P in (even, odd):
        np.testing.assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-14)
        flow = pi[:, None] * P
        np.testing.assert_allclose(flow, flow.T, rtol=0, atol=1e-15)
    sweep = even @ odd
    np.testing.assert_allclose(pi @ sweep, pi, rtol=0, atol=1e-15)
    return pi, even, odd


def check_plain(module, shape=(6, 4), temperatures=(1.5, 2.5, 6.0)):
    """Sweeps are those written down, with the numbers of their addresses."""
    sampler = module.Metropolis(shape, np.array((9.0, 9.0, *temperatures)))
    state = np.random.default_rng(1).choice(
        np.array([-1, 1], np.int8), (len(temperatures), *shape)
    )
    draws, _ = run(sampler, state, 2, chain=2, step=7, thin=2)
    for c, (spins, T) in enumerate(zip(state, temperatures, strict=True)):
        for step in range(4):
            for color, purpose in ((0, EVEN), (1, ODD)):
                bits = row(c + 2, 7 + step, purpose, spins.size // 2)
                spins = plain_half_sweep(spins, color, 1 / T, bits)
            if step % 2:
                assert np.array_equal(draws[c, step // 2], spins)


def check_addresses_of(module):
    check_addresses(lambda temperature: module.Metropolis((4, 6), temperature))


# The kernel, exactly


@pytest.mark.exact
@pytest.mark.parametrize("shape", [(2, 2), (2, 6), (6, 2), (4, 4), (8, 10), (10, 34)])
def test_sweeps_are_those_written_down(shape):
    check_plain(metropolis, shape)


@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 20),
    T=st.floats(0.05, 50),
    seed=st.integers(0, 2**32),
)
def test_any_half_sweep_is_the_one_written_down(rows, columns, T, seed):
    rng = np.random.default_rng(seed)
    spins = rng.choice(np.array([-1, 1], np.int8), (2 * rows, 2 * columns))
    bits = rng.integers(ONE, size=spins.size // 2, dtype=np.uint32)
    for color in (0, 1):
        found = injected_half_sweep(
            metropolis, spins, color, acceptance_thresholds(1 / T), bits
        )
        expected = plain_half_sweep(spins, color, 1 / T, bits)
        assert np.array_equal(found, expected)


@pytest.mark.exact
@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (4, 2)])
def test_transition_matrix(shape):
    """|pi P - pi| from numbers that are given; doubled bonds on two rows or columns."""
    pi, even, odd = check_balance(metropolis, shape)
    sweep = even @ odd
    # Backwards in time it is the odd sites that come first.
    flow = pi[:, None] * sweep
    backwards = pi[:, None] * (odd @ even)
    np.testing.assert_allclose(flow.T, backwards, rtol=0, atol=1e-15)
    assert np.abs(flow - flow.T).max() > 1e-4
    # Any state leads to any other in one sweep, so the law is the only one.
    assert sweep.min() > 0
    rows = np.linalg.matrix_power(sweep, 4096)
    np.testing.assert_allclose(rows, np.tile(pi, (len(pi), 1)), rtol=0, atol=1e-12)


@pytest.mark.exact
def test_at_infinite_temperature_the_energy_is_forgotten_slowly():
    """Each spin flips with probability c, so a bond keeps its energy by (1 - 2 c)^2."""
    even, odd = (half_matrix(metropolis, (2, 2), color, 0.0) for color in (0, 1))
    E = energy(all_states((2, 2)))
    np.testing.assert_allclose(even @ odd @ E, (31 / 32) ** 2 * E, atol=1e-13)


@pytest.mark.parametrize("whole", WHOLE)
def test_transition_matrix_without_doubled_bonds(whole):
    """4 x 4: the law of eight spins given the other eight is left as it is.

    For each setting of the others; the chance of a site to flip follows from its
    update with all of the eight spins down, and with all of them up.
    """
    T = temperature_of(whole)
    pi = boltzmann_probabilities((4, 4), T)
    thresholds = acceptance_thresholds(1 / T)
    words = 2 * ((np.arange(256)[:, None] >> np.arange(8)[::-1]) & 1) - 1
    for color in (0, 1):
        mine = np.indices((4, 4)).sum(axis=0) % 2 == color
        for others in words:
            spins = np.empty((256, 4, 4), np.int8)
            spins[:, ~mine], spins[:, mine] = others, words
            rise, fall = (
                accepted_words(metropolis, spins[k], color, thresholds) / ONE
                for k in (0, -1)
            )
            law = pi[state_number(spins)]
            after = law
            for up, down in zip(rise, fall, strict=True):
                # The first of the spins that are left, which becomes the last.
                P = np.array([[1 - up, up], [down, 1 - down]])
                after = (after.reshape(2, 128).T @ P).ravel()
            np.testing.assert_allclose(after, law, rtol=1e-13)


@pytest.mark.exact
@pytest.mark.parametrize("T", [0.01, 0.3, 1, 2.27, 10, 1e3, 1e12])
def test_acceptance_is_exact_to_33_bits(T):
    """As the kernel does it, and not only as its thresholds say."""
    spins = np.ones((4, 4), np.int8)
    spins[0, 1] = spins[2, 1] = -1  # odd sites
    thresholds = acceptance_thresholds(1 / T)
    p = accepted_words(metropolis, spins, 0, thresholds) / ONE
    # Row by row; the sites (1, 1) and (3, 1) lie between the two.
    dE = np.array([4, 4, 0, 8, 4, 4, 0, 8])
    assert np.abs(p - 63 / 64 * np.exp(-dE / T)).max() <= 2**-33


@pytest.mark.parametrize("whole", WHOLE)
def test_thresholds_of_the_exact_tests_are_whole(whole):
    thresholds = acceptance_thresholds(1 / temperature_of(whole))
    assert thresholds.tolist() == [63 * 2**26, 63 * whole * 2**10, 63 * whole**2 // 64]
    assert whole % 8 == 0


@pytest.mark.exact
def test_addresses():
    check_addresses_of(metropolis)


@pytest.mark.exact
@pytest.mark.parametrize("shape", [(2, 2), (4, 6), (6, 4), (2, 10), (10, 2)])
def test_colors_part_the_lattice(shape):
    numbers = np.arange(np.prod(shape), dtype=np.int8).reshape(shape)
    colors = np.empty((2, numbers.size // 2 + shape[1]), np.int8)
    metropolis.pack(numbers, colors)
    rows = colors.reshape(2, shape[0] + 2, shape[1] // 2)
    assert np.array_equal(rows[:, 0], rows[:, -2])
    assert np.array_equal(rows[:, -1], rows[:, 1])
    for color in (0, 1):
        mine = np.indices(shape).sum(axis=0) % 2 == color
        assert np.array_equal(rows[color, 1:-1].ravel(), numbers[mine])
    back = np.empty_like(numbers)
    metropolis.unpack(colors, back)
    assert np.array_equal(back, numbers)


# The chain, by statistics


@pytest.mark.parametrize("T", [1.5, 2.27, 5.0])
def test_exact_law_is_invariant(T):
    """300,000 chains from the exact law of 4 x 4, five sweeps.

    A temperature that is 2 % too high would be seen, as is shown.
    """
    assert max(invariance(Metropolis((4, 4), T), T, 300_000, 5)) < 1
    assert max(invariance(Metropolis((4, 4), 1.02 * T), T, 300_000, 5)) > 1


@pytest.mark.parametrize(
    ("shape", "T", "least"),
    [((20, 20), 3.0, 4e-4), ((8, 12), 2.27, 1.5e-3), ((2, 6), 1.8, 2e-3)],
)
def test_energy_is_that_of_kaufman(shape, T, least):
    """256 chains from a hot start; a shift of ten times `least` would be seen."""
    z, error = energy_score(
        Metropolis(shape, T), chains=256, burn_in=500, draws=400, thin=5
    )
    assert error < least
    assert abs(z) < 5.03


def test_a_cold_start_and_a_hot_start_meet():
    """Also in rows up and down in turn, where no flip would change the energy."""
    sampler = Metropolis((2, 2), 2.27)
    stripes = np.tile(np.array([[1, 1], [-1, -1]], np.int8), (5_000, 1, 1))
    p = boltzmann_probabilities((2, 2), 2.27)
    for start in (stripes, np.ones_like(stripes), sampler.start(KEY, 5_000)):
        _, state = run(sampler, start, 1, thin=400)
        counts = np.bincount(state_number(state), minlength=16)
        assert chi_square(counts, len(state) * p) < 1


def test_it_is_what_it_was_made_of():
    sampler = Metropolis([4, 6], 2)
    assert sampler.shape == (4, 6)
    again = pickle.loads(pickle.dumps(sampler))
    state = sampler.start(KEY, 2)
    assert np.array_equal(run(again, state, 3)[0], run(sampler, state, 3)[0])


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (5, 5)])
def test_an_odd_side_is_refused(shape):
    with pytest.raises(ValueError, match=r"odd side.*samplers\.wolff\.Wolff"):
        Metropolis(shape, 2.0)
