"""The tests that are marked exact, run once more in a process of other settings."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
FOLDERS = ["tests/samplers", "tests/lecture", "tests/data"]
SETTINGS = ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"]


def marked_files():
    """The test files, from the root, that name the marker."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("test_*.py")]
    marked = [file for file in files if "mark.exact" in file.read_text("utf-8")]
    return sorted(file.relative_to(ROOT).as_posix() for file in marked)


def run_exact_tests(setting, report):
    """Run the marked tests in another process; return how many passed of each file."""
    kept = {k: v for k, v in os.environ.items() if k[:6] not in ("NUMBA_", "PYTEST")}
    options = ["-m", "exact", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *marked_files()],
        cwd=ROOT,
        env={**kept, "HYPOTHESIS_PROFILE": "gate", setting: "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"with {setting}=1:\n{done.stdout}\n{done.stderr}"
    cases = ElementTree.parse(report).iter("testcase")
    passed = [case.attrib["classname"] for case in cases if case.find("*") is None]
    return Counter(f"{name.replace('.', '/')}.py" for name in passed)
