"""Metrics and tables of machines on digits."""

from collections.abc import Mapping, Sequence

from benchmarks.experiment import Metric, Table
from benchmarks.rbm_digits.features import HIDDEN as FEATURES
from benchmarks.rbm_digits.features import Accuracies
from benchmarks.rbm_digits.figures import SCIKIT_LEARN
from benchmarks.rbm_digits.partition import COUNTED, Annealed
from benchmarks.rbm_digits.training import Trained
from samplers.importance import Weights

LIMIT = 5.03  # a normal number is larger once in 2 million: 1e-4 for 200 tests
MOST = {"quick": (18.7, 17.1, 16.9), "full": (18.5, 16.9, 16.9)}  # nats an image
THEIRS = "scikit-learn 1.9.1, the best of four rates, 5 seeds"
# The same of scikit-learn's machine of as many hidden units, rate 0.06, 10 iterations,
# and logistic regression with C = 6000; and of this alone. Mean of 5 seeds.
THEIR_FEATURES, THEIR_PIXELS = Accuracies(0.944, 0.934), Accuracies(0.889, 0.799)


def likelihood_metrics(
    trained: Sequence[Trained], lines: Mapping[str, float], size: str
) -> list[Metric]:
    """Hold machines to what they promise of new images."""
    metrics = []
    for found, most in zip(trained, MOST[size], strict=True):
        hidden = len(found.rbm.b)
        how = "AIS" if found.log_Z.standard_error else "exact log Z"
        metrics.append(
            Metric(
                f"{hidden} hidden units, {how}: negative log-likelihood, test images",
                found.test,
                "nats",
                at_most=most,
                reference=SCIKIT_LEARN[hidden],
                source=THEIRS,
            )
        )
    errors = [found.log_Z.standard_error for found in trained]
    metrics.append(
        Metric(
            "64 and 128 hidden units, AIS: larger standard error of log Z",
            max(errors),
            "nats",
            at_most=0.05,
        )
    )
    tolerances = 1e-6, 0.2  # the mixture depends on the last bits of its first steps
    for (name, value), tolerance in zip(lines.items(), tolerances, strict=True):
        metrics.append(
            Metric(
                f"{name}: negative log-likelihood, test images",
                value,
                "nats",
                tolerance=tolerance,
            )
        )
    return metrics


def partition_metrics(
    annealed: Sequence[Annealed],
    log_Z: float,
    bounds: tuple[Weights, Weights],
    size: str,
) -> list[Metric]:
    """Hold annealing to enumeration, and to itself where nothing can be counted.

    log_Z : of the machine that was annealed
    bounds : of the largest machine, from below and from above
    """
    last = annealed[-1]
    (up, error), _ = last.pooled
    wrong = [
        side * mean / error
        for item in annealed
        for side, (mean, error) in zip((1, -1), item.errors(log_Z), strict=True)
    ]
    lower, upper = (weights.log_partition for weights in bounds)
    enumeration = f"enumeration of 2^{COUNTED} hidden states"
    which = f"{COUNTED} hidden units, {last.K} temperatures"
    return [
        Metric(
            f"{which}: error of log Z by AIS",
            float(up - log_Z),
            "nats",
            at_least=-0.1,
            at_most=0.1,
            reference=0.0,
            source=enumeration,
        ),
        Metric(
            f"{which}: |error of log Z| / its standard error",
            float(abs(up - log_Z) / error),
            at_most=2.0 if size == "full" else LIMIT,
            source=enumeration,
        ),
        Metric(
            f"{which}: share of single runs within two standard errors",
            last.share_within(log_Z, 2),
            at_least=0.85 if size == "full" else 0.7,
            reference=0.954,
            source="normal law",
        ),
        Metric(
            f"{COUNTED} hidden units: mean of runs beyond log Z, largest z",
            float(max(wrong)),
            at_most=LIMIT,
            source="upwards too low in the mean, downwards too high",
        ),
        Metric(
            "128 hidden units: upper less lower estimate of log Z",
            upper - lower,
            "nats",
            at_least=-0.3,
            at_most=0.3,
            reference=0.0,
            source="AIS downwards from the ends of chains, and upwards",
        ),
    ]


def feature_metrics(
    features: Accuracies, pixels: Accuracies, size: str
) -> list[Metric]:
    """Hold logistic regression by features, and by pixels, to scikit-learn's."""
    source = "scikit-learn 1.9.1, same images, 5 seeds"
    by_features = f"logistic regression by {FEATURES} features"
    least = (0.935, 0.925) if size == "full" else (0.91, 0.905)
    return [
        Metric(
            f"{by_features}: accuracy, test images",
            features.as_is,
            at_least=least[0],
            reference=THEIR_FEATURES.as_is,
            source=source,
        ),
        Metric(
            f"{by_features}: accuracy, test images and moved ones",
            features.moved,
            at_least=least[1],
            reference=THEIR_FEATURES.moved,
            source=source,
        ),
        Metric(
            "logistic regression by pixels: accuracy, test images",
            pixels.as_is,
            tolerance=0.03,
            reference=THEIR_PIXELS.as_is,
            source=source,
        ),
        Metric(
            "logistic regression by pixels: accuracy, test images and moved ones",
            pixels.moved,
            tolerance=0.03,
            reference=THEIR_PIXELS.moved,
            source=source,
        ),
    ]


def filling_metrics(surprises: Sequence[float], size: str) -> list[Metric]:
    """Hold what fills in the lower half to simpler ways.

    surprises : nats a pixel, of the largest machine, the mixture, independent pixels
    """
    machine, mixture, pixels = surprises
    what = "lower half from the upper one: mean of -log p(pixel)"
    return [
        Metric(
            f"{what}, 128 hidden units",
            machine,
            "nats",
            at_most=0.29 if size == "full" else 0.32,
            reference=mixture,
            source="the mixture of this run, in closed form",
        ),
        Metric(f"{what}, mixture", mixture, "nats", tolerance=0.02),
        Metric(f"{what}, independent pixels", pixels, "nats", tolerance=1e-6),
    ]


def machine_table(trained: Sequence[Trained], steps: int) -> Table:
    """List the machines."""
    lines = [
        (
            f"{len(found.rbm.b)}",
            f"{found.decay:g}",
            f"{found.log_Z.value:.3f}"
            + (f" ± {error:.3f}" if (error := found.log_Z.standard_error) else ""),
            f"{found.train:.3f}",
            f"{found.test:.3f}",
            f"{SCIKIT_LEARN[len(found.rbm.b)]:.2f}",
        )
        for found in trained
    ]
    return Table(
        "The machines",
        (
            "hidden units",
            "weight decay",
            "log Z (nats)",
            "training images (nats an image)",
            "test images",
            "test images, scikit-learn",
        ),
        lines,
        f"Negative log-likelihoods after {steps} steps of 50 images and 100 persistent "
        "chains. An error of log Z is one of all images alike.",
    )


def decay_table(trained: Sequence[Trained]) -> list[Table]:
    """List how the weight decay was chosen, if it was."""
    decays = list(trained[0].validation)
    if not decays:
        return []
    lines = [
        (
            f"{len(found.rbm.b)}",
            *(f"{found.validation[decay]:.3f}" for decay in decays),
            f"{found.decay:g}",
        )
        for found in trained
    ]
    return [
        Table(
            "The choice of the weight decay",
            ("hidden units", *(f"{decay:g}" for decay in decays), "chosen"),
            lines,
            "Negative log-likelihood (nats) of an image of a fifth of the training "
            "images, by machines that learned from the others.",
        )
    ]
