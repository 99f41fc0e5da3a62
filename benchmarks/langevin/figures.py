"""Figures of Langevin chains: wells and paths, laws, bias, acceptance and a ring."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.langevin import laws
from benchmarks.langevin.chains import (
    BINS,
    ETAS,
    PROPOSED,
    QUANTITIES,
    RADII,
    RING,
    T_LOW,
    Averages,
    Crossing,
    Histogram,
    Ring,
    energy,
    exact_means,
    squared,
)
from benchmarks.langevin.laws import (
    Unadjusted,
    boltzmann,
    correction,
    first_order,
    kramers,
)

COLORS = {"unadjusted": ORANGE, "MALA": BLUE}
MARKERS = {"unadjusted": "o", "MALA": "s"}
T_COLORS = {1.0: ORANGE, 0.5: GREEN, T_LOW: GREEN, 0.3: PURPLE}
STEP = r"step size $\eta$ ($x^2 / E$)"
LABELS = (
    r"$|\langle x^2\rangle_\eta - \langle x^2\rangle|$",
    r"$|\langle E\rangle_\eta - \langle E\rangle|$",
    "total variation distance",
)


def well_picture(found: Mapping[float, Crossing], eta: float, seed: int) -> Picture:
    """Draw the landscape, paths over its barrier, and how many chains have crossed."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    well, *paths, right = figure.subplots(1, 4, width_ratios=(1, 1.5, 1.5, 2))
    hot, cold = max(found), min(found)
    draw_well((hot, cold), well)
    for T, ax in zip((hot, cold), paths, strict=True):
        draw_paths(T, found[T], ax)
        ax.sharey(well)
        ax.tick_params(labelleft=False)
    for T, crossing in found.items():
        draw_shares(T, eta, crossing.times, [crossing.shares], right)
    right.legend(frameon=False, fontsize=8, loc="lower right")
    figure.suptitle(rf"Langevin paths in a double well, $\eta$ = {eta:g} (seed {seed})")
    caption = (
        "From left to right: the energy E = x^4 - 2 x^2 (grey), with the laws "
        f"exp(-E / T) / Z at T = {hot:g} and {cold:g} drawn on its side; the paths of "
        f"three unadjusted chains at each of the two, all from x = -1, seed {seed}; "
        f"and the share of {found[hot].chains} such chains right of the barrier. "
        "Lines: exact, by powers of the matrix of a step. Dashed: two states that "
        "exchange chains at Kramers' rate, which is right in the limit of low T."
    )
    return Picture("well", figure, caption)


def draw_well(temperatures: Sequence[float], ax: Axes) -> None:
    """Draw energy and laws, with x upwards."""
    tidy(ax)
    x = np.linspace(-1.9, 1.9, 381)
    ax.plot(energy(x), x, color=GREY, lw=1.2)
    for T in temperatures:
        density = np.exp(boltzmann(T).log_density(x[:, np.newaxis]))
        style: dict[str, Any] = {"color": T_COLORS[T], "alpha": 0.35, "lw": 0}
        ax.fill_betweenx(x, -1, density - 1, label=f"T = {T:g}", **style)
    ax.set(xlim=(-1.1, 2), ylim=(-1.9, 1.9), xlabel="energy E", ylabel="x")
    ax.legend(frameon=False, fontsize=8, loc="center right")


def draw_paths(T: float, crossing: Crossing, ax: Axes) -> None:
    """Draw paths of x against time."""
    tidy(ax)
    times = np.append(0, crossing.times)
    for path, alpha in zip(crossing.paths, (1, 0.6, 0.35), strict=True):
        x = np.append(-1, path)
        ax.plot(times, x, color=T_COLORS[T], alpha=alpha, lw=0.9)
    ax.axhline(0, color=GREY, lw=0.7)
    ax.set(title=f"T = {T:g}", xlabel=r"time (steps times $\eta$)", xlim=(0, times[-1]))


def draw_shares(T: float, eta: float, times, shares, ax: Axes) -> None:
    """Draw shares right of the barrier against time, (runs, n), over the exact line."""
    tidy(ax)
    times, color = np.asarray(times), T_COLORS[T]
    steps = np.rint(times / eta).astype(int)
    exact = Unadjusted(eta, T).crossed(-1.0, steps[-1])
    ax.plot(eta * np.arange(1, len(exact) + 1), exact, color=color, lw=1.2)
    ax.plot(times, (1 - np.exp(-kramers(T) * times)) / 2, color=color, lw=1, ls="--")
    for k, run in enumerate(shares):
        label = f"T = {T:g}" if k == 0 else None
        ax.plot(times[3::4], np.asarray(run)[3::4], "o", color=color, ms=3, label=label)
    ax.set(xlim=(0, times[-1]), ylim=(0, 0.55), xticks=range(0, 21, 5))
    ax.set(xlabel=r"time (steps times $\eta$)", ylabel="share of the chains at x > 0")


