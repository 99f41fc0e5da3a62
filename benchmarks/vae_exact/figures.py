"""Figures of small autoencoders: what they have learned, and their posteriors."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.experiment import Picture
from benchmarks.figures import BLUE, GREEN, ORANGE, tidy
from benchmarks.vae_exact.gaps import Known, best_gaussians
from benchmarks.vae_exact.laws import CURVE, PATTERNS
from benchmarks.vae_exact.quadrature import (
    FEWER,
    exact_elbo,
    log_evidence,
    log_joint,
    plane,
)
from models.likelihoods import gaussian_log_likelihood
from samplers.panels import grid

SHOWN = np.array([[1.0, 0.0], [-0.6, 0.75], [-1.0, 0.0], [0.0, 0.0]])
TILES, ZOOM = 13, 5  # images along each side of a plane, and the width of a pixel


def model_picture(main: dict[str, Known], seed: int) -> Picture:
    """Draw the horseshoe, the density of its model, and the plane of the patterns."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    axes = figure.subplots(1, 3)
    curve = main[CURVE]
    x, line = plane(2.0)
    log_p = curve.problem.density.log_density(x)
    log_q = log_evidence(curve.vae, x, FEWER[1])
    extent = (line[0], line[-1], line[0], line[-1])
    for ax, logs in zip(axes, (log_p, log_q), strict=False):
        # The first coordinate of x varies slowest.
        image = np.exp(logs).reshape(len(line), -1).T
        peak = float(np.exp(log_p.max()))
        ax.imshow(image, extent=extent, origin="lower", cmap="Blues", vmin=0, vmax=peak)
        ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xticks=[], yticks=[])
    axes[0].plot(*curve.problem.X[:500].T, ".", color=BLUE, ms=2, alpha=0.6)
    axes[0].set_title("data: 500 examples on their density", fontsize=10)
    draw_decoder(curve, seed, axes[1])
    nll = -curve.log_p.mean()
    best = -np.mean(curve.problem.density.log_density(curve.problem.x))
    axes[1].set_title(f"model: NLL {nll:.3f}, that of the law {best:.3f}", fontsize=10)
    draw_manifold(main[PATTERNS], axes[2])
    figure.suptitle(f"What was learned (seed {seed})")
    caption = (
        "Left: points around an open ring. Middle: p(x) of the autoencoder of one "
        "latent, by quadrature over h, in the same colors, with draws of the model "
        "(dots) and the decoder's mean as h goes from -3 to 3, marked at every "
        "whole h. Its density is what is within the decoder's sd of the line, as "
        "often as the prior goes there. Right: E[x | h] of bars and stripes in the "
        f"plane of h, from -2.6 to 2.6, and where the means of q(h|x) are. Seed {seed}."
    )
    return Picture("densities", figure, caption)


def draw_decoder(known: Known, seed: int, ax: Axes) -> None:
    """Draw the decoder's mean as a line, and draws of the model."""
    ax.plot(*known.vae.sample(500, seed).T, ".", color=BLUE, ms=2, alpha=0.6)
    h = np.linspace(-3, 3, 301)[:, np.newaxis]
    ax.plot(*known.vae.decode(h).T, color=ORANGE, lw=1.6)
    ax.plot(*known.vae.decode(h[::50]).T, "o", color=ORANGE, ms=4)


def draw_manifold(known: Known, ax: Axes) -> None:
    """Draw images of E[x | h] over the plane of h."""
    side, pixels = 2.6, 3
    ticks = (np.arange(TILES) + 0.5) / TILES * 2 * side - side
    images = known.vae.decode(grid(ticks, 2)).reshape(TILES, TILES, pixels, pixels)
    images = images.repeat(ZOOM, axis=2).repeat(ZOOM, axis=3)
    framed = np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0.4)
    # Rows of the canvas are h_2, upwards; pixels of an image go down.
    canvas = (
        framed[:, ::-1].transpose(1, 2, 0, 3).reshape(TILES * (ZOOM * pixels + 1), -1)
    )
    extent = (-side, side, -side, side)
    ax.imshow(canvas, extent=extent, cmap="Greys", vmin=0, vmax=1)
    ax.plot(*known.moments[0].T, "o", color=ORANGE, ms=5, mec="white", mew=0.8)
    ax.set(xlim=(-side, side), ylim=(-side, side), xlabel="$h_1$", ylabel="$h_2$")
    ax.set_title("bars and stripes: E[x | h]", fontsize=10)


