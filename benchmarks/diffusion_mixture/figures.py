"""Figures of diffusion: strips of both chains, paths, errors by steps."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.diffusion_mixture.chains import (
    ETAS,
    KEPT,
    LAST,
    SCHEDULE,
    STEPS,
    WIDTH,
    Convergence,
    Strips,
    evenly,
    laws,
)
from benchmarks.diffusion_mixture.gaussian import leading_error, relative_errors
from benchmarks.diffusion_mixture.laws import MIXTURE, sliced_distance
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from data.mixtures import GaussianMixture
from models import total_variation

COLORS = {"DDIM": BLUE, "eta = 0.5": GREEN, "ancestral": ORANGE}
LABELS = {
    "DDIM": r"$\eta = 0$ (DDIM)",
    "eta = 0.5": r"$\eta = 0.5$",
    "ancestral": r"$\eta = 1$ (ancestral)",
}
PATH_COLORS = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00")
SHOWN_TIMES = (0, 200, 400, 600, 800, 1000)
POINTS = 1500  # drawn in a panel
MASSES = (0.99, 0.9, 0.5)  # inside the contours
VIEW = 3.2  # half the side of a panel


def draw_contours(law: GaussianMixture, ax: Axes, **style) -> None:
    """Draw where the density is highest, as regions of the MASSES."""
    ticks = np.linspace(-VIEW - 1, VIEW + 1, 281)
    x, y = np.meshgrid(ticks, ticks)
    log_p = law.log_density(np.column_stack([x.ravel(), y.ravel()]))
    ordered = np.sort(log_p)[::-1]
    mass = np.cumsum(np.exp(ordered))
    levels = [ordered[np.searchsorted(mass, m * mass[-1])] for m in MASSES]
    if style.pop("filled", False):
        ax.contourf(x, y, log_p.reshape(x.shape), [*levels, np.inf], **style)
    else:
        ax.contour(x, y, log_p.reshape(x.shape), levels, linestyles="solid", **style)


def square(ax: Axes) -> None:
    """Show the same part of the plane in every panel."""
    ax.set(xlim=(-VIEW, VIEW), ylim=(-VIEW, VIEW), aspect="equal")
    ax.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])


def strips_picture(found: Strips, seed: int) -> Picture:
    """Draw the forward chain and both reverse chains at some times."""
    figure = Figure(figsize=(12.6, 6.9), layout="constrained")
    axes = figure.subplots(3, len(SHOWN_TIMES), sharex=True, sharey=True)
    rows = {"forward chain": found.forward} | {
        f"reverse chain,\n{name}": states for name, states in found.reverse.items()
    }
    colors = (PURPLE, COLORS["ancestral"], COLORS["DDIM"])
    exact = laws()
    for row, color, (name, states) in zip(axes, colors, rows.items(), strict=True):
        for ax, t in zip(row, SHOWN_TIMES, strict=True):
            kept = KEPT.index(t)
            x = states[:, kept]
            ax.plot(*x[:POINTS].T, ".", color=color, ms=2, mew=0, alpha=0.6)
            draw_contours(exact[kept], ax, colors="k", linewidths=0.7)
            distance = sliced_distance(x, exact[kept])
            ax.text(0.04, 0.03, f"{distance:.4f}", transform=ax.transAxes, fontsize=8)
            square(ax)
        row[0].set_ylabel(f"{name}\n$x_2$")
    for ax, t in zip(axes[0], SHOWN_TIMES, strict=True):
        ax.set_title(rf"t = {t}, $\bar\alpha_t$ = {SCHEDULE.abar[t]:.3f}", fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("$x_1$")
    figure.suptitle(f"Five Gaussians to noise and back in {LAST} steps (seed {seed})")
    caption = (
        f"Top: data at t = 0 and what the forward chain makes of them; {POINTS} of "
        f"{len(found.forward)} chains. Below: reverse chains with the exact denoiser, "
        f"to be read from the right, t = {LAST}, to the left; ancestral steps add "
        "noise, those of DDIM do not. Black: the exact law of each time, regions of "
        "highest density that hold 50, 90 and 99 % of it. All chains should have these "
        "laws: the number in each panel is their sliced Wasserstein distance, in units "
        f"of x, over all chains. Seed {seed}."
    )
    return Picture("strips", figure, caption)


def paths_picture(paths: Mapping[str, np.ndarray], ends, seed: int) -> Picture:
    """Draw reverse paths, (5, times, 2), from the same starts, and the flow's ends."""
    figure = Figure(figsize=(10.4, 5.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (name, states) in zip(axes, paths.items(), strict=True):
        draw_contours(MIXTURE, ax, filled=True, colors=["#eee", "#d6d6d6", "#b5b5b5"])
        for color, one in zip(PATH_COLORS, states, strict=True):
            ax.plot(*one.T, color=color, lw=1, alpha=0.8)
            ax.plot(*one[0], "o", mfc="w", mec=color, mew=1.5, ms=7, zorder=3)
            ax.plot(*one[-1], "o", mfc=color, mec="k", ms=7, zorder=3)
        square(ax)
        ax.set(title=LABELS[name], xlabel="$x_1$")
    axes[0].set_ylabel("$x_2$")
    axes[1].plot(*ends.T, "k+", ms=14, zorder=4)
    figure.suptitle(f"Two ways back from the same noise (seed {seed})")
    caption = (
        f"Reverse paths of {len(ends)} points x_T, the same in both panels, over the "
        "density of the data (grey: 50, 90 and 99 % of it), from open dots to full "
        f"ones: {LAST} steps, of which every tenth state is drawn. Left: ancestral "
        "steps, each with new noise; the end has little to do with the start. Right: "
        "DDIM, without noise: smooth paths, which end where the probability flow "
        "does, an ordinary differential equation solved to 1e-9 (crosses). Seed "
        f"{seed}."
    )
    return Picture("paths", figure, caption)


def steps_picture(
    found: Mapping[str, Convergence],
    floors: tuple[float, float],
    gaussian: Mapping[str, np.ndarray],
    flow: np.ndarray,
    chains: int,
    seed: int,
) -> Picture:
    """Draw four errors against the number of steps."""
    figure = Figure(figsize=(10.4, 8.2), layout="constrained")
    axes = figure.subplots(2, 2)
    draw_floor(*floors, axes[0, 0])
    draw_distances({name: [run.distances] for name, run in found.items()}, axes[0, 0])
    draw_shares(found, chains, axes[0, 1])
    draw_gaussian(gaussian, chains, axes[1, 0])
    draw_flow([flow], axes[1, 1])
    figure.suptitle(f"What few steps cost, with the exact denoiser (seed {seed})")
    caption = (
        f"Errors of {chains} reverse chains against their number of steps, evenly "
        f"spaced among {LAST}. Upper left: the distance of their ends from the data's "
        "law; upper right: that of the shares of the five modes. As many exact draws "
        "would lie in the grey bands about 95 times in a hundred. Lower left: data "
        f"N(0, {WIDTH:g}^2), whose standard deviation comes out too small: lines are "
        "the exact recursion, dashed its leading term in 1 / K, dots chains, with the "
        "error bars of their number. Lower right: DDIM ends beside the probability "
        "flow's from the same noise, the median of many points; dashed, slope -1. Seed "
        f"{seed}."
    )
    return Picture("steps", figure, caption)


def draw_distances(runs: Mapping[str, Sequence], ax: Axes) -> None:
    """Draw sliced distances, (runs, 9) for each eta, against steps."""
    log_axes(ax)
    for name, distances in runs.items():
        for number, one in enumerate(distances):
            label = None if number else LABELS[name]
            ax.plot(STEPS, one, "o-", color=COLORS[name], ms=4, lw=1, label=label)
    ax.set_ylabel("sliced Wasserstein distance (units of x)")
    ax.legend(frameon=False, fontsize=8, loc="upper right")


def draw_floor(mean: float, sd: float, ax: Axes) -> None:
    """Draw the band in which as many exact draws lie."""
    band = mean - 2 * sd, mean + 2 * sd
    ax.axhspan(*band, color=GREY, alpha=0.3, lw=0, label="exact draws")


def draw_shares(found: Mapping[str, Convergence], chains: int, ax: Axes) -> None:
    """Draw the total variation distance of mode shares from the weights."""
    log_axes(ax)
    for name, run in found.items():
        distances = total_variation(run.counts / chains, MIXTURE.weights)
        ax.plot(STEPS, distances, "o-", color=COLORS[name], ms=4, lw=1)
    drawn = np.random.default_rng(0).multinomial(chains, MIXTURE.weights, size=2000)
    exact = np.quantile(
        total_variation(drawn / chains, MIXTURE.weights), [0.025, 0.975]
    )
    ax.axhspan(*exact, color=GREY, alpha=0.3, lw=0)
    ax.set_ylabel("total variation distance of mode shares")


def draw_gaussian(sampled: Mapping[str, np.ndarray], chains: int, ax: Axes) -> None:
    """Draw by how much a single Gaussian comes out too narrow."""
    log_axes(ax)
    steps = np.array([K for K in range(2, LAST + 1) if LAST % K == 0])
    paths = [evenly(K) for K in steps]
    for name, eta in ETAS.items():
        exact = relative_errors(WIDTH, SCHEDULE, paths, eta)
        ax.plot(steps, -exact, color=COLORS[name], lw=1.2, label=LABELS[name])
        if name not in sampled:
            continue
        ax.plot(steps, -leading_error(WIDTH, int(eta)) / steps, "--", color=GREY, lw=1)
        at_steps = relative_errors(WIDTH, SCHEDULE, [evenly(K) for K in STEPS], eta)
        sd = (1 + at_steps) * (1 + sampled[name])
        spread = 0 if name == "DDIM" else sd / np.sqrt(2 * chains)
        color = COLORS[name]
        ax.errorbar(STEPS, 1 - sd, spread, fmt="o", color=color, ms=4, lw=1)
    ax.set(ylabel="relative error of the standard deviation", ylim=(1e-3, 1.5))
    ax.legend(frameon=False, fontsize=8, loc="upper right")


def draw_flow(runs: Sequence, ax: Axes) -> None:
    """Draw how far DDIM ends from the probability flow, (runs, 9)."""
    log_axes(ax)
    for one in runs:
        ax.plot(STEPS, one, "o-", color=COLORS["DDIM"], ms=4, lw=1)
    steps = np.array(STEPS)
    ax.plot(steps, runs[0][-1] * LAST / steps, "--", color=GREY, lw=1)
    ax.set_ylabel("DDIM from probability flow, median (units of x)")


def log_axes(ax: Axes) -> None:
    """Make both axes logarithmic, with the number of steps below."""
    tidy(ax)
    ax.set(xscale="log", yscale="log", xlabel="steps K")
    ax.set_xticks(STEPS, [f"{K}" for K in STEPS])
    ax.minorticks_off()
