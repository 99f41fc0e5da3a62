"""Trees: what is a leaf, what is structure, and that rebuilding loses nothing."""

import dataclasses
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import (
    Tensor,
    check_gradients,
    grad,
    hvp,
    jvp,
    static,
    tree_flatten,
    tree_leaves,
    tree_map,
    tree_paths,
    value_and_grad,
    vjp,
)


@dataclass(eq=False)
class Dense:
    """A layer with a derived array and a validation, both made in __init__ alone."""

    weights: np.ndarray
    bias: np.ndarray
    activation: str = "tanh"
    rate: float = 0.1
    width: int = 0
    mask: Any = None
    scale: np.ndarray = static(default=None)
    counts: ClassVar[int] = 0

    def __post_init__(self):
        Dense.counts += 1
        self.width = len(self.bias)

    def __call__(self, x):
        return np.tanh(x @ self.weights + self.bias)


@dataclass(frozen=True)
class Frozen:
    mean: np.ndarray
    log_variance: np.ndarray
    name: str = "normal"


@dataclass(eq=False)
class Gated(Dense):
    gate: np.ndarray = field(default_factory=lambda: np.ones(1))


@dataclass(eq=False)
class Network:
    layers: list
    head: Frozen
    options: dict


class Pair(NamedTuple):
    first: Any
    second: Any


Named = namedtuple("Named", "a b")


def layer(seed=0, n=3, m=2):
    rng = np.random.default_rng(seed)
    return Dense(rng.normal(size=(n, m)), rng.normal(size=m), scale=np.ones(m))


def network():
    head = Frozen(np.arange(2.0), np.ones(2))
    return Network([layer(0), layer(1, 2, 4)], head, {"temperature": 2.0, "steps": 3})


# Leaves

LEAVES = {
    "array": (np.ones(3), 1),
    "0-d array": (np.array(1.0), 1),
    "empty array": (np.zeros((0, 3)), 1),
    "half precision": (np.ones(3, np.float16), 1),
    "NumPy scalar": (np.float32(1), 1),
    "Python float": (1.0, 1),
    "nan": (float("nan"), 1),
    "tuple of floats": ((1.0, 2.0), 2),
    "nested": ([{"a": (1.0, [np.ones(2)])}, 2.0], 3),
    "namedtuple": (Named(np.ones(2), 3), 1),
    "dict, in its order": ({"b": np.ones(1), "a": 1.0}, 2),
    "dataclass": (layer(), 2),
    "frozen dataclass": (Frozen(np.ones(2), np.ones(2)), 2),
    "dataclass in a list": ([layer(), 1.0], 3),
    "network": (network(), 7),
    "integer": (3, 0),
    "integer array": (np.arange(3), 0),
    "bool": (True, 0),
    "bool array": (np.ones(3, bool), 0),
    "complex array": (np.ones(3, complex), 0),
    "object array": (np.array([1.0, None], object), 0),
    "None": (None, 0),
    "string": ("weights", 0),
    "string array": (np.array(["a"]), 0),
    "set": ({1.0, 2.0}, 0),
    "range": (range(3), 0),
    "function": (np.tanh, 0),
    "class": (Dense, 0),
    "type": (np.float64, 0),
    "empty containers": ([(), {}, []], 0),
}


@pytest.mark.parametrize("name", LEAVES)
def test_what_is_a_leaf(name):
    tree, count = LEAVES[name]
    leaves, rebuild = tree_flatten(tree)
    assert len(leaves) == len(tree_leaves(tree)) == len(tree_paths(tree)) == count
    again = rebuild(leaves)
    assert type(again) is type(tree)
    assert all(a is b for a, b in zip(tree_leaves(again), leaves, strict=True))
    assert len(set(tree_paths(tree))) == count


