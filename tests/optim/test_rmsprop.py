"""RMSprop: three steps by hand, its memory, and settings."""

import numpy as np
import pytest

from optim import RMSprop
from optim.settings import TINY


def test_three_steps_by_hand():
    # L = theta^2 / 2, g = theta, eta = 4/5, rho = 9/25, and an epsilon that is rounded
    # away:  r^2 <- (9 r^2 + 16 g^2) / 25,  theta <- theta - (4/5) g / r.
    #   t     g         r^2                 r            theta
    #   0                0                  0              5
    #   1     5         16                  4              4
    #   2     4         16                  4            16/5
    #   3   16/5   (16/625) 481    (4/25) sqrt(481)   16/5 - 16/sqrt(481)
    # 1e-15 is a few roundings.
    root = np.sqrt(481)
    model = [np.array([5.0])]
    optimizer = RMSprop(4 / 5, decay=9 / 25, epsilon=TINY)
    for theta, r in [(4, 4), (16 / 5, 4), (16 / 5 - 16 / root, 4 / 25 * root)]:
        optimizer.step(model, [model[0]])
        assert model[0][0] == pytest.approx(theta, rel=1e-15)
        assert optimizer.root_mean_squares[0][0] == pytest.approx(r, rel=1e-15)


def test_the_first_steps_are_long_and_the_last_ones_of_length_eta():
    # A constant gradient has r_t = |g| sqrt(1 - rho^t): the start at zero shows.
    model, optimizer = [np.zeros(3)], RMSprop(0.1, epsilon=TINY)
    g = np.array([1e-6, -1.0, 1e6])
    for t in range(1, 401):
        before = model[0].copy()
        optimizer.step(model, [g])
        length = np.abs(model[0] - before)
        np.testing.assert_allclose(length, 0.1 / np.sqrt(1 - 0.9**t), rtol=1e-11)
    np.testing.assert_allclose(length, 0.1, rtol=1e-11)


def test_a_large_gradient_is_forgotten():
    # r falls by sqrt(rho) a step, to the size of the gradients that follow.
    model, optimizer = [np.zeros(1)], RMSprop(decay=0.25)
    optimizer.step(model, [np.array([1e6])])
    sizes = []
    for _ in range(40):
        optimizer.step(model, [np.ones(1)])
        sizes.append(optimizer.root_mean_squares[0][0])
    assert sizes[4] == pytest.approx(1e6 * np.sqrt(0.75) / 2**5, rel=1e-6)
    assert sizes[-1] == pytest.approx(1, rel=1e-11)


def test_without_memory_only_the_sign_counts():
    rng = np.random.default_rng(0)
    model, optimizer = [np.zeros(20)], RMSprop(0.1, decay=0.0)
    gradients = rng.choice([-1, 1], (5, 20)) * 10 ** rng.uniform(-2, 4, (5, 20))
    for g in gradients:
        optimizer.step(model, [g])
    expected = -0.1 * np.sign(gradients).sum(axis=0)
    np.testing.assert_allclose(model[0], expected, rtol=0, atol=5 * 0.1 * 1e-6)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("decay", 1.0, r"must be in \[0, 1\)"),
        ("decay", -0.1, r"must be in \[0, 1\)"),
        ("decay", np.nan, r"must be in \[0, 1\)"),
        ("epsilon", 0.0, "divided by zero in float32"),
        ("epsilon", 1e-40, "divided by zero in float32"),
        ("epsilon", np.nan, "divided by zero in float32"),
        ("epsilon", np.inf, "and finite"),
    ],
)
def test_settings_out_of_range_are_refused(name, value, words):
    with pytest.raises(ValueError, match=rf"{name} is {value}; .*{words}"):
        RMSprop(**{name: value})
