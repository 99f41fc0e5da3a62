"""Figures of block Gibbs chains: distances, eigenvalues and transition matrices."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, tidy
from benchmarks.gibbs_exact.laws import BETAS, SWEEPS, M, N, Sampled, Truth

COLORS = dict(zip(BETAS, (BLUE, GREEN, ORANGE, PURPLE), strict=True))


def distance_picture(
    truths: Mapping[float, Truth],
    sampled: Mapping[float, Sampled],
    chains: int,
    seed: int,
) -> Picture:
    """Draw the distance to pi against sweeps, and the eigenvalues."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    draw_distances(
        truths, {beta: [found.distances] for beta, found in sampled.items()}, left
    )
    sweeps = np.arange(1, SWEEPS + 1)
    for beta, found in sampled.items():
        edges = found.mean - 2 * found.sd, found.mean + 2 * found.sd
        left.fill_between(sweeps, *edges, color=COLORS[beta], alpha=0.3, lw=0)
    draw_eigenvalues(truths, right)
    figure.suptitle(f"Block Gibbs sampling of a {M} x {N} machine (seed {seed})")
    caption = (
        f"Left: total variation distance from the exact law after k sweeps; {chains} "
        "chains start in the most probable state. Lines: exact, by the powers of the "
        "transition matrix. Dashed: the bound by its second eigenvalue, with that "
        f"slope. Dots: the chains, seed {seed}; in the band two standard deviations "
        "wide to each side as many independent draws would lie, which cannot come "
        "closer than their noise. Right: all eigenvalues that are not zero, sixteen, "
        "as many as the hidden layer has states. At low temperature (beta = 3) the "
        "second is near 1: chains stay in the half of the states where they began, and "
        "the distance stays near 1/2."
    )
    return Picture("distance", figure, caption)


def draw_distances(truths: Mapping[float, Truth], distances, ax: Axes) -> None:
    """Draw exact distances, bounds and sampled distances against sweeps.

    distances : beta -> (runs, SWEEPS)
    """
    tidy(ax)
    k = np.arange(SWEEPS + 1)
    for beta, truth in truths.items():
        color = COLORS[beta]
        label = rf"$\beta$ = {beta:g}, $\lambda_2$ = {truth.values[1]:.3f}"
        ax.semilogy(k, truth.distances[: len(k)], color=color, lw=1.2, label=label)
        ax.semilogy(k, truth.bounds[: len(k)], color=color, lw=1, ls="--")
        for found in distances[beta]:
            ax.semilogy(k[1:], found, "o", color=color, ms=2.5)
    ax.set(ylim=(2e-4, 4), xlim=(0, SWEEPS))
    ax.set(xlabel="sweeps k", ylabel="total variation distance")
    ax.legend(frameon=False, fontsize=8, loc="lower right", ncols=2)


def draw_eigenvalues(truths: Mapping[float, Truth], ax: Axes) -> None:
    """Draw the eigenvalues of T that are not zero, in descending order."""
    tidy(ax)
    for beta, truth in truths.items():
        values = truth.values[: 2**N]
        ax.plot(np.arange(1, 2**N + 1), values, "o-", color=COLORS[beta], ms=3, lw=1)
    ax.axhline(0, color=GREY, lw=0.7)
    ax.set_xticks([1, 4, 8, 12, 16])
    ax.set(xlabel="number i", ylabel=r"eigenvalue $\lambda_i$ of T", ylim=(-0.02, 1.02))


def matrix_picture(truths: Mapping[float, Truth]) -> Picture:
    """Draw the transition matrices, states ordered from one half to the other."""
    figure = Figure(figsize=(12.6, 3.5), layout="constrained")
    axes = figure.subplots(1, len(truths))
    coldest = truths[max(truths)]
    order = np.argsort(coldest.vectors[:, 1] / np.sqrt(coldest.pi))
    for (beta, truth), ax in zip(truths.items(), axes, strict=True):
        image = ax.imshow(
            truth.T[np.ix_(order, order)],
            norm=LogNorm(1e-4, 1, clip=True),
            cmap="viridis",
            interpolation="none",
        )
        ax.set(title=rf"$\beta$ = {beta:g}", xticks=[], yticks=[], xlabel="to state x'")
    axes[0].set_ylabel("from state x")
    figure.colorbar(image, ax=axes, label="T(x, x')", shrink=0.85)
    caption = (
        "The transition matrices of a sweep, 64 x 64, probabilities below 1e-4 drawn "
        "as 1e-4. States are ordered by the second eigenvector at the lowest "
        "temperature, which tells its two halves apart. At beta = 0.5 all rows are "
        "nearly the same: a sweep forgets where it began. At beta = 3 there are two "
        "blocks, and hardly a way from one to the other."
    )
    return Picture("transition matrices", figure, caption)
