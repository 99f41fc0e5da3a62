"""Rules of linear algebra: inverses, determinants, Cholesky factors, eigenvectors.

All take stacks of matrices (..., n, n). A docstring states the differential dY of the
result Y at a change dA of the matrix; with the cotangent g of Y, the cotangent of A is
the matrix whose inner product with every dA is that of g with dY.

NumPy's cholesky and eigh read one triangle of A and take the other for its mirror
image. So do the rules: entries of the other triangle have derivative 0, and one beside
the diagonal counts for itself and its image. This is what finite differences of NumPy
find; for a matrix that is built symmetric, W W^T, the gradient of W is the same as
from a cotangent spread over both triangles.

Where no derivative exists, LinAlgError says so: for the inverse and the logarithm of
the determinant of a singular matrix, and for eigenvectors of equal eigenvalues. A
result that does not depend on those vectors is differentiated; that it does not is read
from their cotangent, which has to be 0. (A factor w = 0 hides a dependence: begin with
A instead of V W V^T.) The determinant is a polynomial, its gradient exact for singular
matrices as well.

Sources: M. Giles (2008), Collected matrix derivative results for forward and reverse
mode algorithmic differentiation; J. Magnus and H. Neudecker (2019), Matrix Differential
Calculus, chapter 8; I. Murray (2016), Differentiation of the Cholesky decomposition,
arXiv:1602.07527; G. Golub and V. Pereyra (1973) for the pseudo-inverse.
"""

import numpy as np

from autodiff.calls import dispatching, recorded
from autodiff.composite import composite
from autodiff.rules import linear, rule


def each(g):
    """One number for each matrix of a stack, shaped to multiply the matrices."""
    return np.expand_dims(g, (-2, -1))


# Trace, inverse, linear systems


def trace_transpose(g, x, offset=0, axis1=0, axis2=1):
    ones = np.eye(x.shape[axis1], x.shape[axis2], offset, g.dtype)
    return np.moveaxis(each(g) * ones, (-2, -1), (axis1, axis2))


linear(np.trace, trace_transpose)


@composite(np.linalg.trace)
def trace(x, *, offset=0):
    return np.trace(x, offset, -2, -1)


def inv_pullback(g, y, a):
    """dY = -Y dA Y."""
    return -(y.mT @ g @ y.mT)


def solve_pullback_a(g, y, a, b):
    """A dY = -dA Y. As in NumPy a vector b is of one axis, all else are matrices."""
    if len(b.shape) == 1:
        columns = np.linalg.solve(a.mT, np.expand_dims(g, -1))
        return -columns * np.expand_dims(y, -2)
    return -np.linalg.solve(a.mT, g) @ y.mT


def solve_pullback_b(g, a, b):
    """A dY = dB."""
    if len(b.shape) == 1:
        return np.squeeze(np.linalg.solve(a.mT, np.expand_dims(g, -1)), -1)
    return np.linalg.solve(a.mT, g)


def pinv_pullback(g, y, a):
    """dY = -Y dA Y + Y Y^T dA^T (1 - A Y) + (1 - Y A) dA^T Y^T Y, at constant rank."""
    outside_columns = g.mT - a @ (y @ g.mT)
    outside_rows = g.mT - (g.mT @ y) @ a
    return outside_columns @ y @ y.mT + y.mT @ y @ outside_rows - y.mT @ g @ y.mT


rule(np.linalg.inv, inv_pullback)
rule(np.linalg.solve, solve_pullback_a, solve_pullback_b)
rule(np.linalg.pinv, pinv_pullback)


@composite(np.linalg.matrix_power)
def matrix_power(a, n):
    """The product of those of a, a^2, a^4, ... that make up n."""
    if n < 0:
        a, n = np.linalg.inv(a), -n
    y = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    while n:
        y = y @ a if n % 2 else y
        n //= 2
        a = a @ a if n else a
    return y


# Determinants: d det(A) = tr(C^T dA), C the cofactors; d log |det A| = tr(A^-1 dA)


def cofactors(a):
    """det(A) A^-T, which singular matrices have as well, by the decomposition U S V^T:
    det(U V^T) U C V^T, where C_ii is the product of all singular values but s_i."""
    u, s, vt = np.linalg.svd(a)
    sign = np.linalg.slogdet(u @ vt).sign
    others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., np.newaxis, :])
    weights = np.prod(others, axis=-1) * sign[..., np.newaxis]
    return (u * weights[..., np.newaxis, :]) @ vt


cofactors = dispatching(cofactors)
rule(np.linalg.det, lambda g, a: each(g) * cofactors(a))


@composite(cofactors)
def cofactors_by_inverse(a):
    """The same of an invertible matrix, where they are differentiated further."""
    return each(np.linalg.det(a)) * np.linalg.inv(a).mT


