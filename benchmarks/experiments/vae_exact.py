"""Small autoencoders whose log p(x), posteriors and bounds are all known.

Networks of one latent learn points around an open ring, networks of two learn bars and
stripes. As the latent is so small, log p(x) and the true posterior are integrals. So it
can be said how far the ELBO is below log p(x), and why; whether L_k rises to it, and
whether the error bars of importance sampling are right; and how noisy two estimators of
the gradient are.
"""

import numpy as np

from benchmarks.experiment import Picture, Result
from benchmarks.vae_exact.bounds import COUNTS, DRAWS, calibrate, estimate_bounds
from benchmarks.vae_exact.curves import (
    bounds_picture,
    gradients_picture,
    record_figure,
)
from benchmarks.vae_exact.figures import model_picture, posteriors_picture
from benchmarks.vae_exact.gaps import know
from benchmarks.vae_exact.gradients import ESTIMATORS, GRADIENTS, encoder_noise
from benchmarks.vae_exact.laws import BETAS, CURVE, PATTERNS, learn, make_problem
from benchmarks.vae_exact.metrics import (
    bound_metrics,
    bounds_table,
    calibration_metrics,
    gap_metrics,
    gaps_table,
    gradient_metrics,
    integral_metrics,
    learned_metrics,
)

BUDGET = 10
ROWS = {f"{CURVE}, beta {beta:g}": (CURVE, beta) for beta in BETAS}
ROWS |= {PATTERNS: (PATTERNS, 1.0)}
MAIN = {CURVE: f"{CURVE}, beta 1", PATTERNS: PATTERNS}


def run(seed: int, size: str) -> Result:
    """Train all models, and hold all that is estimated to what is known."""
    rng = np.random.default_rng(seed)
    problems = {name: make_problem(name, size, rng) for name in MAIN}
    found = {
        row: know(problems[name], learn(problems[name], size, rng, beta=beta), beta)
        for row, (name, beta) in ROWS.items()
    }
    main = {name: found[row] for name, row in MAIN.items()}
    bounds = {
        name: estimate_bounds(known.vae, known.problem.x, DRAWS[size][name], rng)
        for name, known in main.items()
    }
    checks = {name: calibrate(known, rng) for name, known in main.items()}
    noise = {
        name: encoder_noise(known, GRADIENTS[size], rng) for name, known in main.items()
    }
    return Result(
        metrics=[
            *integral_metrics(main, size),
            *learned_metrics(found, size),
            *bound_metrics(main, bounds),
            *calibration_metrics(checks),
            *gap_metrics(found),
            *gradient_metrics(noise, rng),
        ],
        figures=[
            model_picture(main, seed),
            posteriors_picture(main, seed),
            bounds_picture(main, bounds, checks, found, seed),
            gradients_picture(main, noise, seed),
        ],
        tables=[gaps_table(found), bounds_table(main, bounds)],
        series={
            "bounds": {
                name: [bounds[name][k].value - known.log_p.mean() for k in COUNTS]
                for name, known in main.items()
            },
            "gaps": {
                row: [known.approximation.mean(), known.amortization.mean()]
                for row, known in found.items()
            },
            "variances": {
                name: [noise[name].variance(one) for one in ESTIMATORS]
                for name in noise
            },
        },
    )


def picture(series) -> Picture:
    """Draw the record: bounds, gaps and variances of all seeds."""
    seeds = len(series["bounds"])
    caption = (
        f"The record, {seeds} seeds, all means with one standard deviation. Left: how "
        "far L_k is below log p(x), which is known. Middle: the parts of the gap of "
        "the ELBO: what no Gaussian could close, and what the encoder leaves to the "
        "best Gaussian of each x. Right: variance of the gradient of the ELBO by the "
        "encoder's parameters, from one draw of h for each x, in units of that of the "
        "reparameterized estimator."
    )
    return Picture("record", record_figure(series), caption)
