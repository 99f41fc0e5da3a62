"""Figures that several experiments share.

plot_*(data, *, ax=None) draws on the given Axes, or on those of a new Figure, and
returns them: label them further, or save `ax.figure`. Nothing here touches pyplot or
rcParams.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from benchmarks.finite_differences import EPS, SCHEMES, expected_error

# M. Okabe and K. Ito's colors, which color-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#666"


def new_axes() -> Axes:
    """Return the Axes of a new Figure."""
    return Figure(figsize=(5.2, 3.7), layout="constrained").subplots()


def tidy(ax: Axes) -> Axes:
    """Take away two spines, which carry no data, and add a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e6e8ea", linewidth=0.7)
    ax.set_axisbelow(True)
    return ax


def plot_learning_curve(
    steps: ArrayLike,
    curves: ArrayLike,
    *,
    label: str = "",
    color: str = BLUE,
    ax: Axes | None = None,
) -> Axes:
    """Draw a number against training steps: the mean over seeds, in a band of one sd.

    Parameters
    ----------
    steps : (n,), the training steps after which the number was measured
    curves : (n,), or (seeds, n) for several seeds
    label : of the line, for the legend
    color : of the line and the band
    """
    ax = tidy(new_axes() if ax is None else ax)
    runs = np.atleast_2d(np.asarray(curves, dtype=float))
    mean = runs.mean(axis=0)
    ax.plot(steps, mean, color=color, label=label)
    if len(runs) > 1:
        sd = runs.std(axis=0, ddof=1)
        ax.fill_between(steps, mean - sd, mean + sd, color=color, alpha=0.25, lw=0)
    ax.set_xlabel("training step")
    return ax


V_COLORS = {
    "forward": ORANGE,
    "central": BLUE,
    "central, float32": PURPLE,
    "complex step": GREEN,
}


def plot_v_curve(
    steps: ArrayLike,
    errors: Mapping[str, ArrayLike],
    *,
    taylor: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error of finite differences against their step, both logarithmic.

    Parameters
    ----------
    steps : (n,), h
    errors : a name in V_COLORS -> (n,), relative errors
    taylor : (4,), phi, phi', phi'' and phi''': draws a line for what theory expects
    """
    ax = tidy(new_axes() if ax is None else ax)
    steps = np.asarray(steps, dtype=float)
    for name, error in errors.items():
        color = V_COLORS[name]
        # An error of zero has no logarithm: it is drawn as a quarter of eps.
        shown = np.maximum(np.asarray(error, dtype=float), EPS / 4)
        ax.loglog(steps, shown, "o", color=color, ms=3, label=name)
        if taylor is not None:
            theory = expected_error(SCHEMES[name], steps, taylor)
            ax.loglog(steps, theory, color=color, lw=1)
    ax.set_xlabel("step h")
    ax.set_ylabel("relative error of the derivative")
    return ax
