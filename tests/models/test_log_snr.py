"""The log SNR in continuous time: ends, fall, slopes, schedules, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import check_gradients, grad, tree_leaves
from models.log_snr import LearnedLogSNR, LinearLogSNR
from optim import storage
from samplers import schedules
from tests.models.autoencoders import both_dtypes
from tests.models.diffusion_stand_ins import curve

TIMES = np.linspace(0, 1, 101)
CURVES = {
    "line": LinearLogSNR(5.0, -4.0),
    "created": LearnedLogSNR.create(5.0, -4.0),
    "bent": curve(),
}
every_curve = pytest.mark.parametrize("name", CURVES)


@every_curve
def test_it_falls_from_one_end_to_the_other(name):
    values = CURVES[name](TIMES)
    assert values[0] == 5.0
    assert values[-1] == -4.0
    assert np.all(np.diff(values) < 0)


@given(
    seed=st.integers(0, 10**6), size=st.integers(1, 8), scale=st.sampled_from([1, 30])
)
def test_it_falls_whatever_the_parameters(seed, size, scale):
    """By at least the line's share, 1 / (1 + sum e(w_k)), up to rounding."""
    rng = np.random.default_rng(seed)
    steps = scale * rng.standard_normal((3, size))
    learned = LearnedLogSNR(np.array([5.0, -4.0]), *steps)
    values, slope = learned(TIMES), learned.derivative(TIMES)
    least = 9 / (1 + np.sum(np.logaddexp(0, steps[2])))
    assert np.all(np.diff(values) <= -0.01 * least + 1e-13)
    assert np.all(slope <= -least * (1 - 1e-12))
    np.testing.assert_allclose(values[[0, -1]], [5, -4], rtol=1e-14)


def test_the_curve_is_the_one_of_the_formula():
    """One step, with numbers that are written out."""

    def s(z):
        return 1 / (1 + np.exp(-z))

    r, b, w = 7.0, -3.0, 0.5
    learned = LearnedLogSNR(np.array([5.0, -4.0]), *np.array([[r], [b], [w]]))
    e_r, e_w = np.log(1 + np.exp(r)), np.log(1 + np.exp(w))
    g, g_0, g_1 = (u + e_w * s(e_r * u + b) for u in (TIMES, 0.0, 1.0))
    expected = 5 - 9 * (g - g_0) / (g_1 - g_0)
    np.testing.assert_allclose(learned(TIMES), expected, rtol=1e-12, atol=1e-14)
    steepest = TIMES[np.argmin(learned.derivative(TIMES))]
    assert steepest == pytest.approx(-b / e_r, abs=0.005)


@pytest.mark.parametrize("size", [8, 16, 64])
def test_it_begins_near_the_line(size):
    """With slopes up to 40 % above or below that of the line, -9."""
    learned = LearnedLogSNR.create(5.0, -4.0, size=size)
    np.testing.assert_allclose(learned(np.array([0.5])), 0.5, atol=1e-12)
    assert np.max(abs(learned(TIMES) - CURVES["line"](TIMES))) < 0.5
    np.testing.assert_allclose(learned.derivative(TIMES), -9, rtol=0.4)


# Derivatives


