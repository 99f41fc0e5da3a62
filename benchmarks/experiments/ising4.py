"""Families that learn the 4 x 4 Ising model, held to the law of all its states.

A family is a function: it trains on exact draws of spins at one temperature and returns
spins that it generated. They are held to the exact law, in nats, and to the averages
that physics asks for.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.experiment import Metric, Picture, Result
from benchmarks.ising4 import AVERAGES, TEMPERATURES, truth
from benchmarks.ising4_figures import (
    averages_picture,
    distance_picture,
    states_picture,
)
from benchmarks.ising4_rbm import by_hand, generate
from benchmarks.ising4_rows import (
    Row,
    averages_table,
    kl_table,
    label,
    make_row,
    scales,
    scales_table,
)
from samplers.exact import visible_probabilities

BUDGET = 9
DRAWS = {"quick": 1_000_000, "full": 10_000_000}
# A family : (truth, draws, size, rng) -> Generated.
FAMILIES: dict[str, Callable] = {"RBM": generate}
# What the law of a trained machine keeps within, in nats, at any temperature.
KL_LIMITS = {"quick": 0.08, "full": 0.01}
AVERAGE_LIMITS = {"quick": 0.06, "full": 0.04}
# Chains remember their start, most of all on which side it was, up or down.
OFF_LIMITS = {"quick": 2e-2, "full": 1e-3}


def run(seed: int, size: str) -> Result:
    """Train every family at every temperature and hold it to the truth."""
    rng = np.random.default_rng(seed)
    draws = DRAWS[size]
    truths = {T: truth(T) for T in TEMPERATURES}
    rows = [
        make_row(family, law, function(law, draws, size, rng))
        for family, function in FAMILIES.items()
        for law in truths.values()
    ]
    beside = {T: scales(law, draws, rng) for T, law in truths.items()}
    kept = {family: by_temperature(rows, family) for family in FAMILIES}
    return Result(
        metrics=[
            by_hand_metric(truths),
            *(metric for row in rows for metric in row_metrics(row, size)),
            *check_metrics(rows, size),
        ],
        figures=[
            states_picture(of_family(rows, "RBM"), seed),
            averages_picture(rows, seed),
            record_picture([kept], beside, f"seed {seed}"),
        ],
        tables=[kl_table(rows), averages_table(rows), scales_table(beside)],
        series={"rows": kept, "scales": {f"{T}": found for T, found in beside.items()}},
    )


def of_family(rows: list[Row], family: str) -> list[Row]:
    """Return the rows of one family."""
    return [row for row in rows if row.family == family]


def by_temperature(rows: list[Row], family: str) -> dict[str, dict]:
    """Return what the record keeps of a family, by temperature."""
    return {
        f"{row.truth.T}": {
            "exact": row.forward,
            "draws": row.held.kl,
            "curves": row.generated.curves,
        }
        for row in of_family(rows, family)
    }


def by_hand_metric(truths) -> Metric:
    """Hold the machine that was written by hand to the exact law."""
    errors = [
        np.max(np.abs(np.log(visible_probabilities(by_hand(T).machine) / law.p)))
        for T, law in truths.items()
    ]
    return Metric(
        "RBM by hand, a hidden unit a bond: largest error of log p",
        float(np.max(errors)),
        "nats",
        at_most=1e-12,
        tolerance=1e-12,
        reference=0.0,
        source="decoration transformation",
    )


def row_metrics(row: Row, size: str) -> list[Metric]:
    """Report the distances of a row."""
    name = f"{row.family}, {label(row.truth.T)}"
    limit = KL_LIMITS[size]
    metrics = [
        Metric(
            f"{name}: KL(generated || exact), from draws",
            row.held.kl,
            "nats",
            at_most=limit + 2 * row.bias,
            tolerance=limit / 2,
            reference=row.bias,
            source="exact draws: the bias that Miller and Madow leave",
        )
    ]
    exact = ((row.forward, "model || exact"), (row.backward, "exact || model"))
    return metrics + [
        Metric(
            f"{name}: KL({way}), by all states",
            value,
            "nats",
            at_most=limit,
            tolerance=limit / 2,
            reference=row.generated.misfit,
            source="maximum likelihood, parameters / (2 examples)",
        )
        for value, way in exact
        if value is not None
    ]


def check_metrics(rows: list[Row], size: str) -> list[Metric]:
    """Hold the estimates to exact KL, and the averages of draws to enumeration."""
    off = [
        abs(row.held.kl - row.bias - row.forward)
        for row in rows
        if row.forward is not None
    ]
    metrics = [
        Metric(
            "KL from draws, less its bias, against all states: largest error",
            float(np.max(off)),
            "nats",
            at_most=OFF_LIMITS[size],
            tolerance=OFF_LIMITS[size],
            reference=0.0,
            source="independent draws",
        )
    ]
    exact = np.array([row.truth.averages(row.truth.p) for row in rows])
    errors = np.array([row.held.averages for row in rows]) - exact
    return metrics + [
        Metric(
            f"{name} of draws against enumeration: largest error",
            float(worst),
            at_most=AVERAGE_LIMITS[size],
            tolerance=AVERAGE_LIMITS[size],
            reference=0.0,
            source="all 65,536 states",
        )
        for name, worst in zip(AVERAGES, np.abs(errors).max(axis=0), strict=True)
    ]


def picture(series) -> Picture:
    """Draw the record: learning, and KL by temperature, of all seeds."""
    seeds = len(series["rows"])
    scales = {
        T: {
            name: float(np.mean([run[f"{T}"][name] for run in series["scales"]]))
            for name in series["scales"][0][f"{T}"]
        }
        for T in TEMPERATURES
    }
    shown = record_picture(series["rows"], scales, f"{seeds} seeds")
    return Picture("record", shown.figure, f"The record. {shown.caption}")


def record_picture(runs, scales, whose: str) -> Picture:
    """Draw `by_temperature` of all families, a dict a run, beside the scales."""

    def over_runs(family, T, key):
        values = [run[family][f"{T}"][key] for run in runs]
        return None if None in values else np.array(values)

    rows = {
        family: {
            T: {key: over_runs(family, T, key) for key in ("exact", "draws")}
            for T in TEMPERATURES
        }
        for family in runs[0]
    }
    curves = {
        T: {
            name: [run["RBM"][f"{T}"]["curves"][name] for run in runs]
            for name in ("steps", "moving", "average")
        }
        for T in TEMPERATURES
    }
    title = f"Generated spins of the 4 x 4 Ising model, held to all states ({whose})"
    return distance_picture(rows, scales, curves, title)
