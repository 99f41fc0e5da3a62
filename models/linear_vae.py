"""The linear variational autoencoder, which is probabilistic PCA.

Encoder and decoder are one linear layer each, with variances that are the same for all
examples,

    q(h | x) = N(V^T x + c, diag(e^v)),        p(x | h) = N(W h + mu, s^2 I).

Everything about it has a formula. The model is p(x) = N(mu, W W^T + s^2 I), as in
models/probabilistic_pca.py. The ELBO is an expectation of a square, so that the noise
leaves its second moment only: with m = V^T x + c, the mean of q,

    ELBO(x) = log N(x; W m + mu, s^2 I) - 1/(2 s^2) sum_j |w_j|^2 e^{v_j}
              - KL(N(m, diag(e^v)) || N(0, I)),        w_j : column j of W.

For given W, mu and s^2 it is largest at the mean of the posterior, m = P^-1 W^T (x -
mu) / s^2, and at v_j = -log P_jj, with the posterior's precision P = I + W^T W / s^2.
There it is the same for all x below log p(x):

    log p(x) - ELBO(x) = 1/2 (sum_j log P_jj - log det P) >= 0        (Hadamard),

which is zero where P is diagonal, for then so is the covariance of the posterior. At
the closed-form optimum of the likelihood, with W = U (L - s^2 I)^{1/2} R, it is for
R = I. So the two have their maximum in common, and the ELBO fixes what the likelihood
leaves open: the columns of W lie along the principal axes.

A latent is worth its cost only if its axis has a variance above that of the noise.
With s^2 held at some value, latent j has at the optimum

    |w_j|^2 = lambda_j - s^2,  e^{v_j} = s^2 / lambda_j,  KL_j = 1/2 log lambda_j / s^2

(KL_j in the mean over the data) where lambda_j > s^2, and else w_j = 0 and KL_j = 0: it
has collapsed to the prior. Nothing in that is the fault of the encoder or the bound:
the likelihood has the same optimum.

Sources: J. Lucas, G. Tucker, R. Grosse and M. Norouzi, Don't blame the ELBO!, NeurIPS
(2019); B. Dai, Y. Wang, J. Aston, G. Hua and D. Wipf, JMLR 19 (2018), 41.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from models.arguments import require_features
from models.conditionals import Conditional, HomoscedasticGaussian, log_variance_of
from models.gaussian_divergences import kl_standard_normal
from models.likelihoods import gaussian_log_likelihood
from models.mlp import MLP, Dense
from models.probabilistic_pca import (
    ProbabilisticPCA,
    factor_log_likelihood,
    posterior_precision,
)
from models.vae import VAE


def linear_vae(
    visible: int,
    latent: int,
    *,
    variance: ArrayLike = 1.0,
    learn_variance: bool = True,
    rng,
    dtype: DTypeLike = np.float64,
) -> VAE:
    """Draw a VAE of two linear layers.

    q(h | x) starts with the variances of the prior, and both biases at zero.

    Parameters
    ----------
    visible, latent : M and d
    variance : s^2, with which it starts, in the unit of x squared
    learn_variance : whether s^2 is learned
    rng : int, SeedSequence or Generator

    Raises ValueError if the variance is no positive number.
    """
    rng = np.random.default_rng(rng)
    up, down = (
        MLP.create(sizes, rng=rng, dtype=dtype)
        for sizes in ((visible, latent), (latent, visible))
    )
    v = log_variance_of(variance, visible, dtype)
    return VAE(
        HomoscedasticGaussian(up, np.zeros(latent, dtype), learn_variance=True),
        HomoscedasticGaussian(down, v, learn_variance),
    )


def optimal_linear_vae(ppca: ProbabilisticPCA) -> VAE:
    """Return the VAE with the p(x) of a ppca, and the best of its encoders.

    Its ELBO is log p(x) for every x if the columns of W are orthogonal, as
    `ProbabilisticPCA.fit` makes them, and if no log-variance, log s^2 or log s^2 /
    lambda_j, is so small that a Gaussian clamps it (models/likelihoods.py).
    """
    W, s2 = ppca.W, ppca.variance
    P = posterior_precision(W, np.log(s2))
    V = np.linalg.solve(P, W.T).T / s2
    up, down = Dense(V, -(ppca.mean @ V)), Dense(W.T.copy(), ppca.mean.copy())
    return VAE(
        HomoscedasticGaussian(MLP([up]), -np.log(np.diagonal(P)), learn_variance=True),
        HomoscedasticGaussian(MLP([down]), np.log(s2), learn_variance=True),
    )


def exact_elbo(vae: VAE, x):
    """Return the ELBO of a linear VAE without any noise, for x : (n, M), (n,).

    It is the mean of vae.elbo(x, noise) over the noise, in nats, and can be
    differentiated by the parameters. Raises ValueError if the VAE is not linear.
    """
    encoder, decoder = linear_laws(vae)
    mean, v = encoder.moments(x)
    predicted, w = decoder.moments(mean)
    W = decoder.network.layers[0].weights.T
    spread = W**2 @ (np.exp(v) + np.zeros(vae.latent, W.dtype))
    blur = 0.5 * np.sum(spread * np.exp(-w))
    cost = kl_standard_normal(mean, v)
    return gaussian_log_likelihood(x, predicted, w) - blur - cost


def exact_log_likelihood(vae: VAE, x):
    """Return log p(x) = log N(x; mu, W W^T + diag(s^2)) for x : (n, M), (n,).

    In nats, of any VAE whose decoder is linear; it can be differentiated by the
    parameters. Raises ValueError for another decoder, ValueError or TypeError if x does
    not fit.
    """
    decoder = require_linear("decoder", vae.decoder)
    mean, v = decoder.moments(np.zeros((1, vae.latent), vae.dtype))
    require_features(x=x, mean=mean)
    return factor_log_likelihood(x, mean, decoder.network.layers[0].weights.T, v)


def linear_laws(vae: VAE) -> tuple[HomoscedasticGaussian, HomoscedasticGaussian]:
    """Return encoder and decoder, or raise ValueError unless both are linear."""
    return require_linear("encoder", vae.encoder), require_linear(
        "decoder", vae.decoder
    )


def require_linear(name: str, law: Conditional) -> HomoscedasticGaussian:
    """Return the law, or raise unless it is a HomoscedasticGaussian of one layer."""
    layers = law.network.layers
    linear = len(layers) == 1 and layers[0].activation == "identity"
    if not linear or not isinstance(law, HomoscedasticGaussian):
        names = ", ".join(layer.activation for layer in layers)
        raise ValueError(
            f"the {name} is a {type(law).__name__} of the layers {names}, for which "
            "there is no formula; it takes a HomoscedasticGaussian of one layer, "
            "identity: linear_vae(64, 10, variance=1.0, rng=0), or estimate by "
            "vae.elbo or vae.log_likelihood"
        )
    return law
