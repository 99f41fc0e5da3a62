"""Figures of the bound of Gaussian data: terms, gap, forms, and their scatter."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.diffusion_gaussian.bounds import STEPS, WRITTEN, Ladder, leading_gap
from benchmarks.diffusion_gaussian.forms import (
    COMPARED,
    DRAWN,
    Forms,
    Scatter,
    Valley,
)
from benchmarks.diffusion_gaussian.laws import FIRST, LAST, LAWS
from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy

LAW_COLORS = {"N(0, 1)": BLUE, "3-D": ORANGE}
CONSISTENCY, DENOISING = ORANGE, BLUE
SMALL = {"frameon": False, "fontsize": 8}


def bounds_picture(ladders: Mapping[str, Ladder]) -> Picture:
    """Draw the terms of the bound of both laws, and its gap, against T."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    axes = figure.subplots(1, 3)
    for (law, found), ax in zip(ladders.items(), axes, strict=False):
        draw_terms(found, ax)
        ax.set_title(f"{law}: minus the bound, by its terms", fontsize=10)
    axes[0].set_ylabel("nats, mean over the data")
    axes[0].legend(**SMALL, loc="upper right")
    draw_gap(ladders, axes[2])
    figure.suptitle("The bound of the exact denoiser, and what it lacks")
    caption = (
        "Everything in closed form, for the log SNR that falls evenly from "
        f"{FIRST:g} to {LAST:g}, at t / T = 1 / T, ..., 1. Left and middle: minus the "
        "three terms, stacked upward where they are positive and downward where they "
        "are not; their sum, minus the bound, beside the entropy of the data, which "
        "no bound can fall below. The prior term is too small to be seen. With few "
        "steps x_1 is still mostly noise, so that little is asked of the steps; with "
        "some more it is nearly data, and each step is too large; with many more the "
        "bound becomes tight. Right: log p(x_0) less the bound, and (crosses) the "
        "divergence of the forward paths from the posterior of the model, with both "
        "laws written out; dashed, the leading term in 1 / T."
    )
    return Picture("bounds", figure, caption)


def draw_terms(found: Ladder, ax: Axes) -> None:
    """Draw minus the terms as stacked bars, and minus the bound."""
    tidy(ax)
    places = np.arange(len(STEPS))
    signed = found.terms * [-1, 1, 1]
    above, below = np.zeros(len(STEPS)), np.zeros(len(STEPS))
    names = "reconstruction", "prior", "diffusion"
    for values, name, color in zip(signed.T, names, (GREEN, PURPLE, BLUE), strict=True):
        up = values > 0
        ax.bar(
            places,
            values,
            0.7,
            bottom=np.where(up, above, below),
            color=color,
            alpha=0.6,
            label=name,
        )
        above, below = above + values * up, below + values * ~up
    ax.plot(places, -found.bound, "ko-", ms=4, lw=1, label="minus the bound")
    ax.axhline(found.entropy, color=GREY, ls="--", lw=1, label="entropy of the data")
    ax.set_xticks(places, [f"{T}" for T in STEPS], fontsize=8)
    ax.set_xlabel("steps T")


def draw_gap(ladders: Mapping[str, Ladder], ax: Axes) -> None:
    """Draw log p - bound, the divergence of paths, and the leading term."""
    tidy(ax)
    many = np.array([20, STEPS[-1]])
    for law, found in ladders.items():
        color = LAW_COLORS[law]
        ax.loglog(STEPS, found.gap, "o-", color=color, ms=4, lw=1, label=law)
        ax.loglog(WRITTEN, found.divergences, "kx", ms=9, mew=1.2)
        ax.loglog(many, leading_gap(LAWS[law]) / many, "--", color=GREY, lw=1)
    ax.plot([], [], "kx", ms=9, mew=1.2, label="divergence of paths")
    ax.plot([], [], "--", color=GREY, lw=1, label="leading term")
    ax.set(xlabel="steps T", ylabel="log p - bound (nats)")
    ax.set_title("what it lacks", fontsize=10)
    ax.legend(**SMALL, loc="lower left")


