"""Training a restricted Boltzmann machine on the digits, ours and scikit-learn's.

Both begin at small random couplings and learn by persistent contrastive divergence,
for as many epochs, with a Gibbs step of a chain for each example, as scikit-learn has
it. Ours is told the means of the data for its first biases, and a rate that falls to
zero. In one case it takes batches as small as those of scikit-learn, and so as many
updates; in the other larger ones, which waste less time and with which scikit-learn's
machines are worse. A repetition is a whole training, and ours counts only if the mean
log-likelihood of the digits is at least that of scikit-learn.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.speed.peers import rbm_fit as peers
from benchmarks.speed.peers.rbm_fit import BATCH, EPOCHS, HIDDEN, judged
from benchmarks.speed.row import Peer, Problem, Row, Run
from data import load_digits
from models.rbm import RBM
from optim.schedules import CosineDecay

DIGITS, PIXELS = 1797, 64


@dataclass(frozen=True)
class Size:
    """Examples in a batch of ours, and the rate at which it begins."""

    batch: int
    rate: float


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Return all digits, their pixels on or off, and the settings of ours."""
    digits = load_digits(dtype=np.float32).binarized()
    X = np.concatenate([digits.train_set[0], digits.test_set[0]])
    return {
        "X": X,
        "batch": np.array(size.batch),
        "rate": np.array(size.rate, np.float32),
    }


def ours(problem: Problem) -> Run:
    """Call RBM.fit."""
    X, batch, rate = problem["X"], int(problem["batch"]), float(problem["rate"])
    updates = EPOCHS * -(-DIGITS // batch)

    def run(repetitions):
        for seed in range(repetitions):
            means = X.mean(axis=0)
            rbm = RBM.create(PIXELS, HIDDEN, rng=seed, means=means, dtype=X.dtype)
            rbm.fit(
                X,
                steps=updates,
                rng=seed,
                batch_size=batch,
                chains=batch,
                learning_rate=CosineDecay(rate, updates),
            )
        return judged(rbm.W, rbm.a, rbm.b, X)

    return run


ROW = Row(
    title=f"fit an RBM {PIXELS}x{HIDDEN} to {DIGITS} digits by persistent CD, "
    f"{EPOCHS} epochs",
    dtype="float32",
    cases={
        f"ours in batches of {BATCH}": Size(BATCH, 0.3),
        "ours in batches of 50": Size(50, 0.6),
    },
    problem=problem,
    ours=ours,
    peers={"scikit-learn": Peer(peers.scikit_learn, "scikit-learn", "BernoulliRBM")},
    tolerance={},
    at_least=("mean log p",),
)
