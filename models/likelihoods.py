"""Log-likelihoods of examples, in nats: independent Gaussian or Bernoulli entries.

Each returns log p(x) of every example, the sum over the last axis: a loss is minus its
mean, a bound adds other terms to it, an importance weight is the exponential of a
difference. Parameters may be given for each example, or once for all.
"""

import math

import numpy as np

from autodiff import elementwise, softplus
from models.arguments import require_features, require_unit_interval

LOWEST, HIGHEST = -30.0, 20.0


def gaussian_log_likelihood(x, mean, log_variance):
    """Return log N(x; mean, diag(e^v)) for v = log_variance, of every example.

        log p(x) = -1/2 sum_j [ (x_j - m_j)^2 e^{-v_j} + v_j + log 2 pi ]

    Its derivatives by m_j and v_j are r_j / s_j and (r_j^2 - 1) / 2, with
    s_j = e^{v_j / 2} and the residual in units of it, r_j = (x_j - m_j) / s_j. With a
    constant v it is, up to constants, minus the squared error.

    Parameters
    ----------
    x : (..., d)
    mean, log_variance : (..., d) too, or numbers that hold for every feature; axes
        before the last are broadcast

    Returns (...), one number an example. Raises ValueError or TypeError if they do not
    fit. Nothing is clamped: see `clamp_log_variance`.
    """
    x, mean, log_variance = require_features(x=x, mean=mean, log_variance=log_variance)
    residual = (x - mean) * np.exp(-0.5 * log_variance)
    terms = residual**2 + log_variance + math.log(2 * math.pi)
    return -0.5 * np.sum(terms, axis=-1)


def bernoulli_log_likelihood(x, logits):
    """Return log p(x) of every example with p(x_j = 1) = s(z_j), s the sigmoid.

        log p(x) = sum_j [ x_j log s(z_j) + (1 - x_j) log s(-z_j) ]
                 = sum_j [ x_j z_j - softplus(z_j) ]

    Its derivative by z_j is x_j - s(z_j). An x between zero and one gives the negative
    cross-entropy of Bernoulli(x) and the model, which is no likelihood: it is not even
    zero where the two agree.

    Parameters
    ----------
    x : (..., d), from 0 to 1
    logits : (..., d) too, z, or a number that holds for every feature; axes before the
        last are broadcast

    Returns (...), one number an example. Raises ValueError or TypeError if they do not
    fit.
    """
    x, logits = require_features(x=x, logits=logits)
    require_unit_interval("x", x)
    return np.sum(x * logits - softplus(logits), axis=-1)


def clamp_log_variance(z):
    """Return min(max(z, -30), 20): what a network should say for a log-variance.

    A network's last layer is unbounded and e^z is not: at z = 89 the variance is
    infinite in float32. Inside the range, standard deviations from 3e-7 to 2e4, this is
    the identity. Outside, the derivative is one as well: it is that of the identity,
    not that of the value, which is constant there. With a derivative of zero a unit
    that has left the range could never return; with this one it goes where the loss at
    the bound pushes it.

    Reference: the straight-through estimator, Y. Bengio, N. Leonard and A. Courville
    (2013), arXiv:1308.3432, section 3.
    """
    return np.minimum(np.maximum(z, LOWEST), HIGHEST)


clamp_log_variance = elementwise(clamp_log_variance, 1)
