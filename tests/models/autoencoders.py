"""Small variational autoencoders that tests share, and numbers they are held to."""

from itertools import pairwise

import numpy as np
import pytest

from autodiff import tree_leaves
from models import gaussian_log_likelihood
from models.conditionals import Bernoulli, Gaussian, HomoscedasticGaussian
from models.mlp import MLP, Dense
from models.vae import VAE

# name: (encoder, decoder); "shared" has one variance, "each" one for every entry, both
# the same for all inputs; "learned" ones have a derivative
KINDS = {
    "bernoulli": ("gaussian", "bernoulli"),
    "gaussian": ("gaussian", "gaussian"),
    "fixed": ("gaussian", "each"),
    "learned": ("gaussian", "each-learned"),
    "shared": ("shared-learned", "shared-learned"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
every_bound = pytest.mark.parametrize(
    "settings", [{}, {"samples": 3}, {"bound": "iwae", "samples": 3}]
)
both_likelihoods = pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
BITS = (np.random.default_rng(0).random((30, 6)) < 0.4).astype(float)


def make_network(sizes, rng, dtype=np.float64, activation="tanh"):
    """Return a network with weights and biases that are not small."""
    names = [activation] * (len(sizes) - 2) + ["identity"]
    return MLP(
        [
            Dense(
                (rng.standard_normal((m, n)) / np.sqrt(m)).astype(dtype),
                (0.5 * rng.standard_normal(n)).astype(dtype),
                name,
            )
            for (m, n), name in zip(pairwise(sizes), names, strict=True)
        ]
    )


def make_law(kind, given, size, rng, *, hidden=(4,), dtype=np.float64):
    """Return a conditional law of the kind that KINDS names."""
    outputs = 2 * size if kind == "gaussian" else size
    network = make_network((given, *hidden, outputs), rng, dtype)
    if kind == "bernoulli":
        return Bernoulli(network)
    if kind == "gaussian":
        return Gaussian(network)
    shape = () if kind.startswith("shared") else (size,)
    v = np.asarray(0.4 * rng.standard_normal(shape) - 0.5, dtype)
    return HomoscedasticGaussian(network, v, kind.endswith("learned"))


def make_vae(kind="bernoulli", M=3, d=2, *, seed=0, hidden=(4,), dtype=np.float64):
    """Return a VAE of x : (M,) and h : (d,)."""
    rng = np.random.default_rng(seed)
    up, down = KINDS[kind]
    return VAE(
        make_law(up, M, d, rng, hidden=hidden, dtype=dtype),
        make_law(down, d, M, rng, hidden=hidden, dtype=dtype),
    )


def small(likelihood="bernoulli", dtype=np.float64):
    """Return a VAE as it is created, of the six numbers of BITS and two latents."""
    return VAE.create(6, 2, hidden=(5,), likelihood=likelihood, rng=0, dtype=dtype)


def make_examples(vae, n=4, seed=1):
    """Return n examples of what the decoder takes, (n, M)."""
    x = np.random.default_rng(seed).standard_normal((n, vae.visible))
    return (x > 0 if isinstance(vae.decoder, Bernoulli) else x).astype(vae.dtype)


def draws(vae, x, k, seed=2):
    """k draws of the noise of each example, (k, n, d)."""
    return vae.draw_noise(len(x), seed, k)


def log_prior(h):
    return gaussian_log_likelihood(h, 0.0, 0.0)


def hermite(d, points):
    """Return nodes (points^d, d) and weights, of means over d standard normals."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    grid = np.stack(np.meshgrid(*[nodes] * d, indexing="ij"), -1).reshape(-1, d)
    product = np.stack(np.meshgrid(*[weights] * d, indexing="ij"), -1).prod(-1)
    return grid, product.ravel() / product.sum()


def on_a_grid(points=8001, width=12.0):
    """Points (points, 1) far into the tails of what is integrated, and their distance.

    The trapezoidal rule is exact to rounding for smooth functions that vanish outside.
    """
    h = np.linspace(-width, width, points)[:, np.newaxis]
    return h, h[1, 0] - h[0, 0]


def flat(model):
    """Return all parameters as one vector."""
    return np.concatenate([leaf.ravel() for leaf in tree_leaves(model)])


def assert_same(one, other):
    """Two models have the same parameters, bit for bit."""
    for ours, theirs in zip(tree_leaves(one), tree_leaves(other), strict=True):
        assert np.array_equal(ours, theirs)
