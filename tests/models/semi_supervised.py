"""Small semi-supervised models and their data, which tests share."""

import numpy as np

from models.semi_supervised_gan import SemiSupervisedGAN


def make(d=2, latent=3, classes=3, *, seed=0, dtype=np.float64):
    """Return a smooth model whose weights and biases are not small."""
    gan = SemiSupervisedGAN.create(
        d, latent, classes, hidden=(5, 4), activation="tanh", rng=seed, dtype=dtype
    )
    rng = np.random.default_rng(seed)
    for layer in (*gan.generator.layers, *gan.classifier.layers):
        layer.bias[:] = 0.5 * rng.standard_normal(layer.bias.shape)
    return gan


def make_batch(gan, n=4, m=6, seed=1):
    """Return x : (n, d), u : (m, d), h : (m, N) and y : (n,)."""
    rng = np.random.default_rng(seed)
    x, u = (rng.standard_normal((k, gan.dimension)).astype(gan.dtype) for k in (n, m))
    return x, u, gan.draw_latent(m, rng), rng.integers(gan.classes, size=n)


def with_zero(logits):
    """Return the logits of K + 1 classes, (n, K + 1), of which the last one is zero."""
    return np.concatenate([logits, np.zeros_like(logits[:, :1])], axis=1)


def stripes(n, seed):
    """Return n points of two stripes with a gap between them, and which one each is."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    across = np.where(y, -0.5, 0.5) + 0.1 * rng.standard_normal(n)
    return np.stack([rng.uniform(-1, 1, n), across], axis=1).astype(np.float32), y


# The left end of the upper stripe and the right end of the lower one.
ENDS = np.array([[-0.9, 0.5], [-0.5, 0.5], [0.5, -0.5], [0.9, -0.5]], np.float32)
CLASSES = np.array([0, 0, 1, 1])
X, _ = stripes(200, 0)


def small(dtype=np.float64):
    return SemiSupervisedGAN.create(2, 2, 2, hidden=(8,), rng=0, dtype=dtype)


def short(gan, **settings):
    """Fit a model by a few steps on small batches."""
    settings = {"steps": 7, "rng": 0, "batch_size": 3, "input_noise": 0.1, **settings}
    return gan.fit(ENDS, CLASSES, X, **settings)
