"""Families that learn the 4 x 4 Ising model, held to the law of all its states.

A family is a function: it trains on exact draws of spins at one temperature and returns
spins that it generated. They are held to the exact law, in nats, and to the averages
that physics asks for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.experiment import Metric, Picture, Result
from benchmarks.ising4 import diffusion, rbm, vae
from benchmarks.ising4.distances import distance_picture
from benchmarks.ising4.figures import averages_picture, states_picture
from benchmarks.ising4.law import AVERAGES, TEMPERATURES, truth
from benchmarks.ising4.rows import (
    Row,
    averages_table,
    kl_table,
    label,
    make_row,
    scales,
    scales_table,
)
from samplers.exact import visible_probabilities

BUDGET = 17


@dataclass(frozen=True)
class Family:
    """A family of models, and what it is held to at any temperature, by size.

    generate : (truth, draws, size, rng) -> Generated
    draws : how many it is held to the truth by
    kl : what its distances keep within, in nats
    averages : (4,), what the AVERAGES of its draws miss the exact ones by at most
    """

    generate: Callable
    draws: dict[str, int]
    kl: dict[str, float]
    averages: dict[str, tuple[float, ...]]


FAMILIES = {
    "RBM": Family(
        rbm.generate,
        draws={"quick": 1_000_000, "full": 10_000_000},
        kl={"quick": 0.08, "full": 0.01},
        averages={"quick": (0.06,) * 4, "full": (0.04,) * 4},
    ),
    "VAE": Family(
        vae.generate,
        draws={"quick": 1_000_000, "full": 10_000_000},
        kl={"quick": 0.3, "full": 0.05},
        averages={"quick": (0.2, 0.6, 0.05, 0.05), "full": (0.04, 0.1, 0.02, 0.02)},
    ),
    "diffusion": Family(
        diffusion.generate,
        draws={"quick": 32_000, "full": 480_000},
        kl={"quick": 0.3, "full": 0.015},
        averages={"quick": (0.2, 0.6, 0.05, 0.05), "full": (0.03, 0.06, 0.02, 0.02)},
    ),
}
# Chains remember their start, most of all on which side it was, up or down.
OFF_LIMITS = {"quick": 2e-2, "full": 1e-3}


def run(seed: int, size: str) -> Result:
    """Train every family at every temperature and hold it to the truth."""
    rng = np.random.default_rng(seed)
    truths = {T: truth(T) for T in TEMPERATURES}
    rows = [
        make_row(name, law, family.generate(law, family.draws[size], size, rng))
        for name, family in FAMILIES.items()
        for law in truths.values()
    ]
    beside = {T: scales(law, rng) for T, law in truths.items()}
    kept = {family: by_temperature(rows, family) for family in FAMILIES}
    return Result(
        metrics=[
            by_hand_metric(truths),
            *(metric for row in rows for metric in row_metrics(row, size)),
            *(
                metric
                for family in FAMILIES
                for metric in check_metrics(of_family(rows, family), size)
            ),
        ],
        figures=[
            *(
                states_picture(of_family(rows, family), seed)
                for family in FAMILIES
                if rows_have_laws(of_family(rows, family))
            ),
            averages_picture(rows, seed),
            record_picture([kept], beside, f"seed {seed}"),
        ],
        tables=[kl_table(rows), averages_table(rows), scales_table(beside)],
        series={"rows": kept, "scales": {f"{T}": found for T, found in beside.items()}},
    )


def of_family(rows: list[Row], family: str) -> list[Row]:
    """Return the rows of one family."""
    return [row for row in rows if row.family == family]


def rows_have_laws(rows: list[Row]) -> bool:
    """Say whether the laws that the rows' draws come from are known."""
    return all(row.generated.law is not None for row in rows)


def by_temperature(rows: list[Row], family: str) -> dict[str, dict]:
    """Return what the record keeps of a family, by temperature."""
    return {
        f"{row.truth.T}": {
            "exact": row.forward,
            "draws": row.kl,
            "misfit": None if row.forward is None else row.generated.misfit,
            "curves": row.generated.curves,
        }
        for row in of_family(rows, family)
    }


def by_hand_metric(truths) -> Metric:
    """Hold the machine that was written by hand to the exact law."""
    errors = [
        np.max(np.abs(np.log(visible_probabilities(rbm.by_hand(T).machine) / law.p)))
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
    limit = FAMILIES[row.family].kl[size]
    metrics = [
        Metric(
            f"{name}: KL(generated || exact), from draws",
            row.kl,
            "nats",
            at_most=limit,
            tolerance=limit / 2,
            reference=0.0,
            source="exact draws, in the mean",
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
    """Hold a family's estimates to exact KL, and its averages to enumeration."""
    family = rows[0].family
    off = [abs(row.kl - row.forward) for row in rows if row.forward is not None]
    metrics = []
    if off:
        metrics.append(
            Metric(
                f"{family}: KL from draws against all states: largest error",
                float(np.max(off)),
                "nats",
                at_most=OFF_LIMITS[size],
                tolerance=OFF_LIMITS[size],
                reference=0.0,
                source="independent draws",
            )
        )
    exact = np.array([row.truth.averages(row.truth.p) for row in rows])
    errors = np.array([row.held.averages for row in rows]) - exact
    limits = FAMILIES[family].averages[size]
    worst = np.abs(errors).max(axis=0)
    return metrics + [
        Metric(
            f"{family}: {name} of draws against enumeration: largest error",
            float(error),
            at_most=limit,
            tolerance=limit,
            reference=0.0,
            source="all 65,536 states",
        )
        for name, error, limit in zip(AVERAGES, worst, limits, strict=True)
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
    learning = {
        family: {
            T: curves_of([run[family][f"{T}"] for run in runs]) for T in TEMPERATURES
        }
        for family, found in runs[0].items()
        if found[f"{TEMPERATURES[0]}"]["curves"]
    }
    title = f"Generated spins of the 4 x 4 Ising model, held to all states ({whose})"
    return distance_picture(rows, scales, learning, title)


def curves_of(kept: list[dict]) -> dict:
    """Return the learning curves of a family at one temperature, over runs."""
    first = kept[0]
    curves = {name: [run["curves"][name] for run in kept] for name in first["curves"]}
    return {**curves, "misfit": first["misfit"]}
