"""Wolff's cluster algorithm for the Ising model: whole domains flip at once.

Near T_c the lattice has domains of all sizes, and single flips need some L^2.17 sweeps
to turn the largest. Here a cluster is grown from a random site: each bond from a site
of the cluster to a neighbor outside with the same spin is open with probability

    P = 1 - exp(-2 / T),

and an open bond takes the neighbor in. The cluster is flipped, always. Growth of the
same cluster C in the state s and in the flipped one s' differs only at its border: the
n bonds there to equal spins in s, and the n' in s', were found closed. So

    p(s -> s') / p(s' -> s) = (1 - P)^n / (1 - P)^n' = exp(-2 (n - n') / T),

and as E' - E = 2 (n - n'), detailed balance holds, whatever the law of the first site.

Each bond has its own random number. It is looked at at most once in a step: when one of
its sites has joined and the other has not; if the other joins later, by another bond,
the first is a site of the cluster already. So the numbers that are used are
independent, and the cluster does not depend on the order in which it grows.

The size of a cluster is the number of spins in which two successive states differ. The
mean size is <M^2> / N, so one step costs less than one sweep far above T_c, where the
clusters are small, and turns over less.

Source: U. Wolff, Collective Monte Carlo updating for spin systems, Physical Review
Letters 62 (1989), 361.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samplers.ising_sampler import IsingSampler
from samplers.kernel import inlined, kernel
from samplers.philox import BOND, SEED, block_words

PAGE = 32  # random numbers that are drawn together
BLOCKS = PAGE // 4


@dataclass(frozen=True, eq=False)
class Wolff(IsingSampler):
    """One step is one cluster, grown and flipped.

    shape : (L1, L2), each at least 2
    temperature : T, a number, or (chain,) with one for each chain

    >>> sampler = Wolff((15, 20), temperature=2.27)
    >>> state = sampler.start(np.uint64(0), chains=2)
    >>> draws = np.empty((2, 100, 15, 20), np.int8)
    >>> sampler.advance(state, draws, key=np.uint64(0), chain=0, step=0, thin=1)
    >>> sizes = np.sum(draws[:, 1:] != draws[:, :-1], axis=(2, 3))
    >>> bool(np.all(sizes > 0))
    True

    Raises ValueError as IsingSampler does.
    """

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
        """Flip n times `thin` clusters and keep the state after each `thin` of them.

        state : (chain, L1, L2), changed in place; draws : (chain, n, L1, L2), written
        chain, step : the number of the first chain, and of the clusters flipped before
        """
        thresholds = bond_thresholds(self.inverse_temperatures(chain, len(state)))
        advance_chains(state, draws, thresholds, np.uint64(key), chain, step, thin)


def bond_thresholds(K) -> NDArray[np.int64]:
    """Return P = 1 - exp(-2 K), for K = 1 / T, in units of 2^-32.

    A bond is open if its word of 32 bits is less: with probability P up to 2^-33.
    """
    return np.rint(-np.expm1(-2 * np.asarray(K)) * 2**32).astype(np.int64)


@kernel
def advance_chains(state, draws, thresholds, key, chain, step, thin):
    """Wolff.advance, with thresholds (chain,)."""
    chains, rows, columns = state.shape
    sites = rows * columns
    pages = (2 * sites + PAGE - 1) // PAGE
    bits = np.empty(pages * PAGE, np.uint32)
    drawn = np.empty(pages, np.bool_)
    stack = np.empty(sites, np.int64)
    for c in range(chains):
        spins = state[c].reshape(-1)
        for n in range(draws.shape[1]):
            for t in range(step + n * thin, step + (n + 1) * thin):
                drawn[:] = False
                word = block_words(key, chain + c, t, SEED, 0)[0]
                seed = np.int64((word * np.uint64(sites)) >> np.uint64(32))
                address = key, chain + c, t
                flip_cluster(
                    spins, columns, seed, thresholds[c], bits, drawn, stack, *address
                )
            draw = draws[c, n].reshape(-1)
            for site in range(sites):
                draw[site] = spins[site]


@kernel
def flip_cluster(spins, columns, seed, threshold, bits, drawn, stack, key, chain, step):
    """Grow the cluster of a site and flip it, depth first.

    A spin is flipped as it joins, so that it is no longer equal to those outside.

    spins : (N,) int8, row by row, changed; columns : L2; seed : the first site
    threshold : of `bond_thresholds`
    bits : (pages * PAGE,) uint32, the numbers of the bonds: 2 site for the one to the
        right of a site, 2 site + 1 for the one downwards
    drawn : (pages,) bool, which pages of bits are to be taken as they are; others are
        drawn here when they are needed, and marked
    stack : (N,) int64, room for sites of which the neighbors are not yet looked at
    key, chain, step : the address of numbers to draw
    """
    spin = spins[seed]
    spins[seed] = -spin
    stack[0] = seed
    waiting = 1
    while waiting:
        waiting -= 1
        site = stack[waiting]
        for direction in range(4):
            neighbor, bond = look(site, direction, spins.size, columns)
            if spins[neighbor] == spin:
                page = bond // PAGE
                if not drawn[page]:
                    draw_page(key, chain, step, page, bits)
                    drawn[page] = True
                if bits[bond] < threshold:
                    spins[neighbor] = -spin
                    stack[waiting] = neighbor
                    waiting += 1


@inlined
def look(site, direction, sites, columns):
    """Return the neighbor of a site to the right, down, left or up, and their bond."""
    column = site % columns
    if direction == 0:
        neighbor = site + 1 if column + 1 < columns else site + 1 - columns
        return neighbor, 2 * site
    if direction == 1:
        neighbor = site + columns if site + columns < sites else site + columns - sites
        return neighbor, 2 * site + 1
    if direction == 2:
        neighbor = site - 1 if column > 0 else site - 1 + columns
        return neighbor, 2 * neighbor
    neighbor = site - columns if site >= columns else site - columns + sites
    return neighbor, 2 * neighbor + 1


@kernel
def draw_page(key, chain, step, page, bits):
    """Draw the random numbers of one page of bonds."""
    out = bits[page * PAGE : (page + 1) * PAGE]
    for b in range(BLOCKS):
        w = block_words(key, chain, step, BOND, page * BLOCKS + b)
        for i in range(4):
            out[4 * b + i] = w[i]
