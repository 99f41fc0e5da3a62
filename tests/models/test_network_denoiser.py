"""A compiled network in a reverse chain: against the network itself, and in chains."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from numba.core import config

from models import denoiser_kernels as kernels
from models.denoising_network import DenoisingNetwork
from models.diffusion_forms import FORMS
from models.mlp import ACTIVATIONS, MLP, Dense
from models.network_denoiser import network_denoiser
from models.network_kernels import LANES, POINTS
from samplers.chains import Chains
from samplers.denoiser import Denoiser
from samplers.reverse import Reverse
from samplers.schedules import Schedule, cosine, from_log_snr
from tests.models import networks
from tests.models.networks import draw
from tests.samplers.without_jit import bits_without_jit

FREQUENCIES = np.array([0.1, 0.4, 1.3])
SCHEDULE = from_log_snr(lambda u: 9 - 18 * u, 12)
BITS, FIVE = np.array([-1.0, 1.0]), np.linspace(-1, 1, 5)
# The form, whether there is a skip, and the levels that have a prior, if there are.
KINDS = [
    *((form, skip, None) for form, skip in product(FORMS, (True, False))),
    *(("x0", True, levels) for levels in (BITS, FIVE)),
]
EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=str)
# Hidden layers: none, one unit, on both sides of a multiple of four, and many.
HIDDEN = [(), (1,), (16, 16), (9, 4, 5), (6, 7, 8, 9)]
compiled_only = pytest.mark.skipif(
    config.DISABLE_JIT, reason="this process compiles nothing"
)


def make(kind, hidden=(16, 16), names=("tanh",), *, d=2, seed=0, dtype=np.float64):
    """Return a network with biases in all layers; names as in `networks.make`."""
    form, skip, levels = kind
    numbers = d if levels is None or levels.size == 2 else 2 * d
    sizes = (d + 2 * FREQUENCIES.size, *hidden, numbers)
    mlp = networks.make(sizes, names, seed, gain=0.8, dtype=dtype)
    prior = None
    if levels is not None:
        p = np.random.default_rng(seed).dirichlet(np.ones(levels.size), d)
        prior, levels = np.log(p).astype(dtype), levels.astype(dtype)
    frequencies = FREQUENCIES.astype(dtype)
    return DenoisingNetwork(mlp, form, frequencies, skip, prior, levels)


def expected(network, x, t, schedule=SCHEDULE):
    """Return x0hat by the network itself, at one time."""
    return network.denoise(x, np.full(len(x), schedule.log_snr[t], x.dtype))


def in_float64(network):
    """Return the network in float64, at the same weights."""
    layers = [
        Dense(np.float64(layer.weights), np.float64(layer.bias), layer.activation)
        for layer in network.network.layers
    ]
    frequencies, *law = (
        None if array is None else np.float64(array)
        for array in (network.frequencies, network.prior, network.levels)
    )
    mlp = MLP(layers)
    return DenoisingNetwork(mlp, network.form, frequencies, network.skip, *law)


# ---------------------------------------------------------------- the numbers


@pytest.mark.exact
@EACH_KIND
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_form_and_activation(kind, name):
    network, x = make(kind, names=(name, name, "identity")), draw(40, 2)
    compiled = network_denoiser(network, SCHEDULE)
    for t in (1, 2, 7, SCHEDULE.steps):
        right = expected(network, x, t)
        atol = 1e-12 * (1 + np.abs(right).max())
        found = compiled.estimate_at(x, t)
        np.testing.assert_allclose(found, right, rtol=0, atol=atol)


@pytest.mark.exact
@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
@pytest.mark.parametrize("d", [1, 4, 7])
def test_every_architecture(hidden, d):
    """With activations in turn, that of the last layer too."""
    names = np.random.default_rng(d).permutation(list(ACTIVATIONS)).tolist()
    for seed, kind in enumerate(KINDS):
        network, x = make(kind, hidden, names, d=d, seed=seed), draw(150, d)
        right = expected(network, x, 5)
        atol = 1e-12 * (1 + np.abs(right).max())
        found = network_denoiser(network, SCHEDULE).estimate_at(x, 5)
        np.testing.assert_allclose(found, right, rtol=0, atol=atol)


@pytest.mark.exact
@EACH_KIND
def test_float32_is_kept_and_near_float64(kind):
    """Within 30 roundings of the largest, after the products of three layers."""
    network, x = make(kind, (32, 32), dtype=np.float32), draw(100, 2, np.float32)
    compiled = network_denoiser(network, SCHEDULE)
    assert {a.dtype for a in compiled.params if a.dtype.kind == "f"} == {x.dtype}
    for t in range(1, SCHEDULE.steps + 1):
        found = compiled.estimate_at(x, t)
        right = expected(in_float64(network), np.float64(x), t)
        assert found.dtype == np.float32
        bound = 30 * np.finfo(np.float32).eps * np.abs(right).max()
        np.testing.assert_allclose(found, right, rtol=0, atol=bound)


@pytest.mark.exact
@pytest.mark.parametrize("form", FORMS)
def test_no_digits_cancel_where_there_is_only_noise(form):
    """A network that answers 0 leaves alpha x, also where alpha is 1e-4."""
    network = make((form, True, None), dtype=np.float32)
    network.network.layers[-1].weights[:] = 0
    network.network.layers[-1].bias[:] = 0
    schedule, x = from_log_snr(lambda u: 20 - 40 * u, 20), draw(20, 2, np.float32)
    compiled = network_denoiser(network, schedule)
    for t in range(1, 21):
        found = compiled.estimate_at(x, t)
        np.testing.assert_allclose(found, schedule.signal[t] * x, rtol=3e-7)


@EACH_KIND
def test_at_the_beginning_the_data_are_known(kind):
    compiled = network_denoiser(make(kind), SCHEDULE)
    x = np.array([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0]])
    assert np.array_equal(compiled.estimate_at(x, 0), x)


@EACH_KIND
def test_overflow_is_seen_behind_a_relu(kind):
    """Infinite units make a NaN, which a comparison with zero would hide."""
    network = make(kind, names=("relu", "relu", "identity"))
    for layer in network.network.layers:
        layer.weights[:] = np.where(
            np.arange(layer.weights.shape[1]) % 2, 1e200, -1e200
        )
    compiled = network_denoiser(network, SCHEDULE)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match=r"denoise left -?(nan|inf) in"),
    ):
        compiled.estimate_at(np.ones((3, 2)), 4)


@pytest.mark.parametrize("code", range(5))
def test_an_activation_keeps_a_nan(code):
    z = np.array([np.nan, 1.0])
    kernels.activate(code, z)
    assert np.isnan(z[0])
    assert np.isfinite(z[1])


# ---------------------------------------------------------------- points


@pytest.mark.exact
@pytest.mark.parametrize("n", [1, LANES + 3, POINTS + 5])
def test_points_do_not_touch_each_other(n):
    """Each of many has the bits that it has alone, whatever group it is in."""
    compiled, x = network_denoiser(make(KINDS[0], (9, 7)), SCHEDULE), draw(n, 2)
    alone = [compiled.estimate_at(x[i : i + 1], 3) for i in range(n)]
    assert np.array_equal(compiled.estimate_at(x, 3), np.concatenate(alone))


@pytest.mark.exact
@pytest.mark.parametrize("d", [1, 3, 5])
def test_nothing_is_written_beyond_the_points(d):
    """On both sides of LANES and of POINTS, with guards before and after the array."""
    compiled = network_denoiser(make(KINDS[0], (3,), d=d), SCHEDULE)
    for n in (2, LANES - 1, LANES, LANES + 1, POINTS - 1, POINTS, POINTS + 1):
        x, kept = np.asfortranarray(draw(n, d)), np.full(d * n + 400, 7.0)
        before = x.copy()
        compiled.denoise(x, 2, kept[200:-200].reshape(d, n).T, *compiled.params)
        assert np.all(kept[:200] == 7)
        assert np.all(kept[-200:] == 7)
        assert np.all(kept[200:-200] != 7)
        assert np.array_equal(x, before)


@compiled_only
def test_one_machine_code_serves_all_networks():
    network_denoiser(make(KINDS[0]), SCHEDULE).estimate_at(draw(3, 2), 1)
    before = len(kernels.denoise.signatures)
    for kind in KINDS:
        network = make(kind, (5, 5), ("relu",), d=7)
        network_denoiser(network, cosine(3)).estimate_at(draw(3, 7), 1)
    assert len(kernels.denoise.signatures) == before


def results():
    """Return estimates of all activations, with and without a prior, in both dtypes."""
    found = []
    for dtype, kind in product((np.float32, np.float64), (KINDS[2], *KINDS[-2:])):
        network = make(kind, (6, 5, 4, 5), list(ACTIVATIONS), d=3, dtype=dtype)
        compiled, x = network_denoiser(network, SCHEDULE), draw(5, 3, dtype)
        found += [compiled.estimate_at(x, t) for t in (0, 1, 6)]
    return found


def bits():
    with np.errstate(over="ignore"):
        return b"".join(array.tobytes() for array in results())


@pytest.mark.exact
@compiled_only
def test_undecorated_the_results_are_those_up_to_a_few_roundings():
    """Where compiled sums may keep the digits of a product, plain ones round it."""
    plain = bits_without_jit("tests.models.test_network_denoiser")
    for found in results():
        one, plain = plain[: found.nbytes], plain[found.nbytes :]
        undecorated = np.frombuffer(one, found.dtype).reshape(found.shape)
        atol = 16 * np.finfo(found.dtype).eps * np.abs(undecorated).max()
        np.testing.assert_allclose(found, undecorated, rtol=0, atol=atol)
    assert not plain


# ---------------------------------------------------------------- what is given


def test_a_denoiser_is_of_the_network_as_it_was():
    network, x = make(KINDS[0]), draw(4, 2)
    compiled = network_denoiser(network, SCHEDULE)
    before = compiled.estimate_at(x, 3)
    for layer in network.network.layers:
        layer.weights[:] *= 2
        layer.bias[:] += 1
    assert np.array_equal(compiled.estimate_at(x, 3), before)
    now = network_denoiser(network, SCHEDULE).estimate_at(x, 3)
    np.testing.assert_allclose(now, expected(network, x, 3), rtol=1e-12)


@pytest.mark.parametrize("where", ["weights", "bias"])
@pytest.mark.parametrize("layer", range(3))
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refused_weights(where, layer, bad):
    """Also among those of the time, which are not in theta."""
    network = make(KINDS[0])
    getattr(network.network.layers[layer], where)[-1] = bad
    match = rf"layer {layer} has .* not finite.*x_0; go back .* smaller learning rate"
    with pytest.raises(ValueError, match=match):
        network_denoiser(network, SCHEDULE)


def test_refused_networks_and_schedules():
    network = make(KINDS[0])
    with pytest.raises(TypeError, match=r"denoiser is a MLP.*it is a DenoisingNetwork"):
        network_denoiser(network.network, SCHEDULE)
    with pytest.raises(TypeError, match=r"schedule is 100.*from_log_snr\(log_snr"):
        network_denoiser(network, 100)


@pytest.mark.parametrize("skip", [True, False])
def test_refused_where_the_signal_is_too_small_for_the_precision(skip):
    """sigma / alpha is e^100 at the end, which float64 holds."""
    schedule = from_log_snr(lambda u: 5 - 205 * u, 5)
    network = make(("noise", skip, None), dtype=np.float32)
    with pytest.raises(ValueError, match=r"the (stay|pull) .* overflow in float32.*64"):
        network_denoiser(network, schedule)
    found = network_denoiser(in_float64(network), schedule).estimate_at(draw(3, 2), 5)
    assert np.abs(found).max() > 1e40


# ---------------------------------------------------------------- in chains


def plain_denoiser(network: DenoisingNetwork, schedule: Schedule) -> Denoiser:
    """Return the same estimate without kernels."""

    def denoise(x, t, out):
        out[:] = expected(network, np.ascontiguousarray(x), t, schedule)

    return Denoiser(denoise, network.dimension, dtype=network.dtype, schedule=schedule)


@pytest.mark.parametrize("eta", [0.0, 1.0])
@EACH_KIND
def test_chains_by_the_network_itself_and_by_threads(kind, eta):
    """The same steps to 1e-9, and the same bits however the chains are split."""
    network = make(kind, (10, 10))
    one, other = network_denoiser(network, SCHEDULE), plain_denoiser(network, SCHEDULE)
    samplers = (Reverse(each, SCHEDULE, eta) for each in (one, other))
    draws, plain = (Chains(each, 37, rng=3).run(12) for each in samplers)
    atol = 1e-9 * np.abs(plain).max()
    np.testing.assert_allclose(draws, plain, rtol=0, atol=atol)
    with ThreadPoolExecutor(2) as threads:
        chains = Chains(Reverse(one, SCHEDULE, eta), 37, rng=3)
        split = chains.run(12, executor=threads)
    assert np.array_equal(split, draws)


def test_a_chain_of_another_schedule_is_refused():
    compiled = network_denoiser(make(KINDS[0]), SCHEDULE)
    with pytest.raises(ValueError, match="made for another schedule"):
        Reverse(compiled, cosine(12))
