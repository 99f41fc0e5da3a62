"""Effective sample sizes and standard errors: by definition, by law, by replication."""

import warnings
from math import log10

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import kstest, norm, rankdata

from samplers.effective import effective_sample_size, monte_carlo_standard_error
from tests.samplers.series import autoregression, time, two_states, variance_of_mean

RNG = np.random.default_rng(0)
Z = 5.03
METHODS = ("mean", "bulk", "tail")


def by_definition(draws):
    """Of (chain, draw): halves, lags and pairs one after another."""
    half = draws.shape[1] // 2
    halves = [part for x in draws for part in (x[:half], x[-half:])]
    within = np.mean([np.var(x, ddof=1) for x in halves])
    total = (half - 1) / half * within + np.var([x.mean() for x in halves], ddof=1)

    def rho(t):
        if t == 0:
            return 1
        sums = [(x[: half - t] - x.mean()) @ (x[t:] - x.mean()) for x in halves]
        return 1 - (within - np.mean(sums) / half) / total

    tau, last, used = -1, np.inf, half * len(halves)
    for t in range(0, half - 1, 2):
        if rho(t) + rho(t + 1) <= 0:
            break
        last = min(last, rho(t) + rho(t + 1))
        tau += 2 * last
    return used / max(tau, 1 / log10(used))


@pytest.mark.parametrize("shape", [(1, 40), (1, 41), (2, 5), (4, 30), (3, 101)])
@pytest.mark.parametrize("r", [0.6, 0, -0.4])
def test_the_definition(shape, r):
    draws = autoregression(r, shape, 1)
    expected = by_definition(draws)
    assert effective_sample_size(draws) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("shape", [(1, 40), (3, 50)])
def test_what_the_other_methods_count(shape):
    """Sorted, the quantile p is between draws i and i + 1, with i = p (S - 1)."""
    draws = autoregression(0.6, shape, 1)
    ranks = rankdata(draws).reshape(shape)
    expected = by_definition(norm.ppf((ranks - 3 / 8) / (draws.size + 1 / 4)))
    assert effective_sample_size(draws, "bulk") == pytest.approx(expected, rel=1e-10)
    ends = [np.sort(draws, axis=None)[int(p * (draws.size - 1))] for p in (0.05, 0.95)]
    expected = min(by_definition((draws <= end).astype(float)) for end in ends)
    assert effective_sample_size(draws, "tail") == pytest.approx(expected, rel=1e-10)


def test_by_hand():
    """Halves 01, 01: W = 1/2, B = 0, c_1 = -1/8, V = 1/4, rho_1 = -3/2: no pair.

    Halves 00, 11: W = c_1 = 0, V = 1/2, rho_1 = 1, tau = 3.
    """
    assert effective_sample_size([[0, 1, 0, 1]]) == pytest.approx(4 * log10(4))
    assert effective_sample_size([[0, 0, 1, 1]]) == pytest.approx(4 / 3)
    # sd^2 = 1/3
    assert monte_carlo_standard_error([[0, 0, 1, 1]]) == pytest.approx(1 / 2)


@pytest.mark.parametrize("r", [0, 0.5, 0.9, -0.3, -0.5])
def test_autoregressions(r):
    """S / tau, in the mean over 64 runs; finds a bias of 10 %. Above S for r < 0."""
    tau = time(r)
    n = int(2000 * max(tau, 1 / tau)) // 4
    found = effective_sample_size(autoregression(r, (4, n, 64), 2)) * tau / (4 * n)
    assert abs(found.mean() - 1) < 0.03 + Z * found.std(ddof=1) / 8 < 0.1
    if r < 0:
        assert np.all(found * 4 * n / tau > 4 * n)


def test_two_state_chains():
    """tau = (2 - a - b) / (a + b); finds an error of 7 %. The tails are the states."""
    for up, down in [(0.1, 0.3), (0.5, 0.5), (0.6, 0.7)]:
        draws = two_states(up, down, (4, 5000, 32), 3)
        expected = 20_000 * (up + down) / (2 - up - down)
        found = effective_sample_size(draws) / expected
        assert abs(found.mean() - 1) < 0.03 + Z * found.std(ddof=1) / np.sqrt(32) < 0.1
        tail = effective_sample_size(draws, "tail") / expected
        np.testing.assert_allclose(tail, found, rtol=1e-9)


