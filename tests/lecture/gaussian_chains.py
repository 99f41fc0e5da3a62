"""Schedules and chains of Gaussians that can be written out, for diffusion models."""

from dataclasses import dataclass

import numpy as np
import pytest

from samplers.schedules import Schedule, cosine, from_betas, linear, sigmoid

SCHEDULES = {
    "linear": linear(1000),
    "cosine": cosine(100),
    "sigmoid": sigmoid(50),
    "two steps": from_betas([0.3, 0.999]),
}
any_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def betas(T):
    """From 0.1 / T to 20 / T, the usual line for T = 1000; at most 0.999."""
    return from_betas(np.minimum(np.linspace(0.1 / T, 20 / T, T), 0.999))


@dataclass
class Factor:
    """log N(R z + r; 0, V) as a function of z : (..., k), for R : (d, k), in nats."""

    R: np.ndarray
    r: np.ndarray
    V: np.ndarray

    def __call__(self, z):
        return self.constant - 0.5 * np.sum(self.residual(z) ** 2, axis=-1)

    def mean(self, m, S):
        """Its mean over z ~ N(m, S)."""
        spread = self.whitened @ S @ self.whitened.T
        return self(m) - 0.5 * np.trace(spread)

    def residual(self, z):
        """V^(-1/2) (R z + r)."""
        return z @ self.whitened.T + np.linalg.solve(self.root, self.r)

    @property
    def root(self):
        return np.linalg.cholesky(self.V)

    @property
    def whitened(self):
        return np.linalg.solve(self.root, self.R)

    @property
    def constant(self):
        return -0.5 * np.linalg.slogdet(2 * np.pi * self.V)[1]


@dataclass
class GaussianChain:
    """A diffusion of one x_0, and steps back p(x_{t-1} | x_t) = N(A_t x_t + b_t, V_t).

    z : (T d,), x_1, ..., x_T after one another, is what is not observed
    x_0 : (d,); A : (T + 1, d, d), b : (T + 1, d), V : (T + 1, d, d), from t = 1 on
    """

    schedule: Schedule
    x_0: np.ndarray
    A: np.ndarray
    b: np.ndarray
    V: np.ndarray

    @property
    def T(self):
        return self.schedule.steps

    @property
    def d(self):
        return len(self.x_0)

    def factor(self, terms, shift, V):
        """log N(sum_t M_t x_t + shift; 0, V), for terms {t: M_t}; x_0 is known."""
        R, r = np.zeros((self.T + 1, self.d, self.d)), np.array(shift)
        for t, M in terms.items():
            R[t] += M * np.eye(self.d) if np.ndim(M) == 0 else M
        r = r + R[0] @ self.x_0
        return Factor(np.concatenate(R[1:], axis=1), r, V)

    def forth(self, t):
        """log q(x_t | x_{t-1})."""
        beta, alpha = self.schedule.beta[t], self.schedule.alpha[t]
        return self.factor({t: 1, t - 1: -np.sqrt(alpha)}, self.none, beta * self.unit)

    def marginal(self, t):
        """log q(x_t | x_0)."""
        signal, noise = self.schedule.signal[t], self.schedule.noise[t]
        return self.factor({t: 1, 0: -signal}, self.none, noise**2 * self.unit)

    def posterior(self, t):
        """log q(x_{t-1} | x_t, x_0)."""
        a, b, v = self.schedule.posterior(t)
        return self.factor({t - 1: 1, t: -b, 0: -a}, self.none, v * self.unit)

    def back(self, t):
        """log p(x_{t-1} | x_t)."""
        return self.factor({t - 1: 1, t: -self.A[t]}, -self.b[t], self.V[t])

    def top(self):
        """log p(x_T)."""
        return self.factor({self.T: 1}, self.none, self.unit)

    @property
    def none(self):
        return np.zeros(self.d)

    @property
    def unit(self):
        return np.eye(self.d)

    def law(self):
        """Mean and covariance of q(z | x_0): (T d,), (T d, T d)."""
        signal, log_abar = self.schedule.signal[1:], self.schedule.log_abar[1:]
        first = np.minimum.outer(np.arange(self.T), np.arange(self.T))
        ratio = np.exp(-0.5 * np.abs(np.subtract.outer(log_abar, log_abar)))
        covariance = ratio * (self.schedule.noise[1:] ** 2)[first]
        return np.outer(signal, self.x_0).ravel(), np.kron(covariance, self.unit)

    def draw(self, n, seed=0):
        """n points z of q(z | x_0)."""
        m, S = self.law()
        noise = np.random.default_rng(seed).normal(size=(n, len(m)))
        return m + noise @ np.linalg.cholesky(S).T

    def log_joint(self):
        """The factors of p(x_0, z)."""
        return [self.top(), *(self.back(t) for t in range(1, self.T + 1))]

    def log_q(self):
        """The factors of q(z | x_0)."""
        return [self.forth(t) for t in range(1, self.T + 1)]

    def moments(self):
        """Mean and covariance of x_0 in the model, by a recursion from x_T."""
        mean, C = self.none, self.unit
        for t in range(self.T, 0, -1):
            mean, C = self.A[t] @ mean + self.b[t], self.A[t] @ C @ self.A[t].T
            C = C + self.V[t]
        return mean, C

    def integral(self):
        """log int p(x_0, z) dz, and mean and covariance of p(z | x_0).

        A sum of squares over z is one square: precisions add.
        """
        factors = self.log_joint()
        P = sum(f.whitened.T @ f.whitened for f in factors)
        mode = np.linalg.solve(
            P, -sum(f.whitened.T @ f.residual(0 * P[0]) for f in factors)
        )
        volume = -0.5 * np.linalg.slogdet(P / (2 * np.pi))[1]
        return sum(f(mode) for f in factors) + volume, mode, np.linalg.inv(P)


