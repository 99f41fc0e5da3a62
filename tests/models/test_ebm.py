"""Energy-based models of a network: energies, log Z, draws, and what they learn."""

import copy

import numpy as np
import pytest

from autodiff import check_gradients, grad, tree_leaves
from data import make_double_well
from models import ACTIVATIONS, MLP
from models.ebm import EBM
from models.ebm_likelihood import energy_in_float64, lipschitz, path_to, reach
from models.estimate import Estimate
from models.mlp import Dense
from optim import storage
from optim.checkpoint import Checkpoint
from optim.finite import NonFiniteError
from samplers.archive import CheckpointError
from samplers.quadrature import quadrature

RNG = np.random.default_rng(0)
TEMPERATURES = [0.3, 1.0, 2.5]


def model(d=2, activation="tanh", seed=0, **settings):
    return EBM.create(
        (d, 6, 5, 1), prior_sd=1.3, activation=activation, rng=seed, **settings
    )


def linear(slope, offset, sd):
    """E = slope.x + offset + |x|^2 / (2 sd^2): a Gaussian about -sd^2 slope."""
    slope = np.array(slope, np.float64)
    return EBM(MLP([Dense(slope[:, np.newaxis], np.array([offset]))]), sd)


def log_Z_of_linear(slope, offset, sd, T):
    """Of exp(-E / T), by the square completed."""
    top = np.sum(np.square(slope)) * sd**2 / 2 - offset
    return top / T + len(slope) / 2 * np.log(2 * np.pi * sd**2 * T)


def flat(tree):
    return np.concatenate([leaf.ravel() for leaf in tree_leaves(tree)])


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


# log Z


@pytest.mark.parametrize("T", TEMPERATURES)
@pytest.mark.parametrize("slope", [[0.0], [1.5], [-40.0], [0.7, -1.1], [0.0, 30.0]])
def test_log_partition_of_a_gaussian(slope, T):
    """A network that is linear moves the Gaussian, here by up to 90 of its widths."""
    ebm, expected = linear(slope, 0.8, 1.5), log_Z_of_linear(slope, 0.8, 1.5, T)
    estimate = ebm.log_partition(temperature=T)
    assert estimate.value == pytest.approx(expected, rel=1e-12, abs=1e-8)
    assert estimate.standard_error == 0
    x = RNG.standard_normal((5, len(slope)))
    variance, mean = 1.5**2 * T, -(1.5**2) * np.array(slope)
    log_p = -np.sum((x - mean) ** 2, axis=1) / (2 * variance)
    log_p -= len(slope) / 2 * np.log(2 * np.pi * variance)
    found = ebm.log_likelihood(x, temperature=T)
    np.testing.assert_allclose(found, log_p, rtol=1e-12, atol=1e-8)
    given = ebm.log_likelihood(x, temperature=T, log_partition=estimate)
    assert np.array_equal(given, found)
    given = ebm.log_likelihood(x, temperature=T, log_partition=estimate.value + 1)
    np.testing.assert_allclose(given, found - 1, rtol=1e-14)


