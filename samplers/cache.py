"""Where files are kept between two runs: compiled kernels and fetched data."""

import os
import sys
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
