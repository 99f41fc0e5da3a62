"""Figures of linear VAEs: spectra, learning curves, images, collapse."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.vae_linear.collapse import HOLD, IN_USE, STEPS_DRAWN, Collapse
from benchmarks.vae_linear.training import (
    DIGITS,
    GAUSSIAN,
    NOISY,
    Learned,
    Problem,
    couplings,
    noise_variance,
)

COLORS = {GAUSSIAN: BLUE, DIGITS: GREEN, NOISY: ORANGE}
LABELS = {GAUSSIAN: "L-BFGS, exact ELBO", NOISY: "Adam, draws of the ELBO"}
GAP_LABEL = "optimum - ELBO (nats)"
ANGLE_LABEL = "angle of the subspaces (degrees)"
SHOWN = 10  # images


def spectrum_picture(
    found: Mapping[str, Problem], learned: Mapping[str, Learned], seed: int
) -> Picture:
    """Draw the eigenvalues of the data and those of the trained models."""
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    axes = figure.subplots(1, len(found))
    for (name, problem), ax in zip(found.items(), axes, strict=True):
        draw_spectrum(problem, learned[name], tidy(ax))
        ax.set_title(name[0].upper() + name[1:])
    axes[0].set_ylabel("variance along the axis")
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"Variances of the data and of the trained model (seed {seed})")
    caption = (
        "Eigenvalues of the covariance of the data (dots; some of the digits are below "
        "the plot), and of W W^T + s^2 I of the linear VAE after training (circles). "
        "It takes over the first d, and s^2 is the mean of all others (dashed, in "
        f"closed form), those that are zero included. Seed {seed}."
    )
    return Picture("spectrum", figure, caption)


def draw_spectrum(problem: Problem, learned: Learned, ax: Axes) -> None:
    """Draw the eigenvalues of one problem."""
    data = problem.pca.explained_variance
    s2 = noise_variance(learned.vae)
    kept = np.sort(np.linalg.svd(couplings(learned.vae), compute_uv=False) ** 2 + s2)
    model = np.append(kept[::-1], np.full(problem.X.shape[1] - problem.d, s2))
    ax.semilogy(np.arange(len(data)) + 1, data, ".", color=BLUE, label="data")
    ax.semilogy(
        np.arange(len(model)) + 1,
        model,
        "o",
        color=ORANGE,
        mfc="none",
        ms=6,
        lw=0,
        label="linear VAE, trained",
    )
    closed = float(problem.ppca.variance)
    ax.axhline(closed, color=GREY, ls="--", lw=1, label="mean discarded variance")
    ax.axvline(problem.d + 0.5, color=GREY, lw=0.6)
    ax.set(xlabel="axis", ylim=(max(data.min(), 1e-4 * data.max()) / 2, 2 * data.max()))


def learning_picture(
    found: Mapping[str, Problem], learned: Mapping[str, Learned], seed: int
) -> Picture:
    """Draw ELBO, its distance to the optimum, and the angle, against steps."""
    figure = Figure(figsize=(12.6, 6.4), layout="constrained")
    axes = figure.subplots(2, 3)
    for row, (name, problem) in zip(axes, found.items(), strict=True):
        row[0].set_title(name[0].upper() + name[1:])
        for run in (name, NOISY) if name == GAUSSIAN else (name,):
            settings = {"color": COLORS[run], "label": LABELS.get(run)}
            draw_elbo(problem, learned[run], row[0], settings)
            draw_curve(learned[run].steps, learned[run].gaps, row[1], settings)
            draw_curve(learned[run].steps, learned[run].angles, row[2], settings)
        row[1].set_ylabel(GAP_LABEL)
        row[2].set_ylabel(ANGLE_LABEL)
    for ax in axes[1]:
        ax.set_xlabel("step")
    axes[0, 0].legend(frameon=False, fontsize=8, loc="lower right")
    figure.suptitle(f"A linear VAE becomes probabilistic PCA (seed {seed})")
    caption = (
        "Left: the mean ELBO of the training examples; dashed, the largest mean of log "
        "p(x) that a linear model with so many latents can have, in closed form. "
        "Middle: what is missing to it. Right: the largest principal angle between the "
        "span of W and the first principal axes. Above 2000 draws of a Gaussian in ten "
        "dimensions, four latents; below 1437 images, ten latents. Adam sees 100 "
        "examples a step and one draw of the noise for each; its rate falls to zero. "
        f"Seed {seed}."
    )
    return Picture("learning curves", figure, caption)


def draw_elbo(problem: Problem, learned: Learned, ax: Axes, settings) -> None:
    """Draw the ELBO against the step, with the optimum as a line."""
    elbo = problem.best - learned.gaps
    tidy(ax).semilogx(learned.steps, elbo, lw=1.6, **settings)
    ax.axhline(problem.best, color=GREY, ls="--", lw=1)
    low = elbo[len(elbo) // 4]
    ax.set_ylim(low, problem.best + 0.1 * (problem.best - low))
    ax.set_ylabel("ELBO (nats)")


def draw_curve(steps, values, ax: Axes, settings) -> None:
    """Draw positive numbers against the step; those lost in rounding are left out."""
    values = np.asarray(values, float)
    kept = values > 1e-13
    tidy(ax).loglog(np.asarray(steps)[kept], values[kept], lw=1.6, **settings)


def images_picture(
    problem: Problem, learned: Learned, images: np.ndarray, seed: int
) -> Picture:
    """Draw images with their reconstructions, and axes with the columns of W."""
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    grid, pca, vae = figure.subplots(5, SHOWN), problem.pca, learned.vae
    first = pca.components[: problem.d]
    x = images[:SHOWN]
    W = couplings(vae).T
    nearest = np.argmax(np.abs(first @ W.T), axis=1)
    signs = np.sign(np.sum(first * W[nearest], axis=1))[:, np.newaxis]
    rows = {
        "image": x,
        f"PCA, {problem.d} axes": pca.mean + (x - pca.mean) @ first.T @ first,
        "linear VAE": vae.reconstruct(x),
        "axis of PCA": first,
        "column of W": signs * W[nearest],
    }
    for (label, shown), row in zip(rows.items(), grid, strict=True):
        ink = label in ("axis of PCA", "column of W")
        for image, ax in zip(shown[:SHOWN], row, strict=True):
            side = int(np.sqrt(len(image)))
            limit = np.abs(image).max() if ink else 1
            ax.imshow(
                image.reshape(side, side),
                cmap="RdBu" if ink else "gray_r",
                vmin=-limit if ink else 0,
                vmax=limit,
            )
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
    figure.suptitle(f"Digits by PCA and by the linear VAE (seed {seed})")
    caption = (
        "Test images, their reconstructions by the first ten principal axes and by the "
        "trained linear VAE, which draws them a little to the mean; the axes, and the "
        "columns of W nearest to them, turned to the same sign. They come to be the "
        "axes themselves: the likelihood is the same for all their rotations, the ELBO "
        "is not, as its encoder has no correlations. Axes with nearly the same "
        f"variance are told apart last. Seed {seed}."
    )
    return Picture("images", figure, caption)


def collapse_picture(found: Collapse, seed: int) -> Picture:
    """Draw the use of the latents: with s^2 fixed, and while it is learned."""
    figure = Figure(figsize=(12.6, 3.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw_divergences(found, left)
    draw_counts(found, middle)
    draw_cure(found.s2, found.cured, right)
    for kl in found.cured_expected:
        right.axhline(kl, color=GREY, lw=0.6, ls="--", zorder=0)
    figure.suptitle(f"Posterior collapse in the linear VAE (seed {seed})")
    caption = (
        "Left and middle: models of nine latents with s^2 fixed, trained to the end. "
        "Each latent's mean KL to the prior is log(lambda / s^2) / 2 if the variance "
        "lambda along its axis is above s^2, and else zero: it has collapsed (line; "
        "nothing is fitted). So there are as many latents in use as eigenvalues above "
        f"s^2. Right: the cure, with six latents. For {HOLD} steps s^2 is fixed, and "
        "all but one collapse; then it is learned and falls to the variance that is "
        "not explained yet, and the others come back (dashed: where they must end, "
        f"with s^2 the mean discarded eigenvalue). Seed {seed}."
    )
    return Picture("collapse", figure, caption)


def draw_divergences(found: Collapse, ax: Axes) -> None:
    """Draw the KL of every latent against the eigenvalue in units of s^2."""
    tidy(ax)
    ratios = found.eigenvalues[:-1] / found.variances[:, np.newaxis]
    line = np.geomspace(ratios.min(), ratios.max(), 400)
    ax.semilogx(line, 0.5 * np.log(np.maximum(line, 1)), color=GREY, lw=1)
    shades = np.linspace(0.25, 1, len(ratios))
    for s2, x, y, alpha in zip(
        found.variances, ratios, found.divergences, shades, strict=True
    ):
        ax.semilogx(x, y, "o", color=BLUE, alpha=alpha, ms=5, label=f"$s^2$ = {s2:.2g}")
    ax.set(xlabel="$\\lambda_j / s^2$", ylabel="mean KL of latent j (nats)")
    ax.legend(frameon=False, fontsize=8)


def draw_counts(found: Collapse, ax: Axes) -> None:
    """Draw how many latents are in use, and how many eigenvalues are above s^2."""
    tidy(ax)
    eigenvalues = np.sort(found.eigenvalues)
    M = len(eigenvalues)
    edges = np.concatenate([[eigenvalues[0] / 2], eigenvalues, [2 * eigenvalues[-1]]])
    counts = np.minimum(np.append(M - np.arange(M + 1), 0), M - 1)
    ax.step(edges, counts, where="post", color=GREY, lw=1, label="eigenvalues > $s^2$")
    used = np.sum(found.divergences > IN_USE, axis=1)
    ax.plot(found.variances, used, "o", color=BLUE, label="latents in use")
    ax.set(xscale="log", xlabel="$s^2$, fixed", ylabel="number, of nine latents")
    ax.legend(frameon=False, fontsize=8)


def draw_cure(s2, divergences, ax: Axes) -> None:
    """Draw the KL of each latent and s^2 against the step."""
    tidy(ax).plot(np.arange(len(s2)) + 1, divergences, color=BLUE, lw=1.2)
    ax.set(xlabel="step of L-BFGS", ylabel="mean KL of each latent (nats)")
    ax.set_xlim(1, STEPS_DRAWN)
    ax.axvline(HOLD + 0.5, color=GREY, lw=0.6)
    other = ax.twinx()
    other.semilogy(np.arange(len(s2)) + 1, s2, color=PURPLE, lw=1.6)
    other.yaxis.set_major_formatter("{x:g}")
    other.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    other.yaxis.set_minor_formatter(NullFormatter())
    other.set_ylabel("$s^2$, fixed and then learned", color=PURPLE)
    other.spines["top"].set_visible(False)