@every_curve
def test_the_slope_is_the_derivative(name):
    found = grad(lambda u: np.sum(CURVES[name](u)))(TIMES)
    np.testing.assert_allclose(CURVES[name].derivative(TIMES), found, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(
    ("dtype", "order"), [(np.float64, 1), (np.float64, 2), (np.float32, 1)]
)
def test_derivatives_by_every_array_and_by_times(size, dtype, order):
    u = np.array([0.4, 0.5, 0.55], dtype)
    report = check_gradients(
        lambda learned, u: (learned(u), learned.derivative(u)),
        (curve(size=size, dtype=dtype), u),
        order=order,
    )
    assert report.inconclusive == 0


def test_ends_that_are_not_learned_have_no_derivative():
    """And learned ones the share that each has in the value."""
    u = np.array([0.3])
    for learn_ends in (False, True):
        learned = curve(learn_ends=learn_ends)
        slope = grad(lambda model: model(u)[0])(learned)
        share = (5 - learned(u)[0]) / 9
        expected = [1 - share, share] if learn_ends else [0, 0]
        np.testing.assert_allclose(slope.ends, expected, rtol=1e-12)
        assert np.all(slope.weights != 0)
    assert not tree_leaves(CURVES["line"])


# What is made of it


@every_curve
def test_its_schedule_is_the_curve_at_the_steps(name):
    schedule = CURVES[name].schedule(50)
    expected = CURVES[name](np.arange(1, 51) / 50)
    np.testing.assert_allclose(schedule.log_snr[1:], expected, rtol=1e-11, atol=1e-13)
    assert schedule.steps == 50


def test_a_schedule_may_end_before_noise():
    """Where others are refused, since here the bound has a term for it."""
    schedule = LinearLogSNR(4.0, -3.0).schedule(10)
    assert schedule.terminal_divergence > 10 * schedules.LIMIT


@both_dtypes
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
def test_shape_and_dtype_are_those_of_the_times(dtype, shape):
    for each in (CURVES["line"], curve(dtype=dtype)):
        u = np.full(shape, 0.25, dtype)
        for values in (each(u), each.derivative(u)):
            assert values.shape == shape
            assert values.dtype == dtype
    schedule = curve(dtype=dtype).schedule(1000)
    assert schedule.log_snr.dtype == np.float64


@both_dtypes
def test_extreme_parameters_are_no_trouble(dtype):
    """Steps with slopes of a thousand and of none, of any weight."""
    numbers = np.array([1000.0, -1000.0, 3.0], dtype)
    u = np.linspace(0, 1, 11, dtype=dtype)
    for shifts in (-numbers / 2, 0 * numbers):
        for weights in (numbers, -abs(numbers)):
            ends = np.array([20, -20], dtype)
            learned = LearnedLogSNR(ends, 1 * numbers, shifts, weights, True)

            def total(learned):
                return np.sum(learned(u) + learned.derivative(u))

            for leaf in (learned(u), *tree_leaves(grad(total)(learned))):
                assert np.all(np.isfinite(leaf))
                assert leaf.dtype == dtype


@every_curve
def test_it_can_be_kept(name, tmp_path):
    storage.save(tmp_path / "curve.npz", CURVES[name])
    back = storage.load(tmp_path / "curve.npz", [LinearLogSNR, LearnedLogSNR])
    np.testing.assert_array_equal(back(TIMES), CURVES[name](TIMES))


# What is refused


def test_ends_that_do_not_fall():
    for first, last in [(-4.0, 5.0), (1.0, 1.0), (np.inf, 0.0), (np.nan, 0.0)]:
        for create in (LinearLogSNR, LearnedLogSNR.create):
            with pytest.raises(ValueError, match=r"it falls, since noise.*10 and -10"):
                create(first, last)


def test_arrays_that_do_not_fit():
    ends, three = np.array([5.0, -4.0]), np.ones(3)
    for arrays in [
        (np.ones(3), three, three, three),
        (ends, three, three, np.ones(2)),
        (ends, np.ones((3, 1)), np.ones((3, 1)), np.ones((3, 1))),
    ]:
        with pytest.raises(ValueError, match=r"\(K,\) each: write .*create\("):
            LearnedLogSNR(*arrays)
    with pytest.raises(TypeError, match=r"weights\.astype\(np\.float64\)"):
        LearnedLogSNR(ends, three, three, three.astype(np.float32))
    with pytest.raises(ValueError, match="size is 0"):
        LearnedLogSNR.create(5.0, -4.0, size=0)


@every_curve
def test_times_that_are_none(name):
    for call in (CURVES[name], CURVES[name].derivative):
        for u in ([7.0], [-0.1], [np.nan]):
            with pytest.raises(ValueError, match=r"in \[0, 1\].*write t / T"):
                call(np.array(u))
        with pytest.raises(TypeError, match=r"np\.asarray\(u, np\.float64\)"):
            call(np.array([0, 1]))
    with pytest.raises(ValueError, match="steps is 0"):
        CURVES[name].schedule(0)


def test_times_of_another_precision():
    with pytest.raises(TypeError, match=r"u\.astype\(np\.float32\)"):
        curve(dtype=np.float32)(TIMES)
