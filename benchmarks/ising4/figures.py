"""Figures of families that generate spins, held to all states of the 4 x 4 lattice."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.ising4.law import (
    AVERAGES,
    SHAPE,
    TEMPERATURES,
    count,
    levels,
)
from benchmarks.ising4.rows import Row
from samplers.ising_states import density_of_states
from samplers.onsager import CRITICAL_TEMPERATURE

COLORS = dict(zip(TEMPERATURES, (BLUE, GREEN, ORANGE, PURPLE), strict=True))
MARKERS = ("o", "s", "D", "^", "v", "P")  # of families, in their order
ASIDE = 0.04  # in temperature, of one family from the next
LABELS = (
    "energy per site",
    "heat capacity per site",
    r"$\langle|M|\rangle / N$",
    r"$\langle M^2\rangle / N^2$",
)


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
    return Picture(f"states of the {family}", figure, caption)


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
        for row, (marker, aside) in zip(rows, markers(rows), strict=True):
            x, error = row.truth.T, row.held.errors[k]
            off = row.held.averages[k] - row.truth.averages(row.truth.p)[k]
            style: dict[str, Any] = {
                "fmt": marker,
                "ms": 5,
                "color": COLORS[x],
                "capsize": 2,
            }
            upper.errorbar(x, row.held.averages[k], error, **style)
            lower.errorbar(x + aside, 1e3 * off, 1e3 * error, **style)
        upper.set_ylabel(name)
        lower.set_xlabel("temperature (coupling / $k_B$)")
    families = [row.family for row in rows]
    for family, (marker, _) in dict(zip(families, markers(rows), strict=True)).items():
        axes[0, 0].plot([], [], marker, color=GREY, ms=5, label=family)
    axes[0, 0].legend(frameon=False, fontsize=8)
    axes[1, 0].set_ylabel("error (1e-3)")
    draws = {row.family: row.held.draws for row in rows}
    names = ", ".join(draws)
    numbers = ", ".join(f"{draws[family]:,} by the {family}" for family in draws)
    figure.suptitle(f"{names}: averages of generated spins (seed {seed})")
    caption = (
        "Energy, heat capacity and magnetization of generated spins, from the draws "
        "alone, on the exact lines of the 4 x 4 lattice; below, what they miss these "
        f"by, with the standard errors of the draws: {numbers}. Seed {seed}."
    )
    return Picture("averages", figure, caption)


def exact_averages(T):
    """Return the AVERAGES at temperatures (n,), by counting, (4, n)."""
    g = density_of_states(SHAPE)
    square = g.mean((g.magnetizations / g.sites) ** 2, T)
    return np.stack([g.energy(T), g.heat_capacity(T), g.magnetization(T), square])


def markers(rows: Sequence[Row]) -> list[tuple[str, float]]:
    """Return for each row the marker of its family, and by how much it stands aside."""
    families = list(dict.fromkeys(row.family for row in rows))
    places = [families.index(row.family) for row in rows]
    return [(MARKERS[i], ASIDE * (i - (len(families) - 1) / 2)) for i in places]
