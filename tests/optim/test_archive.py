"""The file: what others read in it, what is refused, and that it is never torn."""

import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from optim.storage import load, save
from samplers import archive
from samplers.archive import CheckpointError, read_archive, refusing, write_archive
from tests.optim.damaged_files import pack, unpack

FILES = int(os.environ.get("DAMAGED_FILES", "2000"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.npz"


def read(path):
    with refusing(path):
        return read_archive(path, "model")


def test_numpy_reads_the_arrays(path):
    arrays = {
        "C": np.arange(6.0).reshape(2, 3),
        "F": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        "gaps": np.arange(20.0)[::-3],
        "0-d": np.array(True),
        "empty": np.zeros((0, 3), np.complex64),
        "words": np.array([["a", "bcd"]]),
    }
    write_archive(path, "model", None, arrays)
    with np.load(path, allow_pickle=False) as file:
        assert file.files == [*arrays, "manifest.json"]
        for name, array in arrays.items():
            assert file[name].dtype == array.dtype
            assert file[name].flags.f_contiguous == (name != "C")
            assert np.array_equal(file[name], array)
    content, found = read(path)
    assert content is None
    for one, other in zip(found, arrays.values(), strict=True):
        assert np.array_equal(one, other)


def test_an_array_of_other_axes_is_stored_as_it_lies_in_memory(path):
    array = np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0)
    write_archive(path, "model", None, {"x": array})
    with np.load(path) as file:
        assert np.array_equal(file["x"], array.transpose(2, 0, 1))
        [row] = json.loads(file["manifest.json"])["arrays"]
    assert row["shape"] == [3, 4, 2]
    assert row["axes"] == [2, 0, 1]
    assert read(path)[1][0].strides == array.strides


def test_equal_contents_are_equal_bytes(path):
    for name in ("one.npz", "two.npz"):
        save(path.with_name(name), {"x": np.ones(3), "y": 0.1})
    one, two = (path.with_name(name).read_bytes() for name in ("one.npz", "two.npz"))
    assert one == two


def test_a_folder_is_made(path):
    save(path.parent / "new" / "folder" / "file.npz", [1])
    assert load(path.parent / "new" / "folder" / "file.npz") == [1]


def test_a_missing_file_is_a_missing_file(path):
    with pytest.raises(FileNotFoundError, match=r"file\.npz"):
        load(path)
    with pytest.raises(IsADirectoryError):
        load(path.parent)


def test_too_much_is_refused_before_it_is_written(path, monkeypatch):
    save(path, "old")
    monkeypatch.setattr(archive, "LARGEST_MANIFEST", 10_000)
    with pytest.raises(ValueError, match="put long lists of numbers into arrays"):
        save(path, [0.1] * 3000)
    monkeypatch.setattr(archive, "LARGEST_FILE", 2 * archive.LARGEST_MANIFEST + 100)
    with pytest.raises(ValueError, match="a file holds about 2 GiB"):
        save(path, np.zeros(13))
    assert load(path) == "old"
    assert os.listdir(path.parent) == ["file.npz"]


class Killed(BaseException):
    """An end without a chance to say anything, but for `finally`."""


@pytest.mark.parametrize("call", range(5))
def test_a_write_that_is_broken_off_leaves_the_old_file_or_the_new(
    path, monkeypatch, call
):
    previous = path.with_name("file.npz.previous")
    write_archive(path, "model", "oldest", {})
    write_archive(path, "model", "old", {"x": np.ones(9)}, previous)
    calls = iter(range(100))

    def kill(function):
        def killed(*args):
            if next(calls) == call:
                raise Killed
            return function(*args)

        return killed

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, kill(getattr(os, name)))
    try:
        write_archive(path, "model", "new", {"x": np.zeros(9)}, previous)
    except Killed:
        assert call < 4
    found = [read(file)[0] for file in (path, previous) if file.exists()]
    assert (
        found
        == [["old", "oldest"], ["old", "oldest"], ["old"], *[["new", "old"]] * 2][call]
    )
    assert len(os.listdir(path.parent)) == len(found)


def change_manifest(**changes):
    def change(members):
        manifest = json.loads(members[-1][1]) | changes
        members[-1][1] = json.dumps(manifest).encode()
        return pack(members)

    return change


def change_row(**changes):
    def change(members):
        manifest = json.loads(members[-1][1])
        manifest["arrays"][0] |= changes
        members[-1][1] = json.dumps(manifest).encode()
        return pack(members)

    return change


