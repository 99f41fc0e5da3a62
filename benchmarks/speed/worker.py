"""One contestant, alone in its process.

    python -m benchmarks.speed.worker MODULE:FUNCTION DISTRIBUTION

is started with the number of threads in its environment and talks in lines of JSON.
First it says which version of the distribution it has, or that it is missing. Then it
answers requests, until its input ends:

    {"problem": FILE}   builds the work from the arrays of an .npz file: {}
    {"repeat": n}       does the work n times: {"seconds", "cpu_seconds", "result"}

An error ends it, with the traceback on stderr.
"""

import importlib.metadata
import json
import os
import pkgutil
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np


def serve(address: str, distribution: str, requests: TextIO) -> Iterator[dict]:
    """Yield the greeting, then the reply to each line of requests."""
    try:
        yield {"version": importlib.metadata.version(distribution)}
    except importlib.metadata.PackageNotFoundError:
        yield {"missing": f"{distribution} is not installed in {sys.executable}"}
        return
    run: Any = None
    for request in requests:
        match json.loads(request):
            case {"problem": file}:
                with np.load(file, allow_pickle=False) as arrays:
                    run = pkgutil.resolve_name(address)(dict(arrays))
                yield {}
            case {"repeat": repetitions}:
                yield timed(run, repetitions)


def timed(run, repetitions: int) -> dict:
    """Do the work and return its time, by the clock and summed over processors.

    The clock has stopped when NumPy is asked for the results; see Later.
    """
    cpu, start = time.process_time(), time.perf_counter()
    result = run(repetitions)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    plain = {name: np.asarray(value).tolist() for name, value in result.items()}
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "result": plain}


def main() -> None:
    """Serve on the standard streams, one reply a line."""
    # Whatever a library prints goes to stderr: the pipe carries replies only.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as replies:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        address, distribution = sys.argv[1:]
        for reply in serve(address, distribution, sys.stdin):
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


if __name__ == "__main__":
    main()
