"""What the generator lowers, if the discriminator is the best: a divergence.

    L(D*, G) = 2 JS(p_r, p_g) - 2 log 2,     JS = KL(p_r || m) / 2 + KL(p_g || m) / 2,

with m = (p_r + p_g) / 2. So its best is p_g = p_r and nothing else, where L is -2 log
2. The lines are those that the docstring of models/gan_games.py numbers, 7 to 9 here.
To be read after test_best_discriminator.py, from top to bottom; every statement is an
assertion. Numbers like T58 are those of the list in README.md.

Sources: I. Goodfellow et al., NeurIPS (2014), theorem 1; D. Endres and J. Schindelin,
IEEE Transactions on Information Theory 49 (2003), 1858, for the metric.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.special import rel_entr, xlogy

from autodiff import grad, softmax
from models import jensen_shannon
from models.gan_theory import value_of_game
from optim import BFGS, minimize

LOG2 = np.log(2)
X = np.linspace(-16, 16, 3201)
STEP = X[1] - X[0]  # the trapezoidal rule is exact to rounding for such laws
GAUSSIANS = [
    (stats.norm(0, 1), stats.norm(1, 1)),
    (stats.norm(0, 1), stats.norm(0, 2)),
    (stats.norm(-2, 0.5), stats.norm(2, 0.7)),
]
each_pair = pytest.mark.parametrize(
    ("p_r", "p_g"), GAUSSIANS, ids=["shifted", "wider", "apart"]
)


def integral(values):
    return np.sum(values) * STEP


def value(p_r, p_g, D):
    """int p_r log D + p_g log(1 - D) dx; p_r, p_g and D are arrays over X."""
    return integral(xlogy(p_r, D) + xlogy(p_g, 1 - D))


def value_at_best(p_r, p_g):
    """The same of D*, sums in the place of integrals: p_r and p_g : (..., k)."""
    both = np.maximum(p_r + p_g, 1e-300)  # where there is neither, the terms are zero
    return np.sum(xlogy(p_r, p_r / both) + xlogy(p_g, p_g / both), axis=-1)


def laws(n, k, concentration=1.0, seed=0):
    """n laws of k outcomes; a concentration below one leaves most outcomes rare."""
    return np.random.default_rng(seed).dirichlet(np.full(k, concentration), n)


# 1. From L to the divergence


@each_pair
def test_lines_7_to_9(p_r, p_g):
    """L(D*, G), by its integral, line by line, each computed by itself (T58).

    The last is the library's value of the game. Seen are a factor 2 of m that is lost,
    the wrong multiple of log 2, and KL in the other direction, which is another number.
    """
    p_r, p_g = p_r.pdf(X), p_g.pdf(X)
    m = (p_r + p_g) / 2
    best = value(p_r, p_g, p_r / (p_r + p_g))
    line_7 = integral(p_r * np.log(p_r / (2 * m)) + p_g * np.log(p_g / (2 * m)))
    of_data, of_draws = integral(rel_entr(p_r, m)), integral(rel_entr(p_g, m))
    line_8 = of_data + of_draws - 2 * LOG2
    line_9 = 2 * jensen_shannon(p_r * STEP, p_g * STEP) - 2 * LOG2
    of_library = value_of_game(p_r, p_g, weights=STEP)
    for line in (line_7, line_8, line_9, of_library):
        assert line == pytest.approx(best, abs=1e-12)
    reversed_ = integral(rel_entr(m, p_r)) + integral(rel_entr(m, p_g)) - 2 * LOG2
    assert abs(reversed_ - best) > 1e-3


@each_pair
def test_and_back_from_the_divergence(p_r, p_g):
    """JS = [log 2 + int p_r log p_r / (p_r + p_g)] / 2 + the same of p_g (T58).

    Hence JS = (log 4 + L) / 2.
    """
    p_r, p_g = p_r.pdf(X), p_g.pdf(X)
    divergence = jensen_shannon(p_r * STEP, p_g * STEP)
    of_data, of_draws = (
        (LOG2 + integral(p * np.log(p / (p_r + p_g)))) / 2 for p in (p_r, p_g)
    )
    assert of_data + of_draws == pytest.approx(divergence, abs=1e-12)
    best = value(p_r, p_g, p_r / (p_r + p_g))
    assert (np.log(4) + best) / 2 == pytest.approx(divergence, abs=1e-12)


def test_two_normal_laws_one_apart():
    """Between N(0, 1) and N(1, 1) L = -1.16345140 and JS = 0.11142148 (T58).

    In one dimension less, by y = log p_r / p_g: a normal law of variance 1 about 1/2
    under the data, so that L = -2 E softplus(-y).
    """
    p_r, p_g = (law.pdf(X) for law in GAUSSIANS[0])
    best = value(p_r, p_g, p_r / (p_r + p_g))
    assert best == pytest.approx(-1.16345140, abs=5e-9)
    assert best / 2 + LOG2 == pytest.approx(0.11142148, abs=5e-9)
    softplus = integral(stats.norm(0.5).pdf(X) * np.logaddexp(0, -X))
    assert best == pytest.approx(-2 * softplus, abs=1e-12)


@each_pair
def test_any_other_discriminator_gives_less(p_r, p_g):
    """200 discriminators, some close to D*: L(D) <= L(D*) (T58).

    So what a trained one gives for L is a bound of the divergence from below, and close
    to D* it is off by the square of the distance: by (p_r + p_g) d^2 / 8 at the most, d
    the difference of the logits.
    """
    p_r, p_g = p_r.pdf(X), p_g.pdf(X)
    logit, best = np.log(p_r / p_g), value(p_r, p_g, p_r / (p_r + p_g))
    for a, b, c, size in np.random.default_rng(0).normal(size=(200, 4)):
        d = (size**2 + 0.01) * (a + np.sin(b * X + c))
        f = logit + d
        other = -integral(p_r * np.logaddexp(0, -f) + p_g * np.logaddexp(0, f))
        assert 0 < best - other < integral((p_r + p_g) * d**2) / 8


# 2. How large it can be


@pytest.mark.parametrize("concentration", [0.05, 1, 10])
def test_it_lies_between_zero_and_log_2(concentration):
    """For 2000 pairs of laws, L between -2 log 2 and 0 (T58).

    L is the sum over x at D*, JS the library's. Below zero is a mean of logarithms of
    probabilities; above -2 log 2 they are since D = 1/2 is a choice too.
    """
    p_r, p_g = laws(4000, 6, concentration).reshape(2, 2000, 6)
    L, JS = value_at_best(p_r, p_g), jensen_shannon(p_r, p_g)
    np.testing.assert_allclose(L, 2 * JS - 2 * LOG2, atol=1e-12)
    assert np.all((JS >= 0) & (JS <= LOG2 * (1 + 1e-15)))
    assert np.all((L >= -2 * LOG2) & (L <= 0))


def test_log_2_is_reached_without_a_common_point():
    """However close to each other or far apart the points are (T58)."""
    p_r = np.array([0.3, 0.7, 0, 0, 0, 0])
    for away in range(6):
        p_g = np.roll([0.9, 0.1, 0, 0, 0, 0], away)
        L, divergence = value_at_best(p_r, p_g), jensen_shannon(p_r, p_g)
        if 2 <= away <= 4:
            assert L == 0
            assert divergence == pytest.approx(LOG2, rel=1e-15)
        else:
            assert L < -0.1
            assert divergence < LOG2 - 0.05


@pytest.mark.parametrize("concentration", [0.1, 1, 10])
def test_its_root_is_a_metric(concentration):
    """sqrt JS(p, r) <= sqrt JS(p, q) + sqrt JS(q, r), for 3000 triples (T58).

    JS itself is none: of the way over (p + r) / 2 both parts together are shorter.
    """
    p, q, r = laws(9000, 4, concentration).reshape(3, 3000, 4)
    direct = np.sqrt(jensen_shannon(p, r))
    over_q = np.sqrt(jensen_shannon(p, q)) + np.sqrt(jensen_shannon(q, r))
    assert np.all(direct <= over_q)
    half = (p + r) / 2
    parts = jensen_shannon(p, half) + jensen_shannon(half, r)
    assert np.all(parts < jensen_shannon(p, r))


# 3. The best generator


def test_at_p_g_equal_p_r_it_is_minus_two_log_two():
    """D* is 1/2 everywhere, and L = log 1/2 + log 1/2, for 500 laws (T59)."""
    p = laws(500, 6, 0.3)
    np.testing.assert_allclose(value_at_best(p, p), -2 * LOG2, rtol=1e-14)
    assert value_at_best(p, p)[0] == pytest.approx(-1.38629436, abs=5e-9)


def test_no_other_generator_reaches_it():
    """1000 laws p_g for each of 10 laws of data, p_g - p_r down to 1e-6 (T59).

    Close by, L + 2 log 2 is the sum of (p_g - p_r)^2 / 4 p_r.
    """
    rng = np.random.default_rng(1)
    for p_r in laws(10, 6, 3.0):
        assert np.all(value_at_best(p_r, laws(1000, 6)) > -2 * LOG2)
        for size in (1e-2, 1e-4, 1e-6):
            d = rng.normal(size=6)
            d *= size * p_r.min() / np.max(np.abs(d))
            d -= p_r * d.sum()
            above = 2 * jensen_shannon(p_r, p_r + d)
            assert above == pytest.approx(np.sum(d**2 / (4 * p_r)), rel=2 * size + 1e-7)


def test_from_anywhere_it_leads_down_to_the_data():
    """L is convex in p_g: between two laws it lies below the chord (T59).

    So descent ends at p_r from each of five starts, and nowhere else.
    """
    p_r = laws(1, 6, 3.0)[0]
    one, other = laws(1000, 6).reshape(2, 500, 6)
    chord = (value_at_best(p_r, one) + value_at_best(p_r, other)) / 2
    assert np.all(value_at_best(p_r, (one + other) / 2) < chord)
    for logits in np.random.default_rng(2).normal(size=(5, 6)):
        minimize(
            lambda logits: jensen_shannon(p_r, softmax(logits)),
            logits,
            BFGS(gradient_tolerance=1e-10, decrease_tolerance=0),
        )
        np.testing.assert_allclose(softmax(logits), p_r, atol=1e-7)


@each_pair
def test_its_slope_is_that_of_the_game_with_the_discriminator_held(p_r, p_g):
    """d/dp_g of L(D*, G) is log(1 - D*): that D* moves with p_g is of no effect (T59).

    For it is at its maximum. So the generator, which takes the discriminator for a
    constant, goes down the divergence if that is the best.
    """
    p_r, p_g = (law.pdf(X[::100]) * STEP * 100 for law in (p_r, p_g))
    p_r, p_g = p_r / p_r.sum(), p_g / p_g.sum()
    slope = grad(lambda p_g: 2 * jensen_shannon(p_r, p_g))(p_g)
    near = p_g > 1e-200
    with np.errstate(divide="ignore"):
        held = np.log(p_g / (p_r + p_g)) + LOG2
    np.testing.assert_allclose(slope[near], held[near], rtol=1e-9, atol=1e-12)


# 4. What the integral runs over


@pytest.mark.parametrize("s", [0.5, 1.0, 2.0])
def test_the_printed_integral_over_h_is_not_one(s):
    """log 1/2 int_h p_r(x): of x = G(h) = m + s h it is 1 / s, not 1 (E14).

    Weighed by the law of h it is E p_r(G(h)), another number again; and of an x that is
    not moved it has no bound. Over x it is one, and L = -2 log 2.
    """
    h, m = X, 0.4
    p_r = stats.norm(m, s)  # p_g = p_r: that of G(h)
    corrected = np.log(0.5) * integral(p_r.pdf(X)) + np.log(0.5)
    assert corrected == pytest.approx(-2 * LOG2, abs=1e-12)
    printed = integral(p_r.pdf(m + s * h))
    assert printed == pytest.approx(1 / s, abs=1e-12)
    weighed = integral(stats.norm.pdf(h) * p_r.pdf(m + s * h))
    assert weighed == pytest.approx(1 / (2 * s * np.sqrt(np.pi)), abs=1e-12)
    still = p_r.pdf(m) * (h[-1] - h[0])
    for over_h in [weighed, still] + [printed] * (s != 1):
        assert abs(np.log(0.5) * over_h + np.log(0.5) + 2 * LOG2) > 0.1


def test_with_more_latents_than_numbers_the_printed_integral_is_infinite():
    """x = (h_1 + h_2) / sqrt 2: p_r(G(h)) is constant along lines in the plane (E14).

    Over a square of side 2c it grows with c; over x p_r has the integral one.
    """
    grid = np.arange(-24, 24, 0.1)
    over_h = []
    for c in (6, 12, 24):
        h = grid[np.abs(grid) <= c]
        x = (h[:, np.newaxis] + h) / np.sqrt(2)
        over_h.append(np.sum(stats.norm.pdf(x)) * 0.1**2)
    assert over_h[1] / over_h[0] == pytest.approx(2, rel=0.1)
    assert over_h[2] / over_h[1] == pytest.approx(2, rel=0.1)
    assert integral(stats.norm.pdf(X)) == pytest.approx(1, abs=1e-12)
