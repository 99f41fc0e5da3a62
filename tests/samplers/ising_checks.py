"""What both Ising samplers are held to: addresses, invariance, exact energies."""

import numpy as np

from samplers import kaufman
from samplers.ising import energy
from samplers.ising_states import (
    all_states,
    boltzmann_probabilities,
    density_of_states,
    state_number,
)
from samplers.philox import words
from tests.data.agreement import chi_square

KEY = np.uint64(0x0123456789ABCDEF)


def row(chain, step, purpose, length):
    """Random numbers by their address."""
    bits = np.empty(length, np.uint32)
    words(KEY, chain, step, purpose, bits)
    return bits


def run(sampler, state, n, *, chain=0, step=0, thin=1):
    """n draws from a copy of the state, and the last state."""
    state = state.copy()
    draws = np.empty((len(state), n, *state.shape[1:]), np.int8)
    sampler.advance(state, draws, key=KEY, chain=chain, step=step, thin=thin)
    return draws, state


def check_addresses(make):
    """The steps of a chain are the same in one go, in chunks, thinned, and alone.

    make : temperature -> sampler
    """
    sampler = make(np.array([1.5, 2.5, 4.0]))
    state = sampler.start(KEY, 3)
    draws, last = run(sampler, state, 12)
    assert np.array_equal(draws[:, -1], last)
    first, middle = run(sampler, state, 5)
    second, end = run(sampler, middle, 7, step=5)
    assert np.array_equal(np.concatenate([first, second], axis=1), draws)
    assert np.array_equal(end, last)
    thinned, end = run(sampler, state, 4, thin=3)
    assert np.array_equal(thinned, draws[:, 2::3])
    assert np.array_equal(end, last)
    for chain, temperature in enumerate([1.5, 2.5, 4.0]):
        one = state[chain : chain + 1]
        for alone in (sampler, make(temperature)):
            assert np.array_equal(run(alone, one, 12, chain=chain)[0][0], draws[chain])


def invariance(sampler, temperature, n, steps):
    """Start n chains from the exact law; after some steps, how far are they from it?

    Returns chi-square over its largest allowed value, of states and of (E, M).
    """
    shape = sampler.shape
    p = boltzmann_probabilities(shape, temperature)
    first = np.random.default_rng(0).choice(len(p), size=n, p=p)
    _, state = run(sampler, all_states(shape)[first], 1, thin=steps)
    by_state = np.bincount(state_number(state), minlength=len(p))
    g = density_of_states(shape)
    rows = (energy(state) - g.energies[0, 0]) // 4
    columns = (state.sum(axis=(1, 2), dtype=int) + g.sites) // 2
    by_level = np.zeros(g.counts.shape, int)
    np.add.at(by_level, (rows, columns), 1)
    law = g.law(temperature)
    return (
        chi_square(by_state, n * p),
        chi_square(by_level.ravel(), n * law.ravel()),
    )


def energy_score(sampler, *, chains, burn_in, draws, thin):
    """z of the mean energy per site against Kaufman's, and its standard error.

    The error is that of the means of independent chains.
    """
    state = sampler.start(KEY, chains)
    _, state = run(sampler, state, 1, thin=burn_in)
    kept, _ = run(sampler, state, draws, step=burn_in, thin=thin)
    means = energy(kept).mean(axis=1) / state[0].size
    error = means.std(ddof=1) / np.sqrt(chains)
    exact = kaufman.energy(float(sampler.temperature), sampler.shape)
    return (means.mean() - exact) / error, error
