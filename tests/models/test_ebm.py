"""Energy-based models of a network: energies, draws, and what they learn."""

import numpy as np
import pytest

from autodiff import check_gradients, grad, tree_leaves
from data import make_double_well
from models import ACTIVATIONS, MLP
from models.ebm import EBM
from models.estimate import Estimate
from optim import storage
from optim.checkpoint import Checkpoint
from optim.finite import NonFiniteError
from samplers.archive import CheckpointError
from tests.models.ebms import flat, model

RNG = np.random.default_rng(0)


# Energies


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_energy_is_that_of_the_formula(dtype):
    ebm, x = model(dtype=dtype), RNG.standard_normal((7, 2)).astype(dtype)
    energy = ebm.energy(x)
    one, two, three = ebm.network.layers
    h = np.tanh(np.tanh(x @ one.weights + one.bias) @ two.weights + two.bias)
    expected = (h @ three.weights + three.bias)[:, 0] + np.sum(x**2, axis=1) / 3.38
    assert energy.shape == (7,)
    assert energy.dtype == ebm.dtype == dtype
    np.testing.assert_allclose(energy, expected, rtol=0, atol=8 * np.finfo(dtype).eps)
    assert (ebm.dimension, len(tree_leaves(ebm))) == (2, 6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_its_derivatives_by_every_array_and_by_x(activation):
    ebm, x = model(activation=activation, seed=1), RNG.standard_normal((3, 2))
    report = check_gradients(lambda ebm, x: ebm.energy(x), (ebm, x), order=2)
    assert report.inconclusive == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_target_has_the_same_energy_and_its_slope(activation, dtype):
    ebm = model(d=3, activation=activation, seed=2, dtype=dtype)
    x = RNG.standard_normal((50, 3)).astype(dtype)
    settings = {"rtol": 0, "atol": 50 * np.finfo(dtype).eps}
    target = ebm.target()
    np.testing.assert_allclose(target.energy_at(x), ebm.energy(x), **settings)
    slope = grad(lambda x: np.sum(ebm.energy(x)))(x)
    np.testing.assert_allclose(target.score_at(x), -slope, **settings)
    ebm.network.layers[0].bias += 1
    np.testing.assert_allclose(ebm.target().energy_at(x), ebm.energy(x), **settings)


# Draws


@pytest.mark.parametrize("T", [0.7, 2.0])
def test_draws_have_the_law_of_the_temperature(T):
    """20,000 chains against the distribution function: differences of 0.02 are found.

    (By Dvoretzky, Kiefer and Wolfowitz.) From the law at T = 1 they differ by 0.03.
    """
    ebm, n = model(1, seed=9), 20_000
    x = ebm.sample(n, 0, steps=200, step_size=0.4, temperature=T)
    assert x.shape == (n, 1)

    def distance(temperature):
        below = np.sort(ebm.law(temperature=temperature).cdf(x[:, 0]))
        ranks = np.arange(n + 1) / n
        return max(np.max(ranks[1:] - below), np.max(below - ranks[:-1]))

    assert distance(T) < 2.76 / np.sqrt(n) < 0.02 < 0.03 < distance(1.0)


def test_draws_are_repeated_by_an_integer_and_go_on_with_a_generator():
    ebm = model(3, dtype=np.float32)
    x = ebm.sample(5, 3, steps=4)
    assert x.dtype == np.float32
    assert np.array_equal(x, ebm.sample(5, 3, steps=4))
    rng = np.random.default_rng(3)
    assert not np.array_equal(ebm.sample(5, rng, steps=4), ebm.sample(5, rng, steps=4))


def test_chains_begin_at_the_gaussian_factor_at_the_temperature():
    """Those of sample and those of fit; an error of 5 % would be found (z = 5)."""
    ebm, sd = model(1), 1.3 * np.sqrt(0.25)
    x = ebm.sample(5000, 0, steps=1, step_size=1e-9, temperature=0.25)
    assert abs(x.std() / sd - 1) < 5.03 / np.sqrt(2 * x.size)
    begun = []
    ebm.fit(
        x,
        steps=1,
        rng=0,
        moves=1,
        step_size=1e-9,
        temperature=0.25,
        buffer=5000,
        callbacks=[lambda info: begun.append(info.state[2])],
    )
    assert abs(begun[0].x.std() / sd - 1) < 5.03 / np.sqrt(2 * 5000)
    assert begun[0].start_sd == pytest.approx(sd)


# What they learn


def test_it_learns_a_double_well():
    """To 0.05 nats of the entropy, by other draws of the law; at first it is 0.4."""
    train, test = (make_double_well(4000, rng=seed, barrier=2.0) for seed in (0, 1))
    ebm = EBM.create((1, 16, 16, 1), prior_sd=1.5, activation="tanh", rng=0)
    best = test.density.log_density(test.X).mean()
    assert best - ebm.log_likelihood(test.X).mean() > 0.4
    settings = {"learning_rate": 0.01, "step_size": 0.1, "buffer": 512, "rng": 0}
    assert ebm.fit(train.X, steps=300, **settings) is ebm
    assert best - ebm.log_likelihood(test.X).mean() < 0.05
    assert len(ebm.history_["loss"]) == len(ebm.history_["acceptance"]) == 300


@pytest.mark.parametrize("sampler", ["langevin", "mala"])
@pytest.mark.parametrize("T", [0.25, 4.0])
def test_what_it_learns_is_the_law_at_its_temperature(T, sampler):
    """A Gaussian of variance 0.3, learned at T; at T = 1 the model is another one."""
    x = 0.5 + np.sqrt(0.3) * np.random.default_rng(0).standard_normal((2000, 1))
    ebm = EBM.create((1, 16, 1), prior_sd=2 / np.sqrt(T), activation="tanh", rng=0)
    settings = {"learning_rate": 0.02, "step_size": 0.05 / T, "buffer": 512, "rng": 0}
    ebm.fit(x, steps=200, sampler=sampler, temperature=T, **settings)
    entropy = np.log(2 * np.pi * np.e * x.var()) / 2
    assert -ebm.log_likelihood(x, temperature=T).mean() - entropy < 0.1
    assert -ebm.log_likelihood(x).mean() - entropy > 0.2
    assert ("acceptance" in ebm.history_) == (sampler == "mala")


@pytest.mark.parametrize("sampler", ["langevin", "mala"])
@pytest.mark.parametrize("stop", [1, 5])
def test_a_run_that_was_stopped_ends_as_if_it_had_not(sampler, stop, tmp_path):
    x = RNG.standard_normal((30, 2))
    settings = {"sampler": sampler, "moves": 3, "buffer": 40, "batch_size": 12}

    def run(steps, checkpoint=None):
        ebm = model()
        return ebm.fit(x, steps=steps, rng=1, checkpoint=checkpoint, **settings)

    unbroken, path = run(9), tmp_path / "run.npz"
    run(stop, Checkpoint(path))
    resumed = run(9, Checkpoint(path, resume=True))
    assert flat(resumed).tobytes() == flat(unbroken).tobytes()
    assert resumed.history_ == unbroken.history_


def test_it_learns_again_where_it_was():
    x, ebm = RNG.standard_normal((30, 2)), model()
    ebm.fit(x, steps=2, rng=0, buffer=40, moves=2)
    before = flat(ebm)
    ebm.fit(x, steps=1, rng=0, buffer=40, moves=2, learning_rate=1e-9)
    np.testing.assert_allclose(flat(ebm), before, rtol=0, atol=1e-8)
    assert len(ebm.history_["loss"]) == 1


def test_a_fit_that_diverges_leaves_the_last_good_parameters():
    x, ebm = RNG.standard_normal((30, 2)), model()
    before = flat(ebm)
    with pytest.raises(NonFiniteError, match="step 1: the negatives left the numbers"):
        ebm.fit(x, steps=5, rng=0, sampler="langevin", step_size=1e300)
    assert np.array_equal(flat(ebm), before)


# Files


def test_it_is_read_back_bit_for_bit(tmp_path):
    x, ebm = RNG.standard_normal((30, 2)), model()
    ebm.fit(x, steps=2, rng=0, buffer=40, moves=2).save(tmp_path / "ebm.npz")
    again = EBM.load(tmp_path / "ebm.npz")
    assert flat(again).tobytes() == flat(ebm).tobytes()
    assert np.array_equal(again.energy(x), ebm.energy(x))
    assert again.prior_sd == 1.3
    damaged = model()
    damaged.network.layers[-1].bias = np.zeros(2)
    storage.save(tmp_path / "other.npz", damaged)
    with pytest.raises(CheckpointError, match="are no layer"):
        EBM.load(tmp_path / "other.npz")


# What they refuse


@pytest.mark.parametrize(
    ("network", "sd", "error", "message"),
    [
        (MLP.create((2, 3), rng=0), 1.0, ValueError, r"returns 3 numbers.*\(2, 64, 64"),
        (
            "tanh",
            1.0,
            TypeError,
            r"network is a str; it is an MLP, such as MLP\.create",
        ),
        (MLP.create((2, 1), rng=0), 0.0, ValueError, r"prior_sd is 0\.0; it is a pos"),
        (MLP.create((2, 1), rng=0), np.nan, ValueError, "prior_sd is nan"),
        (
            MLP.create((2, 1), rng=0, dtype="f4"),
            1e20,
            ValueError,
            r"prior_sd is 1e\+20",
        ),
    ],
)
def test_what_is_no_model(network, sd, error, message):
    with pytest.raises(error, match=message):
        EBM(network, sd)


BAD = [
    (np.zeros((4, 3)), ValueError, r"shape \(4, 3\) .* 2 coord.* X is \(n, 2\)"),
    (np.zeros(4), ValueError, r"X has shape \(4,\)"),
    (np.zeros((0, 2)), ValueError, r"X has 0 example\(s\)"),
    ([[0.0, np.nan]], ValueError, "X contains NaN"),
]


@pytest.mark.parametrize(("X", "error", "message"), BAD)
def test_data_that_do_not_fit(X, error, message):
    ebm = model()
    with pytest.raises(error, match=message):
        ebm.fit(X, steps=1, rng=0)
    with pytest.raises(error, match=message):
        ebm.log_likelihood(X)


def test_energies_are_asked_for_in_the_precision_of_the_model():
    with pytest.raises(TypeError, match=r"x is float64 and the weights are float32"):
        model(dtype=np.float32).energy(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"takes an array of shape \(batch, 2\)"):
        model().energy(np.zeros((3, 4)))


def test_what_it_cannot_compute():
    plane, space = model(2), model(3)
    x = np.zeros((1, 3))
    with pytest.raises(ValueError, match=r"3 coordinates.*method=\"ais\", rng=0\)"):
        space.law()
    with pytest.raises(ValueError, match=r"write log_partition\(rng=0\)"):
        space.log_partition()
    with pytest.raises(ValueError, match=r"log_partition=ebm\.log_partition\(rng=0\)"):
        space.log_likelihood(x)
    with pytest.raises(ValueError, match="no method 'exact'; the names are auto, quad"):
        plane.log_partition("exact")
    with pytest.raises(ValueError, match=r"temperatures is 0"):
        space.log_partition(rng=0, temperatures=0)
    with pytest.raises(ValueError, match="a buffer of 10 chains has no 20 different"):
        plane.fit(np.zeros((20, 2)), steps=1, rng=0, buffer=10)
    with pytest.raises(TypeError, match="rng is None"):
        plane.sample(3, None)
    for n, steps in ((0, 1), (1, 0), (2.5, 1)):
        with pytest.raises(ValueError, match="it counts"):
            plane.sample(n, 0, steps=steps)


@pytest.mark.parametrize("T", [0.0, -1.0, np.nan, np.inf])
def test_no_temperature(T):
    ebm, x = model(), np.zeros((1, 2))
    calls = [
        lambda: ebm.log_partition(temperature=T),
        lambda: ebm.log_partition("ais", temperature=T, rng=0),
        lambda: ebm.log_likelihood(x, temperature=T),
        lambda: ebm.log_likelihood(x, temperature=T, log_partition=Estimate(0.0)),
        lambda: ebm.law(temperature=T),
        lambda: ebm.fit(x, steps=1, rng=0, temperature=T),
        lambda: ebm.sample(1, 0, temperature=T),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=f"temperature is {T}"):
            call()
