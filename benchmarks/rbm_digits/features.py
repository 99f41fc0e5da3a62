"""What hidden units have learned to see, for a linear classifier that reads digits.

Each training image is shown as it is and moved by a pixel each way, so that no pixel by
itself says much about a digit. A machine learns these images without their labels; then
logistic regression, a network without hidden layers, learns the labels from the means
of its hidden units, or for comparison from the pixels. No test image is learned; they
too are shown as they are, and moved.

After the example of scikit-learn, "Restricted Boltzmann Machine features for digit
classification", which moves the images before it divides them, so that most of its test
images are moved copies of training images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.rbm_digits.training import train
from data import Digits, nudge
from models.classifier import MLPClassifier
from optim.schedules import CosineDecay

HIDDEN = 100
STEPS = 5000  # of the machine
RATE, BATCH = 0.3, 100
RATE_OF_CLASSIFIER, BATCH_OF_CLASSIFIER = 0.5, 500


@dataclass(frozen=True)
class Accuracies:
    """Fractions of test images that are read rightly.

    as_is : of the images as they are
    moved : of all five copies of each, the image and four that are moved by a pixel
    """

    as_is: float
    moved: float


def read_digits(digits: Digits, steps: int, rng) -> tuple[Accuracies, Accuracies]:
    """Return the accuracies by the features of a machine, and by the pixels.

    digits : with pixels from 0 to 1, not binarized: gray is taken as a mean
    steps : of the classifiers
    """
    x, labels = digits.nudged().train_set
    rbm = train(x, HIDDEN, STEPS, rng, rate=RATE, batch=BATCH)
    tests = digits.test_set, moved_test_set(digits)
    features = [(rbm.transform(images), read) for images, read in tests]
    return (
        accuracies(rbm.transform(x), labels, features, steps, rng),
        accuracies(x, labels, tests, steps, rng),
    )


def moved_test_set(digits: Digits) -> tuple[NDArray, NDArray]:
    """Return the test images, as they are and moved: (5 n, M) and labels (5 n,)."""
    images, labels = nudge(digits.images[digits.test], digits.labels[digits.test])
    rows = images.reshape(len(images), -1)
    return np.divide(rows, digits.maximum, dtype=digits.dtype), labels


def accuracies(x, labels, tests, steps, rng) -> Accuracies:
    """Return those of logistic regression that has learned x : (n, features).

    tests : pairs of (n_test, features) and labels, as they are and moved
    """
    classifier = MLPClassifier(
        hidden_sizes=(),
        learning_rate=CosineDecay(RATE_OF_CLASSIFIER, steps),
        steps=steps,
        batch_size=BATCH_OF_CLASSIFIER,
        dtype=x.dtype,
        rng=rng,
    ).fit(x, labels)
    if classifier.history_.interrupted:
        raise KeyboardInterrupt
    return Accuracies(*(classifier.score(*test) for test in tests))
