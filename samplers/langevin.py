"""Langevin dynamics: steps down the slope of the energy, and noise.

    x' = x - eta grad E(x) + sqrt(2 eta T) xi,   xi ~ N(0, I),

with the step size eta, in units of x^2 / E, and the temperature T, in units of E. For
eta -> 0 this is a diffusion that leaves p = exp(-E / T) / Z as it is. At a finite eta
it leaves another law: for E = x^2 / (2 s^2), since each step is linear, a Gaussian of
variance

    s^2 T / (1 - eta / (2 s^2)),

too large, and without limit for eta >= 4 s^2. In general the bias is of first order in
eta too. Nothing is rejected here; samplers/mala.py adds that, and is exact.

Sources: P. Langevin, Comptes Rendus 146 (1908), 530; G. Parisi, Nuclear Physics B 180
(1981), 378; G. O. Roberts and R. L. Tweedie, Bernoulli 2 (1996), 341, where it is named
the unadjusted Langevin algorithm.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samplers.errors import DivergenceError
from samplers.kernel import kernel
from samplers.layers import first_not_finite
from samplers.noise import draw_normals, pieces
from samplers.per_chain import per_chain, require_positive
from samplers.philox import PROPOSAL, START
from samplers.target import Target, as_called


@kernel
def move(x, score, noise, k, step_size, spread):
    """Add step_size score + spread noise[:, k] to x; count what is not finite then.

    x, score : (d, chains)
    noise : (d, steps, chains)
    step_size, spread : (chains,), eta and sqrt(2 eta T)
    """
    infinite = np.int32(0)
    for j in range(len(x)):
        place, force, xi = x[j], score[j], noise[j, k]
        for c in range(place.size):
            place[c] += step_size[c] * force[c] + spread[c] * xi[c]
            infinite = np.int32(infinite + np.int32(not abs(place[c]) < np.inf))
    return infinite


@kernel
def keep(x, draws, n):
    """Write x : (d, chains) to draws : (chains, draws, d), as draw n."""
    for c in range(x.shape[1]):
        for j in range(len(x)):
            draws[c, n, j] = x[j, c]


@kernel(cache=False)
def take_steps(score, params, x, noise, step_size, spread, done, thin, draws):
    """Take a step for each of the noise, and keep every state of which thin is due.

    score, params : of a Target
    x : (d, chains), changed in place
    noise, step_size, spread : as for `move`
    done : steps since the last draw was due, modulo thin, and thin for each draw before
    draws : (chains, n, d), written

    Returns the number of the step after which x is not finite, or -1.
    """
    force = np.empty_like(x)
    for k in range(noise.shape[1]):
        score(x.T, force.T, *params)
        if move(x, force, noise, k, step_size, spread):
            return k
        if (done + k + 1) % thin == 0:
            keep(x, draws, (done + k) // thin)
    return -1


@dataclass(frozen=True, eq=False)
class Langevin:
    """One step is x' above: the unadjusted Langevin algorithm.

    target : of which the score is taken; the state x is (chain, d), of its dtype
    step_size : eta, positive: a number, or (chain,) with one for each chain
    temperature : T, positive, likewise

    >>> from samplers.chains import Chains
    >>> from samplers.gaussian import gaussian_target
    >>> sampler = Langevin(gaussian_target([0.0], [[1.0]]), step_size=0.4)
    >>> draws = Chains(sampler, 1000, rng=0, burn_in=100).run(100)

    By the formula above, the variance is 1.25 where that of the target is 1.

    >>> float(draws.var())
    1.25

    Raises ValueError if step_size or temperature do not fit.
    """

    target: Target
    step_size: float | NDArray
    temperature: float | NDArray = 1.0

    def __post_init__(self):
        for name in ("step_size", "temperature"):
            numbers = require_positive(name, getattr(self, name))
            object.__setattr__(self, name, numbers)

    def start(self, key: np.uint64, chains: int) -> NDArray:
        """Return states drawn from N(0, I), (chain, d)."""
        shape = (self.target.dimension, 1, chains)
        dtype = self.target.dtype
        noise = draw_normals(key, START, chain=0, step=0, shape=shape, dtype=dtype)
        return self.check(noise[:, 0].T)

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (chain, d), in the dtype and order of `advance`.

        Raises ValueError for another shape, or where state or score are not finite.
        """
        state = self.target.points(state)
        self.target.score_at(state)
        self.sizes(0, len(state))
        return state

    def sizes(self, chain: int, chains: int) -> tuple[NDArray, NDArray]:
        """Return eta and T of some chains, (chains,) each, in float64."""
        eta = per_chain("step_size", np.asarray(self.step_size), chain, chains)
        T = per_chain("temperature", np.asarray(self.temperature), chain, chains)
        return eta, T

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

        state : (chain, d), as `check` returns it, changed in place
        draws : (chain, n, d), of the same dtype, written
        chain, step : the number of the first chain, and of the steps done before

        Raises DivergenceError; then state and draws are of no use.
        """
        score, params, dtype = self.target.score, self.target.params, state.dtype
        walk = as_called(take_steps, score)
        d, total = state.shape[1], draws.shape[1] * thin
        chains, steps = pieces(len(state), total, d)
        for first in range(0, len(state), chains):
            here = slice(first, first + chains)
            x = np.ascontiguousarray(state[here].T)
            eta, T = self.sizes(chain + first, x.shape[1])
            sizes = eta.astype(dtype), np.sqrt(2 * eta * T).astype(dtype)
            for done in range(0, total, steps):
                shape = (d, min(steps, total - done), x.shape[1])
                address = {"chain": chain + first, "step": step + done}
                noise = draw_normals(key, PROPOSAL, shape=shape, dtype=dtype, **address)
                failed = walk(score, params, x, noise, *sizes, done, thin, draws[here])
                if failed >= 0:
                    where = chain + first + first_not_finite(x.T)
                    raise DivergenceError("the state", where, step + done + failed, key)
            state[here] = x.T
