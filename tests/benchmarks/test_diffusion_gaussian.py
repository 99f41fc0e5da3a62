"""The experiment on Gaussian data: its own formulas, and that it sees wrong results."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.diffusion_gaussian import curves, forms, training
from benchmarks.diffusion_gaussian.bounds import (
    STEPS,
    climb,
    continuous_limit,
    leading_gap,
    path_divergence,
    path_posterior,
)
from benchmarks.diffusion_gaussian.chains import (
    COUNTS,
    ETAS,
    NARROW,
    RUN,
    SHOWN,
    SHOWN_STEPS,
    STARTS,
    all_ends,
    ends,
    moment_scores,
    paths,
    sample,
    slope,
)
from benchmarks.diffusion_gaussian.curves import (
    CURVES,
    LEARNED,
    density,
    estimated_variance,
    excess,
    largest_mean_error,
    learn_curve,
    mean_error,
    over_time,
    total,
    variance,
)
from benchmarks.diffusion_gaussian.figures import bounds_picture, forms_picture
from benchmarks.diffusion_gaussian.forms import (
    DRAWN,
    Scatter,
    along_chains,
    compare,
    exact_scatter,
    lowest,
    scores,
    valley,
)
from benchmarks.diffusion_gaussian.laws import (
    FIRST,
    LAST,
    LAWS,
    LINE,
    SPACE,
    STRAIGHT,
    ExactModel,
    cubature,
    ddpm,
    draw,
    exact,
    mean_log_density,
    points_of,
)
from benchmarks.diffusion_gaussian.learned import training_picture
from benchmarks.diffusion_gaussian.metrics import (
    bound_metrics,
    bounds_table,
    chain_metrics,
    curve_metrics,
    form_metrics,
    scatter_metrics,
    training_metrics,
)
from benchmarks.diffusion_gaussian.strips import (
    curves_picture,
    ends_picture,
    paths_picture,
)
from benchmarks.diffusion_gaussian.training import (
    BATCH,
    LinearDenoiser,
    T,
    best,
    coefficient_error,
    floor,
    learn,
    missing,
)
from benchmarks.experiments import diffusion_gaussian
from benchmarks.files import plain
from models.diffusion_bounds import continuous_terms
from models.log_snr import LinearLogSNR
from samplers.schedules import linear

every_law = pytest.mark.parametrize("law", LAWS)
every_curve = pytest.mark.parametrize("name", CURVES)


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


# ---------------------------------------------------------------- laws


@every_law
def test_points_have_the_moments_of_the_data(law):
    x, data = points_of(LAWS[law]), LAWS[law]
    np.testing.assert_allclose(x.mean(axis=0), data.mean, atol=1e-15)
    found = np.cov(x.T, bias=True).reshape(data.covariance.shape)
    np.testing.assert_allclose(found, data.covariance, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(cubature(4).T @ cubature(4) / 8, np.eye(4), atol=1e-15)


def test_draws_have_the_law_of_the_data():
    """Detects moments that are off by 5 standard errors of 20,000 draws."""
    x = draw(SPACE, 20_000, np.random.default_rng(0))
    assert np.abs(moment_scores(x, SPACE.mean, SPACE.covariance)).max() < 5.03
    wrong = moment_scores(x, SPACE.mean, 1.1 * SPACE.covariance)
    assert np.abs(wrong).max() > 5.03


def test_the_mean_log_density_is_that_of_the_points():
    """log N is quadratic, and a model of very many steps has the law of the data."""
    x = points_of(SPACE) - SPACE.mean
    quadratic = np.sum(x @ np.linalg.inv(SPACE.covariance) * x, axis=1)
    log_det = np.linalg.slogdet(2 * np.pi * SPACE.covariance)[1]
    expected = np.mean(-0.5 * (quadratic + log_det))
    assert mean_log_density(SPACE) == pytest.approx(expected, rel=1e-13)


def test_a_thousand_betas_are_those_of_ho_et_al():
    np.testing.assert_allclose(ddpm(1000).beta, linear(1000).beta, rtol=1e-9)


# ---------------------------------------------------------------- bounds


@pytest.fixture(scope="module")
def ladders():
    return {law: climb(data) for law, data in LAWS.items()}


def test_the_posterior_of_paths_is_that_of_a_long_way_round():
    """By the joint covariance of all states of the model, conditioned on x_0."""
    model, x_0 = exact(SPACE, 3), np.array([0.3, -1.0, 0.6])
    d, size = 3, 12
    transfer, shift, spread = np.zeros((size, size)), np.zeros(size), np.ones(size)
    for t in range(1, 4):
        M, n, v = model.step(t)
        now, later = slice((t - 1) * d, t * d), slice(t * d, (t + 1) * d)
        transfer[now, later], shift[now], spread[now] = M, n, v
    inverse = np.linalg.inv(np.eye(size) - transfer)
    mean, S = inverse @ shift, inverse @ np.diag(spread) @ inverse.T
    gain = S[d:, :d] @ np.linalg.inv(S[:d, :d])
    found = path_posterior(model, x_0)
    np.testing.assert_allclose(found[0], mean[d:] + gain @ (x_0 - mean[:d]), rtol=1e-8)
    expected = S[d:, d:] - gain @ S[:d, d:]
    np.testing.assert_allclose(found[1], expected, rtol=1e-8, atol=1e-12)
    gap = model.gap(x_0[np.newaxis])[0]
    assert path_divergence(model, x_0) == pytest.approx(gap, rel=1e-11)


@every_law
def test_the_limit_and_the_leading_term_are_those_of_many_steps(law):
    data = LAWS[law]
    steps = 8000
    x_0 = points_of(data)
    left = continuous_limit(data, x_0) - np.mean(exact(data, steps).bound(x_0))
    assert steps * left == pytest.approx(leading_gap(data), rel=1e-3)


def test_bounds_are_what_they_are_held_to(ladders):
    assert missed(bound_metrics(ladders)) == []
    for found in ladders.values():
        assert np.all(found.gap > 0)
        assert found.bound[-1] < found.limit < -found.entropy


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"error": 1e-9}, "largest error of a term"),
        ({"divergences": np.zeros(5)}, "against KL of the paths"),
        ({"limit": 0.0}, "entropy + limit"),
        ({"log_p": np.full(len(STEPS), -9.0)}, "log p - bound, 1000 steps"),
    ],
)
def test_a_wrong_bound_is_seen(ladders, changed, name):
    wrong = ladders | {"3-D": replace(ladders["3-D"], **changed)}
    assert any(name in each for each in missed(bound_metrics(wrong)))


# ---------------------------------------------------------------- forms


def test_the_three_forms_agree_and_the_fourth_does_not():
    found, hollow = compare(), valley()
    assert missed(form_metrics(found, hollow, np.zeros((4, 3)))) == []
    for changed, part in (
        ({"joint": found.joint + 1e-9}, "three forms"),
        ({"denoising": found.denoising - 1e-9}, "three forms"),
        ({"measured": found.predicted + 1e-9}, "what a divergence adds"),
        ({"divergences": found.exact}, "with divergences"),
    ):
        [name] = missed(form_metrics(replace(found, **changed), hollow, 0.0))
        assert part in name
    [name] = missed(form_metrics(found, replace(hollow, minima=(0.7, 0.5)), 0.0))
    assert "step back" in name
    [name] = missed(form_metrics(found, hollow, np.array([1.0, -6.0])))
    assert "drawn variances" in name


def test_terms_along_a_chain_make_its_bounds():
    rng = np.random.default_rng(0)
    x_0, noise = rng.standard_normal((7, 1)), rng.standard_normal((6, 7, 1))
    found = along_chains(ddpm(6), x_0, noise)
    np.testing.assert_allclose(found["joint"], found["consistency"], rtol=1e-12)
    assert found["consistency terms"].shape == found["denoising terms"].shape == (5, 7)
    assert np.all(found["denoising terms"] > 0)


def test_drawn_variances_are_those_in_closed_form():
    """Detects variances that are off by 5 errors, a tenth or so of 5,000 chains'."""
    found, z = scores(5000, np.random.default_rng(0))
    assert z.shape == (4, 3)
    assert np.abs(z).max() < 5.03
    again, _ = scores(5000, np.random.default_rng(0))
    np.testing.assert_array_equal(found.consistency, again.consistency)


