"""One file of arrays and their description: a .npz without pickle, whole or refused.

The file is a zip archive of uncompressed members: one .npy for each array, and last
manifest.json, which tells the name, dtype, shape, axes and CRC-32 of each of them. So
`np.load(path, allow_pickle=False)` reads the arrays anywhere; an array that lies in
memory neither in C nor in Fortran order is stored with its axes in memory's order.

A file is written beside its place and moved there when it is complete and on the disk:
a reader finds the old one or the new one. A file is read against what a writer would
have written: the members fill it from the first byte to the directory at its end, each
begins with the very header that the manifest implies, and has the checksum that the
manifest names. All this is known before memory is asked for: an array takes as many
bytes as the file has for it, and the manifest has a largest size.

Formats: PKWARE, APPNOTE.TXT 6.3.10 (zip); NumPy, numpy.lib.format (npy, version 1.0).
"""

import glob
import json
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

FORMAT, VERSION, MANIFEST = "ab-initio", 1, "manifest.json"
LARGEST_FILE = 2**31 - 1  # bytes; beyond it the layout of a zip archive is another one
LARGEST_MANIFEST = 2**22  # bytes; as objects JSON takes some fifty times as many
KINDS = {
    "model": "optim.storage.load(path, classes)",
    "run": "fit(..., checkpoint=Checkpoint(path, resume=True))",
    "chains": "Chains.load(path, sampler)",
}
DTYPE = re.compile(r"[<>|][biufcSU][1-9]\d{0,8}")
DIRECTORY_END = struct.Struct("<4s4H2LH")
LOCAL_HEADER = 30  # bytes in front of the name of a member


class CheckpointError(ValueError):
    """A file is not the whole, sound file that was asked for; nothing is loaded."""


def is_plain(dtype: np.dtype) -> bool:
    """Whether a dtype is of numbers, booleans or strings, all of one positive size."""
    return DTYPE.fullmatch(dtype.str) is not None


def plain_dtype(code: str) -> np.dtype:
    """Return the dtype of a code like <f8, if `is_plain` holds for it."""
    if not DTYPE.fullmatch(code):
        raise ValueError(f"it names the dtype {code:.40}, which no plain array has")
    return np.dtype(code)


def write_archive(
    path: str | Path,
    kind: str,
    content: Any,
    arrays: dict[str, np.ndarray],
    previous: Path | None = None,
) -> None:
    """Write a file in one step, and its folder if there is none.

    Parameters
    ----------
    kind : a key of KINDS; a reader refuses every other
    content : what JSON can hold; it goes into the manifest
    arrays : name -> array, each `is_plain`; the order is kept
    previous : the name that a file which is already at `path` shall have from now on

    Raises ValueError if the file would be larger than LARGEST_FILE, or its manifest
    than LARGEST_MANIFEST, and OSError if it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            _write_members(file, kind, content, arrays)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            os.replace(path, previous)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):  # a folder is a file of its own, except on Windows
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def require_room(total: int) -> None:
    """Raise ValueError if arrays of so many bytes together are too many for a file."""
    if total > LARGEST_FILE - 2 * LARGEST_MANIFEST:
        raise ValueError(
            f"the arrays have {total} bytes together and a file holds about 2 GiB; "
            "keep what can be computed again, such as data, out of the state, and of "
            "each draw only a statistic"
        )


def remove_partial(path: Path) -> None:
    """Remove what writers of a file left beside it when they were killed."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        partial.unlink(missing_ok=True)


def _write_members(file: BinaryIO, kind: str, content: Any, arrays: dict) -> None:
    require_room(sum(array.nbytes for array in arrays.values()))
    rows = []
    with zipfile.ZipFile(file, "w", allowZip64=False) as archive:
        for name, array in arrays.items():
            axes = _memory_order(array)
            stored = np.asarray(array.transpose(axes), order="C")
            info = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(info, "w") as member:
                member.write(_npy_header(array.dtype, array.shape, axes))
                member.write(_bytes_of(stored).data)
            rows.append(
                {
                    "name": name,
                    "dtype": array.dtype.str,
                    "shape": array.shape,
                    "axes": axes,
                    "crc32": info.CRC,
                }
            )
        manifest = {"format": FORMAT, "version": VERSION, "kind": kind}
        manifest |= {"arrays": rows, "content": content}
        text = json.dumps(manifest, allow_nan=False)
        if len(text) > LARGEST_MANIFEST:
            raise ValueError(
                f"all that is not in an array takes {len(text)} characters of JSON and "
                f"{LARGEST_MANIFEST} are allowed; put long lists of numbers into "
                "arrays, np.array(numbers)"
            )
        archive.writestr(zipfile.ZipInfo(MANIFEST), text)


def _memory_order(array: np.ndarray) -> list[int]:
    """Return the axes from the one with the longest stride to the shortest.

    NumPy's sums and BLAS's products round differently for arrays of different layout:
    one that comes back transposed in memory would not continue bit for bit.
    """
    axes = list(range(array.ndim))
    if array.flags.c_contiguous:
        return axes
    if array.flags.f_contiguous:
        return axes[::-1]
    return sorted(axes, key=lambda axis: -abs(array.strides[axis]))


def _npy_header(dtype: np.dtype, shape: tuple[int, ...], axes: list[int]) -> bytes:
    """Return the beginning of a .npy file, as NumPy's documentation describes it."""
    fortran = len(axes) > 1 and axes == sorted(axes, reverse=True)
    if not fortran:
        shape = tuple(shape[axis] for axis in axes)
    text = repr({"descr": dtype.str, "fortran_order": fortran, "shape": shape})
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def _bytes_of(array: np.ndarray) -> np.ndarray:
    """Return a contiguous array as a vector of its bytes, a view."""
    return array.reshape(-1).view(np.uint8)


