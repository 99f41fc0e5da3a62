"""AdaGrad: each entry's rate falls with the gradients that it has seen.

With g the gradient and r the root of the sum of its squares, which starts at zero,

    r <- sqrt(r^2 + g^2),    theta <- theta - eta g / (r + epsilon).

An entry whose gradients are rare keeps long steps for the time when they come. The
first step is -eta g / (|g| + epsilon); with gradients of constant size step t has
length eta / sqrt(t).

Reference: J. Duchi, E. Hazan and Y. Singer, J. Mach. Learn. Res. 12, 2011, the diagonal
method.
"""

from dataclasses import dataclass, field

import numpy as np

from optim.hypot import hypot
from optim.optimizer import Optimizer
from optim.schedules import Schedule
from optim.settings import require_epsilon
from samplers.kernel import kernel


@kernel
def accumulate(theta, g, r, numbers, write):
    """Update theta and r, each of shape (n,); numbers = (eta, epsilon)."""
    eta, epsilon = numbers[0], numbers[1]
    overflows = 0
    for i in range(theta.size):
        new_r = hypot(r[i], g[i])
        new_theta = theta[i] - eta * (g[i] / (new_r + epsilon))
        overflows += not (np.isfinite(new_theta) & np.isfinite(new_r))
        if write:
            theta[i], r[i] = new_theta, new_r
    return overflows


def reference_accumulate(theta, g, r, *, learning_rate, epsilon):
    """Return the new theta and r: what the kernel `accumulate` makes of them."""
    r = np.hypot(r, g)
    return theta - learning_rate * (g / (r + epsilon)), r


@dataclass(eq=False)
class AdaGrad(Optimizer):
    """The optimizer and its state.

    Parameters
    ----------
    learning_rate : eta > 0, in units of the parameters: the length of the first step;
        or a schedule of it
    epsilon : in units of the gradient; entries much smaller than it move less

    Attributes
    ----------
    root_sums : r, an array for each leaf; empty before step one
    """

    learning_rate: float | Schedule = 1e-2
    epsilon: float = 1e-10
    root_sums: list[np.ndarray] = field(default_factory=list, init=False)

    slots = ("root_sums",)
    update = staticmethod(accumulate)

    def __post_init__(self):
        super().__post_init__()
        require_epsilon(self.epsilon)

    def numbers(self):
        """Return (eta, epsilon)."""
        return self.rate, self.epsilon
