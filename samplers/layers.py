"""Draw one layer of a Boltzmann machine given the other, for many chains at once.

Given one layer the units of the other are independent, with the pre-activations

    t_j = bias_j + sum_i s_i W_ij.

At inverse temperature beta a binary unit is on with probability sigmoid(beta t_j), and
a Gaussian one has the mean t_j and the standard deviation sigma_j / sqrt(beta).

The units i are added four by four, in their order, whatever the number of chains and
threads, so that a chain has the same bits alone and among others. (A matrix product of
a library adds in an order that depends on the shapes.)

Four binary units have only sixteen states. So their sixteen sums are computed once,

    table[g, w, j] = sum of W_(4g+k) j over the k for which w has the bit k,

and looked up by w = s_4g + 2 s_4g+1 + 4 s_4g+2 + 8 s_4g+3: a quarter of the additions,
no products, and the same bits.

Arrays have rows for chains and columns for units, the columns filled up to a multiple
of four: the units added there have no couplings, and nothing depends on them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from samplers.elementary import exp
from samplers.kernel import inlined, kernel
from samplers.philox import block_normals, block_uniforms, block_words

GROUP = 4  # units that are looked up together
ROWS = 8  # of the table that are added in one loop


class Layer(NamedTuple):
    """How the n units of a layer depend on the m of the other, both in fours.

    weights : (m, n), W, if the units of the other layer are real; else None
    table : (groups, 16, n), as `tabulate` fills it, if they are binary; else None
    bias : (n,)
    sigma : (n,) of Gaussian units; None for binary ones
    purpose : of their random numbers, HIDDEN or VISIBLE of samplers.philox
    """

    weights: NDArray | None
    table: NDArray | None
    bias: NDArray
    sigma: NDArray | None
    purpose: int


def make_layer(W, bias, purpose, *, sigma=None, binary=True) -> Layer:
    """Return a Layer of n units, with its own arrays; a table is four times W.

    W : (m, n)
    bias : (n,)
    purpose : see Layer
    sigma : (n,), or None for binary units
    binary : whether the units of the other layer are
    """
    weights, table = in_fours(W), None
    if binary:
        groups = -(-len(weights) // (GROUP * ROWS)) * ROWS
        table = np.zeros((groups, 2**GROUP, weights.shape[1]), W.dtype)
        tabulate(weights, table)
        weights = None
    sigma = None if sigma is None else in_fours(sigma)
    return Layer(weights, table, in_fours(bias), sigma, purpose)


def in_fours(array):
    """Return the array with zeros after it, up to lengths that are multiples of 4."""
    filled = np.zeros([n + -n % GROUP for n in array.shape], array.dtype)
    filled[tuple(slice(n) for n in array.shape)] = array
    return filled


@kernel
def tabulate(weights, table):
    """Fill table[g, s] with the sum of those rows 4 g + k for which s has the bit k.

    table : (groups, 16, n), zeros, or filled before with other weights
    """
    for i in range(len(weights)):
        g, bit = i // GROUP, 1 << (i % GROUP)
        for s in range(bit):
            for j in range(weights.shape[1]):
                table[g, bit + s, j] = table[g, s, j] + weights[i, j]


@kernel
def add_from_table(states, table, t):
    """Add states @ weights to t : (chains, n), for binary states : (chains, m).

    Each t is read and written once for eight groups. Those that fill up the last eight
    have the word 0, the empty sum.
    """
    words = np.zeros((len(t), len(table)), np.uint8)
    for c in range(len(t)):
        for g in range(states.shape[1] // GROUP):
            i = GROUP * g
            low = states[c, i] + 2 * states[c, i + 1]
            words[c, g] = low + 4 * states[c, i + 2] + 8 * states[c, i + 3]
    for g in range(0, len(table), ROWS):
        for k in range(len(t)):
            rows, w, out = table[g : g + ROWS], words[k, g : g + ROWS], t[k]
            r0, r1, r2, r3 = rows[0, w[0]], rows[1, w[1]], rows[2, w[2]], rows[3, w[3]]
            r4, r5, r6, r7 = rows[4, w[4]], rows[5, w[5]], rows[6, w[6]], rows[7, w[7]]
            for j in range(out.size):
                half = out[j] + r0[j] + r1[j] + r2[j] + r3[j]
                out[j] = half + r4[j] + r5[j] + r6[j] + r7[j]


@kernel
def add_products(states, weights, t):
    """Add states @ weights to t : (chains, n), for any states : (chains, m)."""
    number = weights.dtype.type
    for i in range(0, len(weights), GROUP):
        r0, r1, r2, r3 = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        for c in range(len(t)):
            s0, s1 = number(states[c, i]), number(states[c, i + 1])
            s2, s3 = number(states[c, i + 2]), number(states[c, i + 3])
            out = t[c]
            for j in range(out.size):
                out[j] += s0 * r0[j] + s1 * r1[j] + s2 * r2[j] + s3 * r3[j]


@kernel
def draw_binary(t, beta, uniforms, out):
    """Switch units on where u < sigmoid(beta t); return how many t are not finite.

    t, uniforms, out : (chains, n)
    beta : (chains,)

    u < 1 / (1 + exp(-z)) is u + u exp(-z) < 1, without a division. Where exp(-z) is
    infinite that is false, for u = 0 also, as infinity times zero is no number. Before
    that u = 0 switches on: probabilities are met up to the unit of u, 2^-24 in float32.
    """
    one = t.dtype.type(1)
    infinite = np.int32(0)
    for c in range(len(t)):
        row, u, units, b = t[c], uniforms[c], out[c], beta[c]
        for j in range(row.size):
            units[j] = u[j] + u[j] * exp(-b * row[j]) < one
            # 32 bits wide, so that as many of them as float32 fit into a vector.
            infinite = np.int32(infinite + np.int32(not abs(row[j]) < np.inf))
    return infinite


@kernel
def draw_gaussian(t, beta, sigma, normals, out):
    """Draw units of mean t and standard deviation sigma / sqrt(beta), to t and to out.

    t, normals, out : (chains, n)
    beta : (chains,)
    sigma : (n,)

    Returns how many of them are not finite.
    """
    infinite = np.int32(0)
    for c in range(len(t)):
        row, z, units = t[c], normals[c], out[c]
        scale = t.dtype.type(1) / np.sqrt(beta[c])
        for j in range(row.size):
            row[j] += sigma[j] * scale * z[j]
            units[j] = row[j]
            infinite = np.int32(infinite + np.int32(not abs(row[j]) < np.inf))
    return infinite


@kernel
def draw_layer(states, weights, table, bias, sigma, beta, noise, t, out):
    """Draw a layer given the states of the other one, and given the noise.

    Parameters
    ----------
    states : (chains, m)
    weights, table, bias, sigma : as Layer says
    beta : (chains,), inverse temperatures
    noise : (chains, n), uniforms in [0, 1) for binary units, normals for Gaussian ones
    t : (chains, n), written: the pre-activations of binary units, or the Gaussian units
    out : (chains, n), written: the units, zeros and ones or numbers

    Returns how many numbers in t are not finite.
    """
    for c in range(len(t)):
        for j in range(bias.size):
            t[c, j] = bias[j]
    # What is None here, Numba leaves out.
    if table is not None:
        add_from_table(states, table, t)
    if weights is not None:
        add_products(states, weights, t)
    if sigma is None:
        return draw_binary(t, beta, noise, out)
    return draw_gaussian(t, beta, sigma, noise, out)


@kernel
def addresses_of(chain, noise):
    """Return chain and block of each block of Philox in rows of noise.

    chain : the number of the first row
    noise : (chains, n), with n a multiple of 4

    Returns (2, blocks) uint32.
    """
    chains = len(noise)
    blocks = noise.shape[1] * noise.itemsize // 16
    addresses = np.empty((2, chains * blocks), np.uint32)
    for c in range(chains):
        for b in range(blocks):
            addresses[0, c * blocks + b] = chain + c
            addresses[1, c * blocks + b] = b
    return addresses


@inlined
def fill_rows(numbers, key, step, purpose, addresses, out):
    """Fill the rows of out as philox.fill does, chain by chain.

    One loop over all chains: a row is often so short that the beginning and the end of
    a loop over it would take longer than the rest.

    numbers : block_uniforms or block_normals
    addresses : those of out, as addresses_of returns them
    out : (chains, n), with n a multiple of 4
    """
    zero = out.dtype.type(0)
    flat = out.reshape(-1)
    for k in range(addresses.shape[1]):
        w = block_words(key, addresses[0, k], step, purpose, addresses[1, k])
        x = numbers(w, zero)
        for i in range(len(x)):
            flat[len(x) * k + i] = x[i]


@kernel
def fill_uniforms(key, step, purpose, addresses, out):
    """Fill the rows of out with uniforms; see fill_rows."""
    fill_rows(block_uniforms, key, step, purpose, addresses, out)


@kernel
def fill_normals(key, step, purpose, addresses, out):
    """Fill the rows of out with normals; see fill_rows."""
    fill_rows(block_normals, key, step, purpose, addresses, out)


@kernel
def fill_noise(key, step, purpose, addresses, sigma, out):
    """Fill the rows of out with normals, or with uniforms if sigma is None."""
    if sigma is None:
        fill_uniforms(key, step, purpose, addresses, out)
    else:
        fill_normals(key, step, purpose, addresses, out)
