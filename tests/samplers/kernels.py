"""Exact transition matrices, from the numbers that a kernel decides by.

A kernel that takes its uniforms as an argument is a function. The uniform at which each
decision turns is found by halving, and so the probability that the kernel itself gives
to it, with all its rounding: no statistics are needed to see an error of 1e-12.
"""

import numpy as np

from samplers.machine import binary_states


def probabilities(decide, shape, dtype=np.float64):
    """How much of [0, 1) turns each decision on.

    decide : takes uniforms of that shape and dtype, and returns which decisions they
        turn on, those below a threshold

    Uniforms are the multiples of 2^-53, or 2^-24 in float32, and so are the results.
    """
    whole = 2**53 if dtype == np.float64 else 2**24
    low, high = np.zeros(shape, np.int64), np.full(shape, whole)
    while np.any(low < high):
        middle = (low + high) // 2
        is_on = decide((np.minimum(middle, whole - 1) / whole).astype(dtype)) != 0
        is_on &= middle < whole
        low, high = np.where(is_on, middle + 1, low), np.where(is_on, high, middle)
    return low / whole


def law_of_units(p):
    """The law of all states of independent units, (..., 2^n), from p : (..., n)."""
    on = binary_states(p.shape[-1]) == 1
    return np.prod(np.where(on, p[..., np.newaxis, :], 1 - p[..., np.newaxis, :]), -1)


def forcing(states):
    """Uniforms that make units take these states, unless they are sure of others."""
    return np.where(states, 0, 1 - 2.0**-24)


def number(states):
    """The place of each state in binary_states."""
    return states.astype(int) @ (1 << np.arange(states.shape[-1])[::-1])


def stationarity(P, pi):
    """How far P : (n, n) is from a transition matrix under which the law pi stays."""
    return max(np.max(np.abs(P.sum(axis=1) - 1)), np.max(np.abs(pi @ P - pi)))


def irreversibility(P, pi):
    """How far pi is from detailed balance, pi_i P_ij = pi_j P_ji."""
    flow = pi[:, np.newaxis] * P
    return np.max(np.abs(flow - flow.T))
