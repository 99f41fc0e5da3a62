"""Tables of annealed importance sampling: the machine, and continuous laws."""

from benchmarks.annealing.laws import PARTICLES
from benchmarks.annealing.targets import LAWS, K
from benchmarks.experiment import Table
from samplers.importance import Weights


def errors_of(weights: Weights, name: str) -> tuple[float, float]:
    """Return the error of log Z of one of the LAWS, and its standard error."""
    exact = LAWS[name].target.log_partition
    assert exact is not None
    return weights.log_partition - exact, weights.standard_error


def plus_minus(pair) -> str:
    """Return a number with its standard error."""
    return f"{pair[0]:+.4f} ± {pair[1]:.4f}"


def machine_table(rows) -> Table:
    """List the errors of log Z by the number of temperatures."""
    lines = [
        (
            f"{item['K']}",
            f"{item['runs']}",
            *(plus_minus(pair) for pair in item["of runs"]),
            plus_minus(item["together"]),
            *(f"{PARTICLES * share:.1f}" for share in item["shares"]),
        )
        for item in rows
    ]
    return Table(
        "The machine",
        (
            "temperatures",
            "runs",
            "error of log Z, forward (nats)",
            "reverse",
            "both together",
            "effective particles, forward",
            "reverse",
        ),
        lines,
        f"Mean error of runs of {PARTICLES} particles, with its standard error; of "
        "both together, by Bennett's acceptance ratio, that of all particles. The "
        f"last columns are for {PARTICLES} particles. Below ten effective ones, "
        "neither an estimate nor its error means much.",
    )


def law_table(laws) -> Table:
    """List the errors of log Z of the continuous laws."""
    lines = []
    for name, pairs in laws.items():
        shares = [w.effective_sample_size / w.log_weights.size for w in pairs]
        lines.append(
            (
                name,
                f"{LAWS[name].target.log_partition:.6f}",
                *(plus_minus(errors_of(weights, name)) for weights in pairs),
                *(f"{share:.1%}" for share in shares),
            )
        )
    return Table(
        "Continuous laws",
        (
            "law",
            "log Z (nats)",
            "error, forward (nats)",
            "reverse",
            "effective particles, forward",
            "reverse",
        ),
        lines,
        f"From a Gaussian by {K} temperatures, with a step of MALA at each.",
    )
