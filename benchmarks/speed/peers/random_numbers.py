"""Filling an array with random numbers in NumPy, and how such numbers are judged."""

import numpy as np

# Where the numbers of a buffer are counted: tenths, and standard deviations.
MARKS = {"random": np.arange(1, 10) / 10, "standard_normal": np.arange(-2.0, 3.0)}


def judged(law, numbers):
    """Return the share of the numbers that lies below each mark of a law."""
    return {"shares": np.mean(numbers < MARKS[law][:, np.newaxis], axis=1)}


def numpy(problem):
    """Fill the buffer by Generator.random or Generator.standard_normal."""
    law, out = str(problem["law"]), problem["buffer"]

    def run(repetitions):
        fill = getattr(np.random.default_rng(1), law)
        for _ in range(repetitions):
            fill(out=out, dtype=out.dtype)
        return judged(law, out)

    return run
