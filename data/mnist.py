"""MNIST and Fashion-MNIST: 70,000 images of 28x28 pixels each, fetched when asked for.

Both are four IDX files of the same names: images and labels, of 60,000 images to train
on and 10,000 (t10k) to test on.

Sources: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Proc. IEEE 86, 2278 (1998);
H. Xiao, K. Rasul and R. Vollgraf, arXiv:1708.07747 (2017).
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from data.errors import DataError
from data.fetch import default_home, fetch
from data.idx import read_idx
from data.images import LabeledImages

SUBSETS = {"all": ("train", "t10k"), "train": ("train",), "test": ("t10k",)}
MAX_BYTES = 2**26


@dataclass(frozen=True)
class Publication:
    """What is known of a published set before its files are read.

    name : of its folder; call : of the function that fetches it
    mirrors : addresses that end in a slash
    sha256 : file name without .gz -> SHA-256 of the gzipped file
    counts : "train" and "t10k" -> number of images of each class, from class 0
    """

    name: str
    call: str
    mirrors: tuple[str, ...]
    sha256: dict[str, str]
    counts: dict[str, tuple[int, ...]]
    description: str
    license: str


MNIST = Publication(
    name="mnist",
    call="fetch_mnist",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    sha256={
        "train-images-idx3-ubyte": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
    counts={
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "t10k": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
    description="""\
The MNIST database of handwritten digits (Y. LeCun, C. Cortes and C. J. C. Burges,
1998). Images of 28x28 pixels from 0 (paper) to 255 (ink), labeled 0 to 9. 60,000 are
for training and 10,000 for testing, by other writers.""",
    license="Not stated by the authors; commonly quoted as CC BY-SA 3.0.",
)

FASHION_MNIST = Publication(
    name="fashion-mnist",
    call="fetch_fashion_mnist",
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    sha256={
        "train-images-idx3-ubyte": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
    counts={"train": (6000,) * 10, "t10k": (1000,) * 10},
    description="""\
