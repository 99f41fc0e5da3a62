"""The experiment on annealing: its estimates, and that it sees wrong weights."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.annealing.figures import NAMES, STOPS, tiled, variance_constant
from benchmarks.annealing.laws import (
    Annealed,
    acceptance_ratio,
    anneal_machine,
    fluctuations,
    make_machine,
    mean_and_error,
    weights_of,
)
from benchmarks.annealing.tables import errors_of, law_table, machine_table
from benchmarks.annealing.targets import BETAS, LAWS, anneal_laws, on_the_way
from benchmarks.experiments import annealing
from benchmarks.files import plain
from samplers.exact import exact_draws, log_partition
from samplers.machine_path import MachinePath

LOG_Z = 3.0


def normal_estimates(particles, spread, seed=0):
    """Return log Z by single particles, normal ones that obey Crooks' theorem.

    With the variance s^2 the means are log Z - s^2 / 2 and log Z + s^2 / 2.
    """
    noise = np.random.default_rng(seed).standard_normal((2, particles // 100, 100))
    forward = LOG_Z - spread**2 / 2 + spread * noise[0]
    return Annealed(100, forward, LOG_Z + spread**2 / 2 + spread * noise[1])


@pytest.fixture(scope="module")
def machine():
    return make_machine()


@pytest.fixture(scope="module")
def annealed(machine):
    rng = np.random.default_rng(0)
    return {K: anneal_machine(machine, K, 4, rng) for K in (3, 10, 300)}


def test_the_machine_draws_bars(machine):
    """A hidden unit that is on turns on most of its row or column, and little else."""
    x, h = exact_draws(machine, 500, rng=0)
    assert np.mean(h.sum(axis=1)) == pytest.approx(1.7, abs=0.2)
    bars = machine.W > 2
    assert bars.sum(axis=0).tolist() == [8] * 16
    on = (h @ bars.T) > 0
    assert x[on].mean() > 0.8
    assert x[~on].mean() < 0.02


def test_estimates_of_known_weights():
    estimates = np.log([1.0, 2.0, 3.0])
    assert weights_of(estimates).log_partition == pytest.approx(np.log(2))
    down = weights_of(-estimates, True)
    assert down.log_partition == pytest.approx(-np.log(2))
    found = Annealed(1, estimates[np.newaxis], -estimates[np.newaxis])
    np.testing.assert_allclose(found.runs, [[np.log(2)], [-np.log(2)]])
    np.testing.assert_allclose(found.shares, 36 / 14 / 3)


def test_few_weights_are_no_warning_here():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weights_of(np.array([0.0, 50.0])).effective_sample_size < 1.1


def test_mean_and_error():
    assert mean_and_error([1.0, 2.0, 3.0]) == (2.0, pytest.approx(3**-0.5))


def test_the_acceptance_ratio_finds_log_Z_of_normal_weights():
    """Detects an error of 0.03 nats, and a standard error that is off by a third."""
    z = []
    for seed in range(40):
        found = normal_estimates(2000, 1.5, seed)
        estimate, error = acceptance_ratio(found.forward, found.reverse)
        z.append((estimate - LOG_Z) / error)
    assert abs(np.mean(z)) * np.sqrt(40) < annealing.LIMIT
    assert 0.65 < np.std(z) < 1.4


def test_the_theorem_holds_for_normal_weights_and_for_no_others():
    """Detects a log Z that is off by 0.3 nats."""
    found = normal_estimates(10_000, 1.5)
    held = fluctuations(found, LOG_Z)
    assert np.isfinite(held.z).sum() > 10
    assert np.nanmax(np.abs(held.z)) < annealing.LIMIT
    wrong = fluctuations(found, LOG_Z + 0.3)
    assert np.nanmax(np.abs(wrong.z)) > annealing.LIMIT


def test_the_constant_of_normal_weights_is_their_variance_times_K():
    rows = {"K": 50, "shares": [np.exp(-0.1), np.exp(-0.3)]}
    assert variance_constant(rows) == pytest.approx(10)
    found = normal_estimates(200_000, 0.4)
    rows = annealing.row(found, LOG_Z)
    assert variance_constant(rows) == pytest.approx(100 * 0.4**2, rel=0.03)


def test_runs_of_few_temperatures_bracket_log_Z(machine, annealed):
    log_Z = log_partition(machine)
    for K in (3, 10):
        (forward, _), (reverse, _) = annealing.row(annealed[K], log_Z)["of runs"]
        assert forward < 0 < reverse
    last = annealing.row(annealed[300], log_Z)
    for error, standard_error in (*last["pooled"], last["together"]):
        assert abs(error) < annealing.LIMIT * standard_error
        assert standard_error < 0.1


def test_the_error_of_a_mean_is_that_of_runs_or_of_good_weights():
    bad, good = (normal_estimates(8000, spread) for spread in (2.0, 0.5))
    mean, error = annealing.row(bad, LOG_Z)["of runs"][0]
    assert (mean + LOG_Z, error) == pytest.approx(mean_and_error(bad.runs[0]))
    _, error = annealing.row(good, LOG_Z)["of runs"][0]
    assert error == good.pooled[0].standard_error
    assert error == pytest.approx(mean_and_error(good.runs[0])[1], rel=0.3)


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def test_wrong_weights_are_seen():
    """Detects weights that are too large by 0.5 nats, in one direction or in both.

    And directions that are exchanged, and a variance that does not fall with K.
    """
    right = {
        K: replace(normal_estimates(4000, np.sqrt(200 / K), K), K=K)
        for K in (10, 300, 1000, 2000)
    }

    def names(annealed):
        found = annealing.Found(
            LOG_Z, annealed, fluctuations(annealed[300], LOG_Z), laws={}
        )
        return missed(annealing.machine_metrics(found))

    assert names(right) == []
    shifted = {
        K: replace(found, forward=found.forward + 0.5) for K, found in right.items()
    }
    wrong = names(shifted)
    assert len(wrong) == 5
    assert wrong[0].startswith("forward, 2000 temperatures")
    both = {
        K: replace(found, reverse=found.reverse + 0.5) for K, found in shifted.items()
    }
    assert len(names(both)) > 5
    exchanged = {
        K: replace(found, forward=found.reverse, reverse=found.forward)
        for K, found in right.items()
    }
    for words in ("forward, up to", "reverse, up to", "mean of the runs"):
        assert any(name.startswith(words) for name in names(exchanged))
    still = {K: replace(normal_estimates(4000, 0.4, K), K=K) for K in right}
    assert any(name.startswith("-log(effective share)") for name in names(still))


@pytest.fixture(scope="module")
def laws():
    return anneal_laws(200, np.random.default_rng(0))


def test_continuous_laws_meet_their_log_Z(laws):
    """Detects an error of half a nat, or less."""
    assert missed(annealing.law_metrics(laws)) == []
    assert list(laws) == list(LAWS)
    wrong = {
        name: [replace(w, log_weights=w.log_weights + 0.5) for w in pair]
        for name, pair in laws.items()
    }
    assert len(missed(annealing.law_metrics(wrong))) == len(LAWS)
    for name, pairs in laws.items():
        for weights in pairs:
            error, standard_error = errors_of(weights, name)
            assert abs(error) < annealing.LIMIT * standard_error
            assert standard_error < 0.1


@pytest.mark.parametrize("name", LAWS)
def test_exact_draws_have_the_mean_energy_of_their_law(name):
    """Known by <x E'> = 1, and by Gaussian integrals; detects an error of 0.05."""
    law = LAWS[name]
    x = law.draws(20_000, np.random.default_rng(0))
    expected = {
        "double well": 0.25 - 0.83274549,
        "ring": 0.5,
        "eight Gaussians": np.log(8 * 2 * np.pi * 0.2**2) + 1,
    }[name]
    energies = law.target.energy_at(x)
    error = energies.std() / np.sqrt(len(x))
    assert energies.mean() == pytest.approx(expected, abs=5.03 * error)


