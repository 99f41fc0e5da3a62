"""The hierarchical variational autoencoder: latents of latents.

    p(x, h_1, ..., h_T) = p(h_T) p(h_{T-1} | h_T) ... p(h_1 | h_2) p(x | h_1),
    q(h_1, ..., h_T | x) = q(h_1 | x) q(h_2 | h_1) ... q(h_T | h_{T-1}),

with p(h_T) = N(0, I). Write h_0 for x. A draw of the model comes down from the top, as
decoder t decodes h_{t-1} from h_t; the encoders go up, and encoder t draws h_t from
h_{t-1}. Both chains are Markovian: a level is told its neighbor and nothing beyond. For
T = 1 this is models/vae.py.

models/hierarchical_bounds.py derives the bound of log p(x) by which both chains are
learned. If the way up is fixed instead, and adds a little noise at each level until
nothing else is left, that is a diffusion (`diffusion_chain`).

Sources: D. J. Rezende, S. Mohamed and D. Wierstra, ICML (2014), arXiv:1401.4082, for
latents of latents; Y. Burda, R. Grosse and R. Salakhutdinov, ICLR (2016), for q as a
chain; D. P. Kingma, T. Salimans, B. Poole and J. Ho, NeurIPS (2021), for diffusion as
the chain whose encoders are fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from models import hierarchical_bounds, vae_bounds, vae_likelihood, vae_training
from models.conditionals import Bernoulli, Gaussian, HomoscedasticGaussian
from models.mlp import MLP, Dense
from models.stored import Stored
from models.vae import VAE
from samplers.chains import require_count
from samplers.philox import draw_key
from samplers.points import require_dimension
from samplers.schedules import Schedule, require_schedule


@dataclass(eq=False)
class HierarchicalVAE(Stored):
    """T levels of latents above x, with a decoder and an encoder between neighbors.

    Parameters
    ----------
    encoders : q(h_1 | x), q(h_2 | h_1), ..., q(h_T | h_{T-1}), each a Gaussian or a
        HomoscedasticGaussian
    decoders : p(x | h_1), p(h_1 | h_2), ..., p(h_{T-1} | h_T), of which the first may
        be a Bernoulli too
    learn_encoder : whether the encoders have a derivative; else they stay as they are

    h_t is (..., d_t). Two patterns, one as often as the other, by two latents and one
    above these:

    >>> X = np.repeat([[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]], 50, axis=0)
    >>> model = HierarchicalVAE.create(4, (2, 1), hidden=(16,), means=X.mean(0), rng=0)
    >>> model = model.fit(X, steps=500, learning_rate=0.02, rng=0)
    >>> model.log_likelihood(X[[0, 99]], rng=0).log_likelihood, float(np.log(0.5))
    (array([-0.8, -0.8]), -0.7)
    >>> model.sample(4, rng=0)
    array([[0., 0., 0., 1.],
           [1., 1., 1., 0.],
           [1., 1., 1., 0.],
           [0., 0., 0., 1.]])

    Raises ValueError or TypeError if they do not fit together.
    """

    encoders: tuple[Gaussian | HomoscedasticGaussian, ...]
    decoders: tuple[Bernoulli | Gaussian | HomoscedasticGaussian, ...]
    learn_encoder: bool = True

    parts = VAE.parts

    def __post_init__(self):
        self.encoders, self.decoders = tuple(self.encoders), tuple(self.decoders)
        if not self.encoders or len(self.encoders) != len(self.decoders):
            raise ValueError(
                f"there are {len(self.encoders)} encoders and {len(self.decoders)} "
                "decoders; each level of latents has one of both, and there is at "
                "least one level"
            )
        pairs = [
            VAE(encoder, decoder)
            for encoder, decoder in zip(self.encoders, self.decoders, strict=True)
        ]
        for t, (below, above) in enumerate(pairwise(pairs), 1):
            if isinstance(above.decoder, Bernoulli):
                raise TypeError(
                    f"decoder {t} is a Bernoulli, and h_{t} is drawn from a Gaussian: "
                    "only x, that of decoder 0, may consist of zeros and ones"
                )
            there, back = (below.latent, below.dtype), (above.visible, above.dtype)
            if there != back:
                raise ValueError(
                    f"encoder {t - 1} draws {there[0]} latents in {there[1]}, and "
                    f"encoder {t} takes {back[0]} in {back[1]}; both are h_{t}"
                )

    @classmethod
    def create(
        cls,
        visible: int,
        latents: Sequence[int],
        *,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        likelihood: str = "bernoulli",
        variance: ArrayLike = 1.0,
        learn_variance: bool = False,
        means: ArrayLike | None = None,
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "HierarchicalVAE":
        """Draw the networks, with the same hidden layers between any two levels.

        visible, latents : M and (d_1, ..., d_T)

        The rest is that of VAE.create, which makes what is next to x. All other laws
        are Gaussians that start with log-variances of zero, and p(h_t | h_{t+1}) starts
        at N(0, I) whatever h_{t+1}. Random log-variances would leave the errors of
        one level in units of another, and log w below -10^5 in the mean, of an 8x8
        image at T = 2.
        """
        if np.ndim(latents) != 1 or not len(latents):
            raise ValueError(
                f"latents is {latents}, and there is at least one level: give a size "
                "for each, the one next to x first, such as (20, 10), or (20,)"
            )
        rng = np.random.default_rng(rng)
        networks = {"activation": activation, "rng": rng, "dtype": dtype}
        first = VAE.create(
            visible,
            latents[0],
            hidden=hidden,
            likelihood=likelihood,
            variance=variance,
            learn_variance=learn_variance,
            means=means,
            **networks,
        )
        encoders, decoders = [first.encoder], [first.decoder]
        for below, above in pairwise(latents):
            sizes = below, *hidden, 2 * above
            up = MLP.create(sizes, **networks)
            up.layers[-1].weights[:, above:] = 0
            sizes = above, *reversed(hidden), 2 * below
            down = MLP.create(sizes, **networks)
            down.layers[-1].weights[:] = 0
            encoders.append(Gaussian(up))
            decoders.append(Gaussian(down))
        return cls(tuple(encoders), tuple(decoders))

    @property
    def visible(self) -> int:
        """M, the number of entries of x."""
        return self.decoders[0].size

    @property
    def latents(self) -> tuple[int, ...]:
        """(d_1, ..., d_T), the number of entries of each level."""
        return tuple(encoder.size for encoder in self.encoders)

    @property
    def likelihood(self) -> Bernoulli | Gaussian | HomoscedasticGaussian:
        """p(x | h_1), decoder 0, by the name that all models of latents share."""
        return self.decoders[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.encoders[0].dtype

    def draw_noise(self, n: int, rng, samples: int | None = None) -> tuple:
        """Return standard normals for n examples, T arrays ([samples,] n, d_t)."""
        shape: tuple[int, ...] = (require_count("n", n, 1),)
        if samples is not None:
            shape = (require_count("samples", samples, 1), *shape)
        numbers = self.encoders[0].draw_noise((*shape, sum(self.latents)), rng)
        return tuple(np.split(numbers, np.cumsum(self.latents)[:-1], axis=-1))

    def generate(self, noise) -> tuple:
        """Return x, h_1, ..., h_T, drawn from the top downwards.

        noise : T + 1 arrays (n, d_t), t = 0, ..., T, of standard normals; of uniforms
            for the x of a Bernoulli

        Raises ValueError if there are not T + 1.
        """
        if len(noise) != len(self.decoders) + 1:
            raise ValueError(
                f"noise has {len(noise)} arrays, and this model draws "
                f"{len(self.decoders) + 1}, x and each level: the first is that of x"
            )
        *noise, h = noise
        levels = [h]
        for decoder, numbers in zip(
            reversed(self.decoders), reversed(noise), strict=True
        ):
            levels.append(decoder.draw(levels[-1], numbers))
        return tuple(reversed(levels))

    def sample(self, n: int, rng) -> NDArray:
        """Return n draws of x, (n, M).

        rng : int, SeedSequence or Generator
        """
        rng, n = np.random.default_rng(draw_key(rng)), require_count("n", n, 1)
        top = self.encoders[-1].draw_noise((n, self.latents[-1]), rng)
        rest = [law.draw_noise((n, law.size), rng) for law in reversed(self.decoders)]
        return self.generate((*reversed(rest), top))[0]

    def transform(self, X: ArrayLike) -> NDArray:
        """Return features of examples X : (n, M), the means of q(h_1 | x), (n, d_1)."""
        return self.encoders[0].mean(self.examples(X))

    def reconstruct(self, X: ArrayLike) -> NDArray:
        """Return E[x | h_1] at the mean h_1 of q(h_1 | x) for X : (n, M), (n, M).

        That it is close to X says that h_1 can hold a copy, not that p(X) is large.
        """
        return self.decoders[0].mean(self.transform(X))

    # Methods that have files of their own.
    examples = vae_training.as_data
    fit = vae_training.fit
    log_likelihood = vae_likelihood.log_likelihood
    elbo = vae_bounds.elbo
    importance_weighted_bound = vae_bounds.importance_weighted_bound
    reparameterize = hierarchical_bounds.reparameterize
    elbo_terms = hierarchical_bounds.elbo_terms
    log_weights = hierarchical_bounds.log_weights
    log_joint = hierarchical_bounds.log_joint


def diffusion_chain(
    schedule: Schedule,
    dimension: int,
    *,
    hidden: Sequence[int] = (64, 64),
    activation: str = "relu",
    rng,
    dtype: DTypeLike = np.float64,
) -> HierarchicalVAE:
    """Return the hierarchy whose encoders are the forward chain of a diffusion.

    Every level is as large as x, and nothing of the way up is learned:

        q(h_t | h_{t-1}) = N(sqrt(alpha_t) h_{t-1}, (1 - alpha_t) I),

    so that h_t is x_t of samplers/forward.py, and h_T is noise, which p(h_T) = N(0, I)
    then is right about. What is left to learn is the way down. Each decoder has a
    network for the mean, which is affine with hidden=(), and a variance, which starts
    from 1 - alpha_t: for small steps p(h_{t-1} | h_t) has about that of the step up (J.
    Ho, A. Jain and P. Abbeel, NeurIPS 2020, section 3.2).

    schedule : of alpha_1, ..., alpha_T
    dimension : d, of x and of each level
    hidden, activation : of each of T networks
    rng : int, SeedSequence or Generator

    >>> from samplers.schedules import cosine
    >>> model = diffusion_chain(cosine(5), 2, hidden=(), rng=0)
    >>> len(model.latents), model.learn_encoder
    (5, False)
    """
    rng, dimension = np.random.default_rng(rng), require_dimension(dimension)
    require_schedule(schedule)
    identity, zero = np.eye(dimension), np.zeros(dimension)
    encoders, decoders = [], []
    for alpha, beta in zip(schedule.alpha[1:], schedule.beta[1:], strict=True):
        up = Dense((np.sqrt(alpha) * identity).astype(dtype), zero.astype(dtype))
        v = np.asarray(np.log(beta), dtype)
        encoders.append(HomoscedasticGaussian(MLP([up]), v))
        sizes = (dimension, *reversed(hidden), dimension)
        down = MLP.create(sizes, activation=activation, rng=rng, dtype=dtype)
        decoders.append(HomoscedasticGaussian(down, v.copy(), learn_variance=True))
    return HierarchicalVAE(tuple(encoders), tuple(decoders), learn_encoder=False)
