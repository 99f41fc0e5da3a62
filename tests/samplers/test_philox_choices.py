"""Bernoulli and categorical draws are inversions of the uniforms at their address."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplers.philox import bernoulli, categorical, uniforms

KEY = np.uint64(0x9E3779B97F4A7C15)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.mark.exact
@DTYPES
def test_bernoulli_is_a_uniform_below_p(dtype):
    p = np.linspace(0, 1, 257).astype(dtype)
    u, out = np.empty_like(p), np.full(257, 7, np.uint8)
    uniforms(KEY, 3, 2, 1, u)
    bernoulli(KEY, 3, 2, 1, p, out)
    assert np.array_equal(out, u < p)
    bernoulli(KEY, 3, 2, 1, u, out)
    assert not out.any()


@pytest.mark.exact
@pytest.mark.parametrize("p", [0, 1])
def test_bernoulli_at_the_ends_is_certain(p):
    out = np.empty(2000, np.uint8)
    bernoulli(KEY, 0, 0, 0, np.full(2000, p, np.float32), out)
    assert np.all(out == p)


@pytest.mark.exact
@pytest.mark.parametrize("bad", [np.nan, -1e-7, 1.0000001, np.inf])
def test_bernoulli_refuses_what_is_no_probability(bad):
    p = np.full(9, 0.5, np.float32)
    p[4] = bad
    with pytest.raises(ValueError, match=r"nan or outside.*find where it arose"):
        bernoulli(KEY, 0, 0, 0, p, np.empty(9, np.uint8))


@pytest.mark.exact
def test_bernoulli_needs_a_probability_for_each_site():
    """Compiled code would read what lies behind the last one."""
    with pytest.raises(ValueError, match=r"differ in length.*np\.full\(out\.size, p\)"):
        bernoulli(KEY, 0, 0, 0, np.full(8, 0.5, np.float32), np.empty(9, np.uint8))


@pytest.mark.exact
@given(
    weights=st.lists(st.sampled_from([0, 1e-300, 0.25, 1, 3, 1e300]), min_size=1),
    seed=st.integers(0, 2**32),
)
def test_categorical_inverts_the_cumulative_sum(weights, seed):
    """Also of weights whose sum rounds the small ones away."""
    weights = np.array([*weights, 1.0])
    u, out = np.empty(40), np.full(40, -1)
    uniforms(KEY, 0, seed, 0, u)
    categorical(KEY, 0, seed, 0, weights, out)
    shares = np.cumsum(weights) / np.cumsum(weights)[-1]
    expected = [next(k for k, s in enumerate(shares) if s > each) for each in u]
    assert out.tolist() == expected
    assert np.all(weights[out] > 0)


@pytest.mark.exact
def test_a_uniform_on_the_border_of_two_outcomes_draws_the_second():
    """As P(u < share) is the share, the border itself belongs to what follows."""
    u, out = np.empty(20), np.full(20, -1)
    uniforms(KEY, 0, 0, 0, u)
    for i, border in enumerate(u):
        categorical(KEY, 0, 0, 0, np.array([border, 1 - border]), out)
        assert out[i] == 1
        assert np.array_equal(out, u >= border)


@pytest.mark.exact
@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1.0, 2.0**1000])
def test_weights_need_no_normalization_and_zeros_are_never_drawn(scale):
    """Also so small that a uniform times their sum would be rounded up to it."""
    u, out = np.empty(99), np.full(99, -1)
    uniforms(KEY, 0, 0, 0, u)
    categorical(KEY, 0, 0, 0, scale * np.array([0, 1.0, 0, 1.0, 0]), out)
    assert np.array_equal(out, np.where(u < 0.5, 1, 3))


@pytest.mark.exact
def test_a_single_weight_is_certain():
    out = np.full(99, -1)
    categorical(KEY, 0, 0, 0, np.array([1e-9]), out)
    assert np.all(out == 0)


@pytest.mark.exact
@pytest.mark.parametrize(
    "weights",
    [[], [0, 0], [1, -1e-9, 1], [1, np.nan], [np.inf, 1], [1e308, 1e308]],
)
@np.errstate(over="ignore")  # undecorated, 1e308 + 1e308 warns
def test_categorical_refuses_what_are_no_weights(weights):
    with pytest.raises(ValueError, match="finite, not negative and not all zero"):
        categorical(KEY, 0, 0, 0, np.array(weights, float), np.empty(5, int))
