"""Network energies in the plane, held to densities that are known.

A network learns the energy of eight Gaussians, of two moons and of a swiss roll, by
maximum likelihood with negatives from a replay buffer. As the density of the data is
known, and log Z in the plane is an integral, the distance to the truth is exact. Beside
that: what the draws of true chains are, and those of short runs.
"""

import numpy as np

from benchmarks.ebm_2d.data import LAWS, gaussian_kl, kernel_kl, make_problem
from benchmarks.ebm_2d.draws import Draws, draw
from benchmarks.ebm_2d.figures import (
    curves_figure,
    draws_picture,
    landscape_picture,
    short_picture,
)
from benchmarks.ebm_2d.training import METHODS, Learned, learn
from benchmarks.experiment import Metric, Picture, Result, Table

BUDGET = 16
SHORT = "moons, short runs"
# Every law is learned by MALA, and one by all methods.
ROWS = {f"{name}, MALA": (name, "MALA") for name in LAWS}
ROWS |= {f"moons, {method}": ("moons", method) for method in METHODS}
KL_LIMITS = {"quick": 0.4, "full": 0.1}
LANGEVIN_LIMITS = {"quick": 1.2, "full": 0.6}
SCORE_LIMIT = 5.03  # of a standard normal number
MIXED = 0.15  # a distance, of total variation


def run(seed: int, size: str) -> Result:
    """Learn all laws, and run chains of what was learned."""
    rng = np.random.default_rng(seed)
    problems = {name: make_problem(name, rng) for name in LAWS}
    beside = {
        name: {"Gaussian": gaussian_kl(problem), "kernels": kernel_kl(problem)}
        for name, problem in problems.items()
    }
    found = {}
    for row, (name, method) in ROWS.items():
        learned = learn(problems[name], method, size, rng)
        found[row] = learned, draw(learned, size, rng)
    curves = {
        row: {"steps": learned.steps, "kl": learned.kl}
        for row, (learned, _) in found.items()
    }
    by_mala = {name: found[f"{name}, MALA"] for name in LAWS}
    return Result(
        metrics=[
            *kl_metrics(found, beside, size),
            *draw_metrics(by_mala),
            *short_metrics(by_mala, *found[SHORT]),
        ],
        figures=[
            landscape_picture(by_mala, seed),
            draws_picture(by_mala, seed),
            short_picture(*found[SHORT], seed),
            curves_picture(curves, f"seed {seed}"),
        ],
        tables=[kl_table(found, beside), draws_table(found)],
        series={"curves": curves},
    )


def kl_metrics(found, beside, size: str) -> list[Metric]:
    """Hold trained densities to the truth, but for the one of short runs."""
    metrics = []
    for row, (learned, _) in found.items():
        if row == SHORT:
            continue
        slow = row.endswith("Langevin")
        scale = beside[learned.problem.name]
        metrics += [
            Metric(
                f"{row}: KL(data || model), by quadrature",
                learned.final,
                "nats",
                at_most=(LANGEVIN_LIMITS if slow else KL_LIMITS)[size],
                reference=scale["kernels"],
                source="kernel density estimate of 2,000 examples",
            ),
            Metric(
                f"{row}: test NLL",
                learned.cross_entropy,
                "nats",
                reference=learned.problem.entropy,
                source="entropy of the data, by quadrature",
            ),
        ]
    return metrics


def draw_metrics(by_mala: dict[str, tuple[Learned, Draws]]) -> list[Metric]:
    """Hold the chains of MALA to the model's law, with exact starts and with broad."""
    scores = [draws.score for _, draws in by_mala.values()]
    metrics = [
        Metric(
            "MALA from exact draws against the model: largest chi-square, as a "
            "normal z",
            max(scores),
            at_most=SCORE_LIMIT,
            source="quadrature of exp(-E)",
        )
    ]
    return metrics + [
        Metric(
            f"{name}: MALA from a broad Gaussian, distance from the model",
            draws.from_q["MALA"],
            "total variation",
            at_most=draws.from_q["exact"] + MIXED,
            reference=draws.from_q["exact"],
            source="as many exact draws",
        )
        for name, (_, draws) in by_mala.items()
    ]