def test_a_float_is_a_leaf_in_a_container_and_a_setting_in_a_dataclass():
    """A dataclass's float is a rate or a width; a parameter there is a 0-d array."""
    assert tree_leaves({"rate": 0.1}) == [0.1]
    model = Dense(np.ones((1, 1)), np.ones(1), rate=0.1)
    assert 0.1 not in tree_paths(model)
    assert tree_paths(model) == [".weights", ".bias"]
    assert tree_paths(Dense(np.ones((1, 1)), np.ones(1), rate=np.float64(0.1))) == [
        ".weights",
        ".bias",
        ".rate",
    ]
    assert tree_paths([model, 0.1]) == ["[0].weights", "[0].bias", "[1]"]


def test_static_fields_are_no_leaves():
    model = layer()
    assert not any(leaf is model.scale for leaf in tree_leaves(model))
    doubled = tree_map(lambda x: 2 * x, model)
    assert doubled.scale is model.scale


def test_static_takes_the_options_of_a_field():
    @dataclass
    class Settings:
        table: np.ndarray = static(default_factory=partial(np.ones, 2))
        hidden: float = static(default=1.0, repr=False)

    assert tree_leaves(Settings()) == []
    assert repr(Settings()).endswith("Settings(table=array([1., 1.]))")
    assert Settings().table is not Settings().table


def test_paths_read_like_the_code_that_reaches_them():
    model = network()
    paths = tree_paths(model)
    assert paths == [
        ".layers[0].weights",
        ".layers[0].bias",
        ".layers[1].weights",
        ".layers[1].bias",
        ".head.mean",
        ".head.log_variance",
        ".options['temperature']",
    ]
    for path, leaf in zip(paths, tree_leaves(model), strict=True):
        assert eval(f"model{path}", {"model": model}) is leaf


# Rebuilding


def test_rebuilding_keeps_structure_and_runs_no_init():
    model = network()
    Dense.counts = 0
    leaves, rebuild = tree_flatten(model)
    new = rebuild([2 * x for x in leaves])
    assert Dense.counts == 0
    assert type(new) is Network
    assert type(new.head) is Frozen
    assert new.head.name == "normal"
    assert new.options == {"temperature": 4.0, "steps": 3}
    first = new.layers[0]
    assert (first.activation, first.rate, first.width, first.mask) == (
        "tanh",
        0.1,
        2,
        None,
    )
    np.testing.assert_array_equal(first.weights, 2 * model.layers[0].weights)


