"""Pictures of digits that diffusion models draw, and of the way there."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.diffusion_digits.chains import STEPS, Strips
from benchmarks.experiment import Picture
from benchmarks.rbm_digits.pictures import middles, show_ink

EDGE = 2.0  # of x, beyond which a pixel is drawn white or black


def sample_picture(draws: Mapping[str, NDArray], seed: int) -> Picture:
    """Draw images in squares: those of the data, and draws of each model.

    draws : name -> (n, M), of levels from -1 to 1, with n a square
    """
    figure = Figure(figsize=(11.4, 3.0))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.8, wspace=0.06)
    for ax, (name, x) in zip(
        figure.subplots(1, len(draws)), draws.items(), strict=True
    ):
        show_ink((1 + x) / 2, round(len(x) ** 0.5), ax)
        ax.set_title(name)
    figure.suptitle(f"Draws of the models (seed {seed})")
    caption = (
        f"Training images, and draws by ancestral chains of {STEPS} steps. At the end "
        "each pixel is drawn from p(x_0 | x_1), where hardly a doubt is left. Seed "
        f"{seed}."
    )
    return Picture("draws", figure, caption)


def strips_picture(rows: Mapping[str, Strips], seed: int) -> Picture:
    """Draw images on their way to noise, and from noise to images.

    rows : name -> strips of a model
    """
    figure = Figure(figsize=(12.4, 5.6), layout="constrained")
    for ax, (name, found) in zip(
        figure.subplots(1, len(rows)), rows.items(), strict=True
    ):
        n = found.forward.shape[1]
        ways = [found.forward[:, k] for k in range(n)]
        for k in range(n):
            ways += [found.reverse[:, k], found.guesses[:, k]]
        x = np.concatenate(ways)
        scale = np.repeat([EDGE] * n + [EDGE, 1.0] * n, len(found.log_snr))
        ink = np.clip(0.5 + 0.5 * x / scale[:, np.newaxis], 0, 1)
        show_ink(ink, len(ways), ax)
        labels = ["$x_t$ forward"] * n + ["$x_t$ back", r"$\hat x_0(x_t)$"] * n
        ax.set_yticks(middles(len(ways)), labels, fontsize=8)
        levels = [
            "data",
            *(f"{level:.1f}" for level in found.log_snr[1:].round(1) + 0.0),
        ]
        ax.set_xticks(middles(len(levels)), levels, fontsize=8)
        ax.set(title=name, xlabel=r"log SNR $\lambda$")
    figure.suptitle(f"Digits to noise, and back (seed {seed})")
    caption = (
        "The first rows, from left to right: test images and what the forward chain "
        "makes of them. Below, from right to left: the reverse chain from noise, and "
        "under each state the denoiser's guess of the image at its end, from the mean "
        "of all images to one of them. States are drawn from white at "
        f"{-EDGE:g} to black at {EDGE:g}, guesses from -1 to 1. Seed {seed}."
    )
    return Picture("strips", figure, caption)
