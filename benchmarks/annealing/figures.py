"""Figures of annealed importance sampling: bracket, fluctuations, states on the way."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from benchmarks.annealing.laws import PARTICLES, SIDE, Fluctuations
from benchmarks.annealing.targets import Law
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREY, ORANGE, tidy

NAMES = ("forward", "reverse")
COLORS = (BLUE, ORANGE)
MARKERS = ("o", "s")
TEMPERATURES = "temperatures K"
# Where states are looked at: those of the machine, and of points in the plane.
STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)
STOPS_OF_POINTS = (0.0, 0.03, 0.1, 0.3, 1.0)


def bracket_picture(rows, log_Z: float, seed: int) -> Picture:
    """Draw errors of log Z and effective particles by the number of temperatures."""
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    draw_bracket(rows, left)
    draw_shares(rows, right)
    figure.suptitle(f"log Z of a 64 x 16 machine, by annealing (seed {seed})")
    caption = (
        f"Left: the error of log Z, exactly {log_Z:.4f} nats, of runs of {PARTICLES} "
        "particles: mean over runs, with its standard error. Runs that go up from fair "
        "coins (forward) are too low in the mean, runs that go down from exact draws "
        "(reverse) too high. Within 0.1 nats the axis is linear. Right: which share of "
        "the particles counts, (sum w)^2 / sum w^2 over their number. Dashed: what it "
        "comes to for large K, where log w is normal with a variance of c / K; c is "
        "from the largest K. With few temperatures the share looks better than it is, "
        f"because the largest weights have not occurred. Seed {seed}."
    )
    return Picture("bracket", figure, caption)


def draw_bracket(rows, ax: Axes) -> None:
    """Draw mean errors of runs, forward and reverse, around zero."""
    tidy(ax)
    numbers = np.array([row["K"] for row in rows])
    for k, name in enumerate(NAMES):
        errors = np.array([row["of runs"][k] for row in rows])
        style: dict[str, Any] = {
            "fmt": MARKERS[k],
            "ms": 4,
            "lw": 1.2,
            "color": COLORS[k],
        }
        places = numbers * (0.96, 1.04)[k]  # side by side
        ax.errorbar(places, *errors.T, label=name, **style)
    ax.axhline(0, color="#222222", lw=1, label="exact")
    ax.set_yscale("symlog", linthresh=0.1)
    ax.yaxis.set_minor_locator(FixedLocator([]))
    ticks = [-10, -1, -0.1, 0, 0.1, 1, 10]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set(xscale="log", xlabel=TEMPERATURES, ylabel="error of log Z (nats)")
    ax.set_ylim(-20, 20)
    ax.legend(frameon=False, fontsize=8, loc="upper right")


def draw_shares(rows, ax: Axes) -> None:
    """Draw effective particles over all, and the law that they come to."""
    tidy(ax)
    numbers = np.array([row["K"] for row in rows])
    for k, name in enumerate(NAMES):
        shares = [row["shares"][k] for row in rows]
        ax.plot(numbers, shares, MARKERS[k], ms=4, color=COLORS[k], label=name)
    K = np.geomspace(numbers[0], numbers[-1], 200)
    line = np.exp(-variance_constant(rows[-1]) / K)
    ax.plot(K, line, color=GREY, lw=1, ls="--", label="exp(-c / K)")
    ax.set(xscale="log", yscale="log", ylim=(3e-4, 1.5))
    ax.set(xlabel=TEMPERATURES, ylabel="effective particles / all")
    ax.legend(frameon=False, fontsize=8, loc="lower right")


def variance_constant(row) -> float:
    """Return c of the effective share exp(-c / K), forward and reverse together."""
    return float(-row["K"] * np.mean(np.log(row["shares"])))


def fluctuation_picture(
    found: Fluctuations, log_Z: float, K: int, seed: int
) -> Picture:
    """Draw the estimates of single particles, and the theorem that links them."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    width = found.edges[1] - found.edges[0]
    middle = (found.edges[1:] + found.edges[:-1]) / 2
    for k, shares in enumerate((found.forward, found.reverse)):
        style: dict[str, Any] = {"color": COLORS[k], "label": NAMES[k], "lw": 1.3}
        tidy(left).stairs(shares / width, found.edges, **style)
    left.axvline(log_Z, color="#222222", lw=1, label="exact log Z")
    left.set(xlabel="log Z by one particle (nats)", ylabel="density (1 / nat)")
    left.legend(frameon=False, fontsize=8)
    seen = np.isfinite(found.z)
    ratio = np.log(found.forward[seen] / found.reverse[seen])
    error = error_of_ratio(found, seen)
    tidy(right).errorbar(
        middle[seen] - log_Z, ratio, error, fmt="o", ms=4, lw=1, color=BLUE
    )
    ends = middle[seen][[0, -1]] - log_Z
    right.plot(ends, -ends, color="#222222", lw=1, label="exact: slope -1, through 0")
    for draw in (right.axhline, right.axvline):
        draw(0, color=GREY, lw=0.7)
    right.set(xlabel="log Z by one particle, less log Z (nats)")
    right.set(ylabel="log (forward / reverse)")
    right.legend(frameon=False, fontsize=8)
    figure.suptitle(f"The fluctuation theorem, {K} temperatures (seed {seed})")
    caption = (
        "Left: log Z as each particle alone would have it, log Z_0 + log w forward and "
        f"log Z_0 - log w reverse, for {K} temperatures. The two histograms cross at "
        "the exact log Z. Right: the logarithm of their ratio falls by one for each "
        "nat, which is exact for any number of temperatures (Crooks); bins of twenty "
        f"particles or more of each, with standard errors. Seed {seed}."
    )
    return Picture("fluctuations", figure, caption)


