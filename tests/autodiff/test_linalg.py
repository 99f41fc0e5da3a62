"""Linear algebra where matrices are singular, eigenvalues equal, triangles not read.

The rows of operations_linalg.py have the derivatives at well-conditioned matrices.
"""

import numpy as np
import pytest

from autodiff import (
    check_gradients,
    explain,
    grad,
    hessian,
    hvp,
    jvp,
    value_and_grad,
)

rng = np.random.default_rng(5)


def normal(*shape):
    return rng.normal(size=shape)


def positive(n):
    """A symmetric matrix with eigenvalues of at least 1."""
    x = normal(n, n)
    return x @ x.T + np.eye(n)


def of_rank(rank, n):
    return normal(n, rank) @ normal(rank, n)


def rotated(eigenvalues):
    """A symmetric matrix of given eigenvalues."""
    n = len(eigenvalues)
    q = np.linalg.qr(normal(n, n)).Q
    return q * eigenvalues @ q.T


# The triangle that is read


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize(
    "f",
    [
        lambda a, upper: np.linalg.cholesky(a, upper=upper)[0, 0],
        lambda a, upper: np.sum(np.linalg.cholesky(a, upper=upper)),
        lambda a, upper: np.linalg.eigvalsh(a, "U" if upper else "L")[0],
        lambda a, upper: np.linalg.eigh(a, "U" if upper else "L")[1][0, 0] ** 2,
    ],
)
def test_entries_that_numpy_does_not_read_have_derivative_zero(f, upper):
    a = positive(3)
    gradient = grad(f)(a, upper)
    unread = np.triu(gradient, 1) if not upper else np.tril(gradient, -1)
    assert not np.any(unread)
    spoiled = np.where(np.tri(3, dtype=bool).T if upper else np.tri(3), a, 7.0)
    np.testing.assert_array_equal(grad(f)(spoiled, upper), gradient)


def test_a_matrix_that_is_built_symmetric():
    """From the triangle the gradient of A = W W^T + 1 reaches W as from the whole."""
    w, weights = normal(3, 3), normal(3, 3)

    def by_factor(w):
        return np.sum(np.linalg.cholesky(w @ w.T + np.eye(3)) ** 2 * weights)

    def by_symmetrized(w):
        a = w @ w.T + np.eye(3)
        return np.sum(np.linalg.cholesky((a + a.T) / 2) ** 2 * weights)

    check_gradients(by_factor, (w,), order=2)
    np.testing.assert_allclose(grad(by_factor)(w), grad(by_symmetrized)(w), rtol=1e-12)


# What a Gaussian model is made of


def gaussian_kl(m0, s0, m1, s1):
    """KL(N(m0, S0) || N(m1, S1)) = (tr S1^-1 S0 + d^T S1^-1 d - n + log det S1 S0^-1)
    / 2, d = m1 - m0."""
    d = m1 - m0
    distance = np.trace(np.linalg.solve(s1, s0)) + d @ np.linalg.solve(s1, d)
    logs = np.linalg.slogdet(s1).logabsdet - np.linalg.slogdet(s0).logabsdet
    return (distance - len(m0) + logs) / 2


def test_divergence_of_gaussians():
    """By finite differences, and by hand: dKL/dS0 = (S1^-1 - S0^-1) / 2."""
    args = normal(3), positive(3), normal(3), positive(3)
    assert check_gradients(gaussian_kl, args, order=2).inconclusive == 0
    _, by_s0, by_m1, by_s1 = grad(gaussian_kl, (0, 1, 2, 3))(*args)
    m0, s0, m1, s1 = args
    inverse = np.linalg.inv(s1)
    change = inverse @ (m1 - m0)
    np.testing.assert_allclose(by_s0, (inverse - np.linalg.inv(s0)) / 2, rtol=1e-10)
    np.testing.assert_allclose(by_m1, change, rtol=1e-10)
    expected = inverse - inverse @ s0 @ inverse - np.outer(change, change)
    np.testing.assert_allclose(by_s1, expected / 2, rtol=1e-10, atol=1e-14)


