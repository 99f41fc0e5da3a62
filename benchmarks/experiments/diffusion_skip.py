"""Noise networks without an input skip: a floor of the loss, and exploding samples.

Whatever a network guesses through w hidden units lies in a plane of w dimensions. Noise
has D of them, and what lies outside the plane is neither guessed while it learns, so
that its loss has a floor, nor taken away while it draws, so that its samples grow by a
factor that the schedule alone says. Both are held to their theory, and both are gone if
sigma x, nearly the noise itself where noise is all there is, is added to the guess.
"""

import numpy as np

from benchmarks.diffusion_skip.figures import kept, levels_picture, skip_picture
from benchmarks.diffusion_skip.measures import Data, learn_all
from benchmarks.diffusion_skip.tables import skip_metrics, skip_table
from benchmarks.diffusion_skip.training import Plan, digits
from benchmarks.experiment import Picture, Result

BUDGET = 6
PLANS = {
    "quick": Plan((16, 48, 64), 128, 400, draws=20_000, chain=200, samples=200),
    "full": Plan(
        (4, 8, 16, 32, 48, 64), 128, 4000, draws=200_000, chain=500, samples=1000
    ),
}


def run(seed: int, size: str) -> Result:
    """Train networks of several widths, without the skip and with it."""
    plan, X = PLANS[size], digits()
    rows, data = learn_all(X, plan, np.random.default_rng(seed)), Data.of(X)
    series = kept(rows, data, plan.steps)
    return Result(
        metrics=skip_metrics(rows, size, data),
        figures=[skip_picture([series], f"seed {seed}"), levels_picture(rows, seed)],
        tables=[skip_table(rows)],
        series=series,
    )


def picture(series) -> Picture:
    """Draw the record: all seeds, and samples of the first."""
    seeds = len(series["steps"])
    runs = [{name: series[name][k] for name in series} for k in range(seeds)]
    shown = skip_picture(runs, f"{seeds} seeds")
    return Picture("record", shown.figure, f"The record. {shown.caption}")
