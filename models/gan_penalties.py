"""What keeps a discriminator from being too steep: penalties, clipping, and a bound.

A discriminator that tells draws from data for sure is a cliff: flat where the draws
are, so that they learn nothing. And a Wasserstein critic has a meaning only if it is
1-Lipschitz (models/gan_games.py). Three ways to hold the slope of f:

"gradient"   mean (|grad f(xhat)| - 1)^2,   xhat = e x + (1 - e) y,   e ~ U(0, 1),

with x of the data and y a draw. Why one, and why there: let pi be the cheapest way from
p_r to p_g and f the best critic. The mean over pi of |x - y| - (f(x) - f(y)) is zero by
duality, and no value of it is negative, so that

    f(x) - f(y) = |x - y|   for all x and y that pi brings together.

On the line between them f cannot rise faster than the distance, and so has to rise just
as fast everywhere: its slope along the line is one, and no other is larger. Which pairs
these are is not known; lines between any x and y are taken instead.

"r1"         mean |grad f(x)|^2 / 2   at the data x.

Once p_g = p_r, the best discriminator is constant there, and this is zero. Any other
discriminator makes the generator leave the solution again. The game by itself does not
stop that: near the solution it goes round it, and the penalty is the friction.

Clipping of all weights to [-c, c] bounds the slope too, crudely: by the product of the
layers' norms.

Both penalties are functions of grad f, and training takes their gradient by the
parameters: a derivative of a derivative, by backpropagation through backpropagation.

Sources: I. Gulrajani et al., NeurIPS (2017), proposition 1, for the first; L.
Mescheder, A. Geiger and S. Nowozin, ICML (2018), for R1; M. Arjovsky, S. Chintala and
L. Bottou, ICML (2017), for clipping.
"""

import math
from collections.abc import Callable

import numpy as np

from autodiff import grad
from models.mlp import MLP

PENALTIES = "gradient", "r1"

# The largest slope of each activation.
STEEPEST = {
    "identity": 1.0,
    "tanh": 1.0,
    "sigmoid": 0.25,
    "relu": 1.0,
    "softplus": 1.0,
}


def input_gradient(logits: Callable, x):
    """Return d logit_i / d x_i for x : (n, d), of shape (n, d).

    logits : x -> (n,), each the value of one row of x. So the gradient of their sum has
        the gradient of each in its row
    """
    return grad(lambda x: np.sum(logits(x)))(x)


def gradient_penalty(logits: Callable, real, fake, mix):
    """Return the mean of (|grad f(xhat)| - 1)^2 between data and draws.

    real, fake : (n, d)
    mix : (n, 1), e in [0, 1]: how much of xhat is data

    Where grad f is zero, |grad f| has no slope; it counts as zero.
    """
    slope = input_gradient(logits, mix * real + (1 - mix) * fake)
    return np.mean((np.linalg.norm(slope, axis=1) - 1) ** 2)


def r1_penalty(logits: Callable, real):
    """Return the mean of |grad f(x)|^2 / 2 at data x : (n, d)."""
    return np.mean(np.sum(input_gradient(logits, real) ** 2, axis=1)) / 2


def clip_weights(network: MLP, bound: float) -> None:
    """Move each weight to the nearest number in [-bound, bound], in place.

    Biases do not change the slope and stay as they are. Raises ValueError unless the
    bound is positive.
    """
    require_bound(bound)
    for layer in network.layers:
        np.clip(layer.weights, -bound, bound, out=layer.weights)


def lipschitz_bound(network: MLP) -> float:
    """Return a number L with |f(x) - f(y)| <= L |x - y| for all x and y.

    The product over layers of the largest singular value of W, by which x W can be
    longer than x, and the steepest slope of the activation. It is seldom reached: the
    directions that one layer stretches most are not those of the next.
    """
    return math.prod(
        float(np.linalg.norm(layer.weights, 2)) * STEEPEST[layer.activation]
        for layer in network.layers
    )


def require_penalty(penalty: str | None, weight: float) -> None:
    """Raise ValueError unless there is such a penalty, and a weight for it."""
    if penalty is not None and penalty not in PENALTIES:
        raise ValueError(
            f"there is no penalty {penalty!r}; the names are {', '.join(PENALTIES)}, "
            "and None is for none"
        )
    if not 0 < weight < math.inf:
        raise ValueError(
            f"weight is {weight}; what multiplies a penalty is positive and finite: "
            "write penalty=None for none"
        )


def require_bound(bound: float) -> None:
    """Raise ValueError unless it is positive."""
    if not bound > 0:
        raise ValueError(
            f"the bound of the weights is {bound}; clipped to it a network would be "
            "constant: give a positive number, such as 0.1"
        )
