"""Models: parameters in dataclasses, losses as functions.

Read mlp first, then initializers and losses.
"""

from models.initializers import INITIALIZERS, glorot, he, orthogonal
from models.losses import (
    accuracy,
    binary_cross_entropy,
    cross_entropy,
    mean_squared_error,
)
from models.mlp import ACTIVATIONS, MLP, Dense

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "MLP",
    "Dense",
    "accuracy",
    "binary_cross_entropy",
    "cross_entropy",
    "glorot",
    "he",
    "mean_squared_error",
    "orthogonal",
]
