"""The bound of a linear diffusion by consistency terms, and how estimates scatter.

The bound on log p(x_0) is a mean over the forward chain. Each reverse law beside the
forward law of the same x_t,

    E log p(x_0 | x_1) - E log [q(x_T | x_{T-1}) / p(x_T)]
        - sum_{t=1}^{T-1} E log [q(x_t | x_{t-1}) / p(x_t | x_{t+1})],

has as its summands the consistency terms: means over three neighbors of one chain,
x_{t-1}, x_t and x_{t+1} given x_0. By Bayes' rule the sum is that of the denoising
terms of models/linear_diffusion.py and of what they leave for the ends. Those are
divergences and these are none. In

    E KL(q(x_t | x_{t-1}) || p(x_t | x_{t+1}))      over q(x_{t-1}, x_{t+1} | x_0)

x_t is drawn anew from x_{t-1}, whereas x_{t+1} was made from x_t: given x_{t-1} they
have the covariance sqrt(1 - beta_{t+1}) beta_t I. Let p(x_t | x_{t+1}) be N(M x_{t+1} +
n, v I). Without that covariance the mean square of the residual x_t - M x_{t+1} - n is
larger, by twice tr M times it, and the divergence is above the consistency term by

    tr(M) sqrt(1 - beta_{t+1}) beta_t / v,

about d for small steps: what divergences make of the bound falls as - T d.

Each term is a quadratic form in the noise of the chain, x_t = sqrt(1 - beta_t) x_{t-1}
+ sqrt(beta_t) xi_t. With y ~ N(u, G) and signs D = diag(+-1),

    Var(y^T D y) = 2 tr(D G D G) + 4 u^T D G D u.

For a consistency term, y is made of xi_t / sqrt(2) and the residual over sqrt(2 v),
which are each of order one. It has a variance of about d, whatever the step. Which form
scatters less then depends on the estimate. With one random t an example the consistency
terms do far more, by a variance of T^2 d. Along a whole chain the residual of t is
nearly xi_{t+1}, which is in the next term too, with the other sign: there they scatter
less than the denoising terms, which are all about the same x_0 and go astray together.

Source: C. Luo, Understanding diffusion models, arXiv:2208.11970 (2022), section
"Variational diffusion models", for both orders.
"""

import math

import numpy as np
from numpy.typing import NDArray

from models.gaussian_denoiser import require_covariance
from models.linear_diffusion import LinearDiffusion


def end_term(model: LinearDiffusion, x_0) -> NDArray:
    """Return E log [q(x_T | x_{T-1}) / p(x_T)] for x_0 : (n, d), (n,)."""
    s, d, x_0 = model.schedule, model.dimension, model.examples(x_0)
    square = s.abar[-1] * np.sum(x_0**2, axis=1) + d * s.noise[-1] ** 2
    return 0.5 * (square - d * (1 + math.log(s.beta[-1])))


def consistency_terms(model: LinearDiffusion, x_0) -> NDArray:
    """Return E log [q(x_t | x_{t-1}) / p(x_t | x_{t+1})] for x_0 : (n, d), (T - 1, n).

    Row k is for t = k + 1. With the other two terms these make up the bound:

    >>> from models.gaussian_denoiser import GaussianDenoiser
    >>> from samplers.schedules import sigmoid
    >>> data = GaussianDenoiser(np.zeros(1), np.eye(1))
    >>> model, x_0 = LinearDiffusion.of(data, sigmoid(50)), np.array([[0.5]])
    >>> ends = model.reconstruction_term(x_0) - end_term(model, x_0)
    >>> ends - consistency_terms(model, x_0).sum(axis=0), model.bound(x_0)
    (array([-2.00]), array([-2.00]))

    As divergences they make up something else:

    >>> ends - independent_terms(model, x_0).sum(axis=0)
    array([-44.61])
    """
    return consistency_moments(model, x_0)[0]


