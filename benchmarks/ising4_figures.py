"""Figures of families that generate spins, held to all states of the 4 x 4 lattice."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.ising4 import (
    AVERAGES,
    EXAMPLES,
    SHAPE,
    TEMPERATURES,
    count,
    levels,
)
from benchmarks.ising4_rbm import PARAMETERS
from benchmarks.ising4_rows import WARMER, Row
from samplers.ising_states import density_of_states
from samplers.onsager import CRITICAL_TEMPERATURE

COLORS = dict(zip(TEMPERATURES, (BLUE, GREEN, ORANGE, PURPLE), strict=True))
MARKERS = ("o", "s", "D", "^", "v", "P")  # of families, in their order
LABELS = (
    "energy per site",
    "heat capacity per site",
    r"$\langle|M|\rangle / N$",
    r"$\langle M^2\rangle / N^2$",
)
SCALES = {
    "coins": "independent spins",
    "memory": "examples, repeated",
    "warmer": f"Ising, T {WARMER:+.0%}",
    "exact draws": "exact draws",
}


def math_label(T: float) -> str:
    """Return a temperature for a legend."""
    return "$T_c$ = 2.269" if T == CRITICAL_TEMPERATURE else f"T = {T:g}"


def states_picture(rows: Sequence[Row], seed: int) -> Picture:
    """Draw the probabilities of all states by a model against the exact ones."""
    figure = Figure(figsize=(12.6, 3.7), layout="constrained")
    axes = figure.subplots(1, len(rows), sharey=True)
    for row, ax in zip(rows, axes, strict=True):
        if row.generated.law is not None:
            draw_states(row, row.generated.law, ax)
    axes[0].set_ylabel("probability by the model")
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    family = rows[0].family
    figure.suptitle(
        f"{family}: all 65,536 states of the 4 x 4 Ising model (seed {seed})"
    )
    caption = (
        f"The probability that the {family} gives to a state, against the exact one, "
        "which depends on its energy alone and so takes 15 values. Bars hold all "
        "states of an energy, thick ones 90 % of them; white dots are the medians, "
        f"crosses the mean share of {rows[0].held.draws:,} draws. Black: equal "
        f"probabilities. Seed {seed}."
    )
    return Picture("states", figure, caption)


def draw_states(row: Row, law: NDArray, ax: Axes) -> None:
    """Draw the probabilities of the states of each energy, and the shares of draws.

    law : (65536,), that of the row
    """
    tidy(ax)
    color, energies = COLORS[row.truth.T], levels()[0]
    shares = count(row.generated.numbers).sum(axis=0) / row.held.draws
    for E in np.unique(energies):
        here = energies == E
        p, q = row.truth.p[here][0], law[here]
        low, high = np.quantile(q, (0.05, 0.95))
        ax.plot([p, p], [q.min(), q.max()], color=color, lw=1)
        ax.plot([p, p], [low, high], color=color, lw=4, solid_capstyle="butt")
        first = energies.min() == E
        name = "median" if first else None
        ax.plot(p, np.median(q), "o", color="white", mec=color, ms=4, label=name)
        if shares[here].any():
            name = "share of the draws" if first else None
            ax.plot(p, shares[here].mean(), "x", color="black", ms=4, lw=1, label=name)
    ends = np.array([row.truth.p.min(), row.truth.p.max()])
    ax.plot(ends, ends, color="black", lw=0.7, zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="exact probability")
    ax.xaxis.set_major_locator(LogLocator(numticks=6))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_title(math_label(row.truth.T))


def averages_picture(rows: Sequence[Row], seed: int) -> Picture:
    """Draw the averages of draws against T, above what they miss the exact ones by."""
    figure = Figure(figsize=(12.6, 4.6), layout="constrained")
    axes = figure.subplots(2, len(AVERAGES), sharex=True, height_ratios=(2.2, 1))
    T = np.linspace(1.5, 3.5, 201)
    lines = exact_averages(T)
    for k, (line, name) in enumerate(zip(lines, LABELS, strict=True)):
        upper, lower = tidy(axes[0, k]), tidy(axes[1, k])
        upper.plot(T, line, color=GREY, lw=1, label="exact")
        lower.axhline(0, color=GREY, lw=1)
        for row, marker in zip(rows, markers(rows), strict=True):
            x, error = row.truth.T, row.held.errors[k]
            off = row.held.averages[k] - row.truth.averages(row.truth.p)[k]
            style: dict[str, Any] = {
                "fmt": marker,
                "ms": 5,
                "color": COLORS[x],
                "capsize": 2,
            }
            upper.errorbar(x, row.held.averages[k], error, **style)
            lower.errorbar(x, 1e3 * off, 1e3 * error, **style)
        upper.set_ylabel(name)
        lower.set_xlabel("temperature (coupling / $k_B$)")
    axes[0, 0].legend(frameon=False)
    axes[1, 0].set_ylabel("error (1e-3)")
    names = ", ".join(dict.fromkeys(row.family for row in rows))
    figure.suptitle(f"{names}: averages of {rows[0].held.draws:,} draws (seed {seed})")
    caption = (
        "Energy, heat capacity and magnetization of generated spins, from the draws "
        "alone, on the exact lines of the 4 x 4 lattice; below, what they miss these "
        f"by, with the standard errors of the draws. Seed {seed}."
    )
    return Picture("averages", figure, caption)


def exact_averages(T):
    """Return the AVERAGES at temperatures (n,), by counting, (4, n)."""
    g = density_of_states(SHAPE)
    square = g.mean((g.magnetizations / g.sites) ** 2, T)
    return np.stack([g.energy(T), g.heat_capacity(T), g.magnetization(T), square])


def markers(rows: Sequence[Row]) -> list[str]:
    """Return a marker for each row, that of its family."""
    families = list(dict.fromkeys(row.family for row in rows))
    return [MARKERS[families.index(row.family)] for row in rows]


def distance_picture(rows, scales, curves, title: str) -> Picture:
    """Draw how KL falls in training, and the KL of all families against the scales.

    rows : family -> T -> the numbers that `draw_distances` takes, each (seeds,)
    scales : T -> name -> KL
    curves : T -> name -> (seeds, looks)
    """
    figure = Figure(figsize=(11.4, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    draw_curves(curves, left)
    draw_distances(rows, scales, right)
    figure.suptitle(title)
    caption = (
        "Left: KL(q || p) by all states while an RBM learns by persistent contrastive "
        "divergence. Thin: the machine that moves, which sways between the states up "
        "and the states down. Thick: the average of its parameters, which is kept. "
        f"Dashed: {PARAMETERS} / (2 n), what the fit of maximum likelihood to n = "
        f"{EXAMPLES:,} draws misses in the mean by {PARAMETERS} parameters, if all of "
        "them count. Right: KL(q || p) at four temperatures, exact and estimated from "
        "draws, beside that of other laws: independent spins, the examples repeated, a "
        "temperature 2 % too high, and exact draws as they are estimated."
    )
    return Picture("distance", figure, caption)


def draw_curves(curves: Mapping, ax: Axes) -> None:
    """Draw learning curves, the mean over seeds of log KL in a band of one sd."""
    tidy(ax)
    for T, found in curves.items():
        steps = np.atleast_2d(found["steps"])[0]
        for name, lw, alpha in (("moving", 0.8, 0.6), ("average", 2, 1)):
            runs = np.log(np.atleast_2d(found[name]))
            mean = runs.mean(axis=0)
            text = math_label(T) if name == "average" else None
            style: dict[str, Any] = {"color": COLORS[T], "lw": lw, "alpha": alpha}
            ax.plot(steps, np.exp(mean), label=text, **style)
            if len(runs) > 1 and name == "average":
                sd = runs.std(axis=0, ddof=1)
                edges = np.exp(mean - sd), np.exp(mean + sd)
                ax.fill_between(steps, *edges, color=COLORS[T], alpha=0.2, lw=0)
    limit = PARAMETERS / (2 * EXAMPLES)
    ax.axhline(limit, color=GREY, lw=1, ls="--")
    ax.annotate("maximum likelihood", (steps[0], 1.08 * limit), color=GREY, fontsize=8)
    ax.set(xscale="log", yscale="log", xlabel="training step", ylim=(8e-4, 2))
    ax.set_ylabel("KL(q || p) (nats)")
    ax.legend(frameon=False, fontsize=8, loc="lower center", ncols=4)


def draw_distances(rows: Mapping, scales: Mapping, ax: Axes) -> None:
    """Draw the KL of all families by temperature, over that of other laws.

    rows : family -> T -> {"exact": (seeds,) or None, "draws": (seeds,)}
    """
    tidy(ax)
    T = list(scales)
    for name, style in zip(SCALES, (":", "-.", "--", "-"), strict=True):
        line = [scales[t][name] for t in T]
        ax.plot(T, line, color=GREY, lw=1, ls=style)
        ax.annotate(
            SCALES[name],
            (T[-1], line[-1]),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            color=GREY,
            fontsize=8,
            annotation_clip=False,
        )
    for (family, found), marker in zip(rows.items(), MARKERS, strict=False):
        for t, numbers in found.items():
            first = t == T[0]
            for key, face in (("draws", "white"), ("exact", COLORS[t])):
                if numbers[key] is None:
                    continue
                name = f"{family}, {'by draws' if key == 'draws' else 'exact'}"
                ax.plot(
                    t,
                    np.mean(numbers[key]),
                    marker,
                    color=COLORS[t],
                    mfc=face,
                    ms=7,
                    label=name if first else None,
                )
    ax.set(yscale="log", xlabel="temperature (coupling / $k_B$)")
    ax.set_ylabel("KL(q || p) (nats)")
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, 0.82))
