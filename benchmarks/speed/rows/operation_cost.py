"""What an operation costs where the arrays are tiny: the price of differentiation.

A chain of 100 steps on arrays of 10 numbers is recorded and read backward. Arithmetic
takes nanoseconds there; all else is what the engine does for each operation.
"""

import numpy as np

from autodiff import vjp
from benchmarks.speed.peers.operations import (
    LENGTH,
    STEPS,
    arguments,
    autograd,
    chain,
    mygrad,
    results,
)
from benchmarks.speed.row import Peer, Problem, Row, Run


def problem(step: str, rng: np.random.Generator) -> Problem:
    """Draw arrays for which all numbers stay normal, and maximum has no tie."""
    return {
        "step": np.array(step),
        "x": rng.uniform(0.2, 0.9, 10),
        "a": rng.uniform(0.97, 1.03, 10),
        "b": rng.uniform(-0.1, 0.1, 10),
        "M": np.linalg.qr(rng.standard_normal((10, 10)))[0],
    }


def ours(problem: Problem) -> Run:
    """Differentiate by vjp."""
    function, inputs = chain(np, problem), arguments(problem)

    def run(repetitions):
        for _ in range(repetitions):
            value, pullback = vjp(function, *inputs)
            gradients = pullback(np.ones(value.shape))
        return results(value, gradients)

    return run


ROW = Row(
    title="an operation forward and backward, arrays of 10, a chain of 100",
    dtype="float64",
    cases={step: step for step in STEPS},
    problem=problem,
    ours=ours,
    peers={
        "autograd": Peer(autograd, "autograd", "make_vjp"),
        "MyGrad": Peer(mygrad, "mygrad", "tensors and backward, no guarding"),
    },
    tolerance={"value": 1e-12, "gradient": 1e-12},
    units=lambda step: LENGTH * STEPS[step].operations,
    threaded=False,
)
