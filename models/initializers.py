"""First weights of a layer, drawn so that signals neither die nor explode.

A linear map z = x W with independent weights of mean 0 and variance s^2, and inputs
independent of them, multiplies the mean square of a signal:

    E[z_j^2] = sum_i E[x_i^2] Var(W_ij) = n_in s^2 E[x^2],

and the gradient that comes back, g W^T, is multiplied by n_out s^2. Each rule below
picks s^2 to keep one of these factors, or both, near one.

Weights have shape (n_in, n_out) and are drawn in float64, then rounded to `dtype`: one
seed gives the same network in both precisions.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike


def glorot(n_in: int, n_out: int, *, rng, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Draw from U(-r, r) with r^2 = 6 / (n_in + n_out).

    Var(W) = r^2 / 3 = 2 / (n_in + n_out): the harmonic compromise between 1 / n_in,
    which keeps the signal, and 1 / n_out, which keeps the gradient. Meant for
    activations with slope one at zero, such as tanh and identity.

    Reference: X. Glorot and Y. Bengio, AISTATS 2010, equation 16.
    """
    _check(n_in, n_out, dtype)
    bound = np.sqrt(6 / (n_in + n_out))
    draws = np.random.default_rng(rng).uniform(-bound, bound, (n_in, n_out))
    return draws.astype(dtype)


def he(n_in: int, n_out: int, *, rng, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Draw from a normal distribution with Var(W) = 2 / n_in.

    A relu sets half of a symmetric signal to zero, E[relu(z)^2] = E[z^2] / 2; the
    factor two gives back what it takes.

    Reference: K. He, X. Zhang, S. Ren and J. Sun, ICCV 2015, equation 10.
    """
    _check(n_in, n_out, dtype)
    draws = np.random.default_rng(rng).standard_normal((n_in, n_out))
    return (np.sqrt(2 / n_in) * draws).astype(dtype)


def orthogonal(
    n_in: int, n_out: int, *, rng, dtype: DTypeLike = np.float64
) -> np.ndarray:
    """Draw uniformly (Haar) from the matrices with orthonormal columns or rows.

    W^T W = I if n_in >= n_out, else W W^T = I, so no singular value differs from one;
    Var(W) = 1 / max(n_in, n_out). W is the factor Q of a Gaussian matrix A = Q R. QR
    leaves the signs of the columns of Q open; asking for diag(R) > 0 fixes them and
    makes Q uniform, which the convention of the library routine does not.

    Reference: A. Saxe, J. McClelland and S. Ganguli, ICLR 2014; for the signs,
    F. Mezzadri, Notices of the AMS 54 (2007), 592.
    """
    _check(n_in, n_out, dtype)
    tall = (max(n_in, n_out), min(n_in, n_out))
    q, r = np.linalg.qr(np.random.default_rng(rng).standard_normal(tall))
    q = q * np.copysign(1.0, np.diagonal(r))
    return np.ascontiguousarray(q if n_in >= n_out else q.T, dtype=dtype)


INITIALIZERS: dict[str, Callable[..., np.ndarray]] = {
    "glorot": glorot,
    "he": he,
    "orthogonal": orthogonal,
}


def _check(n_in: int, n_out: int, dtype: DTypeLike) -> None:
    if n_in < 1 or n_out < 1:
        raise ValueError(
            f"a layer of {n_in} inputs and {n_out} outputs has no weights to draw; "
            "n_in and n_out must be at least 1"
        )
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(
            f"weights of dtype {np.dtype(dtype)} cannot be trained here: gradients are "
            "computed in the dtype of the weights; write dtype=np.float64 or np.float32"
        )
