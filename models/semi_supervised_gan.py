"""A classifier that learns of data without labels, by telling them from draws.

Labels are dear and data are cheap. A network with K logits l_k(x) learns the classes
from a few labeled data, and from all data where data are: a generator G : h -> x,
h ~ N(0, I), draws, and what it draws is a class of its own, the (K + 1)-th.

With a logit for each of the K + 1 classes

(1)   p(k | x) = exp l_k / (exp l_1 + ... + exp l_{K+1}).

The same number taken from all logits changes nothing. Taking l_{K+1} makes the last one
zero, and the other K say all there is to say. With Z = exp l_1 + ... + exp l_K

(2)   p(k | x) = exp l_k / (Z + 1)  for k <= K,     p(K + 1 | x) = 1 / (Z + 1).

So the probability that x is of the data, of whichever class, is

(3)   D(x) = 1 - p(K + 1 | x) = Z / (Z + 1) = sigmoid(log Z),
(4)   log D = log Z - softplus(log Z) = -softplus(-log Z),
(5)   log(1 - D) = -softplus(log Z).

This is a discriminator with the logit log Z. Of x that is of the data, the class has

(6)   p(k | x, k <= K) = p(k | x) / D(x) = exp l_k / Z,

the softmax of the K logits. models/semi_supervised_training.py goes on from here, with
what the two networks lower.

Source: T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford and X. Chen,
Improved techniques for training GANs, NeurIPS (2016), section 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import logsumexp, sigmoid, softmax
from models import semi_supervised_training
from models.estimator import checked_examples
from models.mlp import MLP, Dense
from models.stored import Stored
from samplers.chains import require_count
from samplers.philox import draw_key


@dataclass(eq=False)
class SemiSupervisedGAN(Stored):
    """A classifier, and the generator whose draws it tells from data.

    Parameters
    ----------
    generator : G, from N numbers to d
    classifier : l, from d numbers to K logits, with at least one hidden layer

    Two clouds, with one label in each of them:

    >>> rng = np.random.default_rng(0)
    >>> clouds = rng.normal(0.0, 0.3, (2, 500, 2)) + [[[-1, 0]], [[1, 0]]]
    >>> gan = SemiSupervisedGAN.create(2, 2, 2, hidden=(32,), rng=0)
    >>> unlabeled = clouds.reshape(1000, 2)
    >>> gan = gan.fit(clouds[:, 0], [0, 1], unlabeled, steps=200, rng=0)
    >>> gan.predict([[-1.0, 0.0], [1.0, 0.0]])
    array([0, 1])

    Raises ValueError or TypeError if the networks do not fit together.
    """

    generator: MLP
    classifier: MLP

    parts = (MLP, Dense)

    def __post_init__(self):
        for name in ("generator", "classifier"):
            network = getattr(self, name)
            if not isinstance(network, MLP):
                raise TypeError(
                    f"{name} is a {type(network).__name__}, and it is an MLP: write "
                    "SemiSupervisedGAN.create(2, 2, 10, rng=0) for two that fit"
                )
            for part in (*network.layers, network):
                part.__post_init__()
        if len(self.classifier.layers) < 2:
            raise ValueError(
                "the classifier has no hidden layer, and the generator is to match "
                "what one makes of its draws: give it at least one"
            )
        drawn, seen = self.generator.layers[-1], self.classifier.layers[0]
        if len(drawn.bias) != len(seen.weights) or self.classes < 2:
            raise ValueError(
                f"the generator draws {len(drawn.bias)} numbers and the classifier "
                f"maps {len(seen.weights)} to {self.classes}; it maps as many as are "
                "drawn, to one logit for each of two classes or more"
            )
        if seen.weights.dtype != self.dtype:
            raise TypeError(
                f"the generator is {self.dtype} and the classifier is not; a model "
                f"has one precision: create both with dtype=np.{self.dtype}"
            )

    @classmethod
    def create(
        cls,
        dimension: int,
        latent: int,
        classes: int,
        *,
        hidden: Sequence[int] = (256, 256),
        classifier_hidden: Sequence[int] | None = None,
        activation: str = "relu",
        output: str = "identity",
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "SemiSupervisedGAN":
        """Draw the two networks.

        Parameters
        ----------
        dimension, latent, classes : d, N and K
        hidden : sizes of the generator's hidden layers, the first next to h
        classifier_hidden : of the classifier's, next to x; by default the same
        activation : of the hidden layers, a name in ACTIVATIONS
        output : of the generator's last layer; "sigmoid" for x in [0, 1]
        rng : int, SeedSequence or Generator

        Raises ValueError if a name is unknown or sizes do not fit.
        """
        rng = np.random.default_rng(rng)
        seen = hidden if classifier_hidden is None else classifier_hidden
        generator, classifier = (
            MLP.create(sizes, activation=activation, rng=rng, dtype=dtype)
            for sizes in ((latent, *hidden, dimension), (dimension, *seen, classes))
        )
        generator.layers[-1].activation = output
        return cls(generator, classifier)

    @property
    def dimension(self) -> int:
        """d, the number of entries of x."""
        return len(self.generator.layers[-1].bias)

    @property
    def latent(self) -> int:
        """N, the number of entries of h."""
        return len(self.generator.layers[0].weights)

    @property
    def classes(self) -> int:
        """K, the number of classes of the data."""
        return len(self.classifier.layers[-1].bias)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.generator.layers[0].weights.dtype

    def features(self, x):
        """Return f(x), the last hidden layer of the classifier, for x : (n, d)."""
        for layer in self.classifier.layers[:-1]:
            x = layer(x)
        return x

    def logits(self, x):
        """Return l(x) : (n, K), one logit a class, for x : (n, d)."""
        return self.classifier(x)

    def discriminate(self, x):
        """Return D(x) = Z / (Z + 1), the probability that x is of the data, (n,)."""
        return sigmoid(logsumexp(self.logits(x), axis=1))

    def predict_proba(self, X: ArrayLike) -> NDArray:
        """Return p(k | x, k <= K) for each row of X : (n, d) and each class, (n, K).

        Raises ValueError or TypeError if these are no examples of this model.
        """
        return softmax(self.logits(self.examples("X", X)))

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the most probable class of each row of X : (n, d), (n,), from 0.

        Raises ValueError or TypeError if these are no examples of this model.
        """
        return self.logits(self.examples("X", X)).argmax(axis=1)

    def draw_latent(self, n: int, rng) -> NDArray:
        """Return n draws of h, (n, N), standard normals in the model's dtype."""
        shape = require_count("n", n, 1), self.latent
        return np.random.default_rng(rng).standard_normal(shape, self.dtype)

    def sample(self, n: int, rng) -> NDArray:
        """Return n draws G(h), (n, d).

        rng : int, SeedSequence or Generator
        """
        return self.generator(self.draw_latent(n, draw_key(rng)))

    def examples(self, name: str, X: ArrayLike) -> NDArray:
        """Return examples : (n, d) in the dtype of the model.

        Raises ValueError or TypeError, which says `name`, if they are none of it.
        """
        X = checked_examples(X, self.dtype)
        if X.shape[1] != self.dimension:
            raise ValueError(
                f"{name} has {X.shape[1]} columns and the model takes {self.dimension} "
                "entries of x: make the model for these data, by "
                f"create({X.shape[1]}, ...)"
            )
        return X

    # A method that has a file of its own.
    fit = semi_supervised_training.fit
