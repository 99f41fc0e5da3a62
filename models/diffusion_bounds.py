"""The bound of a variational diffusion model, derived line by line, in three forms.

Noise is added to the data x_0 in T steps, by a chain without parameters, and a model
goes back by steps of its own, from p(x_T) = N(0, I):

    q(x_1:T | x_0) = q(x_1 | x_0) ... q(x_T | x_T-1),
    p(x_0:T) = p(x_T) p(x_T-1 | x_T) ... p(x_1 | x_2) p(x_0 | x_1).

E is the expectation over x_1:T from q(x_1:T | x_0).

    (1)  log p(x_0) = log int p(x_0:T) dx_1:T            the noisy states are integrated
    (2)             = log E[p(x_0:T) / q(x_1:T | x_0)]                       times q / q
    (3)            >= E[log p(x_0:T) - log q(x_1:T | x_0)]            Jensen; the bound

It is a bound and no more: (2) less (3) is KL(q(x_1:T | x_0) || p(x_1:T | x_0)), zero
only if the model undoes the noise as the chain makes it. The first form is (3) as it
stands, along a drawn chain (models/diffusion_chain_bounds.py). For the second, each
step back to x_t is set beside the step forth to x_t:

    (4)  = E log p(x_0 | x_1) - E log(q(x_T | x_T-1) / p(x_T))
           - sum_{t=1}^{T-1} E log(q(x_t | x_t-1) / p(x_t | x_t+1)).

The terms of the sum, called consistency terms, need x_t-1, x_t and x_t+1 of one chain.
None is a mean of KL(q(x_t | x_t-1) || p(x_t | x_t+1)), for that would draw x_t anew,
after x_t+1. Where p(x_t | x_t+1) = N(m(x_t+1), s^2 I) the two differ by what x_t and
x_t+1 have in common, given x_t-1,

    (5)  E KL - E log(q / p) = E tr Cov(x_t, m(x_t+1) | x_t-1) / s^2,

that is d c r_t+1 beta_t / s^2 for m(x) = c x + constant and q(x_t | x_t-1) = N(r_t
x_t-1, beta_t I). Nor is a term least where p(x_t | x_t+1) is q(x_t | x_t-1): it is
where it is q(x_t | x_t+1), averaged over data.

For the third form the chain is turned round. For t >= 2, by Bayes' rule and since x_t
depends on x_0 by way of x_t-1 alone,

    (6)  q(x_t | x_t-1) = q(x_t-1 | x_t, x_0) q(x_t | x_0) / q(x_t-1 | x_0).

In a product over t = 2, ..., T all marginals cancel but two, and that of x_1 with the
first step, so that

    (7)  q(x_1:T | x_0) = q(x_T | x_0) q(x_T-1 | x_T, x_0) ... q(x_1 | x_2, x_0),
    (8)  (3) = E log p(x_0 | x_1) - E log(q(x_T | x_0) / p(x_T))
               - sum_{t=2}^T E log(q(x_t-1 | x_t, x_0) / p(x_t-1 | x_t)).

Now p sees nothing but x_t, from which q starts too, and x_t-1 can be averaged over
first, given x_t: what is left are divergences,

    (9)  (3) = E log p(x_0 | x_1) - KL(q(x_T | x_0) || p(x_T))
               - sum_{t=2}^T E KL(q(x_t-1 | x_t, x_0) || p(x_t-1 | x_t)),

a reconstruction, a prior term and the denoising terms. The model's step back is the
posterior of the chain with a guess for the data, p(x_t-1 | x_t) = q(x_t-1 | x_t, x_0 =
x0hat(x_t, t)). With x_t = alpha_t x_0 + sigma_t eps, SNR = alpha^2 / sigma^2 = e^lambda
and c = 1 - SNR(t) / SNR(t-1),

    (10) q(x_t-1 | x_t, x_0) = N(alpha_t-1 (c x_0 + (1 - c) x_t / alpha_t),
                                 sigma_t-1^2 c I),
    (11) KL(q || p) = 1/2 (SNR(t-1) - SNR(t)) |x_0 - x0hat|^2.

The sum over t is T - 1 times the mean over a random t. As T grows, with lambda a
function of u = t / T, it becomes an integral, and lambda can take the place of u:

    (12) 1/2 int_0^1 (-lambda'(u)) e^lambda(u) E |x_0 - x0hat|^2 du
    (13) = 1/2 int_lambda(1)^lambda(0) e^l E |x_0 - x0hat(x, l)|^2 dl.

So the curve between its ends changes the variance of an estimate of (12), not its mean.

The model is anything that has

    log_snr                 lambda(u) for u : (n,), with the slope log_snr.derivative(u)
    denoise(x, log_snr)     x0hat, (..., n, d), for log_snr : (..., n)
    log_likelihood_at_start(x0, x1, log_snr)            log p(x_0 | x_1), (..., n)

Everything is in nats, one number an example, and can be differentiated by the
parameters of the model, those of lambda among them, at given noise and times.

Sources: J. Sohl-Dickstein, E. Weiss, N. Maheswaranathan and S. Ganguli, ICML (2015),
for (9); D. P. Kingma, T. Salimans, B. Poole and J. Ho, Variational diffusion models,
NeurIPS (2021), arXiv:2107.00630, for (11) to (13); C. Luo, arXiv:2208.11970 (2022), for
(4) and (9) side by side.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import softplus
from models.arguments import require_precision
from models.diffusion_forms import signal_and_noise
from models.gaussian_divergences import kl_standard_normal
from samplers.chains import require_count


class Terms(NamedTuple):
    """The three terms of a bound, in nats: reconstruction - prior - diffusion.

    Attributes
    ----------
    reconstruction : (..., n), of log p(x_0 | x_1)
    prior : how far x_T is from N(0, I), (..., n) or (n,)
    diffusion : (..., n), of all steps between, together
    """

    reconstruction: Any
    prior: Any
    diffusion: Any

    @property
    def bound(self):
        """The bound of log p(x_0), (..., n)."""
        return self.reconstruction - self.prior - self.diffusion


def prior_term(x0, log_snr):
    """Return KL(q(x_T | x_0) || N(0, I)) for x0 : (n, d), (n,).

    log_snr : lambda at T, an array ()
    """
    alpha, _ = signal_and_noise(log_snr)
    return kl_standard_normal(alpha * x0, -softplus(log_snr))


def reconstruction_term(model, x0, noise, T: int):
    """Return log p(x_0 | x_1) at x_1 = alpha_1 x_0 + sigma_1 noise, (..., n).

    Parameters
    ----------
    x0 : (n, d)
    noise : (..., n, d), standard normals

    Raises ValueError or TypeError if shapes or dtypes do not fit, or T < 2.
    """
    require_noise(x0, noise)
    return _reconstruct(model, x0, noise, log_snr_at(model, 1, require_steps(T), x0))


def denoising_terms(model, x0, t: ArrayLike, noise, T: int):
    """Return (11), KL(q(x_t-1 | x_t, x_0) || p(x_t-1 | x_t)) at each t, (..., n).

    t : (..., n), from 2 to T; other parameters and errors: as for reconstruction_term
    """
    require_noise(x0, noise)
    times = _require_times(t, noise, T)
    before, after = (log_snr_at(model, s, T, x0) for s in (times - 1, times))
    fall = -0.5 * np.expm1(after - before) * np.exp(before)
    return fall * _squared_error(model, x0, noise, after)


def discrete_terms(model, x0, t: ArrayLike, noise, T: int) -> Terms:
    """Return the terms of (9) by one random t of each example.

    t : (..., n), uniform from 2 to T; other parameters and errors: as for
        reconstruction_term. The noise serves the reconstruction too
    """
    diffusion = (T - 1) * denoising_terms(model, x0, t, noise, T)
    reconstruction = reconstruction_term(model, x0, noise, T)
    return Terms(reconstruction, _prior(model, x0), diffusion)


def discrete_bound(model, x0, t: ArrayLike, noise, T: int):
    """Return an estimate of the bound (9), (..., n): see discrete_terms."""
    return discrete_terms(model, x0, t, noise, T).bound


def all_terms(model, x0, noise, T: int) -> Terms:
    """Return the terms of (9) with the sum over all t, for T not too large, each (n,).

    noise : (T, n, d), standard normals, from which x_1, ..., x_T are made. Whether they
        are independent or those of a chain changes the variance, not the mean
    """
    require_noise(x0, noise)
    if noise.ndim != 3 or len(noise) != T:
        raise ValueError(
            f"noise has shape {noise.shape}, and each of {T} times has its own for "
            f"each example: it is ({T}, {', '.join(map(str, x0.shape))})"
        )
    t = np.broadcast_to(np.arange(2, T + 1)[:, np.newaxis], (T - 1, len(x0)))
    diffusion = np.sum(denoising_terms(model, x0, t, noise[1:], T), axis=0)
    reconstruction = reconstruction_term(model, x0, noise[0], T)
    return Terms(reconstruction, _prior(model, x0), diffusion)


def continuous_terms(model, x0, u, noise) -> Terms:
    """Return the terms of the bound for T to infinity, the last as in (12).

    Parameters
    ----------
    x0 : (n, d)
    u : (..., n), uniform in [0, 1], in the dtype of x0. Each of u_i = (u_0 + i / n) mod
        1 is uniform too, and as they are evenly spread, their mean varies less
    noise : (..., n, d), standard normals, which serve the reconstruction at u = 0 too

    Raises ValueError or TypeError if they do not fit.
    """
    require_noise(x0, noise)
    _require_rows("u", u, noise)
    log_snr = model.log_snr(u)
    weight = -0.5 * model.log_snr.derivative(u) * np.exp(log_snr)
    diffusion = weight * _squared_error(model, x0, noise, log_snr)
    first = model.log_snr(np.zeros((), x0.dtype))
    reconstruction = _reconstruct(model, x0, noise, first)
    return Terms(reconstruction, _prior(model, x0), diffusion)


def continuous_bound(model, x0, u, noise):
    """Return an estimate of the bound for T to infinity: see continuous_terms."""
    return continuous_terms(model, x0, u, noise).bound


def _noisy(x0, noise, log_snr):
    """Return alpha x_0 + sigma noise for log_snr : (..., n)."""
    alpha, sigma = signal_and_noise(log_snr)
    return alpha[..., np.newaxis] * x0 + sigma[..., np.newaxis] * noise


def _squared_error(model, x0, noise, log_snr):
    """Return |x_0 - x0hat|^2, (..., n)."""
    guess = model.denoise(_noisy(x0, noise, log_snr), log_snr)
    return np.sum((x0 - guess) ** 2, axis=-1)


def _prior(model, x0):
    """Return the prior term at u = 1, (n,)."""
    return prior_term(x0, model.log_snr(np.ones((), x0.dtype)))


def _reconstruct(model, x0, noise, log_snr):
    """Return log p(x_0 | x_1) for the one log SNR of the start, (..., n)."""
    log_snr = np.broadcast_to(log_snr, noise.shape[:-1])
    return model.log_likelihood_at_start(x0, _noisy(x0, noise, log_snr), log_snr)


def require_noise(x0, noise):
    """Raise unless x_0 is (n, d) and noise is (..., n, d) of its dtype."""
    shape = getattr(x0, "shape", type(x0).__name__)
    if getattr(x0, "ndim", 0) != 2:
        raise ValueError(
            f"x0 has shape {shape}; it is (n, d), a row an example: images are "
            "images.reshape(len(images), -1), one example is x0[np.newaxis]"
        )
    require_precision(x0=x0, noise=noise)
    if noise.shape[-2:] != shape:
        raise ValueError(
            f"noise has shape {noise.shape}, and each example of x0, {shape}, has a "
            f"draw of its own: it is {shape}, or (L, {shape[0]}, {shape[1]}) for L"
        )


def require_steps(T: int) -> int:
    """Return T, or raise ValueError if there is no step between x_1 and x_T."""
    return require_count("T", T, 2)


def log_snr_at(model, t: ArrayLike, T: int, x0):
    """Return lambda(t / T), of the shape of t and the dtype of x0."""
    return model.log_snr(np.asarray(np.asarray(t) / T, x0.dtype))


def _require_rows(name: str, times, noise):
    """Raise ValueError unless there is a time for each row of noise."""
    shape = getattr(times, "shape", type(times).__name__)
    if shape != noise.shape[:-1]:
        raise ValueError(
            f"{name} has shape {shape}, and noise {noise.shape}; each row of noise has "
            f"a time of its own, so that {name} is {noise.shape[:-1]}"
        )


def _require_times(t: ArrayLike, noise, T: int) -> NDArray:
    """Return t as an array, or raise ValueError if one is not 2, ..., T."""
    require_steps(T)
    times = np.asarray(t)
    if times.dtype.kind not in "iu" or not np.all((times >= 2) & (times <= T)):
        raise ValueError(
            f"t is {t!r:.80}; a denoising term leads from t to t - 1, for integers t "
            f"from 2 to {T}: write rng.integers(2, {T}, n, endpoint=True). The step "
            "from 1 to the data is the reconstruction"
        )
    _require_rows("t", times, noise)
    return times
