"""Figures of the Ising model: averages, memory at T_c, and lattices to look at."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.ising.averages import OBSERVABLES, Averages, exact
from benchmarks.ising.memory import EXPONENTS, QUANTITIES, SHOWN, Memory, of_side
from samplers import onsager
from samplers.onsager import CRITICAL_TEMPERATURE

BLACK = "#222222"
SIZES = {4: PURPLE, 8: BLUE, 16: GREEN, 32: ORANGE, 64: BLACK}
COLORS = {"Metropolis": BLUE, "Wolff": ORANGE}
MARKERS = {"E": "o", "|M|": "s"}
LABELS = {
    "energy": "energy per site (coupling)",
    "heat capacity": "heat capacity per site ($k_B$)",
    "magnetization": r"$\langle|M|\rangle / N$",
    "susceptibility": r"$\chi\, L^{-7/4}$ (1 / coupling)",
}
T_AXIS = "temperature (coupling / $k_B$)"


def averages_picture(found: Sequence[Averages], seed: int) -> Picture:
    """Draw the four averages against temperature, the exact ones as lines."""
    figure = Figure(figsize=(10.4, 7.6), layout="constrained")
    axes = figure.subplots(2, 2)
    for name, ax in zip(OBSERVABLES, axes.flat, strict=True):
        if name == "susceptibility":
            draw_scaling(found, ax)
        else:
            draw_average(name, found, ax)
    axes[0, 0].legend(frameon=False, loc="upper left")
    figure.suptitle(f"The Ising model on L x L lattices (seed {seed})")
    sizes = ", ".join(f"{averages.L}" for averages in found)
    caption = (
        f"Lattices of L = {sizes}, seed {seed}: dots are sampled, with error bars "
        "where they are larger than the dots. Colored lines are exact: Kaufman's "
        "finite lattices for energy and heat capacity, all 65536 states of L = 4 for "
        "the magnetization. Dashed: the infinite lattice, by Onsager and Yang. Sampled "
        "by Wolff clusters from T = 2.15 to 2.4, elsewhere by Metropolis. Lower right: "
        "the susceptibility in the units of scaling theory, in which lattices of all "
        "sizes should fall on one curve near T_c; the line is exact, for L = 4."
    )
    return Picture("averages", figure, caption)


def draw_average(name: str, found: Sequence[Averages], ax: Axes) -> None:
    """Draw one average against temperature, over its exact lines."""
    tidy(ax)
    T = np.linspace(1.4, 3.6, 441)
    for averages in found:
        draw_dots(averages, name, ax)
        truth = exact(name, T, averages.L)
        if truth is not None:
            ax.plot(T, truth, color=SIZES[averages.L], lw=1)
    infinite = getattr(onsager, name.replace(" ", "_"))(T)
    ax.plot(T, infinite, color=GREY, lw=1, ls="--", label="infinite", zorder=1)
    if name == "heat capacity":
        ax.set_ylim(0, 2.6)
    ax.set(xlabel=T_AXIS, ylabel=LABELS[name])


def draw_dots(averages: Averages, name: str, ax: Axes) -> None:
    """Draw what was sampled on one lattice, with error bars."""
    row = OBSERVABLES.index(name)
    ax.errorbar(
        averages.temperatures,
        averages.values[row],
        averages.errors[row],
        fmt="o",
        ms=3.5,
        lw=1,
        color=SIZES[averages.L],
        label=f"L = {averages.L}",
    )


def draw_scaling(found: Sequence[Averages], ax: Axes) -> None:
    """Draw chi L^(-7/4) against (T - T_c) / T_c L, where the sizes should agree."""
    tidy(ax)
    row = OBSERVABLES.index("susceptibility")
    for averages in found:
        L, T = averages.L, averages.temperatures
        ax.errorbar(
            (T / CRITICAL_TEMPERATURE - 1) * L,
            averages.values[row] * L**-1.75,
            averages.errors[row] * L**-1.75,
            fmt="o",
            ms=3.5,
            lw=1,
            color=SIZES[L],
        )
    T = np.linspace(1.4, 3.6, 441)
    for L in (averages.L for averages in found):
        truth = exact("susceptibility", T, L)
        if truth is not None:
            x = (T / CRITICAL_TEMPERATURE - 1) * L
            ax.plot(x, truth * L**-1.75, color=SIZES[L], lw=1)
    ax.set(
        xlim=(-6, 8),
        xlabel=r"$(T - T_c)\, L\, /\, T_c$",
        ylabel=LABELS["susceptibility"],
    )


def memory_picture(found: Mapping[str, Sequence[Memory]], seed: int) -> Picture:
    """Draw autocorrelation, its time against L, and what a second is worth."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    shown = {name: of_side(SHOWN, runs) for name, runs in found.items()}
    draw_autocorrelation(shown, left)
    tables = {name: table(runs) for name, runs in found.items()}
    draw_times({name: [one] for name, one in tables.items()}, middle)
    draw_worth({name: [one] for name, one in tables.items()}, right)
    figure.suptitle(f"Metropolis and Wolff at $T_c$ (seed {seed})")
    caption = (
        f"Left: the autocorrelation of energy and |M| on L = {SHOWN} at T_c, against "
        "the time in sweeps; a cluster counts as the share of the lattice that it "
        "flips. Middle: the autocorrelation times, with lines of the slopes known from "
        "long simulations, z = 2.17 and 0.25, drawn through the largest lattice. "
        "Right, with the same symbols: how many independent draws a second of one "
        "thread is worth. Spins are updated many times as fast in a vectorized sweep "
        f"as in a cluster, so that clusters pay on large lattices only. Seed {seed}."
    )
    return Picture("memory at T_c", figure, caption)


