"""Steps of learning a restricted Boltzmann machine: exact, CD-k and persistent CD.

The likelihood of data of the law p_0 climbs by the difference of two means, those of
the slopes of log f under p_0 and under the machine (models/rbm_gradient.py). The second
one is rarely known. One may draw from the machine by Gibbs steps x -> h -> x, whose
kernel T leaves p invariant, and p_k = p_0 T^k tends to p.

Contrastive divergence starts the steps at the data and stops after k of them:

    d theta = E_{p_0}[d log f] - E_{p_k}[d log f].

No long chains are needed, and the noise of the two means cancels in part, since the
draws are near the data that they came from. The name is that of

    CD_k = KL(p_0 || p) - KL(p_k || p) >= 0:

T brings no law further from its invariant one. Of the derivative of -CD_k the steps
leave out how p_k itself moves with the parameters, so that they climb no function; they
stand still a little off the maximum of the likelihood if the machine cannot be p_0, and
for k -> infinity on it.

Persistent contrastive divergence lets the chains run on: the steps of one update start
where those of the last one ended. If the machine moves slowly against the mixing of
its chains, these stay near p, and the mean over them near E_p, with few steps and
without that bias: a stochastic approximation in the sense of Robbins and Monro.

Sources: G. Hinton, Neural Computation 14 (2002), 1771; M. Carreira-Perpinan and G.
Hinton, AISTATS (2005), for the bias; I. Sutskever and T. Tieleman, AISTATS (2010), for
steps that climb no function; L. Younes, Stochastics 65 (1999), 177, and T. Tieleman,
ICML (2008), for persistent chains.
"""

from collections.abc import Callable

import numpy as np

from models.rbm_data import as_given, is_binary
from models.rbm_gradient import (
    exact_value_and_gradient,
    gap_of_rows,
    input_to_hidden,
)
from optim.finite import require_finite
from optim.settings import require_weight_decay
from samplers.chains import require_count
from samplers.layers import draw_binary
from samplers.philox import HIDDEN, VISIBLE, draw_key, normals, uniforms


def maximum_likelihood(
    *, weight_decay: float = 0.0, gradient: Callable = exact_value_and_gradient
) -> Callable:
    """Return the step that lowers the exact negative log-likelihood of a batch.

    The state is (rbm, optimizer) and the batch (x,), x : (n, M).

    Parameters
    ----------
    weight_decay : lambda >= 0, for the penalty lambda |W|^2 / 2, which is no part of
        the loss in the metrics
    gradient : (rbm, x) -> the loss and its derivatives

    Raises ValueError for a negative weight_decay; the step raises NonFiniteError,
    before a parameter moves, if the loss or an updated parameter is not finite.
    """
    require_weight_decay(weight_decay)

    def step(state, batch, rng):
        rbm, optimizer = state
        value, slopes = gradient(rbm, *batch)
        descend(rbm, optimizer, value, slopes, weight_decay)
        return state, {"loss": float(value)}

    return step


def contrastive_divergence(
    k: int = 1, *, weight_decay: float = 0.0, gradient: Callable | None = None
) -> Callable:
    """Return the step of CD-k.

    The state is (rbm, optimizer) and the batch (x,), x : (n, M). The loss in the
    metrics is the free-energy gap, which is no likelihood and may rise.

    Parameters
    ----------
    k : Gibbs steps, at least 1
    weight_decay : as for maximum_likelihood
    gradient : (rbm, x, y) -> the gap and its derivatives; by default by hand, from the
        products that the Gibbs steps have made already

    Raises ValueError for a k that is none, or a negative weight_decay; the step raises
    as that of maximum_likelihood.
    """
    require_count("k", k, 1)
    require_weight_decay(weight_decay)

    def step(state, batch, rng):
        rbm, optimizer = state
        x = as_given(rbm, "x", batch[0])
        _, value, slopes = gap_to_draws(rbm, x, x, k, rng, gradient)
        descend(rbm, optimizer, value, slopes, weight_decay)
        return state, {"loss": float(value)}

    return step


def persistent_contrastive_divergence(
    k: int = 1, *, weight_decay: float = 0.0, gradient: Callable | None = None
) -> Callable:
    """Return the step of persistent CD.

    The state is (rbm, optimizer, chains), with chains : (chains, M) of the dtype of the
    machine, which go on from where they are and are changed in place. All else is as
    for contrastive_divergence.
    """
    require_count("k", k, 1)
    require_weight_decay(weight_decay)

    def step(state, batch, rng):
        rbm, optimizer, chains = state
        x, starts = (as_given(rbm, "x", rows) for rows in (batch[0], chains))
        y, value, slopes = gap_to_draws(rbm, x, starts, k, rng, gradient)
        descend(rbm, optimizer, value, slopes, weight_decay)
        chains[...] = y
        return state, {"loss": float(value)}

    return step


def gap_to_draws(rbm, x, starts, k: int, rng, gradient: Callable | None):
    """Return the ends y of k Gibbs steps, and the free-energy gap with its slopes.

    x : (n, M), data
    starts : (m, M), where the steps begin, y : (m, M). If they are x itself, the
        product b + x W with which the steps began is not made again
    gradient : as for contrastive_divergence
    """
    n, rows = len(x), np.concatenate([x, starts])
    t, y = input_to_hidden(rbm, starts), rows[n:]
    gibbs(rbm, t, k, draw_key(rng), y)
    if gradient is not None:
        return y, *gradient(rbm, x, y)
    of_rows = np.concatenate([t, input_to_hidden(rbm, y)]) if starts is x else None
    return y, *gap_of_rows(rbm, rows, n, of_rows)


def gibbs(rbm, t, steps: int, key: np.uint64, x) -> None:
    """Write the visible units after some steps of chains that begin with h given t.

    t : (n, N), b + x W of the first x
    x : (n, M), written
    """
    noise_h, noise_x = np.empty_like(t), np.empty_like(x)
    fill_visible = uniforms if is_binary(rbm) else normals
    for step in range(steps):
        uniforms(key, 0, step, HIDDEN, noise_h.reshape(-1))
        fill_visible(key, 0, step, VISIBLE, noise_x.reshape(-1))
        if step > 0:
            t = input_to_hidden(rbm, x)
        gibbs_step(rbm, t, noise_h, noise_x, x)


def gibbs_step(rbm, t, noise_h, noise_x, x) -> None:
    """Draw h given its inputs t, and x given h, from given noise.

    t : (n, N), b + x W
    noise_h : (n, N), uniforms: h_j is on with the probability sigmoid(t_j)
    noise_x : (n, M), uniforms, or normals for Gaussian units
    x : (n, M), written
    """
    ones = np.ones(len(t), t.dtype)
    h = np.empty_like(t)
    draw_binary(t, ones, noise_h, h)
    if not is_binary(rbm):
        sigma = np.exp(rbm.log_sigma)
        mean = h @ rbm.W.T
        x[...] = rbm.a + (sigma * mean if rbm.scaled else mean) + sigma * noise_x
    else:
        u = h @ rbm.W.T
        u += rbm.a
        draw_binary(u, ones, noise_x, x)


def descend(rbm, optimizer, value, slopes, weight_decay: float) -> None:
    """Move the machine by the slopes of a loss and of the penalty on W, or raise."""
    require_finite("loss", value)
    if weight_decay:
        slopes.W += weight_decay * rbm.W
    optimizer.step(rbm, slopes)
