"""Laws of latents that can be written out, for the chapters on autoencoders."""

from itertools import product

import numpy as np

from autodiff import tree_map
from models.vae import VAE


def gauss_hermite(nodes, dimensions=1):
    """Nodes and weights of a mean over N(0, I), exact for polynomials of degree 2n - 1.

    Returns (n,) and (n,) for one dimension, else (n^d, d) and (n^d,).
    """
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = w / w.sum()
    if dimensions == 1:
        return x, w
    grid = np.array(list(product(x, repeat=dimensions)))
    weights = np.array([np.prod(each) for each in product(w, repeat=dimensions)])
    return grid, weights


def log_normal(x, mean, variance):
    """log N(x; mean, variance) of single numbers, in nats."""
    return -0.5 * ((x - mean) ** 2 / variance + np.log(2 * np.pi * variance))


def log_gaussian(x, mean, covariance):
    """log N(x; mean, C) of vectors, x and mean : (..., d), in nats, (...)."""
    r = x - mean
    squares = np.sum(r @ np.linalg.inv(covariance) * r, axis=-1)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


def some_vae(seed=0):
    """A network of one latent for three bits.

    Its posteriors are not Gaussian, and q is narrower and beside them.
    """
    vae = VAE.create(3, 1, hidden=(6,), activation="tanh", rng=seed)
    vae.encoder.network.layers[-1].bias[:] = 0.5, -1.5
    return VAE(vae.encoder, tree_map(lambda a: 2 * a, vae.decoder))


def log_joint_of(vae, x):
    """The function h : (n, 1) -> log p(x, h), (n,), of one x : (M,)."""

    def log_joint(h):
        log_likelihood = vae.decoder.log_density(np.tile(x, (len(h), 1)), h)
        return log_normal(h[:, 0], 0, 1) + log_likelihood

    return log_joint
