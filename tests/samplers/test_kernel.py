"""The kernel decorator: its flags, and a cache that never serves a stale kernel."""

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core import config

from samplers import kernel as module
from samplers.kernel import inlined, kernel

PROJECT = {
    "samplers/__init__.py": "",
    "samplers/constants.py": "SHIFT = 0.0\n",
    "samplers/helper.py": """
from samplers.constants import SHIFT
from samplers.kernel import kernel

@kernel
def helper(x):
    return 2.0 * x + SHIFT
""",
    "samplers/chain.py": """
from samplers.helper import helper
from samplers.kernel import kernel

@kernel
def chain(x):
    return helper(x)
""",
    "samplers/unrelated.py": "",
}
RUN = """
from samplers.chain import chain
print(chain(1.0), sum(chain.stats.cache_hits.values()))
"""


@pytest.fixture
def project(tmp_path):
    """A project of two kernel files, with its own copy of the decorator and cache."""
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for file in module.sources(Path(module.__file__).resolve()):
        shutil.copy(file, tmp_path / "samplers")
    return tmp_path


def run(project, code=RUN):
    """Run code in a new process, and return the words that it printed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    environment = {**kept, "AB_INITIO_CACHE": str(project / "cache")}
    environment |= {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.parametrize("decorator", [inlined, kernel])
def test_inlined_code_is_copied_into_its_callers(decorator):
    """A helper of many lines, which would else stay a call in the loop."""

    @decorator
    def helper(x):
        for _ in range(50):
            x = np.float32(x * x * np.float32(0.5) + np.float32(0.25))
        return x

    @kernel
    def caller(x):
        for i in range(x.size):
            x[i] = helper(x[i])

    caller(np.zeros(8, np.float32))
    [text] = caller.inspect_llvm().values()
    calls = re.findall(r"= call .*helper", text)
    assert (not calls) == (decorator is inlined)


def test_edited_helper_is_never_served_stale(project):
    samplers = project / "samplers"
    assert run(project) == ["2.0", "0"]
    assert run(project) == ["2.0", "1"]
    edit(samplers / "helper.py", "2.0 * x", "3.0 * x")
    assert run(project) == ["3.0", "0"]
    edit(samplers / "constants.py", "0.0", "0.5")
    assert run(project) == ["3.5", "0"]
    edit(samplers / "unrelated.py", "", "# not imported by the chain\n")
    assert run(project) == ["3.5", "1"]


def test_kernel_compiled_from_an_older_import_is_not_kept(project):
    """The helper is edited between its import and that of the kernel that calls it."""
    code = f"""
