"""R-hat: by its definition and by hand, and what each of its parts is there to find."""

import warnings
from math import sqrt
from statistics import NormalDist, mean, median, variance

import numpy as np
import pytest

from samplers.convergence import normal_scores, r_hat
from tests.samplers.series import autoregression

RNG = np.random.default_rng(0)


def location(chains):
    """R-hat of the ranks of lists of numbers, as they are: neither split nor folded."""
    pooled = sorted(x for chain in chains for x in chain)
    s, n = len(pooled), len(chains[0])

    def score(x):
        first = pooled.index(x) + 1
        rank = first + (pooled.count(x) - 1) / 2
        return NormalDist().inv_cdf((rank - 3 / 8) / (s + 1 / 4))

    z = [[score(x) for x in chain] for chain in chains]
    within = mean(variance(chain) for chain in z)
    between = variance(mean(chain) for chain in z)
    return sqrt(((n - 1) / n * within + between) / within)


def halves(draws):
    half = len(draws[0]) // 2
    return [part for x in np.array(draws).tolist() for part in (x[:half], x[-half:])]


def folded(chains):
    middle = median(x for chain in chains for x in chain)
    return [[abs(x - middle) for x in chain] for chain in chains]


@pytest.mark.parametrize("shape", [(1, 8), (1, 9), (2, 4), (3, 7), (4, 20)])
def test_the_definition(shape):
    for draws in (RNG.standard_normal(shape), RNG.integers(0, 6, shape)):
        parts = [location(halves(draws)), location(folded(halves(draws)))]
        assert r_hat(draws) == pytest.approx(max(parts), rel=1e-12)


def test_by_hand():
    """Halves 00, 01, 11, 10, of which each score is -z or z, so that z drops out.

    W is the mean of 0, 2, 0, 2 and B that of 1, 0, 1, 0 times 4/3: in units of z^2,
    R-hat^2 = 1/2 + (2/3) / 1. The spread about the median 1/2 is a constant.
    """
    assert r_hat([[0, 0, 0, 1], [1, 1, 1, 0]]) == pytest.approx(sqrt(7 / 6), rel=1e-14)
    assert r_hat([[0, 1, 0, 1]]) == pytest.approx(sqrt(1 / 2), rel=1e-14)


def test_the_scores_of_ties():
    """Ranks 1, 2.5, 2.5, 4 of 4: Phi^-1((r - 3/8) / (S + 1/4)) is odd about 2.5."""
    scores = normal_scores(np.array([[[5.0, 7.0], [7.0, 9.0]]]))
    z = NormalDist().inv_cdf((4 - 3 / 8) / 4.25)
    np.testing.assert_allclose(scores, [[[-z, 0], [0, z]]], rtol=1e-14, atol=1e-16)


def test_chains_that_agree():
    """All of 200 quantities; finds a standard that good chains do not meet."""
    assert np.all(r_hat(RNG.standard_normal((4, 1000, 200))) < 1.01)
    assert np.all(r_hat(RNG.standard_cauchy((4, 1000, 200))) < 1.01)
    correlated = r_hat(autoregression(0.8, (4, 10_000, 20), 1))
    assert np.all(correlated < 1.01)


def test_a_chain_elsewhere():
    draws = RNG.standard_normal((4, 500))
    draws[2] += 0.5
    assert r_hat(draws) > 1.03
    heavy = RNG.standard_cauchy((4, 500))
    heavy[2] += 2
    assert r_hat(heavy) > 1.03
    # Without ranks a few huge draws hide it.
    means, within = heavy.mean(axis=1), heavy.var(axis=1, ddof=1).mean()
    assert sqrt(499 / 500 + means.var(ddof=1) / within) < 1.01


def test_folding_finds_a_chain_of_another_width():
    draws = RNG.standard_normal((4, 500))
    draws[2] *= 2
    assert location(halves(draws)) < 1.01
    assert r_hat(draws) > 1.03


def test_splitting_finds_a_trend_that_all_chains_share():
    draws = RNG.standard_normal((4, 500)) + np.linspace(-1, 1, 500)
    chains = draws.tolist()
    assert max(location(chains), location(folded(chains))) < 1.01
    assert r_hat(draws) > 1.1
    assert r_hat(draws[:1]) > 1.1


def test_a_chain_that_got_stuck():
    """In the middle of the others its location is right, and its spread is not."""
    draws = RNG.standard_normal((4, 500))
    for place in (0.0, 2.0):
        draws[1] = place
        assert r_hat(draws) > 1.1
    assert location(halves(np.where(draws == 2, 0, draws))) < 1.01


def test_it_does_not_depend_on_the_scale_of_measurement():
    draws = RNG.standard_normal((4, 500)) + np.arange(4)[:, np.newaxis]
    expected = r_hat(draws)
    assert expected > 1.5
    for increasing in (np.exp, np.arctan, lambda x: x**3):
        assert r_hat(increasing(draws)) == expected
    assert r_hat(-draws) == pytest.approx(expected, rel=1e-12)


def test_constants():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(r_hat(np.full((4, 701), 0.1)))
        assert r_hat(np.tile([[0.1], [0.3]], (1, 701))) == np.inf
        assert r_hat(np.tile([[0.1], [0.2], [0.7]], (1, 701))) == np.inf
        assert r_hat([[0.1] * 50 + [0.7] * 50]) == np.inf
