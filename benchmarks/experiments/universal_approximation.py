"""How close one hidden layer comes to a function, by its width; and XOR.

For sin 2 pi x, for a step and for a bump on the square the error of networks is
measured against their width: of a staircase that needs no training and has a proven
error, of random units with output weights by least squares, and of networks trained by
L-BFGS from the same units. XOR is the smallest problem that needs a hidden layer: two
units solve it, a linear model or one unit cannot, and how closely they fail is known.
"""

import numpy as np
from matplotlib.figure import Figure

from benchmarks.experiment import Metric, Picture, Result, Table
from benchmarks.universal_approximation import xor
from benchmarks.universal_approximation.figures import (
    RMS,
    SUP,
    TITLES,
    bump_picture,
    draw_errors,
    errors_picture,
    fits_picture,
)
from benchmarks.universal_approximation.networks import (
    TARGETS,
    bound_of_barron,
    built,
    fitted,
    law_of_the_step,
    laws_of_the_sine,
    modulus_of_the_sine,
    random_units,
    trained,
)

BUDGET = 18
WIDTHS = {
    "built": (10, 20, 40, 80, 160),
    "fitted": (1, 2, 4, 8, 16, 32, 64),
    "trained": (1, 2, 4, 8, 16, 32, 64),
}
# L-BFGS amplifies rounding, which the tolerances of what it trained allow for.
RESTARTS = {"quick": 3, "full": 10}
STEPS = {"quick": 200, "full": 1000}


def run(seed: int, size: str) -> Result:
    """Measure errors against the width, then train networks on XOR."""
    rngs = np.random.default_rng(seed).spawn(2)
    restarts, steps = RESTARTS[size], STEPS[size]
    errors, networks = measure(rngs[0], restarts, steps)
    summary = summarize(errors)
    models, losses = xor.train_all(rngs[1])
    return Result(
        metrics=[
            *metrics_of_the_sine(errors["sine"]),
            *metrics_of_the_step(errors["step"]),
            *metrics_of_the_bump(errors["bump"]),
            *xor.metrics(models, losses),
        ],
        figures=[
            errors_picture(WIDTHS, summary, seed, restarts, steps),
            fits_picture(networks, seed),
            bump_picture(networks, seed),
            xor.picture(models, losses, seed),
        ],
        tables=[widths_needed(summary)],
        series={"errors": summary, "fractions": xor.fractions(losses)},
    )


def measure(rng, restarts: int, steps: int) -> tuple[dict, dict]:
    """Return all errors, and the networks of the first restart.

    errors : target -> method -> (widths, restarts, 2), sup and root mean square;
    networks : (target, method, width) -> MLP.
    """
    errors, networks = {}, {}
    for name, target in TARGETS.items():
        found = {}
        if target.dimension == 1:
            found["built"] = [[built(target, m)] for m in WIDTHS["built"]]
        units = [
            [random_units(target.dimension, m, rng) for _ in range(restarts)]
            for m in WIDTHS["fitted"]
        ]
        found["fitted"] = [[fitted(target, layer) for layer in row] for row in units]
        found["trained"] = [
            [trained(target, layer, rng=rng, steps=steps) for layer in row]
            for row in units
        ]
        errors[name] = {
            method: np.array([[target.errors(f) for f in row] for row in rows])
            for method, rows in found.items()
        }
        for method, rows in found.items():
            for m, row in zip(WIDTHS[method], rows, strict=True):
                networks[name, method, m] = row[0]
    return errors, networks


def summarize(errors: dict) -> dict:
    """Return target -> method -> (widths, 3, 2): lowest, median, highest restart."""
    return {
        name: {
            method: np.quantile(found, [0, 0.5, 1], axis=1).transpose(1, 0, 2)
            for method, found in methods.items()
        }
        for name, methods in errors.items()
    }


def at(found: np.ndarray, method: str, m: int, norm: int) -> np.ndarray:
    """Return the errors of all restarts at a width; found : (widths, restarts, 2)."""
    return found[WIDTHS[method].index(m), :, norm]


def slope(found: np.ndarray, norm: int) -> float:
    """Return the slope of the logarithm of the staircase's error against that of m."""
    m, error = np.array(WIDTHS["built"]), found[:, 0, norm]
    return float(np.polyfit(np.log(m), np.log(error), 1)[0])


def metrics_of_the_sine(errors: dict[str, np.ndarray]) -> list[Metric]:
    """Hold the staircase to its bound, and other networks to the staircase."""
    law, m = laws_of_the_sine()[SUP], np.array(WIDTHS["built"])
    ratio = errors["built"][:, 0, SUP] / modulus_of_the_sine(1 / m)
    best = np.min(at(errors["trained"], "trained", 8, SUP))
    return [
        Metric(
            "sine, staircase: largest error over its bound omega(1/m), highest",
            float(np.max(ratio)),
            at_most=1.0,
            tolerance=1e-6,
            reference=law / (2 * np.pi),
            source="its limit for many units, in closed form",
        ),
        Metric(
            "sine, staircase: slope of log error against log width",
            slope(errors["built"], SUP),
            at_least=-1.02,
            at_most=-0.98,
            tolerance=1e-6,
            reference=-1.0,
            source="omega(1/m) is of order 1/m",
        ),
        Metric(
            "sine, 8 units trained: largest error, best restart",
            float(best),
            at_most=float(modulus_of_the_sine(1 / 8)),
            tolerance=0.01,
            reference=law / 8,
            source="the staircase of 8 units",
        ),
        Metric(
            "sine, 32 random units fitted: largest error, median",
            float(np.median(at(errors["fitted"], "fitted", 32, SUP))),
            at_most=1e-6,
            tolerance=1e-7,
        ),
    ]


