"""How a rule is declared: elementwise, linear, bilinear, rule, composite, value_only.

A rule states the derivative of a function once; the tape reads it backwards (the
pull-back g -> J^T g) and forwards (the push-forward t -> J t). Rules use operators and
NumPy functions only, so on tensors of an older tape they are recorded in their turn.
"""

from inspect import signature
from operator import itemgetter

import numpy as np

from autodiff import calls
from autodiff.calls import Parameters, Spec, check_dtype, dispatching, operands, refuse
from autodiff.run import Run
from autodiff.table import RULES
from autodiff.tensor import Tensor


def elementwise(function, *partials):
    """Declare y_i = function(x_i), or of (a, b), or (a, b, c): J is diagonal.

    partials : one for each argument: None (no derivative), the number 1 or -1, or a
        function whose parameters name what it needs of x (or a, b, c) and of the
        output y, and only that is kept, as in lambda y: 1 - y**2. One whose first
        parameter is g returns g times the partial itself.
    """
    names = ["x"] if len(partials) == 1 else ["a", "b", "c"][: len(partials)]
    links = [partial and scaling(partial, [*names, "y"]) for partial in partials]
    function = dispatching(function)

    def record(tape, args, kwargs):
        if kwargs or len(args) != len(links):
            refuse(
                function, "= ".join([*kwargs, ""]) or f"{len(args)} arguments", names
            )
        values = operands(tape, args)
        y = function(*values)
        known, shape, dtype = (*values, y), y.shape, y.dtype
        edges = []
        for x, value, link in zip(args, values, links):
            if link and type(x) is Tensor and x.tape is tape:
                scale, needs = link
                place = x.index
                if value.dtype is not dtype:
                    check_dtype(function, value.dtype, dtype)
                if value.shape != shape:  # broadcasting is an entry of its own
                    saved = value.shape, shape
                    place = tape.record([(place, unbroadcast, broadcast, saved)])
                edges.append((place, scale, scale, needs(known)))
        return Tensor(y, tape, tape.record(edges)) if edges else y

    RULES[function] = record
    return function


def scaling(partial, names):
    """(g -> g * partial, the getter of what the partial needs from (*args, y))."""
    if not callable(partial):
        return {1: lambda g: g, -1: lambda g: -g}[partial], lambda known: ()
    wanted = list(signature(partial).parameters)
    whole = wanted[0] == "g"
    places = [names.index(name) for name in wanted[whole:]]
    one = slice(places[0], places[0] + 1)
    needs = itemgetter(*places) if len(places) > 1 else itemgetter(one)
    return partial if whole else lambda g, *saved: g * partial(*saved), needs


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


def linear(function, *transposes):
    """Declare y = function(x, ...), linear in x; with two transposes, bilinear.

    The function is its own push-forward. transposes : for each array argument the
    pull-back (g, x, ...) -> J^T g, with the function's further parameters as NumPy
    names them. By linearity x itself cannot matter: it is a Spec. Sums over broadcast
    axes are left to the engine.
    """

    def link(slot, transpose):
        def pull(g, shape, args, kwargs):
            g = transpose(g, *args, **kwargs)
            return unbroadcast(g, shape, g.shape)

        def push(t, shape, args, kwargs):
            return function(*args[:slot], t, *args[slot + 1 :], **kwargs)

        def save(values, y):
            x = Spec(values[slot].shape, values[slot].dtype)
            return x.shape, [*values[:slot], x, *values[slot + 1 :]]

        return pull, push, save

    function = dispatching(function)
    links = [link(slot, transpose) for slot, transpose in enumerate(transposes)]
    return register(function, links, Parameters(transposes[0], 1 + len(links)))


bilinear = linear


def rule(function, *pullbacks):
    """Declare any y = function(x, ...) by one pull-back for each array argument.

    pullbacks : (g, x, ...) -> J^T g, or (g, y, x, ...) where the second parameter is
        named y, with the function's further parameters. J^T g is linear in g, and its
        transpose t -> J t, found by differentiating it, is the push-forward.
    """

    def link(pullback, uses_y):
        def pull(g, y, args, kwargs):
            return pullback(g, *args, **kwargs)

        def push(t, y, args, kwargs):
            zero = np.zeros(y.shape, y.dtype)
            return Run(lambda g: pull(g, y, args, kwargs), [zero]).pull_back([t])[0]

        def save(values, y):
            return Spec(y.shape, y.dtype), [y, *values] if uses_y else values

        return pull, push, save

    function = dispatching(function)
    uses_y = [list(signature(p).parameters)[1:2] == ["y"] for p in pullbacks]
    links = [link(*pair) for pair in zip(pullbacks, uses_y, strict=True)]
    accepted = Parameters(pullbacks[0], 1 + len(links) + uses_y[0])
    return register(function, links, accepted)


def register(function, links, accepted):
    """The rule of a function, given (pull, push, save) for each of its arrays."""
    n = len(links)

    def record(tape, args, kwargs):
        kwargs = accepted.check(function, args[n:], kwargs, tape)
        values = operands(tape, args[:n]) + list(args[n:])
        y = function(*values, **kwargs)
        edges = []
        for x, value, (pull, push, save) in zip(args, values, links):
            if type(x) is Tensor and x.tape is tape:
                check_dtype(function, value.dtype, y.dtype)
                edges.append((x.index, pull, push, (*save(values, y), kwargs)))
        return Tensor(y, tape, tape.record(edges))

    RULES[function] = record
    return function


def composite(function):
    """Decorate the definition of function in terms of others that have rules."""

    def declare(definition):
        accepted = Parameters(definition, 0)

        RULES[function] = lambda tape, args, kwargs: definition(
            *args, **accepted.check(function, args, kwargs)
        )
        return definition

    return declare


def value_only(function):
    """Declare that no derivative passes through function: a plain array comes out."""

    def record(tape, args, kwargs):
        named = {name: calls.values_of(tape, x) for name, x in kwargs.items()}
        return function(*calls.values_of(tape, args), **named)

    function = dispatching(function)
    RULES[function] = record
    return function