def table(runs: Sequence[Memory]) -> dict[str, list]:
    """Return what the figures against L need, as lists that a record can keep."""
    return {
        "L": [memory.L for memory in runs],
        "tau": [memory.tau.tolist() for memory in runs],
        "tau_error": [memory.tau_error.tolist() for memory in runs],
        "effective": [memory.effective.tolist() for memory in runs],
    }


def draw_autocorrelation(found: Mapping[str, Memory], ax: Axes) -> None:
    """Draw rho of energy and |M| against time, of each algorithm."""
    tidy(ax)
    for name, memory in found.items():
        for k, quantity in enumerate(QUANTITIES):
            ax.plot(
                memory.lags[1:],
                memory.rho[1:, k],
                color=COLORS[name],
                ls="-" if quantity == "|M|" else ":",
                label=f"{name}, {quantity}",
            )
    ax.axhline(0, color=GREY, lw=0.7)
    ax.set(xscale="log", xlim=(0.3, 1000), ylim=(-0.1, 1))
    ax.set(xlabel="time (sweeps)", ylabel="autocorrelation")
    ax.legend(frameon=False, fontsize=8, loc="upper right")


def draw_times(tables: Mapping[str, Sequence[Mapping]], ax: Axes) -> None:
    """Draw tau against L, the mean over runs, with the known slope through the last."""
    tidy(ax)
    for name, runs in tables.items():
        L = np.array(runs[0]["L"])
        mean, error = spread(runs, "tau")
        for k, quantity in enumerate(QUANTITIES):
            ax.errorbar(
                L,
                mean[:, k],
                error[:, k],
                fmt=MARKERS[quantity],
                mfc=COLORS[name] if quantity == "|M|" else "white",
                ms=5,
                color=COLORS[name],
                label=f"{name}, {quantity}",
            )
        k = QUANTITIES.index("|M|" if name == "Metropolis" else "E")
        line = mean[-1, k] * (L / L[-1]) ** EXPONENTS[name]
        ax.plot(L, line, color=COLORS[name], lw=1)
    ax.set(yscale="log", ylabel=r"autocorrelation time $\tau$ (sweeps)")
    label_sizes(L, ax)
    ax.legend(frameon=False, fontsize=8)


def draw_worth(tables: Mapping[str, Sequence[Mapping]], ax: Axes) -> None:
    """Draw the effective draws a second against L, the mean over runs."""
    tidy(ax)
    for name, runs in tables.items():
        L = np.array(runs[0]["L"])
        worth = np.mean([run["effective"] for run in runs], axis=0)
        for k, quantity in enumerate(QUANTITIES):
            ax.plot(
                L,
                worth[:, k],
                MARKERS[quantity] + "-",
                mfc=COLORS[name] if quantity == "|M|" else "white",
                ms=5,
                lw=1,
                color=COLORS[name],
                label=f"{name}, {quantity}",
            )
    ax.set(yscale="log", ylabel="effective draws (1 / s)")
    label_sizes(L, ax)


def spread(runs: Sequence[Mapping], key: str):
    """Return the mean over runs and its error: their spread, or that of the one run."""
    values = np.array([run[key] for run in runs])
    if len(runs) == 1:
        return values[0], np.array(runs[0][f"{key}_error"])
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(runs))


def label_sizes(L, ax: Axes) -> None:
    """Label a logarithmic axis of lattice sizes by these alone."""
    ax.set(xscale="log", xlabel="L")
    ax.set_xticks(L, [f"{side}" for side in L])
    ax.xaxis.set_minor_locator(NullLocator())


def lattices_picture(lattices: Mapping[float, np.ndarray], cluster, seed) -> Picture:
    """Draw lattices at several temperatures, and one cluster at T_c.

    lattices : T -> (L, L) spins; cluster : (L, L) bool, flipped in that at T_c
    """
    figure = Figure(figsize=(12.6, 2.35), layout="constrained")
    axes = figure.subplots(1, len(lattices) + 1)
    ink = ListedColormap(["white", "#334155"])
    for (T, spins), ax in zip(lattices.items(), axes, strict=False):
        critical = T == CRITICAL_TEMPERATURE
        ax.imshow(spins, cmap=ink, vmin=-1, vmax=1, interpolation="none")
        ax.set_title("$T_c$ = 2.269" if critical else f"T = {T:g}")
    spins = lattices[CRITICAL_TEMPERATURE]
    faint = ListedColormap(["white", "#cbd5e1", ORANGE])
    axes[-1].imshow(
        np.where(cluster, 3, spins), cmap=faint, vmin=-1, vmax=3, interpolation="none"
    )
    axes[-1].set_title("a cluster at $T_c$")
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    side = len(spins)
    caption = (
        f"Lattices of {side} x {side} spins, drawn below, at and above T_c, seed "
        f"{seed}; up is dark. At T_c there are domains of all sizes. Last: one "
        f"cluster (orange), {cluster.mean():.0%} of the lattice, which a single step "
        "of Wolff's algorithm flips as a whole."
    )
    return Picture("lattices", figure, caption)
