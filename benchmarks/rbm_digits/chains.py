"""What a machine makes of noise, of digits, and of halves of digits."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.rbm import RBM

SIDE = 8
UPPER_HALF = np.arange(SIDE**2) < SIDE**2 // 2


def film(rbm: RBM, x: NDArray, stops: Sequence[int], rng) -> NDArray:
    """Return p(x_i = 1 | h) at some steps of chains, (stops, chains, M).

    x : (chains, M), where the chains begin, which is shown at stop 0
    stops : increasing, from 0; h is the one that the x of this step is drawn from
    """
    frames = [x]
    for step in range(1, stops[-1] + 1):
        p = rbm.prob_h_given_x(x)
        mean = rbm.prob_x_given_h(rng.random(p.shape, p.dtype) < p)
        x = (rng.random(x.shape, x.dtype) < mean).astype(x.dtype)
        if step in stops:
            frames.append(mean)
    return np.array(frames)


def one_of_each(labels: NDArray) -> NDArray[np.int64]:
    """Return the number of the first image of each digit, (10,)."""
    return np.array([np.argmax(labels == digit) for digit in range(10)])


def fair_coins(shape: tuple[int, ...], dtype, rng) -> NDArray:
    """Return zeros and ones."""
    return rng.integers(2, size=shape).astype(dtype)


def shuffled(x: NDArray, rng) -> NDArray:
    """Return images whose pixels come each from another image, (n, M).

    They have the means of the pixels in x : (n, M), and nothing else in common.
    """
    return rng.permuted(x, axis=0)


def surprise(x: NDArray, p: NDArray) -> float:
    """Return the mean of -log p(x_i) over the pixels of the lower half, in nats.

    x : (n, M), zeros and ones
    p : (n, M) or (1, M), the probability that each is one. It is that of a pixel by
        itself: their sum over an image is no likelihood of the image
    """
    x, p = x[:, ~UPPER_HALF], p[:, ~UPPER_HALF].astype(np.float64)
    return -float(np.mean(np.where(x > 0, np.log(p), np.log1p(-p))))
