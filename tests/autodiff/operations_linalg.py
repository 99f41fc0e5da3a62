"""The rows of linear algebra in the table of operations: well-conditioned matrices."""

import numpy as np
from hypothesis import strategies as st

from autodiff.rules_linalg import cofactors, over_gaps
from tests.autodiff.operations import Case, distinct, nonzero, numbers, row


def sizes(draw):
    """Shapes of square matrices and of a few in a stack."""
    shapes = [(0, 0), (1, 1), (2, 2), (3, 3), (2, 2, 2)]
    return draw(st.sampled_from(shapes))


def invertible(draw, shape):
    """Numbers, and 3 or -3 on the diagonal, so that determinants have both signs."""
    signs = np.sign(numbers(draw, shape[:-1]))
    return numbers(draw, shape, -1.0, 1.0) + 3 * signs[..., None] * np.eye(shape[-1])


@row(
    "diagonals and triangles",
    np.trace,
    np.linalg.trace,
    np.diagonal,
    np.linalg.diagonal,
    np.diag,
    np.tril,
    np.triu,
)
def diagonals(draw):
    x = numbers(draw, draw(st.sampled_from([(2, 2), (2, 1), (0, 2), (1, 2, 2)])))
    k, vector = draw(st.integers(-2, 2)), numbers(draw, 2)
    i, j = draw(st.permutations(range(x.ndim)))[:2]
    choices = [
        Case(lambda x: [np.trace(x, k), np.trace(x, k, i, j - x.ndim)], (x,)),
        Case(lambda x: np.linalg.trace(x, offset=k), (x,)),
        Case(lambda x: [np.diagonal(x, k), np.diagonal(x, k, i, j - x.ndim)], (x,)),
        Case(lambda x: np.linalg.diagonal(x, offset=k), (x,)),
        Case(lambda x: np.diag(x, k), (x.reshape(2, -1),)),
        Case(lambda x: np.diag(x, k), (vector,)),
        Case(lambda x: np.tril(x, k), (x,)),
        Case(lambda x: np.triu(x, k), (x,)),
    ]
    return draw(st.sampled_from(choices))


@row("inverses and powers", np.linalg.inv, np.linalg.pinv, np.linalg.matrix_power)
def inverses(draw):
    a, n = invertible(draw, sizes(draw)), draw(st.integers(-2, 6))
    tall = np.concatenate([invertible(draw, (2, 2)), numbers(draw, (1, 2))])
    choices = [
        Case(np.linalg.inv, (a,)),
        Case(lambda a: np.linalg.matrix_power(a, n), (a / 3,)),
        Case(np.linalg.pinv, (a,)),
        Case(np.linalg.pinv, (tall,)),
        Case(np.linalg.pinv, (tall.T[np.newaxis],)),
    ]
    return draw(st.sampled_from(choices))


@row("solve", np.linalg.solve)
def solve(draw):
    a = invertible(draw, draw(st.sampled_from([(0, 0), (1, 1), (2, 2), (2, 1, 1)])))
    n, batch = a.shape[-1], a.shape[:-2]
    b = draw(st.sampled_from([(n,), (n, 2), (*batch, n, 1), (1, *batch, n, 1)]))
    return Case(np.linalg.solve, (a, numbers(draw, b)))


@row("det and slogdet", np.linalg.det, np.linalg.slogdet, cofactors)
def determinants(draw):
    def of_both_kinds(a):
        return [np.linalg.det(a), *np.linalg.slogdet(a)]

    choices = [
        Case(of_both_kinds, (invertible(draw, sizes(draw)),)),
        Case(cofactors, (invertible(draw, (2, 2)),)),
    ]
    return draw(st.sampled_from(choices))


@row("cholesky", np.linalg.cholesky)
def cholesky(draw):
    """The triangle that is not read holds other numbers."""
    shape, upper = sizes(draw), draw(st.booleans())
    lower = np.tril(numbers(draw, shape, -1.0, 1.0) + 3 * np.eye(shape[-1]))
    a = lower + np.triu(numbers(draw, shape), 1)
    return Case(
        lambda a: np.linalg.cholesky(a, upper=upper), (a.mT.copy() if upper else a,)
    )


@row("eigh and eigvalsh", np.linalg.eigh, np.linalg.eigvalsh)
def eigh(draw):
    """Eigenvalues well apart. Vectors are squared, as their signs are arbitrary."""
    shape, uplo = sizes(draw), draw(st.sampled_from("LUlu"))
    a = numbers(draw, shape, -0.5, 0.5) + 3 * np.diag(np.arange(shape[-1]) - 0.4)

    def values_and_squares(a):
        w, v = np.linalg.eigh(a, uplo)
        return [w, np.square(v)]

    choices = [values_and_squares, lambda a: np.linalg.eigvalsh(a, UPLO=uplo)]
    return Case(draw(st.sampled_from(choices)), (a,))


@row("division by gaps of eigenvalues", over_gaps)
def gaps(draw):
    shape = draw(st.sampled_from([(1, 1), (2, 2), (1, 2, 2)]))
    return Case(over_gaps, (numbers(draw, shape), distinct(draw, shape[:-1])))


@row("norms", np.linalg.norm, np.linalg.vector_norm, np.linalg.matrix_norm)
def norms(draw):
    x = nonzero(draw, draw(st.sampled_from([(2, 3), (1, 2), (2, 1, 2)])))
    keepdims = draw(st.booleans())
    i, j = draw(st.permutations(range(x.ndim)))[:2]
    of_vectors = draw(st.sampled_from([None, 1, 2, 2.5, np.inf, -np.inf]))
    of_matrices = draw(st.sampled_from([None, "fro", 1, -1, np.inf, -np.inf]))
    choices = [
        lambda x: np.linalg.norm(x),
        lambda x: np.linalg.norm(x, of_vectors, i, keepdims),
        lambda x: np.linalg.norm(x, of_matrices, (i, j), keepdims),
        lambda x: np.linalg.vector_norm(x, axis=(i, j), keepdims=keepdims, ord=1),
        lambda x: np.linalg.matrix_norm(x, keepdims=keepdims),
    ]
    return Case(draw(st.sampled_from(choices)), (x,))
