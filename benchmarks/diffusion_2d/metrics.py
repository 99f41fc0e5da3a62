"""What diffusion in the plane is held to, and tables of it."""

from collections.abc import Mapping

import numpy as np

from benchmarks.diffusion_2d.bounds import Bounds
from benchmarks.diffusion_2d.scores import SHOWN, Scores
from benchmarks.diffusion_2d.steps import ENDS, KINDS, STEPS, WHOSE, Floor
from benchmarks.diffusion_mixture.laws import MIXTURE, mode_counts
from benchmarks.experiment import Metric, Table
from benchmarks.transition_matrices import chi_square_score, sampled_distances
from models import total_variation

MANY = STEPS[-1]
LIMIT = 5.03  # of a standard normal number
STRAY = 0.002  # nats that 500 steps may cost
KL_LIMITS = {"quick": 3.0, "full": 0.2}
DISTANCE_LIMITS = {"quick": 0.15, "full": 0.03}
LOST_LIMITS = {"quick": 1.0, "full": 0.1}
ERROR_LIMITS = {"quick": 1.0, "full": 0.1}
SHARE_LIMITS = {"quick": 0.15, "full": 0.03}


def draw_metrics(found, floors: Mapping[str, Floor], size: str) -> list[Metric]:
    """Hold draws of what was learned to the data; found : law -> draws."""
    metrics = []
    for name, draws in found.items():
        floor = floors[name]
        metrics += [
            Metric(
                f"{name}, {kind}, {MANY} steps: KL(draws || data)",
                draws[kind, MANY].kl,
                "nats",
                at_most=KL_LIMITS[size],
                reference=floor.kl,
                source="as many exact draws",
            )
            for kind in KINDS
        ]
        metrics.append(
            Metric(
                f"{name}, ancestral, {MANY} steps: sliced Wasserstein distance",
                draws["ancestral", MANY].distance,
                "units of x",
                at_most=DISTANCE_LIMITS[size],
                reference=floor.distance,
                source="as many exact draws",
            )
        )
    return metrics


def step_metrics(exact: Mapping, floor: Floor) -> list[Metric]:
    """Report the errors of steps alone, with the exact denoiser of the mixture."""
    metrics = []
    for kind in KINDS:
        for steps in ENDS:
            draws, last = exact[kind, steps], steps == MANY
            metrics += [
                Metric(
                    f"exact denoiser, {kind}, {steps} steps: KL(draws || data)",
                    draws.kl,
                    "nats",
                    at_most=floor.kl + 6 * floor.kl_sd + STRAY if last else None,
                    tolerance=5e-3,
                    reference=floor.kl if last else None,
                    source="as many exact draws" if last else "",
                ),
                Metric(
                    f"exact denoiser, {kind}, {steps} steps: sliced Wasserstein "
                    "distance",
                    draws.distance,
                    "units of x",
                    at_most=floor.distance + 6 * floor.distance_sd if last else None,
                    tolerance=2e-3,
                    reference=floor.distance if last else None,
                    source="as many exact draws" if last else "",
                ),
            ]
    return metrics


def share_metrics(by_steps, size: str, rng) -> list[Metric]:
    """Hold the shares of the five modes to their weights; by_steps : as for figures."""
    learned, exact = (by_steps[name]["ancestral", MANY].x for name in WHOSE)
    counts, n, w = mode_counts(learned), len(learned), MIXTURE.weights
    return [
        Metric(
            f"mixture, ancestral, {MANY} steps: mode shares, distance from the weights",
            float(total_variation(counts / n, w)),
            "total variation",
            at_most=SHARE_LIMITS[size],
            reference=float(np.mean(sampled_distances(w, w, n, 200, rng))),
            source="as many exact draws",
        ),
        Metric(
            f"exact denoiser, ancestral, {MANY} steps: chi-square of mode shares, as a "
            "normal z",
            chi_square_score(mode_counts(exact), w),
            at_most=LIMIT,
            tolerance=0.5,
            source="the weights of the mixture",
        ),
    ]


def score_metrics(found: Mapping[str, Scores], size: str) -> list[Metric]:
    """Hold the learned scores to the true ones."""
    return [
        Metric(
            f"{name}: error of the score at log SNR {log_snr:g}",
            one.error_at(log_snr),
            "of its mean square",
            at_most=ERROR_LIMITS[size],
            reference=0.0,
            source="the score of the exact law",
        )
        for name, one in found.items()
        for log_snr in SHOWN
    ]


def bound_metrics(found: Mapping[str, Bounds], size: str) -> list[Metric]:
    """Hold bounds to log p(x), and what they lose to the error of the score."""
    metrics = []
    for name, bounds in found.items():
        error = bounds.learned.standard_error
        metrics += [
            Metric(
                f"{name}: bound of log p(x), exact denoiser, from log p(x), in "
                "standard errors",
                bounds.best_z,
                at_most=LIMIT,
                reference=0.0,
                source="the density of the data",
            ),
            Metric(
                f"{name}: bound of log p(x)",
                bounds.learned.value,
                "nats",
                at_most=bounds.truth + LIMIT * error,
                reference=bounds.truth,
                source="the density of the data",
            ),
            Metric(
                f"{name}: what the bound loses by learning",
                bounds.lost.value,
                "nats",
                at_least=0.0,
                at_most=LOST_LIMITS[size],
                reference=bounds.by_scores.value,
                source="the error of the score, over all levels",
            ),
            Metric(
                f"{name}: the same less the integral of the score's error, in "
                "standard errors",
                bounds.cross_z,
                at_most=LIMIT,
                reference=0.0,
                source="identity of the bound",
            ),
        ]
    return metrics


def draws_table(found, floors: Mapping[str, Floor]) -> Table:
    """Return how far draws are from the data, by law and kind of chain."""
    rows = []
    for name, draws in found.items():
        ends = [draws[kind, MANY] for kind in KINDS]
        numbers = (*(one.kl for one in ends), floors[name].kl)
        distances = (*(one.distance for one in ends), floors[name].distance)
        rows.append([name, *(f"{one:.4f}" for one in (*numbers, *distances))])
    kinds = (*KINDS, "exact draws")
    header = (
        "law",
        *(f"KL, {kind}" for kind in kinds),
        *(f"distance, {kind}" for kind in kinds),
    )
    caption = (
        f"Draws of what was learned, by {MANY} steps: KL(draws || data) in nats "
        "between cells, and the sliced Wasserstein distance in units of x; beside "
        "them, what as many exact draws have."
    )
    return Table("draws", header, rows, caption)


def bounds_table(found: Mapping[str, Bounds]) -> Table:
    """Return bounds beside log p, and what learning costs."""
    rows = []
    for name, bounds in found.items():
        estimates = (bounds.best, bounds.learned, bounds.lost, bounds.by_scores)
        shown = (f"{e.value:.4f} +- {e.standard_error:.4f}" for e in estimates)
        rows.append([name, f"{bounds.truth:.4f}", *shown])
    header = (
        "law",
        "log p(x)",
        "bound, exact denoiser",
        "bound, learned",
        "lost",
        "lost, by the score",
    )
    caption = (
        "Means over the data, in nats. Lost is the difference of the two "
        "bounds with the same noise; beside it, the same as an integral over the error "
        "of the score. The errors are those of all that is drawn."
    )
    return Table("bounds", header, rows, caption)
