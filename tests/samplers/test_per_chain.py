"""One number for all chains, or one for each."""

import numpy as np
import pytest

from samplers import per_chain as module
from samplers.per_chain import per_chain, require_positive
from tests.samplers import target_checks


def test_each_chain_has_its_number():
    target_checks.check_per_chain(module)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_kept_as_they_were(dtype):
    values = np.array([0.1, 2.0])
    numbers = require_positive("beta", values, dtype)
    values[:] = -1
    assert numbers.dtype == dtype
    assert np.array_equal(numbers, np.array([0.1, 2.0], dtype))
    part = per_chain("beta", numbers, 0, 2)
    part[:] = -1
    assert numbers[1] == 2
    assert part.dtype == per_chain("beta", numbers[0], 0, 3).dtype == dtype


@pytest.mark.parametrize(
    "values",
    [0, -1.0, np.nan, np.inf, [1.0, 0.0], [1.0, np.nan], [], [[1.0]], np.ones((2, 2))],
)
def test_refused_numbers(values):
    words = r"(?s)beta is .*; it is positive and finite in float64, one number for all"
    with pytest.raises(ValueError, match=words):
        require_positive("beta", values)


@pytest.mark.parametrize("value", [1e-60, 1e60, np.array([1.0, 1e60])])
def test_numbers_that_float32_does_not_hold(value):
    assert np.array_equal(require_positive("eta", value), value)
    with pytest.raises(ValueError, match="positive and finite in float32"):
        require_positive("eta", value, np.float32)


@pytest.mark.parametrize(("chain", "chains"), [(0, 4), (3, 1), (2, 2), (10, 1)])
def test_a_chain_without_a_number(chain, chains):
    words = (
        f"chain {chain + chains - 1} has no eta, as there are 3; give one number for"
    )
    with pytest.raises(ValueError, match=words):
        per_chain("eta", np.ones(3), chain, chains)
