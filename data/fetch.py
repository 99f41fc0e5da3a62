"""Published files: where they are kept, and how one is fetched.

A file is taken from the first mirror that gives it with the published SHA-256, and only
then takes its name, in one step: a reader finds the whole file or none.
"""

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from data.errors import DataError
from samplers.cache import cache_home, write_whole


def default_home() -> Path:
    """Return $AB_INITIO_DATA, or `ab-initio/data` in the user's cache directory."""
    if chosen := os.environ.get("AB_INITIO_DATA"):
        return Path(chosen).expanduser().absolute()
    return cache_home() / "data"


def fetch(
    name: str,
    sha256: str,
    *,
    mirrors: Sequence[str],
    folder: Path,
    max_bytes: int = 2**26,
    timeout: float = 30.0,
) -> Path:
    """Download one file and return its path, folder / name.

    Parameters
    ----------
    name : of the file, on the mirrors and in the folder
    sha256 : of the file, in hexadecimal digits
    mirrors : addresses that end in a slash, tried in this order
    folder : made if there is none
    max_bytes : what is longer is not the file
    timeout : seconds to wait for a connection, and for each answer on it

    Raises
    ------
    DataError
        If no mirror gave the file; it says of each one why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        try:
            content = _download(mirror + name, max_bytes, timeout)
            _check(content, sha256)
        except (OSError, http.client.HTTPException, DataError) as error:
            failures.append(f"  {mirror}{name}: {error}")
        else:
            write_whole(folder / name, content)
            return folder / name
    raise DataError(
        f"{name} could not be fetched:\n"
        + "\n".join(failures)
        + f"\nTry again later, or put the file with the SHA-256 {sha256} into {folder}."
    )


def _download(url: str, max_bytes: int, timeout: float) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as response:
        content = response.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise DataError(f"what came is longer than {max_bytes} bytes")
    return content


def _check(content: bytes, sha256: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        page = content.lstrip()[:1] == b"<"
        raise DataError(
            "a web page came instead of the file"
            if page
            else f"{len(content)} bytes came with the SHA-256 {found}, not {sha256}"
        )
