"""Block Gibbs sampling of a Boltzmann machine.

Given one layer, the units of the other are independent and can be drawn at once. One
step of a chain draws

    h ~ p(h | x),   then   x ~ p(x | h).

Both halves draw from a conditional of p(x, h), so that this law is invariant; and x
alone goes to and fro between the layers by

    T(x -> x') = sum_h p(h | x) p(x' | h),   p(x) T(x -> x') = p(x') T(x' -> x).

Some visible units may be clamped: the others are then drawn given these. A chain goes
on for as long as it is advanced from where it was, by the number of its steps. As the
arrays of the machine are read anew at each call of `advance`, they may change in place
between two: chains that go on so, while the machine learns from them, are persistent.

Sources: S. Geman and D. Geman, IEEE Transactions on Pattern Analysis and Machine
Intelligence 6 (1984), 721; P. Smolensky, Parallel Distributed Processing 1 (1986); for
persistent chains, T. Tieleman, ICML (2008).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samplers.errors import DivergenceError
from samplers.kernel import kernel
from samplers.layers import (
    Layer,
    addresses_of,
    draw_layer,
    fill_noise,
    in_fours,
    make_layer,
)
from samplers.machine import Machine
from samplers.per_chain import per_chain, require_positive
from samplers.philox import HIDDEN, START, VISIBLE
from samplers.points import first_not_finite

BLOCK = 128  # chains that take their steps together, while their arrays are in cache
HIDDEN_UNIT = "the pre-activation of a hidden unit"
VISIBLE_UNIT = "the pre-activation of a visible unit"


@kernel
def sweep(hidden, visible, x, beta, clamped, noise_h, noise_x, t_h, t_x, h, new):
    """Take one step of some chains, with given noise.

    Parameters
    ----------
    hidden, visible : Layers, of the units drawn given the other ones
    x : (chains, M)
    beta : (chains,), inverse temperatures
    clamped : the numbers of the visible units that stay as they are
    noise_h : (chains, N), uniforms
    noise_x : (chains, M), uniforms, or normals for Gaussian units
    t_h, t_x : written: see t of draw_layer
    h : (chains, N) uint8, written
    new : (chains, M), written: the new x

    Returns 0, or 1 or 2 if something in the hidden or visible layer is not finite.
    """
    W, table, b, _, _ = hidden
    if draw_layer(x, W, table, b, None, beta, noise_h, t_h, h):
        return 1
    W, table, a, sigma, _ = visible
    if draw_layer(h, W, table, a, sigma, beta, noise_x, t_x, new):
        return 2
    for i in clamped:
        for c in range(len(x)):
            new[c, i] = x[c, i]
    return 0


@kernel
def sweeps(hidden, visible, beta, clamped, state, draws, key, chain, step, thin):
    """Take n thin steps of some chains, as Gibbs.advance says.

    hidden, visible, beta, clamped : as in `sweep`
    state : (chains, M); draws : (chains, n, M)

    Returns 0, 0, 0; or what `sweep` returned, in which chain, after how many steps.
    """
    chains, n, M = draws.shape
    x = np.zeros((chains, visible.bias.size), state.dtype)
    h = np.zeros((chains, hidden.bias.size), np.uint8)
    noise_x, noise_h = np.empty(x.shape, beta.dtype), np.empty(h.shape, beta.dtype)
    new, t_x, t_h = x.copy(), noise_x.copy(), noise_h.copy()
    at_x, at_h = addresses_of(chain, noise_x), addresses_of(chain, noise_h)
    x[:, :M] = state
    for k in range(n * thin):
        fill_noise(key, step + k, hidden.purpose, at_h, hidden.sigma, noise_h)
        fill_noise(key, step + k, visible.purpose, at_x, visible.sigma, noise_x)
        failed = sweep(
            hidden, visible, x, beta, clamped, noise_h, noise_x, t_h, t_x, h, new
        )
        if failed:
            rows = t_h if failed == 1 else t_x
            return failed, chain + first_not_finite(rows), step + k
        x, new = new, x
        if (k + 1) % thin == 0:
            draws[:, k // thin] = x[:, :M]
    state[:] = x[:, :M]
    return 0, 0, 0


@dataclass(frozen=True, eq=False)
class Gibbs:
    """One step draws all hidden units, and then all visible units.

    Parameters
    ----------
    machine : of binary or Gaussian visible units. The state x is (chain, M), uint8 or,
        for Gaussian units, of the machine's dtype
    beta : the inverse temperature, positive: p(x, h) is proportional to
        exp(-beta E(x, h)). A number, or (chain,) with one for each chain
    clamped : (M,) bool, the visible units that keep the value they have in the state

    >>> machine = Machine(np.full((3, 2), 4.0), np.full(3, -4.0), np.full(2, -6.0))
    >>> sampler = Gibbs(machine)
    >>> state = sampler.start(np.uint64(0), chains=2)
    >>> draws = np.empty((2, 1000, 3), np.uint8)
    >>> sampler.advance(state, draws, key=np.uint64(0), chain=0, step=0, thin=1)

    The three units are on together, or off.

    >>> bool(np.mean(np.ptp(draws, axis=2) == 0) > 0.9)
    True

    Raises ValueError or TypeError if beta or clamped do not fit.
    """

    machine: Machine
    beta: float | NDArray = 1.0
    clamped: NDArray[np.bool_] | None = None

    def __post_init__(self):
        M, dtype = len(self.machine.a), self.machine.a.dtype
        beta = require_positive("beta", self.beta, dtype)
        if self.clamped is not None and (
            np.shape(self.clamped) != (M,) or np.asarray(self.clamped).dtype != bool
        ):
            raise ValueError(
                f"clamped is {self.clamped!r}; it says for each of the {M} visible "
                f"units whether it keeps its value: ({M},), of dtype bool"
            )
        object.__setattr__(self, "beta", beta)

    def start(self, key: np.uint64, chains: int) -> NDArray:
        """Return random states, (chain, M), the clamped units among them.

        Fair coins; Gaussian units as they are without hidden ones, N(a, sigma^2/beta).
        """
        a, sigma, beta = self.machine.a, self.machine.sigma, self._betas(0, chains)
        noise = np.empty((chains, len(in_fours(a))), a.dtype)
        fill_noise(np.uint64(key), 0, START, addresses_of(0, noise), sigma, noise)
        noise = noise[:, : len(a)]
        if sigma is None:
            return (noise < 0.5).astype(np.uint8)
        return a + noise * (sigma / np.sqrt(beta[:, np.newaxis]))

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (chain, M), in the dtype and order that `advance` takes.

        Raises ValueError for another shape, for binary units that are not 0 or 1, and
        for Gaussian ones that are not finite.
        """
        state = np.asarray(state)
        M = len(self.machine.a)
        require_rows("the state", state, M)
        self._betas(0, len(state))
        if self.machine.sigma is None:
            return as_binary("the state", state)
        state = np.ascontiguousarray(state, self.machine.a.dtype)
        if not np.isfinite(state).all():
            raise ValueError(
                "the state holds nan or infinity, from which no chain can go on; leave "
                "such rows out, or take those of Gibbs.start"
            )
        return state

    def advance(
        self,
        state: NDArray,
        draws: NDArray,
        *,
        key: np.uint64,
        chain: int,
        step: int,
        thin: int,
    ) -> None:
        """Take n times `thin` steps and keep the state after each `thin` of them.

        state : (chain, M), as `check` returns it, changed in place
        draws : (chain, n, M), of the same dtype, written
        chain, step : the number of the first chain, and of the steps done before

        Raises DivergenceError; then state and draws are of no use.
        """
        hidden, visible = layers_of(self.machine)
        beta = self._betas(chain, len(state))
        clamped = np.flatnonzero(() if self.clamped is None else self.clamped)
        for first in range(0, len(state), BLOCK):
            here = slice(first, first + BLOCK)
            numbers = np.uint64(key), chain + first, step, thin
            failed, where, when = sweeps(
                hidden, visible, beta[here], clamped, state[here], draws[here], *numbers
            )
            if failed:
                what = HIDDEN_UNIT if failed == 1 else VISIBLE_UNIT
                raise DivergenceError(what, where, when, key)

    def sample_hidden(
        self, x: NDArray, *, key: np.uint64, step: int, chain: int = 0
    ) -> NDArray[np.uint8]:
        """Return h ~ p(h | x), (chain, N), for x : (chain, M).

        As a chain draws it that is at x after so many steps; see advance.
        """
        hidden, _ = layers_of(self.machine)
        N = len(self.machine.b)
        return self._draw(hidden, self.check(x), N, key, step, chain)

    def sample_visible(
        self, h: NDArray, *, key: np.uint64, step: int, chain: int = 0
    ) -> NDArray:
        """Return x ~ p(x | h), (chain, M), for h : (chain, N), none of them clamped."""
        _, visible = layers_of(self.machine)
        require_rows("h", h, len(self.machine.b))
        h, M = as_binary("h", h), len(self.machine.a)
        return self._draw(visible, h, M, key, step, chain)

    def _draw(self, layer, states, units, key, step, chain):
        """Return the first so many units of a layer, given the states of the other."""
        W, table, bias, sigma, purpose = layer
        beta = self._betas(chain, len(states))
        t = np.empty((len(states), bias.size), beta.dtype)
        noise, dtype = np.empty_like(t), np.uint8 if sigma is None else beta.dtype
        out = np.empty(t.shape, dtype)
        fill_noise(np.uint64(key), step, purpose, addresses_of(chain, t), sigma, noise)
        states = in_fours(states)[: len(states)]
        if draw_layer(states, W, table, bias, sigma, beta, noise, t, out):
            what = HIDDEN_UNIT if purpose == HIDDEN else VISIBLE_UNIT
            raise DivergenceError(what, chain + first_not_finite(t), step, key)
        return out[:, :units].copy()

    def _betas(self, chain: int, chains: int) -> NDArray:
        """Return beta of each of some chains, in the dtype of the machine."""
        return per_chain("beta", np.asarray(self.beta), chain, chains)


