"""Figures of descents: contours with paths, and what they reach against their cost."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.experiment import Picture
from benchmarks.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    tidy,
)
from benchmarks.optimizers.descents import CONTRACTIONS, SOLVED, START, K, Path, ravine
from benchmarks.optimizers.evaluations import rosenbrock

BROWN, SKY, GOLD, BLACK = "#8C564B", "#56B4E9", "#E69F00", "#222222"
COLORS = {
    "SGD": BLUE,
    "Momentum": ORANGE,
    "Nesterov": GREEN,
    "AdaGrad": BROWN,
    "RMSprop": SKY,
    "Adam": PURPLE,
    "AdamW": GOLD,
    "BFGS": GREY,
    "L-BFGS": BLACK,
}


def plot_contours(f, box, levels, *, ax: Axes) -> Axes:
    """Draw f over the plane. box : (x0, x1, y0, y1); levels : of f."""
    x0, x1, y0, y1 = box
    x, y = np.linspace(x0, x1, 300), np.linspace(y0, y1, 300)
    points = np.stack(np.meshgrid(x, y)).reshape(2, -1)
    ax.contour(
        x, y, f(points).reshape(300, 300), levels, colors="#c9ced3", linewidths=0.8
    )
    ax.set(xlim=(x0, x1), ylim=(y0, y1), xlabel="$\\theta_1$", ylabel="$\\theta_2$")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def draw_paths(paths: Mapping[str, Path], ax: Axes) -> None:
    """Draw the points of each path, joined."""
    for name, path in paths.items():
        ax.plot(*path.points.T, ".-", color=COLORS[name], lw=1, ms=3, label=name)


def ravine_picture(paths: Mapping[str, Path], theory: Mapping) -> Picture:
    """Draw paths in the ravine, and the distance from its bottom against the step."""
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_contours(ravine, (-4, 11, -3, 8), 2.0 ** np.arange(-2, 9, 2), ax=left)
    left.set_aspect("equal")
    shown = ("SGD", "Momentum", "Nesterov", "Adam", "L-BFGS")
    draw_paths({name: paths[name] for name in shown}, left)
    left.plot(0, 0, "+", color=GREY, ms=9)
    left.legend(frameon=False, loc="lower right")
    for name, path in paths.items():
        distance = np.linalg.norm(path.points, axis=1)
        if name not in theory:
            tidy(right).semilogy(distance, color=COLORS[name], lw=1, label=name)
            continue
        right.semilogy(distance, "o", color=COLORS[name], ms=2.5, label=name)
        exact = np.linalg.norm(theory[name], axis=1)
        right.semilogy(exact, color=COLORS[name], lw=1)
    right.set(xlabel="step", ylabel="distance from the minimum", ylim=(1e-10, 30))
    right.legend(frameon=False, fontsize=8, loc=(0.14, 0.02))
    figure.suptitle(f"A ravine of condition number {K:g}")
    rates = ", ".join(f"{name} {rate:.3f}" for name, rate in CONTRACTIONS.items())
    caption = (
        "Left: paths of 100 steps on a quadratic whose axes are turned by 30 degrees, "
        f"from ({START[0]:.2f}, {START[1]:.2f}). Right: dots are the steps of gradient "
        "descent, momentum and Nesterov's method, lines through them their closed "
        "forms, nothing fitted; in the long run a step multiplies the distance by "
        f"{rates}; their rates are the best that theory gives to one who knows both "
        "eigenvalues. AdaGrad, RMSprop and Adam have no closed form and are at the "
        "best of four rates a decade; L-BFGS ends where its gradient is below 1e-5."
    )
    return Picture("ravine", figure, caption)


def rosenbrock_picture(paths: Mapping[str, Path]) -> Picture:
    """Draw paths in Rosenbrock's valley, and the value against the gradients used."""
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_contours(
        rosenbrock, (-1.7, 1.6, -0.7, 1.9), 10.0 ** np.arange(-1, 3.6, 0.5), ax=left
    )
    draw_paths(
        {name: paths[name] for name in ("SGD", "Momentum", "Adam", "BFGS")}, left
    )
    left.plot(1, 1, "*", color=BLACK, ms=10)
    left.legend(frameon=False, loc="lower right")
    for name, path in paths.items():
        used = np.maximum(path.evaluations, 1)
        tidy(right).loglog(used, path.values, color=COLORS[name], lw=1.2, label=name)
    right.axhline(SOLVED, color=GREY, lw=1, ls="--")
    right.set(xlabel="gradients computed", ylabel="f", ylim=(SOLVED / 10, 100))
    right.legend(frameon=False, fontsize=8, loc=(0.02, 0.12))
    figure.suptitle("Rosenbrock's function from (-1.2, 1)")
    caption = (
        "Left: paths in the curved valley; the star is the minimum. Right: the value "
        "against the number of gradients, both logarithmic, down to 1e-8 (dashed). "
        "Each method at the best of four rates a decade, with momentum 0.9; BFGS and "
        "L-BFGS choose their own steps. The start is drawn at one gradient."
    )
    return Picture("Rosenbrock", figure, caption)


def draw_training(steps, curves: Mapping, ax: Axes) -> None:
    """Draw the training loss of each method. curves : name -> (seeds, n).

    Of several seeds the geometric mean, in a band of one sd of the logarithms: on a
    logarithmic axis the band of the numbers themselves may have no lower edge.
    """
    tidy(ax)
    for name, runs in curves.items():
        logs, color = np.log(runs), COLORS[name]
        mean = logs.mean(axis=0)
        ax.semilogy(steps, np.exp(mean), color=color, label=name)
        if len(logs) > 1:
            sd = logs.std(axis=0, ddof=1)
            edges = np.exp(mean - sd), np.exp(mean + sd)
            ax.fill_between(steps, *edges, color=color, alpha=0.25, lw=0)
    ax.set(xlabel="training step", ylabel="loss on the training images (nats)")
    ax.legend(frameon=False, fontsize=8)


def draw_rates(rates: Mapping, ax: Axes) -> None:
    """Draw the validation loss against the rate, tuned one ringed.

    rates : name -> one {"rate": (n,), "loss": (n,), "tuned": an index} a seed
    """
    tidy(ax)
    for name, runs in rates.items():
        x = runs[0]["rate"]
        y = np.mean([run["loss"] for run in runs], axis=0)
        ax.loglog(x, y, ".-", color=COLORS[name], lw=1.2, label=name)
        tuned = runs[0]["tuned"]
        ax.plot(x[tuned], y[tuned], "o", mfc="none", color=COLORS[name], ms=9)
    ax.axhline(np.log(10), color=GREY, lw=1, ls="--")
    ax.annotate(
        "log 10: ten equal guesses",
        (0.02, np.log(10)),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        color=GREY,
        fontsize=8,
    )
    ax.set(ylim=(0.05, 5), xlabel="learning rate", ylabel="validation loss (nats)")
