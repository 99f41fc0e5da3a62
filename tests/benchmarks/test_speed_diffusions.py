"""The rows of Langevin dynamics, annealing and diffusion chains: equal work, one law.

What a row compares is held to plain lines in NumPy, right ones and faulty ones, and
where a formula gives it, to that. As no two libraries draw the same numbers, these are
statistical tests; each has its seed, and limits of several standard errors.
"""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.speed.agreement import disagreement
from benchmarks.speed.peers import annealing as annealing_peers
from benchmarks.speed.peers import diffusion as diffusion_peers
from benchmarks.speed.peers import langevin as langevin_peers
from benchmarks.speed.peers.langevin import STEP_SIZE, STEPS
from benchmarks.speed.peers.mixture import LEAN, RADIUS, SD, judged, ring
from benchmarks.speed.row import Work
from benchmarks.speed.rows import (
    annealing,
    forward_diffusion,
    langevin,
    reverse_diffusion,
)
from samplers.exact import log_partition
from samplers.machine import Machine

MODULES = {"pytorch": "torch", "jax": "jax"}


def require(peer):
    """Skip the test if what a peer imports is not installed."""
    pytest.importorskip(MODULES[peer.__name__.split("_")[-1]])


@pytest.mark.parametrize("components", [3, 8, 32])
def test_the_ring_leans_to_one_side(components):
    weights, means = ring(components)
    assert weights.sum() == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(np.hypot(*means.T), RADIUS, rtol=1e-6)
    mean = weights.astype(float) @ means
    np.testing.assert_allclose(mean, [RADIUS * LEAN / 2, 0], atol=1e-6)


def test_judged_are_the_mean_and_the_nearest_distance():
    means = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    found = judged(np.array([[2.0, 0.0], [0.0, 4.0], [-1.0, -1.0]]), means)
    np.testing.assert_allclose(found["mean x"], [1 / 3, 1.0])
    assert found["spread"] == pytest.approx((1 + 9 + 1) / 3)


def pulled(x, weights, means, variance):
    """Return sum_k r_k(x) m_k, the r_k those of a mixture of one variance."""
    away = ((x[:, np.newaxis] - means) ** 2).sum(axis=2)
    r = weights * np.exp(-away / (2 * variance))
    return r @ means / r.sum(axis=1, keepdims=True)


def langevin_by_hand(problem, repetitions, sd=SD, noise=2.0, weighed=True, drift=1.0):
    """Return what is judged of the plain algorithm, or of one with a fault."""
    rng = np.random.default_rng(2)
    weights, means = problem["weights"], problem["means"].astype(float)
    weights = weights if weighed else np.ones_like(weights)
    x = problem["state"].astype(float)
    for _ in range(STEPS * repetitions):
        score = drift * (pulled(x, weights, means, sd**2) - x) / sd**2
        spread = np.sqrt(noise * STEP_SIZE)
        x = x + STEP_SIZE * score + spread * rng.standard_normal(x.shape)
    return judged(x, means)


@pytest.fixture(scope="module")
def walk():
    """The arrays of the first case, and what is judged of ours."""
    problem = langevin.problem(langevin.FIRST, np.random.default_rng(0))
    run = langevin.ours(problem)
    return problem, [run(n) for n in range(1, 21)]


@pytest.mark.parametrize("repetitions", [1, 4])
def test_langevin_by_hand_agrees(walk, repetitions):
    problem, ours = walk
    theirs = langevin_by_hand(problem, repetitions)
    assert disagreement(ours[repetitions - 1], theirs, langevin.TOLERANCE) is None


@pytest.mark.parametrize(
    "planted",
    [{"noise": 1.0}, {"sd": 0.6}, {"sd": 0.25}, {"weighed": False}, {"drift": 0.5}],
)
def test_langevin_with_a_fault_disagrees(walk, planted):
    """Noise of sqrt(eta), wrong widths, equal weights, half of the slope are seen."""
    problem, ours = walk
    theirs = langevin_by_hand(problem, 4, **planted)
    assert disagreement(ours[3], theirs, langevin.TOLERANCE)


