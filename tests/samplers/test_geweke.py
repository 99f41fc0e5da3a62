"""Geweke's joint test: a sampler of parameters and a model of data, held to each other.

theta ~ N(0, tau^2), and n data x_i ~ N(theta, sigma^2). Alternately theta takes a step
of MALA given the data, and the data are drawn anew given theta. If both are right, the
pairs (theta, x) keep the law of the prior and the model, from which they began, and
whose moments are known. A mistake in one of them moves this law, a little in each
round, and the rounds add up.

Source: J. Geweke, Journal of the American Statistical Association 99 (2004), 799.
"""

import numpy as np
import pytest

from samplers.effective import monte_carlo_standard_error
from samplers.langevin import Langevin
from samplers.mala import MALA
from samplers.target import Target
from tests.samplers.langevin_checks import KEY

TAU, SIGMA, N = 1.3, 0.8, 3
CHAINS, ROUNDS = 100, 1500


def score(theta, out, total):
    out[:] = (total - N * theta) / SIGMA**2 - theta / TAU**2


def energy(theta, out, total, squares):
    misfit = squares - 2 * theta[:, 0] * total[:, 0] + N * theta[:, 0] ** 2
    out[:] = misfit / (2 * SIGMA**2) + theta[:, 0] ** 2 / (2 * TAU**2)


def z_scores(make, energy=energy):
    """z of the means of theta, theta^2, theta mean(x) and the log of the joint law."""
    rng = np.random.default_rng(0)
    total, squares = np.empty((CHAINS, 1)), np.empty(CHAINS)
    target = Target(
        lambda theta, out, total, squares: score(theta, out, total),
        1,
        energy,
        (total, squares),
    )
    sampler = make(target, step_size=0.12)
    theta, draws = rng.normal(0, TAU, size=(CHAINS, 1)), np.empty((CHAINS, 1, 1))
    kept = np.empty((CHAINS, ROUNDS, 4))
    for step in range(ROUNDS):
        x = rng.normal(theta, SIGMA, size=(CHAINS, N))
        total[:, 0], squares[:] = x.sum(axis=1), (x**2).sum(axis=1)
        sampler.advance(theta, draws, key=KEY, chain=0, step=step, thin=1)
        t, misfit = theta[:, 0], ((x - theta) ** 2).sum(axis=1)
        log_joint = -misfit / (2 * SIGMA**2) - t**2 / (2 * TAU**2)
        kept[:, step] = np.stack([t, t**2, t * x.mean(axis=1), log_joint], axis=1)
    expected = [0, TAU**2, TAU**2, -(N + 1) / 2]
    errors = kept.mean(axis=(0, 1)) - expected
    return errors / monte_carlo_standard_error(kept)


def test_mala_and_the_model_agree():
    """150,000 rounds; sees theta^2 off by 7 %, or the log of the joint law by 0.04."""
    assert np.max(np.abs(z_scores(MALA))) < 5.03


def shallow_energy(theta, out, total, squares):
    energy(theta, out, total, squares)
    out *= 0.9


@pytest.mark.parametrize(
    "wrong",
    [(Langevin, energy), (MALA, shallow_energy)],
    ids=["no rejection", "too flat an energy"],
)
def test_what_is_wrong_is_seen(wrong):
    assert np.max(np.abs(z_scores(*wrong))) > 5.03