def short_metrics(by_mala, learned: Learned, draws: Draws) -> list[Metric]:
    """Tell short runs from samples, on trained energies and in training."""
    metrics = [
        Metric(
            f"{name}: energy of short runs above the least, of that of the model",
            found.energies["short run"] / found.mean_energy,
            at_most=0.8,
            reference=1.0,
            source="draws of the model",
        )
        for name, (_, found) in by_mala.items()
    ]
    return [
        *metrics,
        Metric(
            f"{SHORT}: KL(data || model), by quadrature",
            learned.final,
            "nats",
            at_least=0.9,
            reference=0.0,
            source="maximum likelihood",
        ),
        Metric(
            f"{SHORT}: distance of its density from the data",
            draws.from_p["exact"],
            "total variation",
            at_least=0.3,
            reference=draws.from_p["as trained"],
            source="the ends of its training runs",
        ),
    ]


def kl_table(found, beside) -> Table:
    """Return the distances from the data's law, with simple models beside."""
    rows = [
        [
            row,
            f"{learned.final:.3f}",
            f"{beside[learned.problem.name]['kernels']:.3f}",
            f"{beside[learned.problem.name]['Gaussian']:.3f}",
            f"{learned.cross_entropy:.3f}",
            f"{learned.problem.entropy:.3f}",
        ]
        for row, (learned, _) in found.items()
    ]
    header = ("law, negatives", "KL", "kernels", "one Gaussian", "test NLL", "entropy")
    caption = (
        "KL(data || model) in nats, by quadrature; the same of a kernel density "
        "estimate from a fifth of the examples and of the Gaussian with the moments of "
        "the data; and the test NLL, whose least mean is the entropy."
    )
    return Table("KL", header, rows, caption)


def draws_table(found) -> Table:
    """Return how far draws are from the law of the model, and from that of the data."""
    names = ("exact", "MALA", "short run", "as trained")
    rows = [
        [
            row,
            *(f"{draws.from_q[name]:.2f} / {draws.from_p[name]:.2f}" for name in names),
        ]
        for row, (_, draws) in found.items()
    ]
    header = ("law, negatives", "exact draws", *names[1:])
    caption = (
        "Total variation distance in cells of 1/2 by 1/2, from the model / from the "
        "data: of exact draws of the model, of chains of MALA and of short runs that "
        "begin at a broad Gaussian, and of runs like those of the training."
    )
    return Table("draws", header, rows, caption)


def curves_picture(runs, whose: str) -> Picture:
    """Draw learning curves; runs : "law, method" -> steps and kl."""
    title = f"Learning energies in the plane ({whose})"
    caption = (
        "KL(data || model), by quadrature, while networks learn. Left: three laws, "
        "with negatives by MALA from a replay buffer. Right: the moons, also by "
        "unadjusted chains with steps a fifth as long, and by short runs that begin "
        "anew each time, whose energy never becomes that of the data. KL swings while "
        "the learning rate is high, most of all as chains seldom go from one part of a "
        "law to another, and settles as the rate falls to zero. "
        f"{whose.capitalize()}."
    )
    return Picture("curves", curves_figure(runs, title), caption)


def picture(series) -> Picture:
    """Draw the record: the learning curves of all seeds."""
    seeds = series["curves"]
    runs = {
        row: {key: [run[row][key] for run in seeds] for key in ("steps", "kl")}
        for row in ROWS
    }
    shown = curves_picture(runs, f"{len(seeds)} seeds")
    caption = f"The record: geometric means in a band of one sd. {shown.caption}"
    return Picture("record", shown.figure, caption)