def test_divergence_of_gaussians_as_a_program():
    program = explain(
        grad(gaussian_kl, (1, 3)), normal(2), positive(2), normal(2), positive(2)
    )
    other = normal(2), positive(2), normal(2), positive(2)
    for found, expected in zip(
        program(*other), grad(gaussian_kl, (1, 3))(*other), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert "np.linalg.inv(" in str(program)


def test_wasserstein_distance_of_sorted_samples():
    """mean |x_(i) - y_(i)|^2: each number is pulled to the one of its own rank."""
    x, y = normal(5), normal(5)

    def distance(x):
        return np.mean((np.sort(x) - np.sort(y)) ** 2)

    ranks = np.argsort(np.argsort(x))
    np.testing.assert_allclose(grad(distance)(x), 2 / 5 * (x - np.sort(y)[ranks]))


# Determinants, singular ones too


def minors(a):
    """The cofactors by their definition."""
    n = len(a)
    found = np.empty((n, n))
    for i, j in np.ndindex(n, n):
        rest = np.delete(np.delete(a, i, 0), j, 1)
        found[i, j] = (-1) ** (i + j) * np.linalg.det(rest)
    return found


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_the_gradient_of_a_determinant_is_the_matrix_of_cofactors(rank):
    a = of_rank(rank, 4)
    gradient = grad(np.linalg.det)(a)
    np.testing.assert_allclose(gradient, minors(a), rtol=1e-10, atol=1e-13)
    assert np.all(abs(gradient) < 1e-13) == (rank < 3)


def test_the_gradient_of_a_determinant_by_finite_differences():
    for rank in 2, 3:
        check_gradients(np.linalg.det, (of_rank(rank, 3),))


def test_determinants_of_a_stack_some_of_them_singular():
    stack = np.stack([of_rank(2, 3), of_rank(3, 3), np.zeros((3, 3))])
    gradient = grad(lambda a: np.sum(np.linalg.det(a)))(stack)
    expected = [minors(a) for a in stack]
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-13)


SINGULAR = np.ones((2, 2))


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(np.linalg.inv(a)),
        lambda a: np.sum(np.linalg.solve(a, np.ones(2))),
        lambda a: np.linalg.slogdet(a).logabsdet,
        lambda a: np.sum(grad(np.linalg.det)(a)),
        lambda a: np.sum(np.linalg.matrix_power(a, -1)),
        lambda a: np.sum(np.linalg.cholesky(a - np.eye(2))),
    ],
)
def test_singular_matrices_raise_as_in_numpy(f):
    with pytest.raises(np.linalg.LinAlgError, match=r"Singular|positive definite"):
        grad(f)(SINGULAR)


def test_the_sign_of_a_determinant_is_constant():
    a = np.diag([2.0, -3.0])
    sign, logabsdet = np.linalg.slogdet(a)

    def f(a):
        sign_now, logabsdet = np.linalg.slogdet(a)
        assert sign_now == sign
        return sign_now * logabsdet

    value, gradient = value_and_grad(f)(a)
    assert value == sign * logabsdet
    np.testing.assert_array_equal(gradient, -np.linalg.inv(a))


# Equal eigenvalues

EQUAL = {
    "unit matrix": np.eye(3),
    "zeros": np.zeros((3, 3)),
    "two of three": rotated(np.array([2.0, 2.0, 5.0])),
    "equal but for rounding": rotated(np.array([1.0, 3.0, 3.0 + 1e-15, 3.0])),
    "a stack": np.stack([np.eye(2), np.diag([1.0, 2.0])]),
}
equal = pytest.mark.parametrize("a", EQUAL.values(), ids=EQUAL.keys())
degenerate = pytest.raises(np.linalg.LinAlgError, match="equal eigenvalues")


@equal
def test_functions_of_equal_eigenvalues_have_a_derivative(a):
    """sum exp(w) is tr exp(A), smooth everywhere: finite differences agree."""
    assert check_gradients(lambda a: np.sum(np.exp(np.linalg.eigvalsh(a))), (a,))
    both = grad(lambda a: np.sum(np.exp(np.linalg.eigh(a).eigenvalues)))(a)
    values = grad(lambda a: np.sum(np.exp(np.linalg.eigvalsh(a))))(a)
    np.testing.assert_array_equal(both, values)


