"""The experiment on linear VAEs: its closed forms, and that it sees what is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import ortho_group

from autodiff import tree_map
from benchmarks.experiments import vae_linear
from benchmarks.files import plain
from benchmarks.vae_linear.collapse import (
    CURED,
    HOLD,
    Collapse,
    collapse,
    collapse_metrics,
    mean_divergences,
)
from benchmarks.vae_linear.figures import (
    collapse_picture,
    draw_counts,
    images_picture,
    learning_picture,
    spectrum_picture,
)
from benchmarks.vae_linear.training import (
    DIGITS,
    GAUSSIAN,
    LOOKS,
    NOISY,
    Learned,
    Problem,
    angle,
    learn,
    learned_metrics,
    learned_table,
    matched_points,
    noise_error,
    problems,
    shortfall,
    tilt,
)
from models.linear_vae import exact_elbo, linear_vae, optimal_linear_vae
from models.pca import PCA


@pytest.fixture(scope="module")
def found():
    """The two problems."""
    return problems(np.random.default_rng(0))


def solved(problem):
    """Return the closed form as if it had been learned."""
    curve = np.array([1e-1, 1e-2, 1e-3])
    vae = optimal_linear_vae(problem.ppca)
    return Learned(np.array([1, 10, 100]), curve, 10 * curve, vae)


def all_solved(found):
    return {
        name: solved(found.get(name, found[GAUSSIAN]))
        for name in (GAUSSIAN, DIGITS, NOISY)
    }


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def test_the_problems_are_those_described(found):
    assert found[GAUSSIAN].X.shape == (2000, 10)
    assert found[DIGITS].X.shape == (1437, 64)
    # Of 2000 draws a variance has a standard error of 3 %.
    ratios = found[GAUSSIAN].pca.explained_variance / np.geomspace(8, 1 / 8, 10)
    assert np.max(np.abs(ratios - 1)) < 0.15
    for problem in found.values():
        assert problem.start == pytest.approx(problem.X.var(axis=0).mean())


def test_the_matched_points_have_the_mean_of_any_elbo(found):
    for problem in found.values():
        x = matched_points(problem.pca)
        np.testing.assert_allclose(x.mean(axis=0), problem.X.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(
            np.cov(x.T, ddof=0), np.cov(problem.X.T, ddof=0), atol=1e-12
        )
        vae = linear_vae(problem.X.shape[1], problem.d, rng=0)
        expected = exact_elbo(vae, problem.X).mean()
        assert exact_elbo(vae, x).mean() == pytest.approx(expected, rel=1e-12)


def test_the_closed_form_misses_nothing(found):
    learned = all_solved(found)
    assert missed(learned_metrics(found, learned, "full")) == []
    assert missed(map(vae_linear.tightness, found.items())) == []
    assert len(learned_table(found, learned).rows) == 3


@pytest.mark.parametrize("name", [GAUSSIAN, DIGITS])
def test_models_off_the_optimum_are_seen(found, name):
    learned = all_solved(found)
    vae, rng = learned[name].vae, np.random.default_rng(1)

    def metrics(vae):
        wrong = learned | {name: replace(learned[name], vae=vae)}
        return missed(learned_metrics(found, wrong, "full"))

    moved = tree_map(lambda a: a + 0.05 * rng.standard_normal(a.shape), vae)
    assert len(metrics(moved)) == 4
    louder = replace(vae.decoder, log_variance=vae.decoder.log_variance + 0.01)
    assert f"{name}: s^2 off the mean discarded eigenvalue" in metrics(
        replace(vae, decoder=louder)
    )
    R = ortho_group.rvs(found[name].d, random_state=2)
    ppca = replace(found[name].ppca, W=found[name].ppca.W @ R)
    assert metrics(optimal_linear_vae(ppca)) == [f"{name}: ELBO below that optimum"]


def test_angles_are_those_of_a_rotation(found):
    problem = found[GAUSSIAN]
    d, axes = problem.d, problem.pca.components
    assert angle(problem, optimal_linear_vae(problem.ppca)) < 1e-5
    assert tilt(problem, optimal_linear_vae(problem.ppca)) < 1e-5
    for one, other, tilted, turned in ((0, d, 7.0, 7.0), (0, 1, 7.0, 0.0)):
        t, W = np.radians(7.0), problem.ppca.W.copy()
        length = np.linalg.norm(W[:, one])
        W[:, one] = length * (np.cos(t) * axes[one] + np.sin(t) * axes[other])
        vae = optimal_linear_vae(replace(problem.ppca, W=W))
        assert tilt(problem, vae) == pytest.approx(tilted, abs=1e-5)
        assert angle(problem, vae) == pytest.approx(turned, abs=1e-5)


def test_a_short_training_climbs_and_is_looked_at(found):
    problem = found[GAUSSIAN]
    run = learn(problem, 60, np.random.default_rng(3))
    assert run.steps[-1] == 60
    assert len(run.steps) == len(run.gaps) == len(run.angles)
    assert np.all(np.diff(run.gaps) < 0)
    gap = problem.best - exact_elbo(run.vae, problem.X).mean()
    assert run.gaps[-1] == pytest.approx(gap, abs=1e-10)
    assert run.angles[-1] == pytest.approx(angle(problem, run.vae))
    assert 0 < shortfall(problem, run.vae) < gap
    assert noise_error(problem, run.vae) < 0.5


def test_the_usual_training_climbs_too(found):
    run = learn(found[GAUSSIAN], 100, np.random.default_rng(3), noisy=True)
    assert run.steps[-1] == 100
    assert run.gaps[-1] < run.gaps[0] / 2


def test_a_training_that_converges_early_is_looked_at_where_it_ended(small):
    """Between two looks that were due."""
    run = learn(small, 10_000, np.random.default_rng(5))
    due = np.geomspace(1, 10_000, LOOKS).astype(int)
    assert run.steps[-1] not in due
    assert len(run.steps) == len(run.gaps) == len(run.angles)
    gap = small.best - exact_elbo(run.vae, small.X).mean()
    assert run.gaps[-1] == pytest.approx(gap, abs=1e-12)
    assert gap < 1e-10


@pytest.fixture(scope="module")
def small():
    """A problem of few features, with well separated variances."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((300, 8)) * np.sqrt(np.geomspace(8, 0.25, 8))
    return Problem.of(X, 3)


