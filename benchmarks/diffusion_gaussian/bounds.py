"""The bound of Gaussian data by its terms, beside log p, for any number of steps.

What is said in closed form is held to what the library estimates, averaged over all
noise. And what the bound lacks is computed a second time, as the divergence that it is,

    log p(x_0) - bound = KL(q(x_1, ..., x_T | x_0) || p(x_1, ..., x_T | x_0)),

with both laws written out as Gaussians of T d dimensions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_gaussian.laws import (
    FIRST,
    LAST,
    STRAIGHT,
    ExactModel,
    cubature,
    exact,
    mean_log_density,
    points_of,
)
from models.diffusion_bounds import Terms, all_terms
from models.gaussian_denoiser import GaussianDenoiser
from models.gaussian_divergences import kl_gaussian_full
from models.linear_consistency import chain_of_noise
from models.linear_diffusion import LinearDiffusion

STEPS = (2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
WRITTEN = (2, 3, 5, 10, 20)  # steps of which both laws are written out


@dataclass(frozen=True, eq=False)
class Ladder:
    """Means over the data in nats, at each number of STEPS.

    terms : (10, 3), reconstruction, prior term and diffusion, in closed form
    log_p : (10,), E log p(x_0) of the model
    error : the largest difference of any term of any x_0 from the library's estimate
    limit : the bound of continuous time
    entropy : -E log p_data(x_0)
    divergences : (5,), KL(q || p) of the paths, written out, for the steps WRITTEN
    """

    terms: NDArray
    log_p: NDArray
    error: float
    limit: float
    entropy: float
    divergences: NDArray

    @property
    def bound(self) -> NDArray:
        """E of the bound, (10,)."""
        return self.terms @ [1, -1, -1]

    @property
    def gap(self) -> NDArray:
        """E [log p(x_0) - bound], (10,)."""
        return self.log_p - self.bound

    def gap_error(self) -> float:
        """Return the largest difference of gap and divergence."""
        shared = [STEPS.index(T) for T in WRITTEN]
        return float(np.max(np.abs(self.gap[shared] - self.divergences)))


def climb(data: GaussianDenoiser) -> Ladder:
    """Return the bound of the exact denoiser for all numbers of steps."""
    x_0 = points_of(data)
    models = {T: exact(data, T) for T in STEPS}
    closed = {T: closed_terms(model, x_0) for T, model in models.items()}
    errors = [
        np.max(np.abs(np.subtract(closed[T], averaged_terms(data, x_0, T))))
        for T in STEPS
    ]
    divergences = [
        np.mean([path_divergence(models[T], x) for x in x_0]) for T in WRITTEN
    ]
    return Ladder(
        terms=np.array([np.mean(terms, axis=1) for terms in closed.values()]),
        log_p=np.array([np.mean(m.log_likelihood(x_0)) for m in models.values()]),
        error=float(np.max(errors)),
        limit=continuous_limit(data, x_0),
        entropy=-mean_log_density(data),
        divergences=np.array(divergences),
    )


def closed_terms(model: LinearDiffusion, x_0) -> Terms:
    """Return the three terms in closed form, (n,) each."""
    diffusion = np.sum(model.denoising_terms(x_0), axis=0)
    return Terms(model.reconstruction_term(x_0), model.prior_term(x_0), diffusion)


def averaged_terms(data: GaussianDenoiser, x_0, T: int) -> Terms:
    """Return the library's estimates of the terms, averaged over all noise, (n,)."""
    n, d = x_0.shape
    z = cubature(d)
    rows, noise = np.repeat(x_0, len(z), axis=0), np.tile(z, (n, 1))
    terms = all_terms(
        ExactModel(STRAIGHT, data), rows, np.broadcast_to(noise, (T, *noise.shape)), T
    )
    return Terms(*(np.mean(each.reshape(n, len(z)), axis=1) for each in terms))


def continuous_limit(data: GaussianDenoiser, x_0) -> float:
    """Return the mean bound for T to infinity, in closed form."""
    d = x_0.shape[1]
    reconstruction = 0.5 * d * (FIRST - np.log(2 * np.pi) - 1)
    abar = 1 / (1 + np.exp(-LAST))
    squares = np.sum(x_0**2, axis=1)
    prior = 0.5 * (abar * (squares - d) - d * np.log1p(-abar))
    return float(
        np.mean(reconstruction - prior - data.continuous_term(x_0, FIRST, LAST))
    )


def leading_gap(data: GaussianDenoiser) -> float:
    """Return T times what is missing to the limit, for many steps T, in nats.

    A step of h = (l_0 - l_1) / T in log SNR, s falling by about s h, counts the error f
    of its noisy end for all of it: sum (s h)^2 |f'(s)| / 4, an integral over log s. On
    an axis of variance v it is f = v / (1 + v s), in the mean over the data, and

        h / 4 sum_j [log(1 + v s) + 1 / (1 + v s)] between both ends.
    """
    p, q = (1 + data.variances * np.exp(end) for end in (FIRST, LAST))
    integral = np.sum(np.log(p / q) + 1 / p - 1 / q)
    return 0.25 * (FIRST - LAST) * float(integral)


def path_divergence(model: LinearDiffusion, x_0) -> float:
    """Return KL(q(x_1, ..., x_T | x_0) || p(x_1, ..., x_T | x_0)) for x_0 : (d,)."""
    chain, eye = chain_of_noise(model)[1:], np.eye(model.dimension)
    forward = np.kron(chain[:, 0], x_0), np.kron(chain[:, 1:] @ chain[:, 1:].T, eye)
    return float(kl_gaussian_full(*forward, *path_posterior(model, x_0)))


def path_posterior(model: LinearDiffusion, x_0) -> tuple[NDArray, NDArray]:
    """Return mean and covariance of p(x_1, ..., x_T | x_0), of T d dimensions.

    W (x_0, ..., x_T) + w are standard normals: the residual of each step over its
    standard deviation, and x_T. Given x_0 they are linear in the others, whose law is
    that of a least squares problem.
    """
    T, d = model.schedule.steps, model.dimension
    W, w = np.eye((T + 1) * d), np.zeros((T + 1) * d)
    for t in range(1, T + 1):
        M, n, v = model.step(t)
        now, later = (slice(k * d, (k + 1) * d) for k in (t - 1, t))
        W[now, now] = np.eye(d) / np.sqrt(v)
        W[now, later] = -M / np.sqrt(v)
        w[now] = -n / np.sqrt(v)
    R = W[:, d:]
    covariance = np.linalg.inv(R.T @ R)
    return -covariance @ R.T @ (W[:, :d] @ x_0 + w), covariance