def test_a_wrong_closed_form_is_seen(monkeypatch):
    """Detects a variance along chains that is too large by a third."""
    right = forms.one_chain
    monkeypatch.setattr(forms, "one_chain", lambda T: [4 / 3 * v for v in right(T)])
    _, z = scores(5000, np.random.default_rng(0))
    assert np.abs(z[:2]).max() < 5.03 < np.abs(z[2:]).max()


def test_the_order_of_the_forms_is_reversed_along_a_chain():
    assert missed(scatter_metrics()) == []
    found = exact_scatter((5, 50))
    np.testing.assert_allclose(
        found.consistency / found.denoising, [1.146, 3.619], 1e-3
    )
    np.testing.assert_allclose(np.sqrt(found.chain_consistency[1]), 3.930, 1e-3)


def test_a_parabola_is_least_at_its_vertex():
    assert lowest(lambda c: 3 * (c - 0.37) ** 2 - 1) == pytest.approx(0.37, rel=1e-12)


# ---------------------------------------------------------------- curves


@every_curve
def test_a_curve_falls_between_the_ends_and_has_its_slope(name):
    curve, u, h = CURVES[name], np.linspace(0.05, 0.95, 19), 1e-6
    np.testing.assert_allclose(curve(np.array([0.0, 1.0])), [FIRST, LAST], rtol=1e-9)
    slopes = (curve(u + h) - curve(u - h)) / (2 * h)
    np.testing.assert_allclose(curve.derivative(u), slopes, rtol=1e-7)
    assert np.all(curve.derivative(u) < 0)


