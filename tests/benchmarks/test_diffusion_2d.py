"""The experiment on diffusion in the plane: its numbers, and that it sees faults."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.diffusion_2d import metrics, training
from benchmarks.diffusion_2d.bounds import Bounds, estimate_bounds, mean_log_density
from benchmarks.diffusion_2d.curves import losses_picture, steps_picture
from benchmarks.diffusion_2d.figures import (
    draws_picture,
    few_picture,
    paths_picture,
    scores_picture,
)
from benchmarks.diffusion_2d.laws import (
    NAMES,
    TICKS,
    as_mixture,
    best_guess,
    between,
    cell_counts,
    cell_probabilities,
    make_problem,
    noised,
    score,
)
from benchmarks.diffusion_2d.scores import LEVELS, SHOWN, Scores, compare, learned_score
from benchmarks.diffusion_2d.steps import (
    KINDS,
    STEPS,
    WHOSE,
    Draws,
    Floor,
    draw,
    floor,
    hold,
    paths,
    sweep,
)
from benchmarks.diffusion_2d.training import FIRST, LAST, LOOKS, learn
from benchmarks.diffusion_mixture.laws import MIXTURE, mode_counts
from benchmarks.diffusion_mixture.laws import score as score_by_autodiff
from benchmarks.ebm_2d.data import LAWS
from benchmarks.experiments import diffusion_2d
from benchmarks.files import plain
from benchmarks.ising4.law import bias_of_kl
from benchmarks.transition_matrices import chi_square_score
from data import make_checkerboard
from models.diffusion_forms import signal_and_noise
from models.estimate import Estimate
from samplers.mixture_denoiser import mixture_denoiser
from samplers.schedules import cosine

LIMIT = 5.03


@pytest.fixture(scope="module")
def problems():
    return {name: make_problem(name, np.random.default_rng(0)) for name in NAMES}


@pytest.fixture(scope="module")
def learned(problems):
    """All laws, learned a little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "STEPS", {"quick": 100})
        rng = np.random.default_rng(1)
        return {
            name: learn(problem, "quick", rng) for name, problem in problems.items()
        }


class Guess:
    """A model that guesses E[x_0 | x] plus c sigma / alpha in each entry."""

    dtype = np.dtype(np.float64)

    def __init__(self, law, model, c=0.0):
        self.law, self.c, self.log_snr = law, c, model.log_snr
        self.log_likelihood_at_start = model.log_likelihood_at_start

    def draw_noise(self, n, rng):
        return rng.standard_normal((n, 2))

    def denoise(self, x, log_snr):
        alpha, sigma = signal_and_noise(log_snr)
        return (
            best_guess(self.law, x, log_snr) + (self.c * sigma / alpha)[:, np.newaxis]
        )


def missed(found):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in found if item.complaint(item.value)]


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("name", ["moons", "swiss roll"])
def test_few_terms_make_the_density_of_noisy_curves(name):
    sample = LAWS[name][0](2000, rng=0)
    law = as_mixture(sample.density)
    found = law.log_density(sample.X)
    np.testing.assert_allclose(found, sample.density.log_density(sample.X), atol=1e-7)
    assert len(law.weights) < len(sample.density.mixture.weights) / 5


def test_a_mixture_is_its_own_and_other_densities_are_refused():
    assert as_mixture(MIXTURE) is MIXTURE
    with pytest.raises(TypeError, match="give a GaussianMixture or NoisyCurves"):
        as_mixture(make_checkerboard(10, rng=0).density)