def independent_terms(model: LinearDiffusion, x_0) -> NDArray:
    """Return E KL(q(x_t | x_{t-1}) || p(x_t | x_{t+1})) for x_0 : (n, d), (T - 1, n).

    Row k is for t = k + 1. x_{t-1} and x_{t+1} are of one chain, and x_t is of none.
    """
    return consistency_terms(model, x_0) + independence_gap(model)[:, np.newaxis]


def independence_gap(model: LinearDiffusion) -> NDArray:
    """Return tr(M) sqrt(1 - beta_{t+1}) beta_t / v of t = 1, ..., T - 1, (T - 1,).

    By so much the divergence is above the consistency term, for every x_0.
    """
    s = model.schedule
    laws = [model.step(t + 1) for t in range(1, s.steps)]
    ratios = np.array([np.trace(M) / v for M, _, v in laws])
    return ratios * np.sqrt(s.alpha[2:]) * s.beta[1:-1]


def consistency_moments(
    model: LinearDiffusion, x_0, covariance=None
) -> tuple[NDArray, NDArray]:
    """Return means and variances of log [q(x_t | x_{t-1}) / p(x_t | x_{t+1})].

        variance = d / 2 - beta_t |B|^2 / v + |G|^2 / 2 v^2 + u^T G u / v^2,

    where the residual has the mean u, the covariance G and the covariance sqrt(beta_t)
    B with xi_t, B = I - sqrt(1 - beta_{t+1}) M.

    x_0 : (n, d)
    covariance : (d, d), for a Gaussian x_0 with these means; None for x_0 itself

    Returns two arrays (T - 1, n), row k for t = k + 1. Raises ValueError or TypeError
    if x_0 does not fit, or the covariance is none.
    """
    s, d = model.schedule, model.dimension
    x_0, S = law_of_start(model, x_0, covariance)
    means, variances = [], []
    for t in range(1, s.steps):
        M, n, v = model.step(t + 1)
        B = np.eye(d) - math.sqrt(s.alpha[t + 1]) * M
        u = s.signal[t] * (x_0 @ B.T) - n
        spread = s.abar[t] * S + s.noise[t] ** 2 * np.eye(d)
        G = B @ spread @ B.T + s.beta[t + 1] * (M @ M.T)
        square = np.sum(u**2, axis=1) + np.trace(G)
        means.append(0.5 * (square / v - d * (1 + math.log(s.beta[t] / v))))
        fixed = 0.5 * d - s.beta[t] * np.sum(B**2) / v + 0.5 * np.sum((G / v) ** 2)
        variances.append(fixed + np.sum((u @ G) * u, axis=1) / v**2)
    return np.array(means), np.array(variances)


def denoising_moments(
    model: LinearDiffusion, x_0, covariance=None
) -> tuple[NDArray, NDArray]:
    """Return means and variances of KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)).

    x_0, covariance : as for consistency_moments

    Returns two arrays (T - 1, n), row k for t = k + 2.
    """
    s, d = model.schedule, model.dimension
    x_0, S = law_of_start(model, x_0, covariance)
    means, variances = [], []
    for t in range(2, s.steps + 1):
        a, _, v = s.posterior(t)
        A, w = model.gains[t], a**2 / (2 * v)
        B = np.eye(d) - s.signal[t] * A
        u = x_0 @ B.T - model.offsets[t]
        G = B @ S @ B.T + s.noise[t] ** 2 * (A @ A.T)
        means.append(w * (np.sum(u**2, axis=1) + np.trace(G)))
        scatter = 2 * np.sum(G**2) + 4 * np.sum((u @ G) * u, axis=1)
        variances.append(w**2 * scatter)
    return np.array(means), np.array(variances)


def law_of_start(model: LinearDiffusion, x_0, covariance) -> tuple[NDArray, NDArray]:
    """Return the means (n, d) and the covariance (d, d) of x_0, zero if it is None."""
    x_0, d = model.examples(x_0), model.dimension
    S = np.zeros((d, d)) if covariance is None else np.asarray(covariance, np.float64)
    require_covariance(np.zeros(d), S)
    return x_0, S