import samplers.helper
from pathlib import Path
file = Path({str(project)!r}, "samplers", "helper.py")
file.write_text(file.read_text().replace("2.0 * x", "3.0 * x"))
{RUN}"""
    assert run(project, code) == ["2.0", "0"]
    assert run(project) == ["3.0", "0"]


@pytest.fixture(autouse=True)
def compilation(monkeypatch):
    """These tests are about compiled kernels, also when the others run without."""
    monkeypatch.setattr(config, "DISABLE_JIT", 0)


def mean_of_ratios(x, y):
    total = 0.0
    for i in range(x.size):
        total += x[i] / y[i]
    return total / x.size


def is_nan(x):
    return np.isnan(x)


@pytest.fixture
def compiled():
    return kernel(mean_of_ratios)


def test_kernel_computes_what_the_function_computes(compiled):
    x, y = np.arange(4.0), np.array([1.0, 2.0, 4.0, 8.0])
    assert compiled(x, y) == mean_of_ratios(x, y) == 0.34375


def test_division_by_zero_is_as_in_numpy(compiled):
    assert compiled(np.ones(1), np.zeros(1)) == np.inf
    with pytest.raises(ZeroDivisionError):
        numba.njit(mean_of_ratios)(np.ones(1), np.zeros(1))


def test_flags(compiled):
    options = compiled.targetoptions
    assert options["nogil"] is True
    assert options["error_model"] == "numpy"
    assert options["fastmath"] == {"nsz"}
    assert not options.get("parallel")


def test_nan_survives_all_flags_that_may_be_named():
    flags = {"nsz", "contract", "arcp", "reassoc", "afn"}
    opted = kernel(fastmath=flags)(is_nan)
    assert opted.targetoptions["fastmath"] == flags
    assert opted(np.nan)


@pytest.mark.parametrize("flags", [True, {"fast"}, {"nsz", "nnan"}, {"ninf"}])
def test_flags_that_lose_nan_are_refused(flags):
    with pytest.raises(ValueError, match=r"np\.isnan would return False.*Name the fl"):
        kernel(fastmath=flags)


def test_undecorated_when_compilation_is_disabled(monkeypatch):
    monkeypatch.setattr(config, "DISABLE_JIT", 1)
    assert kernel(is_nan) is is_nan
    assert kernel(fastmath={"nsz", "contract"})(is_nan) is is_nan


@pytest.fixture
def cached_here(tmp_path, monkeypatch):
    """Count this folder as one of the packages, with an empty cache."""
    monkeypatch.setattr(module, "PACKAGES", ("tests",))
    monkeypatch.setattr(module, "STARTED", np.inf)
    monkeypatch.setenv("AB_INITIO_CACHE", str(tmp_path / "cache"))
    module.cache_folder.cache_clear()
    yield tmp_path / "cache"
    module.cache_folder.cache_clear()


def test_user_kernels_keep_their_cache(cached_here):
    before = config.CACHE_DIR
    ours, theirs = kernel(is_nan), numba.njit(cache=True)(is_nan)
    assert Path(ours.stats.cache_path).is_relative_to(cached_here / "kernels")
    assert not Path(theirs.stats.cache_path).is_relative_to(cached_here)
    assert before == config.CACHE_DIR


def test_cache_setting_is_restored_when_numba_fails(cached_here, monkeypatch):
    def fail(*arguments, **options):
        assert config.CACHE_DIR.startswith(str(cached_here))
        raise RuntimeError("out of luck")

    before = config.CACHE_DIR
    monkeypatch.setattr(numba, "njit", fail)
    with pytest.raises(RuntimeError, match="out of luck"):
        kernel(is_nan)
    assert before == config.CACHE_DIR


def test_decorating_in_threads(cached_here):
    before = config.CACHE_DIR
    with ThreadPoolExecutor(8) as threads:
        kernels = list(threads.map(lambda _: kernel(is_nan), range(64)))
    folders = {Path(made.stats.cache_path).parent for made in kernels}
    assert len(folders) == 1
    assert folders.pop().is_relative_to(cached_here)
    assert before == config.CACHE_DIR


def test_kernels_of_other_files_are_not_cached(compiled):
    assert compiled.stats.cache_path is None


def test_kernel_without_a_file_is_not_cached():
    names = {}
    exec("def double(x):\n    return 2 * x", names)
    assert kernel(names["double"]).stats.cache_path is None


def test_kernel_that_takes_functions_is_not_cached(cached_here):
    """It would be kept anew by every process, and found by none."""

    @kernel(cache=False)
    def apply(function, x):
        return function(x)

    assert apply(kernel(is_nan), np.nan)
    assert apply.stats.cache_path is None
    assert apply.targetoptions == kernel(is_nan).targetoptions
    [function] = [k for k in cached_here.rglob("*.nbi") if "is_nan" in k.name]
    assert function.is_file()


def test_cache_that_cannot_be_written(cached_here, caplog):
    cached_here.write_text("a file, where a folder should be made")
    assert kernel(is_nan).stats.cache_path is None
    assert "Set AB_INITIO_CACHE to a folder that can be written" in caplog.text


def test_file_edited_since_the_start_is_not_cached(cached_here, monkeypatch):
    monkeypatch.setattr(module, "STARTED", 0.0)
    assert kernel(is_nan).stats.cache_path is None


def test_old_folders_are_removed_but_for_the_last_used(tmp_path):
    now = time.time()
    for days in range(12):
        folder = tmp_path / f"used {days} days ago"
        (folder / "inner").mkdir(parents=True)
        os.utime(folder, (now - days * module.DAY,) * 2)
    module.remove_old(tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {
        f"used {days} days ago" for days in range(module.KEPT)
    }


def test_folders_used_within_a_day_are_kept(tmp_path):
    for number in range(3 * module.KEPT):
        (tmp_path / str(number)).mkdir()
    module.remove_old(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3 * module.KEPT


def test_process_survives_the_removal_of_its_folder(cached_here):
    ours = kernel(is_nan)
    shutil.rmtree(cached_here)
    assert ours(np.nan)
    assert list(Path(ours.stats.cache_path).glob("*.nbc"))


def test_imported_names():
    text = "import a.b\nfrom c.d import e as f, g\ndef late():\n    import h"
    names = module.imported_names(ast.parse(text))
    assert sorted(names) == ["a", "a.b", "c.d", "c.d.e", "c.d.g", "h"]


def test_sources_are_those_of_the_packages():
    file = Path(module.__file__).resolve()
    assert module.sources(file) == [file.with_name("cache.py"), file]


def test_fingerprint_names_versions_and_checks(monkeypatch):
    sources = [Path(module.__file__).resolve()]
    seen = {module.fingerprint(sources), module.fingerprint(sources)}
    assert len(seen) == 1
    monkeypatch.setattr(config, "BOUNDSCHECK", 1)
    seen.add(module.fingerprint(sources))
    monkeypatch.setattr(module.llvmlite, "__version__", "other")
    seen.add(module.fingerprint(sources))
    assert len(seen) == 3
