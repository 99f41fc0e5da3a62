"""The maximum mean discrepancy: by its definition, its bias, its conventions."""

from itertools import combinations

import numpy as np
import pytest

from autodiff import explain, grad, hessian
from models import median_distance, squared_mmd

RNG = np.random.default_rng(0)


def by_definition(x, y, h, unbiased):
    """Three means over pairs, one pair after another."""

    def k(u, v):
        return np.exp(-np.sum((u - v) ** 2) / (2 * h**2))

    def within(points):
        rows = range(len(points))
        pairs = [(i, j) for i in rows for j in rows if i != j or not unbiased]
        return np.mean([k(points[i], points[j]) for i, j in pairs])

    across = np.mean([k(u, v) for u in x for v in y])
    return within(x) + within(y) - 2 * across


@pytest.mark.parametrize("unbiased", [True, False])
def test_the_definition(unbiased):
    x, y = RNG.standard_normal((5, 2)), RNG.standard_normal((4, 2)) + 1
    for h in (0.3, 1, 20):
        expected = by_definition(x, y, h, unbiased)
        found = squared_mmd(x, y, h, unbiased=unbiased)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-14)
    several = squared_mmd(x, y, [0.3, 1, 20], unbiased=unbiased)
    each = [by_definition(x, y, h, unbiased) for h in (0.3, 1, 20)]
    assert several == pytest.approx(np.mean(each), rel=1e-12)
    median = squared_mmd(x, y, unbiased=unbiased)
    expected = by_definition(x, y, median_distance(x, y), unbiased)
    assert median == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_by_hand():
    """Points 0 and 0 against h and h: k is 1 within, e^(-1/2) across."""
    x, y = np.zeros((2, 1)), np.full((2, 1), 3.0)
    for unbiased in (True, False):
        found = squared_mmd(x, y, 3, unbiased=unbiased)
        assert found == pytest.approx(2 - 2 * np.exp(-0.5), rel=1e-14)
    x = np.array([[0.0], [3.0]])
    assert squared_mmd(x, x + 0, 3) == pytest.approx(np.exp(-0.5) - 1, rel=1e-14)
    assert squared_mmd(x, x + 0, 3, unbiased=False) == pytest.approx(0, abs=1e-15)


def test_the_estimates_over_all_pairs_of_samples():
    """Two points each from two laws on five places: all 5^4 draws, weighed exactly.

    The unbiased estimate has the mean MMD^2, the biased one is too large by half of
    what E k is short of one, for n = m = 2.
    """
    places, h = np.arange(5.0)[:, np.newaxis], 1.7
    p, q = RNG.dirichlet(np.ones(5), 2)
    k = np.exp(-((places - places.T) ** 2) / (2 * h**2))
    truth = p @ k @ p + q @ k @ q - 2 * p @ k @ q
    means = {True: 0.0, False: 0.0}
    for i, j, r, s in np.ndindex(5, 5, 5, 5):
        x, y = places[[i, j]], places[[r, s]]
        for unbiased in means:
            estimate = squared_mmd(x, y, h, unbiased=unbiased)
            means[unbiased] += p[i] * p[j] * q[r] * q[s] * estimate
    assert means[True] == pytest.approx(truth, abs=1e-14)
    excess = (1 - p @ k @ p) / 2 + (1 - q @ k @ q) / 2
    assert means[False] == pytest.approx(truth + excess, abs=1e-14)


def test_the_median_distance():
    x, y = RNG.standard_normal((5, 3)), RNG.standard_normal((4, 3))
    points = np.concatenate([x, y])
    distances = [np.linalg.norm(u - v) for u, v in combinations(points, 2)]
    assert median_distance(x, y) == pytest.approx(np.median(distances), rel=1e-13)
    assert (
        median_distance(x.astype(np.float32), y.astype(np.float32)).dtype == np.float32
    )
    # A constant: the derivative is that at a fixed bandwidth.
    bandwidth = float(median_distance(x, y))
    fixed = grad(lambda x: squared_mmd(x, y, bandwidth))(x)
    np.testing.assert_allclose(grad(squared_mmd)(x, y), fixed, rtol=1e-13)