@pytest.mark.parametrize("peer", [langevin_peers.pytorch, langevin_peers.jax])
def test_peers_walk_by_the_same_law(walk, peer):
    require(peer)
    problem, ours = walk
    run = peer(problem)
    for n in (1, 3):
        assert disagreement(ours[n - 1], run(n), langevin.TOLERANCE) is None
    flat = problem | {"weights": np.full_like(problem["weights"], 1 / 8)}
    assert disagreement(ours[3], peer(flat)(4), langevin.TOLERANCE)


def test_the_standard_errors_of_langevin_are_those_of_its_repetitions(walk):
    """Ends of runs of 1, 2... repetitions: neighbors in time are nearly independent."""
    ends = walk[1][9:]
    means = np.array([end["mean x"] for end in ends])
    spreads = np.array([end["spread"] for end in ends])
    by_axis = np.sqrt(2) * means.std(axis=0)
    assert 0.2 < by_axis.max() / langevin.MEAN_ERROR < 1.6
    relative = np.sqrt(2) * spreads.std() / spreads.mean()
    assert 0.2 < relative / langevin.SPREAD_ERROR < 1.6


SMALL = annealing.Size(particles=400, temperatures=50, visible=12, hidden=8)


@pytest.fixture(scope="module")
def anneals():
    """A machine that can be enumerated, and its log Z."""
    problem = annealing.problem(SMALL, np.random.default_rng(0))
    problem["W"] *= 20
    machine = Machine(problem["W"], problem["a"], problem["b"])
    return problem, log_partition(machine)


@pytest.mark.parametrize(
    "contestant", [annealing.ours, annealing_peers.pytorch, annealing_peers.jax]
)
def test_annealing_finds_the_log_z_of_a_small_machine(anneals, contestant):
    """Within 0.05 nats, several standard errors: a lost unit of h alone is 0.69."""
    problem, exact = anneals
    if contestant is not annealing.ours:
        require(contestant)
    run = contestant(problem)
    one, two = run(1)["log Z"], run(2)["log Z"]
    assert one == pytest.approx(exact, abs=0.05)
    assert two == pytest.approx(exact, abs=0.05)
    assert one != two


def test_the_standard_error_of_annealing_is_that_of_its_repetitions():
    problem = annealing.problem(annealing.FIRST, np.random.default_rng(0))
    run = annealing.ours(problem)
    estimates = [run(n)["log Z"] for n in range(1, 5)]
    assert 0.1 < np.sqrt(2) * np.std(estimates) / annealing.STANDARD_ERROR < 2
    assert estimates[0] > annealing.LOG_Z


@pytest.mark.parametrize(
    "contestant",
    [
        forward_diffusion.ours,
        diffusion_peers.forward_pytorch,
        diffusion_peers.forward_jax,
    ],
)
def test_the_forward_chain_keeps_what_the_schedule_says(contestant):
    """To three of the stated errors, which are those of a difference."""
    if contestant is not forward_diffusion.ours:
        require(contestant)
    size = forward_diffusion.FIRST
    problem = forward_diffusion.problem(size, np.random.default_rng(0))
    found = contestant(problem)(2)
    abar = forward_diffusion.schedule(size.steps).abar[size.steps]
    errors = forward_diffusion.SIGNAL_ERROR, forward_diffusion.NOISE_ERROR
    assert found["signal"] == pytest.approx(np.sqrt(abar), abs=3 * errors[0])
    assert found["noise"] == pytest.approx(1 - abar, abs=3 * errors[1])
    assert 0.4 < abar < 0.6


@pytest.mark.parametrize("off", [-3, 3])
def test_a_forward_chain_some_steps_off_disagrees(off):
    """Three steps of a hundred change the signal by more than is allowed."""
    steps = forward_diffusion.FIRST.steps
    abar = forward_diffusion.schedule(steps).abar[[steps, steps + off]]
    right, wrong = ({"signal": np.sqrt(a), "noise": 1 - a} for a in abar)
    assert disagreement(right, wrong, forward_diffusion.ROW.tolerance)


