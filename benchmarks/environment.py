"""On what a result was computed, and from where the packages were imported."""

import importlib
import platform
from importlib.metadata import version
from pathlib import Path

from optim.environment import threads
from samplers.kernel import PACKAGES

LIBRARIES = ("numpy", "scipy", "numba", "matplotlib")


def environment() -> dict[str, str | int]:
    """Return the versions, the processor and the number of threads."""
    return {
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu(),
        "threads": threads(),
    }


def cpu() -> str:
    """Return the name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def doctor() -> tuple[list[str], bool]:
    """Say where each package comes from; False if they do not lie side by side.

    A folder of the same name in the working directory, say `data/`, may hide a package:
    then its parent differs from that of the others, and nothing later can be trusted.
    """
    lines: list[str] = []
    parents: set[Path | None] = set()
    for name in PACKAGES:
        try:
            folder = Path(next(iter(importlib.import_module(name).__path__))).resolve()
        except Exception as error:
            lines.append(f"{name:<10}  not importable: {type(error).__name__}: {error}")
            parents.add(None)
        else:
            lines.append(f"{name:<10}  {folder}")
            parents.add(folder.parent)
    lines += [f"{key:<10}  {value}" for key, value in environment().items()]
    healthy = len(parents) == 1
    lines.append(
        "ok: the six packages lie side by side"
        if healthy
        else "FAIL: the six packages do not come from one place; a folder of the same "
        "name may hide one, and results would come from other code: start from the "
        "checkout, or install into a fresh virtual environment"
    )
    return lines, healthy
