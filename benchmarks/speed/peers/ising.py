"""Metropolis sampling of the Ising model in JAX.

A repetition is KEPT times THIN sweeps, and the states after every THIN sweeps are kept.
Those of the last repetition are judged.
"""

import numpy as np

KEPT, THIN = 50, 10


def judged(draws):
    """Return the mean energy per site of each lattice, (lattice,), and over all.

    draws : (lattice, draw, L, L), +1 or -1
    """
    draws = np.asarray(draws, np.int8)  # in which a sum of two spins fits
    neighbors = np.roll(draws, 1, axis=2) + np.roll(draws, 1, axis=3)
    energies = -np.mean(draws * neighbors, axis=(1, 2, 3))
    return {"energy": energies, "mean energy": energies.mean()}


def jax(problem):
    """A checkerboard by rolled lattices, in a compiled scan over the sweeps.

    One uniform number a site serves both half sweeps, as each site needs it in one of
    them; the factor exp(-dE / T) is chosen among three.
    """
    import jax
    import jax.numpy as jnp

    even = np.indices(problem["state"].shape[1:]).sum(axis=0) % 2 == 0
    factors = np.exp(-np.outer([4, 8], 1 / problem["temperatures"]))
    if_4, if_8 = jnp.array(factors[:, :, np.newaxis, np.newaxis], jnp.float32)

    def half(s, uniforms, color):
        neighbors = sum(
            jnp.roll(s, shift, axis) for shift in (1, -1) for axis in (1, 2)
        )
        along = s * neighbors
        p = jnp.where(along == 4, if_8, jnp.where(along == 2, if_4, 1))
        return jnp.where(color & (uniforms < p), -s, s)

    def sweep(s, key):
        uniforms = jax.random.uniform(key, s.shape)
        return half(half(s, uniforms, even), uniforms, ~even), None

    def some_sweeps(s, keys):
        s, _ = jax.lax.scan(sweep, s, keys)
        return s, s.astype(jnp.int8)

    @jax.jit
    def sweeps(key, s):
        key, other = jax.random.split(key)
        keys = jax.random.split(other, (KEPT, THIN))
        s, draws = jax.lax.scan(some_sweeps, s, keys)
        return key, s, draws

    def run(repetitions):
        key, s = jax.random.key(1), jnp.array(problem["state"], jnp.float32)
        for _ in range(repetitions):
            key, s, draws = sweeps(key, s)
        return judged(np.swapaxes(draws, 0, 1))

    return run
