"""Fetching: from the first mirror that has the right bytes, whole or not at all."""

import hashlib
import os
import socket
import stat
import time
from pathlib import Path

import pytest

from data import DataError
from data.fetch import default_home, fetch

CONTENT = b"\x1f\x8bthe file" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def ask(mirror, tmp_path):
    """A function that fetches from the mirrors of some kinds."""
    mirror.files["/file.gz"] = CONTENT

    def fetch_from(*kinds, folder=tmp_path / "new" / "folder", **options):
        mirrors = [f"{mirror.address}{kind}/" for kind in kinds]
        return fetch("file.gz", SHA256, mirrors=mirrors, folder=folder, **options)

    return fetch_from


def test_the_first_good_mirror_is_the_last_that_is_asked(ask, mirror):
    path = ask("missing", "good", "moved")
    assert path.read_bytes() == CONTENT
    assert mirror.asked == ["/missing/file.gz", "/good/file.gz"]
    assert [file.name for file in path.parent.iterdir()] == ["file.gz"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


def test_a_mirror_may_point_elsewhere(ask):
    assert ask("moved").read_bytes() == CONTENT


BAD = {
    "missing": "404",
    "page": "a web page came instead of the file",
    "damaged": f"1000 bytes came with the SHA-256 [0-9a-f]{{64}}, not {SHA256}",
    "short": "995 bytes came with the SHA-256|IncompleteRead",
    "empty": "0 bytes came with the SHA-256",
    "nonsense": "SSH-2.0-OpenSSH",
}


@pytest.mark.parametrize(("kind", "words"), BAD.items(), ids=BAD)
def test_a_bad_answer_is_named_and_leaves_nothing(kind, words, ask, mirror, tmp_path):
    if kind == "empty":
        mirror.files.clear()
    with pytest.raises(DataError, match=words) as error:
        ask(kind, folder=tmp_path)
    assert f"{mirror.address}{kind}/file.gz: " in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_every_mirror_and_its_reason_is_named(ask, tmp_path):
    with pytest.raises(DataError, match="could not be fetched") as error:
        ask("missing", "page", folder=tmp_path)
    _, *reasons, advice = str(error.value).splitlines()
    assert ["404" in reasons[0], "web page" in reasons[1]] == [True, True]
    assert SHA256 in advice
    assert str(tmp_path) in advice


def test_what_is_too_long_is_refused(ask):
    assert ask("good", max_bytes=1000)
    with pytest.raises(DataError, match="longer than 999 bytes"):
        ask("good", max_bytes=999)


def test_what_has_no_end_is_not_waited_for(ask, mirror):
    with pytest.raises(DataError, match="longer than 1000 bytes"):
        ask("endless", max_bytes=1000)
    assert mirror.flooded < 32


def test_a_silent_mirror_is_left_after_the_timeout(ask):
    start = time.perf_counter()
    assert ask("silent", "good", timeout=0.2)
    assert 0.1 < time.perf_counter() - start < 3


def test_no_server_is_an_answer_too(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(DataError, match=r"127\.0\.0\.1.*refused"):
            fetch("file.gz", SHA256, mirrors=[address], folder=tmp_path)


def test_an_old_file_is_replaced_in_one_step(ask, tmp_path, monkeypatch):
    (tmp_path / "file.gz").write_bytes(b"old")
    seen = []
    replace = os.replace

    def watched(source, target):
        seen.append((Path(source).parent, Path(source).read_bytes(), target))
        assert target.read_bytes() == b"old"
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    ask("good", folder=tmp_path)
    assert seen == [(tmp_path, CONTENT, tmp_path / "file.gz")]
    assert (tmp_path / "file.gz").read_bytes() == CONTENT


def test_a_failed_write_leaves_the_old_file_alone(ask, tmp_path, monkeypatch):
    (tmp_path / "file.gz").write_bytes(b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ask("good", folder=tmp_path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_where_files_are_kept(monkeypatch):
    monkeypatch.setenv("AB_INITIO_DATA", "~/somewhere")
    assert default_home() == Path.home() / "somewhere"
    monkeypatch.delenv("AB_INITIO_DATA")
    monkeypatch.setenv("AB_INITIO_CACHE", "/cache")
    assert default_home() == Path("/cache/data")
    monkeypatch.delenv("AB_INITIO_CACHE")
    assert default_home().parts[-2:] == ("ab-initio", "data")
