"""A contestant, seen from the program that times it: a worker process and a pipe.

Each has a process of its own, because the thread pools of two libraries in one process
spin against each other; it stays alive, idle while another one works.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmarks.speed.row import Build, Problem, address

ROOT = Path(__file__).resolve().parents[2]
# Seconds after which a contestant that does not answer counts as hung.
PATIENCE = 120.0
# Seconds of a turn: many times the resolution of the clock, and of a short disturbance.
TURN = 0.3
TOO_MANY = 10**9
# Each library has its own: OpenMP (PyTorch), the linear algebra of NumPy and SciPy,
# Numba, and XLA (JAX), which heeds no other.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",
)


class Stopped(RuntimeError):
    """A contestant failed, died or hung; the message says how."""


class Missing(Stopped):
    """What a contestant needs is not installed."""


@dataclass(frozen=True)
class Turn:
    """One request to repeat the work, answered."""

    seconds: float
    cpu_seconds: float
    result: dict[str, Any]


class Contestant:
    """A worker process that has said hello.

    Raises Missing if it says that its library is not there; each method raises Stopped
    if the process hangs or ends, as it does after an error.
    """

    def __init__(
        self,
        process: Any,
        lines: queue.Queue[str],
        stderr: IO[bytes],
        folder: Path,
    ):
        self.process = process
        self.lines = lines
        self.stderr = stderr
        self.folder = folder
        hello = self._reply()
        if "missing" in hello:
            raise Missing(hello["missing"])
        self.version = hello["version"]

    def prepare(self, problem: Problem) -> None:
        """Let it build its work from these arrays."""
        file = self.folder / "problem.npz"
        np.savez(file, **dict[str, Any](problem))
        self._ask({"problem": str(file)})

    def repeat(self, repetitions: int) -> Turn:
        """Let it do the work so many times."""
        return Turn(**self._ask({"repeat": repetitions}))

    def repetitions_in(self, seconds: float) -> int:
        """Return how many repetitions take about so many seconds, at least one."""
        repetitions = 1
        while (turn := self.repeat(repetitions)).seconds < seconds / 4:
            if repetitions > TOO_MANY:
                raise Stopped(
                    f"claims {repetitions} repetitions in {turn.seconds:.2g} s, faster "
                    "than an empty loop; run(n) must do the work n times"
                )
            repetitions *= 4
        return max(1, round(repetitions * seconds / turn.seconds))

    def _ask(self, request: dict) -> dict:
        # A broken pipe: it is dead, which its missing reply tells.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict:
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            self.process.kill()
            raise Stopped(f"gave no answer in {PATIENCE:g} s and was killed") from None
        if not line:
            raise Stopped(f"its process ended: {self._last_words()}")
        return json.loads(line)

    def _last_words(self) -> str:
        code = self.process.wait()
        self.stderr.seek(0)
        said = self.stderr.read().decode(errors="replace").strip()
        return said[-2000:] or f"exit code {code}, without a word"


@contextlib.contextmanager
def contestant(
    build: Build,
    *,
    distribution: str = "numpy",
    python: str = sys.executable,
    threads: int = 1,
) -> Iterator[Contestant]:
    """Start a worker process, which is killed at the end of the block.

    Parameters
    ----------
    build : the function that makes the work
    distribution : what must be installed where it runs
    python : the interpreter
    threads : how many it may use
    """
    with (
        tempfile.TemporaryDirectory(prefix="speed-") as folder,
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            [python, "-m", "benchmarks.speed.worker", address(build), distribution],
            cwd=ROOT,
            env=os.environ | surroundings(threads, folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as opened,
    ):
        process: Any = opened  # whose pipes may not be None
        lines: queue.Queue[str] = queue.Queue()
        listener = threading.Thread(target=listen, args=(process.stdout, lines))
        listener.start()
        try:
            yield Contestant(process, lines, stderr, Path(folder))
        finally:
            process.kill()
            listener.join()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def listen(stream: IO[str], lines: queue.Queue[str]) -> None:
    """Hand on every line; an empty one says that there will be no more."""
    for line in stream:
        lines.put(line)
    lines.put("")


def surroundings(threads: int, folder: str) -> dict[str, str]:
    """Return what a worker finds in its environment.

    An empty cache of compiled kernels lets the first call compile them, as it does on a
    user's machine.
    """
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    return variables | {"AB_INITIO_CACHE": folder, "JAX_PLATFORMS": "cpu"}
