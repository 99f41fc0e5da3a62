"""Models: parameters in dataclasses, losses as functions.

Read mlp first, with initializers and losses; then supervised, classifier and regressor,
a network as an estimator. likelihoods and divergences are what generative models are
made of; gaussian_divergences, wasserstein, transport and mmd compare laws that are not
given as probabilities. arguments and estimator hold what all ask of their input.

Generative models are imported from their files, `from models.rbm import RBM`, so that
one family loads without the others. rbm and gaussian_rbm are Boltzmann machines, with
rbm_gradient, contrastive_divergence and rbm_training, how they learn, and
rbm_likelihood, pseudo_likelihood and rbm_sampling, what they are good for. ebm is any
energy that a network gives, with ebm_training, replay_buffer and ebm_likelihood, and
network_target for the samplers. vae is the variational autoencoder, made of
conditionals, with vae_bounds, vae_training, vae_monitors and vae_likelihood; pca,
probabilistic_pca and linear_vae are its linear case, solved, and hierarchical_vae has
several layers of latents, with hierarchical_bounds, and linear_chain as the case that
is solved. diffusion is a hierarchy whose encoder is fixed: diffusion_forms,
denoising_network, levels and log_snr are its parts, diffusion_bounds and
diffusion_chain_bounds its bound in three forms, with diffusion_training,
diffusion_likelihood and network_denoiser for its chains; gaussian_denoiser,
linear_diffusion and linear_consistency are the case that is solved. gan is a generator
and the discriminator that teaches it: gan_games is what they play for, gan_penalties
what holds the discriminator, gan_training how both learn, and gan_theory the game of
known laws; semi_supervised_gan, with semi_supervised_training, learns classes from few
labels in this way. sample_quality judges draws where there is no likelihood.
"""

from models.classifier import MLPClassifier
from models.divergences import (
    jensen_shannon,
    kl_divergence,
    kl_from_logits,
    total_variation,
)
from models.estimator import NotFittedError
from models.gaussian_divergences import (
    kl_gaussian,
    kl_gaussian_full,
    kl_standard_normal,
)
from models.initializers import INITIALIZERS, glorot, he, orthogonal
from models.likelihoods import (
    bernoulli_log_likelihood,
    clamp_log_variance,
    gaussian_log_likelihood,
)
from models.losses import (
    accuracy,
    binary_cross_entropy,
    cross_entropy,
    mean_squared_error,
)
from models.mlp import ACTIVATIONS, MLP, Dense
from models.mmd import median_distance, squared_mmd
from models.regressor import MLPRegressor
from models.transport import Transport, optimal_transport, transport_cost
from models.wasserstein import wasserstein_1d

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "MLP",
    "Dense",
    "MLPClassifier",
    "MLPRegressor",
    "NotFittedError",
    "Transport",
    "accuracy",
    "bernoulli_log_likelihood",
    "binary_cross_entropy",
    "clamp_log_variance",
    "cross_entropy",
    "gaussian_log_likelihood",
    "glorot",
    "he",
    "jensen_shannon",
    "kl_divergence",
    "kl_from_logits",
    "kl_gaussian",
    "kl_gaussian_full",
    "kl_standard_normal",
    "mean_squared_error",
    "median_distance",
    "optimal_transport",
    "orthogonal",
    "squared_mmd",
    "total_variation",
    "transport_cost",
    "wasserstein_1d",
]