def flip(place):
    def change(members):
        data = bytearray(pack(members))
        data[place] ^= 1
        return bytes(data)

    return change


def other_word(members):
    return pack(members).replace(b'"format"', b'"farmat"')


def twice(members):
    return pack([members[0], *members])


def swap_data(members):
    members[0][1], members[1][1] = members[1][1], members[0][1]
    return pack(members)


def other_header(members):
    file = io.BytesIO()
    np.save(file, np.ones(3, "<i8"))
    members[0][1] = file.getvalue()
    return pack(members)


def hidden_bytes(members):
    """Put bytes between the members and the directory, which knows where it is."""
    data = pack(members)
    end = list(archive.DIRECTORY_END.unpack(data[-archive.DIRECTORY_END.size :]))
    start, end[6] = end[6], end[6] + 10
    directory = data[start : -archive.DIRECTORY_END.size]
    return data[:start] + bytes(10) + directory + archive.DIRECTORY_END.pack(*end)


def other_program(members):
    file = io.BytesIO()
    np.savez(file, x=np.ones(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda members: b"", "it has 0 bytes"),
        (lambda members: b"x" * 100, "cut or extended"),
        (lambda members: pack(members)[:-1], "cut or extended"),
        (lambda members: pack(members) + b"x", "cut or extended"),
        (lambda members: b"x" + pack(members), "cut or extended"),
        (lambda members: pack(members, comment=b"x"), "cut or extended"),
        (lambda members: pack(members, zipfile.ZIP_DEFLATED), "is compressed"),
        (lambda members: pack(members[:-1]), r"no manifest\.json"),
        (lambda members: pack(members[1:]), "has no member 'model"),
        (lambda members: pack([["x.npy", b""], *members]), r"without .* \['x.npy'\]"),
        (other_program, r"no manifest\.json, .* another program"),
        (hidden_bytes, "do not fill it"),
        (twice, "there twice"),
        (swap_data, "is not the member that was written here"),
        (other_header, "is not the member that was written here"),
        (flip(180), "is damaged: the checksum is another"),
        (other_word, "its manifest is damaged"),
        (change_manifest(format="other"), "its format is 'other'"),
        (change_manifest(version=2), "version 2, .* use the one that wrote it"),
        (change_manifest(kind="run"), r"holds a run and a model .* fit\(\.\.\., check"),
        (change_manifest(kind="other"), "makes no sense"),
        (change_manifest(arrays=None), "makes no sense"),
        (change_row(dtype="|O"), "names the dtype"),
        (change_row(dtype="<f3"), "makes no sense"),
        (change_row(dtype="<U0"), "names the dtype"),
        (change_row(dtype="<i8"), "another header"),
        (change_row(shape=[10**9]), "another size"),
        (change_row(shape=[2**70]), "has the shape"),
        (change_row(shape=[-3]), "has the shape"),
        (change_row(shape=[0] * 65, axes=list(range(65))), "has the shape"),
        (change_row(axes=[1]), "has the axes"),
        (change_row(crc32=0), "is not the member"),
        (change_row(name="x"), "has no member"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(path, change, words):
    save(path, [np.ones(3), np.zeros(3)])
    path.write_bytes(change(unpack(path.read_bytes())))
    with pytest.raises(CheckpointError, match=words) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path} cannot be loaded: ")
    assert str(caught.value).endswith("write the file anew, or take a copy of it")


@pytest.mark.parametrize("part", ["manifest", "directory"])
def test_the_parts_that_are_read_whole_are_limited(path, part):
    save(path, [np.ones(3)])
    members = unpack(path.read_bytes())
    if part == "manifest":
        members[-1][1] += b" " * archive.LARGEST_MANIFEST
    else:
        members[1:1] = [[f"{i}{'x' * 60_000}", b""] for i in range(75)]
    path.write_bytes(pack(members))
    with pytest.raises(CheckpointError, match=rf"its {part} has \d+ bytes, too many"):
        load(path)


def test_damaged_files_give_the_one_error_or_what_was_written(tmp_path):
    """DAMAGED_FILES=20000 in the environment reads so many of them."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.optim.damaged_files", str(FILES), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(run.stdout)
    assert found["wrong"] == []
    assert sum(found["tally"].values()) == FILES
    outcomes = {outcome.split(": ")[1] for outcome in found["tally"]}
    assert outcomes == {"CheckpointError", "identical", "another file"}
    assert found["memory, MB"] < 150
    assert found["slowest, s"] < 2
