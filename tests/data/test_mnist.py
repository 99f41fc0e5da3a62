"""MNIST from folders and mirrors, with a small set in the place of the published ones.

The small set has the published form: two images of class 0, one of each other class,
of 28x28 pixels. No test needs the network or the real files.
"""

import dataclasses
import hashlib
import urllib.request

import numpy as np
import pytest

import data.mnist
from data import DataError, fetch_fashion_mnist, fetch_mnist
from tests.data.idx_files import encode, zipped

PARTS = ("train", "t10k")
NAMES = [
    f"{part}-{kind}-ubyte" for part in PARTS for kind in ("images-idx3", "labels-idx1")
]
COUNTS = {"train": (2,) + (1,) * 9, "t10k": (1,) * 10}


def small_set(seed):
    """{file name: array}, shuffled labels and random images."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for part in PARTS:
        labels = rng.permutation(np.repeat(np.arange(10), COUNTS[part]))
        images = rng.integers(0, 256, (len(labels), 28, 28))
        arrays[f"{part}-images-idx3-ubyte"] = images.astype(np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = labels.astype(np.uint8)
    return arrays


@pytest.fixture
def arrays(monkeypatch, mirror):
    """The small set stands for MNIST, and the mirror has its files."""
    arrays = small_set(0)
    files = {name: zipped(encode(array)) for name, array in arrays.items()}
    mirror.files.update({f"/{name}.gz": content for name, content in files.items()})
    small = dataclasses.replace(
        data.mnist.MNIST,
        mirrors=(f"{mirror.address}missing/", f"{mirror.address}good/"),
        sha256={name: hashlib.sha256(file).hexdigest() for name, file in files.items()},
        counts=COUNTS,
    )
    monkeypatch.setattr(data.mnist, "MNIST", small)
    return arrays


def fill(folder, arrays, pack=zipped, ending=".gz"):
    """Write the files of a set, as they are published or otherwise."""
    for name, array in arrays.items():
        (folder / f"{name}{ending}").write_bytes(pack(encode(array)))


@pytest.mark.parametrize("form", ["gzipped", "raw", "dotted", "dotted and gzipped"])
def test_files_are_read_in_every_form(form, arrays, tmp_path):
    pack, ending = (zipped, ".gz") if "gzipped" in form else (bytes, "")
    named = arrays
    if "dotted" in form:
        named = {name.replace("-idx", ".idx"): array for name, array in arrays.items()}
    fill(tmp_path, named, pack, ending)
    mnist = fetch_mnist(data_home=str(tmp_path))
    images = [arrays[f"{part}-images-idx3-ubyte"] for part in PARTS]
    labels = [arrays[f"{part}-labels-idx1-ubyte"] for part in PARTS]
    assert np.array_equal(mnist.images, np.concatenate(images))
    assert np.array_equal(mnist.labels, np.concatenate(labels))
    assert mnist.images.dtype == np.uint8
    assert mnist.labels.dtype == np.int64
    for (X, y), x, label in zip(
        (mnist.train_set, mnist.test_set), images, labels, strict=True
    ):
        assert np.array_equal(X, x.reshape(-1, 784) / 255)
        assert np.array_equal(y, label)
    assert mnist.sha256 == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in tmp_path.iterdir()
    }


@pytest.mark.parametrize(("subset", "part"), [("train", "train"), ("test", "t10k")])
def test_half_the_files_are_enough_for_half_the_set(subset, part, arrays, tmp_path):
    fill(tmp_path, {n: array for n, array in arrays.items() if n.startswith(part)})
    half = fetch_mnist(subset=subset, data_home=tmp_path)
    assert np.array_equal(half.images, arrays[f"{part}-images-idx3-ubyte"])
    given, other = ("train", "test") if subset == "train" else ("test", "train")
    assert np.array_equal(getattr(half, given), np.arange(len(half.labels)))
    assert len(getattr(half, other)) == 0
    with pytest.raises(ValueError, match=r'no .* images among these .*subset="all"'):
        getattr(half, f"{other}_set")
    with pytest.raises(DataError, match="lacks"):
        fetch_mnist(data_home=tmp_path)


def test_there_are_three_subsets():
    with pytest.raises(ValueError, match="no subset 't10k'; use all, train, test"):
        fetch_mnist(subset="t10k")


def test_nothing_is_downloaded_unless_asked(arrays, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(DataError, match=r"call fetch_mnist\(download=True\)") as error:
        fetch_mnist(data_home=tmp_path)
    known = [
        *data.mnist.MNIST.mirrors,
        *data.mnist.MNIST.sha256.values(),
        str(tmp_path),
    ]
    for words in [*known, *(f"{name}.gz" for name in NAMES)]:
        assert words in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_the_advice_names_what_is_missing_only(arrays, tmp_path):
    fill(tmp_path, {name: arrays[name] for name in NAMES[1:]})
    with pytest.raises(DataError, match=f"{NAMES[0]}.gz") as error:
        fetch_mnist(data_home=tmp_path)
    assert not any(name in str(error.value) for name in NAMES[1:])


def test_what_is_missing_is_downloaded_once(arrays, mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("AB_INITIO_DATA", str(tmp_path))
    folder = tmp_path / "mnist"
    folder.mkdir()
    fill(folder, {name: arrays[name] for name in NAMES[:2]}, bytes, "")
    first = fetch_mnist(download=True)
    asked = [f"/{kind}/{name}.gz" for name in NAMES[2:] for kind in ("missing", "good")]
    assert mirror.asked == asked
    second = fetch_mnist(download=True)
    assert mirror.asked == asked
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.images, fetch_mnist().images)


def test_a_mirror_without_the_file_gives_the_error_of_fetch(arrays, mirror, tmp_path):
    mirror.files.clear()
    with pytest.raises(DataError, match="could not be fetched"):
        fetch_mnist(data_home=tmp_path, download=True)


def test_another_gzipped_file_is_refused(arrays, tmp_path):
    fill(tmp_path, arrays)
    other = arrays[NAMES[2]].copy()
    other[0, 0, 0] ^= 1
    fill(tmp_path, {NAMES[2]: other})
    with pytest.raises(DataError, match=r"not the published file: .*download=True"):
        fetch_mnist(data_home=tmp_path)


def test_a_raw_file_of_another_set_is_refused_by_its_counts(arrays, tmp_path):
    other = np.minimum(arrays[NAMES[3]], 8)
    fill(tmp_path, arrays | {NAMES[3]: other}, bytes, "")
    with pytest.raises(DataError, match="of another set whose files have the same"):
        fetch_mnist(data_home=tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (NAMES[0], lambda x: x[1:]),
        (NAMES[0], lambda x: x[:, :27]),
        (NAMES[2], lambda x: x.astype(np.float32)),
        (NAMES[2], lambda x: x.reshape(-1, 784)),
        (NAMES[1], lambda y: y[1:]),
        (NAMES[1], lambda y: np.append(y, y[:1])),
        (NAMES[3], lambda y: y.astype(np.int32)),
        (NAMES[3], lambda y: y[:, np.newaxis]),
    ],
)
def test_a_raw_file_of_another_form_is_refused(name, change, arrays, tmp_path):
    fill(tmp_path, arrays | {name: change(arrays[name])}, bytes, "")
    with pytest.raises(DataError, match=f"{name} holds .* not a file of mnist"):
        fetch_mnist(data_home=tmp_path)


def test_a_label_above_nine_is_refused(arrays, tmp_path):
    labels = arrays[NAMES[1]].copy()
    labels[0] = 10
    fill(tmp_path, arrays | {NAMES[1]: labels}, bytes, "")
    with pytest.raises(DataError, match=r"labels .* images 0, 1"):
        fetch_mnist(data_home=tmp_path)


def test_a_broken_file_is_refused(arrays, tmp_path):
    fill(tmp_path, arrays)
    file = tmp_path / f"{NAMES[0]}.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match="no whole gzip file"):
        fetch_mnist(data_home=tmp_path)


def test_fashion_mnist_has_its_own_folder_and_call(tmp_path, monkeypatch):
    monkeypatch.setenv("AB_INITIO_DATA", str(tmp_path))
    with pytest.raises(
        DataError, match=r"call fetch_fashion_mnist\(download="
    ) as error:
        fetch_fashion_mnist()
    assert str(tmp_path / "fashion-mnist") in str(error.value)


@pytest.mark.parametrize("name", ["MNIST", "FASHION_MNIST"])
def test_what_is_known_of_the_published_sets(name):
    published = getattr(data.mnist, name)
    assert list(published.sha256) == NAMES
    hashes = {
        int(sha256, 16).bit_length() > 200 for sha256 in published.sha256.values()
    }
    assert hashes == {True}
    assert {len(sha256) for sha256 in published.sha256.values()} == {64}
    assert {part: sum(n) for part, n in published.counts.items()} == {
        "train": 60000,
        "t10k": 10000,
    }
    assert all(mirror.endswith("/") for mirror in published.mirrors)
