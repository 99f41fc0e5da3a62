"""The pseudo-likelihood of binary states: the law of each unit given all others.

    log PL(x) = sum_i log p(x_i | x_1, ..., without x_i, ..., x_M).

Two states that differ in x_i alone have probabilities whose ratio needs no Z, so

    log p(x_i | others) = -softplus(F(x) - F(x with x_i flipped)),

with the free energy F(x) = -a.x - sum_j softplus(t_j), t_j = b_j + (x W)_j. A flip adds
d = 1 - 2 x_i to x_i, d a_i to a.x and d W_ij to t_j: M N softplus functions for all
units of one x. The logarithms in them are taken of products,

    sum_j softplus(z_j) = sum_j max(z_j, 0) + log prod_j (1 + e^-|z_j|),

of factors from 1 to 2, of which 512 do not overflow.

As a function of the parameters, the mean of log PL over data of a machine is largest at
that machine, as the mean of log p is; but it is no bound of log p.

Source: J. Besag, The Statistician 24 (1975), 179.
"""

import numpy as np
from numpy.typing import NDArray

from samplers.elementary import exp, log, softplus
from samplers.kernel import kernel

BLOCK = 64  # states that are taken together, so that their t stay in cache
FACTORS = 512  # in a product


@kernel
def sum_softplus(t, row, d, product, out):
    """Write sum_j softplus(t_j + d row_j) to out.

    t : (N, n), a column for each state
    row : (N,)
    d, product, out : (n,), the last two written
    """
    for c in range(out.size):
        out[c], product[c] = 0.0, 1.0
    for j in range(row.size):
        fields, w = t[j], row[j]
        for c in range(out.size):
            z = fields[c] + d[c] * w
            out[c] += z if z > 0.0 else 0.0
            product[c] *= 1.0 + exp(-abs(z))
        if (j + 1) % FACTORS == 0 or j + 1 == row.size:
            for c in range(out.size):
                out[c] += log(product[c])
                product[c] = 1.0


@kernel
def add_conditionals(W, a, x, t, out):
    """Add sum_i log p(x_i | others) to out, of some states.

    W, a : (M, N) and (M,)
    x, t : (M, n) and (N, n), a column for each state
    out : (n,)
    """
    before, after = np.empty_like(out), np.empty_like(out)
    d, product = np.zeros_like(out), np.empty_like(out)
    sum_softplus(t, W[0], d, product, before)
    for i in range(len(x)):
        for c in range(out.size):
            d[c] = 1.0 - 2.0 * x[i, c]
        sum_softplus(t, W[i], d, product, after)
        for c in range(out.size):
            out[c] -= softplus(d[c] * a[i] + (after[c] - before[c]))


def pseudo_log_likelihood(W, a, b, x) -> NDArray[np.float64]:
    """Return log PL(x), (n,), in nats.

    W, a, b : (M, N), (M,) and (N,), float64
    x : (n, M), zeros and ones
    """
    W, out = np.ascontiguousarray(W), np.zeros(len(x))
    for first in range(0, len(x), BLOCK):
        here = slice(first, first + BLOCK)
        columns = np.ascontiguousarray(x[here].T, np.float64)
        t = b[:, np.newaxis] + W.T @ columns
        add_conditionals(W, a, columns, t, out[here])
    return out
