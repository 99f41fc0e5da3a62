"""Networks, points and plain energies that the tests of network targets share."""

from itertools import pairwise

import numpy as np

from autodiff import grad
from models.mlp import MLP, Dense


def make(sizes, names=("tanh",), seed=0, gain=1.5, dtype=np.float64):
    """Return a network with biases, and the activations in turn, the last one too."""
    rng = np.random.default_rng(seed)
    layers = []
    for k, (m, n) in enumerate(pairwise(sizes)):
        W = gain * rng.standard_normal((m, n)) / np.sqrt(m)
        b = rng.standard_normal(n)
        layers.append(Dense(W.astype(dtype), b.astype(dtype), names[k % len(names)]))
    return MLP(layers)


def draw(n, d, dtype=np.float64, seed=1):
    """Return n points from N(0, 4 I), (n, d)."""
    return (2 * np.random.default_rng(seed).standard_normal((n, d))).astype(dtype)


def twin(network, prior_sd):
    """Return E of x : (n, d), which autodiff differentiates."""

    def energy(x):
        f = network(x)[:, 0]
        return f if prior_sd is None else f + np.sum(x**2, axis=1) / (2 * prior_sd**2)

    return energy


def slope(energy):
    """Return grad E, as a function of x : (n, d)."""
    return grad(lambda x: np.sum(energy(x)))
