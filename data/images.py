"""A set of labeled images with one fixed split into training and test set."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from data.transforms import binarize, nudge

Self = TypeVar("Self", bound="LabeledImages")


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """The images, their labels, and which are for training and which for testing.

    images : (n, height, width) uint8, pixels from 0 (paper) to `maximum` (ink)
    labels : (n,) int64, the class of each image
    train, test : int64, indices of the training and of the test images
    maximum : the largest value that a pixel can have
    description, license : str
    sha256 : name -> SHA-256 of each file that they were read from
    dtype : of X, np.float64 or np.float32
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    maximum: int
    description: str
    license: str
    sha256: dict[str, str]
    dtype: DTypeLike = np.float64

    def __post_init__(self):
        if np.dtype(self.dtype) not in (np.float32, np.float64):
            raise TypeError(
                f"dtype is {self.dtype}; pixels are scaled to [0, 1], which asks for "
                "np.float32 or np.float64: integers are in `images`"
            )

    @property
    def X(self) -> NDArray:
        """The images as rows, (n, height width), each pixel scaled to [0, 1]."""
        return self._rows(self.images)

    @property
    def train_set(self) -> tuple[NDArray, NDArray[np.int64]]:
        """The training pair: X (n_train, height width) in [0, 1], labels (n_train,)."""
        return self._pair(self._some(self.train, "training"))

    @property
    def test_set(self) -> tuple[NDArray, NDArray[np.int64]]:
        """The test pair: X (n_test, height width) in [0, 1], labels (n_test,)."""
        return self._pair(self._some(self.test, "test"))

    def binarized(self: Self) -> Self:
        """Return the same set with pixels 0 or 1: ink where it is at least half full.

        For the digits, of 16 levels, that is a pixel of at least 8.
        """
        images = binarize(self.images, threshold=self.maximum / 2)
        return replace(self, images=images, maximum=1)

    def nudged(self: Self) -> Self:
        """Return five times the training images, moved by `nudge`, and the same test.

        The test images are not nudged, and no copy of one is trained on. The indices
        change: the training images come first.
        """
        train = self._some(self.train, "training")
        images, labels = nudge(self.images[train], self.labels[train])
        n, n_test = len(labels), len(self.test)
        return replace(
            self,
            images=np.concatenate([images, self.images[self.test]]),
            labels=np.concatenate([labels, self.labels[self.test]]),
            train=np.arange(n),
            test=np.arange(n, n + n_test),
        )

    def _rows(self, images):
        rows = images.reshape(len(images), -1)
        return np.divide(rows, self.maximum, dtype=self.dtype)

    def _pair(self, index):
        return self._rows(self.images[index]), self.labels[index]

    def _some(self, index, name):
        if not len(index):
            raise ValueError(
                f"there are no {name} images among these {len(self.images)}: only the "
                'other part was read; subset="all" reads both, `split` divides one'
            )
        return index
