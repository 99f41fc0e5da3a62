"""Diffusion as the 4 x 4 Ising model: the best guess, the gap, draws, a short run."""

import numpy as np
import pytest

from benchmarks.experiments import ising4
from benchmarks.ising4 import diffusion
from benchmarks.ising4.diffusion import (
    ENDS,
    LEVELS,
    gap,
    generate,
    magnetizations,
    spins,
    train,
    turned_draws,
)
from benchmarks.ising4.law import SITES, STATES, count, hold, truth, units
from benchmarks.ising4.rows import make_row
from models.diffusion import Diffusion
from models.levels import level_log_probabilities
from models.log_snr import LinearLogSNR

LIMIT = 5.03  # a normal number is larger once in 2 million: 1e-4 for 200 tests


@pytest.fixture(scope="module")
def law():
    return truth(3.0)


@pytest.fixture(scope="module")
def all_spins():
    return 2.0 * units(np.arange(STATES)) - 1


@pytest.fixture(scope="module")
def untaught():
    """A network that says nothing, so that its guess is tanh h."""
    x = spins(np.array([0, STATES - 1]))
    model = Diffusion.create(
        SITES,
        levels=LEVELS,
        log_snr=LinearLogSNR(*ENDS),
        hidden=(4,),
        form="x0",
        prior=level_log_probabilities(x, LEVELS),
        rng=0,
        dtype=np.float32,
    )
    model.denoiser.network.layers[-1].weights[:] = 0
    return model


def test_magnetizations_are_sums_over_all_states(law, all_spins):
    """In weak and strong fields, in both precisions, and odd in the field."""
    scales = np.array([0, 0.1, 1, 5, 30])[:, np.newaxis]
    h = scales * np.random.default_rng(0).standard_normal((5, SITES))
    logs = h @ all_spins.T + np.log(law.p)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    expected = weights @ all_spins / weights.sum(axis=1, keepdims=True)
    found = magnetizations(law, h)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(magnetizations(law, -h), -found, atol=1e-12)
    rounded = magnetizations(law, h.astype(np.float32))
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded, expected, atol=2e-4)


def test_what_the_best_guess_misses_is_the_entropy(law):
    """Detects a guess, or a law, that is off by 6 % in the integral."""
    n, rng = 40_000, np.random.default_rng(1)
    s = 2.0 * units(law.draw(n, rng)) - 1
    log_snr = np.linspace(4, -8, n)[:, np.newaxis]
    alpha, sigma = 1 / np.sqrt(1 + np.exp([-log_snr, log_snr]))
    x = alpha * s + sigma * rng.standard_normal((n, SITES))
    errors = np.sum((s - magnetizations(law, alpha / sigma**2 * x)) ** 2, axis=1)
    values = 6 * np.exp(log_snr[:, 0]) * errors
    entropy, error = -law.p @ np.log(law.p), np.std(values) / np.sqrt(n)
    assert abs(values.mean() - entropy) < LIMIT * error
    assert LIMIT * error < 0.06 * entropy


def test_the_gap_is_what_the_bound_lacks(untaught, law):
    """The bound of all noise and time, less log p: detects 5 % of the gap.

    Of its prior term all but the divergence of the law of x_T from N(0, I), below 3e-4
    nats, is what x_T tells of the spins, and is in log p too.
    """
    found = gap(untaught, law, 20_000, 2)
    X = spins(law.draw(50_000, 3))
    estimate = untaught.bound(X, rng=4, samples=10)
    log_p = np.log(law.p)[np.packbits(X > 0, axis=1).view(">u2")[:, 0]]
    lack = log_p - estimate.bound
    error = np.std(lack) / np.sqrt(len(X))
    assert abs(found - lack.mean()) < LIMIT * error
    assert LIMIT * error < 0.05 * found


def test_no_couplings_leave_no_gap(untaught, law):
    """The guess tanh h is the best one of independent spins, and not of others."""
    free = type(law)(np.inf, np.full(STATES, 1 / STATES), SITES * np.log(2))
    assert gap(untaught, free, 2000, 5) < 1e-6
    assert gap(untaught, law, 2000, 5) > 1


def test_draws_of_the_chain_are_turned(untaught, law):
    """From a network that says up: detects a coin with odds of 52 to 48."""
    n = 16_000
    untaught.denoiser.network.layers[-1].bias += np.float32(3)
    try:
        numbers = turned_draws(untaught, n, 8, np.random.default_rng(6))
    finally:
        untaught.denoiser.network.layers[-1].bias -= np.float32(3)
    up = units(numbers).sum(axis=1)
    assert np.mean(np.abs(up - SITES / 2) > 5) > 0.9
    assert abs(np.sum(up > SITES / 2) - n / 2) < LIMIT * np.sqrt(n) / 2


@pytest.fixture(scope="module")
def generated():
    """What a short training at T = 3 gives, twice with one seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "STEPS", {"quick": 250})
        patch.setattr(diffusion, "CHAIN", {"quick": 16})
        patch.setattr(diffusion, "HIDDEN", {"quick": (32, 32)})
        each = truth(3.0)
        return [generate(each, 64_000, "quick", np.random.default_rng(7)) for _ in "ab"]


def test_a_network_learns_and_one_seed_gives_one_network(generated, law):
    one, two = generated
    np.testing.assert_array_equal(one.numbers, two.numbers)
    assert one.curves == two.curves
    assert one.numbers.shape == (16, 4000)
    assert one.law is None
    assert one.parameters == 48 * 32 + 32 + 32 * 32 + 32 + 32 * 16 + 16
    assert one.curves["steps"][-1] == 250
    assert one.curves["gap"][-1] < 0.6 < one.curves["gap"][0]
    assert make_row("diffusion", law, one).kl < 0.5


def test_the_last_gap_is_that_of_the_model(monkeypatch, law):
    """Of the average of the parameters, which is what draws."""
    monkeypatch.setattr(diffusion, "STEPS", {"quick": 40})
    monkeypatch.setattr(diffusion, "HIDDEN", {"quick": (8,)})
    X = spins(law.draw(1000, 8))
    model, curves = train(X, law, "quick", np.random.default_rng(9))
    assert curves["gap"][-1] == gap(model, law, diffusion.POINTS["quick"], 40)


def test_a_run_that_was_interrupted_is_none(monkeypatch, law):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(diffusion, "gap", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(spins(law.draw(1000, 10)), law, "quick", np.random.default_rng(11))


def test_limits_of_the_family_see_independent_spins(law):
    """They miss the distance and all averages but one, and exact draws none."""
    draws = ising4.FAMILIES["diffusion"].draws["quick"]
    rng = np.random.default_rng(12)
    rows = [
        make_row(
            "diffusion",
            law,
            diffusion.Generated(numbers.reshape(16, -1), 100),
        )
        for numbers in (law.draw(draws, rng), rng.integers(STATES, size=draws))
    ]
    right, wrong = (
        [
            item.name
            for item in (
                *ising4.row_metrics(row, "quick"),
                *ising4.check_metrics([row], "quick"),
            )
            if item.complaint(item.value)
        ]
        for row in rows
    )
    assert right == []
    assert [name.split(":")[1].split()[0] for name in wrong] == [
        "KL(generated",
        "energy",
        "magnetization",
        "squared",
    ]
    held = hold(count(rows[0].generated.numbers), law)
    assert held.draws == draws
