"""Strict JSON and atomic writes."""

import json
import math
import re
from pathlib import Path

import numpy as np

from samplers.cache import write_whole


def write(path: Path, content: str | bytes) -> None:
    """Write a file in one step, and its folder if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.encode() if isinstance(content, str) else content)


def plain(value):
    """Turn arrays and NumPy numbers into Python's own, NaN and infinity into null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def dumps(value) -> str:
    """Write strict JSON, indented, with each list of numbers on one line."""
    text = json.dumps(plain(value), indent=1, allow_nan=False, ensure_ascii=False)
    number_lists = re.compile(r"\[\n\s*([^\[\]{}\"]*?)\n\s*\]")
    return number_lists.sub(lambda m: f"[{' '.join(m[1].split())}]", text) + "\n"
