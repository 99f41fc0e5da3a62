"""The leaves of a model beside those of its gradient, and what does not fit."""

from dataclasses import dataclass

import numpy as np
import pytest

from optim import SGD, Adam
from optim.leaves import name, paired_leaves


@dataclass(eq=False)
class Pair:
    first: np.ndarray
    second: np.ndarray
    name: str = "pair"


def make_pair(dtype=np.float64):
    return Pair(np.zeros((3, 4), dtype), np.ones(5, dtype))


def test_the_leaves_are_the_arrays_themselves_in_one_order():
    model, gradient = make_pair(), make_pair()
    parameters, gradients = paired_leaves([model, {"n": 3}], [gradient, {"n": 4}])
    assert [id(p) for p in parameters] == [id(model.first), id(model.second)]
    assert [id(g) for g in gradients] == [id(gradient.first), id(gradient.second)]


def test_a_number_may_be_the_gradient_of_an_array_without_axes():
    for number in (2.0, np.float64(2), np.array(2.0)):
        _, [gradient] = paired_leaves([np.array(1.0)], [number])
        assert isinstance(gradient, np.ndarray)
        assert gradient.shape == ()
        assert gradient == 2


def test_a_leaf_is_named_as_one_would_write_it():
    tree = {"net": [make_pair(), (np.zeros(1),)]}
    assert name(tree, 1) == "model['net'][0].second"
    assert name(tree, 2) == "model['net'][1][0]"


def test_two_views_of_one_array_are_two_leaves():
    whole = np.zeros(6)
    parameters, _ = paired_leaves([whole[:3], whole[3:]], [np.ones(3), np.ones(3)])
    parameters[1][...] = 1
    assert np.array_equal(whole, [0, 0, 0, 1, 1, 1])


A, B, C = np.zeros((3, 2))
FROZEN = np.zeros(2)
FROZEN.flags.writeable = False

ERRORS = {
    "another structure": (
        ValueError,
        make_pair(),
        [np.zeros((3, 4))],
        r"has model\.first the gradient has gradient\[0\]; give step\(model, grad",
    ),
    "other keys": (
        ValueError,
        {"a": A, "b": B},
        {"b": A, "c": B},
        r"has model\['a'\] the gradient has gradient\['b'\]",
    ),
    "another order": (
        ValueError,
        {"a": A, "b": B},
        {"b": B, "a": A},
        r"has model\['a'\] the gradient has gradient\['b'\]",
    ),
    "a leaf too few": (
        ValueError,
        {"a": A, "b": B},
        {"a": A},
        r"has model\['b'\] the gradient has none",
    ),
    "a leaf too many": (
        ValueError,
        {"a": A, "b": B},
        {"a": A, "b": B, "c": C},
        r"has no more leaves the gradient has gradient\['c'\]",
    ),
    "integers": (ValueError, [np.arange(3)], [np.arange(3)], "no floating-point array"),
    "no arrays": (ValueError, Pair(3, None), Pair(3, None), "no floating-point array"),
    "nothing": (ValueError, (), (), r"write array\.astype\(np\.float64\)"),
    "one array twice": (
        ValueError,
        [C, B, C],
        [A, A, A],
        r"model\[0\] and model\[2\] are one array, .* array\.copy\(\)",
    ),
    "another shape": (
        ValueError,
        make_pair(),
        Pair(np.zeros((3, 4)), np.zeros(6)),
        r"model\.second has shape \(5,\) and its gradient \(6,\)",
    ),
    "a shape that would broadcast": (
        ValueError,
        [np.zeros((1, 2))],
        [np.zeros(2)],
        r"model\[0\] has shape \(1, 2\) and its gradient \(2,\)",
    ),
    "a gradient of another precision": (
        TypeError,
        make_pair(),
        make_pair(np.float32),
        r"model\.first is float64 and its gradient float32; .*\.astype\(np\.float64\)",
    ),
    "a read-only parameter": (
        ValueError,
        [A, FROZEN],
        [A, B],
        r"model\[1\] is read-only .* array\.copy\(\)",
    ),
    "half precision": (
        TypeError,
        [np.zeros(3, np.float16)],
        [np.zeros(3, np.float16)],
        r"model\[0\] is float16 and cannot be trained",
    ),
    "a foreign byte order": (
        TypeError,
        [A.astype(A.dtype.newbyteorder())],
        [A],
        r"model\[0\] is [<>]f8 and cannot be trained",
    ),
    "a Python number": (TypeError, [1.0], [1.0], r"model\[0\] is float .* np\.array"),
    "a NumPy number": (TypeError, [np.float64(1)], [1.0], r"model\[0\] is float64 and"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_does_not_fit_is_refused(case):
    error, model, gradient, message = ERRORS[case]
    with pytest.raises(error, match=message):
        paired_leaves(model, gradient)


@pytest.mark.parametrize("make", [lambda: SGD(0.1), Adam])
def test_an_optimizer_refuses_it_before_it_moves(make):
    model, optimizer = make_pair(), make()
    with pytest.raises(ValueError, match=r"model\.second has shape"):
        optimizer.step(model, Pair(np.ones((3, 4)), np.ones(6)))
    assert np.array_equal(model.first, np.zeros((3, 4)))
    assert optimizer.steps == 0
