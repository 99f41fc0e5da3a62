"""A run killed at any moment, without a chance to clean up, goes on from its file."""

import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from optim import fit
from optim.checkpoint import Checkpoint

KILLS = 50


def write_until_killed(path, told):
    """Go on with the run in a file, a checkpoint after each step, for ever."""

    def step(state, batch, rng):
        assert np.all(state["x"] == state["n"])
        return {"n": state["n"] + 1, "x": state["x"] + 1}, {"loss": 0.0}

    def tell(info):
        assert info.state["n"] == info.step
        told[0] = told[0] or info.step
        told[1] = info.step

    fit(
        step,
        {"n": 0, "x": np.zeros(10_000)},
        None,
        steps=10**9,
        rng=0,
        callbacks=[tell],
        checkpoint=Checkpoint(path, every=1, resume=True),
    )


def kill_writers(path):
    """Kill one writer after the other; what each leaves is checked by the next one.

    A writer tells of a step just before it writes it, so the next one begins with that
    step or with the one after it.
    """
    told = np.frombuffer(mmap.mmap(-1, 16), np.int64)
    rng = np.random.default_rng(0)
    last = 1
    for _ in range(KILLS):
        told[:] = 0
        child = os.fork()
        if child == 0:
            write_until_killed(path, told)
        files = rng.integers(3)
        while not told[0] or told[1] < told[0] + files:
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "a writer failed"
            time.sleep(1e-4)
        time.sleep(rng.uniform(0, 0.005))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert told[0] in (last, last + 1)
        last = told[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are forked")
def test_a_killed_run_leaves_the_old_file_or_the_new(tmp_path):
    path = tmp_path / "run.npz"
    paths = os.pathsep.join(filter(None, sys.path))
    subprocess.run(
        [sys.executable, __file__, str(path)],
        env=os.environ | {"PYTHONPATH": paths},
        check=True,
    )
    # Each writer has removed what the one before left; nobody did so after the last.
    assert len(list(tmp_path.glob(".run.npz.*"))) <= 1
    # The last kill may have come between the two renames.
    newest = path if path.exists() else path.with_name("run.npz.previous")
    with np.load(newest) as file:
        assert len(file["run.history['loss']"]) > KILLS / 2


if __name__ == "__main__":
    kill_writers(Path(sys.argv[1]))
