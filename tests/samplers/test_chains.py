"""Chains: the same draws in parts, on any executor, after a stop and from a file."""

import multiprocessing
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from samplers import chains as module
from samplers.archive import CheckpointError
from samplers.chains import Chains, split
from samplers.errors import DivergenceError
from samplers.philox import PROPOSAL, START, normals

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Autoregression:
    """x <- rho x + noise, for x : (chain, 3); a sampler in plain Python.

    interrupts : Ctrl-C comes in the middle of these calls of `advance`
    blows_up_at : the step in which chain 1 overflows
    """

    rho: float = 0.9
    interrupts: tuple = ()
    blows_up_at: int = -1
    calls: list = field(default_factory=list, compare=False, repr=False)

    def start(self, key, chains):
        state = np.empty((chains, 3))
        for chain in range(chains):
            normals(key, chain, 0, START, state[chain])
        return state

    def check(self, state):
        if state.ndim != 2 or state.shape[1] != 3:
            raise ValueError("a state of the test has three numbers")
        return state.astype(np.float64)

    def advance(self, state, draws, *, key, chain, step, thin):
        self.calls.append((len(state), draws.shape[1], thin))
        noise = np.empty(3)
        for c in range(len(state)):
            for k in range(draws.shape[1] * thin):
                normals(key, chain + c, step + k, PROPOSAL, noise)
                state[c] = self.rho * state[c] + noise
                if (chain + c, step + k) == (1, self.blows_up_at):
                    state[c, 2] = np.inf
                if (k + 1) % thin == 0:
                    draws[c, k // thin] = state[c]
            if len(self.calls) in self.interrupts and c == 1:
                signal.raise_signal(signal.SIGINT)


def by_hand(chains, draws, *, burn_in=0, thin=1, rho=0.9):
    """Return what Chains must draw, step by step."""
    key = Chains(Autoregression(), rng=0).key
    states = Autoregression().start(key, chains)
    kept = np.empty((chains, draws, 3))
    for c, x in enumerate(states):
        noise = np.empty(3)
        for step in range(burn_in + draws * thin):
            normals(key, c, step, PROPOSAL, noise)
            x = rho * x + noise
            done = step + 1 - burn_in
            if done > 0 and done % thin == 0:
                kept[c, done // thin - 1] = x
    return kept


@pytest.mark.parametrize(("burn_in", "thin"), [(0, 1), (7, 1), (0, 4), (5, 3)])
@pytest.mark.parametrize("seconds", [0.0, 2e-4, 100.0])
def test_draws_are_every_thin_steps_after_burn_in(monkeypatch, burn_in, thin, seconds):
    """However short the chunks, of which a draw may need several."""
    monkeypatch.setattr(module, "CHUNK_SECONDS", seconds)
    chains = Chains(Autoregression(), 3, rng=0, burn_in=burn_in, thin=thin)
    draws = chains.run(11)
    assert np.array_equal(draws, by_hand(3, 11, burn_in=burn_in, thin=thin))
    assert chains.step == burn_in + 11 * thin
    assert np.array_equal(chains.state, draws[:, -1])
    if seconds == 0:
        assert all(n * steps == 1 for _, n, steps in chains.sampler.calls)
    if seconds == 100:
        assert len(chains.sampler.calls) < 9


def test_a_run_in_parts_is_a_run():
    parts = Chains(Autoregression(), 2, rng=0, burn_in=3, thin=2)
    first = parts.run(4).copy()
    assert np.array_equal(parts.run(10), by_hand(2, 10, burn_in=3, thin=2))
    assert np.array_equal(parts.draws[:, :4], first)
    assert np.array_equal(parts.run(4), first)
    assert parts.draws.shape == (2, 10, 3)


def test_few_states_are_held_at_once(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 5 * 2 * 3 * 8)
    monkeypatch.setattr(module, "CHUNK_SECONDS", 100.0)
    chains = Chains(Autoregression(), 2, rng=0, statistic=np.asarray)
    assert np.array_equal(chains.run(100), by_hand(2, 100))
    assert max(n for _, n, _ in chains.sampler.calls) == 5


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_any_executor_gives_the_same(kind):
    if kind == "threads":
        executor = ThreadPoolExecutor(2)
    else:
        executor = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
    chains = Chains(Autoregression(), 5, rng=0, burn_in=2, thin=2)
    with executor:
        assert np.array_equal(
            chains.run(6, executor=executor), by_hand(5, 6, burn_in=2, thin=2)
        )
    if kind == "threads":
        assert {size for size, _, _ in chains.sampler.calls} < {1, 2, 3}


@pytest.mark.parametrize(("chains", "blocks"), [(1, 8), (5, 2), (8, 8), (9, 4)])
def test_blocks_cover_all_chains_once(chains, blocks):
    parts = split(chains, blocks)
    assert np.array_equal(
        np.concatenate([np.r_[part] for part in parts]), range(chains)
    )
    sizes = [part.stop - part.start for part in parts]
    assert len(parts) == min(chains, blocks)
    assert max(sizes) - min(sizes) <= 1


def test_a_statistic_is_kept_in_place_of_the_states():
    chains = Chains(Autoregression(), 2, rng=0, statistic=lambda x: x.sum(-1))
    assert np.array_equal(chains.run(20), by_hand(2, 20).sum(-1))
    wrong = Chains(Autoregression(), 2, rng=0, statistic=np.mean)
    with pytest.raises(ValueError, match="keep the first two axes"):
        wrong.run(20)
    with pytest.raises(ValueError, match="nothing has been drawn"):
        _ = wrong.draws


def test_a_given_state_is_copied_and_checked():
    start = np.arange(6).reshape(2, 3)
    chains = Chains(Autoregression(rho=0.0), rng=0, state=start)
    assert np.array_equal(chains.state, start)
    chains.run(1)
    chains.state[:] = 7
    assert np.array_equal(chains.state, by_hand(2, 1, rho=0.0)[:, 0])
    assert np.array_equal(start.ravel(), range(6))
    with pytest.raises(ValueError, match="three numbers"):
        Chains(Autoregression(), rng=0, state=np.zeros((2, 4)))


def test_ctrl_c_keeps_what_was_drawn(monkeypatch, tmp_path):
    """It comes in the middle of a chunk, whose half is thrown away."""
    monkeypatch.setattr(module, "CHUNK_SECONDS", 1e-3)
    chains = Chains(Autoregression(interrupts=(4,)), 3, rng=0, burn_in=2)
    with pytest.raises(KeyboardInterrupt):
        chains.run(500, checkpoint=tmp_path / "chains.npz")
    taken = chains.draws.shape[1]
    truth = by_hand(3, 500, burn_in=2)
    assert 0 < taken < 500
    assert np.array_equal(chains.draws, truth[:, :taken])
    assert np.array_equal(chains.run(500), truth)
    resumed = Chains.load(tmp_path / "chains.npz", chains.sampler)
    assert np.array_equal(resumed.draws, truth[:, :taken])
    assert np.array_equal(resumed.run(500), truth)


RESUME = """
import sys
import numpy as np
from samplers.chains import Chains
from tests.samplers.test_chains import Autoregression
chains = Chains.load(sys.argv[1], Autoregression())
chains.run(9, checkpoint=sys.argv[1])
"""


@pytest.mark.parametrize("drawn", [0, 1, 6, 9])
def test_a_file_goes_on_bit_for_bit_in_a_new_process(tmp_path, drawn):
    path = tmp_path / "chains.npz"
    chains = Chains(Autoregression(), 2, rng=0, burn_in=3, thin=2)
    if drawn:
        chains.run(drawn)
    chains.save(path)
    command = [sys.executable, "-W", "error", "-c", RESUME, str(path)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert np.array_equal(
        Chains.load(path, Autoregression()).draws, by_hand(2, 9, burn_in=3, thin=2)
    )


def test_a_checkpoint_is_written_while_a_run_lasts(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(module, "CHUNK_SECONDS", 0.0)
    path, found = tmp_path / "chains.npz", []

    def look(states):
        if path.exists():
            kept = Chains.load(path, Autoregression(), look)
            found.append(kept.draws.shape[1])
        return states

    Chains(Autoregression(), 2, rng=0, statistic=look).run(5, checkpoint=path)
    assert found == [1, 2, 3, 4]


def test_a_file_of_other_chains_is_refused(tmp_path):
    path = tmp_path / "chains.npz"
    chains = Chains(Autoregression(), 2, rng=0)
    chains.run(3)
    chains.save(path)
    with pytest.raises(CheckpointError, match="other parameters"):
        Chains.load(path, Autoregression(rho=0.8))
    with pytest.raises(CheckpointError, match="statistic is None, not sum"):
        Chains.load(path, Autoregression(), np.sum)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match="cut or extended"):
        Chains.load(path, Autoregression())
    damaged = bytearray(content)
    damaged[len(content) // 3] ^= 4
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="checksum"):
        Chains.load(path, Autoregression())
    with pytest.raises(FileNotFoundError):
        Chains.load(tmp_path / "none.npz", Autoregression())


def test_a_number_that_is_not_finite_stops_the_run(monkeypatch):
    """With the chain, the step and the key; the draws before it stay."""
    monkeypatch.setattr(module, "CHUNK_SECONDS", 0.0)
    chains = Chains(Autoregression(blows_up_at=6), 3, rng=0, burn_in=2, thin=2)
    with pytest.raises(
        DivergenceError, match="the state is not finite in chain 1"
    ) as e:
        chains.run(10)
    assert (e.value.chain, e.value.step, e.value.key) == (1, 7, chains.key)
    assert f"{int(chains.key):#018x}" in str(e.value)
    assert np.array_equal(chains.draws, by_hand(3, 2, burn_in=2, thin=2))
    assert chains.step == 6
    copy = pickle.loads(pickle.dumps(e.value))
    assert str(copy) == str(e.value)


def test_a_statistic_that_is_not_finite_stops_the_run():
    def energy(states):
        values = states[..., 0].copy()
        values[2, 5:] = np.nan
        return values

    chains = Chains(Autoregression(), 3, rng=0, statistic=energy, thin=4)
    chains.run(1)
    with pytest.raises(DivergenceError, match=r"the statistic .* chain 2") as error:
        chains.run(1000)
    assert error.value.step % 4 == 0


@pytest.mark.parametrize(
    "wrong", [{"chains": 0}, {"burn_in": -1}, {"thin": 0}], ids=lambda w: next(iter(w))
)
def test_numbers_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="there must be a chain"):
        Chains(Autoregression(), rng=0, **wrong)


def test_a_run_has_draws():
    with pytest.raises(ValueError, match="draws is 0"):
        Chains(Autoregression(), rng=0).run(0)


def test_addresses_end(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 100)
    chains = Chains(Autoregression(), rng=0, burn_in=50)
    with pytest.raises(ValueError, match="would repeat"):
        chains.run(50)
    assert chains.run(49).shape == (1, 49, 3)


def test_progress_is_told_on_stderr(capsys, monkeypatch):
    Chains(Autoregression(), rng=0).run(3, progress="walk")
    assert capsys.readouterr().err.startswith("walk: draw 3/3 0 s")
