"""What a run costs and leaves behind: aliases, references, entries, depth, memory.

Time is never measured here: operations are counted, and bytes.
"""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

from autodiff import (
    Tensor,
    grad,
    hessian,
    hvp,
    jvp,
    rule,
    softmax,
    value_and_grad,
    vjp,
)
from autodiff.run import Run


def test_derivatives_share_no_memory_with_anything():
    x, y = np.ones((3, 3)), np.ones((3, 3))
    g = np.ones((3, 3))
    functions = [
        lambda x, y: x,
        lambda x, y: x + y,
        lambda x, y: x.T,
        lambda x, y: np.reshape(x, (3, 3)) - y,
    ]
    for f in functions:
        by_x, by_y = vjp(f, x, y)[1](g)
        arrays = [x, y, g, by_x, by_y]
        for i, a in enumerate(arrays):
            assert not any(np.shares_memory(a, b) for b in arrays[:i])
        assert by_x.flags.writeable
        assert by_x.flags.c_contiguous
        tangent = jvp(f, (x, y), (g, g))[1]
        assert not any(np.shares_memory(tangent, a) for a in (x, y, g))


def test_an_array_that_a_rule_keeps_is_not_handed_out():
    kept, x, g = np.full(3, 2.0), np.ones(3), np.ones(3)

    def shift(x):
        return x + 1.0

    shift = rule(shift, lambda g, x: kept)
    by_x = vjp(shift, x)[1](g)[0]
    assert np.array_equal(by_x, kept)
    assert not np.shares_memory(by_x, kept)


def test_a_gradient_that_nobody_holds_is_not_copied():
    made = []

    def double(x):
        return 2 * x

    def pullback(g, x):
        g = 2 * g
        made.append(g.__array_interface__["data"][0])
        return g

    double = rule(double, pullback)
    by_x = vjp(double, np.ones(3))[1](np.ones(3))[0]
    assert by_x.__array_interface__["data"][0] == made[0]


def test_arguments_are_not_changed():
    x = np.linspace(0, 1, 5)
    x.flags.writeable = False
    grad(lambda x: np.sum(softmax(np.cumsum(x[::-1]) * x) ** 2))(x)
    np.testing.assert_array_equal(x, np.linspace(0, 1, 5))


def test_everything_recorded_is_freed_by_reference_count():
    """With the garbage collector off, no array of the run outlives value_and_grad."""
    recorded = []

    def layer(x, w):
        y = np.tanh(x @ w)
        plain = y
        while type(plain) is Tensor:
            plain = plain.value
        recorded.append(weakref.ref(plain))
        return y

    def loss(w, x):
        for _ in range(3):
            x = layer(x, w)
        return np.mean(x**2)

    w, x = np.eye(3), np.ones((2, 3))
    runs = [
        lambda: value_and_grad(loss)(w, x),
        lambda: grad(lambda w: np.sum(grad(loss)(w, x) ** 2))(w),
        lambda: hvp(loss, w, w, x),
        lambda: vjp(loss, w, x)[1](1.0),
        lambda: jvp(loss, (w, x), (w, x)),
        lambda: hessian(lambda w: loss(np.reshape(w, (3, 3)), x))(w.ravel()),
    ]
    gc.collect()
    gc.disable()
    try:
        for run in runs:
            kept = run()
            assert recorded
            assert [ref for ref in recorded if ref() is not None] == []
            del kept
            recorded.clear()
    finally:
        gc.enable()


def test_a_pull_back_keeps_the_run_until_it_is_dropped():
    seen = []

    def f(x):
        y = np.exp(x)
        seen.append(weakref.ref(y.value))
        return np.sum(y * y)

    gc.disable()
    try:
        _, pull_back = vjp(f, np.ones(3))
        assert seen[0]() is not None
        np.testing.assert_allclose(pull_back(1.0)[0], pull_back(1.0)[0])
        del pull_back
        assert seen[0]() is None
    finally:
        gc.enable()


