"""The decorator of every compiled loop, and the cache that never serves a stale one.

A kernel is a plain Python function over arrays, compiled by Numba at its first call and
kept on disk for the next process. Numba compiles the helpers and constants of other
files into the kernel but watches only the kernel's own file: with its own cache, after
an edit of a helper the old machine code would run on. Here the cache folder is named
by a hash of every file that the kernel's file imports, so an edit opens a new folder.
"""

import ast
import contextlib
import functools
import hashlib
import logging
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Set
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar, overload

import llvmlite
import numba
import numpy as np
from llvmlite.binding import get_host_cpu_name
from numba.core import config
from numba.extending import register_jitable

from samplers.cache import cache_home

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("autodiff", "models", "samplers", "optim", "data", "benchmarks")
STARTED = time.time()
KEPT = 8
DAY = 24 * 60 * 60.0

logger = logging.getLogger(__name__)
lock = threading.RLock()

F = TypeVar("F", bound=Callable[..., Any])


@overload
def kernel(function: F) -> F: ...
@overload
def kernel(*, fastmath: Set[str] = ..., cache: bool = ...) -> Callable[[F], F]: ...


def kernel(function=None, *, fastmath=frozenset({"nsz"}), cache=True):
    """Compile a function over arrays: `@kernel`, or `@kernel(fastmath={...})`.

    Serial, without the GIL, division by zero as in NumPy (so that loops vectorize).
    With the default flag "nsz" the sign of a zero is free. "contract", "arcp" and
    "reassoc" trade reproducible rounding for speed; a kernel names them itself.
    With NUMBA_DISABLE_JIT=1 the function is returned as it is.

    Kernels of these packages are cached on disk, under $AB_INITIO_CACHE or else in the
    user's cache directory. A kernel defined elsewhere, in a script or a notebook, is
    compiled anew in every process. So is one with cache=False, as kernels that take a
    function as an argument need: Numba knows a compiled function by its address, so
    that no later process would find what this one keeps.

    Raises
    ------
    ValueError
        For a flag that lets the compiler assume that no NaN or infinity occurs.
    """
    unsafe = {"fast", "nnan", "ninf"}
    if fastmath is True or unsafe & set(fastmath):
        raise ValueError(
            f"fastmath={fastmath!r} lets the compiler assume that no NaN or infinity "
            "occurs: np.isnan would return False and a diverged chain would go "
            'unnoticed. Name the flags, such as fastmath={"nsz", "contract"}, without '
            f"{', '.join(sorted(unsafe))}."
        )
    if function is None:
        return functools.partial(kernel, fastmath=fastmath, cache=cache)
    if config.DISABLE_JIT:
        return function
    compile_ = functools.partial(
        numba.njit, nogil=True, error_model="numpy", fastmath=set(fastmath)
    )
    # Numba reads CACHE_DIR inside this call: a user's own kernels never see our value.
    with lock:
        file = Path(function.__code__.co_filename).resolve()
        folder = cache_folder(file) if cache else None
        if folder is None:
            return compile_(function)
        before = config.CACHE_DIR
        config.CACHE_DIR = str(folder)
        try:
            return compile_(function, cache=True)
        finally:
            config.CACHE_DIR = before


# A decorator for the scalar functions of inner loops: their code is copied into every
# kernel that calls them, because a loop around a call does not vectorize. Outside of
# kernels they stay plain Python.
inlined = register_jitable(forceinline=True, error_model="numpy", fastmath={"nsz"})


@functools.cache
def cache_folder(file: Path) -> Path | None:
    """The folder for the kernels of one file, or None where they are not cached.

    None where a cache could be stale: for a file outside the packages, whose imports
    are not followed, and when a source was edited after this process started, which
    may have imported what the file held before. None also if no folder can be written.
    """
    if not is_ours(file):
        return None
    read = sources(file)
    if any(source.stat().st_mtime > STARTED for source in read):
        return None
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    try:
        folder = cache_home() / "kernels" / module / fingerprint(read)
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:
        logger.warning(
            "The kernels of %s cannot be cached (%s), so every process compiles them "
            "anew. Set AB_INITIO_CACHE to a folder that can be written.",
            module,
            error,
        )
        return None
    remove_old(folder.parent)
    return folder


def is_ours(file: Path) -> bool:
    """Whether the file is a source of one of the packages."""
    inside = file.is_relative_to(ROOT) and file.is_file()
    return inside and file.relative_to(ROOT).parts[0] in PACKAGES


def sources(file: Path) -> list[Path]:
    """The file and all files of the packages that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        file = waiting.pop()
        if file in found or not is_ours(file):
            continue
        found.add(file)
        for name in imported_names(ast.parse(file.read_bytes())):
            path = ROOT.joinpath(*name.split("."))
            waiting += [path.with_suffix(".py"), path / "__init__.py"]
    return sorted(found)


def imported_names(tree: ast.Module) -> list[str]:
    """All that the import statements may name: `from a.b import c` gives a.b, a.b.c."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names += accumulate(alias.name.split("."), "{}.{}".format)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def fingerprint(read: list[Path]) -> str:
    """A hash of the sources and of all else that decides the machine code."""
    decisive = [numba.__version__, llvmlite.__version__, np.__version__]
    decisive += [platform.python_version(), get_host_cpu_name()]
    decisive.append(f"boundscheck {config.BOUNDSCHECK}")
    for source in read:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        decisive.append(f"{source.relative_to(ROOT).as_posix()} {digest}")
    return hashlib.sha256("\n".join(decisive).encode()).hexdigest()[:32]


def remove_old(parent: Path) -> None:
    """Keep the folders used last, and any used within a day.

    A process whose folder goes regardless, after a day and KEPT newer ones, finds its
    cache empty and compiles.
    """
    ages = {}
    for folder in parent.iterdir():
        with contextlib.suppress(OSError):
            ages[folder] = time.time() - folder.stat().st_mtime
    for folder in sorted(ages, key=ages.__getitem__)[KEPT:]:
        if ages[folder] > DAY:
            shutil.rmtree(folder, ignore_errors=True)
