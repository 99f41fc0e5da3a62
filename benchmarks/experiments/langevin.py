"""Langevin dynamics in a double well: paths, laws, and what a finite step costs.

The unadjusted chain has a law of its own, which the integral equation of a step gives
to many digits; the adjusted one, MALA, has that of the energy. Both are held to it.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.experiment import Metric, Picture, Result
from benchmarks.langevin import laws
from benchmarks.langevin.chains import (
    ALGORITHMS,
    ETAS,
    PROPOSED,
    T_LOW,
    Averages,
    Crossing,
    Histogram,
    Ring,
    acceptance,
    average,
    cross,
    histogram,
    imbalance,
    run_chains,
    run_ring,
    squared,
)
from benchmarks.langevin.figures import (
    acceptance_picture,
    bias_picture,
    draw_acceptance,
    draw_bias,
    draw_shares,
    law_picture,
    well_picture,
)
from benchmarks.langevin.laws import WELL, Unadjusted, boltzmann, first_order, kramers
from benchmarks.langevin.tables import rate_table

BUDGET = 8
# Chains a step size, unadjusted and adjusted; of each temperature that start on the
# left; and single steps.
CHAINS = {"quick": (600, 300, 8000, 40_000), "full": (8000, 4000, 80_000, 400_000)}
DRAWS = 500
CROSSING_ETA = 0.01
TEMPERATURES = (1.0, 0.5, 0.3)
LIMIT = 5.03  # a normal number is larger once in 2 million: 1e-4 for 200 tests


@dataclass(frozen=True, eq=False)
class Found:
    """What all chains of a run gave.

    averages : of each algorithm
    histograms : of MALA at T = 1 and T_LOW, and of unadjusted chains
    crossings : by temperature
    rates : how often MALA accepts, with the errors and the exact rates
    imbalances : of a step of each algorithm
    ring : on the ring
    """

    averages: dict[str, Averages]
    histograms: tuple[Histogram, Histogram, Histogram]
    crossings: dict[float, Crossing]
    rates: NDArray
    imbalances: dict[str, float]
    ring: Ring


def run(seed: int, size: str) -> Result:
    """Run all chains, and hold them to what is known exactly."""
    found = sample(size, np.random.default_rng(seed))
    return Result(
        metrics=[*sampled_metrics(found), *exact_metrics()],
        figures=[
            well_picture(found.crossings, CROSSING_ETA, seed),
            law_picture(found.histograms, seed),
            bias_picture(found.averages, seed),
            acceptance_picture(found.rates, found.ring, seed),
        ],
        tables=[rate_table(CROSSING_ETA)],
        series={
            "bias": {name: table(found.averages[name]) for name in ALGORITHMS},
            "shares": {f"{T}": item.shares for T, item in found.crossings.items()},
            "times": found.crossings[1.0].times,
            "rates": found.rates,
        },
    )


def sample(size: str, rng) -> Found:
    """Run the chains of all parts."""
    unadjusted, adjusted, crossing, steps = CHAINS[size]
    law, cold = boltzmann(1.0), boltzmann(T_LOW)
    largest = max(ETAS["unadjusted"])
    biased = run_chains("unadjusted", [], unadjusted, DRAWS, rng)
    exact = run_chains("MALA", [(0.04, T_LOW)], adjusted, DRAWS, rng)
    state = law.quantile(rng.random(steps))[:, np.newaxis]
    return Found(
        averages={
            "unadjusted": average("unadjusted", biased, law),
            "MALA": average("MALA", exact[:-1], law),
        },
        histograms=(
            histogram(exact[ETAS["MALA"].index(0.08)], law.cdf),
            histogram(exact[-1], cold.cdf),
            histogram(biased[-1], Unadjusted(largest, 1.0).cdf),
        ),
        crossings=cross(CROSSING_ETA, TEMPERATURES, crossing, 2000, 20, rng),
        rates=np.array(
            [
                *acceptance(2 * adjusted, DRAWS // 2, law, rng),
                [laws.acceptance(eta, 1.0, law) for eta in PROPOSED],
            ]
        ),
        imbalances={
            name: imbalance(ALGORITHMS[name](WELL, eta), state, rng)
            for name, eta in {"unadjusted": largest, "MALA": 0.16}.items()
        },
        ring=run_ring(adjusted, DRAWS, rng),
    )


def sampled_metrics(found: Found) -> list[Metric]:
    """Hold what was sampled to the exact laws, the worst of all."""
    at_one, cold, biased = found.histograms
    rates, errors, exact = found.rates
    crossings = [item.z for item in found.crossings.values()]
    ring = np.append(found.ring.z, found.ring.radii.z)
    return [
        worst(
            "MALA, <x^2>, <E> and total variation at five step sizes",
            found.averages["MALA"].z,
            "quadrature of exp(-E)",
        ),
        worst(
            "unadjusted, the same at seven step sizes",
            found.averages["unadjusted"].z,
            "the stationary law of its own step, by Nystrom's method",
        ),
        worst("MALA, histogram at T = 1", at_one.z, "quadrature of exp(-E)"),
        worst(
            f"MALA, histogram at T = {T_LOW:g}",
            cold.z,
            "quadrature of exp(-E / T)",
        ),
        worst(
            "unadjusted, histogram at the largest step size",
            biased.z,
            "the stationary law of its own step",
        ),
        worst(
            "share of the chains in the other well, three temperatures",
            np.concatenate(crossings),
            "powers of the matrix of a step",
        ),
        worst(
            "how often MALA accepts, at seven step sizes",
            (rates - exact) / errors,
            "quadrature in the plane of x and x'",
        ),
        worst("MALA on a ring: means and radii", ring, "quadrature in the plane"),
        Metric(
            "flows there and back in a step of MALA: chi-square, as a normal z",
            found.imbalances["MALA"],
            at_most=LIMIT,
            tolerance=1e-6,
            source="detailed balance",
        ),
        Metric(
            "the same of an unadjusted step: chi-square, as a normal z",
            found.imbalances["unadjusted"],
            at_least=LIMIT,
            tolerance=1e-6,
            source="no detailed balance with exp(-E)",
        ),
    ]


def worst(what: str, z, source: str) -> Metric:
    """Report the largest absolute z of many, nan where there was too little to tell."""
    return Metric(
        f"{what}: largest absolute z",
        float(np.nanmax(np.abs(z))),
        at_most=LIMIT,
        tolerance=1e-6,
        reference=0.0,
        source=source,
    )


def exact_metrics() -> list[Metric]:
    """Hold the exact laws to what theory says of small steps and of the cold."""
    law, formula = boltzmann(1.0), WELL.log_partition
    assert formula is not None
    bias = [
        Unadjusted(eta, 1.0).mean(squared) - law.expectation(lambda x: squared(x[:, 0]))
        for eta in (0.0005, 0.001)
    ]
    return [
        Metric(
            "log Z of the double well: error of the quadrature",
            abs(law.log_partition - formula),
            "nats",
            at_most=1e-10,
            tolerance=1e-10,
            reference=0.0,
            source="modified Bessel functions",
        ),
        Metric(
            "bias of <x^2>, unadjusted, eta = 0.001, over that of first order",
            float(bias[1] / (0.001 * first_order(law, squared))),
            at_least=0.99,
            at_most=1.01,
            tolerance=1e-6,
            reference=1.0,
            source="Leimkuhler and Matthews (2013)",
        ),
        Metric(
            "slope of log bias of <x^2> over log eta, from 0.0005 to 0.001",
            float(np.log2(bias[1] / bias[0])),
            at_least=0.99,
            at_most=1.01,
            tolerance=1e-5,
            reference=1.0,
            source="first order",
        ),
        Metric(
            "rate of crossing at T = 0.1 over Kramers' formula",
            Unadjusted(0.001, 0.1).rate() / kramers(0.1),
            at_least=0.9,
            at_most=1.1,
            tolerance=1e-6,
            reference=1.0,
            source="Kramers (1940), for T -> 0",
        ),
    ]


def table(found: Averages) -> dict[str, NDArray]:
    """Return what the record keeps of the averages of an algorithm."""
    return {"bias": found.bias, "errors": found.errors, "z": found.z}


def picture(series) -> Picture:
    """Draw the record: bias, crossings and acceptance, of all seeds."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    runs = series["bias"]
    seeds = len(runs)
    for name in ALGORITHMS:
        bias = np.mean([run[name]["bias"] for run in runs], axis=0)
        squares = np.sum([np.square(run[name]["errors"]) for run in runs], axis=0)
        draw_bias(0, name, ETAS[name], bias, np.sqrt(squares) / seeds, left)
    left.legend(frameon=False, fontsize=8)
    left.set_title(r"Bias of $\langle x^2\rangle$ at T = 1")
    for T in TEMPERATURES:
        shares = [run[f"{T}"] for run in series["shares"]]
        draw_shares(T, CROSSING_ETA, series["times"][0], shares, middle)
    middle.legend(frameon=False, fontsize=8)
    middle.set_title("Crossing the barrier")
    rates = np.array(series["rates"])
    errors = np.sqrt(np.sum(rates[:, 1] ** 2, axis=0)) / seeds
    draw_acceptance(rates[:, 0].mean(axis=0), errors, right)
    right.set_title("How often MALA accepts")
    figure.suptitle(f"Langevin dynamics in a double well ({seeds} seeds)")
    caption = (
        f"The record of {seeds} seeds. Left: by how much <x^2> is off, in their mean "
        "with its error, against the step size; the line is exact, from the stationary "
        "law of an unadjusted step, dashed its first order; MALA (squares) has no bias "
        "and lies where its noise is. Middle: for each seed, the share of unadjusted "
        "chains right of the barrier, all of which start left of it, on exact lines; "
        "dashed, by Kramers' rate. Right: acceptance, in the mean of the seeds, on the "
        "exact line."
    )
    return Picture("record", figure, caption)
