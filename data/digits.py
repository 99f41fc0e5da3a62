"""The 8x8 handwritten digits: 1797 real images that a laptop learns in seconds.

Each image began as a 32x32 bitmap of a digit on a form. A pixel counts the inked
points of one 4x4 block, so it is an integer from 0 to 16.

Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits,
UCI Machine Learning Repository, doi:10.24432/C50P49, the file of 13 test writers.
The license is in data/digits/LICENSE.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("digits") / "digits.npz"
LICENSE = FILE.with_name("LICENSE")
SHA256 = "8c0ff163b82a4dfb9f41fd965bb84898aa07cdb4f191b1854009571e181f86b8"

DESCRIPTION = """\
Optical Recognition of Handwritten Digits (E. Alpaydin and C. Kaynak, 1998).
1797 images of 8x8 pixels from 0 (paper) to 16 (ink), labeled 0 to 9.
1437 are for training and 360 for testing, split at random: the two sets share
their writers, so the test set asks for new images, not for new handwriting."""


class DataError(ValueError):
    """A data file does not hold what it should."""


@dataclass(frozen=True, eq=False)
class Digits:
    """The images, their labels, and one fixed split into training and test set.

    images : (1797, 8, 8) uint8, pixels from 0 (paper) to 16 (ink)
    labels : (1797,) int64, the digit that was written
    train : (1437,) int64, indices of the training images
    test : (360,) int64, indices of the test images
    description, license : str
    sha256 : str, of the file that they were read from

    The split is the first 1437 and the last 360 entries of
    `np.random.RandomState(0).permutation(1797)`.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    description: str
    license: str
    sha256: str

    @property
    def X(self) -> NDArray[np.float64]:
        """The images as rows, (1797, 64), each pixel scaled to [0, 1]."""
        return self.images.reshape(len(self.images), -1) / 16.0

    @property
    def train_set(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The training pair: X (1437, 64) in [0, 1] and labels (1437,)."""
        return self.X[self.train], self.labels[self.train]

    @property
    def test_set(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The test pair: X (360, 64) in [0, 1] and labels (360,)."""
        return self.X[self.test], self.labels[self.test]


def load_digits() -> Digits:
    """Read the digits that are shipped with the project.

    >>> digits = load_digits()
    >>> X, y = digits.train_set
    >>> X_test, y_test = digits.test_set
    >>> X.shape, X_test.shape
    ((1437, 64), (360, 64))

    Raises
    ------
    DataError
        If the file is not, byte for byte, the one that was shipped.
    """
    content = FILE.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise DataError(
            f"{FILE} is damaged: its SHA-256 is {found}, expected {SHA256}. Results "
            "from other data cannot be compared. Restore the file with `git checkout "
            "data/digits/digits.npz`, or install the package again."
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Digits(
            images=arrays["images"],
            labels=arrays["labels"],
            train=arrays["train"],
            test=arrays["test"],
            description=DESCRIPTION,
            license=LICENSE.read_text(encoding="utf-8"),
            sha256=found,
        )
