"""Fingerprints: parameters are known again, and told apart to the last bit."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from samplers import double_well, ring
from samplers.fingerprint import differences, fingerprint, name_of


@dataclass(frozen=True)
class Inner:
    weights: Any


@dataclass(frozen=True)
class Outer:
    x: Any
    count: int = 3
    calls: list = field(default_factory=list, compare=False)


LONG = np.arange(5000.0)  # of which repr shows six numbers


def changed(array):
    """Return the array with another last bit in the middle."""
    array = array.copy()
    array[len(array) // 2] = np.nextafter(array[len(array) // 2], np.inf)
    return array


@pytest.mark.parametrize(
    ("x", "other"),
    [
        (2.0, np.nextafter(2.0, 3.0)),
        (LONG, changed(LONG)),
        (LONG, LONG.astype(np.float32)),
        (LONG, LONG.reshape(50, 100)),
        (LONG, LONG.tolist()),
        (Inner(LONG), Inner(changed(LONG))),
        (Inner(LONG), LONG),
        ((LONG, LONG), (LONG, changed(LONG))),
        (([1.0], 2.0), ([1.0, 2.0],)),
        (np.sin, np.cos),
        (double_well.score, ring.score),
        (None, 0),
    ],
)
def test_other_parameters_are_told_apart(x, other):
    assert fingerprint(Outer(x)) == fingerprint(Outer(x))
    assert differences(fingerprint(Outer(x)), fingerprint(Outer(other))) == ["x"]


def test_what_counts_are_the_class_and_the_fields_that_are_compared():
    """An array counts by its numbers, however they lie in memory."""
    table = LONG.reshape(50, 100)
    ours = fingerprint(Outer(table, 3, [1]))
    assert ours == fingerprint(Outer(np.asfortranarray(table), 3, [2, 3]))
    assert differences(ours, fingerprint(Outer(table, 4))) == ["count"]
    assert differences(ours, fingerprint(Inner(1))) == [
        "class",
        "x",
        "count",
        "weights",
    ]


def test_functions_are_known_by_name():
    """Not by the place in memory, which is another one in the next process."""
    assert name_of(None) is None
    assert name_of(np.sum) == "sum"
    assert name_of(Outer) == "Outer"
    assert name_of(np.random.default_rng(0).normal) == "Generator.normal"

    class Callable:
        def __call__(self):
            """It has no name of its own."""

    assert name_of(Callable()).endswith("Callable")
    assert fingerprint(Outer(Callable())) == fingerprint(Outer(Callable()))


def test_a_sampler_is_a_dataclass():
    with pytest.raises(TypeError, match=r"class object .* write @dataclass\(frozen"):
        fingerprint(object())
