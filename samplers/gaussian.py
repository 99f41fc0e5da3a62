"""A Gaussian of any covariance as a target.

E(x) = (x - m).P (x - m) / 2,   P = C^-1,   log Z = (d log(2 pi) + log det C) / 2
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from samplers.kernel import kernel
from samplers.target import Target


@kernel
def score(x, out, mean, precision):
    """Write P (m - x) : (points, d) to out, for a mean (d,) and a precision (d, d)."""
    for j in range(len(mean)):
        force = out[:, j]
        for i in range(len(x)):
            force[i] = 0
        for k in range(len(mean)):
            column, m, p = x[:, k], mean[k], precision[j, k]
            for i in range(len(x)):
                force[i] += p * (m - column[i])


@kernel
def energy(x, out, mean, precision):
    """Write (x - m).P (x - m) / 2 : (points,) to out; see score."""
    half = x.dtype.type(0.5)
    force = np.empty_like(x)
    score(x, force, mean, precision)
    for i in range(len(x)):
        out[i] = 0
    for j in range(len(mean)):
        for i in range(len(x)):
            out[i] += half * force[i, j] * (mean[j] - x[i, j])


def gaussian_target(
    mean: ArrayLike, covariance: ArrayLike, *, dtype: DTypeLike = np.float64
) -> Target:
    """Return the target N(m, C), for m : (d,) and C : (d, d), positive definite.

    >>> target = gaussian_target([1.0, 0.0], [[4.0, 0.0], [0.0, 1.0]])
    >>> target.score_at([[3.0, 0.0]])
    array([[-0.5,  0. ]])

    Raises ValueError for other shapes, or if C is not symmetric, positive and finite.
    """
    m, C = np.array(mean, np.float64), np.array(covariance, np.float64)
    if m.ndim != 1 or C.shape != (m.size, m.size) or not m.size:
        raise ValueError(
            f"mean of shape {m.shape} and covariance {C.shape} are no Gaussian; they "
            "are (d,) and (d, d): independent coordinates have np.diag(variances)"
        )
    finite = np.isfinite(m).all() and np.isfinite(C).all()
    if not finite or not np.array_equal(C, C.T) or np.linalg.eigvalsh(C)[0] <= 0:
        raise ValueError(
            "a mean is finite, and a covariance finite, symmetric and positive "
            "definite, else there is no density; write (C + C.T) / 2 where rounding "
            "has made it asymmetric"
        )
    params = m.astype(dtype), np.linalg.inv(C).astype(dtype)
    log_Z = (m.size * np.log(2 * np.pi) + np.linalg.slogdet(C)[1]) / 2
    return Target(score, m.size, energy, params, dtype, float(log_Z))
