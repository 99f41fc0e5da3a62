"""Initializers: variance, shape of the distribution, orthogonality.

A sample variance of N independent normal draws, over the true one, is chi-square over
N - 1, and narrower for uniform draws. With N = 200 x 300 and a chance of 1e-6 for a
false alarm on either side the limits are 0.973 and 1.028, so a variance that is wrong
by 6 percent is found with probability 1 - 1e-6; n_out in the place of n_in is wrong by
33 percent.
"""

import numpy as np
import pytest
from scipy import stats

from models import INITIALIZERS, glorot, he, orthogonal

N_IN, N_OUT = 200, 300
VARIANCE = {"glorot": 2 / (N_IN + N_OUT), "he": 2 / N_IN, "orthogonal": 1 / N_OUT}


@pytest.mark.parametrize("name", ["glorot", "he"])
def test_mean_and_variance(name):
    draws = INITIALIZERS[name](N_IN, N_OUT, rng=0)
    n = draws.size
    low, high = stats.chi2.ppf([1e-6, 1 - 1e-6], n - 1) / (n - 1)
    assert low < draws.var(ddof=1) / VARIANCE[name] < high
    assert abs(draws.mean()) < 4.9 * np.sqrt(VARIANCE[name] / n)


@pytest.mark.parametrize("name", ["glorot", "he"])
def test_the_distribution(name):
    draws = INITIALIZERS[name](N_IN, N_OUT, rng=1).ravel() / np.sqrt(VARIANCE[name])
    law = {"glorot": stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)), "he": stats.norm()}
    # Dvoretzky-Kiefer-Wolfowitz: D sqrt(N) > 2.7 has probability 1e-6, so a distance
    # of 0.022 between the distribution functions is found as surely.
    distance = stats.kstest(draws, law[name].cdf).statistic
    assert distance * np.sqrt(draws.size) < 2.7


@pytest.mark.parametrize("shape", [(5, 5), (40, 7), (7, 40), (1, 9), (9, 1)])
def test_orthogonal_to_rounding(shape):
    W = orthogonal(*shape, rng=0)
    gram = W.T @ W if shape[0] >= shape[1] else W @ W.T
    assert W.shape == shape
    assert np.abs(gram - np.eye(min(shape))).max() < 1e-12


def test_orthogonal_is_uniform():
    # Under the Haar measure E[W] = 0; the convention of LAPACK alone makes the
    # diagonal of Q negative. The trace of a Haar matrix has variance one.
    traces = [np.trace(orthogonal(4, 4, rng=seed)) for seed in range(2000)]
    assert abs(np.mean(traces)) < 4.9 / np.sqrt(2000)
    low, high = stats.chi2.ppf([1e-6, 1 - 1e-6], 1999) / 1999
    assert low < np.var(traces, ddof=1) < high


@pytest.mark.parametrize("name", INITIALIZERS)
def test_one_seed_gives_the_same_weights_in_both_precisions(name):
    draw = INITIALIZERS[name]
    double, single = draw(6, 4, rng=3), draw(6, 4, rng=3, dtype=np.float32)
    assert (double.dtype, single.dtype) == (np.float64, np.float32)
    assert double.flags.c_contiguous
    assert single.flags.c_contiguous
    assert np.array_equal(single, double.astype(np.float32))
    assert np.array_equal(double, draw(6, 4, rng=np.random.default_rng(3)))
    assert not np.array_equal(double, draw(6, 4, rng=4))


@pytest.mark.parametrize("draw", [glorot, he, orthogonal])
def test_errors(draw):
    with pytest.raises(ValueError, match="0 inputs and 3 outputs"):
        draw(0, 3, rng=0)
    with pytest.raises(TypeError, match="float16 cannot be trained"):
        draw(2, 3, rng=0, dtype=np.float16)
