"""Chains run by other threads and processes, and taken up from files."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from samplers import archive
from samplers import chains as module
from samplers.archive import CheckpointError
from samplers.blocks import split
from samplers.chains import Chains
from samplers.errors import DivergenceError
from samplers.metropolis import Metropolis
from tests.samplers.test_chains import Autoregression, by_hand


@pytest.fixture(scope="module")
def process():
    """An executor with another process, which knows only what it is sent."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        yield executor


def test_threads_give_the_same():
    chains = Chains(Autoregression(), 5, rng=0, burn_in=2, thin=2)
    with ThreadPoolExecutor(2) as threads:
        draws = chains.run(6, executor=threads)
    assert np.array_equal(draws, by_hand(5, 6, burn_in=2, thin=2))
    assert {size for size, _, _ in chains.sampler.calls} < {1, 2, 3}


def test_processes_give_the_same(process):
    chains = Chains(Autoregression(), 5, rng=0, statistic=lambda x: x.sum(-1))
    assert np.array_equal(chains.run(6, executor=process), by_hand(5, 6).sum(-1))
    assert not chains.sampler.calls


def test_an_error_in_another_process_is_told_here(process):
    chains = Chains(Autoregression(blows_up_at=6), 3, rng=0)
    with pytest.raises(DivergenceError, match="in chain 1 at step"):
        chains.run(100, executor=process)
    drawn = chains.draws.shape[1]
    assert 1 <= drawn <= 6
    assert np.array_equal(chains.draws, by_hand(3, drawn))


@pytest.mark.parametrize(("chains", "blocks"), [(1, 8), (5, 2), (8, 8), (9, 4)])
def test_blocks_cover_all_chains_once(chains, blocks):
    parts = split(chains, blocks)
    assert np.array_equal(
        np.concatenate([np.r_[part] for part in parts]), range(chains)
    )
    sizes = [part.stop - part.start for part in parts]
    assert len(parts) == min(chains, blocks)
    assert max(sizes) - min(sizes) <= 1


def go_on(path):
    """Take up chains from a file, and write them to it with 9 draws."""
    Chains.load(path, Autoregression()).run(9, checkpoint=path)


@pytest.mark.parametrize("drawn", [0, 1, 6, 9])
def test_a_file_goes_on_bit_for_bit_in_another_process(process, tmp_path, drawn):
    path = tmp_path / "chains.npz"
    chains = Chains(Autoregression(), 2, rng=0, burn_in=3, thin=2)
    if drawn:
        chains.run(drawn)
    chains.save(path)
    process.submit(go_on, path).result()
    resumed = Chains.load(path, Autoregression())
    assert np.array_equal(resumed.draws, by_hand(2, 9, burn_in=3, thin=2))
    assert np.array_equal(resumed.state, resumed.draws[:, -1])


def test_a_checkpoint_is_written_while_a_run_lasts(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(module, "CHUNK_SECONDS", 0.0)
    path, found = tmp_path / "chains.npz", []

    def look(states):
        if path.exists():
            found.append(Chains.load(path, Autoregression(), look).step)
        return states

    Chains(Autoregression(), 2, rng=0, statistic=look).run(5, checkpoint=path)
    assert found == [0, 1, 2, 3, 4]


def test_what_a_killed_run_left_is_not_overwritten(tmp_path):
    """A script that was killed and is started again as it is would begin anew."""
    path, left = tmp_path / "chains.npz", tmp_path / ".chains.npz.1.partial"
    chains = Chains(Autoregression(), 2, rng=0)
    chains.run(3, checkpoint=path)
    chains.run(5, checkpoint=path)
    left.write_bytes(b"half a file")
    with pytest.raises(FileExistsError, match=r"go on with them by Chains\.load\("):
        Chains(Autoregression(), 2, rng=0).run(4, checkpoint=path)
    resumed = Chains.load(path, Autoregression())
    assert np.array_equal(resumed.run(8, checkpoint=path), by_hand(2, 8))
    assert not left.exists()


def test_what_no_checkpoint_can_hold_is_told_before_the_first_step(
    tmp_path, monkeypatch
):
    chains = Chains(Autoregression(), 2, rng=0)
    monkeypatch.setattr(archive, "LARGEST_FILE", 2 * archive.LARGEST_MANIFEST + 500)
    with pytest.raises(ValueError, match="of each draw only a statistic"):
        chains.run(20, checkpoint=tmp_path / "chains.npz")
    with pytest.raises(OSError, match="directory"):
        chains.run(2, checkpoint=tmp_path)
    assert chains.step == 0


def test_a_file_of_other_chains_is_refused(tmp_path):
    path = tmp_path / "chains.npz"
    chains = Chains(Autoregression(), 2, rng=0)
    chains.run(3)
    chains.save(path)
    with pytest.raises(CheckpointError, match="a sampler of another rho"):
        Chains.load(path, Autoregression(rho=0.8))
    other = Metropolis((4, 4), 1.0)
    with pytest.raises(CheckpointError, match=r"another class and rho and .*temperat"):
        Chains.load(path, other)
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
