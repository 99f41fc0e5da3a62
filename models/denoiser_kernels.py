"""The guess of the data that a network makes of noisy points, compiled.

    a_l = sigma_l(z_l),   z_l = W_l^T a_(l-1) + b_l,   a_0 = x_t,
    x0hat = phi(stay_t x_t + pull_t a_L + shift),   phi the identity or tanh.

The time enters by the biases of the first layer alone: of what it takes besides x the
products with the weights are the same for all points, one row of a table a time t.

As in models/network_kernels.py, whose products these are: the weights are arguments, so
that one machine code serves all networks, and a point has the same bits alone and among
others. There are no slopes here; a layer is done when the next one has been found, so
that two arrays are enough.
"""

import numpy as np

from models.network_kernels import (
    LANES,
    POINTS,
    RELU,
    SIGMOID,
    SOFTPLUS,
    TANH,
    add_products,
    load,
    tanh,
)
from samplers.elementary import sigmoid, softplus
from samplers.kernel import kernel


@kernel
def activate(code, z):
    """Replace z by sigma(z); a NaN stays one."""
    zero = z.dtype.type(0)
    if code == TANH:
        for i in range(z.size):
            z[i] = tanh(z[i])
    elif code == SIGMOID:
        for i in range(z.size):
            z[i] = sigmoid(z[i])
    elif code == RELU:
        for i in range(z.size):
            z[i] = zero if z[i] < zero else z[i]
    elif code == SOFTPLUS:
        for i in range(z.size):
            z[i] = softplus(z[i])


@kernel
def forward(theta, first, sizes, codes, a, z, n):
    """Return the array that holds a_L, one of a and z, both of which are written.

    theta : weights and biases of all layers, as in models/network_kernels.py
    first : (n_1,), taken for the biases of the first layer
    sizes : (L + 1,), n_0 to n_L, in UNITS
    codes : (L + 1,), the activation of each layer, and phi
    a, z : rows of POINTS, as many as the largest of sizes; a_0 is in the first of a
    n : the points that are in use, in LANES
    """
    weight = 0
    for k in range(sizes.size - 1):
        ins, outs = sizes[k], sizes[k + 1]
        bias = weight + ins * outs
        b = theta[bias : bias + outs] if k else first
        for j in range(outs):
            row, value = z[j * POINTS : j * POINTS + n], b[j]
            for i in range(n):
                row[i] = value
        add_products(theta[weight:bias].reshape(ins, outs).T, a, z, n)
        for j in range(0, outs * POINTS, POINTS):
            activate(codes[k], z[j : j + n])
        a, z, weight = z, a, bias + outs
    return a


@kernel
def denoise(x, t, out, theta, biases, sizes, codes, stay, pull, shift):
    """Write x0hat : (points, d) to out.

    x : (points, d), x_t
    theta, sizes, codes : see forward
    biases : (T + 1, n_1), of the first layer at each time
    stay, pull : (T + 1,)
    shift : (d,)
    """
    values = np.empty((2, np.max(sizes) * POINTS), x.dtype)
    for start in range(0, len(x), POINTS):
        here, there = x[start : start + POINTS], out[start : start + POINTS]
        n = -(-len(here) // LANES) * LANES
        load(here, values[0, : sizes[0] * POINTS], n)
        a = forward(theta, biases[t], sizes, codes, values[0], values[1], n)
        for j in range(x.shape[1]):
            z, column, estimate = (
                a[j * POINTS : j * POINTS + n],
                here[:, j],
                there[:, j],
            )
            for i in range(column.size):
                z[i] = stay[t] * column[i] + pull[t] * z[i] + shift[j]
            activate(codes[-1], z)
            for i in range(column.size):
                estimate[i] = z[i]