@pytest.mark.parametrize("seed", range(12))
def test_quadrature_finds_all_of_the_law_in_its_box(seed):
    """Networks with weights up to 30 times as large: boxes up to 1e5 wide.

    The same as by many panels about the nodes that count.
    """
    rng = np.random.default_rng(seed)
    d, T = 1 + seed % 2, rng.choice(TEMPERATURES)
    ebm = model(d, ["tanh", "softplus", "sigmoid"][seed % 3], seed)
    for layer in ebm.network.layers:
        layer.weights *= rng.uniform(1, 10)
        layer.bias += rng.normal(0, 3, layer.bias.size)
    law = ebm.law(temperature=T)
    near = law.nodes[law.probabilities > 1e-14]
    margin = 3 * np.ptp(near, axis=0)
    again = quadrature(
        energy_in_float64(ebm),
        np.column_stack([near.min(axis=0) - margin, near.max(axis=0) + margin]),
        temperature=T,
        tolerance=1e-8,
        panels=(3000, 48)[d - 1],
    )
    assert law.log_partition == pytest.approx(again.log_partition, abs=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("T", TEMPERATURES)
def test_the_law_has_vanished_beyond_that_box(activation, T):
    """At its faces p is below e^-60 of the Gaussian's peak, and it falls from there."""
    for d in (1, 2, 5):
        ebm = model(d, activation, seed=d)
        log_peak = -d / 2 * np.log(2 * np.pi * 1.3**2 * T)
        edge = RNG.standard_normal((2000, d))
        edge *= reach(ebm, T) / np.abs(edge).max(axis=1, keepdims=True)
        # log Z is at least this, by Jensen's inequality.
        gaussian = 1.3 * np.sqrt(T) * RNG.standard_normal((20_000, d))
        f = ebm.network(gaussian)[:, 0]
        log_Z = -log_peak - f.mean() / T - 5 * f.std() / T / np.sqrt(len(f))
        before = np.inf
        for further in (3.0, 1.5, 1.0):
            log_p = np.max(-ebm.energy(further * edge) / T - log_Z)
            assert log_p < log_peak - 60
            before, least = log_p, before
            assert before > -np.inf
            assert least == np.inf or before > least


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_slope_is_steeper_than_the_bound(activation):
    ebm = model(activation=activation, seed=3)
    x, y = 3 * RNG.standard_normal((2, 5000, 2))
    rise = np.abs(ebm.network(x) - ebm.network(y))[:, 0]
    steepest = np.max(rise / np.linalg.norm(x - y, axis=1))
    assert steepest < lipschitz(ebm.network)
    line = MLP([Dense(np.array([[3.0], [4.0]]), np.zeros(1), activation)])
    slope = lipschitz(line)
    assert slope == pytest.approx(1.25 if activation == "sigmoid" else 5, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("T", TEMPERATURES)
def test_annealing_agrees_with_quadrature(T, dtype):
    """An estimate that forgot T in one of its places would be off by many errors."""
    ebm = model(seed=5, dtype=dtype)
    exact = ebm.log_partition(temperature=T).value
    settings = {"temperatures": 100, "particles": 400, "step_size": 0.3, "rng": 1}
    estimate = ebm.log_partition("ais", temperature=T, **settings)
    assert 0 < estimate.standard_error < 0.03
    assert abs(estimate.value - exact) < 5.03 * estimate.standard_error + 1e-5
    again = ebm.log_partition("ais", temperature=T, **settings)
    assert again == estimate


@pytest.mark.parametrize("T", TEMPERATURES)
def test_annealing_in_five_dimensions(T):
    slope = [0.5, -1.0, 0.3, 0.0, 0.8]
    ebm, expected = linear(slope, -0.4, 0.9), log_Z_of_linear(slope, -0.4, 0.9, T)
    estimate = ebm.log_partition(temperature=T, rng=0, step_size=0.3, temperatures=200)
    assert abs(estimate.value - expected) < 5.03 * estimate.standard_error
    assert 0 < estimate.standard_error < 0.05
    x = RNG.standard_normal((4, 5))
    found = ebm.log_likelihood(x, temperature=T, log_partition=expected)
    mean, variance = -(0.9**2) * np.array(slope), 0.9**2 * T
    log_p = -np.sum((x - mean) ** 2, axis=1) / (2 * variance)
    np.testing.assert_allclose(
        found, log_p - 2.5 * np.log(2 * np.pi * variance), rtol=1e-13
    )


def test_the_path_leads_from_the_gaussian_to_the_law():
    ebm, x = model(d=3, seed=6), RNG.standard_normal((20, 3))
    path = path_to(ebm, 0.4, 0.05)
    np.testing.assert_allclose(path.target.energy_at(x), ebm.energy(x) / 0.4, 1e-13)
    gaussian = np.sum(x**2, axis=1) / (2 * 1.3**2 * 0.4)
    np.testing.assert_allclose(path.base.energy_at(x), gaussian, 1e-13)
    assert float(path.step_size) == pytest.approx(0.02)


def test_float32_parameters_are_summed_in_float64():
    ebm = model(seed=7, dtype=np.float32)
    exact = EBM(copy.deepcopy(ebm.network), 1.3)
    for layer in exact.network.layers:
        layer.weights = layer.weights.astype(np.float64)
        layer.bias = layer.bias.astype(np.float64)
    x = RNG.standard_normal((6, 2)).astype(np.float32)
    found = ebm.log_likelihood(x)
    assert found.dtype == np.float64
    expected = exact.log_likelihood(x.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_points_far_out_and_laws_that_are_narrow():
    ebm = model(1, seed=8)
    far = ebm.log_likelihood([[1e200], [-1e200], [1e6]])
    assert far.tolist()[:2] == [-np.inf, -np.inf]
    assert -np.inf < far[2] < -1e11
    for T, sd in ((1e-6, 1.3), (1.0, 1e-5), (1e6, 1.3), (1.0, 1e5)):
        narrow = EBM(ebm.network, sd)
        law = narrow.law(temperature=T)
        inside = law.nodes[law.probabilities > 0]
        log_p = narrow.log_likelihood(inside, temperature=T)
        assert np.isfinite(log_p).all()
        assert law.probabilities.sum() == pytest.approx(1)


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
