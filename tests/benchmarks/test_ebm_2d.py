"""The experiment on energies in the plane: its numbers, and that it sees faults."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.ebm_2d import training
from benchmarks.ebm_2d.data import (
    AXIS,
    GRID,
    LAWS,
    SIDE,
    STEP,
    Problem,
    gaussian_kl,
    grid,
    kernel_kl,
    make_problem,
)
from benchmarks.ebm_2d.draws import (
    CELLS,
    cell_counts,
    cell_probabilities,
    distance,
    draw,
    exact_draws,
)
from benchmarks.ebm_2d.training import LOOKS, METHODS, learn, log_density
from benchmarks.experiments import ebm_2d
from benchmarks.files import plain
from benchmarks.transition_matrices import chi_square_score
from data import GaussianMixture
from models.ebm import EBM
from samplers.gaussian import gaussian_target


def gaussian(mean, sd):
    """Return log N(mean, sd^2 I) on the grid."""
    density = GaussianMixture(np.ones(1), np.array([mean]), np.array([sd]))
    return density.log_density(GRID)


@pytest.fixture(scope="module")
def moons():
    return make_problem("moons", np.random.default_rng(0))


def of(log_p, problem):
    return replace(problem, log_p=log_p)


# ---------------------------------------------------------------- numbers


def test_the_grid_has_its_points_in_the_middle_of_squares():
    assert len(GRID) == len(AXIS) ** 2 == (2 * SIDE / STEP) ** 2
    assert grid(np.array([0.0, 1.0])).tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert AXIS[0] == -SIDE + STEP / 2
    np.testing.assert_allclose(AXIS, -AXIS[::-1])


@pytest.mark.parametrize("name", LAWS)
def test_sums_over_the_grid_are_integrals(name):
    """Of p, which is 1, and of -p log p, to five standard errors of its mean."""
    problem = make_problem(name, np.random.default_rng(0))
    assert problem.p.sum() == pytest.approx(1, abs=1e-12)
    terms = -problem.density.log_density(problem.held_out)
    error = np.std(terms) / np.sqrt(len(terms))
    assert problem.entropy == pytest.approx(terms.mean(), abs=5 * error)
    assert problem.kl(problem.log_p) == 0


def test_kl_of_two_gaussians_by_its_formula(moons):
    problem = of(gaussian([0.3, -0.2], 0.15), moons)
    q = gaussian([0.1, 0.4], 0.5)
    ratio = (0.15 / 0.5) ** 2
    shift = (0.2**2 + 0.6**2) / 0.5**2
    expected = ratio - 1 - np.log(ratio) + shift / 2
    assert problem.kl(q) == pytest.approx(expected, abs=1e-10)
    assert problem.entropy == pytest.approx(np.log(2 * np.pi * np.e * 0.15**2))


def test_the_gaussian_of_a_gaussian_is_itself(moons):
    """And that of two far from each other is off by log 2 and their distance."""
    assert gaussian_kl(of(gaussian([1.0, 0.5], 0.3), moons)) == pytest.approx(0)
    both = np.logaddexp(gaussian([2, 0], 0.2), gaussian([-2, 0], 0.2)) - np.log(2)
    expected = np.log(1 + 2**2 / 0.2**2) / 2 - np.log(2)
    assert gaussian_kl(of(both, moons)) == pytest.approx(expected, abs=1e-8)


def test_kernels_come_near_with_examples_and_their_width(moons):
    """Nearer than a Gaussian, and not better than the law that they are drawn from."""
    assert 0.01 < kernel_kl(moons) < gaussian_kl(moons) / 5
    few = replace(moons, X=moons.X[:100])
    assert kernel_kl(few) > 2 * kernel_kl(moons)


# ---------------------------------------------------------------- training


@pytest.fixture(scope="module")
def learned(moons):
    """The moons, learned a little by each method."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "STEPS", {"quick": 200})
        patch.setattr(training, "LOOKS", 4)
        rng = np.random.default_rng(0)
        return {name: learn(moons, name, "quick", rng) for name in METHODS}


def test_training_is_watched_by_the_kl_of_its_end(learned):
    """On the grid while it runs and adaptively at the end, to the grid's error."""
    for found in learned.values():
        assert found.steps.tolist() == [50, 100, 150, 200]
        assert found.kl[-1] == pytest.approx(found.final, abs=5e-3)
    assert learned["MALA"].final < gaussian_kl(learned["MALA"].problem)
    assert learned["short runs"].final > gaussian_kl(learned["MALA"].problem)


def test_the_test_nll_is_near_kl_and_entropy(learned, moons):
    """NLL - entropy is KL in the mean: here to five standard errors."""
    for found in learned.values():
        terms = -found.law.log_density(moons.held_out)
        error = np.std(terms) / np.sqrt(len(terms))
        expected = moons.entropy + found.final
        assert found.cross_entropy == pytest.approx(expected, abs=5 * error)


def test_the_density_of_an_untrained_network_is_that_of_its_quadrature():
    ebm = EBM.create((2, 8, 1), prior_sd=1.0, rng=0, dtype=np.float32)
    exact = ebm.law(tolerance=1e-6).log_density(GRID)
    np.testing.assert_allclose(log_density(ebm), exact, atol=1e-3)


def test_quick_looks_divide_the_steps():
    for steps in training.STEPS.values():
        assert steps % LOOKS == 0


# ---------------------------------------------------------------- draws


