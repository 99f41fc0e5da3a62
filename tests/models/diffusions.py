"""Small diffusion models that tests share, and the laws that they are held to."""

import numpy as np

from autodiff import tree_leaves
from models.denoising_network import DenoisingNetwork
from models.diffusion import Diffusion
from models.diffusion_forms import signal_and_noise
from models.linear_diffusion import LinearDiffusion
from models.log_snr import LearnedLogSNR, LinearLogSNR
from models.mlp import MLP, Dense

CENTERS, WIDTHS, SHARES = np.array([[-1.5, 0.0], [1.0, 0.5]]), (0.4, 0.3), (0.3, 0.7)


def make_model(
    d=2, *, form="noise", levels=None, log_snr=None, seed=0, dtype=np.float64, **more
):
    """Return a model whose weights and biases are not small."""
    log_snr = LinearLogSNR(4.0, -6.0) if log_snr is None else log_snr
    settings = {"hidden": (5,), "activation": "tanh", "features": 4, **more}
    model = Diffusion.create(
        d, form=form, levels=levels, log_snr=log_snr, rng=seed, dtype=dtype, **settings
    )
    rng = np.random.default_rng(seed)
    for layer in model.denoiser.network.layers:
        layer.bias[:] = 0.5 * rng.standard_normal(layer.bias.shape)
    return model


def curved(dtype=np.float64, learn_ends=True):
    """Return a log SNR that is learned, and no line."""
    curve = LearnedLogSNR.create(4.0, -6.0, size=3, learn_ends=learn_ends, dtype=dtype)
    curve.weights += np.array([0.5, -0.5, 1.0], dtype)
    return curve


def linear_model(d=2, seed=0, scale=0.2):
    """Return a model whose guess is linear in x, for its law is known."""
    rng = np.random.default_rng(seed)
    layer = Dense(scale * rng.standard_normal((d + 4, d)), 0.1 * rng.random(d))
    frequencies = np.array([0.2, 0.7])
    denoiser = DenoisingNetwork(MLP([layer]), "x0", frequencies)
    return Diffusion(denoiser, LinearLogSNR(3.0, -5.0))


def linear_law(model, steps):
    """Return what linear_model is, in closed form: x0hat = (alpha I + W^T) x + c."""
    schedule, (layer,) = model.log_snr.schedule(steps), model.denoiser.network.layers
    d, log_snr = model.dimension, schedule.log_snr[1:]
    alpha, _ = signal_and_noise(log_snr)
    gains = alpha[:, np.newaxis, np.newaxis] * np.eye(d) + layer.weights[:d].T
    waves = model.denoiser.time_features(log_snr)
    offsets = waves @ layer.weights[d:] + layer.bias
    first = np.zeros((1, d, d)), np.zeros((1, d))
    return LinearDiffusion(
        schedule,
        np.concatenate([first[0], gains]),
        np.concatenate([first[1], offsets]),
    )


def two_gaussians(n, seed):
    """Return n draws of a mixture in the plane, (n, 2)."""
    rng = np.random.default_rng(seed)
    which = (rng.random(n) < SHARES[1]).astype(int)
    return CENTERS[which] + WIDTHS * rng.standard_normal((n, 2))


def two_gaussians_log_density(x):
    """Return log p of that mixture for x : (n, 2), (n,)."""
    z = (x[:, np.newaxis] - CENTERS) / WIDTHS
    log_p = -0.5 * np.sum(z**2, axis=-1) - np.log(2 * np.pi * np.prod(WIDTHS))
    return np.logaddexp(*(log_p + np.log(SHARES)).T)


def flat(model):
    """Return all parameters as one vector."""
    return np.concatenate([leaf.ravel() for leaf in tree_leaves(model)])
