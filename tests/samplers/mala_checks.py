"""What samplers.mala has to fulfil; a check takes the module, or one with a fault."""

from fractions import Fraction

import numpy as np
import pytest

from samplers.elementary import exp
from samplers.errors import DivergenceError
from samplers.mixture import mixture_target
from samplers.target import Target
from tests.samplers.kernels import probabilities
from tests.samplers.langevin_checks import (
    CORRELATED,
    KEY,
    WELL,
    advanced,
    affine,
    gaussian,
    proposed,
    stepped,
)


def skewed_score(x, out):
    out[:] = 2 - np.exp(x)


def skewed_energy(x, out):
    out[:] = np.exp(x[:, 0]) - 2 * x[:, 0]


def in_python(target):
    """The same target, whose functions are not compiled, so that no loop is either."""

    def score(x, out, *params):
        target.score(x, out, *params)

    def energy(x, out, *params):
        target.energy(x, out, *params)

    return Target(score, target.dimension, energy, target.params, target.dtype)


MIXTURE = mixture_target([0.3, 0.7], [[-1.0, 0.0], [1.0, 0.5]], [0.6, 0.4])
FIVE = np.diag([0.5, 1.0, 2.0, 1.0, 0.5]) + 0.3
TARGETS = {
    "skewed": Target(skewed_score, 1, skewed_energy),
    "double well": WELL,
    "mixture": in_python(MIXTURE),
    "five coordinates": gaussian(FIVE),
}


def acceptances(sampler, x, xi):
    """a of the step from x with the noise xi, (chains,), by which the code decides."""
    noise = xi.T[:, np.newaxis].copy()
    y = proposed(sampler, x, xi)

    def decide(u):
        after = stepped(sampler, x, noise, u)[:, 0]
        here, there = np.all(after == x, axis=1), np.all(after == y, axis=1)
        assert np.all(here | there)
        return there[np.newaxis]

    return probabilities(decide, (1, len(x)))[0]


def log_flow(sampler, x, y):
    """log p(x) q(y|x) a(x, y) : (chains,), up to Z, with q and a from the code."""
    mean, columns = affine(sampler, x)
    variance = columns[0, :, :1] ** 2
    xi = (y - mean) / np.sqrt(variance)
    log_q = -np.sum(xi**2 + np.log(variance), axis=1) / 2
    a = acceptances(sampler, x, xi)
    assert np.all(a > 1e-5)  # of which 2^-53 is too little to be seen here
    energy = sampler.target.energy_at(x)
    return -energy / sampler.temperature + log_q + np.log(a)


def check_detailed_balance(mala, n=6):
    """p(x) q(y|x) a(x, y) is symmetric, to 1e-10, each chain with its own eta and T."""
    rng = np.random.default_rng(0)
    for target in TARGETS.values():
        eta, T = rng.uniform(0.02, 0.1, n), rng.uniform(0.6, 2, n)
        sampler = mala.MALA(target, eta, T)
        x = rng.normal(size=(n, target.dimension)) / 2
        y = proposed(sampler, x, rng.normal(size=x.shape))
        difference = log_flow(sampler, x, y) - log_flow(sampler, y, x)
        assert np.max(np.abs(difference)) < 1e-10


def check_stable_form(mala):
    """log a is the textbook's difference of squares, in exact arithmetic, to 1e-13.

    For steps so small that the squares, as floats, would leave no digit of it.
    """
    rng = np.random.default_rng(1)
    for dtype in (np.float32, np.float64):
        for eta in (1e-12, 1e-3, 10.0):
            x, s_x, s_y = rng.normal(size=(3, 2, 1)).astype(dtype)
            y = (x + eta * s_x + np.sqrt(eta) * rng.normal(size=(2, 1))).astype(dtype)
            energy, sizes = np.ones(1, dtype), np.array([[eta], [0.7]], dtype)
            at, to = mala.Point(x, s_x, energy), mala.Point(y, s_y, energy)
            out = np.empty(1)
            assert mala.log_acceptance(at, to, *sizes, out) == 0
            e, T = (Fraction(float(size[0])) for size in sizes)
            exact = Fraction(0)
            for p, q, a, b in zip(x[:, 0], y[:, 0], s_x[:, 0], s_y[:, 0], strict=True):
                p, q, a, b = (Fraction(float(each)) for each in (p, q, a, b))
                exact -= ((p - q - e * b) ** 2 - (q - p - e * a) ** 2) / (4 * e * T)
            np.testing.assert_allclose(out[0], float(exact), rtol=1e-13)


