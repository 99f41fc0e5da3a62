"""The tests of kernels against exact laws, again undecorated and with bounds checks.

Undecorated, a kernel is plain Python: an index beyond an array raises, an integer that
overflows warns, and the same laws must come out. With bounds checks the machine code is
watched, which else reads what lies behind an array without a word. conftest.py begins
with both, beside the other tests.
"""

import numpy as np
import pytest
from numba.core import config

from samplers.kernel import kernel
from tests.samplers.jobs import SETTINGS, marked_files


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


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="this process is undecorated")
@pytest.mark.parametrize("setting", SETTINGS)
def test_exact_laws_hold(setting, jobs):
    passed = jobs[setting].result()
    assert sorted(passed) == marked_files()
    assert passed["tests/samplers/test_jobs.py"] == 1
    assert passed["tests/samplers/test_philox.py"] >= 40
    assert passed.total() >= 150
