"""The energy of a network and its slope at many points, compiled.

    E(x) = a_L + |x|^2 / (2 s^2),   a_l = sigma_l(z_l),   z_l = W_l^T a_(l-1) + b_l,

with a_0 = x and one unit in the last layer. Backwards, from g_L = 1,

    delta_l = g_l sigma_l'(z_l),   g_(l-1) = W_l delta_l,   grad E = g_0 + x / s^2.

All weights are arguments, in one vector theta: W_l : (n_(l-1), n_l) row by row, b_l,
then the next layer. Every n_l is filled up to a multiple of UNITS; the units added have
no weights, so that nothing depends on them. One machine code serves all networks.

POINTS points are taken at a time, LANES side by side, and a product adds the units in
their order: so a point has the same bits alone and among others. (A matrix product of
a library adds in an order that depends on the shapes, and brings threads of its own.)
Where the processor can, w a is added without being rounded first; in plain Python it is
rounded, and results differ by a few roundings.

Rows are stored one after the other in a flat array, row j from j * POINTS on. As that
is a constant, the compiler knows that they do not overlap.
"""

import numpy as np
from numba.extending import register_jitable

from samplers.elementary import exp, sigmoid, softplus
from samplers.kernel import kernel

POINTS = 128  # in a row
LANES = 16  # that are taken together; what is left of a last group is wasted
UNITS = 4  # of each of two layers, in one loop of add_products
IDENTITY, TANH, SIGMOID, RELU, SOFTPLUS = range(5)


# Of q^0, q^1... in Lambert's fraction up to 25, divided by 3 * 5 * ... * 25 as all are.
T0, T1, T2, T3 = map(np.float32, (1.0, 0.14666666, 0.0052173915, 6.6252585e-05))
T4, T5, T6 = map(np.float32, (3.2286837e-07, 5.179706e-10, 1.2648855e-13))
B0, B1, B2, B3 = map(np.float32, (1.0, 0.48, 0.03188406, 0.0006625259))
B4, B5, B6 = map(np.float32, (5.2304677e-06, 1.5193805e-08, 1.1510458e-11))
ONE, FLAT = np.float32(1), np.float32(9.02)

# As samplers.kernel.inlined, but a b + c need not round a b, as in add_products.
fused = register_jitable(
    forceinline=True, error_model="numpy", fastmath={"nsz", "contract"}
)


@fused
def tanh(x):
    """Return tanh x, within 8 ulp in float32 (6.7 seen), 4 in float64 (2.3 seen).

    Both take the beginning of the fraction of J. H. Lambert (1768),

        tanh x = x / (1 + q / (3 + q / (5 + ...))),   q = x^2,

    as one of polynomials. In float32 it is taken up to 25, which will do until tanh x
    is 1; in float64 up to 13, and beyond |x| = 0.4, where few digits cancel, it gives
    way to (1 - e) / (1 + e) with e = exp(-2 |x|).
    """
    size = abs(x)
    if isinstance(x, np.float32):
        size = FLAT if size > FLAT else size
        q = size * size
        top = T0 + q * (T1 + q * (T2 + q * (T3 + q * (T4 + q * (T5 + q * T6)))))
        bottom = B0 + q * (B1 + q * (B2 + q * (B3 + q * (B4 + q * (B5 + q * B6)))))
        y = size * top / bottom
        y = ONE if y > ONE else y
    else:
        q, e = size * size, exp(-(size + size))
        top = 135135.0 + q * (17325.0 + q * (378.0 + q))
        bottom = 135135.0 + q * (62370.0 + q * (3150.0 + q * 28.0))
        small = size < 0.4
        y = (size * top if small else 1.0 - e) / (bottom if small else 1.0 + e)
    return y if x > 0 else -y


