"""IDX, the file format of MNIST: a header of a few bytes, then the numbers.

    2 bytes       0
    1 byte        type: 08 uint8, 09 int8, 0b int16, 0c int32, 0d float32, 0e float64
    1 byte        ndim
    4 ndim bytes  the shape, as big-endian uint32
    the rest      the entries, big-endian, last axis fastest

A file may be gzipped, under any name. A header may lie: its claims are checked against
a limit and against the size of the file before an array is allocated, and the numbers
have to end where the file ends.

Reference: Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database (1998).
"""

import gzip
import io
import math
import os
import zlib

import numpy as np

from data.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_NDIM = 4
GZIP_MAGIC = b"\x1f\x8b"
# Deflate spends at least two bits on a run, and a run has at most 258 bytes.
LARGEST_GZIP_RATIO = 1032
CHUNK = 1 << 20


def read_idx(path: str | os.PathLike, *, max_bytes: int = 2**31) -> np.ndarray:
    """Read the array of an IDX file, gzipped or not, in the machine's byte order.

    Parameters
    ----------
    path : the file
    max_bytes : refuse a header that claims more than this, 2 GiB

    Raises
    ------
    DataError
        If the file is not IDX or not gzip, is cut short, goes on after its last number,
        fails gzip's checksum, or claims more than max_bytes or than it could hold.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        zipped = file.read(2) == GZIP_MAGIC
        file.seek(0)
        source = gzip.GzipFile(fileobj=file) if zipped else file
        most = size * LARGEST_GZIP_RATIO if zipped else size
        try:
            dtype, shape = _read_header(source)
            _check_claim(dtype, shape, max_bytes, most)
            return _read_entries(source, dtype, shape)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{path} is no whole gzip file ({error}), so its numbers cannot be "
                "trusted: fetch it again"
            ) from error
        except DataError as error:
            raise DataError(f"{path} {error}") from None


def _read_header(source: io.BufferedIOBase) -> tuple[np.dtype, tuple[int, ...]]:
    magic = source.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(
            f"is no IDX file: it begins with the bytes {magic.hex(' ')!r} and not with "
            "'00 00', a type and a number of axes; a web page may have been saved "
            "under this name: fetch the file again"
        )
    code, ndim = magic[2:]
    if code not in TYPES or not 1 <= ndim <= MAX_NDIM:
        known = ", ".join(f"{code:02x}" for code in TYPES)
        raise DataError(
            f"has the IDX type {code:02x} and {ndim} axes; the types are {known} and "
            f"the axes 1 to {MAX_NDIM}: it is damaged, or another kind of file"
        )
    lengths = source.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise DataError("ends within its IDX header: it was cut short, fetch it again")
    shape = tuple(int(length) for length in np.frombuffer(lengths, ">u4"))
    return np.dtype(TYPES[code]), shape


def _check_claim(dtype: np.dtype, shape: tuple[int, ...], max_bytes: int, most: int):
    """Raise before anything is allocated for a shape that cannot be meant.

    An axis of length 0 makes the array empty, but NumPy still multiplies the others.
    """
    if math.prod(max(length, 1) for length in shape) * dtype.itemsize > max_bytes:
        raise DataError(
            f"claims the shape {shape} of {dtype.name}, more than max_bytes = "
            f"{max_bytes}; nothing was allocated: if it is right, pass a larger "
            "max_bytes"
        )
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > most:
        raise DataError(
            f"claims {claimed} bytes of numbers, shape {shape} of {dtype.name}, and "
            f"cannot hold more than {most}: it was cut short, fetch it again"
        )


def _read_entries(
    source: io.BufferedIOBase, dtype: np.dtype, shape: tuple[int, ...]
) -> np.ndarray:
    array = np.empty(shape, dtype)
    unread = array.reshape(-1).view(np.uint8).data
    while unread and (count := source.readinto(unread[:CHUNK])):
        unread = unread[count:]
    if unread:
        raise DataError(
            f"claims {array.nbytes} bytes of numbers and has "
            f"{array.nbytes - len(unread)}: it was cut short, fetch it again"
        )
    # One byte more than there should be: gzip compares its checksum at the end only.
    if source.read(1):
        raise DataError(
            f"goes on after the {array.nbytes} bytes of numbers that it claims: it is "
            "damaged, or two files in one"
        )
    if not dtype.isnative:
        array.byteswap(inplace=True)
    return array.view(dtype.newbyteorder("="))
