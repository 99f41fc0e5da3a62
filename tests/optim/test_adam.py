"""Adam against numbers worked out by hand, its plain lines, and its invariances."""

import copy

import numpy as np
import pytest

from optim import Adam, NonFiniteError
from optim.adam import adapt, count_overflows, is_bounded, reference_adapt

SETTINGS = {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 1.0}


def test_three_steps_by_hand():
    # g = 2, -2, 4 with eta = 0.1, beta1 = 1/2, beta2 = 3/4, epsilon = 1:
    # m = 1, -1/2, 7/4            m_hat = m / (1/2, 3/4, 7/8)        = 2, -2/3, 2
    # v = 1, 7/4, 85/16           v_hat = v / (1/4, 7/16, 37/64)     = 4, 4, 340/37
    # theta loses 0.1 m_hat / (sqrt(v_hat) + 1)
    moves = [2 / 3, -2 / 9, 2 / (np.sqrt(340 / 37) + 1)]
    model, optimizer = [np.array([1.0])], Adam(**SETTINGS)
    theta = 1.0
    for g, move, m, v in zip(
        [2.0, -2.0, 4.0], moves, [1, -1 / 2, 7 / 4], [1, 7 / 4, 85 / 16], strict=True
    ):
        optimizer.step(model, [np.array([g])])
        theta -= 0.1 * move
        assert model[0][0] == pytest.approx(theta, rel=1e-15)
        assert optimizer.first_moments[0][0] == m
        assert optimizer.second_moments[0][0] == v
    assert optimizer.steps == 3


def test_the_first_step_is_the_sign_of_the_gradient():
    g = np.array([-1e3, -1.0, -1e-8, 0.0, 1e-10, 1e-4, 1e8])
    model = [np.zeros(7)]
    Adam(learning_rate=0.5).step(model, [g])
    expected = np.zeros(7)
    some = g != 0
    expected[some] = -0.5 * np.sign(g[some]) / (1 + 1e-8 / np.abs(g[some]))
    np.testing.assert_allclose(model[0], expected, rtol=1e-12)


def test_the_scale_of_the_loss_does_not_matter():
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((20, 5))
    ends = []
    for scale in (1.0, 2.0**20):
        model, optimizer = [np.zeros(5)], Adam(epsilon=1e-30)
        for g in gradients:
            optimizer.step(model, [scale * g])
        ends.append(model[0])
    assert np.array_equal(*ends)  # a power of two changes no mantissa


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kernel_equals_the_plain_lines(dtype):
    rng = np.random.default_rng(1)
    theta = rng.standard_normal(1000).astype(dtype)
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    model, optimizer = [theta.copy()], Adam(0.01)
    settings = {k: getattr(optimizer, k) for k in SETTINGS}
    for t in range(1, 31):
        g = (10.0 ** rng.uniform(-6, 6, 1000) * rng.choice([-1, 1], 1000)).astype(dtype)
        optimizer.step(model, [g])
        before = theta
        theta, m, v = reference_adapt(theta, g, m, v, t, **settings)
        assert theta.dtype == model[0].dtype == dtype
        assert np.array_equal(optimizer.first_moments[0], m)
        assert np.array_equal(optimizer.second_moments[0], v)
        ulp = np.finfo(dtype).eps * (np.abs(theta) + 8 * np.abs(theta - before))
        assert np.all(np.abs(model[0] - theta) <= ulp)
        theta = model[0].copy()
    assert (
        optimizer.first_moments[0].dtype == optimizer.second_moments[0].dtype == dtype
    )


@np.errstate(over="ignore")  # an undecorated kernel warns before the error comes
def test_a_gradient_whose_square_overflows_is_refused():
    model, optimizer = [np.ones(4, np.float32)], Adam()
    with pytest.raises(NonFiniteError, match=r"model\[0\]: .* squared .* 1 of 4"):
        optimizer.step(model, [np.array([1, 2e19, 1, 1], np.float32)])
    assert np.array_equal(model[0], np.ones(4))
    optimizer.step(model, [np.array([1, 1e19, 1, 1], np.float32)])
    assert np.all(model[0] < 1)


@np.errstate(over="ignore", invalid="ignore")
def test_a_rate_that_its_bias_makes_infinite_is_refused():
    model, optimizer = [np.ones(2)], Adam(1.7e308)
    with pytest.raises(NonFiniteError, match=r"model\[0\]: the updated .* in 2 of 2"):
        optimizer.step(model, [np.ones(2)])
    assert np.array_equal(model[0], np.ones(2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@np.errstate(all="ignore")
def test_overflows_are_counted_before_they_happen(dtype):
    # Exponents up to the limit of the dtype, so that each outcome is met many times.
    rng, outcomes, n = np.random.default_rng(3), [], 3
    top = np.log10(float(np.finfo(dtype).max))
    for _ in range(3000):
        exponents = rng.uniform(0, 1, 6) * [1, 0.5, 1, 1, 1, -0.9] * top
        theta, g, m, v = (
            (10**e * rng.uniform(0.5, 1, n)).astype(dtype) for e in exponents[:4]
        )
        rate, epsilon = 10.0 ** exponents[4:]
        numbers = np.array([0.9, 0.1, 0.99, 0.01, rate, 2, epsilon], dtype)
        bounded = is_bounded(theta, g, m, v, numbers)
        count = count_overflows(theta, g, m, v, numbers)
        adapt(theta, g, m, v, numbers)
        lost = ~np.isfinite(theta) | ~np.isfinite(v * numbers[5])
        assert count == lost.sum()
        assert not (bounded and count)
        outcomes.append((bool(bounded), bool(count)))
    assert min(map(outcomes.count, set(outcomes))) > 100
    assert len(set(outcomes)) == 3


def test_a_gradient_of_zero_moves_nothing():
    for dtype in (np.float32, np.float64):
        model, tiny = [np.ones(3, dtype)], float(np.finfo(np.float32).tiny)
        Adam(epsilon=tiny).step(model, [np.zeros(3, dtype)])
        assert np.array_equal(model[0], np.ones(3))


def test_a_copied_optimizer_goes_on_by_itself():
    model, optimizer = [np.ones(3)], Adam()
    optimizer.step(model, [np.ones(3)])
    twin, twin_model = copy.deepcopy(optimizer), copy.deepcopy(model)
    for _ in range(3):
        optimizer.step(model, [np.full(3, 2.0)])
        twin.step(twin_model, [np.full(3, 2.0)])
    assert np.array_equal(model[0], twin_model[0])
    assert np.array_equal(optimizer.second_moments[0], twin.second_moments[0])
    assert not np.shares_memory(optimizer.second_moments[0], twin.second_moments[0])


def test_moments_belong_to_one_model():
    optimizer = Adam()
    optimizer.step([np.ones(3)], [np.ones(3)])
    for other in ([np.ones(4)], [np.ones(3, np.float32)], [np.ones(3), np.ones(3)]):
        with pytest.raises(ValueError, match="make a new Adam"):
            optimizer.step(other, other)
    assert optimizer.steps == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", np.nan),
        ("learning_rate", np.inf),
        ("beta1", 1.0),
        ("beta1", -0.1),
        ("beta2", 1.0),
        ("beta2", np.nan),
        ("epsilon", 0.0),
        ("epsilon", 1e-40),
        ("epsilon", np.inf),
        ("epsilon", np.nan),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is"):
        Adam(**{name: value})
