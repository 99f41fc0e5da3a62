"""Annealed runs: in chunks, by workers, with progress; what they refuse."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from samplers import annealing, chains
from samplers.annealing import annealed_importance, reverse_annealed_importance
from samplers.errors import DivergenceError
from samplers.importance import FewWeightsWarning
from samplers.machine import Machine
from samplers.machine_path import MachinePath
from samplers.philox import draw_key
from tests.samplers import annealing_checks
from tests.samplers.annealing_checks import Ledger
from tests.samplers.machine_path_checks import log_f
from tests.samplers.test_machine import make_machine

BETAS = np.linspace(0, 1, 40)


@pytest.mark.exact
def test_each_rung_is_taken_once():
    annealing_checks.check_run(annealing)


@pytest.mark.exact
def test_with_one_temperature_it_is_plain_importance_sampling():
    """w = f_1 / f_0 of the very states that are drawn, to 1e-12."""
    path = MachinePath(make_machine(6, 4, scale=0.5), np.full(6, 0.3))
    weights = annealed_importance(path, [0, 1], 50, rng=5)
    x = path.start(draw_key(5), 50).astype(float)
    expected = log_f(path, x, 1) - log_f(path, x, 0)
    np.testing.assert_allclose(weights.log_weights, expected, rtol=1e-12, atol=1e-12)
    down = reverse_annealed_importance(path, [0, 1], x, rng=5)
    np.testing.assert_allclose(down.log_weights, -expected, rtol=1e-12, atol=1e-12)
    # Sum and difference of logarithms, with the weights as they are.
    w = np.exp(expected)
    estimate = path.log_base + np.log(w.mean())
    assert weights.log_partition == pytest.approx(estimate, rel=1e-13)


def test_chunks_and_workers_change_nothing(monkeypatch):
    """The same bits from chunks of one rung, and from threads."""
    path = MachinePath(make_machine(6, 4))
    whole = annealed_importance(path, BETAS, 30, rng=0).log_weights
    with ThreadPoolExecutor(3) as executor:
        shared = annealed_importance(path, BETAS, 30, rng=0, executor=executor)
    assert np.array_equal(shared.log_weights, whole)
    monkeypatch.setattr(chains, "CHUNK_SECONDS", 0.0)
    ledger = Ledger()
    annealed_importance(ledger, BETAS, 30, rng=0)
    assert len(ledger.seen) == 39
    assert np.array_equal(
        annealed_importance(path, BETAS, 30, rng=0).log_weights, whole
    )


def test_workers_may_be_processes():
    path = MachinePath(make_machine(4, 3, dtype=np.float32), np.full(4, 0.1))
    x = path.start(np.uint64(3), 50)
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        runs = [
            reverse_annealed_importance(path, BETAS[::13], x, rng=0, executor=each)
            for each in (None, executor)
        ]
    assert np.array_equal(runs[0].log_weights, runs[1].log_weights)


def test_more_particles_are_the_same_particles_and_others():
    path = MachinePath(make_machine(6, 4))
    few = annealed_importance(path, BETAS, 15, rng=0).log_weights
    many = annealed_importance(path, BETAS, 40, rng=0).log_weights
    assert np.array_equal(many[:15], few)
    assert len(np.unique(many)) == 40


def test_an_int_gives_the_same_run_and_a_generator_the_next_one():
    path, rng = MachinePath(make_machine(6, 4)), np.random.default_rng(0)
    runs = [
        annealed_importance(path, BETAS, 15, rng=each).log_weights
        for each in (0, rng, rng)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[1], runs[2])


def test_progress_is_shown_on_stderr(capsys):
    annealed_importance(Ledger(), BETAS, 20, rng=0, progress="AIS")
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1].startswith("AIS: temperature 39/39")
    assert captured.out == ""


def test_an_interrupt_is_heard_between_chunks(capsys):
    class Interrupted(Ledger):
        def anneal(self, state, log_weights, betas, rungs, **address):
            super().anneal(state, log_weights, betas, rungs, **address)
            if len(self.seen) > 5:
                raise KeyboardInterrupt

    path = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        annealed_importance(path, BETAS, 20, rng=0, progress="AIS")
    assert len(path.seen) < 39
    assert "temperature" in capsys.readouterr().err


def test_few_effective_weights_are_warned_of():
    """Two temperatures for strong couplings; not so 2000 for weak ones."""
    path = MachinePath(make_machine(20, 10, scale=2))
    with pytest.warns(FewWeightsWarning, match="200 weights .* low, .* temperatures"):
        annealed_importance(path, [0, 0.5, 1], 200, rng=0)
    start = path.start(np.uint64(0), 200)
    with pytest.warns(FewWeightsWarning, match="probably too high"):
        reverse_annealed_importance(path, [0, 0.5, 1], start, rng=0)


def test_errors_of_workers_come_through():
    machine = Machine(np.full((2, 2), 1e308), np.zeros(2), np.zeros(2))
    path = MachinePath(machine, bias=np.full(2, 50.0))
    with (
        ThreadPoolExecutor(2) as executor,
        pytest.raises(
            DivergenceError, match=r"hidden unit \(at beta = 0.0256"
        ) as error,
    ):
        annealed_importance(path, BETAS, 6, rng=0, executor=executor)
    assert (error.value.chain, error.value.step) == (0, 1)


@pytest.mark.parametrize(
    "betas",
    [
        [0, 0.5, 0.5, 1],
        [0, 0.7, 0.3, 1],
        [1, 0],
        [0, 0.5],
        [0.1, 1],
        [0, np.nan, 1],
        [0],
        [],
        1.0,
        np.zeros((2, 2)),
    ],
)
def test_betas_that_do_not_lead_from_0_to_1_are_refused(betas):
    for call in (
        lambda: annealed_importance(Ledger(), betas, 20, rng=0),
        lambda: reverse_annealed_importance(Ledger(), betas, np.zeros((20, 1)), rng=0),
    ):
        with pytest.raises(ValueError, match=r"begin with 0 .* np.linspace\(0, 1, K"):
            call()


def test_other_refusals():
    for particles in (0, -1, 2.0, None):
        with pytest.raises(ValueError, match=r"particles is .* at least 1"):
            annealed_importance(Ledger(), BETAS, particles, rng=0)
    with pytest.raises(TypeError, match="rng is None"):
        annealed_importance(Ledger(), BETAS, 10, rng=None)
    machine = make_machine(3, 2)
    path = MachinePath(machine)
    for call, third in (
        (annealed_importance, 10),
        (reverse_annealed_importance, np.zeros((9, 3))),
    ):
        with pytest.raises(TypeError, match=r"path is a Machine.* MachinePath\(mach"):
            call(machine, BETAS, third, rng=0)
    with pytest.raises(ValueError, match=r"shape \(0, 3\)"):
        reverse_annealed_importance(path, BETAS, np.zeros((0, 3)), rng=0)
