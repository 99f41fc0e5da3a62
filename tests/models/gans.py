"""Small adversarial networks that tests share."""

import numpy as np
import pytest

from models.gan import GAN
from models.gan_games import GAMES
from models.gan_penalties import PENALTIES

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
every_game = pytest.mark.parametrize("game", GAMES)
every_penalty = pytest.mark.parametrize("penalty", PENALTIES)
with_or_without_classes = pytest.mark.parametrize("classes", [0, 3])


def make_gan(d=2, latent=3, *, classes=0, seed=0, dtype=np.float64, **settings) -> GAN:
    """Return a smooth GAN whose weights and biases are not small."""
    settings = {
        "hidden": (5, 4),
        "discriminator_hidden": (4, 3),
        "activation": "tanh",
        **settings,
    }
    gan = GAN.create(d, latent, classes=classes, rng=seed, dtype=dtype, **settings)
    rng = np.random.default_rng(seed)
    for layer in (*gan.generator.layers, *gan.discriminator.layers):
        layer.bias[:] = 0.5 * rng.standard_normal(layer.bias.shape)
    return gan


def make_batch(gan, n=6, seed=1):
    """Return x, h, mix and, if the GAN has classes, labels: what D learns from."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, gan.dimension)).astype(gan.dtype)
    h, mix = gan.draw_latent(n, rng), rng.random((n, 1), gan.dtype)
    return x, h, mix, *labels_of(gan, n)


def labels_of(gan, n):
    """Return [labels : (n,)], in which each class occurs, or [] without classes."""
    return [np.arange(n) % gan.classes] if gan.classes else []
