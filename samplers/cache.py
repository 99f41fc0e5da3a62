"""Where files are kept between two runs, and how one is written whole."""

import os
import sys
import tempfile
from pathlib import Path


def cache_home() -> Path:
    """$AB_INITIO_CACHE, or `ab-initio` in the user's cache directory."""
    if chosen := os.environ.get("AB_INITIO_CACHE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ab-initio"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step: a reader finds the old one or the new one.

    The bytes go to a temporary file in the same folder, which then takes the name.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
