"""What diffusion of Gaussian data is held to, and a table of its bounds."""

from collections.abc import Mapping

import numpy as np

from benchmarks.diffusion_gaussian.bounds import (
    STEPS,
    Ladder,
    leading_gap,
)
from benchmarks.diffusion_gaussian.chains import ETAS, Ends, Sampled, slope
from benchmarks.diffusion_gaussian.curves import (
    CURVES,
    LEARNED,
    estimated_variance,
    excess,
    largest_mean_error,
    variance,
)
from benchmarks.diffusion_gaussian.forms import (
    COMPARED,
    DRAWN,
    Forms,
    Valley,
    one_chain,
    one_time,
)
from benchmarks.diffusion_gaussian.laws import LAWS
from benchmarks.experiment import Metric, Table

EXACT = 1e-10  # nats, or relative: what is left of rounding
LIMIT = 5.03  # of a standard normal number
MISSING = {"quick": 0.2, "full": 0.02}  # nats to the best bound, after training
EXCESS = {"quick": 0.6, "full": 0.35}  # of the least variance, after training
RATIOS = (5, 10, 50, 200, 1000)  # steps
CHAIN = 200  # steps


def equality(name: str, error: float, unit: str, source: str) -> Metric:
    """Return the metric of a difference that is to be zero, but for rounding."""
    return Metric(
        name,
        error,
        unit,
        at_most=EXACT,
        tolerance=EXACT,
        reference=0.0,
        source=source,
    )


def bound_metrics(ladders: Mapping[str, Ladder]) -> list[Metric]:
    """Hold the bound to its closed form, to the likelihood and to its limit."""
    metrics = []
    for law, found in ladders.items():
        metrics += [
            equality(
                f"{law}: largest error of a term of the bound",
                found.error,
                "nats",
                f"closed forms, {len(STEPS)} numbers of steps",
            ),
            equality(
                f"{law}: log p - bound against KL of the paths",
                found.gap_error(),
                "nats",
                "both laws written out as Gaussians",
            ),
            Metric(
                f"{law}: log p - bound, {STEPS[-1]} steps",
                float(found.gap[-1]),
                "nats",
                at_least=0.0,
                tolerance=1e-9,
            ),
            Metric(
                f"{law}: entropy + limit of the bound for many steps",
                found.limit + found.entropy,
                "nats",
                at_least=-1e-3,
                at_most=0.0,
                tolerance=1e-9,
                reference=0.0,
                source="log SNR without ends",
            ),
            Metric(
                f"{law}: steps times the bound missing to its limit, {STEPS[-1]} steps",
                STEPS[-1] * float(found.limit - found.bound[-1]),
                "nats",
                at_least=0.98 * leading_gap(LAWS[law]),
                at_most=1.02 * leading_gap(LAWS[law]),
                tolerance=1e-6,
                reference=leading_gap(LAWS[law]),
                source="leading term in 1 / T",
            ),
        ]
    return metrics


def form_metrics(forms: Forms, valley: Valley, z) -> list[Metric]:
    """Hold the three forms to one another, and what is not one of them to its gap."""
    found, predicted = np.array(valley.minima), np.array(valley.predicted)
    return [
        equality(
            f"three forms, {COMPARED} steps: largest error of a mean",
            forms.disagreement(),
            "nats",
            "the bound in closed form",
        ),
        Metric(
            f"the bound, {COMPARED} steps of DDPM's betas",
            forms.exact,
            "nats",
            at_most=-0.5 * float(np.log(2 * np.pi * np.e)),
            tolerance=1e-9,
            reference=-0.5 * float(np.log(2 * np.pi * np.e)),
            source="E log N(x_0; 0, 1), which it is below",
        ),
        Metric(
            f"the same, with divergences for consistency terms, {COMPARED} steps",
            forms.divergences,
            "nats",
            at_most=forms.exact - 0.5 * COMPARED,
            tolerance=1e-9,
            reference=forms.exact - float(np.sum(forms.predicted)),
            source="the bound less the predicted gaps",
        ),
        equality(
            "what a divergence adds to a consistency term: largest error",
            forms.gap_error(),
            "nats",
            "covariance of x_t and x_t+1, given x_t-1",
        ),
        equality(
            "step back where the term is least, and where the divergence is: error",
            float(np.max(np.abs(found - predicted))),
            "",
            "both regressions of x_t on x_t+1",
        ),
        Metric(
            "drawn variances of four estimates: largest absolute z",
            float(np.max(np.abs(z))),
            at_most=LIMIT,
            source=f"closed forms, at T = {', '.join(map(str, DRAWN))}",
        ),
    ]


