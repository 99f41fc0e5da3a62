"""Langevin dynamics: steps down the slope of the energy, and noise.

    x' = x - eta grad E(x) + sqrt(2 eta T) xi,   xi ~ N(0, I),

with the step size eta, in units of x^2 / E, and the temperature T, in units of E. For
eta -> 0 this is a diffusion that leaves p = exp(-E / T) / Z as it is. At a finite eta
it leaves another law: for E = x^2 / (2 s^2), since each step is linear, a Gaussian of
variance

    s^2 T / (1 - eta / (2 s^2)),

too large, and without limit for eta >= 4 s^2; with a covariance C, of the covariance
T (C^-1 - eta C^-2 / 2)^-1. For any E whose slope grows no faster than |x| the law that
stays is, up to eta^2,

    p_eta = p (1 + eta (f - <f>)),   f = |grad E|^2 / (4 T) - lap E / 2,

with <> the mean under p: in place of E there is E - eta T f. To see it, take a function
g whose mean, after a step from x, is g + eta L g + eta^2 B g + O(eta^3) at x, where
L g = T lap g - grad E.grad g, and B holds up to four derivatives. Integrals by parts,
with T grad p = -p grad E, give <L g> = 0, <f L g> = -T <grad f.grad g>, and <B g> =
T <grad f.grad g>: so under p (1 + eta f) the mean of g stays, up to eta^3.

Where the slope grows faster, as |x|^3, a step from far out leads further out, and no
law stays. For E = x^4 - 2 x^2 far out is x^2 > 1 + 1 / (2 eta): if eta = 0.1, one in 70
of the chains that start at N(0, 1) is there, and ends in a DivergenceError. If eta is
small, that takes long to happen, and until then the formula holds.

A loop that adds sigma xi, with another sigma than sqrt(2 eta T), samples at the
temperature sigma^2 / (2 eta). With eta = 10 and sigma = 0.005, as in many notebooks,
that is 1.25e-6: a short run of it looks for minima, and does not sample the model.

Nothing is rejected here; samplers/mala.py adds that, and is exact.

Sources: P. Langevin, Comptes Rendus 146 (1908), 530; G. Parisi, Nuclear Physics B 180
(1981), 378; G. O. Roberts and R. L. Tweedie, Bernoulli 2 (1996), 341, where it is named
the unadjusted Langevin algorithm; for expansions of its law in eta, D. Talay and L.
Tubaro, Stochastic Analysis and Applications 8 (1990), 483.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from samplers.errors import DivergenceError
from samplers.kernel import kernel
from samplers.noise import draw_normals, pieces
from samplers.per_chain import per_chain, require_positive
from samplers.philox import PROPOSAL, START
from samplers.points import as_called, first_not_finite, keep, require_points
from samplers.target import Target

FAILURES = ("nothing", "the state", "the energy", "the score")
STATE, ENERGY, SCORE = 1, 2, 3


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


@kernel(cache=False)
def take_steps(score, params, x, step_size, spread, noise, done, thin, draws):
    """Take a step for each of the noise, and keep every state of which thin is due.

    score, params : of a Target
    x : (d, chains), changed in place
    step_size, spread, noise : as for `move`
    done : steps since the last draw was due, modulo thin, and thin for each draw before
    draws : (chains, n, d), written

    Returns 0, 0, 0; or STATE if x is not finite then, in which chain, after which step.
    """
    force = np.empty_like(x)
    for k in range(noise.shape[1]):
        score(x.T, force.T, *params)
        if move(x, force, noise, k, step_size, spread):
            return STATE, first_not_finite(x.T), k
        if (done + k + 1) % thin == 0:
            keep(x, draws, (done + k) // thin)
    return 0, 0, 0


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

    Raises ValueError if step_size or temperature do not fit, and TypeError if target is
    no Target.
    """

    target: Target
    step_size: float | NDArray
    temperature: float | NDArray = 1.0

    def __post_init__(self):
        if not hasattr(self.target, "score_at"):
            raise TypeError(
                f"target is a {type(self.target).__name__}, which does not say what to "
                "sample; it is a Target, such as Target(score, dimension) or the one "
                "that double_well_target() returns"
            )
        for name in ("step_size", "temperature"):
            numbers = require_positive(name, getattr(self, name), self.target.dtype)
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
        state = require_points(state, self.target.dimension, self.target.dtype)
        self.target.score_at(state)
        self.sizes(0, len(state))
        return state

    def sizes(self, chain: int, chains: int) -> tuple[NDArray, NDArray, NDArray]:
        """Return eta, sqrt(2 eta T) and T of some chains, (chains,) each."""
        eta = per_chain("step_size", np.asarray(self.step_size), chain, chains)
        T = per_chain("temperature", np.asarray(self.temperature), chain, chains)
        spread = np.sqrt(2 * eta.astype(np.float64) * T)
        return eta, spread.astype(eta.dtype), T

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
        d, total = state.shape[1], draws.shape[1] * thin
        chains, steps = pieces(len(state), total, d)
        for first in range(0, len(state), chains):
            here = slice(first, first + chains)
            x = np.ascontiguousarray(state[here].T)
            walk = self.walk(x, chain + first)
            for done in range(0, total, steps):
                shape = d, min(steps, total - done), x.shape[1]
                numbers = self.numbers(key, chain + first, step + done, shape)
                failed, where, when = walk(*numbers, done, thin, draws[here])
                if failed:
                    where, when = chain + first + where, step + done + when
                    raise DivergenceError(FAILURES[failed], where, when, key)
            state[here] = x.T

    def walk(self, x: NDArray, chain: int) -> Callable:
        """Return take_steps from x : (d, chains), whose arguments begin with the noise.

        chain : the number of the first chain
        """
        score, params = self.target.score, self.target.params
        eta, spread, _ = self.sizes(chain, x.shape[1])
        return partial(as_called(take_steps, score), score, params, x, eta, spread)

    def numbers(self, key, chain, step, shape) -> tuple[NDArray, ...]:
        """Return the noise of a walk: normals, in a shape of (d, steps, chains)."""
        address = {"chain": chain, "step": step, "shape": shape}
        return (draw_normals(key, PROPOSAL, dtype=self.target.dtype, **address),)
