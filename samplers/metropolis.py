"""The Metropolis algorithm for the Ising model, by the two colors of a checkerboard.

A site is even or odd by i + j; all four neighbors of an even site are odd. Given the
odd spins, the even ones are therefore independent, and all of them can be updated at
once. For each the flip is proposed with probability c, and accepted by Metropolis' rule
with probability

    min(1, exp(-dE / T)),   dE = 2 s_ij (s_i,j+1 + s_i,j-1 + s_i+1,j + s_i-1,j).

As c is the same there and back, p(s) p(s -> s') = p(s') p(s' -> s), with the odd spins
as they are. Then the odd sites are updated in the same way. Each half of this sweep is
in detailed balance; the sweep leaves p invariant too, but backwards in time it is odd
before even. On a periodic lattice colors alternate around the edge only if both sides
are even.

Where single sites are chosen at random, c is 1. Where none is left out, that fails: if
rows, or columns, are up and down in turn, every dE is 0 and all spins flip in every
sweep, so that the chain never leaves these states nor comes to them from others. (On
2 x 2 sites they have 5 % of the weight at T_c.) With c = 63 / 64, a lazy proposal, a
sweep leads from any state to any other.

At T far above 10 nearly every proposal is accepted, so that s becomes nearly -s in
every sweep: it is the sites that were passed over which make the energy another. At
T = infinity its correlation falls by (1 - 2 c)^2 = 0.94 a sweep; keep every 50th there.

A flip is decided at once, by a word of 32 bits that is less than c min(1, exp(-dE / T))
in units of 2^-32. This threshold is computed in float64 and rounded: exact up to 2^-33.

In memory the two colors lie apart, in rows of L2 / 2,

    even[i, k] = s[i, 2k + i % 2],   odd[i, k] = s[i, 2k + 1 - i % 2],

where three of the four neighbors of a site have its k: those in the rows i - 1, i and
i + 1 of the other color. The fourth is beside the second, at k - 1 or k + 1 in turn of
the rows. With a copy of the other color that is shifted so, and with the last row
repeated above the first and the first below the last, an update is one loop over arrays
of bytes from front to end, without a question about edges: it vectorizes.

Sources: N. Metropolis et al., Journal of Chemical Physics 21 (1953), 1087; D. P. Landau
and K. Binder, A Guide to Monte Carlo Simulations in Statistical Physics (2014), section
4.2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samplers.ising_sampler import IsingSampler
from samplers.kernel import inlined, kernel
from samplers.philox import EVEN, ODD, words

PROPOSED = 63 / 64  # c, the share of sites that may flip, in the mean


@dataclass(frozen=True, eq=False)
class Metropolis(IsingSampler):
    """One step is a sweep: an update of all even sites, then of all odd ones.

    shape : (L1, L2), both even
    temperature : T, a number, or (chain,) with one for each chain

    >>> sampler = Metropolis((20, 20), temperature=2.5)
    >>> state = sampler.start(np.uint64(0), chains=2)
    >>> draws = np.empty((2, 100, 20, 20), np.int8)
    >>> sampler.advance(state, draws, key=np.uint64(0), chain=0, step=0, thin=1)
    >>> bool(np.all(draws[:, -1] == state))
    True

    Raises ValueError if a side is odd, and as IsingSampler does.
    """

    def __post_init__(self):
        super().__post_init__()
        if any(side % 2 for side in self.shape):
            raise ValueError(
                f"a lattice of shape {self.shape} has an odd side, around which two "
                "neighbors have the same color of the checkerboard and could not be "
                "updated at once; make both sides even, or use samplers.wolff.Wolff, "
                "which takes any"
            )

    def advance(
        self,
        state: NDArray[np.int8],
        draws: NDArray[np.int8],
        *,
        key: np.uint64,
        chain: int,
        step: int,
        thin: int,
    ) -> None:
        """Sweep n times `thin` times and keep the state after each `thin` of them.

        state : (chain, L1, L2), changed in place; draws : (chain, n, L1, L2), written
        chain, step : the number of the first chain, and of the sweeps done before
        """
        thresholds = acceptance_thresholds(self.inverse_temperatures(chain, len(state)))
        ahead = rows_that_look_ahead(self.shape[0], self.shape[1] // 2)
        numbers = np.uint64(key), chain, step, thin
        advance_chains(state, draws, thresholds, ahead, *numbers)


def acceptance_thresholds(K) -> NDArray[np.uint32]:
    """Return the chance to flip at dE <= 0, 4 and 8 in units of 2^-32, (..., 3).

    K : (...), 1 / T
    """
    p = PROPOSED * np.exp(-np.multiply.outer(K, [0, 4, 8]))
    return np.rint(p * 2**32).astype(np.uint32)


def rows_that_look_ahead(rows: int, half: int) -> NDArray[np.bool_]:
    """Return whether the fourth neighbor is at k + 1: (2, N / 2), of each color."""
    odd_row = np.repeat(np.arange(rows) % 2 == 1, half)
    return np.stack([odd_row, ~odd_row])


@kernel
def advance_chains(state, draws, thresholds, ahead, key, chain, step, thin):
    """Metropolis.advance, with thresholds (chain, 3) and ahead (2, N / 2)."""
    chains, rows, columns = state.shape
    half, size = columns // 2, rows * columns // 2
    colors = np.empty((2, size + 2 * half), np.int8)
    beside = np.empty(size, np.int8)
    bits = np.empty(size, np.uint32)
    for c in range(chains):
        pack(state[c], colors)
        for n in range(draws.shape[1]):
            for t in range(step + n * thin, step + (n + 1) * thin):
                words(key, chain + c, t, EVEN, bits)
                half_sweep(colors, 0, half, ahead, thresholds[c], bits, beside)
                words(key, chain + c, t, ODD, bits)
                half_sweep(colors, 1, half, ahead, thresholds[c], bits, beside)
            unpack(colors, draws[c, n])
        unpack(colors, state[c])


@kernel
def half_sweep(colors, color, half, ahead, thresholds, bits, beside):
    """Update all sites of one color: 0 the even, 1 the odd ones.

    colors : (2, N / 2 + L2) int8, as `pack` makes them
    half : L2 / 2, the length of a row
    ahead : (2, N / 2) bool, as `rows_that_look_ahead` makes them
    thresholds : (3,) uint32, of `acceptance_thresholds`
    bits : (N / 2,) uint32, the random number of each site, row by row
    beside : (N / 2,) int8, room for a copy
    """
    shift(colors[1 - color], color, half, ahead[color], beside)
    update(colors[color], colors[1 - color], half, beside, thresholds, bits)
    wrap(colors[color], half)


@inlined
def shift(others, color, half, ahead, beside):
    """Set beside[i, k] to k + 1 of row i of the others where ahead, else to k - 1."""
    before, after = others[half - 1 :], others[half + 1 :]
    for f in range(beside.size):
        left = before[f]
        right = after[f]
        beside[f] = right if ahead[f] else left
    # Around the edge, where the loop has run into another row.
    for pair in range(0, beside.size, 2 * half):
        back, front = pair + color * half, pair + (1 - color) * half
        beside[back] = others[half + back + half - 1]
        beside[front + half - 1] = others[half + front]


@inlined
def update(spins, others, half, beside, thresholds, bits):
    """Flip each spin of one color, or not."""
    s = spins[half:]
    above, same, below = others, others[half:], others[2 * half :]
    if_0, if_4, if_8 = thresholds[0], thresholds[1], thresholds[2]
    for f in range(beside.size):
        # s times the sum of its neighbors, which is dE / 2.
        along = np.int8(s[f] * (above[f] + same[f] + below[f] + beside[f]))
        uphill = if_8 if along == 4 else if_4
        threshold = uphill if along > 0 else if_0
        s[f] = -s[f] if bits[f] < threshold else s[f]


@inlined
def wrap(spins, half):
    """Repeat the last row above the first, and the first below the last."""
    size = spins.size - 2 * half
    for k in range(half):
        spins[k] = spins[size + k]
        spins[half + size + k] = spins[half + k]


@kernel
def pack(spins, colors):
    """Part spins : (L1, L2) into colors : (2, N / 2 + L2), and repeat the edges."""
    rows, columns = spins.shape
    half = columns // 2
    for i in range(rows):
        for j in range(columns):
            colors[(i + j) % 2, (i + 1) * half + j // 2] = spins[i, j]
    wrap(colors[0], half)
    wrap(colors[1], half)


@kernel
def unpack(colors, spins):
    """Write colors back into spins: the reverse of `pack`."""
    rows, columns = spins.shape
    half = columns // 2
    for i in range(rows):
        for j in range(columns):
            spins[i, j] = colors[(i + j) % 2, (i + 1) * half + j // 2]
