"""Autocorrelation: by direct sums, over all paths of a chain, against closed forms."""

import re
import warnings
from itertools import product

import numpy as np
import pytest
from scipy.linalg import block_diag, toeplitz
from scipy.signal import lfilter

from samplers.autocorrelation import autocorrelation, autocorrelation_time
from tests.samplers.series import autoregression, time, two_states

RNG = np.random.default_rng(0)
Z = 5.03


def by_definition(draws):
    """c_t / c_0 of (chain, draw), one product after another."""
    mean, (chains, n) = np.mean(draws), np.shape(draws)
    covariance = []
    for t in range(n):
        pairs = [(x[i] - mean) * (x[i + t] - mean) for x in draws for i in range(n - t)]
        assert len(pairs) == chains * (n - t)
        covariance.append(np.mean(pairs))
    return np.array(covariance) / covariance[0]


@pytest.mark.parametrize("n", [4, 5, 16, 17, 31])
@pytest.mark.parametrize("chains", [1, 3])
def test_the_definition(chains, n):
    draws = RNG.standard_normal((chains, n, 2))
    found = autocorrelation(draws)
    assert found.shape == (n, 2)
    for i in range(2):
        expected = by_definition(draws[..., i])
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("chains", "n"), [(1, 8), (2, 4)])
def test_the_mean_over_all_paths_of_a_two_state_chain(chains, n):
    """E c_t, weighed exactly, is the mean of P C P over the pairs at distance t.

    C is the covariance of all draws, which chains do not share, P = 1 - 11'/S takes out
    the one mean that they do: another divisor or a mean for each chain gives others.
    """
    up, down = 0.3, 0.2
    p = np.array([down, up]) / (up + down)
    P = np.array([[1 - up, up], [down, 1 - down]])
    found, total = np.zeros(n), 0
    for path in product((0, 1), repeat=chains * n):
        draws = np.reshape(path, (chains, n))
        steps = P[draws[:, :-1], draws[:, 1:]]
        weight = np.prod(p[draws[:, 0]]) * np.prod(steps)
        total += weight
        if draws.var() > 0:
            found += weight * draws.var() * autocorrelation(draws)
    assert total == pytest.approx(1, rel=1e-14)

    one = p[0] * p[1] * toeplitz((1 - up - down) ** np.arange(n))
    project = np.eye(chains * n) - 1 / (chains * n)
    covariance = project @ block_diag(*[one] * chains) @ project
    blocks = [covariance[i : i + n, i : i + n] for i in range(0, chains * n, n)]
    expected = [np.mean([np.diag(b, t) for b in blocks]) for t in range(n)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("r", [0.9, 0.4, 0, -0.6])
def test_powers_of_r(r):
    """z scores with Bartlett's variance; finds an error of 0.02 in rho_t at r = 0.9."""
    chains, n = 4, 25_000
    found = autocorrelation(autoregression(r, (chains, n), 1))
    k = np.arange(1, 400)
    for t in range(1, 12):
        terms = r ** (k + t) + r ** np.abs(k - t) - 2 * r**t * float(r) ** k
        error = np.sqrt(np.sum(terms**2) / (chains * n))
        assert abs(found[t] - r**t) < Z * error


@pytest.mark.parametrize("r", [0, 0.5, 0.9, 0.97, -0.3, -0.5])
def test_the_time_of_an_autoregression(r):
    """A bias beyond 1 % + 5.03 standard errors: 7 % in all, 9 % for alternating ones.

    The scatter of 64 runs has the stated size, within a third.
    """
    tau = time(r)
    n = int(1000 * max(tau, 1 / tau))
    found = autocorrelation_time(autoregression(r, (1, n, 64), 2)) / tau
    scatter = found.std(ddof=1)
    assert abs(found.mean() - 1) < 0.01 + Z * scatter / 8
    assert scatter < 0.15
    if r >= 0:
        window = np.ceil(max(2.5 * tau, 3))
        assert scatter == pytest.approx(
            np.sqrt((4 * window + 2 - 2 * tau) / n), rel=0.33
        )


def test_the_time_of_a_two_state_chain():
    """tau = (2 - a - b) / (a + b); finds an error of 5 %."""
    for up, down in [(0.1, 0.3), (0.5, 0.5), (0.7, 0.6)]:
        found = autocorrelation_time(two_states(up, down, (8, 5000, 32), 3))
        expected = (2 - up - down) / (up + down)
        allowed = 0.01 * expected + Z * found.std(ddof=1) / np.sqrt(32)
        assert abs(found.mean() - expected) < allowed < 0.06 * expected


def test_many_short_chains():
    """200 chains of 11 tau are 2200 tau; a mean for each would give 40 % less.

    Finds an error of 8 %, in the mean over 30 runs.
    """
    found = autocorrelation_time(autoregression(0.8, (200, 100, 30), 4)) / 9
    assert abs(found.mean() - 1) < 0.01 + Z * found.std(ddof=1) / np.sqrt(30) < 0.08


def test_the_bias_of_a_short_run_is_given_back():
    """At 60 tau, 10 % would be missing; finds 6 % in the mean over 800 runs."""
    with pytest.warns(UserWarning, match="540 draws, 540 a chain"):
        found = autocorrelation_time(autoregression(0.8, (1, 540, 800), 5))
    assert abs(found.mean() / 9 - 1) < 0.06


def test_the_time_of_an_oscillation():
    """rho_t = 0.64^(t/2) cos(pi t / 2): x_n = -0.64 x_{n-2} + noise, tau = 0.36 / 1.64.

    The sum to lag 2 is -0.28, and there a window of 5 tau / 2 would end. Lags to 12 are
    summed, which leaves 0.054; finds an error of 0.07.
    """
    noise = np.random.default_rng(6).standard_normal((8, 100_000))
    draws = lfilter([1], [1, 0, 0.64], noise, axis=1)[:, 100:]
    assert autocorrelation_time(draws) == pytest.approx(0.36 / 1.64, abs=0.07)


def test_no_time_is_shorter_than_the_run_can_tell():
    """Where tau is 1 / 19, 20000 draws tell that it is below 1 / log10(20000)."""
    draws = autoregression(-0.9, (4, 5000), 7)
    assert autocorrelation_time(draws) == 1 / np.log10(20_000)


def test_a_correlation_that_never_dies_out():
    draws = np.tile([1.0, -1.0], (4, 50))
    with pytest.warns(UserWarning, match="dies out: take 200 draws a chain, or more"):
        assert autocorrelation_time(draws) < 2


def test_chains_that_disagree_remember():
    """Each is independent noise, but about a mean of its own: rho_t tends to 1/2."""
    draws = RNG.standard_normal((50, 500)) + RNG.standard_normal((50, 1))
    assert np.all(autocorrelation(draws)[1:300] > 0.3)
    with pytest.warns(UserWarning, match="25000 draws, 500 a chain, hardly"):
        assert autocorrelation_time(draws) > 100


def test_a_short_run_warns():
    draws = autoregression(0.9, (4, 150, 2), 7)
    with pytest.warns(UserWarning, match="hardly determine") as caught:
        found = autocorrelation_time(draws)
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert message.startswith("600 draws, 150 a chain, hardly determine")
    tau = float(re.search(r"time, ([\d.]+) or more", message)[1])
    needed = int(re.search(r"take (\d+) draws a chain", message)[1])
    assert tau == pytest.approx(found.max(), rel=1e-2)
    assert needed == np.ceil(found.max() * 50 / 4) > 150


def test_the_draws_asked_for_are_enough():
    """Below 50 tau in all a run warns, above not; 5 tau a chain if there are many."""
    draws = autoregression(0.9, (1, 4000), 8)
    tau = autocorrelation_time(draws)
    enough = int(50 * tau) + 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        autocorrelation_time(draws[:, :enough])
    with pytest.warns(UserWarning, match="hardly determine"):
        autocorrelation_time(draws[:, : enough // 3])
    # Their correlations have hardly begun to decay, however many the chains are.
    draws = autoregression(0.99, (400, 30), 9)
    with pytest.warns(UserWarning, match="12000 draws, 30 a chain, hardly") as caught:
        tau = autocorrelation_time(draws)
    assert 20 < tau < 60
    assert f"take {np.ceil(5 * tau):.0f} draws a chain" in str(caught[0].message)


def test_a_constant_has_no_autocorrelation():
    draws = np.concatenate([np.full((3, 700, 1), 0.1), np.eye(700)[:3, :, None]], 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(autocorrelation(draws)[:, 0]).all()
        times = autocorrelation_time(draws)
    assert np.isnan(times[0])
    assert times[1] == pytest.approx(1, abs=0.1)


def test_a_large_mean_costs_no_more_digits_than_the_draws_lose():
    draws = RNG.standard_normal((2, 1000))
    far = draws + 2.0**30
    np.testing.assert_array_equal(autocorrelation(far), autocorrelation(far - 2.0**30))