def reverse_by_hand(problem, off=0, swapped=False, noise=1.0, shrunk=1.0):
    """Return what is judged of the plain reverse chain, or of one with a fault."""
    rng = np.random.default_rng(3)
    weights, means = problem["weights"], problem["means"].astype(float)
    x = problem["state"].astype(float)
    for t in reversed(range(len(problem["a"]))):
        a, b, c = (float(problem[name][t]) for name in "abc")
        a, b = (b, a) if swapped else (a, b)
        s = max(t - off, 0)
        signal, variance = float(problem["signal"][s]), float(problem["variance"][s])
        m = pulled(x, weights, signal * means, variance) / signal
        estimate = signal * SD**2 * x + (1 - signal**2) * shrunk * m
        x = a * estimate / variance + b * x + noise * c * rng.standard_normal(x.shape)
    return judged(x, means)


@pytest.fixture(scope="module")
def chains():
    """The arrays of the first case, and what is judged of ours."""
    size = reverse_diffusion.FIRST
    problem = reverse_diffusion.problem(size, np.random.default_rng(0))
    return problem, reverse_diffusion.ours(problem)(1)


def test_the_reverse_chain_by_hand_agrees(chains):
    problem, ours = chains
    theirs = reverse_by_hand(problem)
    assert disagreement(ours, theirs, langevin.TOLERANCE) is None


@pytest.mark.parametrize(
    "planted",
    [{"off": 8}, {"swapped": True}, {"noise": 0.5}, {"noise": 2.0}, {"shrunk": 0.7}],
)
def test_a_reverse_chain_with_a_fault_disagrees(chains, planted):
    problem, ours = chains
    assert disagreement(ours, reverse_by_hand(problem, **planted), langevin.TOLERANCE)


@pytest.mark.parametrize(
    "peer", [diffusion_peers.reverse_pytorch, diffusion_peers.reverse_jax]
)
def test_peers_go_back_by_the_same_law(chains, peer):
    require(peer)
    problem, ours = chains
    run = peer(problem)
    for n in (1, 3):
        assert disagreement(ours, run(n), langevin.TOLERANCE) is None
    swapped = problem | {"a": problem["b"], "b": problem["a"]}
    assert disagreement(ours, peer(swapped)(1), langevin.TOLERANCE)


def test_the_coefficients_of_the_reverse_chain_keep_the_forward_law():
    """With the right x_0, x_s again has signal_s x_0 and the variance of its noise."""
    size = replace(reverse_diffusion.FIRST, points=2)
    problem = reverse_diffusion.problem(size, np.random.default_rng(0))
    names = "signal", "variance", "a", "b", "c"
    signal, variance, a, b, c = (problem[name].astype(float) for name in names)
    before = np.concatenate([[1], signal[:-1]])
    np.testing.assert_allclose(a + b * signal, before, atol=1e-6)
    noise = b**2 * (1 - signal**2) + c**2
    np.testing.assert_allclose(noise, 1 - before**2, atol=1e-6)
    np.testing.assert_allclose(variance, 1 - signal**2 * (1 - SD**2), atol=1e-6)


def test_the_least_work_is_counted_by_hand():
    # 100 steps of 5 chains with 3 components in the plane: 2 x 2 operations for a
    # logit, as many for a term of the mean, and 2 x 4 for a step.
    assert langevin.work(langevin.Size(5, 3), {}) == Work(100 * 5 * (3 * 8 + 8), 0)
    reverse = reverse_diffusion.work(reverse_diffusion.Size(5, 7), {})
    assert reverse == Work(7 * 5 * (8 * 8 + 8), 0)
    # Three weights, each with a product of 2 x 4 by 4 x 5, and two moves with another.
    size = annealing.Size(particles=2, temperatures=3, visible=4, hidden=5)
    assert annealing.work(size, {}) == Work((3 + 2) * 80, 0)
    # 7 steps of 2 points of 3 numbers, whose 4 bytes are read and written once.
    size = forward_diffusion.Size(points=2, dimension=3, steps=7)
    assert forward_diffusion.ROW.units(size) == 42
    assert forward_diffusion.work(size, {}) == Work(3 * 42, 48)
