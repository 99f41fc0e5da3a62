"""An adaptive rule for integrals of exp(f) over a box, in logarithms throughout.

The box is cut into panels, each with the ten nodes of Gauss and Legendre along each
side: a rule that is exact for polynomials of degree 19 in each coordinate. A panel's
change is that of its integral when it was cut in halves along each side. The panels
with the largest changes are halved again, until all changes together are less than the
tolerance times the whole. Where exp(f) is smooth they bound the error with much to
spare, because the halves are kept, whose error is smaller by a factor near 2^20. At a
kink that factor is 4 or so, at a singularity less: there they are an estimate.

Of integrals only logarithms are kept, so that f may be of any size.

Source: P. J. Davis and P. Rabinowitz (1984), Methods of Numerical Integration, section
6.1.
"""

import numpy as np

ORDER = 10
MOST_NODES = 2**22
NODES, WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
NODES, WEIGHTS = (1 + NODES) / 2, WEIGHTS / 2  # on [0, 1]


def refine(exponents, boxes, tolerance):
    """Halve the panels with the largest changes until these no longer matter.

    exponents : -E / T of x : (n, d), of shape (n,)
    boxes : (p, 2, d), the panels to begin with
    Returns panels (p, 2, d), their nodes (p, 10^d, d), the logs of what each node adds
    to Z, (p, 10^d), and the sum of the last changes over Z.
    """
    leaves = halve(exponents, boxes, log_sum(place(exponents, boxes)[1]))
    while True:
        boxes, nodes, terms, logs, log_changes = leaves
        log_partition = require_found(log_sum(logs))
        # A peak that only the coarser nodes met may be out of range in units of Z.
        changes = np.exp(np.minimum(log_changes - log_partition, 99))
        error = changes.sum()
        if error <= tolerance:
            return boxes, nodes, terms, error
        order = np.argsort(changes)
        fine = np.cumsum(changes[order]) <= tolerance / 2
        keep, worst = order[fine], order[~fine]
        more = len(worst) * (2 ** boxes.shape[-1] - 1)
        if (len(boxes) + more) * terms.shape[1] > MOST_NODES:
            raise ArithmeticError(not_reached(error, tolerance))
        halves = halve(exponents, boxes[worst], logs[worst])
        leaves = [
            np.concatenate([old[keep], new])
            for old, new in zip(leaves, halves, strict=True)
        ]


def halve(exponents, boxes, logs):
    """Cut panels in halves along each side, and see what this changes.

    boxes, logs : (p, 2, d) and (p,), panels and the logs of their integrals
    Returns of the halves: panels, nodes, logs of what these add to Z, their sums, and
    the logs of each half's share in the change.
    """
    halves = cut(boxes, 2)
    nodes, terms = place(exponents, halves)
    new = log_sum(terms)
    parts = 2 ** boxes.shape[-1]
    after = log_sum(new.reshape(-1, parts))
    apart = np.abs(difference(after, logs))
    with np.errstate(divide="ignore"):
        log_changes = np.maximum(after, logs) + np.log(-np.expm1(-apart) / parts)
    # Where the shape of exp(f) is not resolved, a peak between the nodes may be higher
    # than all of them, by about as much as f varies from node to node.
    values = terms.reshape(len(boxes), -1)
    spread = difference(values.max(axis=1), values.min(axis=1))
    log_changes += np.where(apart > 0.5, spread / ORDER, 0)
    return halves, nodes, terms, new, np.repeat(log_changes, parts)


def difference(a, b):
    """Return a - b, and 0 where they are the same infinity."""
    return np.subtract(a, b, out=np.zeros(len(a)), where=a != b)


def cut(boxes, parts: int):
    """Cut boxes (p, 2, d) along each side: (p parts^d, 2, d), box after box."""
    low, high = boxes[:, :1], boxes[:, 1:]
    places = grid(np.arange(parts), boxes.shape[-1])
    corners = np.stack([places, places + 1], axis=1) / parts
    cuts = low[:, None] + (high - low)[:, None] * corners
    return cuts.reshape(-1, *boxes.shape[1:])


def place(exponents, boxes):
    """Return nodes (p, 10^d, d) in boxes (p, 2, d), and the logs of their shares."""
    d = boxes.shape[-1]
    low, sides = boxes[:, :1], boxes[:, 1:] - boxes[:, :1]
    nodes = low + sides * grid(NODES, d)
    weights = np.prod(sides, axis=-1) * np.prod(grid(WEIGHTS, d), axis=-1)
    values = exponents(nodes.reshape(-1, d)).reshape(weights.shape)
    return nodes, values + np.log(weights)


def grid(ticks, d: int):
    """Return all points (n^d, d) whose coordinates are ticks (n,)."""
    return np.stack(np.meshgrid(*[ticks] * d, indexing="ij"), axis=-1).reshape(-1, d)


def log_sum(logs):
    """Return log sum exp over the last axis."""
    return np.logaddexp.reduce(logs, axis=-1)


def require_found(log_partition):
    """Return log Z, or raise ValueError if no node has met the density."""
    if log_partition == -np.inf:
        raise ValueError(
            "energy is infinite at all nodes, so that Z would be zero; take bounds "
            "closer to where the density is, or more panels"
        )
    return log_partition


def not_reached(error: float, tolerance: float) -> str:
    """Return what ArithmeticError says."""
    return (
        f"Z may still change by {error:.1e} of itself when panels are halved, with a "
        f"tolerance of {tolerance:g}, and that takes more than {MOST_NODES} nodes; "
        "take narrower bounds or a larger tolerance. An energy that jumps, or has the "
        "rounding errors of float32, converges slowly"
    )
