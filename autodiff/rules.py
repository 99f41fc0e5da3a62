"""How a derivative is declared: elementwise, linear, bilinear, rule.

A rule states the derivative of a function once; the tape reads it backwards (pull-back,
g -> J^T g) and forwards (push-forward, t -> J t). Rules (the tables rules_*.py) use
operators and NumPy functions only, so that an older tape records them in their turn.
"""

from inspect import signature

import numpy as np

from autodiff import calls
from autodiff.calls import Parameters, Spec, dispatching, operands
from autodiff.run import Run
from autodiff.table import RULES
from autodiff.tensor import Tensor


def elementwise(function, *partials):
    """Declare y_i = function(x_i), or of (a, b), or (a, b, c): J is diagonal.

    partials : one for each argument: None (no derivative), the number 1 or -1, or a
        function whose parameters name what it needs of x (or a, b, c) and of the output
        y, and only that is kept: lambda y: 1 - y**2. One that names g first returns the
        product with g: lambda g, x: np.where(x > 0, g, 0).
    """
    names = ["x"] if len(partials) == 1 else ["a", "b", "c"][: len(partials)]
    links = [partial and calls.scaling(partial, [*names, "y"]) for partial in partials]
    function = dispatching(function)

    def record_one(tape, args, kwargs):
        if kwargs or len(args) != 1:
            calls.refuse_call(function, args, kwargs, names)
        x = args[0]
        value = x.value if type(x) is Tensor else np.asarray(x)
        y = function(value)
        calls.check_dtype(function, value.dtype, y.dtype)
        scale, needs = links[0]
        edge = x.index, scale, scale, needs((value, y))
        return Tensor(y, tape, tape.record((edge,)))

    def record(tape, args, kwargs):
        if kwargs or len(args) != len(links):
            calls.refuse_call(function, args, kwargs, names)
        values, variables = list(args), []
        for slot, x in enumerate(args):
            if type(x) is Tensor and x.tape is tape:
                values[slot] = x.value
                variables.append((x, links[slot]))
            elif type(x) in (list, tuple):
                values[slot] = np.asarray(x)
        y = function(*values)
        values.append(y)
        shape, dtype = y.shape, y.dtype
        edges = []
        for x, link in variables:
            if link:
                scale, needs = link
                index, value = x.index, x.value
                if value.dtype is not dtype:
                    calls.check_dtype(function, value.dtype, dtype)
                if value.shape != shape:  # broadcasting is an entry of its own
                    saved = value.shape, shape
                    index = tape.record([(index, unbroadcast, broadcast, saved)])
                edges.append((index, scale, scale, needs(values)))
        return Tensor(y, tape, tape.record(edges)) if edges else y

    RULES[function] = record_one if len(links) == 1 else record  # one is faster
    return function


def broadcast(t, shape, wide):
    return np.broadcast_to(t, wide)


def unbroadcast(g, shape, wide):
    """The transpose of broadcasting from shape to wide: sum over what was repeated."""
    if shape == wide:
        return g
    if extra := len(wide) - len(shape):
        g = np.sum(g, axis=tuple(range(extra)))
    stretched = tuple(i for i, n in enumerate(shape) if n != g.shape[i])
    return np.sum(g, axis=stretched, keepdims=True) if stretched else g


def pulling(function, pullbacks):
    """g -> the share of the argument in a slot, of some shape, by its pull-back."""

    def pull(g, slot, shape, like, args, kwargs):
        g = pullbacks[slot](g, *args, **kwargs)
        if getattr(g, "shape", None) == shape:
            return g
        calls.check_share(function, shape, g)
        return unbroadcast(g, shape, g.shape)

    return pull


def linear(function, *transposes):
    """Declare y = function(x, ...), linear in x; with two transposes, bilinear.

    The function is its own push-forward. transposes : for each array argument the
    pull-back (g, x, ...) -> J^T g, with the function's further parameters: lambda g, x,
    axis: ... By linearity x's value cannot matter: for x comes a Spec (shape, dtype).
    Sums over broadcast axes are left to the engine.
    """
    function = dispatching(function)

    def push(t, slot, shape, like, args, kwargs):
        return function(*args[:slot], t, *args[slot + 1 :], **kwargs)

    def save(slot, values, y):
        return [*values[:slot], Spec(values[slot]), *values[slot + 1 :]]

    pull = pulling(function, transposes)
    return register(function, pull, push, save, transposes, 1 + len(transposes))


bilinear = linear


def rule(function, *pullbacks):
    """Declare any y = function(x, ...) by one pull-back for each array argument.

    pullbacks : (g, x, ...) -> J^T g, or (g, y, x, ...) where the second parameter is
        named y, with the function's further parameters. g -> J^T g is linear, so it has
        a pull-back of its own, the same at every g: t -> J t, the push-forward.
    """
    function = dispatching(function)
    pull = pulling(function, pullbacks)
    uses_y = [list(signature(p).parameters)[1:2] == ["y"] for p in pullbacks]

    def push(t, slot, shape, like, *call):
        back = Run(lambda g: pull(g, slot, shape, like, *call), [np.zeros(*like)])
        return back.pull_back([t])[0]

    def save(slot, values, y):
        return [y, *values] if uses_y[slot] else values

    skip = 1 + len(pullbacks) + uses_y[0]
    return register(function, pull, push, save, pullbacks, skip)


def register(function, pull, push, save, pullbacks, skip):
    """The rule of a function: its arrays first, then what it takes beside them."""
    n, accepted = len(pullbacks), Parameters(pullbacks[0], skip)

    def record(tape, args, kwargs):
        kwargs = accepted.check(function, args[n:], kwargs, tape)
        values = operands(tape, args[:n]) + list(args[n:])
        y = function(*values, **kwargs)
        like = y.shape, y.dtype

        def saved(slot):
            return slot, values[slot].shape, like, save(slot, values, y), kwargs

        return calls.recorded(function, tape, y, args[:n], pull, push, saved)

    RULES[function] = record
    return function
