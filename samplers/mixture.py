"""A mixture of Gaussians as a target, and as what a diffusion begins with.

    p(x) = sum_k w_k N(x; m_k, s_k^2 I),   E = -log p,   Z = 1.

With the responsibilities r_k(x), how probable it is that x came from component k,

    -grad E(x) = sum_k r_k(x) (m_k - x) / s_k^2,
    r_k(x) = exp(l_k(x)) / sum_i exp(l_i(x)),
    l_k(x) = log w_k - d log s_k - |x - m_k|^2 / (2 s_k^2) - (d / 2) log(2 pi).
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from samplers.elementary import exp, log
from samplers.kernel import kernel
from samplers.points import in_dtype
from samplers.target import Target

LEAST = np.float32(-80)  # a log r_k; e^-80 is nothing, and subnormal numbers are slow


@kernel
def log_terms(x, log_peaks, means, precisions, terms, top):
    """Write l_k to terms : (K, points), and the largest of them to top : (points,).

    x : (points, d)
    log_peaks : (K,), l_k at m_k
    means : (K, d)
    precisions : (K,), 1 / s_k^2
    """
    half = x.dtype.type(0.5)
    for k in range(len(means)):
        row, peak, stiffness = terms[k], log_peaks[k], half * precisions[k]
        for j in range(x.shape[1]):
            column, m = x[:, j], means[k, j]
            for i in range(len(x)):
                away = column[i] - m
                row[i] = (row[i] if j else peak) - stiffness * away * away
        for i in range(len(x)):
            top[i] = row[i] if k == 0 or row[i] > top[i] else top[i]


@kernel
def soften(terms, top, total):
    """Turn l_k into r_k times the sum of all exp(l_k - top), which goes to total."""
    for k in range(len(terms)):
        row = terms[k]
        for i in range(top.size):
            below = row[i] - top[i]
            row[i] = exp(below if below > LEAST else LEAST)
        for i in range(top.size):
            total[i] = row[i] + (total[i] if k else 0)


@kernel
def pull(x, terms, total, means, precisions, out):
    """Write the mean of (m_k - x) / s_k^2, weighted by terms, to out : (points, d)."""
    for j in range(x.shape[1]):
        column, force = x[:, j], out[:, j]
        for i in range(len(x)):
            force[i] = 0
        for k in range(len(means)):
            row, m, precision = terms[k], means[k, j], precisions[k]
            for i in range(len(x)):
                force[i] += row[i] * (precision * (m - column[i]))
        for i in range(len(x)):
            force[i] /= total[i]


@kernel
def score(x, out, log_peaks, means, precisions):
    """Write -grad E : (points, d) to out; see log_terms for the others."""
    terms = np.empty((len(means), len(x)), x.dtype)
    top, total = np.empty_like(terms[0]), np.empty_like(terms[0])
    log_terms(x, log_peaks, means, precisions, terms, top)
    soften(terms, top, total)
    pull(x, terms, total, means, precisions, out)


@kernel
def energy(x, out, log_peaks, means, precisions):
    """Write -log p : (points,) to out; see log_terms for the others."""
    terms = np.empty((len(means), len(x)), x.dtype)
    top = np.empty_like(terms[0])
    log_terms(x, log_peaks, means, precisions, terms, top)
    soften(terms, top, out)
    for i in range(len(x)):
        out[i] = -(top[i] + log(out[i]))


def mixture_target(
    weights: ArrayLike,
    means: ArrayLike,
    sds: ArrayLike,
    *,
    dtype: DTypeLike = np.float64,
) -> Target:
    """Return the target for w : (K,), positive, m : (K, d) and s : (K,), positive.

    >>> target = mixture_target([0.5, 0.5], [[-1.0], [1.0]], [0.5, 0.5])
    >>> target.score_at([[0.0], [10.0]])
    array([[  0.],
           [-36.]])

    Weights are divided by their sum. Raises ValueError if they do not fit.
    """
    w, m, s = (np.array(each, np.float64) for each in (weights, means, sds))
    if m.ndim != 2 or w.shape != s.shape or w.shape != m.shape[:1] or not m.size:
        raise ValueError(
            f"weights {w.shape}, means {m.shape} and sds {s.shape} are no mixture; "
            "K components in d dimensions have (K,), (K, d) and (K,)"
        )
    positive = np.all((w > 0) & (w < np.inf) & (s > 0) & (s < np.inf))
    if not positive or not np.isfinite(m).all():
        raise ValueError(
            "weights and sds are positive, and all numbers of a mixture are finite; "
            "leave out a component that has no weight"
        )
    d = m.shape[1]
    log_peaks = np.log(w / w.sum()) - d * np.log(np.sqrt(2 * np.pi) * s)
    params = in_dtype(dtype, log_peaks=log_peaks, means=m, precisions=s**-2)
    return Target(score, d, energy, params, dtype, log_partition=0.0)