def metrics_of_the_step(errors: dict[str, np.ndarray]) -> list[Metric]:
    """Hold all networks to half of the jump, and the mean square to its laws."""
    return [
        Metric(
            "step: largest error, lowest of all networks",
            float(min(np.min(found[..., SUP]) for found in errors.values())),
            at_least=0.5 - 1e-9,
            tolerance=0.01,
            reference=0.5,
            source="half of the jump: no continuous function comes closer",
        ),
        Metric(
            "step, staircase: slope of log root mean square error against log width",
            slope(errors["built"], RMS),
            at_least=-0.52,
            at_most=-0.48,
            tolerance=1e-6,
            reference=-0.5,
            source="(0.475 / m)^(1/2), in closed form",
        ),
        Metric(
            "step, one unit trained: root mean square error, best restart",
            float(np.min(at(errors["trained"], "trained", 1, RMS))),
            at_most=float(law_of_the_step(160)),
            tolerance=0.005,
            reference=float(law_of_the_step(160)),
            source="the staircase of 160 units",
        ),
    ]


def metrics_of_the_bump(errors: dict[str, np.ndarray]) -> list[Metric]:
    """Hold training to least squares on the same units, and to Barron's bound."""
    best = np.min(errors["trained"][..., RMS], axis=1)
    ratio = best / bound_of_barron(np.array(WIDTHS["trained"]))
    gain = np.median(at(errors["trained"], "trained", 16, RMS)) / np.median(
        at(errors["fitted"], "fitted", 16, RMS)
    )
    return [
        Metric(
            "bump, trained: root mean square error over Barron's bound, highest",
            float(np.max(ratio)),
            at_most=1.0,
            tolerance=0.005,
            source="A. R. Barron (1993): 2 C / m^(1/2)",
        ),
        Metric(
            "bump, 16 units: root mean square error of trained over fitted",
            float(gain),
            at_most=1.0,
            tolerance=0.1,
        ),
        Metric(
            "bump, 64 random units fitted: root mean square error, median",
            float(np.median(at(errors["fitted"], "fitted", 64, RMS))),
            at_most=0.05,
            tolerance=1e-6,
        ),
    ]


def widths_needed(summary: dict) -> Table:
    """Tell which of the widths tried was the first with a smaller median error."""
    targets = (0.3, 0.1, 0.03, 0.01, 0.001)
    rows = []
    for name, methods in summary.items():
        for method, found in methods.items():
            error = found[:, 1, SUP]
            below = [np.flatnonzero(error < eps) for eps in targets]
            cells = [str(WIDTHS[method][i[0]]) if i.size else "-" for i in below]
            rows.append([name, method, *cells])
    header = ["function", "network", *(f"below {eps:g}" for eps in targets)]
    caption = (
        "The first width, of those tried, whose median largest error is below eps. If "
        "the function is continuous the theorem says that there is one for each eps, "
        "and not which; for the step it says nothing, and there is none."
    )
    return Table("Width needed for an error", header, rows, caption)


def picture(series) -> Picture:
    """Draw the record: errors against width, and XOR, over all seeds."""
    figure = Figure(figsize=(13.2, 4.4), layout="constrained")
    axes = figure.subplots(1, 4)
    shown = (("sine", SUP), ("step", RMS), ("bump", RMS))
    for ax, (name, norm) in zip(axes[:3], shown, strict=True):
        errors = {}
        for method in series["errors"][0][name]:
            runs = np.array([each[name][method] for each in series["errors"]])
            low, median, high = runs[:, :, 0], runs[:, :, 1], runs[:, :, 2]
            errors[method] = np.stack(
                [low.min(axis=0), np.median(median, axis=0), high.max(axis=0)], axis=1
            )
        draw_errors(name, norm, WIDTHS, errors, ax)
        ax.set_title(TITLES[name])
    xor.draw_fractions(series["fractions"], axes[3])
    axes[3].set_title("XOR")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    seeds = len(series["fractions"])
    caption = (
        f"The record, {seeds} seeds of {RESTARTS['full']} restarts: medians, with bars "
        "from the best to the worst. The staircase keeps to its law, 1/m for the sine "
        "and 1/m^(1/2) for the step. Random units fitted by least squares show that "
        "far better networks exist; training finds good ones where units are few. "
        "Right: the fraction of starts from which XOR is solved, by hidden units."
    )
    return Picture("record", figure, caption)