def test_states_on_the_way_are_those_of_a_run_in_one_go():
    path = LAWS["eight Gaussians"].path
    first, *_, last = on_the_way(
        path, BETAS, (0.0, 0.1, 0.5, 1.0), 30, np.random.default_rng(3)
    )
    start, end = on_the_way(path, BETAS, (0.0, 1.0), 30, np.random.default_rng(3))
    np.testing.assert_array_equal(first, start)
    np.testing.assert_array_equal(last, end)
    assert np.hypot(*last.T) == pytest.approx(2, abs=1)


def test_pictures_are_tiled_row_by_row(machine):
    x = on_the_way(
        MachinePath(machine),
        np.linspace(0, 1, 11),
        STOPS[:1],
        16,
        np.random.default_rng(0),
    )[0]
    shown = tiled(x)
    assert shown.shape == (35, 35)
    np.testing.assert_array_equal(shown[9:17, 18:26], x[6].reshape(8, 8))
    assert set(shown[8]) == {0.4}


def test_one_seed_gives_one_result(machine, annealed):
    again = anneal_machine(machine, 3, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(annealed[3].forward, again.forward)
    np.testing.assert_array_equal(annealed[3].reverse, again.reverse)
    other = anneal_machine(machine, 3, 4, np.random.default_rng(1))
    assert np.any(annealed[3].forward != other.forward)


def test_tables_have_a_row_for_each(machine, annealed, laws):
    rows = [annealing.row(found, log_partition(machine)) for found in annealed.values()]
    table = machine_table(rows)
    assert [line[0] for line in table.rows] == ["3", "10", "300"]
    assert all(len(line) == len(table.header) for line in table.rows)
    table = law_table(laws)
    assert [line[0] for line in table.rows] == list(LAWS)
    assert all(len(line) == len(table.header) for line in table.rows)


def test_seeds_are_pooled_and_drawn(machine, annealed, laws):
    log_Z = log_partition(machine)
    rows = [annealing.row(found, log_Z) for found in annealed.values()]
    pool = annealing.pooled([rows[2]] * 4)
    for k in range(2):
        mean, error = rows[2]["of runs"][k]
        assert pool["of runs"][k] == pytest.approx((mean, error / 2))
    errors = {name: [errors_of(w, name) for w in pair] for name, pair in laws.items()}
    drawn = annealing.picture(plain({"rows": [rows] * 2, "laws": [errors] * 2}))
    bracket, shares, continuous = drawn.figure.axes
    assert bracket.get_legend_handles_labels()[1] == ["exact", *NAMES]
    assert len(shares.lines) == 3
    assert continuous.get_ylabel() == "error of log Z (nats)"
