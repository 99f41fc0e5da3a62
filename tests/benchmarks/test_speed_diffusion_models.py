"""The rows of diffusion models: equal steps and chains, and faults found out.

They are held to plain lines in NumPy. No two libraries draw the same numbers: steps are
compared by the loss at given noise, chains by moments of x_0, within six standard
errors, and what a network makes of given points to a few roundings.
"""

import numpy as np
import pytest

from benchmarks.speed.agreement import disagreement
from benchmarks.speed.peers import diffusion_step as step_peers
from benchmarks.speed.peers import reverse_network as chain_peers
from benchmarks.speed.peers.adam import BETA1, BETA2, EPSILON
from benchmarks.speed.peers.diffusion_step import (
    LAYERS,
    LEARNING_RATE,
)
from benchmarks.speed.row import Work
from benchmarks.speed.rows import diffusion_step, reverse_network
from models.denoising_network import DenoisingNetwork
from models.diffusion import Diffusion
from models.diffusion_training import simple_loss
from models.log_snr import LinearLogSNR
from models.mlp import MLP, Dense

PEERS = pytest.mark.parametrize(
    ("peer", "package"), [("pytorch", "torch"), ("jax", "jax")]
)


# ---------------------------------------------------------------- a training step


def slopes(problem, theta, u, noise, skip=1.0, last=-10.0):
    """Return the gradient of the loss by the weights and then the biases, by hand.

    skip : factor of sigma x; last : the log SNR at u = 1
    """
    W, b = theta[:3], theta[3:]
    level = 10 + (last - 10) * u[:, np.newaxis]
    alpha, sigma = np.sqrt(1 / (1 + np.exp(np.array([-level, level]))))
    x, angles = alpha * problem["x"] + sigma * noise, problem["frequencies"] * level
    values = [np.hstack([x, np.sin(angles), np.cos(angles)])]
    for i in (0, 1):
        values.append(np.maximum(values[i] @ W[i] + b[i], 0))
    delta = 2 * (values[2] @ W[2] + b[2] + skip * sigma * x - noise) / noise.size
    weights, biases = [], []
    for i in (2, 1, 0):
        weights.insert(0, values[i].T @ delta)
        biases.insert(0, delta.sum(axis=0))
        delta = delta @ W[i].T * (values[i] > 0)
    return weights + biases


def learned_by_hand(problem, steps, seed=2, *, fresh=True, rate=1.0, **fault):
    """Return what is judged of the plain algorithm, or of one with a fault.

    fresh : whether noise and times are drawn at each step; rate : in units of the right
    one; fault : of the slopes
    """
    draws = np.random.default_rng(seed)
    theta = [problem[f"{name}{i}"].astype(float) for name in "Wb" for i in LAYERS]
    first = slopes(problem, theta, problem["u"], problem["noise"], **fault)[3]
    moments = [[np.zeros_like(array), np.zeros_like(array)] for array in theta]
    n = len(problem["x"])
    for t in range(1, steps + 1):
        if fresh or t == 1:
            u = (draws.random() + np.arange(n) / n) % 1
            noise = draws.standard_normal(problem["x"].shape)
        gradient = slopes(problem, theta, u, noise, **fault)
        for array, g, (m, v) in zip(theta, gradient, moments, strict=True):
            m += (1 - BETA1) * (g - m)
            v += (1 - BETA2) * (g**2 - v)
            root = np.sqrt(v / (1 - BETA2**t)) + EPSILON
            array -= rate * LEARNING_RATE / (1 - BETA1**t) * m / root
    return step_peers.judged(problem, first, theta[:3], theta[3:])


@pytest.fixture(scope="module")
def learned():
    """The arrays of the first case, and what is judged of ours after some steps."""
    rng = np.random.default_rng(0)
    problem = diffusion_step.problem(diffusion_step.FIRST, rng)
    run = diffusion_step.ours(problem)
    return problem, {n: run(n) for n in (1, 10, 60)}


@pytest.mark.parametrize("n", [1, 10, 60])
def test_steps_by_hand_agree(learned, n):
    problem, ours = learned
    tolerance = diffusion_step.ROW.tolerance
    assert disagreement(ours[n], learned_by_hand(problem, n), tolerance) is None


@pytest.mark.parametrize("planted", [{"skip": 0.99}, {"last": -10.1}])
def test_a_loss_with_a_fault_disagrees(learned, planted):
    problem, ours = learned
    theirs, exact = learned_by_hand(problem, 0, **planted), {"slope": 1e-4}
    assert disagreement(ours[1], theirs, exact)


@pytest.mark.parametrize("planted", [{"fresh": False}, {"rate": 2.0}, {"rate": 0.5}])
def test_steps_with_a_fault_disagree(learned, planted):
    problem, ours = learned
    theirs = learned_by_hand(problem, 60, **planted)
    assert disagreement(ours[60], theirs, diffusion_step.ROW.tolerance)


@PEERS
def test_peers_take_the_same_steps(learned, peer, package):
    pytest.importorskip(package)
    problem, ours = learned
    run = getattr(step_peers, peer)(problem)
    for n in (1, 10):
        assert disagreement(ours[n], run(n), diffusion_step.ROW.tolerance) is None


def test_the_standard_errors_of_a_step_are_those_of_its_repetitions(learned):
    problem, _ = learned
    found = [learned_by_hand(problem, 60, seed) for seed in range(5)]
    for name, stated in diffusion_step.STANDARD_ERRORS.items():
        values = np.array([np.asarray(result[name]) for result in found])
        error = np.sqrt(2) * values.std(ddof=1) / abs(values.mean())
        assert 0.2 < error / stated < 1.6