def posteriors_picture(main: dict[str, Known], seed: int) -> Picture:
    """Draw true posteriors with q and the best Gaussian."""
    figure = Figure(figsize=(12.6, 6.4), layout="constrained")
    axes = figure.subplots(2, 4)
    draw_lines(main[CURVE], axes[0])
    draw_contours(main[PATTERNS], axes[1])
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"True posteriors and their Gaussians (seed {seed})")
    caption = (
        "Above: p(h|x) of the horseshoe by quadrature, q(h|x) of the encoder and the "
        "Gaussian that is best for this x alone, at four points: on the ring, near "
        "an end, between its ends and at its center, where the encoder has seen no "
        "example. Below: the same of four patterns in the plane of h, from the least "
        "to the largest gap: densities in blue, Gaussians at two sd. KL(q || p(h|x)) "
        f"is the gap of the ELBO. Seed {seed}."
    )
    return Picture("posteriors", figure, caption)


def draw_lines(known: Known, axes) -> None:
    """Draw posteriors of one latent at the points SHOWN."""
    vae, h = known.vae, np.linspace(-5, 5, 1001)[:, np.newaxis]
    log_p, q, best = (
        log_evidence(vae, SHOWN),
        vae.encode(SHOWN),
        best_gaussians(vae, SHOWN),
    )
    true = np.exp(log_joint(vae, SHOWN, h) - log_p[:, np.newaxis])
    gaps = log_p - exact_elbo(vae, SHOWN, q)
    for i, ax in enumerate(axes):
        tidy(ax)
        ax.fill_between(h[:, 0], true[i], color=BLUE, alpha=0.3, lw=0)
        ax.plot(h[:, 0], true[i], color=BLUE, label="posterior")
        for (mean, v), color, style, label in (
            (q, ORANGE, "-", "q of the encoder"),
            (best, GREEN, "--", "best Gaussian"),
        ):
            log_q = gaussian_log_likelihood(h, mean[i], v[i])
            ax.plot(h[:, 0], np.exp(log_q), color=color, ls=style, label=label)
        seen = true[i] > true[i].max() / 200
        around = h[seen, 0]
        ax.set(xlim=(around[0] - 0.5, around[-1] + 0.5), ylim=(0, None), xlabel="h")
        ax.set(ylim=(0, 1.7 * true[i].max()), yticks=[])
        point = ", ".join(f"{c:g}" for c in SHOWN[i])
        ax.set_title(f"x = ({point}): KL {gaps[i]:.3f} nats", fontsize=10)


def draw_contours(known: Known, axes) -> None:
    """Draw posteriors of two latents for patterns of small and of large gaps."""
    line = np.linspace(-5, 5, 201)
    nodes = grid(line, 2)
    gaps = known.log_p - known.elbo
    chosen = np.argsort(gaps)[np.linspace(0, len(gaps) - 1, len(axes)).astype(int)]
    x = known.problem.x[chosen]
    true = np.exp(log_joint(known.vae, x, nodes) - known.log_p[chosen, np.newaxis])
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = 2 * np.stack([np.cos(angle), np.sin(angle)])
    for i, density, ax in zip(chosen, true, axes, strict=True):
        image = density.reshape(len(line), -1).T
        levels = density.max() * np.linspace(0.03, 1, 9)
        ax.contourf(line, line, image, levels, cmap="Blues")
        for (mean, v), color, style in (
            (known.moments, ORANGE, "-"),
            (known.best_moments, GREEN, "--"),
        ):
            edge = mean[i][:, np.newaxis] + np.exp(0.5 * v[i])[:, np.newaxis] * circle
            ax.plot(*edge, color=color, ls=style)
        ax.set(aspect="equal", xlabel="$h_1$")
        view(ax, nodes, density)
        ax.set_title(f"KL {gaps[i]:.3f} nats", fontsize=10)
        inset = ax.inset_axes((0.03, 0.75, 0.22, 0.22))
        inset.imshow(known.problem.x[i].reshape(3, 3), cmap="Greys", vmin=-0.3, vmax=1)
        inset.set(xticks=[], yticks=[])
    axes[0].set_ylabel("$h_2$")


def view(ax: Axes, nodes, density) -> None:
    """Show a square around where a density is."""
    there = nodes[density > density.max() / 300]
    middle = (there.min(axis=0) + there.max(axis=0)) / 2
    half = 0.6 * np.ptp(there, axis=0).max() + 0.2
    ax.set(xlim=(middle[0] - half, middle[0] + half))
    ax.set(ylim=(middle[1] - half, middle[1] + half))
