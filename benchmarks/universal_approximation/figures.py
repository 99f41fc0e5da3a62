"""Figures of networks of one hidden layer: their errors, and what they look like."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, tidy
from benchmarks.universal_approximation.networks import (
    RADIUS,
    TARGETS,
    bound_of_barron,
    law_of_the_step,
    laws_of_the_sine,
    modulus_of_the_sine,
)
from models import MLP

# Color, marker and label of each way to a network.
METHODS = {
    "built": (ORANGE, "s", "staircase, built"),
    "fitted": (GREEN, "^", "random units, output weights fitted"),
    "trained": (BLUE, "o", "the same units, all weights trained"),
}
TITLES = {
    "sine": r"$F = \sin\,2\pi x$",
    "step": r"$F = 1$ where $x > 1/2$, else $0$",
    "bump": r"$F = $ a bump on the square",
}
NORMS = ("largest error, sup |F - f|", "root mean square error")
SUP, RMS = 0, 1
TICKS = (1, 2, 4, 8, 16, 32, 64, 160)


def theory(name: str, norm: int) -> tuple[list, list]:
    """Return what is known of an error, as two curves (widths, values).

    The first is the law of the staircase, the second a bound; empty where there is
    none.
    """
    built, all_widths = np.array([8, 200]), np.array([0.8, 200])
    if name == "sine":
        m = np.geomspace(2, 200)
        bound = [m, modulus_of_the_sine(1 / m)] if norm == SUP else []
        return [built, laws_of_the_sine()[norm] / built], bound
    if name == "step":
        if norm == SUP:
            return [], [all_widths, [0.5, 0.5]]
        return [built, law_of_the_step(built)], []
    return [], [all_widths, bound_of_barron(all_widths)] if norm == RMS else []


# The name of each bound, a point of it, and how many points of type above it to write.
BOUNDS = {
    ("sine", SUP): (r"bound $\omega(1/m)$", 16, modulus_of_the_sine(1 / 16), 6),
    ("step", SUP): ("no continuous f comes below 1/2", 1, 0.5, -11),
    ("bump", RMS): (r"Barron's bound $2\,C/\sqrt{m}$", 8, bound_of_barron(8), 6),
}


def draw_errors(
    name: str,
    norm: int,
    widths: Mapping[str, Sequence[int]],
    errors: Mapping[str, Any],
    ax: Axes,
) -> Axes:
    """Draw an error against the width: medians, with bars from lowest to highest.

    errors : method -> (widths, 3, 2): lowest, median, highest of sup and mean square
    """
    tidy(ax)
    law, bound = theory(name, norm)
    if law:
        ax.plot(*law, color=ORANGE, lw=1, label="law of the staircase")
    if bound:
        ax.plot(*bound, color=GREY, lw=1, ls="--")
        text, m, value, rise = BOUNDS[name, norm]
        ax.annotate(
            text,
            (m, value),
            xytext=(0, rise),
            textcoords="offset points",
            color=GREY,
            fontsize=8,
        )
    for method, found in errors.items():
        color, marker, label = METHODS[method]
        low, median, high = np.asarray(found)[:, :, norm].T
        ax.errorbar(
            widths[method],
            median,
            [median - low, high - median],
            color=color,
            marker=marker,
            ms=4.5,
            ls="" if method == "built" else "-",
            lw=1.2,
            elinewidth=1,
            label=label,
        )
    ax.set(xscale="log", yscale="log", xlim=(0.8, 220), xlabel="width m")
    ax.set(ylabel=NORMS[norm])
    ax.set_xticks(TICKS, [str(m) for m in TICKS])
    ax.xaxis.set_minor_formatter(NullFormatter())
    if name != "sine":
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    if (name, norm) == ("step", SUP):
        ax.set_ylim(0.35, None)
    return ax


def errors_picture(
    widths: Mapping, errors: Mapping, seed: int, restarts: int, steps: int
) -> Picture:
    """Draw both errors of the three targets."""
    figure = Figure(figsize=(11, 6.8), layout="constrained")
    axes = figure.subplots(2, 3)
    for norm, row in enumerate(axes):
        for name, ax in zip(TITLES, row, strict=True):
            draw_errors(name, norm, widths, errors[name], ax)
            ax.set(title=TITLES[name] if norm == SUP else "")
            ax.set(ylabel=NORMS[norm] if ax is row[0] else "")
    figure.suptitle(f"One hidden layer: error against width (seed {seed})")
    handles, labels = axes[RMS, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    caption = (
        "Error against the number of hidden units. Orange: the staircase of sigmoids, "
        "off by at most omega(1/m), which is what F changes over a distance of 1/m; "
        "lines are its error in closed form, nothing fitted. Green: random units with "
        f"output weights by least squares. Blue: {steps} steps of L-BFGS on all "
        f"weights from the same units. Medians of {restarts} restarts, bars from the "
        f"best to the worst, seed {seed}. Sine: from some width on training gains "
        "nothing, though least squares finds far better networks of that width: the "
        "rest is the optimization's, not the network's. Step: no width helps the "
        "largest error, and where steep units meet between two training points f "
        "overshoots, as nothing holds it there; in the mean square one steep unit is "
        "as good as many. Bump: Barron's bound is a guarantee, far above what is found."
    )
    return Picture("error against width", figure, caption)


def fits_picture(networks: Mapping[tuple, MLP], seed: int) -> Picture:
    """Draw the sine and the step, with networks built and trained."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = {
        "sine": [("built", 10, 0.9), ("trained", 1, 0.35), ("trained", 4, 1)],
        "step": [("built", 10, 0.9), ("fitted", 16, 0.9), ("trained", 1, 1)],
    }
    for ax, (name, curves) in zip((left, right), shown.items(), strict=True):
        target = TARGETS[name]
        x = target.judged
        F = target.F(x)[:, 0]
        # A line through nan is interrupted: the jump is not drawn.
        F[np.flatnonzero(np.diff(F) > 0.5)] = np.nan
        tidy(ax).plot(x, F, color="#222", lw=3, alpha=0.3, label="F")
        for method, m, alpha in curves:
            color = METHODS[method][0]
            label = f"{method}, m = {m}"
            f = networks[name, method, m](x)
            ax.plot(x, f, color=color, lw=1.3, alpha=alpha, label=label)
        ax.set(title=TITLES[name], xlabel="x", ylabel="F(x) and f(x)")
        ax.legend(frameon=False, fontsize=9)
    right.set(xlim=(0.2, 0.8), ylim=(-0.25, 1.25))
    figure.suptitle(f"Built, fitted and trained (seed {seed})")
    caption = (
        "F and some of its networks of m units. The staircase is a mean of the values "
        "of F within 1/m. One unit can only rise or fall, so it cannot be a sine. At "
        "the jump the staircase steps 1/(2m) too late, smooth units oscillate, and one "
        f"trained unit becomes as steep as its data ask. Seed {seed}."
    )
    return Picture("fits", figure, caption)


