"""The rows of the samplers: peers draw from the same law, and faults are found out.

No two libraries draw the same numbers, so a tolerance is a number of standard errors;
here it is shown that they are neither smaller nor much larger than they are said to be.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.speed import random_numbers, row
from benchmarks.speed.agreement import disagreement
from benchmarks.speed.peers import gibbs as gibbs_peers
from benchmarks.speed.peers import ising as ising_peers
from benchmarks.speed.peers import log_partition as log_partition_peers
from benchmarks.speed.peers import random_numbers as numbers_peers
from benchmarks.speed.row import Work
from benchmarks.speed.rows import (
    annealing,
    forward_diffusion,
    gibbs,
    ising,
    langevin,
    log_partition,
    reverse_diffusion,
)
from benchmarks.speed.threads import executor
from samplers.ising import energy
from samplers.machine import sigmoid

MODULES = {"pytorch": "torch", "jax": "jax"}
NUMBERS = ["uniforms", "uniforms-float64", "normals", "normals-float64"]


@pytest.mark.parametrize("name", NUMBERS)
def test_numpy_fills_the_buffer_with_the_same_law(name):
    work = row.load(name)
    for size in work.cases.values():
        results = []
        for fill in (random_numbers.ours, numbers_peers.numpy):
            problem = random_numbers.problem(size, np.random.default_rng(0))
            results.append(fill(problem)(3))
            assert len(np.unique(problem["buffer"])) > 0.99 * size.numbers
        assert disagreement(*results, work.tolerance) is None


@pytest.mark.parametrize("name", NUMBERS)
def test_each_repetition_fills_in_other_numbers(name):
    [size, *_] = row.load(name).cases.values()
    problem = random_numbers.problem(size, np.random.default_rng(0))
    for fill in (random_numbers.ours, numbers_peers.numpy):
        run = fill(problem)
        buffers = [run(n) and problem["buffer"].copy() for n in (1, 2)]
        assert np.mean(buffers[0] == buffers[1]) < 0.01


@pytest.mark.parametrize(
    ("law", "planted"),
    [
        ("random", lambda numbers: 0.9 * numbers),
        ("random", lambda numbers: 2 * numbers - 1),
        ("random", lambda numbers: numbers**1.25),
        ("standard_normal", lambda numbers: 1.5 * numbers),
        ("standard_normal", lambda numbers: numbers + 0.25),
        ("standard_normal", np.abs),
    ],
)
def test_numbers_of_another_law_disagree(law, planted):
    work = random_numbers.row(law)
    [size, *_] = work.cases.values()
    problem = random_numbers.problem(size, np.random.default_rng(0))
    ours = random_numbers.ours(problem)(1)
    theirs = numbers_peers.judged(law, planted(problem["buffer"]))
    assert disagreement(ours, theirs, work.tolerance)


@pytest.mark.parametrize(
    "peer", [log_partition_peers.numpy, log_partition_peers.pytorch]
)
@pytest.mark.parametrize("size", [(7, 3), (5, log_partition_peers.LOW + 2)])
def test_peers_find_the_same_log_partition(peer, size):
    if peer.__name__ in MODULES:
        pytest.importorskip(MODULES[peer.__name__])
    problem = log_partition.problem(size, np.random.default_rng(0))
    # Fields for which exp overflows, and those for which log(1 + exp) is the identity.
    problem["a"][:3] = 800, 39, -800
    ours, theirs = log_partition.ours(problem)(1), peer(problem)(2)
    assert disagreement(ours, theirs, log_partition.ROW.tolerance) is None
    problem["b"][-1] += 1e-8
    assert disagreement(ours, peer(problem)(1), log_partition.ROW.tolerance)


def gibbs_by_hand(problem, repetitions, beta=1.0, a=1.0, b=1.0, stale=False):
    """Return what is judged of the plain algorithm, or of one with a fault.

    a, b : what the biases are multiplied by; stale : h is drawn once and kept
    """
    rng = np.random.default_rng(2)
    W, x = beta * problem["W"], problem["state"]
    a, b = beta * a * problem["a"], beta * b * problem["b"]
    h = None
    for _ in range(repetitions):
        draws = np.empty((gibbs_peers.SWEEPS, *x.shape))
        for k in range(len(draws)):
            if h is None or not stale:
                h = rng.random((len(x), len(b))) < sigmoid(x @ W + b)
            x = draws[k] = rng.random(x.shape) < sigmoid(h @ W.T + a)
    return gibbs_peers.judged(draws)


@pytest.fixture(scope="module")
def machine():
    """The arrays of the first case, and what is judged of ours."""
    problem = gibbs.problem(gibbs.FIRST, np.random.default_rng(0))
    run = gibbs.ours(problem)
    return problem, [run(n) for n in range(1, 11)]


@pytest.mark.parametrize("repetitions", [1, 3])
def test_gibbs_sampling_by_hand_agrees(machine, repetitions):
    problem, ours = machine
    theirs = gibbs_by_hand(problem, repetitions)
    tolerance = gibbs.ROW.tolerance
    assert disagreement(ours[repetitions - 1], theirs, tolerance) is None


@pytest.mark.parametrize(
    "planted",
    [{"beta": 0.8}, {"a": 0.7}, {"b": 0.5}, {"a": 0}, {"b": 0}, {"stale": True}],
)
def test_gibbs_sampling_with_a_fault_disagrees(machine, planted):
    problem, ours = machine
    theirs = gibbs_by_hand(problem, 1, **planted)
    assert disagreement(ours[0], theirs, gibbs.ROW.tolerance)


@pytest.mark.parametrize("peer", [gibbs_peers.pytorch, gibbs_peers.jax])
def test_peers_sample_the_same_machine(machine, peer):
    pytest.importorskip(MODULES[peer.__name__])
    problem, ours = machine
    run = peer(problem)
    for n in (1, 3):
        assert disagreement(ours[n - 1], run(n), gibbs.ROW.tolerance) is None


def test_the_standard_error_of_gibbs_sampling_is_that_of_its_repetitions(machine):
    means = np.array([result["mean x"] for result in machine[1]])
    between = np.sqrt(np.mean((means[1::2] - means[::2]) ** 2, axis=0))
    central = np.abs(means.mean(axis=0) - 0.5) < 0.25
    assert 0.5 < between[central].mean() / gibbs.STANDARD_ERROR < 1


@pytest.fixture(scope="module")
def lattices():
    """The arrays of the first case, and what is judged of ours."""
    problem = ising.problem(ising.FIRST, np.random.default_rng(0))
    run = ising.ours(problem)
    return problem, [run(n) for n in range(1, 13)]


@pytest.mark.parametrize("peer", [ising.numba, ising_peers.jax])
def test_peers_sample_the_same_lattices(lattices, peer):
    if peer.__name__ in MODULES:
        pytest.importorskip(MODULES[peer.__name__])
    problem, ours = lattices
    run = peer(problem)
    for n in (1, 3):
        assert disagreement(ours[n - 1], run(n), ising.ROW.tolerance) is None
    warmer = problem | {"temperatures": np.float32(1.05) * problem["temperatures"]}
    assert disagreement(ours[0], peer(warmer)(1), ising.ROW.tolerance)


def test_the_standard_errors_of_the_lattices_are_those_of_their_repetitions(lattices):
    for name, stated in {
        "energy": ising.STANDARD_ERROR,
        "mean energy": ising.MEAN_ERROR,
    }.items():
        values = np.array([result[name] for result in lattices[1]])
        differences = values[1::2] - values[::2]
        largest = np.max(np.sqrt(np.mean(differences**2, axis=0)))
        assert 0.3 < largest / stated < 2


def test_the_judged_energy_is_that_of_the_lattices():
    spins = np.random.default_rng(0).choice(np.int8([-1, 1]), (3, 5, 6, 6))
    judged = ising_peers.judged(spins)
    np.testing.assert_allclose(judged["energy"], energy(spins).mean(axis=1) / 36)
    assert judged["mean energy"] == pytest.approx(energy(spins).mean() / 36)


@pytest.mark.parametrize(
    ("module", "size"),
    [
        (gibbs, gibbs.Size(chains=5, visible=6, hidden=3)),
        (ising, ising.Size(lattices=3, side=4)),
        (log_partition, (4, 14)),
        (langevin, langevin.Size(chains=7, components=3)),
        (annealing, annealing.Size(30, 5, visible=6, hidden=3)),
        (forward_diffusion, forward_diffusion.Size(points=9, dimension=3, steps=5)),
        (reverse_diffusion, reverse_diffusion.Size(points=9, steps=5)),
    ],
)
def test_threads_change_nothing_but_the_time(module, size, monkeypatch):
    problem = module.problem(size, np.random.default_rng(0))
    results = []
    for threads in ("1", "2"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        results.append(module.ours(problem)(2))
    for name in results[0]:
        np.testing.assert_array_equal(results[0][name], results[1][name])


def test_a_contestant_has_the_threads_that_it_is_told_of(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert executor() is None
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    threads = executor()
    assert isinstance(threads, ThreadPoolExecutor)
    assert threads._max_workers == 3


def test_the_least_work_is_counted_by_hand():
    # 100 sweeps of 2 chains: products of 2 x 3 by 3 x 4, and of 2 x 4 by 4 x 3.
    assert gibbs.work(gibbs.Size(2, 3, 4), {}) == Work(flops=100 * 2 * 48, bytes=0)
    # 500 sweeps of 3 lattices of 4 x 4; a pass is one sweep of one lattice.
    size = ising.Size(lattices=3, side=4)
    assert ising.ROW.units(size) == size.updates == 500 * 3 * 16
    assert ising.work(size, {}) == Work(flops=0, bytes=2 * 24000, passes=1500)
    # 8 states of 3 hidden units; for each of 5 visible ones a field, and its sum.
    assert log_partition.work((5, 3), {}) == Work(flops=8 * 5 * 2, bytes=0)
    uniforms = row.load("uniforms-float64")
    assert uniforms.work(uniforms.cases["4,096 numbers"], {}) == Work(0, 8 * 4096)
