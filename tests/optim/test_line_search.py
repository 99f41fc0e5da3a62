"""The line search, a function of one number: what it accepts, when it gives up."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optim.line_search import (
    EXHAUSTED,
    UNBOUNDED,
    UNRESOLVED,
    WOLFE,
    Point,
    cubic_minimum,
    strong_wolfe,
)


def search(phi, **settings):
    """The result of a search along phi, and the trials that it made."""
    trials = []

    def told(alpha):
        trials.append(alpha)
        return phi(alpha)

    return *strong_wolfe(told, *phi(0.0), **settings), trials


def concave(beta):
    return lambda a: (-a / (a**2 + beta), (a**2 - beta) / (a**2 + beta) ** 2)


def steep(beta):
    return lambda a: (
        (a + beta) ** 5 - 2 * (a + beta) ** 4,
        5 * (a + beta) ** 4 - 8 * (a + beta) ** 3,
    )


def wavy(beta, waves):
    """A rounded |1 - a| with small waves on it."""

    def phi(a):
        wave = 2 * (1 - beta) / (waves * math.pi) * math.sin(waves * math.pi * a / 2)
        slope = (1 - beta) * math.cos(waves * math.pi * a / 2)
        if abs(a - 1) >= beta:
            return abs(a - 1) + wave, math.copysign(1, a - 1) + slope
        return (a - 1) ** 2 / (2 * beta) + beta / 2 + wave, (a - 1) / beta + slope

    return phi


def two_bends(b1, b2):
    """Nearly a straight line between a bend near 0 and one near 1."""
    g1, g2 = math.hypot(1, b1) - b1, math.hypot(1, b2) - b2

    def phi(a):
        one, two = math.hypot(1 - a, b2), math.hypot(a, b1)
        return g1 * one + g2 * two, g1 * (a - 1) / one + g2 * a / two

    return phi


# More and Thuente, tables 1 to 6: evaluations from the first trials 1e-3, 0.1, 10, 1e3.
MORE_THUENTE = [
    (concave(2.0), 1e-3, 0.1, [6, 3, 1, 4]),
    (steep(0.004), 0.1, 0.1, [12, 8, 8, 11]),
    (wavy(0.01, 39), 0.1, 0.1, [12, 12, 10, 13]),
    (two_bends(0.001, 0.001), 1e-3, 1e-3, [4, 1, 3, 4]),
    (two_bends(0.01, 0.001), 1e-3, 1e-3, [6, 3, 7, 8]),
    (two_bends(0.001, 0.01), 1e-3, 1e-3, [13, 11, 8, 11]),
]


@pytest.mark.parametrize(("phi", "c1", "c2", "counts"), MORE_THUENTE)
def test_the_hard_functions_of_more_and_thuente(phi, c1, c2, counts):
    value, slope = phi(0.0)
    for first, count in zip((1e-3, 1e-1, 1e1, 1e3), counts, strict=True):
        point, outcome, trials = search(phi, first=first, c1=c1, c2=c2)
        assert outcome == WOLFE
        assert point == (trials[-1], *phi(trials[-1]))
        assert point.value <= value + c1 * point.step * slope
        assert abs(point.slope) <= c2 * abs(slope)
        assert len(trials) == count


@st.composite
def smooth(draw):
    """A sum of waves in a bowl, falling at 0, in units of alpha and of phi."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    k = draw(st.integers(1, 4))
    height = rng.normal(size=k) * 10 ** rng.uniform(-2, 1, k)
    wave, phase = 10 ** rng.uniform(-2, 1, k), rng.uniform(0, 6, k)
    bowl = 10 ** rng.uniform(-3, 2)
    slope = np.sum(height * wave * np.cos(phase))
    tilt = -slope - 10 ** rng.uniform(-1, 1)
    length, size = 10.0 ** rng.uniform(-6, 6, 2)

    def phi(alpha):
        x = alpha / length
        value = np.sum(height * np.sin(wave * x + phase)) + bowl * x**2 + tilt * x
        slope = np.sum(height * wave * np.cos(wave * x + phase)) + 2 * bowl * x + tilt
        return size * value, size * slope / length

    return phi, length


@given(smooth(), st.floats(-3, 3), st.sampled_from([0.9, 0.5, 0.1]))
def test_both_conditions_hold_on_smooth_functions(drawn, exponent, c2):
    phi, length = drawn
    value, slope = phi(0.0)
    first = length * 10**exponent
    point, outcome, trials = search(phi, first=first, c2=c2, max_evaluations=40)
    assert outcome == WOLFE
    assert point.value <= value + 1e-4 * point.step * slope
    assert abs(point.slope) <= c2 * abs(slope)
    assert point == (trials[-1], *phi(trials[-1]))
    assert len(trials) <= 25
    assert 0 not in trials
    assert len(set(trials)) == len(trials)


@given(smooth(), st.integers(-40, 40), st.integers(-40, 40))
def test_units_do_not_matter(drawn, length, size):
    phi, unit = drawn

    def scaled(alpha):
        value, slope = phi(alpha * 2.0**length)
        return value * 2.0**size, slope * 2.0 ** (size + length)

    *_, trials = search(phi, first=unit, c2=0.1)
    *_, others = search(scaled, first=unit / 2.0**length, c2=0.1)
    assert others == [alpha / 2.0**length for alpha in trials]


def parabola(a):
    return (a - 1) ** 2, 2 * (a - 1)


def kink(a):
    return abs(a - 0.3), math.copysign(1, a - 0.3)


