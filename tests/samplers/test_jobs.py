"""The tests of kernels against exact laws, again undecorated and with bounds checks.

Undecorated, a kernel is plain Python: an index beyond an array raises, an integer that
overflows warns, and the same laws must come out. With bounds checks the machine code is
watched, which else reads what lies behind an array without a word.
"""

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numba.core import config

from samplers.kernel import kernel

ROOT = Path(__file__).parents[2]
FOLDERS = ["tests/samplers", "tests/lecture", "tests/data"]
SETTINGS = ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"]


@kernel
def neighbor(x, i):
    return x[i + 1]


@pytest.mark.exact
def test_an_index_beyond_the_array_raises():
    """In both jobs, which show by it that they check what they are for."""
    x = np.arange(3.0)
    assert neighbor(x, 1) == 2
    if not (config.DISABLE_JIT or config.BOUNDSCHECK):
        pytest.skip("without bounds checks it would read what lies behind")
    with pytest.raises(IndexError):
        neighbor(x, 2)


def marked_files():
    """The test files, from the root, that name the marker."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("test_*.py")]
    marked = [file for file in files if "mark.exact" in file.read_text("utf-8")]
    return sorted(file.relative_to(ROOT).as_posix() for file in marked)


def run_exact_tests(files, setting, report):
    """Run the marked tests in another process; return how many passed of each file."""
    kept = {k: v for k, v in os.environ.items() if k[:6] not in ("NUMBA_", "PYTEST")}
    options = ["-m", "exact", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=ROOT,
        env={**kept, "HYPOTHESIS_PROFILE": "gate", setting: "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"with {setting}=1:\n{done.stdout}\n{done.stderr}"
    cases = ElementTree.parse(report).iter("testcase")
    passed = [case.attrib["classname"] for case in cases if case.find("*") is None]
    return Counter(f"{name.replace('.', '/')}.py" for name in passed)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Both jobs, at work side by side."""
    folder, files = tmp_path_factory.mktemp("jobs"), marked_files()
    with ThreadPoolExecutor() as pool:
        yield {
            setting: pool.submit(run_exact_tests, files, setting, folder / setting)
            for setting in SETTINGS
        }


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="this process is undecorated")
@pytest.mark.parametrize("setting", SETTINGS)
def test_exact_laws_hold(setting, jobs):
    passed = jobs[setting].result()
    assert sorted(passed) == marked_files()
    assert passed["tests/samplers/test_jobs.py"] == 1
    assert passed["tests/samplers/test_philox.py"] >= 40
    assert passed.total() >= 150
