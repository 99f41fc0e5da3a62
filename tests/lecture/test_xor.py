"""How many hidden units a law needs: XOR, three units of which an even number is on.

    p_0(x) = 1/4 for x = 000, 011, 101, 110,   -<log p>_{p_0} >= log 4 = 1.38629.

The third unit is the XOR of the other two. To be read from top to bottom; every
statement is an assertion. Numbers like E24 are those of the list in README.md.

Sources: P. Smolensky, Parallel Distributed Processing 1 (1986), chapter 6; N. Le Roux
and Y. Bengio, Neural Computation 20 (2008), 1631, for a hidden unit a state.
"""

import numpy as np
import pytest

from models.rbm import RBM
from models.rbm_gradient import exact_value_and_gradient
from optim import BFGS
from samplers.exact import visible_probabilities

EVEN = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]], float)


def loss(rbm):
    """-log p of the four states, on average, in nats."""
    return exact_value_and_gradient(rbm, EVEN)[0]


def test_no_pair_of_units_knows_of_it():
    """Any two units are two fair coins; of the three not all is possible.

    So couplings between pairs cannot make this law: it takes hidden units.
    """
    np.testing.assert_array_equal(EVEN.mean(axis=0), 1 / 2)
    np.testing.assert_array_equal(np.cov(EVEN.T, bias=True), np.eye(3) / 4)
    np.testing.assert_array_equal(EVEN[:, :2].sum(axis=1) % 2, EVEN[:, 2])


def raising(states, gains, a, slope=200.0):
    """A machine with a hidden unit for each state, which multiplies f by 1 + e^gain.

    The input gain - slope d falls with the number d of units in which x differs from
    the state, so that the unit is off elsewhere.
    """
    states = np.asarray(states, float)
    W = slope * (2 * states - 1).T
    return RBM(W, np.asarray(a, float), gains - slope * states.sum(axis=1))


def test_what_one_hidden_unit_can_do():
    """log 4 - (3/4) log(2 sqrt(3) - 3) = 1.96203: one state right (E24).

    The unit raises 000 to 1/4. Below it are coins with the odds r, which give each of
    the other three 3/4 of r^2 / ((1 + r)^3 - 1), at most at r = sqrt(3).
    """
    r = np.sqrt(3)
    gain = np.log(((1 + r) ** 3 - 1) / 3 - 1)
    rbm = raising([[0, 0, 0]], gain, np.full(3, np.log(r)))
    bound = np.log(4) - 0.75 * np.log(2 * r - 3)
    assert bound == pytest.approx(1.96203, abs=5e-6)
    assert loss(rbm) == pytest.approx(bound, abs=1e-12)


def test_what_two_hidden_units_can_do():
    """(5/2) log 2 = 1.73287 > log 4: two states right, two by a coin (E24).

    The third unit is on, the others are coins: 1/8 for two states of XOR, and for two
    that are not. The two hidden units raise 000 and 110 to 1/4.
    """
    rbm = raising([[0, 0, 0], [1, 1, 0]], 40 + np.log(2), [0, 0, 40])
    p = visible_probabilities(rbm.machine)
    np.testing.assert_allclose(p, np.array([2, 1, 0, 1, 0, 1, 2, 1]) / 8, atol=1e-12)
    assert loss(rbm) == pytest.approx(2.5 * np.log(2), abs=1e-12)


def test_what_three_hidden_units_can_do():
    """log 4: the visible biases leave 000, and each unit raises another state (E24)."""
    rbm = raising(EVEN[1:], 80, [-40, -40, -40])
    p = visible_probabilities(rbm.machine)
    np.testing.assert_allclose(p, np.array([1, 0, 0, 1, 0, 1, 1, 0]) / 4, atol=1e-12)
    assert loss(rbm) == pytest.approx(np.log(4), abs=1e-12)


def best_of(hidden, restarts):
    """The lowest loss that BFGS finds from random starts."""
    found = []
    for seed in range(restarts):
        rng = np.random.default_rng(seed)
        W, a, b = (rng.normal(size=shape) for shape in ((3, hidden), 3, hidden))
        rbm, optimizer = RBM(2 * W, a, b), BFGS(gradient_tolerance=1e-6)
        while optimizer.stopped is None:
            optimizer.step(lambda rbm: exact_value_and_gradient(rbm, EVEN), rbm)
        found.append(optimizer.value)
    return min(found)


@pytest.mark.parametrize(
    ("hidden", "best"), [(1, 1.96203), (2, 1.73287), (3, 1.38629), (4, 1.38629)]
)
def test_two_hidden_units_do_not_suffice(hidden, best):
    """No start of 20 leads below what was built above: three units are needed (E24).

    The gradient is exact and no chain is involved, so it is the machine that fails,
    and not its training. A fourth unit brings no more.
    """
    found = best_of(hidden, 20)
    assert found == pytest.approx(best, abs=1e-5)
    assert (found < np.log(4) + 1e-5) == (hidden >= 3)