Fashion-MNIST (H. Xiao, K. Rasul and R. Vollgraf, 2017). Images of 28x28 pixels from 0
to 255, labeled 0 T-shirt, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt,
7 sneaker, 8 bag, 9 ankle boot. 60,000 are for training and 10,000 for testing.""",
    license="MIT, copyright 2017 Zalando SE.",
)


def fetch_mnist(
    *,
    subset: str = "all",
    data_home: str | os.PathLike | None = None,
    download: bool = False,
    dtype: DTypeLike = np.float64,
) -> LabeledImages:
    """Read MNIST, 70,000 handwritten digits of 28x28 pixels from 0 to 255.

        mnist = fetch_mnist(download=True)
        X, y = mnist.train_set              # (60000, 784) in [0, 1], (60000,)

    Nothing is downloaded unless `download` is True, and then only the files that are
    not there. They may be gzipped or not, and named train-images-idx3-ubyte or
    train-images.idx3-ubyte. Gzipped files are held to their published SHA-256, all to
    their shapes and to the published number of images of each class.

    Parameters
    ----------
    subset : "all", "train" (60,000) or "test" (10,000): the files that are needed, so
        that a folder of test files is enough for `subset="test"`
    data_home : the folder that holds the files; else `mnist` in $AB_INITIO_DATA, or in
        `ab-initio/data` in the user's cache directory
    download : may files be fetched, 12 MB in all?
    dtype : of X, np.float64 or np.float32; X takes 376 or 188 MB to train on

    Raises
    ------
    DataError
        If files are missing and may not or cannot be fetched, or are not MNIST's.
    """
    return _fetch(MNIST, subset, data_home, download, dtype)


def fetch_fashion_mnist(
    *,
    subset: str = "all",
    data_home: str | os.PathLike | None = None,
    download: bool = False,
    dtype: DTypeLike = np.float64,
) -> LabeledImages:
    """Read Fashion-MNIST, 70,000 pictures of clothes of 28x28 pixels from 0 to 255.

    As `fetch_mnist`, with the folder `fashion-mnist` and 31 MB to download.
    """
    return _fetch(FASHION_MNIST, subset, data_home, download, dtype)


def _fetch(publication, subset, data_home, download, dtype) -> LabeledImages:
    if subset not in SUBSETS:
        raise ValueError(f"there is no subset {subset!r}; use {', '.join(SUBSETS)}")
    folder = default_home() / publication.name if data_home is None else Path(data_home)
    folder = folder.expanduser().absolute()
    names = [name for name in publication.sha256 if name.startswith(SUBSETS[subset])]
    missing = [name for name in names if _find(folder, name) is None]
    if missing and not download:
        raise DataError(_advice(publication, folder, missing))
    for name in missing:
        sha256 = publication.sha256[name]
        fetch(f"{name}.gz", sha256, mirrors=publication.mirrors, folder=folder)

    parts = [_read_part(publication, part, folder) for part in SUBSETS[subset]]
    images, labels, hashes = zip(*parts, strict=True)
    n = sum(map(len, labels))
    n_train = 0 if subset == "test" else len(labels[0])
    return LabeledImages(
        images=np.concatenate(images),
        labels=np.concatenate(labels),
        train=np.arange(n_train),
        test=np.arange(n_train, n),
        maximum=255,
        description=publication.description,
        license=publication.license,
        sha256={file: sha256 for part in hashes for file, sha256 in part.items()},
        dtype=dtype,
    )


def _find(folder: Path, name: str) -> Path | None:
    """Return the file of a name such as t10k-labels-idx1-ubyte, or None."""
    for stem in (name, name.replace("-idx", ".idx")):
        for file in (folder / f"{stem}.gz", folder / stem):
            if file.is_file():
                return file
    return None


def _advice(publication: Publication, folder: Path, missing: list[str]) -> str:
    files = [f"  {publication.sha256[name]}  {name}.gz" for name in missing]
    mirrors = [f"  {mirror}" for mirror in publication.mirrors]
    return "\n".join(
        [
            f"{folder} lacks, by SHA-256 and name,",
            *files,
            "and nothing is downloaded unless asked for: call "
            f"{publication.call}(download=True), or put these files there, gzipped or "
            "not, from",
            *mirrors,
            "or name the folder that has them: data_home=. The test images alone are "
            'subset="test".',
        ]
    )


def _read_part(publication: Publication, part: str, folder: Path):
    """Return images, labels and {file: SHA-256} of "train" or "t10k", all checked."""
    counts = publication.counts[part]
    n, name = sum(counts), f"{part}-labels-idx1-ubyte"
    labels, label_hash = _read(publication, folder, name, (n,))
    found = tuple(np.bincount(labels).tolist())
    if found != counts:
        raise DataError(
            f"{name} in {folder} labels {found} images 0, 1, ..., and of "
            f"{publication.name} these are {counts}: it is damaged, or of another set "
            "whose files have the same names"
        )
    name = f"{part}-images-idx3-ubyte"
    images, image_hash = _read(publication, folder, name, (n, 28, 28))
    return images, labels.astype(np.int64), image_hash | label_hash


def _read(publication: Publication, folder: Path, name: str, shape: tuple[int, ...]):
    """Return the array of one file, and {file: SHA-256}; known if it is gzipped."""
    file = _find(folder, name)
    assert file is not None, "looked for before"
    array = read_idx(file, max_bytes=MAX_BYTES)
    if array.shape != shape or array.dtype != np.uint8:
        raise DataError(
            f"{file} holds {array.dtype} of shape {array.shape}, expected uint8 of "
            f"shape {shape}: it is not a file of {publication.name}"
        )
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    expected = publication.sha256[name]
    if file.suffix == ".gz" and found != expected:
        raise DataError(
            f"{file} is not the published file: its SHA-256 is {found}, expected "
            f"{expected}. If it is of another set with the same names, give each set "
            "its own folder, data_home=; if it is damaged, remove it and call "
            f"{publication.call}(download=True)."
        )
    return array, {file.name: found}
