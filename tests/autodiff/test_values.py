"""Functions through which no derivative passes give plain arrays, whatever asks."""

import operator

import numpy as np
import pytest

from autodiff import Tensor, grad, jvp, stop_gradient, vjp

x = np.array([[-1.5, 0.0, 2.25], [0.5, -0.5, np.inf]])
VALUE_ONLY = [
    (np.shape,),
    (np.ndim,),
    (np.size,),
    (np.result_type,),
    (np.can_cast, np.float64),
    (np.iscomplexobj,),
    (np.isrealobj,),
    (np.may_share_memory, x),
    (np.shares_memory, x),
    (np.diag_indices_from,),
    (np.tril_indices_from,),
    (np.triu_indices_from,),
    (np.equal, 0.5),
    (np.not_equal, 0.5),
    (np.less, 0.5),
    (np.less_equal, 0.5),
    (np.greater, 0.5),
    (np.greater_equal, 0.5),
    (np.logical_and, x),
    (np.logical_or, x),
    (np.logical_xor, x),
    (np.logical_not,),
    (np.isfinite,),
    (np.isinf,),
    (np.isnan,),
    (np.signbit,),
    (np.isclose, 0.5),
    (np.allclose, 0.5),
    (np.array_equal, x),
    (np.all,),
    (np.any,),
    (np.sign,),
    (np.floor,),
    (np.floor_divide, 0.7),
    (np.ceil,),
    (np.rint,),
    (np.trunc,),
    (np.fix,),
    (np.round,),
    (np.around,),
    (np.heaviside, 0.5),
    (np.argmax,),
    (np.argmin,),
    (np.argsort,),
    (np.argwhere,),
    (np.nonzero,),
    (np.flatnonzero,),
    (np.count_nonzero,),
    (np.searchsorted, 0.5),
    (np.digitize, np.array([0.0, 1.0])),
    (np.zeros_like,),
    (np.ones_like,),
    (np.full_like, 3.0),
    (np.empty_like,),
    (stop_gradient,),
]


@pytest.mark.parametrize(
    ("function", "more"),
    [(function, more) for function, *more in VALUE_ONLY],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_plain_values_under_vjp_jvp_and_nested_grad(function, more):
    arg = x[0] if function in (np.searchsorted, np.floor_divide) else x
    arg = x[:, :2] if function is np.diag_indices_from else arg
    expected = function(arg, *more)
    seen = []

    def f(x):
        seen.append(function(x, *more))
        return np.sum(x)

    vjp(f, arg)
    jvp(f, (arg,), (arg,))
    grad(lambda x: np.sum(grad(f)(x)))(arg)
    assert len(seen) == 3
    for result in seen:
        parts = result if isinstance(result, tuple) else [result]
        assert not any(type(part) is Tensor for part in parts)
        if function is not np.empty_like:
            np.testing.assert_array_equal(result, expected)


def test_bitwise_operators_join_masks_and_refuse_numbers():
    """They are functions of masks; of a tensor's numbers NumPy itself refuses them."""

    def f(x):
        assert np.array_equal(~((x > 0) & (x < 1)) ^ (x == 0), [True, False, False])
        for operation in (np.bitwise_and, np.bitwise_or, np.bitwise_xor):
            with pytest.raises(TypeError, match="not supported for the input types"):
                operation(x, x)
        with pytest.raises(TypeError, match="not supported for the input types"):
            np.invert(x)
        return np.sum(x)

    grad(f)(np.array([2.0, 0.0, 0.5]))


def test_comparison_operators_give_plain_arrays():
    comparisons = operator.lt, operator.le, operator.gt, operator.ge
    comparisons += operator.eq, operator.ne
    seen = []

    def f(x):
        seen.extend(compare(x, 0.5) for compare in comparisons)
        seen.extend(compare(0.5, x) for compare in comparisons)
        return np.sum(x)

    grad(f)(x)
    expected = [compare(x, 0.5) for compare in comparisons]
    expected += [compare(0.5, x) for compare in comparisons]
    for result, plain in zip(seen, expected, strict=True):
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, plain)


def test_branching_on_a_comparison_works_under_grad():
    f = grad(lambda x: np.sum(x**2) if x[0] > 0 else np.sum(-x))
    np.testing.assert_array_equal(f(np.array([1.0, 2.0])), [2.0, 4.0])
    np.testing.assert_array_equal(f(np.array([-1.0, 2.0])), [-1.0, -1.0])


def test_stop_gradient_is_a_constant():
    assert grad(lambda x: x * stop_gradient(x))(3.0) == 3.0
    assert grad(grad(lambda x: x**2 * stop_gradient(x)))(3.0) == 6.0
    assert stop_gradient(2.0) == 2.0
