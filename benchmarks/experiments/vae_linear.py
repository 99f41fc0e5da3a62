"""Linear variational autoencoders, which are probabilistic PCA: the optimum is known.

    q(h | x) = N(V^T x + c, diag(e^v)),        p(x | h) = N(W h + mu, s^2 I)

are trained by the ELBO on draws of a correlated Gaussian and on gray digits, from
random weights. The closed form says where this must end: at the likelihood of
probabilistic PCA, with W in the span of the first principal axes and s^2 the mean of
the discarded eigenvalues, and with no gap between bound and likelihood. With s^2 held
fixed it says also which latents collapse.
"""

import numpy as np
from matplotlib.figure import Figure

from benchmarks.experiment import Metric, Picture, Result
from benchmarks.vae_linear.collapse import STEPS_DRAWN, collapse, collapse_metrics
from benchmarks.vae_linear.figures import (
    ANGLE_LABEL,
    COLORS,
    GAP_LABEL,
    collapse_picture,
    draw_cure,
    draw_curve,
    images_picture,
    learning_picture,
    spectrum_picture,
)
from benchmarks.vae_linear.training import (
    DIGITS,
    GAUSSIAN,
    Learned,
    Problem,
    learn_all,
    learned_metrics,
    learned_table,
    problems,
)
from data import load_digits
from models.linear_vae import exact_elbo, optimal_linear_vae

BUDGET = 8
PLACES = 4  # of the curves of the cure that a record keeps


def run(seed: int, size: str) -> Result:
    """Solve both problems, train on them, and let latents collapse."""
    rng = np.random.default_rng(seed)
    found = problems(rng)
    learned = learn_all(size, found, rng)
    fallen = collapse(found[GAUSSIAN], size, rng)
    images, _ = load_digits().test_set
    return Result(
        metrics=[
            *map(tightness, found.items()),
            *learned_metrics(found, learned, size),
            *collapse_metrics(fallen),
        ],
        figures=[
            spectrum_picture(found, learned, seed),
            learning_picture(found, learned, seed),
            images_picture(found[DIGITS], learned[DIGITS], images, seed),
            collapse_picture(fallen, seed),
        ],
        tables=[learned_table(found, learned)],
        series={
            "learned": {name: curve(run) for name, run in learned.items()},
            "cure": {
                "s2": fallen.s2[:STEPS_DRAWN].round(PLACES),
                "divergences": fallen.cured[:STEPS_DRAWN].round(PLACES),
            },
        },
    )


def tightness(item: tuple[str, Problem]) -> Metric:
    """Return how far the ELBO of the closed-form VAE is from log p(x), at worst."""
    name, problem = item
    bound = exact_elbo(optimal_linear_vae(problem.ppca), problem.X)
    return Metric(
        f"{name}: ELBO in closed form against log p(x), worst example",
        float(np.max(np.abs(bound - problem.ppca.log_likelihood(problem.X)))),
        "nats",
        at_most=1e-10,
        reference=0.0,
        source="the encoder is the posterior",
    )


def curve(run: Learned) -> dict[str, np.ndarray]:
    """Return what the record keeps of a training."""
    return {"steps": run.steps, "gaps": run.gaps, "angles": run.angles}


def picture(series) -> Picture:
    """Draw the record: what is missing to the optimum, angles, the cure."""
    figure = Figure(figsize=(12.6, 4.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    seeds = len(series["learned"])
    for seed, runs in enumerate(series["learned"]):
        for name, kept in runs.items():
            settings = {"color": COLORS[name], "label": None if seed else name}
            draw_curve(kept["steps"], kept["gaps"], left, settings)
            draw_curve(kept["steps"], kept["angles"], middle, settings)
    left.set(xlabel="step", ylabel=GAP_LABEL)
    middle.set(xlabel="step", ylabel=ANGLE_LABEL)
    left.legend(frameon=False, fontsize=8)
    draw_cure(series["cure"][0]["s2"], series["cure"][0]["divergences"], right)
    right.set_title("Latents collapse and come back (seed 0)", fontsize=10)
    figure.suptitle(f"Linear VAEs become probabilistic PCA ({seeds} seeds)")
    caption = (
        f"The record, {seeds} seeds. Left: the mean ELBO during training, below the "
        "largest log-likelihood that a linear model of as many latents can have. "
        "Middle: the angle between the span of W and the principal subspace. By L-BFGS "
        "on the exact ELBO, and by Adam on draws of it at a rate that falls to zero. "
        "Right: the mean KL of each latent to the prior, in a model whose s^2 is fixed "
        "at a large value, so that all but one collapse, and is learned from there on."
    )
    return Picture("record", figure, caption)
