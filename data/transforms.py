"""Transformations of arrays of examples: standardize, binarize, nudge.

Each takes arrays whose first axis counts the examples, leaves them as they are, and
returns new ones of the same dtype.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Standardizer:
    """The map z = (x - mean) / scale, feature by feature, and its inverse.

    mean, scale : the shape and dtype of one example

        train = Standardizer.fit(X_train)
        Z_train, Z_test = train.transform(X_train), train.transform(X_test)

    The test set has to be moved by the mean of the training set, not by its own: what
    is done to one example may not depend on the others that are asked about.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray) -> "Standardizer":
        """Take the mean and the standard deviation of each feature over the examples.

            mean_j = (1/n) sum_i x_ij,   scale_j^2 = (1/n) sum_i (x_ij - mean_j)^2

        Computed in float64 whatever the dtype of X, and relative to the range of the
        feature, so that no square leaves the range of floating-point numbers. A feature
        that never changes has mean_j its value and scale_j = 1: it becomes zero.
        Where scale_j would be too small for a number of its dtype it is 1 as well.

        Parameters
        ----------
        X : (n, ...), float32 or float64

        Raises TypeError if X is not floating; ValueError if it is empty or not finite.
        """
        _require_examples("X", X)
        low = X.min(axis=0).astype(np.float64)
        unit = X.max(axis=0) - low
        Z = (X - low) / np.where(unit > 0, unit, 1)
        mean = (low + unit * Z.mean(axis=0)).astype(X.dtype)
        scale = (unit * Z.std(axis=0)).astype(X.dtype)
        return cls(mean, np.where(scale > 0, scale, 1))

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return (X - mean) / scale. Raises as `fit` does, or if X does not fit."""
        self._require_same("X", X)
        return (X - self.mean) / self.scale

    def inverse(self, Z: np.ndarray) -> np.ndarray:
        """Return mean + scale Z. Raises as `transform` does."""
        self._require_same("Z", Z)
        return self.mean + self.scale * Z

    def _require_same(self, name: str, X: np.ndarray) -> None:
        _require_examples(name, X)
        if X.shape[1:] != self.mean.shape:
            raise ValueError(
                f"{name} has examples of shape {X.shape[1:]}, and this Standardizer "
                f"knows features of shape {self.mean.shape}; broadcasting would pair "
                "the wrong ones: fit one to this data"
            )
        if X.dtype != self.mean.dtype:
            raise TypeError(
                f"{name} is {X.dtype} and this Standardizer {self.mean.dtype}; the "
                "result would leave the precision of the data: write "
                f"{name}.astype(np.{self.mean.dtype})"
            )


def binarize(X: np.ndarray, *, threshold: float) -> np.ndarray:
    """Return 1 where X >= threshold and 0 elsewhere, in the dtype of X.

    Parameters
    ----------
    X : any shape, of integers or floating
    threshold : in the units of X; 8 is half the ink of the digits, 127.5 of MNIST

    Raises ValueError if X is empty or X or the threshold holds nan.
    """
    X = np.asarray(X)
    _require_some("X", X)
    if (X.dtype.kind == "f" and np.isnan(X).any()) or np.isnan(threshold):
        raise ValueError(
            "X or the threshold holds nan, which is neither above nor below anything "
            "and would silently become 0: replace or drop those entries first"
        )
    return np.greater_equal(X, threshold).astype(X.dtype)


def binarize_randomly(X: np.ndarray, *, rng) -> np.ndarray:
    """Return 1 with probability X and 0 otherwise, each entry by itself.

    A gray pixel is taken for the probability of a black one; the mean over many draws
    is X. Drawn anew for every epoch this is called dynamic binarization.

    Parameters
    ----------
    X : any shape, of float32 or float64, in [0, 1]
    rng : int, SeedSequence or Generator

    Reference: R. Salakhutdinov and I. Murray, ICML 2008.

    Raises TypeError if X is not floating; ValueError if it is empty or leaves [0, 1].
    """
    _require_examples("X", X)
    if X.min() < 0 or X.max() > 1:
        raise ValueError(
            f"X runs from {X.min()} to {X.max()}; outside [0, 1] it holds no "
            "probabilities: divide by the largest possible value first"
        )
    rng = np.random.default_rng(rng)
    return (rng.random(X.shape) < X).astype(X.dtype)


def nudge(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return five images for each: as it is, and moved by one pixel each way.

    First all images as they are, then all moved up, all moved down, left, right. The
    row or column that opens is 0, and the one that leaves the frame is lost. The labels
    are repeated with them.

    Only a training set may be nudged. Nudged before it is split, copies of most test
    images would be trained on, and the test would ask for what was already seen.

    Parameters
    ----------
    images : (n, height, width)
    labels : (n, ...)

    Returns
    -------
    (5 n, height, width) and (5 n, ...)

    Raises ValueError if the shapes are others.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 3 or labels.shape[:1] != images.shape[:1]:
        raise ValueError(
            f"images of shape {images.shape} and labels of shape {labels.shape} cannot "
            "be nudged; images are (n, height, width), with one label each: rows of "
            "pixels are X.reshape(n, height, width)"
        )
    moved = np.stack([images] * 5)
    moved[1:] = 0
    moved[1, :, :-1] = images[:, 1:]
    moved[2, :, 1:] = images[:, :-1]
    moved[3, :, :, :-1] = images[:, :, 1:]
    moved[4, :, :, 1:] = images[:, :, :-1]
    return moved.reshape(-1, *images.shape[1:]), np.concatenate([labels] * 5)


def _require_examples(name: str, X: np.ndarray) -> None:
    """Raise unless X is floating, finite, and holds an example with a number."""
    dtype = getattr(X, "dtype", None)
    if dtype not in (np.float32, np.float64):
        given = type(X).__name__ if dtype is None else f"{dtype} array"
        raise TypeError(
            f"{name} must be a float32 or float64 array and is a {given}; write "
            f"np.asarray({name}, np.float64), or np.float32 to save memory"
        )
    _require_some(name, X)
    if not np.isfinite(X).all():
        raise ValueError(
            f"{name} holds {np.sum(~np.isfinite(X))} entries that are nan or infinite; "
            "they would spread to every example: replace or drop them first"
        )


def _require_some(name: str, X: np.ndarray) -> None:
    if X.ndim == 0 or X.size == 0:
        raise ValueError(
            f"{name} has shape {X.shape} and holds no example; it must be (n, ...), "
            "with n at least 1"
        )