def scatter_metrics() -> list[Metric]:
    """Report which form scatters less, in closed form."""
    metrics = []
    for T in RATIOS:
        consistency, denoising = one_time(T)
        metrics.append(
            Metric(
                f"variance by one random t, consistency over denoising, {T} steps",
                consistency / denoising,
                at_least=1.0,
                tolerance=1e-6,
            )
        )
    joint, denoising = one_chain(CHAIN)
    return [
        *metrics,
        Metric(
            f"variance along one chain, consistency over denoising, {CHAIN} steps",
            joint / denoising,
            at_most=1.0,
            tolerance=1e-6,
        ),
    ]


def curve_metrics(learned, size: str) -> list[Metric]:
    """Hold all curves to one bound, and report the variance of its estimates."""
    curves = {**CURVES, LEARNED: learned}
    variances = [
        estimated_variance(curve) / variance(curve) - 1 for curve in curves.values()
    ]
    return [
        equality(
            "five curves of log SNR: largest error of the mean over u and noise",
            largest_mean_error(curves),
            "nats",
            "the integral over log SNR",
        ),
        equality(
            "five curves of log SNR: variance, largest relative error",
            float(np.max(np.abs(variances))),
            "",
            "closed form",
        ),
        *(
            Metric(
                f"log SNR, {name}: variance above the least",
                excess(curve),
                "of the least",
                at_least=-EXACT,
                at_most=EXCESS[size] if name == LEARNED else None,
                tolerance=0.1 if name == LEARNED else 1e-6,
                reference=0.0,
                source="a log(1 + SNR) that falls evenly",
            )
            for name, curve in curves.items()
        ),
    ]


def training_metrics(missing: float, error: float, floor: float, size: str):
    """Hold the denoiser that was trained to the exact one."""
    return [
        Metric(
            "trained linear denoiser: bound missing to the exact one",
            missing,
            "nats",
            at_least=0.0,
            at_most=MISSING[size],
            tolerance=0.1,
            reference=floor,
            source="regression on as many draws, to first order",
        ),
        Metric(
            "trained linear denoiser: largest error of a coefficient",
            error,
            at_most=0.5 if size == "quick" else 0.15,
            tolerance=0.4,
            reference=0.0,
            source="regression of the noise on x_t",
        ),
    ]


def chain_metrics(
    ends: Mapping[tuple[str, str], Ends], sampled: Mapping[str, Sampled]
) -> list[Metric]:
    """Hold reverse chains to first order in 1 / T, and real ones to their moments."""
    metrics = []
    for (law, name), found in ends.items():
        metrics.append(
            Metric(
                f"{law}, {name}: slope of the error of chains, 500 to 1000 steps",
                slope(found.errors, 500, 1000),
                at_least=-1.05,
                at_most=-0.95,
                tolerance=1e-6,
                reference=-1.0,
                source="first order in 1 / T",
            )
        )
    for name in ETAS:
        metrics.append(
            Metric(
                f"3-D, {name}: largest absolute z of moments of real chains",
                float(np.max(np.abs(sampled[name].scores))),
                at_most=LIMIT,
                tolerance=1e-6,
                source="the exact recursion, three numbers of steps",
            )
        )
    return metrics


def bounds_table(ladders: Mapping[str, Ladder]) -> Table:
    """List the terms, the bound, log p and the gap, by law and number of steps."""
    rows = [
        (
            law,
            f"{T}",
            *(f"{value:.4f}" for value in found.terms[k]),
            f"{found.bound[k]:.4f}",
            f"{found.log_p[k]:.4f}",
            f"{found.gap[k]:.4f}",
        )
        for law, found in ladders.items()
        for k, T in enumerate(STEPS)
    ]
    header = (
        "data",
        "T",
        "reconstruction",
        "prior",
        "diffusion",
        "bound",
        "log p",
        "log p - bound",
    )
    limits = ", ".join(
        f"{found.limit:.4f} and {-found.entropy:.4f} for {law}"
        for law, found in ladders.items()
    )
    return Table(
        "Bounds",
        header,
        rows,
        "Means over the data in nats, in closed form: bound = reconstruction - prior - "
        "diffusion, log p is that of the model of T steps. For many steps they become "
        f"the bound of continuous time and minus the entropy of the data: {limits}.",
    )
