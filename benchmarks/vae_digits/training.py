"""Models of latent variables learn black and white digits, watched by held-out images.

A part of the training images is not learned from. Every so often a bound is measured on
these, and of the second half of a run, where the rate is low and the parameters jitter
less, those of the best one are kept.

With so few images it matters what is learned first. The weights start at two fifths of
what He's rule says: large ones have room for single images from the start, small ones
grow with what many images share. The encoder is shown images in which a few pixels in a
hundred are flipped, so that it cannot learn by heart what to say of each. The rate of
Adam falls to zero, so that the noise of the batches and of h averages out.

A step up L_k costs k times as much as one up the ELBO. So the IWAE goes on where the
VAE ended. A second level of latents cannot: the VAE has brought its latents to the
prior N(0, I), so that nothing is left for a level above them to explain, and it stays
unused. Two levels learn together, from a beta that is small and leaves the first free.
"""

import copy
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from autodiff import tree_map
from data import split
from models.hierarchical_vae import HierarchicalVAE
from models.vae import VAE
from models.vae_likelihood import ImportanceEstimate
from optim.schedules import Constant, CosineDecay, Schedule, WarmUp
from samplers.importance import FewWeightsWarning

HIDDEN = (256, 256)
LATENT, LEVELS = 10, (20, 10)  # of the VAE; of two levels
VALIDATION = 0.05  # of the training images
SCALE = 0.4  # of the first weights next to x
FLIPPED = 0.04  # of the pixels that the encoder is shown
BATCH = 100, 50  # examples of a step, by the ELBO and by L_k
DRAWS = 50  # k of the bound L_k
WARM, WARM_LEVELS = 0.1, 0.2  # of the steps, in which beta rises
POINTS = 12  # of a learning curve
SEED = 0  # of the draws of h for each point: the same each time


@dataclass(frozen=True)
class Plan:
    """How the models are trained and measured.

    rate : of Adam, at first, for the VAE; half of it for the IWAE, twice for levels
    steps : of the VAE; iwae_steps : from there on; two_level_steps : of two levels
    plane_steps, divergence_steps : of the smaller models of vae_digits_latents.py
    samples : of an estimate of log p(x)
    """

    rate: float
    steps: int
    iwae_steps: int
    two_level_steps: int
    plane_steps: int
    divergence_steps: int
    samples: int


@dataclass(frozen=True, eq=False)
class Parts:
    """Images to learn from, (n, M), and held-out ones of the training set."""

    learned: NDArray
    held_out: NDArray


def divided(x: NDArray, rng) -> Parts:
    """Hold back a part of the images x : (n, M)."""
    rows, held_out = split(len(x), (1 - VALIDATION, VALIDATION), rng=rng)
    return Parts(x[rows], x[held_out])


