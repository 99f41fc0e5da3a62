"""Figures of machines on digits: learning curves, free energies, log Z."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.annealing_laws import PARTICLES
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.rbm_digits_partition import Annealed

NATS = "negative log-likelihood (nats an image)"
# scikit-learn 1.9.1's BernoulliRBM on the same images, 100 epochs in batches of 10, at
# the best of the rates 0.003, 0.01, 0.02 and 0.06: mean of 5 seeds on the test images.
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
    """Draw learning curves to the left, and costs by the number of units to the right.

    curves : dicts of steps, train and test : (n,), one for each seed
    rows : dicts of hidden, train and test : (seeds,) or a number
    lines : name -> the negative log-likelihood of the test images by another model
    """
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1), sharey=True)
    steps = curves[0]["steps"]
    for part, color in (("train", BLUE), ("test", ORANGE)):
        runs = np.array([curve[part] for curve in curves])
        for run in runs:
            tidy(left).plot(steps, run, color=color, lw=1, alpha=0.35)
        left.plot(steps, runs.mean(axis=0), color=color, lw=1.8, label=LABELS[part])
    for name, value in lines.items():
        left.axhline(value, color=GREY, lw=1, ls="--")
        left.annotate(name, (steps[0], value), (0, 3), textcoords="offset points")
    left.set(xscale="log", xlabel="training step", ylabel=NATS)
    left.legend(frameon=False, loc="lower left")
    draw_costs(rows, right)


LABELS = {"train": "training images", "test": "test images"}


def draw_costs(rows, ax: Axes) -> None:
    """Draw the cost of training and test images by the number of hidden units."""
    tidy(ax)
    for place, row in enumerate(rows):
        for part, color, shift in (("train", BLUE, -0.12), ("test", ORANGE, 0.12)):
            values = np.atleast_1d(row[part])
            ax.plot(np.full(len(values), place + shift), values, "o", color=color, ms=5)
        theirs = SCIKIT_LEARN[row["hidden"]]
        label = "scikit-learn's, test images" if place == 0 else None
        ax.plot(place + 0.12, theirs, "D", color=PURPLE, ms=5, label=label)
    ax.set_xticks(range(len(rows)), [f"{row['hidden']}" for row in rows])
    ax.set(xlim=(-0.5, len(rows) - 0.5), xlabel="hidden units")
    ax.legend(frameon=False)


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
        weights = np.full(len(values), 1 / len(values) / (edges[1] - edges[0]))
        ax.hist(values, edges, weights=weights, histtype="step", color=color, lw=1.4)
        ax.hist(values, edges, weights=weights, color=color, alpha=0.15, label=label)
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
    """Draw the errors of log Z with 20 hidden units, up and down."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = np.array([item.K for item in found])
    last = found[-1]
    for k, (name, color) in enumerate((("up", BLUE), ("down", ORANGE))):
        errors = np.array([item.errors(log_Z)[k] for item in found])
        style: dict[str, Any] = {"color": color, "ms": 4, "lw": 1.2}
        places = numbers * (0.96, 1.04)[k]
        tidy(left).errorbar(places, *errors.T, fmt="os"[k], label=name, **style)
        runs = (last.up, last.down)[k]
        at = 2 * np.arange(len(runs)) + k
        tidy(right).errorbar(
            at, runs[:, 0] - log_Z, 2 * runs[:, 1], fmt="os"[k], **style
        )
    for ax in (left, right):
        ax.axhline(0, color="#222222", lw=1)
    left.set(xscale="log", xlabel="temperatures K", ylabel="mean error (nats)")
    left.legend(frameon=False)
    right.set(xlabel=f"runs of {last.K} temperatures", ylabel="error of log Z (nats)")
    right.set(xticks=[])
    figure.suptitle(f"log Z with 20 hidden units, annealed and counted (seed {seed})")
    caption = (
        f"A trained machine, whose log Z = {log_Z:.4f} nats is summed over 2^20 states "
        f"of its hidden units. Left: the error of runs of {PARTICLES} particles, mean "
        "and its standard error; up from independent pixels it is negative in the mean "
        "and down from exact draws positive. Right: single runs, with two of their own "
        f"standard errors to each side. Seed {seed}."
    )
    return Picture("log Z", figure, caption)
