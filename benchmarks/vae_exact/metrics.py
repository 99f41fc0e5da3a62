"""What small autoencoders are held to, and tables of it."""

import numpy as np

from benchmarks.experiment import Metric, Table
from benchmarks.vae_exact.bounds import (
    COUNTS,
    disagreement,
    largest_fall,
    largest_score,
    score,
)
from benchmarks.vae_exact.gaps import Known
from benchmarks.vae_exact.gradients import (
    BASELINE,
    CENTER,
    ESTIMATORS,
    REPARAMETERIZED,
    SCORE,
    parabola_score,
)
from benchmarks.vae_exact.laws import CURVE, PATTERNS
from benchmarks.vae_exact.quadrature import second_bound, total_probability

EXCESS = {"quick": {CURVE: 0.5, PATTERNS: 1.0}, "full": {CURVE: 0.1, PATTERNS: 0.5}}
PANELED = {"quick": {CURVE: 6, PATTERNS: 2}, "full": {CURVE: 14, PATTERNS: 14}}
NORMAL = 0.954  # the share of normal numbers within two sd
LIMIT = 5.03  # of a standard normal number
NARROW = 0.05  # nats, a gap that importance sampling closes without trouble


def integral_metrics(main: dict[str, Known], size: str) -> list[Metric]:
    """Hold integrals to each other, and the sum of all probabilities to one."""
    metrics = []
    for name, known in main.items():
        log_p, gap = disagreement(known, PANELED[size][name])
        total = total_probability(known.vae)
        metrics += [
            Metric(
                f"{name}: log p(x) by equal steps and by adaptive panels, difference",
                log_p,
                "nats",
                at_most=1e-8,
                reference=0.0,
                source="the same integral",
            ),
            Metric(
                f"{name}: log p(x) - ELBO(x) and KL(q || posterior), difference",
                gap,
                "nats",
                at_most=1e-6,
                reference=0.0,
                source="identity of the ELBO",
            ),
            Metric(
                f"{name}: |total probability - 1|",
                abs(total - 1),
                at_most=1e-8,
                reference=0.0,
                source="all 512 images" if name == PATTERNS else "the plane",
            ),
        ]
    return metrics


def learned_metrics(found: dict[str, Known], size: str) -> list[Metric]:
    """Report how well the laws of the data were learned."""
    metrics = [
        Metric(
            f"{row}: NLL, by quadrature",
            float(-known.log_p.mean()),
            "nats",
            at_most=nll_limit(known, size) if known.beta == 1 else None,
            reference=float(-data_log_density(known)),
            source="log 14"
            if known.problem.name == PATTERNS
            else "density of the data",
        )
        for row, known in found.items()
    ]
    elbos = {
        known.beta: float(known.elbo.mean())
        for known in found.values()
        if known.problem.name == CURVE
    }
    best = elbos.pop(1.0)
    return [
        *metrics,
        Metric(
            f"{CURVE}: ELBO learned with beta = 1 above the best of others",
            best - max(elbos.values()),
            "nats",
            at_least=0.0,
        ),
    ]


def data_log_density(known: Known) -> float:
    """Return the mean of log p_data(x) at the points of a model, in nats."""
    return float(np.mean(known.problem.density.log_density(known.problem.x)))


def nll_limit(known: Known, size: str) -> float:
    """Return the NLL that a model has to reach."""
    return EXCESS[size][known.problem.name] - data_log_density(known)


def bound_metrics(main: dict[str, Known], bounds) -> list[Metric]:
    """Hold all L_k to each other, to log p(x), and two of them to what they are."""
    metrics = []
    for name, known in main.items():
        found, truth = bounds[name], float(known.log_p.mean())
        metrics += [
            Metric(
                f"{name}: L_k above an L_k of larger k, at most, in standard errors",
                largest_fall(found),
                at_most=LIMIT,
            ),
            Metric(
                f"{name}: L_k above log p(x), at most, in standard errors",
                largest_score(found, truth),
                at_most=LIMIT,
            ),
            Metric(
                f"{name}: |L_1 - ELBO| in standard errors",
                abs(score(found[1], float(known.elbo.mean()))),
                at_most=LIMIT,
                source="ELBO by Gauss and Hermite",
            ),
            Metric(
                f"{name}: log p(x) - L_1000",
                truth - found[1000].value,
                "nats",
                at_most=0.1,
                reference=0.0,
                source="its limit",
            ),
        ]
    curve = main[CURVE]
    exact = float(second_bound(curve.vae, curve.problem.x).mean())
    return [
        *metrics,
        Metric(
            f"{CURVE}: |L_2 - its integral| in standard errors",
            abs(score(bounds[CURVE][2], exact)),
            at_most=LIMIT,
            source="Gauss and Hermite, in the plane of two draws",
        ),
    ]