@dataclass(eq=False)
class Watch:
    """A callback of `fit` that measures and keeps the best model.

    It measures L_50 for each model, whichever bound is raised: as long as the encoder
    learns images by heart, the ELBO of others falls, and log p(x) may rise.

    parts : the images
    before : steps of the model that this one goes on from
    best : a copy of the model that did best on held-out ones, in the second half
    steps : at which it measured
    learned, held_out : minus the bound each time, in nats an image, of as many images
        of either part
    """

    parts: Parts
    before: int = 0
    best: Any = None
    steps: list[int] = field(default_factory=list)
    learned: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)

    def __call__(self, info) -> None:
        """Measure, if it is time."""
        every = max(1, info.steps // POINTS)
        if (info.steps - info.step) % every:
            return
        model, x = info.state[0], self.parts.held_out
        self.steps.append(self.before + info.step)
        self.learned.append(-bounds(model, self.parts.learned[: len(x)], SEED)[1])
        self.held_out.append(-bounds(model, x, SEED)[1])
        if self.chosen == len(self.steps) - 1:
            self.best = copy.deepcopy(model)

    @property
    def chosen(self) -> int:
        """Which of the measurements in the second half is the best one."""
        half = len(self.steps) // 2
        return half + int(np.argmin(self.held_out[half:]))

    def curve(self) -> dict[str, list]:
        """Return what a record keeps."""
        return {name: getattr(self, name) for name in ("steps", "learned", "held_out")}


def bounds(model, x: NDArray, rng) -> tuple[float, float]:
    """Return the mean ELBO and the mean L_50 of images, in nats, by the same draws."""
    log_weights = model.log_weights(x, model.draw_noise(len(x), rng, DRAWS))
    log_weights = log_weights.astype(np.float64)
    tight = logsumexp(log_weights, axis=0) - np.log(DRAWS)
    return float(log_weights.mean()), float(tight.mean())


def fit(
    model,
    parts: Parts,
    steps: int,
    rng,
    *,
    rate: float,
    draws: int = 1,
    beta: float | Schedule = 1.0,
    callbacks: Iterable = (),
) -> None:
    """Train a model on the images that are to be learned.

    rate : of Adam, at first
    draws : k of the bound L_k that is raised; for one it is the ELBO, with its
        divergence weighed by beta

    Raises KeyboardInterrupt if that was interrupted: half a training is no result.
    """
    model.fit(
        parts.learned,
        steps=steps,
        rng=rng,
        bound="elbo" if draws == 1 else "iwae",
        samples=draws,
        beta=beta,
        input_noise=FLIPPED,
        batch_size=BATCH[draws > 1],
        learning_rate=CosineDecay(rate, steps),
        callbacks=callbacks,
    )
    if model.history_.interrupted:
        raise KeyboardInterrupt


@dataclass(frozen=True, eq=False)
class Learned:
    """A model that was chosen, and what was measured on it, in nats.

    watch : the course of its training
    test, samples : log p(x) of the test images, by so many draws of h
    elbo, tight : their mean ELBO and their mean L_50
    divergence : the mean KL of each latent of theirs; of two levels, D_1 and D_2
    """

    model: Any
    watch: Watch
    test: ImportanceEstimate
    samples: int
    elbo: float
    tight: float
    divergence: NDArray

    @property
    def nll(self) -> float:
        """Minus the mean log p(x) of a test image, in nats."""
        return -self.test.mean.value


def create(parts: Parts, latents: int, rng) -> VAE:
    """Return a VAE for the images, of small weights."""
    model = draw(VAE, parts, latents, rng)
    return VAE(small(model.encoder), small(model.decoder))


def create_levels(parts: Parts, rng) -> HierarchicalVAE:
    """Return two levels of latents for the images, the weights next to x small."""
    model = draw(HierarchicalVAE, parts, LEVELS, rng)
    encoders, decoders = (
        (small(laws[0]), *laws[1:]) for laws in (model.encoders, model.decoders)
    )
    return HierarchicalVAE(encoders, decoders)


def draw(kind, parts: Parts, latents, rng):
    """Return a model of a class for the images, as it is drawn."""
    x = parts.learned
    start = {"means": x.mean(axis=0), "dtype": x.dtype, "hidden": HIDDEN}
    return kind.create(x.shape[1], latents, rng=rng, **start)


def small(law):
    """Return a conditional law that was just drawn, of smaller weights."""
    return tree_map(lambda a: a * a.dtype.type(SCALE) if a.ndim == 2 else a, law)


def learn_all(parts: Parts, x_test: NDArray, plan: Plan, rng) -> dict[str, Learned]:
    """Train a VAE, an IWAE and two levels of latents, and measure them."""
    before = {"VAE": 0, "IWAE": plan.steps, "two levels": 0}
    watches = {name: Watch(parts, steps) for name, steps in before.items()}
    first, second, third = ([watch] for watch in watches.values())
    vae, rate, warm = create(parts, LATENT, rng), plan.rate, warm_up(WARM, plan.steps)
    fit(vae, parts, plan.steps, rng, rate=rate, beta=warm, callbacks=first)
    fit(vae, parts, plan.iwae_steps, rng, rate=rate / 2, draws=DRAWS, callbacks=second)
    two, steps = create_levels(parts, rng), plan.two_level_steps
    warm = warm_up(WARM_LEVELS, steps)
    fit(two, parts, steps, rng, rate=2 * rate, beta=warm, callbacks=third)
    return {
        name: measured(watch, x_test, plan.samples, rng)
        for name, watch in watches.items()
    }


def warm_up(share: float, steps: int) -> WarmUp:
    """Return a beta that rises to one in a share of the steps."""
    return WarmUp(max(1, round(share * steps)), Constant(1.0))


def measured(watch: Watch, x_test: NDArray, samples: int, rng) -> Learned:
    """Measure the model that was chosen on the test images."""
    model = watch.best
    with warnings.catch_warnings():  # the effective sample sizes are reported
        warnings.simplefilter("ignore", FewWeightsWarning)
        test = model.log_likelihood(x_test, rng=rng, samples=samples)
    terms = model.elbo_terms(x_test, model.draw_noise(len(x_test), rng))
    means = bounds(model, x_test, rng)
    held = terms.divergence.mean(axis=0)
    return Learned(model, watch, test, samples, *means, held)
