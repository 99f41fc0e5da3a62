"""A path from independent units to a Boltzmann machine, to be annealed along.

At inverse temperature beta the law is that of the energy

    E_beta(x, h) = (1 - beta) E_0(x, h) + beta E(x, h),

where E_0 is the energy of a machine without couplings or hidden biases: its visible
units have biases of their own, and its hidden ones are fair coins, so that

    log Z_0 = sum_i softplus(bias_i) + N log 2.

Every law on the path is that of a machine, with the couplings beta W and the biases
(1 - beta) bias + beta a and beta b. So one layer given the other is drawn as in
samplers/gibbs.py, and h can be summed out of the weights: with t_j = b_j + (x W)_j,

    log f_beta(x) = ((1 - beta) bias + beta a).x + sum_j softplus(beta t_j).

One step from beta to beta' adds log f_beta'(x) - log f_beta(x) to the logarithm of a
weight, then draws h given x and x given h at beta', h from the same t.

Gaussian units have on the whole path the sigma of the machine. Then E_0 is that of
N(bias, sigma^2), t_j = b_j + (x / sigma^2 W)_j, and x has the means
(1 - beta) bias + beta (a + W h). The squares of x fall out of the difference of E_0
and E, of which (a - bias) / sigma^2 . x - sum (a^2 - bias^2) / (2 sigma^2) is left, up
to terms with h; and log Z_0 = sum_i log(sqrt(2 pi) sigma_i) + N log 2.

Source: R. Salakhutdinov and I. Murray, ICML (2008).
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from samplers.annealing import WEIGHT, failure
from samplers.elementary import exp, log1p
from samplers.gibbs import BLOCK, HIDDEN_UNIT, VISIBLE_UNIT, Gibbs, layers_of
from samplers.kernel import inlined, kernel
from samplers.layers import (
    GROUP,
    Layer,
    add_from_table,
    addresses_of,
    draw_binary,
    draw_gaussian,
    draw_layer,
    fill_noise,
    in_fours,
)
from samplers.machine import Machine
from samplers.philox import HIDDEN, START, VISIBLE
from samplers.points import first_not_finite

WHAT = "", HIDDEN_UNIT, VISIBLE_UNIT, WEIGHT
HALF, ONE = map(np.float32, (0.5, 1))  # which leave the dtype to the other operand


@inlined
def softplus_gain(t, before, after):
    """Return softplus(after t) - softplus(before t), without the loss of a difference.

    With softplus(z) = max(z, 0) + log(1 + e^-|z|), the first parts differ by a product,
    and the second by one logarithm, of a number from 1/2 to 2.
    """
    size = abs(t)
    e, e_before = exp(-after * size), exp(-before * size)
    positive = HALF * (t + size)
    return (after - before) * positive + log1p((e - e_before) / (ONE + e_before))


@inlined
def total(row):
    """Return the sum of a row in float64, four by four, always in the same order."""
    s0 = s1 = s2 = s3 = 0.0
    for j in range(0, row.size, GROUP):
        s0 += np.float64(row[j])
        s1 += np.float64(row[j + 1])
        s2 += np.float64(row[j + 2])
        s3 += np.float64(row[j + 3])
    return (s0 + s1) + (s2 + s3)


@kernel
def weigh(x, t, slope, level, before, after, log_weights):
    """Add what f grows by from one beta to another, in logarithms.

    x : (particles, m)
    t : (particles, n), the pre-activations of the hidden units
    slope : (m,), level : E_0 - E is slope.x + level, up to terms with h
    before, after : the two beta
    log_weights : (particles,)

    Returns the first particle whose weight is nan or infinite, or -1.
    """
    gains, products = np.empty_like(t[0]), np.empty_like(slope)
    difference = np.float64(after) - np.float64(before)
    for c in range(len(x)):
        units, row = x[c], t[c]
        for j in range(gains.size):
            gains[j] = softplus_gain(row[j], before, after)
        for i in range(products.size):
            products[i] = slope[i] * np.float64(units[i])
        log_weights[c] += difference * (level + total(products)) + total(gains)
        if not log_weights[c] < np.inf:
            return c
    return -1


@kernel
def draw_visible(h, table, a, sigma, bias, beta, noise, t, out):
    """Draw the visible units at beta, given the hidden ones.

    t : (particles, m), written: pre-activations, or the Gaussian units
    bias : (m,), of the base

    The others, and what is returned: as for draw_layer.
    """
    ones = np.ones(len(t), t.dtype)
    rest = t.dtype.type(1) - beta
    for c in range(len(t)):
        for i in range(a.size):
            t[c, i] = a[i]
    add_from_table(h, table, t)
    for c in range(len(t)):
        row = t[c]
        for i in range(row.size):
            row[i] = rest * bias[i] + beta * row[i]
    if sigma is None:
        return draw_binary(t, ones, noise, out)
    return draw_gaussian(t, ones, sigma, noise, out)


class Rows(NamedTuple):
    """What a layer of n units, in fours, is in some particles: (particles, n) each.

    noise : uniforms, or normals for Gaussian units
    t : as draw_layer writes it
    units : uint8, or numbers
    """

    noise: NDArray
    t: NDArray
    units: NDArray


def make_rows(layer: Layer, particles: int) -> Rows:
    """Return Rows for so many particles, all units zero."""
    noise = np.empty((particles, layer.bias.size), layer.bias.dtype)
    dtype = np.uint8 if layer.sigma is None else noise.dtype
    return Rows(noise, np.empty_like(noise), np.zeros(noise.shape, dtype))


@dataclass(frozen=True, eq=False)
class MachinePath:
    """From visible units of their own biases, or means, to those of a machine.

    Parameters
    ----------
    machine : of binary or Gaussian visible units. The state x is (particle, M), uint8
        or, for Gaussian units, of the machine's dtype
    bias : (M,), finite; zero by default. Best the log-odds of the data's means, well
        inside of (0, 1), or for Gaussian units the means: a base that is closer to the
        machine needs fewer temperatures

    It holds the machine as it is now; make another one after a change of its arrays,
    such as a step of learning. A run rounds its betas to the dtype of the machine. In
    float32 log w is off by some 1e-4 or less, for 784 x 500 units and 10,000 betas.

    >>> machine = Machine(np.zeros((3, 2)), np.full(3, 0.5), np.zeros(2))
    >>> path = MachinePath(machine, bias=np.full(3, 0.5))
    >>> path.log_base, float(3 * np.log(1 + np.exp(0.5)) + 2 * np.log(2))
    (4.31, 4.31)

    Raises ValueError if bias does not fit.
    """

    machine: Machine
    bias: NDArray | None = None
    layers: tuple[Layer, Layer] = field(init=False, repr=False)
    base: tuple[NDArray, NDArray, float] = field(init=False, repr=False)
    log_base: float = field(init=False, repr=False)

    def __post_init__(self):
        a = self.machine.a
        with np.errstate(over="ignore"):
            bias = np.array(np.zeros_like(a) if self.bias is None else self.bias)
            bias = bias.astype(a.dtype)
        if bias.shape != a.shape or not np.isfinite(bias).all():
            raise ValueError(
                f"bias of shape {bias.shape} does not fit; it is ({a.size},), finite "
                f"in {a.dtype}. Means of 0 or 1 have infinite log-odds, so "
                "write (sum + 0.5) / (n + 1) for a mean of n images"
            )
        object.__setattr__(self, "bias", bias)
        object.__setattr__(self, "layers", layers_of(self.machine))
        object.__setattr__(self, "base", base_of(self.machine, bias))
        object.__setattr__(self, "log_base", log_base(self.machine, bias))

    def start(self, key: np.uint64, particles: int) -> NDArray:
        """Return states of the base, (particle, M): independent units."""
        _, visible = self.layers
        rows = make_rows(visible, particles)
        ones = np.ones(particles, rows.t.dtype)
        at = addresses_of(0, rows.noise)
        fill_noise(np.uint64(key), 0, START, at, visible.sigma, rows.noise)
        rows.t[:] = self.base[0]
        if visible.sigma is None:
            draw_binary(rows.t, ones, rows.noise, rows.units)
        else:
            draw_gaussian(rows.t, ones, visible.sigma, rows.noise, rows.units)
        return np.ascontiguousarray(rows.units[:, : len(self.machine.a)])

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (particle, M), as Gibbs.check does, or raise."""
        return Gibbs(self.machine).check(state)

    def anneal(
        self,
        state: NDArray,
        log_weights: NDArray[np.float64],
        betas: NDArray[np.float64],
        rungs: NDArray[np.int64],
        *,
        key: np.uint64,
        particle: int,
    ) -> None:
        """Go from one rung to the next, as samplers.annealing.Path says."""
        betas, M = betas.astype(self.machine.a.dtype), state.shape[1]
        for first in range(0, len(state), BLOCK):
            here, chain = slice(first, first + BLOCK), particle + first
            h, x = (make_rows(layer, len(state[here])) for layer in self.layers)
            at_h, at_x = (addresses_of(chain, rows.noise) for rows in (h, x))
            x.units[:, :M] = state[here]
            for old, new in pairwise(rungs.tolist()):
                fill_noise(np.uint64(key), new, HIDDEN, at_h, None, h.noise)
                sigma = self.layers[1].sigma
                fill_noise(np.uint64(key), new, VISIBLE, at_x, sigma, x.noise)
                failed, where = self.step(
                    x, h, betas[old], betas[new], log_weights[here]
                )
                if failed:
                    raise failure(WHAT[failed], betas[new], chain + where, new, key)
            state[here] = x.units[:, :M]

    def step(self, x, h, before, after, log_weights) -> tuple[int, int]:
        """Weigh particles from one beta to the next, and move them there.

        Parameters
        ----------
        x, h : Rows of both layers, changed in place, with the noise given
        before, after : the two beta, of the machine's dtype
        log_weights : (particles,), added to

        At after = 0 or 1, where a run ends, nothing is moved. Returns 0, 0; or which
        of WHAT is not finite, of which particle.
        """
        (W, table, b, _, _), (_, from_h, a, sigma, _) = self.layers
        bias, slope, level = self.base
        beta = np.full(log_weights.size, after)
        if draw_layer(x.units, W, table, b, None, beta, *h):
            return 1, first_not_finite(h.t)
        worst = weigh(x.units, h.t, slope, level, before, after, log_weights)
        if worst >= 0:
            return 3, worst
        if not 0 < after < 1:
            return 0, 0
        if draw_visible(h.units, from_h, a, sigma, bias, after, *x):
            return 2, first_not_finite(x.t)
        return 0, 0


def log_base(machine: Machine, bias: NDArray) -> float:
    """Return log Z_0, in nats."""
    if machine.sigma is None:
        visible = np.logaddexp(0, bias.astype(np.float64))
    else:
        visible = np.log(np.sqrt(2 * np.pi) * machine.sigma.astype(np.float64))
    return float(np.sum(visible) + len(machine.b) * np.log(2))


def base_of(machine: Machine, bias: NDArray) -> tuple[NDArray, NDArray, float]:
    """Return bias, and slope and level as `weigh` takes them, in fours."""
    a, old = machine.a.astype(np.float64), bias.astype(np.float64)
    sigma = machine.sigma
    if sigma is None:
        return in_fours(bias), in_fours(a - old), 0.0
    # What overflows here is met as a weight that is not finite.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        slope = (a - old) / sigma.astype(np.float64) ** 2
        level = -np.sum(slope * (a + old)) / 2
    return in_fours(bias), in_fours(slope), float(level)
