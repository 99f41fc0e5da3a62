"""Momentum: steps that remember the steps before them.

With g the gradient and v the velocity, which starts at zero,

    v <- mu v - eta g,    theta <- theta + v                       (heavy ball)
    v <- mu v - eta g,    theta <- theta + mu v - eta g            (Nesterov)

On a quadratic the heavy ball is, along each eigenvector of the Hessian with eigenvalue
lambda, the linear recursion e_{k+1} = (1 + mu - eta lambda) e_k - mu e_{k-1}. At best
it contracts by (sqrt(K) - 1) / (sqrt(K) + 1) a step, where K = lambda_max / lambda_min;
plain descent by (K - 1) / (K + 1).

Nesterov's method takes its gradient ahead of the parameters, at phi = theta + mu v. The
model holds that point phi, where the gradient is taken, and the second line above is
Nesterov's step written for it: phi_{k+1} = theta_{k+1} + mu v_{k+1} with theta_{k+1} =
phi_k - eta g, because phi_k = theta_k + mu v_k. Along an eigenvector
e_{k+1} = (1 - eta lambda) [(1 + mu) e_k - mu e_{k-1}].

References: B. T. Polyak, USSR Comput. Math. Math. Phys. 4 (5), 1964; Y. Nesterov,
Soviet Math. Dokl. 27, 1983; I. Sutskever et al., ICML 2013; for the shifted form
Y. Bengio et al., ICASSP 2013.
"""

from dataclasses import dataclass, field

import numpy as np

from optim.optimizer import Optimizer
from optim.settings import require_fraction
from samplers.kernel import kernel


@kernel
def roll(theta, g, v, numbers, write):
    """Update theta and v of the heavy ball, each of shape (n,); numbers = (eta, mu)."""
    eta, mu = numbers[0], numbers[1]
    overflows = 0
    for i in range(theta.size):
        new_v = mu * v[i] - eta * g[i]
        new_theta = theta[i] + new_v
        overflows += not np.isfinite(new_theta)
        if write:
            theta[i], v[i] = new_theta, new_v
    return overflows


def reference_roll(theta, g, v, *, learning_rate, momentum):
    """Return the new theta and v: what the kernel `roll` makes of them."""
    v = momentum * v - learning_rate * g
    return theta + v, v


@kernel
def look_ahead(theta, g, v, numbers, write):
    """Update theta and v of Nesterov, each of shape (n,); numbers = (eta, mu)."""
    eta, mu = numbers[0], numbers[1]
    overflows = 0
    for i in range(theta.size):
        fall = eta * g[i]
        new_v = mu * v[i] - fall
        new_theta = theta[i] + (mu * new_v - fall)
        overflows += not np.isfinite(new_theta)
        if write:
            theta[i], v[i] = new_theta, new_v
    return overflows


def reference_look_ahead(theta, g, v, *, learning_rate, momentum):
    """Return the new theta and v: what the kernel `look_ahead` makes."""
    v = momentum * v - learning_rate * g
    return theta + (momentum * v - learning_rate * g), v


@dataclass(eq=False)
class Momentum(Optimizer):
    """The heavy ball.

    Parameters
    ----------
    learning_rate : eta > 0, in units of parameter^2 / loss, or a schedule of it
    momentum : mu in [0, 1), what is left of the velocity after a step; a constant
        gradient reaches steps of eta / (1 - mu)

    Attributes
    ----------
    velocities : v, an array for each leaf; empty before step one
    """

    momentum: float = 0.9
    velocities: list[np.ndarray] = field(default_factory=list, init=False)

    slots = ("velocities",)
    update = staticmethod(roll)

    def __post_init__(self):
        super().__post_init__()
        require_fraction("momentum", self.momentum)

    def numbers(self):
        """Return (eta, mu)."""
        return self.rate, self.momentum


@dataclass(eq=False)
class Nesterov(Momentum):
    """The heavy ball that looks ahead; its parameters as for `Momentum`.

    The model holds the point ahead, theta + mu v, where the next gradient is taken.
    Both points meet where the descent ends.
    """

    update = staticmethod(look_ahead)