@every_curve
def test_no_curve_has_less_variance_than_the_even_one(name):
    u, w = over_time()
    assert w @ density(CURVES[name], u) == pytest.approx(total(), rel=1e-10)
    assert variance(CURVES[name]) >= 2 * total() ** 2 * (1 - 1e-12)
    assert (excess(CURVES[name]) < 1e-12) == (CURVES[name] is list(CURVES.values())[-1])


def test_the_variance_is_that_of_draws():
    """Detects an eighth of the variance along the line, by 40,000 draws."""
    rng, n = np.random.default_rng(0), 40_000
    x_0, noise, u = (
        rng.standard_normal((n, 1)),
        rng.standard_normal((n, 1)),
        rng.random(n),
    )
    model = ExactModel(STRAIGHT, LINE)
    terms = continuous_terms(model, x_0, u, noise).diffusion
    squares = (terms - terms.mean()) ** 2
    error = squares.std() / np.sqrt(n)
    assert 5.03 * error < 0.125 * variance(STRAIGHT)
    assert abs(squares.mean() - variance(STRAIGHT)) < 5.03 * error
    found = estimated_variance(STRAIGHT)
    assert found == pytest.approx(variance(STRAIGHT), rel=1e-12)


def test_another_end_is_seen():
    assert largest_mean_error(CURVES) < 1e-10
    shorter = LinearLogSNR(FIRST, LAST + 1)
    assert mean_error(shorter, LINE) > 1e-6


@pytest.fixture(scope="module")
def learned():
    return learn_curve(60, np.random.default_rng(0))


def test_a_learned_curve_keeps_the_bound_and_loses_variance(learned):
    assert missed(curve_metrics(learned, "quick")) == []
    assert excess(learned) < 0.5 * excess(STRAIGHT)
    [name] = missed(curve_metrics(STRAIGHT, "quick"))
    assert LEARNED in name


# ---------------------------------------------------------------- training


