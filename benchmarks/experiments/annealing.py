"""Annealed importance sampling, up and down, held to exact partition functions.

log Z of a machine of 64 x 16 units by the number of temperatures: from below by runs
that go up from fair coins, from above by runs that go down from exact draws, and from
both together. Three continuous laws of known log Z are annealed from a Gaussian.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from benchmarks.annealing.figures import (
    STOPS,
    STOPS_OF_POINTS,
    bracket_picture,
    draw_bracket,
    draw_laws,
    draw_shares,
    fluctuation_picture,
    variance_constant,
    way_picture,
)
from benchmarks.annealing.laws import (
    PARTICLES,
    Annealed,
    Fluctuations,
    acceptance_ratio,
    anneal_machine,
    fluctuations,
    make_machine,
    mean_and_error,
)
from benchmarks.annealing.tables import errors_of, law_table, machine_table
from benchmarks.annealing.targets import BETAS, LAWS, K, anneal_laws, on_the_way
from benchmarks.experiment import Metric, Picture, Result
from samplers.exact import exact_draws, log_partition
from samplers.importance import Weights
from samplers.machine_path import MachinePath

BUDGET = 8
NUMBERS = (3, 10, 30, 100, 300, 1000, 2000)  # of temperatures
MIDDLE = 100  # where histograms forward and reverse overlap
FEW = 10  # up to which a run of 100 particles fails
# Particles times temperatures, of which there are from so many to so many runs.
WORK = {"quick": (4e5, 8, 40), "full": (1e7, 50, 400)}
PARTICLES_OF_LAWS = {"quick": 1000, "full": 20_000}
TRUSTED = 30  # effective particles in a run whose weights tell its error
LIMIT = 5.03  # a normal number is larger once in 2 million: 1e-4 for 200 tests


@dataclass(frozen=True, eq=False)
class Found:
    """What a run gave.

    log_Z : of the machine, by enumeration
    annealed : by the number of temperatures
    fluctuations : at MIDDLE temperatures
    laws : of each continuous law, forward and reverse
    """

    log_Z: float
    annealed: dict[int, Annealed]
    fluctuations: Fluctuations
    laws: dict[str, tuple[Weights, Weights]]


def run(seed: int, size: str) -> Result:
    """Anneal the machine and the continuous laws; hold all to the exact log Z."""
    rng = np.random.default_rng(seed)
    machine = make_machine()
    found = sample(machine, size, rng)
    rows = [row(item, found.log_Z) for item in found.annealed.values()]
    path = MachinePath(machine)
    betas = np.linspace(0, 1, 1001)
    pictures = [
        *on_the_way(path, betas, STOPS, 16, rng),
        exact_draws(machine, 16, rng=rng)[0],
    ]
    law = LAWS["eight Gaussians"]
    points = [
        *on_the_way(law.path, BETAS, STOPS_OF_POINTS, 400, rng),
        law.draws(400, rng),
    ]
    return Result(
        metrics=[*machine_metrics(found), *law_metrics(found.laws)],
        figures=[
            bracket_picture(rows, found.log_Z, seed),
            fluctuation_picture(found.fluctuations, found.log_Z, MIDDLE, seed),
            way_picture(pictures, points, law, seed),
        ],
        tables=[machine_table(rows), law_table(found.laws)],
        series={
            "rows": rows,
            "laws": {
                name: [errors_of(pair, name) for pair in pairs]
                for name, pairs in found.laws.items()
            },
        },
    )


def sample(machine, size: str, rng) -> Found:
    """Anneal everything."""
    work, least, most = WORK[size]
    log_Z = log_partition(machine)
    annealed = {}
    for number in NUMBERS:
        runs = int(np.clip(work / (number * PARTICLES), least, most))
        annealed[number] = anneal_machine(machine, number, runs, rng)
    laws = anneal_laws(PARTICLES_OF_LAWS[size], rng)
    return Found(log_Z, annealed, fluctuations(annealed[MIDDLE], log_Z), laws)


def row(found: Annealed, log_Z: float) -> dict:
    """Return what is reported for one number of temperatures, errors in nats.

    Pairs of an error and its standard error: of the mean over runs, of all particles
    of a direction as one run, of both directions together. That of the mean comes from
    the spread of the runs, or where their weights are good from these, as there the
    runs are few.
    """
    runs, pooled = [], []
    for estimates, weights in zip(found.runs, found.pooled, strict=True):
        mean, error = mean_and_error(estimates - log_Z)
        share = weights.effective_sample_size / weights.log_weights.size
        good = share * PARTICLES > TRUSTED
        runs.append((mean, weights.standard_error if good else error))
        pooled.append((weights.log_partition - log_Z, weights.standard_error))
    together, error = acceptance_ratio(found.forward, found.reverse)
    return {
        "K": found.K,
        "runs": len(found.forward),
        "of runs": runs,
        "pooled": pooled,
        "together": (together - log_Z, error),
        "shares": found.shares,
    }


def machine_metrics(found: Found) -> list[Metric]:
    """Hold the runs of the machine to its log Z."""
    rows = [row(item, found.log_Z) for item in found.annealed.values()]
    last = rows[-1]
    few = [item["of runs"] for item in rows if item["K"] <= FEW]
    ratios = [item["together"] for item in rows if item["K"] > FEW]
    brackets = [
        side * mean / error
        for item in rows
        for side, (mean, error) in zip((1, -1), item["of runs"], strict=True)
    ]
    metrics = [
        Metric(
            "log Z of the 64 x 16 machine, by enumeration",
            found.log_Z,
            "nats",
            tolerance=1e-9,
        )
    ]
    for k, (name, start) in enumerate(
        (("forward", "fair coins"), ("reverse", "exact draws"))
    ):
        error, standard_error = last["pooled"][k]
        metrics += [
            Metric(
                f"{name}, {last['K']} temperatures, from {start}: error of log Z",
                error,
                "nats",
                at_least=-0.1,
                at_most=0.1,
                tolerance=1e-6,
                reference=0.0,
                source="enumeration of the hidden states",
            ),
            worst(f"{name}, the same error", [error / standard_error]),
            Metric(
                f"{name}, {last['K']} temperatures: effective share of the particles",
                last["shares"][k],
                at_least=0.75,
                at_most=1.0,
                tolerance=1e-6,
            ),
        ]
    return [
        *metrics,
        Metric(
            f"forward, up to {FEW} temperatures: highest mean error of a run",
            max(forward for (forward, _), _ in few),
            "nats",
            at_most=0.0,
            tolerance=1e-6,
            source="lower bound in the mean",
        ),
        Metric(
            f"reverse, up to {FEW} temperatures: lowest mean error of a run",
            min(reverse for _, (reverse, _) in few),
            "nats",
            at_least=0.0,
            tolerance=1e-6,
            source="upper bound in the mean",
        ),
        Metric(
            "mean of the runs on the wrong side of log Z: largest z",
            float(max(brackets)),
            at_most=LIMIT,
            tolerance=1e-6,
            source="bounds in the mean, for every number of temperatures",
        ),
        Metric(
            "-log(effective share) times temperatures: that of 1000 over that of 2000",
            variance_constant(rows[-2]) / variance_constant(rows[-1]),
            at_least=0.7,
            at_most=1.4,
            tolerance=1e-6,
            reference=1.0,
            source="the variance of log w falls as 1 / K",
        ),
        worst(
            f"forward and reverse together, above {FEW} temperatures",
            [error / standard_error for error, standard_error in ratios],
        ),
        worst(
            f"fluctuation theorem, {MIDDLE} temperatures, every bin",
            found.fluctuations.z,
            "Crooks (1999)",
        ),
    ]


def worst(what: str, z, source: str = "enumeration of the hidden states") -> Metric:
    """Report the largest absolute z of many, nan where there was too little to tell."""
    return Metric(
        f"{what}: largest absolute z",
        float(np.nanmax(np.abs(z))),
        at_most=LIMIT,
        tolerance=1e-6,
        reference=0.0,
        source=source,
    )


def law_metrics(laws) -> list[Metric]:
    """Hold the continuous laws to their log Z."""
    sources = {
        "double well": "modified Bessel functions",
        "ring": "error function",
        "eight Gaussians": "normalized density",
    }
    metrics = []
    for name, pairs in laws.items():
        errors = np.array([errors_of(weights, name) for weights in pairs])
        z = errors[:, 0] / errors[:, 1]
        metrics.append(worst(f"{name}, forward and reverse", z, sources[name]))
    return metrics


def picture(series) -> Picture:
    """Draw the record: bracket, effective particles and continuous laws."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    runs = series["rows"]
    seeds = len(runs)
    rows = [pooled(same) for same in zip(*runs, strict=True)]
    draw_bracket(rows, left)
    draw_shares(rows, middle)
    laws = {
        name: [over_seeds([run[name][k] for run in series["laws"]]) for k in range(2)]
        for name in LAWS
    }
    draw_laws(laws, right)
    figure.suptitle(f"Annealed importance sampling ({seeds} seeds)")
    caption = (
        f"The record, mean of {seeds} seeds with its error. Left: the error of log Z "
        f"of a 64 x 16 machine, of runs of {PARTICLES} particles, which up (forward) "
        "is negative and down (reverse) positive in the mean; within 0.1 nats the axis "
        "is linear. Middle: which share of the particles counts; dashed, exp(-c / K), "
        "which it comes to. Right: the error of log Z of three "
        f"continuous laws, by {K} temperatures, in the same colors."
    )
    return Picture("record", figure, caption)


def over_seeds(pairs) -> tuple[float, float]:
    """Return the mean of independent errors, with its standard error."""
    errors = np.array(pairs)
    return (
        float(errors[:, 0].mean()),
        float(np.sqrt(np.sum(errors[:, 1] ** 2)) / len(errors)),
    )


def pooled(same) -> dict:
    """Return the row of one number of temperatures, from those of all seeds."""
    return {
        "K": same[0]["K"],
        "of runs": [over_seeds([item["of runs"][k] for item in same]) for k in (0, 1)],
        "shares": np.mean([item["shares"] for item in same], axis=0),
    }
