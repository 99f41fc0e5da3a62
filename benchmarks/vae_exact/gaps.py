"""How far an ELBO is below log p(x), and why.

    log p(x) - ELBO(x) = KL(q(h|x) || p(h|x))
                       = [log p(x) - ELBO*(x)]  +  [ELBO*(x) - ELBO(x)],
                          approximation gap         amortization gap

with ELBO* that of the best Gaussian for this x alone, its features independent as those
of q. The first gap is there because the posterior is no such Gaussian, the second
because one network must say m and v of all x.

The best Gaussian is looked for on a lattice of m and s over all of latent space, where
E_q[log p(x, h)] is a product of matrices, since q(h) is one of q(h_1) and q(h_2); and
from there by L-BFGS. A posterior of two peaks has two local optima, and the lattice
knows both.

Source: C. Cremer, X. Li and D. Duvenaud, Inference suboptimality in variational
autoencoders, ICML (2018).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.vae_exact.laws import Problem
from benchmarks.vae_exact.quadrature import (
    FEWER,
    exact_elbo,
    latent_grid,
    log_evidence,
    log_joint,
)
from models.gaussian_divergences import kl_standard_normal
from models.vae import VAE
from optim.lbfgs import LBFGS
from optim.minimize import minimize

MEANS = np.linspace(-4, 4, 65)
WIDEST, WIDTHS = 1.2, 12  # from the step of h up: narrower ones fall between nodes
ORDER = 32  # of the nodes of Gauss and Hermite during the search


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a model at the points of its problem.

    beta : the weight of the KL in its training
    log_p, elbo, best : (n,), log p(x), the ELBO, and that of the best Gaussians
    moments, best_moments : m and v, (n, d), of q(h|x) and of the best Gaussians
    """

    problem: Problem
    vae: VAE
    beta: float
    log_p: NDArray[np.float64]
    elbo: NDArray[np.float64]
    best: NDArray[np.float64]
    moments: tuple[NDArray[np.float64], NDArray[np.float64]]
    best_moments: tuple[NDArray[np.float64], NDArray[np.float64]]

    @property
    def approximation(self) -> NDArray[np.float64]:
        """The gap that no Gaussian can close, (n,), in nats."""
        return self.log_p - self.best

    @property
    def amortization(self) -> NDArray[np.float64]:
        """The gap that the encoder leaves to the best Gaussian, (n,), in nats."""
        return self.best - self.elbo

    @property
    def divergence(self) -> float:
        """The mean of KL(q(h|x) || p(h)), in nats."""
        return float(np.mean(kl_standard_normal(*self.moments)))

    @property
    def reconstruction(self) -> float:
        """The mean of E_q[log p(x|h)], in nats."""
        return float(np.mean(self.elbo)) + self.divergence


def know(problem: Problem, vae: VAE, beta: float = 1.0) -> Known:
    """Compute log p(x), the ELBO and its optimum at the points of a problem."""
    x, moments = problem.x, vae.encode(problem.x)
    best_moments = best_gaussians(vae, x)
    return Known(
        problem,
        vae,
        beta,
        log_evidence(vae, x),
        exact_elbo(vae, x, moments),
        exact_elbo(vae, x, best_moments),
        moments,
        best_moments,
    )


def best_gaussians(vae: VAE, x):
    """Return m and v, (n, d) each, of the Gaussians that maximize the ELBO at x."""
    mean, v = lattice_optimum(vae, x)
    shift, growth = np.zeros_like(mean), np.zeros_like(v)

    def loss(change):
        # In units of the first guess, in which all directions are about as steep.
        shift, growth = change
        moments = mean + np.exp(0.5 * v) * shift, v + growth
        return -np.mean(exact_elbo(vae, x, moments, ORDER))

    minimize(loss, (shift, growth), LBFGS(gradient_tolerance=1e-5 / len(x)), steps=150)
    return mean + np.exp(0.5 * v) * shift, v + growth


def lattice_optimum(vae: VAE, x):
    """Return m and v, (n, d) each, of the best Gaussians with m, s of the lattice."""
    d = vae.latent
    nodes, _ = latent_grid(d, FEWER[d])
    h = np.unique(nodes[:, -1])
    step = h[1] - h[0]
    sds = np.geomspace(step, WIDEST, WIDTHS)
    means, sds = (a.ravel() for a in np.meshgrid(MEANS, sds, indexing="ij"))
    q = np.exp(-0.5 * ((h - means[:, None]) / sds[:, None]) ** 2)
    q *= step / (np.sqrt(2 * np.pi) * sds[:, None])
    entropy = np.log(sds)
    found = []
    for logs in log_joint(vae, x, nodes):
        if d == 1:
            values = q @ logs + entropy
        else:
            values = q @ logs.reshape(len(h), -1) @ q.T + entropy[:, None] + entropy
        best = list(np.unravel_index(np.argmax(values), values.shape))
        found.append((means[best], sds[best]))
    mean, sd = np.moveaxis(np.array(found), 1, 0)
    return mean, 2 * np.log(sd)
