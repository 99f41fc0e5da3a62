"""What the latents of digits hold: a plane of two, and which of many are in use."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.vae_digits.training import Parts, create, fit
from models.vae import VAE
from models.vae_monitors import LatentDivergences
from optim.schedules import Constant, Schedule, WarmUp

MANY = 32  # latents, more than digits need
ACTIVE = 0.05  # nats, the mean KL above which a latent is in use
POINTS = 30  # of a course
RATE = 2e-3  # of Adam, at first


def plane(parts: Parts, steps: int, rng) -> VAE:
    """Return a VAE of two latents, which can be drawn."""
    vae = create(parts, 2, rng)
    fit(vae, parts, steps, rng, rate=RATE)
    return vae


def manifold(vae: VAE, side: int) -> NDArray:
    """Return E[x | h] on a grid of h that cuts the prior into equal parts, (side^2, M).

    From the upper left to the lower right, as a picture of the plane is read
    """
    q = norm.ppf((np.arange(side) + 0.5) / side).astype(vae.dtype)
    across, up = np.meshgrid(q, q[::-1])
    return vae.decode(np.stack([across.ravel(), up.ravel()], axis=1))


def divergences(parts: Parts, steps: int, seed: int) -> dict[str, dict[str, list]]:
    """Return how the KL of many latents goes, without warm-up of beta and with it.

    Name -> steps : (n,), and values : (n, MANY) in nats, of held-out images. Both
    runs begin with the same parameters and see the same batches.
    """
    warm = WarmUp(steps // 2, Constant(1.0))
    betas: Mapping[str, float | Schedule] = {"beta = 1": 1.0, "warm-up of beta": warm}
    found = {}
    for name, beta in betas.items():
        rng = np.random.default_rng(seed)
        course = LatentDivergences(parts.held_out, every=max(1, steps // POINTS))
        vae = create(parts, MANY, rng)
        fit(vae, parts, steps, rng, rate=RATE, beta=beta, callbacks=[course])
        values = [value.tolist() for value in course.values]
        found[name] = {"steps": course.steps, "values": values}
    return found


def active(values: Sequence[float] | NDArray) -> int:
    """Return how many latents are in use, by their mean KL in nats."""
    return int(np.count_nonzero(np.asarray(values) > ACTIVE))
