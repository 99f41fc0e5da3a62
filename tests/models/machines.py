"""Small machines of every kind, and their laws written out."""

import numpy as np
import pytest
from scipy.special import logsumexp

from models.gaussian_rbm import GaussianRBM
from models.rbm import RBM
from samplers.machine import binary_states

# name: (whether sigma is learned, whether W is that of the scaled form)
GAUSSIAN = {
    "fixed": (False, False),
    "learned": (True, False),
    "fixed-scaled": (False, True),
    "learned-scaled": (True, True),
}
KINDS = pytest.mark.parametrize("kind", ["binary", *GAUSSIAN])
GAUSSIAN_KINDS = pytest.mark.parametrize("kind", GAUSSIAN)


def make_rbm(kind, M=4, N=3, scale=1.0, seed=0, dtype=np.float64):
    """A machine with normal parameters."""
    rng = np.random.default_rng(seed)
    shapes = (M, N), M, N
    W, a, b = (scale * rng.standard_normal(s).astype(dtype) for s in shapes)
    if kind == "binary":
        return RBM(W, a, b)
    log_sigma = rng.uniform(-0.7, 0.7, M).astype(dtype)
    return GaussianRBM(W, a, b, log_sigma, *GAUSSIAN[kind])


def make_states(rbm, n=5, seed=1):
    """n visible states, in the dtype of the machine."""
    rng = np.random.default_rng(seed)
    size = n, len(rbm.a)
    x = rng.integers(2, size=size) if type(rbm) is RBM else rng.normal(size=size)
    return x.astype(rbm.a.dtype)


def hidden_states(rbm):
    """All of them, (2^N, N), in the dtype of the machine."""
    return binary_states(len(rbm.b)).astype(rbm.b.dtype)


def log_sum_over_h(rbm, x):
    """log sum_h exp(-E(x, h)), (n,), term by term."""
    return logsumexp(-rbm.energy(x[:, np.newaxis], hidden_states(rbm)), axis=1)