def check_rejection(mala):
    """A chain that is refused stays, and its score and energy with it.

    30 steps in one call are those taken one by one, for which all is computed anew.
    """
    sampler = mala.MALA(gaussian(CORRELATED), 0.4)
    rng = np.random.default_rng(2)
    x, noise, u = rng.normal(size=(5, 3)), rng.normal(size=(3, 30, 5)), rng.random(150)
    u, stayed = u.reshape(30, 5), 0
    draws = stepped(sampler, x, noise, u)
    for k in range(30):
        here = slice(k, k + 1)
        now = stepped(sampler, x, noise[:, here].copy(), u[here])[:, 0]
        assert np.array_equal(draws[:, k], now)
        stayed += np.sum(np.all(now == x, axis=1))
        x = now
    assert 20 < stayed < 130


def check_ties(mala):
    """u < a, not u <= a: what is impossible is refused at u = 0, a = 1/2 at u = 1/2."""
    at = mala.Point(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(3))
    to = mala.Point(np.ones((1, 3)), np.ones((1, 3)), np.ones(3))
    log_a = np.array([-np.inf, np.log(0.5), 0.0])
    u = np.array([0.0, exp(log_a[1]), 1 - 2.0**-53])
    mala.accept(at, to, log_a, u)
    for each in (at.x[0], at.score[0], at.energy):
        assert each.tolist() == [0, 0, 1]


def walls(energy_beyond, score_beyond):
    """A Gaussian whose energy and score are these numbers for x > 1."""

    def score(x, out):
        out[:] = np.where(x > 1, score_beyond, -x)

    def energy(x, out):
        out[:] = np.where(x[:, 0] > 1, energy_beyond, x[:, 0] ** 2 / 2)

    return Target(score, 1, energy)


@np.errstate(invalid="ignore")  # inf - inf
def check_walls(mala):
    """Where p is zero no chain goes, whatever the score; nan stops it and is named."""
    state = np.array([[-2.0], [0.0], [0.9]])
    for score in (0.0, np.nan, np.inf):
        _, draws = advanced(mala.MALA(walls(np.inf, score), 0.5), state, 30)
        assert np.all(draws <= 1)
        assert np.max(draws) > 0.9
    first = first_beyond(mala, state)
    assert first[0] != 6
    for energy, score, what in (
        (np.nan, 0.0, "the energy"),
        (-np.inf, 0.0, "the energy"),
        (-np.inf, np.nan, "the energy"),
        (0.5, np.nan, "the score"),
    ):
        sampler = mala.MALA(walls(energy, score), 0.5)
        with pytest.raises(DivergenceError) as error:
            advanced(sampler, state, 30, chain=6, step=20)
        assert error.value.what == what
        assert (error.value.chain, error.value.step) == first


def first_beyond(mala, state):
    """Chain and step, from 6 and 20 on, that first propose some x > 1."""
    sampler = mala.MALA(walls(np.inf, 0.0), 0.5)
    for step in range(20, 50):
        noise, u = sampler.numbers(KEY, 6, step, (1, 1, len(state)))
        free = mala.Langevin(gaussian([[1.0]]), 0.5)
        beyond = proposed(free, state, noise[:, 0].T)[:, 0] > 1
        if beyond.any():
            return 6 + int(np.argmax(beyond)), step
        state = stepped(sampler, state, noise, u)[:, 0]
    raise AssertionError("no chain met the wall")
