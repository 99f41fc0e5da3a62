"""How many evaluations BFGS and L-BFGS need, beside SciPy's methods of the same name.

An evaluation is one call of the value and the gradient together. Both sides are given
the same function and start, and stop where no entry of the gradient is larger than
1e-5. There are five problems, each with three starts: three classics (J. J. More, B. S.
Garbow and K. E. Hillstrom, ACM Trans. Math. Softw. 7, 17, 1981, numbers 1, 5 and 13), a
logistic regression, and a quadratic whose eigenvalues run from 0.01 to 100.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import minimize as scipy_minimize

from autodiff import softplus, value_and_grad
from data import load_digits
from optim.bfgs import BFGS
from optim.lbfgs import LBFGS
from optim.quasi_newton import QuasiNewton

TOLERANCE = 1e-5
MOST = 10_000
METHODS: dict[str, tuple[Callable[[], QuasiNewton], str, dict]] = {
    "BFGS": (lambda: BFGS(gradient_tolerance=TOLERANCE), "BFGS", {}),
    "L-BFGS": (
        lambda: LBFGS(memory=10, gradient_tolerance=TOLERANCE),
        "L-BFGS-B",
        {"maxcor": 10, "ftol": 0, "maxfun": MOST},
    ),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """A function of one vector, and where to start: (starts, n)."""

    loss: Callable
    starts: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """One method on one problem, ours and SciPy's.

    ours, theirs : evaluations, from each start
    gap : the largest difference between the values that the two reach
    gradient : the largest entry of a gradient at the end of a run, of either side
    """

    method: str
    problem: str
    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    gap: float
    gradient: float


def rosenbrock(x):
    """A curved valley, with the minimum 0 at (1, 1); x : (2,) or (2, n)."""
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def beale(x):
    """A narrow valley that opens to infinity, with the minimum 0 at (3, 1/2)."""
    powers = np.arange(1, 4)
    return np.sum((np.array([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** powers)) ** 2)


def powell(x):
    """Four variables; the Hessian is singular at the minimum 0, the origin."""
    squares = (x[0] + 10 * x[1]) ** 2 + 5 * (x[2] - x[3]) ** 2
    return squares + (x[1] - 2 * x[2]) ** 4 + 10 * (x[0] - x[3]) ** 4


@cache
def problems() -> dict[str, Problem]:
    """The five problems."""
    rng = np.random.default_rng(0)
    X, labels = load_digits().train_set
    large = (labels >= 5).astype(np.float64)
    axes = np.linalg.qr(rng.normal(size=(50, 50)))[0]
    hessian = axes * np.geomspace(0.01, 100, 50) @ axes.T

    def logistic(w):
        z = X @ w
        return np.mean(softplus(z) - large * z) + 5e-4 * np.sum(w**2)

    def quadratic(x):
        return x @ hessian @ x / 2

    def drawn(n, *sizes):  # the origin, and normal vectors of these sizes
        return np.array([np.zeros(n), *(size * rng.normal(size=n) for size in sizes)])

    valley = np.array([[-1.2, 1], [0, 0], [2, -2]])
    narrow = np.array([[1, 1], [0, 0], [2, -1.0]])
    singular = np.array([[3, -1, 0, 1], [1, 1, 1, 1], [10, -5, 2, 8.0]])
    return {
        "Rosenbrock": Problem(rosenbrock, valley),
        "Beale": Problem(beale, narrow),
        "Powell": Problem(powell, singular),
        "logistic regression": Problem(logistic, drawn(64, 0.1, 1)),
        "quadratic": Problem(quadratic, 1 + drawn(50, 1, 10)),
    }


def compare(method: str) -> list[Comparison]:
    """Run one of METHODS on each problem from each start, ours and SciPy's."""
    make, peer, options = METHODS[method]
    found = []
    for name, problem in problems().items():
        objective = value_and_grad(problem.loss)
        ours, theirs, gaps, gradients = [], [], [], []
        for start in problem.starts:
            x, optimizer = start.copy(), make()
            while optimizer.stopped is None and optimizer.evaluations < MOST:
                optimizer.step(objective, x)
            run = scipy_minimize(
                objective,
                start,
                jac=True,
                method=peer,
                options={"gtol": TOLERANCE, "maxiter": MOST, **options},
            )
            ours.append(optimizer.evaluations)
            theirs.append(run.nfev)
            gaps.append(abs(optimizer.value - float(run.fun)))
            gradients += [optimizer.gradient_norm, float(np.max(np.abs(run.jac)))]
        counts = tuple(ours), tuple(theirs)
        found.append(Comparison(method, name, *counts, max(gaps), max(gradients)))
    return found


def sums(method: str) -> list[tuple[str, int, int]]:
    """Return (problem, ours, SciPy's), summed over the starts; all five come last."""
    rows = [(row.problem, sum(row.ours), sum(row.theirs)) for row in compare(method)]
    _, ours, theirs = zip(*rows, strict=True)
    return [*rows, ("all five", sum(ours), sum(theirs))]
