"""Draws held to the density that they claim: exact cells, exact entropy.

Integrals of exp(log_density) over the cells of a grid, by Gauss-Legendre quadrature,
say how often a draw falls into each cell, and what mean and variance log p has. Counts
are compared by chi-square, the mean of log p by a z score, both at the level 5e-7: two
hundred such tests are all right by chance but once in ten thousand.
"""

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
from scipy.stats import chi2, norm

LEVEL = 5e-7
NODES = 6


@dataclass(frozen=True)
class Truth:
    """Integrals of a density: of each cell, of -p log p and of its square about it."""

    edges: list
    cells: np.ndarray
    entropy: float
    variance: float


def quadrature(edges, panel):
    """Nodes and weights on the cells between the edges, and the cell of each node."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    points, lengths, cells = [], [], []
    for cell, (a, b) in enumerate(pairwise(edges)):
        panels = int(np.ceil((b - a) / panel))
        h = (b - a) / panels
        starts = a + h * np.arange(panels)[:, np.newaxis]
        points.append((starts + h * (nodes + 1) / 2).ravel())
        lengths.append(np.tile(h * weights / 2, panels))
        cells.append(np.full(panels * NODES, cell))
    return map(np.concatenate, (points, lengths, cells))


def integrate(density, edges, panel):
    """The Truth of a density in one or two dimensions, from log_density alone."""
    axes = [list(quadrature(axis, panel)) for axis in edges]
    x = np.stack(np.meshgrid(*[points for points, _, _ in axes], indexing="ij"), -1)
    volume = reduce(np.multiply.outer, [lengths for _, lengths, _ in axes]).ravel()
    shape = [len(axis) - 1 for axis in edges]
    cell = np.meshgrid(*[cells for _, _, cells in axes], indexing="ij")
    log_p = density.log_density(x.reshape(-1, len(axes)))
    mass = volume * np.exp(log_p)
    log_p[mass == 0] = 0
    cells = np.bincount(np.ravel_multi_index(cell, shape).ravel(), mass)
    entropy = -np.sum(mass * log_p)
    return Truth(edges, cells, entropy, np.sum(mass * log_p**2) - entropy**2)


def chi_square(counts, expected):
    """Chi-square over its largest allowed value; cells of less than 50 are one cell."""
    if counts[expected == 0].any():
        return np.inf
    counts, expected = counts[expected > 0], expected[expected > 0]
    small = expected < 50
    if small.any():
        counts = np.append(counts[~small], counts[small].sum())
        expected = np.append(expected[~small], expected[small].sum())
    statistic = np.sum((counts - expected) ** 2 / expected)
    return statistic / chi2.isf(LEVEL, len(expected) - 1)


def disagreement(X, density, truth):
    """The worse of the two statistics; above 1 the draws are not of this density."""
    counts, _ = np.histogramdd(X, truth.edges)
    assert counts.sum() == len(X), "the edges enclose all draws"
    cells = chi_square(counts.ravel(), len(X) * truth.cells)
    surprise = np.mean(density.log_density(X)) + truth.entropy
    # A flat density has no variance: there log p is held to 1e-9.
    z = surprise / np.sqrt(truth.variance / len(X) + 1e-18)
    return max(cells, abs(z) / norm.isf(LEVEL / 2))
