"""Block Gibbs sampling of a 6 x 4 machine, held to the exact law after every sweep.

Where the chains are after k sweeps is known from the powers of the transition matrix:
how far from the law that they sample, and that its second eigenvalue bounds this
distance. The chains themselves must be as far, up to the noise of their number.
"""

import numpy as np
from matplotlib.figure import Figure

from benchmarks.experiment import Metric, Picture, Result, Table
from benchmarks.gibbs_exact.figures import (
    distance_picture,
    draw_distances,
    draw_eigenvalues,
    matrix_picture,
)
from benchmarks.gibbs_exact.laws import (
    BETAS,
    M,
    N,
    Sampled,
    Truth,
    make_machine,
    sample,
    solve,
)

BUDGET = 8
CHAINS = {"quick": 50_000, "full": 1_000_000}
CLOSE = 0.01  # a distance to pi
# The smallest distance that powers of T tell to about six digits.
TELLABLE = 1e-9
LIMIT = 5.03  # a normal number is larger once in 2 million: 1e-4 for 200 tests


def run(seed: int, size: str) -> Result:
    """Compute the laws, run the chains and hold one to the other."""
    rng = np.random.default_rng(seed)
    machine = make_machine()
    truths = {beta: solve(machine, beta) for beta in BETAS}
    sampled = sample(machine, truths, CHAINS[size], rng)
    return Result(
        metrics=[*exact_metrics(truths), *sampled_metrics(sampled)],
        figures=[
            distance_picture(truths, sampled, CHAINS[size], seed),
            matrix_picture(truths),
        ],
        tables=[mixing_table(truths)],
        series={
            "distances": {
                f"{beta}": found.distances for beta, found in sampled.items()
            },
            "chains": CHAINS[size],
        },
    )


def exact_metrics(truths: dict[float, Truth]) -> list[Metric]:
    """Hold the exact numbers to each other, the worst of all temperatures."""
    every = truths.values()
    brute = [abs(truth.log_Z - truth.brute_force) for truth in every]
    flows = [truth.pi[:, np.newaxis] * truth.T for truth in every]
    ratios = []
    for truth in every:
        told = truth.bounds > TELLABLE
        ratios.append(np.max(truth.distances[told] / truth.bounds[told]))
    return [
        Metric(
            "log Z by enumeration: error",
            max(brute),
            "nats",
            at_most=1e-12,
            tolerance=1e-12,
            reference=0.0,
            source="sum over all 1024 states",
        ),
        Metric(
            "pi T = pi: largest error",
            max(float(np.abs(truth.pi @ truth.T - truth.pi).max()) for truth in every),
            at_most=1e-14,
            tolerance=1e-14,
            reference=0.0,
        ),
        Metric(
            "detailed balance pi(x) T(x, x') = pi(x') T(x', x): largest error",
            max(float(np.abs(flow - flow.T).max()) for flow in flows),
            at_most=1e-14,
            tolerance=1e-14,
            reference=0.0,
        ),
        Metric(
            "distance over its bound: largest",
            float(max(ratios)),
            at_most=1 + 1e-6,
            tolerance=1e-9,
        ),
        Metric(
            "slope of log distance over log lambda_2: farthest from 1",
            max((slope(truth) for truth in every), key=lambda ratio: abs(ratio - 1)),
            at_least=0.999,
            at_most=1.001,
            tolerance=1e-6,
            reference=1.0,
            source="one sweep multiplies the distance by lambda_2 in the long run",
        ),
    ]


def slope(truth: Truth) -> float:
    """Return log(TV_k / TV_(k-1)) / log lambda_2, for the last k that can be told."""
    distances = truth.distances
    k = np.flatnonzero(distances > TELLABLE)[-1]
    return float(np.log(distances[k] / distances[k - 1]) / np.log(truth.values[1]))


def sampled_metrics(sampled: dict[float, Sampled]) -> list[Metric]:
    """Hold the chains to the exact laws, the worst of all sweeps and temperatures."""
    scores = max(found.scores.max() for found in sampled.values())
    z = max(np.abs(found.z).max() for found in sampled.values())
    return [
        Metric(
            "chi-square of the sampled law after k sweeps, as a normal z: largest",
            float(scores),
            at_most=LIMIT,
            tolerance=1e-6,
            source="p_0 T^k, for k from 1 to 40 and four temperatures",
        ),
        Metric(
            "sampled distance after k sweeps: largest absolute z",
            float(z),
            at_most=LIMIT,
            tolerance=1e-6,
            reference=0.0,
            source="as many independent draws from p_0 T^k",
        ),
    ]


def mixing_table(truths: dict[float, Truth]) -> Table:
    """List how long the chains take at every temperature."""
    rows = [
        (
            f"{beta:g}",
            f"{truth.log_Z:.4f}",
            f"{truth.values[1]:.4f}",
            f"{-1 / np.log(truth.values[1]):.1f}",
            f"{np.argmax(truth.distances < CLOSE)}",
            f"{np.argmax(truth.bounds < CLOSE)}",
        )
        for beta, truth in truths.items()
    ]
    return Table(
        "How long the chains take",
        (
            "beta",
            "log Z",
            "lambda_2",
            "-1 / log lambda_2 (sweeps)",
            f"sweeps until TV < {CLOSE:g}",
            "by the bound",
        ),
        rows,
        "All exact: chains start in the most probable state.",
    )


def picture(series) -> Picture:
    """Draw the record: the distances of all seeds on the exact lines."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    machine = make_machine()
    truths = {beta: solve(machine, beta) for beta in BETAS}
    runs = series["distances"]
    draw_distances(
        truths, {beta: [run[f"{beta}"] for run in runs] for beta in BETAS}, left
    )
    draw_eigenvalues(truths, right)
    figure.suptitle(f"Block Gibbs sampling of a {M} x {N} machine ({len(runs)} seeds)")
    caption = (
        "The record. Left: total variation distance from the exact law after k sweeps. "
        "Lines are exact, dashed ones the bound by the second eigenvalue, dots "
        f"{series['chains'][0]} chains of each of {len(runs)} seeds, whose distances "
        "end at the noise of so many draws. Right: the eigenvalues of the transition "
        "matrix."
    )
    return Picture("record", figure, caption)
