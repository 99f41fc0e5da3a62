"""Descents in the plane: a ravine, where theory tells each step, and Rosenbrock's.

The ravine is f(theta) = theta^T H theta / 2, where H has the eigenvalues 1 and K and
axes turned against those of the plane, so that a method which scales each coordinate by
itself gains little. Along an eigenvector with eigenvalue lambda let e be
the component of theta and v that of the velocity. With a = eta lambda a step is linear,

    gradient descent   e <- (1 - a) e
    momentum           (e, v) <- [[1 - a, mu], [-a, mu]] (e, v)
    Nesterov           (e, v) <- [[1 - a (1 + mu), mu^2], [-a, mu]] (e, v),

and k steps are the k-th power. The rates in RAVINE make the slower of both components
as fast as it can be (Nesterov's with eta = 1 / K): it is multiplied in each step by
CONTRACTIONS (B. T. Polyak, 1964; Y. Nesterov, Introductory Lectures on Convex
Optimization, 2004, section 2.2). The other rates are the best for f after 100 steps, of
four rates a decade.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autodiff import value_and_grad
from optim import (
    BFGS,
    LBFGS,
    SGD,
    AdaGrad,
    Adam,
    Momentum,
    Nesterov,
    RMSprop,
)

K, ANGLE = 100.0, math.pi / 6
AXES = np.array(
    [[math.cos(ANGLE), -math.sin(ANGLE)], [math.sin(ANGLE), math.cos(ANGLE)]]
)
EIGENVALUES = (1.0, K)
START = AXES @ [10.0, 1.0]
ROOT = math.sqrt(K)
MU = ((ROOT - 1) / (ROOT + 1)) ** 2
RAVINE: dict[str, Callable] = {
    "SGD": lambda: SGD(2 / (K + 1)),
    "Momentum": lambda: Momentum(4 / (ROOT + 1) ** 2, MU),
    "Nesterov": lambda: Nesterov(1 / K, math.sqrt(MU)),
    "AdaGrad": lambda: AdaGrad(10**0.25),
    "RMSprop": lambda: RMSprop(10**-0.75),
    "Adam": lambda: Adam(10**0.0),
    "L-BFGS": LBFGS,
}
CONTRACTIONS = {
    "SGD": (K - 1) / (K + 1),
    "Momentum": (ROOT - 1) / (ROOT + 1),
    "Nesterov": 1 - 1 / ROOT,
}

ROSENBROCK_START = np.array([-1.2, 1.0])
SOLVED = 1e-8
# For each method the rate that is solved soonest, or has the lowest value after 3000
# steps, of four rates a decade.
ROSENBROCK: dict[str, Callable] = {
    "SGD": lambda: SGD(10**-2.75),
    "Momentum": lambda: Momentum(10**-2.5),
    "Nesterov": lambda: Nesterov(10**-3.0),
    "AdaGrad": lambda: AdaGrad(10**0.25),
    "RMSprop": lambda: RMSprop(10**-2.75),
    "Adam": lambda: Adam(10**-0.25),
    "BFGS": BFGS,
    "L-BFGS": LBFGS,
}


def ravine(theta):
    """Return theta^T H theta / 2 by the eigencomponents; theta : (2,) or (2, n)."""
    e = AXES.T @ theta
    return (EIGENVALUES[0] * e[0] ** 2 + EIGENVALUES[1] * e[1] ** 2) / 2


@dataclass(frozen=True, eq=False)
class Path:
    """Where a descent went.

    points : (n + 1, 2), the start first; values : (n + 1,), f there;
    evaluations : (n + 1,), how often f and its gradient had been computed by then
    """

    points: np.ndarray
    values: np.ndarray
    evaluations: np.ndarray

    def solved(self, target: float) -> int | None:
        """Return how many evaluations led to a value below the target, or None."""
        below = np.flatnonzero(self.values < target)
        return int(self.evaluations[below[0]]) if len(below) else None


def descend(f: Callable, start, optimizer, steps: int, target: float = 0.0) -> Path:
    """Follow an optimizer for some steps, or until f is below the target."""
    evaluations = 0

    def objective(theta):
        nonlocal evaluations
        evaluations += 1
        return value_and_grad(f)(theta)

    theta = np.array(start)
    points, values, counts = [theta.copy()], [float(f(theta))], [0]
    while len(points) <= steps and values[-1] >= target:
        if isinstance(optimizer, (BFGS, LBFGS)):
            optimizer.step(objective, theta)
        else:
            optimizer.step(theta, objective(theta)[1])
        points.append(theta.copy())
        values.append(float(f(theta)))
        counts.append(evaluations)
        if getattr(optimizer, "stopped", None):
            break
    return Path(np.array(points), np.array(values), np.array(counts))


def closed_form(name: str, steps: int) -> np.ndarray:
    """Return theta_0 ... theta_n of a method in the ravine, (n + 1, 2), by powers.

    name : of a method in CONTRACTIONS, with the rates of RAVINE
    """
    optimizer = RAVINE[name]()
    components = []
    for eigenvalue, e in zip(EIGENVALUES, AXES.T @ START, strict=True):
        step = matrix(name, optimizer.rate * eigenvalue, optimizer)
        start = np.array([e, 0.0])
        powers = (np.linalg.matrix_power(step, k) for k in range(steps + 1))
        components.append([(power @ start)[0] for power in powers])
    return np.transpose(components) @ AXES.T


def matrix(name: str, a: float, optimizer) -> np.ndarray:
    """Return the matrix of one step on (e, v)."""
    if name == "SGD":
        return np.array([[1 - a, 0], [0, 0]])
    mu = optimizer.momentum
    if name == "Momentum":
        return np.array([[1 - a, mu], [-a, mu]])
    return np.array([[1 - a * (1 + mu), mu**2], [-a, mu]])
