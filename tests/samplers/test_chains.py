"""Chains: the same draws in parts, on any executor, after a stop and from a file."""

import pickle
import signal
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from samplers import chains as module
from samplers.chains import Chains
from samplers.errors import DivergenceError
from samplers.ising import magnetization
from samplers.metropolis import Metropolis
from samplers.philox import PROPOSAL, START, normals


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
    monkeypatch.setattr(module, "CHUNK_SECONDS", 1e300)
    chains = Chains(Autoregression(), 2, rng=0, statistic=np.asarray)
    assert np.array_equal(chains.run(500), by_hand(2, 500))
    assert max(n for _, n, _ in chains.sampler.calls) == 5


def test_few_steps_are_taken_at_once(monkeypatch):
    """However fast the steps before were, which says little of a Wolff cluster."""
    monkeypatch.setattr(module, "CHUNK_WORK", 7 * 2 * 3)
    monkeypatch.setattr(module, "CHUNK_SECONDS", 1e300)
    chains = Chains(Autoregression(), 2, rng=0, burn_in=40, thin=9)
    assert np.array_equal(chains.run(3), by_hand(2, 3, burn_in=40, thin=9))
    assert max(n * steps for _, n, steps in chains.sampler.calls) == 7


def test_a_statistic_is_kept_in_place_of_the_states():
    chains = Chains(Autoregression(), 2, rng=0, statistic=lambda x: x.sum(-1))
    assert np.array_equal(chains.run(20), by_hand(2, 20).sum(-1))
    assert chains.draws.shape == (2, 20)


@pytest.mark.parametrize(
    "statistic",
    [np.mean, lambda x: (x[..., 0], x[..., 1]), lambda x: x[..., 0].astype(object)],
)
def test_a_statistic_that_cannot_be_kept_is_told_before_the_first_step(statistic):
    """The second, of two chains and two draws, would have the first two axes."""
    chains = Chains(Autoregression(), 2, rng=0, burn_in=2, statistic=statistic)
    with pytest.raises(ValueError, match=r"keep the first two axes.*axis=-1"):
        chains.run(2)
    with pytest.raises(ValueError, match="nothing has been drawn"):
        _ = chains.draws
    assert chains.step == 0


def test_a_statistic_keeps_one_kind_of_numbers(tmp_path):
    """An array of integers would cut off the digits of later numbers, in silence."""

    def rounded(x):
        y = x.sum(-1)
        return np.rint(y).astype(int) if x.shape[1] == 1 else y

    chains = Chains(Autoregression(), 2, rng=0, statistic=rounded)
    with pytest.raises(ValueError, match=r"made float64 of shape \(\).*int64 of"):
        chains.run(50)
    assert np.array_equal(chains.draws, rounded(by_hand(2, 1)))
    chains.save(tmp_path / "chains.npz")
    resumed = Chains.load(tmp_path / "chains.npz", Autoregression(), rounded)
    resumed.statistic = np.asarray
    with pytest.raises(ValueError, match=r"float64 of shape \(3,\).*int64 of"):
        resumed.run(50)


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
    assert Chains(Autoregression(), 2, rng=0, state=start).run(1).shape == (2, 1, 3)
    with pytest.raises(ValueError, match=r"that of 2; .* np\.repeat\(state"):
        Chains(Autoregression(), 5, rng=0, state=start)


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


def test_ctrl_c_is_heard_while_a_kernel_runs():
    """Detects steps that are taken in one call of the kernel: these would take hours.

    Such a call is not interrupted, and Python hears of a signal only when it returns.
    """
    sampler = Metropolis((64, 64), temperature=2.0)
    chains = Chains(sampler, 4, rng=0, thin=100, statistic=magnetization)
    chains.run(1)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        chains.run(10**7)
    assert time.perf_counter() - began < 10
    again = Chains(sampler, 4, rng=0, thin=100, statistic=magnetization)
    drawn = min(chains.draws.shape[1], 20)
    assert np.array_equal(again.run(drawn), chains.draws[:, :drawn])


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
    ("name", "number"),
    [("chains", 0), ("burn_in", -1), ("thin", 0), ("thin", 1.5), ("burn_in", 1e3)],
)
def test_numbers_that_count_nothing(name, number):
    with pytest.raises(ValueError, match=rf"{name} is {number}; it counts"):
        Chains(Autoregression(), rng=0, **{name: number})


@pytest.mark.parametrize("draws", [0, 1e6])
def test_a_run_has_draws(draws):
    with pytest.raises(ValueError, match=rf"draws is {draws}; .* write 10\*\*6"):
        Chains(Autoregression(), rng=0).run(draws)


def test_numbers_of_numpy_count_too(tmp_path):
    """And can be written to a file."""
    three = np.int64(3)
    chains = Chains(Autoregression(), three, rng=0, burn_in=three, thin=three)
    draws = chains.run(three, checkpoint=tmp_path / "chains.npz")
    assert np.array_equal(draws, by_hand(3, 3, burn_in=3, thin=3))


def test_addresses_end(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 100)
    chains = Chains(Autoregression(), rng=0, burn_in=50)
    with pytest.raises(ValueError, match="would repeat"):
        chains.run(50)
    assert chains.run(49).shape == (1, 49, 3)


def test_progress_is_told_on_stderr(capsys, monkeypatch):
    Chains(Autoregression(), rng=0, burn_in=4, thin=2).run(3, progress="walk")
    assert capsys.readouterr().err == "walk: step 10/10 0 s\n"
