"""What is reported of a family at one temperature, beside laws that give the scale."""

from dataclasses import dataclass

import numpy as np

from benchmarks.experiment import Table
from benchmarks.ising4.law import (
    EXAMPLES,
    SITES,
    STATES,
    Generated,
    Held,
    Truth,
    bias_from_halves,
    bias_of_kl,
    count,
    hold,
    truth,
)
from models import kl_divergence
from samplers.onsager import CRITICAL_TEMPERATURE

WARMER = 0.02  # relative, of the temperature of a law to compare with


@dataclass(frozen=True, eq=False)
class Row:
    """A family at one temperature.

    forward, backward : KL(q || p) and KL(p || q) of its law q, None where q is unknown
    bias : of the estimate of KL from draws, known if q is; else from halves of them
    """

    family: str
    truth: Truth
    held: Held
    bias: float
    forward: float | None
    backward: float | None
    generated: Generated

    @property
    def kl(self) -> float:
        """KL(q || p) in nats from the draws, less the bias; zero in the mean at p."""
        return self.held.kl - self.bias


def make_row(family: str, truth: Truth, generated: Generated) -> Row:
    """Hold what a family generated to the truth."""
    counts, q = count(generated.numbers), generated.law
    held = hold(counts, truth)
    return Row(
        family,
        truth,
        held,
        bias_from_halves(counts, truth.p) if q is None else bias_of_kl(q, held.draws),
        None if q is None else float(kl_divergence(q, truth.p)),
        None if q is None else float(kl_divergence(truth.p, q)),
        generated,
    )


def scales(law: Truth, rng) -> dict[str, float]:
    """Return KL(q || p) in nats of laws q that learn nothing, or that are nearly right.

    coins : independent spins with the means of the data, which are zero
    memory : as many draws as there are examples, repeated
    warmer : the Ising model at a temperature 2 % higher
    """
    memory = np.bincount(law.draw(EXAMPLES, rng), minlength=STATES) / EXAMPLES
    warmer = truth((1 + WARMER) * law.T)
    return {
        "coins": float(kl_divergence(np.full(STATES, 1 / STATES), law.p)),
        "memory": float(kl_divergence(memory, law.p)),
        "warmer": float(kl_divergence(warmer.p, law.p)),
    }


def label(T: float) -> str:
    """Return a temperature as text."""
    return "T_c" if T == CRITICAL_TEMPERATURE else f"T = {T:g}"


def kl_table(rows: list[Row]) -> Table:
    """List the distances of all families."""
    return Table(
        "KL to the exact law, in units of 1e-3 nats",
        (
            "family",
            "temperature",
            "draws",
            "KL(q || p) by draws",
            "bias taken from it",
            "KL(q || p)",
            "KL(p || q)",
            "as error of T",
        ),
        [
            (
                row.family,
                label(row.truth.T),
                f"{row.held.draws:,}",
                f"{1e3 * row.kl:.2f} ± {1e3 * row.held.kl_error:.2f}",
                f"{1e3 * row.bias:.2f}",
                "unknown" if row.forward is None else f"{1e3 * row.forward:.2f}",
                "unknown" if row.backward is None else f"{1e3 * row.backward:.2f}",
                f"{distance_as_temperature(row):.1%}",
            )
            for row in rows
        ],
        "q is the law of a family, p the exact one. By draws: with the correction of "
        "Miller and Madow, and less the bias that it leaves, which is found from "
        "halves of the draws where q is unknown. KL(p || q) is infinite for the counts "
        "of any draws. The error of T is that of an Ising model as far away.",
    )


def distance_as_temperature(row: Row) -> float:
    """Return KL(q || p), by draws less the bias if need be, as an error of T."""
    kl = row.kl if row.forward is None else row.forward
    return row.truth.as_temperature(max(kl, 0.0))


def averages_table(rows: list[Row]) -> Table:
    """List the averages of all families beside the exact ones."""

    def cells(row):
        exact = row.truth.averages(row.truth.p)
        items = zip(row.held.averages, row.held.errors, exact, strict=True)
        return [f"{x:.4f} ± {e:.4f} ({t:.4f})" for x, e, t in items]

    return Table(
        "Averages of the draws, and the exact ones",
        ("family", "temperature", "energy", "heat capacity", "|M| / N", "M^2 / N^2"),
        [(row.family, label(row.truth.T), *cells(row)) for row in rows],
        f"Per site of {SITES}; in brackets by enumeration.",
    )


def scales_table(by_temperature: dict[float, dict[str, float]]) -> Table:
    """List the laws that give the scale."""
    return Table(
        "KL(q || p) of other laws q, in nats",
        ("temperature", "coins", "memory", f"T {WARMER:+.0%}"),
        [
            (label(T), *(f"{kl:.5f}" for kl in found.values()))
            for T, found in by_temperature.items()
        ],
        "Coins: independent spins. Memory: the examples, repeated.",
    )
