"""Standard errors from leaving out blocks: by the usual formula, and by replication."""

import numpy as np
import pytest

from samplers.ising import heat_capacity
from samplers.jackknife import jackknife


def test_jackknife_of_a_mean_is_the_standard_error():
    draws = np.random.default_rng(1).normal(size=(8, 25))
    value, error = jackknife(np.mean, draws)
    assert value == pytest.approx(draws.mean(), rel=1e-13)
    expected = draws.mean(axis=1).std(ddof=1) / np.sqrt(8)
    assert error == pytest.approx(expected, rel=1e-12)


def test_jackknife_of_several_statistics():
    draws = np.random.default_rng(2).normal(size=(8, 25))
    values, errors = jackknife(lambda x: np.array([x.mean(), x.var()]), draws)
    assert errors[0] == jackknife(np.mean, draws)[1]
    assert errors[1] == jackknife(np.var, draws)[1]
    assert values[1] == np.var(draws)


def test_jackknife_error_of_a_heat_capacity_is_its_spread():
    """Of 400 estimates the error is the mean one, to 10 %; a factor 1.25 is seen."""
    energies = np.random.default_rng(3).normal(size=(400, 16, 50))
    values, errors = np.array(
        [jackknife(lambda E: heat_capacity(E, 1.0, 1), e) for e in energies]
    ).T
    ratio = np.sqrt(np.mean(errors**2)) / values.std()
    assert abs(ratio - 1) < 5.03 * np.sqrt(1 / 800 + 1 / (2 * 15 * 400))


@pytest.mark.parametrize("blocks", [3.0, [[1.0, 2.0]]])
def test_jackknife_needs_two_blocks(blocks):
    with pytest.raises(ValueError, match=r"cannot be left out.*reshape\(20, -1\)"):
        jackknife(np.mean, blocks)
