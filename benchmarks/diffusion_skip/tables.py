"""Metrics and a table of networks that guess noise, without the skip and with it."""

from collections.abc import Sequence

from benchmarks.diffusion_skip.growth import (
    outside_law,
    predicted_rms,
    typical_largest,
)
from benchmarks.diffusion_skip.measures import Data, Row
from benchmarks.diffusion_skip.training import D
from benchmarks.experiment import Metric, Table
from samplers.schedules import linear

# A normal number is larger than this once in 2 million: 1e-4 for 200 tests.
LIMIT = 5.03
WIDTH = 16  # whose numbers are metrics at any size
NEAR = {"quick": 0.08, "full": 0.05}  # of the loss of pure noise, above its floor
EXPLODED = 100.0  # units of x, fifty times from paper to ink
LEAST, MOST = 0.95, 1.15  # of the size of samples, in units of the schedule's
BOUND = "(D - w) / D, for any weights"
SCHEDULE = "the schedule alone"
# A notebook of a university course, which diffuses MNIST in NumPy: pixels, hidden
# units next to the output, and samples; and the largest |x| in a run of it.
NOTEBOOK, NOTEBOOK_LARGEST = (784, 512, 16), 585.0


def skip_metrics(rows: Sequence[Row], size: str, data: Data) -> list[Metric]:
    """Hold the networks to the floor, and their samples to what the schedule says."""
    plain = [row for row in rows if not row.skip]
    cured = [row for row in rows if row.skip]
    blind = [row for row in plain if row.floor > 0]
    return [
        *floor_metrics(blind, size),
        *exact_metrics([row for row in rows if row.floor > 0]),
        *size_metrics(blind),
        notebook_metric(),
        *cure_metrics(cured, data),
    ]


def floor_metrics(blind: Sequence[Row], size: str) -> list[Metric]:
    """Report how the losses lie above the floor, where there is one."""
    scores = [
        (loss.value - row.floor) / loss.standard_error
        for row in blind
        for loss in (row.loss, row.noise_loss)
    ]
    one = of_width(blind, WIDTH)
    return [
        Metric(
            "no skip: least distance of a loss from its floor, standard errors",
            min(scores),
            at_least=-LIMIT,
            reference=0.0,
            source=BOUND,
        ),
        Metric(
            "no skip: loss of pure noise above its floor, largest",
            max(row.noise_loss.value - row.floor for row in blind),
            at_most=NEAR[size],
            reference=0.0,
            source=BOUND,
        ),
        Metric(
            f"no skip, {WIDTH} units: loss of pure noise",
            one.noise_loss.value,
            at_most=one.floor + NEAR[size],
            tolerance=0.03,
            reference=one.floor,
            source=BOUND,
        ),
        Metric(
            f"no skip, {WIDTH} units: loss",
            one.loss.value,
            at_least=one.floor,
            tolerance=0.03,
            reference=one.floor,
            source=BOUND,
        ),
    ]


def exact_metrics(rows: Sequence[Row]) -> list[Metric]:
    """Hold what lies outside the plane to what is known of it."""
    missed = [abs(row.missed) for row in rows if row.missed is not None]
    spread = [abs(row.spread) for row in rows if row.spread is not None]
    followed = [row.followed for row in rows if row.followed is not None]
    return [
        Metric(
            "error outside the plane: largest absolute z",
            max(missed),
            at_most=LIMIT,
            reference=0.0,
            source="D - w + |Q c|^2",
        ),
        Metric(
            "variance of samples outside the plane: largest absolute z",
            max(spread),
            at_most=LIMIT,
            reference=0.0,
            source=SCHEDULE,
        ),
        Metric(
            "DDIM outside the plane: largest error, relative to the sd of x_0",
            max(followed),
            at_most=1e-4,
            reference=0.0,
            source=f"x_T, and {SCHEDULE}",
        ),
    ]


