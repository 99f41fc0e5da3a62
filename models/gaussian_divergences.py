"""The Kullback-Leibler divergence between Gaussians, in nats.

For p = N(m, S) and q = N(n, T) in d dimensions,

    KL(p || q) = 1/2 [ tr(T^-1 S) - d - log det(T^-1 S) + (m - n)^T T^-1 (m - n) ].

With diagonal S and T, given by log-variances v and w, this is a sum over features of

    1/2 [ e^(v-w) - 1 - (v - w) + (m - n)^2 e^-w ].

Where v is close to w, e^(v-w) - 1 and v - w nearly cancel; expm1 gives the first
without the rounding of 1 + (v - w). Nothing is clamped: see `clamp_log_variance`.

Source: C. E. Rasmussen and C. K. I. Williams (2006), Gaussian Processes for Machine
Learning, equation A.23.
"""

import numpy as np

from models.arguments import require_features, require_precision


def kl_gaussian(mean_p, log_variance_p, mean_q, log_variance_q):
    """Return KL(p || q) between Gaussians with independent features.

    Parameters
    ----------
    mean_p, log_variance_p, mean_q, log_variance_q : (..., d), or numbers that hold for
        every feature; axes before the last are broadcast

    Returns (...). Raises ValueError or TypeError if they do not fit.
    """
    m, v, n, w = require_features(
        mean_p=mean_p,
        log_variance_p=log_variance_p,
        mean_q=mean_q,
        log_variance_q=log_variance_q,
    )
    shift, ratio = (m - n) * np.exp(-0.5 * w), v - w
    return 0.5 * np.sum(np.expm1(ratio) - ratio + shift**2, axis=-1)


def kl_standard_normal(mean, log_variance):
    """Return KL(N(m, diag(e^v)) || N(0, I)) = 1/2 sum_j (e^v_j - 1 - v_j + m_j^2).

    Its derivatives by m_j and v_j are m_j and (e^v_j - 1) / 2.

    Parameters
    ----------
    mean, log_variance : (..., d), or a number that holds for every feature; axes before
        the last are broadcast

    Returns (...). Raises ValueError or TypeError if they do not fit.
    """
    m, v = require_features(mean=mean, log_variance=log_variance)
    return 0.5 * np.sum(np.expm1(v) - v + m**2, axis=-1)


def kl_gaussian_full(mean_p, covariance_p, mean_q, covariance_q):
    """Return KL(p || q) between Gaussians with any covariances S and T.

    With Cholesky factors, S = A A^T and T = B B^T, the matrix M = B^-1 A is triangular,
    tr(T^-1 S) is the sum of the squares of its entries, det(T^-1 S) the product of the
    squares on its diagonal, and

        KL(p || q) = 1/2 [ sum_j (M_jj^2 - 1 - log M_jj^2) + sum_{i>j} M_ij^2
                           + |B^-1 (m - n)|^2 ]

    where no term is negative. The factors are made from the lower triangles, and so is
    the gradient: an entry beside the diagonal counts for its mirror image too.

    Parameters
    ----------
    mean_p, mean_q : (d,)
    covariance_p, covariance_q : (d, d), symmetric, with positive eigenvalues

    Returns a number. Raises ValueError or TypeError if they do not fit or are no
    covariances.
    """
    require_precision(
        mean_p=mean_p,
        covariance_p=covariance_p,
        mean_q=mean_q,
        covariance_q=covariance_q,
    )
    if mean_p.ndim != 1 or mean_p.size == 0 or mean_q.shape != mean_p.shape:
        raise ValueError(
            f"the means have shapes {mean_p.shape} and {mean_q.shape}; they must be "
            "(d,), the same for both, d at least 1; give one pair of laws at a time"
        )
    A = _cholesky("covariance_p", covariance_p, mean_p)
    B = _cholesky("covariance_q", covariance_q, mean_p)
    M = np.linalg.solve(B, A)
    shift = np.linalg.solve(B, mean_p - mean_q)
    ratio = 2 * np.log(np.diagonal(M))
    mixing = np.sum(np.tril(M, -1) ** 2)
    return 0.5 * (np.sum(np.expm1(ratio) - ratio) + mixing + np.sum(shift**2))


def _cholesky(name: str, covariance, mean):
    """Return the triangular L with L L^T = covariance; or say what is wrong with it."""
    d = mean.size
    if covariance.shape != (d, d):
        raise ValueError(
            f"{name} has shape {covariance.shape} and the means have shape {mean.shape}"
            f"; a covariance of {d} features is ({d}, {d}). For independent features "
            "use kl_gaussian, with log-variances"
        )
    if isinstance(covariance, np.ndarray):
        if not np.all(np.isfinite(covariance)):
            raise ValueError(f"{name} holds numbers that are not finite")
        skew = np.max(np.abs(covariance - covariance.T))
        allowed = np.sqrt(np.finfo(covariance.dtype).eps) * np.max(np.abs(covariance))
        if skew > allowed:
            raise ValueError(
                f"{name} is not symmetric: entries differ by up to {skew:.3g} from "
                "their mirror images, and only one triangle would count; write "
                f"({name} + {name}.T) / 2 if that is meant"
            )
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name} has an eigenvalue that is not positive, so there is no density "
            "and no divergence; a sample covariance needs more examples than features, "
            "or a multiple of the identity added to it"
        ) from None
