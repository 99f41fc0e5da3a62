"""The evidence lower bound of a hierarchy of latents.

It is that of models/vae_bounds.py, in which h may be anything. Write h for all levels
h_1, ..., h_T together, h_0 for x, and E_q for the expectation over h ~ q(h | x).

    (1)  p(x) = int p(x, h) dh = int q(h | x) [p(x, h) / q(h | x)] dh     times q / q
    (2)       = E_q[ w ],      w = p(x, h) / q(h | x)
    (3)  log p(x) >= E_q[ log w ] = ELBO(x)                                 by Jensen
    (4)  log p(x) - ELBO(x) = KL(q(h | x) || p(h | x))    as p(x, h) = p(h | x) p(x)

Both chains are Markovian, and the logarithm has one term for each arrow of either,

    (5)  log w = log p(h_T) + sum_{t=1}^T [log p(h_{t-1} | h_t) - log q(h_t | h_{t-1})].

Each level is drawn by an encoder and explained by a decoder, the top one by the prior.
By level rather than by arrow, with p(h_T) in the place of p(h_T | h_{T+1}),

    (6)  log w = log p(x | h_1) - sum_{t=1}^T D_t,
    (7)  D_t = log q(h_t | h_{t-1}) - log p(h_t | h_{t+1}).

The mean of D_T is a divergence, and so is that of the sum, KL(q(h | x) || p(h)). That
of another D_t is none and may be negative: h_{t+1} was drawn from h_t, and tells of it.

Every level is Gaussian given its neighbor, with a mean m_t and a log-variance v_t that
are functions of h_{t-1}, on the way up, and n_t and u_t of h_{t+1}, on the way down. As
in a single level, a draw is a function of noise that depends on no parameter,

    (8)  h_t = m_t + e^(v_t / 2) eps_t,     eps_t ~ N(0, I),     t = 1, ..., T,

one level after the other, so that log w at given noise is differentiated by all
parameters, through the whole chain. In terms of that noise

    (9)  D_t = 1/2 sum_j [u_t - v_t + (h_t - n_t)^2 e^-u_t - eps_t^2].

The ELBO is the mean of (6) over the noise. That the mean of D_T given h_{T-1} has a
formula (for T = 1 it is all of D) is not used here: if q is the posterior then log w is
log p(x) whatever the noise, which no estimate by the formula would be.

The functions whose first argument is the model are its methods.

Sources: as in models/hierarchical_vae.py.
"""

from itertools import pairwise

import numpy as np

from autodiff import stop_gradient, tree_map
from models import conditionals
from models.arguments import require_precision
from models.likelihoods import gaussian_log_likelihood
from models.vae_bounds import Terms


def reparameterize(model, x, noise) -> tuple:
    """Return h_1, ..., h_T of (8), a draw of q(h | x), each (..., n, d_t).

    x : (n, M); noise : T arrays (n, d_t) or (k, n, d_t) of standard normals
    """
    require_noise(model, x, x, noise)
    return climb(model, x, noise)[0]


def log_joint(model, x, h):
    """Return log p(x, h_1, ..., h_T), the part of p in (5), (..., n), in nats.

    x : (n, M); h : T arrays (..., n, d_t)

    Raises ValueError or TypeError if shapes or dtypes do not fit.
    """
    if len(h) != len(model.decoders):
        raise ValueError(
            f"h has {len(h)} arrays and the model {len(model.decoders)} levels of "
            "latents: h is what reparameterize(x, noise) returns, h_1 first"
        )
    zero = model.dtype.type(0)
    arrows = zip(model.decoders, pairwise((x, *h)), strict=True)
    prior = gaussian_log_likelihood(h[-1], zero, zero)
    return sum((law.log_density(below, above) for law, (below, above) in arrows), prior)


def elbo_terms(model, x, noise, *, seen=None) -> Terms:
    """Return log p(x | h_1), (n,), and D_1, ..., D_T, (n, T), of (6), in nats.

    Parameters
    ----------
    x : (n, M)
    noise : a tuple of T arrays (n, d_t), or (L, n, d_t) for the means of L draws
    seen : (n, M), what the encoder sees in the place of x, such as a corrupted copy

    Raises ValueError or TypeError if shapes or dtypes do not fit.
    """
    reconstruction, divergences = log_terms(model, x, noise, seen)
    divergence = np.stack(divergences, axis=-1)
    if noise[0].ndim == 3:
        return Terms(np.mean(reconstruction, axis=0), np.mean(divergence, axis=0))
    return Terms(reconstruction, divergence)


def log_weights(model, x, noise, *, seen=None):
    """Return log w of (6) for each draw of h, (k, n), in nats.

    noise : a tuple of T arrays (k, n, d_t); other parameters and errors: as for
        elbo_terms
    """
    reconstruction, divergences = log_terms(model, x, noise, seen)
    if reconstruction.ndim != 2:
        raise ValueError(
            f"noise is of one draw, {[eps.shape for eps in noise]}, and here it is of "
            "k, each (k, n, d_t): write model.draw_noise(len(x), rng, k)"
        )
    return reconstruction - sum(divergences)


def log_terms(model, x, noise, seen):
    """Return log p(x | h_1) and the list of D_1, ..., D_T, by (9), each (..., n)."""
    seen = x if seen is None else seen
    require_noise(model, x, seen, noise)
    h, log_variances = climb(model, seen, noise)
    zero = model.dtype.type(0)
    down = zip(model.decoders[1:], h[1:], strict=True)
    explained = [*(decoder.moments(above) for decoder, above in down), (zero, zero)]
    divergences = [
        -0.5 * np.sum(eps**2 + v - (level - n) ** 2 * np.exp(-u) - u, axis=-1)
        for level, eps, v, (n, u) in zip(
            h, noise, log_variances, explained, strict=True
        )
    ]
    return model.decoders[0].log_density(x, h[0]), divergences


def climb(model, x, noise):
    """Return the levels h_1, ..., h_T of (8), and their v_1, ..., v_T."""
    encoders = model.encoders
    if not model.learn_encoder:
        encoders = tree_map(stop_gradient, encoders)
    h, log_variances = [x], []
    for encoder, eps in zip(encoders, noise, strict=True):
        mean, v = encoder.moments(h[-1])
        h.append(conditionals.reparameterize(mean, v, eps))
        log_variances.append(v)
    return tuple(h[1:]), log_variances


def require_noise(model, x, seen, noise):
    """Raise unless x and seen are (n, M), and noise is of as many draws each level."""
    given = [getattr(rows, "shape", type(rows).__name__) for rows in (x, seen)]
    if getattr(x, "ndim", 0) != 2 or {*given} != {(len(x), model.visible)}:
        raise ValueError(
            f"x has shape {given[0]} and the encoder sees {given[1]}; both are (n, "
            f"{model.visible}), a row an example: one example is x[np.newaxis]"
        )
    levels = noise if isinstance(noise, tuple | list) else ()
    shapes = [getattr(eps, "shape", ()) for eps in levels]
    draws = shapes[0][:-2] if shapes else ()
    expected = [(*draws, len(x), d) for d in model.latents]
    if not isinstance(noise, tuple) or shapes != expected or len(draws) > 1:
        each = ", ".join(f"(n, {d})" for d in model.latents)
        raise ValueError(
            f"noise is a {type(noise).__name__} of shapes {shapes}, and each of n = "
            f"{len(x)} examples has a draw of its own of each level: it is a tuple of "
            f"{each}, or of (k, n, d_t) for k draws, as draw_noise makes it"
        )
    require_precision(x=x, **{f"noise[{t}]": eps for t, eps in enumerate(noise)})