def bump_picture(networks: Mapping[tuple, MLP], seed: int) -> Picture:
    """Draw the bump, and where networks of three widths miss it."""
    target, widths = TARGETS["bump"], (4, 16, 64)
    side = round(len(target.judged) ** 0.5)
    F = target.F(target.judged)
    figure = Figure(figsize=(10.4, 5.2), layout="constrained")
    axes = figure.subplots(2, 4)

    def show(ax, values, limit):
        ax.set(xticks=[0, 1], yticks=[0, 1])
        return ax.imshow(
            values.reshape(side, side),
            origin="lower",
            extent=(0, 1, 0, 1),
            interpolation="none",
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
        )

    for row, method in zip(axes, ("fitted", "trained"), strict=True):
        f = networks["bump", method, 16](target.judged)
        values = show(row[0], F if method == "fitted" else f, 1)
        for ax, m in zip(row[1:], widths, strict=True):
            gap = networks["bump", method, m](target.judged) - F
            gaps = show(ax, gap, 0.3)
            ax.set_title(f"f - F, {method}, m = {m}", fontsize=10)
    axes[0, 0].set_title("F", fontsize=10)
    axes[1, 0].set_title("f, trained, m = 16", fontsize=10)
    for ax in axes.flat:
        ax.set(xlabel="$x_1$", ylabel="$x_2$")
        ax.label_outer()
    figure.suptitle(f"A bump, fitted and trained (seed {seed})")
    figure.colorbar(values, ax=axes[:, 0], location="left", label="F, f", shrink=0.6)
    figure.colorbar(gaps, ax=axes[:, 3], label="f - F", shrink=0.6, extend="both")
    caption = (
        f"The bump exp(-|x - center|^2 / 2 r^2), r = {RADIUS}, and where networks of "
        "4, 16 and 64 units miss it. Each unit is constant along lines: a bump needs "
        "many, which cancel outside. Top: random units, fitted; bottom: trained. "
        f"Seed {seed}."
    )
    return Picture("bump", figure, caption)
