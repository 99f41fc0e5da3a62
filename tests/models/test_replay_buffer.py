"""Chains that are drawn, begun anew, and put back."""

import numpy as np
import pytest

from models.replay_buffer import ReplayBuffer


def numbered(size=50):
    """A buffer whose chain c is at (c, -c)."""
    c = np.arange(size, dtype=np.float64)
    return ReplayBuffer(np.column_stack([c, -c]), start_sd=1.0)


def test_chains_begin_as_gaussians():
    """A mean off by 0.025, or a standard deviation by 1 %, is found (z = 5)."""
    buffer = ReplayBuffer.create(60_000, 3, start_sd=2.0, rng=0)
    n = buffer.x.size
    assert abs(buffer.x.mean()) < 5.03 * 2 / np.sqrt(n)
    assert abs(buffer.x.std() - 2) < 5.03 * 2 / np.sqrt(2 * n)
    again = ReplayBuffer.create(60_000, 3, start_sd=2.0, rng=0)
    assert np.array_equal(again.x, buffer.x)


def test_the_chains_drawn_are_different_ones_as_they_are():
    buffer, rng = numbered(), np.random.default_rng(0)
    for n in (1, 20, 50):
        rows, states = buffer.draw(n, 0.0, rng)
        assert len(set(rows.tolist())) == n
        assert np.array_equal(states, buffer.x[rows])
        states += 1
    assert np.array_equal(buffer.x, numbered().x)


def test_every_chain_is_drawn_as_often():
    """A chain that came with 0.35 in place of 0.4 would be found (z = 6)."""
    buffer, rng, n = numbered(), np.random.default_rng(1), 3000
    counts = sum(
        np.bincount(buffer.draw(20, 0.0, rng)[0], minlength=50) for _ in range(n)
    )
    assert np.max(np.abs(counts - 0.4 * n)) < 5.03 * np.sqrt(n * 0.4 * 0.6)


@pytest.mark.parametrize("restart", [0.0, 0.1, 1.0])
def test_so_many_begin_anew(restart):
    """A chance of 0.12 in place of 0.1 would be found (z = 6)."""
    buffer, rng, n = numbered(10_000), np.random.default_rng(2), 10_000
    buffer.start_sd = 1e-3  # so that all who begin are told from the others
    buffer.x += 1
    rows, states = buffer.draw(n, restart, rng)
    anew = np.any(states != buffer.x[rows], axis=1)
    spread = np.sqrt(n * restart * (1 - restart))
    assert abs(anew.sum() - restart * n) <= 5.03 * spread
    if restart:
        assert np.max(np.abs(states[anew])) < 6e-3
        assert abs(states[anew].std() / 1e-3 - 1) < 0.1


def test_states_are_put_back_in_their_rows_and_nowhere_else():
    buffer = numbered()
    buffer.put(np.array([7, 3]), np.array([[0.5, 1.5], [2.5, 3.5]]))
    expected = numbered().x
    expected[7], expected[3] = (0.5, 1.5), (2.5, 3.5)
    assert np.array_equal(buffer.x, expected)


def test_the_precision_is_kept():
    buffer = ReplayBuffer.create(10, 2, start_sd=1.5, rng=0, dtype=np.float32)
    _, states = buffer.draw(5, 0.5, np.random.default_rng(0))
    assert buffer.x.dtype == states.dtype == np.float32


def test_what_it_refuses():
    with pytest.raises(
        ValueError, match=r"of 50 chains has no 51 different.*51 or lar"
    ):
        numbered().draw(51, 0.0, np.random.default_rng(0))
    for size in (0, -3, 2.5):
        with pytest.raises(ValueError, match=r"size is .* at least 1"):
            ReplayBuffer.create(size, 2, start_sd=1.0, rng=0)
