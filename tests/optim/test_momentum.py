"""The heavy ball and Nesterov's method: three steps by hand, limits, and settings.

Their behavior on a quadratic is in tests/lecture/test_optimizers.py.
"""

import numpy as np
import pytest

from optim import SGD, Momentum, Nesterov


def test_three_steps_of_the_heavy_ball_by_hand():
    # L = theta^2 / 2, g = theta, eta = mu = 1/2:  v <- v/2 - g/2, theta <- theta + v.
    #   t    g     v    theta
    #   0          0      8
    #   1    8    -4      4
    #   2    4    -4      0
    #   3    0    -2     -2     it rolls through the minimum
    model, optimizer = [np.array([8.0])], Momentum(0.5, momentum=0.5)
    for theta, v in [(4, -4), (0, -4), (-2, -2)]:
        optimizer.step(model, [model[0]])
        assert (model[0][0], optimizer.velocities[0][0]) == (theta, v)


def test_three_steps_of_nesterov_by_hand():
    # The same with v <- v/2 - g/2, phi <- phi + v/2 - g/2, where phi = theta + v/2.
    #   t     g       v      phi     theta = phi - v/2
    #   0             0       8        8
    #   1     8      -4       2        4
    #   2     2      -3     -1/2       1
    #   3   -1/2    -5/4    -7/8     -1/4
    model, optimizer = [np.array([8.0])], Nesterov(0.5, momentum=0.5)
    for phi, v, theta in [(2, -4, 4), (-0.5, -3, 1), (-0.875, -1.25, -0.25)]:
        optimizer.step(model, [model[0]])
        velocity = optimizer.velocities[0][0]
        assert (model[0][0], velocity, model[0][0] - velocity / 2) == (phi, v, theta)


def test_nesterov_takes_its_gradient_ahead_of_the_parameters():
    """The model follows theta + mu v of the two lines in which Nesterov is stated.

        v <- mu v - eta grad L(theta + mu v),   theta <- theta + v,

    on a function whose gradient is not linear. 1e-13 is some hundred roundings; a
    gradient taken at theta would be off by a tenth.
    """

    def gradient(x):
        return np.sinh(x) * np.array([1.0, 3.0, 9.0])

    theta, v, eta, mu = np.array([1.0, -0.5, 0.2]), np.zeros(3), 0.05, 0.8
    model, optimizer = [theta.copy()], Nesterov(eta, momentum=mu)
    for _ in range(40):
        v = mu * v - eta * gradient(theta + mu * v)
        theta = theta + v
        optimizer.step(model, [gradient(model[0])])
        np.testing.assert_allclose(model[0], theta + mu * v, rtol=0, atol=1e-13)
    assert 1e-4 < np.max(np.abs(theta)) < 0.1


@pytest.mark.parametrize("kind", [Momentum, Nesterov])
def test_a_constant_gradient_reaches_its_terminal_velocity(kind):
    # v_k = -eta g (1 - mu^k) / (1 - mu), within the roundings of k sums
    model, optimizer = [np.zeros(1)], kind(0.1, momentum=0.75)
    for k in range(1, 101):
        optimizer.step(model, [np.array([3.0])])
        expected = -0.1 * 3 * (1 - 0.75**k) / (1 - 0.75)
        assert optimizer.velocities[0][0] == pytest.approx(expected, rel=1e-14)
    assert optimizer.velocities[0][0] == pytest.approx(-1.2, rel=1e-12)


@pytest.mark.parametrize("kind", [Momentum, Nesterov])
def test_without_momentum_it_is_gradient_descent(kind):
    rng = np.random.default_rng(0)
    model, same = [np.ones(20)], [np.ones(20)]
    ball, descent = kind(0.1, momentum=0.0), SGD(0.1)
    for g in rng.standard_normal((10, 20)):
        ball.step(model, [g])
        descent.step(same, [g])
    assert np.array_equal(model[0], same[0])


@pytest.mark.parametrize("kind", [Momentum, Nesterov])
@pytest.mark.parametrize("value", [1.0, 1.5, -0.1, np.nan, np.inf])
def test_momentum_is_a_fraction(kind, value):
    with pytest.raises(ValueError, match=r"momentum is .* must be in \[0, 1\)"):
        kind(0.1, momentum=value)
