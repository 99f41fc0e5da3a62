"""The linear-Gaussian chain of latents, whose likelihood and posteriors are known.

    h_T ~ N(0, I),     h_{t-1} | h_t ~ N(h_t W_t + b_t, D_t),     t = T, ..., 1,

with x = h_0 and diagonal D_t: a hierarchical autoencoder whose decoders are affine maps
and whose variances are the same everywhere. T = 1 is probabilistic principal component
analysis with a variance for each entry, which is factor analysis.

Sums of Gaussians are Gaussian, so every level is, and its moments go down the chain,

    m_T = 0,   m_{t-1} = m_t W_t + b_t,   C_T = I,   C_{t-1} = W_t^T C_t W_t + D_t,

which ends with x ~ N(m_0, C_0). A level given the one below is its regression on it,

    h_t | h_{t-1} ~ N(m_t + (h_{t-1} - m_{t-1}) G_t, S_t),   G_t = C_{t-1}^-1 W_t^T C_t.

What the regression leaves of h_t - m_t is (h_t - m_t) (I - W_t G_t) - e G_t, with the
noise e ~ N(0, D_t) of the step down. Hence S_t, as a sum that cannot be negative:

    S_t = (I - W_t G_t)^T C_t (I - W_t G_t) + G_t^T D_t G_t.

Given h_{t-1}, what lies further down says no more about h_t. So these laws, one after
the other, are the whole posterior,

    p(h_1, ..., h_T | x) = p(h_1 | x) p(h_2 | h_1) ... p(h_T | h_{T-1}),

which is Markovian upwards, as the encoder of models/hierarchical_vae.py is. With it in
the encoder's place every importance weight is p(x), whatever the noise. An encoder of
independent entries can be the posterior only if every S_t is diagonal, as it is where
C_t is and the rows of W_t are orthogonal in D_t^-1.

Sources: M. E. Tipping and C. M. Bishop, Journal of the Royal Statistical Society B 61
(1999), 611; S. Roweis and Z. Ghahramani, Neural Computation 11 (1999), 305.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arguments import require_features
from models.conditionals import HomoscedasticGaussian
from models.hierarchical_vae import HierarchicalVAE
from models.mlp import MLP, Dense


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """The law y | x ~ N(x W + b, S), in float64.

    weights : (n_in, n_out), W
    bias : (n_out,), b
    covariance : (n_out, n_out), S
    """

    weights: Any
    bias: Any
    covariance: Any


def linear_law(conditional) -> LinearGaussian:
    """Return W, b and S of a Gaussian whose mean is affine in x.

    Raises TypeError for another law, ValueError if its network is not affine.
    """
    if not isinstance(conditional, HomoscedasticGaussian):
        raise TypeError(
            f"a {type(conditional).__name__} has no variance that is the same for all "
            "x, so the chain is not linear: write HomoscedasticGaussian(MLP.create(("
            "n_in, n_out), rng=0), np.zeros(n_out))"
        )
    first, *others = conditional.network.layers
    names = {layer.activation for layer in conditional.network.layers}
    if names != {"identity"}:
        raise ValueError(
            f"the network has the activations {', '.join(sorted(names))}, and an "
            "affine map has none: give it one layer, MLP.create((n_in, n_out), rng=0)"
        )
    W, b = float64(first.weights), float64(first.bias)
    for layer in others:
        W, b = (
            W @ float64(layer.weights),
            b @ float64(layer.weights) + float64(layer.bias),
        )
    _, v = conditional.moments(np.zeros((1, conditional.given), conditional.dtype))
    return LinearGaussian(W, b, np.exp(float64(v)) * np.eye(conditional.size))


def marginals(model: HierarchicalVAE) -> list[tuple[Any, Any]]:
    """Return the mean and the covariance of x = h_0, h_1, ..., h_T, in this order.

    Each is (d_t,) and (d_t, d_t). They can be differentiated by the parameters. Raises
    as `linear_law` does.
    """
    d = model.decoders[-1].given
    moments = [(np.zeros(d), np.eye(d))]
    for decoder in reversed(model.decoders):
        law = linear_law(decoder)
        m, C = moments[-1]
        W = law.weights
        moments.append((m @ W + law.bias, W.T @ C @ W + law.covariance))
    return moments[::-1]


def exact_log_likelihood(model: HierarchicalVAE, x):
    """Return log p(x) = log N(x; m_0, C_0) in nats for x : (..., M), (...), in float64.

    It can be differentiated by the parameters of the decoders and by x. Raises
    ValueError or TypeError if x does not fit, and as `linear_law` does.
    """
    m, C = marginals(model)[0]
    x, _ = require_features(x=float64(x), mean=m)
    L = np.linalg.cholesky(C)
    z = np.linalg.solve(L, (x - m).reshape(-1, len(L)).T)
    log_norm = np.sum(np.log(np.diagonal(L))) + 0.5 * len(L) * math.log(2 * math.pi)
    return -0.5 * np.sum(z**2, axis=0).reshape(x.shape[:-1]) - log_norm


def exact_posteriors(model: HierarchicalVAE) -> tuple[LinearGaussian, ...]:
    """Return p(h_1 | x), p(h_2 | h_1), ..., p(h_T | h_{T-1}), with full covariances.

    Raises as `linear_law` does.
    """
    moments = marginals(model)
    posteriors = []
    for decoder, below, above in zip(
        model.decoders, moments[:-1], moments[1:], strict=True
    ):
        law, (n, B), (m, C) = linear_law(decoder), below, above
        G = np.linalg.solve(B, law.weights.T @ C)
        rest = np.eye(len(C)) - law.weights @ G
        S = rest.T @ C @ rest + G.T @ law.covariance @ G
        posteriors.append(LinearGaussian(G, m - n @ G, S))
    return tuple(posteriors)


def exact_encoders(model: HierarchicalVAE) -> tuple[HomoscedasticGaussian, ...]:
    """Return the exact posteriors as encoders, in the dtype of the model.

    At the posterior one draw of noise is enough, and it does not matter which:

    >>> def law(v):
    ...     return HomoscedasticGaussian(MLP([Dense(np.eye(2), np.ones(2))]), v)
    >>> decoders = law(np.zeros(2)), law(np.array([-1.0, 1.0]))
    >>> model = HierarchicalVAE((law(np.zeros(2)), law(np.zeros(2))), decoders)
    >>> x, noise = np.ones((1, 2)), model.draw_noise(1, rng=0)
    >>> exact_log_likelihood(model, x), model.elbo(x, noise)
    (array([-3.36]), array([-20.58]))
    >>> exact = HierarchicalVAE(exact_encoders(model), decoders)
    >>> exact.elbo(x, noise), exact.elbo(x, exact.draw_noise(1, rng=1))
    (array([-3.36]), array([-3.36]))

    Raises ValueError if the covariance of one of them is not diagonal, and as
    `linear_law` does.
    """
    encoders = []
    for t, law in enumerate(exact_posteriors(model), 1):
        variance = np.diagonal(law.covariance)
        scale = np.sqrt(variance[:, np.newaxis] * variance)
        correlation = np.max(np.abs(law.covariance / scale - np.eye(len(scale))))
        if correlation > np.sqrt(np.finfo(model.dtype).eps):
            raise ValueError(
                f"given the level below, entries of h_{t} have correlations up to "
                f"{correlation:.2g}, and those of an encoder are independent: it "
                "cannot be the posterior, and its bound stays below log p(x). "
                "exact_posteriors returns the full covariances"
            )
        W, b, v = (
            np.asarray(array, model.dtype)
            for array in (law.weights, law.bias, np.log(variance))
        )
        encoders.append(HomoscedasticGaussian(MLP([Dense(W, b)]), v))
    return tuple(encoders)


def float64(array) -> NDArray[np.float64] | Any:
    """Return the array, or what stands for one in a derivative, in float64."""
    return array.astype(np.float64)
