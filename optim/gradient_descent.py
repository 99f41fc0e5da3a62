"""Gradient descent, theta <- theta - eta grad L(theta).

On a quadratic L = (theta - theta*)^T H (theta - theta*) / 2 the error is multiplied by
I - eta H at every step, so the descent converges if and only if eta < 2 / lambda_max(H)
(H positive definite), and the ratio lambda_max / lambda_min sets its pace. With the
gradient of a random batch in the place of the full one it is stochastic gradient
descent (H. Robbins and S. Monro, Ann. Math. Stat. 22, 1951).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from optim.leaves import paired_leaves, ravel, require_none, require_rate, store
from samplers.kernel import kernel


@dataclass(eq=False)
class SGD:
    """Gradient descent with a fixed learning rate.

    Parameters
    ----------
    learning_rate : eta > 0, in units of parameter^2 / loss
    """

    learning_rate: float

    def __post_init__(self):
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(
                f"learning_rate is {self.learning_rate}; a step along minus the "
                "gradient needs a positive, finite one, for example 0.1"
            )

    def step(self, model: Any, gradient: Any) -> None:
        """Move every array of the model in place.

        Raises NonFiniteError, before any array is touched, if an entry would become
        nan or infinite, and what `paired_leaves` and `require_rate` raise.
        """
        parameters, gradients = paired_leaves(model, gradient)
        require_rate(self.learning_rate, parameters)
        thetas, cotangents = ravel(parameters), ravel(gradients)
        rate = np.array([self.learning_rate])
        for leaf, theta in enumerate(thetas):
            count = count_overflows(theta, cotangents[leaf], rate.astype(theta.dtype))
            require_none(count, "the updated parameter", model, leaf)
        for theta, g in zip(thetas, cotangents, strict=True):
            descend(theta, g, rate.astype(theta.dtype))
        store(thetas, parameters)


def reference_descend(theta, g, learning_rate):
    """Return theta after one step: what the kernel `descend` does in place."""
    return theta - learning_rate * g


@kernel
def descend(theta, g, rate):
    """Subtract rate * g. theta, g : (n,); rate : (1,), an array to keep the dtype."""
    eta = rate[0]
    for i in range(theta.size):
        theta[i] -= eta * g[i]


@kernel
def count_overflows(theta, g, rate):
    """Count the entries that `descend` would make nan or infinite."""
    eta = rate[0]
    count = 0
    for i in range(theta.size):
        count += not np.isfinite(theta[i] - eta * g[i])
    return count
