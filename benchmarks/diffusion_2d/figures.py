"""Figures of diffusion in the plane: scores, paths back, and where they end."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.diffusion_2d.laws import noised, score
from benchmarks.diffusion_2d.scores import SHOWN, learned_score
from benchmarks.diffusion_2d.steps import KINDS, Draws
from benchmarks.diffusion_2d.training import Learned
from benchmarks.diffusion_mixture.figures import COLORS, LABELS, PATH_COLORS
from benchmarks.experiment import Picture
from benchmarks.figures import ORANGE, PURPLE
from data import GaussianMixture
from models.diffusion_forms import signal_and_noise

SIDE = 2.7  # half the side of a panel
NATS = (4.5, 2.0, 0.5)  # below the peak, where densities are shaded
SHADES = ("#ececec", "#d2d2d2", "#b2b2b2")
FAR = 12.0  # nats below the peak, where arrows end
DOTS = 1500
FEW = (5, 10, 50, 500)


def shade(law: GaussianMixture, ax: Axes) -> float:
    """Shade where a density is high, and return the logarithm of its peak."""
    ticks = np.linspace(-SIDE, SIDE, 101)
    x, y = np.meshgrid(ticks, ticks)
    log_p = law.log_density(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    peak = log_p.max()
    ax.contourf(x, y, log_p, [*(peak - np.array(NATS)), np.inf], colors=SHADES)
    ax.set(xlim=(-SIDE, SIDE), ylim=(-SIDE, SIDE), aspect="equal")
    ax.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    return peak


def scores_picture(learned: Mapping[str, Learned], seed: int) -> Picture:
    """Draw both scores over the density at three levels of noise."""
    figure = Figure(figsize=(11.4, 11.2), layout="constrained")
    axes = figure.subplots(len(learned), len(SHOWN), sharex=True, sharey=True)
    for row, (name, one) in zip(axes, learned.items(), strict=True):
        for ax, log_snr in zip(row, SHOWN, strict=True):
            draw_scores(one, log_snr, ax)
        row[0].set_ylabel(f"{name}\n$x_2$")
    for ax, log_snr in zip(axes[0], SHOWN, strict=True):
        _, sigma = signal_and_noise(log_snr)
        ax.set_title(rf"log SNR {log_snr:g}, $\sigma$ = {sigma:.2f}", fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("$x_1$")
    axes[0, 0].legend(loc="upper left", fontsize=8, framealpha=0.9)
    figure.suptitle(f"The true score and the learned one (seed {seed})")
    caption = (
        "Grey: the law of x at three levels of noise, up to "
        f"{NATS[-1]:g}, {NATS[1]:g} and {NATS[0]:g} nats below its peak. Arrows: the "
        "score, true (black) and learned (orange, below), on a grid where the law is "
        f"within {FAR:g} nats of its peak; all of a panel are to one scale. Where "
        "there is much noise the score is nearly that of one Gaussian; its detail next "
        f"to the data is learned last. Seed {seed}."
    )
    return Picture("scores", figure, caption)


def draw_scores(learned: Learned, log_snr: float, ax: Axes) -> None:
    """Draw both scores at one level as arrows over the density."""
    law = learned.problem.law
    here = noised(law, log_snr)
    peak = shade(here, ax)
    ticks = np.linspace(-SIDE, SIDE, 18)[1:-1]
    x = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    x = x[here.log_density(x) > peak - FAR]
    truth = score(law, x, log_snr)
    scale = np.quantile(np.hypot(*truth.T), 0.9) / (1.2 * (ticks[1] - ticks[0]))
    style = {"angles": "xy", "scale_units": "xy", "scale": scale}
    found = learned_score(learned.model, x, log_snr)
    ax.quiver(*x.T, *found.T, color=ORANGE, width=0.011, label="learned", **style)
    ax.quiver(*x.T, *truth.T, color="k", width=0.004, label="true", **style)


def paths_picture(learned: Learned, paths: Mapping, seed: int) -> Picture:
    """Draw paths back from the same noise.

    paths : (denoiser, kind) -> (n, steps + 1, 2), learned of both kinds, exact DDIM
    """
    figure = Figure(figsize=(10.4, 6.0), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, kind in zip(axes, KINDS, strict=True):
        shade(learned.problem.law, ax)
        for color, one in zip(PATH_COLORS, paths["learned", kind], strict=True):
            ax.plot(*one.T, color=color, lw=1.1, alpha=0.9)
            ax.plot(*one[0], "o", mfc="w", mec=color, mew=1.5, ms=7, zorder=3)
            ax.plot(*one[-1], "o", mfc=color, mec="k", ms=7, zorder=3)
        ax.set(title=LABELS[kind], xlabel="$x_1$")
    for one in paths["exact", "DDIM"]:
        axes[1].plot(*one.T, "k--", lw=0.8)
        axes[1].plot(*one[-1], "k+", ms=13, zorder=4)
    axes[0].set_ylabel("$x_2$")
    figure.suptitle(f"Two ways back from the same noise (seed {seed})")
    count, states, _ = np.shape(paths["learned", "DDIM"])
    caption = (
        f"Paths of {count} points x_T, the same in both panels, over the density of "
        f"the data, {states - 1} steps of the learned denoiser from open dots to full "
        "ones. Left: each step adds noise, and the end has little to do with the "
        "start. Right: none does, and the end is a function of the start; dashed, to "
        f"the crosses, the same steps with the exact denoiser. Seed {seed}."
    )
    return Picture("paths", figure, caption)


def few_picture(learned: Learned, found: Mapping, seed: int) -> Picture:
    """Draw where few steps end; found : denoiser -> (kind, steps) -> Draws."""
    rows = [(whose, kind) for whose in found for kind in KINDS]
    figure = Figure(figsize=(11.4, 11.8), layout="constrained")
    axes = figure.subplots(len(rows), len(FEW), sharex=True, sharey=True)
    for row, (whose, kind) in zip(axes, rows, strict=True):
        for ax, steps in zip(row, FEW, strict=True):
            shade(learned.problem.law, ax)
            draw_dots(found[whose][kind, steps], COLORS[kind], ax)
        row[0].set_ylabel(f"{whose} denoiser,\n{kind}\n$x_2$")
    for ax, steps in zip(axes[0], FEW, strict=True):
        ax.set_title(f"{steps} steps", fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("$x_1$")
    figure.suptitle(f"Few steps and many (seed {seed})")
    caption = (
        f"Draws of the mixture, {DOTS} of each kind, over its density, and what "
        f"KL(draws || data) in nats all of them have. Few steps leave the modes too "
        "broad or too narrow and bridges between them, with the exact denoiser too. "
        "With many steps only what the network has not learned is left: single draws "
        f"between the modes. Seed {seed}."
    )
    return Picture("few steps", figure, caption)


def draw_dots(draws: Draws, color: str, ax: Axes) -> None:
    """Draw some of the draws, with their KL."""
    ax.plot(*draws.x[:DOTS].T, ".", color=color, ms=2.5, mew=0, alpha=0.7)
    text = f"{draws.kl:.3f} nats"
    ax.text(0.04, 0.03, text, transform=ax.transAxes, fontsize=8)


def draws_picture(learned: Mapping[str, Learned], found: Mapping, seed: int) -> Picture:
    """Draw examples of all laws and draws of both kinds.

    found : law -> (kind, steps) -> Draws
    """
    figure = Figure(figsize=(9.6, 10.2), layout="constrained")
    axes = figure.subplots(len(learned), 3, sharex=True, sharey=True)
    steps = FEW[-1]
    for row, (name, one) in zip(axes, learned.items(), strict=True):
        for ax in row:
            shade(one.problem.law, ax)
        x = one.problem.X[:DOTS]
        row[0].plot(*x.T, ".", color=PURPLE, ms=2.5, mew=0, alpha=0.7)
        for ax, kind in zip(row[1:], KINDS, strict=True):
            draw_dots(found[name][kind, steps], COLORS[kind], ax)
        row[0].set_ylabel(f"{name}\n$x_2$")
    axes[0, 0].set_title("data", fontsize=10)
    for ax, kind in zip(axes[0, 1:], KINDS, strict=True):
        ax.set_title(LABELS[kind], fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("$x_1$")
    figure.suptitle(f"Three laws and draws of what was learned (seed {seed})")
    caption = (
        f"Left: {DOTS} of the examples, over the density of their law. Middle and "
        f"right: as many draws of the learned model by {steps} steps, ancestral and "
        "DDIM; the numbers are KL(draws || data) between cells, over all draws. "
        f"Seed {seed}."
    )
    return Picture("draws", figure, caption)
