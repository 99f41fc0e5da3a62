"""The variational autoencoder: a latent, a decoder, and an encoder to learn it by.

    p(x) = int p(h) p(x | h) dh,      p(h) = N(0, I),      p(x | h) : the decoder,

with h : (d,) and a conditional law for p(x | h), whose parameters a network computes
from h (models/conditionals.py). The decoder is that law, not the function that gives
its mean: a draw of the model is one of h, and then one of x.

The integral has no formula and its integrand is nearly zero at most h. The encoder
q(h | x) = N(m, diag(s^2)), with m and s from a network of x, says where it is not;
models/vae_bounds.py derives the lower bound of log p(x) that this gives, and both are
trained by it (models/vae_training.py).

Sources: D. P. Kingma and M. Welling, ICLR (2014), arXiv:1312.6114; D. J. Rezende, S.
Mohamed and D. Wierstra, ICML (2014), arXiv:1401.4082.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from models import vae_bounds, vae_likelihood, vae_training
from models.conditionals import (
    Bernoulli,
    Gaussian,
    HomoscedasticGaussian,
    log_variance_of,
    reparameterize,
)
from models.mlp import MLP, Dense
from models.rbm_data import as_means, log_odds
from models.stored import Stored
from samplers.chains import require_count
from samplers.philox import draw_key


@dataclass(eq=False)
class VAE(Stored):
    """A latent of d standard normals, a decoder p(x | h) and an encoder q(h | x).

    Parameters
    ----------
    encoder : Gaussian or HomoscedasticGaussian, from M numbers to the law of d
    decoder : Bernoulli, Gaussian or HomoscedasticGaussian, from d numbers to that of M

    Both of float32 or both of float64. Two patterns, one as often as the other, and
    what lies between them in the latent space:

    >>> X = np.repeat([[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]], 50, axis=0)
    >>> vae = VAE.create(4, 1, hidden=(16,), means=X.mean(axis=0), rng=0)
    >>> vae = vae.fit(X, steps=500, learning_rate=0.02, rng=0)
    >>> vae.log_likelihood(X[[0, 99]], rng=0).log_likelihood, float(np.log(0.5))
    (array([-0.9, -0.8]), -0.7)
    >>> np.round(vae.interpolate(X[:1], X[-1:], 4)[:, 0])
    array([[0., 0., 0., 1.],
           [0., 0., 0., 1.],
           [1., 1., 1., 0.],
           [1., 1., 1., 0.]])

    Raises ValueError or TypeError if the two do not fit together.
    """

    encoder: Gaussian | HomoscedasticGaussian
    decoder: Bernoulli | Gaussian | HomoscedasticGaussian

    parts = (Gaussian, HomoscedasticGaussian, Bernoulli, MLP, Dense)

    def __post_init__(self):
        _require_law("encoder", self.encoder, Gaussian, HomoscedasticGaussian)
        _require_law("decoder", self.decoder, *self.parts[:3])
        there = (self.encoder.given, self.encoder.size, self.encoder.dtype)
        back = (self.decoder.size, self.decoder.given, self.decoder.dtype)
        if there != back:
            raise ValueError(
                f"the encoder goes from {there[0]} numbers to {there[1]} latents in "
                f"{there[2]}, and the decoder from {back[1]} latents to {back[0]} "
                f"numbers in {back[2]}; the one leads back from where the other ends, "
                "in the same precision"
            )

    @classmethod
    def create(
        cls,
        visible: int,
        latent: int,
        *,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        likelihood: str = "bernoulli",
        variance: ArrayLike = 1.0,
        learn_variance: bool = False,
        means: ArrayLike | None = None,
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "VAE":
        """Draw the networks of a VAE.

        Parameters
        ----------
        visible, latent : M and d
        hidden : sizes of the encoder's hidden layers, the first next to x; the decoder
            has them the other way round
        activation : of the hidden layers, a name in ACTIVATIONS
        likelihood : "bernoulli", for x of zeros and ones, or "gaussian"
        variance : of a Gaussian x given h, in the unit of x squared, a number or (M,)
        learn_variance : whether it is learned, from there
        means : (M,), of the data, at which the decoder starts; for a Bernoulli one they
            are kept to [0.01, 0.99]
        rng : int, SeedSequence or Generator

        Raises ValueError if a name is unknown or sizes do not fit.
        """
        if likelihood not in ("bernoulli", "gaussian"):
            raise ValueError(
                f"there is no likelihood {likelihood!r}; the names are bernoulli, "
                "gaussian"
            )
        rng = np.random.default_rng(rng)
        up, down = (visible, *hidden, 2 * latent), (latent, *reversed(hidden), visible)
        encoder, decoder = (
            MLP.create(sizes, activation=activation, rng=rng, dtype=dtype)
            for sizes in (up, down)
        )
        binary = likelihood == "bernoulli"
        if means is not None:
            m = as_means(means, visible, binary)
            decoder.layers[-1].bias[:] = log_odds(m) if binary else m
        if binary:
            return cls(Gaussian(encoder), Bernoulli(decoder))
        v = log_variance_of(variance, visible, dtype)
        return cls(Gaussian(encoder), HomoscedasticGaussian(decoder, v, learn_variance))

    @property
    def visible(self) -> int:
        """M, the number of entries of x."""
        return self.decoder.size

    @property
    def latent(self) -> int:
        """d, the number of entries of h."""
        return self.encoder.size

    @property
    def likelihood(self) -> Bernoulli | Gaussian | HomoscedasticGaussian:
        """p(x | h), the decoder, by the name that all models of latents share."""
        return self.decoder

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.encoder.dtype

    def encode(self, x):
        """Return m and v = log s^2 of q(h | x) for x : (..., M), each (..., d).

        Of a HomoscedasticGaussian v is (d,) or (), the same for all x.
        """
        return self.encoder.moments(x)

    def decode(self, h):
        """Return E[x | h] for h : (..., d), of shape (..., M)."""
        return self.decoder.mean(h)

    def reparameterize(self, x, noise):
        """Return h = m + s noise, a draw of q(h | x) for normals (..., n, d)."""
        return reparameterize(*self.encode(x), noise)

    def draw_noise(self, n: int, rng, samples: int | None = None) -> NDArray:
        """Return standard normals for n examples, (n, d), or (samples, n, d)."""
        shape: tuple[int, ...] = (require_count("n", n, 1), self.latent)
        if samples is not None:
            shape = (require_count("samples", samples, 1), *shape)
        return self.encoder.draw_noise(shape, rng)

    def transform(self, X: ArrayLike) -> NDArray:
        """Return the features of examples X : (n, M), the means of q(h | x), (n, d)."""
        return self.encode(self.examples(X))[0]

    def reconstruct(self, X: ArrayLike) -> NDArray:
        """Return E[x | h] at the mean h of q(h | x) for X : (n, M), (n, M).

        That it is close to X says that h can hold a copy, not that p(X) is large.
        """
        return self.decode(self.transform(X))

    def interpolate(self, x: ArrayLike, y: ArrayLike, points: int) -> NDArray:
        """Return E[x | h] on the line from x : (n, M) to y : (n, M), (points, n, M).

        The line is straight in the latent space, from the mean of q(h | x) to that of
        q(h | y), and includes both. Raises ValueError if x and y differ in shape.
        """
        start, end = self.transform(x), self.transform(y)
        if start.shape != end.shape:
            raise ValueError(
                f"there are {len(start)} x and {len(end)} y, and each line leads from "
                "one to one: write np.repeat(x, len(y), axis=0) for all from one x"
            )
        points = require_count("points", points, 2)
        t = np.linspace(0, 1, points, dtype=self.dtype)[:, np.newaxis, np.newaxis]
        return self.decode((1 - t) * start + t * end)

    def sample(self, n: int, rng) -> NDArray:
        """Return n draws of x, (n, M): of h from the prior, and of x given h.

        rng : int, SeedSequence or Generator
        """
        rng = np.random.default_rng(draw_key(rng))
        h = self.draw_noise(n, rng)
        return self.decoder.draw(h, self.decoder.draw_noise((n, self.visible), rng))

    # Methods that have files of their own.
    examples = vae_training.as_data
    fit = vae_training.fit
    log_likelihood = vae_likelihood.log_likelihood
    elbo = vae_bounds.elbo
    elbo_terms = vae_bounds.elbo_terms
    log_weights = vae_bounds.log_weights
    importance_weighted_bound = vae_bounds.importance_weighted_bound


def _require_law(name: str, law: Any, *classes: type) -> None:
    """Raise unless it is of one of the classes, and its parts fit together."""
    if type(law) not in classes:
        names = " or ".join(c.__name__ for c in classes)
        raise TypeError(
            f"the {name} is a {type(law).__name__}, and it is a conditional law, "
            f"{names}: write VAE.create(64, 10, rng=0), or {name}=Gaussian(network)"
        )
    law.__post_init__()
