"""Small models that the tests of energy-based models share."""

import numpy as np

from autodiff import tree_leaves
from models import MLP
from models.ebm import EBM
from models.mlp import Dense

TEMPERATURES = [0.3, 1.0, 2.5]


def model(d=2, activation="tanh", seed=0, **settings):
    """A model with two hidden layers and s = 1.3."""
    return EBM.create(
        (d, 6, 5, 1), prior_sd=1.3, activation=activation, rng=seed, **settings
    )


def linear(slope, offset, sd):
    """E = slope.x + offset + |x|^2 / (2 sd^2): a Gaussian about -sd^2 slope."""
    slope = np.array(slope, np.float64)
    return EBM(MLP([Dense(slope[:, np.newaxis], np.array([offset]))]), sd)


def flat(tree):
    """All numbers of a tree in one row."""
    return np.concatenate([leaf.ravel() for leaf in tree_leaves(tree)])
