"""Noise schedules: how much of the data a diffusion has left at each time.

    q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I),   t = 0, 1, ..., T,
    abar_t = alpha_1 alpha_2 ... alpha_t,   beta_t = 1 - alpha_t.

A schedule is log abar_t, which falls from 0; all else follows. Near both ends abar
itself would say too little: at the beginning 1 - abar_t loses its digits, and at the
end abar_t is next to nothing. From the logarithm both are exact,

    1 - abar_t = -expm1(log abar_t),   beta_t = -expm1(log abar_t - log abar_t-1),
    SNR_t = abar_t / (1 - abar_t).

The reverse chain starts from N(0, I), as if nothing of x_0 were left at T. How far that
is from the truth is a divergence, in nats for each dimension,

    KL(q(x_T | x_0) || N(0, I)) = (abar_T x_0^2 - abar_T - log(1 - abar_T)) / 2,

and schedules that leave more than 1e-3 of it, at x_0^2 = 1, are refused.

Sources: J. Ho, A. Jain and P. Abbeel, Denoising diffusion probabilistic models, NeurIPS
(2020); A. Nichol and P. Dhariwal, Improved denoising diffusion probabilistic models,
ICML (2021); D. P. Kingma, T. Salimans, B. Poole and J. Ho, Variational diffusion
models, NeurIPS (2021); A. Jabri, D. Fleet and T. Chen, arXiv:2212.11972 (2022).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

LIMIT = 1e-3  # of the terminal divergence, in nats for each dimension
LARGEST_BETA = 0.999  # of the cosine schedule


@dataclass(frozen=True, eq=False)
class Schedule:
    """The times 0 to T of a diffusion; the arrays, (T + 1,), are indexed by t itself.

    log_abar : (T + 1,), T > 0, strictly decreasing from 0, in float64

    >>> schedule = linear(1000)
    >>> schedule.steps, float(schedule.beta[1]), float(schedule.abar[1000])
    (1000, 0.0001, 4.036e-05)

    Raises ValueError if log_abar does not fit.
    """

    log_abar: NDArray[np.float64]

    def __post_init__(self):
        log_abar = np.array(self.log_abar, np.float64)
        if log_abar.ndim != 1 or log_abar.size < 2:
            raise ValueError(
                f"log_abar of shape {log_abar.shape} is no schedule; it is (T + 1,) "
                "with T > 0, the logarithm of abar at t = 0, 1, ..., T"
            )
        if log_abar[0] != 0 or not np.isfinite(log_abar).all():
            raise ValueError(
                f"log_abar begins with {log_abar[0]} and has its least at "
                f"{log_abar.min()}; it begins with 0, as x_0 is the data itself, and "
                "is finite: keep every beta below 1, as in np.minimum(beta, 0.999)"
            )
        if not np.all(np.diff(log_abar) < 0):
            t = 1 + np.argmax(~(np.diff(log_abar) < 0))
            raise ValueError(
                f"log_abar does not fall at t = {t}, so that this step would add no "
                "noise and could not be undone; leave the step out, or make its beta "
                "larger than the rounding of float64"
            )
        object.__setattr__(self, "log_abar", read_only(log_abar))

    @property
    def steps(self) -> int:
        """T."""
        return self.log_abar.size - 1

    @cached_property
    def alpha(self) -> NDArray[np.float64]:
        """alpha_t = abar_t / abar_t-1; 1 at t = 0."""
        return read_only(np.exp(np.diff(self.log_abar, prepend=0)))

    @cached_property
    def beta(self) -> NDArray[np.float64]:
        """beta_t = 1 - alpha_t; 0 at t = 0."""
        return read_only(complement(np.diff(self.log_abar, prepend=0)))

    @cached_property
    def abar(self) -> NDArray[np.float64]:
        """abar_t, the product of alpha_1 to alpha_t."""
        return read_only(np.exp(self.log_abar))

    @cached_property
    def signal(self) -> NDArray[np.float64]:
        """sqrt(abar_t), the factor of x_0 in x_t."""
        return read_only(np.exp(self.log_abar / 2))

    @cached_property
    def noise(self) -> NDArray[np.float64]:
        """sqrt(1 - abar_t), the standard deviation of the noise in x_t."""
        return read_only(np.sqrt(complement(self.log_abar)))

    @cached_property
    def snr(self) -> NDArray[np.float64]:
        """abar_t / (1 - abar_t); infinite at t = 0."""
        with np.errstate(divide="ignore", over="ignore"):
            return read_only(self.abar / complement(self.log_abar))

    @cached_property
    def log_snr(self) -> NDArray[np.float64]:
        """log abar_t - log(1 - abar_t); infinite at t = 0."""
        return read_only(self.log_abar - log_complement(self.log_abar))

    @property
    def terminal_divergence(self) -> float:
        """KL(q(x_T | x_0) || N(0, I)) for each dimension, at x_0^2 = 1, in nats."""
        return -float(log_complement(self.log_abar[-1])) / 2

    def times(self, t: ArrayLike, first: int = 0) -> NDArray[np.intp]:
        """Return t as an array, or raise ValueError if not all are first, ..., T."""
        times = np.asarray(t)
        whole = times.dtype.kind in "iu"
        if not whole or np.any((times < first) | (times > self.steps)):
            raise ValueError(
                f"t is {t!r}; times of this schedule are integers from {first} to "
                f"{self.steps}, and an index beyond would be taken from the other end"
            )
        return times.astype(np.intp)

    def posterior(self, t: ArrayLike, s: ArrayLike | None = None):
        """Return the three numbers of q(x_s | x_t, x_0) = N(a x_0 + b x_t, v I).

            alpha = abar_t / abar_s,   beta = 1 - alpha,
            a = sqrt(abar_s) beta / (1 - abar_t),
            b = sqrt(alpha) (1 - abar_s) / (1 - abar_t),
            v = beta (1 - abar_s) / (1 - abar_t)

        t : () or (n,), from 1 to T; s : of the same shape, below t; t - 1 if None
        Returns a, b and v, each of that shape. Raises ValueError for other times.
        """
        t = self.times(t, 1)
        s = self.times(t - 1 if s is None else s)
        if np.any(s >= t):
            raise ValueError(
                f"s is {s} and t is {t}; the posterior leads back in time, s < t"
            )
        log_alpha = self.log_abar[t] - self.log_abar[s]
        before, after = complement(self.log_abar[s]), complement(self.log_abar[t])
        beta = complement(log_alpha)
        a = self.signal[s] * (beta / after)
        return a, np.exp(log_alpha / 2) * (before / after), beta * (before / after)


def read_only(array: NDArray) -> NDArray:
    """Return the array, which now refuses to be changed."""
    array.flags.writeable = False
    return array


def complement(x: NDArray) -> NDArray:
    """Return 1 - exp(x) for x <= 0, with all digits, and no sign of a zero."""
    return 0 - np.expm1(x)


def log_complement(x: NDArray) -> NDArray:
    """Return log(1 - exp(x)) for x <= 0, with all digits at both ends."""
    with np.errstate(divide="ignore"):
        return np.where(x > -np.log(2), np.log(complement(x)), np.log1p(-np.exp(x)))


def accepted(schedule: Schedule, allow: float, remedy: str) -> Schedule:
    """Return the schedule, or raise ValueError if x_T is too far from N(0, I)."""
    divergence = schedule.terminal_divergence
    if divergence <= allow:
        return schedule
    raise ValueError(
        f"the terminal divergence is {divergence:.2g} nats for each dimension, above "
        f"{allow:g}: x_T still shows x_0, and a reverse chain that starts from N(0, I) "
        f"would start in another law. Write {remedy}, cosine({schedule.steps}), or "
        f"allow={1.1 * divergence:.2g} to take it as it is"
    )


def require_steps(steps: int, least: int) -> int:
    """Return a number of steps, or raise ValueError if it is none, or too small."""
    if not isinstance(steps, int | np.integer) or steps < least:
        raise ValueError(f"steps is {steps!r}; T is an integer, here at least {least}")
    return int(steps)


def require_schedule(schedule: Schedule) -> Schedule:
    """Return a schedule, or raise TypeError if it is none."""
    if not isinstance(schedule, Schedule):
        raise TypeError(
            f"schedule is {schedule!r:.80}, which says nothing of the noise at t = 1, "
            "..., T; it is a Schedule: write samplers.schedules.cosine(100), or "
            "from_log_snr(log_snr) for a log SNR of your own"
        )
    return schedule


def from_betas(betas: ArrayLike, *, allow: float = LIMIT) -> Schedule:
    """Return the schedule of beta_1 to beta_T : (T,), each between 0 and 1.

    allow : the largest terminal divergence, in nats for each dimension

    Raises ValueError for other betas, or if that is larger.
    """
    return accepted(unlimited(betas), allow, "larger betas or more of them")


def unlimited(betas: ArrayLike) -> Schedule:
    """Return the schedule of betas : (T,), whatever it leaves of x_0."""
    betas = np.array(betas, np.float64)
    if betas.ndim != 1 or not np.all((betas > 0) & (betas < 1)):
        raise ValueError(
            f"betas, of shape {betas.shape}, are (T,) and lie between 0 and 1: at 0 a "
            "step adds no noise, and at 1 it leaves nothing of x; write them without "
            "an entry for t = 0, and np.minimum(betas, 0.999)"
        )
    return Schedule(np.append(0, np.cumsum(np.log1p(-betas))))


def from_log_snr(
    log_snr: ArrayLike | Callable[[NDArray], NDArray],
    steps: int | None = None,
    *,
    allow: float = LIMIT,
) -> Schedule:
    """Return the schedule of a log SNR that falls: abar = 1 / (1 + exp(-log SNR)).

    log_snr : (T,), at t = 1, ..., T; or a function of t / T : (T,), in (0, 1]
    steps : T, for a function; an array has its own
    allow : see from_betas

    >>> schedule = from_log_snr(lambda u: 5 - 15 * u, 100)
    >>> float(schedule.log_snr[100])
    -10.0

    Raises ValueError for another shape, if it is not finite or does not fall, or if the
    terminal divergence is too large.
    """
    if callable(log_snr):
        steps = require_steps(0 if steps is None else steps, 1)
        log_snr = log_snr(np.arange(1, steps + 1) / steps)
    values = np.array(log_snr, np.float64)
    fits = values.ndim == 1 and steps in (None, values.size)
    if not fits or not np.all(np.isfinite(values)) or not np.all(np.diff(values) < 0):
        raise ValueError(
            f"log_snr, of shape {values.shape}, is ({steps or 'T'},), finite, and "
            "falls from each time to the next, because noise is only added; write it "
            "for t = 1, ..., T, as it is infinite at t = 0"
        )
    log_abar = np.append(0, -np.logaddexp(0, -values))
    return accepted(Schedule(log_abar), allow, "a log SNR that falls to -6.3 or below")


def linear(
    steps: int, *, first: float = 1e-4, last: float = 0.02, allow: float = LIMIT
) -> Schedule:
    """Return betas in equal steps from first to last (Ho et al. 2020, section 4).

    allow : see from_betas

    These ends are made for T = 1000. For fewer steps each has to add more:

    >>> float(linear(200, first=5e-4, last=0.1).terminal_divergence)
    1.5e-05

    Raises ValueError for other betas, or too large a terminal divergence.
    """
    T = require_steps(steps, 2)
    remedy = f"linear({T}, first={0.1 / T:.2g}, last={min(20 / T, LARGEST_BETA):.3g})"
    return accepted(unlimited(np.linspace(first, last, T)), allow, remedy)


def cosine(steps: int, *, offset: float = 0.008) -> Schedule:
    """Return abar_t = f(t) / f(0), f(t) = cos^2(pi/2 (t/T + offset) / (1 + offset)).

    beta is at most 0.999, since the last would be 1 (Nichol and Dhariwal 2021, section
    3.2). That last one makes abar_T at most 1e-3, and x_T noise for any T.

        beta_t = (cos^2 u - cos^2(u + h)) / cos^2 u = sin(h) sin(2 u + h) / cos^2 u

    for the angle u at t - 1, where nothing cancels. Raises ValueError if there is no
    step, or the offset is negative or not finite.
    """
    T = require_steps(steps, 1)
    if not 0 <= offset < np.inf:
        raise ValueError(
            f"offset is {offset!r}; it is finite and not negative, 0.008 by default"
        )
    h = np.pi / 2 / (1 + offset) / T
    u = h * (np.arange(T) + T * offset)
    betas = np.sin(h) * np.sin(2 * u + h) / np.cos(u) ** 2
    return unlimited(np.minimum(betas, LARGEST_BETA))


def sigmoid(
    steps: int, *, first: float = 10.0, last: float = -10.0, allow: float = LIMIT
) -> Schedule:
    """Return a log SNR in equal steps: abar_t is the sigmoid of a line in t.

    first, last : the log SNR at t = 1 and t = T; allow : see from_betas

    Kingma et al. (2021) learn a curve for that line. The schedule that Jabri et al.
    (2022) call sigmoid is another: a part of it, stretched to run from 1 to 0. Raises
    ValueError if the log SNR rises, or for too large a terminal divergence.
    """
    return from_log_snr(np.linspace(first, last, require_steps(steps, 2)), allow=allow)
