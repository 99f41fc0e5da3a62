"""log p(x), the posterior and the ELBO of an autoencoder, by two ways of integrating.

    log p(x) = log int p(x|h) p(h) dh,        p(h|x) = p(x|h) p(h) / p(x),
    ELBO(x)  = int q(h|x) log p(x|h) dh - KL(q(h|x) || p(h)),
    log p(x) - ELBO(x) = KL(q(h|x) || p(h|x)).

Equal steps over all of latent space give log p(x): for a smooth function that vanishes
at both ends the trapezoidal rule converges faster than any power of the step (L. N.
Trefethen and J. A. C. Weideman, SIAM Review 56, 385, 2014). The mean over q is taken by
Gauss and Hermite, with h = m + s eps at the nodes eps.

The other way has none of these nodes: adaptive panels (samplers/quadrature.py), the
posterior normalized by its own sum, and log q - log p(h|x) averaged over q. What both
ways find of log p(x) and of the gap is the same to as many digits as are right.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from models.conditionals import Bernoulli
from models.gaussian_divergences import kl_standard_normal
from models.likelihoods import gaussian_log_likelihood
from models.vae import VAE
from samplers.machine import binary_states
from samplers.panels import grid
from samplers.quadrature import Quadrature, quadrature

SIDES = {1: 9.0, 2: 8.0}  # of latent space, in units of the prior's sd
TICKS = {1: 2401, 2: 641}  # along each side
FEWER = {1: 601, 2: 161}  # for many x, and for lattices
HERMITE = {1: 100, 2: 300}
PANELS = {1: 64, 2: 16}
CHUNK = 4096  # nodes at a time, so that the layers of a network stay in a cache


def latent_grid(d: int, ticks: int) -> tuple[NDArray[np.float64], float]:
    """Return the nodes of the trapezoidal rule, (ticks^d, d), and what each weighs."""
    line = np.linspace(-SIDES[d], SIDES[d], ticks)
    return grid(line, d), (line[1] - line[0]) ** d


def hermite(d: int, order: int | None = None):
    """Return nodes (Q, d) and weights (Q,) of the mean over standard normals."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order or HERMITE[d])
    weights = np.prod(grid(weights / weights.sum(), d), axis=1)
    kept = weights > 1e-18  # of what is averaged, nothing there can be seen
    return grid(nodes, d)[kept], weights[kept]


def log_likelihoods(vae: VAE, x, h):
    """Return log p(x_i | h_g) of all pairs, (n, G), for x : (n, M) and h : (G, d)."""
    if isinstance(vae.decoder, Bernoulli):
        z = vae.decoder.output(h)
        return x @ z.T - np.sum(np.logaddexp(0, z), axis=1)
    mean, log_variance = vae.decoder.moments(h)
    scale = np.exp(-0.5 * log_variance)
    squares = sum(
        (row[:, np.newaxis] - column) ** 2
        for row, column in zip((x * scale).T, (mean * scale).T, strict=True)
    )
    return -0.5 * (squares + np.sum(log_variance + np.log(2 * np.pi) + 0 * x[0]))


def log_joint(vae: VAE, x, h):
    """Return log p(x_i, h_g) of all pairs, (n, G)."""
    return log_likelihoods(vae, x, h) + gaussian_log_likelihood(h, 0.0, 0.0)


def log_evidence(vae: VAE, x, ticks: int | None = None):
    """Return log p(x) for x : (n, M), (n,), in nats, by the trapezoidal rule."""
    h, weight = latent_grid(vae.latent, ticks or TICKS[vae.latent])
    size = max(1, min(CHUNK, 2**20 // len(x)))
    parts = [
        logsumexp(log_joint(vae, x, h[first : first + size]), axis=1)
        for first in range(0, len(h), size)
    ]
    return logsumexp(parts, axis=0) + np.log(weight)


def expected_log_likelihood(vae: VAE, x, moments, order: int | None = None):
    """Return the mean of log p(x|h) over N(m, e^v), (n,), by Gauss and Hermite.

    moments : m and v, each (n, d)
    """
    nodes, weights = hermite(vae.latent, order)
    mean, v = moments
    h = mean[:, np.newaxis] + np.exp(0.5 * v)[:, np.newaxis] * nodes
    return vae.decoder.log_density(x[:, np.newaxis], h) @ weights


def exact_elbo(vae: VAE, x, moments, order: int | None = None):
    """Return the ELBO of q = N(m, e^v), (n,), in nats: any Gaussian, one for each x."""
    expected = expected_log_likelihood(vae, x, moments, order)
    return expected - kl_standard_normal(*moments)


def posterior(vae: VAE, x, *, tolerance: float = 1e-10) -> Quadrature:
    """Return the law p(h | x) of one x : (M,), by panels; its log Z is log p(x)."""

    def energy(h):
        return -log_joint(vae, x[np.newaxis], h)[0]

    return quadrature(energy, box(vae), panels=PANELS[vae.latent], tolerance=tolerance)


def kl_to_posterior(vae: VAE, law: Quadrature, mean, v) -> float:
    """Return KL(N(m, e^v) || law) in nats, m, v : (d,), by panels."""

    def log_q(h):
        return gaussian_log_likelihood(h, mean, v)

    q = quadrature(lambda h: -log_q(h), box(vae), panels=PANELS[vae.latent])
    return float(q.expectation(lambda h: log_q(h) - law.log_density(h)))


def box(vae: VAE) -> list[tuple[float, float]]:
    """Return the bounds of latent space."""
    return [(-SIDES[vae.latent], SIDES[vae.latent])] * vae.latent


def second_bound(vae: VAE, x, order: int = 64):
    """Return L_2 = E log (w + w') / 2 of one latent, (n,), over all pairs of nodes."""
    nodes, weights = hermite(1, order)
    noise = np.broadcast_to(nodes[:, np.newaxis], (len(nodes), len(x), 1))
    log_w = vae.log_weights(x, noise).T
    pairs = np.logaddexp(log_w[:, :, np.newaxis], log_w[:, np.newaxis]) - np.log(2)
    return pairs @ weights @ weights


def plane(side: float = 2.5, ticks: int = 101):
    """Return points (ticks^2, 2) of a square around the horseshoe, and their ticks."""
    line = np.linspace(-side, side, ticks)
    return grid(line, 2), line


def total_probability(vae: VAE) -> float:
    """Return the sum of p(x) over all binary x, or its integral over the plane."""
    if isinstance(vae.decoder, Bernoulli):
        every = binary_states(vae.visible).astype(np.float64)
        return float(np.exp(logsumexp(log_evidence(vae, every, FEWER[vae.latent]))))
    x, line = plane()
    density = np.exp(log_evidence(vae, x, FEWER[vae.latent]))
    return float(density.sum() * (line[1] - line[0]) ** 2)