def test_rebuilding_leaves_the_original_alone():
    model = network()
    before = [x.copy() if isinstance(x, np.ndarray) else x for x in tree_leaves(model)]
    layers, weights = model.layers, model.layers[0].weights
    tree_map(lambda x: x - 1, model)
    assert model.layers is layers
    assert model.layers[0].weights is weights
    for a, b in zip(before, tree_leaves(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_frozen_dataclasses_stay_frozen():
    new = tree_map(np.negative, Frozen(np.ones(2), np.ones(2)))
    np.testing.assert_array_equal(new.mean, [-1, -1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        new.mean = np.ones(2)


@pytest.mark.parametrize("kind", [Pair, Named])
def test_namedtuples(kind):
    tree = kind(np.ones(2), (3, 1.5))
    assert tree_map(lambda x: x + 1, tree)[1] == (3, 2.5)
    assert type(tree_map(np.sin, tree)) is kind
    gradient = grad(lambda tree: np.sum(tree[0]) * tree[1][1])(tree)
    assert type(gradient) is kind
    assert gradient[1] == (3, 2.0)


def test_subclasses():
    """A subclass keeps its class, its own fields and its parent's."""
    model = Gated(np.ones((2, 2)), np.ones(2), gate=np.full(2, 0.5))
    assert tree_paths(model) == [".weights", ".bias", ".gate"]

    def f(model):
        assert type(model) is Gated
        return np.sum(model(np.ones(2)) * model.gate)

    gradient = grad(f)(model)
    assert type(gradient) is Gated
    np.testing.assert_allclose(gradient.gate, model(np.ones(2)), rtol=1e-15)
    check_gradients(f, (model,), order=2)


@pytest.mark.parametrize("kind", [OrderedDict, type("Rows", (list,), {})])
def test_subclasses_of_containers_keep_their_class(kind):
    tree = kind({"a": 1.0}) if issubclass(kind, dict) else kind([1.0])
    assert type(tree_map(np.exp, tree)) is kind


def test_slots():
    @dataclass(slots=True)
    class Slotted:
        x: np.ndarray
        n: int = 2

    gradient = grad(lambda tree: np.sum(tree.x**tree.n))(Slotted(np.arange(3.0)))
    assert type(gradient) is Slotted
    np.testing.assert_array_equal(gradient.x, [0.0, 2.0, 4.0])


def test_attributes_that_are_no_fields_are_kept():
    model = layer()
    model.note = "trained"
    assert tree_map(np.sin, model).note == "trained"


def test_a_wrong_number_of_leaves():
    _, rebuild = tree_flatten([1.0, 2.0])
    with pytest.raises(ValueError, match="a tree of 2 leaves was given 3"):
        rebuild([1.0, 2.0, 3.0])


trees = st.recursive(
    st.floats(-1, 1)
    | st.integers(0, 3)
    | st.none()
    | st.text(max_size=2)
    | st.integers(0, 2).map(np.ones),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), inner)
        | st.builds(Pair, inner, inner)
        | st.builds(
            lambda layers: Network(layers, None, {}), st.lists(inner, max_size=2)
        )
    ),
    max_leaves=10,
)


def describe(tree):
    """A tree as nested lists of plain things, for comparison."""
    if dataclasses.is_dataclass(tree):
        return [type(tree).__name__, *map(describe, vars(tree).values())]
    if isinstance(tree, (list, tuple)):
        return [type(tree).__name__, *map(describe, tree)]
    if isinstance(tree, dict):
        return [list(tree), *map(describe, tree.values())]
    return tree.tolist() if isinstance(tree, np.ndarray) else tree


@given(trees)
def test_any_tree_is_rebuilt_as_it_was(tree):
    leaves, rebuild = tree_flatten(tree)
    assert describe(rebuild(leaves)) == describe(tree)
    shifted = tree_map(lambda x: x + 1, tree)
    assert describe(tree_map(lambda x: x - 1, shifted)) == describe(
        tree_map(lambda x: x + 1 - 1, tree)
    )
    assert tree_paths(shifted) == tree_paths(tree)


# tree_map


def test_tree_map_over_several_trees():
    trees = [{"w": np.full(2, k), "b": [k, 3]} for k in (1.0, 2.0, 4.0)]
    mapped = tree_map(lambda a, b, c: a + b * c, *trees)
    np.testing.assert_array_equal(mapped["w"], [9.0, 9.0])
    assert mapped["b"] == [9.0, 3]


def test_tree_map_takes_structure_from_the_first_tree():
    mapped = tree_map(lambda a, b: a + b, (1.0, "first"), [2.0, "second"])
    assert mapped == (3.0, "first")


@pytest.mark.parametrize(
    "other", [(1.0,), (1.0, 2.0, 3.0), (1.0, 2), (), {"a": (1.0, 2.0), "b": 1.0}]
)
def test_tree_map_of_trees_that_differ(other):
    with pytest.raises(
        ValueError, match="trees of one structure: the first has leaves"
    ):
        tree_map(np.add, (1.0, 2.0), other)


def test_one_step_of_gradient_descent():
    """What tree_map is for: model - rate * gradient, leaf by leaf."""
    model = layer()
    gradient = grad(lambda model: np.sum(model(np.ones(3)) ** 2))(model)
    new = tree_map(lambda x, g: x - 0.1 * g, model, gradient)
    np.testing.assert_array_equal(new.bias, model.bias - 0.1 * gradient.bias)


# Trees under differentiation


def test_the_gradient_of_a_model_is_a_model_of_the_same_class():
    model, x = network(), np.ones(3)

    def loss(model, x):
        for dense in model.layers:
            x = dense(x)
        assert model.options["steps"] == 3
        mean, log_variance = model.head.mean, model.head.log_variance
        return np.sum((x[:2] - mean) ** 2 * np.exp(-log_variance)) + np.sum(
            x / model.options["temperature"]
        )

    value, gradient = value_and_grad(loss)(model, x)
    assert value == loss(model, x)
    assert type(gradient) is Network
    assert type(gradient.layers[1]) is Dense
    assert gradient.layers[1].activation == "tanh"
    for g, leaf in zip(tree_leaves(gradient), tree_leaves(model), strict=True):
        assert np.shape(g) == np.shape(leaf)
        assert g is not leaf
        assert not isinstance(g, Tensor)
    check_gradients(loss, (model, x))


def test_a_gradient_keeps_the_type_of_each_leaf():
    tree = {
        "single": np.ones(2, np.float32),
        "double": np.ones(2),
        "0-d": np.array(2.0),
        "number": 3.0,
        "unused": np.ones((2, 0)),
    }

    def f(tree):
        assert type(tree["0-d"]) is Tensor
        assert tree["0-d"].shape == tree["number"].shape == ()
        single = np.sum(tree["single"].astype(np.float64) * tree["double"])
        return single * tree["0-d"] * tree["number"]

    gradient = grad(f)(tree)
    assert gradient["single"].dtype == np.float32
    assert gradient["double"].dtype == np.float64
    assert type(gradient["0-d"]) is np.ndarray
    assert gradient["0-d"].shape == ()
    assert (gradient["0-d"], gradient["number"]) == (6.0, 4.0)
    assert gradient["unused"].shape == (2, 0)


@pytest.mark.parametrize("f", [np.sum, np.exp, lambda x: x, lambda x: 3.0])
@pytest.mark.parametrize("x", [2.0, np.float64(2.0), np.float32(2.0)])
def test_the_gradient_by_a_number_is_a_number(f, x):
    """Of the type in which NumPy computes with it, not an array without axes."""
    gradient = grad(f)(x)
    assert type(gradient) is (np.float32 if type(x) is np.float32 else np.float64)


def test_a_model_is_rebuilt_around_tensors_without_init():
    """__post_init__ reads len(bias), which a tensor has, but need not be asked."""
    Dense.counts = 0
    model = layer()
    assert Dense.counts == 1
    grad(lambda model: np.sum(model(np.ones(3))))(model)
    assert Dense.counts == 1


def test_vjp_jvp_and_hvp_take_and_give_trees():
    model, x = layer(), np.ones(3)

    def f(model):
        return {"y": model(x), "steps": 3, "norm": np.sum(model.weights**2)}

    result, pullback = vjp(f, model)
    assert result["steps"] == 3
    [g] = pullback({"y": np.zeros(2), "norm": 1.0})
    assert type(g) is Dense
    np.testing.assert_array_equal(g.weights, 2 * model.weights)
    np.testing.assert_array_equal(g.bias, np.zeros(2))

    tangent = tree_map(np.ones_like, model)
    result, along = jvp(f, (model,), (tangent,))
    np.testing.assert_allclose(along["norm"], 2 * np.sum(model.weights), rtol=1e-14)
    assert along["steps"] == 3

    product = hvp(lambda model: np.sum(model.weights**2), model, tangent)
    np.testing.assert_array_equal(product.weights, 2 * tangent.weights)
    np.testing.assert_array_equal(product.bias, np.zeros(2))


def test_results_that_do_not_depend_on_the_argument():
    constant = np.ones(2)
    result, pullback = vjp(lambda x: (constant, x), np.ones(3))
    assert result[0] is constant
    np.testing.assert_array_equal(pullback((np.ones(2), np.ones(3)))[0], np.ones(3))


def test_trees_of_two_arguments():
    gradients = grad(lambda m, n: np.sum(m["w"] * n[0]) * n[1], (0, 1))(
        {"w": np.full(2, 3.0)}, (np.full(2, 5.0), 7.0)
    )
    np.testing.assert_array_equal(gradients[0]["w"], [35.0, 35.0])
    np.testing.assert_array_equal(gradients[1][0], [21.0, 21.0])
    assert gradients[1][1] == 30.0
