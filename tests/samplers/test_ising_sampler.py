"""What the Ising samplers share: starts, temperatures, and what they refuse."""

import numpy as np
import pytest

from samplers.ising_sampler import IsingSampler
from samplers.metropolis import Metropolis
from samplers.philox import START
from samplers.wolff import Wolff
from tests.samplers.ising_checks import KEY, row

BOTH = pytest.mark.parametrize("make", [Metropolis, Wolff])


@pytest.mark.exact
def test_a_hot_start_is_the_first_bit_of_each_word():
    state = IsingSampler((3, 4), 1.0).start(KEY, 3)
    assert state.dtype == np.int8
    for chain in range(3):
        spins = np.where(row(chain, 0, START, 12) >> 31, -1, 1)
        assert np.array_equal(state[chain].ravel(), spins)


def test_a_hot_start_is_half_up():
    """160,000 spins; a probability of 0.513 would be seen."""
    spins = IsingSampler((20, 20), 1.0).start(KEY, 400)
    assert abs(spins.sum(dtype=int)) < 5.03 * np.sqrt(spins.size)


@BOTH
def test_both_samplers_have_one_start(make):
    state = make((4, 4), np.array([1.0, 2.0])).start(KEY, 2)
    assert np.array_equal(state, IsingSampler((4, 4), 3.0).start(KEY, 5)[:2])


@BOTH
def test_the_key_may_be_an_int(make):
    sampler = make((4, 4), 2.0)
    state = sampler.start(7, 2)
    assert np.array_equal(state, sampler.start(np.uint64(7), 2))
    draws = np.empty((2, 2, 1, 4, 4), np.int8)
    for key, out in zip((7, np.uint64(7)), draws, strict=True):
        sampler.advance(state.copy(), out, key=key, chain=0, step=0, thin=3)
    assert np.array_equal(*draws)


@BOTH
def test_states_are_checked(make):
    sampler = make((4, 6), 2.0)
    good = np.ones((2, 4, 6), np.int8)
    assert np.array_equal(sampler.check(good), good)
    turned = np.ones((2, 6, 4), np.int8).swapaxes(1, 2)
    assert sampler.check(turned).flags.c_contiguous
    for bad in (good[0], good[:, :, :4], good[None]):
        with pytest.raises(ValueError, match=r"is \(chain, L1, L2\) = \(chain, 4, 6\)"):
            sampler.check(bad)
    with pytest.raises(ValueError, match="numbers other than"):
        sampler.check(0 * good)
    with pytest.raises(TypeError, match="int8"):
        sampler.check(good.astype(float))


@BOTH
def test_there_is_a_temperature_for_each_chain(make):
    sampler = make((4, 4), [1.0, 2.0])
    state = np.ones((3, 4, 4), np.int8)
    draws = np.empty((1, 1, 4, 4), np.int8)
    message = "chain 2 has no temperature, as there are 2"
    with pytest.raises(ValueError, match=message):
        sampler.start(KEY, 3)
    with pytest.raises(ValueError, match=message):
        sampler.check(state)
    with pytest.raises(ValueError, match=message):
        sampler.advance(state[:1], draws, key=KEY, chain=2, step=0, thin=1)


@BOTH
def test_refused_parameters(make):
    with pytest.raises(ValueError, match="at least two rows"):
        make((1, 4), 2.0)
    for T in (0.0, -1.0, np.nan, 1e-200, [1.0, np.inf]):
        with pytest.raises(ValueError, match="T positive and finite"):
            make((4, 4), T)
    for T in (np.ones((2, 2)), []):
        with pytest.raises(ValueError, match=r"(?s)temperature is .* \(chain,\) with"):
            make((4, 4), T)


def test_parameters_are_kept_as_they_were():
    T = np.array([1.0, 2.0])
    sampler = Wolff([4, 6], T)
    T[:] = 0
    assert sampler.shape == (4, 6)
    assert sampler.temperature.tolist() == [1.0, 2.0]
