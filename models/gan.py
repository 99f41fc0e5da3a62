"""A generative adversarial network: a generator, and the discriminator that teaches it.

    x = G(h),   h ~ N(0, I),        D(x) = sigmoid(f(x)),

with x : (d,), h : (N,), and a multilayer perceptron each for G and f. Any law of h that
is easy to draw from would do; a uniform one is common too, and G can make the one of
the other. What is learned is a way to draw, by one pass through G, and no density: the
law of G(h) has none if N < d, and otherwise none that could be written down. So there
is no likelihood to judge the model by, and draws are compared with data (models/mmd.py,
models/transport.py, models/sample_quality.py).

f is the logit of the probability that x is of the data, or, in the Wasserstein game, a
critic, of which only differences mean anything. models/gan_games.py derives what the
two play for, models/gan_penalties.py what keeps f in bounds, and models/gan_training.py
lets them play.

With K classes both networks are told the class besides, as K numbers of which one is 1:
G draws one of the class, and D asks whether x is of the data of that class.

Sources: I. Goodfellow et al., NeurIPS (2014); M. Mirza and S. Osindero (2014),
arXiv:1411.1784, for classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import sigmoid
from models import gan_training
from models.estimator import checked_examples
from models.mlp import MLP, Dense
from models.stored import Stored
from samplers.chains import require_count
from samplers.philox import draw_key


@dataclass(eq=False)
class GAN(Stored):
    """The two players.

    Parameters
    ----------
    generator : G, from N + K numbers to d
    discriminator : f, from d + K numbers to one
    classes : K, none by default

    A generator that learns to draw from N(1, 1/4):

    >>> X = np.random.default_rng(0).normal(1.0, 0.5, (2000, 1))
    >>> gan = GAN.create(1, 1, hidden=(16,), rng=0)
    >>> rates = 3e-3, 2e-2
    >>> settings = dict(penalty="r1", weight=0.1, learning_rate=rates)
    >>> gan = gan.fit(X, steps=400, rng=0, **settings)
    >>> x = gan.sample(5000, rng=0)
    >>> round(float(x.mean()), 1), round(float(x.std()), 1)
    (1.0, 0.5)

    Raises ValueError or TypeError if the networks do not fit together.
    """

    generator: MLP
    discriminator: MLP
    classes: int = 0

    parts = (MLP, Dense)

    def __post_init__(self):
        require_count("classes", self.classes, 0)
        for name in ("generator", "discriminator"):
            network = getattr(self, name)
            if not isinstance(network, MLP):
                raise TypeError(
                    f"{name} is a {type(network).__name__}, and it is an MLP: write "
                    "GAN.create(2, 2, rng=0) for two that fit"
                )
            for part in (*network.layers, network):
                part.__post_init__()
        there, back = _sizes(self.generator), _sizes(self.discriminator)
        if back != (there[1] + self.classes, 1) or there[0] <= self.classes:
            raise ValueError(
                f"the generator maps {there[0]} numbers to {there[1]} and the "
                f"discriminator {back[0]} to {back[1]}; with {self.classes} classes "
                "they are N + classes to d, N at least 1, and d + classes to 1"
            )
        if self.discriminator.layers[0].weights.dtype != self.dtype:
            raise TypeError(
                f"the generator is {self.dtype} and the discriminator is not; a model "
                f"has one precision: create both with dtype=np.{self.dtype}"
            )

    @classmethod
    def create(
        cls,
        dimension: int,
        latent: int,
        *,
        hidden: Sequence[int] = (128, 128, 128),
        discriminator_hidden: Sequence[int] | None = None,
        activation: str = "relu",
        output: str = "identity",
        classes: int = 0,
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "GAN":
        """Draw the networks of a GAN.

        Parameters
        ----------
        dimension, latent : d and N
        hidden : sizes of the generator's hidden layers, the first next to h
        discriminator_hidden : of the discriminator's, next to x; by default the same
        activation : of the hidden layers, a name in ACTIVATIONS
        output : of the generator's last layer; "sigmoid" for x in [0, 1]
        classes : K
        rng : int, SeedSequence or Generator

        Raises ValueError if a name is unknown or sizes do not fit.
        """
        rng = np.random.default_rng(rng)
        ends = (latent + classes, dimension), (dimension + classes, 1)
        middles = (
            hidden,
            hidden if discriminator_hidden is None else discriminator_hidden,
        )
        generator, discriminator = (
            MLP.create(
                (first, *sizes, last), activation=activation, rng=rng, dtype=dtype
            )
            for (first, last), sizes in zip(ends, middles, strict=True)
        )
        generator.layers[-1].activation = output
        return cls(generator, discriminator, classes)

    @property
    def dimension(self) -> int:
        """d, the number of entries of x."""
        return _sizes(self.generator)[1]

    @property
    def latent(self) -> int:
        """N, the number of entries of h."""
        return _sizes(self.generator)[0] - self.classes

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.generator.layers[0].weights.dtype

    def generate(self, h, labels=None):
        """Return G(h) for h : (n, N) and, with classes, labels : (n,), of (n, d)."""
        return self.generator(self.told(h, labels))

    def logits(self, x, labels=None):
        """Return f(x), the logit of D or the critic's value, for x : (n, d), (n,)."""
        return self.discriminator(self.told(x, labels))[:, 0]

    def discriminate(self, x, labels=None):
        """Return D(x), the probability that x : (n, d) is of the data, (n,)."""
        return sigmoid(self.logits(x, labels))

    def draw_latent(self, n: int, rng) -> NDArray:
        """Return n draws of h, (n, N), standard normals in the model's dtype."""
        shape = require_count("n", n, 1), self.latent
        return np.random.default_rng(rng).standard_normal(shape, self.dtype)

    def sample(self, n: int, rng, labels: ArrayLike | None = None) -> NDArray:
        """Return n draws of x, (n, d), of the classes labels : (n,) if there are any.

        rng : int, SeedSequence or Generator
        """
        return self.generate(self.draw_latent(n, draw_key(rng)), labels)

    def told(self, x, labels=None):
        """Return what a network is given: x : (n, k), and beside it the class, if any.

        labels : (n,), integers from 0 to K - 1; None without classes

        Raises ValueError if labels are missing, do not fit, or mean nothing here, or x
        has no rows.
        """
        if labels is None and not self.classes:
            return x
        if getattr(x, "ndim", None) != 2:
            given = getattr(x, "shape", type(x).__name__)
            raise ValueError(
                f"x or h must be an array (n, k), one example a row, for labels to go "
                f"with the rows, and is {given}; a single example is x[np.newaxis, :]"
            )
        # In the dtype of x, whose precision the network looks at.
        codes = np.eye(self.classes, dtype=x.dtype)
        return np.concatenate([x, codes[self.require_labels(labels, len(x))]], axis=1)

    def examples(self, X: ArrayLike, labels: ArrayLike | None = None) -> tuple:
        """Return (X,) in the dtype of the model, or (X, labels) with classes.

        Raises ValueError or TypeError if these are no examples of this model.
        """
        X = checked_examples(X, self.dtype)
        if X.shape[1] != self.dimension:
            raise ValueError(
                f"X has {X.shape[1]} columns and the model draws {self.dimension} "
                f"entries of x: make it for these data, by create({X.shape[1]}, ...)"
            )
        if labels is None and not self.classes:
            return (X,)
        return X, self.require_labels(labels, len(X))

    def require_labels(self, labels: Any, n: int) -> NDArray:
        """Return n labels as an array, (n,), or raise ValueError."""
        if not self.classes:
            raise ValueError(
                "labels were given, and this GAN has no classes to tell apart: leave "
                "them out, or write GAN.create(d, N, classes=K, ...)"
            )
        array = np.asarray(labels)
        fits = array.shape == (n,) and array.dtype.kind in "iu"
        if not fits or not np.all((array >= 0) & (array < self.classes)):
            raise ValueError(
                f"labels are {labels!r:.60}; this GAN has {self.classes} classes, and "
                f"each of the {n} rows needs one, an integer from 0 to "
                f"{self.classes - 1}: write np.full({n}, 0) for all of the first"
            )
        return array

    # A method that has a file of its own.
    fit = gan_training.fit


def _sizes(network: MLP) -> tuple[int, int]:
    """Return how many numbers a network takes, and how many it returns."""
    return len(network.layers[0].weights), network.layers[-1].bias.size
