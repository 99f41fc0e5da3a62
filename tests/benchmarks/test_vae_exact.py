"""The experiment on small autoencoders: its integrals, and what it sees."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import multivariate_normal

from autodiff import grad, tree_leaves
from benchmarks.experiments import vae_exact
from benchmarks.files import plain
from benchmarks.vae_exact import laws
from benchmarks.vae_exact.bounds import (
    COUNTS,
    Calibration,
    calibrate,
    disagreement,
    estimate_bounds,
    largest_fall,
    largest_score,
    score,
)
from benchmarks.vae_exact.curves import bounds_picture, gradients_picture
from benchmarks.vae_exact.figures import model_picture, posteriors_picture
from benchmarks.vae_exact.gaps import Known, know, lattice_optimum
from benchmarks.vae_exact.gradients import (
    CENTER,
    ESTIMATORS,
    PARABOLA,
    REPARAMETERIZED,
    encoder_noise,
    estimates,
    model_estimates,
    parabola_score,
)
from benchmarks.vae_exact.laws import CURVE, PATTERNS, learn, make_problem
from benchmarks.vae_exact.metrics import (
    bound_metrics,
    bounds_table,
    calibration_metrics,
    gap_metrics,
    gaps_table,
    gradient_metrics,
    learned_metrics,
)
from benchmarks.vae_exact.quadrature import (
    exact_elbo,
    hermite,
    kl_to_posterior,
    log_evidence,
    log_likelihoods,
    posterior,
    second_bound,
    total_probability,
)
from models.estimate import Estimate
from models.vae import VAE

RNG = np.random.default_rng(0)


def linear(d: int) -> VAE:
    """Return a VAE of one linear layer, whose p(x) is a Gaussian."""
    vae = VAE.create(
        3, d, hidden=(), likelihood="gaussian", variance=[0.3, 0.5, 0.4], rng=1
    )
    vae.decoder.network.layers[0].bias[:] = [0.1, -0.2, 0.3]
    return vae


def small(latent: int, likelihood: str) -> VAE:
    """Return a VAE of tanh networks that were not trained."""
    return VAE.create(
        4, latent, hidden=(5,), activation="tanh", likelihood=likelihood, rng=2
    )


# ---------------------------------------------------------------- integrals


@pytest.mark.parametrize("d", [1, 2])
def test_log_p_of_a_linear_decoder_is_that_of_a_gaussian(d):
    vae, x = linear(d), RNG.standard_normal((4, 3))
    layer = vae.decoder.network.layers[0]
    covariance = layer.weights.T @ layer.weights + np.diag([0.3, 0.5, 0.4])
    truth = multivariate_normal(layer.bias, covariance).logpdf(x)
    np.testing.assert_allclose(log_evidence(vae, x), truth, atol=1e-11)
    assert posterior(vae, x[0]).log_partition == pytest.approx(truth[0], abs=1e-9)


def test_the_best_gaussian_of_a_linear_decoder_is_the_posterior():
    """Detects an optimum that is off by 1e-4 of a standard deviation."""
    vae, x = linear(1), RNG.standard_normal((4, 3))
    layer = vae.decoder.network.layers[0]
    w, variance = layer.weights[0], np.array([0.3, 0.5, 0.4])
    v = 1 / (1 + np.sum(w**2 / variance))
    problem = make_problem(CURVE, "quick", 0)
    known = know(replace(problem, x=x), vae)
    mean, log_v = known.best_moments
    np.testing.assert_allclose(np.exp(log_v), v, rtol=1e-4)
    truth = v * ((x - layer.bias) / variance) @ w
    np.testing.assert_allclose(mean[:, 0], truth, atol=1e-4)
    np.testing.assert_allclose(known.approximation, 0, atol=1e-8)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_all_pairs_have_the_log_likelihood_of_the_decoder(likelihood):
    vae, x, h = small(2, likelihood), np.eye(4)[:3], RNG.standard_normal((6, 2))
    truth = vae.decoder.log_density(x[:, np.newaxis], h)
    np.testing.assert_allclose(log_likelihoods(vae, x, h), truth, rtol=1e-13)


@pytest.mark.parametrize(
    ("latent", "likelihood"), [(1, "bernoulli"), (1, "gaussian"), (2, "bernoulli")]
)
def test_the_gap_of_any_gaussian_is_its_kl_to_the_posterior(latent, likelihood):
    vae, x = small(latent, likelihood), np.eye(4)[:2]
    mean, v = RNG.standard_normal((2, latent)), np.full((2, latent), np.log(0.3))
    gap = log_evidence(vae, x) - exact_elbo(vae, x, (mean, v))
    kl = [kl_to_posterior(vae, posterior(vae, x[i]), mean[i], v[i]) for i in (0, 1)]
    np.testing.assert_allclose(gap, kl, atol=1e-8)


def test_probabilities_add_up_to_one():
    assert total_probability(small(2, "bernoulli")) == pytest.approx(1, abs=1e-10)
    vae = VAE.create(2, 1, hidden=(), likelihood="gaussian", variance=0.04, rng=0)
    vae.decoder.network.layers[0].weights *= 0.1
    assert total_probability(vae) == pytest.approx(1, abs=1e-10)


def test_the_second_bound_is_between_the_elbo_and_log_p():
    """Two draws, by an integral over both, and by a million of them (4 digits)."""
    vae, x = small(1, "gaussian"), np.eye(4)[:1]
    found = second_bound(vae, x)
    assert exact_elbo(vae, x, vae.encode(x)) < found < log_evidence(vae, x)
    log_w = vae.log_weights(x, vae.draw_noise(1, 0, 1_000_000)).reshape(2, -1)
    bounds = np.logaddexp(*log_w) - np.log(2)
    error = bounds.std() / np.sqrt(len(bounds))
    assert abs(bounds.mean() - found[0]) < 5.03 * error


# ---------------------------------------------------------------- trained models


@pytest.fixture(scope="module")
def found():
    """Models after a few steps, by row, with what is known of them."""
    patch = pytest.MonkeyPatch()
    patch.setitem(laws.STEPS, "quick", 150)
    patch.setitem(laws.POINTS, "quick", 12)
    problems = {name: make_problem(name, "quick", 0) for name in vae_exact.MAIN}
    kept = {
        row: know(problems[name], learn(problems[name], "quick", 1, beta=beta), beta)
        for row, (name, beta) in vae_exact.ROWS.items()
    }
    patch.undo()
    return kept


@pytest.fixture(scope="module")
def main(found):
    return {name: found[row] for name, row in vae_exact.MAIN.items()}


def test_the_lattice_is_close_to_the_best_and_no_gap_is_negative(found):
    for known in found.values():
        x = known.problem.x
        rough = exact_elbo(known.vae, x, lattice_optimum(known.vae, x))
        assert np.all(rough <= known.best + 1e-9)
        assert np.all(rough > known.best - 0.05)
        assert known.approximation.min() > -1e-9
        assert known.amortization.min() > -1e-7
        elbo = known.reconstruction - known.divergence
        assert elbo == pytest.approx(known.elbo.mean(), abs=1e-12)


def test_both_ways_of_integrating_agree(main):
    assert max(disagreement(main[CURVE], 2)) < 1e-9
    log_p, gap = disagreement(main[PATTERNS], 1)
    assert log_p < 1e-8
    assert gap < 1e-6
    wrong = replace(main[CURVE], log_p=main[CURVE].log_p + 1e-7)
    assert min(disagreement(wrong, 1)) > 9e-8


def test_bounds_rise_to_log_p(main):
    """Detects an L_1 that is off by 5 standard errors, 1e-2 nats or so."""
    known = main[CURVE]
    bounds = estimate_bounds(known.vae, known.problem.x, 2000, np.random.default_rng(0))
    assert list(bounds) == list(COUNTS)
    assert abs(score(bounds[1], known.elbo.mean())) < 5.03
    assert largest_fall(bounds) < 5.03
    assert largest_score(bounds, known.log_p.mean()) < 5.03
    assert bounds[1].value < bounds[10].value < known.log_p.mean()


def test_bounds_that_fall_or_are_too_high_are_seen():
    bounds = {1: Estimate(-2.0, 0.1), 10: Estimate(-1.0, 0.3), 100: Estimate(-1.5, 0.4)}
    assert largest_fall(bounds) == pytest.approx(1.0)
    assert largest_score(bounds, -1.3) == pytest.approx(1.0)


def test_shares_are_those_of_the_points_of_a_gap():
    scores = np.array([[0.0, -3.0, 1.0], [1.9, 1.0, 2.1]])
    check = Calibration(scores, np.array([0.01, 0.2, 0.3]), 0.0)
    assert check.share() == pytest.approx(4 / 6)
    assert check.share(high=0.05) == 1
    assert check.share(0.1) == 0.5
    assert np.isnan(check.share(0.5))


def test_importance_sampling_from_the_posterior_has_no_error():
    vae, x = linear(1), RNG.standard_normal((4, 3))
    known = know(replace(make_problem(CURVE, "quick", 0), x=x), vae)
    check = calibrate(known, np.random.default_rng(0))
    assert check.scores.shape == (3, 4)
    assert abs(check.mean_error) < 0.05
    wrong = replace(known, log_p=known.log_p + 0.5)
    off = calibrate(wrong, np.random.default_rng(0))
    assert off.mean_error == pytest.approx(check.mean_error - 0.5)


# ---------------------------------------------------------------- gradients


@pytest.mark.parametrize("s", [0.1, 0.7, 2.0])
def test_variances_on_a_parabola(s):
    """All estimators are polynomials of the noise: the nodes are exact."""
    nodes, weights = hermite(1, 12)
    noise, mean = nodes[:, np.newaxis], np.zeros((1, 1))
    h = s * noise
    f, slope = ((h - CENTER) ** 2)[..., 0], 2 * (h - CENTER)
    v = np.full((1, 1), 2 * np.log(s))
    found = estimates(f, slope, mean, v, noise, CENTER**2 + s**2)
    for name, (by_m, by_v) in found.items():
        g = by_m.ravel()
        assert weights @ g == pytest.approx(-2 * CENTER)
        assert weights @ by_v.ravel() == pytest.approx(s**2)
        variance = weights @ (g + 2 * CENTER) ** 2
        assert variance == pytest.approx(PARABOLA[name](-CENTER, s))


def test_draws_on_a_parabola():
    """Detects a variance that is off by a tenth."""
    assert parabola_score(0.5, 20_000, 0) < 5.03


def test_the_reparameterized_estimate_is_the_gradient_at_that_noise(main):
    """By m and v, of E_q[log p(x|h)] at given noise."""
    known = main[PATTERNS]
    x, moments = known.problem.x, known.moments
    noise = known.vae.draw_noise(len(x), 0, 1)
    found = model_estimates(known, moments, noise, 0.0)[REPARAMETERIZED]

    def reconstruction(moments):
        h = moments[0] + np.exp(0.5 * moments[1]) * noise[0]
        return np.sum(known.vae.decoder.log_density(x, h))

    for ours, theirs in zip(found, grad(reconstruction)(moments), strict=True):
        np.testing.assert_allclose(ours[0], theirs, rtol=1e-10, atol=1e-12)


def test_all_estimators_have_the_exact_gradient_as_their_mean(main):
    """Detects a mean that is off by 5 standard errors of 1,000 draws."""
    for known in main.values():
        noise = encoder_noise(known, 1000, 0)
        for name in ESTIMATORS:
            assert noise.score(name) < 5.03
            ratio = noise.variance(name) / (10 * noise.variance(name, 10))
            assert 0.7 < ratio < 1.4
        off = replace(noise, exact=noise.exact + 100)
        assert off.score(REPARAMETERIZED) > 5.03


# ---------------------------------------------------------------- the experiment


def test_the_horseshoe_is_open_on_the_left():
    curve = laws.horseshoe(np.linspace(0, 1, 101))
    np.testing.assert_allclose(np.hypot(*curve.T), 1)
    gap = np.array([[-1.0, 0.0]])
    assert np.min(np.hypot(*(curve - gap).T)) == pytest.approx(2 * np.sin(np.pi / 12))


def test_training_is_the_same_by_its_seed(monkeypatch):
    monkeypatch.setitem(laws.STEPS, "quick", 5)
    problem = make_problem(PATTERNS, "quick", 0)
    one, same, other = (learn(problem, "quick", seed) for seed in (0, 0, 1))
    for a, b, c in zip(*map(tree_leaves, (one, same, other)), strict=True):
        assert np.array_equal(a, b)
        assert a.size == 1 or not np.array_equal(a, c)


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def test_all_pictures_tables_and_metrics_of_a_run(found, main):
    rng = np.random.default_rng(0)
    bounds = {
        name: estimate_bounds(k.vae, k.problem.x, 2000, rng) for name, k in main.items()
    }
    checks = {name: calibrate(known, rng) for name, known in main.items()}
    noise = {name: encoder_noise(known, 200, rng) for name, known in main.items()}
    metrics = [
        *learned_metrics(found, "quick"),
        *bound_metrics(main, bounds),
        *calibration_metrics(checks),
        *gap_metrics(found),
        *gradient_metrics(noise, rng),
    ]
    names = [metric.name for metric in metrics]
    assert len(set(names)) == len(names)
    for shown in (
        model_picture(main, 0),
        posteriors_picture(main, 0),
        bounds_picture(main, bounds, checks, found, 0),
        gradients_picture(main, noise, 0),
    ):
        assert isinstance(shown.figure, Figure)
        shown.figure.canvas.draw()
    for table in (gaps_table(found), bounds_table(main, bounds)):
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_what_is_wrong_is_seen(found, main):
    """A log p that is too low, a gap below zero, a model that learned nothing."""
    known = main[CURVE]
    bounds = estimate_bounds(known.vae, known.problem.x, 2000, np.random.default_rng(0))
    low = replace(known, log_p=known.elbo - 1)
    seen = missed(bound_metrics({CURVE: low}, {CURVE: bounds}))
    assert any("above log p(x)" in name for name in seen)
    negative = {**found, "a row": low}
    assert "least gap of all points" in missed(gap_metrics(negative))
    nothing = replace(known, log_p=known.log_p - 5)
    rows = found | {vae_exact.MAIN[CURVE]: nothing}
    assert any("NLL" in name for name in missed(learned_metrics(rows, "full")))


def test_every_seed_is_drawn():
    one = {
        "bounds": {name: np.full(len(COUNTS), -0.1) for name in vae_exact.MAIN},
        "gaps": {row: [0.1, 0.2] for row in vae_exact.ROWS},
        "variances": {name: [1.0, 2.0, 3.0] for name in vae_exact.MAIN},
    }
    series = plain({key: [value] * 3 for key, value in one.items()})
    shown = vae_exact.picture(series)
    left, middle, right = shown.figure.axes
    np.testing.assert_allclose(left.containers[0].lines[0].get_ydata(), 0.1)
    heights = [bar.get_height() for bar in middle.patches]
    np.testing.assert_allclose(heights, [0.1] * 4 + [0.2] * 4)
    np.testing.assert_allclose(
        [bar.get_height() for bar in right.patches[:3]], [1, 2, 3]
    )
    assert "3 seeds" in shown.caption


def test_every_row_has_a_model_of_its_problem(found):
    assert set(found) == set(vae_exact.ROWS)
    assert all(isinstance(known, Known) for known in found.values())
    assert {row for row, (_, beta) in vae_exact.ROWS.items() if beta == 1} == set(
        vae_exact.MAIN.values()
    )