@every_law
def test_the_best_denoiser_misses_nothing(law):
    found, data = best(LAWS[law]), LAWS[law]
    assert missing(found, data) == pytest.approx(0, abs=1e-12)
    assert coefficient_error(found, data) == 0
    x = np.random.default_rng(0).standard_normal((T, data.mean.size))
    levels = STRAIGHT(np.arange(1, T + 1) / T)
    np.testing.assert_allclose(
        found.denoise(x, levels), data.denoise(x, levels), rtol=1e-9, atol=1e-9
    )


def test_the_closed_form_of_a_linear_denoiser_is_its_guess():
    rng, model = np.random.default_rng(0), LinearDenoiser.create(3)
    model.gains[:] = rng.standard_normal(model.gains.shape)
    model.offsets[:] = rng.standard_normal(model.offsets.shape)
    closed, x = model.closed(), rng.standard_normal((T, 3))
    t = np.arange(1, T + 1)
    guess = np.einsum("nij,nj->ni", closed.gains[t], x) + closed.offsets[t]
    np.testing.assert_allclose(model.denoise(x, closed.schedule.log_snr[t]), guess)


def test_regression_misses_what_the_floor_says():
    """At each time by itself, 100 fits of 500 draws: sees a third of the floor."""
    rng, schedule = np.random.default_rng(0), STRAIGHT.schedule(T)
    shape = fits, draws = 100, 500
    models = [best(LINE) for _ in range(fits)]
    for t in range(2, T + 1):
        eps = rng.standard_normal(shape)
        x = schedule.signal[t] * rng.standard_normal(shape) + schedule.noise[t] * eps
        away = x - x.mean(axis=1, keepdims=True)
        slopes = np.sum(away * eps, axis=1) / np.sum(away**2, axis=1)
        for k, model in enumerate(models):
            model.gains[t] = slopes[k]
            model.offsets[t] = eps[k].mean() - slopes[k] * x[k].mean()
    excesses = [missing(model, LINE) for model in models]
    expected = floor(LINE, draws * (T - 1) / BATCH)
    error = np.std(excesses) / np.sqrt(fits)
    assert 5.03 * error < expected / 3
    assert abs(np.mean(excesses) - expected) < 5.03 * error


@pytest.fixture(scope="module")
def trained():
    return learn(SPACE, 120, np.random.default_rng(0))


def test_training_comes_nearer_and_is_the_same_by_its_seed(trained):
    model, watch = trained
    assert watch.steps[0] == 0
    assert watch.steps[-1] == 120
    assert watch.missing[0] == pytest.approx(missing(LinearDenoiser.create(3), SPACE))
    assert watch.missing[-1] == missing(model, SPACE) < 0.2 * watch.missing[0]
    one, other = (learn(SPACE, 3, np.random.default_rng(s))[0] for s in (1, 2))
    again = learn(SPACE, 3, np.random.default_rng(1))[0]
    assert np.array_equal(one.gains, again.gains)
    assert not np.array_equal(one.gains, other.gains)


def test_a_denoiser_that_learned_nothing_is_seen():
    nothing = LinearDenoiser.create(3)
    numbers = missing(nothing, SPACE), coefficient_error(nothing, SPACE), 0.0
    assert len(missed(training_metrics(*numbers, "quick"))) == 2
    assert missed(training_metrics(0.01, 0.1, 0.0, "full")) == []


@pytest.mark.parametrize("learner", ["denoiser", "curve"])
def test_half_a_training_is_no_result(monkeypatch, learner):
    def interrupted(*args, **settings):
        state, history = real(*args, **settings)
        history.interrupted = True
        return state, history

    module = training if learner == "denoiser" else curves
    real = module.fit
    monkeypatch.setattr(module, "fit", interrupted)
    rng = np.random.default_rng(0)
    with pytest.raises(KeyboardInterrupt):
        learn(LINE, 2, rng) if learner == "denoiser" else learn_curve(2, rng)


# ---------------------------------------------------------------- chains


