"""Figures of diffusion models on digits: their learning, and where their nats are."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.diffusion_digits.tables import PYTORCH
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy

COLORS = {
    "x0 form": BLUE,
    "x0, plain": PURPLE,
    "noise form": ORANGE,
    "17 levels": GREEN,
}
TERMS = {"reconstruction": GREEN, "prior": ORANGE, "diffusion": BLUE}
NATS = "nats an image"
TOP = 20.0  # nats, of the panel with the x0 form alone


def learning_picture(curves, costs, lines: Mapping[str, float], seed: int) -> Picture:
    """Draw the course of all forms, and what the x0 form came to."""
    figure = Figure(figsize=(11.4, 4.4), layout="constrained")
    one = {name: [curve] for name, curve in curves.items()}
    draw_learning(one, {name: [cost] for name, cost in costs.items()}, lines, figure)
    figure.suptitle(f"Diffusion learns 8 x 8 digits in black and white (seed {seed})")
    return Picture("learning curves", figure, f"{learning_caption()} Seed {seed}.")


def learning_caption() -> str:
    """Return the sentences below figures that draw_learning draws."""
    return (
        "Left and middle: minus the bound of log p(x) by the averaged parameters, of "
        "images that are learned (thin) and of held-out ones (thick), which choose the "
        "step. The same network learns in three forms. In the x0 form it tilts the law "
        "of each pixel by itself; the others add to the best guess for standard "
        "normals. In the middle the x0 form alone: between thin and thick lies "
        "overfitting. Right: minus its bound of the test images, with that of PyTorch, "
        "and minus log p(x) itself by other models of the same images (dashed), below "
        "which minus the bound of a model as good would not fall."
    )


def draw_learning(curves, costs, lines: Mapping[str, float], figure: Figure) -> None:
    """Draw the bounds of all forms, those of the x0 form, and its last costs.

    curves : name -> what Watch.curve returns, one for each seed; of models that have no
        costs none are drawn
    costs : name -> (seeds,), minus the bound of a test image
    lines : name -> the cost of another model
    """
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
    for name in costs:
        for ax in (left, middle) if name == "x0 form" else (left,):
            draw_courses(curves[name], name, ax)
    left.set(yscale="log", title="three forms", ylabel=f"minus bound ({NATS})")
    left.set_yticks([20, 30, 50, 100], ["20", "30", "50", "100"])
    left.minorticks_off()
    left.legend(frameon=False)
    middle.set(ylim=(None, TOP), title="x0 form", ylabel=f"minus bound ({NATS})")
    draw_costs(costs["x0 form"], lines, right)


def draw_courses(runs, name: str, ax: Axes) -> None:
    """Draw minus the bound against the step, of both parts of the training images."""
    tidy(ax).set_xlabel("training step")
    steps, color = runs[0]["steps"], COLORS[name]
    learned = np.mean([run["learned"] for run in runs], axis=0)
    held_out = np.mean([run["held_out"] for run in runs], axis=0).sum(axis=1)
    ax.plot(steps, learned, color=color, lw=0.9)
    ax.plot(steps, held_out, color=color, lw=1.9, label=name)


def draw_costs(values, lines: Mapping[str, float], ax: Axes) -> None:
    """Draw minus the bound of the test images by the x0 form, for each seed."""
    tidy(ax)
    places = np.linspace(-0.1, 0.1, len(values)) if len(values) > 1 else [0]
    ax.plot(places, values, "o", color=COLORS["x0 form"], ms=5)
    ax.plot(0.5, PYTORCH, "D", color=GREEN, ms=5)
    for number, (name, value) in enumerate(sorted(lines.items(), key=itemgetter(1))):
        ax.axhline(value, color=GREY, lw=1, ls="--")
        style: Any = {"textcoords": "offset points", "ha": "right", "fontsize": 8}
        style |= {"va": "bottom" if number % 2 else "top"}
        ax.annotate(name, (1.9, value), (0, 3 if number % 2 else -3), **style)
    ax.set_xticks([0, 0.5], ["x0 form", "PyTorch"])
    ax.set(xlim=(-0.3, 1.9), ylabel=f"minus bound or log p(x), test ({NATS})")
    ax.set_title("test images")


def terms_picture(curves: Mapping[str, Mapping], seed: int) -> Picture:
    """Draw the three terms of the bound of held-out images, a panel a model.

    curves : name -> what Watch.curve returns
    """
    figure = Figure(figsize=(12.4, 3.8), layout="constrained")
    for ax, (name, curve) in zip(
        figure.subplots(1, len(curves)), curves.items(), strict=True
    ):
        tidy(ax)
        for (term, color), values in zip(
            TERMS.items(), np.transpose(curve["held_out"]), strict=True
        ):
            label = f"{term}, {values[-1]:.3f}"
            ax.plot(curve["steps"], values, color=color, lw=1.8, label=label)
        top = 1.3 * sum(curve["held_out"][-1])
        ax.set(xlabel="training step", ylim=(-0.05 * top, top), title=name)
        ax.legend(frameon=False, loc="center right", title="at the end")
    figure.axes[0].set_ylabel(f"term of minus the bound ({NATS})")
    figure.suptitle(f"The three terms, held-out images (seed {seed})")
    caption = (
        "Minus the bound of held-out images is the sum of three terms. At the least "
        "noise the level of each pixel can be read off, and the reconstruction costs "
        "nothing; at the most, what is left of the image is the prior term. Both are "
        "the same for all networks, so that all that is learned is the diffusion term. "
        f"Seed {seed}."
    )
    return Picture("terms", figure, caption)


def losses_picture(bits: Mapping, gray: Mapping, seed: int) -> Picture:
    """Draw the integrands of the bounds, what `losses` returns."""
    figure = Figure(figsize=(10.8, 4.6), layout="constrained")
    for ax, curves, title in zip(
        figure.subplots(1, 2),
        (bits, gray),
        ("black and white", "17 levels"),
        strict=True,
    ):
        log_snr = np.array(curves["log SNR"])
        tidy(ax)
        for name, values in curves.items():
            if name == "log SNR":
                continue
            model, _, which = name.rpartition(", ")
            style: Any = {"color": COLORS.get(model, GREY), "label": None}
            if which == "test":
                area = np.trapezoid(values, log_snr)
                style["label"] = f"{model}, {area:.1f} nats"
            ax.plot(log_snr, values, lw=1.9 if style["label"] else 0.9, **style)
        ax.set(xlim=(log_snr[-1], log_snr[0]), ylim=(0, None), title=title)
        ax.set_xlabel(r"log SNR $\lambda$ (data to the left, noise to the right)")
        ax.legend(frameon=False)
    figure.axes[0].set_ylabel("loss (nats an image for a unit of log SNR)")
    figure.suptitle(f"Where the nats are (seed {seed})")
    caption = (
        "Half of exp(lambda) |x_0 - x0hat|^2, or of |eps - epshat|^2, which is the "
        "same: areas below are the diffusion terms in nats. Thick: test images; thin: "
        "images that are learned. Gray is the exact guess of independent pixels, whose "
        "area is minus their log p(x). To the left, where no pixel is in doubt, it "
        "vanishes. What tilts that guess does too, and knows besides what pixels say "
        "of each other. A network without it has to draw the steep step from one level "
        "to the other in each pixel and at each log SNR, and pays for what is amiss. "
        f"Seed {seed}."
    )
    return Picture("loss by log SNR", figure, caption)
