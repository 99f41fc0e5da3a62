"""AdaGrad: three steps by hand, the rate that falls, and settings."""

import numpy as np
import pytest

from optim import AdaGrad, NonFiniteError
from optim.settings import TINY


def test_three_steps_by_hand():
    # L = theta^2 / 2, g = theta, eta = 1, and an epsilon that is rounded away.
    #   t     g        r^2 = sum of g^2       r           g / r          theta
    #   0                   0                 0                            4
    #   1     4            16                 4             1              3
    #   2     3            25                 5            3/5           12/5
    #   3   12/5     25 + 144/25 = 769/25  sqrt(769)/5  12/sqrt(769)  12/5 - g/r
    # 1e-15 is a few roundings.
    root = np.sqrt(769)
    model, optimizer = [np.array([4.0])], AdaGrad(1.0, epsilon=TINY)
    for theta, r in [(3, 4), (12 / 5, 5), (12 / 5 - 12 / root, root / 5)]:
        optimizer.step(model, [model[0]])
        assert model[0][0] == pytest.approx(theta, rel=1e-15)
        assert optimizer.root_sums[0][0] == pytest.approx(r, rel=1e-15)


def test_a_constant_gradient_takes_steps_that_fall_like_one_over_root_t():
    model, optimizer = [np.zeros(3)], AdaGrad(0.1, epsilon=TINY)
    g = np.array([1e-6, -1.0, 1e6])
    for t in range(1, 101):
        before = model[0].copy()
        optimizer.step(model, [g])
        moved = before - model[0]
        np.testing.assert_allclose(moved, 0.1 * np.sign(g) / np.sqrt(t), rtol=1e-12)


def test_a_rare_gradient_keeps_its_long_step():
    model, optimizer = [np.zeros(2)], AdaGrad(0.1)
    for _ in range(99):
        optimizer.step(model, [np.array([1.0, 0.0])])
    before = model[0].copy()
    optimizer.step(model, [np.array([1.0, 1.0])])
    np.testing.assert_allclose(before - model[0], [0.01, 0.1], rtol=1e-9)


@np.errstate(over="ignore")  # an undecorated kernel warns before the error comes
def test_a_sum_past_the_largest_number_is_refused():
    model, optimizer = [np.zeros(2, np.float32)], AdaGrad()
    g = np.array([3e38, 1], np.float32)
    optimizer.step(model, [g])
    before = model[0].copy()
    with pytest.raises(NonFiniteError, match=r"model\[0\]: .* in 1 of 2 entries"):
        optimizer.step(model, [g])
    assert np.array_equal(model[0], before)
    assert np.array_equal(optimizer.root_sums[0], g)


@pytest.mark.parametrize("value", [0.0, -1e-8, 1e-40, np.inf, np.nan])
def test_epsilon_is_positive_in_float32(value):
    with pytest.raises(ValueError, match=r"epsilon is .* at least 1\.18e-38"):
        AdaGrad(epsilon=value)
