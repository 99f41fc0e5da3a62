"""Chapter 0: reverse-mode differentiation on one screen, for plain numbers.

A program that has run is a list. Each entry holds a value and, for each earlier
entry that the value was computed from, where that parent stands and the partial
derivative with respect to it. For c = a * b the partials are b and a.

The chain rule, read from the output towards the inputs, says: the derivative of
the output with respect to a parent is the sum, over everything computed from it,
of (derivative of the output with respect to that thing) times (partial). Call
the derivative of the output with respect to an entry its cotangent. A child
always stands after its parents, so when the list is read backwards each
cotangent is complete before it is passed on.

The order matters where paths meet. In b = a + a; c = b + b the cotangent of b is
1 + 1 = 2 and must be complete before it reaches a, which then receives
2 + 2 = 4. Walking every path from c separately gives 4 as well, but 60 such lines
have 2**60 paths; the list has 61 entries, each visited once.

>>> gradient(lambda x, y: x * y + tanh(x), 0.0, 3.0)
(0.0, [4.0, 0.0])
>>> gradient(diamond, 5.0)
(20.0, [4.0])

Source: S. Linnainmaa (1976), Taylor expansion of the accumulated rounding error.
"""

import math


class Number:
    """A value that knows its place on the tape, a list of (value, parents)."""

    def __init__(self, tape, value, *parents):
        self.tape, self.value, self.position = tape, value, len(tape)
        tape.append((value, parents))

    def __add__(self, other):
        parents = (self.position, 1.0), (other.position, 1.0)
        return Number(self.tape, self.value + other.value, *parents)

    def __mul__(self, other):
        parents = (self.position, other.value), (other.position, self.value)
        return Number(self.tape, self.value * other.value, *parents)


def tanh(x):
    """The hyperbolic tangent; its partial 1 - y**2 needs the output alone."""
    y = math.tanh(x.value)
    return Number(x.tape, y, (x.position, 1.0 - y * y))


def diamond(a):
    """Two doublings, 4 a: every entry is used twice by the next."""
    b = a + a
    return b + b


def gradient(f, *inputs):
    """f(*inputs) and the list of its partial derivatives, by one sweep."""
    tape = []
    output = f(*[Number(tape, value) for value in inputs])
    cotangents = [0.0] * len(tape)
    cotangents[output.position] = 1.0
    for position in reversed(range(len(tape))):
        _, parents = tape[position]
        for parent, partial in parents:
            cotangents[parent] += cotangents[position] * partial
    return output.value, cotangents[: len(inputs)]
