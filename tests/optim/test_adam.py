"""Adam and AdamW: three steps by hand, the correction of the start, decay, settings."""

import numpy as np
import pytest

from optim import Adam, AdamW, RMSprop
from optim.settings import TINY


def test_three_steps_by_hand():
    # eta = 1/10, beta1 = 1/2, beta2 = 3/4, epsilon = 1, and gradients 2, -2, 4.
    #   t    g     m     m_hat = m / (1 - 2^-t)      v       v_hat = v / (1 - (3/4)^t)
    #   1    2     1     1 / (1/2)   =   2           1         1 / (1/4)      = 4
    #   2   -2   -1/2   -1/2 / (3/4) = -2/3         7/4       7/4 / (7/16)    = 4
    #   3    4    7/4    7/4 / (7/8) =   2         85/16    85/16 / (37/64)   = 340/37
    # theta loses (1/10) m_hat / (sqrt(v_hat) + 1). 1e-15 is a few roundings.
    model, theta = [np.array([1.0])], 1.0
    optimizer = Adam(0.1, beta1=0.5, beta2=0.75, epsilon=1.0)
    for g, m, v, move in [
        (2.0, 1, 1, 2 / 3),
        (-2.0, -1 / 2, 7 / 4, -2 / 9),
        (4.0, 7 / 4, 85 / 16, 2 / (np.sqrt(340 / 37) + 1)),
    ]:
        optimizer.step(model, [np.array([g])])
        theta -= 0.1 * move
        assert model[0][0] == pytest.approx(theta, rel=1e-15)
        assert optimizer.first_moments[0][0] == m
        root = optimizer.root_second_moments[0][0]
        assert root == pytest.approx(np.sqrt(v), rel=1e-15)


def test_three_steps_of_adamw_by_hand():
    # As above with lambda = 2: theta is multiplied by 1 - (1/10) 2 = 4/5 besides.
    model, theta = [np.array([1.0])], 1.0
    optimizer = AdamW(0.1, beta1=0.5, beta2=0.75, epsilon=1.0, weight_decay=2.0)
    moves = [2 / 3, -2 / 9, 2 / (np.sqrt(340 / 37) + 1)]
    for g, move in zip([2.0, -2.0, 4.0], moves, strict=True):
        optimizer.step(model, [np.array([g])])
        theta = 4 / 5 * theta - 0.1 * move
        assert model[0][0] == pytest.approx(theta, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_gradient_takes_steps_of_length_eta_from_the_first(dtype):
    # Without the two corrections the first step would be 3.2 eta, the tenth 6.5 eta.
    # The rounding of 0.999^t is up to 1e-13 of 1 - 0.999^t; float32 gets these numbers
    # from float64, and its own fifty roundings stay below 2e-6.
    model, optimizer = [np.zeros(3, dtype)], Adam(0.5, epsilon=TINY)
    g = np.array([1e-6, -1.0, 1e6], dtype)
    for t in range(1, 51):
        optimizer.step(model, [g])
        np.testing.assert_allclose(
            model[0], -0.5 * t * np.sign(g), rtol=1e-12 if dtype is np.float64 else 2e-6
        )


def test_the_defaults_are_those_of_the_papers():
    optimizer = Adam()
    found = optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon
    assert found == (1e-3, 0.9, 0.999, 1e-8)
    assert AdamW().weight_decay == 1e-2


def test_without_memory_it_is_rmsprop_without_memory():
    rng = np.random.default_rng(0)
    model, same = [np.zeros(20)], [np.zeros(20)]
    adam, rmsprop = Adam(0.1, beta1=0.0, beta2=0.0), RMSprop(0.1, decay=0.0)
    for g in rng.standard_normal((5, 20)):
        adam.step(model, [g])
        rmsprop.step(same, [g])
    assert np.array_equal(model[0], same[0])


def test_adamw_without_decay_is_adam():
    rng = np.random.default_rng(1)
    model, same = [np.ones(20)], [np.ones(20)]
    decoupled, adam = AdamW(0.1, weight_decay=0.0), Adam(0.1)
    for g in rng.standard_normal((5, 20)):
        decoupled.step(model, [g])
        adam.step(same, [g])
    assert np.array_equal(model[0], same[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_parameter_without_gradient_decays_geometrically(dtype):
    model, optimizer = [np.full(4, 3, dtype)], AdamW(0.5, weight_decay=0.5)
    for _ in range(10):
        optimizer.step(model, [np.zeros(4, dtype)])
    assert np.array_equal(model[0], np.full(4, 3 * 0.75**10, dtype))


def test_the_decay_does_not_depend_on_the_gradient_and_a_penalty_does():
    """One step from theta = 2 with eta = 0.1, lambda = 0.5 and gradients 1e-3 and 1e3.

    AdamW takes 0.1 of theta besides Adam's step of 0.1. The gradient lambda theta of a
    penalty passes through the moments: the first step is then 0.1 in all, so that the
    penalty is without any effect.
    """
    decoupled, coupled = [np.full(2, 2.0)], [np.full(2, 2.0)]
    g = np.array([1e-3, 1e3])
    AdamW(0.1, weight_decay=0.5).step(decoupled, [g])
    Adam(0.1).step(coupled, [g + 0.5 * coupled[0]])
    np.testing.assert_allclose(decoupled[0], 2 - 0.1 - 0.1, rtol=1e-5)
    np.testing.assert_allclose(coupled[0], 2 - 0.1, rtol=1e-5)


def test_the_decay_follows_the_schedule_of_the_rate():
    model, optimizer = [np.ones(1)], AdamW(0.5, weight_decay=0.5)
    for rate in (0.5, 0.25):
        optimizer.learning_rate = rate
        optimizer.step(model, [np.zeros(1)])
    assert model[0][0] == 0.75 * 0.875


def test_the_largest_gradients_move_like_all_others():
    # sqrt(v_hat) is at most the largest |g|, but its rounding may lie above it.
    largest = np.finfo(np.float32).max
    model, optimizer = [np.zeros(2, np.float32)], Adam(0.5)
    for t in range(1, 11):
        optimizer.step(model, [np.array([largest, 1], np.float32)])
        np.testing.assert_allclose(model[0], -0.5 * t, rtol=2e-6)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("beta1", 1.0, r"must be in \[0, 1\)"),
        ("beta1", -0.1, r"must be in \[0, 1\)"),
        ("beta2", 1.0, r"must be in \[0, 1\)"),
        ("beta2", np.nan, r"must be in \[0, 1\)"),
        ("epsilon", 0.0, "divided by zero in float32"),
        ("epsilon", 1e-40, "divided by zero in float32"),
        ("epsilon", np.nan, "divided by zero in float32"),
        ("epsilon", np.inf, "and finite"),
        ("weight_decay", -0.1, "pulls parameters towards zero"),
        ("weight_decay", np.inf, "pulls parameters towards zero"),
        ("weight_decay", np.nan, "pulls parameters towards zero"),
    ],
)
def test_settings_out_of_range_are_refused(name, value, words):
    with pytest.raises(ValueError, match=rf"{name} is {value}; .*{words}"):
        AdamW(**{name: value})