def law_picture(found: tuple[Histogram, Histogram, Histogram], seed: int) -> Picture:
    """Draw histograms on the laws, with their deviations below."""
    figure = Figure(figsize=(10.4, 5.4), layout="constrained")
    axes = figure.subplots(2, 2, height_ratios=(2.6, 1), sharex=True)
    at_one, cold, biased = found
    eta = max(ETAS["unadjusted"])
    unadjusted = Unadjusted(eta, 1.0)
    columns = (
        (1.0, [("MALA", at_one), ("unadjusted", biased)]),
        (T_LOW, [("MALA", cold)]),
    )
    x = np.linspace(BINS[0], BINS[-1], 441)
    for (T, histograms), (top, bottom) in zip(columns, axes.T, strict=True):
        exact = np.exp(boltzmann(T).log_density(x[:, np.newaxis]))
        tidy(top).plot(x, exact, color=BLUE, lw=1.2, label="exp(-E / T) / Z")
        for name, item in histograms:
            draw_histogram(name, item, BINS, top, bottom)
        top.set(title=f"T = {T:g}", ylim=(0, None))
        bottom.set(xlabel="x")
    label = rf"law of the step $\eta$ = {eta:g}"
    axes[0, 0].plot(x, unadjusted.density(x), color=ORANGE, ls="--", label=label)
    axes[0, 0].legend(frameon=False, fontsize=8, loc="lower center")
    axes[0, 0].set(ylabel="density (1 / x)")
    axes[1, 0].set(ylabel="deviation\n(std. errors)")
    figure.suptitle(f"Draws of Langevin chains (seed {seed})")
    caption = (
        "Dots: histograms of draws, with error bars from the spread of the chains. "
        "MALA (blue) with eta = 0.08 at T = 1 and 0.04 at the lower temperature, on "
        f"exp(-E / T) / Z by quadrature; unadjusted chains (orange) at eta = {eta:g}, "
        "on the law that such a step leaves as it is, which is lower at the minima and "
        "higher between them. Below: how far each is from its own line, in standard "
        "errors, where there are enough draws; the dashed lines are at two. Seed "
        f"{seed}."
    )
    return Picture("laws", figure, caption)


def draw_histogram(name: str, found: Histogram, bins, top: Axes, bottom: Axes) -> None:
    """Draw shares as densities, and below how far they are off."""
    middle, width = (bins[1:] + bins[:-1]) / 2, bins[1] - bins[0]
    style: dict[str, Any] = {
        "fmt": MARKERS[name],
        "ms": 3,
        "lw": 1,
        "color": COLORS[name],
    }
    top.errorbar(
        middle, found.shares / width, found.errors / width, label=name, **style
    )
    tidy(bottom).plot(middle, found.z, MARKERS[name], ms=3, color=COLORS[name])
    draw_band(bottom)


def draw_band(ax: Axes) -> None:
    """Draw zero, and two standard errors to each side."""
    ax.axhline(0, color=GREY, lw=0.7)
    for side in (-2, 2):
        ax.axhline(side, color=GREY, lw=0.7, ls="--")
    ax.set_ylim(-5, 5)


def bias_picture(found: Mapping[str, Averages], seed: int) -> Picture:
    """Draw the bias against the step size, and how far it is from the exact one."""
    figure = Figure(figsize=(12.6, 5.8), layout="constrained")
    axes = figure.subplots(2, 3, height_ratios=(2.6, 1), sharex=True)
    for k, (top, bottom) in enumerate(axes.T):
        for name, averages in found.items():
            draw_bias(k, name, averages.etas, averages.bias, averages.errors, top)
            style: dict[str, Any] = {"color": COLORS[name], "ms": 4}
            bottom.plot(averages.etas, averages.z[:, k], MARKERS[name], **style)
        draw_band(tidy(bottom))
        top.set(xlabel="")
        bottom.set(xlabel=STEP)
    axes[0, 0].legend(frameon=False, fontsize=8, loc="upper left")
    axes[1, 0].set(ylabel="deviation\n(std. errors)")
    figure.suptitle(f"What a finite step costs, at T = 1 (seed {seed})")
    caption = (
        "Above: the error of <x^2>, of <E>, and the total variation distance from "
        "exp(-E) / Z, against the step size. Orange: the unadjusted chain, on its "
        "exact line (the stationary law of a step, by Nystrom's method); dashed, the "
        "first order in eta. Blue: MALA has no bias, so that its dots are noise, and "
        "most of their error bars reach down to zero. Below: how far the dots are from "
        "these truths, the lines and zero, in standard errors. "
        "The distance is measured as the share of draws where the law of the step is "
        f"larger, less what exp(-E) / Z has there. Seed {seed}."
    )
    return Picture("bias", figure, caption)


