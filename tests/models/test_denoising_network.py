"""Denoising networks: their formula, axes, waves, derivatives, files and errors."""

import numpy as np
import pytest

from autodiff import check_gradients, grad, tree_leaves
from models.denoising_network import DenoisingNetwork
from models.diffusion_forms import signal_and_noise, to_x0
from models.mlp import MLP
from optim import storage
from samplers.archive import CheckpointError
from tests.models.denoisers import both_dtypes, every_kind, given, make

# What it says


@every_kind
def test_a_guess_is_the_network_and_what_is_added(form, skip, prior):
    denoiser, (x, log_snr) = make(form, skip, prior), given()
    w = np.pi / 40 * 40 ** np.linspace(0, 1, 3)
    np.testing.assert_allclose(denoiser.frequencies, w, rtol=1e-14)
    for row, level, guess in zip(x, log_snr, denoiser(x, log_snr), strict=True):
        told = np.concatenate([row, np.sin(level * w), np.cos(level * w)])
        said = denoiser.network(told[np.newaxis])[0]
        alpha, sigma = signal_and_noise(level)
        added = {"x0": alpha * row, "noise": sigma * row, "score": -row, "v": 0 * row}
        expected = said + skip * added[form]
        if prior:
            expected = np.tanh((prior + said) / 2 + alpha * row / sigma**2)
        np.testing.assert_allclose(guess, expected, rtol=1e-12, atol=1e-14)


@every_kind
def test_the_data_by_its_form(form, skip, prior):
    denoiser, (x, log_snr) = make(form, skip, prior), given()
    expected = to_x0(denoiser(x, log_snr), form, x, log_snr)
    found = denoiser.denoise(x, log_snr)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@both_dtypes
@every_kind
def test_axes_and_precision(form, skip, prior, dtype):
    """Axes before the last two are kept; one level may hold for several rows."""
    denoiser, (x, log_snr) = make(form, skip, prior, dtype=dtype), given(6, dtype)
    guess = denoiser(x, log_snr)
    blocks = denoiser(x.reshape(2, 3, 3), log_snr.reshape(2, 3))
    shared = denoiser(x.reshape(2, 3, 3), log_snr[:3])
    at_one = denoiser(x, 0.5)
    assert {a.dtype for a in (guess, blocks, shared, at_one)} == {np.dtype(dtype)}
    assert denoiser.dtype == dtype
    assert denoiser.dimension == 3
    rtol = 50 * np.finfo(dtype).eps
    close = {"rtol": rtol, "atol": rtol}
    np.testing.assert_allclose(blocks.reshape(6, 3), guess, **close)
    np.testing.assert_allclose(shared[0], guess[:3], **close)
    np.testing.assert_allclose(shared[1], denoiser(x[3:], log_snr[:3]), **close)
    expected = denoiser(x, np.full(6, 0.5, dtype))
    np.testing.assert_allclose(at_one, expected, **close)
    assert denoiser(x[:0], log_snr[:0]).shape == (0, 3)


@both_dtypes
@every_kind
@pytest.mark.parametrize("level", [-20, 20])
def test_both_ends(form, skip, prior, level, dtype):
    """Guesses and slopes are finite where there is only noise, and only data."""
    denoiser, (x, _) = make(form, skip, prior, dtype=dtype), given(dtype=dtype)
    log_snr = np.full(5, level, dtype)

    def loss(denoiser, x, log_snr):
        return np.sum(denoiser.denoise(x, log_snr) ** 2)

    slopes = tree_leaves(grad(loss, argnums=(0, 1, 2))(denoiser, x, log_snr))
    for array in (denoiser(x, log_snr), denoiser.denoise(x, log_snr), *slopes):
        assert array.dtype == dtype
        assert np.isfinite(array).all()


