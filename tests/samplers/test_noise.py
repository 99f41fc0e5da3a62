"""Rows of random numbers by coordinate are those at the addresses of philox."""

import numpy as np
import pytest

from samplers import noise
from samplers.noise import LANES, NUMBERS, draw_normals, draw_uniforms, pieces
from samplers.philox import ACCEPT, PROPOSAL
from tests.samplers import target_checks
from tests.samplers.zoo import undecorated

KEY = np.uint64(0x9E3779B97F4A7C15)
SHAPES = [
    (1, 1, 1),
    (3, 1, 4),
    (2, 5, 1),
    (784, 1, 2),
    *[(d, 2, 3) for d in range(1, 10)],
]


@pytest.mark.exact
def test_numbers_have_the_addresses_of_philox():
    target_checks.check_noise(noise)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtypes(shape, dtype):
    found = draw_normals(KEY, PROPOSAL, chain=0, step=0, shape=shape, dtype=dtype)
    assert (found.shape, found.dtype) == (shape, dtype)
    assert found.flags.c_contiguous
    expected = target_checks.expected_numbers(
        "normals", KEY, PROPOSAL, 0, 0, shape, dtype
    )
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_uniforms_have_53_bits(shape):
    found = draw_uniforms(KEY, ACCEPT, chain=2**32 - 4, step=2**32 - 6, shape=shape)
    assert (found.shape, found.dtype) == (shape, np.float64)
    numbers = "uniforms", KEY, ACCEPT, 2**32 - 4, 2**32 - 6, shape, np.float64
    assert np.array_equal(found, target_checks.expected_numbers(*numbers))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_undecorated_numbers_have_the_same_bits(dtype):
    plain, address = undecorated("noise"), {"chain": 5, "step": 7, "shape": (7, 2, 2)}
    with np.errstate(over="ignore"):  # products of uint64 wrap around
        found = plain.draw_normals(KEY, PROPOSAL, dtype=dtype, **address)
        uniforms = plain.draw_uniforms(KEY, ACCEPT, **address)
    expected = draw_normals(KEY, PROPOSAL, dtype=dtype, **address)
    assert np.array_equal(found, expected)
    assert np.array_equal(uniforms, draw_uniforms(KEY, ACCEPT, **address))


def test_a_part_has_the_numbers_of_the_whole():
    """So chains may be cut anywhere, in chains and in steps, as pieces does."""
    whole = draw_normals(KEY, PROPOSAL, chain=10, step=20, shape=(3, 6, 5))
    part = draw_normals(KEY, PROPOSAL, chain=12, step=21, shape=(3, 4, 2))
    assert np.array_equal(part, whole[:, 1:5, 2:4])


def test_purposes_and_keys_differ():
    address = {"chain": 0, "step": 0, "shape": (2, 3, 4)}
    one = draw_normals(KEY, PROPOSAL, **address)
    for other in (
        draw_normals(KEY, ACCEPT, **address),
        draw_normals(KEY + np.uint64(1), PROPOSAL, **address),
    ):
        assert not np.isin(other, one).any()


@pytest.mark.parametrize("coordinates", [1, 2, 3, 784, NUMBERS, 10 * NUMBERS])
@pytest.mark.parametrize("steps", [1, 7, 100_000])
@pytest.mark.parametrize("chains", [1, 10, 1000, 100_000])
def test_pieces_are_bounded_and_no_smaller_than_they_need(chains, steps, coordinates):
    c, k = pieces(chains, steps, coordinates)
    assert 1 <= c <= chains
    assert 1 <= k <= steps
    assert c * k * coordinates <= max(NUMBERS, coordinates)
    assert c in (chains, 1) or (c + LANES) * coordinates > NUMBERS
    assert c == chains or c < LANES or c % LANES == 0
    assert k == steps or c * (k + 1) * coordinates > NUMBERS
