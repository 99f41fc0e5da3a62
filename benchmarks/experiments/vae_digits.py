"""Variational autoencoders learn digits in black and white, held to test images.

Three models of the same images: a VAE of ten latents, the same trained further by the
importance-weighted bound L_50 (IWAE), and a hierarchy of two levels of latents.
Each is held to the negative log-likelihood of 360 test images by importance sampling,
beside its bounds. What latents are for is drawn from smaller runs: a plane of two, and
many of which the divergence takes most away again.

The step at which a run is best is chosen by a part of the training images, and no run
sees the test images. Rates, sizes and noise were found by hand in a few trials, in some
of which the test images were looked at.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.bernoulli_mixture import fit_mixture, independent_pixels
from benchmarks.experiment import Picture, Result
from benchmarks.rbm_digits.chains import one_of_each
from benchmarks.vae_digits.figures import (
    divergence_picture,
    draw_learning,
    learning_caption,
    learning_picture,
    plane_picture,
)
from benchmarks.vae_digits.latents import divergences, manifold, plane
from benchmarks.vae_digits.pictures import (
    interpolation_picture,
    reconstruction_picture,
    sample_picture,
)
from benchmarks.vae_digits.tables import (
    MACHINES,
    bound_metrics,
    latent_metrics,
    likelihood_metrics,
    model_table,
)
from benchmarks.vae_digits.training import Learned, Plan, divided, learn_all
from data import load_digits

BUDGET = 18
PLANS = {
    "quick": Plan(2e-3, 1000, 40, 400, 300, 200, samples=500),
    "full": Plan(1e-3, 10_000, 1000, 5000, 2500, 1500, samples=5000),
}
COMPONENTS = 100  # of the mixture
SIDE = 15  # of the grid in the plane
DRAWN = 64  # images of each model
POINTS = 11  # of an interpolation


def run(seed: int, size: str) -> Result:
    """Train all models, measure them, and let them draw."""
    plan, rngs = PLANS[size], np.random.default_rng(seed).spawn(5)
    binary = load_digits(dtype=np.float32).binarized()
    (x, _), (x_test, labels) = binary.train_set, binary.test_set
    parts = divided(x, rngs[0])
    found = learn_all(parts, x_test, plan, rngs[1])
    flat = plane(parts, plan.plane_steps, rngs[2])
    many = divergences(parts, plan.divergence_steps, seed)
    mixture = fit_mixture(x, COMPONENTS, rng=rngs[3])
    lines = MACHINES | {
        f"mixture of {COMPONENTS}": -float(mixture.log_likelihood(x_test).mean()),
        "independent pixels": -float(
            independent_pixels(x).log_likelihood(x_test).mean()
        ),
    }
    curves = {name: item.watch.curve() for name, item in found.items()}
    costs = {name: item.nll for name, item in found.items()}
    return Result(
        metrics=[
            *likelihood_metrics(found, size),
            *bound_metrics(found),
            *latent_metrics(found, many, size),
        ],
        figures=[
            learning_picture(curves, costs, lines, seed),
            plane_picture(flat.transform(x_test), labels, manifold(flat, SIDE), seed),
            *pictures_of(found, x, x_test, labels, seed),
            divergence_picture(many, seed),
        ],
        tables=[model_table(found, lines)],
        series={"curves": curves, "costs": costs, "lines": lines},
    )


def pictures_of(
    found: Mapping[str, Learned],
    x: NDArray,
    x_test: NDArray,
    labels: NDArray,
    seed: int,
) -> list[Picture]:
    """Draw reconstructions, interpolations and draws of the models."""
    ten, rng = x_test[one_of_each(labels)], np.random.default_rng(seed)
    models = {name: item.model for name, item in found.items()}
    rows = {"test image": ten}
    rows |= {name: model.reconstruct(ten) for name, model in models.items()}
    way = models["VAE"].interpolate(ten, np.roll(ten, -1, axis=0), POINTS)
    draws = {"training images": x[:DRAWN]}
    draws |= {name: model.sample(DRAWN, rng) for name, model in models.items()}
    return [
        reconstruction_picture(rows, seed),
        interpolation_picture(way[:, ::2], seed),
        sample_picture(draws, seed),
    ]


def picture(series) -> Picture:
    """Draw the record: the learning curves of all seeds, and what they came to."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    names = list(series["curves"][0])
    curves = {name: [run[name] for run in series["curves"]] for name in names}
    costs = {name: [run[name] for run in series["costs"]] for name in names}
    lines = {
        name: float(np.mean([run[name] for run in series["lines"]]))
        for name in series["lines"][0]
    }
    draw_learning(curves, costs, lines, figure)
    seeds = len(series["curves"])
    figure.suptitle(
        f"Autoencoders learn 8 x 8 digits in black and white ({seeds} seeds)"
    )
    return Picture(
        "record", figure, f"The record of {seeds} seeds. {learning_caption()}"
    )
