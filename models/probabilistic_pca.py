"""Probabilistic principal component analysis: PCA as a law of x, solved.

A latent h of d numbers makes an x of M numbers, d < M,

    h ~ N(0, I),        x | h ~ N(W h + mu, s^2 I),        W : (M, d).

Sums of Gaussians are Gaussian, so that x ~ N(mu, C), C = W W^T + s^2 I, and with the
precision P = I + W^T W / s^2 of h given x, for r = x - mu,

    h | x ~ N(m, P^-1),        m = P^-1 W^T r / s^2,
    log det C = M log s^2 + log det P,
    r^T C^-1 r = |r - W m|^2 / s^2 + |m|^2.

The last line holds because the right side is the minimum over h of -2 log p(x, h) up
to a constant, which h = m attains: it has no terms that cancel.

The likelihood of data with the covariance S (divided by n) and the eigenvalues
lambda_1 >= ... >= lambda_M is, by example,

    -1/2 [ M log 2 pi + log det C + tr(C^-1 S) ].

It is largest (and otherwise stationary only at saddles) for

    W = U (L - s^2 I)^{1/2} R,        s^2 = (lambda_{d+1} + ... + lambda_M) / (M - d),

with the first d axes in the columns of U, their variances in the diagonal L, and any
rotation R: C contains W W^T alone. So C has the variances of S along the d axes, and
their mean in all other directions. As s^2 -> 0 the mean of h given x becomes, but for
the scale, the coordinates of PCA.

Source: M. E. Tipping and C. M. Bishop, Journal of the Royal Statistical Society B 61
(1999), 611.
"""

import math
import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.arguments import require_precision
from models.pca import as_examples, principal_axes
from models.stored import Stored


