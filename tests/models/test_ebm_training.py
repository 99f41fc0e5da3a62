"""The gap and its gradient, and a step of training taken apart."""

import copy

import numpy as np
import pytest

from autodiff import check_gradients, grad, tree_flatten, tree_map
from models.ebm_training import energy_descent, energy_gap
from models.replay_buffer import ReplayBuffer
from optim import SGD, Batches, fit
from optim.finite import NonFiniteError
from samplers.langevin import Langevin
from samplers.mala import MALA, acceptance_rate
from samplers.philox import draw_key
from tests.models.ebms import flat, model

RNG = np.random.default_rng(0)


def training(ebm, size=40, rate=0.1):
    """The state of a run."""
    buffer = ReplayBuffer.create(
        size, ebm.dimension, start_sd=1.3, rng=1, dtype=ebm.dtype
    )
    return ebm, SGD(rate), buffer


# The gap


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_the_gap_has_the_gradient_of_its_formula(temperature):
    ebm, x, y = model(), RNG.standard_normal((6, 2)), RNG.standard_normal((9, 2))

    def gap(ebm):
        return energy_gap(ebm, x, y, temperature)

    assert check_gradients(gap, (ebm,), order=2).inconclusive == 0
    expected = (ebm.energy(x).mean() - ebm.energy(y).mean()) / temperature
    assert gap(ebm) == pytest.approx(expected, rel=1e-15)


def exact_gradient(ebm, x, temperature):
    """That of -mean log p_T(x), with the mean over the model by quadrature."""
    law = ebm.law(temperature=temperature, tolerance=1e-12)

    def gap(ebm):
        model_mean = law.probabilities @ ebm.energy(law.nodes)
        return (np.mean(ebm.energy(x)) - model_mean) / temperature

    return grad(gap)(ebm)


@pytest.mark.parametrize("temperature", [1.0, 0.4, 3.0])
@pytest.mark.parametrize("d", [1, 2])
def test_it_is_the_gradient_of_the_exact_likelihood(d, temperature):
    """Against differences of -mean log p_T(x) along random directions, to 1e-8.

    A temperature that is missing in E / T, in log Z or in the gradient would change it
    by a factor.
    """
    ebm, x = model(d), 0.7 + RNG.standard_normal((20, d))
    gradient = flat(exact_gradient(ebm, x, temperature))
    leaves, rebuilt = tree_flatten(ebm)
    for _ in range(2):
        direction = [RNG.choice([-1.0, 1.0], leaf.shape) for leaf in leaves]

        def loss(h, direction=direction):
            steps = zip(leaves, direction, strict=True)
            moved = rebuilt([leaf + h * step for leaf, step in steps])
            log_Z = moved.law(temperature=temperature, tolerance=1e-12).log_partition
            settings = {"temperature": temperature, "log_partition": log_Z}
            return -moved.log_likelihood(x, **settings).mean()

        h = 1e-3
        slope = (8 * (loss(h) - loss(-h)) - loss(2 * h) + loss(-2 * h)) / (12 * h)
        along = gradient @ np.concatenate([each.ravel() for each in direction])
        assert slope == pytest.approx(along, abs=1e-8 * np.abs(gradient).sum())


def gradients_by_chains(ebm, x, sampler, groups, chains):
    """Gradients of the gap, one a group of chains of the model at T = 0.5 (groups, p).

    The chains begin at exact draws, so that only an error of the moves takes them away.
    """
    u = np.random.default_rng(3).random((groups * chains, 1))
    y = ebm.law(temperature=0.5).quantile(u)
    draws = np.empty((len(y), 1, 1))
    sampler.advance(y, draws, key=np.uint64(5), chain=0, step=0, thin=30)
    slope = grad(energy_gap)
    groups = y.reshape(groups, chains, 1)
    return np.array([flat(slope(ebm, x, group, 0.5)) for group in groups])


@pytest.mark.parametrize(
    ("sampler", "temperature"), [(MALA, 0.5), (MALA, 0.6), (Langevin, 0.5)]
)
def test_negatives_of_the_model_give_that_gradient(sampler, temperature):
    """The mean over 10,000 chains of MALA is the exact gradient at T = 0.5 (z < 5).

    Chains at T = 0.6 miss it, and so do those of Langevin with long steps, by an error
    of order step_size.
    """
    ebm = model(1, seed=4)
    ebm.network = tree_map(lambda leaf: 1.5 * leaf, ebm.network)
    x = np.array([[-1.0], [0.2], [1.4]])
    exact = flat(exact_gradient(ebm, x, 0.5))
    chains = sampler(ebm.target(), 0.6, temperature)
    found = gradients_by_chains(ebm, x, chains, groups=100, chains=100)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    moved = error > 1e-12  # the last bias moves nothing
    z = np.abs(found.mean(axis=0) - exact)[moved] / error[moved]
    assert moved.sum() == moved.size - 1
    assert (z.max() < 5.03) == (sampler is MALA and temperature == 0.5)


