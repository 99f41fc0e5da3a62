"""Functions that NumPy lacks: stable forms of what models are made of.

sigmoid(x) = 1 / (1 + e^-x), softplus(x) = log(1 + e^x), relu(x) = max(x, 0),
logsumexp(x) = log sum e^x, softmax(x) = e^x / sum e^x, log_softmax = log of that.
They take arrays or tensors of any floating type.
"""

import numpy as np

from autodiff.composite import value_only
from autodiff.rules import elementwise, rule
from autodiff.rules_reductions import expand
from autodiff.tensor import Tensor


def array(parts):
    """np.array for nested lists whose items may be tensors, numbers and arrays."""
    if type(parts) not in (list, tuple):
        return parts
    items = [array(part) for part in parts]
    types = [x.dtype for x in items if type(x) is Tensor]
    if not types:
        return np.array(items)
    return np.stack(
        [x if type(x) is Tensor else np.asarray(x, types[0]) for x in items]
    )


def relu(x):
    """max(x, 0), with derivative 0 at 0."""
    return np.maximum(x, 0)


def sigmoid(x):
    """1 / (1 + e^-x), written so that no exponential overflows."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.absolute(x)))


def softplus(x):
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which keeps small and large x."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.absolute(x)))


def logsumexp(x, axis=None, *, keepdims=False):
    """log sum e^x over axes, shifted by the largest entry against overflow.

    All entries -inf (or no entries) give -inf, an entry inf gives inf.
    """
    if not hasattr(x, "dtype") or x.dtype.kind != "f":
        x = np.asarray(x, float)
    top = np.maximum.reduce(x, axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0)
    total = np.add.reduce(np.exp(x - shift), axis, keepdims=True)
    with np.errstate(divide="ignore"):
        y = np.log(total) + shift
    return y if keepdims else np.squeeze(y, axis)


def logsumexp_pullback(g, y, x, axis=None, *, keepdims=False):
    """g softmax(x), which is 0 where all entries, and so y, are -inf."""
    y = expand(y, x, axis, keepdims)
    return expand(g, x, axis, keepdims) * np.exp(x - np.where(y == -np.inf, 0, y))


def softmax(x, axis=-1):
    """e^x / sum e^x along an axis (or axes): positive, sum 1."""
    return np.exp(log_softmax(x, axis))


def log_softmax(x, axis=-1):
    """x - logsumexp(x): the logarithm of softmax without its underflow."""
    return x - logsumexp(x, axis=axis, keepdims=True)


def stop_gradient(x):
    """x as a constant: its value passes, no derivative does."""
    return x


relu = elementwise(relu, lambda x: x > 0)
sigmoid = elementwise(sigmoid, lambda x: sigmoid(x) * sigmoid(-x))
softplus = elementwise(softplus, lambda x: sigmoid(x))
logsumexp = rule(logsumexp, logsumexp_pullback)
stop_gradient = value_only(stop_gradient)