def one_time_variance(means: NDArray, variances: NDArray) -> NDArray:
    """Return the variance of K times the term of one of K times, drawn uniformly, (n,).

        K sum_t (variance_t + mean_t^2) - (sum_t mean_t)^2

    means, variances : (K, n), as consistency_moments and denoising_moments return them
    """
    return (
        len(means) * np.sum(variances + means**2, axis=0) - np.sum(means, axis=0) ** 2
    )


def chain_variances(
    model: LinearDiffusion, x_0, covariance=None
) -> tuple[NDArray, NDArray]:
    """Return the variances of two estimates of the bound along one chain, (n,) each.

    First, log p(x_0, ..., x_T) - log q(x_1, ..., x_T | x_0), which is the sum of all
    consistency terms and both ends. Second, the sum of all denoising terms, with log
    p(x_0 | x_1) and the prior term, which is exact.

    x_0, covariance : as for consistency_moments

    All residuals are one vector, whose covariance has (2 T d)^2 numbers.
    """
    s, (T, d) = model.schedule, (model.schedule.steps, model.dimension)
    chain, eye = chain_of_noise(model), np.eye(T + 1)
    laws = [model.step(t) for t in range(1, T + 1)]
    back = [
        row(chain[t - 1], chain[t], M, n, 1 / v) for t, (M, n, v) in enumerate(laws, 1)
    ]
    none, zero = np.zeros(T + 1), (np.zeros((d, d)), np.zeros(d))
    forth = [row(eye[t], none, *zero, 1.0) for t in range(1, T + 1)]
    end = row(chain[T], none, *zero, 1.0)
    guesses = [back[0], row(eye[0], none, *zero, s.abar[T])]
    for t in range(2, T + 1):
        a, _, v = s.posterior(t)
        law = model.gains[t], model.offsets[t], a**2 / v
        guesses.append(row(eye[0], chain[t], *law))
    signs = np.repeat([-1.0, 1.0], [(T + 1) * d, T * d])
    x_0, S = law_of_start(model, x_0, covariance)
    joint = form_variance([*back, end, *forth], signs, x_0, S)
    return joint, form_variance(guesses, np.ones((T + 1) * d), x_0, S)


def chain_of_noise(model: LinearDiffusion) -> NDArray:
    """Return L, (T + 1, T + 1), with x_t = L_t0 x_0 + sum_k L_tk xi_k."""
    s = model.schedule
    chain = np.eye(s.steps + 1)
    for t in range(1, s.steps + 1):
        chain[t] = math.sqrt(s.alpha[t]) * chain[t - 1]
        chain[t, t] = math.sqrt(s.beta[t])
    return chain


def row(target, source, M, n, weight) -> tuple[NDArray, NDArray]:
    """Return the residual y - M x - n, times sqrt(weight / 2), in terms of the noise.

    target, source : (T + 1,), the rows of L for y and x
    Returns its matrix, (d, (T + 1) d), and its constant, (d,).
    """
    scale = math.sqrt(weight / 2)
    return scale * (np.kron(target, np.eye(len(n))) - np.kron(source, M)), -scale * n


def form_variance(rows, signs, x_0, covariance) -> NDArray:
    """Return Var(y^T D y), (n,), as above, for residuals y and signs of D : (m,)."""
    d = x_0.shape[1]
    matrix = np.concatenate([each for each, _ in rows])
    u = x_0 @ matrix[:, :d].T + np.concatenate([constant for _, constant in rows])
    G = matrix[:, d:] @ matrix[:, d:].T
    G += matrix[:, :d] @ covariance @ matrix[:, :d].T
    u = u * signs
    return 2 * signs @ G**2 @ signs + 4 * np.sum((u @ G) * u, axis=1)
