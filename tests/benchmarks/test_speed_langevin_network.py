"""The row of Langevin dynamics through a network: equal work, and faults found out.

It is held to plain lines in NumPy. The scores are exact up to rounding; the chains draw
other numbers in each library, and are compared within six standard errors.
"""

import numpy as np
import pytest

from benchmarks.speed.agreement import disagreement
from benchmarks.speed.peers import langevin_network as peers
from benchmarks.speed.peers.langevin_network import PRIOR_SD, STEP_SIZE, STEPS
from benchmarks.speed.row import Work
from benchmarks.speed.rows import langevin_network
from benchmarks.speed.rows.langevin_network import FIRST, ROW, STANDARD_ERROR, Size


def by_hand(problem, repetitions, *, noise=2.0, drift=1.0, bias=1.0, precision=1.0):
    """Return what is judged of the plain algorithm, or of one with a fault."""
    rng = np.random.default_rng(3)
    W = [problem[name].astype(float) for name in peers.WEIGHTS]
    b = [bias * problem[name].astype(float) for name in peers.BIASES]
    x = problem["state"].astype(float)

    def score(x):
        a = np.tanh(x @ W[0] + b[0])
        delta = (1 - np.tanh(a @ W[1] + b[1]) ** 2) * W[2][:, 0]
        delta = (delta @ W[1].T) * (1 - a**2)
        return -(delta @ W[0].T + precision * x / PRIOR_SD**2)

    first = score(x)
    for _ in range(repetitions * STEPS):
        x = x + drift * STEP_SIZE * score(x)
        x += np.sqrt(noise * STEP_SIZE) * rng.standard_normal(x.shape)
    return peers.judged(first, x)


@pytest.fixture(scope="module")
def network():
    """The arrays of the first case, and what is judged of ours."""
    problem = langevin_network.problem(FIRST, np.random.default_rng(0))
    return problem, langevin_network.ours(problem)


def test_the_plain_lines_agree(network):
    problem, run = network
    for n in (1, 3):
        assert disagreement(run(n), by_hand(problem, n), ROW.tolerance) is None


@pytest.mark.parametrize(
    "planted",
    [{"noise": 8.0}, {"noise": 0.5}, {"drift": -1.0}, {"bias": 0.9}, {"precision": 0}],
)
def test_a_fault_disagrees(network, planted):
    problem, run = network
    assert disagreement(run(1), by_hand(problem, 1, **planted), ROW.tolerance)


@pytest.mark.parametrize(("peer", "package"), [("pytorch", "torch"), ("jax", "jax")])
def test_peers_sample_the_same_law(network, peer, package):
    pytest.importorskip(package)
    problem, ours = network
    theirs = getattr(peers, peer)(problem)
    for n in (1, 3):
        assert disagreement(ours(n), theirs(n), ROW.tolerance) is None


def test_the_standard_error_is_that_of_the_repetitions(network):
    """Ends of runs of 1, 2... repetitions, which are nearly independent."""
    squares = [network[1](n)["mean square"] for n in range(1, 13)]
    error = np.sqrt(2) * np.std(squares) / np.mean(squares)
    assert 0.3 < error / STANDARD_ERROR < 2


def test_the_least_work_is_counted_by_hand():
    # Forwards 2 x 3, 3 x 3 and 3 x 1 weights, as many backwards, two operations each.
    size = Size(chains=5, width=3)
    assert langevin_network.work(size, {}) == Work(STEPS * 5 * 2 * 2 * 18, 0)
