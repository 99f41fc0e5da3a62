"""Small hierarchies of latents, linear ones too, and points for means over noise."""

from itertools import pairwise

import numpy as np

from models.conditionals import Bernoulli, HomoscedasticGaussian
from models.hierarchical_vae import HierarchicalVAE
from models.mlp import MLP, Dense


def make(latents=(3, 2), likelihood="bernoulli", *, seed=0, **how):
    """A small model whose laws all depend on what they are given."""
    settings = {"hidden": (4,), "activation": "tanh", **how}
    model = HierarchicalVAE.create(
        5, latents, likelihood=likelihood, learn_variance=True, rng=seed, **settings
    )
    rng = np.random.default_rng(seed)
    for law in (*model.encoders, *model.decoders):
        for layer in law.network.layers:
            for array in (layer.weights, layer.bias):
                array += 0.3 * rng.standard_normal(array.shape).astype(array.dtype)
    return model


def data(model, n=4, seed=1):
    rng = np.random.default_rng(seed)
    if isinstance(model.decoders[0], Bernoulli):
        return rng.integers(2, size=(n, model.visible)).astype(model.dtype)
    return rng.standard_normal((n, model.visible)).astype(model.dtype)


def affine(n_in, n_out, rng, dtype=np.float64, *, diagonal=False):
    """A random Gaussian law whose mean is affine."""
    W = rng.standard_normal((n_in, n_out))
    if diagonal and n_in == n_out:
        W = np.diag(np.diagonal(W))
    b, v = rng.standard_normal(n_out), rng.uniform(-2, 1, n_out)
    network = MLP([Dense(W.astype(dtype), b.astype(dtype))])
    return HomoscedasticGaussian(network, v.astype(dtype), learn_variance=True)


def make_chain(sizes, seed=0, dtype=np.float64, **how):
    """A chain of the sizes (M, d_1, ..., d_T), with encoders of no relation to it."""
    rng = np.random.default_rng(seed)
    encoders = [affine(m, n, rng, dtype, **how) for m, n in pairwise(sizes)]
    decoders = [affine(n, m, rng, dtype, **how) for m, n in pairwise(sizes)]
    return HierarchicalVAE(tuple(encoders), tuple(decoders))


def units(sizes):
    """Noise of zeros, then of one unit vector after the other: 1 + D rows a level."""
    D = sum(sizes)
    rows = np.concatenate([np.zeros((1, D)), np.eye(D)])
    return tuple(np.split(rows, np.cumsum(sizes)[:-1], axis=1))


def cubature(sizes, n):
    """2 D points of noise over which means of quadratic functions are exact.

    (2 D, n, d) a level, +-sqrt(D) e_i: their mean is 0, their covariance I.
    """
    D = sum(sizes)
    points = np.sqrt(D) * np.concatenate([np.eye(D), -np.eye(D)])
    noise = np.split(points[:, np.newaxis], np.cumsum(sizes)[:-1], axis=-1)
    return tuple(np.repeat(eps, n, axis=1) for eps in noise)


def joint_moments(levels):
    """The mean and the covariance of all levels together, for noise by `units`."""
    rows = np.concatenate(levels, axis=1)
    J = rows[1:] - rows[0]
    return rows[0], J.T @ J
