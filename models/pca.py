"""Principal component analysis: the directions in which data vary most.

Of n examples x_i in M dimensions, with the mean m, the covariance is

    S = (1/n) sum_i (x_i - m)(x_i - m)^T,

and a unit vector u sees the variance u^T S u. It is stationary where S u = lambda u:
the principal axes are the eigenvectors of S, and the variances along them its
eigenvalues. The first d axes, the rows u_1 ... u_d of a matrix, give each x the
coordinates h_j = u_j.(x - m), and of all linear maps to d numbers and back this one,

    x -> h -> m + sum_j h_j u_j,

loses least: the mean squared error is lambda_{d+1} + ... + lambda_M.

S is never formed. The singular value decomposition of the centered data, X - m =
P diag(sigma) U, has the axes in the rows of U, and lambda_j = sigma_j^2 / n. Forming S
would square the sigma_j, and those below sigma_1 10^-8 would drown in rounding.

An axis has no sign: here its entry of the largest modulus is positive, the first of
several. Variances are divided by n, as by maximum likelihood, and not by n - 1.

Sources: K. Pearson, Philosophical Magazine 2 (1901), 559; H. Hotelling, Journal of
Educational Psychology 24 (1933), 417.
"""

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from models.arguments import require_precision
from models.estimator import checked_examples
from models.stored import Stored


@dataclass(eq=False)
class PCA(Stored):
    """The first principal axes of data.

    Parameters
    ----------
    mean : (M,), of the data
    components : (d, M), the axes, orthonormal, that of the largest variance first
    explained_variance : (d,), the variances along them, divided by n
    total_variance : (), the sum of the variances of all M features

    All of float32 or of float64, in units of x or of x squared. Make it by `PCA.fit`.

    Points near a line of slope 3/4:

    >>> X = np.array([[-4, -3.1], [0, 0.1], [0, -0.1], [4, 3.1]])
    >>> pca = PCA.fit(X, 1)
    >>> pca.components
    array([[0.79, 0.61]])
    >>> pca.transform(X)[:, 0]
    array([-5.06, 0.06, -0.06, 5.06])
    >>> pca.reconstruct(X)[0]
    array([-4.00, -3.10])

    Raises ValueError or TypeError if the arrays do not fit together.
    """

    mean: NDArray
    components: NDArray
    explained_variance: NDArray
    total_variance: NDArray

    def __post_init__(self):
        require_precision(**vars(self))
        M, d = len(self.mean), len(self.components)
        shapes = {name: array.shape for name, array in vars(self).items()}
        if list(shapes.values()) != [(M,), (d, M), (d,), ()]:
            raise ValueError(
                f"the shapes {shapes} do not fit; they are (M,), (d, M), (d,) and (), "
                "as PCA.fit(X, d) makes them"
            )

    @classmethod
    def fit(cls, X: ArrayLike, components: int | None = None) -> "PCA":
        """Return the principal axes of X : (n, M), in the dtype of X.

        components : d, from 1 to the rank of the centered X, by default the rank. That
            is at most n - 1, and less than M where features depend on each other

        The decomposition is computed in float64. Raises ValueError or TypeError for
        what are no examples, ValueError for fewer than two, for another d, or for
        variances beyond the range of the dtype.
        """
        X = as_examples(X)
        mean, variances, axes = principal_axes(X)
        d = len(axes) if components is None else operator.index(components)
        if not 1 <= d <= len(axes):
            raise ValueError(
                f"components is {d}; these {len(X)} examples of {X.shape[1]} features "
                f"vary in {len(axes)} dimensions around their mean, and beyond them an "
                f"axis has no variance and no direction: ask for 1 to {len(axes)}"
            )
        arrays = mean, axes[:d], variances[:d], np.sum(variances)
        return cls(*(np.asarray(array, X.dtype) for array in arrays))

    @property
    def explained_variance_ratio(self) -> NDArray:
        """The share of the total variance along each axis, (d,)."""
        return self.explained_variance / self.total_variance

    def transform(self, X: ArrayLike) -> NDArray:
        """Return the coordinates of X : (n, M) along the axes, (n, d)."""
        centered = as_examples(X, len(self.mean), self.mean.dtype) - self.mean
        return centered @ self.components.T

    def inverse_transform(self, H: ArrayLike) -> NDArray:
        """Return the points of coordinates H : (n, d), (n, M)."""
        H = as_examples(H, len(self.components), self.mean.dtype)
        return self.mean + H @ self.components

    def reconstruct(self, X: ArrayLike) -> NDArray:
        """Return the points nearest to X : (n, M) in the plane of the axes, (n, M)."""
        return self.inverse_transform(self.transform(X))


def principal_axes(X) -> tuple[NDArray, NDArray, NDArray]:
    """Return the mean, the variances > 0 and the axes of X : (n, M), in float64.

    Shapes (M,), (r,) and (r, M), with r the rank of the centered X: the number of its
    singular values above what rounding makes of zero. Raises ValueError if all
    examples are the same, or vary by more or less than the dtype of X can square.
    """
    n, M = X.shape
    wide = X.astype(np.float64, copy=False)
    mean = wide.mean(axis=0)
    centered = wide - mean
    if n > M:  # R of a QR decomposition has the same axes and fewer rows
        centered = np.linalg.qr(centered, mode="r")
    _, sigma, axes = np.linalg.svd(centered, full_matrices=False)
    rounding = 8 * np.finfo(X.dtype).eps * np.abs(wide).max() * np.sqrt(n * M)
    rank = int(np.sum(sigma > rounding))
    if not rank:
        raise ValueError(
            f"X holds {n} times the same example, up to rounding, and a point has no "
            "axes: give examples that differ"
        )
    sigma, axes = sigma[:rank], axes[:rank]
    largest = np.abs(axes).argmax(axis=1)[:, np.newaxis]
    axes = axes * np.sign(np.take_along_axis(axes, largest, axis=1))
    return mean, squared(sigma / np.sqrt(n), X.dtype), axes


def squared(deviations: NDArray, dtype: DTypeLike) -> NDArray:
    """Return the variances, or raise ValueError if a dtype cannot hold them."""
    limits = np.finfo(dtype)
    low, high = np.sqrt(float(limits.tiny)), np.sqrt(float(limits.max))
    if deviations[-1] < low or deviations[0] > high / np.sqrt(len(deviations)):
        raise ValueError(
            f"X varies by {deviations[-1]:.2g} to {deviations[0]:.2g} along its axes, "
            f"and squares of that are beyond the range of {limits.dtype}: take other "
            "units, X / np.abs(X).max()"
        )
    return deviations**2


def as_examples(
    X: ArrayLike, features: int | None = None, dtype: DTypeLike | None = None
) -> NDArray:
    """Return X as (n, features) finite numbers of a dtype, or raise.

    By default any number of features, and the dtype of X if it is float32, or float64.
    """
    if dtype is None:
        single = getattr(X, "dtype", None) == np.float32
        dtype = np.float32 if single else np.float64
    X = checked_examples(X, dtype)
    if features not in (None, X.shape[1]):
        raise ValueError(
            f"the array has {X.shape[1]} columns, and this model was fitted to "
            f"{features} numbers a row: give examples of the same data, or in "
            "inverse_transform what transform returns"
        )
    return X
