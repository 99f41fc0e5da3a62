"""The distance on a line: against SciPy, linear programs, laws of metrics, by hand."""

import numpy as np
import pytest
from scipy import stats

from autodiff import explain, grad, softmax
from models import transport_cost, wasserstein_1d

RNG = np.random.default_rng(0)


def samples(n=7, m=5):
    weights = RNG.dirichlet(np.ones(n)), RNG.dirichlet(np.ones(m))
    return RNG.standard_normal(n), RNG.standard_normal(m), *weights


@pytest.mark.parametrize(
    ("n", "m"), [(1, 1), (1, 6), (4, 4), (7, 5), (6, 9), (100, 37)]
)
def test_the_first_distance_is_that_of_scipy(n, m):
    x, y, a, b = samples(n, m)
    for arguments in ((x, y), (x, y, a), (x, y, None, b), (x, y, a, b)):
        expected = stats.wasserstein_distance(*arguments)
        assert wasserstein_1d(*arguments) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("power", [1, 1.5, 2, 5])
def test_any_distance_is_a_linear_program(power):
    x, y, a, b = samples()
    least = transport_cost(a, b, np.abs(x[:, np.newaxis] - y) ** power)
    found = wasserstein_1d(x, y, a, b, power=power)
    assert found == pytest.approx(least ** (1 / power), rel=1e-12)


@pytest.mark.parametrize("power", [1, 2, 3.5])
def test_samples_of_one_size_are_sorted_and_compared(power):
    x, y = RNG.standard_normal((2, 50))
    gaps = np.abs(np.sort(x) - np.sort(y))
    expected = np.mean(gaps**power) ** (1 / power)
    assert wasserstein_1d(x, y, power=power) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("power", [1, 2, 3.5])
def test_it_is_a_metric(power):
    for _ in range(20):
        (x, y, a, b), z = samples(), RNG.standard_normal(6)
        there = wasserstein_1d(x, y, a, b, power=power)
        assert wasserstein_1d(y, x, b, a, power=power) == pytest.approx(
            there, rel=1e-13
        )
        assert wasserstein_1d(x, x[::-1].copy(), a, a[::-1], power=power) < 1e-15
        over = wasserstein_1d(x, z, a, power=power) + wasserstein_1d(
            z, y, None, b, power=power
        )
        assert there <= over * (1 + 1e-14)
        assert there >= wasserstein_1d(x, y, a, b) * (1 - 1e-14)
        shifted = wasserstein_1d(x, x - 3.0, a, a, power=power)
        assert shifted == pytest.approx(3, rel=1e-14)
        assert wasserstein_1d(4 * x, 4 * y, a, b, power=power) == pytest.approx(
            4 * there
        )


def test_repeated_values_and_weights_are_the_same_law():
    x, y, a, _ = samples(4, 3)
    often = np.repeat(x, [1, 2, 3, 4])
    weights = np.array([1, 2, 3, 4]) / 10
    assert wasserstein_1d(often, y) == pytest.approx(wasserstein_1d(x, y, weights))
    ignored = np.append(a[:-1] / a[:-1].sum(), 0)
    expected = wasserstein_1d(x[:-1], y, ignored[:-1])
    assert wasserstein_1d(x, y, ignored) == pytest.approx(expected, rel=1e-14)


def test_between_two_normal_laws():
    """W_2^2 = (m - n)^2 + (s - t)^2; quantiles of 4000 points stand for each law."""
    u = (np.arange(4000) + 0.5) / 4000
    x, y = stats.norm.ppf(u, 0, 1), stats.norm.ppf(u, 3, 2)
    assert wasserstein_1d(x, y, power=2) == pytest.approx(np.sqrt(9 + 1), rel=1e-3)
    assert wasserstein_1d(x, 2 * x) == pytest.approx(np.sqrt(2 / np.pi), rel=1e-3)