def calibration_metrics(checks) -> list[Metric]:
    """Hold the error bars of log_likelihood to the truth."""
    metrics = []
    for name, check in checks.items():
        metrics += [
            Metric(
                f"{name}: log_likelihood within two standard errors",
                check.share(),
                "of all",
                reference=NORMAL,
                source="a normal number",
            ),
            Metric(
                f"{name}: log_likelihood, mean error",
                check.mean_error,
                "nats",
                at_least=-0.1,
                at_most=0.1,
                reference=0.0,
                source="log p(x) by quadrature",
            ),
        ]
    return [
        *metrics,
        Metric(
            f"{CURVE}: the same share where log p(x) - ELBO(x) < {NARROW:g} nats",
            checks[CURVE].share(high=NARROW),
            "of these",
            at_least=0.85,
            reference=NORMAL,
            source="a normal number",
        ),
    ]


def gap_metrics(found: dict[str, Known]) -> list[Metric]:
    """Report the parts of the gap, neither of which can be negative."""
    metrics = [
        Metric(f"{row}: {part} gap", float(gaps.mean()), "nats")
        for row, known in found.items()
        for part, gaps in (
            ("approximation", known.approximation),
            ("amortization", known.amortization),
        )
    ]
    every = np.concatenate(
        [
            [known.approximation.min(), known.amortization.min()]
            for known in found.values()
        ]
    )
    return [
        *metrics,
        Metric("least gap of all points", float(every.min()), "nats", at_least=-1e-4),
    ]


def gradient_metrics(noise, rng) -> list[Metric]:
    """Hold both estimators to the exact gradient, and compare their variances."""
    metrics = []
    for name, found in noise.items():
        metrics += [
            Metric(
                f"{name}, {one}: largest error of the mean gradient, standard errors",
                found.score(one),
                at_most=LIMIT,
                source="gradient by Gauss and Hermite",
            )
            for one in ESTIMATORS
        ]
        metrics += [
            Metric(
                f"{name}: variance of the gradient, {one} over {REPARAMETERIZED}",
                found.variance(one) / found.variance(REPARAMETERIZED),
                at_least=1.0,
            )
            for one in (SCORE, BASELINE)
        ]
    scores = [parabola_score(s, 20_000, rng) for s in (0.1, 0.5, 2.0)]
    return [
        *metrics,
        Metric(
            f"(h - c)^2, c = {CENTER:g}: largest error of means and variances, as a "
            "normal z",
            max(scores),
            at_most=LIMIT,
            source="closed forms",
        ),
    ]


def gaps_table(found: dict[str, Known]) -> Table:
    """Return log p(x), the ELBO, its two terms and the parts of the gap."""
    rows = [
        [
            row,
            f"{-data_log_density(known):.4f}",
            f"{-known.log_p.mean():.4f}",
            f"{-known.elbo.mean():.4f}",
            f"{-known.reconstruction:.4f}",
            f"{known.divergence:.4f}",
            f"{known.approximation.mean():.4f}",
            f"{known.amortization.mean():.4f}",
        ]
        for row, known in found.items()
    ]
    header = (
        "model",
        "best NLL",
        "NLL",
        "-ELBO",
        "-E log p(x|h)",
        "KL(q || prior)",
        "approximation gap",
        "amortization gap",
    )
    caption = (
        "Means over the points, in nats, all by quadrature. -ELBO is the sum of the "
        "two columns after it, and NLL is -ELBO less both gaps."
    )
    return Table("gaps", header, rows, caption)


def bounds_table(main: dict[str, Known], bounds) -> Table:
    """Return all L_k below log p(x)."""
    rows = [
        [
            name,
            *(
                f"{e.value:.4f} +- {e.standard_error:.4f}"
                for e in bounds[name].values()
            ),
            f"{known.log_p.mean():.4f}",
        ]
        for name, known in main.items()
    ]
    header = ("model", *(f"L_{k}" for k in COUNTS), "log p(x)")
    return Table("bounds", header, rows, "Means over the points, in nats.")