def test_as_many_latents_are_in_use_as_eigenvalues_are_above_s2(small, monkeypatch):
    monkeypatch.setattr("benchmarks.vae_linear.collapse.HELD", {"quick": (0, 2)})
    fallen = collapse(small, "quick", np.random.default_rng(0))
    assert missed(collapse_metrics(fallen)) == []
    np.testing.assert_array_equal(np.sum(fallen.expected > 0, axis=1), [1, 3])
    assert len(fallen.s2) == len(fallen.cured) > HOLD
    assert np.ptp(fallen.s2[:HOLD]) == 0
    assert np.sum(fallen.cured[HOLD - 1] > 0.01) == 1
    assert fallen.s2[-1] == pytest.approx(fallen.eigenvalues[CURED:].mean(), rel=1e-4)


def optimum(eigenvalues):
    """Return a collapse as the closed form has it."""
    variances = np.sqrt(eigenvalues[1:] * eigenvalues[:-1])[[0, 3]]
    steps = np.ones(3)
    blank = Collapse(eigenvalues, variances, np.zeros((2, 9)), steps, np.zeros((3, 6)))
    cured = np.tile(blank.cured_expected, (3, 1))
    return replace(blank, divergences=blank.expected, cured=cured)


def test_a_latent_too_few_is_seen():
    right = optimum(np.geomspace(8, 1 / 8, 10))
    assert missed(collapse_metrics(right)) == []
    wrong = right.divergences.copy()
    wrong[1, 3] = 0
    assert len(missed(collapse_metrics(replace(right, divergences=wrong)))) == 2
    wrong = right.divergences + 2e-4
    assert len(missed(collapse_metrics(replace(right, divergences=wrong)))) == 1
    wrong = right.cured.copy()
    wrong[-1, -1] = 0
    assert len(missed(collapse_metrics(replace(right, cured=wrong)))) == 1


def test_mean_divergences_are_half_the_logarithms_of_the_eigenvalues(small):
    s2, lambdas = small.ppca.variance, small.pca.explained_variance[: small.d]
    found = mean_divergences(optimal_linear_vae(small.ppca), small.X)
    np.testing.assert_allclose(found, 0.5 * np.log(lambdas / s2), rtol=1e-10)


def test_the_line_of_counts_passes_through_the_models():
    ax = Figure().subplots()
    right = optimum(np.geomspace(8, 1 / 8, 10))
    draw_counts(right, ax)
    line, dots = ax.lines
    x, y = line.get_data()
    for s2, used in zip(*dots.get_data(), strict=True):
        assert y[np.searchsorted(x, s2) - 1] == used


def test_the_figures_are_of_this_seed(found):
    learned = all_solved(found)
    images = found[DIGITS].X[:10]
    pictures = [
        spectrum_picture(found, learned, 3),
        learning_picture(found, learned, 3),
        images_picture(found[DIGITS], learned[DIGITS], images, 3),
        collapse_picture(optimum(np.geomspace(8, 1 / 8, 10)), 3),
    ]
    assert all("Seed 3" in shown.caption for shown in pictures)
    assert len({shown.name for shown in pictures}) == 4
    rows = np.array(pictures[2].figure.axes).reshape(5, 10)
    shown = rows[2, 4].images[0].get_array().ravel()
    expected = learned[DIGITS].vae.reconstruct(images)[4]
    np.testing.assert_allclose(shown, expected, rtol=0, atol=1e-12)
    axis, column = (rows[k, 2].images[0].get_array().ravel() for k in (3, 4))
    cosine = axis @ column / np.linalg.norm(axis) / np.linalg.norm(column)
    assert cosine == pytest.approx(1, abs=1e-9)
    first = PCA.fit(found[DIGITS].X, 10).components
    np.testing.assert_allclose(axis, first[2], rtol=0, atol=1e-12)


def test_every_seed_is_drawn(found):
    kept = {name: vae_linear.curve(run) for name, run in all_solved(found).items()}
    cure = {"s2": np.ones(4), "divergences": np.ones((4, 6))}
    series = plain({"learned": [kept] * 3, "cure": [cure] * 3})
    shown = vae_linear.picture(series)
    left, middle, right, _ = shown.figure.axes
    assert len(left.lines) == len(middle.lines) == 9
    assert len(right.lines) == 7
    assert len(left.get_legend().get_texts()) == 3
    assert "3 seeds" in shown.caption
