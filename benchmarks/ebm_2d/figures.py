"""Figures of energies in the plane: landscapes, densities, draws, learning curves."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.ebm_2d.data import AXIS, SIDE, Problem
from benchmarks.ebm_2d.draws import MOVES, SHORT, Draws
from benchmarks.ebm_2d.training import Learned
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy

COLORS = {"MALA": BLUE, "Langevin": GREEN, "short runs": ORANGE}
LAW_COLORS = {"8 Gaussians": BLUE, "moons": PURPLE, "swiss roll": GREEN}
VIEWS = {"8 Gaussians": 2.4, "moons": 2.4, "swiss roll": 2.6}
DEEP = 8.0  # nats above the least energy, where landscapes end
DOTS = 1000
KL_LABEL = "KL(data || model) (nats)"


def landscape_picture(found: Mapping[str, tuple[Learned, Draws]], seed: int) -> Picture:
    """Draw the energies of all laws with paths of true chains and of short runs."""
    figure = Figure(figsize=(11.4, 7.4), layout="constrained")
    axes = figure.subplots(2, len(found))
    for (name, (learned, draws)), column in zip(found.items(), axes.T, strict=True):
        for kind, color, ax in zip(
            ("MALA", "short run"), (ORANGE, "#cc0000"), column, strict=True
        ):
            levels = draw_energy(learned, ax)
            for path in draws.paths[kind]:
                ax.plot(*path.T, color=color, lw=0.7, alpha=0.8)
                ax.plot(*path[-1], "o", color=color, ms=4, mec="white", mew=0.6)
            ax.set_title(f"{name}, {kind}")
    bar = figure.colorbar(levels, ax=axes, shrink=0.6)
    bar.set_label("energy above the least (nats)")
    figure.suptitle(f"Learned energies, and chains in them (seed {seed})")
    caption = (
        f"The learned energy, above its least value and up to {DEEP:g} nats. Above: "
        f"paths of six chains of MALA at T = 1, {MOVES} moves from a broad Gaussian to "
        "the dots; they go on from there. Below: six short runs from the same law of "
        f"starts, {SHORT} steps at the temperature 1.25e-6 of well-known notebooks, "
        f"which walk down to the minima and stay there. Seed {seed}."
    )
    return Picture("landscapes", figure, caption)


def draw_energy(learned: Learned, ax: Axes):
    """Draw an energy as filled levels and return them."""
    top = learned.log_q.max()
    heights = np.minimum(top - learned.log_q, DEEP).reshape(len(AXIS), -1)
    levels = ax.contourf(AXIS, AXIS, heights, np.arange(0, DEEP + 0.5), cmap="Blues_r")
    view(learned.problem.name, ax)
    return levels


def view(name: str, ax: Axes) -> None:
    """Show the part of the plane where a law is."""
    side, middle = VIEWS[name], 0.5 if name == "moons" else 0.0
    low = 0.25 if name == "moons" else 0.0
    ax.set(xlim=(middle - side, middle + side), ylim=(low - side, low + side))
    ax.set(aspect="equal", xticks=[], yticks=[])


def draws_picture(found: Mapping[str, tuple[Learned, Draws]], seed: int) -> Picture:
    """Draw data, densities and draws of all laws, a row each."""
    figure = Figure(figsize=(11.4, 8.6), layout="constrained")
    axes = figure.subplots(len(found), 4)
    for (name, (learned, draws)), row in zip(found.items(), axes, strict=True):
        peak = np.exp(learned.problem.log_p.max())
        draw_density(learned.problem.log_p, peak, row[0])
        draw_density(learned.log_q, peak, row[1])
        draw_dots(learned.problem, draws.ends["MALA"], row[2], BLUE)
        draw_dots(learned.problem, draws.ends["short run"], row[3], ORANGE)
        for ax in row:
            view(name, ax)
        row[0].set_ylabel(name)
        row[1].set_title(f"model: KL {learned.final:.3f} nats", fontsize=9)
        for ax, kind in zip(row[2:], ("MALA", "short run"), strict=True):
            title = f"{kind}: total variation {draws.from_q[kind]:.2f}"
            ax.set_title(title, fontsize=9)
    axes[0, 0].set_title("density of the data", fontsize=9)
    figure.suptitle(f"Densities and draws (seed {seed})")
    caption = (
        "From left to right: the density of the data; that of the model, in the same "
        "colors; the ends of chains of MALA at T = 1; and the ends of short runs, from "
        "the same starts. Total variation is the distance of their shares in cells of "
        "1/2 by 1/2 from the model, of which "
        f"{max(draws.from_q['exact'] for _, draws in found.values()):.2f} or less is "
        f"the noise of so many draws. Seed {seed}."
    )
    return Picture("draws", figure, caption)


def draw_density(log_p, peak: float, ax: Axes) -> None:
    """Draw a density on the grid, the color full at a peak."""
    extent = (-SIDE, SIDE, -SIDE, SIDE)
    image = np.exp(log_p).reshape(len(AXIS), -1)
    ax.imshow(image, extent=extent, origin="lower", cmap="Blues", vmin=0, vmax=peak)


def draw_dots(problem: Problem, x, ax: Axes, color: str) -> None:
    """Draw draws over a contour of the density of the data."""
    level = problem.log_p.max() - 4.5
    shape = problem.log_p.reshape(len(AXIS), -1)
    ax.contour(AXIS, AXIS, shape, [level], colors=[GREY], linewidths=0.6)
    ax.plot(*np.transpose(x[:DOTS]), ".", color=color, ms=2, alpha=0.6)


def short_picture(learned: Learned, draws: Draws, seed: int) -> Picture:
    """Draw what a network that was trained by short runs has learned."""
    figure = Figure(figsize=(11.4, 3.9), layout="constrained")
    axes = figure.subplots(1, 3)
    peak = np.exp(learned.problem.log_p.max())
    draw_dots(learned.problem, draws.ends["as trained"], axes[0], ORANGE)
    axes[0].set_title("where its training runs end", fontsize=9)
    draw_density(learned.log_q, peak, axes[1])
    axes[1].set_title(f"its density: KL {learned.final:.2f} nats", fontsize=9)
    draw_dots(learned.problem, draws.ends["exact"], axes[2], BLUE)
    axes[2].set_title("draws of its density", fontsize=9)
    for ax in axes:
        view(learned.problem.name, ax)
    moves = learned.method.moves
    figure.suptitle(f"A network trained by short runs (seed {seed})")
    caption = (
        f"The moons, learned by runs of {moves} steps that begin anew each time. Left: "
        "the ends of such runs, over a contour of the density of the data: they are at "
        f"a total variation distance of {draws.from_p['as trained']:.2f} from it. "
        "Middle: the density exp(-E) / Z of the same network, in the colors of the "
        "data's, and right draws of it, at a distance of "
        f"{draws.from_p['exact']:.2f}. The network generates by its runs, and its "
        f"energy is that of something else. Seed {seed}."
    )
    return Picture("short runs", figure, caption)


def draw_curves(runs: Mapping[str, dict], colors: Mapping[str, str], ax: Axes) -> None:
    """Draw KL against steps; runs : name -> steps and kl, (seeds, looks) each."""
    tidy(ax)
    for name, run in runs.items():
        steps = np.atleast_2d(run["steps"])[0]
        kl = np.log(np.atleast_2d(run["kl"]))
        middle = kl.mean(axis=0)
        ax.plot(steps, np.exp(middle), color=colors[name], lw=1.6, label=name)
        if len(kl) > 1:
            spread = kl.std(axis=0, ddof=1)
            edges = np.exp(middle - spread), np.exp(middle + spread)
            ax.fill_between(steps, *edges, color=colors[name], alpha=0.2, lw=0)
    ax.set(yscale="log", xlabel="training step", ylabel=KL_LABEL)
    ax.legend(frameon=False, fontsize=8)


def curves_figure(runs: Mapping[str, dict], title: str) -> Figure:
    """Draw learning curves: all laws by MALA, and the moons by all methods.

    runs : "law, method" -> steps and kl, (seeds, looks) each
    """
    figure = Figure(figsize=(10.4, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    laws = {name: runs[f"{name}, MALA"] for name in LAW_COLORS}
    draw_curves(laws, LAW_COLORS, left)
    left.set_title("Three laws, negatives by MALA")
    methods = {name: runs[f"moons, {name}"] for name in COLORS}
    draw_curves(methods, COLORS, right)
    right.set(title="Moons, three kinds of negatives", ylabel="")
    figure.suptitle(title)
    return figure
