"""Four ways to learn bars and stripes, watched by their exact likelihood.

All patterns are the batch of every step, at one learning rate, from the same small
couplings. What is left between the four is the mean over the machine: exact, from one
or ten Gibbs steps that start at the patterns, or from persistent chains. Watched are

    KL(data || model) = NLL - log K    nats,
    sum_i (x_i - E[x_i | h])^2, h = p(h | x), in the mean over the patterns,

the second one being the reconstruction error. That one needs no log Z, which is why it
is watched so often. It asks whether a pattern is found again where it was, and not what
else the machine generates: two machines that copy are alike to it.

Persistent chains fail here in a way of their own. The better the patterns are learned,
the less is between them, and at a rate that stays as it is the machine moves faster
than its chains get from one pattern to another: patterns where they happen to be are
unlearned, and others left alone, until a few have all the probability.

Source of the comparison: A. Fischer and C. Igel, Empirical analysis of the divergence
of Gibbs sampling based learning algorithms for restricted Boltzmann machines, ICANN
(2010), where likelihoods fall in the same way.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.experiment import Metric, Table
from benchmarks.rbm_toy.restarts import PROBLEMS, SQUARES, optimum
from models.rbm import RBM
from models.rbm_gradient import exact_value_and_gradient

METHODS = {
    "exact gradient": ("exact", 1),
    "CD-1": ("cd", 1),
    "CD-10": ("cd", 10),
    "PCD": ("pcd", 1),
}
HIDDEN = {2: 4, 3: 8, 4: 10}
RATE, CHAINS = 0.5, 100
STEPS = {"quick": 2000, "full": 10_000}
LOOKS = 40  # at the learning machine


@dataclass(frozen=True, eq=False)
class Learned:
    """One training.

    steps : (looks,), after which it was looked at
    kl : (looks,), KL(data || model) in nats
    errors : (looks,), the reconstruction errors, in squared pixels a pattern
    best, last : the machines of the lowest KL and of the end
    """

    steps: NDArray[np.int64]
    kl: NDArray[np.float64]
    errors: NDArray[np.float64]
    best: RBM
    last: RBM

    @property
    def rise(self) -> float:
        """How much KL has risen at the end above its lowest."""
        return float(self.kl[-1] - self.kl.min())

    @property
    def fall(self) -> float:
        """What is left at the end of the reconstruction error at the lowest KL."""
        return float(self.errors[-1] / self.errors[np.argmin(self.kl)])


def learn(name: str, method: str, steps: int, rng) -> Learned:
    """Train a machine on bars and stripes of some name in PROBLEMS."""
    law, (kind, k) = PROBLEMS[name].law, METHODS[method]
    x = law.patterns.astype(np.float64)
    rbm = RBM.create(x.shape[1], HIDDEN[SQUARES[name]], rng=rng)
    due = np.unique(np.geomspace(10, steps, LOOKS).astype(int))
    kl, errors, best = [], [], rbm

    def look(info):
        nonlocal best
        if info.step in due:
            moving = info.state[0]
            kl.append(exact_value_and_gradient(moving, x)[0] - optimum(law))
            wrong = np.sum((x - moving.reconstruct(x)) ** 2, axis=1)
            errors.append(float(np.mean(wrong)))
            if kl[-1] == min(kl):
                best = RBM(moving.W.copy(), moving.a.copy(), moving.b.copy())

    rbm.fit(
        x,
        steps=steps,
        rng=rng,
        method=kind,
        k=k,
        batch_size=len(x),
        chains=CHAINS,
        learning_rate=RATE,
        callbacks=[look],
    )
    if vars(rbm)["history_"].interrupted:
        raise KeyboardInterrupt
    return Learned(due, np.array(kl), np.array(errors), best, rbm)


def learn_all(size: str, rng) -> dict[str, dict[str, Learned]]:
    """Train all machines, by name and method; each name starts from one machine."""
    found = {}
    for name in SQUARES:
        seed = int(rng.integers(2**32))
        found[name] = {
            method: learn(name, method, STEPS[size], np.random.default_rng(seed))
            for method in METHODS
        }
    return found


LARGEST = "bars and stripes 4 x 4"
# KL of the exact gradient at the end, by the side of the square.
LIMITS = {"quick": {2: 0.2, 3: 0.4, 4: 1.0}, "full": {2: 0.05, 3: 0.1, 4: 0.3}}


def learned_metrics(found, size: str) -> list[Metric]:
    """Report KL at the end, and how reconstruction disagrees with it."""
    metrics = [
        Metric(
            f"{name}, {method}: KL(data || model) at the end",
            float(run.kl[-1]),
            "nats",
            at_most=LIMITS[size][SQUARES[name]] if method == "exact gradient" else None,
            reference=0.0,
            source="NLL = log K",
        )
        for name, runs in found.items()
        for method, run in runs.items()
    ]
    run, exact = found[LARGEST]["CD-1"], found[LARGEST]["exact gradient"]
    return [
        *metrics,
        Metric(
            f"{LARGEST}, CD-1: rise of KL above its lowest, at the end",
            run.rise,
            "nats",
            at_least=0.05,
        ),
        Metric(
            f"{LARGEST}, CD-1: reconstruction error at the end over that at lowest KL",
            run.fall,
            at_most=0.7,
        ),
        Metric(
            f"{LARGEST}: KL of CD-1 over that of the exact gradient, at the end",
            float(run.kl[-1] / exact.kl[-1]),
            at_least=2.0,
        ),
    ]


def learned_table(found) -> Table:
    """List how all trainings ended."""
    return Table(
        "Bars and stripes, four ways to learn",
        (
            "patterns",
            "hidden",
            "method",
            "NLL",
            "log K",
            "KL",
            "lowest KL on the way",
            "at step",
            "reconstruction error",
        ),
        [
            (
                name,
                f"{HIDDEN[SQUARES[name]]}",
                method,
                f"{run.kl[-1] + optimum(PROBLEMS[name].law):.3f}",
                f"{optimum(PROBLEMS[name].law):.3f}",
                f"{run.kl[-1]:.3f}",
                f"{run.kl.min():.3f}",
                f"{run.steps[np.argmin(run.kl)]}",
                f"{run.errors[-1]:.2g}",
            )
            for name, runs in found.items()
            for method, run in runs.items()
        ],
        f"Nats, and squared pixels a pattern, after {run_steps(found)} steps of all "
        f"patterns at a rate of {RATE:g}; {CHAINS} persistent chains.",
    )


def run_steps(found) -> int:
    """Return the steps of a training."""
    return int(found[LARGEST]["CD-1"].steps[-1])
