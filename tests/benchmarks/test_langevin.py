"""The experiment on Langevin chains: its theory, and that it sees wrong chains."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from benchmarks.experiments import langevin
from benchmarks.files import plain
from benchmarks.langevin import chains, laws
from benchmarks.langevin.chains import (
    ETAS,
    Averages,
    energy,
    histogram,
    imbalance,
    squared,
)
from benchmarks.langevin.laws import (
    WELL,
    Unadjusted,
    boltzmann,
    correction,
    excess,
    first_order,
    in_excess,
    kramers,
    probability_of_excess,
)
from samplers.langevin import Langevin
from samplers.mala import MALA


@pytest.fixture(scope="module")
def law():
    return boltzmann(1.0)


def test_slope_and_curvature_are_those_of_the_energy():
    x = np.linspace(-2, 2, 9)[:, np.newaxis]
    np.testing.assert_allclose(WELL.energy_at(x), energy(x[:, 0]), atol=1e-13)
    scores = -WELL.score_at(x)[:, 0]
    np.testing.assert_allclose(scores, laws.slope(x[:, 0]), atol=1e-13)
    h = 1e-5
    by_difference = (laws.slope(x + h) - laws.slope(x - h)) / (2 * h)
    np.testing.assert_allclose(laws.curvature(x), by_difference, atol=1e-8)


@pytest.mark.parametrize(("eta", "T"), [(0.01, 1.0), (0.04, 1.0), (0.01, 0.3)])
def test_a_step_leaves_the_stationary_law_as_it_is(eta, T):
    """On points between those of the grid, where nothing was solved for."""
    chain = Unadjusted(eta, T)
    assert chain.weights.sum() == pytest.approx(1, abs=1e-12)
    y = np.linspace(-1.5, 1.5, 7)
    for point, density in zip(y, chain.density(y), strict=True):
        after, _ = integrate.quad(
            lambda x, point=point: float(
                chain.density(np.array([x]))[0]
                * stats.norm.pdf(point, x - eta * laws.slope(x), np.sqrt(2 * eta * T))
            ),
            *(-laws.end(T), laws.end(T)),
            limit=200,
            epsabs=1e-11,
        )
        assert after == pytest.approx(density, rel=1e-7)
    assert abs(chain.lost) < 1e-9


def test_the_cdf_is_that_of_the_density():
    chain = Unadjusted(0.02, 1.0)
    h = 1e-4
    y = np.array([-1.0, 0.3, 1.7])
    slopes = (chain.cdf(y + h) - chain.cdf(y - h)) / (2 * h)
    np.testing.assert_allclose(slopes, chain.density(y), rtol=1e-6)


def test_the_bias_is_of_the_predicted_first_order(law):
    """Richardson's extrapolation to eta = 0 meets the formula."""
    for statistic in (squared, energy):
        exact = law.expectation(lambda x, f=statistic: f(x[:, 0]))
        slopes = [
            (Unadjusted(eta, 1.0).mean(statistic) - exact) / eta
            for eta in (0.0005, 0.001)
        ]
        expected = first_order(law, statistic)
        assert 2 * slopes[0] - slopes[1] == pytest.approx(expected, rel=1e-4)
    g = correction(law, law.nodes[:, 0])
    assert law.probabilities @ g == pytest.approx(0, abs=1e-12)


def test_the_set_of_excess_has_the_total_variation_distance(law):
    chain = Unadjusted(0.03, 1.0)
    roots = excess(chain, law)
    assert len(roots) == 4
    np.testing.assert_allclose(roots, -roots[::-1], atol=1e-9)
    found = probability_of_excess(chain.cdf, roots) - probability_of_excess(
        law.cdf, roots
    )
    y = np.linspace(-2.8, 2.8, 20001)
    difference = chain.density(y) - np.exp(law.log_density(y[:, np.newaxis]))
    expected = np.abs(difference).sum() * (y[1] - y[0]) / 2
    assert found == pytest.approx(expected, rel=1e-5)
    larger = difference > 0
    seen = np.abs(difference) > 1e-6
    np.testing.assert_array_equal(in_excess(y[seen], roots), larger[seen])


def test_crossings_decay_at_the_rate_of_the_second_eigenvalue():
    eta, T = 0.01, 0.5
    chain = Unadjusted(eta, T)
    left = 0.5 - chain.crossed(-1.0, 3000)
    slope = np.log(left[1999] / left[2999]) / (1000 * eta)
    assert slope == pytest.approx(chain.rate(), rel=1e-6)


