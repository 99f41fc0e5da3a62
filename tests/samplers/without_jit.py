"""What a module of tests computes where nothing is compiled."""

import os
import subprocess
import sys


def bits_without_jit(module: str) -> bytes:
    """Return bits() of a module, called in a process with NUMBA_DISABLE_JIT=1."""
    path = os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))
    run = subprocess.run(
        [sys.executable, "-c", f"from {module} import bits; print(bits().hex())"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return bytes.fromhex(run.stdout.strip())
