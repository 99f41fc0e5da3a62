"""Ising lattices: their exact law, Kaufman's energies, independence, and errors.

Statistical tests fail by chance once in 2 million times each, as agreement.py says.
"""

import numpy as np
import pytest

from data.ising import make_ising
from samplers import kaufman
from samplers.ising import energy, magnetization
from samplers.ising_states import boltzmann_probabilities, state_number
from tests.data.agreement import chi_square

Z = 5.03
TEMPERATURES = np.linspace(1, 3.5, 21)


@pytest.fixture(scope="module")
def twenty():
    """400 lattices of 20 x 20 at each of 21 temperatures, (21, 400, 20, 20)."""
    sample = make_ising(400, shape=(20, 20), temperatures=TEMPERATURES, rng=0)
    return sample.X.reshape(21, 400, 20, 20)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5)])
def test_small_lattices_have_their_exact_law(shape):
    """20,000 draws each; a temperature that is 15 % too high is seen, as below."""
    temperatures = [1.5, 2.27, 4.0]
    sample = make_ising(20_000, shape=shape, temperatures=temperatures, rng=1)
    for T in temperatures:
        numbers = state_number(sample.X[sample.temperatures == T])
        counts = np.bincount(numbers, minlength=2 ** np.prod(shape))
        assert chi_square(counts, 20_000 * boltzmann_probabilities(shape, T)) < 1
        p = boltzmann_probabilities(shape, T / 1.15)
        assert chi_square(counts, 20_000 * p) > 1


def test_energies_are_those_of_kaufman(twenty):
    """At 21 temperatures; errors of <E> / N are below 0.01, so 0.1 is always seen."""
    energies = energy(twenty) / 400
    error = energies.std(axis=1, ddof=1) / np.sqrt(400)
    assert error.max() < 0.01
    z = (energies.mean(axis=1) - kaufman.energy(TEMPERATURES, (20, 20))) / error
    assert np.abs(z).max() < Z
    # Together they see a shift of all by two and a half standard errors.
    assert abs(z.sum()) / np.sqrt(21) < Z


def test_energies_of_an_oblong_lattice_with_an_odd_side():
    """Errors are below 0.01."""
    sample = make_ising(1000, shape=(7, 12), temperatures=[2.0, 2.5], rng=2)
    energies = energy(sample.X).reshape(2, 1000) / 84
    error = energies.std(axis=1, ddof=1) / np.sqrt(1000)
    assert error.max() < 0.01
    z = (energies.mean(axis=1) - kaufman.energy([2.0, 2.5], (7, 12))) / error
    assert np.abs(z).max() < Z


def correlation(x):
    """Of successive draws on the second axis: the mean over rows, and its error."""
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    return np.mean(x[:, 1:] * x[:, :-1]), 1 / np.sqrt(x[:, 1:].size)


def test_successive_draws_are_nearly_independent(twenty):
    """A correlation of 0.08, over all temperatures, would be seen in either."""
    for x in (energy(twenty), np.abs(magnetization(twenty))):
        r, error = correlation(x)
        assert error < 0.011
        assert abs(r) < 0.02 + Z * error


def test_signs_are_those_of_a_coin(twenty):
    """Below T_c, where a step flips nearly all spins: 4000 draws, so 8 % are seen."""
    signs = np.sign(magnetization(twenty[TEMPERATURES < 2.2]))
    assert signs.size == 4000
    assert abs(signs.sum()) < Z * np.sqrt(signs.size)
    repeats = signs[:, 1:] * signs[:, :-1]
    assert abs(repeats.sum()) < Z * np.sqrt(repeats.size)


def test_labels_say_which_phase_it_is():
    temperatures = [2.26, 3.0, 1.0, 2.27]
    sample = make_ising(3, shape=(4, 6), temperatures=temperatures, rng=0)
    assert sample.X.shape == (12, 4, 6)
    assert sample.X.dtype == np.int8
    assert set(np.unique(sample.X)) == {-1, 1}
    assert sample.temperatures.tolist() == np.repeat(temperatures, 3).tolist()
    assert sample.labels.dtype == np.int64
    assert sample.labels.tolist() == [1] * 3 + [0] * 3 + [1] * 3 + [0] * 3


def test_lattices_repeat_by_seed():
    first, again, other = (
        make_ising(5, shape=(3, 4), temperatures=2.0, rng=seed).X for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_errors():
    with pytest.raises(ValueError, match="n is 0; draw at least one lattice"):
        make_ising(0, shape=(4, 4), temperatures=[2.0], rng=0)
    with pytest.raises(TypeError, match="integer"):
        make_ising(2.5, shape=(4, 4), temperatures=[2.0], rng=0)
    with pytest.raises(ValueError, match="at least two rows"):
        make_ising(1, shape=(1, 4), temperatures=[2.0], rng=0)
    with pytest.raises(ValueError, match="T positive and finite"):
        make_ising(1, shape=(4, 4), temperatures=[2.0, 0.0], rng=0)
    with pytest.raises(ValueError, match=r"an array \(chain,\) with one"):
        make_ising(1, shape=(4, 4), temperatures=[[2.0]], rng=0)
