"""Importance weights: estimates, errors, the warning, refusals."""

import warnings

import numpy as np
import pytest

from samplers import importance
from samplers.importance import FewWeightsWarning, Weights
from tests.samplers import annealing_checks

N = 10_000


@pytest.mark.exact
def test_estimate_error_and_effective_size():
    annealing_checks.check_weights(importance)


def gaussian_weights(sd, seed=0, n=N):
    """Of N(0, 1), drawn from N(0, sd^2): f = exp(-x^2 / 2), f_0 = N's density."""
    x = sd * np.random.default_rng(seed).standard_normal(n)
    log_density = -(x**2) / (2 * sd**2) - np.log(np.sqrt(2 * np.pi) * sd)
    return Weights(-(x**2) / 2 - log_density, log_base=0.0)


def test_the_mean_is_z_and_the_error_is_that_of_repeated_runs():
    """400 runs; sees a bias of a quarter of an error, and an error off by 20 %."""
    exact = np.log(2 * np.pi) / 2
    runs = [gaussian_weights(2.0, seed) for seed in range(400)]
    Z = np.exp([run.log_partition for run in runs])
    z = (Z.mean() - np.exp(exact)) / (Z.std(ddof=1) / np.sqrt(400))
    assert abs(z) < 5.03
    spread = np.std([run.log_partition for run in runs], ddof=1)
    errors = [run.standard_error for run in runs]
    # The sd of 400 numbers scatters by 1 / sqrt(800), a share of 0.035.
    np.testing.assert_allclose(np.mean(errors), spread, rtol=0.18)


def test_equal_weights_are_exact():
    weights = Weights(np.full(20, -700.0), 1000.0)
    assert weights.log_partition == 300.0
    assert weights.standard_error == 0
    assert weights.effective_sample_size == pytest.approx(20, rel=1e-14)


def test_the_effective_size_counts_the_weights_that_are_not_zero():
    weights = Weights(np.repeat([0.0, -np.inf], 15), 0.0)
    assert weights.effective_sample_size == pytest.approx(15, rel=1e-14)
    assert weights.log_partition == pytest.approx(-np.log(2), rel=1e-14)


def test_they_are_shown_as_the_estimate_that_they_give():
    weights = Weights(np.log(np.tile([1.0, 2, 3, 4], 10)), 5.0)
    shown = "Weights(log Z = 5.9163 +- 0.072 nats, by 33.33 effective of 40)"
    assert repr(weights) == shown


def test_weights_are_copied():
    log_weights = np.zeros(20, np.float32)
    weights = Weights(log_weights, 0.0)
    log_weights[:] = 1
    assert weights.log_weights.dtype == np.float64
    assert weights.log_partition == 0


def test_few_effective_weights_are_warned_of():
    log_weights = np.log(np.r_[100.0, np.ones(99)])
    with pytest.warns(
        FewWeightsWarning, match=r"100 weights are worth 3.9 equal .* low, .* more temp"
    ) as found:
        Weights(log_weights, 0.0)
    assert found[0].filename == __file__
    with pytest.warns(FewWeightsWarning, match="probably too high"):
        Weights(log_weights, 0.0, reverse=True)
    assert issubclass(FewWeightsWarning, UserWarning)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Weights(np.zeros(10), 0.0)


def test_one_weight_has_no_error():
    with pytest.warns(FewWeightsWarning, match="1 weights are worth 1.0"):
        weights = Weights([3.0], 2.0)
    assert weights.log_partition == 5
    assert np.isnan(weights.standard_error)


def test_weights_that_are_all_zero_say_that_z_is_zero():
    for reverse, expected in ((False, -np.inf), (True, np.inf)):
        with pytest.warns(FewWeightsWarning, match="worth 0.0"):
            weights = Weights(np.full(20, -np.inf), 2.0, reverse)
        assert weights.log_partition == expected
        assert np.isnan(weights.standard_error)
        assert weights.effective_sample_size == 0


@pytest.mark.parametrize(
    ("log_weights", "words"),
    [
        (np.zeros((3, 4)), r"shape \(3, 4\) are no row; .* log_weights.ravel\(\)"),
        (0.0, r"shape \(\) are no row"),
        ([], r"shape \(0,\) are no row"),
        ([0.0, np.nan], r"nan or \+inf, .* cannot have been drawn"),
        ([0.0, np.inf], r"nan or \+inf"),
    ],
)
def test_what_are_no_weights_is_refused(log_weights, words):
    with pytest.raises(ValueError, match=words):
        Weights(log_weights, 0.0)
