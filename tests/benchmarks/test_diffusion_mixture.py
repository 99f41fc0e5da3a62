"""The experiment on diffusion: its exact laws, and that it sees wrong chains."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.diffusion_mixture import chains
from benchmarks.diffusion_mixture.chains import (
    ETAS,
    KEPT,
    LAST,
    SCHEDULE,
    STEPS,
    Convergence,
    Strips,
    converge,
    ends,
    evenly,
    gaussian_ends,
    laws,
    path,
    strips,
)
from benchmarks.diffusion_mixture.figures import draw_contours
from benchmarks.diffusion_mixture.gaussian import final_sd, leading_error, sd_by_angles
from benchmarks.diffusion_mixture.laws import (
    DIRECTIONS,
    MIXTURE,
    denoised,
    flow,
    mode_counts,
    moment_scores,
    moments,
    noised,
    sliced_distance,
)
from benchmarks.experiments import diffusion_mixture
from benchmarks.figures import new_axes
from data.mixtures import GaussianMixture
from models import wasserstein_1d
from samplers.schedules import cosine, linear

TICKS = np.linspace(-4, 4, 801)
GRID = np.column_stack([axis.ravel() for axis in np.meshgrid(TICKS, TICKS)])
CELL = (TICKS[1] - TICKS[0]) ** 2


@pytest.fixture(scope="module")
def exact_strips():
    """Independent draws from the exact laws in the place of all chains."""
    rng = np.random.default_rng(0)
    drawn = np.stack([law.sample(4000, rng=rng).X for law in laws()], axis=1)
    return Strips(drawn, drawn, {"ancestral": drawn, "DDIM": drawn})


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def test_moments_are_those_of_the_density_by_quadrature():
    law = noised(0.9, 0.3)
    p = np.exp(law.log_density(GRID)) * CELL
    x, y = GRID.T
    functions = np.column_stack([x, y, x**2, y**2, x * y])
    mean, variance = moments(law)
    np.testing.assert_allclose(p @ functions, mean, atol=1e-8)
    np.testing.assert_allclose(p @ (functions - mean) ** 2, variance, rtol=1e-6)


def test_tweedie_gives_the_posterior_mean_by_quadrature():
    signal, noise = 0.8, 0.6
    x = np.array([[0.3, -0.2], [1.5, 0.4], [-1.0, -1.0]])
    log_p = MIXTURE.log_density(GRID)
    for one, found in zip(x, denoised(x, signal, noise), strict=True):
        away = np.sum((one - signal * GRID) ** 2, axis=1)
        weights = np.exp(log_p - away / (2 * noise**2))
        np.testing.assert_allclose(
            found, weights @ GRID / np.sum(weights), rtol=1e-9, atol=1e-12
        )


def test_the_flow_changes_densities_by_its_determinant():
    """log p_phi(x) = log p_0(y) + log |det dy/dx| where the flow takes x to y."""
    phi, h = 1.1, 1e-4
    x = np.array([[0.3, -0.2], [1.5, 0.4], [-1.0, -0.3], [0.2, 1.9]])
    law = noised(np.cos(phi), np.sin(phi))
    shifts = h * np.eye(2)
    slopes = [(flow(x + dx, phi) - flow(x - dx, phi)) / (2 * h) for dx in shifts]
    determinants = np.linalg.det(np.stack(slopes, axis=-1))
    found = MIXTURE.log_density(flow(x, phi)) + np.log(determinants)
    np.testing.assert_allclose(found, law.log_density(x), atol=1e-4)


def test_the_sliced_distance_is_that_of_projected_quantiles():
    law = noised(0.9, 0.3)
    x = law.sample(500, rng=0).X + np.array([0.05, 0.0])
    many = law.sample(200_000, rng=1).X
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    expected = [
        wasserstein_1d(x @ u, many @ u)
        for u in np.column_stack([np.cos(angles), np.sin(angles)])
    ]
    assert sliced_distance(x, law) == pytest.approx(np.mean(expected), rel=0.02)


def test_a_draw_shows_its_mode():
    sample = MIXTURE.sample(300_000, rng=0)
    expected = np.bincount(sample.labels)
    assert np.abs(mode_counts(sample.X) - expected).sum() <= 12


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_the_variance_of_a_gaussian_follows_the_posteriors(eta):
    """The posterior of x_r given x_t and x_0, whose noise is eta times as large."""
    schedule, times, s = linear(1000), np.array([1000, 700, 350, 90, 0]), 0.4
    variance = 1.0
    for t, r in pairwise(times):
        v = eta**2 * schedule.posterior(t, r)[2]
        b = np.sqrt((schedule.noise[r] ** 2 - v) / schedule.noise[t] ** 2)
        a = schedule.signal[r] - b * schedule.signal[t]
        gain = schedule.signal[t] * s**2
        gain /= schedule.abar[t] * s**2 + schedule.noise[t] ** 2
        variance = (a * gain + b) ** 2 * variance + v
    found = final_sd(s, schedule, times, eta)
    assert found == pytest.approx(np.sqrt(variance), rel=1e-12)


def test_without_noise_the_sd_is_a_product_of_cosines():
    for K in (1, 2, 7, 100):
        found = final_sd(0.4, linear(1000), evenly(K), 0.0)
        assert sd_by_angles(0.4, linear(1000), evenly(K)) == pytest.approx(found)


@pytest.mark.parametrize("eta", [0, 1])
@pytest.mark.parametrize("s", [0.25, 1.0])
def test_the_error_of_a_gaussian_has_its_leading_term(s, eta):
    steps = 20_000
    schedule = cosine(steps, offset=0.0)
    found = final_sd(s, schedule, np.arange(steps, -1, -1), eta) / s - 1
    assert steps * found == pytest.approx(leading_error(s, eta), rel=0.005)


def test_sequences_of_steps_begin_and_end_with_the_schedule():
    for K in STEPS:
        times = evenly(K)
        assert (len(times), times[0], times[-1]) == (K + 1, LAST, 0)
        assert np.all(np.diff(times) < 0)


def test_the_shown_states_are_at_their_times():
    rng = np.random.default_rng(0)
    found = strips(2000, rng)
    for states in (found.forward, found.jumped, *found.reverse.values()):
        assert states.shape == (2000, len(KEPT), 2)
        for k in (0, 4, 12, 20):
            assert np.abs(moment_scores(states[:, k], laws()[k])).max() < 5.03
    x_T = rng.standard_normal((3, 2))
    found = path(x_T, 0.0, 50, rng)
    np.testing.assert_array_equal(found[:, 0], x_T)
    np.testing.assert_array_equal(found[:, -1], ends(0.0, LAST, rng, state=x_T))


@pytest.mark.parametrize("eta", ETAS.values())
def test_many_steps_end_in_the_data_and_few_do_not(eta):
    """Detects chains of 200 steps whose sliced distance is 0.03."""
    rng = np.random.default_rng(0)
    found = {K: ends(eta, K, rng, chains=5000) for K in (2, 200)}
    assert sliced_distance(found[200], MIXTURE) < 0.03
    assert sliced_distance(found[2], MIXTURE) > 0.15


def test_wrong_forward_chains_are_seen(exact_strips):
    """Variances that are 10 % too large at one time are detected."""
    rng = np.random.default_rng(0)
    assert missed(diffusion_mixture.forward_metrics(exact_strips, rng)) == []
    wrong = exact_strips.forward.copy()
    wrong[:, 10] *= np.sqrt(1.1)
    metrics = diffusion_mixture.forward_metrics(
        replace(exact_strips, jumped=wrong), rng
    )
    [name] = missed(metrics)
    assert name.startswith("jump")


def test_wrong_shares_and_orders_are_seen():
    K = np.array(STEPS)
    counts = np.array([8050, 4950, 4000, 2000, 1000])
    right = Convergence(0.7 / K, np.tile(counts, (len(K), 1)))
    found = {"ancestral": right, "DDIM": right}
    assert missed(diffusion_mixture.reverse_metrics(found, (0.005, 0.001))) == []
    shifted = counts + np.array([300, -300, 0, 0, 0])
    wrong = {
        "ancestral": replace(right, counts=np.tile(shifted, (len(K), 1))),
        "DDIM": replace(right, distances=0.3 / np.sqrt(K)),
    }
    names = missed(diffusion_mixture.reverse_metrics(wrong, (0.005, 0.001)))
    assert [name.partition(",")[0].partition(":")[0] for name in names] == list(wrong)


def test_chains_of_one_gaussian_have_its_exact_sd():
    """Detects an error of 4 % of the sd of ancestral chains, of 1e-11 of DDIM's."""
    errors = 0.5 / np.array(STEPS)
    found = gaussian_ends(8000, np.random.default_rng(0))
    assert missed(diffusion_mixture.order_metrics(found, errors, 8000)) == []
    wrong = {"ancestral": found["ancestral"] + 0.05, "DDIM": found["DDIM"] + 1e-9}
    assert len(missed(diffusion_mixture.order_metrics(wrong, errors, 8000))) == 2


