"""Clipping: the length, the direction, the range of numbers, and what is refused."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from autodiff import tree_leaves
from optim import NonFiniteError, clip_by_norm, global_norm

DTYPES = [np.float32, np.float64]


@dataclass(eq=False)
class Layer:
    weights: np.ndarray
    bias: np.ndarray
    name: str = "layer"


def length(tree):
    """Return the norm of all leaves as one vector: math.hypot knows no overflow."""
    return math.hypot(*np.concatenate([np.ravel(g) for g in tree_leaves(tree)]))


def test_the_norm_by_hand():
    tree = {"a": [np.array([[3.0], [4.0]]), np.float32(12)], "n": 7, "b": 84.0}
    assert global_norm(tree) == 85  # 3^2 + 4^2 = 5^2, + 12^2 = 13^2, + 84^2 = 85^2
    assert global_norm([np.zeros(3), np.zeros((0, 2))]) == 0
    assert global_norm([]) == 0
    assert type(global_norm([np.ones(4, np.float32)])) is float


RANGE = {
    np.float32: [1e-45, 1e-30, 1e30, 3e38],
    np.float64: [5e-324, 1e-200, 1e200, 8e307],
}


@pytest.mark.parametrize(
    ("dtype", "size"), [(dtype, size) for dtype in RANGE for size in RANGE[dtype]]
)
def test_no_square_leaves_its_range(dtype, size):
    unit = dtype(size)
    tree = [np.full(3, unit), np.array(-unit)]
    assert global_norm(tree) == 2 * float(unit)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_norm_is_not_finite_if_an_entry_is_not(bad):
    for leaf in ([1.0, bad], [bad, 1.0], [bad], [bad, np.inf]):
        assert not np.isfinite(global_norm([np.ones(2), np.array(leaf)]))


def test_a_short_gradient_is_returned_as_it_is():
    gradient = {"a": np.array([3.0, 4.0])}
    for max_norm in (5.0, 5.1, np.inf):
        clipped, norm = clip_by_norm(gradient, max_norm)
        assert clipped is gradient
        assert norm == 5
    zero = [np.zeros(3)]
    assert clip_by_norm(zero, 1e-300) == (zero, 0.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_long_gradient_keeps_its_direction_and_gets_the_length(dtype):
    """To 4 roundings of the dtype. The gradient itself is only read."""
    rng = np.random.default_rng(0)
    gradient = Layer(
        rng.standard_normal((4, 3)).astype(dtype), rng.standard_normal(3).astype(dtype)
    )
    before = length(gradient)
    for leaf in (gradient.weights, gradient.bias):
        leaf.flags.writeable = False
    clipped, norm = clip_by_norm(gradient, 0.5)
    eps = float(np.finfo(dtype).eps)
    assert isinstance(clipped, Layer)
    assert clipped.name == "layer"
    assert norm == pytest.approx(before, rel=1e-15)
    assert length(clipped) == pytest.approx(0.5, rel=4 * eps)
    for short, leaf in zip(tree_leaves(clipped), tree_leaves(gradient), strict=True):
        assert short.dtype == dtype
        assert short.shape == leaf.shape
        np.testing.assert_allclose(short, leaf * dtype(0.5 / before), rtol=4 * eps)


def test_precisions_are_kept_leaf_by_leaf():
    tree = [np.full(2, 3, np.float32), np.full(2, 3.0), np.array(3, np.float32), 3.0]
    clipped, norm = clip_by_norm(tree, 1.0)
    assert norm == pytest.approx(np.sqrt(54))
    kinds = [np.asarray(g).dtype for g in clipped]
    assert kinds == [np.float32, np.float64, np.float32, np.float64]


@pytest.mark.parametrize(
    ("dtype", "size", "max_norm"),
    [
        (np.float64, 1e200, 1.0),
        (np.float64, 1e-200, 1e-250),
        (np.float64, 1e300, 1e-20),
        (np.float64, 5e-324, 5e-324),
        (np.float32, 1e30, 1.0),
        (np.float32, 1e-30, 1e-33),
        (np.float32, 3e38, 1e-3),
        (np.float32, 3e38, 1e-10),
    ],
)
def test_lengths_are_exact_over_the_whole_range(dtype, size, max_norm):
    """To 4 roundings, though max_norm / norm may be no number of the dtype."""
    clipped, norm = clip_by_norm([np.full(4, size, dtype)], max_norm)
    assert norm == 2 * float(dtype(size))
    least = float(np.finfo(dtype).smallest_subnormal)
    bound = 4 * float(np.finfo(dtype).eps) * max_norm + 2 * least
    assert abs(length(clipped) - max_norm) <= bound


def test_a_norm_past_the_largest_number_is_clipped_too():
    # Every entry is finite, their length 3.4e308 is not: the direction is known.
    clipped, _ = clip_by_norm([np.full(4, 1.7e308)], 1.0)
    np.testing.assert_allclose(clipped[0], np.full(4, 0.5), rtol=1e-15)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named(bad):
    tree = {"layers": [Layer(np.ones((2, 2)), np.array([0.0, bad]))]}
    message = r"gradient\['layers'\]\[0\]\.bias holds nan or infinity, .* learning rate"
    with pytest.raises(NonFiniteError, match=message):
        clip_by_norm(tree, 1.0)


@pytest.mark.parametrize("max_norm", [0, 0.0, -1.0, np.nan])
def test_max_norm_is_positive(max_norm):
    with pytest.raises(ValueError, match=rf"max_norm is {max_norm}; .* move nothing"):
        clip_by_norm([np.ones(2)], max_norm)
