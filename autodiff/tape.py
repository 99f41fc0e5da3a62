"""The tape: a program written down as it runs, then read backwards.

Five words carry the explanation.

value       an array, the result of one operation.
tape        the list of operations in the order in which they ran: an entry is a
            list of edges, one for each operand that a derivative can reach.
cotangent   the derivative of the final result with respect to a value, written g;
            it has that value's shape.
pull-back   what an operation y = f(x) makes of the cotangent of y to give its share
            of the cotangent of x: the linear map g -> J^T g.
leaf        a value that is not computed, an input: an entry without edges.

It is micro.py's list with arrays. An edge is (parent, pull, push, saved): where the
operand stands, its pull-back, the push-forward t -> J t of forward mode, and what both
need. An operation can only use what exists, so parents stand before children: no
recursion, no set of visited nodes, no limit of depth. Memory goes into what the edges
saved. A tape holds no tensors: nothing refers in a circle, all is freed at once.

Sources: R. E. Wengert (1964), A simple automatic derivative evaluation program;
A. Griewank and A. Walther (2008), Evaluating Derivatives, chapters 3 and 4.
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from autodiff.refusals import CLOSED
from autodiff.table import RULES

Edge = tuple[int, Callable, Callable, tuple]


class Tape:
    """The operations of one run of a function, in order."""

    __slots__ = ("entries", "open", "serial")
    serials = count()

    def __init__(self) -> None:
        self.entries: list[Sequence[Edge]] = []
        self.open = True  # while the function runs
        self.serial = next(Tape.serials)

    def record(self, edges: Sequence[Edge] = ()) -> int:
        """Append an entry, without edges a leaf; return where it stands."""
        self.entries.append(edges)
        return len(self.entries) - 1

    def pull_back(self, seeds: dict[int, Any]) -> list:
        """Read backwards: from the cotangents of results to those of the leaves.

        What used a value stands after it, so its cotangent is complete when the sweep
        reaches it; it is passed on and dropped. Shares are added, never in place: a
        pull-back may hand the same array to two parents.
        """
        cotangents: list[Any] = [None] * len(self.entries)
        for place, g in seeds.items():
            cotangents[place] = g
        for place in range(max(seeds, default=-1), -1, -1):
            g, edges = cotangents[place], self.entries[place]
            if g is not None and edges:
                cotangents[place] = None
                for parent, pull, _, saved in edges:
                    share = pull(g, *saved)
                    others = cotangents[parent]
                    cotangents[parent] = share if others is None else others + share
        return cotangents

    def push_forward(self, seeds: dict[int, Any]) -> list:
        """Read forwards: from the tangents of leaves to those of all values."""
        tangents = [seeds.get(place) for place in range(len(self.entries))]
        for place, edges in enumerate(self.entries):
            for parent, _, push, saved in edges:
                if tangents[parent] is not None:
                    share, others = push(tangents[parent], *saved), tangents[place]
                    tangents[place] = share if others is None else others + share
        return tangents

    # Levels. A gradient inside a gradient has its own, younger tape; the value of its
    # tensor is a tensor of the older. An operation belongs to the youngest tape among
    # its operands, the others are constants to it, and it runs on their values, where
    # the next older tape records it in its turn. The sweep computes with values too,
    # so what it does is recorded by the older tape and can be differentiated.

    def apply(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Run function on operands of which this tape is the youngest."""
        if not self.open:
            raise RuntimeError(CLOSED)
        return RULES[function](self, args, kwargs)
