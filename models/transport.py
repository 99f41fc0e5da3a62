"""Optimal transport between two discrete laws, as a linear program.

Moving mass P_ij from place i to place j costs C_ij each. The cheapest plan that turns
the law a into the law b, and its dual, are

    min over P of sum_ij C_ij P_ij     with P >= 0, sum_j P_ij = a_i, sum_i P_ij = b_j
    max over f, g of sum_i a_i f_i + sum_j b_j g_j         with f_i + g_j <= C_ij

and have one value; with a metric for C it is the Wasserstein distance W_1. Some best
plan uses only n + m - 1 of the n m moves, a tree that joins all places. Once it is
known, n + m - 1 linear equations give the plan from a and b, and as many the
potentials f and g from C: all else, derivatives among it, is linear algebra.

The search is HiGHS's; it limits the size to some hundred places a side.

Source: G. Peyre and M. Cuturi (2019), Computational Optimal Transport, sections 2.3,
2.5 and 3.4.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import eye_array, kron, vstack
from scipy.sparse.csgraph import connected_components

from autodiff import value_only
from models.arguments import require_precision, require_probabilities


class Transport(NamedTuple):
    """A solution of the two linear programs.

    cost : the least cost of turning a into b, in the units of C
    plan : (n, m), P, the mass moved from each place to each
    potential_a, potential_b : (n,) and (m,), f and g, in the units of C; only their
        sums f_i + g_j are determined, here the last entry of g is zero
    """

    cost: np.floating
    plan: np.ndarray
    potential_a: np.ndarray
    potential_b: np.ndarray


def transport_cost(a, b, cost):
    """Return the least cost of turning the law a into the law b.

    Its derivatives are the solution: the plan by C, the potentials by a and b, since a
    little more mass at place i costs f_i more. Second derivatives follow from the tree
    of used moves. At a tie between plans, those of one of them are taken.

    Parameters
    ----------
    a, b : (n,) and (m,), probabilities
    cost : (n, m), C, finite

    Returns a number. Raises ValueError or TypeError if the arrays do not fit, and
    RuntimeError if the search fails.
    """
    i, j, sums = best_tree(a, b, cost)
    masses = np.linalg.solve(sums, np.concatenate([a, b])[:-1])
    return np.sum(cost[i, j] * masses)


@value_only
def optimal_transport(a, b, cost):
    """Return the plan, the potentials and the cost of `transport_cost`, a `Transport`.

    No derivative passes through it. Parameters and errors are those of
    `transport_cost`.

    >>> a, b = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    >>> optimal_transport(a, b, np.array([[0.0, 3.0], [1.0, 1.0]])).plan
    array([[0.25, 0.25],
           [0.  , 0.5 ]])
    """
    i, j, sums = best_tree(a, b, cost)
    masses = np.linalg.solve(sums, np.concatenate([a, b])[:-1])
    plan = np.zeros_like(cost)
    plan[i, j] = np.maximum(masses, 0)
    potentials = np.append(np.linalg.solve(sums.T, cost[i, j]), cost.dtype.type(0))
    return Transport(np.sum(cost * plan), plan, *np.split(potentials, [a.size]))


@value_only
def best_tree(a, b, cost):
    """Return the moves (i, j) of a tree with a best plan, and their sums.

    i, j : (n + m - 1,) each; sums : (n + m - 1, n + m - 1), of zeros and ones, that
    turns the masses moved into a and b, but for the last entry of b, which follows.
    """
    _check(a, b, cost)
    n, m = cost.shape
    # The solver's tolerances are absolute: it gets costs of order one, and masses that
    # are equal in double precision.
    unit = float(np.max(np.abs(cost))) or 1.0
    masses = [law / law.sum() for law in (np.float64(a), np.float64(b))]
    leaving = kron(eye_array(n), np.ones((1, m)))
    arriving = kron(np.ones((1, n)), eye_array(m))
    found = linprog(
        np.ravel(cost) / unit,
        A_eq=vstack([leaving, arriving]),
        b_eq=np.concatenate(masses),
        method="highs-ds",
    )
    if found.status != 0:
        raise RuntimeError(
            f"no best plan was found: {found.message} Weights or costs that differ by "
            "many orders of magnitude are a common reason"
        )
    f, g = np.split(found.eqlin.marginals, [n])
    excess = cost / unit - f[:, np.newaxis] - g
    i, j = np.nonzero(_joined(found.x.reshape(n, m) > 0, excess))
    places = np.eye(n + m, dtype=cost.dtype)
    return i, j, (places[:, i] + places[:, n + j])[:-1]


def _joined(used, excess):
    """Return the moves used, and as many others as it takes to join all places.

    used : (n, m), the moves of a best plan. They join the places to pieces; there are
        several where some places of a have just the mass of some of b
    excess : (n, m), C_ij - f_i - g_j, zero for the moves used

    All potentials f in a piece may grow by what all g in it lose, until the excess of a
    move that joins it to another piece is zero as well. Then the two are one piece.
    """
    n, m = used.shape
    graph = np.zeros((n + m, n + m), bool)
    graph[:n, n:] = used
    _, piece = connected_components(graph, directed=False)
    joined, excess = used.copy(), excess.copy()
    while np.any(piece != piece[0]):
        inside = piece == piece[0]
        entering = ~inside[:n, np.newaxis] & inside[n:]
        leaving = inside[:n, np.newaxis] & ~inside[n:]
        ways = entering if np.any(entering) else leaving
        i, j = np.unravel_index(np.argmin(np.where(ways, excess, np.inf)), (n, m))
        step = excess[i, j] if np.any(entering) else -excess[i, j]
        excess += step * (leaving * 1.0 - entering)
        joined[i, j] = True
        piece[(piece == piece[i]) | (piece == piece[n + j])] = piece[0]
    return joined


def _check(a, b, cost) -> None:
    require_precision(a=a, b=b, cost=cost)
    if a.ndim != 1 or b.ndim != 1 or cost.shape != (a.size, b.size):
        raise ValueError(
            f"a, b and cost have shapes {a.shape}, {b.shape} and {cost.shape}; they "
            "must be (n,), (m,) and (n, m), with the cost of each move from i to j"
        )
    require_probabilities(a=a)
    require_probabilities(b=b)
    if not np.all(np.isfinite(cost)):
        raise ValueError(
            "cost holds numbers that are not finite; forbid a move by a cost larger "
            "than that of all other moves together"
        )
