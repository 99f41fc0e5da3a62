"""The experiment on small machines: its optima, and that it sees what is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar

from benchmarks.experiments import rbm_toy
from benchmarks.files import plain
from benchmarks.rbm_toy.curves import (
    HIDDEN,
    LARGEST,
    METHODS,
    Learned,
    learn,
    learned_metrics,
    learned_table,
)
from benchmarks.rbm_toy.figures import draw_images, faults
from benchmarks.rbm_toy.restarts import (
    ONE,
    PROBLEMS,
    SQUARES,
    TWO,
    XOR,
    climb,
    optimum,
    restart,
    restart_metrics,
    restart_table,
)
from data.patterns import bars_and_stripes
from models.rbm import RBM
from samplers.exact import visible_probabilities


def test_the_plateau_of_one_unit():
    """One pattern told, the other three as bits that are on with probability t."""

    def minus_log_p(t):
        return -np.log(0.75 * t**2 * (1 - t) / (1 - (1 - t) ** 3))

    best = minimize_scalar(minus_log_p, bounds=(0.1, 0.9), method="bounded")
    assert np.exp(-best.fun) == pytest.approx(0.11602, abs=1e-5)
    assert (np.log(4) + 3 * best.fun) / 4 == pytest.approx(ONE, abs=1e-5)


def test_the_plateau_of_two_units():
    assert pytest.approx((2 * np.log(4) + 2 * np.log(8)) / 4) == TWO


@pytest.mark.parametrize(("hidden", "restarts"), [(1, 6), (2, 6), (3, 12), (4, 6)])
def test_restarts_find_the_optima_of_xor(hidden, restarts):
    problem = PROBLEMS[XOR]
    found = restart(problem.law, hidden, restarts, np.random.default_rng(0))
    assert found.values.min() == pytest.approx(problem.known[hidden], abs=1e-5)
    assert found.values.min() > optimum(problem.law) - 1e-9
    assert found.share >= 1 / restarts
    p = visible_probabilities(found.best.machine)
    on = problem.law.patterns @ [4, 2, 1]
    assert -np.mean(np.log(p[on])) == pytest.approx(found.values.min(), rel=1e-9)


def test_a_restart_ends_where_the_likelihood_is_flat():
    x = bars_and_stripes(2).patterns.astype(float)
    value, rbm = climb(x, 2, np.random.default_rng(1))
    nll = -np.mean(rbm.log_likelihood(x))
    assert nll == pytest.approx(value, rel=1e-10)
    for field in (rbm.W, rbm.a, rbm.b):
        field += 1e-3 * np.random.default_rng(2).standard_normal(field.shape)
    assert -np.mean(rbm.log_likelihood(x)) > value - 1e-7


def test_the_references_are_optima():
    for problem in PROBLEMS.values():
        values = list(problem.known.values())
        assert values == sorted(values, reverse=True)
        assert min(values) >= optimum(problem.law) - 1e-12
        assert set(problem.sure) <= set(problem.known)
    found = [optimum(PROBLEMS[name].law) for name in SQUARES]
    np.testing.assert_allclose(found, np.log([6, 14, 30]), rtol=1e-14)


@pytest.fixture(scope="module")
def learned():
    """Short trainings of the smallest square, by every method."""
    [name, *_] = SQUARES
    return {m: learn(name, m, 1200, np.random.default_rng(3)) for m in METHODS}


def test_a_training_keeps_what_it_saw(learned):
    [name, *_] = SQUARES
    law = PROBLEMS[name].law
    x = law.patterns.astype(float)
    for run in learned.values():
        assert len(run.steps) == len(run.kl) == len(run.errors)
        assert run.steps[-1] == 1200
        for rbm, kl in ((run.last, run.kl[-1]), (run.best, run.kl.min())):
            nll = -np.mean(rbm.log_likelihood(x))
            assert nll - optimum(law) == pytest.approx(kl, abs=1e-9)
        wrong = np.sum((x - run.last.reconstruct(x)) ** 2, axis=1).mean()
        assert wrong == pytest.approx(run.errors[-1], rel=1e-9)


def test_the_exact_gradient_only_climbs(learned):
    assert np.all(np.diff(learned["exact gradient"].kl) < 0)
    assert learned["exact gradient"].kl[-1] < 0.5


def test_all_methods_start_from_one_machine(learned):
    """After few steps at most the noise of the chains tells them apart."""
    first = [run.kl[0] for run in learned.values()]
    assert np.ptp(first) < 0.1


def a_run(kl, errors):
    """Return a training of these curves."""
    rbm = RBM(np.zeros((16, 2)), np.zeros(16), np.zeros(2))
    steps = np.arange(1, len(kl) + 1)
    return Learned(steps, np.array(kl), np.array(errors), rbm, rbm)


def test_rise_and_fall_are_those_after_the_lowest_kl():
    run = a_run([3.0, 1.0, 2.5], [4.0, 0.5, 0.1])
    assert run.rise == pytest.approx(1.5)
    assert run.fall == pytest.approx(0.2)
    run = a_run([3.0, 2.0, 1.0], [4.0, 0.5, 0.1])
    assert (run.rise, run.fall) == (0.0, 1.0)


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def test_agreement_of_likelihood_and_reconstruction_is_seen():
    good, bad = (
        a_run([3.0, 0.1, 0.04], [4.0, 0.5, 0.1]),
        a_run([3, 1, 2.0], [4, 0.5, 0.1]),
    )
    found = {
        name: {
            method: good if method == "exact gradient" else bad for method in METHODS
        }
        for name in SQUARES
    }
    assert missed(learned_metrics(found, "full")) == []
    assert len(learned_table(found).rows) == 12
    found[LARGEST]["CD-1"] = good
    assert len(missed(learned_metrics(found, "full"))) == 3
    found[LARGEST]["exact gradient"] = bad
    assert len(missed(learned_metrics(found, "full"))) == 4


def test_values_off_the_optimum_are_seen():
    """Detects an NLL that is too high by 2e-4 nats, and one below log K."""
    rbm = RBM(np.zeros((3, 1)), np.zeros(3), np.zeros(1))
    found = {
        name: {hidden: as_known(known, rbm) for hidden, known in problem.known.items()}
        for name, problem in PROBLEMS.items()
    }
    assert missed(restart_metrics(found)) == []
    assert len(restart_table(found).rows) == 15
    for off in (2e-4, -2e-4):
        right = found[XOR][3]
        found[XOR][3] = replace(right, values=right.values + off)
        assert missed(restart_metrics(found)) == ["XOR, 3 hidden: best NLL"]
        found[XOR][3] = right


def as_known(known, rbm):
    """Return restarts of which all but one end at the known optimum."""
    found = restart(PROBLEMS[XOR].law, 1, 1, np.random.default_rng(4))
    values = np.append(np.full(19, known), known + 0.3)
    return replace(found, values=values, best=rbm)


def test_faults_of_fair_coins():
    """Coins draw no pattern, and each pattern far too rarely."""
    rbm = RBM(np.zeros((16, 2)), np.zeros(16), np.zeros(2))
    wrong, missing = faults(rbm)
    assert wrong == pytest.approx(1 - 30 / 2**16)
    assert missing == 30


def test_images_that_are_no_patterns_are_orange():
    ax = Figure().subplots()
    x = np.zeros((2, 16))
    x[1, 0] = 1.0
    draw_images(x, ax)
    tile = ax.images[0].get_array()
    assert set(np.unique(tile[:, :6])) == {0, 1}
    assert set(np.unique(tile[:, 6:])) == {0, 1, 3}


def test_every_square_has_hidden_units_enough():
    for name, side in SQUARES.items():
        problem = PROBLEMS[name]
        enough = [
            n for n, value in problem.known.items() if value == optimum(problem.law)
        ]
        assert HIDDEN[side] >= min(enough)


def test_every_seed_is_drawn():
    curve = {"steps": [1, 2], "kl": [1.0, 0.5], "errors": [1.0, 0.1]}
    series = plain(
        {
            "XOR": [{"1": [ONE, 2.0], "3": [np.log(4), TWO]}] * 3,
            "curves": [dict.fromkeys(METHODS, curve)] * 3,
        }
    )
    shown = rbm_toy.picture(series)
    left, middle, right = shown.figure.axes
    assert len(left.lines[0].get_xdata()) == 6
    assert len(middle.collections) == len(right.collections) == 4
    assert "3 seeds" in shown.caption
