"""The exact denoiser of data from a mixture of Gaussians.

    p(x_0) = sum_k w_k N(x_0; m_k, s_k^2 I),   x_t = sqrt(abar) x_0 + sqrt(1 - abar) xi.

Then x_t is a mixture as well, with the same weights, the means sqrt(abar) m_k and the
variances v_k = abar s_k^2 + 1 - abar. If x_t came from component k, x_0 and x_t are
jointly Gaussian, and the mean of x_0 is between m_k and what x_t says,

    E[x_0 | x_t, k] = ((1 - abar) m_k + sqrt(abar) s_k^2 x_t) / v_k.

With the responsibilities r_k(x_t) of samplers/mixture.py for the mixture at t,

    E[x_0 | x_t] = sum_k r_k(x_t) E[x_0 | x_t, k].

By Tweedie's formula it is (x_t + (1 - abar) grad log q(x_t)) / sqrt(abar) too, where
for small abar all digits cancel; here none do.

Source: B. Efron, Journal of the American Statistical Association 106 (2011), 1602, for
Tweedie's formula.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from samplers.denoiser import Denoiser
from samplers.kernel import kernel
from samplers.mixture import log_terms, mixture_target, soften
from samplers.points import in_dtype
from samplers.schedules import Schedule, complement, require_schedule


@kernel
def average(x, terms, total, means, shares, slopes, out):
    """Write the mean of share_k m_k + slope_k x, weighted by terms, to out.

    x, out : (points, d)
    terms : (K, points), and total : (points,), their sum
    means : (K, d)
    shares, slopes : (K,)
    """
    for j in range(x.shape[1]):
        column, estimate = x[:, j], out[:, j]
        for i in range(len(x)):
            estimate[i] = 0
        for k in range(len(means)):
            row, part, slope = terms[k], shares[k] * means[k, j], slopes[k]
            for i in range(len(x)):
                estimate[i] += row[i] * (part + slope * column[i])
        for i in range(len(x)):
            estimate[i] /= total[i]


@kernel
def denoise(x, t, out, means, signal, log_peaks, precisions, shares, slopes):
    """Write E[x_0 | x_t = x] : (points, d) to out.

    means : (K, d), m_k
    signal : (T + 1,), sqrt(abar)
    log_peaks, precisions : (T + 1, K), of samplers.mixture.log_terms at each time
    shares, slopes : (T + 1, K), (1 - abar) / v_k and sqrt(abar) s_k^2 / v_k
    """
    terms = np.empty((len(means), len(x)), x.dtype)
    top, total = np.empty_like(terms[0]), np.empty_like(terms[0])
    centers = np.empty_like(means)
    for k in range(len(means)):
        for j in range(means.shape[1]):
            centers[k, j] = signal[t] * means[k, j]
    log_terms(x, log_peaks[t], centers, precisions[t], terms, top)
    soften(terms, top, total)
    average(x, terms, total, means, shares[t], slopes[t], out)


def mixture_denoiser(
    weights: ArrayLike,
    means: ArrayLike,
    sds: ArrayLike,
    schedule: Schedule,
    *,
    dtype: DTypeLike = np.float64,
) -> Denoiser:
    """Return the denoiser for w : (K,), positive, m : (K, d) and s : (K,), positive.

    >>> from samplers.schedules import cosine
    >>> denoiser = mixture_denoiser([0.5, 0.5], [[-1.0], [1.0]], [0.5, 0.5], cosine(10))

    At first x_0 is nearly x_1; at last x_10 says nothing, so that the mean is left.

    >>> denoiser.estimate_at([[0.9]], 1), denoiser.estimate_at([[0.9]], 10)
    (array([[0.9]]), array([[0.0]]))

    Weights are divided by their sum. Raises ValueError if they do not fit, TypeError if
    the schedule is none.
    """
    d = mixture_target(weights, means, sds).dimension  # which says if they do not fit
    w, m, s = (np.array(each, np.float64) for each in (weights, means, sds))
    log_abar = require_schedule(schedule).log_abar[:, np.newaxis]
    gone = complement(log_abar)
    v = np.exp(log_abar) * s**2 + gone
    log_peaks = np.log(w / w.sum()) - d / 2 * np.log(2 * np.pi * v)
    slopes = np.exp(log_abar / 2) * s**2 / v
    numbers = {"means": m, "signal": schedule.signal, "log_peaks": log_peaks}
    numbers |= {"precisions": 1 / v, "shares": gone / v, "slopes": slopes}
    params = in_dtype(dtype, **numbers)
    return Denoiser(denoise, d, params, dtype, schedule)