@contextmanager
def refusing(path: str | Path) -> Iterator[None]:
    """Turn whatever a file makes go wrong in the block into a CheckpointError.

    OSError passes, such as FileNotFoundError: it is the disk's, not the file's.
    """
    try:
        yield
    except (OSError, CheckpointError):
        raise
    # Any other exception: hostile bytes, taken apart, must end in the one named error.
    except Exception as error:
        what = str(error)
        if not isinstance(error, ValueError):
            what = f"what it holds makes no sense ({type(error).__name__}: {what})"
        raise CheckpointError(
            f"{path} cannot be loaded: {what}. Nothing has been loaded, because a part "
            "can look like the whole; write the file anew, or take a copy of it"
        ) from error


def read_archive(path: str | Path, kind: str) -> tuple[Any, list[np.ndarray]]:
    """Return the content and the arrays of a file of this kind.

    Raises ValueError, or any other exception, if it is damaged, foreign or hostile: for
    use within `refusing`.
    """
    with open(path, "rb") as file:
        manifest, plans = _examine(file, kind)
        return manifest["content"], [_read_array(file, *plan) for plan in plans]


def _examine(file: BinaryIO, kind: str) -> tuple[dict[str, Any], list[tuple]]:
    """Return the manifest, and for each array what `_read_array` needs."""
    members = _members(file)
    manifest = json.loads(_read_manifest(file, *members.pop(MANIFEST)))
    if manifest["format"] != FORMAT or manifest["version"] != VERSION:
        raise ValueError(
            f"its format is {manifest['format']!r:.40}, version "
            f"{manifest['version']!r:.40}, and this program reads {FORMAT!r}, version "
            f"{VERSION}: use the one that wrote it"
        )
    if manifest["kind"] != kind:
        belongs = KINDS[manifest["kind"]]
        raise ValueError(
            f"it holds a {manifest['kind']} and a {kind} is wanted: read it by "
            f"{belongs}"
        )
    plans = [_plan(row, members) for row in manifest["arrays"]]
    if members:
        raise ValueError(f"it has members without an array: {sorted(members)!r:.80}")
    return manifest, plans


def _members(file: BinaryIO) -> dict[str, tuple[int, int, int]]:
    """Return name -> (offset, size, CRC-32) of members that fill the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - DIRECTORY_END.size, 0))
    end = file.read()
    if len(end) < DIRECTORY_END.size:
        raise ValueError(f"it has {size} bytes, and a zip archive has more")
    signature, *_, length, start, comment = DIRECTORY_END.unpack(end)
    whole = start + length + DIRECTORY_END.size == size
    if signature != b"PK\x05\x06" or comment or not whole:
        raise ValueError("its end is not that of a zip archive: it was cut or extended")
    if length > LARGEST_MANIFEST:
        raise ValueError(f"its directory has {length} bytes, too many to be ours")
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
    if MANIFEST not in [info.filename for info in infos]:
        raise ValueError(
            "it has no manifest.json, so it was written by another program; np.load "
            "reads the arrays of any .npz"
        )
    members = {}
    offset = 0
    for info in infos:
        packed = info.compress_type, info.flag_bits, info.compress_size
        if packed != (zipfile.ZIP_STORED, 0, info.file_size):
            raise ValueError(f"{info.filename!r:.80} is compressed or encrypted")
        if info.header_offset != offset or info.filename in members:
            raise ValueError(f"{info.filename!r:.80} is there twice or misplaced")
        offset += LOCAL_HEADER + len(info.orig_filename)
        members[info.filename] = offset, info.file_size, info.CRC
        offset += info.file_size
    if offset != start:
        raise ValueError("its members and its directory do not fill it")
    return members


def _read_manifest(file: BinaryIO, offset: int, size: int, checksum: int) -> str:
    if size > LARGEST_MANIFEST:
        raise ValueError(f"its manifest has {size} bytes, too many to be ours")
    file.seek(offset)
    data = file.read(size)
    if zlib.crc32(data) != checksum:
        raise ValueError("its manifest is damaged: the checksum is another")
    return data.decode("ascii")


def _plan(row: dict[str, Any], members: dict[str, tuple[int, int, int]]) -> tuple:
    """Return what `_read_array` needs, after every check that needs no data."""
    name, shape, axes = f"{row['name']}.npy", tuple(row["shape"]), row["axes"]
    if name not in members:
        raise ValueError(f"it has no member {name!r:.80}, or one for two arrays")
    if len(shape) > 64 or any(type(n) is not int or not 0 <= n < 2**63 for n in shape):
        raise ValueError(f"{name!r:.80} has the shape {shape!r:.80}")
    if sorted(axes) != list(range(len(shape))):
        raise ValueError(f"{name!r:.80} has the axes {axes!r:.80}")
    dtype = plain_dtype(row["dtype"])
    offset, size, checksum = members.pop(name)
    header = _npy_header(dtype, shape, axes)
    if size != len(header) + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r:.80} has another size than its shape and dtype")
    if checksum != row["crc32"]:
        raise ValueError(f"{name!r:.80} is not the member that was written here")
    return name, offset, header, dtype, shape, axes, checksum


def _read_array(file, name, offset, header, dtype, shape, axes, checksum):
    file.seek(offset)
    if file.read(len(header)) != header:
        raise ValueError(f"{name!r:.80} has another header than its shape and dtype")
    stored = np.empty([shape[axis] for axis in axes], dtype)
    data = _bytes_of(stored).data
    file.readinto(data)
    if zlib.crc32(data, zlib.crc32(header)) != checksum:
        raise ValueError(f"{name!r:.80} is damaged: the checksum is another")
    return stored.transpose(np.argsort(axes))
