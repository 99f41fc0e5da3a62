"""A small Boltzmann machine, as several chapters take it."""

import numpy as np

from samplers.machine import Machine


def some_machine(M=4, N=3, scale=1.0, seed=0):
    """A machine with normal parameters."""
    rng = np.random.default_rng(seed)
    shapes = (M, N), M, N
    return Machine(*(scale * rng.normal(size=shape) for shape in shapes))