def test_it_does_not_depend_on_the_origin():
    x, y = RNG.standard_normal((6, 2)), RNG.standard_normal((5, 2))
    for far in (1e3, 1e6):
        moved = squared_mmd(x + far, y + far, 1.0)
        assert moved == pytest.approx(squared_mmd(x, y, 1.0), abs=1e-15 * far * 10)
        moved = median_distance(x + far, y + far)
        assert moved == pytest.approx(median_distance(x, y), abs=1e-15 * far * 10)
    of_x, of_y = grad(squared_mmd, (0, 1))(x, y, 1.0)
    np.testing.assert_allclose(of_x.sum(axis=0), -of_y.sum(axis=0), atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("h", [1e-2, 1e-6, 1e-9, 1e-15])
def test_a_kernel_narrower_than_rounding_sees_no_other_point(h, dtype):
    """|x|^2 + |y|^2 - 2 x y is off by eps |x|^2, far more than h^2, for x = y too."""
    x, y = (5 * RNG.standard_normal((2, 6, 3))).astype(dtype)
    assert squared_mmd(x, y, h) == 0
    assert squared_mmd(x, y, h, unbiased=False) == pytest.approx(1 / 6 + 1 / 6)
    assert squared_mmd(x, x.copy(), h, unbiased=False) >= 0


def test_second_derivatives_where_points_coincide():
    """k'' = -1/h^2 at 0: of MMD^2 for two points at 0, by one of them, -1 for h = 1."""
    x = np.zeros((2, 1))
    curvature = hessian(lambda x: squared_mmd(x, np.full((2, 1), 1e3), 1.0))(x)
    assert curvature.reshape(2, 2).tolist() == [[-1, 1], [1, -1]]


@pytest.mark.parametrize("bandwidth", ["median", 1.5, [0.5, np.float64(2)]])
def test_float32_is_kept(bandwidth):
    x, y = RNG.standard_normal((2, 9, 3))
    expected = squared_mmd(x, y, bandwidth)
    found = squared_mmd(x.astype(np.float32), y.astype(np.float32), bandwidth)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_program_of_a_gradient_holds_for_other_samples():
    def draw():
        return RNG.standard_normal((6, 2)), RNG.standard_normal((5, 2))

    program, other = explain(grad(squared_mmd), *draw()), draw()
    np.testing.assert_allclose(program(*other), grad(squared_mmd)(*other), rtol=1e-11)


def test_errors():
    x, y = RNG.standard_normal((5, 2)), RNG.standard_normal((4, 2))
    for bad in (0, -1.0, np.inf, np.nan, [], [1, 0], "mean", None, [[1.0]], 1j):
        with pytest.raises(ValueError, match=r"bandwidth is .* positive, finite width"):
            squared_mmd(x, y, bad)
    for bad in (y[0], y[:, :1], y[:, :0], y[np.newaxis]):
        for function in (squared_mmd, median_distance):
            with pytest.raises(ValueError, match=r"one point a row"):
                function(x, bad)
    with pytest.raises(ValueError, match=r"5 and 1 points; .* at least 2 of each"):
        squared_mmd(x, y[:1])
    assert np.isfinite(squared_mmd(x, y[:1], unbiased=False))
    with pytest.raises(ValueError, match="at least 1 of each"):
        squared_mmd(x, y[:0], 1.0, unbiased=False)
    for bad in (np.inf, np.nan):
        with pytest.raises(ValueError, match="y holds numbers that are not finite"):
            squared_mmd(x, np.where(y == y[0, 0], bad, y), 1.0)
    with pytest.raises(TypeError, match=r"write y\.astype\(np\.float64\)"):
        squared_mmd(x, y.astype(np.float32))
    with pytest.raises(TypeError, match="x must be a float32 or float64 array"):
        squared_mmd(np.ones((3, 2), int), y)
    with pytest.raises(
        ValueError, match="the median distance between the points is zero"
    ):
        squared_mmd(np.ones((9, 2)), np.append(np.ones((8, 2)), y[:1], axis=0))
