"""Metrics and tables of diffusion models on digits."""

import math
from collections.abc import Mapping

from benchmarks.diffusion_digits.measures import NUMBERS_OF_STEPS, TERMS, Learned
from benchmarks.experiment import Metric, Table
from benchmarks.vae_digits.tables import MACHINES
from models.estimate import Estimate

BIT = 1 / (64 * math.log(2))  # of 64 pixels, in nats an image
LIMIT = 5.03  # a normal number is larger than this once in 2 million
MOST = {"quick": 20.0, "full": 17.1}  # nats an image, of the x0 form
MOST_BITS = {"quick": 2.3, "full": 1.85}  # a pixel, of 17 levels
ERROR = {"quick": 0.3, "full": 0.025}  # nats an image, of bits
WORSE = 2.0  # nats an image, of forms that do not start from single pixels
PYTORCH = 16.98  # PyTorch 2.13 in the x0 form on the same images, mean of 3 seeds
# Minus log p(x) in the records of rbm-digits and vae-digits.
OTHERS = MACHINES | {"VAE of 10 latents": 16.28, "two levels of latents": 16.06}


def likelihood_metrics(
    found: Mapping[str, Learned], extra: Mapping[int, Estimate], size: str
) -> list[Metric]:
    """Hold three forms of a network to what they promise of new images.

    extra : T -> what a chain of T steps costs the first of them more
    """
    x0, *others = found
    best, last = found[x0], NUMBERS_OF_STEPS[-1]
    name = "minus bound, test images"
    return [
        Metric(
            f"{x0}: {name}",
            best.cost.value,
            "nats",
            at_most=MOST[size],
            reference=PYTORCH,
            source="PyTorch 2.13, same images, 3 seeds, sd 0.03",
        ),
        *(
            Metric(f"{x0}: {term} term of it", best.terms[term].value, "nats")
            for term in TERMS
        ),
        Metric(
            f"{x0}: what a chain of {last} steps costs more than infinitely many",
            extra[last].value,
            "nats",
            at_most=0.15,
            reference=0.0,
            source="infinitely many steps",
        ),
        Metric(
            f"{x0}: standard error of the bound",
            best.cost.standard_error,
            "nats",
            at_most=ERROR[size],
        ),
        *(
            Metric(
                f"{other}: {name}",
                found[other].cost.value,
                "nats",
                at_least=best.cost.value + WORSE,
                reference=best.cost.value,
                source=f"{x0}, of this run",
            )
            for other in others
        ),
    ]


def independent_metrics(difference: Estimate, prior: float) -> list[Metric]:
    """Hold the bound of independent pixels to their log p(x), which is known.

    difference : the bound less log p(x) of the test images, in nats
    prior : the prior term of the bound
    """
    name = "independent pixels: bound less log p(x)"
    return [
        Metric(
            f"{name}, test images",
            difference.value,
            "nats",
            at_least=-prior - LIMIT * difference.standard_error,
            at_most=LIMIT * difference.standard_error,
            reference=0.0,
            source="log p(x) of independent pixels in closed form",
        )
    ]


def gray_metrics(gray: Learned, independent: float, size: str) -> list[Metric]:
    """Hold the model of 17 levels to its bound, and to independent pixels.

    independent : minus log p(x) of a test image, in nats
    """
    bits, error = (
        number * BIT for number in (gray.cost.value, gray.cost.standard_error)
    )
    return [
        Metric(
            "17 levels: minus bound, test images",
            bits,
            "bits a pixel",
            at_most=MOST_BITS[size],
            reference=independent * BIT,
            source="independent pixels",
        ),
        Metric(
            "17 levels: standard error of the bound",
            error,
            "bits a pixel",
            at_most=4 * ERROR[size] * BIT,
        ),
        Metric(
            "17 levels: independent pixels, minus log p(x), test images",
            independent * BIT,
            "bits a pixel",
            tolerance=1e-5,
        ),
    ]


def model_table(found: Mapping[str, Learned], lines: Mapping[str, float]) -> Table:
    """List the models with their terms, and others on the same images."""
    rows = [
        (
            name,
            f"{item.watch.steps[item.watch.chosen]}",
            plus_minus(item.cost),
            *(plus_minus(item.terms[term]) for term in TERMS),
        )
        for name, item in found.items()
    ]
    rows += [(name, "", f"{value:.2f}", "", "", "") for name, value in lines.items()]
    return Table(
        "The models",
        ("model", "steps", "-bound (nats an image)", *TERMS),
        rows,
        "Of the test images. The steps are those after which the bound of held-out "
        "images was the highest. Minus the bound is the sum of three terms: minus the "
        "reconstruction, log p(x_0 | x_1), the divergence of x_T from the prior, and "
        "the diffusion term. The errors are those of the draws of noise and time. Of "
        "the other models it is minus log p(x) itself, below which minus a bound of it "
        "cannot fall.",
    )


def steps_table(extra: Mapping[str, Mapping[int, Estimate]]) -> Table:
    """List what chains cost more than one of infinitely many steps."""
    return Table(
        "What few steps cost",
        ("model", *(f"T = {T}" for T in NUMBERS_OF_STEPS)),
        [
            (name, *(plus_minus(cost) for cost in costs.values()))
            for name, costs in extra.items()
        ],
        "Minus the bound for T steps less that for infinitely many, test images, in "
        "nats an image. A chain of T steps draws images of the very model whose bound "
        "this is. Each step back is a Gaussian around one guess of the image; the "
        "fewer steps, the less that is the law of the step.",
    )


def plus_minus(estimate: Estimate) -> str:
    """Return a number with its standard error."""
    return f"{estimate.value:.3f} ± {estimate.standard_error:.3f}"
