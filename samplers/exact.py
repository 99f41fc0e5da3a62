"""Exact answers for machines with a layer of up to 26 units, and for any small one.

log Z, its derivatives (which are the moments), tables of probabilities and independent
draws, by counting through all states of one layer. What an estimate is held to.

Everything is computed in float64, whatever the precision of the machine.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from samplers.elementary import sigmoid
from samplers.enumeration import (
    Enumeration,
    log_sum_exp,
    over_hidden,
    over_visible,
    visit_from_above,
)
from samplers.kernel import kernel
from samplers.machine import MAX_BITS, Machine, binary_states
from samplers.philox import EXACT, draw_key, normals, uniforms


def log_partition(
    machine: Machine, beta: float = 1.0, *, executor: Executor | None = None
) -> float:
    """Return log Z at an inverse temperature, Z = sum_x,h exp(-beta E(x, h)).

    With Gaussian visible units the sum over x is an integral. The smaller layer is
    enumerated, the hidden one beside Gaussian units: 2^n (m + 1) terms for n units in
    that layer and m in the other.

    Rounding is bounded: the error is at most (n + log2(m) + 10) 2^-52 times the sum of
    |W|, |a|, |b|, M and N, and for Gaussian units of |b_j|, |a_i W_ij| / sigma_i^2,
    (sum_j |W_ij| / sigma_i)^2, |log sigma_i|, M and N, all of machine.tempered(beta).

    Parameters
    ----------
    machine : of which one layer, or the hidden one beside Gaussian units, has at most
        26 units
    beta : positive
    executor : from concurrent.futures or of that interface, to share the work; the
        result has the same bits

    Raises ValueError if more states are to be enumerated, or for other beta;
    FloatingPointError if energies overflow.

    >>> machine = Machine(np.zeros((784, 10)), np.zeros(784), np.zeros(10))
    >>> log_partition(machine), 794 * float(np.log(2))
    (550.36, 550.36)
    """
    return log_total(over_smaller(in_float64(machine).tempered(beta)), executor)


def log_probability(machine: Machine, x) -> NDArray[np.float64]:
    """Return log p(x) = -F(x) - log Z for x : (..., M), of shape (...), in nats.

    With Gaussian units it is the logarithm of a density. Errors: as for log_partition,
    which is computed anew by each call; give all x at once.
    """
    machine = in_float64(machine)
    return -machine.free_energy(x) - log_partition(machine)


@dataclass(frozen=True, eq=False)
class Moments:
    """Means under p(x, h), in float64.

    x : (M,), of x_i
    h : (N,), of h_j
    xh : (M, N), of x_i h_j
    xx : (M,), of x_i^2, which for binary units is x
    """

    x: NDArray[np.float64]
    h: NDArray[np.float64]
    xh: NDArray[np.float64]
    xx: NDArray[np.float64]


def moments(machine: Machine, *, executor: Executor | None = None) -> Moments:
    """Return the means that learning compares with those of the data.

    They are the derivatives of log Z. For binary units

        d/d a_i = <x_i>,    d/d b_j = <h_j>,    d/d W_ij = <x_i h_j>,

    and for Gaussian visible ones

        d/d a_i = <x_i - a_i> / sigma_i^2,      d/d b_j = <h_j>,
        d/d W_ij = <x_i h_j> / sigma_i^2,
        d/d sigma_i = <(x_i - a_i)^2 - 2 x_i (W h)_i> / sigma_i^3.

    Parameters and errors: as for log_partition.
    """
    machine = in_float64(machine)
    layer = over_smaller(machine)
    log_Z = log_total(layer, executor)
    slopes = sum(over_blocks(partial(layer.slopes, log_Z), layer, executor))
    words, others, both = slopes[:0:-1, 0], slopes[0, 1:], slopes[:0:-1, 1:]
    if machine.sigma is not None:
        return gaussian_moments(machine, words, both)
    if enumerates_hidden(machine):
        return Moments(x=others, h=words, xh=both.T, xx=others)
    return Moments(x=words, h=others, xh=both, xx=words)


def gaussian_moments(machine, h, uh) -> Moments:
    """Return the moments from <h_j> and <h_j u_i> : (N, M), u = W h / sigma.

    Given h, x = a + sigma (u + xi) with normal xi, so <u_i^2> = sum_j W_ij <h_j u_i> /
    sigma_i is all that the mean square of x needs.
    """
    W, a, sigma = machine.W, machine.a, machine.sigma
    u = W @ h / sigma
    uu = np.sum(W * uh.T, axis=1) / sigma
    return Moments(
        x=a + sigma * u,
        h=h,
        xh=a[:, np.newaxis] * h + sigma[:, np.newaxis] * uh.T,
        xx=a**2 + 2 * a * sigma * u + sigma**2 * (1 + uu),
    )


def visible_probabilities(machine: Machine) -> NDArray[np.float64]:
    """Return p(x) of all states of the visible units, (2^M,), as in binary_states(M).

    Raises ValueError if they are Gaussian, or more than 26.
    """
    require_binary(machine)
    return probabilities(over_visible(machine))


def hidden_probabilities(machine: Machine) -> NDArray[np.float64]:
    """Return p(h) of all states of the hidden units, (2^N,), as in binary_states(N).

    Raises ValueError if they are more than 26.
    """
    return probabilities(over_hidden(machine))


def joint_probabilities(machine: Machine) -> NDArray[np.float64]:
    """Return p(x, h), (2^M, 2^N), rows and columns as in binary_states.

    Straight from the energy: the sum that all others here rearrange.

    Raises ValueError if x is Gaussian, or if there are more than 20 units in all.
    """
    require_binary(machine)
    M, N = machine.W.shape
    if M + N > MAX_BITS:
        raise ValueError(
            f"{M} and {N} units have 2^{M + N} joint states, and the table holds up to "
            f"2^{MAX_BITS}; moments and exact_draws need no table"
        )
    machine = in_float64(machine)
    x, h = binary_states(M), binary_states(N)
    minus_energy = (x @ machine.a)[:, np.newaxis] + h @ machine.b + x @ machine.W @ h.T
    return np.exp(minus_energy - log_sum_exp(minus_energy))


def exact_draws(machine: Machine, n: int, *, rng) -> tuple[NDArray, NDArray]:
    """Draw n independent states (x, h) : (n, M) and (n, N), in the machine's dtype.

    A state of the smaller layer by its probability, then the other layer given it. No
    table of states is kept, so 2^20 of them take little memory. Uniform numbers with
    53 bits decide: up to 2^-53 and rounding, probabilities are those of the machine.
    Draw i depends on the key drawn from rng and on i alone, and not on n.

    Errors: as for log_partition.

    >>> machine = Machine(np.array([[50.0]]), np.array([-25.0]), np.array([-25.0]))
    >>> x, h = exact_draws(machine, 1000, rng=0)
    >>> np.array_equal(x, h)
    True
    """
    layer = over_smaller(machine)
    hidden = enumerates_hidden(machine)
    key = draw_key(rng)
    u, noise = np.empty((n, 1)), np.empty((n, layer.rows.shape[1] - 1))
    fill_noise(key, 0, False, u)
    fill_noise(key, 1, layer.gaussian, noise)
    words = pick_words(layer, u[:, 0])
    others = np.empty_like(noise)
    draw_given(words, layer.rows, layer.gaussian, noise, others)
    if layer.gaussian:
        others = machine.a + machine.sigma * others
    states = words[:, np.newaxis] >> np.arange(len(layer.rows) - 1)[::-1] & 1
    x, h = (others, states) if hidden else (states, others)
    return x.astype(machine.W.dtype), h.astype(machine.W.dtype)


def pick_words(layer: Enumeration, u) -> NDArray[np.int64]:
    """Return for each u in [0, 1) the word at which the sum of p first exceeds it."""
    log_sums = np.array([layer.log_sum(first) for first in layer.starts])
    log_Z = log_sum_exp(log_sums)
    ends = np.cumsum(np.exp(log_sums - log_Z))
    u = u * ends[-1]
    blocks = np.searchsorted(ends, u, side="right")
    words = np.empty(len(u), np.int64)
    for block in np.unique(blocks):
        first, here = layer.starts[block], blocks == block
        sums = np.cumsum(np.exp(layer.log_weights(first) - log_Z))
        sums += ends[block - 1] if block else 0.0
        # The two sums that end a block may differ in their last bit: a u between them
        # belongs to the last word that has a probability.
        last = np.searchsorted(sums, sums[-1])
        found = np.searchsorted(sums, u[here], side="right")
        words[here] = first + np.minimum(found, last)
    return words


@kernel
def draw_given(words, rows, gaussian, noise, out):
    """Draw the other layer for each of the words, from noise, to out : (n, m).

    Binary units are on where a uniform is below their mean; Gaussian ones are their
    mean plus a normal, counted from a in units of sigma.
    """
    fields = rows.copy()
    for i in range(words.size):
        here = visit_from_above(words[i], rows, fields)
        for k in range(out.shape[1]):
            z = fields[here, 1 + k]
            if gaussian:
                out[i, k] = z + noise[i, k]
            else:
                out[i, k] = noise[i, k] < sigmoid(z)


@kernel
def fill_noise(key, step, gaussian, noise):
    """Fill row i of noise with normals or uniforms, those of chain i at a step.

    The purpose is EXACT, so that a chain started from these draws with the same key
    does not meet their numbers again.
    """
    for i in range(len(noise)):
        if gaussian:
            normals(key, i, step, EXACT, noise[i])
        else:
            uniforms(key, i, step, EXACT, noise[i])


def probabilities(layer: Enumeration) -> NDArray[np.float64]:
    """Return p of all words of a layer."""
    log_weights = np.concatenate([layer.log_weights(first) for first in layer.starts])
    return np.exp(log_weights - log_sum_exp(log_weights))


def over_blocks(function, layer: Enumeration, executor: Executor | None):
    """Yield function(first word) for each block, in their order."""
    return (map if executor is None else executor.map)(function, layer.starts)


def log_total(layer: Enumeration, executor: Executor | None) -> float:
    """Return the logarithm of the sum of all weights."""
    return log_sum_exp(list(over_blocks(layer.log_sum, layer, executor)))


def enumerates_hidden(machine: Machine) -> bool:
    """Whether h is the layer to enumerate: the smaller one, or x is Gaussian."""
    M, N = machine.W.shape
    return machine.sigma is not None or N <= M


def over_smaller(machine: Machine) -> Enumeration:
    """Return the words of the layer that is cheaper to enumerate."""
    return over_hidden(machine) if enumerates_hidden(machine) else over_visible(machine)


def in_float64(machine: Machine) -> Machine:
    """Return the same machine in float64."""
    arrays = (machine.W, machine.a, machine.b)
    W, a, b = (array.astype(np.float64, copy=False) for array in arrays)
    sigma = machine.sigma
    return Machine(W, a, b, sigma if sigma is None else sigma.astype(np.float64))


def require_binary(machine: Machine) -> None:
    """Raise ValueError if the visible units are Gaussian."""
    if machine.sigma is not None:
        raise ValueError(
            "the visible units are Gaussian, so that x has a density and no table of "
            "probabilities: log_probability(machine, x) is its logarithm, and "
            "hidden_probabilities(machine) the table of h"
        )
