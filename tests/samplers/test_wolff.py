"""Wolff clusters: against connected components, exact transition matrices, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from samplers import wolff
from samplers.ising_states import all_states, boltzmann_probabilities
from samplers.kernel import kernel
from samplers.philox import BOND, SEED
from samplers.wolff import Wolff, bond_thresholds
from tests.samplers.ising_checks import (
    KEY,
    check_addresses,
    energy_score,
    invariance,
    row,
    run,
)

ONE = 2**32
HALF = np.int64(2**31)  # a threshold
OPEN, CLOSED = np.uint32(HALF - 1), np.uint32(HALF)
# exp(-2 / T) is this over 2^16, so that the threshold is whole without rounding.
WHOLE = 27_147


def bonds_of(shape):
    """The two sites of each bond, (2 N, 2): to the right of a site, and downwards."""
    sites = np.arange(np.prod(shape)).reshape(shape)
    ends = [np.roll(sites, -1, 1), np.roll(sites, -1, 0)]
    return np.stack([np.stack([sites, end], -1) for end in ends], 2).reshape(-1, 2)


def plain_step(spins, seed, K, bits):
    """Flip the component of the seed by open bonds of equal spins, all bonds at once.

    bits : (2 N,), of the bonds to the right and downwards of each site
    """
    i, j = bonds_of(spins.shape).T
    flat = spins.ravel()
    is_open = (flat[i] == flat[j]) & (bits < np.rint((1 - np.exp(-2 * K)) * ONE))
    graph = coo_array((is_open[is_open], (i[is_open], j[is_open])), (flat.size,) * 2)
    _, labels = connected_components(graph, directed=False)
    return np.where(labels == labels[seed], -flat, flat).reshape(spins.shape)


def injected_step(module, spins, seed, threshold, bits):
    """The step by the module's kernel, from numbers that are given."""
    pages = -(-bits.size // module.PAGE)
    given = np.zeros(pages * module.PAGE, np.uint32)
    given[: bits.size] = bits
    after = spins.flatten()
    stack = np.empty(after.size, np.int64)
    drawn = np.ones(pages, bool)
    address = KEY, 0, 0
    module.flip_cluster(
        after, spins.shape[1], seed, threshold, given, drawn, stack, *address
    )
    return after.reshape(spins.shape)


def tabulate(flip, states, columns, bonds, seeds, room, p, P):
    """Add P(s -> s') to P, for each way in which the bonds can be open or closed.

    flip : flip_cluster; states : (2^N, N), in the order of their numbers
    seeds : (N,), the law of the first site; p : the chance of a bond to be open
    Bonds between opposite spins are open, always: they must not be used.
    """
    bits, drawn, stack = room
    sites = states.shape[1]
    equal = np.empty(len(bonds), np.int64)
    for s in range(len(states)):
        count = 0
        for b in range(len(bonds)):
            bits[b] = OPEN
            if states[s, bonds[b, 0]] == states[s, bonds[b, 1]]:
                equal[count] = b
                count += 1
        for pattern in range(1 << count):
            weight = 1.0
            for b in range(count):
                is_open = (pattern >> b) & 1
                bits[equal[b]] = OPEN if is_open else CLOSED
                weight *= p if is_open else 1 - p
            for seed in range(sites):
                if seeds[seed] > 0:
                    spins = states[s].copy()
                    key = np.uint64(0)
                    flip(spins, columns, seed, HALF, bits, drawn, stack, key, 0, 0)
                    after = 0
                    for site in range(sites):
                        after = 2 * after + (spins[site] > 0)
                    P[s, after] += seeds[seed] * weight


def transition_matrix(module, shape, p, seeds, tabulate=tabulate):
    """P(s -> s') of one step, by going through all bonds and first sites."""
    states = all_states(shape).reshape(2 ** np.prod(shape), -1)
    bonds = bonds_of(shape)
    pages = -(-len(bonds) // module.PAGE)
    bits = np.zeros(pages * module.PAGE, np.uint32)
    room = bits, np.ones(pages, np.bool_), np.empty(states.shape[1], np.int64)
    P = np.zeros((len(states),) * 2)
    tabulate(module.flip_cluster, states, shape[1], bonds, seeds, room, p, P)
    return P


def check_balance(module, shape=(2, 2), seeds=None, tabulate=tabulate):
    """A step is in detailed balance, from numbers that are given."""
    T = 2 / np.log(2**16 / WHOLE)
    p = float(module.bond_thresholds(1 / T)) / ONE
    sites = np.prod(shape)
    seeds = np.full(sites, 1 / sites) if seeds is None else seeds
    P = transition_matrix(module, shape, p, seeds, tabulate)
    pi = boltzmann_probabilities(shape, T)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-11)
    flow = pi[:, None] * P
    np.testing.assert_allclose(flow, flow.T, rtol=0, atol=1e-15)
    np.testing.assert_allclose(pi @ P, pi, rtol=0, atol=1e-12)
    return pi, P


def check_plain(module, shape=(3, 4), temperatures=(1.5, 2.5, 6.0)):
    """Steps are the flips of components, with the numbers of their addresses."""
    sampler = module.Wolff(shape, np.array((9.0, 9.0, *temperatures)))
    state = np.random.default_rng(1).choice(
        np.array([-1, 1], np.int8), (len(temperatures), *shape)
    )
    sites = state[0].size
    draws, _ = run(sampler, state, 6, chain=2, step=7, thin=2)
    for c, (spins, T) in enumerate(zip(state, temperatures, strict=True)):
        for step in range(12):
            word = int(row(c + 2, 7 + step, SEED, 1)[0])
            bits = row(c + 2, 7 + step, BOND, 2 * sites)
            spins = plain_step(spins, word * sites >> 32, 1 / T, bits)
            if step % 2:
                assert np.array_equal(draws[c, step // 2], spins)


def check_addresses_of(module):
    check_addresses(lambda temperature: module.Wolff((3, 4), temperature))


# The kernel, exactly


@pytest.mark.exact
@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (5, 2), (3, 3), (7, 9), (6, 17)])
def test_steps_flip_components(shape):
    check_plain(wolff, shape)


@given(
    rows=st.integers(2, 12),
    columns=st.integers(2, 12),
    T=st.floats(0.05, 50),
    up=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_any_step_flips_a_component(rows, columns, T, up, seed):
    """Also where nearly all spins are up, so that clusters reach around the edges."""
    rng = np.random.default_rng(seed)
    spins = np.where(rng.random((rows, columns)) < up, 1, -1).astype(np.int8)
    bits = rng.integers(ONE, size=2 * spins.size, dtype=np.uint32)
    first = int(rng.integers(spins.size))
    found = injected_step(wolff, spins, first, bond_thresholds(1 / T)[()], bits)
    assert np.array_equal(found, plain_step(spins, first, 1 / T, bits))


@pytest.mark.exact
def test_transition_matrix_on_four_sites():
    pi, P = check_balance(wolff)
    rows = np.linalg.matrix_power(P, 1024)
    np.testing.assert_allclose(rows, np.tile(pi, (16, 1)), rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def compiled_tabulate():
    return kernel(tabulate)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (2, 4)])
def test_transition_matrix(shape, compiled_tabulate):
    check_balance(wolff, shape, tabulate=compiled_tabulate)


def test_transition_matrix_without_doubled_bonds(compiled_tabulate):
    """3 x 3, and the first site by a law that is not uniform, which does no harm."""
    seeds = np.array([0.5, 0, 0, 0, 0.3, 0, 0, 0.2, 0])
    check_balance(wolff, (3, 3), seeds, compiled_tabulate)


@pytest.mark.exact
@pytest.mark.parametrize("T", [0.01, 0.3, 1, 2.27, 10, 1e3, 1e12])
def test_bonds_are_exact_to_33_bits(T):
    p = bond_thresholds(1 / T) / ONE
    assert abs(p - (1 - np.exp(-2 / T))) <= 2**-33


def test_threshold_of_the_exact_tests_is_whole():
    T = 2 / np.log(2**16 / WHOLE)
    assert bond_thresholds(1 / T) == (2**16 - WHOLE) * 2**16


@pytest.mark.exact
def test_addresses():
    check_addresses_of(wolff)


@pytest.mark.exact
@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (20, 20)])
def test_pages_hold_the_row_of_the_bonds(shape):
    """Drawn page by page, the numbers of the bonds are those of one row."""
    sites = np.prod(shape)
    pages = -(-2 * sites // wolff.PAGE)
    bits = np.zeros(pages * wolff.PAGE, np.uint32)
    for page in range(pages):
        wolff.draw_page(KEY, 3, 5, page, bits)
    assert np.array_equal(bits, row(3, 5, BOND, len(bits)))


def test_at_no_temperature_all_spins_are_one_cluster():
    draws, _ = run(Wolff((5, 6), 0.01), np.ones((1, 5, 6), np.int8), 4)
    assert draws.reshape(4, -1).tolist() == [[s] * 30 for s in (-1, 1, -1, 1)]


# The chain, by statistics


@pytest.mark.parametrize("T", [1.5, 2.27, 5.0])
@pytest.mark.parametrize("shape", [(3, 4), (4, 4)])
def test_exact_law_is_invariant(shape, T):
    """50,000 chains from the exact law, five clusters.

    A temperature that is 10 % too high would be seen, as is shown.
    """
    assert max(invariance(Wolff(shape, T), T, 50_000, 5)) < 1
    assert max(invariance(Wolff(shape, 1.1 * T), T, 50_000, 5)) > 1


@pytest.mark.parametrize(
    ("shape", "T", "least"),
    [((20, 20), 2.27, 1e-3), ((8, 12), 2.0, 1e-3), ((7, 9), 2.5, 2e-3)],
)
def test_energy_is_that_of_kaufman(shape, T, least):
    """128 chains from a hot start; a shift of ten times `least` would be seen."""
    z, error = energy_score(Wolff(shape, T), chains=128, burn_in=300, draws=600, thin=3)
    assert error < least
    assert abs(z) < 5.03


def test_mean_cluster_size_is_the_mean_squared_magnetization():
    """<|C|> = <M^2> / N, of 64 chains; 5 % would be seen."""
    sampler = Wolff((6, 6), 2.5)
    _, state = run(sampler, sampler.start(KEY, 64), 1, thin=200)
    draws, _ = run(sampler, state, 2000, step=200)
    sizes = np.sum(draws[:, 1:] != draws[:, :-1], axis=(2, 3)).mean(axis=1)
    squares = np.mean(draws.sum(axis=(2, 3), dtype=float) ** 2 / 36, axis=1)
    difference = sizes - squares
    error = difference.std(ddof=1) / 8
    assert error < 0.005 * sizes.mean()
    assert abs(difference.mean()) < 5.03 * error
