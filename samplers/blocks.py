"""Steps of many chains, taken in blocks by the workers of an executor.

A block is a number of neighboring chains. Each knows its first chain and by that the
addresses of its random numbers, so it does not matter who advances it, and when.
"""

import os
from concurrent.futures import Executor
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from samplers.sampler import Sampler

BLOCKS = 4 * (os.cpu_count() or 1)  # so that nobody waits long for the last worker


def advance(
    sampler: Sampler,
    key: np.uint64,
    state: NDArray,
    step: int,
    n: int,
    thin: int,
    executor: Executor | None,
) -> tuple[NDArray, NDArray]:
    """Return the states after n thin steps, and the n draws, (chain, n, ...).

    state : (chain, ...), left as it is, after so many steps
    executor : None for all chains at once, in this thread
    """
    task = partial(advance_block, sampler, key, step, n, thin)
    states, draws = spread(task, executor, state)
    return states, draws


def spread(task, executor: Executor | None, *arrays: NDArray) -> tuple[NDArray, ...]:
    """Return the arrays that a task makes of others, all of them (chain, ...).

    task : arrays of some chains, the number of the first -> arrays of these chains
    executor : None for all chains at once, in this thread
    """
    if executor is None:
        return task(*arrays, 0)
    blocks = split(len(arrays[0]), BLOCKS)
    parts = executor.map(
        task,
        *([array[block] for block in blocks] for array in arrays),
        [block.start for block in blocks],
    )
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def advance_block(
    sampler: Sampler,
    key: np.uint64,
    step: int,
    n: int,
    thin: int,
    state: NDArray,
    chain: int,
) -> tuple[NDArray, NDArray]:
    """Do what `advance` does for the chains from one on; for any thread or process."""
    state = state.copy()
    draws = np.empty((len(state), n, *state.shape[1:]), state.dtype)
    sampler.advance(state, draws, key=key, chain=chain, step=step, thin=thin)
    return state, draws


def split(chains: int, blocks: int) -> list[slice]:
    """Return slices of neighbors that are about equal and cover all chains."""
    bounds = np.linspace(0, chains, min(chains, blocks) + 1).astype(int).tolist()
    return [slice(*pair) for pair in pairwise(bounds)]
