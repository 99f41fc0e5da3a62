"""The rows: what is timed is what the title says, for ours and for every peer."""

import pkgutil
import subprocess
import sys

import numpy as np
import pytest

from autodiff import explain
from benchmarks.speed import mlp, peers, row
from benchmarks.speed.agreement import disagreement
from benchmarks.speed.mlp import Size
from benchmarks.speed.peers import mlp as mlp_peers
from benchmarks.speed.peers import operations
from benchmarks.speed.peers.operations import STEPS
from benchmarks.speed.row import Row, Work
from benchmarks.speed.rows import lbfgs

NAMES = row.names()


def test_the_rows_are_found_by_name():
    assert NAMES == [
        "annealing",
        "diffusion-step",
        "forward-diffusion",
        "gibbs",
        "ising",
        "langevin",
        "langevin-network",
        "lbfgs",
        "log-partition",
        "mlp-large",
        "mlp-small",
        "normals",
        "normals-float64",
        "operation-cost",
        "rbm-fit",
        "rbm-update",
        "reverse-diffusion",
        "reverse-network",
        "uniforms",
        "uniforms-float64",
        "vae",
    ]
    assert all(isinstance(row.load(name), Row) for name in NAMES)


def test_a_peer_starts_where_there_is_only_numpy():
    """What a worker of a peer imports is neither ours nor what ours needs."""
    code = "import sys, benchmarks.speed.worker; from benchmarks.speed.peers import {}"
    names = [module.name for module in pkgutil.iter_modules(peers.__path__)]
    assert names == [
        "adam",
        "annealing",
        "diffusion",
        "diffusion_step",
        "gibbs",
        "ising",
        "langevin",
        "langevin_network",
        "log_partition",
        "mixture",
        "mlp",
        "operations",
        "random_numbers",
        "rbm",
        "rbm_fit",
        "reverse_network",
        "vae",
    ]
    done = subprocess.run(
        [sys.executable, "-c", f"{code.format(','.join(names))}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    ours = {"autodiff", "models", "samplers", "optim", "data"}
    assert "numpy" in loaded
    assert loaded.isdisjoint(ours | {"numba", "scipy", "matplotlib"})


@pytest.mark.parametrize("name", NAMES)
def test_a_turn_begins_at_the_given_arrays_and_keeps_to_the_dtype(name):
    work = row.load(name)
    for size in work.cases.values():
        problem = work.problem(size, np.random.default_rng(0))
        dtypes = {array.dtype for array in problem.values() if array.dtype.kind == "f"}
        assert dtypes == {np.dtype(work.dtype)}
        run = work.ours(problem)
        first = run(1)
        assert work.tolerance.keys() <= first.keys()
        again = run(1)
        assert all(np.array_equal(first[key], again[key]) for key in first)


def extents(problem):
    """Return the size of each array, or what it says if it is a single integer."""
    return [
        int(array) if array.shape == () and array.dtype.kind == "i" else array.size
        for array in problem.values()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_scaled_case_is_four_times_the_first_in_one_number(name):
    work = row.load(name)
    base = next(iter(work.cases.values()))
    sizes = extents(work.problem(base, np.random.default_rng(0)))
    for size in work.scaled.values():
        larger = extents(work.problem(size, np.random.default_rng(0)))
        factors = {b / a for a, b in zip(sizes, larger, strict=True)}
        assert factors <= {1, 4, 16}
        assert 4 in factors


DIGITS = Size(batch=64, widths=(64, 32, 32, 10), activation="tanh")


def trained_by_hand(problem, steps, rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Return the loss at which the last step begins: the network in plain NumPy."""
    x, labels = problem["x"].astype(float), problem["labels"]
    depth = sum(name.startswith("W") for name in problem)
    W = [problem[f"W{i}"].astype(float) for i in range(depth)]
    b = [problem[f"b{i}"].astype(float) for i in range(depth)]
    theta = W + b
    m, v = ([np.zeros_like(array) for array in theta] for _ in range(2))
    for t in range(1, steps + 1):
        values = [x]
        for W_i, b_i in zip(W[:-1], b[:-1], strict=True):
            values.append(np.tanh(values[-1] @ W_i + b_i))
        z = values[-1] @ W[-1] + b[-1]
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(x)), labels]).mean()
        delta = (p - np.eye(z.shape[1])[labels]) / len(x)
        g = [None] * 2 * depth
        for i in reversed(range(depth)):
            g[i], g[depth + i] = values[i].T @ delta, delta.sum(axis=0)
            delta = delta @ W[i].T * (1 - values[i] ** 2)
        for i, array in enumerate(theta):
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
            m_hat, v_hat = m[i] / (1 - beta1**t), v[i] / (1 - beta2**t)
            array -= rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return loss


@pytest.fixture(scope="module")
def network():
    """The arrays of a network, and the loss of ours after ten steps."""
    problem = mlp.problem(DIGITS, np.random.default_rng(0))
    return problem, mlp.ours(problem)(10)


def test_our_training_agrees_with_the_plain_lines(network):
    problem, ours = network
    theirs = {"loss": trained_by_hand(problem, 10)}
    assert disagreement(ours, theirs, mlp.row(DIGITS).tolerance) is None


@pytest.mark.parametrize(
    "planted",
    [
        {"steps": 9},
        {"rate": 1.001e-3},
        {"beta1": 0.89},
        {"beta2": 0.98},
        {"epsilon": 1e-6},
    ],
)
def test_training_with_another_number_disagrees(network, planted):
    problem, ours = network
    theirs = {"loss": trained_by_hand(problem, **{"steps": 10} | planted)}
    assert disagreement(ours, theirs, mlp.row(DIGITS).tolerance)


@pytest.mark.parametrize("peer", [mlp_peers.pytorch, mlp_peers.jax])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_peers_train_the_same_network(peer, activation):
    pytest.importorskip({"pytorch": "torch", "jax": "jax"}[peer.__name__])
    size = Size(DIGITS.batch, DIGITS.widths, activation)
    problem = mlp.problem(size, np.random.default_rng(0))
    ours, theirs = mlp.ours(problem)(10), peer(problem)(10)
    assert disagreement(ours, theirs, mlp.row(size).tolerance) is None


def test_the_work_of_a_step_is_counted_by_hand():
    # Products: forward 2 x 3 by 3 x 4 and 2 x 4 by 4 x 5, 48 + 80 operations; as many
    # for the gradients of the weights; 80 for the gradient of the hidden layer. The
    # update reads and writes 3 float32 for each of 12 + 4 + 20 + 5 parameters.
    size = Size(batch=2, widths=(3, 4, 5), activation="relu")
    assert mlp.work(size, {}) == Work(flops=3 * 80 + 2 * 48, bytes=2 * 3 * 4 * 41)


@pytest.mark.parametrize("name", STEPS)
def test_the_operations_of_a_step_are_those_that_are_recorded(name):
    step = STEPS[name]
    problem = row.load("operation-cost").problem(name, np.random.default_rng(0))
    inputs = operations.arguments(problem)
    program = str(explain(lambda *args: step.function(np, *args), *inputs))
    assert program.count(" = ") == step.operations


@pytest.mark.parametrize("peer", [operations.autograd, operations.mygrad])
@pytest.mark.parametrize("name", STEPS)
def test_peers_differentiate_the_same_chain(peer, name):
    pytest.importorskip(peer.__name__)
    work = row.load("operation-cost")
    problem = work.problem(name, np.random.default_rng(0))
    assert disagreement(work.ours(problem)(1), peer(problem)(1), work.tolerance) is None


@pytest.mark.parametrize("size", [lbfgs.DIMENSIONS, lbfgs.REGRESSION])
def test_scipy_finds_the_same_minimizer(size):
    problem = lbfgs.problem(size, np.random.default_rng(0))
    ours, scipy = lbfgs.ours(problem)(1), lbfgs.scipy(problem)(1)
    assert disagreement(ours, scipy, lbfgs.ROW.tolerance) is None
    assert min(ours["evaluations"], scipy["evaluations"]) > 20
    _, gradient = lbfgs.objective(problem)(ours["minimizer"])
    assert np.abs(gradient).max() <= lbfgs.TOLERANCE


def test_the_work_of_a_descent_is_that_of_its_evaluations():
    rosenbrock = lbfgs.work(10, {"evaluations": 3})
    assert rosenbrock == Work(flops=3 * 130, bytes=3 * 160, passes=3)
    regression = lbfgs.work(lbfgs.REGRESSION, {"evaluations": 1})
    assert regression == Work(flops=4 * 1437 * 64 * 10, bytes=2 * 8 * 1437 * 64)
