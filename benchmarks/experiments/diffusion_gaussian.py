"""Diffusion of Gaussian data, where every quantity has a closed form.

The denoiser is linear, and so the likelihood of the model, its bound by terms and in
all forms, the variances of estimates and the law of its samples are known. The library
is held to them, where it can be without a draw to 1e-10; and a linear denoiser and a
curve of the log SNR are trained towards optima that are known.
"""

import numpy as np

from benchmarks.diffusion_gaussian.bounds import climb
from benchmarks.diffusion_gaussian.chains import ETAS, all_ends, paths, sample
from benchmarks.diffusion_gaussian.curves import CURVES, LEARNED, excess, learn_curve
from benchmarks.diffusion_gaussian.figures import bounds_picture, forms_picture
from benchmarks.diffusion_gaussian.forms import (
    LONG,
    compare,
    exact_scatter,
    scores,
    valley,
)
from benchmarks.diffusion_gaussian.laws import LAWS, SPACE
from benchmarks.diffusion_gaussian.learned import record_figure, training_picture
from benchmarks.diffusion_gaussian.metrics import (
    bound_metrics,
    bounds_table,
    chain_metrics,
    curve_metrics,
    form_metrics,
    scatter_metrics,
    training_metrics,
)
from benchmarks.diffusion_gaussian.strips import (
    curves_picture,
    ends_picture,
    paths_picture,
)
from benchmarks.diffusion_gaussian.training import (
    coefficient_error,
    floor,
    learn,
    missing,
)
from benchmarks.experiment import Picture, Result

BUDGET = 4
CHAINS = {"quick": 10_000, "full": 500_000}
DRAWS = {"quick": 10_000, "full": 100_000}
STEPS = {"quick": 250, "full": 6000}  # of training, the denoiser
CURVE_STEPS = {"quick": 100, "full": 3000}
SCATTER = {"quick": LONG[:-2], "full": LONG}  # T


def run(seed: int, size: str) -> Result:
    """Compute all that is exact, draw and train what is not, and compare."""
    rng = np.random.default_rng(seed)
    ladders = {law: climb(data) for law, data in LAWS.items()}
    forms, hollow = compare(), valley()
    drawn, z = scores(DRAWS[size], rng)
    curve = learn_curve(CURVE_STEPS[size], rng)
    model, watch = learn(SPACE, STEPS[size], rng)
    left = missing(model, SPACE)
    ends = all_ends()
    sampled = {name: sample(eta, CHAINS[size], rng) for name, eta in ETAS.items()}
    return Result(
        metrics=[
            *bound_metrics(ladders),
            *form_metrics(forms, hollow, z),
            *scatter_metrics(),
            *curve_metrics(curve, size),
            *training_metrics(
                left,
                coefficient_error(model, SPACE),
                floor(SPACE, STEPS[size]),
                size,
            ),
            *chain_metrics(ends, sampled),
        ],
        figures=[
            paths_picture(paths(rng), seed),
            bounds_picture(ladders),
            forms_picture(
                forms, hollow, exact_scatter(SCATTER[size]), SCATTER[size], drawn, seed
            ),
            curves_picture(curve, seed),
            training_picture(model, watch, seed),
            ends_picture(ends, sampled, CHAINS[size], seed),
        ],
        tables=[bounds_table(ladders)],
        series={
            "steps": watch.steps,
            "missing": np.round(watch.missing, 6),
            "ends": {name: ends["3-D", name].errors for name in ETAS},
            "chains": {name: found.errors for name, found in sampled.items()},
            "excess": {
                name: excess(each) for name, each in {**CURVES, LEARNED: curve}.items()
            },
        },
    )


def picture(series) -> Picture:
    """Draw the record: training, chains and curves of all seeds."""
    seeds = len(series["missing"])
    caption = (
        f"The record, {seeds} seeds. Left: by how much the bound of a linear denoiser "
        "in training is below that of the exact one. Middle: the largest relative "
        "error of a variance at the ends of reverse chains in three dimensions, lines "
        "by the exact recursion and dots from real ones. Right: the variance of an "
        "estimate of the bound from one random time, as a multiple of the least, for "
        "curves of the log SNR that have the same ends and so the same bound; marks "
        "are seeds."
    )
    return Picture("record", record_figure(series), caption)