def test_the_tape_grows_by_one_entry_an_operation():
    """Time and memory are linear in the program; both sweeps visit an entry once.

    Sharing costs nothing: n doublings are n entries, not 2^n. A broadcast operand
    adds an entry.
    """

    def entries(f, *args):
        return len(Run(f, args).tape.entries)

    def doublings(n):
        def f(x):
            for _ in range(n):
                x = x + x
            return x

        return f

    def layers(n):
        def f(x, a, b):
            for _ in range(n):
                x = np.tanh(x * a + b)
            return x

        return f

    x = np.ones((2, 3))
    for n in (0, 1, 10, 100):
        assert entries(doublings(n), x) == 1 + n
        assert entries(layers(n), x, x.copy(), x.copy()) == 3 + 3 * n
        assert entries(layers(n), x, np.ones(3), np.ones(3)) == 3 + 5 * n
    assert grad(doublings(60))(1.0) == 2.0**60


def test_a_sweep_pulls_back_along_every_edge_once():
    calls = []

    def counted(x):
        y = np.tanh(x)
        place = y.index
        [(parent, pull, push, saved)] = y.tape.entries[place]

        def counting_pull(*args):
            calls.append(place)
            return pull(*args)

        y.tape.entries[place] = [(parent, counting_pull, push, saved)]
        return y

    def f(x):
        for _ in range(20):
            y = counted(x)
            x = y + y * y + y
        return x

    grad(f)(0.5)
    assert len(calls) == len(set(calls)) == 20
    assert calls == sorted(calls, reverse=True)


def test_a_chain_of_a_hundred_thousand_operations():
    """There is no recursion: depth is limited by memory alone."""

    def chain(x):
        for _ in range(10**5):
            x = -x
        return x * x

    assert grad(chain)(3.0) == 6
    assert jvp(chain, (3.0,), (1.0,))[1] == 6


@pytest.mark.slow
def test_a_chain_of_a_million_operations():
    def chain(x):
        for _ in range(10**6):
            x = -x
        return x * x

    assert grad(chain)(3.0) == 6


def peak(f, *args):
    """The most memory in use during f(*args), in arrays of 100,000 float64 numbers."""
    gc.collect()
    tracemalloc.start()
    try:
        f(*args)
        return tracemalloc.get_traced_memory()[1] / 8e5
    finally:
        tracemalloc.stop()


def test_memory_of_twenty_layers():
    """tanh keeps its output, the product refers to arrays that exist, the sum nothing.

    So 20 arrays are kept, plus a few in flight at the turning point, and what the
    caller gets: one gradient, or three.
    """
    x, a, b = np.random.default_rng(0).normal(size=(3, 10**5))

    def f(x, a, b):
        for _ in range(20):
            x = np.tanh(x * a + b)
        return np.sum(x)

    assert peak(grad(f), x, a, b) < 20 + 5
    assert peak(grad(f, (0, 1, 2)), x, a, b) < 20 + 3 + 6


def test_memory_of_twenty_additions():
    """A sum keeps nothing: one value, one cotangent, one share, and the result."""
    x, a = np.random.default_rng(0).normal(size=(2, 10**5))

    def f(x, a):
        for _ in range(20):
            x = x + a
        return np.sum(x)

    assert peak(grad(f), x, a) < 4
    assert peak(grad(f, (0, 1)), x, a) < 5


def test_memory_of_twenty_layers_with_parameters():
    """40 parameter arrays: 20 values are kept, 40 gradients given, and a few in flight.

    The caller's gradient is made once, not made and then copied.
    """
    rng = np.random.default_rng(0)
    parameters = [tuple(rng.normal(size=(2, 10**5))) for _ in range(20)]
    x = rng.normal(size=10**5)

    def f(parameters, x):
        for a, b in parameters:
            x = np.tanh(x * a + b)
        return np.sum(x)

    assert peak(grad(f), parameters, x) < 20 + 40 + 6
