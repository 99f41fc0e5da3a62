"""Denoising networks: their formula, axes, waves, derivatives, files and errors."""

import numpy as np
import pytest
from scipy import stats

from autodiff import check_gradients, grad, tree_leaves
from models.denoising_network import DenoisingNetwork
from models.diffusion_forms import signal_and_noise, to_x0
from models.mlp import MLP
from optim import storage
from samplers.archive import CheckpointError
from tests.models.denoisers import (
    PRIORS,
    both_dtypes,
    every_kind,
    given,
    make,
    silent,
)

# What it says


def mean_of_levels(levels, log_p, g, h):
    """Return the mean of levels of the weights p exp(g v + h v^2)."""
    log_w = log_p + g * levels + h * levels**2
    w = np.exp(log_w - log_w.max())
    return w @ levels / w.sum()


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
        if prior is None:
            expected = said + skip * added[form]
        else:
            evidence = alpha * row / sigma**2, np.full(3, -0.5 * (alpha / sigma) ** 2)
            tilt, said = np.stack(evidence, axis=-1), said.reshape(3, -1)
            tilt[:, : said.shape[1]] += said
            expected = [
                mean_of_levels(denoiser.levels, log_p, *numbers)
                for log_p, numbers in zip(denoiser.prior, tilt, strict=True)
            ]
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
    assert (denoiser.form, denoiser.skip) == ("noise", True)
    assert denoiser.prior is denoiser.levels is None
    again = DenoisingNetwork.create(2, rng=np.random.default_rng(0))
    for one, two in zip(tree_leaves(denoiser), tree_leaves(again), strict=True):
        np.testing.assert_array_equal(one, two)


@both_dtypes
def test_bits_are_a_tanh_of_what_is_said(dtype):
    """x0hat = tanh(l / 2 + g + alpha x / sigma^2), by the log-odds l of 1 to -1."""
    denoiser, (x, log_snr) = make("x0", prior="bits", dtype=dtype), given(9, dtype)
    plain = make("x0", skip=False, dtype=dtype)
    g, log_odds = plain(x, log_snr), np.diff(denoiser.prior)[:, 0]
    alpha, sigma = (c[:, np.newaxis] for c in signal_and_noise(log_snr))
    expected = np.tanh(log_odds / 2 + g + alpha * x / sigma**2)
    rtol = 2000 * np.finfo(dtype).eps
    np.testing.assert_allclose(denoiser(x, log_snr), expected, rtol=rtol, atol=rtol)


@both_dtypes
def test_two_numbers_say_what_a_gaussian_does(dtype):
    """N(mu, s^2) of an entry is told by g = mu / s^2 and h = -1 / (2 s^2)."""
    denoiser = silent(make("x0", prior="three levels", dtype=dtype))
    mu, s = np.array([0.5, -1.0, 2.0]), np.array([0.5, 1.0, 0.3])
    numbers = np.stack([mu / s**2, -0.5 / s**2], axis=-1)
    denoiser.network.layers[-1].bias[:] = numbers.ravel()
    levels, p = PRIORS["three levels"]
    w = p * stats.norm.pdf(levels, mu[:, np.newaxis], s[:, np.newaxis])
    expected = np.sum(w * levels, axis=1) / np.sum(w, axis=1)
    found = denoiser(np.zeros((1, 3), dtype), -20.0)
    rtol = 1e-6 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found, expected[np.newaxis], rtol=rtol, atol=rtol)


def test_a_prior_and_levels_are_copied():
    prior, levels = np.log(np.full((3, 2), 0.5)), np.array([-1.0, 1.0])
    denoiser = DenoisingNetwork.create(3, form="x0", prior=prior, levels=levels, rng=0)
    prior[:], levels[:] = 7, 8
    np.testing.assert_array_equal(denoiser.prior, np.log(np.full((3, 2), 0.5)))
    np.testing.assert_array_equal(denoiser.levels, [-1, 1])


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
    denoiser, (x, log_snr) = make("x0", prior="bits"), given()
    slope = grad(lambda denoiser: np.sum(denoiser(x, log_snr) ** 2))(denoiser)
    assert type(slope) is DenoisingNetwork
    assert slope.frequencies is denoiser.frequencies
    assert slope.prior is denoiser.prior
    assert slope.levels is denoiser.levels


# Files


@both_dtypes
@every_kind
def test_it_comes_back_bit_for_bit(form, skip, prior, dtype, tmp_path):
    denoiser, (x, log_snr) = make(form, skip, prior, dtype=dtype), given(dtype=dtype)
    denoiser.save(tmp_path / "denoiser.npz")
    again = DenoisingNetwork.load(tmp_path / "denoiser.npz")
    assert (again.form, again.skip) == (form, skip)
    if prior is None:
        assert again.prior is again.levels is None
    else:
        np.testing.assert_array_equal(again.prior, denoiser.prior)
        np.testing.assert_array_equal(again.levels, denoiser.levels)
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
        "prior": np.zeros((3, 2)),
        "levels": np.array([1.0, -1.0]),
    }
    for name, value in faults.items():
        denoiser = make("x0", prior="bits")
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


def test_priors_that_do_not_fit():
    for settings in ({"form": "noise"}, {"form": "x0", "skip": False}):
        with pytest.raises(ValueError, match="write form='x0' and skip=True"):
            make(**settings, prior="bits")

    def create(prior, levels):
        DenoisingNetwork.create(3, form="x0", prior=prior, levels=levels, rng=0)

    half, bits = np.log(np.full((3, 2), 0.5)), (-1, 1)
    create(half, bits)
    for one, other in ((half, None), (None, bits)):
        with pytest.raises(ValueError, match=r"not given together.*level_log_prob"):
            create(one, other)
    for prior in (half[:2], half[:, :1], half[0], 0.0):
        with pytest.raises(ValueError, match=r"prior is float64 .* of shape \(3, 2\)"):
            create(prior, bits)
    with pytest.raises(ValueError, match=r"prior holds nan or infinity.*level_log_pr"):
        create(np.where(half < 0, half, np.inf) - [[0, np.inf]], bits)
    with pytest.raises(ValueError, match=r"add up to 3.297, not to one.*np\.log\(p\)"):
        create(np.exp(half), bits)
    with pytest.raises(ValueError, match=r"they are \(K,\), at least two, and rise"):
        create(half, (1, -1))


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
    law = {"prior": np.log(np.full((3, 3), 1 / 3)), "levels": np.arange(3.0)}
    for outputs in (3, 5, 7):
        other = MLP.create((7, outputs), rng=0)
        with pytest.raises(ValueError, match=r"or two if .* more than two levels"):
            DenoisingNetwork(other, "x0", waves, **law)
    DenoisingNetwork(MLP.create((7, 6), rng=0), "x0", waves, **law)
    law["levels"] = law["levels"].astype("f4")
    with pytest.raises(ValueError, match=r"levels is float32 .* it is float64"):
        DenoisingNetwork(MLP.create((7, 6), rng=0), "x0", waves, **law)
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
