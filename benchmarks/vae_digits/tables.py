"""Metrics and tables of models of latent variables on digits."""

from collections.abc import Mapping

import numpy as np

from benchmarks.experiment import Metric, Table
from benchmarks.vae_digits.latents import MANY, active
from benchmarks.vae_digits.training import DRAWS, LATENT, Learned
from models.estimate import Estimate

NOISE = 0.05  # nats, of the mean of a bound over the test images
MOST = {  # nats an image
    "quick": {"VAE": 17.8, "IWAE": 17.7, "two levels": 18.6},
    "full": {"VAE": 16.4, "IWAE": 16.2, "two levels": 16.3},
}
# PyTorch 2.13 on the same images, mean of 3 seeds.
PYTORCH = {"VAE": 16.28, "IWAE": 16.10, "two levels": 16.21}
SPREAD = {"VAE": 0.04, "IWAE": 0.04, "two levels": 0.07}  # sd of these
# The record of rbm-digits.
MACHINES = {"RBM of 64 hidden units": 16.32, "RBM of 128 hidden units": 15.95}


def likelihood_metrics(found: Mapping[str, Learned], size: str) -> list[Metric]:
    """Hold models to what they promise of new images, and to their estimates of it."""
    metrics = [
        Metric(
            f"{name}: negative log-likelihood, test images",
            item.nll,
            "nats",
            at_most=MOST[size][name],
            reference=PYTORCH[name],
            source=f"PyTorch 2.13, same images, 3 seeds, sd {SPREAD[name]:g}",
        )
        for name, item in found.items()
    ]
    metrics.append(
        Metric(
            "largest standard error of these",
            max(item.test.mean.standard_error for item in found.values()),
            "nats",
            at_most=0.02 if size == "full" else 0.05,
        )
    )
    metrics += [
        Metric(
            f"{name}: effective draws of h, median of the images",
            float(np.median(item.test.effective_sample_size)),
            at_least=20,
        )
        for name, item in found.items()
    ]
    return metrics


def bound_metrics(found: Mapping[str, Learned]) -> list[Metric]:
    """Hold the bounds to the estimates, from below."""
    source = "log p(x) by importance sampling, and Jensen's inequality"
    metrics = []
    for name, item in found.items():
        for bound, value in (("ELBO", item.elbo), (f"L_{DRAWS}", item.tight)):
            metrics.append(
                Metric(
                    f"{name}: {bound} less log p(x), test images",
                    value + item.nll,
                    "nats",
                    at_most=NOISE,
                    reference=0.0,
                    source=source,
                )
            )
    return metrics


def latent_metrics(
    learned: Mapping[str, Learned], many: Mapping[str, Mapping[str, list]], size: str
) -> list[Metric]:
    """Tell how many latents are in use, without warm-up of beta and with it.

    many : the courses of a VAE of many latents
    """
    plain, warm = (active(course["values"][-1]) for course in many.values())
    what = f"latents in use of {MANY}"
    return [
        Metric(
            f"VAE: latents in use of {LATENT}",
            active(learned["VAE"].divergence),
            at_least=4,
        ),
        Metric(
            "two levels: divergence of the upper one, test images",
            float(learned["two levels"].divergence[1]),
            "nats",
            at_least=1.0 if size == "full" else None,
            reference=0.0,
            source="a level that is not in use",
        ),
        Metric(f"{what}, beta = 1", plain),
        Metric(f"{what}, warm-up of beta", warm, reference=plain, source="beta = 1"),
        Metric(
            f"{what}: more with warm-up of beta than with beta = 1",
            warm - plain,
            at_least=0 if size == "full" else -2,
        ),
    ]


def model_table(found: Mapping[str, Learned], lines: Mapping[str, float]) -> Table:
    """List the models, and others on the same images."""
    rows = []
    for name, item in found.items():
        sizes = item.test.effective_sample_size
        rows.append(
            (
                name,
                f"{item.watch.steps[item.watch.chosen]}",
                plus_minus(item.test.mean),
                f"{-item.tight:.3f}",
                f"{-item.elbo:.3f}",
                f"{np.median(sizes):.0f}",
                f"{sizes.min():.1f}",
                f"{PYTORCH[name]:.2f} ± {SPREAD[name]:.2f}",
            )
        )
    rows += [
        (name, "", f"{value:.2f}", "", "", "", "", "") for name, value in lines.items()
    ]
    return Table(
        "The models",
        (
            "model",
            "steps",
            "-log p(x) (nats an image)",
            f"-L_{DRAWS}",
            "-ELBO",
            "effective draws, median",
            "least",
            "PyTorch",
        ),
        rows,
        "Of the test images. The IWAE goes on from the last step of the VAE. "
        "The steps are those after which held-out images were the most probable. The "
        "errors of -log p(x) are those of the draws of h; of some images few draws "
        "count, and their probability is underrated. The RBMs are those of the "
        "experiment rbm-digits.",
    )


def plus_minus(estimate: Estimate) -> str:
    """Return minus a number, with its standard error."""
    return f"{-estimate.value:.3f} ± {estimate.standard_error:.3f}"
