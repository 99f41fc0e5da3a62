"""Levels of data: the law of independent entries, counted, and what is refused."""

import numpy as np
import pytest

from models.levels import level_log_probabilities, require_levels

BITS = (-1, 1)


def test_they_are_the_frequencies_with_one_more_of_each():
    rng, levels = np.random.default_rng(0), np.linspace(-1, 1, 17)
    X = rng.choice(levels[:5], (50, 3))
    found = np.exp(level_log_probabilities(X, levels))
    for j, k in np.ndindex(3, 17):
        count = sum(x == levels[k] for x in X[:, j])
        assert found[j, k] == pytest.approx((count + 1) / (50 + 17), rel=1e-14)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-14)


def test_they_are_the_mean_of_the_posterior_of_a_flat_law():
    """By quadrature over p of p^a (1 - p)^b, for a = 3 and b = 1."""
    p = (np.arange(100_000) + 0.5) / 100_000
    likelihood = p**3 * (1 - p)
    found = np.exp(level_log_probabilities([[1], [-1], [1], [1]], BITS))
    mean = np.sum(p * likelihood) / np.sum(likelihood)
    np.testing.assert_allclose(found, [[1 - mean, mean]], rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_levels_are_known_again_in_any_precision(dtype):
    """Levels that are no binary fractions, where examples are of float32."""
    levels = np.linspace(0, 1, 11)
    X = np.random.default_rng(0).choice(levels, (20, 2)).astype(np.float32)
    if dtype == np.float64:
        X = np.float64(X)
        levels = np.float64(np.float32(levels))
    found = level_log_probabilities(X, levels, dtype)
    assert found.dtype == dtype
    assert found.shape == (2, 11)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"X holds 0, which is none of the 2 levels"):
        level_log_probabilities([[1, 0]], BITS)
    with pytest.raises(ValueError, match=r"X holds 0\.1"):
        level_log_probabilities(np.float32([[0.1]]), (0, 0.1))
    with pytest.raises(ValueError, match="NaN or infinity"):
        level_log_probabilities([[np.nan]], BITS)
    with pytest.raises(ValueError, match=r"X has shape \(2,\)"):
        level_log_probabilities([1, 1], BITS)
    for levels in ([1.0], [1.0, -1.0], [[-1.0, 1.0]], [0.0, 0.0], []):
        with pytest.raises(ValueError, match=r"they are \(K,\), at least two, and ris"):
            require_levels(levels, np.float64)
    with pytest.raises(ValueError, match="have to be finite"):
        level_log_probabilities([[1]], (0, np.inf))
