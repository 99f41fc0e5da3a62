"""Figures of paths in one dimension, of the ends of chains, and of the curves."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.diffusion_gaussian.chains import (
    COUNTS,
    NARROW,
    RUN,
    SHOWN,
    SHOWN_STEPS,
    Ends,
    Sampled,
)
from benchmarks.diffusion_gaussian.curves import (
    CURVES,
    LEARNED,
    density,
    excess,
    total,
)
from benchmarks.diffusion_gaussian.laws import FIRST, LAST
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from models.diffusion_forms import signal_and_noise

PATH_COLORS = BLUE, ORANGE, GREEN, PURPLE, "#E69F00"
CHAIN_COLORS = {"ancestral": ORANGE, "DDIM": BLUE}
CURVE_COLORS = dict(
    zip((*CURVES, LEARNED), (BLUE, GREEN, ORANGE, "k", PURPLE), strict=True)
)
TITLES = {
    "forward": "forward: data to noise",
    "ancestral": "back, ancestral",
    "DDIM": "back, DDIM",
}
VIEW = 2.9
SMALL = {"frameon": False, "fontsize": 8}


def paths_picture(paths: Mapping[str, np.ndarray], seed: int) -> Picture:
    """Draw forward and reverse paths over the density of x_u."""
    figure = Figure(figsize=(12.6, 4.4), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    u = np.arange(SHOWN_STEPS + 1) / SHOWN_STEPS
    for ax, (name, states) in zip(axes, paths.items(), strict=True):
        draw_density(ax)
        back = name != "forward"
        for color, one in zip(PATH_COLORS, states, strict=True):
            ax.plot(u, one, color=color, lw=1)
            ends = (one[-1], one[0]) if back else (one[0], one[-1])
            x = (1, 0) if back else (0, 1)
            ax.plot(x[0], ends[0], "o", mfc="w", mec=color, ms=6, clip_on=False)
            ax.plot(x[1], ends[1], "o", color=color, ms=6, clip_on=False)
        ax.set(xlim=(1, 0) if back else (0, 1), ylim=(-VIEW, VIEW), xlabel="u = t / T")
        ax.set_title(TITLES[name], fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("$x_u$")
    figure.suptitle(f"Diffusion of N(1, 0.2$^2$) to noise and back (seed {seed})")
    caption = (
        f"Five paths of T = {SHOWN_STEPS} steps, equal in log SNR, in one dimension, "
        "over the exact density of x_u (grey; dashed, mean and two standard "
        "deviations), each from an open dot to a full one. Left: data lose themselves "
        "in noise. Middle and right: the way back, time running down to zero, from the "
        "same five x_T by the exact denoiser. Ancestral steps add noise, and their "
        "paths cross; those of DDIM are smooth, keep their order, and end where x_T "
        f"says. Seed {seed}."
    )
    return Picture("paths", figure, caption)


def draw_density(ax: Axes) -> None:
    """Draw the density of x_u in grey, scaled to its peak at each time."""
    schedule = SHOWN.schedule
    mean = schedule.signal * NARROW.mean[0]
    variance = schedule.abar * NARROW.covariance[0, 0] + schedule.noise**2
    sd = np.sqrt(variance)
    x = np.linspace(-VIEW, VIEW, 301)[:, np.newaxis]
    image = np.exp(-0.5 * ((x - mean) / sd) ** 2)
    ax.imshow(
        image,
        extent=(0, 1, -VIEW, VIEW),
        origin="lower",
        aspect="auto",
        cmap="Greys",
        vmin=0,
        vmax=2.5,
    )
    u = np.arange(SHOWN_STEPS + 1) / SHOWN_STEPS
    for k in (-2, 0, 2):
        ax.plot(u, mean + k * sd, "--", color=GREY, lw=0.8)


def ends_picture(
    ends: Mapping[tuple[str, str], Ends],
    sampled: Mapping[str, Sampled],
    n: int,
    seed: int,
) -> Picture:
    """Draw the error of chains against their number of steps."""
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    styles = {"N(0, 1)": "--", "3-D": "-"}
    for (law, name), found in ends.items():
        style = {"color": CHAIN_COLORS[name], "ls": styles[law], "lw": 1.3}
        left.loglog(COUNTS, found.errors, label=f"{law}, {name}", **style)
        right.loglog(COUNTS, found.divergences, **style)
    for name, drawn in sampled.items():
        draw_sampled([drawn.errors], name, left)
    steps = np.array([100, 1000])
    left.loglog(steps, 1.0 / steps, ":", color=GREY, label="slope -1")
    right.loglog(steps, 2.0 / steps**2, ":", color=GREY, label="slope -2")
    left.set_ylabel("largest relative error of a variance")
    right.set_ylabel("KL(ends || data) (nats)")
    left.plot([], [], "o", color="w", mec="k", label="3-D, real chains")
    for ax in (left, right):
        tidy(ax).set_xlabel("steps T")
        ax.legend(**SMALL, loc="lower left")
    figure.suptitle(f"Where reverse chains end, with the exact denoiser (seed {seed})")
    caption = (
        "How far the ends of reverse chains are from the data, against their number of "
        "steps, equal in angle: lines by the recursion of moments, without a draw; "
        f"dots, {n} real chains in three dimensions. Left: the largest relative error "
        "of the variance along any axis, of first order in 1 / T. Right: the "
        "divergence of their law from that of the data, of second order. Seed "
        f"{seed}."
    )
    return Picture("ends", figure, caption)


def draw_sampled(runs, name: str, ax: Axes) -> None:
    """Draw errors of real chains, (runs, 3)."""
    for one in runs:
        ax.loglog(RUN, one, "o", color=CHAIN_COLORS[name], mec="k", mew=0.6, ms=6)


def curves_picture(learned, seed: int) -> Picture:
    """Draw the curves with the same ends, and the variance that they make."""
    figure = Figure(figsize=(11.0, 7.6), layout="constrained")
    (levels, falls), (densities, bars) = figure.subplots(2, 2)
    u, curves = np.linspace(0, 1, 801), {**CURVES, LEARNED: learned}
    for name, curve in curves.items():
        color = CURVE_COLORS[name]
        log_snr = curve(u)
        alpha, sigma = signal_and_noise(log_snr)
        if name not in ("log(1 + SNR) a line", LEARNED):
            levels.plot(u, alpha, color=color, label=name)
            levels.plot(u, sigma, color=color, ls="--")
        falls.plot(u, log_snr, color=color, label=name)
        densities.plot(u, density(curve, u), color=color)
    levels.set_ylabel(r"$\alpha$ (lines) and $\sigma$ (dashed)")
    falls.set_ylabel(r"log SNR $\lambda(u)$ (nats)")
    densities.set(yscale="log", ylim=(0.05, 300), ylabel="g(u) (nats for a unit of u)")
    densities.axhline(total(), color=GREY, lw=1, ls=":")
    draw_excess({name: [excess(curve)] for name, curve in curves.items()}, bars)
    for ax in (levels, falls, densities):
        tidy(ax).set_xlabel("u = t / T")
    levels.legend(**SMALL)
    falls.legend(**SMALL)
    figure.suptitle(f"Curves of the log SNR between the same ends (seed {seed})")
    caption = (
        f"The log SNR falls from {FIRST:g} to {LAST:g}, in different ways. Upper left: "
        "signal and noise of three that are in use. Upper right: all five. Lower left: "
        "g(u), how many nats of the diffusion term of N(0, 1) each time has, on "
        f"average; the area below is {total():.2f} nats for every curve. Lower right: "
        "the variance of an estimate from one random u, as a multiple of the least one "
        f"possible, which is {2 * total() ** 2:.1f} nats squared and needs the same g "
        "at all times. The learned curve began as a line, was trained for the least "
        f"variance, and knows nothing of N(0, 1) but draws. Seed {seed}."
    )
    return Picture("curves", figure, caption)


def draw_excess(runs: Mapping[str, list[float]], ax: Axes) -> None:
    """Draw variances over the least one, for each curve a list over seeds."""
    tidy(ax)
    for place, (name, values) in enumerate(runs.items()):
        mean = 1 + float(np.mean(values))
        ax.bar(place, mean, 0.65, color=CURVE_COLORS[name], alpha=0.7)
        ax.plot([place] * len(values), 1 + np.array(values), "k_", ms=10, mew=1)
        ax.text(place, 1.12 * mean, f"{mean:.2f}", ha="center", fontsize=8)
    ax.axhline(1, color=GREY, lw=1)
    ax.set(yscale="log", ylim=(0.8, 80), ylabel="variance / least variance")
    ax.set_xticks(range(len(runs)), [name.replace(" a ", "\na ") for name in runs])
    ax.tick_params(axis="x", labelsize=8)
