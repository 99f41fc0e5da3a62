"""The undecorated kernels give the same bits."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

import optim.adam
from optim.hypot import hypot
from tests.optim.methods import METHODS


def ten_steps():
    """Return parameters and slots of every method after ten steps."""
    arrays = []
    for dtype in (np.float32, np.float64):
        for method in METHODS.values():
            rng = np.random.default_rng(0)
            model, optimizer = (
                [rng.standard_normal((7, 5)).astype(dtype)],
                method.make(),
            )
            for _ in range(10):
                g = rng.standard_normal((7, 5)) * 10 ** rng.uniform(-30, 30, (7, 5))
                optimizer.step(model, [g.astype(dtype)])
            arrays += model
            for name in method.slots:
                arrays += getattr(optimizer, name)
    return arrays


@np.errstate(invalid="ignore", over="ignore")  # inf / inf, max + max
def roots():
    """Return hypot of all pairs of the numbers where formulas go wrong."""
    arrays = []
    for dtype in (np.float32, np.float64):
        info = np.finfo(dtype)
        sizes = [0, info.smallest_subnormal, info.tiny, 1, info.max, np.inf, np.nan]
        sizes = np.array(sizes, dtype)
        found = [hypot(x, y) for x in sizes for y in sizes]
        arrays.append(np.array(found, dtype))
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
    for compiled, plain in zip(ten_steps() + roots(), undecorated, strict=True):
        assert compiled.dtype == plain.dtype
        assert np.array_equal(compiled, plain, equal_nan=True)


if __name__ == "__main__":
    assert not is_compiled()
    np.savez(sys.stdout.buffer, *ten_steps(), *roots())