@kernel
def activate(code, z, slopes):
    """Replace z by sigma(z), and write sigma'(z) to slopes, both of one size."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    if code == TANH:
        for i in range(z.size):
            y = tanh(z[i])
            z[i], slopes[i] = y, one - y * y
    elif code == SIGMOID:
        for i in range(z.size):
            y = sigmoid(z[i])
            z[i], slopes[i] = y, y * (one - y)
    elif code == RELU:
        for i in range(z.size):
            slopes[i] = one if z[i] > zero else zero
            z[i] = z[i] if z[i] > zero else zero
    elif code == SOFTPLUS:
        for i in range(z.size):
            slopes[i] = sigmoid(z[i])
            z[i] = softplus(z[i])
    else:
        for i in range(z.size):
            slopes[i] = one


@kernel(fastmath={"nsz", "contract"})
def add_products(W, a, z, points):
    """Add W a to z at the first points, for W : (rows of z, rows of a).

    W : both numbers in UNITS, of any order in memory
    a, z : rows of POINTS
    points : how many, in LANES

    Four rows of z take in four rows of a: sixteen products for eight numbers read.
    """
    P = POINTS
    for j in range(0, W.shape[0], UNITS):
        for k in range(0, W.shape[1], UNITS):
            k1, k2, k3 = k + 1, k + 2, k + 3
            w00, w01 = W[j, k], W[j, k1]
            w02, w03 = W[j, k2], W[j, k3]
            w10, w11 = W[j + 1, k], W[j + 1, k1]
            w12, w13 = W[j + 1, k2], W[j + 1, k3]
            w20, w21 = W[j + 2, k], W[j + 2, k1]
            w22, w23 = W[j + 2, k2], W[j + 2, k3]
            w30, w31 = W[j + 3, k], W[j + 3, k1]
            w32, w33 = W[j + 3, k2], W[j + 3, k3]
            for first in range(0, points, LANES):
                x, y = a[k * P + first : (k + 4) * P], z[j * P + first : (j + 4) * P]
                for i in range(LANES):
                    x0, x1, x2, x3 = x[i], x[i + P], x[i + 2 * P], x[i + 3 * P]
                    y0, y1, y2, y3 = y[i], y[i + P], y[i + 2 * P], y[i + 3 * P]
                    y[i] = y0 + w00 * x0 + w01 * x1 + w02 * x2 + w03 * x3
                    y[i + P] = y1 + w10 * x0 + w11 * x1 + w12 * x2 + w13 * x3
                    y[i + 2 * P] = y2 + w20 * x0 + w21 * x1 + w22 * x2 + w23 * x3
                    y[i + 3 * P] = y3 + w30 * x0 + w31 * x1 + w32 * x2 + w33 * x3


@kernel
def load(x, rows, n):
    """Write x : (points, d) to d rows, the first n points of which are in use.

    All else that is in use is zero: rows beyond d, and points that are not there.
    """
    for j in range(rows.size // POINTS):
        row = rows[j * POINTS : j * POINTS + n]
        for i in range(n):
            row[i] = 0
        if j < x.shape[1]:
            column = x[:, j]
            for i in range(column.size):
                row[i] = column[i]


@kernel
def forward(theta, sizes, codes, values, slopes, n):
    """Go from a_0, in the first rows of values, to a_L, in the last ones.

    theta : all weights and biases, see above
    sizes : (L + 1,), n_0 to n_L, in UNITS
    codes : (L,), of the activations: TANH and so on
    values, slopes : sum(sizes) rows, of a_l and of sigma_l'(z_l), written
    n : see load
    """
    at, weight = 0, 0
    for k in range(codes.size):
        ins, outs = sizes[k], sizes[k + 1]
        to, bias = at + ins * POINTS, weight + ins * outs
        a, z = values[at:to], values[to : to + outs * POINTS]
        slope = slopes[to : to + outs * POINTS]
        for j in range(outs):
            row, b = z[j * POINTS : j * POINTS + n], theta[bias + j]
            for i in range(n):
                row[i] = b
        add_products(theta[weight:bias].reshape(ins, outs).T, a, z, n)
        for j in range(0, outs * POINTS, POINTS):
            activate(codes[k], z[j : j + n], slope[j : j + n])
        at, weight = to, bias + outs


@kernel
def backward(theta, sizes, values, slopes, n):
    """Go from g_L = 1 to g_0, in the first rows of values; see forward."""
    to, weight = values.size, theta.size
    for i in range(to - sizes[-1] * POINTS, to):
        values[i] = 1
    for k in range(sizes.size - 1, 0, -1):
        ins, outs = sizes[k - 1], sizes[k]
        middle, bias = to - outs * POINTS, weight - outs
        at, weight = middle - ins * POINTS, bias - ins * outs
        g, delta, slope = values[at:middle], values[middle:to], slopes[middle:to]
        for j in range(0, delta.size, POINTS):
            row, factor = delta[j : j + n], slope[j : j + n]
            for i in range(n):
                row[i] *= factor[i]
        for j in range(0, g.size, POINTS):
            row = g[j : j + n]
            for i in range(n):
                row[i] = 0
        add_products(theta[weight:bias].reshape(ins, outs), delta, g, n)
        to = middle


@kernel
def score(x, out, theta, sizes, codes, precision):
    """Write -grad E to out : (points, d).

    x : (points, d)
    theta, sizes, codes : see forward
    precision : 1 / s^2, of the dtype of x
    """
    values = np.empty(np.sum(sizes) * POINTS, x.dtype)
    slopes = np.empty_like(values)
    for first in range(0, len(x), POINTS):
        here = x[first : first + POINTS]
        n = -(-len(here) // LANES) * LANES
        load(here, values[: sizes[0] * POINTS], n)
        forward(theta, sizes, codes, values, slopes, n)
        backward(theta, sizes, values, slopes, n)
        for j in range(x.shape[1]):
            g, column = values[j * POINTS : (j + 1) * POINTS], here[:, j]
            force = out[first : first + POINTS, j]
            for i in range(column.size):
                force[i] = -(g[i] + precision * column[i])


@kernel
def energy(x, out, theta, sizes, codes, precision):
    """Write E to out : (points,); see score for the others."""
    half = x.dtype.type(0.5) * precision
    values = np.empty(np.sum(sizes) * POINTS, x.dtype)
    slopes = np.empty_like(values)
    for first in range(0, len(x), POINTS):
        here, heights = x[first : first + POINTS], out[first : first + POINTS]
        n = -(-len(here) // LANES) * LANES
        load(here, values[: sizes[0] * POINTS], n)
        forward(theta, sizes, codes, values, slopes, n)
        a = values[-UNITS * POINTS :]
        for i in range(heights.size):
            heights[i] = a[i]
        for j in range(x.shape[1]):
            column = here[:, j]
            for i in range(heights.size):
                heights[i] += half * column[i] * column[i]
