"""The experiment on the Ising model: its truths, and that it sees wrong samples."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks.experiments import ising
from benchmarks.files import plain
from benchmarks.ising.averages import (
    COLD,
    FAR,
    NEAR,
    OBSERVABLES,
    Averages,
    exact,
    normal_score,
    observables,
    sample,
    scores,
)
from benchmarks.ising.figures import spread, table
from benchmarks.ising.memory import (
    ALGORITHMS,
    EXPONENTS,
    LAGS,
    Memory,
    exponent,
    remember,
)
from samplers.ising_states import density_of_states
from samplers.onsager import CRITICAL_TEMPERATURE

TEMPERATURES = np.sort(np.concatenate([FAR, NEAR]))


@pytest.fixture(scope="module")
def small():
    """Averages of the enumerated lattice."""
    return sample(4, "quick", np.random.default_rng(0))


@pytest.fixture(scope="module")
def remembered():
    """The memory of both algorithms on the enumerated lattice."""
    rng = np.random.default_rng(0)
    return {name: remember(name, 4, "quick", rng) for name in ALGORITHMS}


def test_observables_of_given_draws_are_those_of_their_formulas():
    draws = np.random.default_rng(0).integers(-16, 17, size=(3, 2, 5, 2))
    T = np.array([2.0, 3.0])
    found = observables(draws, T, 16)
    for k in range(2):
        E, M = draws[:, k, :, 0].ravel(), np.abs(draws[:, k, :, 1]).ravel()
        expected = (
            E.mean() / 16,
            E.var() / (16 * T[k] ** 2),
            M.mean() / 16,
            M.var() / (16 * T[k]),
        )
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-13)


def test_all_observables_of_four_by_four_sites_are_exact():
    g = density_of_states((4, 4))
    for name in OBSERVABLES:
        expected = getattr(g, name.replace(" ", "_"))(TEMPERATURES)
        np.testing.assert_allclose(exact(name, TEMPERATURES, 4), expected, rtol=1e-9)
    assert exact("magnetization", TEMPERATURES, 8) is None


def test_a_normal_score_is_as_rare_as_its_t():
    t = np.array([-9.0, -2.0, 0.5, 9.0])
    expected = np.sign(t) * stats.norm.isf(stats.t.sf(np.abs(t), 15))
    np.testing.assert_allclose(normal_score(t, 15), expected, rtol=1e-10)


def test_sampled_averages_meet_their_truths(small):
    """Detects averages that are off by nine errors: 2 to 13 % of so small an energy."""
    np.testing.assert_array_equal(small.temperatures, TEMPERATURES)
    for name in OBSERVABLES:
        z = scores(small, name)
        assert len(z) == len(TEMPERATURES)
        assert np.abs(z).max() < ising.LIMIT
        # Errors that are twice too large or too small would not have this.
        assert 0.5 < np.sqrt(np.mean(z**2)) < 1.7


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def test_wrong_averages_are_seen(small):
    assert missed(ising.average_metrics([small])) == []
    wrong = replace(small, values=small.values + 10 * small.errors)
    names = missed(ising.average_metrics([wrong]))
    assert [name.partition(":")[0] for name in names] == list(OBSERVABLES)
    vague = replace(small, errors=30 * small.errors)
    names = missed(ising.average_metrics([vague]))
    assert [name.partition(",")[0] for name in names] == [
        f"{name}: largest standard error" for name in OBSERVABLES[:2]
    ]


def test_only_large_cold_lattices_are_held_to_the_infinite_one(small):
    cold = np.sum(TEMPERATURES < COLD)
    assert cold == 3
    assert len(scores(replace(small, L=8), "magnetization")) == 0
    assert len(scores(replace(small, L=16), "magnetization")) == cold
    assert len(scores(replace(small, L=16), "susceptibility")) == 0


def test_one_seed_gives_one_result(small):
    again, other = (sample(4, "quick", np.random.default_rng(k)) for k in (0, 1))
    np.testing.assert_array_equal(small.values, again.values)
    np.testing.assert_array_equal(small.errors, again.errors)
    assert np.any(small.values != other.values)


def test_chains_at_the_critical_point_meet_the_truth(remembered):
    """The energy to 1 %, and what a cluster counts: <M^2> / N^2 of a lattice."""
    g = density_of_states((4, 4))
    share = g.mean((g.magnetizations / 16) ** 2, CRITICAL_TEMPERATURE)
    assert remembered["Metropolis"].sweeps == 1
    assert remembered["Wolff"].sweeps == pytest.approx(share, rel=0.01)
    for memory in remembered.values():
        assert abs(memory.score) < ising.LIMIT
        assert memory.r_hat.max() < 1.01
        assert memory.rho.shape == (LAGS, 2)
        np.testing.assert_array_equal(memory.rho[0], 1)
        assert memory.seconds > 0


def test_a_sweep_is_as_many_updates_as_spins(remembered):
    for memory in remembered.values():
        sweeps_a_second = memory.updates / 16
        expected = sweeps_a_second / memory.tau
        np.testing.assert_allclose(memory.effective, expected, rtol=1e-12)


def fake(L, tau):
    """Return a Memory with tau of E and |M|, and nothing else of interest."""
    nothing = np.zeros((LAGS, 2))
    return Memory(
        L=L,
        sweeps=1.0,
        tau=np.array(tau),
        tau_error=np.full(2, 0.1),
        lags=np.arange(LAGS) * 1.0,
        rho=nothing,
        r_hat=np.ones(2),
        score=0.0,
        seconds=1e-6,
    )


def test_exponents_are_slopes_between_the_two_largest_lattices():
    memories = [fake(L, [3 * L**0.25, L**2.17]) for L in (16, 32)]
    memories = [fake(8, [1.0, 1.0]), *memories]
    assert exponent(memories, "E") == pytest.approx(0.25)
    assert exponent(memories, "|M|") == pytest.approx(2.17)


def test_a_wrong_memory_is_seen():
    right = {
        name: [fake(L, 2 * [c * L ** EXPONENTS[name]]) for L in (16, 32)]
        for name, c in (("Metropolis", 0.1), ("Wolff", 2.0))
    }

    def count(memories):
        return len(missed(ising.memory_metrics(memories)))

    assert count(right) == 0
    swapped = dict(zip(right, reversed(right.values()), strict=True))
    assert count(swapped) == 3
    disagreeing = [replace(memory, r_hat=np.full(2, 1.02)) for memory in right["Wolff"]]
    assert count(right | {"Wolff": disagreeing}) == 1
    biased = [replace(memory, score=-6.0) for memory in right["Wolff"]]
    assert count(right | {"Wolff": biased}) == 1


def test_a_spread_over_runs_is_the_error_of_their_mean():
    runs = [{"tau": [[t]], "tau_error": [[0.3]]} for t in (1.0, 2.0, 3.0)]
    assert spread(runs[:1], "tau") == (1.0, 0.3)
    assert spread(runs, "tau") == (2.0, pytest.approx(3**-0.5))


def test_averages_of_independent_seeds_are_pooled(small):
    kept = plain(vars(small))
    [pool] = ising.pooled([[kept], [kept], [kept], [kept]])
    np.testing.assert_allclose(pool.values, small.values, rtol=1e-15)
    np.testing.assert_allclose(pool.errors, small.errors / 2, rtol=1e-14)
    assert isinstance(pool, Averages)


def test_the_record_is_drawn_from_what_it_keeps(small, remembered):
    series = plain(
        {
            "averages": [[vars(small)]] * 2,
            "memory": [{name: table([found]) for name, found in remembered.items()}]
            * 2,
        }
    )
    drawn = ising.picture(series)
    heat, memory, worth = drawn.figure.axes
    assert len(heat.lines) >= 2
    assert memory.get_ylabel().endswith("(sweeps)")
    assert worth.get_ylabel() == "effective draws (1 / s)"


def test_the_cluster_that_is_shown_is_one_domain_of_its_lattice():
    lattices, cluster = ising.look(np.random.default_rng(0))
    at_T_c = lattices[CRITICAL_TEMPERATURE]
    assert len(np.unique(at_T_c[cluster])) == 1
    assert 0 < cluster.sum() < np.sum(at_T_c == at_T_c[cluster][0])
    means = [abs(lattices[T].mean()) for T in ising.TEMPERATURES]
    assert means[0] > 0.85 > 0.15 > means[-1]
