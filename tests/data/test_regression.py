"""The noisy sine: its mean, its noise, and their density."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstwobign

from data import make_noisy_sine

N = 100_000


def test_density_of_y_integrates_to_one_around_the_sine():
    data = make_noisy_sine(1, rng=0, noise=0.3)
    for x in (0.0, 0.1, 0.25, 0.8):

        def p(y, power=0, x=x):
            log_p = data.log_density(np.array([[x]]), np.array([[y]]))
            assert log_p.shape == (1, 1)
            return np.exp(log_p[0, 0]) * y**power

        assert quad(p, -4, 4)[0] == pytest.approx(1, abs=1e-10)
        mean = quad(p, -4, 4, args=(1,))[0]
        assert mean == pytest.approx(np.sin(2 * np.pi * x), abs=1e-10)
        assert quad(p, -4, 4, args=(2,))[0] - mean**2 == pytest.approx(0.09, abs=1e-9)


def standard_deviations_off(data, noise):
    """By how many sd the residuals differ from that noise, in square and in mean."""
    z = (data.y - data.mean(data.X)) / noise
    n = len(z)
    return abs(np.sum(z**2) - n) / np.sqrt(2 * n), abs(np.sum(z)) / np.sqrt(n)


def test_draws_are_of_that_density():
    """100,000 points: noise 2.3 % too large or an offset of a thirtieth of it is seen.

    x is held to the uniform law by the largest difference; one of 0.02 is seen.
    """
    data = make_noisy_sine(N, rng=1, noise=0.2)
    assert max(standard_deviations_off(data, 0.2)) < 5.03
    assert max(standard_deviations_off(data, 0.205)) > 5.03  # so much is seen
    x = np.sort(data.X[:, 0])
    difference = np.abs(x - (np.arange(N) + 0.5) / N).max() + 0.5 / N
    assert difference * np.sqrt(N) < kstwobign.isf(5e-7)
    assert x[0] >= 0
    assert x[-1] < 1
    # The noise knows nothing of x.
    residual = (data.y - data.mean(data.X))[:, 0]
    for f in (data.X[:, 0] - 0.5, np.cos(2 * np.pi * data.X[:, 0])):
        assert abs(residual @ f) < 5.03 * 0.2 * np.sqrt(f @ f)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_dtypes_and_seeds(dtype):
    first, again, other = (make_noisy_sine(7, rng=s, dtype=dtype) for s in (0, 0, 1))
    for array in (first.X, first.y, first.mean(first.X)):
        assert array.shape == (7, 1)
        assert array.dtype == dtype
    assert first.log_density(first.X, first.y).dtype == dtype
    assert np.array_equal(first.y, again.y)
    assert not np.array_equal(first.X, other.X)
    assert first.noise == 0.2


def test_errors():
    for noise in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"noise is {noise}; it must be positive"):
            make_noisy_sine(5, rng=0, noise=noise)
    with pytest.raises(ValueError, match="draw at least one point"):
        make_noisy_sine(0, rng=0)
    data = make_noisy_sine(5, rng=0)
    for y in (data.y[:, 0], data.y[:1], 0.5):
        with pytest.raises(ValueError, match="give one y for each X"):
            data.log_density(data.X, y)
    with pytest.raises(TypeError, match="dtype is"):
        make_noisy_sine(5, rng=0, dtype=np.int64)
