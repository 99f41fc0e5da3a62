"""Figures of diffusion in the plane: errors by steps, by training and by noise."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.diffusion_2d.scores import LEVELS, Scores
from benchmarks.diffusion_2d.steps import KINDS, STEPS
from benchmarks.diffusion_2d.training import Learned
from benchmarks.diffusion_mixture.figures import COLORS
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, PURPLE, tidy

LAW_COLORS = {"mixture": BLUE, "moons": PURPLE, "swiss roll": GREEN}
STYLES = {"learned": "o-", "exact": "s--"}
KL_LABEL = "KL(draws || data) (nats)"
DISTANCE_LABEL = "sliced Wasserstein distance (units of x)"


def steps_picture(series: Mapping, seed: int) -> Picture:
    """Draw two distances from the data by steps; series : of one run's Result."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    axes = figure.subplots(1, 2)
    draw_floors([series["floor"]], axes)
    draw_by_steps([series["kl"]], KL_LABEL, axes[0])
    draw_by_steps([series["distance"]], DISTANCE_LABEL, axes[1])
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"Errors of steps and errors of learning (seed {seed})")
    caption = (
        f"How far {series['draws']:,} draws are from the mixture, by the number of "
        "steps, with the exact denoiser, whose only error is that of the steps, and "
        "with the learned one. Left: KL(draws || data) between cells, which sees draws "
        "where the data have none. Right: the sliced Wasserstein distance, which sees "
        "how far mass has to be moved. Grey: what as many exact draws have, to "
        f"two standard deviations. Seed {seed}."
    )
    return Picture("steps", figure, caption)


def draw_by_steps(runs: Sequence[Mapping], label: str, ax: Axes) -> None:
    """Draw distances by steps, each run a line; runs : denoiser -> kind -> (steps,)."""
    tidy(ax)
    for number, run in enumerate(runs):
        for whose, style in STYLES.items():
            for kind in KINDS:
                text = None if number else f"{whose} denoiser, {kind}"
                color, face = COLORS[kind], None if whose == "learned" else "white"
                [line] = ax.plot(STEPS, run[whose][kind], style, color=color, mfc=face)
                line.set(markersize=4, linewidth=1.1, label=text)
    ax.set(xscale="log", yscale="log", xlabel="steps", ylabel=label)
    ax.set_xticks(STEPS, [f"{K}" for K in STEPS])
    ax.minorticks_off()


def draw_floors(floors: Sequence[Sequence[float]], axes: Sequence[Axes]) -> None:
    """Draw what exact draws have; floors : (runs, 4), mean and sd of both distances."""
    numbers = np.mean(floors, axis=0).reshape(2, 2)
    for (mean, sd), ax in zip(numbers, axes, strict=False):
        band = mean - 2 * sd, mean + 2 * sd
        ax.axhspan(*band, color=GREY, alpha=0.3, lw=0, label="exact draws")


def losses_picture(
    learned: Mapping[str, Learned], found: Mapping[str, Scores], seed: int
) -> Picture:
    """Draw losses by training step and by noise, and the error of the score."""
    figure = Figure(figsize=(13.2, 4.4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    for name, one in learned.items():
        color, scores = LAW_COLORS[name], found[name]
        tidy(first).plot(one.steps, one.loss, color=color, lw=1.4, label=name)
        least = np.trapezoid(scores.least, LEVELS) / (LEVELS[-1] - LEVELS[0])
        first.axhline(least, color=color, lw=0.9, ls="--")
        tidy(second).plot(LEVELS, scores.learned, "o", color=color, ms=4, label=name)
        second.plot(LEVELS, scores.least, color=color, lw=1.1)
    draw_errors([{name: one.error for name, one in found.items()}], third)
    first.set(xlabel="training step", ylabel="loss (mean square)")
    second.set(xlabel="log SNR", ylabel="loss (mean square)")
    first.legend(frameon=False, fontsize=8)
    figure.suptitle(f"What was learned, and what could be (seed {seed})")
    caption = (
        "The loss is the mean square of the noise less its guess, for each number of "
        "x. Left: in training, means of parts of it; dashed, the least there is, with "
        "the exact denoiser. Middle: at the end by the level of noise, learned (dots) "
        "and least (lines): next to noise, at the left, the noise is seen, and next "
        "to the data, at the right, nothing of it. Right: the squared error of the "
        f"learned score over the square of the true one, by level. Seed {seed}."
    )
    return Picture("losses", figure, caption)


def draw_errors(runs: Sequence[Mapping], ax: Axes) -> None:
    """Draw relative errors of the score, each run a line; runs : law -> (levels,)."""
    tidy(ax)
    for number, run in enumerate(runs):
        for name, color in LAW_COLORS.items():
            text = None if number else name
            ax.plot(LEVELS, run[name], "o-", color=color, ms=3, lw=1, label=text)
    ax.set(yscale="log", xlabel="log SNR")
    ax.set_ylabel(r"E$|s - s^*|^2$ / E$|s^*|^2$")
    ax.legend(frameon=False, fontsize=8)


def record_picture(series: Mapping) -> Picture:
    """Draw the record: distances by steps, and errors of the score, of all seeds."""
    figure = Figure(figsize=(14.4, 4.6), layout="constrained")
    axes = figure.subplots(1, 3)
    draw_floors(series["floor"], axes)
    draw_by_steps(series["kl"], KL_LABEL, axes[0])
    draw_by_steps(series["distance"], DISTANCE_LABEL, axes[1])
    axes[0].legend(frameon=False, fontsize=8)
    draw_errors(series["error"], axes[2])
    seeds = len(series["kl"])
    figure.suptitle(f"Diffusion in the plane ({seeds} seeds)")
    caption = (
        f"The record, {seeds} seeds, a line each. Left and middle: how far "
        f"{series['draws'][0]:,} draws of a mixture are from it by the number of "
        "steps, with the exact denoiser and with learned ones; grey, as many exact "
        "draws. Right: the squared error of the learned score over the square of the "
        "true one, for three laws, by the level of noise."
    )
    return Picture("record", figure, caption)
