"""Where the nats of a diffusion bound are: its integrand, by log SNR.

In continuous time the diffusion term is an integral over the log SNR l from lambda(1)
to lambda(0) (models/diffusion_bounds.py), of

    f(l) = 1/2 e^l E |x_0 - x0hat(x, l)|^2,     x = alpha x_0 + sigma eps,

in nats for each unit of l, so that areas under it are nats. The same guess by its noise
has f(l) = 1/2 E |eps - epshat|^2, for e^l = alpha^2 / sigma^2 and x_0 = (x - sigma eps)
/ alpha. For data of levels the best guess makes it vanish at both ends: much noise
makes any x_0 weigh little, little noise leaves no doubt which level it was.

The guess E[x_0 | x] of independent entries is exact for a law without correlations: the
bound with this guess is log p(x_0) of independent entries, for each x_0, but for what
is beyond the ends. In terms of y = (alpha / sigma) x = e^l x_0 + e^(l/2) eps, of which
the laws with and without a given x_0 are those of a drifting Brownian motion in e^l,

    d/dl KL(q(x | x_0) || p(x)) = 1/2 e^l E |x_0 - x0hat(x, l)|^2,

since by Girsanov's theorem the drifts x_0 and x0hat make half their squared difference
for each unit of e^l. It rises from 0 to -log p(x_0), of levels. That is a truth which
estimates of bounds can be held to.

Sources: D. Guo, S. Shamai and S. Verdu, IEEE Transactions on Information Theory 51
(2005), in the mean over x_0; X. Kong, R. Brekelmans and G. Ver Steeg, ICLR (2023), for
each x_0.
"""

import copy
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_digits.measures import Learned, draw_costs, estimate
from benchmarks.diffusion_digits.training import Images
from models.diffusion import Diffusion
from models.diffusion_forms import signal_and_noise
from models.estimate import Estimate

POINTS = 41  # of a curve over all log SNR of a model


def losses(
    found: Mapping[str, Learned], images: Images, draws: int, rng
) -> dict[str, list[float]]:
    """Return f of models, and of pixels by themselves, at the same log SNR.

    found : all with the same line of the log SNR, the first with a prior
    draws : of noise for each image

    Returns "log SNR" and f under "model, test" and "model, learned", (POINTS,) each.
    """
    models, rng = (
        {k: item.model for k, item in found.items()},
        np.random.default_rng(rng),
    )
    first = next(iter(models.values()))
    models["independent pixels"] = independent(first)
    high, low = first.log_snr.limits()
    log_snr = np.linspace(low, high, POINTS)
    some = {"test": images.test, "learned": images.parts.learned[: len(images.test)]}
    curves = {"log SNR": log_snr} | {
        f"{name}, {which}": loss_by_log_snr(model, x, log_snr, draws, rng)
        for name, model in models.items()
        for which, x in some.items()
    }
    return {key: np.round(values, 4).tolist() for key, values in curves.items()}


def loss_by_log_snr(
    model: Diffusion, x: NDArray, log_snr: NDArray, draws: int, rng
) -> NDArray[np.float64]:
    """Return f at each of log_snr : (k,), the mean over images x : (n, M), (k,)."""
    rng = np.random.default_rng(rng)
    many = np.repeat(x, draws, axis=0)
    found = []
    for level in log_snr.astype(x.dtype):
        alpha, sigma = signal_and_noise(np.full(1, level))
        noise = model.draw_noise(len(many), rng)
        x_u = alpha * many + sigma * noise
        guess = model.denoise(x_u, np.full(len(many), level))
        error = np.sum((many - guess) ** 2, axis=1)
        found.append(0.5 * np.exp(float(level)) * error.mean(dtype=float))
    return np.array(found)


def independent(model: Diffusion) -> Diffusion:
    """Return the model that guesses each entry by itself, for one that has a prior."""
    model = copy.deepcopy(model)
    last = model.denoiser.network.layers[-1]
    last.weights[:], last.bias[:] = 0, 0
    return model


def independent_cost(model: Diffusion, x: NDArray) -> float:
    """Return minus the mean log p(x) of entries that have a model's prior, in nats."""
    numbers = np.searchsorted(np.asarray(model.levels), x)
    prior = np.asarray(model.denoiser.prior, np.float64)
    return -float(np.mean(np.sum(prior[np.arange(x.shape[1]), numbers], axis=1)))


def excess(pixels: Diffusion, x: NDArray, samples: int, rng) -> tuple[Estimate, float]:
    """Return the bound less log p(x) of independent entries, and the prior term.

    pixels : a model that guesses each entry by itself
    """
    _, prior, _, cost = map(estimate, draw_costs(pixels, x, samples, rng).T)
    difference = independent_cost(pixels, x) - cost.value
    return Estimate(difference, cost.standard_error), prior.value