def size_metrics(blind: Sequence[Row]) -> list[Metric]:
    """Hold the size of samples without a skip to the prediction."""
    ratios = [row.rms / predicted_rms(row.law, D, row.width) for row in blind]
    one = of_width(blind, WIDTH)
    return [
        Metric(
            "no skip: rms of samples over that outside the plane, least",
            min(ratios),
            at_least=LEAST,
            reference=1.0,
            source=SCHEDULE,
        ),
        Metric(
            "no skip: rms of samples over that outside the plane, largest",
            max(ratios),
            at_most=MOST,
            reference=1.0,
            source=SCHEDULE,
        ),
        Metric(
            f"no skip, {WIDTH} units: rms of samples",
            one.rms,
            "units of x",
            tolerance=15.0,
            reference=predicted_rms(one.law, D, one.width),
            source=SCHEDULE,
        ),
        Metric(
            f"no skip, {WIDTH} units: largest |x| of samples",
            one.largest,
            "units of x",
            at_least=EXPLODED,
        ),
    ]


def notebook_metric() -> Metric:
    """Say what |x| a network of NOTEBOOK can be expected to come to, untrained."""
    pixels, width, samples = NOTEBOOK
    law = outside_law(linear(1000), eta=1.0, skip=False)
    sd = predicted_rms(law, pixels, width)
    return Metric(
        f"{pixels}-{width}-{pixels}, 1000 linear betas: largest |x| predicted",
        typical_largest(sd, samples * pixels),
        "units of x",
        at_least=0.8 * NOTEBOOK_LARGEST,
        at_most=1.2 * NOTEBOOK_LARGEST,
        tolerance=1e-6,
        reference=NOTEBOOK_LARGEST,
        source="a run of a NumPy notebook on MNIST",
    )


def cure_metrics(cured: Sequence[Row], data: Data) -> list[Metric]:
    """Hold losses and samples with the skip to those of the data."""
    one = of_width(cured, WIDTH)
    return [
        Metric(
            f"skip, {WIDTH} units: loss",
            one.loss.value,
            at_most=data.skip_alone,
            tolerance=0.03,
            reference=data.skip_alone,
            source="the skip alone",
        ),
        Metric(
            "skip: loss of pure noise, largest",
            max(row.noise_loss.value for row in cured),
            at_most=0.02,
            reference=0.0,
            source="sigma x is the noise there",
        ),
        Metric(
            "skip: rms of samples, largest",
            max(row.rms for row in cured),
            "units of x",
            at_most=1.5,
            reference=data.rms,
            source="the digits",
        ),
        Metric(
            "skip: largest |x| of samples",
            max(row.largest for row in cured),
            "units of x",
            at_most=EXPLODED,
            reference=1.0,
            source="the digits",
        ),
    ]


def of_width(rows: Sequence[Row], width: int) -> Row:
    """Return the only one of these rows that has a width."""
    [row] = [row for row in rows if row.width == width]
    return row


def skip_table(rows: Sequence[Row]) -> Table:
    """List the networks."""
    lines = [
        (
            f"{row.width}",
            "yes" if row.skip else "no",
            "0" if row.skip else f"{row.floor:.4f}",
            f"{row.noise_loss.value:.4f}",
            f"{row.loss.value:.4f}",
            f"{predicted_rms(row.law, D, row.width):.2f}",
            f"{row.rms:.2f}",
            f"{row.largest:.1f}",
        )
        for row in rows
    ]
    draws = len(rows[0].samples)
    return Table(
        "Networks that guess noise",
        (
            "units w",
            "skip",
            "floor",
            "loss of pure noise",
            "loss, all levels",
            "rms outside the plane",
            "rms of samples",
            "largest |x|",
        ),
        lines,
        f"The losses are mean squared errors of the noise. Of {draws} samples by the "
        "ancestral chain, in units in which pixels go from -1 to 1. What is outside "
        "the plane of the guesses is predicted, by the schedule alone.",
    )
