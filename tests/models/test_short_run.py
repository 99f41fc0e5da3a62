"""The sampler of well-known notebooks: what it samples, and what it does not."""

import numpy as np
import pytest

from models.short_run import short_run
from samplers.chains import Chains
from samplers.gaussian import gaussian_target
from samplers.langevin import Langevin

BROAD = gaussian_target([0.0], [[100.0]])  # E = 0.005 x^2


def steps_of(sampler, x, *noise):
    """The states after steps with given noise, from one x."""
    xi = np.array(noise, np.float64).reshape(1, -1, 1)
    draws = np.empty((1, len(noise), 1))
    assert sampler.walk(np.full((1, 1), x), 0)(xi, 0, 1, draws) == (0, 0, 0)
    return draws[0, :, 0]


def in_a_notebook(x, *noise):
    """The same states, of the loop in two halves, seen between them."""
    seen = []
    for xi in noise:
        x = x - 10.0 * 0.01 * x  # the slope of E is 0.01 x
        x = x + 0.005 * xi
        seen.append(x)
    return seen


def test_it_is_that_loop():
    noise = np.random.default_rng(0).standard_normal(20)
    expected = in_a_notebook(3.0, *noise)
    np.testing.assert_allclose(steps_of(short_run(BROAD), 3.0, *noise), expected, 1e-14)


def test_its_law_is_a_thousandth_as_wide_as_that_of_the_energy():
    """x' = a x + b xi keeps the variance b^2 / (1 - a^2): exact, without a draw."""
    sampler = short_run(BROAD)
    (a,), (b,) = steps_of(sampler, 1.0, 0.0), steps_of(sampler, 0.0, 1.0)
    variance = b**2 / (1 - a**2)
    eta, s, T = 10.0, 10.0, float(sampler.temperature)
    assert sampler.temperature == pytest.approx(1.25e-6, rel=1e-15)
    assert variance == pytest.approx(s**2 * T / (1 - eta / (2 * s**2)), rel=1e-12)
    assert np.sqrt(variance) == pytest.approx(0.01147, abs=1e-5)
    after_the_gradient = abs(a) * np.sqrt(variance)
    assert after_the_gradient == pytest.approx(0.01032, abs=1e-5)
    (c,) = steps_of(Langevin(BROAD, eta), 0.0, 1.0)  # at T = 1
    assert np.sqrt(c**2 / (1 - a**2)) == pytest.approx(10.26, abs=0.01)


def test_chains_of_it_reach_that_law():
    """A standard deviation that is wrong by 3 % would be found (z = 5)."""
    chains = Chains(short_run(BROAD), 20_000, rng=0, thin=150)
    x = chains.run(1)[:, 0, 0]
    sd = 0.005 / np.sqrt(1 - 0.9**2)
    assert abs(x.std() / sd - 1) < 5.03 / np.sqrt(2 * len(x))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": 0.0}, "both are positive.*plain descent, x -= step"),
        ({"noise": -0.1}, "step_size is 10.0 and noise -0.1"),
        ({"noise": np.nan}, "noise nan; both"),
        ({"noise": np.inf}, "temperature is inf"),
        ({"step_size": 0.0}, "step_size is 0.0 and"),
    ],
)
def test_what_it_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        short_run(BROAD, **settings)
