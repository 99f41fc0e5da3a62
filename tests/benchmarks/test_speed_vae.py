"""The row of the variational autoencoder: equal steps, by what comes of them.

No two libraries draw the same numbers, so steps are compared by terms of the loss at
given noise, which plain lines in NumPy meet, and the same lines with a fault do not.
Each has its seed, and limits of several standard errors.
"""

import numpy as np
import pytest

from benchmarks.speed.agreement import disagreement
from benchmarks.speed.peers import vae as peers
from benchmarks.speed.peers.adam import BETA1, BETA2, EPSILON
from benchmarks.speed.peers.vae import LAYERS, LEARNING_RATE
from benchmarks.speed.row import Work
from benchmarks.speed.rows import vae as row
from models.conditionals import Bernoulli, Gaussian
from models.mlp import MLP, Dense
from models.vae import VAE

TOLERANCE = row.ROW.tolerance


def slopes(problem, theta, noise, beta, half):
    """Return the gradient of the loss by the weights and then the biases, by hand."""
    x, n, W, b = problem["x"], len(problem["x"]), theta[:4], theta[4:]
    below = np.maximum(x @ W[0] + b[0], 0)
    m, v = np.split(below @ W[1] + b[1], 2, axis=1)
    s = np.exp(half * v)
    h = m + s * noise
    above = np.maximum(h @ W[2] + b[2], 0)
    z = above @ W[3] + b[3]
    d3 = (1 / (1 + np.exp(-z)) - x) / n
    d2 = d3 @ W[3].T * (above > 0)
    dh = d2 @ W[2].T
    dv = half * dh * s * noise + beta * np.expm1(v) / (2 * n)
    d1 = np.hstack([dh + beta * m / n, dv])
    d0 = d1 @ W[1].T * (below > 0)
    deltas = d0, d1, d2, d3
    inputs = x, below, h, above
    weights = [a.T @ d for a, d in zip(inputs, deltas, strict=True)]
    return weights + [d.sum(axis=0) for d in deltas]


def learned_by_hand(
    problem, steps, seed=2, *, beta=1.0, half=0.5, spread=1, fresh=True, rate=1.0
):
    """Return what is judged of the plain algorithm, or of one with a fault.

    beta : of the divergence; half : s = e^(half v); spread : of the noise; fresh :
    whether it is drawn at each step; rate : in units of the right one
    """
    draws = np.random.default_rng(seed)
    theta = [problem[f"{name}{i}"].copy() for name in "Wb" for i in LAYERS]
    moments = [[np.zeros_like(array), np.zeros_like(array)] for array in theta]
    shape = problem["noise"].shape
    for t in range(1, steps + 1):
        if fresh or t == 1:
            noise = np.float32(spread) * draws.standard_normal(shape, np.float32)
        gradient = slopes(problem, theta, noise, beta, half)
        for array, g, (m, v) in zip(theta, gradient, moments, strict=True):
            m += (1 - BETA1) * (g - m)
            v += (1 - BETA2) * (g**2 - v)
            root = np.sqrt(v / (1 - BETA2**t)) + EPSILON
            array -= rate * LEARNING_RATE / (1 - BETA1**t) * m / root
    return peers.judged(problem, theta[:4], theta[4:])


@pytest.fixture(scope="module")
def learned():
    """The arrays of the first case, and what is judged of ours after 1 and 10 steps."""
    problem = row.problem(row.FIRST, np.random.default_rng(0))
    run = row.ours(problem)
    return problem, {n: run(n) for n in (1, 10)}


@pytest.mark.parametrize("n", [1, 10])
def test_steps_by_hand_agree(learned, n):
    problem, ours = learned
    assert disagreement(ours[n], learned_by_hand(problem, n), TOLERANCE) is None


@pytest.mark.parametrize(
    "planted",
    [
        {"beta": 0.0},
        {"beta": 0.5},
        {"half": 1.0},
        {"spread": 0},
        {"fresh": False},
        {"rate": 1.1},
    ],
)
def test_steps_with_a_fault_disagree(learned, planted):
    problem, ours = learned
    assert disagreement(ours[10], learned_by_hand(problem, 10, **planted), TOLERANCE)


@pytest.mark.parametrize(
    ("peer", "module"), [(peers.pytorch, "torch"), (peers.jax, "jax")]
)
def test_peers_take_the_same_steps(learned, peer, module):
    pytest.importorskip(module)
    problem, ours = learned
    run = peer(problem)
    for n in (1, 10):
        assert disagreement(ours[n], run(n), TOLERANCE) is None


def test_the_standard_errors_of_a_result_are_those_of_its_repetitions(learned):
    problem, _ = learned
    found = [learned_by_hand(problem, 10, seed) for seed in range(8)]
    for name, stated in row.STANDARD_ERRORS.items():
        values = np.array([np.asarray(result[name]) for result in found])
        error = np.sqrt(2) * values.std(ddof=1) / abs(values.mean())
        assert 0.5 < error / stated < 1.6


def test_the_terms_that_are_judged_are_those_of_the_bound():
    size = row.Size(batch=7, visible=9, hidden=5, latent=3)
    problem = row.problem(size, np.random.default_rng(1))
    W, b = ([problem[f"{name}{i}"].astype(float) for i in LAYERS] for name in "Wb")
    layers = [
        Dense(W[i], b[i], activation)
        for i, activation in zip(LAYERS, 2 * ("relu", "identity"), strict=True)
    ]
    vae = VAE(Gaussian(MLP(layers[:2])), Bernoulli(MLP(layers[2:])))
    terms = vae.elbo_terms(problem["x"].astype(float), problem["noise"].astype(float))
    found = peers.judged(problem, W, b)
    assert np.asarray(found["reconstruction"]) == pytest.approx(
        -terms.reconstruction.mean(), rel=1e-12
    )
    divergence = terms.divergence.sum(axis=1).mean()
    assert np.asarray(found["divergence"]) == pytest.approx(divergence, rel=1e-12)
    assert np.asarray(found["moved"]) == 0


def test_the_least_work_of_a_step_is_counted_by_hand():
    # Weights of 5 x 4, 4 x 6, 3 x 4 and 4 x 5: each in two products with a batch of 2,
    # and all but the first in a third. The update reads and writes three float32 for
    # each of 76 weights and 19 biases.
    size = row.Size(batch=2, visible=5, hidden=4, latent=3)
    least = Work(flops=2 * 2 * (3 * 76 - 20), bytes=2 * 3 * 4 * (76 + 19))
    assert row.work(size, {}) == least
