"""A network as the energy of a law, for the samplers of samplers/.

    p(x) = exp(-E(x)) / Z,   E(x) = f(x) + |x|^2 / (2 s^2),   x : (d,),

where f is a multilayer perceptron with one output. As f grows no faster than |x|, the
Gaussian factor makes Z finite whatever the weights.

Score and energy are compiled once, for all networks, whose weights they take as
arguments (models/network_kernels.py). A target holds a copy of the weights, which
write_weights brings up to date while a network learns.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import network_kernels as kernels
from models.mlp import MLP
from samplers.target import Target

CODES = {
    "identity": kernels.IDENTITY,
    "tanh": kernels.TANH,
    "sigmoid": kernels.SIGMOID,
    "relu": kernels.RELU,
    "softplus": kernels.SOFTPLUS,
}


def network_target(network: MLP, *, prior_sd: float | None = None) -> Target:
    """Return the target of E above at the weights as they are now, in their dtype.

    network : from d numbers to one
    prior_sd : s; None for no Gaussian factor, where f alone makes Z finite, or where
        nothing but the score is asked for

    >>> from models.mlp import Dense
    >>> line = MLP([Dense(np.array([[3.0], [0.0]]), np.zeros(1))])
    >>> network_target(line, prior_sd=0.5).score_at([[0.0, 1.0]])
    array([[-3., -4.]])

    Raises TypeError if network is no MLP, and ValueError if it returns more than one
    number, if weights are not finite, or if prior_sd does not fit.
    """
    require_energy(network)
    first, widths = network.layers[0].weights, padded(network)
    theta = np.zeros(size(widths), first.dtype)
    write_weights(network, theta)
    codes = np.array([CODES[layer.activation] for layer in network.layers])
    params = theta, np.array(widths), codes, precision(prior_sd, first.dtype)
    return Target(kernels.score, len(first), kernels.energy, params, first.dtype)


def write_weights(network: MLP, theta: NDArray) -> None:
    """Write the weights of a network to params[0] of a target that was made of it.

        write_weights(network, target.params[0])

    Raises ValueError if they are not finite, or if theta is that of another network.
    """
    for k, layer in enumerate(network.layers):
        if not (np.isfinite(layer.weights).all() and np.isfinite(layer.bias).all()):
            raise ValueError(
                f"layer {k} has weights or a bias that are not finite, so that no "
                "energy is; go back to the network before, with a smaller learning rate"
            )
    widths = padded(network)
    if theta.size != size(widths) or theta.dtype != network.layers[0].weights.dtype:
        raise ValueError(
            f"theta has {theta.size} numbers of {theta.dtype}, which this network does "
            "not fill; it is params[0] of a target that was made of this network"
        )
    at = 0
    for layer, (m, n) in zip(network.layers, pairwise(widths), strict=True):
        W, b = theta[at : at + m * n].reshape(m, n), theta[at + m * n : at + m * n + n]
        W[: len(layer.weights), : layer.bias.size] = layer.weights
        b[: layer.bias.size] = layer.bias
        at += m * n + n


def padded(network: MLP) -> list[int]:
    """Return the widths n_0 to n_L, filled up to multiples of UNITS."""
    layers = network.layers
    widths = [len(layers[0].weights), *(layer.bias.size for layer in layers)]
    return [n + -n % kernels.UNITS for n in widths]


def size(widths: list[int]) -> int:
    """Return how many weights and biases a network of such widths has."""
    return sum((m + 1) * n for m, n in pairwise(widths))


def require_energy(network: MLP) -> None:
    """Raise unless the network maps to one number."""
    if not isinstance(network, MLP):
        raise TypeError(
            f"network is a {type(network).__name__}, whose layers are not known here; "
            "it is an MLP: others have a score of their own, Target(score, dimension)"
        )
    outputs = network.layers[-1].bias.size
    if outputs != 1:
        raise ValueError(
            f"this network returns {outputs} numbers, and an energy is one; write "
            "MLP.create((d, 128, 128, 1), ...)"
        )


def precision(prior_sd: float | None, dtype: np.dtype[Any]) -> np.floating:
    """Return 1 / s^2 in the dtype, zero for None, or raise ValueError."""
    number: type[np.floating] = dtype.type
    if prior_sd is None:
        return number(0)
    with np.errstate(all="ignore"):
        result = number(1) / number(prior_sd) ** 2
    if not (prior_sd > 0 and 0 < result < np.inf):
        raise ValueError(
            f"prior_sd is {prior_sd!r}; it is a length, positive, whose square and the "
            f"inverse of that are numbers of {dtype}; None stands for none"
        )
    return result