def some_chain(seed, T=3, d=2):
    """Large steps and a model that goes its own way, near enough for a bound."""
    rng = np.random.default_rng(seed)
    schedule = from_betas(rng.uniform(0.2, 0.7, T), allow=np.inf)
    a, b, v = schedule.posterior(np.arange(1, T + 1))
    scale = np.append(0, a * schedule.signal[1:] + b)[:, np.newaxis, np.newaxis]
    A = scale * (np.eye(d) + 0.2 * rng.normal(size=(T + 1, d, d)))
    roots = 0.3 * rng.normal(size=(T + 1, d, d))
    V = roots @ roots.transpose(0, 2, 1)
    V = V + np.append(0.5, v + 0.2)[:, np.newaxis, np.newaxis] * np.eye(d)
    return GaussianChain(
        schedule, rng.normal(size=d), A, rng.normal(size=(T + 1, d)) / 5, V
    )


def guessing_chain(schedule, x_0, gain, offset):
    """p(x_{t-1} | x_t) = q(x_{t-1} | x_t, x_0 = gain_t x_t + offset_t) for t > 1.

    gain, offset : (T + 1,). The last step, where q knows x_0, is N(x_1 / sqrt(abar_1),
    (1 - abar_1) / abar_1 I) instead, what x_1 says of x_0 by itself.
    """
    T, unit = schedule.steps, np.eye(len(x_0))
    a, b, v = schedule.posterior(np.arange(1, T + 1))
    slope, shift = np.append(0, a * gain[1:] + b), np.append(0, a * offset[1:])
    V = np.append(0, v)
    slope[1], shift[1], V[1] = 1 / schedule.signal[1], 0, 1 / schedule.snr[1]
    A, V = (each[:, np.newaxis, np.newaxis] * unit for each in (slope, V))
    return GaussianChain(schedule, x_0, A, np.outer(shift, np.ones(len(x_0))), V)


class LinearGuess:
    """x0hat = gain x + offset at log SNR lambda, as a model of models/diffusion_bounds.

    gain, offset : functions of lambda; log_snr : a function of u with a derivative
    """

    def __init__(self, log_snr, gain, offset=np.zeros_like):
        self.log_snr, self.gain, self.offset = log_snr, gain, offset

    def denoise(self, x, log_snr):
        gain, offset = self.gain(log_snr), self.offset(log_snr)
        return gain[..., np.newaxis] * x + offset[..., np.newaxis]

    def log_likelihood_at_start(self, x0, x1, log_snr):
        """log N(x_0; x_1 / alpha_1, sigma_1^2 / alpha_1^2 I)."""
        variance = np.exp(-log_snr)[..., np.newaxis]
        alpha = 1 / np.sqrt(1 + variance)
        squares = (x0 - x1 / alpha) ** 2 / variance + np.log(2 * np.pi * variance)
        return -0.5 * np.sum(squares, axis=-1)


def normals_guess(schedule):
    """The model of data N(0, I) with their best guess, alpha x, at t / T only."""
    at = np.arange(1, schedule.steps + 1) / schedule.steps
    return LinearGuess(
        lambda u: np.interp(u, at, schedule.log_snr[1:]),
        lambda log_snr: 1 / np.sqrt(1 + np.exp(-log_snr)),
    )
