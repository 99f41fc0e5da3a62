"""Diffusion of a mixture of Gaussians to noise and back, with its exact denoiser.

The law of x_t is known at every time, so the forward chain, the jump and the reverse
chains are all held to it. With an exact denoiser the number of steps is the only source
of error; how it falls is known exactly for one Gaussian, and for DDIM from the ordinary
differential equation that its steps follow.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from benchmarks.diffusion_mixture.chains import (
    ETAS,
    KEPT,
    LAST,
    LAST_ANGLE,
    SCHEDULE,
    STEPS,
    WIDTH,
    Convergence,
    Strips,
    converge,
    denoiser_error,
    evenly,
    floor,
    flow_errors,
    gaussian_ends,
    laws,
    path,
    strips,
)
from benchmarks.diffusion_mixture.figures import (
    draw_distances,
    draw_floor,
    draw_flow,
    paths_picture,
    steps_picture,
    strips_picture,
)
from benchmarks.diffusion_mixture.gaussian import (
    final_sd,
    leading_error,
    relative_errors,
    sd_by_angles,
)
from benchmarks.diffusion_mixture.laws import MIXTURE, flow, moment_scores
from benchmarks.diffusion_mixture.schedules import (
    schedule_error,
    schedules_picture,
    schedules_table,
)
from benchmarks.experiment import Metric, Picture, Result, Table
from benchmarks.transition_matrices import chi_square_score
from models import total_variation

BUDGET = 9
CHAINS = {"quick": 20_000, "full": 500_000}
SHOWN = 20_000  # chains whose states are kept on their way
POINTS = {"quick": 400, "full": 2000}  # of the probability flow
# Where the paths that are drawn begin: on a circle.
TURNS = 2 * np.pi * (np.arange(5) / 5 + 0.15)
STARTS = 0.8 * np.column_stack([np.cos(TURNS), np.sin(TURNS)])
# A normal number is larger than this once in 2 million: 1e-4 for 200 tests.
LIMIT = 5.03


def run(seed: int, size: str) -> Result:
    """Run all chains and hold them to the exact laws."""
    rng = np.random.default_rng(seed)
    chains = CHAINS[size]
    states = strips(SHOWN, rng)
    found = {name: converge(eta, chains, rng) for name, eta in ETAS.items()}
    floors = floor(chains, rng)
    gaussian = gaussian_ends(chains, rng)
    errors = flow_errors(POINTS[size], rng)
    paths = {name: path(STARTS, ETAS[name], 10, rng) for name in ("ancestral", "DDIM")}
    return Result(
        metrics=[
            *forward_metrics(states, rng),
            *reverse_metrics(found, floors),
            *order_metrics(gaussian, errors, chains),
        ],
        figures=[
            strips_picture(states, seed),
            paths_picture(paths, flow(STARTS, LAST_ANGLE), seed),
            steps_picture(found, floors, gaussian, errors, chains, seed),
            schedules_picture(),
        ],
        tables=[shares_table(found, chains), schedules_table()],
        series={
            "distances": {name: run.distances for name, run in found.items()},
            "floor": floors,
            "flow": errors,
            "chains": chains,
        },
    )


def forward_metrics(states: Strips, rng: np.random.Generator) -> list[Metric]:
    """Hold schedules, denoiser, forward chain and jump to what is exact."""
    z = {
        name: [moment_scores(x[:, k], law) for k, law in enumerate(laws())]
        for name, x in (("forward chain", states.forward), ("jump", states.jumped))
    }
    return [
        Metric(
            "schedules: largest relative error of abar",
            schedule_error(),
            at_most=1e-11,
            tolerance=1e-11,
            reference=0.0,
            source="their formulas",
        ),
        Metric(
            "denoiser: largest error",
            denoiser_error(rng),
            "units of x",
            at_most=1e-12,
            tolerance=1e-12,
            reference=0.0,
            source="Tweedie's formula, the score by automatic differentiation",
        ),
        *(
            Metric(
                f"{name}: largest absolute z of first and second moments",
                float(np.max(np.abs(scores))),
                at_most=LIMIT,
                tolerance=1e-6,
                reference=0.0,
                source=f"the exact mixture at {len(KEPT)} times",
            )
            for name, scores in z.items()
        ),
    ]


def reverse_metrics(found: Mapping[str, Convergence], floors) -> list[Metric]:
    """Report how far the reverse chains end from the data, by their steps."""
    metrics = []
    for name in ("ancestral", "DDIM"):
        distances, counts = found[name].distances, found[name].counts
        metrics += [
            Metric(
                f"{name}, {LAST} steps: chi-square of mode shares, as a normal z",
                chi_square_score(counts[-1], MIXTURE.weights),
                at_most=LIMIT,
                tolerance=1e-6,
                source="the weights of the mixture",
            ),
            *(
                Metric(
                    f"{name}, {steps} steps: sliced Wasserstein distance",
                    float(distances[STEPS.index(steps)]),
                    "units of x",
                    at_most=0.015 if steps == LAST else None,
                    tolerance=1e-6,
                    reference=floors[0] if steps == LAST else None,
                    source="as many exact draws" if steps == LAST else "",
                )
                for steps in (10, 100, LAST)
            ),
            Metric(
                f"{name}: slope of the distance, 5 to 50 steps",
                slope(distances, 5, 50),
                at_least=-1.4,
                at_most=-0.6,
                tolerance=1e-6,
                reference=-1.0,
                source="first order in 1 / K",
            ),
        ]
    return metrics


def slope(errors, first: int, last: int) -> float:
    """Return the slope of log error against log K, between two of STEPS."""
    ends = [errors[STEPS.index(K)] for K in (first, last)]
    return float(np.log(ends[1] / ends[0]) / np.log(last / first))


def order_metrics(gaussian: Mapping, errors, chains: int) -> list[Metric]:
    """Hold the chains to the exact orders of one Gaussian, and of the flow."""
    sequences = [evenly(K) for K in STEPS]
    metrics = []
    for name in ("ancestral", "DDIM"):
        exact = relative_errors(WIDTH, SCHEDULE, sequences, ETAS[name])
        metrics += [
            Metric(
                f"one Gaussian, {name}: slope of the exact error, 500 to {LAST} steps",
                slope(exact, 500, LAST),
                at_least=-1.05,
                at_most=-0.95,
                tolerance=1e-9,
                reference=-1.0,
                source="first order in 1 / K",
            ),
            Metric(
                f"one Gaussian, {name}: {LAST} times the exact error at {LAST} steps",
                LAST * float(exact[-1]),
                tolerance=1e-6,
                reference=leading_error(WIDTH, int(ETAS[name])),
                source="its leading term, an integral over the schedule",
            ),
        ]
    recursion = [final_sd(WIDTH, SCHEDULE, times, 0.0) for times in sequences]
    cosines = [sd_by_angles(WIDTH, SCHEDULE, times) for times in sequences]
    return [
        *metrics,
        Metric(
            "one Gaussian, DDIM: recursion against the product of cosines, relative",
            float(np.max(np.abs(np.divide(recursion, cosines) - 1))),
            at_most=1e-12,
            tolerance=1e-12,
            reference=0.0,
            source="geometry of signal and noise",
        ),
        Metric(
            "one Gaussian, DDIM: the chain against the recursion, relative",
            float(np.max(np.abs(gaussian["DDIM"]))),
            at_most=1e-11,
            tolerance=1e-11,
            reference=0.0,
            source="the exact recursion",
        ),
        Metric(
            "one Gaussian, ancestral: largest absolute z of the sampled sd",
            float(np.max(np.abs(gaussian["ancestral"])) * np.sqrt(2 * chains)),
            at_most=LIMIT,
            tolerance=1e-6,
            reference=0.0,
            source="the exact recursion, for nine numbers of steps",
        ),
        Metric(
            f"DDIM, {LAST} steps: median distance from the probability flow",
            float(errors[-1]),
            "units of x",
            at_most=0.005,
            tolerance=1e-6,
            reference=0.0,
            source="the flow's differential equation, solved to 1e-9",
        ),
        Metric(
            f"DDIM from the probability flow: slope, 100 to {LAST} steps",
            slope(errors, 100, LAST),
            at_least=-1.1,
            at_most=-0.9,
            tolerance=1e-6,
            reference=-1.0,
            source="Euler's method",
        ),
    ]


def shares_table(found: Mapping[str, Convergence], chains: int) -> Table:
    """List the shares of the modes by eta and number of steps."""
    rows = [
        (
            name,
            f"{steps}",
            *(f"{share:.4f}" for share in counts / chains),
            f"{total_variation(counts / chains, MIXTURE.weights):.4f}",
        )
        for name, run in found.items()
        for steps, counts in zip(STEPS, run.counts, strict=True)
        if steps in (2, 10, 100, LAST)
    ]
    return Table(
        "Shares of the modes",
        ("chain", "steps", *(f"{w:g}" for w in MIXTURE.weights), "TV"),
        rows,
        f"Of {chains} chains. The header has the weights, which are the exact shares; "
        "TV is the total variation distance from them.",
    )


def picture(series) -> Picture:
    """Draw the record: distances from the data and from the flow, of all seeds."""
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    runs = series["distances"]
    mean, sd = np.mean(series["floor"], axis=0)
    draw_floor(mean, sd, left)
    draw_distances({name: [run[name] for run in runs] for name in ETAS}, left)
    draw_flow(series["flow"], right)
    figure.suptitle(f"What few steps cost, with the exact denoiser ({len(runs)} seeds)")
    caption = (
        f"The record. Left: how far {series['chains'][0]} reverse chains end from a "
        f"mixture of five Gaussians, for {len(runs)} seeds; the grey band is what as "
        "many exact draws have. Right: the median distance of the ends of DDIM from "
        "those of the probability flow, from the same noise; dashed, slope -1."
    )
    return Picture("record", figure, caption)