@pytest.mark.parametrize("r", [0.8, 0, -0.4])
def test_the_error_of_a_mean(r):
    """2000 runs of 4 chains: z = (mean - 0) / MCSE against N(0, 1).

    Finds an error of 4 % in the mean square of MCSE, against the exact variance of a
    mean of 1000 draws, and one of 10 % in the MCSE by the law of z alone. Where draws
    alternate, the sum that stops at the first noise is 4 % low: there it finds 7 %.
    """
    runs = 2000
    draws = autoregression(r, (4, 1000, runs), 4)
    errors = monte_carlo_standard_error(draws)
    squares = errors**2 / (variance_of_mean(r, 1000) / 4)
    bias = 0.02 if r >= 0 else 0.05
    allowed = bias + Z * squares.std(ddof=1) / np.sqrt(runs)
    assert abs(squares.mean() - 1) < allowed < bias + 0.02
    z = draws.mean(axis=(0, 1)) / errors
    assert abs(z.mean()) < Z / np.sqrt(runs)
    assert abs(np.mean(z**2) - 1) < 0.05 + Z * np.sqrt(2 / runs)
    assert kstest(z, "norm").statistic < 0.01 + 2.76 / np.sqrt(runs)


def test_the_error_is_one_of_the_draws_and_not_of_their_scores():
    draws = np.exp(2 * autoregression(0.9, (4, 500), 7))
    error = draws.std(ddof=1) / np.sqrt(effective_sample_size(draws, "mean"))
    assert monte_carlo_standard_error(draws) == pytest.approx(error, rel=1e-12)
    assert effective_sample_size(draws) > 1.2 * effective_sample_size(draws, "bulk")


def test_draws_without_a_mean():
    """The bulk of a Cauchy chain is that of the Gaussian chain that it is a map of."""
    gaussian = autoregression(0.6, (4, 1000), 5)
    cauchy = np.tan(np.pi * (ndtr(gaussian) - 0.5))
    for method in ("bulk", "tail"):
        expected = effective_sample_size(gaussian, method)
        assert effective_sample_size(cauchy, method) == expected
        assert 500 < expected < 2000


def test_slow_tails_of_a_fast_chain():
    """Independent signs, with a width that changes slowly: the bulk is well known."""
    draws = RNG.standard_normal((4, 5000)) * np.exp(autoregression(0.99, (4, 5000), 6))
    assert effective_sample_size(draws, "bulk") > 10_000
    assert effective_sample_size(draws, "tail") < 2000


def test_chains_that_disagree_are_worth_little():
    """Four chains about four means, 3 s apart, are worth about four draws."""
    draws = RNG.standard_normal((4, 1000)) + 3 * np.arange(4)[:, np.newaxis]
    for method in ("mean", "bulk"):
        assert 3 < effective_sample_size(draws, method) < 8
    assert monte_carlo_standard_error(draws) > 1
    assert effective_sample_size(draws[:1]) > 800


def test_the_most_that_a_run_is_worth():
    draws = np.tile([1.0, -1.0], (4, 500))
    for method in METHODS:
        assert effective_sample_size(draws, method) == 4000 * log10(4000)


def test_constants():
    """Six chains or 701 draws that are all 0.1 do not always have the mean 0.1."""
    stuck = np.tile([0.1, 0.7, 1 / 3, 0.0], (3, 701, 1))
    stuck[:, :, 3] = RNG.standard_normal((3, 701))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in METHODS:
            found = effective_sample_size(stuck, method)
            assert np.isnan(found[:3]).all()
            assert found[3] > 1000
        assert np.isnan(monte_carlo_standard_error(stuck)[:3]).all()
        # Each at a value of its own, rho_t = 1 at all lags: tau = 2 N - 1.
        apart = np.tile(np.arange(4.0)[:, np.newaxis], (1, 702)) / 10
        for method in METHODS:
            found = effective_sample_size(apart, method)
            assert found == pytest.approx(8 * 351 / (2 * 350 - 1), rel=1e-12)


def test_a_quantile_that_all_draws_reach():
    """Of 97 % ones both quantiles are 1 and x <= 1 says nothing; of 90 %, one is 0."""
    draws = RNG.random((2, 1000)) < 0.97
    assert np.quantile(draws.astype(int), 0.05) == 1
    assert np.isnan(effective_sample_size(draws, "tail"))
    rare = RNG.random((2, 1000)) < 0.9
    assert effective_sample_size(rare, "tail") == effective_sample_size(rare)


def test_the_method_has_a_name():
    with pytest.raises(ValueError, match=r"method is 'median'; .* depends on what"):
        effective_sample_size(RNG.standard_normal((2, 10)), "median")
