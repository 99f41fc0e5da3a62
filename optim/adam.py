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

from optim.leaves import paired_leaves, ravel, require_none, require_rate, store
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

        Raises NonFiniteError, before any array is touched, if an entry or its squared
        gradient would become nan or infinite; ValueError if the model does not fit the
        moments; and what `paired_leaves` and `require_rate` raise.
        """
        parameters, gradients = paired_leaves(model, gradient)
        require_rate(self.learning_rate, parameters)
        first, second = self._moments(parameters)
        vectors = [ravel(arrays) for arrays in (parameters, gradients, first, second)]
        coefficients = self._coefficients(self.steps + 1)
        typed = [coefficients.astype(p.dtype) for p in parameters]
        leaves = list(zip(*vectors, typed, strict=True))
        for leaf, arrays in enumerate(leaves):
            if not is_bounded(*arrays):
                what = "the updated parameter or the squared gradient"
                require_none(count_overflows(*arrays), what, model, leaf)

        for arrays in leaves:
            adapt(*arrays)
        thetas, _, m, v = vectors
        store(thetas, parameters)
        store(m, first)
        store(v, second)
        self.first_moments, self.second_moments = first, second
        self.steps += 1

    def _coefficients(self, t: int) -> np.ndarray:
        """Return the numbers of the kernel: in float64, rounded once for float32."""
        first_bias = 1 - self.beta1**t
        second_bias = 1 - self.beta2**t
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

    def _moments(
        self, parameters: list[np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return both moments: zeros before step one, then those of this model."""
        if not self.steps:
            first = [np.zeros(p.shape, p.dtype) for p in parameters]
            return first, [np.zeros_like(m) for m in first]
        seen = [(m.shape, m.dtype) for m in self.first_moments]
        given = [(p.shape, p.dtype) for p in parameters]
        if seen != given:
            raise ValueError(
                f"this Adam holds moments for the shapes {[s for s, _ in seen]} and "
                f"the model has {[s for s, _ in given]}, or another dtype; moments "
                "belong to one model: make a new Adam for this one"
            )
        return self.first_moments, self.second_moments


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
def is_bounded(theta, g, m, v, coefficients):
    """Return whether `adapt` overflows nowhere, by a bound that is cheap to look at.

    With sqrt(v_hat) >= 0 it needs neither root nor division: |theta_new| is at most
    |theta| + eta (1 + 1 / epsilon) |m_hat|, and a factor two covers the rounding.
    """
    beta1, one_minus_beta1 = coefficients[0], coefficients[1]
    beta2, one_minus_beta2 = coefficients[2], coefficients[3]
    rate, correction, epsilon = coefficients[4], coefficients[5], coefficients[6]
    reach = rate + rate / epsilon
    count = 0
    for i in range(theta.size):
        first = beta1 * m[i] + one_minus_beta1 * g[i]
        second = beta2 * v[i] + one_minus_beta2 * (g[i] * g[i])
        bound = abs(theta[i]) + (reach + reach) * abs(first)
        count += not np.isfinite(bound + second * correction)
    return count == 0


@kernel
def count_overflows(theta, g, m, v, coefficients):
    """Count the entries of which `adapt` would make theta or v nan or infinite.

    v is looked at as `adapt` uses it, with its bias corrected: an infinite one would
    hide in the denominator, where it stops theta.
    """
    beta1, one_minus_beta1 = coefficients[0], coefficients[1]
    beta2, one_minus_beta2 = coefficients[2], coefficients[3]
    rate, correction, epsilon = coefficients[4], coefficients[5], coefficients[6]
    count = 0
    for i in range(theta.size):
        first = beta1 * m[i] + one_minus_beta1 * g[i]
        second = beta2 * v[i] + one_minus_beta2 * (g[i] * g[i])
        corrected = second * correction
        moved = theta[i] - rate * first / (np.sqrt(corrected) + epsilon)
        count += not (np.isfinite(moved) & np.isfinite(corrected))
    return count
