"""How a classifier learns of data without labels: against draws of a generator.

In the notation of models/semi_supervised_gan.py, (1) to (6), the loss of K + 1 classes,
of which the last one is that of draws, is for a labeled datum

(7)   -log p(y | x) = -log p(y | x, y <= K) - log D(x),

without a label the last term alone, and for a draw -log(1 - D). Hence

(8)   L_supervised   = -E log p(y | x, y <= K)               over labeled data,
(9)   L_unsupervised = -E log D(x) - E log(1 - D(G(h)))      over all data, and draws.

A function c(x) added to all K logits leaves (8) as it is and adds c to log Z. So labels
leave it open, and data without labels settle it: log Z is to be high where data are and
low beside them. The features that this takes are those that tell classes apart, and the
borders of the classes move to where no data are. The classifier lowers the sum of the
two, and the generator

(10)  L_generator = |E f(x) - E f(G(h))|^2

by the features f, the last hidden layer of the classifier. So it draws about what data
look like to the classifier, no better. It need not: draws that could not be told from
data would say nothing of where data are not.

Nor may all draws be told from all data: a loss of zero teaches nothing. A classifier
that learns its few data by heart comes to that soon, unless noise is added to what it
is shown.

Sources: T. Salimans et al., Improved techniques for training GANs, NeurIPS (2016),
sections 3.1 and 5, and their program for the noise; Z. Dai, Z. Yang, F. Yang, W. Cohen
and R. Salakhutdinov, NeurIPS (2017), for what draws are good for.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import logsumexp, value_and_grad, vjp
from models.gan_games import discriminator_loss
from models.losses import cross_entropy
from models.mlp import MLP
from optim import Adam, Batches, Checkpoint, MovingAverage
from optim.finite import require_finite
from optim.fit import fit as run
from optim.schedules import Schedule


def unsupervised_loss(real, fake):
    """Return -E log D(x) - E log(1 - D(G(h))), equation (9).

    real, fake : (n, K) and (m, K), the logits of data and of draws
    """
    log_Z = (logsumexp(logits, axis=1) for logits in (real, fake))
    return discriminator_loss("minimax", *log_Z)


def feature_matching_loss(real, fake):
    """Return |E f(x) - E f(G(h))|^2, equation (10).

    real, fake : (n, q) and (m, q), the features of data and of draws
    """
    return np.sum((np.mean(real, axis=0) - np.mean(fake, axis=0)) ** 2)


def fit(
    gan,
    X: ArrayLike,
    y: ArrayLike,
    unlabeled: ArrayLike,
    *,
    steps: int,
    rng,
    input_noise: float = 0.3,
    decay: float = 0.99,
    batch_size: int = 100,
    learning_rate: float | Schedule = 1e-3,
    betas: tuple[float, float] = (0.5, 0.9),
    callbacks: Iterable[Callable] = (),
    checkpoint: Checkpoint | None = None,
):
    """Learn from X : (n, d) with labels y : (n,), and unlabeled : (m, d); return self.

    Parameters
    ----------
    y : integers from 0 to K - 1, not necessarily all of them
    unlabeled : may hold X too
    steps : of each network, counted from the beginning of a run that is resumed
    rng : int, SeedSequence or Generator
    input_noise : standard deviation of what is added to all that the classifier is
        shown while it learns, in the unit of x; 0.3 is for pixels from 0 to 1
    decay : of the moving average of both networks, which remembers 1 / (1 - decay)
        steps and is what is left in the model; 0 leaves the last parameters
    batch_size : labeled data of a step, unlabeled ones, and draws; all of X, or of the
        unlabeled, if there are fewer
    learning_rate : of both, a number or a schedule
    betas : beta1 and beta2 of Adam
    callbacks, checkpoint : see optim.fit; the state is (model, the generator's
        optimizer, the classifier's, average)

    Sets history_, of the metrics of each step. Raises ValueError or TypeError if the
    data or the settings do not fit, with all parameters as they were; NonFiniteError if
    the training diverges, with the last finite parameters, not averaged.
    """
    step = semi_supervised_descent(input_noise=input_noise)
    rng, average = np.random.default_rng(rng), MovingAverage(decay)
    x, u = gan.examples("X", X), gan.examples("unlabeled", unlabeled)
    batches = Paired(
        Batches(
            x,
            require_labels(y, len(x), gan.classes),
            size=min(batch_size, len(x)),
            rng=rng,
        ),
        Batches(u, size=min(batch_size, len(u)), rng=rng),
    )
    (trained, _, _, average), gan.history_ = run(
        step,
        # A copy without attributes that are no parameters, but with the same arrays.
        (
            replace(gan),
            Adam(learning_rate, *betas),
            Adam(learning_rate, *betas),
            average,
        ),
        batches,
        steps=steps,
        rng=rng,
        callbacks=callbacks,
        checkpoint=checkpoint,
    )
    averaged = average.averaged(trained)
    gan.generator, gan.classifier = averaged.generator, averaged.classifier
    return gan


class Paired:
    """An iterator of batches that are one of each of several `Batches`, side by side.

    cursor : those of the parts; set to them, the iterator goes on as theirs would
    """

    def __init__(self, *parts: Batches):
        self.parts = parts

    @property
    def cursor(self) -> list:
        return [part.cursor for part in self.parts]

    @cursor.setter
    def cursor(self, cursor: list) -> None:
        for part, its in zip(self.parts, cursor, strict=True):
            part.cursor = its

    def __iter__(self) -> "Paired":
        return self

    def __next__(self) -> tuple[np.ndarray, ...]:
        """Return the arrays of the next batch of each part."""
        return tuple(array for part in self.parts for array in next(part))


def semi_supervised_descent(*, input_noise: float) -> Callable:
    """Return the step of `fit`, one of the classifier and one of the generator.

    The state is (model, generator's optimizer, classifier's), and may have a
    MovingAverage of the model besides. A batch is (x, y, u), of labeled data
    x : (n, d) with y : (n,), and of unlabeled ones u : (m, d):

        step((model, of_G, of_C, average), (x, y, u), rng):
            seen = x, u and G(h) for m draws of h, each with noise added
            of_C.step(C, the gradient of classifier_terms(model, *seen, y))
            h = model.draw_latent(m, rng)
            of_G.step(G, the gradient of feature_matching_loss(f(u), f(G(h))))
            average.update(model)

    input_noise : the standard deviation of that noise, in the unit of x; 0 for none

    The metrics are "loss", the sum of its terms "supervised" and "unsupervised", and
    "generator". Raises ValueError if the noise is negative or not finite; the step
    NonFiniteError, with all parameters finite, if a loss or a gradient is not.
    """
    if not 0 <= input_noise < math.inf:
        raise ValueError(
            f"input_noise is {input_noise}; it is the standard deviation of what is "
            "added to x: positive and finite, or zero for none"
        )

    def step(state, batch, rng):
        (model, of_G, of_C, *averages), (x, y, u) = state, batch
        drawn = model.generator(model.draw_latent(len(u), rng))
        seen = [with_noise(each, input_noise, rng) for each in (x, u, drawn)]
        terms, gradient = classifier_slope(model, *seen, y)
        of_C.step(model.classifier, gradient)
        h = model.draw_latent(len(u), rng)
        loss, gradient = generator_slope(model, h, u)
        of_G.step(model.generator, gradient)
        for average in averages:
            average.update(model)
        loss_of_C = terms["supervised"] + terms["unsupervised"]
        return state, {"loss": loss_of_C, **terms, "generator": loss}

    return step


def classifier_terms(gan, x, u, drawn, y) -> dict:
    """Return the terms of what the classifier lowers, "supervised" and "unsupervised".

    x : (n, d), labeled data with y : (n,); u, drawn : (m, d), data and draws
    """
    return {
        "supervised": cross_entropy(gan.logits(x), y),
        "unsupervised": unsupervised_loss(gan.logits(u), gan.logits(drawn)),
    }


def classifier_slope(gan, *batch) -> tuple[dict[str, float], MLP]:
    """Return classifier_terms(gan, *batch), and the gradient of their sum.

    It is by the classifier's parameters, in an MLP like it.
    """

    def terms(classifier):
        return classifier_terms(replace(gan, classifier=classifier), *batch)

    values, pullback = vjp(terms, gan.classifier)
    for name, value in values.items():
        require_finite(f"the {name} loss", value)
    (gradient,) = pullback({name: gan.dtype.type(1) for name in values})
    return {name: float(value) for name, value in values.items()}, gradient


def generator_slope(gan, h, u) -> tuple[float, MLP]:
    """Return feature_matching_loss(f(u), f(G(h))), and its gradient by G, like G.

    h : (m, N), latents; u : (m, d), data. The features themselves are held fixed
    """
    wanted = gan.features(u)

    def loss(generator):
        return feature_matching_loss(wanted, gan.features(generator(h)))

    value, gradient = value_and_grad(loss)(gan.generator)
    require_finite("the loss of the generator", value)
    return float(value), gradient


def with_noise(x, sd: float, rng: np.random.Generator):
    """Return x with N(0, sd^2) added to each entry; x itself if sd is zero."""
    if not sd:
        return x
    return x + x.dtype.type(sd) * rng.standard_normal(x.shape, x.dtype)


def require_labels(y: ArrayLike, n: int, classes: int) -> NDArray:
    """Return n labels as an array, (n,), or raise ValueError."""
    labels = np.asarray(y)
    fits = labels.shape == (n,) and labels.dtype.kind in "iu"
    if not fits or not np.all((labels >= 0) & (labels < classes)):
        raise ValueError(
            f"y is {y!r:.60}; each of the {n} rows of X needs one label, an integer "
            f"from 0 to {classes - 1}: np.unique(y, return_inverse=True)[1] numbers "
            "labels of any kind, and data without one belong to unlabeled"
        )
    return labels