def test_the_loss_that_is_judged_is_that_of_the_model():
    size = diffusion_step.Size(batch=7, width=5)
    problem = diffusion_step.problem(size, np.random.default_rng(1))
    problem = {name: array.astype(float) for name, array in problem.items()}
    W, b = ([problem[f"{name}{i}"] for i in LAYERS] for name in "Wb")
    names = ("relu", "relu", "identity")
    mlp = MLP([Dense(*layer) for layer in zip(W, b, names, strict=True)])
    network = DenoisingNetwork(mlp, "noise", problem["frequencies"])
    model = Diffusion(network, LinearLogSNR(10.0, -10.0))
    right = simple_loss(model, *(problem[name] for name in ("x", "u", "noise")))
    found = step_peers.judged(problem, np.zeros(5), W, b)
    assert np.asarray(found["loss"]) == pytest.approx(right, rel=1e-12)
    assert np.asarray(found["moved"]) == 0


# ---------------------------------------------------------------- a reverse chain


def back_by_hand(
    problem, repetitions, *, noise=1.0, bias=1.0, off=0, skip=1.0, swapped=False
):
    """Return what is judged of the plain chain, or of one with a fault.

    noise : of its standard deviation; bias, skip : factors; off : of the time that the
    network is told; swapped : whether a and b are
    """
    rng = np.random.default_rng(3)
    W0, W1, W2 = (problem[name] for name in chain_peers.WEIGHTS)
    b0, b1, b2 = (np.float32(bias) * problem[name] for name in chain_peers.BIASES)
    names = "signal", "noise", "a", "b", "c"
    signal, sigma, a, stay, c = (problem[name] for name in names)
    a, stay = (stay, a) if swapped else (a, stay)
    x, T = problem["state"], len(a)

    def guess(x, t):
        f = problem["features"][max(t - off, 0)]
        hidden = np.maximum(x @ W0[:2] + (f @ W0[2:] + b0), 0)
        hidden = np.maximum(hidden @ W1 + b1, 0)
        return hidden @ W2 + b2 + np.float32(skip) * sigma[t] * x

    for _ in range(repetitions):
        x = problem["state"]
        for t in reversed(range(T)):
            xi = rng.standard_normal(x.shape, np.float32)
            x_0 = (x - sigma[t] * guess(x, t)) / signal[t]
            x = a[t] * x_0 + stay[t] * x + np.float32(noise) * c[t] * xi
    times = chain_peers.judged_times(T)
    return chain_peers.judged([guess(problem["state"], t - 1) for t in times], x)


@pytest.fixture(scope="module")
def chain():
    """The arrays of the first case, and what is judged of ours."""
    rng = np.random.default_rng(0)
    problem = reverse_network.problem(reverse_network.FIRST, rng)
    return problem, reverse_network.ours(problem)


def test_the_plain_chain_agrees(chain):
    problem, run = chain
    tolerance = reverse_network.ROW.tolerance
    assert disagreement(run(2), back_by_hand(problem, 1), tolerance) is None


@pytest.mark.parametrize(
    "planted", [{"bias": 0.99}, {"off": 1}, {"skip": 0.9}, {"skip": 0.0}]
)
def test_a_network_with_a_fault_disagrees(chain, planted):
    problem, run = chain
    theirs, exact = back_by_hand(problem, 0, **planted), {"guess": 1e-4}
    assert disagreement(run(1), theirs, exact)


@pytest.mark.parametrize("planted", [{"noise": 0.5}, {"noise": 2.0}, {"swapped": True}])
def test_a_chain_with_a_fault_disagrees(chain, planted):
    problem, run = chain
    theirs = back_by_hand(problem, 1, **planted)
    assert disagreement(run(1), theirs, reverse_network.ROW.tolerance)


@PEERS
def test_peers_go_back_by_the_same_law(chain, peer, package):
    pytest.importorskip(package)
    problem, ours = chain
    theirs = getattr(chain_peers, peer)(problem)
    for n in (1, 3):
        tolerance = reverse_network.ROW.tolerance
        assert disagreement(ours(n), theirs(n), tolerance) is None


def test_the_standard_error_of_a_chain_is_that_of_its_repetitions(chain):
    found = [chain[1](n) for n in range(1, 9)]
    errors = {}
    for name in ("square", "variance"):
        values = np.array([result[name] for result in found])
        error = np.sqrt(2) * values.std(axis=0, ddof=1) / values.max()
        errors[name] = error.max() / reverse_network.STANDARD_ERROR
    assert 0.1 < errors["square"] < 1.3
    assert 0.5 < errors["variance"] < 1.6


def test_the_least_work_is_counted_by_hand():
    # Weights of 34 x 3, 3 x 3 and 3 x 2: each in two products with a batch of 5, and
    # all but the first in a third. The update reads and writes three float32 for each
    # of 117 weights and 8 biases.
    step = diffusion_step.work(diffusion_step.Size(batch=5, width=3), {})
    assert step == Work(flops=2 * 5 * (3 * 117 - 102), bytes=2 * 3 * 4 * 125)
    # 100 steps of 5 points, with 2 x 3, 3 x 3 and 3 x 2 weights for each.
    back = reverse_network.work(reverse_network.Size(points=5, width=3), {})
    assert back == Work(100 * 5 * 2 * 21, 0)
