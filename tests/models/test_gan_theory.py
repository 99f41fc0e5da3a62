"""The best discriminator and the value of the game, exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import norm

from models.divergences import jensen_shannon
from models.gan_theory import optimal_discriminator, optimal_logit, value_of_game

seeds = st.integers(0, 10**6)


def laws(seed, k=5):
    """Return two laws of k outcomes, of which one law lacks the first two."""
    rng = np.random.default_rng(seed)
    p_r, p_g = rng.dirichlet(np.ones(k), 2)
    p_g[:2] = 0
    return p_r, p_g / p_g.sum()


# The best answer


def test_the_best_discriminator_is_the_share_of_the_data():
    found = optimal_discriminator([0.2, 0.3, 0.0, 0.5], [0.6, 0.3, 0.4, 0.0])
    assert_allclose(found, [0.25, 0.5, 0.0, 1.0], rtol=1e-15)


@given(seed=seeds, A=st.floats(0, 10), B=st.floats(0.01, 10))
def test_no_other_answer_is_better(seed, A, B):
    """At each x by itself: A log u + B log(1 - u) on a fine grid of u."""
    u = np.linspace(0, 1, 1001)
    others = value_of_game(np.full((1001, 1), A), np.full((1001, 1), B), u[:, None])
    best = optimal_discriminator([A], [B])
    value = value_of_game([A], [B], best)
    assert value >= others.max() - 1e-14 * (A + B)
    assert abs(u[others.argmax()] - best[0]) <= 0.001


def test_where_neither_law_is_it_prefers_none():
    assert optimal_discriminator([0.0], [0.0]) == 0.5
    assert optimal_logit([-np.inf], [-np.inf]) == 0


def test_the_logit_of_the_best_discriminator():
    x = np.linspace(-3, 4, 50)
    log_p = norm(0, 1).logpdf(x), norm(1, 2).logpdf(x)
    expected = optimal_discriminator(*np.exp(log_p))
    assert_allclose(expit(optimal_logit(*log_p)), expected, rtol=1e-13)


def test_the_logit_is_right_where_densities_underflow():
    """Of N(0, 1) and N(1, 1) it is 1/2 - x, at x = 60 too, where both are zero."""
    log_p = norm(0, 1).logpdf(60.0), norm(1, 1).logpdf(60.0)
    assert np.all(np.exp(log_p) == 0)
    assert optimal_logit(*log_p) == pytest.approx(-59.5, rel=1e-12)


def test_the_logit_is_infinite_where_one_law_has_no_mass():
    found = optimal_logit([-1.0, -np.inf], [-np.inf, -1.0])
    assert np.array_equal(found, [np.inf, -np.inf])


def test_the_smallest_densities():
    assert optimal_discriminator(5e-324, 5e-324) == 0.5
    assert optimal_discriminator(5e-324, 1.0) == 5e-324
    assert value_of_game([5e-324], [1.0]) == pytest.approx(0, abs=1e-300)


# The value


@given(seed=seeds)
def test_the_best_value_is_twice_js_less_twice_log_2(seed):
    p_r, p_g = laws(seed)
    expected = 2 * jensen_shannon(p_r, p_g) - 2 * np.log(2)
    assert value_of_game(p_r, p_g) == pytest.approx(expected, abs=1e-14)
    best = optimal_discriminator(p_r, p_g)
    assert value_of_game(p_r, p_g, best) == pytest.approx(expected, abs=1e-14)


@given(seed=seeds)
def test_another_discriminator_has_less(seed):
    """By sum (p_r + p_g) KL(D* || D) over the outcomes, of two coins each."""
    p_r, p_g = laws(seed)
    D = np.random.default_rng(seed).uniform(0.01, 0.99, len(p_r))
    coins = [np.stack([u, 1 - u]) for u in (optimal_discriminator(p_r, p_g), D)]
    star, other = coins
    gap = np.sum((p_r + p_g) * star * np.log(np.where(star > 0, star, 1) / other))
    found = value_of_game(p_r, p_g) - value_of_game(p_r, p_g, D)
    assert found == pytest.approx(gap, abs=1e-13)
    assert found > 0


def test_two_normals_by_quadrature():
    """N(0, 1) and N(1, 1): JS is 0.11142148 nats."""
    x, step = np.linspace(-12, 13, 4001, retstep=True)
    p_r, p_g = norm(0, 1).pdf(x), norm(1, 1).pdf(x)
    for weights in (step, np.full(4001, step)):
        value = value_of_game(p_r, p_g, weights=weights)
        assert value == pytest.approx(-1.16345140, abs=1e-8)
    assert value / 2 + np.log(2) == pytest.approx(0.11142148, abs=1e-8)
    js = jensen_shannon(step * p_r, step * p_g)
    assert value == pytest.approx(2 * js - 2 * np.log(2), abs=1e-12)


def test_equal_laws_and_laws_that_share_no_point():
    p = np.array([0.5, 0.5, 0.0, 0.0])
    assert value_of_game(p, p) == pytest.approx(-2 * np.log(2), rel=1e-15)
    assert value_of_game(p, p[::-1]) == 0


def test_a_discriminator_that_excludes_what_happens():
    assert value_of_game([1.0, 0.0], [0.0, 1.0], [1.0, 0.0]) == 0
    assert value_of_game([1.0, 0.0], [0.0, 1.0], [0.0, 0.0]) == -np.inf
    assert value_of_game([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]) == -np.inf


def test_many_laws_at_once():
    p_r, p_g = np.stack([laws(seed) for seed in range(4)], axis=1)
    found = value_of_game(p_r[0], p_g)
    assert_allclose(found, [value_of_game(p_r[0], p) for p in p_g], rtol=1e-14)
    assert found.shape == (4,)


# What is refused


@pytest.mark.parametrize("wrong", [-0.1, np.nan, np.inf])
@pytest.mark.parametrize("name", ["p_r", "p_g"])
def test_what_is_no_density_is_refused(name, wrong):
    given = {"p_r": [0.5, 0.5], "p_g": [0.5, 0.5], name: [0.5, wrong]}
    for function in (optimal_discriminator, value_of_game):
        with pytest.raises(ValueError, match=f"{name} holds {wrong}"):
            function(**given)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["log_p_r", "log_p_g"])
def test_what_is_no_log_density_is_refused(name, wrong):
    given = {"log_p_r": [0.5], "log_p_g": [0.5], name: [wrong]}
    with pytest.raises(ValueError, match=f"{name} holds {wrong}"):
        optimal_logit(**given)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match=r"write sigmoid\(f\)"):
        value_of_game([0.5, 0.5], [0.5, 0.5], [0.5, wrong])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"p_r \(3,\), p_g \(2,\) do not fit"):
        optimal_discriminator(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match=r"D \(3,\) do not fit"):
        value_of_game(np.ones(2), np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match=r"weights \(3,\) do not fit"):
        value_of_game(np.ones(2), np.ones(2), weights=np.ones(3))
