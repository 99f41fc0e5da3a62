"""Gradient descent: three steps by hand, and a step that is not taken.

Its behavior on a quadratic is in tests/lecture/test_optimizers.py.
"""

import numpy as np
import pytest

from optim import SGD, NonFiniteError


def test_three_steps_by_hand():
    # L = theta^2, g = 2 theta, eta = 1/4: every step halves theta.
    #   t    g    eta g    theta
    #   0                    8
    #   1   16      4        4
    #   2    8      2        2
    #   3    4      1        1
    model, optimizer = [np.array([8.0])], SGD(0.25)
    for theta in (4, 2, 1):
        optimizer.step(model, [2 * model[0]])
        assert model[0][0] == theta
    assert optimizer.steps == 3


@np.errstate(over="ignore")  # an undecorated kernel warns before the error comes
def test_a_step_past_the_largest_number_is_not_taken():
    model = [np.array([1.0]), np.array([1e300, 1.0])]
    with pytest.raises(NonFiniteError, match=r"model\[1\]: .* in 1 of 2 entries"):
        SGD(1e6).step(model, [np.array([1.0]), np.array([1e306, 1.0])])
    assert model[0] == 1
    assert np.array_equal(model[1], [1e300, 1])


def test_the_rate_has_no_default():
    # Its unit is parameter^2 / loss: no number is right for two losses.
    with pytest.raises(TypeError, match="learning_rate"):
        SGD()
