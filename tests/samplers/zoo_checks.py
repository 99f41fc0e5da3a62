"""Checks for the zoo: what a module computes, against plain NumPy and sums over states.

A check takes the module, whose kernels are not compiled; so lattices and machines are
small, and rows of numbers short.
"""

from functools import partial

import numpy as np
import pytest
from scipy.special import logsumexp

from samplers.errors import DivergenceError
from samplers.exact import visible_probabilities
from samplers.machine import binary_states
from samplers.philox import EXACT, START, normals, uniforms
from tests.samplers import elementary_exact, gibbs_checks, test_metropolis
from tests.samplers.ising_checks import KEY, row
from tests.samplers.kernels import irreversibility, stationarity
from tests.samplers.test_chains import Autoregression, by_hand
from tests.samplers.test_exact import minus_energies, mixture
from tests.samplers.test_ising import draw_spins, sum_over_bonds
from tests.samplers.test_machine import make_machine
from tests.samplers.test_philox import (
    exact_box_muller,
    expected_uniforms,
    expected_words,
    filled,
)

close = partial(np.testing.assert_allclose, rtol=1e-12)

POINTS = {
    "exp": [-80.3, -1.7, -1e-3, 0.4, 2.9, 83.1],
    "log": [1e-40, 1e-9, 0.3, 0.72, 1.1, 2.9, 7e30],
    "log1p": [-0.97, -0.4, -1e-5, 1e-7, 0.6, 1e9],
    "sigmoid": [-60.5, -3.1, -1e-3, 0.2, 5.4, 30.0],
    "softplus": [-60.5, -3.1, -1e-3, 0.2, 5.4, 30.0],
    "sincos": [-90.1, -2.4, 0.3, 0.7, 1.1, 3.3, 5.2, 1e4],
    "sincos_turns": [0.06, 0.1, 0.3, 0.45, 0.6, 0.8, 0.95, 7.3],
}


def check_elementary(elementary):
    """Within 4 ulp of the functions in 50 digits."""
    for name, points in POINTS.items():
        for dtype in (np.float32, np.float64):
            x = np.array(points, dtype)
            found = [np.atleast_1d(getattr(elementary, name)(each)) for each in x]
            for ours, theirs in zip(
                np.transpose(found), elementary_exact.exact(name, x), strict=True
            ):
                assert ours.dtype == dtype
                errors = map(elementary_exact.error, ours, theirs)
                assert max(errors) <= 4, (name, dtype)


def check_philox(philox):
    """The published generator, its upper bits, and Box and Muller's transform."""
    address = KEY, 7, 1000, 3
    for n in (6, 8):
        found = filled(philox.words, n, np.uint32, *address)
        assert found.tolist() == expected_words(*address, n)
    for dtype in (np.float32, np.float64):
        eps = np.finfo(dtype).eps
        u, z = (
            filled(f, 10, dtype, *address) for f in (philox.uniforms, philox.normals)
        )
        assert np.array_equal(u, expected_uniforms(*address, 10, dtype))
        expected = exact_box_muller(
            u[::2].astype(float) + eps / 4, u[1::2].astype(float)
        )
        np.testing.assert_allclose(z, expected, rtol=4 * eps)


def check_choices(philox):
    """Outcomes are inversions of the uniforms at their address."""
    weights = np.array([0, 2.0, 0, 1.0, 1.0, 0])
    u, chosen, on = np.empty(30), np.empty(30, int), np.empty(30, int)
    uniforms(KEY, 7, 1000, 3, u)
    philox.categorical(KEY, 7, 1000, 3, weights, chosen)
    assert np.array_equal(chosen, np.where(u < 0.5, 1, np.where(u < 0.75, 3, 4)))
    philox.bernoulli(KEY, 7, 1000, 3, np.full(30, 0.3), on)
    assert np.array_equal(on, u < 0.3)
    for border in u[:3]:
        philox.categorical(KEY, 7, 1000, 3, np.array([border, 1 - border]), chosen)
        assert np.array_equal(chosen, u >= border)


def check_sums(exact):
    """log Z, marginals and moments of binary machines, by all joint states."""
    for M, N in ((4, 3), (3, 4)):
        machine = make_machine(M, N, scale=2)
        x, h, log_f = binary_states(M), binary_states(N), minus_energies(machine)
        for beta in (1, 0.3):
            expected = logsumexp(beta * log_f)
            close(exact.log_partition(machine, beta), expected)
        p = np.exp(log_f - logsumexp(log_f))
        close(exact.joint_probabilities(machine), p)
        close(exact.visible_probabilities(machine), p.sum(axis=1))
        close(exact.hidden_probabilities(machine), p.sum(axis=0))
        log_p = exact.log_probability(machine, x)
        close(np.exp(log_p), p.sum(axis=1))
        found = exact.moments(machine)
        close(found.x, p.sum(axis=1) @ x)
        close(found.h, p.sum(axis=0) @ h)
        close(found.xh, x.T @ p @ h)


def check_gaussian_sums(exact):
    """Those of a machine with Gaussian visible units, a mixture."""
    machine = make_machine(4, 3, gaussian=True)
    log_weights, means = mixture(machine)
    p, h = np.exp(log_weights - logsumexp(log_weights)), binary_states(3)
    close(exact.log_partition(machine), logsumexp(log_weights))
    close(exact.hidden_probabilities(machine), p)
    found = exact.moments(machine)
    close(found.x, p @ means)
    close(found.h, p @ h)
    close(found.xh, (p * means.T) @ h)
    close(found.xx, p @ means**2 + machine.sigma**2)


