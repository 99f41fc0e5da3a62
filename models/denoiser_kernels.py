"""The guess of the data that a network makes of noisy points, compiled.

    a_l = sigma_l(z_l),   z_l = W_l^T a_(l-1) + b_l,   a_0 = x_t,
    x0hat = stay_t x_t + pull_t a_L,

or, for data of K levels v_k with the prior log p_k, the mean of a law on these,

    x0hat = sum_k v_k w_k,   w_k  ~  exp(log p_k + sum_m a_Lm v_k^m - r_k^2 / 2),
    r_k = stay_t x_t - pull_t v_k,

where a_L holds M numbers of each entry of x.

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
from samplers.elementary import exp, sigmoid, softplus
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
    codes : (L,), the activation of each layer
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
def log_weights(z, x, stay, pull, powers, log_p, w, top):
    """Write log w_k, but for a constant, to w, and the largest of a point to top.

    z : M rows of POINTS, of a_L for one entry
    x, top : (n,), of x_t for this entry
    stay, pull : at this time
    powers, log_p : (M, K), v and its powers, and (K,), of this entry
    w : K rows of POINTS
    """
    half, n, P = z.dtype.type(0.5), x.size, POINTS
    top[:] = -np.inf
    for k in range(log_p.size):
        row, at, log = w[k * P : k * P + n], pull * powers[0, k], log_p[k]
        for i in range(n):
            r = stay * x[i] - at
            row[i] = log - half * r * r
        for m in range(len(powers)):
            number, power = z[m * P : m * P + n], powers[m, k]
            for i in range(n):
                row[i] += number[i] * power
        for i in range(n):
            top[i] = row[i] if row[i] > top[i] else top[i]


@kernel
def mean_level(w, top, total, levels, mean):
    """Write sum_k v_k w_k / sum_k w_k to mean : (n,), see log_weights.

    The largest exponent is subtracted first, so that no exponential overflows. Before
    w is the logarithm; w and total : (n,) are written.
    """
    n = mean.size
    total[:] = 0
    mean[:] = 0
    for k in range(levels.size):
        row, v = w[k * POINTS : k * POINTS + n], levels[k]
        for i in range(n):
            row[i] = exp(row[i] - top[i])
        for i in range(n):
            total[i] += row[i]
            mean[i] += row[i] * v
    for i in range(n):
        mean[i] /= total[i]


@kernel
def denoise(x, t, out, theta, biases, sizes, codes, stay, pull, powers, prior):
    """Write x0hat : (points, d) to out.

    x : (points, d), x_t
    theta, sizes, codes : see forward
    biases : (T + 1, n_1), of the first layer at each time
    stay, pull : (T + 1,)
    powers, prior : (M, K), of v, and (d, K), log p; K is 0 if there are none
    """
    M, K = powers.shape
    w, rows = np.empty(K * POINTS, x.dtype), np.empty((3, POINTS), x.dtype)
    values = np.empty((2, np.max(sizes) * POINTS), x.dtype)
    for start in range(0, len(x), POINTS):
        here, there = x[start : start + POINTS], out[start : start + POINTS]
        n = -(-len(here) // LANES) * LANES
        load(here, values[0, : sizes[0] * POINTS], n)
        a = forward(theta, biases[t], sizes, codes, values[0], values[1], n)
        for j in range(x.shape[1]):
            column, top, total = rows[:, : len(here)]
            z = a[j * M * POINTS : (j + 1) * M * POINTS]
            guess = z[: len(here)]
            for i in range(guess.size):
                column[i] = here[i, j]
            if K:
                log_weights(z, column, stay[t], pull[t], powers, prior[j], w, top)
                mean_level(w, top, total, powers[0], guess)
            else:
                for i in range(guess.size):
                    guess[i] = stay[t] * column[i] + pull[t] * guess[i]
            for i in range(guess.size):
                there[i, j] = guess[i]
