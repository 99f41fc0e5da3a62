"""The Ising model by Metropolis and Wolff, held to Onsager and Kaufman.

Energy, heat capacity, magnetization and susceptibility of several lattices against
temperature, with what is known exactly; how long both algorithms remember at T_c; and
what a second of each is worth.
"""

import numpy as np
from matplotlib.figure import Figure

from benchmarks.experiment import Metric, Picture, Result, Table
from benchmarks.ising.averages import OBSERVABLES, Averages, sample, scores
from benchmarks.ising.figures import (
    averages_picture,
    draw_average,
    draw_times,
    draw_worth,
    lattices_picture,
    memory_picture,
    table,
)
from benchmarks.ising.memory import (
    ALGORITHMS,
    EXPONENTS,
    QUANTITIES,
    SHOWN,
    Memory,
    exponent,
    of_side,
    remember,
)
from samplers.chains import Chains
from samplers.metropolis import Metropolis
from samplers.onsager import CRITICAL_TEMPERATURE
from samplers.wolff import Wolff

BUDGET = 17
SIDES = {"quick": (4, 8, 16, 32), "full": (4, 8, 16, 32, 64)}
LARGE = 128  # the side of the lattices to look at
TEMPERATURES = (2.0, 2.2, CRITICAL_TEMPERATURE, 2.4, 3.0)
# A normal number is larger than this once in 2 million: 1e-4 for 200 tests.
LIMIT = 5.03
SOURCES = {
    "Metropolis": "Nightingale and Bloete (2000), z = 2.1667(5)",
    "Wolff": "Coddington and Baillie (1992), z = 0.25(1)",
}
TRUTHS = {
    "energy": "Kaufman's finite lattices",
    "heat capacity": "Kaufman's finite lattices",
    "magnetization": "all states of 4 x 4; Yang's formula for T < 1.95, L >= 16",
    "susceptibility": "all states of 4 x 4",
}


def run(seed: int, size: str) -> Result:
    """Sample all lattices at all temperatures, then run long chains at T_c."""
    rng = np.random.default_rng(seed)
    averages = [sample(L, size, rng) for L in SIDES[size]]
    memories = {
        name: [remember(name, L, size, rng) for L in SIDES[size][1:]]
        for name in ALGORITHMS
    }
    lattices, cluster = look(rng)
    return Result(
        metrics=[*average_metrics(averages), *memory_metrics(memories)],
        figures=[
            averages_picture(averages, seed),
            memory_picture(memories, seed),
            lattices_picture(lattices, cluster, seed),
        ],
        tables=[memory_table(memories)],
        series={
            "averages": [vars(found) for found in averages],
            "memory": {name: table(found) for name, found in memories.items()},
        },
    )


def average_metrics(averages: list[Averages]) -> list[Metric]:
    """Hold the averages to what is known exactly, by their own error bars."""
    metrics = []
    for name in OBSERVABLES:
        z = np.concatenate([scores(found, name) for found in averages])
        metrics.append(
            Metric(
                f"{name}: largest absolute z, all lattices and temperatures",
                float(np.max(np.abs(z))),
                at_most=LIMIT,
                tolerance=1e-6,
                reference=0.0,
                source=TRUTHS[name],
            )
        )
    for row, name in enumerate(OBSERVABLES[:2]):
        errors = [found.errors[row] / np.abs(found.values[row]) for found in averages]
        metrics.append(
            Metric(
                f"{name}: largest standard error, relative",
                float(np.max(errors)),
                at_most=0.15,
                tolerance=1e-9,
            )
        )
    return metrics


def memory_metrics(memories: dict[str, list[Memory]]) -> list[Metric]:
    """Hold the chains at T_c to Kaufman, and their memory to what is known of it."""
    every = [memory for found in memories.values() for memory in found]
    shown = {name: of_side(SHOWN, found) for name, found in memories.items()}
    tau = {name: memory.tau[QUANTITIES.index("|M|")] for name, memory in shown.items()}
    return [
        Metric(
            "at T_c, energy: largest absolute z, both algorithms and all lattices",
            max(abs(memory.score) for memory in every),
            at_most=LIMIT,
            tolerance=1e-6,
            reference=0.0,
            source=TRUTHS["energy"],
        ),
        Metric(
            "at T_c: largest R-hat of energy and magnetization",
            max(float(memory.r_hat.max()) for memory in every),
            at_most=1.01,
            tolerance=1e-9,
        ),
        Metric(
            f"at T_c, L = {SHOWN}: tau of the magnetization, Metropolis over Wolff",
            float(tau["Metropolis"] / tau["Wolff"]),
            at_least=20,
            tolerance=1e-6,
        ),
        exponent_metric("Metropolis", "|M|", "magnetization", memories, (1.7, 2.6)),
        exponent_metric("Wolff", "E", "energy", memories, (0.0, 0.6)),
        *(
            Metric(
                f"{name}, L = {SHOWN}: spins updated", memory.updates / 1e6, "million/s"
            )
            for name, memory in shown.items()
        ),
        *(
            Metric(
                f"{name}, L = {SHOWN}: effective draws of the magnetization",
                float(memory.effective[QUANTITIES.index("|M|")]),
                "1/s",
            )
            for name, memory in shown.items()
        ),
    ]


