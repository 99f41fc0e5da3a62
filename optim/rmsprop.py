"""RMSprop: steps in units of the running root mean square of the gradient.

With g the gradient and r its root mean square over the last 1 / (1 - rho) steps,

    r <- sqrt(rho r^2 + (1 - rho) g^2),    theta <- theta - eta g / (r + epsilon).

It forgets where AdaGrad sums, so its steps do not fall to zero. r starts at zero and is
not corrected for that, which makes the first steps long: the very first one is about
-eta sign(g) / sqrt(1 - rho).

Reference: T. Tieleman and G. Hinton, Neural Networks for Machine Learning, lecture 6.5,
2012.
"""

from dataclasses import dataclass, field

import numpy as np

from optim.hypot import hypot
from optim.optimizer import Optimizer
from optim.schedules import Schedule
from optim.settings import require_epsilon, require_fraction
from samplers.kernel import kernel


@kernel
def normalize(theta, g, r, numbers, write):
    """Update theta and r, each of shape (n,).

    numbers = (eta, sqrt(rho), sqrt(1 - rho), epsilon).
    """
    eta, keep, add, epsilon = numbers[0], numbers[1], numbers[2], numbers[3]
    overflows = 0
    for i in range(theta.size):
        new_r = hypot(keep * r[i], add * g[i])
        new_theta = theta[i] - eta * (g[i] / (new_r + epsilon))
        overflows += not np.isfinite(new_theta)
        if write:
            theta[i], r[i] = new_theta, new_r
    return overflows


def reference_normalize(theta, g, r, *, learning_rate, decay, epsilon):
    """Return the new theta and r: what the kernel `normalize` makes of them."""
    r = np.hypot(decay**0.5 * r, (1 - decay) ** 0.5 * g)
    return theta - learning_rate * (g / (r + epsilon)), r


@dataclass(eq=False)
class RMSprop(Optimizer):
    """The optimizer and its state.

    Parameters
    ----------
    learning_rate : eta > 0, in units of the parameters: about the length of a step; or
        a schedule of it
    decay : rho in [0, 1), of the mean square; a memory of 1 / (1 - rho) steps
    epsilon : in units of the gradient; entries much smaller than it move less

    Attributes
    ----------
    root_mean_squares : r, an array for each leaf; empty before step one
    """

    learning_rate: float | Schedule = 1e-3
    decay: float = 0.9
    epsilon: float = 1e-8
    root_mean_squares: list[np.ndarray] = field(default_factory=list, init=False)

    slots = ("root_mean_squares",)
    update = staticmethod(normalize)

    def __post_init__(self):
        super().__post_init__()
        require_fraction("decay", self.decay)
        require_epsilon(self.epsilon)

    def numbers(self):
        """Return (eta, sqrt(rho), sqrt(1 - rho), epsilon)."""
        return self.rate, self.decay**0.5, (1 - self.decay) ** 0.5, self.epsilon

    def reach(self):
        """Return twice eta / sqrt(1 - rho): r is at least sqrt(1 - rho) |g|."""
        return 2 * self.rate * (1 - self.decay) ** -0.5
