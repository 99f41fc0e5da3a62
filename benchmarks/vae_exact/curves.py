"""Figures of small autoencoders: bounds, gaps, error bars, gradients, the record."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.vae_exact.bounds import COUNTS, Calibration
from benchmarks.vae_exact.gaps import Known
from benchmarks.vae_exact.gradients import (
    CENTER,
    ESTIMATORS,
    PARABOLA,
    WIDTHS,
    parabola_draws,
    variances_by_width,
)
from benchmarks.vae_exact.laws import CURVE, PATTERNS
from benchmarks.vae_exact.quadrature import second_bound

COLORS = dict(zip(ESTIMATORS, (BLUE, ORANGE, PURPLE), strict=True))
LAW_COLORS = {CURVE: BLUE, PATTERNS: GREEN}
BINS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0, 3.0)  # of gaps, in nats


def bounds_picture(main, bounds, checks, found, seed: int) -> Picture:
    """Draw L_k with log p(x), the parts of the gap, and how good error bars are."""
    figure = Figure(figsize=(11.4, 7.4), layout="constrained")
    (left, right), (bars, shares) = figure.subplots(2, 2)
    for (name, known), ax in zip(main.items(), (left, right), strict=True):
        draw_bounds(known, bounds[name], ax)
        ax.set_title(name, fontsize=10)
    exact = float(second_bound(main[CURVE].vae, main[CURVE].problem.x).mean())
    left.plot(2, exact, "x", color=GREEN, ms=9, mew=1.6, label="$L_2$ by quadrature")
    left.legend(frameon=False, fontsize=8, loc="lower right")
    gaps = {
        row: [known.approximation.mean(), known.amortization.mean()]
        for row, known in found.items()
    }
    draw_gaps(gaps, bars)
    draw_shares(checks, shares)
    figure.suptitle(f"Bounds of log p(x), their gaps, their error bars (seed {seed})")
    caption = (
        "Above: L_k with two standard errors, each k from draws of its own; log p(x), "
        "the ELBO and L_2 are integrals. Below left: log p(x) - ELBO in its two parts. "
        "A beta below one, which overrates the data, leaves an encoder narrower than "
        "the posterior; with beta 4 the latent is not used, and so the gap is zero. "
        "Below right: how often log_likelihood, with 5,000 draws, is within two "
        "standard errors of the truth, at points of small and of large gaps. Where q "
        "misses a part of the posterior, so do the draws, and their error bars do "
        f"not know of it. Seed {seed}."
    )
    return Picture("bounds", figure, caption)


def draw_bounds(known: Known, found, ax: Axes) -> None:
    """Draw all L_k of one model, log p(x) and the ELBO."""
    tidy(ax)
    values = [found[k].value for k in COUNTS]
    errors = [2 * found[k].standard_error for k in COUNTS]
    for level, style, label in (
        (known.log_p.mean(), "-", "log p(x)"),
        (known.elbo.mean(), "--", "ELBO"),
    ):
        ax.axhline(level, color=GREY, ls=style, lw=1, label=label)
    ax.errorbar(COUNTS, values, errors, fmt="o-", color=BLUE, ms=4, label="$L_k$")
    ax.set(xscale="log", xlabel="k", ylabel="nats, mean over x")


def draw_gaps(gaps, ax: Axes) -> None:
    """Draw both parts of all gaps; gaps : row -> (2,), or (seeds, 2) of several."""
    tidy(ax)
    runs = np.array([np.atleast_2d(pair) for pair in gaps.values()])
    mean = runs.mean(axis=1)
    sd = runs.std(axis=1, ddof=1) if runs.shape[1] > 1 else np.zeros_like(mean)
    places = np.arange(len(gaps))
    for part, (label, color) in enumerate(
        (("approximation", BLUE), ("amortization", ORANGE))
    ):
        x = places + 0.4 * part - 0.2
        ax.bar(x, mean[:, part], 0.38, yerr=sd[:, part], color=color, label=label)
    ax.set_xticks(places, [row.replace(", ", "\n") for row in gaps], fontsize=8)
    ax.set_ylabel("gap (nats)")
    ax.legend(frameon=False, fontsize=8)


def draw_shares(checks: dict[str, Calibration], ax: Axes) -> None:
    """Draw the share of errors within two standard errors, by the size of the gap."""
    tidy(ax)
    for name, check in checks.items():
        inside = [
            (low, high)
            for low, high in pairwise(BINS)
            if np.any((check.gaps > low) & (check.gaps < high))
        ]
        x = [np.sqrt(max(low, 0.004) * high) for low, high in inside]
        y = [check.share(low, high) for low, high in inside]
        ax.plot(x, y, "o-", color=LAW_COLORS[name], label=name)
    ax.axhline(0.954, color=GREY, lw=1, ls="--", label="a normal number")
    ax.set(xscale="log", ylim=(0, 1.02), xlabel="log p(x) - ELBO(x) (nats)")
    ax.set_ylabel("share within 2 standard errors")
    ax.legend(frameon=False, fontsize=8, loc="lower left")


def gradients_picture(main: dict[str, Known], noise, seed: int) -> Picture:
    """Draw variances of the estimators: a parabola, other widths, numbers of draws."""
    figure = Figure(figsize=(12.6, 4.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw_parabola(seed, left)
    found = variances_by_width(main[CURVE], WIDTHS)
    tidy(middle)
    for name, variances in found.items():
        middle.loglog(WIDTHS, variances, color=COLORS[name], label=name)
    s = np.exp(0.5 * main[CURVE].moments[1])
    middle.axvspan(*np.quantile(s, [0.1, 0.9]), color=GREY, alpha=0.15, lw=0)
    middle.set(xlabel="sd s of q", ylabel="variance of d/dm")
    middle.set_title(f"{CURVE}: f = log p(x|h)", fontsize=10)
    draw_averages(noise[PATTERNS], right)
    right.set_title(f"{PATTERNS}: all parameters of the encoder", fontsize=10)
    left.legend(frameon=False, fontsize=8)
    figure.suptitle(f"Variance of two estimators of the gradient (seed {seed})")
    caption = (
        f"Left: d/dm of E(h - c)^2 for h ~ N(m, s^2) and m - c = {-CENTER:g}: closed "
        "forms as lines and the variance of 20,000 draws as dots. As s falls the "
        "reparameterized estimator becomes exact, and the score function useless "
        "without a baseline. Middle: the same for log p(x|h) of the trained decoder, "
        "at the means of q, by Gauss and Hermite; the encoder's own s is in the grey "
        "band. For s much wider than that f has many slopes within q, and to know the "
        "slope is no advantage. Right: root mean square error of the gradient of the "
        f"ELBO against the draws of h that are averaged. Seed {seed}."
    )
    return Picture("gradients", figure, caption)


def draw_parabola(seed: int, ax: Axes) -> None:
    """Draw closed forms and draws of the estimators on a parabola."""
    tidy(ax)
    for name, formula in PARABOLA.items():
        ax.loglog(WIDTHS, formula(CENTER, WIDTHS), color=COLORS[name], label=name)
    for s in WIDTHS[::3]:
        for name, g in parabola_draws(s, 20_000, seed).items():
            ax.loglog(s, g.var(), "o", color=COLORS[name], ms=4)
    ax.set(xlabel="sd s of q", ylabel="variance of d/dm")
    ax.set_title(f"f = (h - c)$^2$, m - c = {-CENTER:g}", fontsize=10)


def draw_averages(found, ax: Axes) -> None:
    """Draw errors of the gradient against the number of draws, and its size."""
    tidy(ax)
    counts = np.array([1, 2, 5, 10, 20, 50])
    for name in ESTIMATORS:
        errors = [np.sqrt(found.variance(name, count)) for count in counts]
        ax.loglog(counts, errors, "o", color=COLORS[name], ms=4)
        ax.loglog(counts, np.sqrt(found.variance(name) / counts), color=COLORS[name])
    size = np.sqrt(np.mean(found.exact**2))
    ax.axhline(size, color=GREY, ls="--", lw=1, label="length of the gradient")
    ax.set(xlabel="draws of h for each x", ylabel="rms error of the gradient")
    ax.legend(frameon=False, fontsize=8)


def record_figure(series) -> Figure:
    """Draw bounds, gaps and variances of all seeds."""
    figure = Figure(figsize=(12.6, 4.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    tidy(left)
    for name, color in LAW_COLORS.items():
        runs = -np.array([seed[name] for seed in series["bounds"]])
        mean, sd = runs.mean(axis=0), runs.std(axis=0, ddof=1)
        left.errorbar(COUNTS, mean, sd, fmt="o-", color=color, ms=4, label=name)
    left.set(xscale="log", xlabel="k", ylabel="log p(x) - $L_k$ (nats)")
    left.axhline(0, color=GREY, lw=1)
    left.legend(frameon=False, fontsize=8)
    rows = series["gaps"][0]
    draw_gaps({row: [seed[row] for seed in series["gaps"]] for row in rows}, middle)
    tidy(right)
    for place, name in enumerate(LAW_COLORS):
        runs = np.array([seed[name] for seed in series["variances"]])
        ratios = runs / runs[:, :1]
        for part, one in enumerate(ESTIMATORS):
            right.bar(
                place + 0.27 * (part - 1),
                ratios[:, part].mean(),
                0.25,
                yerr=ratios[:, part].std(ddof=1),
                color=COLORS[one],
                label=None if place else one,
            )
    right.set_xticks(range(len(LAW_COLORS)), LAW_COLORS)
    right.set_ylabel("variance over that of reparameterized")
    right.legend(frameon=False, fontsize=8)
    return figure
