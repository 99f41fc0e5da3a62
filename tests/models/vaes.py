"""Small autoencoders that the tests of their training share."""

import numpy as np
import pytest

from autodiff import tree_leaves
from models.vae import VAE

BOUNDS = pytest.mark.parametrize(
    "settings", [{}, {"samples": 3}, {"bound": "iwae", "samples": 3}]
)
LIKELIHOODS = pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
RNG = np.random.default_rng(0)
BITS = (RNG.random((30, 6)) < 0.4).astype(float)


def small(likelihood="bernoulli", dtype=np.float64):
    """The same model each time, of six numbers and two latents."""
    return VAE.create(6, 2, hidden=(5,), likelihood=likelihood, rng=0, dtype=dtype)


def flat(model):
    """All parameters as one vector."""
    return np.concatenate([leaf.ravel() for leaf in tree_leaves(model)])


def assert_same(one, other):
    """That two models have the same parameters, bit for bit."""
    for ours, theirs in zip(tree_leaves(one), tree_leaves(other), strict=True):
        assert np.array_equal(ours, theirs)
