"""IDX files made from arrays, for the tests of what reads them."""

import gzip

import numpy as np

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def header(code, shape):
    """The bytes before the numbers."""
    lengths = b"".join(length.to_bytes(4, "big") for length in shape)
    return bytes([0, 0, code, len(shape)]) + lengths


def encode(array):
    """The bytes of an IDX file that holds the array."""
    code = CODES[array.dtype.str[1:]]
    return (
        header(code, array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


def zipped(content):
    """The same, gzipped, without a time."""
    return gzip.compress(content, compresslevel=1, mtime=0)


def write(path, content):
    path.write_bytes(content)
    return path


def same(first, second):
    """Equal to the last bit, nan included."""
    return (
        first.dtype == second.dtype
        and first.shape == second.shape
        and first.tobytes() == second.tobytes()
    )


def arrays():
    """One small array of each of the six types."""
    rng = np.random.default_rng(0)
    return {
        name: rng.integers(-99, 99, (3, 4)).astype(name)
        if name != "u1"
        else rng.integers(0, 256, (2, 3, 4)).astype(np.uint8)
        for name in CODES
    }