def forms_picture(
    forms: Forms, valley: Valley, scatter: Scatter, steps, drawn: Scatter, seed: int
) -> Picture:
    """Draw what is wrong with divergences, and how much each form scatters."""
    figure = Figure(figsize=(11.0, 7.8), layout="constrained")
    (gaps, minima), (once, chains) = figure.subplots(2, 2)
    draw_added(forms, gaps)
    draw_valley(valley, minima)
    lines = (
        (once, scatter.consistency, drawn.consistency, CONSISTENCY, "consistency"),
        (once, scatter.denoising, drawn.denoising, DENOISING, "denoising"),
        (chains, scatter.chain_consistency, drawn.chain_consistency, CONSISTENCY, ""),
        (chains, scatter.chain_denoising, drawn.chain_denoising, DENOISING, ""),
    )
    for ax, exact, estimate, color, label in lines:
        ax.loglog(steps, np.sqrt(exact), color=color, label=label)
        ax.loglog(DRAWN, np.sqrt(estimate), "o", color=color, ms=5)
    for ax, title in (
        (once, "the sum of all terms, from one random t"),
        (chains, "the bound, from all t of one chain"),
    ):
        tidy(ax).set(xlabel="steps T", ylabel="standard deviation (nats)")
        ax.set_title(title, fontsize=10)
        ax.set_xticks(steps, [f"{T}" for T in steps])
        ax.minorticks_off()
    chains.set(ylim=(1, 12))
    chains.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    once.set_yticks([10, 20, 50, 100, 200, 500, 1000], minor=False)
    once.yaxis.set_major_formatter("{x:g}")
    once.set(ylim=(8, 1.2 * np.sqrt(scatter.consistency.max())))
    once.legend(**SMALL)
    figure.suptitle(f"One bound, three forms: N(0, 1) and DDPM's betas (seed {seed})")
    caption = (
        "Upper left: what the divergence of a step forth from a step back is above the "
        f"consistency term of the same x_t, for T = {COMPARED}: the line is predicted, "
        "dots are the library's terms, averaged over all noise. Read as divergences "
        f"the form gives {forms.divergences:.1f} nats for a bound of "
        f"{forms.exact:.2f}. Upper right: both for one step of ten, if the step back "
        "multiplies x_t+1 by c; the term is least for the true step back, the "
        "divergence for another. Below: standard deviations of estimates, lines in "
        "closed form and dots drawn. From one random t the denoising terms are far "
        "better; along one chain neighboring consistency terms cancel, and the order "
        f"is reversed. Seed {seed}."
    )
    return Picture("forms", figure, caption)


def draw_added(forms: Forms, ax: Axes) -> None:
    """Draw what each divergence is too large by."""
    tidy(ax)
    t = np.arange(1, COMPARED)
    ax.plot(t, forms.predicted, color=GREY, lw=1.2, label="predicted")
    ax.plot(t, forms.measured, "o", color=CONSISTENCY, ms=3.5, label="measured")
    ax.set(xlabel="t", ylabel="divergence - consistency term (nats)", ylim=(0, None))
    ax.set_title("not the same: E KL(q || p) and E log q/p", fontsize=10)
    ax.legend(**SMALL)


def draw_valley(valley: Valley, ax: Axes) -> None:
    """Draw term and divergence against the factor of the step back."""
    tidy(ax)
    for values, lowest, color, label in (
        (valley.term, valley.minima[0], CONSISTENCY, "consistency term"),
        (valley.divergence, valley.minima[1], PURPLE, "divergence"),
    ):
        ax.plot(valley.factors, values, color=color, label=label)
        at = np.interp(lowest, valley.factors, values)
        ax.plot(lowest, at, "o", color=color, ms=6)
    ax.axvline(valley.predicted[0], color=GREY, ls="--", lw=1, label="true step back")
    ax.set(xlabel="c, the factor of $x_{t+1}$ in the step back", ylabel="nats")
    ax.set_title("and not least at the same place", fontsize=10)
    ax.legend(**SMALL)