def test_kramers_rate_is_approached_in_the_cold():
    ratios = [Unadjusted(0.001, T).rate() / kramers(T) for T in (0.3, 0.2, 0.1)]
    assert np.all(np.diff(np.abs(np.array(ratios) - 1)) < 0)
    assert ratios[-1] == pytest.approx(1, abs=0.05)


def test_the_exact_acceptance_converges(law):
    for eta in (0.01, 0.3):
        coarse, fine = (
            laws.acceptance(eta, 1.0, law, points) for points in (600, 1800)
        )
        assert coarse == pytest.approx(fine, abs=2e-5)
    assert laws.acceptance(0.001, 1.0, law) > 0.999


@pytest.fixture(scope="module")
def averages(law):
    rng = np.random.default_rng(0)
    draws = chains.run_chains("unadjusted", [], 50, 50, rng)
    return chains.average("unadjusted", draws, law), draws


def test_chains_meet_their_own_law_and_not_that_of_the_energy(averages):
    """Detects a law that is off by five standard errors, 0.03 of <E>."""
    found, _ = averages
    assert found.values.shape == (len(ETAS["unadjusted"]), 3)
    assert np.abs(found.z).max() < langevin.LIMIT
    wrong = replace(found, exact=found.target)
    assert np.abs(wrong.z).max() > langevin.LIMIT


def test_a_histogram_counts_the_draws_of_every_chain():
    draws = np.array([[0.1, 0.1, 0.6, 5.0], [0.1, 0.7, 0.8, -3.0]])
    found = histogram(draws, lambda x: x, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(found.shares, [0.375, 0.375])
    np.testing.assert_allclose(found.errors, [0.125, 0.125])
    np.testing.assert_allclose(found.exact, [0.5, 0.5])
    assert found.draws == 8
    assert np.isnan(found.z).all()


def test_flows_see_a_step_without_detailed_balance(law):
    """Detects an unadjusted step of eta = 0.04, of which MALA would refuse 5 %."""
    rng = np.random.default_rng(0)
    state = law.quantile(rng.random(20_000))[:, np.newaxis]
    assert imbalance(MALA(WELL, 0.04), state, rng) < langevin.LIMIT
    assert imbalance(Langevin(WELL, 0.04), state, rng) > langevin.LIMIT


def test_shares_of_another_temperature_are_seen():
    [found] = chains.cross(
        0.01, (0.5,), 4000, 400, 20, np.random.default_rng(0)
    ).values()
    assert np.nanmax(np.abs(found.z)) < langevin.LIMIT
    other = Unadjusted(0.01, 0.4).crossed(-1.0, 400)[19::20]
    assert np.nanmax(np.abs(replace(found, exact=other).z)) > langevin.LIMIT


def test_one_seed_gives_one_result(averages):
    _, draws = averages
    again, other = (
        chains.run_chains("unadjusted", [], 50, 50, np.random.default_rng(k))
        for k in (0, 1)
    )
    np.testing.assert_array_equal(draws, again)
    assert np.any(draws != other)


def test_a_metric_reports_the_worst_that_can_be_told():
    metric = langevin.worst("something", np.array([np.nan, 1.0, -6.0]), "a source")
    assert metric.value == 6
    assert metric.complaint(metric.value) == "6 is above 5.03"


def test_every_seed_is_drawn(averages):
    found, _ = averages
    n = len(ETAS["MALA"])
    mala = Averages(*(np.full((n, 3), 0.1) for _ in range(5)))
    bias = {"unadjusted": langevin.table(found), "MALA": langevin.table(mala)}
    times = 0.2 * np.arange(1, 101)
    series = plain(
        {
            "bias": [bias] * 3,
            "times": [times] * 3,
            "shares": [
                {f"{T}": np.full(100, 0.1) for T in langevin.TEMPERATURES}
                for _ in range(3)
            ],
            "rates": [np.full((3, len(langevin.PROPOSED)), 0.5)] * 3,
        }
    )
    shown = langevin.picture(series)
    _, shares, _ = shown.figure.axes
    dots = [line for line in shares.lines if line.get_marker() == "o"]
    assert len(dots) == 3 * len(langevin.TEMPERATURES)
