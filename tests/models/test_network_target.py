"""A network as a target: against autodiff, differences, plain Python, and in chains."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba.core import config

from models import network_kernels as kernels
from models.mlp import ACTIVATIONS, MLP, Dense
from models.network_target import CODES, network_target, write_weights
from samplers.annealing import annealed_importance
from samplers.chains import Chains
from samplers.energy_path import EnergyPath
from samplers.gaussian import gaussian_target
from samplers.langevin import Langevin
from samplers.mala import MALA
from samplers.quadrature import quadrature
from samplers.target import Target
from tests.models.networks import draw, make, slope, twin
from tests.samplers.without_jit import bits_without_jit

EPS32 = 2.0**-23
# Widths on both sides of a multiple of four, no hidden layer at all, and a deep one.
SIZES = [(1, 1), (5, 1), (2, 3, 1), (2, 16, 16, 1), (3, 9, 4, 5, 1), (4, 6, 7, 8, 9, 1)]
EACH_SIZE = pytest.mark.parametrize("sizes", SIZES, ids=str)
compiled_only = pytest.mark.skipif(
    config.DISABLE_JIT, reason="this process compiles nothing"
)


# ---------------------------------------------------------------- the numbers


@pytest.mark.exact
@pytest.mark.parametrize("prior_sd", [None, 0.7])
@pytest.mark.parametrize("last", ACTIVATIONS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_by_autodiff(name, last, prior_sd):
    network = make((2, 16, 16, 1), (name, name, last))
    target, x = network_target(network, prior_sd=prior_sd), draw(40, 2)
    energy = twin(network, prior_sd)
    expected = -slope(energy)(x)
    np.testing.assert_allclose(target.energy_at(x), energy(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(target.score_at(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.exact
@EACH_SIZE
@pytest.mark.parametrize("seed", range(5))
def test_every_architecture_by_autodiff(sizes, seed):
    names = np.random.default_rng(seed).permutation(list(ACTIVATIONS)).tolist()
    network = make(sizes, names, seed)
    target, x = network_target(network, prior_sd=1.5), draw(300, sizes[0], seed=seed)
    energy = twin(network, 1.5)
    expected = -slope(energy)(x)
    size = 1 + np.abs(expected).max() + np.abs(energy(x)).max()
    atol = 1e-13 * size
    np.testing.assert_allclose(target.energy_at(x), energy(x), rtol=1e-12, atol=atol)
    np.testing.assert_allclose(target.score_at(x), expected, rtol=1e-12, atol=atol)


@pytest.mark.exact
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_float32_is_kept_and_near_float64(name):
    """Within 30 roundings of the largest, after the products of three layers."""
    network = make((2, 32, 32, 1), (name, name, "identity"), dtype=np.float32)
    exact = MLP(
        Dense(np.float64(layer.weights), np.float64(layer.bias), layer.activation)
        for layer in network.layers
    )
    x = draw(100, 2, np.float32)
    single, double = (network_target(f, prior_sd=2.0) for f in (network, exact))
    assert single.params[0].dtype == single.params[3].dtype == np.float32
    for at in ("score_at", "energy_at"):
        found, expected = getattr(single, at)(x), getattr(double, at)(x)
        bound = 30 * EPS32 * np.abs(expected).max()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


@pytest.mark.exact
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus"])
def test_the_score_by_differences_of_the_energy(name):
    """Four points along each axis, an error of h^4: here below 1e-9."""
    target = network_target(make((3, 8, 8, 1), (name,)), prior_sd=1.0)
    x, h = draw(20, 3), 2e-3
    score = target.score_at(x)
    for j, step in enumerate(h * np.eye(3)):
        near = target.energy_at(x + step) - target.energy_at(x - step)
        far = target.energy_at(x + 2 * step) - target.energy_at(x - 2 * step)
        np.testing.assert_allclose(
            score[:, j], -(8 * near - far) / (12 * h), rtol=0, atol=1e-9
        )


def test_a_relu_has_no_slope_at_zero():
    ramp = MLP([Dense(np.array([[2.0]]), np.zeros(1), "relu")])
    target = network_target(ramp)
    assert target.score_at([[0.0], [-1.0], [1.0]]).tolist() == [[0.0], [0.0], [-2.0]]


@pytest.mark.exact
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_out_the_energy_is_finite(name, dtype):
    """Where exp overflows and a tanh is flat, energy and score are those of E."""
    network = make((2, 12, 1), (name, "identity"), gain=3.0, dtype=dtype)
    target = network_target(network, prior_sd=2.0)
    x = np.array([[1e3, -1e3], [-1e3, 5.0], [0.0, 1e9], [-1e9, -1e9]], dtype)
    energy = twin(network, dtype(2.0))
    rtol = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(target.energy_at(x), energy(x), rtol=rtol)
    np.testing.assert_allclose(target.score_at(x), -slope(energy)(x), rtol=rtol)


# ---------------------------------------------------------------- points


@pytest.mark.exact
@pytest.mark.parametrize("n", [1, kernels.LANES + 3, kernels.POINTS + 5])
def test_points_do_not_touch_each_other(n):
    """Each of many has the bits that it has alone, whatever group it is in."""
    target = network_target(make((2, 9, 7, 1)), prior_sd=1.0)
    x = draw(n, 2)
    for function in (target.score_at, target.energy_at):
        alone = np.concatenate([function(x[i : i + 1]) for i in range(n)])
        assert np.array_equal(function(x), alone)


@pytest.mark.exact
@pytest.mark.parametrize("sizes", [(3, 1), (2, 1, 1), (5, 3, 1)], ids=str)
def test_nothing_is_written_beyond_the_points(sizes):
    """On both sides of LANES and of POINTS, with guards before and after the arrays."""
    target, d = network_target(make(sizes), prior_sd=1.3), sizes[0]
    L, P = kernels.LANES, kernels.POINTS
    for n in (2, L - 1, L, L + 1, P - 1, P, P + 1, 2 * P, 2 * P + 1):
        x = np.asfortranarray(draw(n, d))
        kept, guarded = np.full(d * n + 400, 7.0), np.full(n + 400, 7.0)
        target.score(x, kept[200:-200].reshape(d, n).T, *target.params)
        target.energy(x, guarded[200:-200], *target.params)
        for array in (kept, guarded):
            assert np.all(array[:200] == 7)
            assert np.all(array[-200:] == 7)
            assert np.all(array[200:-200] != 7)


@pytest.mark.exact
@compiled_only
def test_either_order_in_memory_gives_the_same_bits():
    target = network_target(make((3, 6, 1)), prior_sd=1.0)
    x = draw(7, 3)
    columns, rows = np.full_like(x, np.nan, order="F"), np.full_like(x, np.nan)
    target.score(np.asfortranarray(x), columns, *target.params)
    target.score(x, rows, *target.params)
    assert np.array_equal(rows, columns)


@compiled_only
def test_one_machine_code_serves_all_networks():
    network_target(make((2, 3, 1))).score_at(draw(3, 2))
    before = len(kernels.score.signatures)
    network_target(make((7, 5, 5, 1), ("relu",))).score_at(draw(3, 7))
    assert len(kernels.score.signatures) == before


def results():
    """Return score and energy of a network of each activation, in both dtypes."""
    found = []
    for dtype in (np.float32, np.float64):
        network = make((3, 6, 5, 4, 5, 1), list(ACTIVATIONS), dtype=dtype)
        target, x = network_target(network, prior_sd=1.0), draw(5, 3, dtype)
        found += [target.score_at(x), target.energy_at(x)]
    return found


def bits():
    with np.errstate(over="ignore"):
        return b"".join(array.tobytes() for array in results())


@pytest.mark.exact
@compiled_only
def test_undecorated_the_results_are_those_up_to_a_few_roundings():
    """Where compiled sums may keep the digits of a product, plain ones round it."""
    plain = bits_without_jit("tests.models.test_network_target")
    for found in results():
        one, plain = plain[: found.nbytes], plain[found.nbytes :]
        expected = np.frombuffer(one, found.dtype).reshape(found.shape)
        atol = 16 * np.finfo(found.dtype).eps * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    assert not plain


# ---------------------------------------------------------------- weights


def test_a_target_is_of_the_network_as_it_was():
    network, x = make((2, 5, 1)), draw(4, 2)
    target = network_target(network)
    before = target.score_at(x)
    network.layers[0].weights[:] *= 2
    network.layers[1].bias[:] += 1
    assert np.array_equal(target.score_at(x), before)
    write_weights(network, target.params[0])
    now = network_target(network)
    assert np.array_equal(target.params[0], now.params[0])
    assert np.array_equal(target.score_at(x), now.score_at(x))
    assert not np.array_equal(target.score_at(x), before)


def test_every_activation_has_its_code():
    assert CODES.keys() == ACTIVATIONS.keys()
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize("where", ["weights", "bias"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refused_weights(where, bad):
    network = make((2, 5, 1))
    target = network_target(network)
    getattr(network.layers[1], where)[0] = bad
    before = target.params[0].copy()
    for call in (network_target, lambda f: write_weights(f, target.params[0])):
        with pytest.raises(ValueError, match=r"layer 1 has .* not finite.*smaller"):
            call(network)
    assert np.array_equal(target.params[0], before)


def test_refused_networks():
    with pytest.raises(ValueError, match=r"returns 2 numbers.*MLP\.create\(\(d, 128"):
        network_target(make((3, 2)))
    with pytest.raises(TypeError, match=r"network is a Dense.*it is an MLP"):
        network_target(make((3, 1)).layers[0])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, 1e-30, 1e30, 1e-200, 1e200])
def test_refused_prior_sds(bad):
    network = make((2, 1), dtype=np.float32)
    with pytest.raises(ValueError, match=r"prior_sd is .* numbers of float32"):
        network_target(network, prior_sd=bad)


@pytest.mark.parametrize("other", [make((2, 9, 1)), make((2, 5, 1), dtype=np.float32)])
def test_refused_weights_of_another_network(other):
    target = network_target(make((2, 5, 1)))
    with pytest.raises(ValueError, match=r"theta has 76 numbers of float64.*params"):
        write_weights(other, target.params[0])


# ---------------------------------------------------------------- in chains


def plain_target(network, prior_sd):
    """Return the same law without kernels, by autodiff."""
    energy = twin(network, prior_sd)

    def score(x, out):
        out[:] = -slope(energy)(np.ascontiguousarray(x))

    def heights(x, out):
        out[:] = energy(np.ascontiguousarray(x))

    return Target(score, len(network.layers[0].weights), heights)


@pytest.mark.parametrize("kind", [Langevin, MALA])
def test_chains_by_autodiff_and_by_threads(kind):
    """The same steps to 1e-10, and the same bits however the chains are split."""
    network = make((2, 10, 10, 1), ("tanh", "softplus", "identity"))
    one, other = network_target(network, prior_sd=1.0), plain_target(network, 1.0)
    draws = Chains(kind(one, 0.1), 37, rng=3).run(8)
    plain = Chains(kind(other, 0.1), 37, rng=3).run(8)
    np.testing.assert_allclose(draws, plain, rtol=0, atol=1e-10)
    with ThreadPoolExecutor(2) as threads:
        split = Chains(kind(one, 0.1), 37, rng=3).run(8, executor=threads)
    assert np.array_equal(split, draws)


def test_annealing_finds_log_z():
    """To 5.03 standard errors, 0.1 nats; from the base to here it changes by 2."""
    network = make((2, 8, 1), ("tanh", "identity"), seed=4)
    target = network_target(network, prior_sd=1.5)
    base = gaussian_target(np.zeros(2), 1.5**2 * np.eye(2))
    bounds = [(-15.0, 15.0)] * 2
    expected = quadrature(twin(network, 1.5), bounds, tolerance=1e-9).log_partition
    path, betas = EnergyPath(target, base, 0.2), np.linspace(0, 1, 21)
    weights = annealed_importance(path, betas, 2000, rng=0)
    with ThreadPoolExecutor(2) as threads:
        again = annealed_importance(path, betas, 2000, rng=0, executor=threads)
    assert np.array_equal(weights.log_weights, again.log_weights)
    assert weights.standard_error < 0.02
    off = weights.log_partition - expected
    assert abs(off) < 5.03 * weights.standard_error
    assert abs(expected - base.log_partition) > 0.3
