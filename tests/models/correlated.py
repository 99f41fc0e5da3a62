"""Data whose features depend on each other."""

import numpy as np


def data(n=200, M=6, seed=0, dtype=np.float64):
    """Return X : (n, M), far from zero, of variances that differ much."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((M, M)) * np.geomspace(3, 0.1, M)
    X = rng.standard_normal((n, M)) @ mixing.T + 5 * rng.standard_normal(M)
    return X.astype(dtype)
