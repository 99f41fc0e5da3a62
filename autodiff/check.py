"""check_gradients: is the derivative of this function right?

Two kinds of evidence. Exact identities cost nothing and forgive nothing: the pull-back
is linear, gives zero for zero, the same twice, touches no argument, shares no memory,
and is the transpose of the push-forward, <g, J t> = <J^T g, t>. Finite differences tie
it to the function itself: for random signs u, v the number v^T J u is compared with the
derivative of v . f(x + h u) at h = 0, extrapolated to h -> 0 by Romberg's scheme, which
brings its own error bound. So nothing depends on the scale of f, small gradients are
checked as sharply as large ones, and a bound too wide is reported as inconclusive.

Sources: W. Romberg (1955); L. F. Richardson (1911); A. Griewank and A. Walther (2008),
Evaluating Derivatives, chapter 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.pytree import tree_flatten, tree_leaves, tree_paths
from autodiff.transforms import jvp, vjp

LEVELS = 7
FULL = 32
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Report:
    """What check_gradients found where nothing was wrong.

    comparisons : numbers compared with finite differences
    worst : the largest difference, relative to the size of the gradient
    inconclusive : comparisons that finite differences could not decide: a kink within
        reach of the stencil, or rounding noise above 1e-4 of the derivative
    """

    comparisons: int
    worst: float
    inconclusive: int


def check_gradients(
    f: Callable,
    args: Sequence[Any],
    *,
    order: int = 1,
    directions: int = 3,
    rtol: float = 1e-7,
    rng: Any = 0,
) -> Report:
    """Check the derivatives of f at args, in both modes, up to an order.

    args : the arguments of f, trees of floating arrays, all differentiated
    order : with 2 the pull-back x -> J(x)^T g is checked in the same way
    directions : how many random directions u are compared; up to 32 numbers in args
        every single entry is compared as well
    rtol : the error allowed, relative to the size of the gradient
    rng : seed of the directions

    float32 arguments are checked against the same derivatives in float64, and those
    against finite differences. Raises AssertionError, which names the worst entry.
    """
    rng = np.random.default_rng(rng)
    leaves, rebuild = tree_flatten(tuple(args))
    paths = tree_paths(tuple(args))
    leaves = [np.array(x) for x in leaves]

    def flat(*arrays: Any) -> list:
        return tree_leaves(f(*rebuild(list(arrays))))

    check_identities(flat, leaves, rng)
    wide = [x.astype(np.float64) for x in leaves]
    if any(x.dtype != np.float64 for x in leaves):
        check_rounding(flat, leaves, wide, rng)
    report = compare(flat, wide, paths, directions, rtol, rng)
    if order > 1:
        g = [rng.normal(size=np.shape(y)) for y in flat(*wide)]

        def pulled(*arrays: Any) -> list:
            return list(vjp(flat, *arrays)[1](g))

        deeper = check_gradients(
            pulled, wide, order=order - 1, directions=directions, rtol=rtol, rng=rng
        )
        report = Report(
            report.comparisons + deeper.comparisons,
            max(report.worst, deeper.worst),
            report.inconclusive + deeper.inconclusive,
        )
    return report


def signs(rng: np.random.Generator, shape: tuple) -> np.ndarray:
    """Random signs: errors of one sign in many entries cannot hide by being small."""
    return rng.integers(0, 2, shape) * 2.0 - 1.0


def inner(xs: Sequence, ys: Sequence) -> tuple[float, float]:
    """The inner product of two lists of arrays, and the sum of absolute terms."""
    terms = [np.multiply(x, y, dtype=np.float64) for x, y in zip(xs, ys, strict=True)]
    return sum(float(t.sum()) for t in terms), sum(float(abs(t).sum()) for t in terms)


def check_identities(flat: Callable, leaves: list, rng: np.random.Generator) -> None:
    """What holds exactly, or to rounding, for the derivative of any function."""
    kept = [x.copy() for x in leaves]
    plain = flat(*leaves)
    y, pullback = vjp(flat, *leaves)
    eps = max(float(np.finfo(x.dtype).eps) for x in leaves)
    for seen, expected in zip(map(np.asarray, y), map(np.asarray, plain), strict=True):
        size = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
        alike = (seen.shape, seen.dtype) == (expected.shape, expected.dtype)
        near = alike and np.allclose(seen, expected, 64 * eps, 64 * eps * size, True)
        assert near, "the value under differentiation is not that of f"

    def like(outputs: list) -> list:
        draws = [(rng.normal(size=np.shape(x)), np.asarray(x).dtype) for x in outputs]
        return [draw.astype(dtype) for draw, dtype in draws]

    g, other, t = like(y), like(y), like(leaves)
    given = [x.copy() for x in g]
    first, again, second = pullback(g), pullback(g), pullback(other)
    zero = pullback([np.zeros_like(x) for x in g])
    mixed = pullback([2 * a - 3 * b for a, b in zip(g, other, strict=True)])
    noise = rounding(eps, g, y, leaves)
    for i, x in enumerate(leaves):
        assert first[i].shape == x.shape, f"gradient {i} has shape {first[i].shape}"
        assert first[i].dtype == x.dtype, f"gradient {i} is {first[i].dtype}"
        assert np.array_equal(first[i], again[i]), f"gradient {i} changes when repeated"
        assert not np.any(zero[i]), f"gradient {i} of a zero cotangent is not zero"
        others = [*leaves, *g, *first[:i]]
        assert not any(np.may_share_memory(first[i], o) for o in others), (
            f"gradient {i} shares memory with an argument, a cotangent or a gradient"
        )
        size = np.max(2 * abs(first[i]) + 3 * abs(second[i]), initial=0)
        error = np.max(abs(mixed[i] - (2 * first[i] - 3 * second[i])), initial=0)
        allowed = 1e4 * eps * size + noise[i]
        assert error <= allowed, f"gradient {i} is not linear in its cotangent"
    unchanged = all(map(np.array_equal, [*leaves, *g], [*kept, *given]))
    assert unchanged, "an argument or a cotangent was changed in place"
    forward, size = inner(g, jvp(flat, leaves, t)[1])
    backward, other_size = inner(first, t)
    allowed = 1e4 * eps * (size + other_size) + inner(noise, [abs(x) for x in t])[1]
    assert abs(forward - backward) <= allowed, (
        f"push-forward and pull-back disagree: <g, J t> = {forward}, "
        f"<J^T g, t> = {backward}"
    )


def rounding(eps: float, g: list, y: list, leaves: list) -> list[float]:
    """For each leaf, what rounding may leave of a derivative that is zero: the change
    of <g, y> over the size of the leaf if y is off by its last bits."""
    total = 1e3 * eps * inner(g, y)[1]
    return [total / (np.max(abs(x), initial=0) or 1.0) for x in leaves]


def check_rounding(flat: Callable, leaves: list, wide: list, rng: Any) -> None:
    """float32 derivatives agree with float64 ones to what rounding explains."""
    y, pullback = vjp(flat, *leaves)
    _, pullback_wide = vjp(flat, *wide)
    g = [signs(rng, np.shape(x)) for x in y]
    found = pullback([a.astype(x.dtype) for a, x in zip(g, y, strict=True)])
    noise = rounding(float(np.finfo(np.float32).eps), g, y, wide)
    for i, (narrow, expected) in enumerate(zip(found, pullback_wide(g), strict=True)):
        error = np.max(abs(narrow - expected), initial=0)
        assert error <= 1e-4 * np.max(abs(expected), initial=0) + noise[i], (
            f"float32 gradient {i} is {error} away from float64's"
        )


def compare(
    flat: Callable, leaves: list, paths: list, directions: int, rtol: float, rng: Any
) -> Report:
    """Compare v^T J u with finite differences of v . f along directions u."""
    y, pullback = vjp(flat, *leaves)
    sizes = [np.max(abs(x), initial=0) for x in leaves]
    scales = [2.0 ** np.floor(np.log2(size)) if size else 1.0 for size in sizes]
    count = sum(x.size for x in leaves)
    along = [
        [s * signs(rng, x.shape) for s, x in zip(scales, leaves, strict=True)]
        for _ in range(directions)
    ]
    if count <= FULL:
        along += [entry for _, _, entry in entries(leaves, scales)]
    worst, inconclusive = 0.0, 0
    for u in along:
        v = [signs(rng, np.shape(x)) for x in y]
        pulled = pullback(v)
        size = inner(pulled, u)[1]
        verdict = Comparison(flat, leaves, u, v, pulled)
        scale = max(abs(verdict.analytic), size / np.sqrt(max(count, 1)))
        verdict.measure(1e-6 * scale)
        if verdict.error > rtol * scale + 10 * verdict.bound + 1e-290:
            if not verdict.kink():
                raise AssertionError(describe(flat, leaves, scales, paths, v, pulled))
            inconclusive += 1
        elif verdict.bound > max(1e-4 * scale, 1e-12 * verdict.phi(0.125)[1]):
            inconclusive += 1
        elif size:
            worst = max(worst, verdict.error / size)
    if along and inconclusive == len(along):
        raise AssertionError(
            "finite differences decide nothing here: every direction meets a kink, or "
            "rounding noise larger than 1e-4 of the derivative. Check at another point"
        )
    return Report(len(along), worst, inconclusive)


def entries(leaves: list, scales: list):
    """(leaf, index, unit vector along that entry) for every entry of every leaf."""
    for i, x in enumerate(leaves):
        for index in np.ndindex(x.shape):
            unit = [np.zeros_like(other) for other in leaves]
            unit[i][index] = scales[i]
            yield i, index, unit


class Comparison:
    """v^T J u by the pull-back, against the derivative of phi(h) = v . f(x + h u)."""

    def __init__(self, flat, leaves, u, v, pulled):
        self.flat, self.leaves, self.u, self.v = flat, leaves, u, v
        self.analytic = inner(pulled, u)[0]

    def measure(self, wanted: float) -> None:
        """Find numeric and bound; unless bound <= wanted, by finer stencils as well.

        A kink within a stencil can give a small bound on a wrong number. The finest
        is believed, and a coarser one only if it agrees with what is believed.
        """
        self.numeric, self.bound = self.romberg(0.125)
        self.error = abs(self.numeric - self.analytic)
        if self.bound > wanted or self.error > wanted:
            believed = [self.romberg(2.0**-23)]
            for h0 in (2.0**-13, 0.125):
                numeric, bound = self.romberg(h0)
                if all(abs(numeric - x) <= 10 * (bound + b) for x, b in believed):
                    believed.append((numeric, bound))
            self.numeric, self.bound = min(believed, key=lambda pair: pair[1])
            self.error = abs(self.numeric - self.analytic)

    def phi(self, h: float) -> tuple[float, float]:
        moved = [x + h * u for x, u in zip(self.leaves, self.u, strict=True)]
        return inner(self.flat(*moved), self.v)

    def romberg(self, h0: float) -> tuple[float, float]:
        """Central differences at h0, h0/2, h0/4, ... extrapolated: the best entry of
        the tableau, by its last two differences and rounding noise, and that bound."""
        best, bound = 0.0, np.inf
        row: list[float] = []
        with np.errstate(all="ignore"):
            for level in range(LEVELS):
                h = h0 / 2**level
                (above, size), (below, other) = self.phi(h), self.phi(-h)
                if not np.isfinite(above - below):
                    row = []
                    continue
                previous, row = row, [(above - below) / (2 * h)]
                noise = 4 * EPSILON * (size + other) / h
                for k, coarse in enumerate(previous, start=1):
                    row.append(row[-1] + (row[-1] - coarse) / (4**k - 1))
                    error = max(abs(row[k] - row[k - 1]), abs(row[k] - coarse)) + noise
                    if error < bound:
                        best, bound = row[k], error
        return best, bound

    def kink(self) -> bool:
        """Whether the slopes to both sides differ however near."""
        h = 2.0**-24
        middle, size = self.phi(0)
        wide, near = (
            abs(self.phi(s)[0] - 2 * middle + self.phi(-s)[0]) / s for s in (h, h / 64)
        )
        return bool(near > 0.5 * wide and near > 1e3 * EPSILON * size / (h / 64))


def describe(flat, leaves, scales, paths, v, pulled) -> str:
    """The entry of the gradient that is furthest from its finite difference."""
    rows = []
    for i, index, unit in entries(leaves, scales):
        found = Comparison(flat, leaves, unit, v, pulled)
        found.measure(0.0)
        excess = found.error / (found.bound + 1e-300)
        if np.isfinite(found.bound):
            rows.append((excess, i, index, found))
        if len(rows) == 4096:
            break
    if not rows:
        return "the gradient is wrong; no finite difference of a single entry is finite"
    _, i, index, found = max(rows, key=lambda row: row[0])
    where = f"argument{paths[i]}[{', '.join(map(str, index))}]"
    return (
        f"the gradient is wrong, most at {where}: analytic "
        f"{found.analytic / scales[i]:.15g}, numeric {found.numeric / scales[i]:.15g} "
        f"within {found.bound / scales[i]:.1g}"
    )