def test_the_best_guess_is_that_of_the_exact_chains():
    """Row by row, at many levels of noise."""
    schedule, t = cosine(40), np.array([1, 5, 20, 39])
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 2))
    exact = mixture_denoiser(MIXTURE.weights, MIXTURE.means, MIXTURE.sds, schedule)
    found = best_guess(MIXTURE, x, schedule.log_snr[t])
    for k, time in enumerate(t):
        expected = exact.estimate_at(x[k : k + 1], int(time))[0]
        np.testing.assert_allclose(found[k], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("log_snr", [6.0, 1.0, -4.0])
def test_the_score_is_the_slope_of_the_noised_density(log_snr):
    law = noised(MIXTURE, log_snr)
    x = law.sample(50, rng=0).X
    expected = score_by_autodiff(x, law)
    np.testing.assert_allclose(score(MIXTURE, x, log_snr), expected, atol=1e-8)


def test_cells_hold_all_probability_and_draws_find_theirs():
    """A shift of a fifth of the narrowest width is far out of 20,000 draws."""
    p = cell_probabilities(MIXTURE)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    x = MIXTURE.sample(20_000, rng=0).X
    assert cell_counts(x).sum() == len(x)
    assert chi_square_score(cell_counts(x), p) < LIMIT
    assert chi_square_score(cell_counts(x + np.array([0.016, 0.0])), p) > LIMIT
    assert chi_square_score(cell_counts(x[:, ::-1]), p) > LIMIT
    assert cell_counts(np.array([[-9.0, -9.0], [9.0, 9.0]]))[[0, -1]].tolist() == [1, 1]
    assert len(p) == (len(TICKS) + 1) ** 2


def test_cells_far_out_keep_their_digits():
    edges = np.array([-12.0, -11.0, 0.0, 11.0, 12.0, np.inf])
    found = between(edges, np.zeros(1), np.ones(1))[0]
    tail = norm.sf(11) - norm.sf(12)
    expected = [tail, 0.5, 0.5, tail, norm.sf(12)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


# ---------------------------------------------------------------- learning


def test_training_lowers_the_loss_and_looks_evenly(learned):
    for one in learned.values():
        assert one.loss[-10:].mean() < 0.8 * one.loss[:2].mean()
        assert (len(one.steps), one.steps[-1]) == (LOOKS, 100)
    for steps in training.STEPS.values():
        assert steps % LOOKS == 0


def test_an_interrupted_training_is_no_result(problems, monkeypatch):
    def interrupted(model, *args, **settings):
        model.history_ = type("History", (), {"interrupted": True})

    monkeypatch.setattr(training.Diffusion, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learn(problems["moons"], "quick", np.random.default_rng(0))


@pytest.mark.parametrize("log_snr", [8.0, 0.0, -6.0])
def test_the_learned_score_belongs_to_the_guess_of_the_data(learned, log_snr):
    model = learned["moons"].model
    x = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    guess = model.denoise(x, np.full(20, log_snr, np.float32))
    alpha, sigma = signal_and_noise(log_snr)
    expected = (alpha * guess - x) / sigma**2
    found = learned_score(model, x, log_snr)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 / sigma)


def test_the_true_score_has_no_error_and_the_least_loss(learned, monkeypatch):
    one = learned["mixture"]

    def truth(model, x, log_snr):
        return 1.1 * score(one.problem.law, x, log_snr)

    monkeypatch.setattr("benchmarks.diffusion_2d.scores.learned_score", truth)
    found = compare(one, 2000, np.random.default_rng(0))
    np.testing.assert_allclose(found.error, 0.01, rtol=1e-9)
    assert np.all(found.learned > found.least - 1e-3)
    assert found.error_at(SHOWN[0]) == pytest.approx(0.01)
    # Next to noise all of it is seen, next to the data nothing.
    assert found.least[-1] < 0.01 < 0.9 < found.least[0]


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize("name", ["mixture", "moons"])
def test_the_bound_of_the_best_guess_is_log_p(learned, name):
    """To 5 standard errors, and a guess off by c sigma / alpha loses its integral."""
    one = learned[name]
    exact = replace(one, model=Guess(one.problem.law, one.model))
    found = estimate_bounds(exact, "quick", np.random.default_rng(0))
    assert found.lost.value == found.by_scores.value == 0
    assert found.best_z < 5
    wrong = replace(one, model=Guess(one.problem.law, one.model, c=0.3))
    found = estimate_bounds(wrong, "quick", np.random.default_rng(0))
    assert found.by_scores.value == pytest.approx((FIRST - LAST) / 2 * 2 * 0.3**2)
    assert found.cross_z < LIMIT
    assert found.learned.value < found.truth


def test_the_mean_of_log_p_is_an_integral(problems):
    """To five standard errors of the mean over examples."""
    for problem in problems.values():
        terms = problem.law.log_density(problem.X[:5000].astype(np.float64))
        error = terms.std() / np.sqrt(len(terms))
        assert mean_log_density(problem.law) == pytest.approx(
            terms.mean(), abs=5 * error
        )


# ---------------------------------------------------------------- draws


def test_exact_chains_come_to_the_data_and_few_steps_do_not(learned):
    """Detects an excess of 0.02 nats, or a distance of 0.04, in 2,000 draws."""
    one, rng = learned["mixture"], np.random.default_rng(0)
    for kind in KINDS:
        many, few = (draw(one, "exact", kind, K, 2000, rng) for K in (100, 5))
        lowest = bias_of_kl(cell_probabilities(MIXTURE), 2000)
        assert many.kl < lowest + 0.02 < 0.5 < few.kl
        assert many.distance < 0.04 < 0.1 < few.distance


def test_learned_chains_are_those_of_the_network(learned):
    """Its guess from x_T, with the times of one step, is where they end."""
    one = learned["moons"]
    start = np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32)
    path = paths(one, "learned", "DDIM", start, 1, 0)
    np.testing.assert_array_equal(path[:, 0], start)
    expected = one.model.denoise(start, np.full(4, LAST, np.float32))
    np.testing.assert_allclose(path[:, 1], expected, rtol=1e-4, atol=1e-4)


def test_paths_are_the_same_without_noise_and_differ_with_it(learned):
    one, start = learned["mixture"], np.ones((2, 2))
    for kind, same in (("DDIM", True), ("ancestral", False)):
        first, other = (paths(one, "exact", kind, start, 5, k) for k in (0, 1))
        assert first.shape == (2, 6, 2)
        assert np.array_equal(first, other) == same


def test_the_floor_is_what_exact_draws_have(problems):
    rng = np.random.default_rng(0)
    found = floor(problems["mixture"], 2000, rng)
    one = hold(MIXTURE.sample(2000, rng=rng).X, MIXTURE)
    assert one.kl == pytest.approx(found.kl, abs=6 * found.kl_sd)
    assert one.distance == pytest.approx(found.distance, abs=6 * found.distance_sd)


def test_one_seed_gives_one_result(learned):
    first, again, other = (
        sweep(learned["mixture"], "learned", 200, seed, (2, 5)) for seed in (7, 7, 8)
    )
    assert list(first) == [(kind, K) for kind in KINDS for K in (2, 5)]
    for key, one in first.items():
        np.testing.assert_array_equal(one.x, again[key].x)
        assert not np.array_equal(one.x, other[key].x)


# ---------------------------------------------------------------- the experiment

FLOOR = Floor(0.002, 0.0005, 0.005, 0.001)


def draws_of(x, kl, distance):
    return {(kind, K): Draws(x, kl, distance) for kind in KINDS for K in STEPS}


def test_draws_that_are_far_from_the_data_are_seen():
    found = {name: draws_of(None, 0.02, 0.01) for name in NAMES}
    floors = dict.fromkeys(NAMES, FLOOR)
    assert missed(metrics.draw_metrics(found, floors, "full")) == []
    found["moons"] = draws_of(None, 0.5, 0.2)
    names = missed(metrics.draw_metrics(found, floors, "full"))
    assert [name.partition(",")[0] for name in names] == ["moons"] * 3


def test_exact_chains_that_are_wrong_are_seen():
    """An excess of 0.01 nats, or of 0.01 in the distance."""
    assert missed(metrics.step_metrics(draws_of(None, 0.003, 0.006), FLOOR)) == []
    wrong = metrics.step_metrics(draws_of(None, 0.015, 0.016), FLOOR)
    assert len(missed(wrong)) == 4


def test_wrong_shares_of_modes_are_seen():
    """Of 20,000 draws, if one in fifty is of another mode."""
    x = MIXTURE.sample(20_000, rng=0).X
    right = {name: draws_of(x, 0, 0) for name in WHOSE}
    assert missed(metrics.share_metrics(right, "full", np.random.default_rng(0))) == []
    rare = np.argmin(mode_counts(x))
    shifted = np.where(np.arange(len(x))[:, np.newaxis] % 25, x, MIXTURE.means[rare])
    wrong = {name: draws_of(shifted, 0, 0) for name in WHOSE}
    found = missed(metrics.share_metrics(wrong, "full", np.random.default_rng(0)))
    assert len(found) == 2


def test_wrong_scores_are_seen():
    good = Scores(np.full(len(LEVELS), 0.01), LEVELS, LEVELS)
    bad = replace(good, error=np.full(len(LEVELS), 0.5))
    found = metrics.score_metrics({"mixture": good, "moons": bad}, "full")
    assert missed(found) == [item.name for item in found if "moons" in item.name]


def test_wrong_bounds_are_seen():
    """One above log p, one that loses too much, and losses that do not agree."""
    small = Estimate(0.03, 0.001)
    right = Bounds(-1.0, Estimate(-1.01, 0.01), Estimate(-1.04, 0.01), small, small,
                   Estimate(0.001, 0.001))  # fmt: skip
    assert missed(metrics.bound_metrics({"moons": right}, "full")) == []
    for wrong in (
        replace(right, best=Estimate(-0.9, 0.01)),
        replace(right, learned=Estimate(-0.9, 0.01)),
        replace(right, lost=Estimate(0.5, 0.01)),
        replace(right, lost=Estimate(-0.01, 0.001)),
        replace(right, cross=Estimate(-0.01, 0.001)),
    ):
        assert len(missed(metrics.bound_metrics({"moons": wrong}, "full"))) == 1


def series_of_one():
    curve = {whose: {kind: [0.1] * len(STEPS) for kind in KINDS} for whose in WHOSE}
    return {
        "draws": 100,
        "kl": curve,
        "distance": curve,
        "floor": [0.002, 0.0005, 0.005, 0.001],
        "error": {name: np.full(len(LEVELS), 0.1) for name in NAMES},
    }


def test_every_seed_is_drawn():
    one = plain(series_of_one())
    shown = diffusion_2d.picture({key: [item] * 3 for key, item in one.items()})
    left, middle, right = shown.figure.axes
    assert len(left.lines) == len(middle.lines) == 3 * len(WHOSE) * len(KINDS)
    assert len(right.lines) == 3 * len(NAMES)


def test_all_pictures_and_tables_of_a_run(learned):
    one, rng = learned["mixture"], np.random.default_rng(0)
    learned = dict.fromkeys(NAMES, one)
    draws = draws_of(MIXTURE.sample(50, rng=0).X, 0.1, 0.1)
    scores = {name: Scores(*np.full((3, len(LEVELS)), 0.1)) for name in NAMES}
    walks = diffusion_2d.walks(one, rng)
    few = dict.fromkeys(WHOSE, draws)
    for shown, panels in (
        (scores_picture(learned, 0), 9),
        (paths_picture(one, walks, 0), 2),
        (few_picture(one, few, 0), 16),
        (draws_picture(learned, dict.fromkeys(NAMES, draws), 0), 9),
        (steps_picture(series_of_one(), 0), 2),
        (losses_picture(learned, scores, 0), 3),
    ):
        assert len(shown.figure.axes) == panels
        assert all(ax.has_data() for ax in shown.figure.axes)
    assert diffusion_2d.curves(few, "kl") == {
        whose: {kind: [0.1] * len(STEPS) for kind in KINDS} for whose in WHOSE
    }
    found = dict.fromkeys(NAMES, draws)
    table = metrics.draws_table(found, dict.fromkeys(NAMES, FLOOR))
    assert {len(row) for row in table.rows} == {len(table.header)}
    bound = Bounds(-1.0, *[Estimate(0.1, 0.01)] * 5)
    table = metrics.bounds_table({"moons": bound})
    assert {len(row) for row in table.rows} == {len(table.header)}
