"""Figures of machines on digits: learning curves, free energies, log Z."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from benchmarks.annealing.laws import PARTICLES
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.rbm_digits.partition import COUNTED, Annealed

COLORS = {"train": BLUE, "test": ORANGE}
LABELS = {"train": "training images", "test": "test images"}
SHOWN = 16  # runs of a direction
NATS = "negative log-likelihood (nats an image)"
# scikit-learn 1.9.1's BernoulliRBM on the same images, 100 epochs in batches of 10, at
# the best of the rates 0.003, 0.01, 0.02 and 0.06: mean of 5 seeds on the test images.
# (At 0.06 they are 21.14, 24.43 and 24.42.)
SCIKIT_LEARN = {16: 19.24, 64: 19.46, 128: 19.70}


def learning_picture(curve, rows, lines: Mapping[str, float], seed: int) -> Picture:
    """Draw exact learning curves of the smallest machine, and the costs of all."""
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    draw_learning([curve], rows, lines, figure)
    figure.suptitle(f"Machines learn 8 x 8 digits in black and white (seed {seed})")
    caption = learning_caption(curve["steps"][-1]) + f" Seed {seed}."
    return Picture("learning curves", figure, caption)


def learning_caption(steps: int) -> str:
    """Return the sentences below figures that draw_learning draws."""
    return (
        "Left: the exact negative log-likelihood of 16 hidden units, with log Z summed "
        f"over all 65,536 of their states, during {steps} steps of persistent chains. "
        "Right: after the last step; log Z is exact for 16 units, and annealed for the "
        "others. The gap between training and test images is overfitting. Dashed: a "
        "mixture of 100 laws of independent pixels, on the same test images. "
        "scikit-learn's machine is the best of four learning rates."
    )


def draw_learning(curves, rows, lines: Mapping[str, float], figure: Figure) -> None:
    """Draw learning curves to the left, and the last costs of all machines beside.

    curves : dicts of steps, train and test : (n,), one for each seed
    rows : dicts of hidden, and of train and test, a number or (seeds,)
    lines : name -> the cost of the test images by another model
    """
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1), sharey=True)
    steps = curves[0]["steps"]
    for part, color in COLORS.items():
        runs = np.array([curve[part] for curve in curves])
        tidy(left).plot(steps, runs.T, color=color, lw=0.8, alpha=0.4)
        left.plot(steps, runs.mean(axis=0), color=color, lw=1.8)
    left.set(xscale="log", xlabel="training step", ylabel=NATS)
    left.set_title("16 hidden units, exact")
    draw_costs(rows, right)
    right.set_title("after the last step")
    for name, value in lines.items():
        for ax in (left, right):
            ax.axhline(value, color=GREY, lw=1, ls="--")
        # At the end where the curves, which fall, are far away.
        low = value < np.mean(left.get_ylim())
        style = {"textcoords": "offset points", "ha": "left" if low else "right"}
        left.annotate(name, (steps[0 if low else -1], value), (0, 4), **style)


def draw_costs(rows, ax: Axes) -> None:
    """Draw the cost of training and test images by the number of hidden units."""
    tidy(ax)
    theirs = [SCIKIT_LEARN[row["hidden"]] for row in rows]
    for part, color in COLORS.items():
        shift = -0.12 if part == "train" else 0.12
        for place, row in enumerate(rows):
            values = np.atleast_1d(row[part])
            at, label = np.full(len(values), place + shift), LABELS[part]
            ax.plot(at, values, "o", color=color, ms=5, label=None if place else label)
    places = np.arange(len(rows))
    ax.plot(places + 0.12, theirs, "D", color=PURPLE, ms=5, label="scikit-learn, test")
    ax.set_xticks(places, [f"{row['hidden']}" for row in rows])
    ax.set(xlim=(-0.5, len(rows) - 0.5), xlabel="hidden units")
    ax.legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(1, 0.93))


def free_energy_picture(costs: Mapping[str, NDArray], hidden: int, seed: int):
    """Draw histograms of F(x) + log Z = -log p(x), of images and of noise.

    costs : name -> (n,), in nats
    """
    figure = Figure(figsize=(8.6, 4.2), layout="constrained")
    ax = tidy(figure.subplots())
    low = min(values.min() for values in costs.values())
    high = max(values.max() for values in costs.values())
    edges = np.linspace(low, high, 90)
    colors = (BLUE, ORANGE, GREEN, GREY)
    for (name, values), color in zip(costs.items(), colors, strict=True):
        label = f"{name}: mean {values.mean():.1f}"
        density, _ = np.histogram(values, edges, density=True)
        ax.stairs(density, edges, color=color, lw=1.4, label=label)
        ax.stairs(density, edges, color=color, alpha=0.15, fill=True)
    ax.set(xlabel=r"$F(x) + \log Z = -\log p(x)$ (nats)", ylabel="density (1 / nat)")
    ax.legend(frameon=False)
    ax.set_title(f"Free energies of {hidden} hidden units (seed {seed})")
    caption = (
        "How the machine rates images that it has learned, images that it has not, "
        "images whose pixels are shuffled among the training images, each by itself, "
        "and fair coins: its free energy above -log Z, which is -log p(x). Fair coins "
        f"have -log p(x) = {64 * np.log(2):.1f} nats under their own law. Seed {seed}."
    )
    return Picture("free energies", figure, caption)


def partition_picture(found: Sequence[Annealed], log_Z: float, seed: int) -> Picture:
    """Draw the errors of log Z where it is known, up and down."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = np.array([item.K for item in found])
    last = found[-1]
    for k, (name, color) in enumerate((("up", BLUE), ("down", ORANGE))):
        errors = np.array([item.errors(log_Z)[k] for item in found])
        style: dict[str, Any] = {"fmt": "os"[k], "color": color, "ms": 4, "lw": 1.2}
        places = numbers * (0.96, 1.04)[k]
        tidy(left).errorbar(places, *errors.T, label=name, **style)
        runs = (last.up, last.down)[k][:SHOWN]
        at = 2 * np.arange(len(runs)) + k
        tidy(right).errorbar(at, runs[:, 0] - log_Z, 2 * runs[:, 1], **style)
    for ax in (left, right):
        ax.axhline(0, color="#222222", lw=1)
    left.set(xscale="log", xlabel="temperatures K")
    left.set_yscale("symlog", linthresh=0.1)
    left.yaxis.set_minor_locator(FixedLocator([]))
    ticks = [-1, -0.1, 0, 0.1, 1]
    left.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    left.set(ylim=(-3, 3), ylabel="mean error of log Z (nats)")
    left.legend(frameon=False)
    right.set(xlabel=f"runs of {last.K} temperatures", ylabel="error of log Z (nats)")
    right.set(xticks=[])
    figure.suptitle(
        f"log Z with {COUNTED} hidden units, annealed and counted (seed {seed})"
    )
    caption = (
        "A trained machine, whose "
        f"log Z = {log_Z:.4f} nats is summed over 2^{COUNTED} states "
        f"of its hidden units. Left: the error of runs of {PARTICLES} particles, mean "
        "and its standard error; up from independent pixels it is negative in the mean "
        "and down from exact draws positive; within 0.1 nats the axis is linear. "
        "Right: single runs, with two of their own standard errors to each side. "
        f"Seed {seed}."
    )
    return Picture("log Z", figure, caption)
