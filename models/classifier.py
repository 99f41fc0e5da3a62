"""A network that tells classes apart: the cross-entropy of its logits, minimized."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from autodiff import softmax
from models.estimator import checked_examples, checked_targets
from models.losses import cross_entropy
from models.supervised import Supervised


class DataConversionWarning(UserWarning):
    """Targets were given in a shape that had to be changed."""


@dataclass(eq=False, kw_only=True)
class MLPClassifier(Supervised):
    """A network that tells classes apart.

    The settings are those of `Supervised`; rng has no default.

    Attributes after `fit`
    ----------------------
    classes_ : (k,), the labels in ascending order
    network_ : MLP, from features to k logits
    history_ : the loss of each step

    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["even", "odd", "odd", "even"]
    >>> MLPClassifier(steps=200, learning_rate=0.01, rng=0).fit(X, y).predict(X)
    array(['even', 'odd', 'odd', 'even'], dtype='<U4')
    """

    kind = "classifier"
    learned = ("network_", "classes_")

    def fit(self, X: ArrayLike, y: ArrayLike) -> "MLPClassifier":
        """Learn from examples X : (n, d) and their labels y : (n,); return self.

        Labels are anything that can be sorted, at least two different ones. Raises
        ValueError or TypeError if the data do not fit, NonFiniteError if the training
        diverges.
        """
        X = checked_examples(X, self.dtype)
        classes, labels = np.unique(_labels(y, len(X)), return_inverse=True)
        if len(classes) == 1:
            raise ValueError(
                f"y has one class only, {classes[0]!r}; there is nothing to tell apart"
            )
        self._fit(_classification_loss, X, labels, len(classes))
        self.classes_ = classes
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class for each example, (n, k)."""
        return softmax(self._outputs(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each example, (n,)."""
        chosen = self._outputs(X).argmax(axis=1)
        return self.classes_[chosen]

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the accuracy, the fraction of examples whose class is predicted."""
        predicted = self.predict(X)
        labels = _labels(y, len(predicted))
        if (labels.dtype.kind in "US") != (predicted.dtype.kind in "US"):
            raise TypeError(
                f"y holds {labels.dtype} and the classes are {predicted.dtype}, of "
                "which none would ever be equal: give labels like those of fit"
            )
        return float(np.mean(predicted == labels))


def _classification_loss(network, x, labels):
    return cross_entropy(network(x), labels)


def _labels(y: ArrayLike, n: int) -> np.ndarray:
    """Return one label an example, (n,), or raise."""
    labels = checked_targets(y, n)
    if labels.ndim == 2 and labels.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; it is read as "
            "y.ravel()",
            DataConversionWarning,
            stacklevel=3,
        )
        return labels.ravel()
    if labels.ndim == 2:
        raise ValueError(
            f"y has shape {labels.shape}; a classifier takes one label a row: write "
            "y.argmax(axis=1) for one-hot rows"
        )
    if labels.dtype.kind == "f" and np.any(labels != np.floor(labels)):
        raise ValueError(
            "y holds continuous numbers, and every different one would be a class: use "
            "MLPRegressor, or round them to classes"
        )
    return labels
