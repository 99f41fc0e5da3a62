"""What is told of a row: lines for a terminal, and a dict for a JSON file."""

from itertools import zip_longest
from statistics import mean, median
from typing import Any

from benchmarks.speed.outcome import OURS, Comparison, Outcome, Timing

HEADER = (
    "case",
    "threads",
    "who",
    "time",
    "/ floor",
    "ours / it",
    "lowest",
    "highest",
    "exponent",
    "first call",
    "processors",
)
# Work that is never idle keeps at least one processor busy, but for the system's share.
ALONE = 0.95


def lines(outcome: Outcome) -> list[str]:
    """Return the table of a row: its title, a line a contestant, and what went wrong.

    time : median of one unit of the work; ours / it : the median ratio of all rounds,
    beside the lowest and the highest; exponent : p of time ~ size^p, from the first
    case; first call : of one repetition; processors : how many were kept busy
    """
    row = outcome.row
    told = [f"{outcome.name}: {row.title}, {row.dtype}"]
    for name, version in outcome.versions.items():
        told.append(f"  {name} {version}: {row.peers[name].form}")
    cells = [cell for item in outcome.comparisons for cell in compared(outcome, item)]
    told += aligned([HEADER, *cells]) if cells else []
    told += [f"  missing  {name}: {why}" for name, why in outcome.missing.items()]
    told += [f"  FAIL  {failure}" for failure in outcome.failures]
    timings = [t for item in outcome.comparisons for t in item.timings.values()]
    waited = sum(mean(timing.processors) < ALONE for timing in timings)
    if waited:
        told.append(
            f"  disturbed  {waited} of {len(timings)} contestants had to wait for a "
            "processor that other programs used; measure again on a machine at rest"
        )
    return told


def compared(outcome: Outcome, item: Comparison) -> list[tuple[str, ...]]:
    """Return the cells of one case: the floor if there is one, ours, and the peers."""
    case = (item.case, f"{item.threads}")
    told: list[tuple[str, ...]] = []
    if item.floor is not None:
        told.append((*case, "floor", duration(item.floor)))
    for name, timing in item.timings.items():
        over = "" if item.floor is None else f"{timing.typical / item.floor:.1f}"
        ratios = [] if name == OURS else item.ratios(name)
        spread = (f"{f(ratios):.2f}" if ratios else "" for f in (median, min, max))
        power = outcome.exponent(item, name)
        told.append(
            (
                *(*case, name, duration(timing.typical), over),
                *spread,
                "" if power is None else f"{power:.2f}",
                duration(timing.first),
                f"{mean(timing.processors):.2f}",
                ", ".join(f"{k} {v:g}" for k, v in counts(outcome, timing).items()),
            )
        )
    return told


def counts(outcome: Outcome, timing: Timing) -> dict[str, float]:
    """Return the results that are told and not compared."""
    compared = outcome.row.tolerance
    return {
        name: value for name, value in timing.result.items() if name not in compared
    }


def aligned(cells: list[tuple[str, ...]]) -> list[str]:
    """Return rows of cells as lines, with columns of one width."""
    widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
    padded = [
        [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        for row in cells
    ]
    return [f"  {'  '.join(row)}".rstrip() for row in padded]


def duration(seconds: float) -> str:
    """Return a time with three digits: 151 us, 1.23 ms, 2 s."""
    rounded = float(f"{seconds:.2e}")
    units = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
    unit = next((unit for unit, size in units.items() if rounded >= size), "ns")
    return f"{rounded / units.get(unit, 1e-9):.3g} {unit}"


def entry(outcome: Outcome) -> dict[str, Any]:
    """Return a row as it stands in the JSON file."""
    row = outcome.row
    return {
        "name": outcome.name,
        "title": row.title,
        "dtype": row.dtype,
        "peers": {
            name: {"version": version, "form": row.peers[name].form}
            for name, version in outcome.versions.items()
        },
        "missing": outcome.missing,
        "failures": outcome.failures,
        "comparisons": [
            {
                "case": item.case,
                "threads": item.threads,
                "floor": item.floor,
                "timings": {
                    name: {
                        "seconds": timing.seconds,
                        "first": timing.first,
                        "processors": timing.processors,
                        "exponent": outcome.exponent(item, name),
                        **counts(outcome, timing),
                    }
                    for name, timing in item.timings.items()
                },
                "ratios": {name: item.ratios(name) for name in item.peers},
            }
            for item in outcome.comparisons
        ],
    }
