"""Diffusion models learn digits, black and white and gray, held to test images.

The same network learns black and white digits in three forms, which are held to the
bound of log p(x) of 360 test images, term by term, beside other models of the same
images. In the first it tilts the law of each pixel by itself, from which its guess of
x_0 is made; in the others it adds to the best guess for standard normals, of x_0 or of
the noise. Where these lose is seen in the loss by log SNR. At little noise no pixel is
in doubt, and the tilted law says so exactly. A network by itself would have to draw a
step of the width sigma^2 / alpha from -1 to 1 in each of 64 pixels, for the noise a
sawtooth of jumps 2 alpha / sigma; and as the bound weighs the error of x_0 by alpha^2 /
sigma^2, what is amiss costs as much there as anywhere.

Gray digits of 17 levels are held to the bound in bits a pixel, beside the law of
independent pixels. For that law log p(x) is known, and its own bound held to it.

The step at which a run is best is chosen by a part of the training images, and all
settings were by a fifth of them; the test images decide nothing.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from benchmarks.diffusion_digits.chains import STEPS, strips
from benchmarks.diffusion_digits.figures import (
    draw_learning,
    learning_caption,
    learning_picture,
    losses_picture,
    terms_picture,
)
from benchmarks.diffusion_digits.losses import (
    excess,
    independent,
    independent_cost,
    losses,
)
from benchmarks.diffusion_digits.measures import Learned, extra_costs, measured
from benchmarks.diffusion_digits.pictures import sample_picture, strips_picture
from benchmarks.diffusion_digits.tables import (
    OTHERS,
    gray_metrics,
    independent_metrics,
    likelihood_metrics,
    model_table,
    steps_table,
)
from benchmarks.diffusion_digits.training import (
    BLACK_AND_WHITE,
    GRAY,
    Images,
    Plan,
    Recipe,
    learn,
)
from benchmarks.experiment import Picture, Result
from benchmarks.vae_digits.training import divided
from data import load_digits
from data.digits import Digits

BUDGET = 18
PLANS = {
    "quick": Plan(700, 150, 150, points=5, samples=60, draws=1),
    "full": Plan(20_000, 20_000, 8000, points=20, samples=3000, draws=10),
}
DRAWN = 64  # images of each model
SHOWN = 3  # digits in a strip


def run(seed: int, size: str) -> Result:
    """Train all models, measure them, and let them draw."""
    plan, rngs = PLANS[size], np.random.default_rng(seed).spawn(5)
    digits = load_digits(dtype=np.float32)
    bits, grays = between(digits.binarized(), seed), between(digits, seed)
    found = {
        name: learned(recipe, bits, steps, plan, rng)
        for (name, recipe), steps, rng in zip(
            BLACK_AND_WHITE.items(),
            (plan.steps, plan.plain_steps, plan.plain_steps),
            rngs[:3],
            strict=True,
        )
    }
    gray = learned(GRAY, grays, plan.gray_steps, plan, rngs[3])
    models = found | {"17 levels": gray}
    curves = {name: item.watch.curve() for name, item in models.items()}
    values = {name: item.cost.value for name, item in found.items()}
    pixels = independent(found["x0 form"].model)
    difference, prior = excess(pixels, bits.test, plan.samples, rngs[4])
    extra = {
        name: extra_costs(models[name].model, images.test, plan.samples, seed)
        for name, images in (("x0 form", bits), ("17 levels", grays))
    }
    on_bits = losses(found, bits, plan.draws, seed)
    on_grays = losses({"17 levels": gray}, grays, plan.draws, seed)
    return Result(
        metrics=[
            *likelihood_metrics(found, extra["x0 form"], size),
            *independent_metrics(difference, prior),
            *gray_metrics(gray, independent_cost(gray.model, grays.test), size),
        ],
        figures=[
            learning_picture(curves, values, OTHERS, seed),
            terms_picture(curves, seed),
            losses_picture(on_bits, on_grays, seed),
            *pictures_of(found, gray, bits, grays, seed),
        ],
        tables=[model_table(found, OTHERS), steps_table(extra)],
        series={"curves": curves, "costs": values},
    )


def between(digits: Digits, rng) -> Images:
    """Return digits as levels from -1 to 1, some of them held out."""
    return Images(divided(2 * digits.train_set[0] - 1, rng), 2 * digits.test_set[0] - 1)


def learned(recipe: Recipe, images: Images, steps: int, plan: Plan, rng) -> Learned:
    """Train a model, and measure it on the test images."""
    watch = learn(recipe, images.parts, steps, plan.points, rng)
    return measured(watch, images.test, plan.samples, rng)


def pictures_of(
    found: Mapping[str, Learned], gray: Learned, bits: Images, grays: Images, seed: int
) -> list[Picture]:
    """Draw images of the models, and the ways of two of them."""
    rng, x0 = np.random.default_rng(seed), found["x0 form"]
    draws = {"training images": bits.parts.learned[:DRAWN]}
    draws |= {
        name: found[name].model.sample(DRAWN, rng, steps=STEPS)
        for name in ("x0 form", "noise form")
    }
    draws["training images, 17 levels"] = grays.parts.learned[:DRAWN]
    draws["17 levels"] = gray.model.sample(DRAWN, rng, steps=STEPS)
    ways = {
        "black and white, x0 form": strips(x0.model, bits.test[:SHOWN], rng),
        "17 levels": strips(gray.model, grays.test[:SHOWN], rng),
    }
    return [sample_picture(draws, seed), strips_picture(ways, seed)]


def picture(series) -> Picture:
    """Draw the record: the learning curves of all seeds, and what they came to."""
    figure = Figure(figsize=(11.4, 4.4), layout="constrained")
    names = list(series["costs"][0])
    curves = {name: [run[name] for run in series["curves"]] for name in names}
    costs = {name: [run[name] for run in series["costs"]] for name in names}
    draw_learning(curves, costs, OTHERS, figure)
    seeds = len(series["curves"])
    figure.suptitle(f"Diffusion learns 8 x 8 digits in black and white ({seeds} seeds)")
    return Picture(
        "record", figure, f"The record of {seeds} seeds. {learning_caption()}"
    )
