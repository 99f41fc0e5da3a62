"""Figures of networks that guess noise, without the skip and with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from benchmarks.diffusion_skip.measures import POINTS, Data, Row
from benchmarks.diffusion_skip.training import LEVELS, D
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREY, ORANGE, plot_learning_curve, tidy
from benchmarks.rbm_digits.pictures import show, show_ink

COLORS = {False: ORANGE, True: BLUE}
NAMES = {False: "no skip", True: "skip"}
FEW: dict[int, Any] = {16: "-", 48: "--"}  # units of networks whose curves are shown
SHOWN = 48  # units of those whose samples are shown
IMAGES = 9  # of each, in a square
LARGE = 400.0  # where the colors of exploded samples end, in units of x


def kept(rows: Sequence[Row], data: Data, steps: int) -> dict[str, Any]:
    """Return what the record keeps of a run, from which its figure is drawn."""
    widest = max(row.width for row in rows)
    return {
        "rows": [
            {
                "width": row.width,
                "skip": row.skip,
                "loss": round(row.loss.value, 5),
                "pure": round(row.noise_loss.value, 5),
                "rms": round(row.rms, 4),
                "learning": np.round(row.learning, 4),
            }
            for row in rows
        ],
        "samples": {
            name_of(row): np.round(row.samples[:IMAGES].astype(np.float64), 2)
            for row in rows
            if row.width == SHOWN or (row.skip and row.width == widest)
        },
        "data": {"rms": data.rms, "skip alone": data.skip_alone},
        "outside": next(row.law.variance for row in rows if not row.skip),
        "steps": steps,
    }


def name_of(row: Row) -> str:
    """Return the title of the samples of a network."""
    return f"{row.width} units, {NAMES[row.skip]}"


def skip_picture(runs: Sequence[Mapping[str, Any]], whose: str) -> Picture:
    """Draw losses and sizes against w, learning, and samples of the first run.

    runs : what `kept` returns, of each seed
    """
    figure = Figure(figsize=(12.4, 8.4), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(1.25, 1))
    upper = grid[0].subgridspec(1, 3)
    for k, draw in enumerate((draw_losses, draw_sizes, draw_learning)):
        draw(runs, figure.add_subplot(upper[k]))
    samples = runs[0]["samples"]
    lower = grid[1].subgridspec(1, len(samples))
    for k, (name, x) in enumerate(samples.items()):
        draw_samples(name, np.array(x), figure.add_subplot(lower[k]))
    figure.suptitle(f"Guessing noise through w hidden units ({whose})")
    caption = (
        "Networks of one hidden layer that guess the noise in gray digits of 8 x 8 "
        "pixels. Left: the mean squared error; without the skip it stays above (D - w) "
        "/ D (black), and comes down to it where there is hardly anything but noise. "
        "The dotted line is the skip by itself, for all levels. Middle: the rms of "
        "the pixels of ancestral samples; without the skip the schedule alone says it "
        "(black): about 200 in each direction that is not guessed. For w = D none is "
        "left, but what is guessed badly grows too. Right: the loss of the batches, at "
        "all levels, with its floors (thin). Below: samples, those without the skip "
        f"from {-LARGE:g} (blue) to {LARGE:g} (red), and the others from -1, paper, to "
        f"1, ink. What {SHOWN} units do not guess is now drawn as independent standard "
        f"normals: grainy, but of the size of the data. {whose.capitalize()}."
    )
    return Picture("the skip", figure, caption)


def draw_losses(runs, ax: Axes) -> None:
    """Draw the losses against w, and the floor."""
    tidy(ax)
    w = np.linspace(1, D, 200)
    ax.plot(w, (D - w) / D, color="black", lw=1.2, label="floor (D - w) / D")
    for skip, color in COLORS.items():
        for key, marker, what in (
            ("loss", "o", "all levels"),
            ("pure", "s", "pure noise"),
        ):
            x, y = points(runs, skip, key)
            face = color if key == "pure" else "white"
            style: dict[str, Any] = {"color": color, "mfc": face, "ms": 5.5, "lw": 0.7}
            ax.plot(x, y, marker, ls=":", label=f"{NAMES[skip]}, {what}", **style)
    ax.axhline(runs[0]["data"]["skip alone"], color=BLUE, lw=1, ls=":")
    widths(runs, ax)
    ax.set(ylabel=r"$E|\epsilon - \hat\epsilon|^2 / D$", ylim=(-0.03, 1.03))
    ax.set_title("loss")
    ax.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 0.07))


def draw_sizes(runs, ax: Axes) -> None:
    """Draw the size of samples against w, and what the schedule predicts."""
    tidy(ax)
    w = D - np.geomspace(1e-3, D - 1, 300)
    sizes = np.sqrt((D - w) / D * runs[0]["outside"])
    ax.plot(w, sizes, color="black", lw=1.2, label="outside the plane")
    for skip, color in COLORS.items():
        x, y = points(runs, skip, "rms")
        ax.plot(x, y, "o", color=color, ms=5.5, label=NAMES[skip])
    ax.axhline(runs[0]["data"]["rms"], color=GREY, lw=1, ls="--", label="data")
    widths(runs, ax)
    ax.set(yscale="log", ylim=(0.4, 500), ylabel="rms of samples (units of x)")
    ax.set_title("size of samples")
    ax.legend(frameon=False, fontsize=8, loc="center left")


def draw_learning(runs, ax: Axes) -> None:
    """Draw the loss of the batches of some networks, and their floors."""
    steps = (np.arange(POINTS) + 0.5) / POINTS * runs[0]["steps"]
    for width, line in FEW.items():
        floor = max(D - width, 0) / D
        ax.axhline(floor, color="black", lw=0.8, ls=line)
        for skip, color in COLORS.items():
            curves = [
                row["learning"]
                for run in runs
                for row in run["rows"]
                if (row["width"], row["skip"]) == (width, skip)
            ]
            label = f"{width} units, {NAMES[skip]}"
            plot_learning_curve(steps, curves, label=label, color=color, ax=ax)
            ax.lines[-1].set_linestyle(line)
    ax.set(ylim=(0, 1.1), ylabel="loss of the batches")
    ax.set_title("learning")
    ax.legend(frameon=False, fontsize=8, ncols=2, loc="lower left")


def draw_samples(name: str, x: NDArray, ax: Axes) -> None:
    """Draw samples x : (n, D), by the colors of their size."""
    rows = round(len(x) ** 0.5)
    ax.set_title(name)
    if not name.endswith(NAMES[False]):
        show_ink(np.clip((x + 1) / 2, 0, 1), rows, ax)
        return
    image = show(x, rows, ax, cmap="RdBu_r", vmin=-LARGE, vmax=LARGE)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, extend="both")
    bar.set_label("units of x")


def points(runs, skip: bool, key: str) -> NDArray:
    """Return w, and a number of all networks of all runs, (2, n), by rising w."""
    rows = [row for run in runs for row in run["rows"] if row["skip"] == skip]
    return np.array(sorted((row["width"], row[key]) for row in rows)).T


def widths(runs, ax: Axes) -> None:
    """Let the axis of x be that of w."""
    ticks = sorted({row["width"] for row in runs[0]["rows"]} | {D})
    ax.set_xscale("log", base=2)
    ax.set_xticks(ticks, [f"{w}" for w in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="hidden units w", xlim=(min(ticks) / 1.3, max(ticks) * 1.3))


def levels_picture(rows: Sequence[Row], seed: int) -> Picture:
    """Draw the loss of some networks against the log SNR."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    axes = figure.subplots(1, len(FEW), sharey=True)
    first, last = LEVELS.limits()
    levels = first + (np.arange(POINTS) + 0.5) / POINTS * (last - first)
    for width, ax in zip(FEW, axes, strict=True):
        tidy(ax).axhline(max(D - width, 0) / D, color="black", lw=1, label="floor")
        for row in rows:
            if row.width == width:
                color, name = COLORS[row.skip], NAMES[row.skip]
                ax.plot(levels, row.by_level, color=color, label=name)
        ax.set(xlim=(last, first), ylim=(-0.03, 1.1), xlabel=r"log SNR $\lambda$")
        ax.set_title(f"{width} units")
    axes[0].set_ylabel(r"$E|\epsilon - \hat\epsilon|^2 / D$")
    axes[0].legend(frameon=False)
    figure.suptitle(f"What is missed, by the level of noise (seed {seed})")
    caption = (
        "The mean squared error of networks that guess the noise, against the log SNR: "
        "to the left there is only noise, to the right only data. On the left all of x "
        "is noise, and only has to be handed on: the skip does so, and w units can do "
        f"so for w of {D} directions. On the right the noise is so small beside the "
        "data that these networks do not learn to tell it, though levels of gray would "
        f"give it away. Seed {seed}."
    )
    return Picture("by level", figure, caption)
