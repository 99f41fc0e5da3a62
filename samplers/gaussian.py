"""A Gaussian of any covariance as a target.

    E(x) = (x - m).C^-1 (x - m) / 2 = |z|^2 / 2,   z = W (x - m),   W = A^-1,

with Cholesky's factor A of C = A A^T, which is lower triangular: then z ~ N(0, I). As a
sum of squares E is not negative, nor nan where it overflows. In the same terms,

    -grad E(x) = -W^T z,   log Z = (d / 2) log(2 pi) + sum_j log A_jj.
"""

import contextlib

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.linalg import solve_triangular

from samplers.kernel import kernel
from samplers.points import in_dtype
from samplers.target import Target


@kernel
def whiten(x, mean, whitening, z):
    """Write W (x - m) to z : (d, points).

    x : (points, d); mean : (d,); whitening : (d, d), lower triangular
    """
    for j in range(len(mean)):
        row = z[j]
        for i in range(len(x)):
            row[i] = 0
        for k in range(j + 1):
            column, m, w = x[:, k], mean[k], whitening[j, k]
            for i in range(len(x)):
                row[i] += w * (column[i] - m)


@kernel
def score(x, out, mean, whitening):
    """Write -W^T z : (points, d) to out; see whiten for the others."""
    z = np.empty((len(mean), len(x)), x.dtype)
    whiten(x, mean, whitening, z)
    for j in range(len(mean)):
        force = out[:, j]
        for i in range(len(x)):
            force[i] = 0
        for k in range(j, len(mean)):
            row, w = z[k], whitening[k, j]
            for i in range(len(x)):
                force[i] -= w * row[i]


@kernel
def energy(x, out, mean, whitening):
    """Write |z|^2 / 2 : (points,) to out; see whiten for the others."""
    half = x.dtype.type(0.5)
    z = np.empty((len(mean), len(x)), x.dtype)
    whiten(x, mean, whitening, z)
    for i in range(len(x)):
        out[i] = 0
    for j in range(len(mean)):
        row = z[j]
        for i in range(len(x)):
            out[i] += half * row[i] * row[i]


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
    if not np.isfinite(m).all():
        raise ValueError(
            "the mean holds nan or infinity, about which nothing is distributed; write "
            "np.zeros(d) for a Gaussian about the origin"
        )
    A = factor(C)
    W = solve_triangular(A, np.eye(m.size), lower=True)
    params = in_dtype(dtype, mean=m, precisions=W)
    log_Z = m.size / 2 * np.log(2 * np.pi) + np.sum(np.log(np.diag(A)))
    return Target(score, m.size, energy, params, dtype, float(log_Z))


def factor(C: NDArray[np.float64]) -> NDArray:
    """Return Cholesky's factor A of C = A A^T, or raise ValueError if it has none."""
    if np.isfinite(C).all() and np.array_equal(C, C.T):
        with contextlib.suppress(np.linalg.LinAlgError):
            return np.linalg.cholesky(C)
    raise ValueError(
        "a covariance is finite, symmetric and positive definite, else there is no "
        "density; write (C + C.T) / 2 where rounding has made it asymmetric"
    )
