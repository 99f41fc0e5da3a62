"""Four demonstrations of the course's notebooks, and what they would have to be.

On contrastive divergence: that a divergence has a direction, where a gradient leads,
what a Gibbs step is, and which patterns are bars and stripes. To be read after
test_contrastive_divergence.py; every statement is an assertion. Numbers like E23 are
those of the list in README.md.
"""

import numpy as np
import pytest

from data import bars_and_stripes
from models import kl_divergence
from samplers.exact import visible_probabilities
from tests.lecture.machines import eigenvalues, sigmoid, some_machine, two_layer_step


def test_a_symmetric_pair_cannot_show_that_a_divergence_has_a_direction():
    """(0.7, 0.3) and (0.3, 0.7): 0.3389 nats either way, by the symmetry (E23).

    Exchanging the outcomes turns one law into the other, and renaming outcomes changes
    no divergence. From a fair coin the two directions differ: 0.0823 and 0.0872.
    """
    p, q, fair = np.array([[0.7, 0.3], [0.3, 0.7], [0.5, 0.5]])
    there, back = kl_divergence(p, q), kl_divergence(q, p)
    assert there == pytest.approx(0.4 * np.log(7 / 3), rel=1e-13)
    assert there == pytest.approx(0.3389, abs=5e-5)
    assert there == back
    assert kl_divergence(p, fair) == pytest.approx(0.0823, abs=5e-5)
    assert kl_divergence(fair, p) == pytest.approx(0.0872, abs=5e-5)


def test_where_the_gradient_of_the_likelihood_is_positive_theta_has_to_grow():
    """f(x) = exp(theta x), x in {0, 1}: L' = <x>_data - <x>_model (E23).

    The legend says to decrease theta where it is positive; that lowers L, which is to
    be raised. Up the gradient it rises, from either side of the maximum.
    """
    data = 0.8

    def log_likelihood(theta):
        return data * theta - np.log1p(np.exp(theta))

    for theta in (-1.0, 0.0, 3.0):
        slope = data - sigmoid(theta)
        corrected, printed = theta + 0.1 * slope, theta - 0.1 * slope
        assert log_likelihood(corrected) > log_likelihood(theta)
        assert log_likelihood(printed) < log_likelihood(theta)


def test_a_step_towards_the_answer_is_no_gibbs_step():
    """p_{k+1} = (1 - t) p_k + t p_model takes the model to find the model (E23).

    As a matrix it is (1 - t) I + t 1 p^T, whose eigenvalues but the first are 1 - t for
    any machine. A Gibbs step takes the conditional laws only, and its second eigenvalue
    is the machine's own: 0.03 here, and 0.67 for parameters ten times as large.
    """
    t, paces = 0.3, []
    for scale in (0.3, 3.0):
        machine = some_machine(scale=scale)
        p = visible_probabilities(machine)
        n = len(p)
        mixture = (1 - t) * np.eye(n) + t * np.tile(p, (n, 1))
        gibbs = two_layer_step(machine)
        for step in (mixture, gibbs):
            np.testing.assert_allclose(p @ step, p, atol=1e-14)
        np.testing.assert_allclose(eigenvalues(mixture, p)[1:], 1 - t, rtol=1e-12)
        paces.append(eigenvalues(gibbs, p)[1])
    assert paces == pytest.approx([0.027, 0.670], abs=5e-4)


def test_single_bars_with_noise_are_not_bars_and_stripes():
    """3 x 3: any set of rows, or of columns, is on, 2^4 - 2 = 14 patterns (E23).

    Single bars are six of them, with 1.79 nats of entropy for 2.64. With real noise on
    top an image is none of them, and no state of binary units at all.
    """
    law = bars_and_stripes(3)
    assert law.patterns.shape == (14, 9)
    rows = np.repeat(np.eye(3), 3, axis=1)
    columns = np.tile(np.eye(3), (1, 3))
    single = np.concatenate([rows, columns])
    np.testing.assert_allclose(law.log_density(single), -np.log(14), rtol=1e-14)
    assert len(single) < len(law.patterns)
    noisy = single + 0.1 * np.random.default_rng(0).normal(size=single.shape)
    assert np.all(np.isneginf(law.log_density(noisy)))
