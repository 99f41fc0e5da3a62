"""The 8x8 handwritten digits: 1797 real images that a laptop learns in seconds.

Each image began as a 32x32 bitmap of a digit on a form. A pixel counts the inked
points of one 4x4 block, so it is an integer from 0 to 16.

Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits,
UCI Machine Learning Repository, doi:10.24432/C50P49, the file of 13 test writers.
The license is in data/digits/LICENSE.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from data.errors import DataError
from data.images import LabeledImages

FILE = Path(__file__).with_name("digits") / "digits.npz"
LICENSE = FILE.with_name("LICENSE")
SHA256 = "8c0ff163b82a4dfb9f41fd965bb84898aa07cdb4f191b1854009571e181f86b8"

DESCRIPTION = """\
Optical Recognition of Handwritten Digits (E. Alpaydin and C. Kaynak, 1998).
1797 images of 8x8 pixels from 0 (paper) to 16 (ink), labeled 0 to 9.
1437 are for training and 360 for testing, split at random: the two sets share
their writers, so the test set asks for new images, not for new handwriting."""


class Digits(LabeledImages):
    """The digits: 1797 images of 8x8 pixels from 0 to 16.

    The split is the first 1437 and the last 360 entries of
    `np.random.RandomState(0).permutation(1797)`.
    """


def load_digits(*, dtype: DTypeLike = np.float64) -> Digits:
    """Read the digits that are shipped with the project.

    >>> digits = load_digits()
    >>> X, y = digits.train_set
    >>> X_test, y_test = digits.test_set
    >>> X.shape, X_test.shape
    ((1437, 64), (360, 64))

    As black and white, and with five moved copies of each training image:

    >>> X, y = digits.binarized().train_set
    >>> X.max(axis=0)[:4]
    array([0., 1., 1., 1.])
    >>> X, y = digits.nudged().train_set
    >>> X.shape
    (7185, 64)

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
            maximum=16,
            description=DESCRIPTION,
            license=LICENSE.read_text(encoding="utf-8"),
            sha256={FILE.name: found},
            dtype=dtype,
        )
