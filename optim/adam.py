"""Adam: steps scaled by running moments of the gradient; AdamW: weights that decay too.

With g the gradient at step t = 1, 2, ..., for every entry of every array,

    m <- beta1 m + (1 - beta1) g            first moment
    v <- beta2 v + (1 - beta2) g^2          second moment, not centered
    theta <- theta - eta m_hat / (sqrt(v_hat) + epsilon),

    m_hat = m / (1 - beta1^t),   v_hat = v / (1 - beta2^t).

Both moments start at zero, and for a gradient of constant distribution E[m] =
(1 - beta1^t) E[g] and E[v] = (1 - beta2^t) E[g^2]: the divisions remove that bias. The
first step is therefore -eta g / (|g| + epsilon), the sign of the gradient, whatever its
scale. What is remembered is r = sqrt(v) and not v, which would leave float32 for |g|
above 1e19 or below 1e-22 (`hypot`).

AdamW shrinks the parameters besides,

    theta <- (1 - eta lambda) theta - eta m_hat / (sqrt(v_hat) + epsilon).

A penalty lambda |theta|^2 / 2 in the loss would pass through the moments, where its
gradient is divided by the very size that large gradients give it; decoupled from them
the decay is the same for every parameter.

References: D. P. Kingma and J. Ba, ICLR 2015, algorithm 1; I. Loshchilov and F. Hutter,
ICLR 2019, algorithm 2.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from optim.hypot import hypot
from optim.optimizer import Optimizer
from optim.schedules import Schedule
from optim.settings import require_epsilon, require_fraction, require_weight_decay
from samplers.kernel import kernel


@kernel
def adapt(theta, g, m, r, numbers, write):
    """Update theta, m and r, each of shape (n,), in one pass over memory.

    numbers = (beta1, 1 - beta1, sqrt(beta2), sqrt(1 - beta2), eta c / (1 - beta1^t),
    epsilon c, 1 - eta lambda) with c = sqrt(1 - beta2^t): fraction and both corrections
    as one.
    """
    keep_m, add_m, keep_r, add_r = numbers[0], numbers[1], numbers[2], numbers[3]
    eta, epsilon, keep = numbers[4], numbers[5], numbers[6]
    overflows = 0
    for i in range(theta.size):
        new_m = keep_m * m[i] + add_m * g[i]
        new_r = hypot(keep_r * r[i], add_r * g[i])
        new_theta = keep * theta[i] - eta * (new_m / (new_r + epsilon))
        overflows += not np.isfinite(new_theta)
        if write:
            theta[i], m[i], r[i] = new_theta, new_m, new_r
    return overflows


def reference_adapt(
    theta, g, m, r, t, *, learning_rate, beta1, beta2, epsilon, weight_decay=0.0
):
    """Return theta, m and r after step t: what the kernel `adapt` makes of them."""
    m = beta1 * m + (1 - beta1) * g
    r = np.hypot(beta2**0.5 * r, (1 - beta2) ** 0.5 * g)
    m_hat = m / (1 - beta1**t)
    root_v_hat = r / (1 - beta2**t) ** 0.5
    keep = 1 - learning_rate * weight_decay
    return keep * theta - learning_rate * m_hat / (root_v_hat + epsilon), m, r


@dataclass(eq=False)
class Adam(Optimizer):
    """The optimizer and its state.

    Parameters
    ----------
    learning_rate : eta > 0, in units of the parameters: about the largest step; or a
        schedule of it
    beta1, beta2 : in [0, 1), decay of the moments; memory of 1 / (1 - beta) steps
    epsilon : in units of the gradient; entries much smaller than it move less

    Attributes
    ----------
    first_moments : m, an array for each leaf; empty before step one
    root_second_moments : r = sqrt(v), likewise
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    first_moments: list[np.ndarray] = field(default_factory=list, init=False)
    root_second_moments: list[np.ndarray] = field(default_factory=list, init=False)

    slots = ("first_moments", "root_second_moments")
    update = staticmethod(adapt)

    def __post_init__(self):
        super().__post_init__()
        require_fraction("beta1", self.beta1)
        require_fraction("beta2", self.beta2)
        require_epsilon(self.epsilon)

    def numbers(self):
        """Return the seven numbers of `adapt`."""
        t, eta = self.steps + 1, self.rate
        means = self.beta1, 1 - self.beta1, self.beta2**0.5, (1 - self.beta2) ** 0.5
        c = (1 - self.beta2**t) ** 0.5
        fall = eta * c / (1 - self.beta1**t)
        return *means, fall, self.epsilon * c, self.keep(eta)

    def keep(self, rate: float) -> float:
        """Return the factor of theta: one, since nothing decays."""
        return 1.0

    def reach(self):
        """Return a bound of the steps by Cauchy and Schwarz, if beta1^2 < beta2.

        With g_i the gradient i steps ago,

            |m| <= (1 - beta1) sqrt(sum (beta1^2 / beta2)^i) sqrt(sum beta2^i g_i^2)
                <= (1 - beta1) r / sqrt((1 - beta1^2 / beta2) (1 - beta2)),

        and m_hat / sqrt(v_hat) is at most m / ((1 - beta1) r). Twice that covers the
        rounding.
        """
        if self.beta1**2 >= self.beta2:
            return math.inf
        decay = (1 - self.beta1**2 / self.beta2) * (1 - self.beta2)
        return 2 * self.rate * decay**-0.5


@dataclass(eq=False)
class AdamW(Adam):
    """Adam with decoupled weight decay.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : as for `Adam`
    weight_decay : lambda >= 0, in units of 1 / learning_rate; a parameter without
        gradient falls by the factor 1 - eta lambda a step. Every array decays, biases
        included
    """

    weight_decay: float = 1e-2

    def __post_init__(self):
        super().__post_init__()
        require_weight_decay(self.weight_decay)

    def keep(self, rate: float) -> float:
        """Return the factor of theta, 1 - eta lambda."""
        return 1 - rate * self.weight_decay

    def reach(self):
        """Return Adam's bound, if the decay does not make theta grow."""
        return super().reach() if abs(self.keep(self.rate)) <= 1 else math.inf