@composite(np.linalg.slogdet)
def slogdet(a):
    """The sign is constant wherever there is a derivative."""
    result = np.linalg.slogdet(a.value)
    logabsdet = recorded(
        np.linalg.slogdet,
        a.tape,
        result.logabsdet,
        [a],
        pull_logabsdet,
        push_logabsdet,
        lambda slot: (a.value,),
    )
    return type(result)(result.sign, logabsdet)


def pull_logabsdet(g, a):
    return each(g) * np.linalg.inv(a).mT


def push_logabsdet(t, a):
    return np.linalg.trace(np.linalg.solve(a, t))


# One triangle stands for a symmetric matrix


def halved(m):
    """The lower triangle, with half the diagonal: Murray's Phi."""
    n = m.shape[-1]
    return m * (np.tri(n, dtype=m.dtype) - np.eye(n, dtype=m.dtype) / 2)


def of_triangle(g, upper=False):
    """From the cotangent of a symmetric matrix to that of the triangle it is read from:
    an entry beside the diagonal stands for two."""
    lower = halved(g + g.mT)
    return lower.mT if upper else lower


def mirrored(t, upper):
    """The transpose of of_triangle: a symmetric matrix from one of its triangles."""
    lower = halved(t.mT if upper else t)
    return lower + lower.mT


def cholesky_pullback(g, y, a, *, upper=False):
    """A = Y Y^T: dY = Y Phi(Y^-1 dA Y^-T)."""
    if upper:
        return cholesky_pullback(g.mT, y.mT, a.mT).mT
    left = np.linalg.solve(y.mT, halved(y.mT @ g))
    return of_triangle(np.linalg.solve(y.mT, left.mT))


rule(np.linalg.cholesky, cholesky_pullback)


# Eigenvalues w and eigenvectors V, A V = V W: with M = V^T dA V they change by
# dw_i = M_ii and dV = V (M / gaps), (M / gaps)_ij = M_ij / (w_j - w_i) for i != j


def over_gaps(m, w):
    """M_ij / (w_j - w_i), and 0 where i = j; between equal w, M has to be 0."""
    rounding = w.shape[-1] * np.finfo(w.dtype).eps
    gaps = w[..., np.newaxis, :] - w[..., np.newaxis]
    largest = np.max(abs(w), -1, initial=0)[..., np.newaxis, np.newaxis]
    equal = abs(gaps) <= rounding * largest
    several = np.sum(equal, -1, keepdims=True) > 1
    zero = abs(m) <= rounding * np.max(abs(m), (-2, -1), initial=0, keepdims=True)
    if np.any(equal & several & ~zero):
        raise np.linalg.LinAlgError(
            "np.linalg.eigh found equal eigenvalues: their eigenvectors have no "
            "derivative, and this result, or its second derivative, needs one. Use "
            "eigenvectors of separate eigenvalues only, np.linalg.eigvalsh for the "
            "eigenvalues, np.linalg.cholesky for a square root of the matrix"
        )
    return np.where(equal, 0, m / np.where(equal, 1, gaps))


def over_gaps_pullback_m(g, m, w):
    return over_gaps(g, w)


def over_gaps_pullback_w(g, y, m, w):
    share = over_gaps(g * y, w)
    return np.sum(share, axis=-1) - np.sum(share, axis=-2)


over_gaps = rule(over_gaps, over_gaps_pullback_m, over_gaps_pullback_w)


@composite(np.linalg.eigh)
def eigh(a, UPLO="L"):
    return decomposed(a, UPLO, np.linalg.eigh)


@composite(np.linalg.eigvalsh)
def eigvalsh(a, UPLO="L"):
    return decomposed(a, UPLO, np.linalg.eigvalsh)


def decomposed(a, UPLO, function):
    """Both results are recorded, each with an edge of its own, or the values alone."""
    result = np.linalg.eigh(a.value, UPLO)
    saved = *result, UPLO in "Uu"

    def record(y, pull, push):
        return recorded(function, a.tape, y, [a], pull, push, lambda slot: saved)

    w = record(result.eigenvalues, pull_eigenvalues, push_eigenvalues)
    if function is np.linalg.eigvalsh:
        return w
    v = record(result.eigenvectors, pull_eigenvectors, push_eigenvectors)
    return type(result)(w, v)


def pull_eigenvalues(g, w, v, upper):
    return of_triangle((v * np.expand_dims(g, -2)) @ v.mT, upper)


def push_eigenvalues(t, w, v, upper):
    return np.sum(v * (mirrored(t, upper) @ v), axis=-2)


def pull_eigenvectors(g, w, v, upper):
    return of_triangle(v @ over_gaps(v.mT @ g, w) @ v.mT, upper)


def push_eigenvectors(t, w, v, upper):
    return v @ over_gaps(v.mT @ mirrored(t, upper) @ v, w)
