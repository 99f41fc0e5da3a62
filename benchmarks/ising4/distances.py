"""The figure of the record: how families learn, and how far from p they end."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.experiment import Picture
from benchmarks.figures import GREY, tidy
from benchmarks.ising4.figures import ASIDE, COLORS, MARKERS, math_label
from benchmarks.ising4.law import EXAMPLES
from benchmarks.ising4.rows import WARMER

SCALES = {
    "coins": "independent spins",
    "memory": "examples, repeated",
    "warmer": f"Ising, T {WARMER:+.0%}",
}


def distance_picture(rows, scales, learning, title: str) -> Picture:
    """Draw how KL falls in training, and the KL of all families against the scales.

    rows : family -> T -> the numbers that `draw_distances` takes, each (seeds,)
    scales : T -> name -> KL
    learning : family -> T -> the numbers that `draw_curves` takes
    """
    figure, panels, right = panels_beside(len(learning))
    for (family, found), ax in zip(learning.items(), panels, strict=True):
        draw_curves(found, ax)
        ax.set_title(family)
    panels[0].legend(frameon=False, fontsize=8, loc="lower left", ncols=2)
    draw_distances(rows, scales, right)
    figure.suptitle(title)
    caption = (
        "Left: KL(q || p) by all states while families learn; of diffusion, whose law "
        "has no sum that one could do, what the bound of infinitely many steps lacks "
        "of log p in the mean, but for the ends, which is above KL(p || q). Where a "
        "family keeps the average of its parameters along the run, thin lines are what "
        "moves and thick ones the average. Dashed: parameters / (2 n), what the fit of "
        f"maximum likelihood to n = {EXAMPLES:,} draws misses in the mean, if all "
        "parameters count. Right: KL(q || p) at four temperatures, by all states and "
        "estimated from draws, where exact ones are at zero, beside that of other "
        "laws: independent spins, the examples repeated, and a temperature "
        f"{100 * WARMER:g} % too high."
    )
    return Picture("distance", figure, caption)


def panels_beside(count: int) -> tuple[Figure, list[Axes], Axes]:
    """Return a figure of `count` panels, in two rows from the second on, and one."""
    height, width = min(count, 2), (count + 1) // 2
    figure = Figure(figsize=(5 * width + 6, 2 + 2.6 * height), layout="constrained")
    ratios = [1.0] * width + [1.1]
    places = figure.add_gridspec(height, width + 1, width_ratios=ratios)
    panels = [figure.add_subplot(places[i % height, i // height]) for i in range(count)]
    return figure, panels, figure.add_subplot(places[:, width])


def draw_curves(found: Mapping, ax: Axes) -> None:
    """Draw learning curves, the mean over seeds of log KL in a band of one sd.

    found : T -> {"steps": (seeds, looks), name: (seeds, looks), ..., "misfit": KL or
        None}; the curve "moving" is thin and others are thick
    """
    tidy(ax)
    for T, curves in found.items():
        steps, limit = np.atleast_2d(curves["steps"])[0], curves["misfit"]
        for name in curves:
            if name in ("steps", "misfit"):
                continue
            thin = name == "moving"
            runs = np.log(np.atleast_2d(curves[name]))
            mean = runs.mean(axis=0)
            style: dict[str, Any] = {"color": COLORS[T], "alpha": 0.6 if thin else 1}
            text = None if thin else math_label(T)
            ax.plot(steps, np.exp(mean), lw=0.8 if thin else 2, label=text, **style)
            if len(runs) > 1 and not thin:
                sd = runs.std(axis=0, ddof=1)
                edges = np.exp(mean - sd), np.exp(mean + sd)
                ax.fill_between(steps, *edges, color=COLORS[T], alpha=0.2, lw=0)
    if limit is not None:
        ax.axhline(limit, color=GREY, lw=1, ls="--")
        place = steps[0], 1.08 * limit
        ax.annotate("maximum likelihood", place, color=GREY, fontsize=8)
    ax.set(xscale="log", yscale="log", xlabel="training step", ylim=(8e-4, 2))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel(f"{'log p - bound' if 'gap' in curves else 'KL(q || p)'} (nats)")


def draw_distances(rows: Mapping, scales: Mapping, ax: Axes) -> None:
    """Draw the KL of all families by temperature, over that of other laws.

    rows : family -> T -> {"exact": (seeds,) or None, "draws": (seeds,)}
    """
    tidy(ax)
    T = list(scales)
    for name, style in zip(SCALES, (":", "-.", "--"), strict=True):
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
    for i, (family, found) in enumerate(rows.items()):
        for t, numbers in found.items():
            for key, face in (("draws", "white"), ("exact", COLORS[t])):
                if numbers[key] is None:
                    continue
                name = f"{family}, {'by draws' if key == 'draws' else 'by all states'}"
                ax.plot(
                    t + ASIDE * (i - (len(rows) - 1) / 2),
                    np.mean(numbers[key]),
                    MARKERS[i],
                    color=COLORS[t],
                    mfc=face,
                    ms=7,
                    label=name if t == T[0] else None,
                )
    ax.set(yscale="log", xlabel="temperature (coupling / $k_B$)")
    ax.set_ylabel("KL(q || p) (nats)")
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, 0.82))