def draw_bias(quantity: int, name: str, etas, bias, errors, ax: Axes) -> None:
    """Draw the bias of one of QUANTITIES against eta, over exact and first order.

    bias, errors : (n, 3)
    """
    tidy(ax)
    style: dict[str, Any] = {
        "fmt": MARKERS[name],
        "ms": 4,
        "lw": 1,
        "color": COLORS[name],
    }
    size = np.abs(bias[:, quantity])
    ax.errorbar(etas, size, errors[:, quantity], label=name, **style)
    if name == "unadjusted":
        law, eta = boltzmann(1.0), np.geomspace(0.004, max(etas), 25)
        pairs = [exact_means(step, law, name)[:2] for step in eta]
        exact = [abs(own[quantity] - target[quantity]) for own, target in pairs]
        ax.plot(eta, exact, color=ORANGE, lw=1.2, label="exact")
        first = abs(slope_of(quantity, law))
        ax.plot(eta, first * eta, color=ORANGE, lw=1, ls="--", label="first order")
    ax.set(xscale="log", yscale="log", ylim=(1e-4, 0.2), xlim=(0.004, 0.2))
    ax.set(xlabel=STEP, ylabel=LABELS[quantity])


def slope_of(quantity: int, law) -> float:
    """Return the bias of one of QUANTITIES per eta, to first order."""
    if QUANTITIES[quantity] == "total variation":
        size = np.abs(correction(law, law.nodes[:, 0]))
        return float(law.probabilities @ size / 2)
    return first_order(law, (squared, energy)[quantity])


def acceptance_picture(rates, ring: Ring, seed: int) -> Picture:
    """Draw how often MALA accepts, and its draws from a ring."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw_acceptance(rates[0], rates[1], left)
    draw_ring(ring, middle)
    draw_radii(ring, right)
    figure.suptitle(f"MALA in a double well and on a ring (seed {seed})")
    caption = (
        "Left: the share of steps that are accepted in the double well at T = 1, on "
        "the exact line, a double integral. Middle: on a ring, E = (r - 2)^2 / (2 "
        f"0.3^2), the density (grey), the last states of {len(ring.points)} chains "
        "(dots), and the path of one of them, every tenth step (line). Right: the "
        "distance from the center, of all draws, on its exact density, which lies a "
        f"little outside of 2 because larger circles are longer. Seed {seed}."
    )
    return Picture("acceptance", figure, caption)


def draw_acceptance(rates, errors, ax: Axes) -> None:
    """Draw acceptance against the step size, on the exact line."""
    tidy(ax)
    law, eta = boltzmann(1.0), np.geomspace(0.008, 0.8, 25)
    exact = [laws.acceptance(step, 1.0, law) for step in eta]
    ax.plot(eta, exact, color=BLUE, lw=1.2, label="exact")
    ax.errorbar(PROPOSED, rates, errors, fmt="s", ms=4, color=BLUE, label="MALA")
    ax.set(xscale="log", ylim=(0, 1.03), xlabel=STEP, ylabel="share accepted")
    ax.legend(frameon=False, fontsize=8, loc="lower left")


def draw_ring(ring: Ring, ax: Axes) -> None:
    """Draw the density of the ring, states, and a path."""
    side = np.linspace(-3.2, 3.2, 161)
    x = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    density = np.exp(-RING.energy_at(x)).reshape(161, 161)
    extent = (side[0], side[-1], side[0], side[-1])
    ax.imshow(density, extent=extent, origin="lower", cmap="Greys", vmax=1.6)
    ax.plot(*ring.points.T, "o", color=BLUE, ms=1.8, alpha=0.7)
    ax.plot(*ring.path[:150].T, color=ORANGE, lw=0.8)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")


def draw_radii(ring: Ring, ax: Axes) -> None:
    """Draw the histogram of the radius, on its density."""
    tidy(ax)
    r, width = np.linspace(RADII[0], RADII[-1], 241), RADII[1] - RADII[0]
    points = np.stack([r, np.zeros_like(r)], axis=1)
    log_density = -RING.energy_at(points) - RING.log_partition
    ax.plot(r, 2 * np.pi * r * np.exp(log_density), color=BLUE, lw=1.2, label="exact")
    middle, found = (RADII[1:] + RADII[:-1]) / 2, ring.radii
    ax.errorbar(
        middle,
        found.shares / width,
        found.errors / width,
        fmt="s",
        ms=3,
        lw=1,
        color=BLUE,
        label="MALA",
    )
    ax.axvline(2, color=GREY, lw=0.7, ls="--")
    ax.set(xlabel="radius r (x)", ylabel="density (1 / x)", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)
