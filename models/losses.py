"""Losses from logits, in nats, and the accuracy of a classifier.

Each loss is one number, the mean over the batch, and a function of arrays alone, so
that it can be differentiated and checked. Probabilities never appear: a loss that
starts from logits needs no log(0), and its gradient is a difference of two numbers in
[0, 1].
"""

import numpy as np

from autodiff import logsumexp, softplus
from models.arguments import (
    require_floating,
    require_one_shape,
    require_unit_interval,
)


def cross_entropy(logits, labels):
    """Return the mean negative log-likelihood of the labels, in nats.

        L = (1/n) sum_i [ logsumexp_k z_ik - z_{i, y_i} ] = -(1/n) sum_i log p_{i, y_i}

    for the class probabilities p_i = softmax(z_i). Its gradient is
    dL/dz = (p - onehot(y)) / n. A model that knows nothing has L = log(classes).

    Parameters
    ----------
    logits : (n, classes), z, of float32 or float64
    labels : (n,), y, integers from 0 to classes - 1

    Raises TypeError if the logits are not floating or the labels not integers,
    ValueError if they do not fit.
    """
    _check_labels(logits, labels)
    rows = np.arange(len(logits))
    return np.mean(logsumexp(logits, axis=1) - logits[rows, labels])


def binary_cross_entropy(logits, targets):
    """Return the mean cross-entropy of independent Bernoulli variables, in nats.

        L = mean[ -t log s(z) - (1 - t) log(1 - s(z)) ] = mean[ softplus(z) - z t ]

    for the sigmoid s, since log s(z) = z - softplus(z) and log(1 - s(z)) =
    -softplus(z); softplus(z) = max(z, 0) + log1p(exp(-|z|)) overflows nowhere. The
    mean runs over all N entries, and dL/dz = (s(z) - t) / N.

    Parameters
    ----------
    logits : any shape, z, of float32 or float64
    targets : the same shape and dtype, t, from 0 to 1

    Raises ValueError or TypeError if the targets do not fit.
    """
    require_one_shape(logits=logits, targets=targets)
    require_unit_interval("targets", targets)
    return np.mean(softplus(logits) - logits * targets)


def mean_squared_error(prediction, target):
    """Return mean (prediction - target)^2 over all N entries.

    dL/dprediction = 2 (prediction - target) / N.

    Parameters
    ----------
    prediction, target : arrays of the same shape and dtype, float32 or float64

    Raises ValueError or TypeError if the two do not fit.
    """
    require_one_shape(prediction=prediction, target=target)
    return np.mean((prediction - target) ** 2)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of rows whose largest logit is at the label.

    logits : (n, classes), labels : (n,). Of equal logits the first one counts.
    Raises as `cross_entropy` does, and ValueError if a logit is not a number.
    """
    _check_labels(logits, labels)
    if np.isnan(logits).any():
        raise ValueError(
            "the logits hold nan, which argmax takes for the largest; the model that "
            "made them has diverged, and its accuracy would mean nothing"
        )
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def _check_labels(logits, labels) -> None:
    require_floating("logits", logits)
    if logits.ndim != 2 or len(logits) == 0:
        raise ValueError(
            f"logits have shape {logits.shape}; they must be (n, classes), with n at "
            "least 1 because the mean over no example is undefined"
        )
    kind = getattr(getattr(labels, "dtype", None), "kind", None)
    if kind is None or kind not in "iu":
        given = type(labels).__name__ if kind is None else f"{labels.dtype} array"
        raise TypeError(
            f"labels must be an integer array, one class a row, and are a {given}; "
            "write labels.astype(np.int64), or onehot.argmax(axis=1) for one-hot rows"
        )
    if labels.shape != logits.shape[:1]:
        raise ValueError(
            f"labels have shape {labels.shape} and logits {logits.shape}; there must "
            f"be one label a row, of shape {logits.shape[:1]}"
        )
    # A label that is being traced has no value yet: only arrays can be searched.
    if isinstance(labels, np.ndarray):
        classes = logits.shape[1]
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(
                f"labels run from {labels.min()} to {labels.max()}, but the logits "
                f"have {classes} classes; a negative label would silently count from "
                f"the end: use 0 to {classes - 1}"
            )