def exponent_metric(name: str, quantity: str, word: str, memories, bounds) -> Metric:
    """Report the dynamic exponent of an algorithm, beside the known one."""
    return Metric(
        f"dynamic exponent of {name}, {word}: from the two largest lattices",
        exponent(memories[name], quantity),
        at_least=bounds[0],
        at_most=bounds[1],
        tolerance=1e-6,
        reference=EXPONENTS[name],
        source=SOURCES[name],
    )


def memory_table(memories: dict[str, list[Memory]]) -> Table:
    """List speed and memory of both algorithms on every lattice."""
    rows = [
        (
            name,
            f"{memory.L}",
            f"{memory.updates / 1e6:.0f}",
            *(
                f"{tau:.2f} ± {error:.2f}"
                for tau, error in zip(memory.tau, memory.tau_error, strict=True)
            ),
            *(f"{worth:,.0f}" for worth in memory.effective),
        )
        for name, found in memories.items()
        for memory in found
    ]
    return Table(
        "Speed and memory at T_c",
        (
            "algorithm",
            "L",
            "spins updated (million/s)",
            "tau of E (sweeps)",
            "tau of |M| (sweeps)",
            "effective draws of E (1/s)",
            "effective draws of |M| (1/s)",
        ),
        rows,
        "One thread, without what is measured of the states. tau = 1 + 2 sum rho_t; a "
        "Wolff step is <M^2> / N^2 sweeps. Effective draws are sweeps a second over "
        "tau.",
    )


def look(rng: np.random.Generator) -> tuple[dict[float, np.ndarray], np.ndarray]:
    """Return lattices by temperature, and a cluster of that at T_c, as lattices_picture
    takes them: of the next clusters the one whose size is nearest to a quarter of all.
    """
    shape = (LARGE, LARGE)
    start = np.ones((1, *shape), np.int8)
    lattices = {}
    for T in TEMPERATURES:
        if T != CRITICAL_TEMPERATURE:
            sweeps = Chains(Metropolis(shape, T), state=start, rng=rng, burn_in=1000)
            lattices[T] = sweeps.run(1)[0, 0]
            continue
        [states] = Chains(Wolff(shape, T), state=start, rng=rng, burn_in=400).run(30)
        flipped = states[1:] != states[:-1]
        chosen = np.argmin(np.abs(flipped.mean(axis=(1, 2)) - 0.25))
        lattices[T], cluster = states[chosen], flipped[chosen]
    return lattices, cluster


def picture(series) -> Picture:
    """Draw the record: heat capacity, memory and worth, of all seeds."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw_average("heat capacity", pooled(series["averages"]), left)
    left.legend(frameon=False, fontsize=8)
    left.set_title("Heat capacity, and Kaufman's lines")
    tables = {name: [run[name] for run in series["memory"]] for name in ALGORITHMS}
    draw_times(tables, middle)
    middle.set_title("Memory at $T_c$")
    draw_worth(tables, right)
    right.set_title("What a second is worth at $T_c$")
    seeds = len(series["averages"])
    figure.suptitle(f"The Ising model on L x L lattices ({seeds} seeds)")
    caption = (
        f"The record, mean of {seeds} seeds with its error. Left: the heat capacity "
        "that Metropolis and Wolff chains sample, on Kaufman's exact lines; dashed, "
        "Onsager's infinite lattice. Middle: autocorrelation times at T_c, in sweeps; "
        "lines have the known slopes z = 2.17 and 0.25. Right: independent draws that "
        "a second of one thread is worth; small lattices are best left to vectorized "
        "Metropolis sweeps, large ones to clusters."
    )
    return Picture("record", figure, caption)


def pooled(runs) -> list[Averages]:
    """Return the mean averages of all seeds, which are independent, with its error."""
    pools = []
    for same in zip(*runs, strict=True):
        errors = np.array([found["errors"] for found in same])
        pools.append(
            Averages(
                same[0]["L"],
                np.array(same[0]["temperatures"]),
                np.mean([found["values"] for found in same], axis=0),
                np.sqrt(np.sum(errors**2, axis=0)) / len(same),
            )
        )
    return pools
