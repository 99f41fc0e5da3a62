"""Figures of small Boltzmann machines: restarts, learning curves, draws."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.rbm_toy.curves import CHAINS, HIDDEN, LARGEST, METHODS, RATE
from benchmarks.rbm_toy.restarts import ONE, PROBLEMS, SQUARES, TWO, optimum
from models.rbm import RBM
from samplers.exact import exact_draws, visible_probabilities
from samplers.machine import binary_states

COLORS = dict(zip(METHODS, (BLUE, ORANGE, PURPLE, GREEN), strict=True))
SHADES = dict(zip((1, 2, 3, 4), (ORANGE, PURPLE, GREEN, BLUE), strict=True))
PLATEAUS = {
    "no pattern told": np.log(8),
    "one": ONE,
    "two": TWO,
    "all four: log 4": np.log(4),
}
KL_LABEL = "KL(data || model) (nats)"
ERROR_LABEL = "reconstruction error (pixels$^2$)"
DRAWS = 14  # of each machine
RARE = 0.1  # of 1 / K, below which a pattern is nearly missing


def xor_picture(found, seed: int) -> Picture:
    """Draw the restarts of XOR, and the laws of the best machines."""
    figure = Figure(figsize=(10.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    draw_restarts({n: [run.values] for n, run in found.items()}, left)
    draw_laws(found, right)
    figure.suptitle(f"XOR by exact maximum likelihood (seed {seed})")
    restarts = len(found[1].values)
    caption = (
        f"Left: where {restarts} runs of L-BFGS end, sorted, by the number of hidden "
        "units. Dashed: machines that tell none, one, two or all of the four patterns "
        "from the rest. Right: what the best machines know, the probability of each of "
        "the eight words of three bits, those of XOR to the left of the line. Seed "
        f"{seed}."
    )
    return Picture("XOR", figure, caption)


def draw_restarts(values: Mapping[int, Sequence], ax: Axes) -> None:
    """Draw sorted NLL of restarts; values : hidden units -> (runs, restarts)."""
    tidy(ax)
    for hidden, runs in values.items():
        pooled = np.sort(np.ravel(runs))
        shares = (np.arange(len(pooled)) + 0.5) / len(pooled)
        unit = "unit" if hidden == 1 else "units"
        label, color = f"{hidden} hidden {unit}", SHADES[hidden]
        ax.step(shares, pooled, where="mid", color=color, lw=1.8, label=label)
    for name, level in PLATEAUS.items():
        ax.axhline(level, color=GREY, lw=0.8, ls="--", zorder=0)
        ax.annotate(name, (0.01, level + 0.012), color=GREY, fontsize=8)
    ax.set(
        xlim=(0, 1), ylim=(1.34, 2.35), xlabel="share of restarts", ylabel="NLL (nats)"
    )
    ax.legend(frameon=False, fontsize=8, ncols=2, loc="upper center")


def draw_laws(found, ax: Axes) -> None:
    """Draw the probabilities of all words by the best machines."""
    words = binary_states(3)
    odd = words.sum(axis=1) % 2
    order = np.argsort(odd, kind="stable")
    for hidden, run in found.items():
        p = visible_probabilities(run.best.machine)
        # A pattern that is told comes first: machines differ in which it is.
        even = order[:4][np.argsort(-p[order[:4]], kind="stable")]
        row = np.concatenate(
            [even, order[4:][np.argsort(-p[order[4:]], kind="stable")]]
        )
        y = len(found) - hidden
        for k, word in enumerate(row):
            ax.bar(k, 3.2 * p[word], 0.8, bottom=y, color=SHADES[hidden])
            text = "".join(map(str, words[word]))
            ax.annotate(text, (k, y - 0.04), fontsize=7, ha="center", va="top")
        ax.plot([-0.5, 7.5], [y, y], color="black", lw=0.6)
        ax.plot([-0.5, 3.5], [y + 0.8, y + 0.8], color=GREY, lw=0.8, ls="--")
    ax.plot([3.5, 3.5], [-0.2, len(found)], color=GREY, lw=0.8)
    ax.annotate("1/4", (-0.55, 3.8), fontsize=8, color=GREY, ha="right", va="center")
    ax.set(xticks=[], yticks=np.arange(len(found)) + 0.35, xlim=(-0.6, 7.6))
    ax.set_yticklabels([f"N = {n}" for n in reversed(found)])
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    ax.tick_params(left=False)
    ax.set_title("probabilities of the words", fontsize=10)


def optima_picture(found, seed: int) -> Picture:
    """Draw the NLL of all restarts by the number of hidden units."""
    figure = Figure(figsize=(11.4, 3.6), layout="constrained")
    axes = figure.subplots(1, len(SQUARES))
    for name, ax in zip(SQUARES, axes, strict=True):
        draw_optima(name, {n: run.values for n, run in found[name].items()}, ax)
    axes[0].set_ylabel("NLL (nats)")
    axes[-1].legend(frameon=False, fontsize=8)
    figure.suptitle(f"Bars and stripes by exact maximum likelihood (seed {seed})")
    caption = (
        "The negative log-likelihood at which each run of L-BFGS ends, by the number "
        "of hidden units, and the best of them. Dashed: log K, the optimum for K "
        "patterns, beyond which no machine comes; with 3, 5 and 7 hidden units there "
        f"are machines that reach it. Seed {seed}."
    )
    return Picture("optima", figure, caption)


def draw_optima(name: str, values: Mapping[int, Sequence], ax: Axes) -> None:
    """Draw the restarts of one problem; values : hidden units -> (restarts,)."""
    tidy(ax)
    for hidden, runs in values.items():
        nll = np.ravel(runs)
        # Evenly beside each other, so that many equal ones can be seen.
        x = hidden + np.linspace(-0.25, 0.25, len(nll) + 2)[1:-1]
        first = hidden == min(values)
        ax.plot(
            x, np.sort(nll), ".", color=BLUE, ms=3, label="restarts" if first else None
        )
        ax.plot(
            hidden,
            nll.min(),
            "o",
            color=ORANGE,
            mfc="none",
            ms=9,
            label="best" if first else None,
        )
    ax.axhline(optimum(PROBLEMS[name].law), color=GREY, lw=1, ls="--", label="log K")
    ax.set_xticks(list(values))
    ax.set(xlabel="hidden units", title=name.capitalize())


def curves_picture(found, whose: str) -> Picture:
    """Draw KL and the reconstruction error during training.

    found : name -> method -> {"steps", "kl", "errors"}, of one run or of several
    """
    figure = Figure(figsize=(11.4, 6.2), layout="constrained")
    axes = figure.subplots(2, len(found), sharex=True)
    for k, (name, runs) in enumerate(found.items()):
        units = HIDDEN[SQUARES[name]]
        axes[0, k].set_title(f"{name.capitalize()}, {units} hidden", fontsize=10)
        for row, key in enumerate(("kl", "errors")):
            draw_curves(runs, key, axes[row, k])
        axes[1, k].set_xlabel("training step")
    axes[0, 0].set_ylabel(KL_LABEL)
    axes[1, 0].set_ylabel(ERROR_LABEL)
    axes[0, 0].legend(frameon=False, fontsize=8, loc="lower left")
    figure.suptitle(f"Likelihood and reconstruction while machines learn ({whose})")
    caption = (
        "Above, KL(data || model) by all states, which is zero for a machine that has "
        "learned the patterns; below, the squared error of their reconstructions. By "
        "this CD-1 does about as well as the exact gradient, also where its likelihood "
        f"becomes worse. All patterns at each step, a rate of {RATE:g}, one start; "
        f"{CHAINS} persistent chains, which cannot keep up. {whose.capitalize()}."
    )
    return Picture("learning curves", figure, caption)


def draw_curves(runs: Mapping, key: str, ax: Axes) -> None:
    """Draw a number during training, of each method: geometric mean and one sd."""
    tidy(ax)
    for method, run in runs.items():
        steps = np.atleast_2d(run["steps"])[0]
        logs = np.log(np.atleast_2d(run[key]))
        mean, color = logs.mean(axis=0), COLORS[method]
        ax.plot(steps, np.exp(mean), color=color, lw=1.5, label=method)
        if len(logs) > 1:
            sd = logs.std(axis=0, ddof=1)
            edges = np.exp(mean - sd), np.exp(mean + sd)
            ax.fill_between(steps, *edges, color=color, alpha=0.2, lw=0)
    ax.set(xscale="log", yscale="log")


def disagreement_picture(found, seed: int) -> Picture:
    """Draw KL against the reconstruction error, and what the machines draw."""
    figure = Figure(figsize=(11.4, 4.4), layout="constrained")
    grid = figure.add_gridspec(len(METHODS), 2, width_ratios=(1, 1.25))
    draw_plane(found, figure.add_subplot(grid[:, 0]))
    for k, (method, run) in enumerate(found.items()):
        ax = figure.add_subplot(grid[k, 1])
        wrong, missing = faults(run.last)
        draw_images(exact_draws(run.last.machine, DRAWS, rng=seed)[0], ax)
        title = f"{method}: {wrong:.0%} of draws are no pattern, nearly missing are "
        title += f"{missing} of the patterns"
        ax.set_title(title, fontsize=9, loc="left", color=COLORS[method])
    figure.suptitle(
        f"{LARGEST.capitalize()}: what reconstruction does not tell (seed {seed})"
    )
    caption = (
        "Left: four trainings in the plane of KL and reconstruction error. They begin "
        "at the upper right and come to small errors with very different likelihoods; "
        "open circles are the lowest KL of each, full ones the end. Right: independent "
        "exact draws of the machines at the end, in orange those that are no bars or "
        "stripes. Nearly missing are patterns that are drawn less than a tenth as "
        f"often as they should be. Seed {seed}."
    )
    return Picture("disagreement", figure, caption)


def draw_plane(found, ax: Axes) -> None:
    """Draw KL against the reconstruction error of each method."""
    tidy(ax)
    for method, run in found.items():
        color = COLORS[method]
        ax.plot(run.errors, run.kl, "-", color=color, lw=1.4, label=method)
        ax.plot(run.errors[-1], run.kl[-1], "o", color=color, ms=6)
        best = np.argmin(run.kl)
        ax.plot(run.errors[best], run.kl[best], "o", color=color, mfc="white", ms=6)
    ax.set(xscale="log", yscale="log", xlabel=ERROR_LABEL, ylabel=KL_LABEL)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.legend(frameon=False, fontsize=8, loc="lower right")


def faults(rbm: RBM) -> tuple[float, int]:
    """Return the probability of what is no pattern, and how many patterns are rare."""
    x = PROBLEMS[LARGEST].law.patterns
    p = np.exp(rbm.log_likelihood(x))
    return float(1 - p.sum()), int(np.sum(p < RARE / len(x)))


def draw_images(x, ax: Axes) -> None:
    """Draw images in a row, in orange those that are no patterns."""
    known = np.isfinite(PROBLEMS[LARGEST].law.log_density(x))
    side = int(np.sqrt(x.shape[1]))
    tile = np.zeros((side + 2, len(x) * (side + 2)))
    for k, image in enumerate(x.reshape(-1, side, side)):
        place = slice(k * (side + 2) + 1, (k + 1) * (side + 2) - 1)
        tile[1:-1, place] = 1 + image * (1 if known[k] else 2)
    ink = ListedColormap(["white", "#e2e8f0", "#334155", ORANGE])
    ax.imshow(tile, cmap=ink, vmin=0, vmax=3, interpolation="none")
    ax.axis("off")
