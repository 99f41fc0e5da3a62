"""A table of Langevin chains: how fast they cross a barrier."""

from benchmarks.experiment import Table
from benchmarks.langevin.laws import Unadjusted, boltzmann, kramers

COLD = (1.0, 0.5, 0.3, 0.2, 0.1)


def rate_table(eta: float) -> Table:
    """List how fast the wells exchange chains in steps of eta, by temperature."""
    rows = []
    for T in COLD:
        rates = [Unadjusted(step, T).rate() for step in (eta, 0.001)]
        rows.append(
            (
                f"{T:g}",
                f"{boltzmann(T).log_partition:.4f}",
                *(f"{rate:.3g}" for rate in (*rates, kramers(T))),
                f"{rates[1] / kramers(T):.3f}",
                f"{1 / rates[0] / eta:,.0f}",
            )
        )
    return Table(
        "How fast the difference of the wells decays",
        (
            "T",
            "log Z (nats)",
            f"rate (1/time), eta = {eta:g}",
            "rate, eta = 0.001",
            "Kramers",
            "rate over Kramers",
            f"steps to forget the well, eta = {eta:g}",
        ),
        rows,
        "All exact: the second eigenvalue of the matrix of an unadjusted step. Time is "
        "the number of steps times eta. Kramers' rate is that of T -> 0, both ways.",
    )
