"""Diffusion models learn digits, watched by held-out images.

A part of the training images is not learned from. Every so often the bound of these is
measured by the averaged parameters, and those of the best one are kept.

As for other models of so few images, the weights start small (benchmarks/vae_digits).
Against learning by heart they decay, and the network is not shown a part of the pixels,
others each time. The guess of each pixel by itself, which nothing is learned for, is
made from all of x. Without that guess no pixel can be done without: the noise form is
shown all of them, and by the bound of held-out images it needs no decay either.
"""

import copy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.vae_digits.training import Parts, small
from models.diffusion import Diffusion
from models.levels import level_log_probabilities
from models.log_snr import LinearLogSNR
from optim.schedules import CosineDecay

HIDDEN = (256, 256)
DECAY = 0.999  # of the moving average
MEASURED = 50  # draws of noise for each point of a learning curve
SEED = 0  # of these draws: the same each time


@dataclass(frozen=True, eq=False)
class Images:
    """Images of levels from -1 to 1: the parts of the training images, and the test."""

    parts: Parts
    test: NDArray


@dataclass(frozen=True)
class Plan:
    """How the models are trained and measured.

    steps, plain_steps, gray_steps : of the x0 form, of those without the law of each
        pixel, and of 17 levels
    points : of a learning curve
    samples : draws of noise for each test image, for a bound
    draws : of noise for each image, for the loss at a log SNR
    """

    steps: int
    plain_steps: int
    gray_steps: int
    points: int
    samples: int
    draws: int


@dataclass(frozen=True, eq=False)
class Recipe:
    """What is learned, and how.

    levels : (K,), of a pixel
    form : what the network guesses
    tilts : whether it tilts the law of each pixel by itself; else it adds to the guess
        for standard normals
    log_snr : over time
    rate : of AdamW, at first
    dropout, weight_decay : see Diffusion.fit
    """

    levels: NDArray
    form: str
    tilts: bool
    log_snr: LinearLogSNR
    rate: float
    dropout: float = 0.0
    weight_decay: float = 0.0


BITS, LINE = np.linspace(-1, 1, 2), LinearLogSNR(4.0, -6.0)
GRAYS, LONG_LINE = np.linspace(-1, 1, 17), LinearLogSNR(10.0, -6.0)
BLACK_AND_WHITE = {
    "x0 form": Recipe(BITS, "x0", True, LINE, 1e-3, dropout=0.2, weight_decay=0.2),
    "x0, plain": Recipe(BITS, "x0", False, LINE, 3e-3),
    "noise form": Recipe(BITS, "noise", False, LINE, 3e-3),
}
GRAY = Recipe(GRAYS, "x0", True, LONG_LINE, 2e-3, dropout=0.1, weight_decay=0.1)


@dataclass(eq=False)
class Watch:
    """A callback of `fit` that measures and keeps the best averaged model.

    parts : the images
    points : how often it measures
    best : the averaged model that did best on held-out ones
    steps : at which it measured
    learned : minus the bound each time, in nats an image, of as many images that are
        learned from as are held out
    held_out : the terms of minus the bound of held-out images, (3,) each: minus the
        reconstruction, the prior and the diffusion term
    """

    parts: Parts
    points: int
    best: Diffusion | None = None
    steps: list[int] = field(default_factory=list)
    learned: list[float] = field(default_factory=list)
    held_out: list[list[float]] = field(default_factory=list)

    def __call__(self, info) -> None:
        """Measure, if it is time."""
        if (info.steps - info.step) % max(1, info.steps // self.points):
            return
        model, _, average = info.state
        averaged, x = average.averaged(model), self.parts.held_out
        self.steps.append(info.step)
        self.learned.append(sum(terms(averaged, self.parts.learned[: len(x)])))
        self.held_out.append(terms(averaged, x))
        if self.chosen == len(self.steps) - 1:
            self.best = copy.deepcopy(averaged)

    @property
    def costs(self) -> list[float]:
        """Minus the bound of held-out images each time, in nats an image."""
        return [sum(each) for each in self.held_out]

    @property
    def chosen(self) -> int:
        """Which of the measurements is the best one."""
        return int(np.argmin(self.costs))

    def curve(self) -> dict[str, list]:
        """Return what a record keeps."""
        return {
            "steps": self.steps,
            "learned": np.round(self.learned, 4).tolist(),
            "held_out": np.round(self.held_out, 4).tolist(),
        }


def terms(model: Diffusion, x: NDArray) -> list[float]:
    """Return the terms of minus the mean bound of images x : (n, M), in nats."""
    found = model.bound(x, rng=SEED, samples=MEASURED)
    signed = -found.reconstruction, found.prior, found.diffusion
    return [float(term.mean()) for term in signed]


def create(x: NDArray, recipe: Recipe, rng) -> Diffusion:
    """Return a model of images x : (n, M), of small weights."""
    prior = level_log_probabilities(x, recipe.levels, x.dtype)
    model = Diffusion.create(
        x.shape[1],
        levels=recipe.levels,
        log_snr=recipe.log_snr,
        hidden=HIDDEN,
        form=recipe.form,
        prior=prior if recipe.tilts else None,
        rng=rng,
        dtype=x.dtype,
    )
    return small(model)


def learn(recipe: Recipe, parts: Parts, steps: int, points: int, rng) -> Watch:
    """Return the course of a training, with the model that it chose.

    Raises KeyboardInterrupt if that was interrupted: half a training is no result.
    """
    watch, model = Watch(parts, points), create(parts.learned, recipe, rng)
    model.fit(
        parts.learned,
        steps=steps,
        rng=rng,
        loss="bound",
        decay=DECAY,
        dropout=recipe.dropout,
        weight_decay=recipe.weight_decay,
        learning_rate=CosineDecay(recipe.rate, steps),
        callbacks=[watch],
    )
    if vars(model)["history_"].interrupted:
        raise KeyboardInterrupt
    return watch
