"""Small Boltzmann machines and their Markov chains, as several chapters take them."""

import numpy as np

from models.rbm import RBM
from samplers.exact import joint_probabilities, visible_probabilities
from samplers.machine import Machine


def some_machine(M=4, N=3, scale=1.0, seed=0):
    """A machine with normal parameters."""
    rng = np.random.default_rng(seed)
    shapes = (M, N), M, N
    return Machine(*(scale * rng.normal(size=shape) for shape in shapes))


def some_rbm(M=4, N=3, scale=1.0, seed=0):
    """The same machine as a model, that can be differentiated."""
    machine = some_machine(M, N, scale, seed)
    return RBM(machine.W, machine.a, machine.b)


def some_counts(M=5):
    """How often each of the 2^M states occurs in data of a larger machine, (2^M,).

    One at least. One or two hidden units cannot be that law, and are likeliest at
    parameters of a few units.
    """
    p = visible_probabilities(some_machine(M, 5, scale=2.0))
    return 1 + np.round(200 * p).astype(int)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def conditionals(machine):
    """p(h | x) and p(x | h), both (2^M, 2^N), by Bayes' rule from all the p(x, h)."""
    p = joint_probabilities(machine)
    return p / p.sum(axis=1, keepdims=True), p / p.sum(axis=0)


def two_layer_step(machine):
    """T(x -> x') = sum_h p(h | x) p(x' | h), (2^M, 2^M)."""
    h_given_x, x_given_h = conditionals(machine)
    return h_given_x @ x_given_h.T


def eigenvalues(T, pi):
    """Of a reversible T, through the symmetric sqrt(pi) T / sqrt(pi); largest first."""
    root = np.sqrt(pi)
    return np.linalg.eigvalsh(root[:, np.newaxis] * T / root)[::-1]
