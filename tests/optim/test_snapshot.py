"""Trees taken apart and built again: every bit, every type, every identity."""

import dataclasses
import json
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optim.generators import BIT_GENERATORS
from optim.snapshot import DEEPEST, restore, take
from optim.storage import load, save
from samplers.archive import CheckpointError


@dataclasses.dataclass(eq=False)
class Layer:
    weights: Any
    activation: str = "tanh"


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    value: Any
    more: Any = None


@dataclasses.dataclass
class Nothing:
    pass


class Pair(NamedTuple):
    one: Any
    two: Any


CLASSES = (Layer, Frozen, Nothing, Pair)


def through_json(tree):
    """Return the tree as it comes back when every array is found again."""
    snapshot = take(tree, "tree")
    arrays = [array.copy(order="K") for array in snapshot.arrays.values()]
    return restore(json.loads(json.dumps(snapshot.tree)), arrays, CLASSES)


def assert_same(one, other):
    """Assert equality of types, values and bits, but for identities."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray | np.generic):
        assert one.dtype.str == other.dtype.str
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    elif isinstance(one, float):
        assert np.float64(one).tobytes() == np.float64(other).tobytes()
    elif isinstance(one, np.random.Generator):
        assert_same(parts(one), parts(other))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        assert [type(key) for key in one] == [type(key) for key in other]
        assert_same(list(one.values()), list(other.values()))
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            assert_same(first, second)
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    else:
        assert one == other


def parts(generator):
    bits = generator.bit_generator
    sequence = bits.seed_seq
    entropy = sequence.entropy
    return [
        bits.state,
        entropy if isinstance(entropy, int) else list(entropy),
        sequence.spawn_key,
        sequence.pool_size,
        sequence.n_children_spawned,
    ]


@st.composite
def generators(draw):
    sequence = np.random.SeedSequence(draw(st.integers(0, 2**140)))
    bits = BIT_GENERATORS[draw(st.sampled_from(sorted(BIT_GENERATORS)))]
    generator = np.random.Generator(bits(sequence.spawn(3)[2]))
    generator.spawn(draw(st.integers(0, 3)))
    generator.integers(0, 9, draw(st.integers(0, 9)), dtype=np.uint8)  # half-used words
    generator.random(draw(st.integers(0, 9)), dtype=np.float32)
    return generator


DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(),
    hnp.complex_number_dtypes(),
    hnp.unicode_string_dtypes(max_len=5),
    hnp.byte_string_dtypes(max_len=5),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.text(),
    hnp.from_dtype(np.dtype(np.float32)),
    hnp.from_dtype(np.dtype(np.int8)),
    hnp.from_dtype(np.dtype(bool)).map(np.bool_),
)


def containers(trees):
    return st.one_of(
        st.lists(trees, max_size=4),
        st.lists(trees, max_size=4).map(tuple),
        st.dictionaries(st.text() | st.integers(), trees, max_size=4),
        st.builds(Layer, trees, st.text()),
        st.builds(Frozen, trees, trees),
        st.builds(Pair, trees, trees),
        st.builds(Nothing),
    )


TREES = st.recursive(SCALARS | ARRAYS | generators(), containers, max_leaves=12)


@given(TREES)
def test_a_tree_comes_back_as_it_was(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("trees") / "tree.npz"
    save(path, tree)
    loaded = load(path, CLASSES)
    assert_same(loaded, tree)
    save(path.with_name("again.npz"), loaded)
    assert path.with_name("again.npz").read_bytes() == path.read_bytes()


def test_special_floats_keep_their_bits():
    payload = np.array([0x7FF4000000000001, 0xFFF8DEADBEEF0000], np.uint64)
    nans = payload.view(np.float64)
    tree = [nans, *nans.tolist(), *nans, np.inf, -np.inf, -0.0, 5e-324]
    assert_same(through_json(tree), tree)
    assert np.array_equal(through_json(tree)[0].view(np.uint64), payload)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_axes_keep_their_order_in_memory(tmp_path, axes):
    array = np.random.default_rng(0).random((3, 4, 5), np.float32).transpose(axes)
    save(tmp_path / "a.npz", array)
    loaded = load(tmp_path / "a.npz")
    assert loaded.strides == array.strides
    assert np.array_equal(loaded, array)


def test_what_is_not_contiguous_comes_back_without_gaps(tmp_path):
    whole = np.arange(24.0).reshape(4, 6)
    views = [whole[::2, ::-2], np.broadcast_to(np.float32(3), (2, 3)), whole[:, :0]]
    for view in views:
        save(tmp_path / "a.npz", view)
        loaded = load(tmp_path / "a.npz")
        assert_same(loaded, view)
        assert loaded.flags.c_contiguous
        assert loaded.flags.writeable


def test_one_object_at_two_places_comes_back_as_one():
    shared = {"array": np.ones(3), "list": [1], "rng": np.random.default_rng(0)}
    layer = Layer(shared["array"])
    tree = [shared, shared["rng"], (layer, layer), shared["list"], shared["array"]]
    back = through_json(tree)
    assert back[0]["rng"] is back[1]
    assert back[2][0] is back[2][1]
    assert back[0]["list"] is back[3]
    assert back[0]["array"] is back[2][0].weights is back[4]
    equal = through_json([np.ones(3), np.ones(3)])
    assert equal[0] is not equal[1]


def test_a_list_may_hold_itself():
    tree: list = [1]
    tree.append(tree)
    back = through_json(tree)
    assert back[0] == 1
    assert back[1] is back


@pytest.mark.parametrize("kind", sorted(BIT_GENERATORS))
def test_a_generator_goes_on_drawing_and_spawning(kind):
    generator = np.random.Generator(
        BIT_GENERATORS[kind](np.random.SeedSequence([1, 2]))
    )
    generator.spawn(2)
    generator.random(3, np.float32)
    back = through_json(generator)
    assert np.array_equal(back.random(5, np.float32), generator.random(5, np.float32))
    assert np.array_equal(back.normal(size=1000), generator.normal(size=1000))
    assert np.array_equal(back.spawn(1)[0].random(9), generator.spawn(1)[0].random(9))
    grandchild = through_json(generator.spawn(1)[0]).spawn(1)[0]
    assert grandchild.bit_generator.seed_seq.spawn_key == (3, 0)


def test_the_outline_tells_all_but_contents():
    layer = Layer(np.zeros((2, 3), np.float32), "relu")
    tree = {"model": (layer, layer), "rate": 0.1, "rng": np.random.default_rng(0)}
    assert take(tree, "run").outline == {
        "run": "a dict of 3",
        "run['model']": "a tuple of 2",
        "run['model'][0]": f"{__name__}.Layer",
        "run['model'][0].weights": "an array of float32 of shape (2, 3)",
        "run['model'][0].activation": "'relu'",
        "run['model'][1]": "the object at run['model'][0]",
        "run['rate']": "0.1",
        "run['rng']": "a Generator of PCG64",
    }


def test_arrays_are_named_by_their_places(tmp_path):
    save(
        tmp_path / "a.npz",
        {"W": [np.ones(2)], "ü/..": np.zeros(1), 3: Layer(np.ones(3))},
    )
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        names = ["model['W'][0]", "model-1", "model[3].weights", "manifest.json"]
        assert file.files == names
        assert np.array_equal(file["model[3].weights"], np.ones(3))


@dataclasses.dataclass
class Counter(dict):
    name: str


def chain(length):
    tree: Any = None
    for _ in range(length):
        tree = [tree]
    return tree


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (len, "builtins.builtin_function_or_method"),
        (1j, "builtins.complex"),
        (b"bytes", "builtins.bytes"),
        ({1, 2}, "builtins.set"),
        (Layer, "builtins.type"),
        (OrderedDict(), "collections.OrderedDict"),
        (Counter("no"), "Counter"),
        ({(1, 2): 3}, "builtins.dict"),
        ({True: 3}, "builtins.dict"),
        (np.array([None]), "numpy.ndarray"),
        (np.zeros(3, "f8,i4"), "numpy.ndarray"),
        (np.ma.zeros(3), "MaskedArray"),
        (np.datetime64(3, "s"), "numpy.datetime64"),
        (np.random.RandomState(0), "RandomState"),
    ],
)
def test_what_cannot_come_back_is_refused(value, words):
    with pytest.raises(TypeError, match=rf"^state\[1\]\.weights is of type .*{words}"):
        take([0, Layer(value)], "state")


def test_a_generator_of_another_kind_is_refused():
    class Own(np.random.PCG64):
        pass

    with pytest.raises(TypeError, match=r"^state\[0\] is a Generator of Own seeded by"):
        take([np.random.Generator(Own(0))], "state")


def test_overlapping_arrays_are_refused():
    array = np.zeros(10)
    for other in (array[3:5], array[:], array[::2]):
        with pytest.raises(ValueError, match=r"tree\[.\] and tree\[.\] overlap"):
            take([array, other], "tree")
    take([array[:5], array[5:], array[2:2]], "tree")


def test_an_object_is_its_fields_or_refused():
    layer = Layer(np.ones(2))
    layer.cache = 3
    with pytest.raises(ValueError, match=r"tree\.cache is no field of Layer"):
        take(layer, "tree")
    empty = object.__new__(Layer)
    with pytest.raises(ValueError, match=r"tree\.weights is a field without value"):
        take(empty, "tree")


def test_two_classes_of_one_name_are_refused():
    def make():
        @dataclasses.dataclass
        class Local:
            x: int

        return Local(1)

    with pytest.raises(ValueError, match=r"tree\[1\] is a .*Local, and so is"):
        take([make(), make()], "tree")


def test_trees_of_any_depth_are_kept_or_refused():
    assert through_json(chain(DEEPEST)) == chain(DEEPEST)
    with pytest.raises(ValueError, match=f"more than {DEEPEST} levels deep"):
        take(chain(DEEPEST + 2), "tree")


LAYER = f"{__name__}.Layer"


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"object": [LAYER, {"weights": 1}]}, "the class has"),
        (
            {"object": [LAYER, {"weights": 1, "activation": "", "x": 1}]},
            "the class has",
        ),
        ({"object": ["os.system", {}]}, "os.system, and what may be built is"),
        ({"object": [LAYER, []]}, "describes nothing"),
        ({"array": 1}, "describes nothing"),
        ({"array": -1}, "describes nothing"),
        ([], "belong nowhere"),
        ([{"array": 0}, {"array": 0}], "describes nothing"),
        ({"same": -1}, "describes nothing"),
        ({"dict": [["a", 1], ["a", 2]]}, "twice or wrongly"),
        ({"dict": [[None, 1]]}, "twice or wrongly"),
        ({"scalar": ["|O", "00" * 8]}, r"names the dtype \|O"),
        ({"tuple": 3}, "describes nothing"),
        ({}, "describes nothing"),
        (chain(DEEPEST + 2), "levels deep"),
    ],
)
def test_descriptions_of_nothing_are_refused(tree, words):
    with pytest.raises(ValueError, match=words):
        restore(tree, [np.ones(1)], CLASSES)


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("PCG64", {"pool_size": 10**9}, "too large"),
        ("PCG64", {"pool_size": -1}, "too large"),
        ("Philox", {"state.buffer_pos": -1}, "outside of its buffer"),
        ("Philox", {"state.buffer_pos": 5}, "outside of its buffer"),
        ("MT19937", {"state.state.pos": 625}, "outside of its buffer"),
        ("MT19937", {"state.state.pos": -1}, "outside of its buffer"),
    ],
)
def test_generators_that_would_read_beyond_memory_are_refused(kind, changes, words):
    tree = take(np.random.Generator(BIT_GENERATORS[kind](0)), "rng").tree
    for path, value in changes.items():
        *way, last = path.split(".")
        place = tree["generator"]
        for key in way:
            place = place[key]
        place[last] = value
    with pytest.raises(ValueError, match=words):
        restore(tree, [], ())


def test_a_class_that_is_not_offered_is_named(tmp_path):
    save(tmp_path / "a.npz", Layer(np.ones(2)))
    with pytest.raises(CheckpointError, match=f"holds a {LAYER}, .* no class: offer"):
        load(tmp_path / "a.npz")
