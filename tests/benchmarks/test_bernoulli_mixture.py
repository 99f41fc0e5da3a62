"""Mixtures of independent binary pixels, held to sums over all states."""

import numpy as np
import pytest
from scipy.special import logsumexp

from benchmarks.bernoulli_mixture import (
    IMAGINED,
    BernoulliMixture,
    fit_mixture,
    independent_pixels,
)
from samplers.machine import binary_states


@pytest.fixture
def mixture():
    rng = np.random.default_rng(0)
    return BernoulliMixture(np.array([0.5, 0.3, 0.2]), rng.uniform(0.1, 0.9, (3, 4)))


def test_probabilities_are_those_of_the_formula_and_have_the_sum_1(mixture):
    x = binary_states(4)
    p = np.exp(mixture.log_likelihood(x))
    m = mixture.m[:, np.newaxis]
    expected = mixture.w @ np.prod(np.where(x, m, 1 - m), axis=2)
    np.testing.assert_allclose(p, expected, rtol=1e-13)
    assert p.sum() == pytest.approx(1, abs=1e-14)


def test_what_is_filled_in_is_the_conditional_mean(mixture):
    known = np.array([True, False, True, False])
    x = binary_states(4)
    p = np.exp(mixture.log_likelihood(x))
    for given in x:
        fits = np.all(x[:, known] == given[known], axis=1)
        expected = p[fits] @ x[fits] / p[fits].sum()
        filled = mixture.fill(given[np.newaxis], known)[0]
        np.testing.assert_allclose(filled[~known], expected[~known], rtol=1e-13)


def test_a_step_raises_the_likelihood_with_the_imagined_images(mixture):
    """The quantity that EM climbs: the likelihood, and c of each imagined pixel."""
    x = (np.random.default_rng(1).random((50, 4)) < 0.3).astype(float)

    def objective(theta):
        imagined = np.log(theta.m) + np.log1p(-theta.m)
        prior = 2 * IMAGINED * np.log(theta.w).sum() + IMAGINED * imagined.sum()
        return theta.log_likelihood(x).sum() + prior

    values = []
    for _ in range(20):
        values.append(objective(mixture))
        mixture = mixture.step(x)
    assert np.all(np.diff(values) > 0)


def test_one_component_has_the_means_of_the_pixels():
    x = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    expected = (np.array([3, 1]) + IMAGINED) / (3 + 2 * IMAGINED)
    np.testing.assert_allclose(independent_pixels(x).m, [expected])


def test_two_kinds_of_images_are_told_apart():
    rng = np.random.default_rng(0)
    kinds = np.repeat([[0.9], [0.1]], 500, axis=0)
    x = (rng.random((1000, 12)) < kinds).astype(float)
    mixture = fit_mixture(x, 2, rng=3)
    means = np.sort(mixture.m.mean(axis=1))
    np.testing.assert_allclose(means, [0.1, 0.9], atol=0.02)
    np.testing.assert_allclose(mixture.w, 0.5, atol=0.02)
    alone = independent_pixels(x).log_likelihood(x).mean()
    both = logsumexp([[12 * np.log(0.5)]])
    assert alone == pytest.approx(both, abs=0.05)
    assert mixture.log_likelihood(x).mean() > alone + 3
