"""Toy densities: normalized, and what the draws are drawn from."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm

from autodiff import grad
from data import (
    Checkerboard,
    GaussianMixture,
    NoisyCurves,
    make_checkerboard,
    make_eight_gaussians,
    make_gaussian_mixture,
    make_swiss_roll,
    make_twenty_five_gaussians,
    make_two_moons,
)
from data.curves import lower_moon, roll, upper_moon
from tests.data.agreement import disagreement, integrate

N = 100_000
FEW = 30_000  # where log_density is a quadrature
LINE = {"weights": [0.5, 0.3, 0.2], "means": [-2, 0, 1.5], "sds": [0.5, 0.1, 0.3]}


def make_line(n, *, rng, **options):
    return make_gaussian_mixture(n, **{**LINE, **options}, rng=rng)


# The function, settings under which one grid resolves all, edges of cells, panels.
CASES = {
    "line": (make_line, {}, [[-9, -2.5, -2, -1.5, -0.1, 0, 0.1, 1.3, 1.7, 6]], 0.05),
    "eight": (make_eight_gaussians, {"sd": 0.3}, [[-5, -1, -0.2, 0.8, 5]] * 2, 0.15),
    "twenty-five": (
        make_twenty_five_gaussians,
        {"sd": 0.4},
        [[-4, -0.9, 0.1, 0.7, 4]] * 2,
        0.14,
    ),
    "moons": (
        make_two_moons,
        {"noise": 0.3},
        [[-5, 0, 0.5, 1, 6], [-4, 0, 0.25, 0.5, 5]],
        0.3,
    ),
    "roll": (make_swiss_roll, {"noise": 3.0}, [[-7, -1, -0.2, 0.8, 7]] * 2, 0.4),
    "checkerboard": (make_checkerboard, {}, [[-4, -2, 0, 2, 4]] * 2, 2),
}
SMOOTH = [name for name in CASES if name != "checkerboard"]
MAKERS = pytest.mark.parametrize("name", CASES)


def draws(name):
    return FEW if name in ("moons", "roll") else N


def make(name, n, rng, **options):
    function, settings, _, _ = CASES[name]
    return function(n, rng=rng, **{**settings, **options})


@cache
def truth(name):
    _, _, edges, panel = CASES[name]
    return integrate(make(name, 1, 0).density, edges, panel)


@MAKERS
def test_the_density_integrates_to_one(name):
    assert abs(truth(name).cells.sum() - 1) < 1e-9


@MAKERS
def test_the_draws_are_of_the_density(name):
    """What this sees, `test_a_planted_fault_is_seen` plants."""
    sample = make(name, draws(name), rng=1)
    assert disagreement(sample.X, sample.density, truth(name)) < 1


def shifted_moon(t):
    return lower_moon(t) + np.array([0.1, 0])


def hurried_roll(t):
    return roll(t**1.1)


class LameBoard(Checkerboard):
    filled = property(lambda self: Checkerboard(4).filled[1:])


FAULTS = {
    "line: all sds 3 % too large": (
        "line",
        lambda d: replace(d, sds=1.03 * d.sds),
    ),
    "line: weights off by 0.02": (
        "line",
        lambda d: replace(d, weights=d.weights + np.array([0.02, -0.02, 0])),
    ),
    "eight: sd 3 % too large": ("eight", lambda d: replace(d, sds=1.03 * d.sds)),
    "eight: radius 2 % too large": (
        "eight",
        lambda d: replace(d, means=1.02 * d.means),
    ),
    "eight: one weight 10 % too small": (
        "eight",
        lambda d: replace(d, weights=np.array([0.9] + [1] * 6 + [1.1]) / 8),
    ),
    "twenty-five: sd 3 % too small": (
        "twenty-five",
        lambda d: replace(d, sds=0.97 * d.sds),
    ),
    "twenty-five: one component missing": (
        "twenty-five",
        lambda d: GaussianMixture(np.full(24, 1 / 24), d.means[1:], d.sds[1:]),
    ),
    "moons: noise 5 % too large": ("moons", lambda d: replace(d, noise=0.315)),
    "moons: one moved by 0.1": (
        "moons",
        lambda d: replace(d, curves=(upper_moon, shifted_moon)),
    ),
    "moons: one of them alone": ("moons", lambda d: replace(d, curves=(upper_moon,))),
    "roll: noise 10 % too large": ("roll", lambda d: replace(d, noise=3.3)),
    "roll: not uniform along the curve": (
        "roll",
        lambda d: replace(d, curves=(hurried_roll,)),
    ),
    "checkerboard: one square missing": ("checkerboard", lambda d: LameBoard()),
    "checkerboard: another board": ("checkerboard", lambda d: Checkerboard(3)),
}


@pytest.mark.parametrize(("name", "wrong"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_seen(name, wrong):
    """Draws of the same number from a density that is a little wrong stand out."""
    density = make(name, 1, 0).density
    drawn = wrong(density).sample(draws(name), rng=1)
    assert disagreement(drawn.X, density, truth(name)) > 1.2


@MAKERS
def test_draws_repeat_by_seed_and_round_to_the_dtype(name):
    first, again, other = (make(name, 50, rng) for rng in (3, 3, 4))
    assert np.array_equal(first.X, again.X)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.X, other.X)
    single = make(name, 50, 3, dtype=np.float32)
    assert single.X.dtype == np.float32
    assert first.X.dtype == np.float64
    assert first.labels.dtype == np.int64
    np.testing.assert_allclose(single.X, first.X, rtol=1e-7)
    held_out = first.density.sample(20, rng=np.random.default_rng(5))
    assert held_out.X.shape == (20, first.X.shape[1])
    assert held_out.density is first.density


@MAKERS
def test_log_density_keeps_the_dtype_and_the_rows(name):
    density = make(name, 1, 0).density
    x = make(name, 3000, 2).X
    log_p = density.log_density(x)
    assert log_p.shape == (3000,)
    assert log_p.dtype == np.float64
    alone = [density.log_density(x[i : i + 1])[0] for i in (0, 1234, 2999)]
    np.testing.assert_allclose(alone, log_p[[0, 1234, 2999]], rtol=1e-12)
    single = density.log_density(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, log_p, rtol=1e-4, atol=1e-4)
    assert density.log_density(x[:0]).shape == (0,)


@MAKERS
def test_errors_of_draws_and_points(name):
    for n in (0, -1):
        with pytest.raises(ValueError, match=f"n is {n}; draw at least one point"):
            make(name, n, 0)
    with pytest.raises(TypeError, match="float"):
        make(name, 2.0, 0)
    with pytest.raises(TypeError, match=r"points are np\.float32 or np\.float64"):
        make(name, 1, 0, dtype=np.int64)
    with pytest.raises(TypeError, match="rng"):
        CASES[name][0](1)
    sample = make(name, 3, 0)
    log_density, d = sample.density.log_density, sample.X.shape[1]
    for bad in (sample.X[0], np.zeros((3, d + 1)), 0.5, sample.X.tolist()):
        with pytest.raises(ValueError, match=rf"at points of shape \(n, {d}\)"):
            log_density(bad)
    with pytest.raises(TypeError, match="x is int64"):
        log_density(np.zeros((3, d), np.int64))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="x holds nan or infinity"):
            log_density(np.full((3, d), bad))


# ---------------------------------------------------------------- mixtures


def test_mixture_by_scipy():
    x = np.linspace(-4, 3, 50)[:, np.newaxis]
    parts = [
        np.log(w) + norm.logpdf(x[:, 0], m, s)
        for w, m, s in zip(*LINE.values(), strict=True)
    ]
    found = make_line(1, rng=0).density.log_density(x)
    np.testing.assert_allclose(found, logsumexp(parts, axis=0), rtol=1e-13)


def test_mixture_far_away_is_a_parabola_and_not_minus_infinity():
    density = GaussianMixture(np.ones(1), np.zeros((1, 2)), np.array([0.5]))
    found = density.log_density(np.array([[300.0, 400.0]]))
    assert found[0] == pytest.approx(-(1000**2) / 2 - np.log(np.pi / 2), rel=1e-15)


@pytest.mark.parametrize(("dtype", "far"), [(np.float32, 1e25), (np.float64, 1e200)])
def test_where_the_square_overflows_log_p_is_minus_infinity(dtype, far):
    """And not inf - inf; other points of the same call are as before."""
    density = make_eight_gaussians(1, rng=0).density
    x = np.array([[far, 0], [0, -far], [1.0, 1.0]], dtype)
    with np.errstate(over="ignore", divide="ignore"):
        found = density.log_density(x)
    assert found.tolist() == [-np.inf, -np.inf, density.log_density(x[2:])[0]]


@pytest.mark.parametrize("name", SMOOTH)
def test_autodiff_gives_the_score(name):
    """Of a mixture it is sum_k r_k (m_k - x) / s_k^2, with responsibilities r."""
    sample = make(name, 20, 6)
    mixture = getattr(sample.density, "mixture", sample.density)
    x, m, s = sample.X, mixture.means, mixture.sds
    pull = (m - x[:, np.newaxis]) / s[:, np.newaxis] ** 2
    squares = np.sum((m - x[:, np.newaxis]) ** 2, axis=2) / s**2
    exponents = np.log(mixture.weights) - x.shape[1] * np.log(s) - squares / 2
    r = np.exp(exponents - logsumexp(exponents, axis=1, keepdims=True))
    score = np.einsum("nk,nkd->nd", r, pull)
    found = grad(lambda x: np.sum(sample.density.log_density(x)))(x)
    np.testing.assert_allclose(found, score, rtol=1e-9, atol=1e-9)


def test_labels_are_the_components():
    """A draw lies within 6 sd of the mean that its label names; 200,000 of them."""
    for sample in (
        make_eight_gaussians(N, rng=0),
        make_twenty_five_gaussians(N, rng=0),
    ):
        density = sample.density
        r = (sample.X - density.means[sample.labels]) / density.sds[0]
        assert np.abs(r).max() < 6
        assert set(sample.labels) == set(range(len(density.weights)))


def test_published_settings_of_ring_and_grid():
    ring = make_eight_gaussians(1, rng=0).density
    half = np.sqrt(2) / 2
    corners = [(1, 0), (half, half), (0, 1), (-half, half)]
    corners += [(-x, -y) for x, y in corners]
    np.testing.assert_allclose(ring.means, 2 * np.array(corners) / 1.414, atol=1e-15)
    assert np.all(ring.sds == 0.02 / 1.414)
    grid = make_twenty_five_gaussians(1, rng=0).density
    ticks = np.array([-4, -2, 0, 2, 4]) / 2.828
    assert {tuple(mean) for mean in grid.means} == {
        (x, y) for x in ticks for y in ticks
    }
    assert np.array_equal(grid.means[:5], [(x, ticks[0]) for x in ticks])
    assert np.all(grid.sds == 0.05 / 2.828)


def test_default_sds_are_seen_in_the_draws():
    """|x - m|^2 / s^2 summed over 100,000 pairs; an error of 1.6 % in s is seen."""
    for make_, sd in [
        (make_eight_gaussians, 0.02 / 1.414),
        (make_twenty_five_gaussians, 0.05 / 2.828),
    ]:
        sample = make_(N, rng=2)
        squares = np.sum((sample.X - sample.density.means[sample.labels]) ** 2) / sd**2
        assert abs(squares - 2 * N) < 5.03 * np.sqrt(4 * N)


def test_mixture_errors():
    w, m, s = np.full(2, 0.5), np.zeros((2, 3)), np.ones(2)
    for bad in [(w[:1], m, s), (w, m, s[:1]), (w, m[..., None], s), (w[None], m, s)]:
        with pytest.raises(ValueError, match="are no mixture"):
            GaussianMixture(*bad)
    with pytest.raises(ValueError, match="are no mixture"):
        GaussianMixture(np.ones(0), np.ones((0, 2)), np.ones(0))
    for bad in ([0.5, 0.4], [1, 0], [1.5, -0.5], [np.nan, 1]):
        with pytest.raises(ValueError, match="weights sum to"):
            GaussianMixture(bad, m, s)
    for means, sds in [(m, [1, 0]), (m, [1, np.inf]), (m, [-1, 1]), (m * np.nan, s)]:
        with pytest.raises(ValueError, match="sds positive"):
            GaussianMixture(w, means, sds)


# ---------------------------------------------------------------- curves


@pytest.mark.parametrize("name", ["moons", "roll"])
def test_the_integral_along_the_curve_by_adaptive_quadrature(name):
    """At the default noise, near the curve and up to ten standard deviations away."""
    density = make(name, 1, 0, noise={"moons": 0.1, "roll": 0.25}[name]).density
    s = density.noise / density.scale
    rng = np.random.default_rng(0)
    near = density.sample(6, rng=rng).X
    u = rng.standard_normal((6, 2))
    x = (
        near
        + s * np.linspace(0, 8, 6)[:, np.newaxis] * u / np.hypot(*u.T)[:, np.newaxis]
    )

    def integral(point):
        """log p, with the largest exponent taken out of the integrand."""

        def exponent(t, curve):
            c = curve(np.array([t]))[0] / density.scale
            return -np.sum((point - c) ** 2) / (2 * s**2)

        ticks = np.linspace(0, 1, {"moons": 61, "roll": 401}[name])
        values = [[exponent(t, curve) for t in ticks] for curve in density.curves]
        top, total = np.max(values), 0.0
        for curve, row in zip(density.curves, values, strict=True):
            # Only where the integrand is not negligible, and between few ticks a time.
            for i in np.flatnonzero(np.maximum(row[:-1], row[1:]) > top - 60):
                total += quad(
                    lambda t, curve=curve: np.exp(exponent(t, curve) - top),
                    *ticks[i : i + 2],
                    epsabs=1e-16,
                    epsrel=1e-12,
                )[0]
        return top + np.log(total / len(density.curves) / (2 * np.pi * s**2))

    found = density.log_density(x)
    np.testing.assert_allclose(found, [integral(p) for p in x], rtol=0, atol=1e-10)


def test_curves_begin_and_end_where_they_should():
    ends = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(upper_moon(ends), [[1, 0], [0, 1], [-1, 0]], atol=1e-15)
    np.testing.assert_allclose(
        lower_moon(ends), [[0, 0.5], [1, -0.5], [2, 0.5]], atol=1e-15
    )
    pi = np.pi
    expected = [[0, -1.5 * pi], [-3 * pi, 0], [0, 4.5 * pi]]
    np.testing.assert_allclose(roll(ends), expected, atol=1e-13)


def test_labels_of_moons_are_the_moons():
    """Without much noise the upper one lies on one circle, the lower on the other."""
    sample = make_two_moons(1000, rng=0, noise=0.01)
    centers = np.array([[0, 0], [1, 0.5]])[sample.labels]
    assert np.abs(np.hypot(*(sample.X - centers).T) - 1).max() < 0.05
    changes = np.sum(np.diff(sample.labels) != 0)  # each is drawn by itself
    assert abs(changes - 999 / 2) < 5.03 * np.sqrt(999) / 2
    assert not make_swiss_roll(10, rng=0).labels.any()


def test_published_settings_of_the_roll():
    density = make_swiss_roll(1, rng=0).density
    assert (density.noise, density.scale) == (0.25, 7.5)
    assert make_two_moons(1, rng=0).density.noise == 0.1
    assert np.array_equal(density.mixture.sds, np.full(6420, 0.25 / 7.5))


def test_curve_errors():
    for settings in [{"noise": 0.0}, {"noise": -1.0}, {"noise": np.nan}]:
        with pytest.raises(ValueError, match="without noise all points lie on a curve"):
            make_two_moons(1, rng=0, **settings)
    for scale in (0.0, np.inf):
        with pytest.raises(ValueError, match="must be positive"):
            NoisyCurves((roll,), 0.25, scale)


# ---------------------------------------------------------------- checkerboard


def test_checkerboard_by_hand():
    centers = np.arange(-3.0, 4.0, 2.0)
    log_p = [
        Checkerboard().log_density(np.array([[x, y] for x in centers])) for y in centers
    ]
    filled = np.array(log_p) == -np.log(32)
    assert np.array_equal(filled, np.indices((4, 4)).sum(axis=0) % 2 == 0)
    assert np.all(np.array(log_p)[~filled] == -np.inf)
    outside = np.array([[-4.01, -3], [4.0, 3], [3, 4.0], [-5, -5], [5, 5]])
    assert np.all(Checkerboard().log_density(outside) == -np.inf)
    corner = np.array([[-4.0, -4.0], [0, 0], [np.nextafter(-2.0, -3), -4]])
    assert np.all(Checkerboard().log_density(corner) == -np.log(32))
    assert np.all(Checkerboard(3).log_density(np.array([[0.0, 0.0]])) == -np.log(20))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_draw_is_rounded_into_an_empty_square(dtype):
    """With u one step below 1 the sum rounds up to the edge of the next square."""
    board, flat = Checkerboard(), -np.log(32).astype(dtype)
    labels = np.arange(8)
    u = np.full((8, 2), np.nextafter(1.0, 0))
    low = 2.0 * board.filled - 4
    rounded = (low + 2 * u).astype(dtype)
    assert np.any(board.log_density(rounded) == -np.inf)
    assert np.all(board.log_density(board.place(labels, u, dtype)) == flat)
    assert np.array_equal(board.place(labels, 0 * u, dtype), low)


def test_labels_of_the_checkerboard_are_the_squares():
    sample = make_checkerboard(1000, rng=0, squares=5)
    square = np.floor((sample.X + 5) / 2).astype(int)
    assert np.array_equal(square, sample.density.filled[sample.labels])
    assert len(sample.density.filled) == 13


def test_a_board_has_two_squares_a_side():
    with pytest.raises(ValueError, match="squares is 1"):
        make_checkerboard(10, rng=0, squares=1)
