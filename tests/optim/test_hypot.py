"""sqrt(x^2 + y^2) against 60 decimal digits, where squares are no numbers."""

from decimal import Decimal, localcontext
from itertools import product

import numpy as np
import pytest

from optim.hypot import hypot

DTYPES = [np.float32, np.float64]


def exact(x, y) -> float:
    with localcontext() as context:
        context.prec = 60
        x, y = Decimal(float(x)), Decimal(float(y))
        return float((x * x + y * y).sqrt())


def pairs(dtype):
    """Yield (r, g): all pairs of special numbers, then pairs from the whole range."""
    info = np.finfo(dtype)
    special = [0, info.smallest_subnormal, info.tiny / 3, info.tiny, np.sqrt(info.tiny)]
    special += [info.eps, 1, 1 + info.eps, np.sqrt(info.max), info.max / 2]
    for r, g in product(special, special):
        yield dtype(r), dtype(g)
        yield dtype(r), -dtype(g)
    rng = np.random.default_rng(0)
    low, high = np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)) - 1
    for r in 2 ** rng.uniform(low, high, 300):
        near = r * 2 ** rng.uniform(-3, 3)
        for g in (2 ** rng.uniform(low, high), -min(near, float(info.max) / 2)):
            yield dtype(r), dtype(g)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_whole_range(dtype):
    """Within 2 eps, or one step of the denormal numbers; 1.5 eps is what is seen."""
    info = np.finfo(dtype)
    for x, y in pairs(dtype):
        found, expected = hypot(x, y), exact(x, y)
        bound = 2 * float(info.eps) * expected + float(info.smallest_subnormal)
        assert abs(float(found) - expected) <= bound, (x, y)


@pytest.mark.parametrize(
    ("dtype", "small", "large"),
    [(np.float32, 1e-23, 1e20), (np.float64, 1e-170, 1e170)],
)
@np.errstate(over="ignore")
def test_the_root_of_the_squares_would_be_lost(dtype, small, large):
    for size, lost in ((dtype(small), 0), (dtype(large), np.inf)):
        assert np.sqrt(size * size + size * size) == lost
        found = hypot(size, size)
        assert found == pytest.approx(np.sqrt(2) * float(size), rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_power_of_two_passes_through(dtype):
    rng = np.random.default_rng(1)
    for r, g in np.abs(rng.standard_normal((100, 2))).astype(dtype):
        root = hypot(r, g)
        for scale in (dtype(2.0**-60), dtype(2.0**60)):
            assert hypot(scale * r, scale * g) == scale * root
            assert hypot(scale * r, -scale * g) == scale * root


@pytest.mark.parametrize("dtype", DTYPES)
@np.errstate(invalid="ignore", over="ignore")  # undecorated it warns
def test_what_is_not_finite_stays_so(dtype):
    one, inf, nan = map(dtype, (1, np.inf, np.nan))
    largest = np.finfo(dtype).max
    for r in (dtype(0), one, largest):
        assert hypot(r, inf) == inf
        assert hypot(r, -inf) == inf
        assert np.isnan(hypot(r, nan))
        assert np.isnan(hypot(nan, r))
    assert hypot(inf, one) == inf
    assert not np.isfinite(hypot(inf, inf))
    assert hypot(largest, largest) == inf
