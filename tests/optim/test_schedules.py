"""Schedules: their values, their shape, the sums of Robbins and Monro, and errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import digamma, polygamma

from optim import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    StepDecay,
    WarmUp,
)

VALUES = {
    Constant(0.5): {0: 0.5, 10**9: 0.5},
    StepDecay(0.8, 0.5, every=10): {0: 0.8, 9: 0.8, 10: 0.4, 19: 0.4, 20: 0.2},
    ExponentialDecay(0.8, 0.25, every=10): {0: 0.8, 5: 0.4, 10: 0.2, 15: 0.1},
    CosineDecay(0.8, steps=12): {
        0: 0.8,
        3: 0.4 * (1 + math.sqrt(1 / 2)),
        4: 0.6,
        6: 0.4,
        8: 0.2,
        12: 0,
        13: 0,
        10**9: 0,
    },
    CosineDecay(0.8, steps=12, end=0.2): {0: 0.8, 6: 0.5, 12: 0.2, 10**9: 0.2},
    InverseTimeDecay(0.8, half=10): {0: 0.8, 10: 0.4, 30: 0.2, 70: 0.1},
    InverseTimeDecay(0.8, half=0.5): {0: 0.8, 1: 0.8 / 3},
    WarmUp(4, Constant(0.5)): {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4, 4: 0.5, 99: 0.5},
    WarmUp(3, StepDecay(0.8, 0.5, every=10)): {
        0: 0.2,
        2: 0.6,
        3: 0.8,
        12: 0.8,
        13: 0.4,
    },
}


@pytest.mark.parametrize("schedule", VALUES, ids=str)
def test_values_by_hand(schedule):
    # 1e-15 is a few roundings; the ends are exact.
    for t, rate in VALUES[schedule].items():
        assert schedule(t) == pytest.approx(rate, rel=1e-15, abs=1e-16)
    assert CosineDecay(0.8, steps=12)(12) == 0
    assert CosineDecay(0.8, steps=12, end=0.2)(12) == 0.2


rates = st.floats(1e-6, 1e3)
factors = st.floats(0.01, 1)
counts = st.integers(1, 1000)


def falling():
    """Draw a schedule that falls."""
    cosine = st.builds(
        lambda rate, steps, part: CosineDecay(rate, steps, part * rate),
        rates,
        counts,
        st.floats(0, 1),
    )
    return st.one_of(
        st.builds(Constant, rates),
        st.builds(StepDecay, rates, factors, counts),
        st.builds(ExponentialDecay, rates, factors, counts),
        cosine,
        st.builds(InverseTimeDecay, rates, st.floats(0.1, 1e4)),
    )


@given(falling(), st.integers(0, 3000))
def test_rates_fall_and_are_never_negative(schedule, t):
    # Two roundings are forgiven, where a rate is almost flat.
    now, then = schedule(t), schedule(t + 1)
    assert schedule(0) == pytest.approx(schedule.rate, rel=1e-15)
    assert 0 <= then <= now * (1 + 2**-51) <= schedule.rate * (1 + 2**-50)


@given(falling(), counts)
def test_a_warm_up_rises_in_equal_steps_into_what_follows(schedule, steps):
    """The last of its equal steps leads to the first rate of what follows.

    1e-12 of the full rate is forgiven; a rise that is one step too early, too late, too
    short or too long would be off by a thousandth at least.
    """
    warm = WarmUp(steps, schedule)
    rise = np.array([warm(t) for t in range(-1, steps + 1)])
    assert rise[0] == 0
    np.testing.assert_allclose(np.diff(rise), schedule(0) / (steps + 1), 1e-12 * steps)
    for t in (0, 1, 17, 1000):
        assert warm(steps + t) == schedule(t)


@given(rates, factors, counts, st.integers(0, 100))
def test_the_staircase_touches_the_exponential_at_every_step(rate, factor, every, k):
    stairs = StepDecay(rate, factor, every)
    smooth = ExponentialDecay(rate, factor, every)
    assert stairs(k * every) == pytest.approx(smooth(k * every), rel=1e-13, abs=1e-300)
    for t in range(k * every, k * every + every, max(1, every // 7)):
        assert smooth(t) <= stairs(t) == stairs(k * every)


def test_the_sums_of_robbins_and_monro():
    """sum eta_t grows like a logarithm, for ever; sum eta_t^2 has a limit.

    In closed form, with psi = digamma and h = half, over the first n steps,

        sum eta_t   = eta_0 h [psi(n + h) - psi(h)],
        sum eta_t^2 = eta_0^2 h^2 [psi'(h) - psi'(n + h)].

    So each doubling of n adds eta_0 h log 2 to the first, and what is left of the
    second is eta_0^2 h^2 / n. 1e-10 sees a single step that is left out or taken twice.
    """
    eta, h, n = 0.3, 50.0, 2**16
    steps = np.array([InverseTimeDecay(eta, half=h)(t) for t in range(2 * n)])
    assert math.fsum(steps[:n]) == pytest.approx(
        eta * h * (digamma(n + h) - digamma(h)), rel=1e-10
    )
    assert math.fsum(steps[n:]) == pytest.approx(eta * h * math.log(2), rel=h / n)
    limit = eta**2 * h**2 * polygamma(1, h)
    left = limit - math.fsum(steps[:n] ** 2)
    assert left == pytest.approx(eta**2 * h**2 * polygamma(1, n + h), rel=1e-8)
    assert left == pytest.approx(eta**2 * h**2 / n, rel=2 * h / n)


def test_the_others_do_not_have_both_sums():
    """A constant rate sums its squares without end; an exponential one stands still.

    The steps of ExponentialDecay(eta, 1/2, every=1) are eta, eta/2, eta/4, ...: a
    descent with them goes no farther than 2 eta |g|, however far the minimum is.
    """
    halves = ExponentialDecay(1.0, 0.5, every=1)
    assert math.fsum(halves(t) for t in range(2000)) == 2
    assert sum(Constant(0.1)(t) ** 2 for t in range(2000)) == pytest.approx(20)


def test_schedules_are_values():
    assert CosineDecay(0.1, 5) == CosineDecay(0.1, steps=5, end=0.0)
    assert hash(Constant(0.1)) == hash(Constant(0.1))
    with pytest.raises(AttributeError):
        Constant(0.1).rate = 0.2


BAD_RATES = [0, -0.1, math.nan, math.inf]
BAD_COUNTS = [0, -3, 2.0, True, "10"]


@pytest.mark.parametrize("rate", BAD_RATES)
def test_the_first_rate_is_positive_and_finite(rate):
    for make in (
        Constant,
        lambda rate: StepDecay(rate, 0.5, 10),
        lambda rate: ExponentialDecay(rate, 0.5, 10),
        lambda rate: CosineDecay(rate, 10),
        lambda rate: InverseTimeDecay(rate, 10),
    ):
        with pytest.raises(ValueError, match=rf"learning_rate is {rate}; "):
            make(rate)


@pytest.mark.parametrize("count", BAD_COUNTS)
def test_steps_are_counted_in_whole_numbers(count):
    for name, make in (
        ("every", lambda count: StepDecay(0.1, 0.5, count)),
        ("every", lambda count: ExponentialDecay(0.1, 0.5, count)),
        ("steps", lambda count: CosineDecay(0.1, count)),
        ("steps", lambda count: WarmUp(count, Constant(0.1))),
    ):
        with pytest.raises(ValueError, match=rf"{name} is {count!r}; .* whole number"):
            make(count)


def test_a_count_may_be_a_numpy_integer():
    # What np.ceil(n / size).astype(int) or an array's sum gives.
    assert CosineDecay(0.1, np.int64(10))(10) == 0
    assert StepDecay(0.1, 0.5, every=np.int32(5))(5) == 0.05


@pytest.mark.parametrize("kind", [StepDecay, ExponentialDecay])
@pytest.mark.parametrize("factor", [0, -0.5, 1.1, math.nan, math.inf])
def test_a_factor_lies_between_zero_and_one(kind, factor):
    with pytest.raises(ValueError, match=rf"factor is {factor}; .* in \(0, 1\]"):
        kind(0.1, factor, 10)


@pytest.mark.parametrize("end", [-0.01, 0.11, math.nan, math.inf])
def test_the_end_of_a_cosine_lies_below_its_start(end):
    with pytest.raises(ValueError, match=rf"end is {end}; .* from 0 to 0\.1$"):
        CosineDecay(0.1, 10, end)


@pytest.mark.parametrize("half", [0, -1, math.nan, math.inf])
def test_half_is_positive_and_finite(half):
    with pytest.raises(ValueError, match=rf"half is {half}; .* example 1000"):
        InverseTimeDecay(0.1, half)


@pytest.mark.parametrize("then", [0.1, Constant, None])
def test_a_warm_up_is_followed_by_a_schedule(then):
    with pytest.raises(TypeError, match=r"must be a schedule, .* Constant\(rate\)"):
        WarmUp(10, then)
