"""Figures of what was trained: the linear denoiser, and the record of all seeds."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.diffusion_gaussian.chains import COUNTS
from benchmarks.diffusion_gaussian.strips import (
    CHAIN_COLORS,
    draw_excess,
    draw_sampled,
)
from benchmarks.diffusion_gaussian.training import (
    BATCH,
    LinearDenoiser,
    T,
    Watch,
    best,
    floor,
)
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy

ENTRIES = {(0, 0): BLUE, (1, 1): ORANGE, (2, 2): GREEN, (0, 1): PURPLE, (0, 2): "k"}
SMALL = {"frameon": False, "fontsize": 8}


def training_picture(model: LinearDenoiser, watch: Watch, seed: int) -> Picture:
    """Draw coefficients, learned and exact, and the bound that is still missing."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    log_snr, truth = model.closed().schedule.log_snr, best(watch.data)
    for (i, j), color in ENTRIES.items():
        label = f"$G_{{{i + 1}{j + 1}}}$"
        left.plot(log_snr[1:], truth.gains[1:, i, j], color=color, lw=1.2, label=label)
        left.plot(log_snr[2:], model.gains[2:, i, j], "o", color=color, ms=4)
    for j, color in enumerate((BLUE, ORANGE, GREEN)):
        middle.plot(log_snr[1:], truth.offsets[1:, j], color=color, lw=1.2)
        label = f"$g_{j + 1}$"
        middle.plot(
            log_snr[2:], model.offsets[2:, j], "o", color=color, ms=4, label=label
        )
    for ax, name in ((left, "matrix $G_t$"), (middle, "vector $g_t$")):
        tidy(ax).set(
            xlabel=r"log SNR $\lambda_t$ (nats)", ylabel=f"entry of the {name}"
        )
        ax.invert_xaxis()
        ax.legend(**SMALL)
    draw_missing([watch.missing], watch.steps, right)
    least = floor(watch.data, watch.total)
    right.axhline(least, color=GREY, ls="--", lw=1, label="regression, all draws")
    right.legend(**SMALL, loc="lower left")
    figure.suptitle(f"A linear denoiser, trained on draws (seed {seed})")
    caption = (
        f"Data of three correlated coordinates, T = {T} times. Left and middle: the "
        "noise is guessed as G_t x_t + g_t; lines are the exact denoiser, dots what "
        f"{watch.steps[-1]} steps of Adam on fresh draws, {BATCH} a step, made of the "
        "best denoiser of independent standard normals. Right: by how much the bound "
        "is below that of the exact denoiser, in closed form, mean over the data; "
        "dashed, what regression on all these draws would miss. "
        f"Seed {seed}."
    )
    return Picture("training", figure, caption)


def draw_missing(runs, steps, ax: Axes) -> None:
    """Draw the bound that is missing against training steps, (runs, points)."""
    tidy(ax)
    for one in runs:
        ax.loglog(np.maximum(steps, 0.5), one, "o-", color=BLUE, ms=3, lw=1)
    ax.set(xlabel="training step", ylabel="missing to the best bound (nats)")


def record_figure(series) -> Figure:
    """Draw what training reached, real chains, and curves, of all seeds."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw_missing(series["missing"], series["steps"][0], left)
    tidy(middle)
    for name, color in CHAIN_COLORS.items():
        exact = series["ends"][0][name]
        middle.loglog(COUNTS, exact, color=color, lw=1.2, label=name)
        draw_sampled([run[name] for run in series["chains"]], name, middle)
    middle.set(xlabel="steps T", ylabel="largest relative error of a variance")
    middle.legend(**SMALL, loc="lower left")
    draw_excess(
        {k: [run[k] for run in series["excess"]] for k in series["excess"][0]}, right
    )
    return figure
