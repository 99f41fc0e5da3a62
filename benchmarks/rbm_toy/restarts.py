"""How well small machines can do: exact maximum likelihood from many starts.

The laws are uniform over K patterns, so that no machine has a mean of -log p below
log K, and one that comes to it has learned the law. With few hidden units it cannot. A
machine of one hidden unit is a mixture of two laws of independent bits. Of the four
patterns of XOR it tells one and takes the other three for bits that are on with
probability t, which gives the first 1/4, and each of the others

    (3/4) t^2 (1 - t) / (1 - (1 - t)^3),   at best 0.11602:   NLL = 1.96203 nats.

With two units it tells two patterns, and the other two share 1/2 with two odd words:
NLL = (2 log 4 + 2 log 8) / 4 = (5/2) log 2. With three it tells all four. From some
starts it ends on such a plateau of fewer units, or of none, log 8.

Starts have no fields in spins of -1 and +1: normal couplings W, and the biases
-W 1 / 2 and -1 W / 2. Where a pattern is excluded, weights go to infinity and the last
digits come slowly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.experiment import Metric, Table
from data.patterns import Patterns, bars_and_stripes, even_parity
from models.rbm import RBM
from models.rbm_gradient import exact_value_and_gradient
from optim import LBFGS

SPREAD = 2.0  # of the couplings at the start
STEPS = 1000  # of L-BFGS, at most
CLOSE = 1e-3  # nats, within which a restart is as good as the best


@dataclass(frozen=True)
class Problem:
    """A law of patterns.

    law : its patterns
    known : the best NLL by the number of hidden units, in nats; those with five digits
        are what SciPy's L-BFGS-B found, from up to 300 starts
    sure : the numbers of hidden units for which few restarts find the best
    restarts : by size
    """

    law: Patterns
    known: Mapping[int, float]
    sure: Sequence[int]
    restarts: Mapping[str, int]


def optimum(law: Patterns) -> float:
    """Return log K."""
    return float(np.log(len(law.patterns)))


XOR = "XOR"
SQUARES = {f"bars and stripes {n} x {n}": n for n in (2, 3, 4)}
ONE, TWO = 1.96203, 2.5 * np.log(2)
LN = {n: float(np.log(2 ** (n + 1) - 2)) for n in SQUARES.values()}
PROBLEMS = {
    XOR: Problem(
        even_parity(3),
        {1: ONE, 2: TWO, 3: np.log(4), 4: np.log(4)},
        (1, 2, 3, 4),
        {"quick": 24, "full": 500},
    ),
    "bars and stripes 2 x 2": Problem(
        bars_and_stripes(2),
        {1: 2.60269, 2: 2.25386, 3: LN[2], 4: LN[2]},
        (1, 2, 3, 4),
        {"quick": 15, "full": 200},
    ),
    "bars and stripes 3 x 3": Problem(
        bars_and_stripes(3),
        {3: 4.22339, 4: 3.21769, 5: LN[3], 6: LN[3]},
        (5, 6),
        {"quick": 10, "full": 200},
    ),
    "bars and stripes 4 x 4": Problem(
        bars_and_stripes(4),
        {6: 3.86330, 7: LN[4], 8: LN[4]},
        (8,),
        {"quick": 3, "full": 40},
    ),
}


@dataclass(frozen=True, eq=False)
class Restarts:
    """What the restarts of one machine gave.

    values : (restarts,), NLL in nats
    best : the machine of the lowest
    """

    values: NDArray[np.float64]
    best: RBM

    @property
    def share(self) -> float:
        """The share of the restarts that are as good as the best."""
        return float(np.mean(self.values < self.values.min() + CLOSE))


def restart(law: Patterns, hidden: int, restarts: int, rng) -> Restarts:
    """Maximize the likelihood of a law from so many starts."""
    x = law.patterns.astype(np.float64)
    found = [climb(x, hidden, rng) for _ in range(restarts)]
    values = np.array([value for value, _ in found])
    return Restarts(values, found[int(np.argmin(values))][1])


def climb(x, hidden: int, rng) -> tuple[float, RBM]:
    """Return the least NLL of x : (K, M) near a random start, and the machine there."""
    W = SPREAD * rng.standard_normal((x.shape[1], hidden))
    rbm = RBM(W, -W.sum(axis=1) / 2, -W.sum(axis=0) / 2)
    optimizer = LBFGS(gradient_tolerance=1e-6, decrease_tolerance=1e-10)

    def objective(rbm):
        return exact_value_and_gradient(rbm, x)

    while optimizer.stopped is None and optimizer.steps < STEPS:
        optimizer.step(objective, rbm)
    return optimizer.value, rbm


def restart_all(size: str, rng) -> dict[str, dict[int, Restarts]]:
    """Return the restarts of all problems, by name and number of hidden units."""
    return {
        name: {
            hidden: restart(problem.law, hidden, problem.restarts[size], rng)
            for hidden in problem.known
        }
        for name, problem in PROBLEMS.items()
    }


def restart_metrics(found) -> list[Metric]:
    """Hold the best restarts to what is known."""
    metrics = []
    for name, problem in PROBLEMS.items():
        for hidden in problem.sure:
            known = float(problem.known[hidden])
            solved = known == optimum(problem.law)
            metrics.append(
                Metric(
                    f"{name}, {hidden} hidden: best NLL",
                    float(found[name][hidden].values.min()),
                    "nats",
                    at_least=known - 1e-5,
                    at_most=known + 1e-4,
                    tolerance=1e-4,
                    reference=known,
                    source="log K" if solved else "SciPy's L-BFGS-B",
                )
            )
    shares = [
        Metric(
            f"{XOR}, {hidden} hidden: share of restarts that reach log 4",
            found[XOR][hidden].share,
            at_least=least,
            tolerance=0.2,
        )
        for hidden, least in ((3, 0.4), (4, 0.75))
    ]
    return metrics + shares


def restart_table(found) -> Table:
    """List the best restarts of every machine."""
    return Table(
        "Exact maximum likelihood",
        ("patterns", "hidden", "best NLL", "known", "log K", "restarts", "as good"),
        [
            (
                name,
                f"{hidden}",
                f"{runs.values.min():.5f}",
                f"{PROBLEMS[name].known[hidden]:.5f}",
                f"{optimum(PROBLEMS[name].law):.5f}",
                f"{len(runs.values)}",
                f"{runs.share:.0%}",
            )
            for name, machines in found.items()
            for hidden, runs in machines.items()
        ],
        f"L-BFGS on the exact likelihood, nats. As good: within {CLOSE:g} of the best.",
    )
