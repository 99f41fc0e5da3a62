"""Adam: steps scaled by running moments of the gradient.

With g the gradient at step t = 1, 2, ..., for every entry of every array,

    m <- beta1 m + (1 - beta1) g            first moment
    v <- beta2 v + (1 - beta2) g^2          second moment, not centered
    theta <- theta - eta m_hat / (sqrt(v_hat) + epsilon),

    m_hat = m / (1 - beta1^t),   v_hat = v / (1 - beta2^t).

Both moments start at zero, and for a gradient of constant distribution E[m] =
(1 - beta1^t) E[g] and E[v] = (1 - beta2^t) E[g^2]: the divisions remove that bias. The
first step is therefore -eta g / (|g| + epsilon), the sign of the gradient, whatever its
scale.

Reference: D. P. Kingma and J. Ba, ICLR 2015, algorithm 1.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optim.leaves import paired_leaves, ravel, require_none, store
from samplers.kernel import kernel


@dataclass(eq=False)
class Adam:
    """The optimizer and its state.

    Parameters
    ----------
    learning_rate : eta > 0, in units of the parameters: about the largest step
    beta1, beta2 : in [0, 1), decay of the moments; memory of 1 / (1 - beta) steps
    epsilon : in units of the gradient; entries much smaller than it move less

    Attributes
    ----------
    steps : t, the number of steps taken
    first_moments, second_moments : m and v, an array for each leaf of the model, in
        the order of the leaves and of their shapes and dtypes; empty before step one
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    steps: int = field(default=0, init=False)
    first_moments: list[np.ndarray] = field(default_factory=list, init=False)
    second_moments: list[np.ndarray] = field(default_factory=list, init=False)

    def __post_init__(self):
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(
                f"learning_rate is {self.learning_rate}; it is about the largest "
                "change of a parameter in one step and must be positive and finite, "
                "for example 1e-3"
            )
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must be in [0, 1): at one "
                    "the moment would never leave zero, above it would grow without end"
                )
        smallest = float(np.finfo(np.float32).tiny)
        if not smallest <= self.epsilon < math.inf:
            raise ValueError(
                f"epsilon is {self.epsilon}; it must be at least {smallest:.3g}, so "
                "that a gradient of zero is not divided by zero in float32, and finite"
            )

    def step(self, model: Any, gradient: Any) -> None:
        """Move every array of the model in place, and the moments with it.

        Raises NonFiniteError, before any array is touched, if the gradient or its
        square is not finite; ValueError if the model does not fit the moments; and
        what `paired_leaves` raises.
        """
        parameters, gradients = paired_leaves(model, gradient)
        if not self.steps:
            self.first_moments = [np.zeros(p.shape, p.dtype) for p in parameters]
            self.second_moments = [np.zeros(p.shape, p.dtype) for p in parameters]
        self._require_same_leaves(parameters)
        cotangents = ravel(gradients)
        for leaf, g in enumerate(cotangents):
            require_none(count_overflows(g), "the squared gradient", model, leaf)

        self.steps += 1
        thetas = ravel(parameters)
        m, v = ravel(self.first_moments), ravel(self.second_moments)
        coefficients = self._coefficients()
        for leaf, theta in enumerate(thetas):
            typed = coefficients.astype(theta.dtype)
            adapt(theta, cotangents[leaf], m[leaf], v[leaf], typed)
        store(thetas, parameters)
        store(m, self.first_moments)
        store(v, self.second_moments)

    def _coefficients(self) -> np.ndarray:
        """Return the numbers of the kernel: in float64, rounded once for float32."""
        first_bias = 1 - self.beta1**self.steps
        second_bias = 1 - self.beta2**self.steps
        return np.array(
            [
                self.beta1,
                1 - self.beta1,
                self.beta2,
                1 - self.beta2,
                self.learning_rate / first_bias,
                1 / second_bias,
                self.epsilon,
            ]
        )

    def _require_same_leaves(self, parameters: list[np.ndarray]) -> None:
        seen = [(m.shape, m.dtype) for m in self.first_moments]
        given = [(p.shape, p.dtype) for p in parameters]
        if seen != given:
            raise ValueError(
                f"this Adam holds moments for the shapes {[s for s, _ in seen]} and "
                f"the model has {[s for s, _ in given]}, or another dtype; moments "
                "belong to one model: make a new Adam for this one"
            )


def reference_adapt(theta, g, m, v, t, *, learning_rate, beta1, beta2, epsilon):
    """Return theta, m and v after step t: what the kernel `adapt` does in place."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


@kernel
def adapt(theta, g, m, v, coefficients):
    """Update theta, m and v, each of shape (n,), in one pass over memory.

    The bias corrections are folded into the coefficients, which leaves one square root
    and one division an entry; they come as an array of theta's dtype, because a Python
    float would promote float32 to float64.
    """
    beta1, one_minus_beta1 = coefficients[0], coefficients[1]
    beta2, one_minus_beta2 = coefficients[2], coefficients[3]
    rate, correction, epsilon = coefficients[4], coefficients[5], coefficients[6]
    for i in range(theta.size):
        first = beta1 * m[i] + one_minus_beta1 * g[i]
        second = beta2 * v[i] + one_minus_beta2 * (g[i] * g[i])
        m[i] = first
        v[i] = second
        theta[i] -= rate * first / (np.sqrt(second * correction) + epsilon)


@kernel
def count_overflows(g):
    """Count the entries whose square is nan or infinite."""
    count = 0
    for i in range(g.size):
        count += not np.isfinite(g[i] * g[i])
    return count
