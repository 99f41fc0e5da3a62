"""Random numbers for many chains and many steps at once, a row for each coordinate.

Where a state is a few numbers, filling them chain by chain would take longer to begin
than to do. Here one loop runs over all pairs of a step and a chain, and the numbers of
coordinate j lie side by side: noise[j, k, c], of step k and chain c. They are those at
the addresses of samplers/philox.py, with the coordinate as the site.
"""

import numpy as np
from numpy.typing import DTypeLike, NDArray

from samplers.kernel import inlined, kernel
from samplers.philox import block_normals, block_uniforms, block_words

NUMBERS = 2**15  # that are made at a time, few enough for a cache
LANES = 32  # chains in a multiple of which no loop ends in single numbers


def draw_normals(
    key: np.uint64,
    purpose: int,
    *,
    chain: int,
    step: int,
    shape: tuple[int, int, int],
    dtype: DTypeLike = np.float64,
) -> NDArray:
    """Return independent N(0, 1), in a shape of (coordinates, steps, chains).

    chain, step : the numbers of the first chain and of the first step
    dtype : float32 or float64
    """
    addresses, out = addresses_of(chain, step, *shape[1:]), room(shape, dtype)
    fill_normals(np.uint64(key), purpose, addresses, out)
    return out[: shape[0]].reshape(shape)


def draw_uniforms(
    key: np.uint64, purpose: int, *, chain: int, step: int, shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    """Return uniforms in [0, 1) with 53 bits; see draw_normals."""
    addresses, out = addresses_of(chain, step, *shape[1:]), room(shape, np.float64)
    fill_uniforms(np.uint64(key), purpose, addresses, out)
    return out[: shape[0]].reshape(shape)


def room(shape, dtype) -> NDArray:
    """Return an array for an even number of rows, as `fill` takes it."""
    rows, steps, chains = shape
    return np.empty((rows + rows % 2, steps * chains), dtype)


def pieces(chains: int, steps: int, coordinates: int) -> tuple[int, int]:
    """Return how many chains, and of their steps, to make noise for at once."""
    most = max(1, NUMBERS // coordinates)
    chains = min(chains, most // LANES * LANES or most)
    return chains, min(steps, max(1, NUMBERS // (coordinates * chains)))


@kernel
def addresses_of(chain, step, steps, chains):
    """Return the numbers of chain and step, (2, steps * chains) uint32."""
    addresses = np.empty((2, steps * chains), np.uint32)
    for k in range(steps):
        for c in range(chains):
            addresses[0, k * chains + c] = chain + c
            addresses[1, k * chains + c] = step + k
    return addresses


@inlined
def fill(numbers, key, purpose, addresses, out):
    """Fill row j of out : (rows, n) with site j at each of the addresses : (2, n).

    numbers : block_normals or block_uniforms
    rows : even, because normals come in pairs
    """
    zero = out.dtype.type(0)
    sites = 16 // out.itemsize  # in a block
    chains, steps = addresses[0], addresses[1]
    for first in range(0, len(out), sites):
        block = first // sites
        a, b = out[first], out[first + 1]
        if sites == 2 or len(out) == first + 2:
            for i in range(chains.size):
                w = block_words(key, chains[i], steps[i], purpose, block)
                x = numbers(w, zero)
                a[i], b[i] = x[0], x[1]
        else:
            c, d = out[first + 2], out[first + 3]
            for i in range(chains.size):
                w = block_words(key, chains[i], steps[i], purpose, block)
                x = numbers(w, zero)
                a[i], b[i], c[i], d[i] = x[0], x[1], x[-2], x[-1]


@kernel
def fill_normals(key, purpose, addresses, out):
    """Fill out with normals; see fill."""
    fill(block_normals, key, purpose, addresses, out)


@kernel
def fill_uniforms(key, purpose, addresses, out):
    """Fill out with uniforms; see fill."""
    fill(block_uniforms, key, purpose, addresses, out)
