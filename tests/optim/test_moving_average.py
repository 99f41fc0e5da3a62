"""The moving average against the weighted sum that it stands for."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest

from optim import MovingAverage


@dataclass(eq=False)
class Model:
    weights: np.ndarray
    layers: list
    name: str = "model"


def make_model(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return Model(
        rng.standard_normal((2, 3)).astype(dtype),
        [rng.standard_normal(4).astype(dtype), np.array(rng.standard_normal(), dtype)],
    )


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_mean_with_weights_that_fall_into_the_past(dtype, decay):
    """sum_i d^(t - i) theta_i / sum_i d^(t - i), at every t.

    To 1e-12 in float64, where 1 - d^t has lost three digits of sixteen; in float32 to
    the rounding of the result. Without the division the first average would be off by
    the factor 1 - d.
    """
    average, seen = MovingAverage(decay), []
    for t in range(1, 21):
        model = make_model(dtype, seed=t)
        seen.append(model)
        average.update(model)
        found = average.averaged(model)
        weights = [decay ** (t - i) for i in range(1, t + 1)]
        for get in (lambda m: m.weights, lambda m: m.layers[0], lambda m: m.layers[1]):
            terms = [
                w * get(m).astype(float) for w, m in zip(weights, seen, strict=True)
            ]
            expected = sum(terms) / sum(weights)
            tolerance = 1e-12 if dtype is np.float64 else 1e-6
            np.testing.assert_allclose(get(found), expected, tolerance, tolerance)
            assert get(found).dtype == dtype
            assert get(found).shape == get(model).shape
    assert average.steps == 20


def test_the_first_average_is_the_model_and_the_model_is_only_read():
    model, average = make_model(), MovingAverage(0.99)
    for leaf in (model.weights, *model.layers):
        leaf.flags.writeable = False
    average.update(model)
    found = average.averaged(model)
    assert isinstance(found, Model)
    assert found.name == "model"
    np.testing.assert_allclose(found.weights, model.weights, rtol=1e-14)
    np.testing.assert_allclose(found.layers[1], model.layers[1], rtol=1e-14)


def test_the_averaged_model_is_a_copy():
    model, average = make_model(), MovingAverage(0.0)
    average.update(model)
    found = average.averaged(model)
    assert not np.shares_memory(found.weights, model.weights)
    found.weights[...] = np.nan
    model.weights[...] = np.nan
    assert np.all(np.isfinite(average.averaged(model).weights))


def test_a_slow_average_does_not_stand_still_in_float32():
    """The average of a constant is that constant, after 20000 steps as after one.

    A step adds 0.001 (1 - a). In float32 that is lost once it falls below half the
    spacing of numbers under one, 3e-8: the sum stops 3e-5 short, five hundred times
    the rounding of the result. The float64 sums arrive.
    """
    average, model = MovingAverage(0.999), [np.ones(1, np.float32)]
    plain, weight = np.float32(0), np.float32(1 - 0.999)
    for _ in range(20000):
        average.update(model)
        plain += weight * (model[0][0] - plain)
    assert average.averaged(model)[0] == 1
    corrected = plain / (1 - 0.999**20000)
    assert 2e-5 < 1 - corrected < 4e-5


def test_the_average_jitters_less_by_a_known_factor():
    """Of a thousand descents on theta^2 / 2 with noise in the gradient, in one array.

    theta is an autoregression with coefficient c = 1 - eta, and averaging it divides
    its variance by (1 + d)/(1 - d) (1 - c d)/(1 + c d), here 11.2. A variance of 1000
    numbers is known to 1/sqrt(500) = 4.5 percent and the quotient of two to at most
    6.3: five times that is forgiven. A memory twice as long or as short, which changes
    the factor by nearly two, is seen.
    """
    rng, eta, d = np.random.default_rng(0), 0.05, 0.995
    model, average = [np.zeros(1000)], MovingAverage(d)
    for _ in range(2000):
        model[0] -= eta * (model[0] + rng.standard_normal(1000))
        average.update(model)
    found = np.var(model[0]) / np.var(average.averaged(model)[0])
    c = 1 - eta
    expected = (1 + d) / (1 - d) * (1 - c * d) / (1 + c * d)
    assert found == pytest.approx(expected, rel=5 * 0.063)


def test_a_copied_average_goes_on_by_itself():
    average = MovingAverage(0.9)
    average.update(make_model())
    twin = copy.deepcopy(average)
    before = twin.averaged(make_model()).weights
    average.update(make_model(seed=1))
    assert np.array_equal(twin.averaged(make_model()).weights, before)
    assert twin.steps == 1


@pytest.mark.parametrize("decay", [1.0, 1.1, -0.1, np.nan])
def test_decay_is_a_fraction(decay):
    with pytest.raises(ValueError, match=rf"decay is {decay}; it must be in \[0, 1\)"):
        MovingAverage(decay)


def test_there_is_no_average_before_the_first_update():
    with pytest.raises(ValueError, match=r"no average before .* call update\(model\)"):
        MovingAverage().averaged(make_model())


@pytest.mark.parametrize("use", ["update", "averaged"])
def test_an_average_belongs_to_one_model(use):
    average = MovingAverage(0.9)
    average.update([np.ones(3), np.ones(2)])
    sums = copy.deepcopy(average.sums)
    for other in ([np.ones(3)], [np.ones(3), np.ones(3)], [np.ones(3)] * 3):
        with pytest.raises(
            ValueError, match=r"shapes \[\(3,\), \(2,\)\] and the model"
        ):
            getattr(average, use)(other)
    assert average.steps == 1
    assert all(map(np.array_equal, average.sums, sums))
