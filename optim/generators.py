"""Generators of random numbers as JSON, and back: the streams go on where they were.

A Generator is more than the state of its bit generator. `spawn` makes children from
the seed sequence: entropy, spawn key, and how many children there have been. A stream
that came back without them would spawn its first children a second time.
"""

from typing import Any

import numpy as np
from numpy.random import (
    MT19937,
    PCG64,
    PCG64DXSM,
    SFC64,
    Generator,
    Philox,
    SeedSequence,
)

BIT_GENERATORS = {
    kind.__name__: kind for kind in (MT19937, PCG64, PCG64DXSM, Philox, SFC64)
}
LARGEST_POOL = 64  # words; mixing a pool takes a time that grows as their square


def describe_generator(generator: Generator, name: str) -> dict[str, Any]:
    """Return all that decides what a Generator draws and spawns, for JSON.

    Raises TypeError, with its name, if its bit generator is not one of NumPy's, seeded
    by a SeedSequence.
    """
    bits = generator.bit_generator
    sequence = bits.seed_seq
    if type(bits).__name__ not in BIT_GENERATORS or type(sequence) is not SeedSequence:
        raise TypeError(
            f"{name} is a Generator of {type(bits).__name__} seeded by "
            f"{type(sequence).__name__}, which cannot be built again from a file; use "
            "np.random.default_rng(seed)"
        )
    return {
        "state": _as_json(bits.state),
        "entropy": _as_json(sequence.entropy),
        "spawn_key": _as_json(sequence.spawn_key),
        "pool_size": sequence.pool_size,
        "children": sequence.n_children_spawned,
    }


def build_generator(content: dict[str, Any]) -> Generator:
    """Return the Generator of a description.

    Raises ValueError or another exception if it describes none.
    """
    state = content["state"]
    if not 0 <= content["pool_size"] <= LARGEST_POOL:
        raise ValueError("it holds a Generator with a pool that is too large")
    # NumPy takes these two positions unseen and would read beyond its buffers.
    position = state["state"].get("pos", 0), state.get("buffer_pos", 0)
    if not (0 <= position[0] <= 624 and 0 <= position[1] <= 4):
        raise ValueError("it holds a Generator that stands outside of its buffer")
    sequence = SeedSequence(
        content["entropy"],
        spawn_key=content["spawn_key"],
        pool_size=content["pool_size"],
        n_children_spawned=content["children"],
    )
    bits = BIT_GENERATORS[state["bit_generator"]](sequence)
    bits.state = state
    return Generator(bits)


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
