"""The multilayer perceptron: layers a_l = sigma_l(a_{l-1} W_l + b_l), a_0 = x.

A row of x is one example, so a whole batch goes through a layer in one matrix product.
A model is its parameters: `grad(loss)(model, x)` is an MLP too, which holds the
derivative of the loss by every weight and bias in the place of that weight or bias.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

from autodiff import relu, sigmoid, softplus
from models.arguments import require_floating
from models.initializers import INITIALIZERS


def identity(x):
    """Return x: the last layer of a classifier hands on its logits as they are."""
    return x


ACTIVATIONS: dict[str, Callable] = {
    "identity": identity,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": relu,
    "softplus": softplus,
}


@dataclass(eq=False)
class Dense:
    """A fully connected layer, x -> activation(x W + b).

    Parameters
    ----------
    weights : (n_in, n_out), W, of float32 or float64
    bias : (n_out,), b, of the dtype of the weights
    activation : a name in ACTIVATIONS

    With z = x W + b and g the cotangent of the layer's value, delta = g * sigma'(z),
    backpropagation reads (Rumelhart, Hinton and Williams, Nature 323, 1986)

        dL/dW = x^T delta,    dL/db = sum of delta over the batch,    dL/dx = delta W^T.

    Raises ValueError or TypeError if the arrays do not fit together.
    """

    weights: np.ndarray
    bias: np.ndarray
    activation: str = "identity"

    def __post_init__(self):
        _lookup("activation", self.activation, ACTIVATIONS)
        weights, bias = self.weights, self.bias
        require_floating("weights", weights)
        require_floating("bias", bias)
        if weights.ndim != 2 or bias.shape != weights.shape[1:]:
            raise ValueError(
                f"weights of shape {weights.shape} and a bias of shape {bias.shape} "
                "are no layer; weights must be (n_in, n_out) and the bias (n_out,)"
            )
        if bias.dtype != weights.dtype:
            raise TypeError(
                f"weights are {weights.dtype} and the bias is {bias.dtype}; a layer "
                f"has one precision: write bias.astype(np.{weights.dtype})"
            )

    @classmethod
    def create(
        cls,
        n_in: int,
        n_out: int,
        *,
        activation: str = "identity",
        initializer: str = "glorot",
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "Dense":
        """Draw the weights by the rule named `initializer`; the bias starts at zero."""
        draw = _lookup("initializer", initializer, INITIALIZERS)
        weights = draw(n_in, n_out, rng=rng, dtype=dtype)
        return cls(weights, np.zeros(n_out, dtype), activation)

    def __call__(self, x):
        """Map x : (batch, n_in) to (batch, n_out), in the dtype of the weights."""
        weights = self.weights
        if getattr(x, "ndim", None) != 2 or x.shape[1] != weights.shape[0]:
            given = getattr(x, "shape", type(x).__name__)
            raise ValueError(
                f"this layer takes an array of shape (batch, {weights.shape[0]}), one "
                f"example a row, and got {given}; a single example is x[np.newaxis, "
                ":], images are images.reshape(len(images), -1)"
            )
        if x.dtype != weights.dtype:
            raise TypeError(
                f"x is {x.dtype} and the weights are {weights.dtype}; the product "
                f"would leave the model's precision: write x.astype(np.{weights.dtype})"
            )
        return ACTIVATIONS[self.activation](x @ weights + self.bias)


@dataclass(eq=False)
class MLP:
    """Dense layers, one after the other.

    Parameters
    ----------
    layers : the first layer first; each takes what the one before it returns

    Raises ValueError if there is no layer, or two neighbors do not fit; TypeError if
    they are of two precisions.
    """

    layers: Sequence[Dense]

    def __post_init__(self):
        self.layers = tuple(self.layers)
        if not self.layers:
            raise ValueError("an MLP without layers maps nothing; give at least one")
        for i, (left, right) in enumerate(pairwise(self.layers)):
            if left.weights.shape[1] != right.weights.shape[0]:
                raise ValueError(
                    f"layer {i} returns {left.weights.shape[1]} numbers and layer "
                    f"{i + 1} takes {right.weights.shape[0]}; these must be equal"
                )
            if left.weights.dtype != right.weights.dtype:
                raise TypeError(
                    f"layer {i} is {left.weights.dtype} and layer {i + 1} is "
                    f"{right.weights.dtype}; a network has one precision: create every "
                    f"layer with dtype=np.{left.weights.dtype}"
                )

    @classmethod
    def create(
        cls,
        sizes: Sequence[int],
        *,
        activation: str = "relu",
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "MLP":
        """Draw an MLP of the given sizes, input first: (64, 128, 10) has two layers.

        The hidden layers have `activation` and the last one returns its linear map
        (the logits of a classifier). Weights are drawn by He's rule in front of a relu
        and by Glorot's elsewhere; biases are zero.
        """
        if len(sizes) < 2:
            raise ValueError(
                f"sizes {tuple(sizes)} name no layer; give at least the input and the "
                "output, for example (64, 10)"
            )
        _lookup("activation", activation, ACTIVATIONS)
        rng = np.random.default_rng(rng)
        names = [activation] * (len(sizes) - 2) + ["identity"]
        return cls(
            tuple(
                Dense.create(
                    n_in,
                    n_out,
                    activation=name,
                    initializer="he" if name == "relu" else "glorot",
                    rng=rng,
                    dtype=dtype,
                )
                for (n_in, n_out), name in zip(pairwise(sizes), names, strict=True)
            )
        )

    def __call__(self, x):
        """Map x : (batch, n_in of the first layer) to (batch, n_out of the last)."""
        for layer in self.layers:
            x = layer(x)
        return x


def _lookup(kind: str, name: str, table: dict[str, Callable]) -> Callable:
    if not isinstance(name, str) or name not in table:
        raise ValueError(
            f"there is no {kind} {name!r}; the names are {', '.join(sorted(table))}"
        )
    return table[name]