def test_a_good_first_trial_is_all():
    point, outcome, trials = search(parabola, first=0.7)
    assert (point.step, outcome, trials) == (0.7, WOLFE, [0.7])


def test_both_conditions_hold_with_equality():
    # At 1 the parabola has lost half of what its first slope promised: c1 = 1/2.
    assert search(parabola, first=1.0, c1=0.5)[1:] == (WOLFE, [1.0])
    assert search(parabola, first=1.0, c1=0.51, max_evaluations=1)[1] != WOLFE
    # At 1/2 its slope is half the first one: c2 = 1/2.
    assert search(parabola, first=0.5, c2=0.5)[1:] == (WOLFE, [0.5])
    assert search(parabola, first=0.5, c2=0.49, max_evaluations=1)[1] != WOLFE


@pytest.mark.parametrize("first", [0.21, 0.45, 1.5, 1.9, 2.5, 30.0])
def test_a_parabola_takes_two_trials(first):
    point, outcome, trials = search(parabola, first=first, c2=1e-6)
    assert outcome == WOLFE
    assert point.step == pytest.approx(1, rel=1e-6)
    assert len(trials) == 2


@pytest.mark.parametrize("outside", [math.nan, math.inf])
def test_a_trial_that_is_not_finite_was_too_long(outside):
    def barrier(a):  # x - log(1 - x) rises to infinity at 1; its minimum is at 1/2
        if a >= 1:
            return outside, outside
        return -2 * a - math.log(1 - a), -2 + 1 / (1 - a)

    for first in (0.1, 0.999, 1.0, 700.0):
        point, outcome, trials = search(barrier, first=first, c2=0.1)
        assert outcome == WOLFE
        assert point.step == pytest.approx(0.5, abs=0.06)
        assert len(trials) < 20


def test_a_slope_that_is_not_finite_is_not_trusted():
    def phi(a):
        return (a - 1) ** 2, 2 * (a - 1) if a < 0.9 else math.nan

    point, outcome, _ = search(phi, c2=0.3)
    assert outcome == WOLFE
    assert 0.7 <= point.step < 0.9


def test_nothing_finite_is_found_nowhere():
    def phi(a):
        return (math.nan, math.nan) if a else (0.0, -1.0)

    point, outcome, trials = search(phi)
    assert (point.step, outcome) == (0, EXHAUSTED)
    assert trials == [2.0**-k for k in range(20)]


def test_a_line_is_unbounded():
    point, outcome, trials = search(lambda a: (-a, -1.0))
    assert outcome == UNBOUNDED
    assert len(trials) == 20
    assert point == (trials[-1], -trials[-1], -1.0)
    assert point.step > 1e11


def test_minus_infinity_is_unbounded():
    def phi(a):
        return -a if a < 50 else -math.inf, -1.0

    point, outcome, trials = search(phi)
    assert outcome == UNBOUNDED
    assert point.step < 50 <= trials[-1]


@pytest.mark.parametrize("first", [0.01, 1.0, 30.0])
def test_at_a_kink_the_best_trial_is_returned(first):
    point, outcome, trials = search(kink, first=first)
    assert outcome == EXHAUSTED
    assert len(trials) == 20
    assert point.step == pytest.approx(0.3, abs=1e-3)
    assert point.value == min(kink(alpha)[0] for alpha in trials)


def test_an_interval_without_a_number_inside_ends_the_search():
    point, outcome, trials = search(kink, max_evaluations=500)
    assert outcome == UNRESOLVED
    assert len(trials) < 200
    assert point.step == pytest.approx(0.3, abs=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_decrease_that_rounding_hides_is_not_looked_for(dtype):
    eps = float(np.finfo(dtype).eps)

    def phi(a):
        return dtype(1 + eps / 100 * (a - 1) ** 2), eps / 50 * (a - 1)

    point, outcome, trials = search(phi, resolution=eps)
    assert (point.step, outcome, trials) == (0, UNRESOLVED, [1.0])


def test_a_slope_of_the_wrong_sign_finds_nothing():
    point, outcome, trials = search(lambda a: (a, -1.0))
    assert point == (0, 0, -1)
    assert outcome == EXHAUSTED
    assert trials == sorted(trials, reverse=True)


def test_an_equal_value_is_not_lower():
    point, outcome, _ = search(lambda a: (1.0, -1e-3 if a == 0 else 0.0))
    assert point.step == 0
    assert outcome != WOLFE


@given(st.integers(0, 2**32))
def test_the_minimum_of_a_cubic(seed):
    rng = np.random.default_rng(seed)
    least, most = np.sort(rng.normal(size=2))  # the slope is zero at both
    scale = 10 ** rng.uniform(-5, 5)

    def point(x):  # with p' = -scale (x - least) (x - most), least is the minimum
        value = -scale * (x**3 / 3 - (least + most) * x**2 / 2 + least * most * x)
        return Point(x, value, -scale * (x - least) * (x - most))

    a, b = (point(x) for x in rng.normal(size=2))
    found = cubic_minimum(a, b)
    assert found == pytest.approx(least, abs=1e-5 / min(1, abs(b.step - a.step)) ** 2)


@pytest.mark.parametrize(
    "curve",
    [
        lambda x: (-x, -1.0),
        lambda x: (x**3 + x, 3 * x**2 + 1),
        lambda x: (-(x**2), -2 * x),
    ],
)
def test_a_curve_without_a_minimum(curve):
    assert math.isnan(cubic_minimum(*(Point(x, *curve(x)) for x in (1.0, 3.0))))
