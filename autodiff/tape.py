"""The tape: a program written down as it runs, then read backwards.

Five words carry the explanation.

value       an array: an input, or the result of one operation.
tape        the list of operations in the order in which they ran: an entry is a
            list of edges, one for each operand that a derivative can reach.
cotangent   the derivative of the final result with respect to a value, written g;
            it has that value's shape.
pull-back   what an operation y = f(x) makes of the cotangent of y to give its share
            of the cotangent of x: the linear map g -> J^T g, where J = dy/dx.
leaf        a value that is not computed, an input: an entry without edges.

It is micro.py's list with arrays. An edge is (parent, pull, push, saved): where the
operand stands, its pull-back, the push-forward t -> J t of forward mode, and what both
need, which is where memory goes. Parents stand before children, since an operation can
only use what exists, so one loop does: no recursion, no set of visited nodes, no limit
of depth. A tape holds none of its own tensors; it is freed with the last that holds it.

Source: A. Griewank and A. Walther (2008), Evaluating Derivatives, chapters 3 and 4.
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from autodiff.parts import Parts, add
from autodiff.refusals import CLOSED
from autodiff.table import RULES


class Tape:
    """The operations of one run of a function, in order."""

    __slots__ = ("entries", "open", "serial")
    serials = count()

    def __init__(self) -> None:
        self.entries: list[Sequence[tuple]] = []
        self.open = True  # while the function runs
        self.serial = next(Tape.serials)

    def record(self, edges: Sequence[tuple] = ()) -> int:
        """Append an entry, without edges a leaf; return where it stands."""
        self.entries.append(edges)
        return len(self.entries) - 1

    def pull_back(self, seeds: dict[int, Any]) -> list:
        """Read backwards: from the cotangents of results to those of the leaves.

        What used a value stands after it, so a cotangent is complete when the sweep
        reaches its value; it is passed on and dropped. Arrays are added, never changed:
        the two pull-backs of a + b hand on the same one.
        """
        cotangents: list[Any] = [None] * len(self.entries)
        for index, g in seeds.items():
            cotangents[index] = g
        for index in range(max(seeds, default=-1), -1, -1):
            g, edges = cotangents[index], self.entries[index]
            if type(g) is Parts:  # shares not yet put together
                g = cotangents[index] = g.whole()
            if g is not None and edges:
                cotangents[index] = None
                for parent, pull, _, saved in edges:
                    share, others = pull(g, *saved), cotangents[parent]
                    cotangents[parent] = share if others is None else add(others, share)
        return cotangents

    def push_forward(self, seeds: dict[int, Any]) -> list:
        """Read forwards: from the tangents t of leaves to those of all values."""
        tangents = [seeds.get(index) for index in range(len(self.entries))]
        for index, edges in enumerate(self.entries):
            for parent, _, push, saved in edges:
                if tangents[parent] is not None:
                    share, others = push(tangents[parent], *saved), tangents[index]
                    tangents[index] = share if others is None else others + share
        return tangents

    # Levels. A gradient inside a gradient has its own, younger tape; the value of its
    # tensor is a tensor of the older tape. In d/dx [x * d/dy (x + y)] the younger tape
    # records x + y with one edge, to y, because x is a constant to it; x + y then runs
    # on x and the value of y, and the older tape records it with an edge to x. A sweep
    # computes with values too, so the older tape records what depends on it.

    def apply(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Run function on operands of which this tape is the youngest."""
        if not self.open:
            raise RuntimeError(CLOSED)
        return RULES[function](self, args, kwargs)
