"""What the rows of training steps share: Adam in JAX, and how far weights moved."""

import math

import numpy as np

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def jax_adam(theta, g, m, v, t, learning_rate):
    """Return theta, m, v and t after a step by the gradients g, to be compiled.

    theta, g, m, v : of one structure
    t : the number of steps before
    """
    import jax
    import jax.numpy as jnp

    each, t = jax.tree.map, t + 1
    m = each(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
    v = each(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)
    # 1 - beta^t: the difference of two float32 would have three digits.
    bias1, bias2 = (-jnp.expm1(t * math.log(beta)) for beta in (BETA1, BETA2))

    def stepped(theta, m, v):
        return theta - learning_rate / bias1 * m / (jnp.sqrt(v / bias2) + EPSILON)

    return each(stepped, theta, m, v), m, v, t


def moved(old, new):
    """Return the root of the mean of (new - old)^2."""
    return np.sqrt(np.mean((np.asarray(new, float) - old) ** 2))
