"""Gradient descent, theta <- theta - eta grad L(theta).

On a quadratic L = (theta - theta*)^T H (theta - theta*) / 2 the error is multiplied by
I - eta H at every step, so the descent converges if and only if eta < 2 / lambda_max(H)
(H positive definite), and the ratio lambda_max / lambda_min sets its pace. With the
gradient of a random batch in the place of the full one it is stochastic gradient
descent (H. Robbins and S. Monro, Ann. Math. Stat. 22, 1951).
"""

from dataclasses import dataclass

import numpy as np

from optim.optimizer import Optimizer
from samplers.kernel import kernel


@kernel
def descend(theta, g, numbers, write):
    """Update theta, of shape (n,), if `write`; count what would not be finite.

    numbers = (eta,), an array of theta's dtype because a Python float would promote
    float32 to float64.
    """
    eta = numbers[0]
    overflows = 0
    for i in range(theta.size):
        new_theta = theta[i] - eta * g[i]
        overflows += not np.isfinite(new_theta)
        if write:
            theta[i] = new_theta
    return overflows


def reference_descend(theta, g, *, learning_rate):
    """Return the new theta: what the kernel `descend` makes of it."""
    return theta - learning_rate * g


@dataclass(eq=False)
class SGD(Optimizer):
    """Gradient descent; stochastic where the gradient is.

    Parameters
    ----------
    learning_rate : eta > 0, in units of parameter^2 / loss, or a schedule of it
    """

    update = staticmethod(descend)

    def numbers(self):
        """Return (eta,)."""
        return (self.rate,)
