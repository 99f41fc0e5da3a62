"""The IDX reader: faithful to good files, unmoved by hostile ones."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data import DataError, read_idx
from tests.data.idx_files import CODES, arrays, encode, header, same, write, zipped

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
ARRAYS = st.sampled_from(sorted(CODES)).flatmap(lambda name: hnp.arrays(name, SHAPES))


@given(array=ARRAYS, pack=st.sampled_from([bytes, zipped]))
def test_round_trip(array, pack, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "round-trip"
    found = read_idx(write(path, pack(encode(array))))
    assert same(found, array)
    assert found.dtype.isnative
    assert found.flags.c_contiguous
    assert found.flags.writeable


def test_bytes_by_hand(tmp_path):
    content = bytes.fromhex("00000b02 00000002 00000001 0001 fffe")
    found = read_idx(write(tmp_path / "int16", content))
    assert same(found, np.array([[1], [-2]], np.int16))
    content = bytes.fromhex("00000d01 00000002 3f800000 c0200000")
    found = read_idx(str(write(tmp_path / "float32", content)))
    assert same(found, np.array([1.0, -2.5], np.float32))


def test_a_gzip_file_in_several_members_is_one_file(tmp_path):
    array = arrays()["i4"]
    content = encode(array)
    members = zipped(content[:9]) + zipped(content[9:30]) + zipped(content[30:])
    assert same(read_idx(write(tmp_path / "members", members)), array)


GOOD = encode(np.arange(6, dtype=np.uint8).reshape(2, 3))
HOSTILE = {
    "empty": (b"", "no IDX file"),
    "three bytes": (GOOD[:3], "no IDX file"),
    "a web page": (b"<!DOCTYPE html>", "'3c 21 44 4f' .* web page"),
    "unknown type": (header(0x0A, (2,)) + b"ab", "type 0a and 1 axes"),
    "no axis": (bytes([0, 0, 8, 0]), "0 axes"),
    "five axes": (header(8, (1,) * 5) + b"a", "5 axes"),
    "header cut": (GOOD[:9], "ends within its IDX header"),
    "no number": (GOOD[:12], "claims 6 bytes .* cut short"),
    "one byte short": (GOOD[:-1], "6 bytes .* cut short"),
    "one byte long": (GOOD + b"!", "goes on after the 6 bytes"),
    "two files": (GOOD + GOOD, "goes on after the 6 bytes"),
    "product wraps to zero": (header(8, (2**31, 2**31, 4)), "more than max_bytes"),
    "product wraps to six": (header(8, (2**32 - 1,) * 4) + b"ab", "than max_bytes"),
    "empty and huge": (header(0x0E, (0,) + (2**32 - 1,) * 3), "more than max_bytes"),
    "more than the file": (header(0x0E, (2**20,)) + bytes(99), "cannot hold more"),
    "zipped: empty": (zipped(b""), "no IDX file"),
    "zipped: one byte short": (zipped(GOOD[:-1]), "has 5: it was cut short"),
    "zipped: one byte long": (zipped(GOOD + b"!"), "goes on after the 6"),
    "zipped: two files": (zipped(GOOD) * 2, "goes on after the 6"),
    "zipped twice": (zipped(zipped(GOOD)), "no IDX file: .*'1f 8b"),
    "zipped: junk after": (zipped(GOOD) + b"junk", "no whole gzip file"),
    "zipped: cut": (zipped(GOOD)[:-9], "no whole gzip file"),
    "zipped: no checksum": (zipped(GOOD)[:-8], "no whole gzip file"),
    "zipped: checksum": (zipped(GOOD)[:-8] + bytes(8), "no whole gzip file .*CRC"),
    "zipped: length": (zipped(GOOD)[:-4] + bytes(4), "no whole gzip file .*length"),
    "zipped: two bytes": (b"\x1f\x8b", "no whole gzip file"),
    "zipped: more than gzip can": (
        zipped(header(8, (2**30,)) + bytes(99)),
        "cannot hold more",
    ),
}


@pytest.mark.parametrize(("content", "words"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_file_is_refused(content, words, tmp_path):
    path = write(tmp_path / "hostile", content)
    with pytest.raises(DataError, match=words) as error:
        read_idx(path)
    assert str(path) in str(error.value)


def test_the_limit_is_exact(tmp_path):
    path = write(tmp_path / "six", GOOD)
    assert read_idx(path, max_bytes=6).size == 6
    with pytest.raises(DataError, match="max_bytes = 5"):
        read_idx(path, max_bytes=5)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")


def test_zeros_are_believed(tmp_path):
    """They are what gzip packs most densely, here 1028 to 1: the limit lets them by."""
    content = gzip.compress(encode(np.zeros(2**24, np.uint8)))
    assert len(content) < 2**24 / 1000
    assert not read_idx(write(tmp_path / "zeros", content)).any()


class Peak:
    """The most bytes that were allocated at once within a `with`."""

    def __enter__(self):
        tracemalloc.start()
        return self

    def __exit__(self, *_):
        self.bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


def test_a_claim_allocates_nothing(tmp_path):
    """A gigabyte is claimed within the limit, and 99 bytes are there."""
    content = header(8, (2**30,)) + bytes(99)
    for pack in (bytes, zipped):
        path = write(tmp_path / "claim", pack(content))
        with Peak() as peak, pytest.raises(DataError, match="cannot hold more"):
            read_idx(path)
        assert peak.bytes < 2**19


def test_a_bomb_is_not_unpacked(tmp_path):
    """16 MiB of zeros in 16 kB: neither its own claim nor the zeros get memory."""
    zeros = gzip.compress(bytes(2**24))
    for claim, words in [(2**24, "more than max_bytes"), (10, "goes on after")]:
        path = write(tmp_path / "bomb", zipped(header(8, (claim,))) + zeros)
        with Peak() as peak, pytest.raises(DataError, match=words):
            read_idx(path, max_bytes=2**20)
        assert peak.bytes < 2**19


@pytest.mark.parametrize("pack", [bytes, zipped])
def test_a_large_file_takes_the_memory_of_its_array(pack, tmp_path):
    array = np.full((4, 2**20), 258, np.int32)
    path = write(tmp_path / "large", pack(encode(array)))
    with Peak() as peak:
        found = read_idx(path)
    assert same(found, array)
    assert peak.bytes < array.nbytes + 2**22


def mutate(content, rng):
    """Damage a file: bits, bytes, lengths, its header, pieces of it twice or gone."""
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(damaged) + 1))
        match rng.integers(7):
            case 0 if damaged:
                damaged[place % len(damaged)] ^= 1 << int(rng.integers(8))
            case 1:
                del damaged[place:]
            case 2:
                del damaged[place : place + int(rng.integers(1, 9))]
            case 3:
                damaged[place:place] = rng.bytes(int(rng.integers(1, 9)))
            case 4:
                damaged[place:place] = damaged[place : place + 16]
            case 5:
                value = rng.choice([0, 1, 2, 255, 2**16, 2**30, 2**31, 2**32 - 1])
                damaged[4 : 4 + 4] = struct.pack(">I", value)
            case 6 if len(damaged) > 3:
                damaged[int(rng.integers(4))] = int(rng.integers(16))
    return bytes(damaged)


def test_fuzz(tmp_path):
    """Of 2,000 damaged files each is refused by name, or read as it stands.

    A plain file that is accepted must be, byte for byte, the file that its array makes.
    One that was damaged after it was gzipped must give the array as it was. Memory is
    held to the limit of 64 kB and what Python needs to read at all.
    """
    rng = np.random.default_rng(0)
    files = []  # and what the reader has to have understood, if it accepts them
    for array in list(arrays().values()) * 112:
        content = encode(array)
        damaged = mutate(content, rng)
        files.append((damaged, damaged))
        files.append((zipped(damaged), damaged))
        files.append((mutate(zipped(content), rng), content))
    assert len(files) > 2000

    accepted = 0
    with Peak() as peak:
        for file, understood in files:
            path = write(tmp_path / "fuzzed", file)
            try:
                found = read_idx(path, max_bytes=2**16)
            except DataError:
                continue
            accepted += 1
            assert encode(found) == understood
    assert 100 < accepted < 1000
    assert peak.bytes < 2**20
