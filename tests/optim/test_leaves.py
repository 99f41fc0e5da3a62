"""What an optimizer asks of a model and its gradient, for SGD and Adam alike."""

from dataclasses import dataclass

import numpy as np
import pytest

from autodiff import tree_leaves
from optim import SGD, Adam, NonFiniteError

OPTIMIZERS = [lambda: SGD(0.1), Adam]


@dataclass(eq=False)
class Pair:
    first: np.ndarray
    second: np.ndarray
    name: str = "pair"


def make_pair(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return Pair(
        rng.standard_normal((3, 4)).astype(dtype),
        rng.standard_normal(5).astype(dtype),
    )


@pytest.fixture(params=OPTIMIZERS, ids=["SGD", "Adam"])
def make_optimizer(request):
    return request.param


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_arrays_stay_the_same_objects_of_the_same_dtype(make_optimizer, dtype):
    model, gradient, optimizer = make_pair(dtype), make_pair(dtype, 1), make_optimizer()
    first, second, before = model.first, model.second, model.first.copy()
    optimizer.step(model, gradient)
    assert model.first is first
    assert model.second is second
    assert first.dtype == second.dtype == dtype
    assert np.all(np.sign(before - first) == np.sign(gradient.first))


def test_the_gradient_is_only_read(make_optimizer):
    model, gradient, optimizer = make_pair(), make_pair(seed=1), make_optimizer()
    gradient.first.flags.writeable = False
    gradient.second.flags.writeable = False
    optimizer.step(model, gradient)


def test_any_tree_of_arrays_is_a_model(make_optimizer):
    def tree(seed):
        rng = np.random.default_rng(seed)
        point = np.array(rng.standard_normal())
        empty = np.zeros((0, 3))
        return {"a": [make_pair(seed=seed), point], "b": (empty, rng.random((2, 2, 2)))}

    model, gradient, optimizer = tree(0), tree(1), make_optimizer()
    leaves, gradients = tree_leaves(model), tree_leaves(gradient)
    alone = [leaf.copy() for leaf in leaves]
    optimizer.step(model, gradient)
    for leaf, array, g in zip(leaves, alone, gradients, strict=True):
        before = array.copy()
        make_optimizer().step([array], [g])
        assert np.array_equal(leaf, array)
        assert np.all(array != before)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "every second": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts_change_no_bit(make_optimizer, layout):
    plain, laid_out = make_pair(), make_pair()
    laid_out.first = layout(laid_out.first)
    assert not laid_out.first.flags.c_contiguous
    one, other = make_optimizer(), make_optimizer()
    for seed in range(1, 4):
        gradient, same = make_pair(seed=seed), make_pair(seed=seed)
        same.first = layout(same.first)
        one.step(plain, gradient)
        other.step(laid_out, same)
    assert np.array_equal(plain.first, laid_out.first)
    assert not np.array_equal(plain.first, make_pair().first)


def test_reassigned_arrays_are_the_ones_that_move(make_optimizer):
    model, same = make_pair(), make_pair()
    one, other = make_optimizer(), make_optimizer()
    for seed in range(1, 4):
        one.step(model, make_pair(seed=seed))
        other.step(same, make_pair(seed=seed))
        old = same.first
        same.first = old.copy()
        old[...] = np.nan
    assert np.array_equal(model.first, same.first)


BAD = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@np.errstate(invalid="ignore")  # an undecorated kernel warns of inf / inf
def test_a_gradient_that_is_not_finite_touches_nothing(make_optimizer, bad, dtype):
    model, optimizer = make_pair(dtype), make_optimizer()
    optimizer.step(model, make_pair(dtype, 1))
    gradient = make_pair(dtype, 2)
    gradient.second[3] = bad
    before = (model.first.tobytes(), model.second.tobytes(), slots(optimizer))
    with pytest.raises(NonFiniteError, match=r"model\.second: .* in 1 of 5"):
        optimizer.step(model, gradient)
    assert before == (model.first.tobytes(), model.second.tobytes(), slots(optimizer))


@pytest.mark.parametrize("make", [SGD, Adam])
@pytest.mark.parametrize(
    ("dtype", "parameter", "rate"),
    [
        (np.float64, -1.79e308, 1e307),
        (np.float32, -3.4e38, 1e37),
        (np.float64, np.nan, 0.1),
        (np.float32, np.nan, 0.1),
        (np.float64, np.inf, 0.1),
        (np.float32, -np.inf, 0.1),
    ],
)
@np.errstate(over="ignore", invalid="ignore")
def test_a_parameter_that_would_not_be_finite_touches_nothing(
    make, dtype, parameter, rate
):
    model, optimizer = make_pair(dtype), make(rate)
    model.first[...] = 0
    model.second[3] = parameter
    gradient = Pair(np.zeros((3, 4), dtype), np.zeros(5, dtype))
    gradient.second[3] = 1
    before = (model.first.tobytes(), model.second.tobytes(), slots(optimizer))
    with pytest.raises(NonFiniteError, match=r"model\.second: the updated"):
        optimizer.step(model, gradient)
    assert before == (model.first.tobytes(), model.second.tobytes(), slots(optimizer))


@pytest.mark.parametrize("make", [SGD, Adam])
def test_a_rate_that_rounds_to_zero_is_refused(make):
    model = [np.ones(2), np.ones(2, np.float32)]
    with pytest.raises(ValueError, match=r"learning_rate is 1e-60, .* zero in float32"):
        make(1e-60).step(model, [np.ones(2), np.ones(2, np.float32)])
    assert np.array_equal(model, np.ones((2, 2)))
    double = [np.zeros(2)]
    make(1e-60).step(double, [np.ones(2)])
    assert double[0] == pytest.approx(-1e-60, rel=1e-7, abs=0)


def slots(optimizer):
    """Return all that the optimizer holds, arrays as bytes."""
    return {
        name: [array.tobytes() for array in value] if isinstance(value, list) else value
        for name, value in vars(optimizer).items()
    }


def test_a_number_may_be_the_gradient_of_an_array_without_axes(make_optimizer):
    model = [np.array(1.0)]
    make_optimizer().step(model, [2.0])
    assert model[0] < 1


def test_an_optimizer_keeps_no_parameter(make_optimizer):
    model, optimizer = make_pair(), make_optimizer()
    optimizer.step(model, make_pair(seed=1))
    held = [a for v in vars(optimizer).values() if isinstance(v, list) for a in v]
    for parameter in (model.first, model.second):
        assert not any(np.shares_memory(parameter, array) for array in held)


def test_errors_of_a_gradient_that_does_not_fit(make_optimizer):
    def step(gradient, model=None):
        make_optimizer().step(model or make_pair(), gradient)

    with pytest.raises(
        ValueError, match=r"has model\.first the gradient has gradient\[0\]"
    ):
        step([np.zeros((3, 4))])
    a, b, c = np.zeros((3, 2))
    for names, message in (
        ("bc", r"model\['a'\] the gradient has gradient\['b'\]"),
        ("ba", r"model\['a'\] the gradient has gradient\['b'\]"),
        ("a", r"model\['b'\] the gradient has none"),
        ("abc", r"no more leaves the gradient has gradient\['c'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            step({key: np.ones(2) for key in names}, {"a": a, "b": b})
    for empty in ([np.arange(3)], Pair(3, None), ()):
        with pytest.raises(ValueError, match="no floating-point array"):
            make_optimizer().step(empty, empty)
    with pytest.raises(ValueError, match=r"model\[0\] and model\[2\] are one array"):
        step([np.ones(2)] * 3, [c, b, c])
    with pytest.raises(ValueError, match=r"model\.second has shape \(5,\) and its"):
        step(Pair(np.zeros((3, 4)), np.zeros(6)))
    with pytest.raises(
        TypeError, match=r"model\.first is float64 and its gradient float32"
    ):
        step(make_pair(np.float32))
    frozen = make_pair()
    frozen.second.flags.writeable = False
    with pytest.raises(ValueError, match=r"model\.second is read-only"):
        step(make_pair(), frozen)
    for scalar in (np.zeros(3, np.float16), 1.0, np.float64(1)):
        with pytest.raises(TypeError, match=r"model\[0\] is float"):
            step([scalar], [scalar])
