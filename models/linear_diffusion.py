"""The diffusion model whose denoiser is linear: its likelihood and bound are known.

Noise is added as in samplers/schedules.py, x_t = alpha_t x_0 + sigma_t eps with alpha_t
= sqrt(abar_t) and sigma_t^2 = 1 - abar_t, and taken away by a guess of the data,

    x_T ~ N(0, I),   x_{t-1} | x_t ~ N(a_t x0hat_t + b_t x_t, v_t I),   t = T, ..., 2,
    x0hat_t = A_t x_t + c_t,

with a, b, v of q(x_{t-1} | x_t, x_0), and a law of its own for x_0 | x_1 at the end.
Everything here is exact, and in float64: what a diffusion model can only estimate is
held to it. Every step is affine, x_{t-1} ~ N(M_t x_t + n_t, v_t I), and sums of
Gaussians are Gaussian, so that moments go down the chain,

    m_{t-1} = M_t m_t + n_t,   C_{t-1} = M_t C_t M_t^T + v_t I,   m_T = 0,   C_T = I,

which ends with log p(x_0) = log N(x_0; m_0, C_0). For a given x_0 the bound is

    log p(x_0) >= E log p(x_0 | x_1) - KL(q(x_T | x_0) || p(x_T))
                  - sum_{t=2}^T E KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)).

The laws in a summand have one variance and means that differ by a_t (x_0 - x0hat_t), so
that it is a_t^2 / (2 v_t) E |x_0 - x0hat_t|^2, where a_t^2 / v_t = SNR_{t-1} - SNR_t.
With B = I - alpha_t A_t the residual is B x_0 - c_t - sigma_t A_t eps, hence

    E |x_0 - x0hat_t|^2 = |B x_0 - c_t|^2 + sigma_t^2 |A_t|^2,

with the sum of squares of all entries as |A|^2. E log p(x_0 | x_1) has the same form.

What the bound lacks is the divergence of q(x_1, ..., x_T | x_0) from the posterior of
the model. For Gaussian data and the exact denoiser it does not vanish at a finite T: a
step takes the mean of x_0 for x_0 itself. It falls as 1 / T.

Sources: J. Ho, A. Jain and P. Abbeel, Denoising diffusion probabilistic models, NeurIPS
(2020), equation 5; D. P. Kingma, T. Salimans, B. Poole and J. Ho, Variational diffusion
models, NeurIPS (2021), section 4.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.arguments import require_features
from models.gaussian_denoiser import GaussianDenoiser
from samplers.denoiser import Denoiser
from samplers.kernel import kernel
from samplers.reverse import Reverse, coefficients
from samplers.schedules import Schedule, read_only, require_schedule

LOG_2_PI = math.log(2 * math.pi)


@kernel
def guess(x, t, out, gains, offsets):
    """Write A_t x + c_t, (points, d), to out for x : (points, d)."""
    for j in range(out.shape[1]):
        column = out[:, j]
        for i in range(column.size):
            column[i] = offsets[t, j]
        for k in range(x.shape[1]):
            row, factor = x[:, k], gains[t, j, k]
            for i in range(column.size):
                column[i] += factor * row[i]


@dataclass(frozen=True, eq=False)
class LinearDiffusion:
    """The model above.

    schedule : of T steps, T > 1
    gains : (T + 1, d, d), A_t, in float64
    offsets : (T + 1, d), c_t, in float64
    variance : v_1 of p(x_0 | x_1) = N(x0hat_1, v_1 I); None for N(x_1 / alpha_1, I /
        SNR_1), which does not ask the denoiser, as models/diffusion.py has it

    The entries at t = 0 are not used. With the exact denoiser of N(0, 4):

    >>> from samplers.schedules import sigmoid
    >>> data = GaussianDenoiser(np.zeros(1), np.array([[4.0]]))
    >>> model = LinearDiffusion.of(data, sigmoid(100))
    >>> x_0 = np.array([[0.0], [3.0]])
    >>> model.bound(x_0), model.log_likelihood(x_0)
    (array([-2.12, -3.36]), array([-1.56, -2.80]))

    Raises ValueError or TypeError if the arrays do not fit or v_1 is not positive.
    """

    schedule: Schedule
    gains: NDArray[np.float64]
    offsets: NDArray[np.float64]
    variance: float | None = None

    def __post_init__(self):
        require_schedule(self.schedule)
        for name in ("gains", "offsets"):
            array = read_only(np.array(getattr(self, name), np.float64))
            object.__setattr__(self, name, array)
        T, shapes = self.schedule.steps, (self.gains.shape, self.offsets.shape)
        d = (0, *shapes[1])[-1]
        if T < 2 or d == 0 or shapes != ((T + 1, d, d), (T + 1, d)):
            raise ValueError(
                f"gains {shapes[0]} and offsets {shapes[1]} do not fit a schedule of "
                f"{T} steps; they are (T + 1, d, d) and (T + 1, d) with T > 1, as "
                "GaussianDenoiser(mean, covariance).at_times(schedule) returns them"
            )
        if not np.all(np.isfinite(self.gains)) or not np.all(np.isfinite(self.offsets)):
            raise ValueError(
                "gains or offsets hold numbers that are not finite, and every moment "
                "would: give those of a denoiser that was fitted without overflow"
            )
        if self.variance is not None and not 0 < self.variance < math.inf:
            raise ValueError(
                f"variance is {self.variance}; it is that of x_0 given x_1, which has "
                "no density without: give a positive number, such as schedule.beta[1]"
            )

    @classmethod
    def of(
        cls, data: GaussianDenoiser, schedule: Schedule, variance: float | None = None
    ) -> "LinearDiffusion":
        """Return the model with the exact denoiser of Gaussian data."""
        return cls(schedule, *data.at_times(schedule), variance)

    @property
    def dimension(self) -> int:
        """d."""
        return self.offsets.shape[1]

    def denoiser(self) -> Denoiser:
        """Return the denoiser for samplers.reverse.Reverse."""
        params = self.gains, self.offsets
        return Denoiser(guess, self.dimension, params, schedule=self.schedule)

    def step(self, t: int) -> tuple[NDArray, NDArray, float]:
        """Return M, (d, d), n, (d,), and v of p(x_{t-1} | x_t) = N(M x_t + n, v I).

        Raises ValueError if t is not one of 1, ..., T.
        """
        t = int(self.schedule.times(t, 1))
        eye = np.eye(self.dimension)
        if t > 1:
            a, b, v = self.schedule.posterior(t)
            return a * self.gains[t] + b * eye, a * self.offsets[t], float(v)
        if self.variance is not None:
            return self.gains[1], self.offsets[1], float(self.variance)
        v = float(1 / self.schedule.snr[1])
        return eye / self.schedule.signal[1], np.zeros(self.dimension), v

    def marginals(self) -> list[tuple[NDArray, NDArray]]:
        """Return the mean (d,) and covariance (d, d) of x_0, x_1, ..., x_T under p."""
        moments = [(np.zeros(self.dimension), np.eye(self.dimension))]
        for t in range(self.schedule.steps, 0, -1):
            M, n, v = self.step(t)
            m, C = moments[-1]
            moments.append((M @ m + n, M @ C @ M.T + v * np.eye(len(m))))
        return moments[::-1]

    def sample_moments(
        self, eta: float = 1.0, times: ArrayLike | None = None
    ) -> tuple[NDArray, NDArray]:
        """Return the mean (d,) and covariance (d, d) of what `Reverse` samples.

        eta, times : as for samplers.reverse.Reverse, which ends with x_0 = x0hat_1: the
            noise of p(x_0 | x_1) is left out, whatever `variance` is

        Raises ValueError if they do not fit.
        """
        reverse = Reverse(self.denoiser(), self.schedule, eta, times)
        path, eye = np.asarray(reverse.times), np.eye(self.dimension)
        m, C = np.zeros(self.dimension), eye
        steps = coefficients(self.schedule, path, eta)
        for t, a, b, c in zip(path[:-1], *steps, strict=True):
            M = a * self.gains[t] + b * eye
            m, C = M @ m + a * self.offsets[t], M @ C @ M.T + c**2 * eye
        return m, C

    def log_likelihood(self, x_0) -> NDArray:
        """Return log p(x_0) in nats for x_0 : (n, d), (n,)."""
        m, C = self.marginals()[0]
        r = self.examples(x_0) - m
        L = np.linalg.cholesky(C)
        z = np.linalg.solve(L, r.T)
        log_norm = np.sum(np.log(np.diagonal(L))) + 0.5 * len(m) * LOG_2_PI
        return -0.5 * np.sum(z**2, axis=0) - log_norm

    def prior_term(self, x_0) -> NDArray:
        """Return KL(q(x_T | x_0) || N(0, I)) for x_0 : (n, d), (n,)."""
        x_0 = self.examples(x_0)
        squares = self.schedule.abar[-1] * (np.sum(x_0**2, axis=1) - self.dimension)
        return 0.5 * squares + self.dimension * self.schedule.terminal_divergence

    def reconstruction_term(self, x_0) -> NDArray:
        """Return E log p(x_0 | x_1) over q(x_1 | x_0), for x_0 : (n, d), (n,)."""
        M, n, v = self.step(1)
        error = self._error(self.examples(x_0), M, n, 1)
        return -0.5 * (error / v + self.dimension * (LOG_2_PI + math.log(v)))

    def denoising_terms(self, x_0) -> NDArray:
        """Return E KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)), t = 2, ..., T.

        x_0 : (n, d); returns (T - 1, n), row k for t = k + 2
        """
        x_0, times = self.examples(x_0), np.arange(2, self.schedule.steps + 1)
        a, _, v = self.schedule.posterior(times)
        errors = [self._error(x_0, self.gains[t], self.offsets[t], t) for t in times]
        return (a**2 / (2 * v))[:, np.newaxis] * np.array(errors)

    def bound(self, x_0) -> NDArray:
        """Return the bound on log p(x_0) for x_0 : (n, d), (n,)."""
        diffusion = np.sum(self.denoising_terms(x_0), axis=0)
        return self.reconstruction_term(x_0) - self.prior_term(x_0) - diffusion

    def gap(self, x_0) -> NDArray:
        """Return log p(x_0) less the bound: what it lacks, (n,), never negative."""
        return self.log_likelihood(x_0) - self.bound(x_0)

    def _error(self, x_0, A, c, t) -> NDArray:
        """Return E |x_0 - A x_t - c|^2 over q(x_t | x_0), (n,)."""
        s = self.schedule
        pulled = x_0 - s.signal[t] * (x_0 @ A.T) - c
        return np.sum(pulled**2, axis=1) + s.noise[t] ** 2 * np.sum(A**2)

    def examples(self, x_0) -> NDArray:
        """Return x_0, or raise ValueError or TypeError if it is not (n, d)."""
        _, x_0 = require_features(offsets=self.offsets[0], x_0=x_0)
        if x_0.ndim != 2:
            raise ValueError(
                f"x_0 has shape {x_0.shape}; examples are rows, (n, {self.dimension}): "
                "write x_0[np.newaxis] for one"
            )
        return x_0
