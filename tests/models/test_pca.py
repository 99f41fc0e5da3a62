"""Principal components: those of the definition, and of nothing but rounding."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from models.pca import PCA
from samplers.archive import CheckpointError
from tests.models.correlated import data

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("n", "M"), [(200, 6), (7, 7), (5, 30), (3, 1)])
def test_the_axes_are_the_eigenvectors_of_the_covariance(n, M):
    X = data(n, M)
    pca = PCA.fit(X)
    S = np.cov(X.T, ddof=0).reshape(M, M)
    r = min(n - 1, M)
    assert pca.components.shape == (r, M)
    eigenvalues = np.linalg.eigvalsh(S)[::-1]
    scale = eigenvalues[0]
    np.testing.assert_allclose(
        pca.explained_variance, eigenvalues[:r], rtol=0, atol=1e-14 * scale
    )
    assert np.all(np.diff(pca.explained_variance) <= 0)
    U, L = pca.components, pca.explained_variance
    np.testing.assert_allclose(S @ U.T, U.T * L, rtol=0, atol=1e-13 * scale)
    np.testing.assert_allclose(U @ U.T, np.eye(r), rtol=0, atol=1e-14)
    np.testing.assert_allclose(pca.mean, X.mean(axis=0), rtol=1e-14)
    assert pca.total_variance == pytest.approx(np.trace(S), rel=1e-13)
    assert pca.explained_variance_ratio.sum() == pytest.approx(1, rel=1e-13)


def test_a_small_variance_is_not_lost_in_rounding():
    """By the eigenvalues of S, formed, one 10^-18 of the largest would be noise."""
    Q, _ = np.linalg.qr(RNG.standard_normal((4, 4)))
    P, _ = np.linalg.qr(RNG.standard_normal((50, 4)))
    P, _ = np.linalg.qr(P - P.mean(axis=0))
    X = (P * np.sqrt(50) * [1, 1e-3, 1e-6, 1e-9]) @ Q
    found = PCA.fit(X)
    np.testing.assert_allclose(
        found.explained_variance, [1, 1e-6, 1e-12, 1e-18], rtol=1e-5
    )
    np.testing.assert_allclose(np.abs(found.components @ Q.T), np.eye(4), atol=1e-6)


def test_an_axis_is_largest_where_it_is_positive():
    for seed in range(20):
        U = PCA.fit(data(seed=seed)).components
        largest = np.take_along_axis(U, np.abs(U).argmax(axis=1)[:, None], axis=1)
        assert np.all(largest > 0)


def test_the_sign_does_not_depend_on_that_of_the_data():
    X = data()
    np.testing.assert_allclose(PCA.fit(X).components, PCA.fit(-X).components, 1e-12)


def test_the_coordinates_are_uncorrelated_with_the_explained_variances():
    X = data()
    pca = PCA.fit(X, 4)
    H = pca.transform(X)
    assert H.shape == (200, 4)
    np.testing.assert_allclose(H.mean(axis=0), 0, atol=1e-13)
    covariance = np.cov(H.T, ddof=0)
    np.testing.assert_allclose(covariance, np.diag(pca.explained_variance), atol=1e-12)


def test_the_error_of_a_reconstruction_is_the_discarded_variance():
    X = data()
    every = PCA.fit(X)
    for d in range(1, 7):
        pca = PCA.fit(X, d)
        error = np.mean(np.sum((X - pca.reconstruct(X)) ** 2, axis=1))
        discarded = every.explained_variance[d:].sum()
        assert error == pytest.approx(discarded, rel=1e-10, abs=1e-24)
        lost = 1 - pca.explained_variance_ratio.sum()
        assert lost * X.var(axis=0).sum() == pytest.approx(discarded, abs=1e-12)
    np.testing.assert_allclose(every.reconstruct(X), X, rtol=1e-12)


def test_no_other_plane_loses_less():
    X = data()
    r = X - X.mean(axis=0)
    pca = PCA.fit(X, 2)
    least = np.sum((X - pca.reconstruct(X)) ** 2)
    for seed in range(20):
        noise = np.random.default_rng(seed).standard_normal((6, 2))
        Q, _ = np.linalg.qr(pca.components.T + 0.1 * noise)
        assert np.sum((r - r @ Q @ Q.T) ** 2) > least


def test_the_inverse_transform_takes_new_points_to_their_nearest():
    pca, X = PCA.fit(data(), 3), data(seed=1)
    H = RNG.standard_normal((9, 3))
    np.testing.assert_allclose(pca.transform(pca.inverse_transform(H)), H, atol=1e-13)
    rest = X - pca.reconstruct(X)
    np.testing.assert_allclose(rest @ pca.components.T, 0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_that_depend_on_each_other_have_fewer_axes(dtype):
    X = data(M=3, dtype=dtype)
    X = np.column_stack([X, X[:, 0] - 2 * X[:, 1], np.full(len(X), 7, dtype)])
    pca = PCA.fit(X)
    assert pca.components.shape == (3, 5)
    with pytest.raises(ValueError, match=r"vary in 3 dimensions .* ask for 1 to 3"):
        PCA.fit(X, 4)


def test_float32_is_kept_and_computed_in_float64():
    X = data(dtype=np.float32)
    narrow, wide = PCA.fit(X, 3), PCA.fit(X.astype(np.float64), 3)
    for name, array in vars(narrow).items():
        assert array.dtype == np.float32
        expected = vars(wide)[name].astype(np.float32)
        np.testing.assert_array_equal(array, expected)
    assert narrow.reconstruct(X).dtype == narrow.transform(X).dtype == np.float32
    assert PCA.fit(X.astype(int), 3).mean.dtype == np.float64


def test_it_comes_back_from_a_file_bit_for_bit(tmp_path):
    pca = PCA.fit(data(), 3)
    pca.save(tmp_path / "pca.npz")
    again = PCA.load(tmp_path / "pca.npz")
    for name, array in vars(pca).items():
        np.testing.assert_array_equal(vars(again)[name], array)
        assert vars(again)[name].dtype == array.dtype


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "pca.npz"
    PCA.fit(data(), 3).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError):
        PCA.load(path)


def test_arrays_that_do_not_fit_are_refused():
    pca = PCA.fit(data(), 3)
    with pytest.raises(ValueError, match="do not fit; they are"):
        PCA(pca.mean[:4], pca.components, pca.explained_variance, pca.total_variance)
    with pytest.raises(TypeError, match="do not share a precision"):
        PCA(
            pca.mean.astype(np.float32),
            pca.components,
            pca.explained_variance,
            pca.total_variance,
        )


def test_data_that_are_none_are_refused():
    X = data()
    with pytest.raises(TypeError, match=r"write X\.toarray\(\)"):
        PCA.fit(csr_array(X))
    with pytest.raises(ValueError, match="must be \\(n, d\\)"):
        PCA.fit(X[0])
    with pytest.raises(ValueError, match="0 example"):
        PCA.fit(X[:0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        PCA.fit(np.where(X > 5, np.nan, X))
    with pytest.raises(ValueError, match="1 times the same example"):
        PCA.fit(X[:1])
    with pytest.raises(ValueError, match="200 times the same example"):
        PCA.fit(np.full_like(X, 0.1))
    with pytest.raises(ValueError, match=r"has 5 columns, .* 6 numbers a row"):
        PCA.fit(X).transform(X[:, :5])
    with pytest.raises(ValueError, match=r"has 6 columns, .* 3 numbers a row"):
        PCA.fit(X, 3).inverse_transform(X)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        (np.float32, 1e20),
        (np.float32, 1e-20),
        (np.float64, 1e160),
        (np.float64, 1e-160),
    ],
)
def test_variances_beyond_the_range_are_refused(dtype, scale):
    X = data(M=3)
    with pytest.raises(ValueError, match=r"beyond the range of float.* take other"):
        PCA.fit((scale * X).astype(dtype))
    near = PCA.fit((scale**0.8 * X).astype(dtype))
    assert np.all((near.explained_variance > 0) & np.isfinite(near.explained_variance))


@pytest.mark.parametrize("d", [0, -1, 7])
def test_a_number_of_axes_that_is_none_is_refused(d):
    with pytest.raises(ValueError, match=f"components is {d}; .* ask for 1 to 6"):
        PCA.fit(data(), d)


def test_it_agrees_with_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    X = data()
    theirs, ours = decomposition.PCA(3).fit(X), PCA.fit(X, 3)
    signs = np.sign(np.sum(theirs.components_ * ours.components, axis=1))[:, None]
    np.testing.assert_allclose(theirs.components_ * signs, ours.components, atol=1e-12)
    n = len(X)
    np.testing.assert_allclose(
        theirs.explained_variance_ * (n - 1) / n, ours.explained_variance, rtol=1e-12
    )
    np.testing.assert_allclose(
        theirs.explained_variance_ratio_, ours.explained_variance_ratio, rtol=1e-12
    )
    reconstructed = theirs.inverse_transform(theirs.transform(X))
    np.testing.assert_allclose(reconstructed, ours.reconstruct(X), atol=1e-11)