def layers_of(machine: Machine) -> tuple[Layer, Layer]:
    """Return (hidden, visible), as `sweep` takes them."""
    W, a, b, sigma = machine.W, machine.a, machine.b, machine.sigma
    if sigma is None:
        return make_layer(W, b, HIDDEN), make_layer(W.T, a, VISIBLE)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        # What overflows here is met as a pre-activation that is not finite.
        scaled = W / sigma[:, np.newaxis] ** 2
    hidden = make_layer(scaled, b, HIDDEN, binary=False)
    return hidden, make_layer(W.T, a, VISIBLE, sigma=sigma)


def require_rows(name: str, states, units: int) -> None:
    """Raise ValueError unless the states are (chain, units)."""
    shape = np.shape(states)
    if len(shape) != 2 or shape[1] != units or not shape[0]:
        raise ValueError(
            f"{name} has shape {shape}; it is (chain, {units}): a row for each chain, "
            f"and a column for each of the {units} units of its layer"
        )


def as_binary(name: str, states) -> NDArray[np.uint8]:
    """Return states as uint8, or raise ValueError unless they are zeros and ones."""
    states = np.asarray(states)
    if not np.all((states == 0) | (states == 1)):
        raise ValueError(
            f"{name} has values that are neither 0 nor 1, and the units are binary; "
            "make them so by a threshold, or draw them with their means"
        )
    return np.ascontiguousarray(states, np.uint8)
