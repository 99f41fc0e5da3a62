"""The undecorated kernels give the same bits."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

import optim.adam
import optim.gradient_descent
from optim import SGD, Adam


def ten_steps():
    """Return parameters and moments after ten steps from fixed numbers."""
    arrays = []
    for dtype in (np.float32, np.float64):
        for optimizer in (SGD(0.1), Adam()):
            rng = np.random.default_rng(0)
            model = [rng.standard_normal((7, 5)).astype(dtype)]
            for _ in range(10):
                optimizer.step(model, [rng.standard_normal((7, 5)).astype(dtype)])
            arrays += model
        arrays += optimizer.first_moments + optimizer.second_moments
    return arrays


def is_compiled():
    return hasattr(optim.adam.adapt, "py_func")


@pytest.mark.skipif(not is_compiled(), reason="this process is itself undecorated")
def test_the_undecorated_kernels_give_the_same_bits():
    run = subprocess.run(
        [sys.executable, __file__],
        env=os.environ
        | {
            "NUMBA_DISABLE_JIT": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        capture_output=True,
        check=True,
    )
    with np.load(io.BytesIO(run.stdout)) as file:
        undecorated = list(file.values())
    for compiled, plain in zip(ten_steps(), undecorated, strict=True):
        assert compiled.dtype == plain.dtype
        assert np.array_equal(compiled, plain)


if __name__ == "__main__":
    assert not is_compiled()
    np.savez(sys.stdout.buffer, *ten_steps())
