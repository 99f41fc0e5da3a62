"""Divergences between discrete laws p and q, in nats.

Probabilities stand on the last axis, (..., k); axes before it are broadcast, and one
number is returned for each pair of laws.

    KL(p || q) = sum_i p_i log(p_i / q_i),          0 log 0 = 0
    JS(p, q)   = 1/2 KL(p || m) + 1/2 KL(q || m),   m = (p + q) / 2
    TV(p, q)   = 1/2 sum_i |p_i - q_i|

As p and q sum to one, KL is also the sum of p_i log(p_i / q_i) - p_i + q_i. Its terms
are never negative, and where p is close to q they keep their digits; so this form is
computed, and differentiated: by p_i it gives log(p_i / q_i), by q_i 1 - p_i / q_i,
which vanish where p = q. Off the simplex of probabilities other forms of KL differ from
it, by the same number for each i; along the simplex, and so through a softmax, they do
not. A p_i below the smallest normal number counts as zero.

Source: T. M. Cover and J. A. Thomas (2006), Elements of Information Theory, chapter 2;
for JS, J. Lin, IEEE Transactions on Information Theory 37 (1991), 145.
"""

import numpy as np

from autodiff import elementwise, log_softmax
from models.arguments import require_outcomes, require_probabilities


def kl_divergence(p, q):
    """Return KL(p || q) = sum_i p_i log(p_i / q_i), the Kullback-Leibler divergence.

    It is the mean number of nats by which q is the worse code for data from p: never
    negative, zero only for p = q, and infinite where p has an outcome that q has not.
    It is not symmetric.

    Parameters
    ----------
    p, q : (..., k), probabilities

    Returns (...). Raises ValueError or TypeError if they are no probabilities, or do
    not fit.

    >>> kl_divergence(np.array([0.5, 0.5]), np.array([0.75, 0.25]))
    np.float64(0.1438)
    """
    require_probabilities(p=p, q=q)
    return np.sum(relative_entropy(p, q), axis=-1)


def kl_from_logits(logits_p, logits_q):
    """Return KL(p || q) for p = softmax(logits_p) and q = softmax(logits_q).

    Probabilities that underflow do not matter here: logits of any size give a finite
    divergence. With d_i = log(q_i / p_i), a difference of two logarithms, a term is
    q_i - p_i - p_i d_i = p_i (e^d_i - 1 - d_i), never negative; the second form keeps
    its digits where d_i is small, the first where e^d_i overflows.

    Parameters
    ----------
    logits_p, logits_q : (..., k), finite

    Returns (...). Raises ValueError or TypeError if they do not fit.
    """
    require_outcomes(logits_p=logits_p, logits_q=logits_q)
    for name, logits in (("logits_p", logits_p), ("logits_q", logits_q)):
        if isinstance(logits, np.ndarray) and not np.all(np.isfinite(logits)):
            raise ValueError(
                f"{name} holds numbers that are not finite, and differences of them "
                "mean nothing; where outcomes are excluded give their probabilities, "
                "zeros among them, to kl_divergence"
            )
    log_p, log_q = log_softmax(logits_p), log_softmax(logits_q)
    p, d = np.exp(log_p), log_q - log_p
    close = np.abs(d) < 1
    d_close = np.where(close, d, 0)
    terms = np.where(
        close, p * (np.expm1(d_close) - d_close), np.exp(log_q) - p - p * d
    )
    return np.sum(terms, axis=-1)


def jensen_shannon(p, q):
    """Return JS(p, q) = 1/2 KL(p || m) + 1/2 KL(q || m) with m = (p + q) / 2.

    Symmetric, from zero for p = q to log 2 for laws without a common outcome, however
    far apart these are. Its square root is a metric (D. Endres and J. Schindelin, IEEE
    Transactions on Information Theory 49, 2003, 1858). The gradient by p_i is
    log(p_i / m_i) / 2.

    Parameters
    ----------
    p, q : (..., k), probabilities

    Returns (...). Raises ValueError or TypeError if they are no probabilities, or do
    not fit.
    """
    require_probabilities(p=p, q=q)
    middle = 0.5 * (p + q)
    terms = relative_entropy(p, middle) + relative_entropy(q, middle)
    return 0.5 * np.sum(terms, axis=-1)


def total_variation(p, q):
    """Return TV(p, q) = 1/2 sum_i |p_i - q_i|, from zero to one.

    It is the largest difference of the probabilities that p and q give to one event.
    Where p_i = q_i the derivative is taken to be zero.

    Parameters
    ----------
    p, q : (..., k), probabilities

    Returns (...). Raises ValueError or TypeError if they are no probabilities, or do
    not fit.
    """
    require_probabilities(p=p, q=q)
    return 0.5 * np.sum(np.abs(p - q), axis=-1)


def relative_entropy(p, q):
    """Return p log(p / q) - p + q = p (u - log(1 + u)), u = q / p - 1, of two numbers.

    With the smallest normal number in the place of p = 0 this is q, as it should be.
    """
    return floored(p) * ((q - p) / floored(p) - log_ratio(p, q))


def log_ratio(p, q):
    """Return log(q / p), by log1p where the two are close."""
    excess = (q - p) / floored(p)
    close = np.abs(excess) < 0.5
    with np.errstate(divide="ignore"):
        far = np.log(np.where(close, 1, q / floored(p)))
    return np.where(close, np.log1p(np.where(close, excess, 0)), far)


def floored(p):
    """Return p, or the smallest normal number of its dtype if that is larger."""
    return np.maximum(p, np.finfo(p.dtype).tiny)


relative_entropy = elementwise(
    relative_entropy, lambda a, b: -log_ratio(a, b), lambda a, b: (b - a) / floored(b)
)