@equal
def test_their_second_derivatives_raise(a):
    def f(a):
        return np.sum(np.exp(np.linalg.eigvalsh(a)))

    direction = normal(*a.shape)
    for transform in (
        lambda: hessian(f)(a),
        lambda: hvp(f, a, direction),
        lambda: grad(lambda a: np.sum(grad(f)(a) * direction))(a),
    ):
        with degenerate:
            transform()


@equal
def test_their_eigenvectors_have_no_derivative(a):
    direction = normal(*a.shape)
    for f in (
        lambda a: np.sum(np.linalg.eigh(a).eigenvectors[..., 1]),
        lambda a: np.sum(np.linalg.eigh(a).eigenvectors ** 2 * direction),
    ):
        with degenerate:
            grad(f)(a)
        with degenerate:
            jvp(f, (a,), (direction,))


def test_eigenvectors_beside_equal_eigenvalues():
    """The leading one is alone; its derivative needs no other's, the second does."""
    a = rotated(np.array([1.0, 1.0, 1.0, 4.0]))

    def f(a):
        w, v = np.linalg.eigh(a)
        return v[0, 3] * v[1, 3] + w[3]

    step = 1e-5 * np.tril(normal(4, 4))
    numeric = (f(a + step) - f(a - step)) / 2
    np.testing.assert_allclose(np.sum(grad(f)(a) * step), numeric, rtol=1e-8)
    with degenerate:
        hvp(f, a, step)


def test_a_program_raises_at_equal_eigenvalues_too():
    program = explain(
        grad(lambda a: np.linalg.eigh(a).eigenvectors[0, 0]), np.diag([1.0, 2.0])
    )
    with degenerate:
        program(np.eye(2))


# Norms, products and sorting


@pytest.mark.parametrize("ord", [1, 2, 2.5, 3, np.inf, -np.inf])
def test_norms_of_vectors(ord):
    check_gradients(lambda x: np.linalg.norm(x, ord), (normal(4),), order=2)
    check_gradients(lambda x: np.linalg.vector_norm(x, ord=ord), (normal(2, 2),))


@pytest.mark.parametrize("ord", ["fro", 1, -1, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [(0, 1), (2, 0)])
def test_norms_of_matrices(ord, axis):
    x = normal(2, 3, 2)
    check_gradients(lambda x: np.linalg.norm(x, ord, axis), (x,))
    check_gradients(lambda x: np.linalg.matrix_norm(x, ord=ord), (x,))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.linalg.norm(x, 2),
        lambda x: np.linalg.norm(x, "nuc"),
        lambda x: np.linalg.matrix_norm(x, ord=-2),
    ],
)
def test_matrix_norms_without_a_rule(f):
    with pytest.raises(TypeError, match=r"eigvalsh\(x.mT @ x\)"):
        grad(f)(normal(2, 2))


@pytest.mark.parametrize("ord", [0, 0.5, -1, "fro"])
def test_vector_norms_without_a_rule(ord):
    with pytest.raises(TypeError, match=r"np\.sum\(np\.abs\(x\) \*\* p\)"):
        grad(lambda x: np.linalg.norm(x, ord))(normal(3))


def test_the_spectral_norm_as_the_message_says():
    x = normal(3, 2)

    def spectral_norm(x):
        return np.sqrt(np.linalg.eigvalsh(x.mT @ x)[-1])

    np.testing.assert_allclose(spectral_norm(x), np.linalg.norm(x, 2), rtol=1e-14)
    u, _, vt = np.linalg.svd(x)
    expected = np.outer(u[:, 0], vt[0])
    np.testing.assert_allclose(grad(spectral_norm)(x), expected, rtol=1e-12)


def test_vectors_of_two_components_have_no_cross_product():
    with pytest.raises(ValueError, match="three components along axis -1"):
        grad(lambda x: np.sum(np.linalg.cross(x, x)))(normal(2))


def test_weights_of_an_average_need_an_axis():
    with pytest.raises(TypeError, match=r"weights of shape \(2,\): write axis="):
        grad(lambda x: np.average(x, weights=np.ones(2)))(normal(2, 3))


@pytest.mark.parametrize("n", [0, 1, 2, 5, -1, -3])
def test_powers_of_a_matrix(n):
    a = positive(2)
    check_gradients(lambda a: np.linalg.matrix_power(a, n), (a,), order=2)
