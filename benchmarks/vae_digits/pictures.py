"""Pictures of what models of latent variables make of digits, and of noise."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.experiment import Picture
from benchmarks.rbm_digits.pictures import middles, show_ink


def reconstruction_picture(rows: Mapping[str, NDArray], seed: int) -> Picture:
    """Draw one digit a column: the image, and what each model makes of it.

    rows : name -> (10, M)
    """
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    ax = figure.subplots()
    show_ink(np.concatenate(list(rows.values())), len(rows), ax)
    ax.set_yticks(middles(len(rows)), list(rows))
    ax.set_title(f"Digits through a few latents (seed {seed})")
    caption = (
        "The first test image of each digit, and E[x | h] at the mean of q(h | x). A "
        "few latents cannot hold every pixel: what is kept is what the digit has in "
        "common with others, and strokes that are rare come out as those that are "
        f"frequent. Seed {seed}."
    )
    return Picture("reconstructions", figure, caption)


def interpolation_picture(way: NDArray, seed: int) -> Picture:
    """Draw the line between two digits in each row.

    way : (points, rows, M), E[x | h]
    """
    figure = Figure(figsize=(8.6, 4.4), layout="constrained")
    ax = figure.subplots()
    rows = way.shape[1]
    show_ink(way.transpose(1, 0, 2).reshape(-1, way.shape[-1]), rows, ax)
    ax.set_title(f"From digit to digit, in a straight line of h (seed {seed})")
    caption = (
        "The decoder's mean of the VAE along the line from the mean of q(h | x) of one "
        "test image to that of another, in equal steps. Half way the strokes bend from "
        "one digit to the other; the mean of the two images would be both at once, in "
        f"gray. Seed {seed}."
    )
    return Picture("interpolations", figure, caption)


def sample_picture(draws: Mapping[str, NDArray], seed: int) -> Picture:
    """Draw images in squares: those of the data, and draws of each model.

    draws : name -> (n, M), with n a square
    """
    figure = Figure(figsize=(11.4, 3.6))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.84, wspace=0.06)
    for ax, (name, x) in zip(
        figure.subplots(1, len(draws)), draws.items(), strict=True
    ):
        show_ink(x, round(len(x) ** 0.5), ax)
        ax.set_title(name)
    figure.suptitle(f"Draws of the models (seed {seed})")
    caption = (
        "Draws of h from the prior and then of x from the decoder, whose pixels are "
        "drawn each by itself: that is the model's law, ragged edges included. The "
        f"decoder's mean would look smoother than any image. Seed {seed}."
    )
    return Picture("draws", figure, caption)