def test_gradients_by_hand():
    x, y = np.array([3.0, 0.0]), np.array([1.0, 1.5])
    assert wasserstein_1d(x, y) == (1 + 1.5) / 2
    of_x, of_y = grad(wasserstein_1d, (0, 1))(x, y)
    assert of_x.tolist() == [0.5, -0.5]
    assert of_y.tolist() == [0.5, -0.5]
    # Mass taken from 0 and put at 3 has farther to go to 1: by 2 instead of by 1.
    slope = grad(lambda w: wasserstein_1d(x, y[:1], w))(np.array([0.25, 0.75]))
    assert slope[0] - slope[1] == pytest.approx(2 - 1)
    for power in (1, 2, 3.5):
        slopes = grad(wasserstein_1d, (0, 1))(x, x.copy(), power=power)
        assert not np.any(slopes)


def test_equal_values_keep_their_order():
    """The first hundred zeros are paired with -1, all others with a larger value."""
    x = RNG.integers(0, 2, 400).astype(float)
    zeros = np.flatnonzero(x == 0)
    y = np.sort(x) + np.where(np.arange(400) < 100, -1, 1)
    slope = grad(wasserstein_1d)(x, y)
    expected = np.full(400, -1 / 400)
    expected[zeros[:100]] = 1 / 400
    np.testing.assert_allclose(slope, expected)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_powers_of_gaps_neither_vanish_nor_overflow(scale):
    x, y, a, b = samples()
    for power in (2, 50):
        expected = wasserstein_1d(x, y, a, b, power=power)
        found = wasserstein_1d(scale * x, scale * y, a, b, power=power)
        assert found / scale == pytest.approx(expected, rel=1e-13)
        slope = grad(lambda x, power=power: wasserstein_1d(x, scale * y, power=power))
        assert np.sum(np.abs(slope(scale * x))) == pytest.approx(1, rel=0.5)


@pytest.mark.parametrize("power", [1, 2])
def test_float32_is_kept(power):
    x, y, a, b = (array.astype(np.float32) for array in samples(40, 30))
    for arguments in ((x, y), (x, y, a, b)):
        found = wasserstein_1d(*arguments, power=power)
        wide = [array.astype(np.float64) for array in arguments]
        wide[2:] = [w / w.sum() for w in wide[2:]]
        assert found.dtype == np.float32
        assert found == pytest.approx(wasserstein_1d(*wide, power=power), rel=1e-5)
        of_numpy = wasserstein_1d(*arguments, power=np.float64(power))
        assert (of_numpy, of_numpy.dtype) == (found, np.float32)


def test_the_cost_of_a_rounded_weight():
    """Ten weights of 0.1 do not add up to tenths: some 1e-16 has to move by one."""
    x, weights = np.arange(10.0), np.full(10, 0.1)
    for power, limit in [(1, 1e-15), (2, 2e-8), (50, 0.5)]:
        assert wasserstein_1d(x, x, power=power) == 0
        assert 0 < wasserstein_1d(x, x, weights, power=power) < limit


def test_the_program_of_a_gradient_holds_for_other_samples():
    def distance(x, y, a):
        return wasserstein_1d(x, y, softmax(a)) + wasserstein_1d(x, y, power=2)

    program = explain(grad(distance), *samples()[:3])
    x, y, a, _ = samples()
    np.testing.assert_allclose(program(x, y, a), grad(distance)(x, y, a), rtol=1e-12)


def test_errors():
    x, y, a, _ = samples()
    for bad in (0.5, 0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"power is {bad}; it must be finite"):
            wasserstein_1d(x, y, power=bad)
    for bad in (x[:0], x[:, np.newaxis], np.float64(1)):
        with pytest.raises(ValueError, match=r"y has shape .* transport_cost"):
            wasserstein_1d(x, bad)
    for bad in (np.inf, np.nan):
        with pytest.raises(ValueError, match="x holds numbers that are not finite"):
            wasserstein_1d(np.where(x == x[2], bad, x), y)
    with pytest.raises(TypeError, match="x must be a float32 or float64 array"):
        wasserstein_1d(np.arange(3), y)
    with pytest.raises(TypeError, match=r"write y\.astype\(np\.float64\)"):
        wasserstein_1d(x, y.astype(np.float32))
    with pytest.raises(TypeError, match=r"write x_weights\.astype\(np\.float64\)"):
        wasserstein_1d(x, y, a.astype(np.float32))
    with pytest.raises(ValueError, match="x_weights sums to one only up to"):
        wasserstein_1d(x, y, 2 * a)
    with pytest.raises(ValueError, match="there must be one weight a value"):
        wasserstein_1d(x, y, None, a)
