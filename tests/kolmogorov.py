"""Kolmogorov and Smirnov's distance of draws from a law on a line."""

import numpy as np

LIMIT = 2.76  # exceeded by draws of the right law once in two million times


def distance(p):
    """sqrt(n) sup |F_n - F| from p : (n,), the distribution function F at each draw.

    F_n is the share of the draws up to a point. It is less than LIMIT if F is right,
    and beyond it at the latest if F is wrong by 2 LIMIT / sqrt(n) anywhere.
    """
    n, p = len(p), np.sort(p)
    return (np.max(np.abs(p - (np.arange(n) + 0.5) / n)) + 0.5 / n) * np.sqrt(n)
