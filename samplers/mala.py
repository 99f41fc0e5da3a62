"""The Metropolis-adjusted Langevin algorithm, MALA: Langevin's steps, made exact.

A step of samplers/langevin.py from x leads to

    y = x + eta s(x) + sqrt(2 eta T) xi,   s = -grad E,

with the density q(y | x) ~ exp(-|y - x - eta s(x)|^2 / (4 eta T)). Here y is only
proposed. It is taken with the probability min(1, a), and else the chain stays at x for
this step, where by Metropolis and Hastings

    a = p(y) q(x | y) / (p(x) q(y | x)),

so that p = exp(-E / T) / Z is in detailed balance, whatever eta. In the difference of
the two squares of log q, as u^2 - v^2 = (u + v) (u - v), large terms cancel:

    T log a = E(x) - E(y) - (s(x) + s(y)).((y - x) / 2 + eta (s(y) - s(x)) / 4).

The trapezoidal rule gives E(x) - E(y) up to the third order of y - x, and the last term
is of eta (y - x): so 1 - a is of order eta^(3/2), and a short step is nearly always
taken. In many dimensions the best eta takes about 0.57 of them. In float32 an energy is
rounded, by which log a is wrong by some 6e-8 |E| / T.

Sources: W. K. Hastings, Biometrika 57 (1970), 97; P. J. Rossky, J. D. Doll and H. L.
Friedman, Journal of Chemical Physics 69 (1978), 4628; G. O. Roberts and R. L. Tweedie,
Bernoulli 2 (1996), 341; G. O. Roberts and J. S. Rosenthal, Journal of the Royal
Statistical Society B 60 (1998), 255, for 0.57.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samplers.elementary import exp
from samplers.kernel import kernel
from samplers.langevin import ENERGY, SCORE, STATE, Langevin, move
from samplers.noise import draw_uniforms
from samplers.philox import ACCEPT
from samplers.points import as_called, first_not_finite, keep


class Point(NamedTuple):
    """Where some chains are, or may go.

    x : (d, chains)
    score : (d, chains), -grad E there
    energy : (chains,), E there
    """

    x: NDArray
    score: NDArray
    energy: NDArray


@kernel
def copy(x, out):
    """Write x to out, both (d, chains)."""
    for j in range(len(x)):
        for c in range(x.shape[1]):
            out[j, c] = x[j, c]


@kernel
def log_acceptance(at, to, step_size, temperature, out):
    """Write log a to out : (chains,) float64, and count where it makes no sense.

    at, to : Points of dtype float32 or float64, x and y
    step_size, temperature : (chains,)

    An energy of inf at y gives -inf. One of -inf gives nan, as any nan, and is counted.
    """
    nans = np.int32(0)
    for c in range(out.size):
        out[c] = np.float64(at.energy[c]) - np.float64(to.energy[c])
    for j in range(len(at.x)):
        x, y, old, new = at.x[j], to.x[j], at.score[j], to.score[j]
        for c in range(out.size):
            a, b = np.float64(old[c]), np.float64(new[c])
            half = (np.float64(y[c]) - np.float64(x[c])) / 2
            out[c] -= (a + b) * (half + np.float64(step_size[c]) * (b - a) / 4)
    for c in range(out.size):
        height = np.float64(to.energy[c])
        log_a = out[c] / np.float64(temperature[c]) if height < np.inf else -height
        out[c] = log_a if height != -np.inf else np.nan
        nans = np.int32(nans + np.int32(np.isnan(out[c])))
    return nans


@kernel
def accept(at, to, log_a, u):
    """Go where u < a : (chains,); as u < 1, that is with the probability min(1, a)."""
    taken = np.empty(u.size, np.uint8)
    for c in range(u.size):
        taken[c] = u[c] < exp(log_a[c])
    for c in range(u.size):
        at.energy[c] = to.energy[c] if taken[c] else at.energy[c]
    for j in range(len(at.x)):
        x, y, old, new = at.x[j], to.x[j], at.score[j], to.score[j]
        for c in range(u.size):
            x[c] = y[c] if taken[c] else x[c]
        for c in range(u.size):
            old[c] = new[c] if taken[c] else old[c]


@kernel
def first_nan(at, to, log_a):
    """Return ENERGY or SCORE, whichever made the first nan of log a, and its chain."""
    for c in range(log_a.size):
        if np.isnan(log_a[c]):
            return ENERGY if not at.energy[c] - to.energy[c] < np.inf else SCORE, c
    return 0, 0


@kernel(cache=False)
def take_steps(
    score,
    energy,
    params,
    at,
    step_size,
    spread,
    temperature,
    noise,
    u,
    done,
    thin,
    draws,
):
    """Take a step for each of the noise, and keep every state of which thin is due.

    score, energy, params : of a Target
    at : a Point, changed in place
    step_size, spread, temperature : (chains,), eta, sqrt(2 eta T) and T
    noise : (d, steps, chains), normals
    u : (steps, chains), uniforms in [0, 1), float64
    done, thin, draws : as for samplers.langevin.take_steps

    Returns 0, 0, 0; or what is not finite, STATE, ENERGY or SCORE, of the point that is
    proposed, in which chain, in which step.
    """
    to = Point(np.empty_like(at.x), np.empty_like(at.x), np.empty_like(at.energy))
    log_a = np.empty(at.energy.size)
    for k in range(noise.shape[1]):
        copy(at.x, to.x)
        if move(to.x, at.score, noise, k, step_size, spread):
            return STATE, first_not_finite(to.x.T), k
        score(to.x.T, to.score.T, *params)
        energy(to.x.T, to.energy, *params)
        if log_acceptance(at, to, step_size, temperature, log_a):
            what, where = first_nan(at, to, log_a)
            return what, where, k
        accept(at, to, log_a, u[k])
        if (done + k + 1) % thin == 0:
            keep(at.x, draws, (done + k) // thin)
    return 0, 0, 0


@dataclass(frozen=True, eq=False)
class MALA(Langevin):
    """One step proposes a step of Langevin, and takes it with probability min(1, a).

    target, step_size, temperature : as for Langevin; the target has an energy

    >>> from samplers.chains import Chains
    >>> from samplers.gaussian import gaussian_target
    >>> sampler = MALA(gaussian_target([0.0], [[1.0]]), step_size=0.4)
    >>> draws = Chains(sampler, 1000, rng=0, burn_in=100).run(100)

    The variance is that of the target.

    >>> float(draws.var()), float(acceptance_rate(draws).mean())
    (0.99, 0.94)

    A proposal of infinite energy, where p is zero, is not taken. One whose energy or
    score is nan stops the chains by DivergenceError, and so does one that overflows.

    Raises ValueError or TypeError as Langevin does, and ValueError without an energy.
    """

    def __post_init__(self):
        super().__post_init__()
        if self.target.energy is None:
            raise ValueError(
                "this target has no energy, by which a step is accepted or not; write "
                "Target(score, dimension, energy=energy), or take "
                "samplers.langevin.Langevin, which needs none and is biased"
            )

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (chain, d), in the dtype and order of `advance`.

        Raises ValueError as Langevin.check does, or where the energy is infinite.
        """
        state = super().check(state)
        outside = np.isinf(self.target.energy_at(state))
        if outside.any():
            raise ValueError(
                f"chain {np.argmax(outside)} would start where the energy is infinite "
                "and the law has no weight; give states of finite energy, as in "
                "Chains(sampler, state=state, rng=0)"
            )
        return state

    def walk(self, x: NDArray, chain: int) -> Callable:
        """Return take_steps from x : (d, chains), whose arguments begin with the noise.

        chain : the number of the first chain
        """
        score, energy = self.target.score, self.target.energy
        assert energy is not None
        params, sizes = self.target.params, self.sizes(chain, x.shape[1])
        at = Point(x, np.empty_like(x), np.empty(x.shape[1], x.dtype))
        score(at.x.T, at.score.T, *params)
        energy(at.x.T, at.energy, *params)
        loop = as_called(take_steps, score, energy)
        return partial(loop, score, energy, params, at, *sizes)

    def numbers(self, key, chain, step, shape) -> tuple[NDArray, ...]:
        """Return the noise of a walk, normals (d, steps, chains), and its uniforms."""
        address = {"chain": chain, "step": step, "shape": (1, *shape[1:])}
        [u] = draw_uniforms(key, ACCEPT, **address)
        return *super().numbers(key, chain, step, shape), u


def acceptance_rate(draws: ArrayLike) -> NDArray[np.float64]:
    """Return the share of steps that were taken, (chain,), from the moves of a chain.

    draws : (chain, draw, d), of every step: thin is 1

    Raises ValueError for another shape, or if there are fewer than two draws.
    """
    draws = np.asarray(draws)
    if draws.ndim != 3 or draws.shape[1] < 2:
        raise ValueError(
            f"draws of shape {draws.shape} show no steps; they are (chain, draw, d), "
            "with two draws or more, of Chains(..., thin=1)"
        )
    return np.any(draws[:, 1:] != draws[:, :-1], axis=2).mean(axis=1)