def error_of_ratio(found: Fluctuations, seen) -> NDArray:
    """Return the standard errors of log (forward / reverse), from the counts."""
    return np.sqrt(
        1 / (found.particles * found.forward[seen])
        + 1 / (found.particles * found.reverse[seen])
    )


def way_picture(pictures, points, law: Law, seed: int) -> Picture:
    """Draw states on the way from the base to the law, and then exact draws.

    pictures : (16, units) at each of the STOPS, and exact ones
    points : (n, 2) at each of the STOPS_OF_POINTS, and exact ones
    """
    figure = Figure(figsize=(12.6, 5), layout="constrained")
    axes = figure.subplots(2, len(STOPS) + 1)
    for x, ax in zip(pictures, axes[0], strict=True):
        ax.imshow(tiled(x), cmap="Greys", vmin=0, vmax=1.3, interpolation="none")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for x, beta, ax in zip(points, (*STOPS_OF_POINTS, 1.0), axes[1], strict=True):
        draw_points(x, law, beta, ax)
    for stops, row in zip((STOPS, STOPS_OF_POINTS), axes, strict=True):
        for beta, ax in zip(stops, row, strict=False):
            ax.set_title(rf"$\beta$ = {beta:g}")
        row[-1].set_title("exact draws")
    axes[0, 0].set_ylabel("16 particles of 64 units")
    axes[1, 0].set_ylabel("$x_2$")
    figure.suptitle(f"Particles on their way up (seed {seed})")
    caption = (
        "Above: the visible units of 16 particles, from fair coins to the machine, "
        "whose hidden units store rows and columns; last, exact draws of it. Below: "
        f"{len(points[0])} particles in the plane, from a Gaussian to eight of them, "
        "on the exact law of each inverse temperature (grey); last, exact draws. "
        "Where particles lag behind the law, their weights make up for it. "
        f"Seed {seed}."
    )
    return Picture("way", figure, caption)


def tiled(x) -> NDArray:
    """Return 16 pictures (16, SIDE^2) in four rows, with lines of 0.4 between them."""
    tiles = np.full((4, 4, SIDE + 1, SIDE + 1), 0.4)
    tiles[..., :SIDE, :SIDE] = np.reshape(x, (4, 4, SIDE, SIDE))
    return tiles.transpose(0, 2, 1, 3).reshape(4 * SIDE + 4, -1)[:-1, :-1]


def draw_points(x, law: Law, beta: float, ax: Axes) -> None:
    """Draw points of the plane on the density at an inverse temperature."""
    side = np.linspace(-4, 4, 121)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    path = law.path
    energy = (1 - beta) * path.base.energy_at(grid) + beta * law.target.energy_at(grid)
    density = np.exp(energy.min() - energy).reshape(121, 121)
    extent = (side[0], side[-1], side[0], side[-1])
    ax.imshow(density, extent=extent, origin="lower", cmap="Greys", vmax=1.8)
    ax.plot(*x.T, "o", color=BLUE, ms=1.4, alpha=0.6)
    ax.set(xlim=(-4, 4), ylim=(-4, 4), xlabel="$x_1$", xticks=[-2, 0, 2])
    ax.set(yticks=[-2, 0, 2], aspect="equal")


def draw_laws(laws: Mapping[str, Sequence], ax: Axes) -> None:
    """Draw errors of log Z of continuous laws, forward and reverse."""
    tidy(ax)
    for k in range(len(NAMES)):
        errors = np.array([pairs[k] for pairs in laws.values()])
        style: dict[str, Any] = {
            "fmt": MARKERS[k],
            "ms": 5,
            "lw": 1.2,
            "color": COLORS[k],
        }
        places = np.arange(len(errors)) + 0.2 * (k - 0.5)
        ax.errorbar(places, *errors.T, **style)
    ax.axhline(0, color="#222222", lw=1)
    ax.set_xticks(range(len(laws)), list(laws))
    top = 1.1 * max(abs(limit) for limit in ax.get_ylim())
    ax.set(xlim=(-0.5, len(laws) - 0.5), ylim=(-top, top))
    ax.set(ylabel="error of log Z (nats)")
