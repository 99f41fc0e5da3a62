"""check_gradients: is the derivative of this function right?

Two kinds of evidence. Exact identities cost nothing and forgive nothing: the pull-back
is linear, gives zero for zero, the same twice, touches no argument, shares no memory,
and is the transpose of the push-forward, <g, J t> = <J^T g, t>. Finite differences tie
it to the function itself: for random u and v the number v^T J u is compared with the
derivative of v . f(x + h u) at h = 0 (differences.py), which comes with a bound on its
own error. So nothing depends on the scale of f, small gradients are checked as sharply
as large ones, and a bound too wide is reported as inconclusive.

Source: A. Griewank and A. Walther (2008), Evaluating Derivatives, chapter 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.differences import Comparison, inner
from autodiff.pytree import tree_flatten, tree_leaves, tree_paths
from autodiff.transforms import jvp, vjp

FULL = 32


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
    """Random signs of random sizes: errors in several entries cannot cancel."""
    return (rng.integers(0, 2, shape) * 2.0 - 1.0) * rng.uniform(0.5, 1.0, shape)


def steps(x: np.ndarray) -> np.ndarray:
    """The scale of each entry: its power of two; that of x for a zero, 1 if all are."""
    size = np.max(abs(x), initial=0) or 1.0
    return 2.0 ** np.floor(np.log2(np.where(x == 0, size, abs(x))))


def check_identities(flat: Callable, leaves: list, rng: np.random.Generator) -> None:
    """What holds exactly, or to rounding, for the derivative of any function."""
    kept = [x.copy() for x in leaves]
    plain = flat(*leaves)
    something = bool(leaves and plain)
    assert something, (
        "nothing to check: there are no floating-point numbers among the arguments "
        "of f, or in its result"
    )
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
    finite = all(np.all(np.isfinite(x)) for x in [*plain, *first])
    assert finite, "a value or a gradient is not finite here. Check at another point"
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
        allowed = 1e-4 * np.max(abs(expected), initial=0) + noise[i] + 1e-40
        assert error <= allowed, f"float32 gradient {i} is {error} away from float64's"


def compare(
    flat: Callable, leaves: list, paths: list, directions: int, rtol: float, rng: Any
) -> Report:
    """Compare v^T J u with finite differences of v . f along directions u."""
    y, pullback = vjp(flat, *leaves)
    scales = [steps(x) for x in leaves]
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
        if sum(np.size(x) for x in y) == 1:  # then v . f is f, as the message says
            v = [np.ones(np.shape(x)) for x in y]
        pulled = pullback(v)
        size = inner(pulled, u)[1]
        verdict = Comparison(flat, leaves, u, v, pulled)
        scale = max(abs(verdict.analytic), size / np.sqrt(max(count, 1)))
        verdict.measure(1e-6 * scale)
        if verdict.error > rtol * scale + 10 * verdict.bound + 1e-290:
            if not verdict.kink():
                raise AssertionError(describe(flat, leaves, scales, paths, v, pulled))
            inconclusive += 1
        elif verdict.bound > verdict.decisive(size, scale):
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
            unit[i][index] = scales[i][index]
            yield i, index, unit


def describe(flat, leaves, scales, paths, v, pulled) -> str:
    """The entry of the gradient that is furthest from its finite difference."""
    rows = []
    for i, index, unit in entries(leaves, scales):
        found = Comparison(flat, leaves, unit, v, pulled)
        found.measure(0.0)
        excess = found.error / (found.bound + 1e-300)
        hidden = found.error > 10 * found.bound and found.kink()
        if np.isfinite(found.bound) and not hidden:
            rows.append((excess, i, index, found))
        if len(rows) == 4096:
            break
    if not rows:
        return "the gradient is wrong; no finite difference of a single entry is finite"
    _, i, index, found = max(rows, key=lambda row: row[0])
    scale = scales[i][index]
    where = f"argument{paths[i]}" + (f"[{', '.join(map(str, index))}]" if index else "")
    return (
        f"the gradient is wrong, most at {where}: analytic "
        f"{found.analytic / scale:.15g}, numeric {found.numeric / scale:.15g} "
        f"within {found.bound / scale:.1g}"
    )
