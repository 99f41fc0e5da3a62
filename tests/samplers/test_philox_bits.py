"""The numbers of an address have the same bits undecorated, in threads and in views."""

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from samplers.philox import bernoulli, categorical, normals, uniforms, words

KEY = np.uint64(0x9E3779B97F4A7C15)
ROWS = [(0, 0), (1, 0), (0, 1), (7, 1000), (2**32 - 1, 2**32 - 1)]


def fill_all(chain, step):
    """Every kind of number of one (chain, step), as bytes."""
    purpose, found = chain % 3, []
    for fill, dtypes in [
        (words, [np.uint32]),
        (uniforms, [np.float32, np.float64]),
        (normals, [np.float32, np.float64]),
    ]:
        for dtype in dtypes:
            found.append(np.empty(301, dtype))
            fill(KEY, chain, step, purpose, found[-1])
    p = found[1].copy()
    found += [np.empty(301, np.uint8), np.empty(301, np.int64)]
    bernoulli(KEY, chain, step, purpose + 1, p, found[-2])
    categorical(KEY, chain, step, purpose + 1, np.array([0.5, 0, 2, 3]), found[-1])
    return b"".join(array.tobytes() for array in found)


def all_rows():
    return [fill_all(chain, step) for chain, step in ROWS]


def is_compiled():
    return hasattr(words, "py_func")


@pytest.mark.skipif(not is_compiled(), reason="this process is itself undecorated")
def test_the_undecorated_kernels_give_the_same_bits():
    environment = os.environ | {
        "NUMBA_DISABLE_JIT": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    run = subprocess.run(
        [sys.executable, "-W", "error", __file__], env=environment, capture_output=True
    )
    assert run.returncode == 0, run.stderr.decode()
    with np.load(io.BytesIO(run.stdout)) as file:
        assert file["rows"].tobytes() == b"".join(all_rows())


def test_threads_do_not_change_a_bit():
    rows = [(chain, step) for chain in range(12) for step in range(12)]
    alone = {row: fill_all(*row) for row in reversed(rows)}
    with ThreadPoolExecutor(4) as threads:
        together = threads.map(fill_all, *zip(*rows, strict=True))
        assert dict(zip(rows, together, strict=True)) == alone


def test_a_strided_row_holds_the_same_numbers():
    table, row = np.zeros((301, 2), np.float32), np.empty(301, np.float32)
    normals(KEY, 1, 2, 3, row)
    normals(KEY, 1, 2, 3, table[:, 1])
    assert np.array_equal(table[:, 1], row)
    assert not table[:, 0].any()


if __name__ == "__main__":
    assert not is_compiled()
    np.savez(sys.stdout.buffer, rows=np.frombuffer(b"".join(all_rows()), np.uint8))
