"""The evidence lower bound of a variational autoencoder, and bounds above it.

A model of x by way of a latent h has a prior p(h) and a decoder p(x | h), and p(x, h)
is their product. Let q(h | x) be any density that is positive where the posterior
p(h | x) is, and E_q the expectation over its h.

    (1)  log p(x) = E_q[log p(x)]                         as there is no h in log p(x)
    (2)           = E_q[log(p(x, h) / p(h | x))]          as p(x, h) = p(h | x) p(x)
    (3)           = E_q[log(p(x, h)/q(h | x) * q(h | x)/p(h | x))]         times q / q
    (4)           = E_q[log(p(x, h) / q(h | x))] + E_q[log(q(h | x) / p(h | x))]
    (5)           = ELBO(x) + KL(q(h | x) || p(h | x))    which is what the two are
    (6)          >= ELBO(x)       as KL >= 0, and KL = 0 for q(h | x) = p(h | x) alone

The left side does not depend on q: to raise the ELBO by q is to bring q nearer to the
posterior, and to raise it by p is to raise log p(x), or to bring the posterior nearer
to q. By p(x, h) = p(x | h) p(h) it has two terms,

    (7)  ELBO(x) = E_q[log p(x | h)] + E_q[log(p(h) / q(h | x))]
    (8)          = E_q[log p(x | h)] - KL(q(h | x) || p(h)),

how well x can be told from a draw of q, less how far q goes from the prior for that.
Only the difference has its maximum at the optimum. A KL of zero means a q that does not
look at x, and leaves nothing to tell x by; the best first term means a q of no width,
and a KL without bound.

Here p(h) = N(0, I) and q(h | x) = N(m, diag(s^2)), with m and v = log s^2 from the
encoder. A draw is a function of noise whose law has no parameter, so that derivatives
go through it:

    (9)  h = m + s eps,   eps ~ N(0, I),      grad E_q[f(h)] = E_eps[grad f(m + s eps)].

The KL between the two Gaussians is a sum over latents,

    (10) KL(q(h | x) || p(h)) = 1/2 sum_j (m_j^2 + s_j^2 - 1 - log s_j^2),

and L draws give an estimate of the bound. By 1/L its mean, and so where its optimum
lies, is the same for every L; the sum of L terms would outweigh the KL:

    (11) ELBO(x) ~ 1/L sum_l log p(x | h_l) - beta KL(q(h | x) || p(h)),     beta = 1.

With beta > 1 it is a lower bound too, below the ELBO; with beta < 1 it need not be one.

Along the draws log q(h | x) = -1/2 sum_j (eps_j^2 + v_j + log 2 pi). So the logarithm
in the ELBO of (4) is

    (12) log w = log(p(x, h) / q(h | x))
               = log p(x | h) + 1/2 sum_j (eps_j^2 + v_j - h_j^2),

whose mean over draws is the ELBO by sampling alone, without (10). The mean of w itself
is E_q[w] = int p(x, h) dh = p(x). Means of k weights are nearer to it than single ones,
and since the logarithm is concave (Jensen's inequality),

    (13) L_k(x) = E[log(1/k sum_{l=1}^k w_l)] <= log p(x),      L_1 = ELBO.

L_k <= L_{k+1} likewise, for a mean of k + 1 weights is the mean of its means that leave
one out. If w is bounded, L_k goes to log p(x) as k grows.

The functions whose first argument is the model are its methods. All can be
differentiated by its parameters, at given noise.

Sources: D. P. Kingma and M. Welling, ICLR (2014), arXiv:1312.6114, for (5) to (11); D.
J. Rezende, S. Mohamed and D. Wierstra, ICML (2014); I. Higgins et al., ICLR (2017), for
beta; Y. Burda, R. Grosse and R. Salakhutdinov, ICLR (2016), arXiv:1509.00519, for (12)
and (13).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from autodiff import logsumexp
from models.arguments import require_precision
from models.conditionals import reparameterize


class Terms(NamedTuple):
    """The two terms of the ELBO, in nats.

    Attributes
    ----------
    reconstruction : (n,), 1/L sum_l log p(x | h_l) of each example
    divergence : (n, d), of each example, the part of KL(q || p) of each latent
    """

    reconstruction: Any
    divergence: Any


def elbo_terms(vae, x, noise, *, seen=None) -> Terms:
    """Return the terms of (11), for x : (n, M).

    Parameters
    ----------
    noise : (n, d) or (L, n, d), standard normals
    seen : (n, M), what the encoder sees in the place of x, such as a corrupted copy.
        Any q gives a lower bound of log p(x), so one that sees less does too

    Raises ValueError or TypeError if shapes or dtypes do not fit.
    """
    mean, v = _posterior(vae, x, seen)
    h = _draw(mean, v, noise)
    reconstruction = vae.decoder.log_density(x, h)
    if noise.ndim == 3:
        reconstruction = np.mean(reconstruction, axis=0)
    return Terms(reconstruction, latent_divergences(mean, v))


def latent_divergences(mean, log_variance):
    """Return the terms of (10), KL(q(h_j | x) || p(h_j)), each (..., d), in nats.

    mean, log_variance : as `VAE.encode` returns them
    """
    return 0.5 * (np.expm1(log_variance) - log_variance + mean**2)


def elbo(vae, x, noise, *, beta: float = 1.0, seen=None):
    """Return (11), the ELBO with the analytic KL, for x : (n, M), (n,), in nats.

    beta : the weight of the KL; other parameters and errors: as for elbo_terms

    Of a HierarchicalVAE, whose method it is too, the KL is sampled.
    """
    terms = vae.elbo_terms(x, noise, seen=seen)
    return terms.reconstruction - float(beta) * np.sum(terms.divergence, axis=-1)


def log_weights(vae, x, noise, *, seen=None):
    """Return (12), log p(x, h) - log q(h | x) at each draw, (k, n), in nats.

    noise : (k, n, d), standard normals; other parameters and errors: as for elbo_terms
    """
    _require_draws(noise)
    mean, v = _posterior(vae, x, seen)
    h = _draw(mean, v, noise)
    prior_over_q = 0.5 * np.sum(noise**2 + v - h**2, axis=-1)
    return vae.decoder.log_density(x, h) + prior_over_q


def importance_weighted_bound(vae, x, noise, *, seen=None):
    """Return (13), the logarithm of the mean of k weights, for x : (n, M), (n,).

    noise : (k, n, d), standard normals; other parameters and errors: as for elbo_terms
    """
    return logmeanexp(vae.log_weights(x, noise, seen=seen))


def logmeanexp(log_weights):
    """Return log 1/k sum_l w_l for log w : (k, n), (n,), where no w may overflow."""
    return logsumexp(log_weights, axis=0) - math.log(len(log_weights))


def _posterior(vae, x, seen):
    """Return m and v of q(h | x), or of q(h | seen), or raise."""
    seen = x if seen is None else seen
    shapes = [getattr(rows, "shape", type(rows).__name__) for rows in (x, seen)]
    if getattr(x, "ndim", 0) != 2 or shapes[0] != shapes[1]:
        raise ValueError(
            f"x has shape {shapes[0]} and the encoder sees {shapes[1]}; both are (n, "
            f"{vae.visible}), a row an example: images are images.reshape(len(images), "
            "-1), one example is x[np.newaxis]"
        )
    return vae.encoder.moments(seen)


def _draw(mean, v, noise):
    """Return h = m + e^(v/2) noise, or raise if they do not fit."""
    require_precision(x=mean, noise=noise)
    if noise.ndim not in (2, 3) or noise.shape[-2:] != mean.shape:
        n, d = mean.shape
        raise ValueError(
            f"noise has shape {noise.shape}, and each of {n} examples has a draw of "
            f"its own of {d} latents: it is ({n}, {d}), or (L, {n}, {d}) for L draws, "
            "vae.draw_noise(len(x), rng, L)"
        )
    return reparameterize(mean, v, noise)


def _require_draws(noise):
    if getattr(noise, "ndim", 0) != 3:
        shape = getattr(noise, "shape", type(noise).__name__)
        raise ValueError(
            f"noise has shape {shape}, and is (k, n, d), for k draws of each "
            "example: write vae.draw_noise(len(x), rng, k), or noise[np.newaxis] for "
            "k = 1"
        )
