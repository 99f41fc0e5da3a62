"""The forward chain: its exact moments, its law, its addresses, what it refuses."""

import numpy as np
import pytest
from scipy.stats import norm

from samplers import forward
from samplers.chains import Chains
from samplers.forward import Forward, jump
from samplers.schedules import cosine, linear
from tests.kolmogorov import LIMIT, distance
from tests.samplers import diffusion_checks
from tests.samplers.schedule_checks import LONG

EXACT = [
    diffusion_checks.check_forward_moments,
    diffusion_checks.check_jump,
    diffusion_checks.check_forward_addresses,
    diffusion_checks.check_forward_company,
]
LINEAR = linear(1000)


@pytest.mark.exact
@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.__name__)
def test_exactly(check):
    check(forward)


@pytest.mark.parametrize("name", LONG)
def test_moments_of_long_schedules(name):
    diffusion_checks.check_forward_moments(forward, {name: LONG[name]})


def test_forward_chains_have_the_law_of_the_jump():
    """20,000 chains in float32; sees a mean of x_t off by 0.07, an sd by 0.11."""
    schedule, n = cosine(100), 20_000
    x_0 = np.tile(np.array([[2.0, -1.0, 0.5]], np.float32), (n, 1))
    draws = Chains(Forward(schedule, 3, np.float32), state=x_0, rng=0, thin=10).run(10)
    for k, t in enumerate(range(10, 101, 10)):
        noise = (draws[:, k] - schedule.signal[t] * x_0) / schedule.noise[t]
        for j in range(3):
            assert distance(norm.cdf(noise[:, j])) < LIMIT
        correlation = np.corrcoef(noise.T) - np.eye(3)
        assert np.max(np.abs(correlation)) * np.sqrt(n) < 5.03
    noise = np.random.default_rng(0).standard_normal((n, 3), np.float32)
    x = jump(x_0, np.full(n, 50), schedule, noise)
    assert x.dtype == np.float32
    near = (x - schedule.signal[50] * x_0) / schedule.noise[50]
    np.testing.assert_allclose(near, noise, rtol=1e-4, atol=1e-5)


def test_noise_of_a_forward_step_is_new():
    """20,000 chains; sees a correlation of 0.05 between the noise of two steps."""
    schedule, n = cosine(100), 20_000
    draws = Chains(Forward(schedule, 1), state=np.zeros((n, 1)), rng=0).run(12)[..., 0]
    t = np.arange(2, 13)
    noise = draws[:, 1:] - np.sqrt(schedule.alpha[t]) * draws[:, :-1]
    noise /= np.sqrt(schedule.beta[t])
    correlation = np.corrcoef(noise.T) - np.eye(11)
    assert np.max(np.abs(correlation)) * np.sqrt(n) < 5.03


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Chains(Forward(LINEAR, 2), 3, rng=0),
            ValueError,
            r"starts from data, .* state=x_0",
        ),
        (
            lambda: Chains(Forward(LINEAR, 4), state=np.ones((3, 2, 2)), rng=0),
            ValueError,
            r"\(chain, 4\), .* images are x\.reshape",
        ),
        (
            lambda: Chains(Forward(LINEAR, 1, "f4"), state=[[1e39]], rng=0),
            ValueError,
            "nan or infinity in float32",
        ),
        (lambda: Forward(LINEAR, 0), ValueError, "dimension is 0"),
        (lambda: Forward(LINEAR, 2, dtype=int), TypeError, "float32 or"),
        (
            lambda: jump(np.ones((3, 2)), 1001, LINEAR, np.ones((3, 2))),
            ValueError,
            "integers from 0 to 1000",
        ),
        (
            lambda: jump(np.ones((3, 2)), -1, LINEAR, np.ones((3, 2))),
            ValueError,
            "integers from 0 to 1000",
        ),
        (
            lambda: jump(np.ones((3, 2)), [1, 2], LINEAR, np.ones((3, 2))),
            ValueError,
            r"t \(2,\) do not fit",
        ),
        (
            lambda: jump(np.ones((3, 2)), 1, LINEAR, np.ones(2)),
            ValueError,
            r"noise \(2,\)",
        ),
        (
            lambda: jump(np.ones(3, "f4"), 1, LINEAR, np.ones(3)),
            TypeError,
            "noise is float64 and x_0 float32",
        ),
        (
            lambda: jump(np.ones(3, int), 1, LINEAR, np.ones(3, int)),
            TypeError,
            "float32 or",
        ),
        (lambda: Forward(5, 2), TypeError, r"schedule is 5, .*cosine\(100\)"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
