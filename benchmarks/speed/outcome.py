"""What was measured for a row, and what follows from it by arithmetic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.speed.row import SCALE, Row

OURS = "ours"


@dataclass(frozen=True)
class Timing:
    """What one contestant took in one case.

    first : seconds of the first repetition, which compiles what is not yet compiled
    seconds : of one unit of the work, in each round
    processors : how many it kept busy in each round
    result : of the last repetition
    """

    first: float
    seconds: list[float]
    processors: list[float]
    result: Mapping[str, Any]

    @property
    def typical(self) -> float:
        """Return the median seconds of one unit."""
        return median(self.seconds)


@dataclass(frozen=True)
class Comparison:
    """One case with one number of threads.

    timings : contestant -> its times; ours is among them
    floor : seconds of one unit; None where no work is stated
    """

    case: str
    threads: int
    timings: Mapping[str, Timing]
    floor: float | None

    @property
    def peers(self) -> list[str]:
        """Return the names of the peers that were timed."""
        return [name for name in self.timings if name != OURS]

    def ratios(self, peer: str) -> list[float]:
        """Return ours / peer in each round."""
        ours, theirs = self.timings[OURS].seconds, self.timings[peer].seconds
        return [a / b for a, b in zip(ours, theirs, strict=True)]


@dataclass
class Outcome:
    """What was found for a row.

    versions : peer -> version; missing : peer -> why it could not take part;
    failures : what went wrong, in words
    """

    name: str
    row: Row
    versions: dict[str, str] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def exponent(self, item: Comparison, name: str) -> float | None:
        """Return p of time ~ size^p, between the first case and a scaled one.

        None for a case that is not scaled, and for who was not timed in the first.
        """
        if item.case not in self.row.scaled:
            return None
        first = (next(iter(self.row.cases)), item.threads)
        for base in self.comparisons:
            if (base.case, base.threads) == first and name in base.timings:
                ratio = item.timings[name].typical / base.timings[name].typical
                return math.log(ratio, SCALE)
        return None


def threads_text(threads: int) -> str:
    """Return "1 thread", "2 threads", ..."""
    return f"{threads} thread{'s' * (threads > 1)}"
