"""What is drawn from a machine, and what it fills in."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import logsumexp
from scipy.stats import norm

from models.rbm import RBM
from samplers.chains import Chains
from samplers.exact import visible_probabilities
from samplers.gibbs import Gibbs
from samplers.machine import binary_states
from tests.data.agreement import chi_square
from tests.kolmogorov import LIMIT, distance
from tests.models.machines import (
    KINDS,
    hidden_states,
    make_rbm,
    make_states,
)

Z_LIMIT = 5.03


def numbers_of(x):
    """Which row of binary_states each row is."""
    return x.astype(int) @ (1 << np.arange(x.shape[1])[::-1])


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gibbs_takes_the_steps_of_the_sampler(kind, dtype):
    rbm = make_rbm(kind, dtype=dtype)
    x = make_states(rbm)
    clamped = np.array([True, False, False, True])
    for steps, mask in ((1, None), (3, clamped)):
        found = rbm.gibbs(x, steps, rng=5, clamped=mask)
        chains = Chains(Gibbs(rbm.machine, clamped=mask), state=x, rng=5)
        np.testing.assert_array_equal(found, chains.run(steps)[:, -1])
        assert found.dtype == dtype
    np.testing.assert_array_equal(found[:, clamped], x[:, clamped])


@pytest.mark.parametrize("method", ["exact", "gibbs"])
def test_binary_draws_have_the_probabilities_of_the_machine(method):
    """By chi-square of 64 states: errors of 8 % in each probability are seen."""
    rbm = make_rbm("binary", 6, 4)
    x = rbm.sample(20_000, 1, method=method, steps=50)
    assert x.dtype == np.float64
    p = visible_probabilities(rbm.machine)
    assert chi_square(np.bincount(numbers_of(x), minlength=64), len(x) * p) < 1


@pytest.mark.parametrize("kind", ["fixed", "learned-scaled"])
@pytest.mark.parametrize("method", ["exact", "gibbs"])
def test_gaussian_draws_are_those_of_the_mixture(kind, method):
    """By Kolmogorov and Smirnov along each unit: an error of 0.04 in F is seen."""
    rbm = make_rbm(kind, 3, 3)
    x = rbm.sample(20_000, 1, method=method, steps=50)
    h = hidden_states(rbm)
    log_p = -rbm.hidden_free_energy(h)
    p, mean = np.exp(log_p - logsumexp(log_p)), rbm.prob_x_given_h(h)
    for i in range(3):
        F = norm.cdf(x[:, i, np.newaxis], mean[:, i], rbm.sigma[i]) @ p
        assert distance(F) < LIMIT


@KINDS
def test_what_cannot_be_counted_is_drawn_by_chains(kind):
    rbm = make_rbm(kind, 40, 30, scale=0.1)
    auto = rbm.sample(3, 7, steps=4)
    np.testing.assert_array_equal(auto, rbm.sample(3, 7, method="gibbs", steps=4))
    with pytest.raises(ValueError, match="write method='gibbs' and rng=0"):
        rbm.sample(3, 7, method="exact")


@KINDS
def test_features_and_reconstructions_are_means_of_the_other_layer(kind):
    rbm = make_rbm(kind, dtype=np.float32)
    x = make_states(rbm)
    h = rbm.prob_h_given_x(x)
    np.testing.assert_array_equal(rbm.transform(x.astype(np.float64)), h)
    np.testing.assert_array_equal(rbm.reconstruct(x), rbm.prob_x_given_h(h))
    assert rbm.transform([[1, 0, 0, 1]]).dtype == np.float32


def test_gray_levels_have_features():
    """As means of binary units that the features are linear in, before the sigmoid."""
    rbm = make_rbm("binary")
    assert rbm.transform(np.full((2, 4), 0.3)).shape == (2, 3)


KNOWN = np.array([True, False, True, False, False])


def given_known(rbm, x):
    """E[x_i | known units of x], (n, M): from p(x), or from the mixture of Gaussians.

    Of the mixture each component is weighed by the density of what is known.
    """
    if type(rbm) is RBM:
        states = binary_states(5).astype(float)
        fits = np.all((states == x[:, np.newaxis]) | ~KNOWN, axis=2)
        log_p = np.where(fits, rbm.log_likelihood(states), -np.inf)
    else:
        h = hidden_states(rbm)
        states = rbm.prob_x_given_h(h)
        parts = norm.logpdf(x[:, np.newaxis], states, rbm.sigma)
        log_p = parts[..., KNOWN].sum(axis=-1) - rbm.hidden_free_energy(h)
    p = np.exp(log_p - logsumexp(log_p, axis=1, keepdims=True))
    return np.where(KNOWN, x, p @ states)


@KINDS
def test_in_painting_converges_to_the_conditional_mean(kind):
    """By z over 40 independent runs of each of five images; errors of 0.06 are seen."""
    rbm = make_rbm(kind, 5, 3)
    x = make_states(rbm)
    runs = rbm.inpaint(np.repeat(x, 40, axis=0), KNOWN, rng=3, steps=1500)
    runs = runs.reshape(5, 40, 5)
    assert np.array_equal(runs[..., KNOWN], np.repeat(x[:, np.newaxis, KNOWN], 40, 1))
    error = runs.mean(axis=1) - given_known(rbm, x)
    spread = runs.std(axis=1, ddof=1) / np.sqrt(40)
    assert np.all(np.abs(error[:, ~KNOWN]) < Z_LIMIT * spread[:, ~KNOWN])
    assert spread.max() < 0.012


@KINDS
def test_it_does_not_matter_what_is_not_known(kind):
    rbm = make_rbm(kind, 5, 3, dtype=np.float32)
    x = make_states(rbm)
    erased = np.where(KNOWN, x, np.nan)
    found = rbm.inpaint(erased, KNOWN, rng=0, steps=5)
    np.testing.assert_array_equal(found, rbm.inpaint(x, KNOWN, rng=0, steps=5))
    assert found.dtype == np.float32
    assert np.isnan(erased).any()


def test_the_mean_leaves_out_the_first_steps():
    """Of a chain of 3 + 2 steps, the mean of 5 less that of 3."""
    rbm = make_rbm("binary", 5, 3)
    x = make_states(rbm)
    five = 5 * rbm.inpaint(x, KNOWN, rng=0, steps=5, burn_in=0)
    three = 3 * rbm.inpaint(x, KNOWN, rng=0, steps=3, burn_in=0)
    found = rbm.inpaint(x, KNOWN, rng=0, steps=2, burn_in=3)
    np.testing.assert_allclose(found, (five - three) / 2, rtol=1e-12)


def test_masks_that_make_no_sense_are_refused():
    rbm, x = make_rbm("binary"), make_states(make_rbm("binary"))
    with pytest.raises(ValueError, match="nothing to fill in"):
        rbm.inpaint(x, np.ones(4, bool), rng=0)
    with pytest.raises(ValueError, match=r"sample\(n, rng\)"):
        rbm.inpaint(x, np.zeros(4, bool), rng=0)
    for known in (np.ones(3, bool), np.array([0, 1, 1, 1]), x == 1):
        with pytest.raises(ValueError, match=r"it is \(4,\), of dtype bool"):
            rbm.inpaint(x, known, rng=0)


def test_settings_that_make_no_sense_are_refused():
    rbm = make_rbm("binary")
    x, known = make_states(rbm), np.arange(4) < 2
    with pytest.raises(ValueError, match="n is 0"):
        rbm.sample(0, 0)
    with pytest.raises(ValueError, match="the names are auto, exact, gibbs"):
        rbm.sample(1, 0, method="hmc")
    with pytest.raises(ValueError, match="steps is 0"):
        rbm.gibbs(x, 0, rng=0)
    with pytest.raises(ValueError, match="steps is 0"):
        rbm.inpaint(x, known, rng=0, steps=0)
    with pytest.raises(ValueError, match="burn_in is -1"):
        rbm.inpaint(x, known, rng=0, burn_in=-1)
    with pytest.raises(ValueError, match="clamped is"):
        rbm.gibbs(x, rng=0, clamped=np.ones(3, bool))


@KINDS
def test_data_that_do_not_fit_are_refused(kind):
    rbm, known = make_rbm(kind), np.arange(4) < 2
    calls = [
        rbm.transform,
        rbm.reconstruct,
        lambda x: rbm.gibbs(x, rng=0),
        lambda x: rbm.inpaint(x, known, rng=0),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"X has shape \(2, 3\); it is \(n, 4\)"):
            call(np.ones((2, 3)))
        with pytest.raises(ValueError, match="nan or infinity"):
            call(np.full((2, 4), np.inf))
    with pytest.raises(TypeError, match=r"X\.toarray\(\)"):
        rbm.transform(csr_array(np.eye(4)))


def test_chains_of_binary_units_start_at_states():
    rbm = make_rbm("binary")
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        rbm.gibbs(np.full((2, 4), 0.3), rng=0)
