"""The elementary functions: their error, edges and bits, and that loops vectorize."""

import re
from functools import cache

import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features
from numba.core import config

from samplers import elementary
from samplers.kernel import kernel
from tests.samplers.elementary_exact import error, exact

DTYPES = [np.float32, np.float64]
# The error that the docstrings promise, in ulp.
BOUNDS = {"exp": 1, "log": 1, "log1p": 2, "sigmoid": 3, "softplus": 2}
BOUNDS |= {"sincos": 2, "sincos_turns": 3}
compiled_only = pytest.mark.skipif(
    config.DISABLE_JIT, reason="this process compiles nothing"
)
OVERFLOWS = np.errstate(over="ignore")  # exp of large numbers, where it is not compiled


def fill_by(function):
    """Return the kernel (x, out): out : (1, n) or, for a sine and cosine, (2, n)."""

    @kernel
    def fill(x, out):
        for i in range(x.size):
            out[0, i] = function(x[i])

    @kernel
    def fill_pairs(x, out):
        for i in range(x.size):
            out[0, i], out[1, i] = function(x[i])

    return fill_pairs if "sincos" in function.__name__ else fill


@cache
def compiled(name):
    return fill_by(getattr(elementary, name))


@OVERFLOWS
def in_kernel(name, x):
    out = np.empty((1 + ("sincos" in name), x.size), x.dtype)
    compiled(name)(x, out)
    return out


@OVERFLOWS
def in_python(name, x):
    found = [np.reshape(getattr(elementary, name)(each), -1) for each in x]
    assert {each.dtype for each in found} == {x.dtype}
    return np.transpose(found)


def around(points, dtype):
    """Return the numbers nearest to the points, and those next to them."""
    x = np.asarray(points, np.float64).astype(dtype)
    return np.concatenate(
        [x, np.nextafter(x, dtype(-np.inf)), np.nextafter(x, dtype(np.inf))]
    )


