"""Figures of models of latent variables on digits: learning, a plane, divergences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.rbm_digits.pictures import show_ink
from benchmarks.vae_digits.latents import ACTIVE, MANY, active
from benchmarks.vae_digits.tables import PYTORCH
from benchmarks.vae_digits.training import DRAWS, FLIPPED

COLORS = {"VAE": BLUE, "IWAE": GREEN, "two levels": ORANGE}
NATS = "nats an image"
TOP = 20.0  # of the figures; what costs more stands in the table


def learning_picture(curves, costs, lines: Mapping[str, float], seed: int) -> Picture:
    """Draw the course of the bounds, and what log p(x) came to."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    one = {name: [curve] for name, curve in curves.items()}
    draw_learning(one, {name: [cost] for name, cost in costs.items()}, lines, figure)
    figure.suptitle(f"Autoencoders learn 8 x 8 digits in black and white (seed {seed})")
    return Picture("learning curves", figure, f"{learning_caption()} Seed {seed}.")


def learning_caption() -> str:
    """Return the sentences below figures that draw_learning draws."""
    return (
        f"Left: minus L_{DRAWS}, a bound on log p(x), of images that are learned "
        "(thin) and of held-out ones (thick), which choose the step. The VAE and the "
        f"two levels learn by the ELBO; the IWAE goes on by L_{DRAWS} where the VAE "
        "ended. Between thin and thick lies overfitting. Right: minus log p(x) of the "
        "test images by importance sampling, with that of PyTorch, and of other models "
        "of the same images (dashed)."
    )


def draw_learning(curves, costs, lines: Mapping[str, float], figure: Figure) -> None:
    """Draw the bounds to the left, and the last costs of all models to the right.

    curves : name -> dicts of steps, learned and held_out : (n,), one for each seed
    costs : name -> (seeds,), minus log p(x) of a test image
    lines : name -> the cost of another model
    """
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    for name, runs in curves.items():
        steps, color = runs[0]["steps"], COLORS[name]
        for part, width in (("learned", 0.9), ("held_out", 1.9)):
            values = np.mean([run[part] for run in runs], axis=0)
            label = name if part == "held_out" else None
            tidy(left).plot(steps, values, color=color, lw=width, label=label)
    left.set(
        ylim=(None, TOP),
        xlabel="training step",
        ylabel=f"minus $L_{{{DRAWS}}}$ ({NATS})",
    )
    left.set_title("while they learn")
    left.legend(frameon=False)
    draw_costs(costs, lines, right)


def draw_costs(costs, lines: Mapping[str, float], ax: Axes) -> None:
    """Draw minus log p(x) of the test images by every model."""
    tidy(ax)
    for place, (name, values) in enumerate(costs.items()):
        ax.plot([place] * len(values), values, "o", color=COLORS[name], ms=5)
        label = None if place else "PyTorch"
        ax.plot(place + 0.18, PYTORCH[name], "D", color=PURPLE, ms=5, label=label)
    for name, value in lines.items():
        if value < TOP:
            ax.axhline(value, color=GREY, lw=1, ls="--")
            end = len(costs) + 0.6, value
            style: Any = {"textcoords": "offset points", "ha": "right", "fontsize": 8}
            ax.annotate(name, end, (0, 3), **style)
    ax.set_xticks(range(len(costs)), list(costs))
    ax.set(xlim=(-0.5, len(costs) + 0.6), ylabel=f"minus log p(x), test ({NATS})")
    ax.set_title("test images")
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.75))


def plane_picture(means: NDArray, labels: NDArray, grid: NDArray, seed: int) -> Picture:
    """Draw where test images lie in a plane of latents, and what is decoded there.

    means : (n, 2), of q(h | x); grid : (side^2, M), E[x | h]
    """
    figure = Figure(figsize=(10.8, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    tidy(left)
    for digit in range(10):
        place = means[labels == digit]
        style: Any = {"color": colormaps["tab10"](digit), "ms": 4, "alpha": 0.7}
        left.plot(*place.T, "o", mew=0, label=f"{digit}", **style)
        left.annotate(f"{digit}", np.median(place, axis=0), fontsize=15, weight="bold")
    left.set(xlabel="$h_1$", ylabel="$h_2$")
    left.set_aspect("equal", adjustable="datalim")
    left.set_title("means of q(h | x), test images")
    side = round(len(grid) ** 0.5)
    show_ink(grid, side, right)
    right.set_title("E[x | h] on a grid of h")
    figure.suptitle(f"A plane of two latents (seed {seed})")
    caption = (
        "A VAE of two latents. Left: the test images at the means of q(h | x), colored "
        "by class, of which the model was told nothing; a numeral stands at the median "
        f"of its class. Right: the decoder's mean at {side} by {side} points of the "
        "plane that divide the prior into parts of equal probability, h_1 to the right "
        f"and h_2 upwards: every part of the plane is some digit. Seed {seed}."
    )
    return Picture("a plane of latents", figure, caption)


def divergence_picture(found, seed: int) -> Picture:
    """Draw the KL of every latent over the training, without warm-up and with it.

    found : name -> steps : (n,), and values : (n, MANY), in nats
    """
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for (name, course), ax in zip(found.items(), axes, strict=True):
        values = np.array(course["values"])
        used = values[-1] > ACTIVE
        tidy(ax).plot(course["steps"], values[:, ~used], color=GREY, lw=0.8)
        ax.plot(course["steps"], values[:, used], color=BLUE, lw=1.2)
        ax.axhline(ACTIVE, color=ORANGE, lw=1, ls="--")
        sums = f"{values[-1].sum():.1f} nats together"
        ax.set_title(f"{name}: {active(values[-1])} of {MANY} in use, {sums}")
        ax.set(xlabel="training step", yscale="log", ylim=(1e-4, 10))
    axes[0].set_ylabel("KL of a latent (nats)")
    figure.suptitle(f"What each latent holds (seed {seed})")
    caption = (
        "The mean of KL(q(h_j | x) || p(h_j)) over held-out images, for each of "
        f"{MANY} latents. One of less than {ACTIVE:g} nats (dashed) says nothing of x: "
        "its posterior has collapsed to the prior (gray). Left: in the first steps, "
        "before the decoder has learned to read, the divergence is the quickest thing "
        "to lower, and latents that are given up seldom come back. Right: the same "
        "start and the same batches, with the weight beta of the divergence rising "
        "from zero to one in the first half. The encoder sees images with "
        f"{100 * FLIPPED:g} % of the pixels flipped. Seed {seed}."
    )
    return Picture("divergences", figure, caption)
