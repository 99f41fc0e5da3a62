"""Block Gibbs sampling of a small machine as a matrix: where its chains are, exactly.

A step draws h ~ p(h | x) and x' ~ p(x' | h), so from state to state

    T(x, x') = sum_h p(h | x) p(x' | h),

and chains that start with the law p_0 have the law p_k = p_0 T^k after k steps. As
pi(x) T(x, x') = sum_h p(x, h) p(x', h) / p(h) is the same with x and x' exchanged, the
matrix S = D^(1/2) T D^(-1/2), D = diag(pi), is symmetric: T has real eigenvalues

    1 = lambda_1 > lambda_2 >= ... >= 0,

none negative, for S is a matrix times its transpose; and at most as many are not zero
as h has states. With orthonormal eigenvectors u_i of S, u_1 = sqrt(pi), chains that all
start in x have

    p_k(y) / pi(y) - 1 = sum_(i >= 2) lambda_i^k u_i(x) u_i(y) / sqrt(pi(x) pi(y)).

Square, average over y with weight pi(y), and the mixed terms vanish:

    sum_y pi(y) (p_k(y) / pi(y) - 1)^2 = sum_(i >= 2) lambda_i^(2k) u_i(x)^2 / pi(x)
                                      <= lambda_2^(2k) (1 - pi(x)) / pi(x),

since sum_i u_i(x)^2 = 1. A mean of absolute values is at most the root of the mean
square, so the total variation distance is bounded:

    TV(p_k, pi) = 1/2 sum_y |p_k(y) - pi(y)| <= 1/2 sqrt(1 / pi(x) - 1) lambda_2^k.

In the long run the term of lambda_2 is left, and TV falls by lambda_2 in each step.

Source: D. Levin, Y. Peres and E. Wilmer, Markov Chains and Mixing Times (2009),
chapter 12.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from models import total_variation
from samplers.machine import Machine, binary_states

FEWEST = 50  # expected draws in a cell of chi-square


def transition_matrix(machine: Machine) -> NDArray[np.float64]:
    """Return T, (2^M, 2^M), of a step of a binary machine; states as binary_states."""
    x, h = (binary_states(units) for units in machine.W.shape)
    to_h = products(machine.mean_h_given_x(x), h)
    to_x = products(machine.mean_x_given_h(h), x)
    return to_h @ to_x


def products(means, states):
    """Return the probability of each state, (n, states), for units of these means.

    means : (n, units), of independent binary units; states : (states, units)
    """
    on = states == 1
    return np.prod(np.where(on, means[:, np.newaxis], 1 - means[:, np.newaxis]), -1)


def spectrum(T, pi):
    """Return the eigenvalues of T, descending, and the eigenvectors u of S in columns.

    T : (n, n), reversible with respect to pi : (n,)
    """
    root = np.sqrt(pi)
    S = root[:, np.newaxis] * T / root
    values, vectors = np.linalg.eigh((S + S.T) / 2)
    return values[::-1], vectors[:, ::-1]


def laws(T, start: int, steps: int):
    """Return p_0, ..., p_steps, (steps + 1, n), of chains that start in one state."""
    p = np.zeros((steps + 1, len(T)))
    p[0, start] = 1
    for k in range(steps):
        p[k + 1] = p[k] @ T
    return p


def bound(pi_start: float, second: float, steps: int):
    """Return 1/2 sqrt(1 / pi(x) - 1) lambda_2^k for k = 0, ..., steps."""
    return np.sqrt(1 / pi_start - 1) / 2 * second ** np.arange(steps + 1)


def chi_square_score(counts, p) -> float:
    """Return how surprising counts are under a law, as a standard normal number.

    Pearson's chi-square, with the rarest states taken together until FEWEST draws are
    expected of each cell; large where the counts do not fit.

    counts : (n,), of independent draws; p : (n,)
    """
    expected = counts.sum() * p
    order = np.argsort(expected)
    together = max(
        np.searchsorted(np.cumsum(expected[order]), FEWEST) + 1,
        np.searchsorted(expected[order], FEWEST),
    )
    cells = np.zeros(len(p), np.int64)
    cells[order[together:]] = np.arange(1, len(p) - together + 1)
    observed, expected = (np.bincount(cells, n) for n in (counts, expected))
    chi_square = np.sum((observed - expected) ** 2 / expected)
    return float(-ndtri(chdtrc(len(observed) - 1, chi_square)))


def sampled_distances(p, pi, draws: int, repeats: int, rng: np.random.Generator):
    """Return TV(counts / draws, pi) of independent draws from p, (repeats,) times.

    It is not zero for p = pi either: a share is off by its standard deviation,
    sqrt(pi(y) (1 - pi(y)) / draws), times a normal number, whose mean size is 0.80.
    """
    counts = rng.multinomial(draws, p, size=repeats)
    return total_variation(counts / draws, pi)
