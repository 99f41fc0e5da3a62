"""Diffusion in the plane, with scores learned and exact, held to densities.

Denoisers learn a mixture of Gaussians, two moons and a swiss roll, whose noised laws
are all known. So errors of learning are told from errors of steps: of the score at each
level of noise, of draws by the number of steps, and of the bound of log p, which loses
just what the score is wrong by.
"""

from dataclasses import astuple

import numpy as np

from benchmarks.diffusion_2d.bounds import estimate_bounds
from benchmarks.diffusion_2d.curves import (
    losses_picture,
    record_picture,
    steps_picture,
)
from benchmarks.diffusion_2d.figures import (
    draws_picture,
    few_picture,
    paths_picture,
    scores_picture,
)
from benchmarks.diffusion_2d.laws import NAMES, make_problem
from benchmarks.diffusion_2d.metrics import (
    MANY,
    bound_metrics,
    bounds_table,
    draw_metrics,
    draws_table,
    score_metrics,
    share_metrics,
    step_metrics,
)
from benchmarks.diffusion_2d.scores import DRAWS as SCORE_DRAWS
from benchmarks.diffusion_2d.scores import compare
from benchmarks.diffusion_2d.steps import (
    DRAWS,
    KINDS,
    STEPS,
    WHOSE,
    floor,
    paths,
    sweep,
)
from benchmarks.diffusion_2d.training import learn
from benchmarks.experiment import Picture, Result

BUDGET = 13
MIXTURE, *OTHERS = NAMES
WALK = 100  # steps of the paths that are drawn
TURNS = 2 * np.pi * (np.arange(5) / 5 + 0.15)
STARTS = 0.8 * np.column_stack([np.cos(TURNS), np.sin(TURNS)])


def run(seed: int, size: str) -> Result:
    """Learn all laws, and hold scores, bounds and draws to what is exact."""
    rng = np.random.default_rng(seed)
    n = DRAWS[size]
    problems = {name: make_problem(name, rng) for name in NAMES}
    learned = {name: learn(problems[name], size, rng) for name in NAMES}
    scores = {
        name: compare(one, SCORE_DRAWS[size], rng) for name, one in learned.items()
    }
    bounds = {name: estimate_bounds(one, size, rng) for name, one in learned.items()}
    floors = {name: floor(problem, n, rng) for name, problem in problems.items()}
    by_steps = {whose: sweep(learned[MIXTURE], whose, n, rng) for whose in WHOSE}
    draws = {MIXTURE: by_steps["learned"]} | {
        name: sweep(learned[name], "learned", n, rng, (MANY,)) for name in OTHERS
    }
    series = {
        "draws": n,
        "kl": curves(by_steps, "kl"),
        "distance": curves(by_steps, "distance"),
        "floor": astuple(floors[MIXTURE]),
        "error": {name: np.round(one.error, 6) for name, one in scores.items()},
    }
    return Result(
        metrics=[
            *draw_metrics(draws, floors, size),
            *step_metrics(by_steps["exact"], floors[MIXTURE]),
            *share_metrics(by_steps, size, rng),
            *score_metrics(scores, size),
            *bound_metrics(bounds, size),
        ],
        figures=[
            scores_picture(learned, seed),
            paths_picture(learned[MIXTURE], walks(learned[MIXTURE], rng), seed),
            few_picture(learned[MIXTURE], by_steps, seed),
            draws_picture(learned, draws, seed),
            steps_picture(series, seed),
            losses_picture(learned, scores, seed),
        ],
        tables=[draws_table(draws, floors), bounds_table(bounds)],
        series=series,
    )


def curves(by_steps, key: str) -> dict[str, dict[str, list[float]]]:
    """Return a number of Draws by denoiser, kind and steps, for the record."""
    return {
        whose: {
            kind: [round(getattr(found[kind, K], key), 5) for K in STEPS]
            for kind in KINDS
        }
        for whose, found in by_steps.items()
    }


def walks(learned, rng) -> dict[tuple[str, str], np.ndarray]:
    """Return paths back from STARTS, of both kinds, and DDIM's exact ones."""
    rows = [("learned", "ancestral"), ("learned", "DDIM"), ("exact", "DDIM")]
    return {row: paths(learned, *row, STARTS, WALK, rng) for row in rows}


def picture(series) -> Picture:
    """Draw the record: errors by steps and by level of noise, of all seeds."""
    return record_picture(series)