def hard(name, dtype):
    """Yield arguments where a formula changes or loses digits, and random ones."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(0)
    tiny, largest = float(info.tiny), float(info.max)
    sizes = 2.0 ** rng.uniform(
        np.log2(float(info.smallest_subnormal)), info.maxexp, 200
    )
    sizes = np.minimum(np.append(sizes, [tiny, largest, tiny / 2]), largest)
    near_zero = 2.0 ** -np.arange(1.0, info.nmant + 3)
    if name in ("exp", "sigmoid", "softplus"):
        lowest, highest = np.log(tiny) - info.nmant * np.log(2) - 2, np.log(largest)
        steps = np.arange(-40, 41) * np.log(2)
        yield around([lowest, lowest + 1, np.log(tiny), highest], dtype)
        yield around(np.concatenate([steps, steps / 2, near_zero, -near_zero]), dtype)
        yield rng.uniform(lowest, highest, 200)
        yield rng.uniform(lowest, np.log(tiny), 100)
        yield rng.uniform(-2, 2, 200)
        yield sizes[sizes < 1]
    elif name == "log":
        yield sizes
        yield around(2.0 ** np.arange(-20, 20, 0.5), dtype)
        yield around(np.concatenate([1 - near_zero, 1 + near_zero]), dtype)
        yield rng.uniform(0.5, 2, 200)
    elif name == "log1p":
        yield sizes
        yield -sizes[sizes < 0.999]
        yield around(2.0 ** np.arange(-10, 20, 0.5) - 1, dtype)
        yield np.concatenate([near_zero, -near_zero, near_zero - 1])
        yield rng.uniform(-0.9, 2, 300)
    else:
        limit, unit = (1e5, np.pi / 2) if name == "sincos" else (2.0**20, 0.25)
        nearest = [45.553093477052, 52516.43359375, 252.89820861816406]  # to n pi / 2
        multiples = unit * np.append(rng.integers(-60_000, 60_000, 100), np.arange(9))
        yield around(np.append(multiples, nearest), dtype)
        yield rng.uniform(-limit, limit, 150)
        yield rng.uniform(-2 * unit, 2 * unit, 150)
        yield sizes[sizes < unit][::4]


@pytest.mark.exact
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_the_error_is_within_the_stated_bound(name, dtype):
    """Against 50 digits or more, also where the result is subnormal."""
    x = np.concatenate(list(hard(name, dtype))).astype(dtype)
    expected = exact(name, x)
    for row, found in zip(expected, in_kernel(name, x), strict=True):
        errors = [error(*pair) for pair in zip(found, row, strict=True)]
        worst = np.argmax(errors)
        assert errors[worst] <= BOUNDS[name], (x[worst], found[worst])


DENSE = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": lambda x: np.exp(-np.logaddexp(0, -x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "sincos": lambda x: [np.sin(x), np.cos(x)],
    "sincos_turns": lambda t: [np.sin(2 * np.pi * t), np.cos(2 * np.pi * t)],
}


@compiled_only
@pytest.mark.parametrize("name", BOUNDS)
def test_float32_keeps_the_bound_on_a_dense_grid(name):
    """Against NumPy in float64, except where a sine or cosine is nearly zero."""
    low, high = {"log": (0.4, 9), "log1p": (-0.6, 9)}.get(name, (-20, 20))
    x = np.linspace(low, high, 400_001, dtype=np.float32)
    expected = np.reshape(DENSE[name](x.astype(np.float64)), (-1, x.size))
    ulp = np.abs(np.spacing(expected.astype(np.float32)))
    errors = np.abs(in_kernel(name, x) - expected) / ulp
    kept = np.abs(expected) > 1e-6
    assert errors[kept].max() <= BOUNDS[name]


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_does_not_decrease_where_the_reduction_changes(dtype):
    """Over consecutive numbers about (n + 1/2) ln 2, where one ulp would show."""
    steps = (np.arange(-100, 100, 1 if dtype is np.float32 else 7) + 0.5) * np.log(2)
    x = steps.astype(dtype)[:, np.newaxis]
    x = x + np.arange(-9, 10) * np.abs(np.spacing(x))
    found = in_kernel("exp", x.ravel().astype(dtype)).reshape(x.shape)
    assert np.all(np.diff(found) >= 0)


INF, NAN = np.inf, np.nan
EDGES = {
    "exp": [(0, 1), (-INF, 0), (INF, INF), (-1e5, 0), (1e5, INF)],
    "log": [(1, 0), (0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (-INF, NAN)],
    "log1p": [(0, 0), (-1, -INF), (INF, INF), (-1.5, NAN), (-INF, NAN)],
    "sigmoid": [(0, 0.5), (-INF, 0), (INF, 1), (-1e5, 0), (1e5, 1)],
    "softplus": [(-INF, 0), (INF, INF), (-1e5, 0), (1e5, 1e5)],
    "sincos": [(0, (0, 1)), (INF, (NAN, NAN)), (-1.1e5, (NAN, NAN))],
    "sincos_turns": [
        (0, (0, 1)),
        (0.25, (1, 0)),
        (0.5, (0, -1)),
        (-0.25, (-1, 0)),
        (2.0**20 - 0.25, (-1, 0)),
        (2.0**20, (0, 1)),
        (2.0**20 + 0.25, (NAN, NAN)),
        (-INF, (NAN, NAN)),
    ],
}


@pytest.mark.exact
@pytest.mark.parametrize("evaluate", [in_kernel, in_python])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_edges(name, dtype, evaluate):
    """Without a warning outside of a kernel too, but for the overflow of exp."""
    both = NAN if "sincos" not in name else (NAN, NAN)
    x, expected = zip(*EDGES[name], (NAN, both), (-NAN, both), strict=True)
    expected = np.reshape(np.array(expected, dtype), (len(x), -1)).T
    found = evaluate(name, np.array(x, dtype))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.exact
@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_sizes(dtype):
    info = np.finfo(dtype)
    least, largest = info.smallest_subnormal, info.max
    x = np.array([least, -least, info.tiny, largest, -largest], dtype)
    assert np.array_equal(in_kernel("exp", x)[0], [1, 1, 1, INF, 0])
    assert np.array_equal(in_kernel("log1p", x)[0, :3], x[:3])
    assert np.array_equal(in_kernel("softplus", x)[0, 3:], [largest, 0])
    assert np.array_equal(in_kernel("sigmoid", x)[0], [0.5, 0.5, 0.5, 1, 0])
    assert np.array_equal(in_kernel("sincos", x)[0, :3], x[:3])
    assert np.isnan(in_kernel("sincos", x)[:, 3:]).all()


def everywhere(name, dtype, n=2000):
    """Return n random arguments, a quarter of them random words: all sizes and NaN."""
    rng = np.random.default_rng(1)
    word = np.uint32 if dtype is np.float32 else np.uint64
    words = rng.integers(0, np.iinfo(word).max, n // 4, dtype=word, endpoint=True)
    spread = {"exp": 90, "sigmoid": 90, "softplus": 90, "sincos": 1e5}.get(name, 9)
    ordinary = rng.uniform(-spread, spread, n - n // 4).astype(dtype)
    x = np.concatenate([words.view(dtype), ordinary])
    return np.where(np.isnan(x), dtype(np.nan), x)  # no signaling one, which would warn


@compiled_only
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_a_kernel_and_plain_python_give_the_same_bits(name, dtype):
    x = everywhere(name, dtype)
    found, expected = in_kernel(name, x), in_python(name, x)
    assert np.array_equal(found, expected, equal_nan=True)


@compiled_only
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_the_position_in_an_array_does_not_matter(name, dtype):
    """A vector, what is left over after the last vector, and an array of one agree."""
    x = everywhere(name, dtype, n=150)
    whole = in_kernel(name, x)
    for size in range(1, 70):
        for start in (0, 1, 80):
            part = slice(start, start + size)
            found = in_kernel(name, x[part])
            assert np.array_equal(found, whole[:, part], equal_nan=True)


@compiled_only
def test_the_flags_of_the_caller_do_not_matter():
    """A kernel that may fuse and reorder its own sums does not fuse or reorder ours."""
    exp = elementary.exp

    @kernel(fastmath={"nsz", "contract", "reassoc", "arcp"})
    def fused(x, out):
        for i in range(x.size):
            out[0, i] = exp(x[i])

    x = np.random.default_rng(2).uniform(-9, 9, 1000).astype(np.float32)
    out = np.empty((1, x.size), x.dtype)
    fused(x, out)
    assert np.array_equal(out, in_kernel("exp", x))


LIBRARY_CALL = re.compile(r"\$_*(?:exp|log|log1p|sin|cos|sincos|pow|ldexp)f?\b")
PACKED = re.compile(r"\bv(?:mul|div)p([sd])\s+.*%([yz])mm")


def assembly(fill, dtype):
    [signature] = [each for each in fill.signatures if dtype.__name__ in str(each)]
    return fill.inspect_asm(signature)


@compiled_only
@pytest.mark.skipif(
    not get_host_cpu_features().get("avx2"),
    reason="the vector instructions of this processor have no name here",
)
class TestVectorized:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("name", BOUNDS)
    def test_a_loop_is_vectorized_without_a_library(self, name, dtype):
        in_kernel(name, np.ones(1, dtype))
        text = assembly(compiled(name), dtype)
        letter = np.dtype(dtype).char.replace("f", "s")
        assert letter in {found[0] for found in PACKED.findall(text)}
        assert not LIBRARY_CALL.search(text)

    def test_a_scalar_loop_and_a_call_of_the_library_would_be_seen(self):
        @kernel
        def fill(x, out):
            for i in range(1, x.size):
                out[i] = np.exp(x[i]) * out[i - 1]

        fill(np.ones(1), np.ones(1))
        text = assembly(fill, np.float64)
        assert LIBRARY_CALL.search(text)
        assert not PACKED.search(text)


@pytest.mark.exact
def test_other_numbers_are_taken_as_float64():
    @kernel
    def of_integer(n):
        return elementary.exp(n)

    for value in (elementary.exp(2), elementary.exp(np.int32(2)), of_integer(2)):
        assert value == elementary.exp(np.float64(2))
    assert isinstance(elementary.exp(2), np.float64)
