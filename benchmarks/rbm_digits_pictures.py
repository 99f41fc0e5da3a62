"""Pictures of machines on digits: receptive fields, chains, halves filled in."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.experiment import Picture
from benchmarks.rbm_digits_chains import SIDE

GAP = np.nan  # a line between two tiles


def tiled(images: NDArray, rows: int) -> NDArray:
    """Return images (n, M) in so many rows, row by row, with gaps between them."""
    columns = len(images) // rows
    tiles = np.full((rows, columns, SIDE + 1, SIDE + 1), GAP)
    tiles[..., :SIDE, :SIDE] = np.reshape(images, (rows, columns, SIDE, SIDE))
    shape = rows * (SIDE + 1), columns * (SIDE + 1)
    return tiles.transpose(0, 2, 1, 3).reshape(shape)[:-1, :-1]


def show(images: NDArray, rows: int, ax: Axes, **style):
    """Draw images (n, M) in so many rows, without axes."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax.imshow(tiled(images, rows), interpolation="none", **style)


def show_probabilities(images: NDArray, rows: int, ax: Axes) -> None:
    """Draw probabilities of ink, from white to black."""
    ax.set_facecolor("#b9cfe4")
    show(images, rows, ax, cmap="Greys", vmin=0, vmax=1)


def fields_picture(weights: Sequence[NDArray], seed: int) -> Picture:
    """Draw the columns of W, (64, N), of machines whose N has two divisors alike."""
    figure = Figure(figsize=(10.4, 5.2), layout="constrained")
    axes = figure.subplots(1, len(weights))
    top = max(float(np.quantile(np.abs(W), 0.999)) for W in weights)
    for W, ax in zip(weights, axes, strict=True):
        order = np.argsort(-np.sum(W**2, axis=0))
        rows = int(np.sqrt(W.shape[1]))
        style = {"cmap": "RdBu_r", "vmin": -top, "vmax": top}
        image = show(W.T[order], rows, ax, **style)
        ax.set_title(f"{W.shape[1]} hidden units")
    label = r"$W_{ij}$ (nats of log-odds of pixel i)"
    figure.colorbar(image, ax=axes, label=label, shrink=0.8, extend="both")
    figure.suptitle(f"Receptive fields (seed {seed})")
    caption = (
        "What each hidden unit adds to the log-odds of every pixel where it is on, a "
        "tile a unit, in the order of their norms: red for ink, blue for paper. "
        f"Seed {seed}."
    )
    return Picture("receptive fields", figure, caption)


def film_picture(
    frames: NDArray, stops: Sequence[int], hidden: int, seed: int
) -> Picture:
    """Draw chains from left to right, (stops, chains, M)."""
    chains = frames.shape[1]
    figure = Figure(figsize=(10.4, 0.72 * chains + 1.2), layout="constrained")
    ax = figure.subplots()
    show_probabilities(frames.transpose(1, 0, 2).reshape(-1, SIDE**2), chains, ax)
    width = SIDE + 1
    ax.set_xticks(
        width * np.arange(len(stops)) + SIDE / 2 - 0.5, [f"{s}" for s in stops]
    )
    ax.tick_params(length=0)
    ax.set_xlabel("Gibbs steps")
    half = chains // 2
    for first, name in ((0, "from noise"), (half, "from test images")):
        place = width * (first + half / 2) - 1
        ax.text(-2, place, name, rotation=90, ha="right", va="center")
    ax.axhline(width * half - 1, color="white", lw=3)
    figure.suptitle(f"Chains of a machine of {hidden} hidden units (seed {seed})")
    caption = (
        "The probability of ink in each pixel, p(x_i = 1 | h), at steps of block Gibbs "
        "chains; at step 0 the state where they begin. Chains from noise find digits "
        "within tens of steps. Chains from digits keep to theirs for a while, then "
        f"pass to others: nothing tells the machine which one to draw. Seed {seed}."
    )
    return Picture("chains", figure, caption)


def filled_picture(rows: Mapping[str, NDArray], hidden: int, seed: int) -> Picture:
    """Draw one digit a column: the image, and what the machine makes of it.

    rows : name -> (10, M), nan where it is erased
    """
    figure = Figure(figsize=(8.6, 0.82 * len(rows) + 1.0), layout="constrained")
    ax = figure.subplots()
    images = np.concatenate(list(rows.values()))
    show_probabilities(images, len(rows), ax)
    width = SIDE + 1
    ax.set_yticks(width * np.arange(len(rows)) + SIDE / 2 - 0.5, list(rows))
    ax.tick_params(length=0)
    figure.suptitle(f"Reconstructions and halves filled in (seed {seed})")
    caption = (
        f"Test images of ten digits and a machine of {hidden} hidden units. "
        "Reconstruction, by mean field, only shows that the hidden units can copy. The "
        "lower half erased, the machine draws it by Gibbs steps with the upper half "
        "clamped: the mean of all steps, which is the probability of ink in each pixel "
        f"given the upper half, and the last state of one chain. Seed {seed}."
    )
    return Picture("halves filled in", figure, caption)
