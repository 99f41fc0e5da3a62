"""The tanh of the network kernels, against 60 digits, and at the ends."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from models import network_kernels as kernels
from samplers.kernel import kernel
from tests.samplers.elementary_exact import error


def exact_tanh(x):
    with localcontext() as context:
        context.prec = 60
        small = abs(x) < Decimal("1e-30")
        e = (-2 * abs(x)).exp()
        return x if small else ((1 - e) / (1 + e)).copy_sign(x)


def arguments_of_tanh(dtype):
    """Return numbers of all sizes, those about the change of formula, and the ends."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    turn = np.nextafter(dtype(0.4), dtype([-1, 1]))
    sizes = [rng.uniform(0, 1, 1500), rng.uniform(0, 20, 300), turn, [0.4, 1e3]]
    sizes += [2.0 ** rng.uniform(-100, 0, 100), [float(info.tiny), float(info.max)]]
    x = np.concatenate(sizes).astype(dtype)
    return np.concatenate([x, -x])


@kernel(fastmath={"nsz", "contract"})
def fill_tanh(x, out):
    for i in range(x.size):
        out[i] = kernels.tanh(x[i])


@pytest.mark.exact
@pytest.mark.parametrize(("dtype", "ulp"), [(np.float32, 8), (np.float64, 4)])
def test_tanh_is_as_exact_as_it_says(dtype, ulp):
    """Compiled, where products need not be rounded, and in plain Python."""
    x = arguments_of_tanh(dtype)
    compiled = np.empty_like(x)
    with np.errstate(over="ignore"):
        fill_tanh(x, compiled)
        plain = np.array([kernels.tanh(each) for each in x])
    assert plain.dtype == dtype
    expected = [exact_tanh(Decimal(float(each))) for each in x[: x.size // 2]]
    expected += [-each for each in expected]  # as x ends with the same, negative
    for found in (compiled, plain):
        assert max(map(error, found, expected)) < ulp
        assert np.all(np.abs(found) <= 1)


def test_tanh_at_the_ends():
    x = np.array([0.0, np.inf, -np.inf, np.nan])
    with np.errstate(all="ignore"):
        out = [kernels.tanh(each) for each in x]
    np.testing.assert_array_equal(out, np.tanh(x))