def check_large_sums(exact):
    """Energies of some thousand, whose exponentials overflow."""
    machine = make_machine(4, 3, scale=10_000)
    expected = logsumexp(minus_energies(machine))
    close(exact.log_partition(machine), expected)


def check_draws(exact):
    """The word is where the sum of p passes a number, the others are on below means."""
    for gaussian in (False, True):
        machine, n = make_machine(4, 3, gaussian=gaussian), 12
        x, h = exact.exact_draws(machine, n, rng=0)
        key = exact.draw_key(0)
        u, noise = np.empty((n, 1)), np.empty((n, 4))
        for i in range(n):
            uniforms(key, i, 0, EXACT, u[i])
            (normals if gaussian else uniforms)(key, i, 1, EXACT, noise[i])
        log_p = mixture(machine)[0] if gaussian else minus_energies(machine)
        ends = np.cumsum(np.exp(log_p - logsumexp(log_p)).reshape(-1, 8).sum(axis=0))
        assert np.array_equal(h, binary_states(3)[np.searchsorted(ends, u[:, 0])])
        mean = machine.mean_x_given_h(h)
        if gaussian:
            close(x, mean + machine.sigma * noise)
        else:
            assert np.array_equal(x, noise < mean)


def check_energy(ising):
    """Energies bond by bond, and averages that are written out."""
    for shape in ((2, 5), (5, 2), (3, 3)):
        spins = draw_spins((2, *shape))
        assert ising.energy(spins).tolist() == [sum_over_bonds(each) for each in spins]
        assert np.array_equal(ising.magnetization(spins), spins.sum(axis=(1, 2)))
    E, M = np.array([-8, -4, -8, 0]), np.array([4, -2, -4, 2])
    close(ising.heat_capacity(E, 2.0, 4), 11 / (4 * 4))
    close(ising.susceptibility(M, 2.0, 4), 1 / (4 * 2))


def check_jackknife(jackknife):
    """The error of a mean of four is the standard error."""
    draws = np.array([-8, -4, -8, 0])
    _, error = jackknife.jackknife(np.mean, draws)
    close(error, np.std(draws, ddof=1) / 2)


def check_density_of_states(ising_states):
    """g(E, M) is a count of the listed states, on a lattice with a doubled bond."""
    g, states = ising_states.density_of_states((2, 3)), ising_states.all_states((2, 3))
    E = np.array([sum_over_bonds(each) for each in states])
    counts = np.zeros((7, 7), int)
    np.add.at(counts, ((E + 12) // 4, (states.sum(axis=(1, 2)) + 6) // 2), 1)
    assert np.array_equal(g.counts, counts)
    assert np.array_equal(ising_states.state_number(states), np.arange(64))
    p = ising_states.boltzmann_probabilities((2, 3), 2.5)
    close(p, np.exp(-E / 2.5) / np.sum(np.exp(-E / 2.5)))
    close(g.energy(2.5), p @ E / 6)
    close(g.heat_capacity(2.5), (p @ E**2 - (p @ E) ** 2) / (6 * 2.5**2))


def check_start(ising_sampler):
    """A hot start has the first bit of each word of its address."""
    state = ising_sampler.IsingSampler((3, 4), 1.0).start(KEY, 2)
    for chain, spins in enumerate(state):
        bits = row(chain, 0, START, 12)
        assert np.array_equal(spins.ravel(), np.where(bits >> 31, -1, 1))


class InTurn:
    """An executor that does one task after the other."""

    map = staticmethod(map)


def check_chains(chains):
    """Draws are those made by hand, in short chunks and in long ones, and in blocks."""
    expected = by_hand(5, 13, burn_in=4, thin=3)
    for seconds, executor in ((0.0, None), (100.0, None), (100.0, InTurn())):
        chains.CHUNK_SECONDS = seconds
        run = chains.Chains(Autoregression(), 5, rng=0, burn_in=4, thin=3)
        assert np.array_equal(run.run(6, executor=executor), expected[:, :6])
        assert np.array_equal(run.run(13, executor=executor), expected)


def check_chains_that_failed(chains):
    """After an error in a chunk they are as before it, and go on from there."""
    chains.CHUNK_SECONDS = 0.0
    run = chains.Chains(Autoregression(blows_up_at=6), 3, rng=0, thin=2)
    with pytest.raises(DivergenceError):
        run.run(10)
    expected = by_hand(3, 10, thin=2)
    assert np.array_equal(run.draws, expected[:, :3])
    assert np.array_equal(run.state, expected[:, 2])
    run.sampler = Autoregression()
    assert np.array_equal(run.run(10), expected)


def check_blocks_of_gibbs(gibbs):
    """Chains are as each alone, also where only two take their steps together."""
    gibbs.BLOCK = 2
    gibbs_checks.check_chains_are_independent_of_company(gibbs)


def check_gibbs_balance(gibbs):
    """A step is in detailed balance, to 1e-12; with a full group of hidden units."""
    machine = make_machine(2, 4)
    pi = visible_probabilities(machine)
    P = gibbs_checks.transition_matrix(gibbs, machine)
    assert stationarity(P, pi) < 1e-12
    assert irreversibility(P, pi) < 1e-12


def check_metropolis_balance(metropolis):
    """The transition matrix on four sites, which takes less time than on eight."""
    test_metropolis.check_balance(metropolis, (2, 2))