def test_cells_hold_all_probability_and_all_draws():
    inside = np.array([[0.1, 0.1], [0.1, 0.2], [-3.9, 3.9]])
    counts = cell_counts(np.vstack([inside, [[9.0, 0.0]]]))
    assert len(counts) == (len(CELLS) - 1) ** 2 + 1
    assert sorted(counts[counts > 0].tolist()) == [1, 1, 2]
    assert counts[-1] == 1
    p = cell_probabilities(inside, np.array([0.2, 0.3, 0.4]))
    assert p[-1] == 0
    assert p.sum() == pytest.approx(0.9)
    far = np.append(np.zeros(len(p) - 1), 1.0)
    assert distance(inside, far) == pytest.approx(1)
    assert distance(inside, cell_counts(inside) / 3) == 0


def test_exact_draws_have_the_law_and_others_are_seen():
    """A shift of a tenth of the sd, or a sd larger by 5 %, is far out of 5,000."""
    target = gaussian_target([0.2, 0.1], np.diag([0.3**2, 0.5**2]))
    rng = np.random.default_rng(0)
    x, q = exact_draws(target, 20_000, rng)
    assert q.sum() == pytest.approx(1)
    assert chi_square_score(cell_counts(x), q) < ebm_2d.SCORE_LIMIT
    np.testing.assert_allclose(x.std(axis=0), [0.3, 0.5], rtol=0.02)
    for wrong in (x + np.array([0.03, 0.0]), 0.2 + 1.05 * (x - 0.2)):
        assert chi_square_score(cell_counts(wrong), q) > ebm_2d.SCORE_LIMIT


def test_chains_of_a_trained_network(learned):
    """MALA stays in its law, and short runs go down; paths begin at one start."""
    draws = draw(learned["MALA"], "quick", np.random.default_rng(1))
    assert draws.score < ebm_2d.SCORE_LIMIT
    path = draws.paths["short run"]
    first, last = (learned["MALA"].law.log_density(path[:, k]) for k in (0, -1))
    assert np.all(last > first)
    assert draws.energies["exact"] == pytest.approx(draws.mean_energy, rel=0.2)
    assert draws.from_q["exact"] < 0.1 < draws.from_q["short run"]
    starts = [path[:, 0] for path in draws.paths.values()]
    assert np.array_equal(starts[0], starts[1])
    assert np.array_equal(starts[0], starts[2])


# ---------------------------------------------------------------- the experiment


def test_every_law_and_every_method_has_a_row():
    assert {name for name, _ in ebm_2d.ROWS.values()} == set(LAWS)
    assert {method for _, method in ebm_2d.ROWS.values()} == set(METHODS)


def test_all_pictures_tables_and_metrics_of_a_run(learned, moons):
    rng = np.random.default_rng(2)
    found = {
        f"{name}, {method}": (one, draw(one, "quick", rng))
        for method, one in learned.items()
        for name in (LAWS if method == "MALA" else ["moons"])
    }
    beside = {"moons": {"Gaussian": 0.9, "kernels": 0.04}}
    by_mala = {name: found[f"{name}, MALA"] for name in LAWS}
    metrics = ebm_2d.kl_metrics(found, beside, "quick")
    metrics += ebm_2d.draw_metrics(by_mala)
    metrics += ebm_2d.short_metrics(by_mala, *found[ebm_2d.SHORT])
    names = [metric.name for metric in metrics]
    assert len(set(names)) == len(names)
    assert all(np.isfinite(metric.value) for metric in metrics)
    for shown in (
        ebm_2d.landscape_picture(by_mala, 0),
        ebm_2d.draws_picture(by_mala, 0),
        ebm_2d.short_picture(*found[ebm_2d.SHORT], 0),
    ):
        assert isinstance(shown.figure, Figure)
        shown.figure.canvas.draw()
    for table in (ebm_2d.kl_table(found, beside), ebm_2d.draws_table(found)):
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_metrics_fail_where_a_model_is_bad(learned, moons):
    """A law that was hardly learned, chains that stay out, runs that sample."""
    rng = np.random.default_rng(3)
    bad = replace(learned["MALA"], log_q=gaussian([3.0, 3.0], 0.5))
    draws = draw(learned["MALA"], "quick", rng)
    beside = {"moons": {"Gaussian": 0.9, "kernels": 0.04}}
    kl, _ = ebm_2d.kl_metrics({"moons, MALA": (bad, draws)}, beside, "quick")
    assert "above" in kl.complaint(kl.value)
    stuck = replace(draws, score=9.0, from_q=draws.from_q | {"MALA": 0.9})
    for metric in ebm_2d.draw_metrics({"moons": (bad, stuck)}):
        assert "above" in metric.complaint(metric.value)
    sampling = replace(draws, energies=draws.energies | {"short run": 1e3})
    first, *_ = ebm_2d.short_metrics({"moons": (bad, sampling)}, bad, draws)
    assert "above" in first.complaint(first.value)


def test_every_seed_is_drawn():
    steps, kl = np.arange(1, 21), np.geomspace(1, 0.1, 20)
    one = {row: {"steps": steps, "kl": kl} for row in ebm_2d.ROWS}
    shown = ebm_2d.picture(plain({"curves": [one] * 3}))
    left, right = shown.figure.axes
    assert len(left.lines) == len(LAWS)
    assert len(right.lines) == len(METHODS)
    assert len(left.collections) == len(LAWS)
    np.testing.assert_allclose(left.lines[0].get_ydata(), kl)


def test_a_problem_is_the_same_by_its_seed():
    one, same, other = (
        make_problem("8 Gaussians", np.random.default_rng(k)) for k in (0, 0, 1)
    )
    assert isinstance(one, Problem)
    assert np.array_equal(one.X, same.X)
    assert not np.array_equal(one.X, other.X)
    assert one.X.dtype == np.float32
