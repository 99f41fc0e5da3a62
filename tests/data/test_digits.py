"""The shipped digits are the published ones, and a damaged file is refused."""

import hashlib
import io

import numpy as np
import pytest

import data.digits
from data import DataError, load_digits


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def test_shapes_and_dtypes(digits):
    described = [(digits.images, (1797, 8, 8), np.uint8)]
    described += [(digits.labels, (1797,), np.int64)]
    described += [(digits.train, (1437,), np.int64), (digits.test, (360,), np.int64)]
    described += [(digits.X, (1797, 64), np.float64)]
    for array, shape, dtype in described:
        assert array.shape == shape
        assert array.dtype == dtype


def test_images_are_those_of_scikit_learn(digits):
    """Numbers computed from sklearn.datasets.load_digits() of scikit-learn 1.9.1."""
    expected = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
    assert hashlib.sha256(digits.images.tobytes()).hexdigest() == expected
    assert (digits.images.min(), digits.images.max()) == (0, 16)
    assert digits.images.sum() == 561718
    assert digits.images.sum(axis=(1, 2))[:5].tolist() == [294, 313, 344, 267, 258]


def test_labels_are_those_of_scikit_learn(digits):
    labels = digits.labels.astype(np.uint8)
    expected = "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"
    assert hashlib.sha256(labels.tobytes()).hexdigest() == expected
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(digits.labels).tolist() == counts


def test_split_is_the_documented_permutation(digits):
    order = np.random.RandomState(0).permutation(1797)
    assert np.array_equal(np.concatenate([digits.train, digits.test]), order)


def test_split_is_disjoint_and_complete(digits):
    both = np.concatenate([digits.train, digits.test])
    assert np.array_equal(np.sort(both), np.arange(1797))
    counts = [31, 35, 39, 33, 44, 29, 40, 40, 28, 41]
    assert np.bincount(digits.labels[digits.test]).tolist() == counts


def test_X_is_the_images_scaled_to_the_unit_interval(digits):
    assert np.array_equal(digits.X * 16, digits.images.reshape(1797, 64))
    assert (digits.X.min(), digits.X.max()) == (0.0, 1.0)


@pytest.mark.parametrize("name", ["train", "test"])
def test_sets_hold_the_rows_of_their_index(digits, name):
    index = getattr(digits, name)
    X, y = getattr(digits, f"{name}_set")
    assert np.array_equal(X, digits.X[index])
    assert np.array_equal(y, digits.labels[index])


def test_every_load_is_a_copy(digits):
    first = load_digits()
    first.images[:] = 0
    assert digits.images.any()
    assert load_digits().images.any()


def test_license_attributes_and_description_warns(digits):
    for words in ["CC BY 4.0", "E. Alpaydin and C. Kaynak (1998)", "10.24432/C50P49"]:
        assert words in digits.license
    assert "split at random" in digits.description


def test_sha256_is_that_of_the_file(digits):
    content = data.digits.FILE.read_bytes()
    assert digits.sha256 == {"digits.npz": hashlib.sha256(content).hexdigest()}


def other_arrays(content):
    """A healthy archive that holds something else."""
    file = io.BytesIO()
    np.savez_compressed(file, images=np.zeros((1797, 8, 8), np.uint8))
    return file.getvalue()


def flip_bit(content):
    """The file with one bit flipped in the middle of the images."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[:-100],
    "appended to": lambda content: content + b"\0",
    "bit flipped": flip_bit,
    "text": lambda content: b"version https://git-lfs.github.com/spec/v1\n",
    "other arrays": other_arrays,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_is_refused(damage, tmp_path, monkeypatch):
    damaged = tmp_path / "digits.npz"
    damaged.write_bytes(damage(data.digits.FILE.read_bytes()))
    monkeypatch.setattr(data.digits, "FILE", damaged)
    with pytest.raises(DataError, match=r"is damaged: .*git checkout") as error:
        load_digits()
    assert str(damaged) in str(error.value)
