"""L-BFGS, ours and SciPy's, from the same start down the same function.

A repetition is a whole descent, until no entry of the gradient is larger than 1e-5.
Values and gradients are computed by the same lines of ours for both; the rest is the
method: its direction, its line search, and how many evaluations they come to.

    Rosenbrock     sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2
    regression     mean cross-entropy of softmax(X W + b) on the 1437 training digits,
                   plus 0.001 times the sum of all squared parameters
"""

import numpy as np
from scipy.optimize import minimize

from autodiff import value_and_grad
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from data import load_digits
from models import cross_entropy
from optim import LBFGS

MEMORY, TOLERANCE, DIMENSIONS, CLASSES = 10, 1e-5, 30, 10
REGRESSION = "regression"


def rosenbrock(x):
    """Return the value at x : (n,); the least is 0, at x = 1."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def regression(theta, X, labels):
    """Return the value at theta, the entries of W and then those of b."""
    W, b = theta[:-CLASSES].reshape(-1, CLASSES), theta[-CLASSES:]
    return cross_entropy(X @ W + b, labels) + 1e-3 * np.sum(theta**2)


def problem(size, rng: np.random.Generator) -> Problem:
    """Return the start, and the data of the regression."""
    if size == REGRESSION:
        X, labels = load_digits().train_set
        start = np.zeros((X.shape[1] + 1) * CLASSES)
        return {"start": start, "X": X, "labels": labels}
    start = np.ones(size)
    start[::2] = -1.2
    return {"start": start}


def objective(problem: Problem):
    """Return theta -> (value, gradient)."""
    if "X" not in problem:
        return value_and_grad(rosenbrock)
    differentiate, data = value_and_grad(regression), (problem["X"], problem["labels"])
    return lambda theta: differentiate(theta, *data)


def ours(problem: Problem) -> Run:
    """Step until LBFGS says why it stops."""
    function = objective(problem)

    def run(repetitions):
        for _ in range(repetitions):
            theta = problem["start"].copy()
            optimizer = LBFGS(memory=MEMORY, gradient_tolerance=TOLERANCE)
            while optimizer.stopped is None:
                optimizer.step(function, theta)
        return {"minimizer": theta, "evaluations": optimizer.evaluations}

    return run


def scipy(problem: Problem) -> Run:
    """Minimize by L-BFGS-B without bounds, which stops by the gradient alone."""
    function = objective(problem)
    settings = {"maxcor": MEMORY, "gtol": TOLERANCE, "ftol": 0.0}

    def run(repetitions):
        for _ in range(repetitions):
            start = problem["start"]
            found = minimize(
                function, start, jac=True, method="L-BFGS-B", options=settings
            )
        return {"minimizer": found.x, "evaluations": found.nfev}

    return run


def work(size, result) -> Work:
    """Count what the evaluations need: arithmetic, and reading the data or the point.

    Regression has two products a gradient; each reads X and costs 2 operations for
    each entry of X and class.
    """
    if size == REGRESSION:
        entries = load_digits().train_set[0].size
        flops, moved = 4 * entries * CLASSES, 2 * 8 * entries
    else:
        flops, moved = 13 * size, 2 * 8 * size
    evaluations = result["evaluations"]
    return Work(evaluations * flops, evaluations * moved, passes=evaluations)


ROW = Row(
    title="L-BFGS to a gradient of 1e-5, memory 10",
    dtype="float64",
    cases={
        f"Rosenbrock, n = {DIMENSIONS}": DIMENSIONS,
        "regression, n = 650": REGRESSION,
    },
    scaled={f"Rosenbrock, {SCALE}x n": SCALE * DIMENSIONS},
    problem=problem,
    ours=ours,
    peers={"SciPy": Peer(scipy, "scipy", "L-BFGS-B", needs_ours=True)},
    tolerance={"minimizer": 1e-4},  # gradients of 1e-5 over curvatures of about one
    work=work,
)
