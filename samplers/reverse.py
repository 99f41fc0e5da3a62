"""The reverse chain of a diffusion: from noise to data, by a guess of the data.

A step from t to s < t is linear in x0hat = x0hat(x_t, t), the guess of a denoiser,

    x_s = a x0hat + b x_t + c xi,   xi ~ N(0, I),
    c = eta sqrt((1 - abar_s) / (1 - abar_t) (1 - abar_t / abar_s)),
    b = sqrt((1 - abar_s - c^2) / (1 - abar_t)),   a = sqrt(abar_s) - b sqrt(abar_t),

with 0 <= eta <= 1. If the guess were right, x0hat = x_0, and x_t = sqrt(abar_t) x_0 +
sqrt(1 - abar_t) xi' as the forward chain makes it, then x_s would have the mean
sqrt(abar_s) x_0 and the variance b^2 (1 - abar_t) + c^2 = 1 - abar_s: that of the
forward chain again, for any eta and any times. eta = 1 is ancestral sampling, a draw
from q(x_s | x_t, x_0) with the guess for x_0; eta = 0 adds no noise, so that x_0 is a
function of x_T. The last step, to s = 0, has a = 1 and b = c = 0.

For x0hat = E[x_0 | x_t] the chain comes to the law of the data as its steps get small.
For eta = 0 its steps can then be undone, since the derivative of a x0hat + b x_t by x_t
is positive definite (to s = 0, unless the data lie in a hyperplane): given x_s, x_t is
the root of an equation, which tests/lecture/test_reverse_diffusion.py solves from x_0
up to x_T.

Sources: J. Ho, A. Jain and P. Abbeel, Denoising diffusion probabilistic models, NeurIPS
(2020), for eta = 1; J. Song, C. Meng and S. Ermon, Denoising diffusion implicit models,
ICLR (2021), equations 12 and 16.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samplers.denoiser import Denoiser
from samplers.errors import DivergenceError
from samplers.forward import require_end
from samplers.kernel import kernel
from samplers.noise import NUMBERS, draw_normals
from samplers.philox import REVERSE, START
from samplers.points import as_called, first_not_finite, keep, require_points
from samplers.schedules import Schedule, complement, require_schedule

FAILURES = ("", "the state", "the estimate of the denoiser")
STATE, ESTIMATE = 1, 2


def coefficients(schedule: Schedule, times: NDArray, eta: float):
    """Return a, b and c, (steps,) each in float64, of the steps between times.

    With u = 1 - abar_s, v = 1 - abar_t, alpha = abar_t / abar_s and beta = 1 - alpha,
    so that v = alpha u + beta, the differences above are

        1 - abar_s - c^2 = u (alpha u + (1 - eta^2) beta) / v,
        a = sqrt(abar_s) (1 - alpha b^2) / (1 + sqrt(alpha) b),
        1 - alpha b^2 = beta (v + eta^2 alpha u) / v^2,

    in which nothing cancels.
    """
    t, s = times[:-1], times[1:]
    log_alpha = schedule.log_abar[t] - schedule.log_abar[s]
    alpha, beta = np.exp(log_alpha), complement(log_alpha)
    u, v = complement(schedule.log_abar[s]), complement(schedule.log_abar[t])
    b = np.sqrt(u / v * ((alpha * u + (1 - eta) * (1 + eta) * beta) / v))
    rest = beta / v * ((v + eta**2 * alpha * u) / v)
    a = schedule.signal[s] * (rest / (1 + np.exp(log_alpha / 2) * b))
    return a, b, eta * np.sqrt(u / v * beta)


@kernel
def step_back(x, estimate, noise, k, a, b, c):
    """Set x to a estimate + b x + c noise[:, k]; count what is not finite then.

    x, estimate : (d, chains)
    noise : (d, steps, chains), or without steps if c is 0
    a, b, c : numbers
    """
    infinite = np.int32(0)
    for j in range(len(x)):
        row, x_0 = x[j], estimate[j]
        for i in range(row.size):
            row[i] = a * x_0[i] + b * row[i]
            infinite = np.int32(infinite + np.int32(not abs(row[i]) < np.inf))
        if c > 0:
            xi = noise[j, k]
            for i in range(row.size):
                row[i] += c * xi[i]
    return infinite


@kernel(cache=False)
def take_steps(denoise, params, x, times, a, b, c, noise, done, thin, draws):
    """Take a step from each of the times, and keep every state of which thin is due.

    denoise, params : of a Denoiser
    x : (d, chains), changed in place
    times, a, b, c : (steps,)
    noise : as for step_back
    done : steps since the last draw was due, modulo thin, and thin for each draw before
    draws : (chains, n, d), written

    Returns 0, 0, 0; or what is not finite, STATE or ESTIMATE, in which chain, in which
    step.
    """
    estimate = np.empty_like(x)
    for k in range(times.size):
        denoise(x.T, times[k], estimate.T, *params)
        if step_back(x, estimate, noise, k, a[k], b[k], c[k]):
            where = first_not_finite(estimate.T)
            if where >= 0:
                return ESTIMATE, where, k
            return STATE, first_not_finite(x.T), k
        if (done + k + 1) % thin == 0:
            keep(x, draws, (done + k) // thin)
    return 0, 0, 0


@dataclass(frozen=True, eq=False)
class Reverse:
    """One step leads to the next of the times, as above: after k steps t is times[k].

    denoiser : of x0hat; the state x is (chain, d), of its dtype
    schedule : of abar
    eta : from 0 (DDIM: no noise but that of x_T) to 1 (DDPM: ancestral)
    times : integers that fall from T to 0; all of them if None

    >>> from samplers.chains import Chains
    >>> from samplers.mixture_denoiser import mixture_denoiser
    >>> from samplers.schedules import cosine
    >>> schedule = cosine(100)
    >>> denoiser = mixture_denoiser([0.2, 0.8], [[-3.0], [3.0]], [0.5, 0.5], schedule)
    >>> chains = Chains(Reverse(denoiser, schedule), 10_000, rng=0, thin=100)

    Draw k is at times[(k + 1) thin], here the only one at t = 0. After so few steps the
    law is nearly that of the data:

    >>> x_0 = chains.run(1)[:, 0, 0]
    >>> float(np.mean(x_0 > 0)), float(np.std(x_0[x_0 > 0]))
    (0.81, 0.48)

    Fewer steps: Reverse(denoiser, schedule, eta=0, times=range(100, -1, -10)).

    Raises ValueError if eta or times do not fit, or if the denoiser was made for
    another schedule.
    """

    denoiser: Denoiser
    schedule: Schedule
    eta: float = 1.0
    times: ArrayLike | None = None

    def __post_init__(self):
        self.denoiser.require_schedule(require_schedule(self.schedule))
        if np.ndim(self.eta) or not 0 <= self.eta <= 1:
            raise ValueError(
                f"eta is {self.eta!r}; it is a number from 0, without noise, to 1, "
                "ancestral; beyond, new noise can exceed the variance of q(x_s | x_0)"
            )
        T = self.schedule.steps
        all_times = range(T, -1, -1) if self.times is None else self.times
        times = self.schedule.times(np.array(all_times))
        fit = times.ndim == 1 and times.size > 1 and np.all(np.diff(times) < 0)
        if not fit or times[0] != T or times[-1] != 0:
            raise ValueError(
                f"times are {self.times!r}; they fall from T = {T}, where x is noise, "
                f"to 0, where it is data: np.linspace({T}, 0, 11).round().astype(int) "
                "for ten steps"
            )
        object.__setattr__(self, "times", times)

    def start(self, key: np.uint64, chains: int) -> NDArray:
        """Return states drawn from N(0, I), (chain, d)."""
        shape, dtype = (self.denoiser.dimension, 1, chains), self.denoiser.dtype
        noise = draw_normals(key, START, chain=0, step=0, shape=shape, dtype=dtype)
        return noise[:, 0].T

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (chain, d), in the dtype and order of `advance`.

        Raises ValueError for another shape, or where state or estimate are not finite.
        """
        state = require_points(state, self.denoiser.dimension, self.denoiser.dtype)
        self.denoiser.estimate_at(state, self.schedule.steps)
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

        state : (chain, d), as `check` returns it, changed in place
        draws : (chain, n, d), of the same dtype, written
        chain, step : the number of the first chain, and of the steps done before

        Raises ValueError beyond t = 0, and DivergenceError; then state and draws are
        of no use.
        """
        denoise, params = self.denoiser.denoise, self.denoiser.params
        walk = partial(as_called(take_steps, denoise), denoise, params)
        total = draws.shape[1] * thin
        require_end(step + total, self.numbers[0].size)
        steps = max(1, NUMBERS // state.size)
        x = np.ascontiguousarray(state.T)
        for done in range(0, total, steps):
            now = slice(step + done, step + min(done + steps, total))
            numbers = (each[now] for each in self.numbers)
            noise = self.noise(key, chain, now, len(state))
            failed, where, when = walk(x, *numbers, noise, done, thin, draws)
            if failed:
                where, when = chain + where, now.start + when
                raise DivergenceError(FAILURES[failed], where, when, key)
        state[:] = x.T

    @cached_property
    def numbers(self) -> tuple[NDArray, ...]:
        """Return t, a, b and c of all steps, (steps,) each; the last three rounded."""
        times = np.asarray(self.times)
        abc = coefficients(self.schedule, times, self.eta)
        return times[:-1], *(each.astype(self.denoiser.dtype) for each in abc)

    def noise(self, key, chain, now, chains) -> NDArray:
        """Return normals for the steps now, (d, steps, chains); none if eta is 0."""
        steps = now.stop - now.start if self.eta > 0 else 0
        shape, dtype = (self.denoiser.dimension, steps, chains), self.denoiser.dtype
        address = {"chain": chain, "step": now.start, "shape": shape}
        return draw_normals(key, REVERSE, dtype=dtype, **address)
