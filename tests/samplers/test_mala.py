"""MALA: detailed balance by its own numbers, what it refuses, what it leaves as it is.

Its steps, company and refusals, as far as they are those of Langevin, are in
test_langevin.py.
"""

import numpy as np
import pytest
from scipy.special import ndtr

from samplers import mala
from samplers.chains import Chains
from samplers.errors import DivergenceError
from samplers.langevin import Langevin
from samplers.mala import MALA, acceptance_rate
from samplers.target import Target
from tests.kolmogorov import LIMIT, distance
from tests.samplers import mala_checks
from tests.samplers.langevin_checks import (
    WELL,
    advanced,
    gaussian,
    proposed,
    stepped,
)
from tests.samplers.mala_checks import TARGETS, acceptances, walls

EXACT = [
    mala_checks.check_detailed_balance,
    mala_checks.check_stable_form,
    mala_checks.check_rejection,
    mala_checks.check_ties,
    mala_checks.check_walls,
]


@pytest.mark.exact
@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.__name__)
def test_exactly(check):
    check(mala)


def points_and_noise(x, xi):
    """All pairs of x and xi, (pairs, 1) each, and the number of xi."""
    return np.repeat(x, len(xi))[:, np.newaxis], np.tile(xi, len(x))[:, np.newaxis]


def test_few_short_steps_are_refused():
    """For N(0, 1), 1 - a is eta^(3/2) / (sqrt(2) pi) in the mean, for eta -> 0.

    There log a = eta (x^2 - y^2) / 4, about -eta^(3/2) x xi / sqrt(2), and half of the
    mean of |x xi| is 1 / pi.
    """
    nodes = np.linspace(-6, 6, 49)
    weights = np.exp(-(nodes**2) / 2)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2
    x, xi = points_and_noise(nodes, nodes)
    for eta in (1e-3, 1e-4, 1e-5):
        a = acceptances(MALA(gaussian([[1.0]]), eta), x, xi)
        expected = eta**1.5 / (np.sqrt(2) * np.pi)
        np.testing.assert_allclose(weights @ (1 - a), expected, rtol=0.02)


def means_after(sampler, functions, x, xi, weights):
    """The mean of each function after a step from each x, by quadrature over xi and u.

    All numbers are those of the code: a, and the states at u = 0 and at u = 1 - 2^-53.
    """
    start, noise = points_and_noise(x, xi)
    ends = [
        stepped(
            sampler, start, noise.T[:, np.newaxis].copy(), np.full(noise.T.shape, u)
        )
        for u in (0.0, 1 - 2.0**-53)
    ]
    a, (there, here) = (
        acceptances(sampler, start, noise),
        (end[:, 0, 0] for end in ends),
    )
    return [
        (a * g(there) + (1 - a) * g(here)).reshape(len(x), -1) @ weights
        for g in functions
    ]


@pytest.mark.parametrize(
    ("name", "T", "ends"),
    [
        ("double well", 0.5, (-2.4, 2.4)),
        ("double well", 1.0, (-2.4, 2.4)),
        ("skewed", 1.0, (-11, 3.4)),
    ],
)
def test_the_law_stays(name, T, ends):
    """|E g(x') - E g(x)| < 1e-5 for x ~ p, by quadrature; not so without the rule."""
    functions = [np.sin, np.cos, np.square, lambda x: np.exp(-((x - 1) ** 2))]
    target, x, xi = TARGETS[name], np.linspace(*ends, 101), np.linspace(-5.5, 5.5, 161)
    p, weights = -target.energy_at(x[:, np.newaxis]) / T, -(xi**2) / 2
    p, weights = (np.exp(each) / np.exp(each).sum() for each in (p, weights))
    adjusted = means_after(MALA(target, 0.1, T), functions, x, xi, weights)
    free = proposed(Langevin(target, 0.1, T), *points_and_noise(x, xi))[:, 0]
    for g, new in zip(functions, adjusted, strict=True):
        assert abs(p @ (new - g(x))) < 1e-5
    assert abs(p @ (np.cos(free).reshape(len(x), -1) @ weights - np.cos(x))) > 1e-3


@pytest.mark.exact
@pytest.mark.parametrize("eta", [1e4, 1e30, 1e100])
@pytest.mark.parametrize("name", TARGETS)
def test_far_too_long_steps_are_refused(name, eta):
    """No number overflows into an error: p is zero out there, and the chain stays."""
    state = np.full((4, TARGETS[name].dimension), 0.3)
    with np.errstate(over="ignore", invalid="ignore"):
        end, _ = advanced(MALA(TARGETS[name], eta), state, 5)
    assert np.array_equal(end, state)


def distribution(x, weights, means, sds):
    """The distribution function of the mixture along one coordinate, at x."""
    return ndtr((x[:, np.newaxis] - means) / sds) @ weights


def test_an_exact_start_stays_exact():
    """100,000 chains, 5 steps; sees a shift by 0.009 of the distribution function.

    The unadjusted chains, by the same numbers, are seen to leave.
    """
    n, rng = 100_000, np.random.default_rng(0)
    weights, means, sds = (
        np.array([0.3, 0.7]),
        np.array([[-1, 0], [1, 0.5]]),
        [0.6, 0.4],
    )
    k = rng.choice(2, p=weights, size=n)
    start = means[k] + np.array(sds)[k, np.newaxis] * rng.normal(size=(n, 2))
    largest = {}
    for make in (MALA, Langevin):
        state, _ = advanced(make(TARGETS["mixture"], 0.15), start, 1, thin=5)
        largest[make] = 0.0
        for j in range(2):
            F = distribution(state[:, j], weights, means[:, j], sds)
            largest[make] = max(largest[make], distance(F))
    assert largest[MALA] < LIMIT < largest[Langevin]


# Energies that are none, and the rest


def test_no_energy_is_refused():
    score_only = Target(WELL.score, 1)
    with pytest.raises(ValueError, match=r"write Target\(.*energy=energy\), or take"):
        MALA(score_only, 0.1)


def test_a_start_of_infinite_energy_is_refused():
    sampler = MALA(walls(np.inf, 0.0), 0.1)
    with pytest.raises(ValueError, match="chain 1 would start where the energy"):
        sampler.check([[0.0], [2.0]])
    with pytest.raises(ValueError, match="energy left nan in 1"):
        MALA(walls(np.nan, 0.0), 0.1).check([[2.0]])


def test_chains_stand_where_they_were_before_the_energy_was_nan():
    """And go on from there if the energy is mended."""
    chains = Chains(MALA(walls(np.nan, 0.0), 0.5), 3, rng=0, state=np.zeros((3, 1)))
    with pytest.raises(DivergenceError) as error:
        chains.run(1000)
    assert error.value.what == "the energy"
    assert np.all(chains.state <= 1)
    assert error.value.step >= chains.step


def test_the_share_of_steps_that_were_taken():
    draws = np.array([[[0, 0], [0, 1], [0, 1], [2, 1], [2, 1]], [[0, 0]] * 5])
    assert acceptance_rate(draws).tolist() == [0.5, 0.0]
    for wrong in (draws[0], draws[:, :1]):
        with pytest.raises(ValueError, match="show no steps"):
            acceptance_rate(wrong)
    sampler = MALA(gaussian(np.eye(2)), 0.9)
    draws = Chains(sampler, 5, rng=0).run(50)
    rates = acceptance_rate(draws)
    assert np.all((rates > 0.3) & (rates < 1))