# The step


@pytest.mark.parametrize(
    ("sampler", "dtype"),
    [("langevin", np.float64), ("mala", np.float64), ("mala", np.float32)],
)
def test_a_step_is_what_it_says(sampler, dtype):
    """Draw, move at T, put back, descend: with the same numbers, the same bits."""
    x = RNG.standard_normal((12, 2)).astype(dtype)
    ebm, optimizer, buffer = training(model(dtype=dtype))
    before, chains = copy.deepcopy(ebm), copy.deepcopy(buffer)
    settings = {"moves": 7, "step_size": 0.05, "temperature": 0.6, "restart": 0.3}
    step = energy_descent(sampler=sampler, **settings)
    state, metrics = step((ebm, optimizer, buffer), (x,), np.random.default_rng(9))
    assert state[0] is ebm
    assert state[2] is buffer

    rng = np.random.default_rng(9)
    rows, y = chains.draw(12, 0.3, rng)
    kind = {"langevin": Langevin, "mala": MALA}[sampler]
    moved = np.empty((12, 7, 2), dtype)
    start = y[:, np.newaxis].copy()
    kind(before.target(), 0.05, 0.6).advance(
        y, moved, key=draw_key(rng), chain=0, step=0, thin=1
    )
    chains.put(rows, y)
    assert np.array_equal(buffer.x, chains.x)
    assert buffer.x.dtype == dtype
    slope = grad(energy_gap)(before, x, y, 0.6)
    after = tree_map(lambda p, g: p - dtype(0.1) * g, before, slope)
    np.testing.assert_allclose(flat(ebm), flat(after), rtol=4 * np.finfo(dtype).eps)
    assert metrics["loss"] == float(energy_gap(before, x, y, 0.6))
    path = np.concatenate([start, moved], axis=1)
    accepted = {"acceptance": acceptance_rate(path).mean()} if kind is MALA else {}
    assert metrics == {"loss": metrics["loss"], **accepted}


def test_chains_that_are_not_drawn_stay():
    ebm, optimizer, buffer = training(model())
    x = buffer.x.copy()
    step = energy_descent(moves=1, step_size=0.05)
    step((ebm, optimizer, buffer), (RNG.standard_normal((12, 2)),), RNG)
    assert np.count_nonzero(np.all(buffer.x == x, axis=1)) == 40 - 12


def test_the_energy_falls_at_the_data_and_rises_at_the_negatives():
    ebm, optimizer, buffer = training(model(seed=2), rate=0.01)
    before, x = copy.deepcopy(ebm), np.full((12, 2), 1.5)
    step = energy_descent(moves=1, step_size=1e-3, restart=0.0)
    step((ebm, optimizer, buffer), (x,), RNG)

    def fall(points):
        return np.mean(before.energy(points)) - np.mean(ebm.energy(points))

    assert fall(x) > fall(buffer.x)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (
            {"sampler": "langevin", "step_size": 1e300, "moves": 5},
            r"step 1: the negatives left .*chain \d+ at",
        ),
        ({"step_size": 0.01, "moves": 1, "temperature": 1e-308}, "step 1: the gap"),
    ],
)
def test_what_is_not_finite_stops_the_run_and_changes_nothing(settings, where):
    ebm, optimizer, buffer = training(model())
    before = [flat(ebm), buffer.x.copy()]
    batches = Batches(100 + RNG.standard_normal((20, 2)), size=12, rng=0)
    with np.errstate(over="ignore"), pytest.raises(NonFiniteError, match=where):
        fit(
            energy_descent(**settings),
            (ebm, optimizer, buffer),
            batches,
            steps=3,
            rng=0,
        )
    assert np.array_equal(flat(ebm), before[0])
    assert np.array_equal(buffer.x, before[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "hmc"}, "no sampler 'hmc'; the names are langevin, mala"),
        ({"moves": 0}, "moves is 0.*at least 1"),
        ({"temperature": 0.0}, "temperature is 0.0.*positive and finite"),
        ({"temperature": np.nan}, "temperature is nan"),
        ({"restart": 1.1}, "restart is 1.1; it is the probability"),
        ({"restart": np.nan}, "restart is nan"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        energy_descent(**{"moves": 1, "step_size": 0.1, **settings})


def test_a_step_size_out_of_range():
    step = energy_descent(moves=1, step_size=-0.1)
    with pytest.raises(ValueError, match=r"step_size is -0\.1; it is positive"):
        step(training(model()), (RNG.standard_normal((12, 2)),), RNG)
