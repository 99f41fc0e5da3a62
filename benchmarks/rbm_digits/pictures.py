"""Pictures of machines on digits: receptive fields, chains, halves filled in."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.experiment import Picture
from benchmarks.rbm_digits.chains import SIDE

PAPER_TO_INK = colormaps["Greys"].with_extremes(bad="#c9d3dd", under="#f6d9c0")
PITCH = SIDE + 1  # from one tile to the next


def tiled(images: NDArray, rows: int) -> NDArray:
    """Return images (n, M) in so many rows, row by row, with nan between them."""
    columns = len(images) // rows
    tiles = np.full((rows, columns, PITCH, PITCH), np.nan)
    tiles[..., :SIDE, :SIDE] = np.reshape(images, (rows, columns, SIDE, SIDE))
    return tiles.transpose(0, 2, 1, 3).reshape(rows * PITCH, -1)[:-1, :-1]


def show(images: NDArray, rows: int, ax: Axes, **style):
    """Draw images (n, M) in so many rows, without axes."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax.imshow(tiled(images, rows), interpolation="none", **style)


def show_ink(images: NDArray, rows: int, ax: Axes) -> None:
    """Draw the probability of ink, white to black; nan, what is erased, is orange."""
    images = np.nan_to_num(images, nan=-1)
    show(images, rows, ax, cmap=PAPER_TO_INK, vmin=0, vmax=1)


def middles(tiles: int) -> NDArray:
    """Return where the middles of so many tiles are along an axis."""
    return PITCH * np.arange(tiles) + (SIDE - 1) / 2


def fields_picture(weights: Sequence[NDArray], seed: int) -> Picture:
    """Draw the couplings of machines, W : (64, N), in squares of sqrt(N) tiles."""
    figure = Figure(figsize=(10.4, 5.9), layout="constrained")
    axes = figure.subplots(1, len(weights))
    for W, ax in zip(weights, axes, strict=True):
        order = np.argsort(-np.sum(W**2, axis=0))
        top = float(np.quantile(np.abs(W), 0.995))
        style = {"cmap": "RdBu_r", "vmin": -top, "vmax": top}
        image = show(W.T[order], round(len(order) ** 0.5), ax, **style)
        ax.set_title(f"{len(order)} hidden units")
        bar = figure.colorbar(
            image, ax=ax, location="bottom", shrink=0.6, pad=0.02, extend="both"
        )
        bar.set_label("added to the log-odds of ink (nats)")
    figure.suptitle(f"Receptive fields (seed {seed})")
    caption = (
        "The couplings W of each hidden unit, a tile a unit, largest norms first: what "
        "the unit, where it is on, adds to the log-odds of ink in every pixel. Red for "
        "ink, blue for paper, white for no effect; each machine has its own scale, "
        f"from which half a percent of the couplings stand out. Seed {seed}."
    )
    return Picture("receptive fields", figure, caption)


def film_picture(
    frames: NDArray, stops: Sequence[int], hidden: int, seed: int
) -> Picture:
    """Draw chains from left to right, half from noise and half from test images.

    frames : (stops, chains, M), the probability of ink
    """
    chains = frames.shape[1]
    half = chains // 2
    figure = Figure(figsize=(10.4, 7.4), layout="constrained")
    parts = zip(
        figure.subplots(2, 1),
        (frames[:, :half], frames[:, half:]),
        ("chains from noise", "chains from test images"),
        strict=True,
    )
    for ax, part, name in parts:
        show_ink(part.transpose(1, 0, 2).reshape(-1, SIDE**2), half, ax)
        ax.set_xticks(middles(len(stops)), [f"{stop}" for stop in stops])
        ax.set_ylabel(name)
    ax.set_xlabel("Gibbs steps")
    figure.suptitle(f"Chains of a machine of {hidden} hidden units (seed {seed})")
    caption = (
        "The probability of ink in each pixel, p(x_i = 1 | h), at steps of block Gibbs "
        "chains; at step 0 the state where they begin. Chains from noise look like "
        "digits after a few steps. Chains from digits keep to theirs for ten steps or "
        "more and then pass on to others, as they must to draw from the whole law; on "
        f"the way there are shapes that are no digit. Seed {seed}."
    )
    return Picture("chains", figure, caption)


def filled_picture(rows: Mapping[str, NDArray], hidden: int, seed: int) -> Picture:
    """Draw one digit a column: the image, and what the machine makes of it.

    rows : name -> (10, M), nan where it is erased
    """
    figure = Figure(figsize=(8.6, 4.4), layout="constrained")
    ax = figure.subplots()
    show_ink(np.concatenate(list(rows.values())), len(rows), ax)
    ax.set_yticks(middles(len(rows)), list(rows))
    ax.set_title(f"Digits completed by {hidden} hidden units (seed {seed})")
    caption = (
        "The first test image of each digit. That the reconstruction, by mean field, "
        "is close to it only shows that the hidden units can copy. With the lower half "
        "erased, Gibbs steps draw it while the upper half is clamped: the mean over "
        "the steps is the probability of ink given the upper half, gray where several "
        f"digits go on from there; below, the last state of one chain. Seed {seed}."
    )
    return Picture("halves filled in", figure, caption)