@dataclass(eq=False)
class ProbabilisticPCA(Stored):
    """The law N(mu, W W^T + s^2 I) of x, and that of h given x.

    Parameters
    ----------
    mean : (M,), mu
    W : (M, d), 1 <= d < M
    variance : (), s^2 > 0, of the noise

    All of float32 or of float64, in units of x or of x squared. Make it by
    `ProbabilisticPCA.fit`.

    Two features with the covariance [[2, 1], [1, 2]], whose eigenvalues are 3 and 1:

    >>> X = np.array([[1, 1], [-1, -1]]) * 3**0.5
    >>> X = np.append(X, [[1, -1], [-1, 1]], axis=0)
    >>> ppca = ProbabilisticPCA.fit(X, 1)
    >>> ppca.W, ppca.variance
    (array([[1.0],
           [1.0]]), array(1.0))
    >>> ppca.log_likelihood(X)
    array([-3.4, -3.4, -3.4, -3.4])

    Raises ValueError or TypeError if the arrays do not fit together.
    """

    mean: NDArray
    W: NDArray
    variance: NDArray

    def __post_init__(self):
        require_precision(**vars(self))
        shapes = {name: array.shape for name, array in vars(self).items()}
        fits = self.W.ndim == 2 and 0 < self.W.shape[1] < len(self.W)
        if not fits or shapes["mean"] != (len(self.W),) or shapes["variance"] != ():
            raise ValueError(
                f"the shapes {shapes} do not fit; they are (M,), (M, d) and (), with "
                "d from 1 to M - 1, as ProbabilisticPCA.fit(X, d) makes them"
            )
        if not 0 < self.variance < math.inf:
            raise ValueError(
                f"variance is {self.variance}; without noise x lies in a plane and has "
                "no density: give a positive number, in the unit of x squared"
            )

    @classmethod
    def fit(cls, X: ArrayLike, latent: int) -> "ProbabilisticPCA":
        """Return the law of d = latent numbers h most likely for X : (n, M).

        It has the dtype of X and is computed in float64; R = I, so that the columns of
        W are orthogonal, that of the largest variance first, with signs as in PCA.

        Raises ValueError or TypeError for what are no examples, ValueError if d is not
        from 1 to M - 1, or so large that no variance is left for the noise.
        """
        X = as_examples(X)
        M, d = X.shape[1], operator.index(latent)
        if not 1 <= d < M:
            raise ValueError(
                f"latent is {d} and x has {M} features; it must be from 1 to {M - 1}, "
                "or no direction is left to learn the noise from"
            )
        mean, variances, axes = principal_axes(X)
        if len(variances) <= d:
            raise ValueError(
                f"the {len(X)} examples vary in {len(variances)} dimensions around "
                f"their mean, and {d} latents take up all of them: s^2 would be zero "
                "and the likelihood infinite. Ask for at most "
                f"{len(variances) - 1}, or give more examples"
            )
        noise = variances[d:].sum() / (M - d)
        W = axes[:d].T * np.sqrt(variances[:d] - noise)
        return cls(*(np.asarray(array, X.dtype) for array in (mean, W, noise)))

    def log_likelihood(self, X: ArrayLike) -> NDArray:
        """Return log N(x; mu, W W^T + s^2 I) of X : (n, M), (n,), in nats."""
        X = self._examples(X)
        return factor_log_likelihood(X, self.mean, self.W, np.log(self.variance))

    def posterior(self, X: ArrayLike) -> tuple[NDArray, NDArray]:
        """Return the mean (n, d) and the covariance (d, d) of h given X : (n, M)."""
        P = posterior_precision(self.W, np.log(self.variance))
        r = self._examples(X) - self.mean
        return np.linalg.solve(P, self.W.T @ r.T / self.variance).T, np.linalg.inv(P)

    def transform(self, X: ArrayLike) -> NDArray:
        """Return E[h | x] for X : (n, M), of shape (n, d)."""
        return self.posterior(X)[0]

    def reconstruct(self, X: ArrayLike) -> NDArray:
        """Return E[x | h] at h = E[h | x] for X : (n, M), of shape (n, M).

        Along axis j it keeps the share 1 - s^2 / lambda_j of x - mu, where PCA keeps
        all of it.
        """
        return self.mean + self.transform(X) @ self.W.T

    def sample(self, n: int, rng) -> NDArray:
        """Return n draws of x, (n, M); rng : int, SeedSequence or Generator."""
        rng, (M, d), dtype = np.random.default_rng(rng), self.W.shape, self.W.dtype
        h, noise = (rng.standard_normal((n, k), dtype) for k in (d, M))
        return self.mean + h @ self.W.T + np.sqrt(self.variance) * noise

    def _examples(self, X: ArrayLike) -> NDArray:
        return as_examples(X, len(self.W), self.W.dtype)


def factor_log_likelihood(x, mean, W, log_variance):
    """Return log N(x; mu, W W^T + diag(e^v)) of every example, in nats.

    In units in which the noise is one, r = (x - mu) / s and A = W / s by rows, it is

        log p(x) = -1/2 [ |r - A m|^2 + |m|^2 + log det(I + A^T A) + sum_i v_i
                          + M log 2 pi ],        m = (I + A^T A)^-1 A^T r.

    It can be differentiated by every argument.

    Parameters
    ----------
    x : (n, M)
    mean : (M,), mu
    W : (M, d)
    log_variance : v = log s^2, (M,), or () for one that all features share

    Returns (n,).
    """
    M = W.shape[0]
    v = log_variance + np.zeros(M, W.dtype)
    scale = np.exp(-0.5 * v)
    r, A = (x - mean) * scale, W * scale[:, np.newaxis]
    P = posterior_precision(W, log_variance)
    m = np.linalg.solve(P, A.T @ r.T).T
    distance = np.sum((r - m @ A.T) ** 2, axis=1) + np.sum(m**2, axis=1)
    log_det = np.linalg.slogdet(P)[1] + np.sum(v)
    return -0.5 * (distance + log_det + M * math.log(2 * math.pi))


def posterior_precision(W, log_variance):
    """Return P = I + W^T diag(e^-v) W, (d, d), the precision of h given x."""
    weights = np.exp(-log_variance) * np.ones(W.shape[0], W.dtype)
    return np.eye(W.shape[1], dtype=W.dtype) + (W.T * weights) @ W