@pytest.fixture(scope="module")
def sampled():
    rng = np.random.default_rng(0)
    return {name: sample(eta, 4000, rng) for name, eta in ETAS.items()}


def test_chains_end_where_the_recursion_says(sampled):
    """Detects moments that are off by 5 standard errors of 4,000 chains."""
    exact_ends = all_ends()
    assert missed(chain_metrics(exact_ends, sampled)) == []
    for name in ETAS:
        at = [COUNTS.index(steps) for steps in RUN]
        expected = exact_ends["3-D", name].errors[at]
        np.testing.assert_allclose(sampled[name].errors, expected, atol=0.12)


def test_wrong_chains_and_orders_are_seen(sampled):
    right = all_ends()
    scaled = replace(sampled["DDIM"], scores=sampled["DDIM"].scores + 9)
    [name] = missed(chain_metrics(right, sampled | {"DDIM": scaled}))
    assert name == "3-D, DDIM: largest absolute z of moments of real chains"
    key = "3-D", "ancestral"
    slow = right | {key: replace(right[key], errors=np.array(COUNTS) ** -0.5)}
    [name] = missed(chain_metrics(slow, sampled))
    assert name.startswith("3-D, ancestral: slope")


def test_the_error_of_n01_is_that_of_its_variance():
    found = ends(LINE, 0.0)
    variances = [1 - error for error in found.errors]
    expected = [0.5 * (v - 1 - np.log(v)) for v in variances]
    np.testing.assert_allclose(found.divergences, expected, rtol=1e-6)
    assert slope(1 / np.array(COUNTS) ** 2, 10, 100) == pytest.approx(-2)


def test_paths_begin_and_end_where_they_say():
    """DDIM's last states are a rising function of x_T, close to the flow's."""
    found = paths(np.random.default_rng(0))
    assert all(x.shape == (5, SHOWN_STEPS + 1) for x in found.values())
    np.testing.assert_array_equal(found["forward"][:, :1], 1 + 0.2 * STARTS)
    for name in ETAS:
        np.testing.assert_array_equal(found[name][:, -1:], STARTS)
    m, C = SHOWN.sample_moments(0.0)
    expected = m + np.sqrt(C[0]) * STARTS[:, 0]
    np.testing.assert_allclose(found["DDIM"][:, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(m, NARROW.mean, atol=0.01)


# ---------------------------------------------------------------- pictures


def test_all_pictures_and_the_table(ladders, learned, trained, sampled):
    found, hollow = compare(), valley()
    steps = DRAWN
    scatter = exact_scatter(steps)
    drawn = Scatter(*[np.asarray(each) for each in dataclasses.astuple(scatter)])
    for shown in (
        paths_picture(paths(np.random.default_rng(0)), 0),
        bounds_picture(ladders),
        forms_picture(found, hollow, scatter, steps, drawn, 0),
        curves_picture(learned, 0),
        training_picture(*trained, 0),
        ends_picture(all_ends(), sampled, 4000, 0),
    ):
        assert isinstance(shown.figure, Figure)
        shown.figure.canvas.draw()
    table = bounds_table(ladders)
    assert {len(row) for row in table.rows} == {len(table.header)}
    assert len(table.rows) == len(LAWS) * len(STEPS)


def test_every_seed_is_drawn():
    names = (*CURVES, LEARNED)
    one = {
        "steps": [0, 1, 10],
        "missing": [2.0, 1.0, 0.1],
        "ends": {name: 1 / np.array(COUNTS) for name in ETAS},
        "chains": {name: 1 / np.array(RUN) for name in ETAS},
        "excess": dict.fromkeys(names, 0.5),
    }
    shown = diffusion_gaussian.picture(
        plain({key: [value] * 3 for key, value in one.items()})
    )
    left, middle, right = shown.figure.axes
    assert len(left.lines) == 3
    assert len(middle.lines) == len(ETAS) * (1 + 3)
    np.testing.assert_allclose([bar.get_height() for bar in right.patches], 1.5)
    assert "3 seeds" in shown.caption