def test_create():
    denoiser = DenoisingNetwork.create(2, rng=0)
    sizes = [layer.weights.shape for layer in denoiser.network.layers]
    assert sizes == [(34, 128), (128, 128), (128, 2)]
    names = [layer.activation for layer in denoiser.network.layers]
    assert names == ["relu", "relu", "identity"]
    assert (denoiser.form, denoiser.skip, denoiser.prior) == ("noise", True, None)
    again = DenoisingNetwork.create(2, rng=np.random.default_rng(0))
    for one, two in zip(tree_leaves(denoiser), tree_leaves(again), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_prior_is_copied():
    prior = np.zeros(3)
    denoiser = make("x0", prior=prior)
    prior[:] = 7
    np.testing.assert_array_equal(denoiser.prior, np.zeros(3))


# The waves that tell it the level


@pytest.mark.parametrize("features", [2, 8, 32, 64])
def test_levels_are_told_apart(features):
    """By a twentieth of their distance at least, from -20 to 20."""
    denoiser = make(features=features)
    levels = np.linspace(-20, 20, 401)
    f = denoiser.time_features(levels)
    assert f.shape == (401, features)
    apart = np.sqrt(np.sum((f[:, np.newaxis] - f) ** 2, axis=-1))
    steps = np.abs(levels[:, np.newaxis] - levels)
    assert np.all(apart >= steps / 20 - 1e-14)
    expected = 2 * np.sqrt(
        np.sum(np.sin(denoiser.frequencies * steps[..., np.newaxis] / 2) ** 2, axis=-1)
    )
    np.testing.assert_allclose(apart, expected, atol=1e-13)


@pytest.mark.parametrize("features", [2, 32])
def test_close_levels_are_told_apart_in_float32(features):
    """Also those a hundredth apart, by at least three quarters of what is due."""
    denoiser = make(features=features, dtype=np.float32)
    f = denoiser.time_features(np.linspace(-20, 20, 4001).astype(np.float32))
    assert f.dtype == np.float32
    assert np.linalg.norm(np.diff(f, axis=0), axis=1).min() >= 0.75 * 0.01 * np.pi / 40


# Derivatives


@every_kind
@pytest.mark.parametrize("what", ["guess", "data"])
def test_derivatives(form, skip, prior, what):
    """By every array of parameters, by x and by the levels."""
    denoiser, (x, log_snr) = make(form, skip, prior), given(3)
    assert len(tree_leaves(denoiser)) == 6  # of three layers, and nothing else

    def f(denoiser, x, log_snr):
        return (denoiser if what == "guess" else denoiser.denoise)(x, log_snr)

    report = check_gradients(f, (denoiser, x, 0.3 * log_snr), order=2)
    assert report.inconclusive == 0


def test_a_gradient_is_a_denoiser_with_the_same_waves():
    denoiser, (x, log_snr) = make("x0", prior=np.zeros(3)), given()
    slope = grad(lambda denoiser: np.sum(denoiser(x, log_snr) ** 2))(denoiser)
    assert type(slope) is DenoisingNetwork
    assert slope.frequencies is denoiser.frequencies
    assert slope.prior is denoiser.prior


# Files


@both_dtypes
@every_kind
def test_it_comes_back_bit_for_bit(form, skip, prior, dtype, tmp_path):
    denoiser, (x, log_snr) = make(form, skip, prior, dtype=dtype), given(dtype=dtype)
    denoiser.save(tmp_path / "denoiser.npz")
    again = DenoisingNetwork.load(tmp_path / "denoiser.npz")
    assert (again.form, again.skip) == (form, skip)
    assert (again.prior is None) == (prior is None)
    np.testing.assert_array_equal(again.frequencies, denoiser.frequencies)
    np.testing.assert_array_equal(
        again.denoise(x, log_snr), denoiser.denoise(x, log_snr)
    )
    assert again.dtype == again.frequencies.dtype == dtype


def test_a_file_of_parts_that_do_not_fit(tmp_path):
    path = tmp_path / "denoiser.npz"
    faults = {
        "form": "epsilon",
        "network": [np.ones(3)],
        "frequencies": np.ones(4),
        "prior": np.zeros(2),
    }
    for name, value in faults.items():
        denoiser = make("x0")
        setattr(denoiser, name, value)
        with pytest.raises((ValueError, TypeError)):
            denoiser.save(path)
        storage.save(path, denoiser)
        with pytest.raises(CheckpointError, match="cannot be loaded"):
            DenoisingNetwork.load(path)


# What is refused


def test_settings_that_do_not_fit():
    with pytest.raises(ValueError, match="no form 'epsilon'"):
        make("epsilon")
    for features in (0, 7, -2):
        with pytest.raises(ValueError, match="write an even number, such as 32"):
            make(features=features)
    for settings in ({"form": "noise"}, {"form": "x0", "skip": False}):
        with pytest.raises(ValueError, match="write form='x0' and skip=True"):
            make(**settings, prior=np.zeros(3))
    for prior in (np.zeros(2), np.zeros((1, 3)), 0.0):
        with pytest.raises(ValueError, match=r"prior is float64 .* of shape \(3,\)"):
            make("x0", prior=prior)
    with pytest.raises(ValueError, match=r"prior holds nan or infinity.*log-odds"):
        make("x0", prior=[0.0, np.inf, 0.0])


def test_parts_that_do_not_fit():
    network, waves = MLP.create((7, 3), rng=0), np.ones(2)
    DenoisingNetwork(network, "noise", waves)
    with pytest.raises(TypeError, match=r"network is a list; .*\.create"):
        DenoisingNetwork([1], "noise", waves)
    with pytest.raises(ValueError, match=r"from 7 numbers to 3, .* here 9 numbers"):
        DenoisingNetwork(network, "noise", np.ones(3))
    for bad in (np.ones((1, 2)), np.ones(2, np.float32), np.float64(1)):
        with pytest.raises(ValueError, match=r"frequencies is float.*it is float64"):
            DenoisingNetwork(network, "noise", bad)
    with pytest.raises(ValueError, match="frequencies holds nan or infinity"):
        DenoisingNetwork(network, "noise", np.array([1, np.nan]))
    network.layers[0].bias = np.zeros(9)
    with pytest.raises(ValueError, match="are no layer"):
        DenoisingNetwork(network, "noise", waves)


def test_arrays_that_do_not_fit():
    denoiser, (x, log_snr) = make(), given()
    for call in (denoiser, denoiser.denoise):
        with pytest.raises(ValueError, match=r"x of shape \(5, 2\) does not fit"):
            call(x[:, :2], log_snr)
        with pytest.raises(ValueError, match=r"one number for each row of x"):
            call(x, log_snr[:4])
        with pytest.raises(TypeError, match=r"x is float32 .* x\.astype\(np\.float64"):
            call(x.astype("f4"), log_snr.astype("f4"))
        with pytest.raises(TypeError, match="do not share a precision"):
            call(x, log_snr.astype("f4"))
        with pytest.raises(TypeError, match="x must be a float32 or float64 array"):
            call([[1.0, 2.0, 3.0]], 0.0)
