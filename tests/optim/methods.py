"""All first-order methods in one table, each beside two independent forms of itself.

`plain` is what stands beside the kernel as NumPy lines: one step, in the dtype of the
arrays. `path` is the method as its authors wrote it, all steps at once, in decimal
numbers of 60 digits. It keeps squares where the optimizers keep roots, earlier points
where they keep velocities, and weighted sums over all gradients where they keep running
means; no square leaves its range.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from optim import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from optim.adagrad import reference_accumulate
from optim.adam import reference_adapt
from optim.gradient_descent import reference_descend
from optim.momentum import reference_look_ahead, reference_roll
from optim.rmsprop import reference_normalize

# 1. The methods as their authors wrote them: the start and gradients g_1, g_2, ... give
#    theta_0, theta_1, ...


def cauchy(theta, gradients, learning_rate):
    """theta_k = theta_{k-1} - eta g_k."""
    path = [theta]
    for g in gradients:
        path.append(path[-1] - learning_rate * g)
    return path


def polyak(theta, gradients, learning_rate, momentum):
    """theta_k = theta_{k-1} - eta g_k + mu (theta_{k-1} - theta_{k-2})."""
    path = [theta, theta]
    for g in gradients:
        inertia = momentum * (path[-1] - path[-2])
        path.append(path[-1] - learning_rate * g + inertia)
    return path[1:]


def nesterov(theta, gradients, learning_rate, momentum):
    """x_k = y_{k-1} - eta g_k, y_k = x_k + mu (x_k - x_{k-1}): all points y."""
    x, path = theta, [theta]
    for g in gradients:
        before, x = x, path[-1] - learning_rate * g
        path.append(x + momentum * (x - before))
    return path


def duchi(theta, gradients, learning_rate, epsilon):
    """theta_k = theta_{k-1} - eta g_k / (sqrt(g_1^2 + ... + g_k^2) + epsilon)."""
    path = [theta]
    for k, g in enumerate(gradients, 1):
        root = np.sqrt(sum(h * h for h in gradients[:k]))
        path.append(path[-1] - learning_rate * g / (root + epsilon))
    return path


def hinton(theta, gradients, learning_rate, decay, epsilon):
    """theta_k = theta_{k-1} - eta g_k / (sqrt(v_k) + epsilon), v_k a sum over all g^2.

    v_k = (1 - rho) [g_k^2 + rho g_{k-1}^2 + ... + rho^{k-1} g_1^2].
    """
    path = [theta]
    for k, g in enumerate(gradients, 1):
        total, _ = discounted([h * h for h in gradients[:k]], decay)
        root = np.sqrt((1 - decay) * total)
        path.append(path[-1] - learning_rate * g / (root + epsilon))
    return path


def kingma(theta, gradients, learning_rate, beta1, beta2, epsilon, weight_decay=0):
    """theta_k = (1 - eta lambda) theta_{k-1} - eta m_k / (sqrt(v_k) + epsilon).

    m_k and v_k are the means of all g and g^2 so far, with weights beta^(k - i).
    """
    path = [theta]
    for k in range(1, len(gradients) + 1):
        total, weight = discounted(gradients[:k], beta1)
        m = total / weight
        total, weight = discounted([g * g for g in gradients[:k]], beta2)
        root = np.sqrt(total / weight)
        kept = (1 - learning_rate * weight_decay) * path[-1]
        path.append(kept - learning_rate * m / (root + epsilon))
    return path


def discounted(values, beta):
    """Return sum_i beta^(k - i) x_i and sum_i beta^(k - i), i = 1 ... k."""
    total, weight = 0, 0
    for x in values:
        total, weight = beta * total + x, beta * weight + 1
    return total, weight


# 2. The table


@dataclass(frozen=True)
class Method:
    """One row: how to make the optimizer, and what it must do.

    settings : all of them, so that the two other forms can be given the same
    plain, path : see above
    slots : the names of what it remembers
    is_exact : whether kernel and plain lines round alike; the others use np.hypot
    """

    kind: type
    settings: dict[str, float]
    plain: Callable
    path: Callable
    slots: tuple[str, ...] = ()
    is_exact: bool = False

    def make(self, **changed) -> Any:
        """Return a new optimizer with the settings of the row, but for `changed`."""
        return self.kind(**(self.settings | changed))

    def step(self, theta, g, slots, t, **changed) -> tuple[np.ndarray, list]:
        """Return theta and the slots after step t = 1, 2, ... by the plain lines."""
        settings = self.settings | changed
        if "t" in inspect.signature(self.plain).parameters:
            settings["t"] = t
        new = self.plain(theta, g, *slots, **settings)
        theta, *slots = new if self.slots else [new]
        return theta, slots

    def exact_path(self, theta, gradients, **changed) -> list[np.ndarray]:
        """Return theta_0, theta_1, ... by `path`, as arrays of decimal numbers."""
        settings = {k: Decimal(v) for k, v in (self.settings | changed).items()}
        with localcontext() as context:
            context.prec = 60
            return self.path(
                decimals(theta), list(map(decimals, gradients)), **settings
            )


def decimals(array) -> np.ndarray:
    """Return the same numbers, exactly, as an array of Decimal."""
    return np.array([Decimal(float(x)) for x in np.ravel(array)], dtype=object)


MOMENTS = ("first_moments", "root_second_moments")
ADAM = {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}

METHODS = {
    "SGD": Method(SGD, {"learning_rate": 0.1}, reference_descend, cauchy, (), True),
    "Momentum": Method(
        Momentum,
        {"learning_rate": 0.1, "momentum": 0.9},
        reference_roll,
        polyak,
        ("velocities",),
        True,
    ),
    "Nesterov": Method(
        Nesterov,
        {"learning_rate": 0.1, "momentum": 0.9},
        reference_look_ahead,
        nesterov,
        ("velocities",),
        True,
    ),
    "AdaGrad": Method(
        AdaGrad,
        {"learning_rate": 0.01, "epsilon": 1e-10},
        reference_accumulate,
        duchi,
        ("root_sums",),
    ),
    "RMSprop": Method(
        RMSprop,
        {"learning_rate": 0.01, "decay": 0.9, "epsilon": 1e-8},
        reference_normalize,
        hinton,
        ("root_mean_squares",),
    ),
    "Adam": Method(Adam, ADAM, reference_adapt, kingma, MOMENTS),
    "AdamW": Method(
        AdamW, ADAM | {"weight_decay": 0.1}, reference_adapt, kingma, MOMENTS
    ),
}
SCALED = {name: METHODS[name] for name in ("AdaGrad", "RMSprop", "Adam", "AdamW")}