def test_one_seed_gives_one_result(monkeypatch):
    monkeypatch.setattr(chains, "STEPS", (2, 5))
    first, again, other = (
        converge(1.0, 300, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first.distances, again.distances)
    np.testing.assert_array_equal(first.counts, again.counts)
    assert np.all(first.distances != other.distances)


def test_contours_hold_their_mass():
    """Of one Gaussian half lies within a radius of sqrt(2 log 2) s, and so on."""
    ax = new_axes()
    draw_contours(GaussianMixture([1.0], [[0.0, 0.0]], [0.5]), ax)
    [contours] = ax.collections
    radii = [np.linalg.norm(path.vertices, axis=1) for path in contours.get_paths()]
    for radius, mass in zip(radii, (0.99, 0.9, 0.5), strict=True):
        expected = 0.5 * np.sqrt(-2 * np.log(1 - mass))
        np.testing.assert_allclose(radius, expected, rtol=0.02)


def test_every_seed_is_drawn():
    one = {name: [0.1] * len(STEPS) for name in ETAS}
    series = {
        "distances": [one] * 3,
        "floor": [[0.002, 0.0005]] * 3,
        "flow": [[0.1] * len(STEPS)] * 3,
        "chains": [10] * 3,
    }
    left, right = diffusion_mixture.picture(series).figure.axes
    assert len(left.lines) == 3 * len(ETAS)
    assert len(right.lines) == 4


def test_the_schedule_is_equal_in_angle():
    angles = np.arccos(SCHEDULE.signal[:-1])
    np.testing.assert_allclose(np.diff(angles), np.pi / 2 / LAST, rtol=1e-9)
